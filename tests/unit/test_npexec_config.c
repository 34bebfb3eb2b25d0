/* npexec -c: lines to the broker, what a person reads about them, and the exit status. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "kit/npexeckit.h"

#define COUNTS(count, ok, failed, not_run)                                                                             \
	"\"count\":" #count ",\"ok\":" #ok ",\"failed\":" #failed ",\"not_run\":" #not_run
#define REJECTED ",\"error\":{\"code\":-32000,\"message\":\"line 2: bad\",\"data\":{\"reason\":\"config_rejected\"}}"

static void
result(int id, int index, const char *status, const char *text)
{
	char members[256];

	snprintf(members, sizeof(members), "\"index\":%d,\"status\":\"%s\"%s%s%s", index, status,
	    text != NULL ? ",\"text\":\"" : "", text != NULL ? text : "", text != NULL ? "\"" : "");
	note("result", id, members);
}

static void
answer(int id, const char *members)
{
	char json[1024];

	snprintf(json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{%s}}", id, members);
	fake_send(&f, json);
}

/* All lines, until their end. */
static void
expect_lines(int id, const char *lines)
{
	note("credit", id, "\"bytes\":16777216");
	fake_expect(&f, "stdin");
	assert_int_equal(f.data.len, strlen(lines));
	assert_memory_equal(buf_head(&f.data), lines, strlen(lines));
	fake_expect(&f, "eof");
}

