/* Tests of src/base/error.c and of the parts of src/base/xalloc.c that can be observed. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "base/xalloc.h"

static void
test_every_reason_has_a_word_that_reads_back(void **state)
{
	unsigned i;
	(void)state;

	for (i = 0; i < REASON_COUNT; i++) {
		const char *name = reason_name((enum np_reason)i);

		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		assert_int_equal(reason_parse(name), i);
	}
}

static void
test_unknown_words_are_no_reason(void **state)
{
	(void)state;

	assert_int_equal(reason_parse("nonsense"), REASON_COUNT);
	assert_int_equal(reason_parse(""), REASON_COUNT);
	assert_int_equal(reason_parse("AUTH_FAILED"), REASON_COUNT);
	assert_string_equal(reason_name(REASON_COUNT), "internal");
}

static void
test_set_stores_reason_and_text(void **state)
{
	struct np_error err;
	(void)state;

	assert_int_equal(error_set(&err, REASON_AUTH_FAILED, "%s: no key accepted (%d tried)", "core1", 3), -1);

	assert_int_equal(err.reason, REASON_AUTH_FAILED);
	assert_string_equal(err.text, "core1: no key accepted (3 tried)");
	error_clear(&err);
	assert_int_equal(err.reason, REASON_NONE);
	assert_string_equal(err.text, "");
}

static void
test_null_error_is_accepted_everywhere(void **state)
{
	(void)state;

	assert_int_equal(error_set(NULL, REASON_INTERNAL, "x"), -1);
	assert_int_equal(error_set_errno(NULL, REASON_INTERNAL, "x"), -1);
	assert_int_equal(error_prefix(NULL, "x"), -1);
	error_clear(NULL);
}

static void
test_errno_is_spelled_out_and_kept(void **state)
{
	struct np_error err;
	(void)state;

	errno = ENOENT;
	assert_int_equal(error_set_errno(&err, REASON_INTERNAL, "open %s", "/x"), -1);

	assert_int_equal(errno, ENOENT);
	assert_string_equal(err.text, "open /x: No such file or directory");
	errno = EINTR;
	error_set(&err, REASON_INTERNAL, "y");
	error_prefix(&err, "z");
	assert_int_equal(errno, EINTR);
}

static void
test_prefix_goes_before_the_text_and_keeps_the_reason(void **state)
{
	struct np_error err;
	(void)state;

	error_set(&err, REASON_RESOLVE_FAILED, "no such host");
	assert_int_equal(error_prefix(&err, "%s", "authenticate"), -1);
	assert_int_equal(error_prefix(&err, "core%d", 1), -1);

	assert_string_equal(err.text, "core1: authenticate: no such host");
	assert_int_equal(err.reason, REASON_RESOLVE_FAILED);
}

static void
test_error_can_be_made_from_its_own_text(void **state)
{
	struct np_error err;
	(void)state;

	error_set(&err, REASON_INTERNAL, "inner");
	error_set(&err, REASON_BACKOFF, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
	error_prefix(&err, "again %s", err.text);
	assert_string_equal(err.text, "again outer (inner): outer (inner)");
}

/* Whatever number of bytes comes before, a two, three or four byte character at the cut is kept or dropped whole. */
static void
test_long_texts_are_cut_between_characters(void **state)
{
	static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	struct np_error err;
	char fill[2000];
	(void)state;

	for (size_t c = 0; c < NP_COUNT(characters); c++) {
		for (size_t shift = 0; shift < 5; shift++) {
			size_t n = shift;

			memset(fill, 'a', shift);
			while (n + 5 < sizeof(fill)) {
				memcpy(fill + n, characters[c], strlen(characters[c]));
				n += strlen(characters[c]);
			}
			fill[n] = '\0';
			error_set(&err, REASON_INTERNAL, "%s", fill);
			assert_true(text_is_utf8(err.text, strlen(err.text)));
			assert_in_range(strlen(err.text), sizeof(err.text) - 4, sizeof(err.text) - 1);
			error_prefix(&err, "b%s", "c");
			assert_true(text_is_utf8(err.text, strlen(err.text)));
			assert_memory_equal(err.text, "bc: ", 4);
		}
	}
}

static void
test_very_long_prefix_leaves_a_terminated_text(void **state)
{
	struct np_error err;
	char fill[3000];
	(void)state;

	memset(fill, 'p', sizeof(fill) - 1);
	fill[sizeof(fill) - 1] = '\0';
	error_set(&err, REASON_INTERNAL, "x");
	error_prefix(&err, "%s", fill);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	errno = EIO;
	error_set_errno(&err, REASON_INTERNAL, "%s", fill);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void
test_allocation_of_nothing_gives_a_pointer(void **state)
{
	void *p;
	(void)state;

	p = xmalloc(0);
	assert_non_null(p);
	free(p);
	p = xcalloc(0, 5);
	assert_non_null(p);
	p = xrealloc(p, 0);
	assert_non_null(p);
	free(p);
}

static void
test_copies_of_strings_are_bounded_and_terminated(void **state)
{
	char *s;
	(void)state;

	s = xstrndup("abcdef", 3);
	assert_string_equal(s, "abc");
	free(s);
	s = xstrndup("ab", 100);
	assert_string_equal(s, "ab");
	free(s);
	s = xasprintf("%s-%d", "x", 7);
	assert_string_equal(s, "x-7");
	secret_free(s);
	secret_free(NULL);
	assert_null(xstrdup_null(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_reason_has_a_word_that_reads_back),
	    cmocka_unit_test(test_unknown_words_are_no_reason),
	    cmocka_unit_test(test_set_stores_reason_and_text),
	    cmocka_unit_test(test_null_error_is_accepted_everywhere),
	    cmocka_unit_test(test_errno_is_spelled_out_and_kept),
	    cmocka_unit_test(test_prefix_goes_before_the_text_and_keeps_the_reason),
	    cmocka_unit_test(test_error_can_be_made_from_its_own_text),
	    cmocka_unit_test(test_long_texts_are_cut_between_characters),
	    cmocka_unit_test(test_very_long_prefix_leaves_a_terminated_text),
	    cmocka_unit_test(test_allocation_of_nothing_gives_a_pointer),
	    cmocka_unit_test(test_copies_of_strings_are_bounded_and_terminated),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
