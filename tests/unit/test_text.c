/* Tests of src/base/text.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/text.h"
#include "base/xalloc.h"

static void
test_utf8_is_told_from_other_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool valid;
	} table[] = {
	    {"", 0, true},
	    {"plain", 5, true},
	    {"a\0b", 3, true},
	    {"\xc2\x80", 2, true},
	    {"\xdf\xbf", 2, true},
	    {"\xe0\xa0\x80", 3, true},
	    {"\xed\x9f\xbf", 3, true},
	    {"\xee\x80\x80", 3, true},
	    {"\xef\xbf\xbf", 3, true},
	    {"\xf0\x90\x80\x80", 4, true},
	    {"\xf4\x8f\xbf\xbf", 4, true},
	    {"\x80", 1, false},
	    {"\xbf", 1, false},
	    {"\xc0\x80", 2, false},         /* overlong */
	    {"\xc1\xbf", 2, false},         /* overlong */
	    {"\xe0\x9f\xbf", 3, false},     /* overlong */
	    {"\xf0\x8f\xbf\xbf", 4, false}, /* overlong */
	    {"\xed\xa0\x80", 3, false},     /* surrogate */
	    {"\xed\xbf\xbf", 3, false},     /* surrogate */
	    {"\xf4\x90\x80\x80", 4, false}, /* beyond U+10FFFF */
	    {"\xf5\x80\x80\x80", 4, false},
	    {"\xff", 1, false},
	    {"\xc3", 1, false}, /* cut short */
	    {"\xe2\x82", 2, false},
	    {"\xf0\x9f\x98", 3, false},
	    {"\xc3\x28", 2, false}, /* no continuation */
	    {"ok\xe2\x28\xa1", 5, false},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++)
		if (text_is_utf8(table[i].bytes, table[i].n) != table[i].valid)
			fail_msg("row %zu", i);
}

static void
test_strange_bytes_are_escaped_for_terminals(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		const char *out;
		const char *out_lines; /* when newlines are kept; NULL: the same */
	} table[] = {
	    {"", 0, "", NULL},
	    {"plain text", 10, "plain text", NULL},
	    {"tab\there", 8, "tab\there", NULL},
	    {"a\nb\r\n", 5, "a\\012b\\015\\012", "a\nb\\015\n"},
	    {"\x1b[31m", 5, "\\033[31m", NULL},
	    {"nul\0nul", 7, "nul\\000nul", NULL},
	    {"\x7f", 1, "\\177", NULL},
	    {"\x9b", 1, "\\233", NULL},                   /* C1, raw */
	    {"\xc2\x9b", 2, "\\302\\233", NULL},          /* C1 as UTF-8 */
	    {"\xc3\xa9", 2, "\xc3\xa9", NULL},            /* a letter */
	    {"\xe2\x80\xae", 3, "\\342\\200\\256", NULL}, /* right-to-left override */
	    {"\xe2\x81\xa6", 3, "\\342\\201\\246", NULL}, /* isolate */
	    {"\xe2\x80\xa8", 3, "\\342\\200\\250", NULL}, /* line separator */
	    {"\xff\xfe", 2, "\\377\\376", NULL},
	    {"\xe2\x82", 2, "\\342\\202", NULL}, /* cut short */
	    {"back\\slash", 10, "back\\slash", NULL},
	    {"\\033", 4, "\\033", NULL},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		char *s = text_vis(table[i].in, table[i].n, false);
		char *again = text_vis(s, strlen(s), false);

		assert_string_equal(s, table[i].out);
		assert_string_equal(again, table[i].out);
		free(again);
		free(s);
		s = text_vis(table[i].in, table[i].n, true);
		assert_string_equal(s, table[i].out_lines != NULL ? table[i].out_lines : table[i].out);
		free(s);
	}
}

