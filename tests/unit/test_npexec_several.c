/* npexec with several devices: lines and their names, gathering, limits, failures, signals. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "kit/npexeckit.h"

#define DONE "\"exit_status\":0"

/* Starts npexec and answers its question with these names: their requests follow with ids from 2. */
static void
run_several(const char *line, const char *pattern, const char *names)
{
	char json[1024];

	run(line);
	assert_string_equal(member(fake_expect(&f, "devices"), "pattern"), pattern);
	snprintf(json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"devices\":[%s]}}", names);
	fake_send(&f, json);
}

/* The next request is for this device; its id. */
static int
expect_exec(const char *device)
{
	const cJSON *params = fake_expect(&f, "exec");

	assert_string_equal(member(params, "device"), device);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "window")->valueint, 131072);
	int id = (int)f.message.id.number;
	if (cJSON_GetObjectItemCaseSensitive(params, "commands") == NULL)
		fake_expect(&f, "eof"); /* nothing is read for several */
	return id;
}

static void
say(int id, const char *text)
{
	output("stdout", id, text, strlen(text));
}

static void
test_each_line_has_its_name_and_lines_are_not_mixed(void **state NP_UNUSED)
{
	run_several("-n r1,r2 show", "r1,r2", "\"r1\",\"r2\"");
	assert_int_equal(expect_exec("r1"), 2);
	assert_int_equal(expect_exec("r2"), 3);
	say(2, "one\ntw");
	say(3, "ONE\nTWO");
	say(2, "o\n\nthree");
	output("stderr", 3, "oops\n", 5);
	finish(2, DONE);
	say(3, "\n");
	finish(3, DONE);

	expect_text(c.out, "r1: one\nr2: ONE\nr1: two\nr1: \nr1: three\nr2: TWO\n");
	expect_text(c.err, "r2: oops\n");
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_status_is_the_largest_and_says_whose(void **state NP_UNUSED)
{
	run_several("-n @core show", "@core", "\"r1\",\"r2\",\"r3\",\"r4\"");
	for (int i = 0; i < 4; i++)
		expect_exec((const char *[]){"r1", "r2", "r3", "r4"}[i]);
	finish(2, "\"exit_status\":3");
	finish(3, "\"exit_status\":null,\"exit_signal\":\"TERM\"");
	finish(4, "\"exit_status\":1,\"device_error\":\"% Invalid input\"");
	fail_request(5, "auth_failed", "no");

	expect_text(c.err, "npexec: r1: exit status 3\nnpexec: r2: died of signal TERM\nnpexec: r3: % Invalid input\n"
			   "npexec: r4: auth_failed: no\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_no_more_run_at_once_than_allowed(void **state NP_UNUSED)
{
	run_several("-n -P 2 r[1-4] show", "r[1-4]", "\"r1\",\"r2\",\"r3\",\"r4\"");
	expect_exec("r1");
	expect_exec("r2");
	assert_false(fake_has_message(&f, 50));
	finish(3, DONE);
	expect_exec("r3");
	assert_false(fake_has_message(&f, 50));
	finish(4, DONE);
	expect_exec("r4");
	finish(5, DONE);
	finish(2, DONE);

	assert_int_equal(fake_wait(&c), 0);
}

static void
test_pattern_that_matches_nothing_is_said(void **state NP_UNUSED)
{
	run("-n @nosuch show");
	fake_expect(&f, "devices");
	fail_request(1, "unknown_device", "no configured device is in group `nosuch`");
	expect_text(c.err, "npexec: @nosuch: unknown_device: no configured device is in group `nosuch`\n");
	assert_int_equal(fake_wait(&c), 255);
	fake_hang_up(&f);

	run("-j -n @nosuch show");
	fake_expect(&f, "devices");
	fail_request(1, "unknown_device", "none");
	expect_text(c.out,
	    "{\"command\":\"show\",\"device\":\"@nosuch\",\"error\":{\"code\":-32000,\"message\":\"none\",\"data\":{"
	    "\"reason\":\"unknown_device\"}},\"stdout\":\"\",\"stderr\":\"\"}\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_broker_without_lists_is_said(void **state NP_UNUSED)
{
	run("-n r1,r2 show");
	fake_expect(&f, "devices");
	fail_request(1, "unknown_method", "unknown method `devices`");

	expect_text(c.err, "npexec: r1,r2: unknown_method: unknown method `devices`\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_json_has_a_line_for_each_device(void **state NP_UNUSED)
{
	run_several("-j -n r1,r2,r3 show", "r1,r2,r3", "\"r1\",\"r2\",\"r3\"");
	expect_exec("r1");
	expect_exec("r2");
	expect_exec("r3");
	say(3, "b\n");
	say(2, "a\n");
	finish(3, "\"exit_status\":0,\"device\":\"r2\"");
	finish(2, DONE);
	fail_request(4, "auth_failed", "no");

	expect_text(c.out,
	    "{\"command\":\"show\",\"exit_status\":0,\"device\":\"r2\",\"stdout\":\"b\\n\",\"stderr\":\"\"}\n"
	    "{\"device\":\"r1\",\"command\":\"show\",\"exit_status\":0,\"stdout\":\"a\\n\",\"stderr\":\"\"}\n"
	    "{\"command\":\"show\",\"device\":\"r3\",\"error\":{\"code\":-32000,\"message\":\"no\",\"data\":{"
	    "\"reason\":\"auth_failed\"}},\"stdout\":\"\",\"stderr\":\"\"}\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_lists_of_commands_run_on_each(void **state NP_UNUSED)
{
	run_several("-e one -e two r1,r2", "r1,r2", "\"r1\",\"r2\"");
	expect_exec("r1");
	expect_exec("r2");
	note("result", 3, "\"index\":0,\"exit_status\":0");
	note("result", 2, "\"index\":0,\"exit_status\":0");
	note("result", 2, "\"index\":1,\"exit_status\":7");
	note("result", 3, "\"index\":1,\"exit_status\":0");
	respond(2, "\"x\":1");
	respond(3, "\"x\":1");

	expect_text(c.err, "npexec: r1: 'two': exit status 7\n");
	assert_int_equal(fake_wait(&c), 7);
}

/* ---- gathering ---- */

static void
test_equal_outputs_are_gathered(void **state NP_UNUSED)
{
	run_several("-b -n r* show", "r*", "\"r1\",\"r2\",\"r3\",\"r4\",\"r10\"");
	for (int i = 0; i < 5; i++)
		expect_exec((const char *[]){"r1", "r2", "r3", "r4", "r10"}[i]);
	say(4, "same\n");
	say(3, "other");
	say(2, "sa");
	finish(4, DONE);
	say(2, "me\n");
	output("stderr", 2, "warning\n", 8);
	finish(3, DONE);
	finish(2, DONE);
	finish(5, DONE); /* says nothing at all */
	say(6, "same\n");
	finish(6, "\"exit_status\":2");

	expect_text(c.out, "---------------\nr[1,3,10] (3)\n---------------\nsame\n"
			   "---------------\nr2\n---------------\nother\n");
	expect_text(c.err, "r1: warning\nnpexec: r10: exit status 2\n");
	assert_int_equal(fake_wait(&c), 2);
}

static void
test_large_outputs_are_gathered_whole(void **state NP_UNUSED)
{
	static char block[65536];
	char *text;
	size_t size;

	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\n';
	run_several("-b -n r1,r2 show", "r1,r2", "\"r1\",\"r2\"");
	expect_exec("r1");
	expect_exec("r2");
	for (int i = 0; i < 32; i++) {
		output("stdout", 2 + i % 2, block, sizeof(block));
		/* It is credited as it is kept. */
		const cJSON *params = fake_expect(&f, "credit");
		assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "id")->valueint, 2 + i % 2);
		assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "bytes")->valueint, 65536);
	}
	finish(2, DONE);
	finish(3, DONE);

	text = fake_read(c.out, NULL, &size);
	assert_non_null(strstr(text, "r[1-2] (2)\n"));
	assert_int_equal(size, 16 * 65536 + 2 * 16 + strlen("r[1-2] (2)\n"));
	free(text);
	assert_int_equal(fake_wait(&c), 0);
}

/* ---- slow readers, long lines ---- */

/* Standard output is not read: messages still are, each device has its window, and nothing is lost. */
static void
test_slow_reader_does_not_hold_the_others(void **state NP_UNUSED)
{
	static char block[65536];
	size_t sent = 0, size, x = 0;
	char *text;

	memset(block, 'x', sizeof(block));
	for (size_t i = 63; i < sizeof(block); i += 64)
		block[i] = '\n';
	run_several("-n r1,r2 show", "r1,r2", "\"r1\",\"r2\"");
	expect_exec("r1");
	expect_exec("r2");
	/* The pipe, what npexec keeps for it, and the window. */
	output("stdout", 2, block, sizeof(block));
	output("stdout", 2, block, sizeof(block));
	sent = 2 * sizeof(block);
	while (fake_has_message(&f, 300)) {
		const cJSON *params = fake_expect(&f, "credit");
		size_t bytes = (size_t)cJSON_GetObjectItemCaseSensitive(params, "bytes")->valuedouble;
		sent += bytes;
		for (size_t n; bytes > 0; bytes -= n) {
			n = bytes < sizeof(block) ? bytes : sizeof(block);
			output("stdout", 2, block, n);
		}
		assert_true(sent < ((size_t)16 << 20));
	}
	fail_request(3, "auth_failed", "no");
	free(fake_read(c.err, "npexec: r2: auth_failed: no\n", NULL));
	finish(2, DONE);

	text = fake_read(c.out, NULL, &size);
	for (size_t i = 0; i < size; i++)
		x += text[i] == 'x';
	free(text);
	assert_true(x > sent / 64 * 63 - 64 && x <= sent);
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_line_without_end_is_broken(void **state NP_UNUSED)
{
	static char block[65536];
	char *text;
	size_t size;

	memset(block, 'x', sizeof(block));
	run_several("-n r1,r2 show", "r1,r2", "\"r1\",\"r2\"");
	expect_exec("r1");
	expect_exec("r2");
	output("stdout", 2, block, sizeof(block));
	output("stderr", 2, block, 40000);
	fake_expect(&f, "credit");
	fake_expect(&f, "credit");
	say(3, "short\n");
	finish(2, DONE);
	finish(3, DONE);

	text = fake_read(c.out, NULL, &size);
	assert_int_equal(size, 65536 + 2 * strlen("r1: \n") + strlen("r2: short\n"));
	free(text);
	free(fake_read(c.err, NULL, NULL));
	assert_int_equal(fake_wait(&c), 0);
}

/* ---- endings ---- */

static void
test_interrupt_cancels_all_and_begins_no_more(void **state NP_UNUSED)
{
	run_several("-n -P 2 r1,r2,r3 show", "r1,r2,r3", "\"r1\",\"r2\",\"r3\"");
	expect_exec("r1");
	expect_exec("r2");
	say(2, "half");
	say(3, "whole\n");
	free(fake_read(c.out, "r2: whole\n", NULL));
	kill(c.pid, SIGINT);
	fake_expect(&f, "cancel");
	fake_expect(&f, "cancel");
	fail_request(2, "cancelled", "by the client");
	fail_request(3, "cancelled", "by the client");

	expect_text(c.out, "r1: half\n");
	expect_text(c.err, "");
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_second_interrupt_leaves(void **state NP_UNUSED)
{
	run_several("-n r1,r2 show", "r1,r2", "\"r1\",\"r2\"");
	expect_exec("r1");
	expect_exec("r2");
	kill(c.pid, SIGINT);
	fake_expect(&f, "cancel");
	fake_expect(&f, "cancel");
	kill(c.pid, SIGINT);

	fake_expect_end(&f);
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_interrupt_before_the_devices_are_known_leaves(void **state NP_UNUSED)
{
	run("-n r1,r2 show");
	fake_expect(&f, "devices");
	kill(c.pid, SIGINT);

	fake_expect_end(&f);
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_broker_that_dies_leaves_the_outcome_of_those_that_ran_unknown(void **state NP_UNUSED)
{
	run_several("-n -P 2 r1,r2,r3 show", "r1,r2,r3", "\"r1\",\"r2\",\"r3\"");
	expect_exec("r1");
	expect_exec("r2");
	say(2, "half");
	fake_hang_up(&f);

	expect_text(c.out, "r1: half\n");
	char *text = fake_read(c.err, NULL, NULL);
	assert_non_null(strstr(text, "npexec: r1: outcome_unknown: the command was running"));
	assert_non_null(strstr(text, "npexec: r2: outcome_unknown: the request had been sent"));
	assert_non_null(strstr(text, "npexec: r3: not_run: "));
	free(text);
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_progress_is_shown_on_a_terminal(void **state NP_UNUSED)
{
	char *text;

	run_on("r1,r2 show", true);
	fake_expect(&f, "devices");
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"devices\":[\"r1\",\"r2\"]}}");
	expect_exec("r1");
	expect_exec("r2");
	free(fake_read(c.out, "\r0 of 2 done, 0 failed, 2 at work", NULL));
	say(2, "hello\n");
	text = fake_read(c.out, "2 at work", NULL);
	/* Taken away before the line, and back behind it. */
	assert_non_null(strstr(text, "\r\033[Kr1: hello\r\n\r0 of 2 done"));
	free(text);
	finish(2, "\"exit_status\":1");
	free(fake_read(c.out, "\r1 of 2 done, 1 failed, 1 at work", NULL));
	finish(3, DONE);
	fake_expect_end(&f);
	text = fake_read(c.out, NULL, NULL);
	assert_string_equal(text + strlen(text) - 4, "\r\033[K");
	free(text);
	assert_int_equal(fake_wait(&c), 1);
}

static void
test_prompts_of_several_are_asked_in_turn(void **state NP_UNUSED)
{
	const cJSON *params;

	run_on("-q r1,r2,r3 show", true);
	fake_expect(&f, "devices");
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"devices\":[\"r1\",\"r2\",\"r3\"]}}");
	expect_exec("r1");
	expect_exec("r2");
	expect_exec("r3");
	note("prompt", 2, "\"prompt_id\":7,\"kind\":\"password\",\"text\":\"r1's password:\",\"echo\":false");
	note("prompt", 3, "\"prompt_id\":8,\"kind\":\"password\",\"text\":\"r2's password:\",\"echo\":false");
	note("prompt", 4, "\"prompt_id\":9,\"kind\":\"password\",\"text\":\"r3's password:\",\"echo\":false");
	free(fake_read(c.out, "r1's password: ", NULL));
	fail_request(3, "queue_timeout", "too late"); /* its question is not asked any more */
	free(fake_read(c.out, "too late", NULL));
	fake_write(c.out, "first\n");
	params = fake_expect(&f, "answer");
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "id")->valueint, 2);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "prompt_id")->valueint, 7);
	assert_string_equal(member(params, "value"), "first");
	free(fake_read(c.out, "r3's password: ", NULL));
	fake_write(c.out, "third\n");
	params = fake_expect(&f, "answer");
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "id")->valueint, 4);
	assert_string_equal(member(params, "value"), "third");
	finish(2, DONE);
	finish(4, DONE);

	fake_expect_end(&f);
	assert_int_equal(fake_wait(&c), 255);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(test_each_line_has_its_name_and_lines_are_not_mixed),
	    WITH(test_status_is_the_largest_and_says_whose),
	    WITH(test_no_more_run_at_once_than_allowed),
	    WITH(test_pattern_that_matches_nothing_is_said),
	    WITH(test_broker_without_lists_is_said),
	    WITH(test_json_has_a_line_for_each_device),
	    WITH(test_lists_of_commands_run_on_each),
	    WITH(test_equal_outputs_are_gathered),
	    WITH(test_large_outputs_are_gathered_whole),
	    WITH(test_slow_reader_does_not_hold_the_others),
	    WITH(test_line_without_end_is_broken),
	    WITH(test_interrupt_cancels_all_and_begins_no_more),
	    WITH(test_second_interrupt_leaves),
	    WITH(test_interrupt_before_the_devices_are_known_leaves),
	    WITH(test_broker_that_dies_leaves_the_outcome_of_those_that_ran_unknown),
	    WITH(test_progress_is_shown_on_a_terminal),
	    WITH(test_prompts_of_several_are_asked_in_turn),
	};

	return cmocka_run_group_tests_name("npexec_several", tests, NULL, NULL);
}
