/*
 * Tests of src/cli/terminal.c: what escape sequences leave of a line, at every split.  The numbers in the names are
 * those of the hard cases that DESIGN's network devices must bear.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buf.h"
#include "cli/terminal.h"
#include "base/xalloc.h"

/* What came out: lines joined by "\n", a part of a long line by "\x01". */
struct seen {
	struct terminal t;
	struct buf out;
	size_t total; /* bytes of all lines, when `count_only` */
	bool count_only;
};

static void
on_line(void *arg, const uint8_t *text, size_t size, bool end)
{
	struct seen *s = arg;

	s->total += size;
	if (s->count_only)
		return;
	assert_int_equal(buf_append(&s->out, text, size), 0);
	assert_int_equal(buf_append_str(&s->out, end ? "\n" : "\x01"), 0);
}

static void
seen_init(struct seen *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->out, 1 << 20);
	terminal_init(&s->t, 80, 24, on_line, s);
}

static void
seen_finish(struct seen *s)
{
	terminal_finish(&s->t);
	buf_free(&s->out);
}

/* Feeds in pieces from copies of exact size, so that a sanitizer sees every look beyond them. */
static void
feed(struct seen *s, const char *in, size_t size, size_t piece)
{
	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		uint8_t *copy = xmemdup(in + at, n);

		terminal_feed(&s->t, copy, n);
		free(copy);
	}
}

static const size_t pieces[] = {1, 2, 3, 7, 65536};

/* lines: expected finished lines, each with "\n"; tail: the rest. */
static void
check_bytes(const char *in, size_t size, const char *lines, size_t lines_size, const char *tail, const char *answers)
{
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct seen s;
		size_t n;
		const uint8_t *rest;

		seen_init(&s);
		feed(&s, in, size, pieces[i]);
		rest = terminal_tail(&s.t, &n);
		if (s.out.len != lines_size || memcmp(buf_head(&s.out), lines, lines_size) != 0)
			fail_msg("pieces of %zu: lines `%.*s', not `%s'", pieces[i], (int)s.out.len,
			    (const char *)buf_head(&s.out), lines);
		if (n != strlen(tail) || memcmp(rest, tail, n) != 0)
			fail_msg("pieces of %zu: tail `%.*s', not `%s'", pieces[i], (int)n, (const char *)rest, tail);
		assert_int_equal(s.t.answers.len, strlen(answers));
		assert_memory_equal(buf_head(&s.t.answers), answers, strlen(answers));
		seen_finish(&s);
	}
}

static void
check(const char *in, const char *lines, const char *tail)
{
	check_bytes(in, strlen(in), lines, strlen(lines), tail, "");
}

static void
test_case_33_every_line_end_ends_one_line(void **state)
{
	(void)state;
	check("a\r\nb\nc\r\r\nd\r\r\r\ne", "a\nb\nc\nd\n", "e");
	check("a\n\rb\n\rc", "a\nb\n", "c");
	check("\r\n\r\n", "\n\n", "");
	check_bytes("a\r\0\r\nb\r\0\n", 9, "a\nb\n", 4, "", "");
	check("a\033Eb\033[Ec", "a\nb\n", "c");
}

static void
test_case_33_carriage_return_alone_ends_a_line_only_where_told(void **state)
{
	(void)state;
	check("one\rtwo", "", "two");
	check("longer\rxy", "", "xynger");
	for (size_t piece = 1; piece < 20; piece++) {
		struct seen s;
		size_t n;

		seen_init(&s);
		s.t.cr_ends_line = true;
		feed(&s, "one\rtwo\r\033[0m\nthree\r\n\rR1#", 25, piece);
		assert_int_equal(s.out.len, 14);
		assert_memory_equal(buf_head(&s.out), "one\ntwo\nthree\n", 14);
		assert_memory_equal(terminal_tail(&s.t, &n), "R1#", 3);
		assert_int_equal(n, 3);
		seen_finish(&s);
	}
}

static void
test_case_34_nul_and_bel_vanish(void **state)
{
	(void)state;
	check_bytes("\0\0\r\nR1#\a", 8, "\n", 1, "R1#", "");
	check_bytes("a\0b\ac\x7f\x0e\x0f", 8, "", 0, "abc", "");
}