static void
test_every_single_byte_becomes_printable(void **state)
{
	(void)state;

	for (unsigned c = 0; c < 256; c++) {
		uint8_t byte = (uint8_t)c;
		char *s = text_vis(&byte, 1, false);

		for (size_t i = 0; s[i] != '\0'; i++)
			assert_true(s[i] == '\t' || (s[i] >= 0x20 && s[i] < 0x7f));
		free(s);
	}
}

static void
test_fixed_buffer_is_cut_before_a_character_or_escape(void **state)
{
	static const char in[] = "a\x1b\xe2\x82\xac";
	char out[16];
	(void)state;

	assert_string_equal(text_vis_into(out, sizeof(out), in), "a\\033\xe2\x82\xac");
	assert_string_equal(text_vis_into(out, 9, in), "a\\033\xe2\x82\xac");
	assert_string_equal(text_vis_into(out, 8, in), "a\\033");
	assert_string_equal(text_vis_into(out, 6, in), "a\\033");
	assert_string_equal(text_vis_into(out, 5, in), "a");
	assert_string_equal(text_vis_into(out, 1, in), "");
	out[0] = 'x';
	text_vis_into(out, 0, in);
	assert_int_equal(out[0], 'x');
}

static void
test_json_is_made_harmless_and_stays_the_same(void **state)
{
	char *s = text_json_vis("{\"a\":\"\xc2\x9b\x7f \xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xc3\xa4\xe2\x82\xac\\n\xff\"}");
	(void)state;

	assert_string_equal(s, "{\"a\":\"\\u009b\\u007f \\u202e\\u2066\\u061c\xc3\xa4\xe2\x82\xac\\n\xff\"}");
	free(s);
	s = text_json_vis("");
	assert_string_equal(s, "");
	free(s);
}

static void
test_base64_follows_rfc_4648(void **state)
{
	static const struct {
		const char *plain;
		size_t n;
		const char *coded;
	} table[] = {
	    {"", 0, ""},
	    {"f", 1, "Zg=="},
	    {"fo", 2, "Zm8="},
	    {"foo", 3, "Zm9v"},
	    {"foob", 4, "Zm9vYg=="},
	    {"fooba", 5, "Zm9vYmE="},
	    {"foobar", 6, "Zm9vYmFy"},
	    {"\0\xff\xfe", 3, "AP/+"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		char *coded = text_base64(table[i].plain, table[i].n);
		size_t n = 99;
		uint8_t *plain = text_unbase64(table[i].coded, &n);

		assert_string_equal(coded, table[i].coded);
		assert_non_null(plain);
		assert_int_equal(n, table[i].n);
		assert_memory_equal(plain, table[i].plain, n);
		assert_int_equal(plain[n], 0);
		free(coded);
		free(plain);
	}
}

static void
test_base64_round_trip_keeps_every_byte(void **state)
{
	uint8_t bytes[256];
	(void)state;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + 7);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		char *coded = text_base64(bytes, n);
		size_t back = 0;
		uint8_t *plain = text_unbase64(coded, &back);

		assert_non_null(plain);
		assert_int_equal(back, n);
		assert_memory_equal(plain, bytes, n);
		free(coded);
		free(plain);
	}
}

static void
test_malformed_base64_is_refused(void **state)
{
	static const char *const table[] = {"Z", "Zg", "Zg=", "Zg===", "=", "==", "===", "====", "Zm9vYg==Zm9v",
	    "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm9_", "Zm9-", "Z=9v", "Zg=g",
	    ("\xc3\xa9"
	     "ab")};
	size_t n;
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++)
		if (text_unbase64(table[i], &n) != NULL)
			fail_msg("accepted \"%s\"", table[i]);
}

