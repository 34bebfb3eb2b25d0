/*
 * The list of hard cases: what is known to break programs that drive command lines.  Each case is a file
 * tests/hard/NN.txt of scripts for the scripted device (clidev.h), for real devices' bytes as they are documented; what
 * no script can say is tested elsewhere, and the table below says where.
 *
 * A script begins with `@ TITLE`; lines before the first are about the case.  `@@ TITLE` is the same, run once more
 * with a pause behind each byte, which must change nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <unistd.h>
#include <cmocka.h>

#include "kit/clidev.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"

#define CASES 64
#define SCRIPTS_MAX 400
#define FILE_MAX (1u << 20)

/* Where a case is tested besides tests/hard/NN.txt; NULL: with the broker, in tests/e2e/e2e_cli_*.sh. */
static const struct {
	int number;
	const char *file;
	const char *what;
} elsewhere[] = {
    {4, "tests/unit/test_cli_flow.c", "a pause at every byte"},
    {41, "tests/unit/test_cli_flow.c", "nothing lost, memory bounded"},
    {41, "tests/tool/bench_cli.c", "time and memory at 25 and 50 MB"},
    {55, "tests/unit/test_cli_flow.c", "200 commands and keep-alives in a row"},
    {58, NULL, "exec channels that work, are refused once or always, close the connection: end to end"},
    {59, NULL, "a refused exec falls back to a shell: end to end"},
    {63, "tests/unit/test_cli_flow.c", "a reader that does not read"},
    {64, "tests/unit/test_platform.c", "refused with file, line and reason"},
};

struct set {
	struct CMUnitTest tests[SCRIPTS_MAX + 1];
	struct clidev_script scripts[SCRIPTS_MAX];
	size_t count;
	bool seen[CASES + 1];
};

static const char *
source_dir(void)
{
	const char *srcdir = getenv("srcdir");

	return srcdir != NULL ? srcdir : ".";
}

static char *
read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n;

	if (f == NULL)
		return NULL;
	text = xmalloc(FILE_MAX);
	n = fread(text, 1, FILE_MAX - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static void
run_script(void **state)
{
	const struct clidev_script *script = *state;

	clidev_run(script->name, script->text);
}

/* One script: its title's line and all up to the next. */
static void
add_script(struct set *set, int number, const char *title, size_t title_size, const char *text, size_t size)
{
	bool pauses = title[1] == '@';
	struct clidev_script *script = &set->scripts[set->count];

	title += pauses ? 3 : 2;
	title_size -= pauses ? 3 : 2;
	if (set->count == SCRIPTS_MAX)
		abort();
	script->name = xasprintf("case %d: %.*s", number, (int)title_size, title);
	script->text = xasprintf("%s%.*s", pauses ? "pauses\n" : "", (int)size, text);
	set->tests[set->count] = (struct CMUnitTest){script->name, run_script, NULL, NULL, script};
	set->count++;
	set->seen[number] = true;
}

static void
read_case(struct set *set, int number)
{
	char *path = xasprintf("%s/tests/hard/%02d.txt", source_dir(), number), *text = read_file(path);
	const char *line = text, *title = NULL, *begin = NULL, *title_end = NULL;

	while (line != NULL && *line != '\0') {
		const char *end = strchr(line, '\n');

		if (line[0] == '@') {
			if (title != NULL)
				add_script(
				    set, number, title, (size_t)(title_end - title), begin, (size_t)(line - begin));
			title = line;
			title_end = end != NULL ? end : line + strlen(line);
			begin = end != NULL ? end + 1 : title_end;
		}
		line = end != NULL ? end + 1 : NULL;
	}
	if (title != NULL)
		add_script(set, number, title, (size_t)(title_end - title), begin, strlen(begin));
	free(text);
	free(path);
}

static void
test_every_hard_case_is_tested(void **state)
{
	struct set *set = *state;

	for (size_t i = 0; i < NP_COUNT(elsewhere); i++) {
		char *path = elsewhere[i].file != NULL ? xasprintf("%s/%s", source_dir(), elsewhere[i].file) : NULL;

		if (path != NULL && access(path, R_OK) < 0)
			fail_msg("case %d: no file %s (%s)", elsewhere[i].number, path, elsewhere[i].what);
		set->seen[elsewhere[i].number] = true;
		free(path);
	}
	for (int i = 1; i <= CASES; i++) {
		if (!set->seen[i])
			fail_msg("hard case %d has no test", i);
	}
}

int
main(void)
{
	static struct set set;
	int r;

	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 1; i <= CASES; i++)
		read_case(&set, i);
	set.tests[set.count] =
	    (struct CMUnitTest){"every hard case is tested", test_every_hard_case_is_tested, NULL, NULL, &set};
	r = _cmocka_run_group_tests("hardcases", set.tests, set.count + 1, NULL, NULL);
	for (size_t i = 0; i < set.count; i++) {
		free((char *)(uintptr_t)set.scripts[i].name);
		free((char *)(uintptr_t)set.scripts[i].text);
	}
	clidev_finish();
	return r;
}
