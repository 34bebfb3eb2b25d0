/* Tests of src/platform/prompt.c: what is taken for a prompt, and how surely. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kit/platdir.h"
#include "platform/platform.h"
#include "platform/prompt.h"

static int
setup(void **state)
{
	*state = platdir_load();
	return 0;
}

static int
teardown(void **state)
{
	platforms_destroy(*state);
	return 0;
}

static struct platform_view
view_of(const char *context, const char *tail)
{
	struct platform_view view = {.tail = tail, .size = strlen(tail)};

	if (context != NULL) {
		view.context[0] = context;
		view.context_size[0] = strlen(context);
		view.context_count = 1;
	}
	return view;
}

static enum prompt_tier
tier(const struct prompt *p, const char *context, const char *tail)
{
	struct platform_view view = view_of(context, tail);

	return prompt_test(p, &view, true, true).tier;
}

static void
learn(struct prompt *p, const char *context, const char *tail)
{
	struct platform_view view = view_of(context, tail);
	struct prompt_match match = prompt_test(p, &view, true, true);

	assert_non_null(match.mode);
	prompt_learn(p, &view, match.mode);
}

static void
test_the_learned_prompt_is_the_surest(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "cisco_ios"));
	assert_int_equal(tier(&p, NULL, "R1#"), PROMPT_SHAPE);
	learn(&p, NULL, "R1#");
	assert_int_equal(tier(&p, NULL, "R1#"), PROMPT_LITERAL);
	assert_int_equal(tier(&p, NULL, "R1(config)#"), PROMPT_HOST);
	assert_int_equal(tier(&p, NULL, "R1>"), PROMPT_HOST);
	assert_int_equal(tier(&p, NULL, "R2#"), PROMPT_SHAPE);
	assert_int_equal(tier(&p, NULL, "R1#show"), PROMPT_NONE);
	assert_int_equal(tier(&p, NULL, ""), PROMPT_NONE);
}

static void
test_cases_3_and_4_only_the_whole_tail_of_a_drained_channel_counts(void **state)
{
	struct platform_view view = view_of(NULL, "R1#");
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "cisco_ios"));
	prompt_learn(&p, &view, platform_mode(p.platform, "priv"));
	assert_int_equal(prompt_test(&p, &view, true, false).tier, PROMPT_NONE);
	assert_int_equal(prompt_test(&p, &view, false, true).tier, PROMPT_NONE);
	assert_int_equal(prompt_test(&p, &view, true, true).tier, PROMPT_LITERAL);
}

static void
test_case_11_a_host_name_cut_in_configuration_mode_is_the_same_host(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "cisco_ios"));
	learn(&p, NULL, "a-very-long-host-name-here#");
	assert_int_equal(tier(&p, NULL, "a-very-long-host-nam(config)#"), PROMPT_HOST);
	assert_int_equal(tier(&p, NULL, "a-very(config)#"), PROMPT_SHAPE);
	/* Learning the cut one keeps the whole name. */
	learn(&p, NULL, "a-very-long-host-nam(config)#");
	assert_int_equal(tier(&p, NULL, "a-very-long-host-name-here#"), PROMPT_HOST);
	assert_int_equal(p.host_size, strlen("a-very-long-host-name-here"));
	/* A cut one learned first gives way to the whole. */
	prompt_init(&p, platforms_find(*state, "cisco_ios"));
	learn(&p, NULL, "a-very-long-host-nam(config)#");
	learn(&p, NULL, "a-very-long-host-name-here#");
	assert_int_equal(p.host_size, strlen("a-very-long-host-name-here"));
}

static void
test_case_12_counters_and_marks_change_nothing(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "extreme_exos"));
	learn(&p, NULL, "sw1.17 # ");
	assert_int_equal(tier(&p, NULL, "sw1.17 # "), PROMPT_LITERAL);
	assert_int_equal(tier(&p, NULL, "sw1.18 # "), PROMPT_LITERAL);
	assert_int_equal(tier(&p, NULL, "* sw1.1999 # "), PROMPT_LITERAL);
	assert_int_equal(tier(&p, NULL, "! sw1.19 # "), PROMPT_LITERAL);
	assert_int_equal(tier(&p, NULL, "sw2.18 # "), PROMPT_SHAPE);
	assert_int_equal(tier(&p, NULL, "sw1.18 > "), PROMPT_HOST);
	assert_true(prompt_same(&p, "sw1.1 # ", 8, "* sw1.22 # ", 11));
	assert_false(prompt_same(&p, "sw1.1 # ", 8, "sw2.1 # ", 8));
	prompt_init(&p, platforms_find(*state, "nokia_sros"));
	learn(&p, NULL, "*A:sr1# ");
	assert_int_equal(tier(&p, NULL, "A:sr1# "), PROMPT_LITERAL);
}

