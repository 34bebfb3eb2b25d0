/* Tests of src/secret: secrets, and masking those that are known. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "secret/redact.h"

static void
add(struct redact *r, const char *text, enum redact_use use)
{
	struct secret *secret = secret_make(text);

	redact_add(r, secret, use);
	secret_unref(secret);
}

static void
check(const char *const *secrets, const char *in, const char *expected)
{
	struct redact *r = redact_create(false);
	char *text;

	for (size_t i = 0; secrets[i] != NULL; i++)
		add(r, secrets[i], REDACT_PASSING);
	text = redact_text(r, in, strlen(in), false);
	assert_string_equal(text, expected);
	free(text);
	redact_unref(r);
}

static void
test_secrets_vanish(void **state)
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
test_what_a_terminal_paints_between_hides_no_secret(void **state)
{
	static const char *const secrets[] = {"hunter22", "swordfish", NULL};
	(void)state;

	check(secrets, "key hunt\r\ner22 x", "key ********\n x");
	check(secrets, "key hun\033[0;1mter22 x", "key ******** x");
	check(secrets, "key h\033[Kunter2 \r2 x", "key ******** x");
	check(secrets, "key hunter2 \b2 x", "key ******** x");
	check(secrets, "s\nw\no\nr\nd\nfish", "********\n");
	check(secrets, "hunter 22", "hunter 22");
	check(secrets, "hunter2\033", "hunter2\033");
	check(secrets, "h\n\n\nh\n", "h\n\n\nh\n");
}

static void
test_the_longest_secret_is_masked(void **state)
{
	static const char *const secrets[] = {"pass1", "pass1234", NULL};
	(void)state;

	check(secrets, "pass1234", "********");
	check(secrets, "pass123", "********23");
	check(secrets, "pass1", "********");
}

static void
test_the_oldest_of_too_many_secrets_leaves_but_none_that_is_kept(void **state)
{
	char secret[32];
	struct redact *r = redact_create(false);
	char *text;
	(void)state;

	add(r, "secret-1-", REDACT_PASSING);
	add(r, "secret-1-", REDACT_KEPT);
	for (int i = 0; i < REDACT_SECRETS_MAX + 1; i++) {
		snprintf(secret, sizeof(secret), "secret-%d-", i);
		add(r, secret, REDACT_PASSING);
		add(r, secret, REDACT_PASSING);
	}
	text = redact_text(r, "secret-0- secret-1- secret-8- secre", 35, false);
	assert_string_equal(text, "secret-0- ******** ******** secre");
	free(text);
	redact_unref(r);
}

static void
test_what_passes_is_forgotten_but_not_by_a_recording(void **state)
{
	(void)state;
	for (int keep_all = 0; keep_all < 2; keep_all++) {
		struct redact *r = redact_create(keep_all != 0);
		char *text;

		add(r, "password1", REDACT_KEPT);
		add(r, "answer-1", REDACT_PASSING);
		add(r, "enable-1", REDACT_PASSING);
		redact_forget(r);
		text = redact_text(r, "password1 answer-1 enable-1", 27, false);
		assert_string_equal(text, keep_all != 0 ? "******** ******** ********" : "******** answer-1 enable-1");
		free(text);
		redact_unref(r);
	}
}

static void
test_a_short_secret_is_known_as_a_whole(void **state)
{
	struct redact *r = redact_create(false);
	(void)state;

	add(r, "lab", REDACT_KEPT);
	assert_true(redact_is_secret(r, "lab", 3));
	assert_false(redact_is_secret(r, "label", 5));
	assert_false(redact_is_secret(r, "la", 2));
	redact_unref(r);
}

static void
test_a_secret_is_one_text_for_all_who_hold_it(void **state)
{
	struct secret *s = secret_make_bytes("hunter22\n", 8), *other = secret_ref(s);
	(void)state;

	assert_ptr_equal(secret_text(s), secret_text(other));
	secret_unref(s);
	assert_string_equal(secret_text(other), "hunter22");
	assert_int_equal(secret_size(other), 8);
	secret_unref(other);
	assert_null(secret_make(NULL));
	assert_null(secret_text(NULL));
	assert_int_equal(secret_size(NULL), 0);
	secret_unref(secret_ref(NULL));
}

static void
test_a_text_that_is_cut_does_not_end_with_the_beginning_of_a_secret(void **state)
{
	struct redact *r = redact_create(false);
	char *text;
	(void)state;

	add(r, "secret", REDACT_KEPT);
	text = redact_text(r, "my secre", 8, true);
	assert_string_equal(text, "my ");
	free(text);
	text = redact_text(r, "my secre", 8, false);
	assert_string_equal(text, "my secre");
	free(text);
	redact_unref(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_secrets_vanish),
	    cmocka_unit_test(test_a_secret_that_holds_another_vanishes_as_a_whole),
	    cmocka_unit_test(test_secrets_that_repeat_themselves_are_found),
	    cmocka_unit_test(test_short_secrets_blot_out_nothing),
	    cmocka_unit_test(test_what_a_terminal_paints_between_hides_no_secret),
	    cmocka_unit_test(test_the_longest_secret_is_masked),
	    cmocka_unit_test(test_the_oldest_of_too_many_secrets_leaves_but_none_that_is_kept),
	    cmocka_unit_test(test_what_passes_is_forgotten_but_not_by_a_recording),
	    cmocka_unit_test(test_a_short_secret_is_known_as_a_whole),
	    cmocka_unit_test(test_a_secret_is_one_text_for_all_who_hold_it),
	    cmocka_unit_test(test_a_text_that_is_cut_does_not_end_with_the_beginning_of_a_secret),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