static void
test_nearest_finds_what_was_meant(void **state)
{
	static const char *const names[] = {"host", "port", "username", "password", "password_file", "keepalive",
	    "keepalive_interval", "keepalive_count_max", "max_idle_time", "max_age", "max_channels", "max_connections"};
	static const struct {
		const char *word;
		const char *meant;
	} table[] = {
	    {"max_idle", "max_idle_time"},
	    {"maxidletime", "max_idle_time"},
	    {"max-idle-time", "max_idle_time"},
	    {"MAX_AGE", "max_age"},
	    {"pasword", "password"},
	    {"passwrod", "password"},
	    {"hots", "host"},
	    {"prot", "port"},
	    {"user", "username"},
	    {"keepalive_intervall", "keepalive_interval"},
	    {"max_conections", "max_connections"},
	    {"x", NULL},
	    {"", NULL},
	    {"colour", NULL},
	    {"completely_different_thing", NULL},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		const char *found = text_nearest(table[i].word, names, NP_COUNT(names));

		if (table[i].meant == NULL)
			assert_null(found);
		else if (found == NULL)
			fail_msg("nothing found for \"%s\"", table[i].word);
		else
			assert_string_equal(found, table[i].meant);
	}
	assert_null(text_nearest("host", NULL, 0));
}

static void
test_nearest_survives_long_words(void **state)
{
	static const char *const names[] = {"host"};
	char *word = xcalloc(1, 100001);
	(void)state;

	memset(word, 'h', 100000);
	assert_null(text_nearest(word, names, 1));
	free(word);
}

static void
test_numbers_are_parsed_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *s;
		unsigned long max;
		bool good;
		unsigned long value;
	} table[] = {
	    {"0", 0, true, 0},
	    {"00", 9, true, 0},
	    {"65535", 65535, true, 65535},
	    {"65536", 65535, false, 0},
	    {"655350", 65535, false, 0},
	    {"7", 5, false, 0},
	    {"5", 5, true, 5},
	    {"18446744073709551615", ~0ul, sizeof(long) == 8, ~0ul},
	    {"18446744073709551616", ~0ul, false, 0},
	    {"99999999999999999999999999", ~0ul, false, 0},
	    {"", 10, false, 0},
	    {" 1", 10, false, 0},
	    {"1 ", 10, false, 0},
	    {"+1", 10, false, 0},
	    {"-1", ~0ul, false, 0},
	    {"0x1", 10, false, 0},
	    {"1.0", 10, false, 0},
	    {"a", 100, false, 0},
	    {"1/", 100, false, 0},
	    {"1:", 100, false, 0},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		unsigned long v = 12345;

		if (text_parse_ulong(table[i].s, table[i].max, &v) != table[i].good)
			fail_msg("\"%s\"", table[i].s);
		assert_int_equal(v, table[i].good ? table[i].value : 12345);
	}
}

static void
test_words_may_hold_blanks(void **state NP_UNUSED)
{
	static const char *const words[] = {"a=b", "c\\d e\\", "\\\\"};
	const char *p = "  a=b c\\d\\ e\\\\   \\\\\\\\";
	char *word;

	for (size_t i = 0; i < NP_COUNT(words); i++) {
		word = text_next_word(&p);
		assert_string_equal(word, words[i]);
		free(word);
	}
	assert_null(text_next_word(&p));
	p = "\\";
	word = text_next_word(&p);
	assert_string_equal(word, "\\");
	free(word);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_utf8_is_told_from_other_bytes),
	    cmocka_unit_test(test_strange_bytes_are_escaped_for_terminals),
	    cmocka_unit_test(test_every_single_byte_becomes_printable),
	    cmocka_unit_test(test_fixed_buffer_is_cut_before_a_character_or_escape),
	    cmocka_unit_test(test_json_is_made_harmless_and_stays_the_same),
	    cmocka_unit_test(test_base64_follows_rfc_4648),
	    cmocka_unit_test(test_base64_round_trip_keeps_every_byte),
	    cmocka_unit_test(test_malformed_base64_is_refused),
	    cmocka_unit_test(test_nearest_finds_what_was_meant),
	    cmocka_unit_test(test_nearest_survives_long_words),
	    cmocka_unit_test(test_words_may_hold_blanks),
	    cmocka_unit_test(test_numbers_are_parsed_whole_or_not_at_all),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