static void
test_case_19_backspaces_edit_the_line(void **state)
{
	(void)state;
	check("sh\b \bhow\r\n", "show\n", "");
	check("abc\b\b\bxyz", "", "xyz");
	check("abc\b\b\b\b\bx", "", "xbc");
	/* A wrap as IOS does it: a blank and back, at the edge. */
	check("0123456789 \bABC", "", "0123456789ABC");
}

static void
test_case_18_a_full_row_goes_on_in_the_next(void **state)
{
#define REST "2345678901234567890123456789012345678901234567890123456789012345678901234567890"
#define ROW "1" REST
	(void)state;
	/* vtysh: the character behind the margin, back, and once more. */
	check(ROW "5\r5.126\r\n", ROW "5.126\n", "");
	check(ROW "5\r5" REST "x\rxy\r\n", ROW "5" REST "xy\n", "");
	/* readline: a blank in its place. */
	check(ROW " \r5.126\r\n", ROW "5.126\n", "");
	check(ROW "\303\244\r\303\244 b\r\n", ROW "\303\244 b\n", "");
	/* Elsewhere it is a return. */
	check(ROW "\rx", "", "x" REST);
	check(ROW "ab\rx\033[K", "", "x");
	check(ROW "a\rR1#\033[K", "", "R1#");
#undef REST
#undef ROW
}

static void
test_case_38_pagers_leave_nothing_however_they_erase(void **state)
{
	(void)state;
	check(" --More-- \b\b\b\b\b\b\b\b\b\b          \b\b\b\b\b\b\b\b\b\bline\r\n", "line\n", "");
	check("---(more 34%)---\r                \rline\r\n", "line\n", "");
	check("<--- More --->\r              \rline\r\n", "line\n", "");
	check("  ---- More ----\033[42D                                          \033[42Dx\r\n", "x\n", "");
	check("-- MORE --, next page: Space\r\033[Kline\r\n", "line\n", "");
	check("--More--\033[2K\rline\r\n", "line\n", "");
	check("--More--\r\033[8Pline\r\n", "line\n", "");
	/* An erased pager before an empty line is an empty line. */
	check(" --More-- \r          \r\r\n", "\n", "");
	/* Erased, and nothing came yet: there is no tail. */
	check(" --More-- \r          \r", "", "");
}

static void
test_blanks_at_the_end_of_a_line_are_kept(void **state)
{
	(void)state;
	check("text  \r\nuser@r1> ", "text  \n", "user@r1> ");
	check("   \r\n", "   \n", "");
}

static void
test_case_31_sequences_vanish_and_their_text_stays(void **state)
{
	(void)state;
	check("\033[1;31mred\033[0m\033[K\r\n", "red\n", "");
	check("\033]0;user@host: ~\auser@host:~$ ", "", "user@host:~$ ");
	check("\033]2;title\033\\$ ", "", "$ ");
	check("\033[?2004h$ \033[?2004l", "", "$ ");
	check("\033P1$r0m\033\\ok", "", "ok");
	check("\033(B\033)0\033#8\033%Gtext\033=\033>", "", "text");
	check("\033_apc\033\\\033^pm\033\\\033Xsos\033\\x", "", "x");
	check("\033[38:2::1:2:3mx", "", "x");
	check("\033[200~paste\033[201~", "", "paste");
	check("ab\033[\x18"
	      "cd",
	    "", "abcd");
}

static void
test_moves_and_erasures_follow_the_terminal(void **state)
{
	(void)state;
	check("abcdef\033[3Dxyz", "", "abcxyz");
	check("abcdef\033[3D\033[K", "", "abc");
	check("abcdef\033[3D\033[1Kx", "", "   xef");
	check("abcdef\033[2Gx", "", "axcdef");
	check("ab\033[3Cc", "", "ab   c");
	check("ab\033[3C\033[2Dc", "", "ab c");
	check("abcdef\r\033[2P", "", "cdef");
	check("abc\r\033[2@xy", "", "xyabc");
	check("abcdef\r\033[3X", "", "   def");
	check("abc\033[s123\033[ux", "", "abcx23");
	check("abc\033"
	      "7123\033"
	      "8x",
	    "", "abcx23");
	check("\033[24;1Hsw# \033[24;1H\033[24;5H", "", "sw# ");
	check("\033[9999Bx", "", "x");
	check("abc\033cd", "", "d");
	check("\033[2J\033[HR1#", "", "R1#");
}

