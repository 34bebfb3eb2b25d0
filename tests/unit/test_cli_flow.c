/*
 * Tests of the cli driver that no script can say: large output and a reader that does not read, pauses at every byte,
 * many commands in a row.  The numbers are those of the list of hard cases.
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
#include "cli/cli.h"
#include "base/log.h"
#include "platform/platform.h"
#include "base/xalloc.h"

static const char definition[] = "name: t\n"
				 "base_mode: priv\n"
				 "modes:\n"
				 "  priv: {prompt: '(?<host>\\w+)#', samples: ['R1#']}\n"
				 "errors: '% Invalid'\n"
				 "sentinel: '! {nonce}'\n"
				 "logout: exit\n";

struct world {
	struct platform *platform;
	struct cli *cli;
	double now;
};

static void
send_all(struct world *w, const char *text)
{
	assert_int_equal(cli_feed(w->cli, text, strlen(text), w->now), strlen(text));
}

static void
expect(struct world *w, const char *sent)
{
	struct buf *b = cli_send(w->cli);

	assert_int_equal(b->len, strlen(sent));
	assert_memory_equal(buf_head(b), sent, b->len);
	buf_consume(b, b->len);
}

static struct cli_event
take(struct world *w, enum cli_event_kind kind)
{
	struct cli_event event;

	assert_true(cli_next_event(w->cli, &event));
	assert_int_equal(event.kind, kind);
	return event;
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct np_error err;
	struct cli_options options = {.name = "t", .seed = 7};

	log_set_level(LOG_LEVEL_ERROR);
	w->platform = platform_parse(definition, sizeof(definition) - 1, "t.yaml", NULL, NULL, &err);
	assert_non_null(w->platform);
	options.platform = w->platform;
	w->now = 100;
	w->cli = cli_create(&options, w->now);
	send_all(w, "R1#");
	cli_drained(w->cli, w->now);
	w->now += 0.1;
	cli_tick(w->cli, w->now);
	expect(w, "\n");
	send_all(w, "\r\nR1#");
	cli_drained(w->cli, w->now);
	take(w, CLI_EVENT_READY);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	cli_destroy(w->cli);
	platform_unref(w->platform);
	free(w);
	return 0;
}

static void
run(struct world *w, const char *text)
{
	struct cli_command command = {.text = text, .size = strlen(text), .limits = {60, 60, 0}};
	struct np_error err;

	assert_int_equal(cli_run(w->cli, &command, w->now, &err), 0);
}

static void
test_case_4_a_pause_at_every_byte_of_output_and_prompt_changes_nothing(void **state)
{
	static const char output[] = "show x\r\nline 1\r\nR1 # not\r\n R1#\r\nlast\r\nR1#";
	struct world *w = *state;
	struct buf *out = cli_output(w->cli);

	run(w, "show x");
	expect(w, "show x\n");
	for (size_t i = 0; i < sizeof(output) - 1; i++) {
		assert_int_equal(cli_feed(w->cli, output + i, 1, w->now), 1);
		cli_drained(w->cli, w->now);
		w->now += 0.001;
		cli_tick(w->cli, w->now);
	}

	assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_NONE);
	take(w, CLI_EVENT_READY);
	assert_int_equal(out->len, strlen("line 1\nR1 # not\n R1#\nlast\n"));
	assert_memory_equal(buf_head(out), "line 1\nR1 # not\n R1#\nlast\n", out->len);
	assert_int_equal(cli_stats(w->cli)->resyncs, 0);
}

/* A console at 9600 baud: a line of output that begins with the prompt is no end, although nothing more is there yet.
 */
static void
test_the_gaps_of_a_slow_line_are_waited_for_behind_a_prompt(void **state)
{
	static const char output[] = "show x\r\na line that is long enough to measure it\r\nR1#show y\r\nlast\r\nR1#";
	struct world *w = *state;
	struct buf *out = cli_output(w->cli);

	run(w, "show x");
	expect(w, "show x\n");
	for (size_t i = 0; i < sizeof(output) - 1; i++) {
		assert_int_equal(cli_feed(w->cli, output + i, 1, w->now), 1);
		cli_drained(w->cli, w->now);
		for (int k = 0; k < 4; k++) {
			w->now += 0.0005;
			if (cli_wake_at(w->cli) != 0 && cli_wake_at(w->cli) <= w->now)
				cli_tick(w->cli, w->now);
		}
	}
	w->now += 0.05;
	cli_tick(w->cli, w->now);
	assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_NONE);
	take(w, CLI_EVENT_READY);
	assert_int_equal(out->len, strlen("a line that is long enough to measure it\nR1#show y\nlast\n"));
	assert_int_equal(cli_stats(w->cli)->late, 0);
	/* Where whole lines come again, nothing is waited for. */
	buf_consume(out, out->len);
	run(w, "show z");
	expect(w, "show z\n");
	send_all(
	    w, "show z\r\nSome output that comes as a whole, and is longer than what a slow line has at once\r\nR1#");
	cli_drained(w->cli, w->now);
	take(w, CLI_EVENT_RESULT);
	take(w, CLI_EVENT_READY);
}

