/* Tests of src/cli/echo.c: which lines are what was typed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cli/echo.h"

struct line {
	const char *text;
	enum echo_verdict verdict;
};

static void
check(const char *typed, const struct line *lines)
{
	struct echo e;

	echo_init(&e, typed, strlen(typed));
	for (; lines->text != NULL; lines++) {
		bool prompted = lines->text[0] == '>';
		const char *text = lines->text + (prompted ? 1 : 0);

		if (echo_line(&e, text, strlen(text), prompted) != lines->verdict)
			fail_msg("`%s' after typing `%s'", lines->text, typed);
	}
}

/* A line that begins with `>` stood behind a prompt. */
static void
test_an_echo_comes_in_many_shapes(void **state)
{
	(void)state;
	check("show version", (struct line[]){{">show version", ECHO_WHOLE}, {NULL, 0}});
	check("show version", (struct line[]){{"show version", ECHO_WHOLE}, {NULL, 0}});
	check("show version", (struct line[]){{"show  version ", ECHO_WHOLE}, {NULL, 0}});
	check("show version",
	    (struct line[]){{"shower version", ECHO_OTHER}, {"show versio", ECHO_PART}, {"n", ECHO_WHOLE}, {NULL, 0}});
	check("a b c", (struct line[]){{">a", ECHO_PART}, {"log message", ECHO_OTHER}, {"b", ECHO_PART},
			   {"c", ECHO_WHOLE}, {NULL, 0}});
	check("show version", (struct line[]){{">sho", ECHO_PART}, {">show version", ECHO_WHOLE}, {NULL, 0}});
	check("x", (struct line[]){{"y", ECHO_OTHER}, {"", ECHO_OTHER}, {"x", ECHO_WHOLE}, {NULL, 0}});
}

static void
test_an_empty_line_is_its_own_echo(void **state)
{
	(void)state;
	check("", (struct line[]){{">", ECHO_WHOLE}, {NULL, 0}});
	check("", (struct line[]){{"log message", ECHO_OTHER}, {"", ECHO_WHOLE}, {NULL, 0}});
	check("   ", (struct line[]){{">  ", ECHO_WHOLE}, {NULL, 0}});
}

static void
test_case_20_a_line_scrolled_sideways_shows_its_end_or_its_beginning(void **state)
{
	(void)state;
	check("show running-config interface", (struct line[]){{">$fig interface", ECHO_WHOLE}, {NULL, 0}});
	check("show running-config interface", (struct line[]){{">show runni$", ECHO_WHOLE}, {NULL, 0}});
	check("show running-config interface", (struct line[]){{"<g interface", ECHO_WHOLE}, {NULL, 0}});
	check("show running-config interface", (struct line[]){{"$ce", ECHO_OTHER}, {"$", ECHO_OTHER}, {NULL, 0}});
	check("show running-config interface", (struct line[]){{"...onfig interface", ECHO_WHOLE}, {NULL, 0}});
	check("show running-config interface", (struct line[]){{"...other interface", ECHO_OTHER}, {NULL, 0}});
	check("show running-config interface", (struct line[]){{"$other interface", ECHO_OTHER}, {NULL, 0}});
	check("echo $", (struct line[]){{">echo $", ECHO_WHOLE}, {NULL, 0}});
}

static void
test_case_25_a_long_command_is_followed_to_its_end(void **state)
{
	char typed[1501];
	struct echo e;
	(void)state;

	for (size_t i = 0; i < 1500; i++)
		typed[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 26);
	typed[1500] = '\0';
	echo_init(&e, typed, 1500);
	for (size_t at = 0; at < 1500; at += 80) {
		size_t n = 1500 - at < 80 ? 1500 - at : 80;

		assert_int_equal(echo_line(&e, typed + at, n, at == 0), at + n == 1500 ? ECHO_WHOLE : ECHO_PART);
	}
}

static void
test_words_may_be_completed_or_hidden_behind_a_prompt(void **state)
{
	(void)state;
	check("sh ver", (struct line[]){{"show version", ECHO_OTHER}, {">show version", ECHO_WHOLE}, {NULL, 0}});
	check("sh  int b", (struct line[]){{">show interface brief", ECHO_WHOLE}, {NULL, 0}});
	check("sh ver", (struct line[]){{">show", ECHO_OTHER}, {">show version all", ECHO_OTHER}, {NULL, 0}});
	check("user x secret foo", (struct line[]){{">user x secret ********", ECHO_WHOLE}, {NULL, 0}});
	check("show version", (struct line[]){{">show clock", ECHO_OTHER}, {NULL, 0}});
}

static void
test_bytes_that_the_device_does_not_know_are_shown_as_it_can(void **state)
{
	static const char typed[] = "show x Z\xc3\xbcrich";
	(void)state;

	check(typed, (struct line[]){{">show x Z\xc3\xbcrich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Z??rich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Z?rich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Zrich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Z..rich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Z\\303\\274rich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Z\xef\xbf\xbd\xef\xbf\xbdrich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Z??", ECHO_PART}, {"rich", ECHO_WHOLE}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Zoerich", ECHO_OTHER}, {NULL, 0}});
	check(typed, (struct line[]){{">show x Z???rich", ECHO_OTHER}, {NULL, 0}});
	check("say \xe6\x97\xa5", (struct line[]){{">say ???", ECHO_WHOLE}, {NULL, 0}});
}

static void
test_a_repeated_echo_is_known(void **state)
{
	struct echo e;
	(void)state;

	echo_init(&e, "show version", 12);
	assert_true(echo_is_repeated(&e, "show version", 12));
	assert_true(echo_is_repeated(&e, " show version ", 14));
	assert_false(echo_is_repeated(&e, "show", 4));
	assert_false(echo_is_repeated(&e, "show version 1", 14));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_echo_comes_in_many_shapes),
	    cmocka_unit_test(test_an_empty_line_is_its_own_echo),
	    cmocka_unit_test(test_case_20_a_line_scrolled_sideways_shows_its_end_or_its_beginning),
	    cmocka_unit_test(test_case_25_a_long_command_is_followed_to_its_end),
	    cmocka_unit_test(test_bytes_that_the_device_does_not_know_are_shown_as_it_can),
	    cmocka_unit_test(test_words_may_be_completed_or_hidden_behind_a_prompt),
	    cmocka_unit_test(test_a_repeated_echo_is_known),
	};

	return cmocka_run_group_tests_name("echo", tests, NULL, NULL);
}