/* A clock in the last row, whatever the line holds: the cursor is saved, sent there, and comes back. */
static void
test_a_status_line_is_no_part_of_the_line(void **state)
{
	(void)state;
	check("R1#\0337\033[24;1H\033[K12:00 up\0338 show x\r\none\r\nR1#", "R1# show x\none\n", "R1#");
	check("half\033[s\033[1;60H\033[2K\033[7mCPU 3%\033[m\033[u of it\r\n", "half of it\n", "");
	check("R1#\0337\033[24;1Hlost\r\nR1#", "R1#\n", "R1#");
	/* In its own row it edits the line. */
	check("abc\0337\033[2Dx\0338d\r\n", "axcd\n", "");
}

static void
test_case_32_questions_of_the_device_are_answered(void **state)
{
	(void)state;
	check_bytes("\033Z", 2, "", 0, "", "\033[?1;0c");
	check_bytes("\033[c\033[0c", 7, "", 0, "", "\033[?1;0c\033[?1;0c");
	check_bytes("\033[>c", 4, "", 0, "", "\033[>0;0;0c");
	check_bytes("\033[5n", 4, "", 0, "", "\033[0n");
	check_bytes("abc\033[6n", 7, "", 0, "abc", "\033[24;4R");
	/* As RouterOS measures the size of a terminal. */
	check_bytes("\r\033[9999;9999H\033[6n", 17, "", 0, "", "\033[24;80R");
	check_bytes("\033[3;7H\033[6n", 10, "", 0, "", "\033[3;7R");
	/* An echoed answer is no question. */
	check_bytes("\033[?1;0c\033[24;4R", 14, "", 0, "", "");
}

static void
test_endless_questions_cost_no_memory(void **state)
{
	struct seen s;
	(void)state;

	seen_init(&s);
	for (int i = 0; i < 10000; i++)
		feed(&s, "\033[6n", 4, 4);
	assert_true(s.t.answers.len <= 1024);
	seen_finish(&s);
}