static void
test_case_13_the_line_before_the_prompt_tells_the_mode(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "nokia_srlinux"));
	learn(&p, "--{ running }--[  ]--", "A:srl1# ");
	assert_int_equal(tier(&p, "--{ + running }--[ interface mgmt0 ]--", "A:srl1# "), PROMPT_LITERAL);
	assert_int_equal(tier(&p, "--{ * candidate private a }--[  ]--", "A:srl1# "), PROMPT_HOST);
	assert_int_equal(tier(&p, NULL, "A:srl1# "), PROMPT_NONE);
	assert_int_equal(tier(&p, "some output", "A:srl1# "), PROMPT_NONE);
}

static void
test_case_14_a_version_line_in_brackets_is_no_prompt(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "huawei_vrp"));
	learn(&p, NULL, "<SW1>");
	assert_int_equal(tier(&p, NULL, "[V200R009C00SPC500]"), PROMPT_NONE);
	assert_int_equal(tier(&p, NULL, "[SW1]"), PROMPT_HOST);
	assert_int_equal(tier(&p, NULL, "[*SW1-GigabitEthernet0/0/1]"), PROMPT_HOST);
	assert_int_equal(tier(&p, NULL, "[SW10]"), PROMPT_SHAPE);
	learn(&p, NULL, "[SW1-GigabitEthernet0/0/1]");
	assert_int_equal(p.host_size, 3);
	assert_int_equal(tier(&p, NULL, "<SW1>"), PROMPT_HOST);
}

static void
test_case_15_marks_of_a_cluster_are_no_part_of_the_name(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "huawei_vrp"));
	learn(&p, NULL, "HRP_M<FW1>");
	assert_int_equal(tier(&p, NULL, "HRP_S<FW1>"), PROMPT_LITERAL); /* the cluster changed over */
	assert_int_equal(tier(&p, NULL, "HRP_M[FW1]"), PROMPT_HOST);
}

static void
test_an_address_in_angle_brackets_is_not_this_device(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "juniper_junos"));
	learn(&p, NULL, "ops@mx1> ");
	assert_int_equal(tier(&p, NULL, "<noc@example.com>"), PROMPT_NONE);
	assert_int_equal(tier(&p, NULL, "noc@example.com>"), PROMPT_SHAPE);
	assert_int_equal(tier(&p, NULL, "ops@mx1>"), PROMPT_HOST); /* its blank is still to come */
}

static void
test_an_echo_begins_with_the_prompt_as_it_was_shown(void **state)
{
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "juniper_junos"));
	assert_int_equal(prompt_prefix(&p, "x", 1), 0);
	learn(&p, NULL, "ops@mx1> ");
	assert_int_equal(prompt_prefix(&p, "ops@mx1> show version", 21), 9);
	assert_int_equal(prompt_prefix(&p, "ops@mx1>", 8), 8);
	assert_int_equal(prompt_prefix(&p, "ops@mx1>show", 12), 0);
	assert_int_equal(prompt_prefix(&p, "ops@mx2> show", 13), 0);
}

static void
test_a_line_too_long_is_no_prompt(void **state)
{
	char line[PROMPT_MAX + 2];
	struct prompt p;

	prompt_init(&p, platforms_find(*state, "linux"));
	memset(line, 'a', sizeof(line));
	line[PROMPT_MAX] = '$';
	line[PROMPT_MAX + 1] = '\0';
	assert_int_equal(tier(&p, NULL, line), PROMPT_NONE);
	assert_false(prompt_same(&p, line, sizeof(line), line, sizeof(line)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_learned_prompt_is_the_surest),
	    cmocka_unit_test(test_cases_3_and_4_only_the_whole_tail_of_a_drained_channel_counts),
	    cmocka_unit_test(test_case_11_a_host_name_cut_in_configuration_mode_is_the_same_host),
	    cmocka_unit_test(test_case_12_counters_and_marks_change_nothing),
	    cmocka_unit_test(test_case_13_the_line_before_the_prompt_tells_the_mode),
	    cmocka_unit_test(test_case_14_a_version_line_in_brackets_is_no_prompt),
	    cmocka_unit_test(test_case_15_marks_of_a_cluster_are_no_part_of_the_name),
	    cmocka_unit_test(test_an_address_in_angle_brackets_is_not_this_device),
	    cmocka_unit_test(test_an_echo_begins_with_the_prompt_as_it_was_shown),
	    cmocka_unit_test(test_a_line_too_long_is_no_prompt),
	};

	return cmocka_run_group_tests_name("prompt", tests, setup, teardown);
}
