/* Tests of src/platform/pattern.c: anchors, groups, limits, and the shortcut by first bytes, which must change no
 * answer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "platform/pattern.h"
#include "base/xalloc.h"

static struct pattern *
make(const char *text, enum pattern_anchor anchor)
{
	struct np_error err = {0};
	struct pattern *p = pattern_create(text, anchor, &err);

	if (p == NULL)
		fail_msg("`%s': %s", text, err.text);
	return p;
}

static void
test_anchors_are_put_around_the_whole_expression(void **state)
{
	static const struct {
		const char *pattern;
		enum pattern_anchor anchor;
		const char *text;
		bool matches;
	} cases[] = {{"a|b", PATTERN_START, "ab", true}, {"a|b", PATTERN_START, "xb", false},
	    {"a|b", PATTERN_WHOLE, "b", true}, {"a|b", PATTERN_WHOLE, "b ", true}, {"a|b", PATTERN_WHOLE, "b  ", false},
	    {"a|b", PATTERN_WHOLE, "ab", false}, {"a|b", PATTERN_END, "xb  ", true}, {"a|b", PATTERN_END, "bx", false},
	    {"a|b", PATTERN_ANYWHERE, "xbx", true}, {"", PATTERN_WHOLE, "", true}, {"", PATTERN_WHOLE, "x", false}};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct pattern *p = make(cases[i].pattern, cases[i].anchor);

		if (pattern_matches(p, cases[i].text, strlen(cases[i].text)) != cases[i].matches)
			fail_msg("`%s' on `%s'", cases[i].pattern, cases[i].text);
		pattern_destroy(p);
	}
}

static const char *const odd_patterns[] = {"abc", "(?i)error", "% ?(Invalid|Bad)", " {0,3}foo", "(?=x)xy",
    "(?!a)[a-c]d", "\\Afoo|bar", "^foo", "(?<!x)foo", "(?<=x)foo", "[^a]b", "\\xe9", "(foo)?bar", "\\d+", "", "a|", ".",
    "\\w", "\\N", "(?s).", "\\R", "x*y", "(?<end>a)\\g{end}", "(?i)k", "[[:punct:]]", "\\x7f", "\\0", "(?#c)a",
    "(?:a|b)|c", "(?|a|b)", "a{0}b", "(?>a+)b", "\\Ka", "\\bfoo", "\\Bfoo", "(?i)\\xe9", "[\\x80-\\xff]x",
    "(?(?=a)ab|cd)", "\\$", "\\G a"};

static const char *const odd_texts[] = {"", "a", "b", "abc", "ABC", "error", "ERROR x", "% Invalid", "%Bad", "foo",
    "  foo", "    foo", "xy", "cd", "ad", "bar", "foobar", "xfoo", "ab", "bb", "\xe9", "\xc9", "\xffx", "7", "\n",
    "\r\n", "x", "y", "xxy", "aa", "k", "K", ".", "\x7f", " a", "aab", "$"};

/* The same expression, written so that there is no shortcut. */
static struct pattern *
without_shortcut(const char *text, enum pattern_anchor anchor)
{
	char *wrapped = xasprintf(anchor == PATTERN_START ? "\\A(?:%s)" : "\\A(?:%s) ?\\z", text);
	struct pattern *p = make(wrapped, PATTERN_ANYWHERE);

	free(wrapped);
	return p;
}

static void
test_the_shortcut_by_first_bytes_changes_no_answer(void **state)
{
	static const enum pattern_anchor anchors[] = {PATTERN_START, PATTERN_WHOLE};
	char text[8];
	(void)state;

	for (size_t i = 0; i < NP_COUNT(odd_patterns); i++) {
		for (size_t a = 0; a < NP_COUNT(anchors); a++) {
			struct pattern *p = make(odd_patterns[i], anchors[a]);
			struct pattern *plain = without_shortcut(odd_patterns[i], anchors[a]);

			for (size_t k = 0; k < NP_COUNT(odd_texts); k++) {
				size_t n = strlen(odd_texts[k]);

				if (pattern_matches(p, odd_texts[k], n) != pattern_matches(plain, odd_texts[k], n))
					fail_msg("`%s' on `%s'", odd_patterns[i], odd_texts[k]);
			}
			for (int c = 0; c < 256; c++) {
				snprintf(text, sizeof(text), "%cb", c);
				if (pattern_matches(p, text, 2) != pattern_matches(plain, text, 2) ||
				    pattern_matches(p, text, 1) != pattern_matches(plain, text, 1))
					fail_msg("`%s' on byte %d", odd_patterns[i], c);
			}
			pattern_destroy(p);
			pattern_destroy(plain);
		}
	}
}

static void
test_the_named_group_is_reported(void **state)
{
	struct pattern_span whole, group;
	struct pattern *p = make("(?<host>\\w+)(\\(x\\))?#", PATTERN_WHOLE);
	(void)state;

	assert_true(pattern_has_group(p));
	assert_int_equal(pattern_find(p, "R1(x)#", 6, &whole, &group), PATTERN_YES);
	assert_int_equal(whole.size, 6);
	assert_int_equal(group.start, 0);
	assert_int_equal(group.size, 2);
	pattern_destroy(p);
}

static void
test_an_expression_that_would_take_for_ever_is_ended(void **state)
{
	char text[200];
	struct pattern *p = make("(a+)+b", PATTERN_WHOLE);
	(void)state;

	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 2, "bx", 2);
	assert_int_equal(pattern_find(p, text, sizeof(text), NULL, NULL), PATTERN_COSTLY);
	assert_false(pattern_matches(p, text, sizeof(text)));
	pattern_destroy(p);
}

static void
test_an_expression_cannot_break_out_of_its_anchors(void **state)
{
	struct np_error err = {0};
	(void)state;

	assert_null(pattern_create("a)|(b", PATTERN_WHOLE, &err));
	assert_non_null(strstr(err.text, "a)|(b"));
	assert_null(pattern_create("(", PATTERN_START, &err));
}

static void
test_a_list_answers_as_its_items_do(void **state)
{
	struct pattern_list list = {.anchor = PATTERN_START};
	struct np_error err;
	(void)state;

	assert_false(pattern_list_matches(&list, "x", 1));
	for (int joined = 0; joined < 2; joined++) {
		struct pattern *pattern = pattern_create(joined == 0 ? "% ?Bad" : "ERROR:", list.anchor, &err);

		assert_non_null(pattern);
		pattern_list_add(&list, pattern);
		pattern_list_seal(&list);
		assert_true(pattern_list_matches(&list, "%Bad", 4));
		assert_false(pattern_list_matches(&list, "x %Bad", 6));
		assert_int_equal(pattern_list_matches(&list, "ERROR: x", 8), joined == 1);
	}
	pattern_list_finish(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_anchors_are_put_around_the_whole_expression),
	    cmocka_unit_test(test_the_shortcut_by_first_bytes_changes_no_answer),
	    cmocka_unit_test(test_the_named_group_is_reported),
	    cmocka_unit_test(test_an_expression_that_would_take_for_ever_is_ended),
	    cmocka_unit_test(test_an_expression_cannot_break_out_of_its_anchors),
	    cmocka_unit_test(test_a_list_answers_as_its_items_do),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