/* What is typed is repeated as its bytes arrive, and the device thinks before it answers: no line is slow for that. */
static void
test_an_echo_byte_by_byte_makes_no_slow_line(void **state)
{
	static const char typed[] =
	    "show interfaces GigabitEthernet0/0/0/1 statistics | include packets input, in all, "
	    "and of the last five minutes";
	struct world *w = *state;

	for (int i = 0; i < 5; i++) {
		run(w, typed);
		buf_consume(cli_send(w->cli), sizeof(typed)); /* and the newline */
		for (size_t k = 0; k < sizeof(typed) - 1; k++) {
			assert_int_equal(cli_feed(w->cli, typed + k, 1, w->now), 1);
			cli_drained(w->cli, w->now);
			w->now += k % 7 == 0 ? 0.03 : 0.002;
		}
		w->now += 0.03;
		send_all(w, i % 2 == 0 ? "\r\nR1#" : "\r\n1234567 packets input\r\nR1#");
		cli_drained(w->cli, w->now);
		assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_NONE);
		take(w, CLI_EVENT_READY);
		buf_consume(cli_output(w->cli), cli_output(w->cli)->len);
	}
}

/* Lines with their number, so that a lost or doubled one is seen. */
static size_t
make_line(char *line, size_t size, unsigned number)
{
	return (size_t)snprintf(
	    line, size, "line %07u of a long configuration, with # and > and %% Invalid in it\r\n", number);
}

static void
test_case_41_output_that_nobody_reads_stops_the_device_and_loses_nothing(void **state)
{
	struct world *w = *state;
	struct buf *out = cli_output(w->cli);
	char line[128];
	unsigned read = 0, lines = 60000;
	size_t most = 0;

	run(w, "show run");
	expect(w, "show run\n");
	send_all(w, "show run\r\n");
	for (unsigned i = 0; i < lines; i++) {
		size_t n = make_line(line, sizeof(line), i), taken = 0;

		while (taken < n) {
			taken += cli_feed(w->cli, line + taken, n - taken, w->now);
			if (out->len > most)
				most = out->len;
			if (taken == n && out->len < CLI_OUTPUT_HIGH && i + 1 < lines)
				break;
			/* The reader wakes up and takes all. */
			while (out->len > 0) {
				char want[128];
				size_t k = make_line(want, sizeof(want), read++) - 2;

				assert_true(out->len >= k + 1);
				assert_memory_equal(buf_head(out), want, k);
				assert_int_equal(buf_head(out)[k], '\n');
				buf_consume(out, k + 1);
			}
		}
	}
	send_all(w, "R1#");
	cli_drained(w->cli, w->now);

	assert_int_equal(read, lines);
	assert_true(most < CLI_OUTPUT_HIGH + 8192);
	assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_NONE);
	take(w, CLI_EVENT_READY);
}

static void
test_case_41_one_endless_line_is_passed_on_as_it_comes(void **state)
{
	struct world *w = *state;
	struct buf *out = cli_output(w->cli);
	char piece[1000];
	size_t total = 0;

	memset(piece, 'x', sizeof(piece));
	run(w, "show hex");
	expect(w, "show hex\n");
	send_all(w, "show hex\r\n");
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(cli_feed(w->cli, piece, sizeof(piece), w->now), sizeof(piece));
		total += out->len;
		buf_consume(out, out->len);
	}
	send_all(w, "\r\nR1#");
	cli_drained(w->cli, w->now);
	total += out->len;
	buf_consume(out, out->len);

	assert_int_equal(total, 3000 * sizeof(piece) + 1);
	assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_NONE);
	take(w, CLI_EVENT_READY);
}

