/*
 * Replays every transcript of tests/transcripts/PLATFORM/, and sees to it that each installed platform has one for each
 * of its modes.  What a file may hold: clidev.h.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <dirent.h>
#include <cmocka.h>

#include "kit/clidev.h"
#include "base/log.h"
#include "kit/platdir.h"
#include "platform/platform.h"
#include "base/xalloc.h"

#define FILES_MAX 500

static const char *
source_dir(void)
{
	const char *srcdir = getenv("srcdir");

	return srcdir != NULL ? srcdir : ".";
}

static void
replay(void **state)
{
	clidev_run_file(*state);
}

static char *
read_file(const char *path)
{
	char *text = xmalloc(1 << 20);
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* Whether some transcript of the platform ends a command, a reset or a login in that mode. */
static bool
is_shown(char **files, size_t count, const char *platform, const char *mode)
{
	char *dir = xasprintf("/%s/", platform), *line = xasprintf(" mode %s\n", mode);
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		char *text;

		if (strstr(files[i], dir) == NULL)
			continue;
		text = read_file(files[i]);
		found = strstr(text, line) != NULL;
		free(text);
	}
	free(dir);
	free(line);
	return found;
}

static bool
is_any_recorded(char **files, size_t count, const char *platform)
{
	char *dir = xasprintf("/%s/", platform);
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		char *text;

		if (strstr(files[i], dir) == NULL)
			continue;
		text = read_file(files[i]);
		found = strncmp(text, "# origin: recorded ", 19) == 0;
		free(text);
	}
	free(dir);
	return found;
}

struct files {
	char *paths[FILES_MAX];
	size_t count;
};

static void
test_every_mode_of_every_platform_has_a_transcript(void **state)
{
	struct files *files = *state;
	struct platforms *set = platdir_load();

	for (size_t i = 0; i < set->count; i++) {
		const struct platform *p = set->items[i];

		for (size_t k = 0; k < p->modes_count; k++) {
			if (!is_shown(files->paths, files->count, p->name, p->modes[k]->name))
				fail_msg("no transcript of platform %s shows mode %s", p->name, p->modes[k]->name);
		}
	}
	platforms_destroy(set);
}

static void
test_a_platform_claims_to_be_recorded_only_with_a_recorded_transcript(void **state)
{
	struct files *files = *state;
	struct platforms *set = platdir_load();

	for (size_t i = 0; i < set->count; i++) {
		const struct platform *p = set->items[i];

		if ((p->origin == PLATFORM_RECORDED) != is_any_recorded(files->paths, files->count, p->name))
			fail_msg("platform %s says `origin: %s`", p->name, platform_origin_name(p->origin));
	}
	platforms_destroy(set);
}

static int
is_shown_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
is_transcript(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && strcmp(entry->d_name + n - 4, ".txt") == 0;
}

/* The transcripts of one platform. */
static void
collect_dir(struct files *files, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_transcript, alphasort);

	for (int i = 0; i < n; i++) {
		if (files->count < FILES_MAX)
			files->paths[files->count++] = xasprintf("%s/%s", dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void
collect(struct files *files)
{
	char *top = xasprintf("%s/tests/transcripts", source_dir());
	struct dirent **entries;
	int n = scandir(top, &entries, is_shown_name, alphasort);

	for (int i = 0; i < n; i++) {
		char *dir = xasprintf("%s/%s", top, entries[i]->d_name);

		collect_dir(files, dir);
		free(dir);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	free(top);
}

int
main(void)
{
	struct files files = {.count = 0};
	struct CMUnitTest *tests;
	size_t skip = strlen(source_dir());
	int r;

	log_set_level(LOG_LEVEL_ERROR);
	collect(&files);
	tests = xcalloc(files.count + 2, sizeof(*tests));
	for (size_t i = 0; i < files.count; i++)
		tests[i] = (struct CMUnitTest){
		    files.paths[i] + skip + strlen("/tests/transcripts/"), replay, NULL, NULL, files.paths[i]};
	tests[files.count] = (struct CMUnitTest){"every mode of every platform has a transcript",
	    test_every_mode_of_every_platform_has_a_transcript, NULL, NULL, &files};
	tests[files.count + 1] = (struct CMUnitTest){"a platform claims to be recorded only with a recorded transcript",
	    test_a_platform_claims_to_be_recorded_only_with_a_recorded_transcript, NULL, NULL, &files};
	r = _cmocka_run_group_tests("transcripts", tests, files.count + 2, NULL, NULL);
	for (size_t i = 0; i < files.count; i++)
		free(files.paths[i]);
	free(tests);
	clidev_finish();
	return r;
}