static void
test_lines_are_sent_and_the_effect_is_said(void **state NP_UNUSED)
{
	static const struct {
		const char *options, *response, *says;
		int status;
	} cases[] = {
	    {"", COUNTS(2, 2, 0, 0) ",\"live\":true",
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; live, not saved\n", 0},
	    {"-q", COUNTS(2, 2, 0, 0) ",\"live\":true", "", 0},
	    {"--save", COUNTS(2, 2, 0, 0) ",\"live\":true,\"saved\":true",
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; live and saved\n", 0},
	    {"", COUNTS(2, 2, 0, 0) ",\"committed\":true,\"live\":false",
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; committed\n", 0},
	    {"--save", COUNTS(2, 2, 0, 0) ",\"committed\":true",
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; committed, not saved\n", 0},
	    {"--save", COUNTS(2, 2, 0, 0) ",\"committed\":true,\"saved\":true",
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; committed and saved\n", 0},
	    {"--confirm 5", COUNTS(2, 2, 0, 0) ",\"committed\":true",
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; committed, to be undone unless confirmed in "
		"time\n",
		0},
	    {"--dry-run", COUNTS(2, 2, 0, 0) ",\"aborted\":true",
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; discarded, as a dry run is\n", 0},
	    {"", COUNTS(2, 1, 0, 1) ",\"live\":true" REJECTED,
		"npexec: r1: config_rejected: line 2: bad\n"
		"npexec: r1: 1 of 2 lines taken, 0 refused, 1 not run; live, not saved\n",
		1},
	    {"-q", COUNTS(2, 2, 0, 0) ",\"aborted\":true" REJECTED,
		"npexec: r1: config_rejected: line 2: bad\n"
		"npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; discarded: nothing was changed\n",
		1},
	    {"",
		COUNTS(2, 1, 0, 1) ",\"error\":{\"code\":-32000,\"message\":\"lost\",\"data\":{\"reason\":"
				   "\"outcome_unknown\"}}",
		"npexec: r1: outcome_unknown: lost\n"
		"npexec: r1: 1 of 2 lines taken, 0 refused, 1 not run; neither committed nor discarded: look at the "
		"device\n",
		255},
	    {"", COUNTS(2, 0, 1, 1) ",\"remarks\":0,\"unclear\":1,\"aborted\":true" REJECTED,
		"npexec: r1: config_rejected: line 2: bad\n"
		"npexec: r1: 0 of 2 lines taken, 0 refused, 1 unclear, 1 not run; discarded: nothing was changed\n",
		1},
	    {"", COUNTS(2, 0, 1, 1) ",\"remarks\":0,\"unclear\":1,\"live\":true" REJECTED,
		"npexec: r1: config_rejected: line 2: bad\n"
		"npexec: r1: 0 of 2 lines taken, 0 refused, 1 unclear, 1 not run; whether a line is live is not "
		"known\n",
		1},
	    {"", COUNTS(2, 1, 1, 0) ",\"live\":true,\"aborted\":true" REJECTED,
		"npexec: r1: config_rejected: line 2: bad\n"
		"npexec: r1: 1 of 2 lines taken, 1 refused, 0 not run; what was begun and not ended is thrown away, "
		"the rest is live\n",
		1},
	    {"", COUNTS(3, 2, 1, 0) ",\"committed\":true,\"aborted\":true" REJECTED,
		"npexec: r1: config_rejected: line 2: bad\n"
		"npexec: r1: 2 of 3 lines taken, 1 refused, 0 not run; what a line of it committed holds, the rest is "
		"discarded\n",
		1},
	    {"", COUNTS(3, 1, 1, 1) ",\"unclear\":1,\"live\":true,\"unended\":true" REJECTED,
		"npexec: r1: config_rejected: line 2: bad\n"
		"npexec: r1: 1 of 3 lines taken, 0 refused, 1 unclear, 1 not run; live, but perhaps not what "
		"the last sub-mode began; not saved\n",
		1},
	    {"",
		COUNTS(2, 0, 0, 2) ",\"error\":{\"code\":-32000,\"message\":\"slow\",\"data\":{\"reason\":\"idle_"
				   "timeout\"}}",
		"npexec: r1: idle_timeout: slow\n"
		"npexec: r1: 0 of 2 lines taken, 0 refused, 2 not run; nothing was changed\n",
		124},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char line[64];
		snprintf(line, sizeof(line), "-c %s -e one -e two r1", cases[i].options);
		run(line);
		assert_string_equal(member(fake_expect(&f, "config"), "device"), "r1");
		expect_lines(1, "one\ntwo\n");
		answer(1, cases[i].response);
		expect_text(c.err, cases[i].says);
		expect_text(c.out, "");
		assert_int_equal(fake_wait(&c), cases[i].status);
		fake_hang_up(&f);
	}
}

static void
test_refused_lines_are_shown_with_the_words_of_the_device(void **state NP_UNUSED)
{
	begin_on("-c r1", false);
	fake_write(c.in, "interface Gi0/1\n ip adress 192.0.2.1\n\nno shutdown");
	close(c.in);
	c.in = -1;
	greet();
	fake_expect(&f, "config");
	expect_lines(1, "interface Gi0/1\n ip adress 192.0.2.1\n\nno shutdown\n");
	result(1, 0, "ok", NULL);
	result(1, 1, "failed", "% Invalid input \\u001b[1mdetected");
	result(1, 2, "ok", NULL);
	result(1, 3, "not_run", NULL);
	answer(1, COUNTS(4, 2, 1, 1) ",\"live\":true" REJECTED);

	expect_text(c.err, "npexec: r1: line 2: ' ip adress 192.0.2.1': % Invalid input \\033[1mdetected\n"
			   "npexec: r1: 2 of 4 lines taken, 1 refused, 1 not run; live, not saved\n");
	assert_int_equal(fake_wait(&c), 1);
}

static void
test_remarks_and_unclear_lines_are_shown_as_such(void **state NP_UNUSED)
{
	run("-c -e a -e b r1");
	fake_expect(&f, "config");
	expect_lines(1, "a\nb\n");
	note("result", 1, "\"index\":0,\"status\":\"ok\",\"outcome\":\"remark\",\"text\":\"Warning: x\"");
	note("result", 1, "\"index\":1,\"status\":\"failed\",\"outcome\":\"unclear\",\"text\":\"hm\"");
	answer(1, COUNTS(2, 1, 1, 0) ",\"remarks\":1,\"unclear\":1,\"live\":true" REJECTED);

	expect_text(c.err, "npexec: r1: line 1: 'a': remark: Warning: x\nnpexec: r1: line 2: 'b': unclear: hm\n"
			   "npexec: r1: 1 of 2 lines taken, 0 refused, 1 unclear, 0 not run; live, not saved\n");
	assert_int_equal(fake_wait(&c), 1);
}

static void
test_results_may_name_any_line(void **state NP_UNUSED)
{
	run("-c -e a -e b -e c r1");
	fake_expect(&f, "config");
	expect_lines(1, "a\nb\nc\n");
	result(1, 2, "failed", "no");
	result(1, 0, "failed", "no");
	result(1, 3, "failed", "no"); /* there is none */
	result(1, 1, "failed", NULL);
	answer(1, COUNTS(3, 0, 3, 0) ",\"live\":true" REJECTED);

	expect_text(c.err, "npexec: r1: line 3: 'c': no\nnpexec: r1: line 1: 'a': no\nnpexec: r1: line 4: '': no\n"
			   "npexec: r1: line 2: 'b': refused without a word\n"
			   "npexec: r1: 0 of 3 lines taken, 3 refused, 0 not run; no line is live\n");
	assert_int_equal(fake_wait(&c), 1);
}

static void
test_failures_before_the_first_line_are_errors(void **state NP_UNUSED)
{
	run("-c r1 x");
	fake_expect(&f, "config");
	fail_request(1, "privilege_failed", "no secret");

	expect_text(c.err, "npexec: r1: privilege_failed: no secret\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_output_of_the_device_is_ours(void **state NP_UNUSED)
{
	run("-c -q --dry-run r1 x");
	fake_expect(&f, "config");
	expect_lines(1, "x\n");
	output("stdout", 1, "+ x\n", 4);
	answer(1, COUNTS(1, 1, 0, 0) ",\"aborted\":true");

	expect_text(c.out, "+ x\n");
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_json_has_an_object_a_line_and_one_for_all(void **state NP_UNUSED)
{
	run("-j -c -e a -e b -e c r1");
	fake_expect(&f, "config");
	expect_lines(1, "a\nb\nc\n");
	result(1, 0, "ok", NULL);
	result(1, 1, "failed", "% no");
	result(1, 2, "not_run", NULL);
	output("stdout", 1, "diff", 4);
	answer(1, COUNTS(3, 1, 1, 1) ",\"device\":\"r1\",\"live\":true" REJECTED);

	expect_text(c.out, "{\"device\":\"r1\",\"command\":\"a\",\"index\":0,\"status\":\"ok\"}\n"
			   "{\"device\":\"r1\",\"command\":\"b\",\"index\":1,\"status\":\"failed\",\"text\":\"% no\"}\n"
			   "{\"device\":\"r1\",\"command\":\"c\",\"index\":2,\"status\":\"not_run\"}\n"
			   "{" COUNTS(3, 1, 1, 1) ",\"device\":\"r1\",\"live\":true" REJECTED
						  ",\"stdout\":\"diff\",\"stderr\":\"\"}\n");
	expect_text(c.err, "npexec: r1: config_rejected: line 2: bad\n");
	assert_int_equal(fake_wait(&c), 1);
}

static void
test_a_range_of_lines_is_shown_line_by_line(void **state NP_UNUSED)
{
	begin_on("-j -c r1", false);
	fake_write(c.in, "a\nb\n\nc\n");
	close(c.in);
	c.in = -1;
	greet();
	fake_expect(&f, "config");
	expect_lines(1, "a\nb\n\nc\n");
	result(1, 0, "failed", "% no");
	note("result", 1, "\"index\":1,\"last\":3,\"lines\":2,\"status\":\"not_run\"");
	answer(1, COUNTS(3, 0, 1, 2) REJECTED);

	expect_text(c.out, "{\"device\":\"r1\",\"command\":\"a\",\"index\":0,\"status\":\"failed\",\"text\":\"% no\"}\n"
			   "{\"device\":\"r1\",\"command\":\"b\",\"index\":1,\"status\":\"not_run\"}\n"
			   "{\"device\":\"r1\",\"command\":\"c\",\"index\":3,\"status\":\"not_run\"}\n"
			   "{" COUNTS(3, 0, 1, 2) REJECTED ",\"stdout\":\"\",\"stderr\":\"\"}\n");
	expect_text(c.err, "npexec: r1: config_rejected: line 2: bad\n");
	assert_int_equal(fake_wait(&c), 1);
}

/* Much more than a frame, in small credits: byte for byte, and nothing beyond them. */
static void
test_many_lines_keep_to_the_credit(void **state NP_UNUSED)
{
	enum { SIZE = 1 << 20 };
	/* Static: npexec runs in a child of this process, in which memory of ours would count as lost. */
	static char text[SIZE], got[SIZE];
	char path[] = "/tmp/npcfgXXXXXX", line[64];
	const size_t size = SIZE;
	size_t have = 0;
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 61 == 60 || i + 1 == size ? '\n' : (char)('a' + i % 26);
	assert_int_equal(write(fd, text, size), (ssize_t)size);
	close(fd);
	snprintf(line, sizeof(line), "-c -q -f %s r1", path);
	run(line);
	fake_expect(&f, "config");
	unlink(path);
	assert_false(fake_has_message(&f, 50));
	while (have < size) {
		note("credit", 1, "\"bytes\":100000");
		for (size_t left = size - have < 100000 ? size - have : 100000; left > 0;) {
			fake_expect(&f, "stdin");
			assert_true(f.data.len <= left);
			memcpy(got + have, buf_head(&f.data), f.data.len);
			have += f.data.len;
			left -= f.data.len;
		}
	}
	fake_expect(&f, "eof");
	assert_memory_equal(got, text, size);
	answer(1, COUNTS(17190, 17190, 0, 0) ",\"live\":true");
	expect_text(c.err, "");
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_interrupt_cancels_a_configuration(void **state NP_UNUSED)
{
	run("-c -e a -e b r1");
	fake_expect(&f, "config");
	expect_lines(1, "a\nb\n");
	result(1, 0, "ok", NULL);
	kill(c.pid, SIGINT);
	fake_expect(&f, "cancel");
	result(1, 1, "not_run", NULL);
	answer(1, COUNTS(2, 1, 0, 1) ",\"live\":true,\"error\":{\"code\":-32000,\"message\":\"cancelled\",\"data\":{"
				     "\"reason\":\"cancelled\"}}");

	expect_text(c.err, "npexec: r1: 1 of 2 lines taken, 0 refused, 1 not run; live, not saved\n");
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_interrupt_before_the_lines_left_sends_no_more(void **state NP_UNUSED)
{
	run("-c -e a -e b r1");
	fake_expect(&f, "config");
	kill(c.pid, SIGINT);
	fake_expect(&f, "cancel");
	note("credit", 1, "\"bytes\":1000");
	assert_false(fake_has_message(&f, 50));
	fail_request(1, "cancelled", "cancelled by the client");

	expect_text(c.err, "");
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_several_devices_get_the_same_lines(void **state NP_UNUSED)
{
	run("-c -e a -e b r1,r2");
	fake_expect(&f, "devices");
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"devices\":[\"r1\",\"r2\"]}}");
	assert_string_equal(member(fake_expect(&f, "config"), "device"), "r1");
	const cJSON *params = fake_expect(&f, "config");
	assert_string_equal(member(params, "device"), "r2");
	assert_null(cJSON_GetObjectItemCaseSensitive(params, "window"));
	expect_lines(3, "a\nb\n");
	expect_lines(2, "a\nb\n");
	result(3, 0, "failed", "no");
	output("stdout", 2, "diff\n", 5);
	answer(2, COUNTS(2, 2, 0, 0) ",\"committed\":true");
	answer(3, COUNTS(2, 0, 1, 1) ",\"aborted\":true" REJECTED);

	expect_text(c.out, "r1: diff\n");
	expect_text(c.err, "npexec: r2: line 1: 'a': no\n"
			   "npexec: r1: 2 of 2 lines taken, 0 refused, 0 not run; committed\n"
			   "npexec: r2: 0 of 2 lines taken, 1 refused, 1 not run; discarded: nothing was changed\n");
	assert_int_equal(fake_wait(&c), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(test_lines_are_sent_and_the_effect_is_said),
	    WITH(test_refused_lines_are_shown_with_the_words_of_the_device),
	    WITH(test_remarks_and_unclear_lines_are_shown_as_such),
	    WITH(test_results_may_name_any_line),
	    WITH(test_failures_before_the_first_line_are_errors),
	    WITH(test_output_of_the_device_is_ours),
	    WITH(test_json_has_an_object_a_line_and_one_for_all),
	    WITH(test_a_range_of_lines_is_shown_line_by_line),
	    WITH(test_many_lines_keep_to_the_credit),
	    WITH(test_interrupt_cancels_a_configuration),
	    WITH(test_interrupt_before_the_lines_left_sends_no_more),
	    WITH(test_several_devices_get_the_same_lines),
	};

	return cmocka_run_group_tests_name("npexec_config", tests, NULL, NULL);
}