static void
test_case_63_the_silence_of_a_device_whose_output_nobody_reads_is_no_silence(void **state)
{
	struct world *w = *state;
	struct cli_command command = {.text = "show run", .size = 8, .limits = {60, 5, 0}};
	struct buf *out = cli_output(w->cli);
	struct np_error err;
	char line[128];
	size_t n = make_line(line, sizeof(line), 1);

	assert_int_equal(cli_run(w->cli, &command, w->now, &err), 0);
	expect(w, "show run\n");
	send_all(w, "show run\r\n");
	while (cli_feed(w->cli, line, n, w->now) == n)
		continue;
	/* The window is full, and the reader sleeps for longer than the idle limit. */
	for (int i = 0; i < 100; i++) {
		double at = cli_wake_at(w->cli);

		w->now = at > 0 && at < w->now + 1 ? at : w->now + 1;
		cli_tick(w->cli, w->now);
		assert_int_equal(cli_feed(w->cli, line, n, w->now), 0);
	}
	assert_int_equal(cli_state(w->cli), CLI_RUNNING);
	buf_consume(out, out->len);
	send_all(w, "R1#");
	cli_drained(w->cli, w->now);
	assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_NONE);
	take(w, CLI_EVENT_READY);

	/* One that reads, but a device that is silent: that is the limit's business. */
	buf_consume(out, out->len);
	assert_int_equal(cli_run(w->cli, &command, w->now, &err), 0);
	expect(w, "show run\n");
	send_all(w, "show run\r\nx\r\n");
	cli_drained(w->cli, w->now);
	w->now += 5;
	cli_tick(w->cli, w->now);
	assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_IDLE_TIMEOUT);
}

static void
test_case_55_200_commands_and_keep_alives_each_get_their_own_answer(void **state)
{
	struct world *w = *state;
	struct buf *out = cli_output(w->cli);
	struct np_error err;

	for (int i = 0; i < 200; i++) {
		char command[32], typed[33], answer[80];

		snprintf(command, sizeof(command), "show %d", i);
		snprintf(typed, sizeof(typed), "%s\n", command);
		snprintf(answer, sizeof(answer), "%s\r\nanswer %d\r\nR1#", command, i);
		run(w, command);
		expect(w, typed);
		/* Half of them in two halves. */
		if (i % 2 == 0) {
			assert_int_equal(cli_feed(w->cli, answer, 9, w->now), 9);
			cli_drained(w->cli, w->now);
			send_all(w, answer + 9);
		} else {
			send_all(w, answer);
		}
		cli_drained(w->cli, w->now);
		assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_NONE);
		take(w, CLI_EVENT_READY);
		snprintf(answer, sizeof(answer), "answer %d\n", i);
		assert_int_equal(out->len, strlen(answer));
		assert_memory_equal(buf_head(out), answer, out->len);
		buf_consume(out, out->len);
		if (i % 10 == 0) {
			assert_int_equal(cli_keepalive(w->cli, w->now, &err), 0);
			expect(w, "\n");
			send_all(w, "\r\nR1#");
			cli_drained(w->cli, w->now);
			take(w, CLI_EVENT_RESULT);
			take(w, CLI_EVENT_READY);
		}
		w->now += 1;
	}
	assert_int_equal(cli_stats(w->cli)->resyncs, 0);
	assert_int_equal(cli_stats(w->cli)->commands, 200);
	assert_int_equal(cli_stats(w->cli)->keepalives, 20);
}

static void
test_one_operation_at_a_time(void **state)
{
	struct world *w = *state;
	struct cli_command command = {.text = "b", .size = 1};
	struct np_error err = {0};

	run(w, "a");
	assert_int_equal(cli_run(w->cli, &command, w->now, &err), -1);
	assert_int_equal(err.reason, REASON_INTERNAL);
	assert_int_equal(cli_reset(w->cli, w->now, &err), -1);
	assert_int_equal(cli_keepalive(w->cli, w->now, &err), -1);
	expect(w, "a\n");
}

static void
test_a_line_too_long_to_type_is_refused(void **state)
{
	struct world *w = *state;
	char text[CLI_COMMAND_MAX + 1];
	struct cli_command command = {.text = text, .size = sizeof(text)};
	struct np_error err = {0};

	memset(text, 'x', sizeof(text));
	assert_int_equal(cli_run(w->cli, &command, w->now, &err), -1);
	assert_int_equal(err.reason, REASON_INVALID_PARAMS);
	command.size--;
	assert_int_equal(cli_run(w->cli, &command, w->now, &err), 0);
	assert_true(cli_send(w->cli)->len > 0);
}

