/*
 * netpulse-platform(5) against the truth: its table is that of the installed files, and its examples are definitions
 * that can be used.  Its keys: test_manual.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/platdir.h"
#include "platform/platform.h"
#include "schema/docfile.h"
#include "base/xalloc.h"

#define FILE_MAX (1u << 20)

static char *
read_file(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char *path = xasprintf("%s/%s", srcdir != NULL ? srcdir : ".", name), *text = xcalloc(1, FILE_MAX);
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("cannot read %s", path);
	assert_true(fread(text, 1, FILE_MAX - 1, f) > 0);
	fclose(f);
	free(path);
	return text;
}

static char *
manual(void)
{
	return read_file("man/netpulse-platform.5");
}

/* --- the table --- */

static void
test_the_table_is_that_of_the_files(void **state)
{
	struct platforms *set = platdir_load();
	char *page = manual();
	size_t rows = 0;
	(void)state;

	for (size_t i = 0; i < set->count; i++) {
		const struct platform *p = set->items[i];
		char *row = xasprintf("\n.It Li %s Ta %s Ta %s\n", p->name, p->title, platform_origin_name(p->origin));

		if (strstr(page, row) == NULL)
			fail_msg("the table of man/netpulse-platform.5 lacks%s", row);
		free(row);
	}
	for (const char *at = page; (at = strstr(at, "\n.It Li ")) != NULL; at++)
		rows++;
	assert_int_equal(rows, set->count);
	free(page);
	platforms_destroy(set);
}

/* --- the examples --- */

/* A literal display as it is printed. */
static char *
printed(const char *text, size_t size)
{
	static const struct {
		const char *escape, *character;
	} escapes[] = {{"\\e", "\\"}, {"\\(aq", "'"}, {"\\(dq", "\""}, {"\\&", ""}};
	char *out = xmalloc(size + 1);
	size_t n = 0;

	for (size_t i = 0; i < size;) {
		size_t k = 0;

		while (k < NP_COUNT(escapes) && strncmp(text + i, escapes[k].escape, strlen(escapes[k].escape)) != 0)
			k++;
		if (k == NP_COUNT(escapes)) {
			assert_int_not_equal(text[i], '\\');
			out[n++] = text[i++];
			continue;
		}
		if (escapes[k].character[0] != '\0')
			out[n++] = escapes[k].character[0];
		i += strlen(escapes[k].escape);
	}
	out[n] = '\0';
	return out;
}

/* The display that begins after the line `begin` and holds `word`. */
static char *
example(const char *page, const char *begin, const char *word)
{
	for (const char *at = page; (at = strstr(at, begin)) != NULL; at++) {
		const char *start = at + strlen(begin), *end = strstr(start, "\n.Ed\n"), *found = strstr(start, word);

		assert_non_null(end);
		if (found != NULL && found < end)
			return printed(start, (size_t)(end + 1 - start));
	}
	fail_msg("no example with `%s'", word);
	return NULL;
}

/* `extends` of the second example. */
static int
installed(void *arg, const char *name, struct docfile *file, struct np_error *err)
{
	(void)arg;
	(void)err;
	file->path = xasprintf("src/platform/vendors/%s.yaml", name);
	file->text = read_file(file->path);
	file->size = strlen(file->text);
	return 0;
}

static void
test_the_whole_example_passes_every_check(void **state)
{
	char *page = manual(), *text = example(page, "\n.Bd -literal\n", "name: acme_sw");
	struct np_error err;
	struct platform *p = platform_parse(text, strlen(text), "acme_sw.yaml", NULL, NULL, &err);
	(void)state;

	if (p == NULL)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < p->warnings.n; i++)
		print_message("%s\n", p->warnings.v[i]);
	assert_int_equal(p->warnings.n, 0);
	assert_true(p->config.given && !p->config.candidate);
	assert_int_equal(p->config.blocks_count, 1);
	assert_true(pattern_matches(p->config.blocks[0].match, "banner motd ^Hello", 18));
	assert_false(pattern_matches(p->config.blocks[0].match, "banner motd ^Hello^", 19));
	assert_true(pattern_list_matches(&p->errors, "Invalid input at 5", 18));
	assert_true(pattern_list_matches(&p->async, "2026-11-24 10:00:00 LINK/5: up", 30));
	platform_unref(p);
	free(text);
	free(page);
}

static void
test_the_extending_example_passes_too(void **state)
{
	char *page = manual(), *text = example(page, "\n.Bd -literal -offset indent\n", "extends: cisco_ios");
	struct np_error err;
	struct platform *p = platform_parse(text, strlen(text), "acme_router.yaml", installed, NULL, &err);
	(void)state;

	if (p == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(p->warnings.n, 0);
	assert_int_equal(p->modes_count, 6);
	assert_int_equal(p->pager.count, 2);
	platform_unref(p);
	free(text);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_table_is_that_of_the_files),
	    cmocka_unit_test(test_the_whole_example_passes_every_check),
	    cmocka_unit_test(test_the_extending_example_passes_too),
	};

	return cmocka_run_group_tests_name("platform_manual", tests, NULL, NULL);
}