static void
test_case_35_36_37_text_is_not_decoded(void **state)
{
	(void)state;
	check("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\r\n", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n", "");
	check("caf\xe9 \xff\xfe\x80\x81 \xc3\r\n", "caf\xe9 \xff\xfe\x80\x81 \xc3\n", "");
	/* C1 controls as single bytes are letters of Latin-1's neighbours, not sequences. */
	check("\x9b"
	      "31mx\r\n",
	    "\x9b"
	    "31mx\n",
	    "");
}

static void
test_a_backspace_takes_a_whole_character(void **state)
{
	(void)state;
	check("caf\xc3\xa9\b \bx", "", "cafx");
	check("a\xe2\x82\xac\bb", "", "ab");
	check("ab\r\xc3\xa9", "",
	    "\xc3\xa9"
	    "b");
	check("\xc3\xa9"
	      "b\rxy",
	    "", "xy");
	check("\xe9\xe9\b\bab", "", "ab");
}

static void
test_a_lost_string_end_does_not_swallow_the_prompt(void **state)
{
	char *in = xmalloc(20000);
	struct seen s;
	size_t n;
	(void)state;

	check("\033]0;title\r\nR1#", "\n", "R1#");
	memset(in, 'x', 20000);
	seen_init(&s);
	feed(&s, "\033P", 2, 2);
	feed(&s, in, 20000, 20000);
	feed(&s, "\r\nR1#", 5, 5);
	assert_memory_equal(terminal_tail(&s.t, &n), "R1#", 3);
	assert_int_equal(n, 3);
	seen_finish(&s);
	free(in);
}

static void
test_case_25_a_long_line_streams_in_parts_and_stays_whole(void **state)
{
	size_t size = 100000;
	char *in = xmalloc(size);
	(void)state;

	for (size_t i = 0; i < size; i++)
		in[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct seen s;
		size_t n, at = 0;

		seen_init(&s);
		feed(&s, in, size, pieces[i]);
		assert_false(terminal_tail_is_whole(&s.t));
		assert_non_null(terminal_tail(&s.t, &n));
		assert_true(n < TERMINAL_LINE_MAX);
		feed(&s, "\r\n", 2, pieces[i]);
		assert_true(terminal_tail_is_whole(&s.t));
		for (size_t k = 0; k < s.out.len; k++) {
			char c = (char)buf_head(&s.out)[k];

			if (c != '\x01' && c != '\n')
				assert_int_equal(c, in[at++]);
		}
		assert_int_equal(at, size);
		assert_int_equal(s.t.lines, 1);
		seen_finish(&s);
	}
	free(in);
}

/* Editing at the edge of the buffer must neither lose the bound nor the content before it. */
static void
test_editing_a_full_line_stays_in_bounds(void **state)
{
	static const char *const edits[] = {"\r\033[4000@", "\r\xc3\xa9\xc3\xa9\xc3\xa9", "\033[9999Cx",
	    "\b\b\b\033[9999P", "\033[2K", "\r\033[9999X", "\033[1K",
	    "\033"
	    "7\r\033"
	    "8x",
	    "\033[9999;9999Hx"};
	char in[TERMINAL_LINE_MAX - 1];
	(void)state;

	memset(in, 'x', sizeof(in));
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		for (size_t cut = 0; cut < 4; cut++) {
			struct seen s;

			seen_init(&s);
			feed(&s, in, sizeof(in) - cut, 4096);
			for (int again = 0; again < 50; again++)
				feed(&s, edits[i], strlen(edits[i]), 3);
			assert_true(s.t.len <= TERMINAL_LINE_MAX);
			assert_true(s.t.cursor <= s.t.len);
			feed(&s, "\r\n", 2, 1);
			seen_finish(&s);
		}
	}
}

static void
test_case_41_memory_does_not_grow_with_the_output(void **state)
{
	static const char line[] = "GigabitEthernet0/0/0 is up, line protocol is up, address is 0011.2233.4455\r\n";
	struct seen s;
	(void)state;

	seen_init(&s);
	s.count_only = true;
	for (int i = 0; i < 20000; i++)
		terminal_feed(&s.t, line, sizeof(line) - 1);
	assert_int_equal(s.total, 20000 * (sizeof(line) - 3));
	assert_int_equal(s.t.lines, 20000);
	seen_finish(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_case_33_every_line_end_ends_one_line),
	    cmocka_unit_test(test_case_33_carriage_return_alone_ends_a_line_only_where_told),
	    cmocka_unit_test(test_case_34_nul_and_bel_vanish),
	    cmocka_unit_test(test_case_18_a_full_row_goes_on_in_the_next),
	    cmocka_unit_test(test_case_19_backspaces_edit_the_line),
	    cmocka_unit_test(test_case_38_pagers_leave_nothing_however_they_erase),
	    cmocka_unit_test(test_blanks_at_the_end_of_a_line_are_kept),
	    cmocka_unit_test(test_case_31_sequences_vanish_and_their_text_stays),
	    cmocka_unit_test(test_moves_and_erasures_follow_the_terminal),
	    cmocka_unit_test(test_a_status_line_is_no_part_of_the_line),
	    cmocka_unit_test(test_case_32_questions_of_the_device_are_answered),
	    cmocka_unit_test(test_endless_questions_cost_no_memory),
	    cmocka_unit_test(test_case_35_36_37_text_is_not_decoded),
	    cmocka_unit_test(test_a_backspace_takes_a_whole_character),
	    cmocka_unit_test(test_a_lost_string_end_does_not_swallow_the_prompt),
	    cmocka_unit_test(test_case_25_a_long_line_streams_in_parts_and_stays_whole),
	    cmocka_unit_test(test_editing_a_full_line_stays_in_bounds),
	    cmocka_unit_test(test_case_41_memory_does_not_grow_with_the_output),
	};

	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