static void
test_a_command_that_was_not_typed_may_be_tried_elsewhere(void **state)
{
	struct world *w = *state;
	struct cli_event event;

	/* At rest something came that nobody asked for: the command waits for the proof, and the device closes. */
	send_all(w, "\r\nsomething odd\r\n");
	cli_drained(w->cli, w->now);
	run(w, "show x");
	assert_int_equal(cli_state(w->cli), CLI_RESYNC);
	cli_closed(w->cli, "gone", w->now);

	event = take(w, CLI_EVENT_RESULT);
	assert_int_equal(event.result.op, CLI_OP_RUN);
	assert_false(event.result.sent);
	event = take(w, CLI_EVENT_DEAD);
	assert_int_equal(event.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_int_equal(cli_wake_at(w->cli), 0);
}

static void
test_a_command_that_waits_for_a_keep_alive_starts_behind_its_result(void **state)
{
	struct world *w = *state;
	struct np_error err;
	struct cli_event event;

	assert_int_equal(cli_keepalive(w->cli, w->now, &err), 0);
	expect(w, "\n");
	run(w, "show x");
	expect(w, "");
	send_all(w, "\r\nR1#");
	cli_drained(w->cli, w->now);
	expect(w, "show x\n");
	assert_int_equal(take(w, CLI_EVENT_RESULT).result.op, CLI_OP_KEEPALIVE);
	assert_false(cli_next_event(w->cli, &event)); /* it is not said to be ready for another */
	assert_int_equal(cli_state(w->cli), CLI_RUNNING);
}

static void
test_a_shell_that_dies_ends_what_runs_and_what_waits_and_is_dead_last(void **state)
{
	struct world *w = *state;
	struct np_error err;
	struct cli_event event;

	assert_int_equal(cli_keepalive(w->cli, w->now, &err), 0);
	run(w, "show x");
	cli_closed(w->cli, "gone", w->now);

	event = take(w, CLI_EVENT_RESULT);
	assert_int_equal(event.result.op, CLI_OP_KEEPALIVE);
	assert_int_equal(event.result.err.reason, REASON_OUTCOME_UNKNOWN);
	event = take(w, CLI_EVENT_RESULT);
	assert_int_equal(event.result.op, CLI_OP_RUN);
	assert_false(event.result.sent);
	take(w, CLI_EVENT_DEAD);
	assert_false(cli_next_event(w->cli, &event));
	cli_closed(w->cli, "gone", w->now); /* once */
	assert_false(cli_next_event(w->cli, &event));
	assert_int_equal(cli_run(w->cli, &(struct cli_command){.text = "x", .size = 1}, w->now, &err), -1);
}

/* The line does not fit behind what the owner has not written yet: no more is typed, and nothing else comes of it. */
static void
test_a_shell_whose_bytes_nobody_writes_dies_once(void **state)
{
	struct world *w = *state;
	struct buf *send = cli_send(w->cli);
	struct cli_event event;

	while (buf_room(send) > 3)
		assert_int_equal(buf_append(send, "x", 1), 0);
	run(w, "show x");
	assert_int_equal(cli_state(w->cli), CLI_CLOSED);
	assert_int_equal(take(w, CLI_EVENT_RESULT).result.err.reason, REASON_INTERNAL);
	take(w, CLI_EVENT_DEAD);
	assert_false(cli_next_event(w->cli, &event));
	cli_tick(w->cli, w->now + 100);
	assert_false(cli_next_event(w->cli, &event));
	assert_int_equal(cli_wake_at(w->cli), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_the_gaps_of_a_slow_line_are_waited_for_behind_a_prompt, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_an_echo_byte_by_byte_makes_no_slow_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_case_4_a_pause_at_every_byte_of_output_and_prompt_changes_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_case_41_output_that_nobody_reads_stops_the_device_and_loses_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_case_63_the_silence_of_a_device_whose_output_nobody_reads_is_no_silence, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_case_41_one_endless_line_is_passed_on_as_it_comes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_case_55_200_commands_and_keep_alives_each_get_their_own_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_one_operation_at_a_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_line_too_long_to_type_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_command_that_was_not_typed_may_be_tried_elsewhere, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_command_that_waits_for_a_keep_alive_starts_behind_its_result, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_shell_that_dies_ends_what_runs_and_what_waits_and_is_dead_last, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_shell_whose_bytes_nobody_writes_dies_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("cli_flow", tests, NULL, NULL);
}
