/* Tests of src/redact.c: known secrets in a stream, at every split. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "redact.h"

static void
check(const char *const *secrets, const char *in, const char *expected)
{
	size_t size = strlen(in);

	for (size_t piece = 1; piece <= size + 1; piece++) {
		struct redact r;
		struct buf out;

		redact_init(&r);
		for (size_t i = 0; secrets[i] != NULL; i++)
			redact_add(&r, secrets[i]);
		buf_init(&out, 10000);
		for (size_t at = 0; at < size; at += piece)
			assert_int_equal(redact_write(&r, &out, in + at, size - at < piece ? size - at : piece), 0);
		assert_int_equal(redact_flush(&r, &out), 0);
		if (out.len != strlen(expected) || memcmp(buf_head(&out), expected, out.len) != 0)
			fail_msg("pieces of %zu: `%.*s', not `%s'", piece, (int)out.len, (const char *)buf_head(&out),
			    expected);
		buf_free(&out);
		redact_finish(&r);
	}
}

static void
test_secrets_vanish_in_whatever_pieces_they_come(void **state)
{
	static const char *const secrets[] = {"hunter22", "swordfish", NULL};
	(void)state;

	check(secrets, "enable secret hunter22 and swordfish\n", "enable secret ******** and ********\n");
	check(secrets, "hunter2", "hunter2");
	check(secrets, "hunhunter22er22", "hun********er22");
	check(secrets, "hunter22hunter22", "****************");
	check(secrets, "nothing of that", "nothing of that");
	check(secrets, "", "");
}

static void
test_a_secret_that_holds_another_vanishes_as_a_whole(void **state)
{
	static const char *const secrets[] = {"pass", "password1", NULL};
	(void)state;

	check(secrets, "x pass y", "x ******** y");
	check(secrets, "passpass", "****************");
}

static void
test_secrets_that_repeat_themselves_are_found(void **state)
{
	static const char *const secrets[] = {"aabaab", NULL};
	(void)state;

	check(secrets, "aabaabaab", "********aab");
	check(secrets, "aaabaab", "a********");
	check(secrets, "aabaaaabaab", "aabaa********");
}

static void
test_short_secrets_blot_out_nothing(void **state)
{
	static const char *const secrets[] = {"lab", "", NULL};
	(void)state;

	check(secrets, "interface label", "interface label");
}

static void
test_bytes_are_held_only_while_they_may_begin_a_secret(void **state)
{
	struct redact r;
	struct buf out;
	(void)state;

	redact_init(&r);
	redact_add(&r, "secret");
	buf_init(&out, 100);
	assert_int_equal(redact_write(&r, &out, "abc se", 6), 0);
	assert_int_equal(out.len, 4);
	assert_int_equal(redact_write(&r, &out, "t", 1), 0);
	assert_int_equal(out.len, 7);
	redact_finish(&r);
	buf_free(&out);
}

static void
test_a_full_output_is_told(void **state)
{
	struct redact r;
	struct buf out;
	(void)state;

	redact_init(&r);
	redact_add(&r, "secret");
	buf_init(&out, 4);
	assert_int_equal(redact_write(&r, &out, "abcdefgh", 8), -1);
	redact_finish(&r);
	buf_free(&out);
}

static void
test_the_oldest_of_too_many_secrets_leaves(void **state)
{
	char secret[32];
	struct redact r;
	char *text;
	(void)state;

	redact_init(&r);
	for (int i = 0; i < REDACT_SECRETS_MAX + 1; i++) {
		snprintf(secret, sizeof(secret), "secret-%d-", i);
		redact_add(&r, secret);
		redact_add(&r, secret);
	}
	assert_int_equal(r.count, REDACT_SECRETS_MAX);
	text = redact_text(&r, "secret-0- secret-8- secre");
	assert_string_equal(text, "secret-0- ******** secre");
	free(text);
	redact_finish(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_secrets_vanish_in_whatever_pieces_they_come),
	    cmocka_unit_test(test_a_secret_that_holds_another_vanishes_as_a_whole),
	    cmocka_unit_test(test_secrets_that_repeat_themselves_are_found),
	    cmocka_unit_test(test_short_secrets_blot_out_nothing),
	    cmocka_unit_test(test_bytes_are_held_only_while_they_may_begin_a_secret),
	    cmocka_unit_test(test_a_full_output_is_told),
	    cmocka_unit_test(test_the_oldest_of_too_many_secrets_leaves),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
