/* Channels of a session against a real sshd: how commands start, signals, giving up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kit/sshpair.h"
#include "kit/slow.h"

static const struct sshpair_options plain = {0};

/* ---- starting ---- */

static void
test_environment_is_passed_and_refused_names_are_left_out(void **state NP_UNUSED)
{
	static const char *const env[] = {"NP_TEST_A=first = one", "REFUSED=x", "NP_TEST_B=", "NP_TEST_C=last", NULL};
	static const char command[] = "echo \"$NP_TEST_A|${REFUSED-unset}|${NP_TEST_B-unset}|$NP_TEST_C\"";
	struct chan_spec spec = {.kind = CHANNEL_EXEC, .command = command, .command_size = strlen(command), .env = env};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_start(&r, t.session, &spec);
	sshpair_until(&t, record_done, &r);

	assert_string_equal(record_text(&r, 0), "first = one|unset||last\n");
	record_free(&r);
	sshpair_stop(&t);
}

/* Whether this user may have a terminal from an sshd of his own: that depends on how /dev/pts is mounted. */
static bool
terminals_work(struct sshpair *t)
{
	struct chan_spec spec = {.kind = CHANNEL_EXEC, .command = "true", .command_size = 4, .pty = true};
	struct record r = {0};

	record_start(&r, t->session, &spec);
	sshpair_until(t, record_done, &r);
	record_free(&r);
	if (r.end.err.reason == REASON_NONE)
		return true;
	assert_int_not_equal(getuid(), 0);
	sshpair_until(t, sshpair_closed, t);
	sshpair_stop(t);
	return false;
}

static void
test_a_terminal_has_its_name_and_size_and_changes_it(void **state NP_UNUSED)
{
	/* bash alone, without the second trap, ignores an interrupt in the moment in which its child ends by itself. */
	static const char command[] = "trap 'echo size $(stty size)' WINCH; trap 'exit 9' INT;"
				      " echo $TERM $(stty size); while :; do sleep 0.02; done";
	struct chan_spec spec = {.kind = CHANNEL_EXEC,
	    .command = command,
	    .command_size = strlen(command),
	    .pty = true,
	    .term = "xterm-color",
	    .cols = 91,
	    .rows = 33};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	if (!terminals_work(&t))
		skip();
	record_start(&r, t.session, &spec);
	chan_resize(r.chan, 92, 34); /* remembered: the terminal is not there yet */
	sshpair_until(&t, record_any_output, &r);
	record_wait_text(&t, &r, "xterm-color ");
	chan_resize(r.chan, 100, 40);
	record_wait_text(&t, &r, "size 40 100");
	assert_int_equal(chan_write(r.chan, "\003", 1), 0); /* the terminal's own interrupt */
	sshpair_until(&t, record_done, &r);

	assert_int_equal(r.end.status, 9);
	assert_int_equal(r.out[1].len, 0);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_a_shell_reads_its_commands_from_the_input(void **state NP_UNUSED)
{
	struct chan_spec spec = {.kind = CHANNEL_SHELL};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_start(&r, t.session, &spec);
	assert_int_equal(chan_write(r.chan, "echo from the shell\nexit 11\n", 28), 0);
	sshpair_until(&t, record_done, &r);

	assert_non_null(strstr(record_text(&r, 0), "from the shell\n"));
	assert_int_equal(r.end.status, 11);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_a_subsystem_speaks_its_own_protocol(void **state NP_UNUSED)
{
	static const unsigned char init[] = {0, 0, 0, 5, 1, 0, 0, 0, 3}; /* SSH_FXP_INIT, version 3 */
	struct chan_spec spec = {.kind = CHANNEL_SUBSYSTEM, .command = "sftp", .command_size = 4};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_start(&r, t.session, &spec);
	assert_int_equal(chan_write(r.chan, init, sizeof init), 0);
	sshpair_until(&t, record_any_output, &r);
	chan_eof(r.chan);
	sshpair_until(&t, record_done, &r);

	assert_true(r.out[0].len > 5);
	assert_int_equal(buf_head(&r.out[0])[4], 2); /* SSH_FXP_VERSION */
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_an_unknown_subsystem_is_refused_and_its_slot_returns(void **state NP_UNUSED)
{
	struct chan_spec spec = {.kind = CHANNEL_SUBSYSTEM, .command = "no\033such", .command_size = 7};
	struct sshpair_options options = {.sshd = "MaxSessions 1"};
	struct sshpair t;

	sshpair_start(&t, &options);
	for (int i = 0; i < 5; i++) {
		struct record r = {0};

		record_start(&r, t.session, &spec);
		sshpair_until(&t, record_done, &r);
		assert_false(r.started);
		assert_int_equal(r.end.err.reason, REASON_EXEC_REFUSED);
		assert_true(r.end.sent);
		assert_null(strchr(r.end.err.text, '\033'));
		record_free(&r);
		sshpair_until(&t, sshpair_no_slot_used, &t);
	}
	record_expect(&t, "exit 2", 2);
	sshpair_stop(&t);
}

static void
test_a_command_with_a_nul_byte_is_refused_here(void **state NP_UNUSED)
{
	struct chan_spec spec = {.kind = CHANNEL_EXEC, .command = "echo a\0b", .command_size = 8};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_start(&r, t.session, &spec);
	sshpair_until(&t, record_done, &r);

	assert_int_equal(r.end.err.reason, REASON_INVALID_PARAMS);
	assert_false(r.end.sent);
	assert_int_equal(session_stats(t.session).slots_used, 0);
	record_free(&r);
	sshpair_stop(&t);
}

/* ---- signals and giving up ---- */

/* A server that passes signals on, whoever runs the test. */
static void
start_with_signals(struct sshpair *t, struct sshpair_options *options)
{
	options->dropbear = getuid() == 0;
	sshpair_start(t, options);
	assert_true(testsshd_passes_signals(t->server));
}

#define LOOP_ON_INT "trap 'echo got INT; exit 5' INT; echo ready; while :; do sleep 0.02; done"

static void
test_a_signal_reaches_the_command(void **state NP_UNUSED)
{
	struct sshpair_options options = {0};
	struct sshpair t;
	struct record r = {0};

	start_with_signals(&t, &options);
	record_exec(&r, t.session, LOOP_ON_INT);
	record_wait_text(&t, &r, "ready\n");
	chan_signal(r.chan, "INT");
	sshpair_until(&t, record_done, &r);

	assert_string_equal(record_text(&r, 0), "ready\ngot INT\n");
	assert_int_equal(r.end.status, 5);
	record_free(&r);
	sshpair_stop(&t);
}

/* sshd looks for the process group of a command that has not made it yet, and says so in its log. */
static bool
done_or_lost_by_sshd(void *arg)
{
	struct record *r = arg;
	struct sshpair *t = r->then_arg;
	char text[16384];
	FILE *f = fopen(t->server->log, "re");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return r->done || strstr(text, "session_signal_req: killpg") != NULL;
}

static void
test_a_signal_given_before_the_start_is_sent_after_it(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};

	if (getuid() == 0) /* dropbear passes it on, to a child that is not ready for it yet */
		skip();
	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "exec sleep 1000");
	chan_signal(r.chan, "a-name-that-is-much-too-long-to-be-a-signal"); /* dropped */
	chan_signal(r.chan, "TERM");
	r.then_arg = &t;
	sshpair_until(&t, done_or_lost_by_sshd, &r);
	if (!r.done)
		chan_signal(r.chan, "TERM");
	sshpair_until(&t, record_done, &r);

	assert_string_equal(r.end.signal, "TERM");
	record_free(&r);
	sshpair_stop(&t);
}

static bool
command_gone(void *arg)
{
	return testsshd_count_commands(((struct sshpair *)arg)->server, "sleep") == 0;
}

static bool
command_there(void *arg)
{
	return testsshd_count_commands(((struct sshpair *)arg)->server, "sleep") > 0;
}

static void
test_an_abandoned_command_is_ended_on_the_server(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "MaxSessions 2", .max_channels = 2};
	struct sshpair t;
	struct record r = {0};

	start_with_signals(&t, &options);
	record_exec(&r, t.session, "exec sleep 1000");
	sshpair_until(&t, record_started, &r);
	sshpair_until(&t, command_there, &t);
	chan_abandon(r.chan);
	chan_abandon(r.chan); /* changes nothing */
	assert_false(r.done);
	ev_run(t.loop, EVRUN_ONCE);
	assert_true(r.done); /* at once, whatever the server does */
	assert_int_equal(r.end.err.reason, REASON_CANCELLED);
	assert_true(r.end.sent);
	sshpair_until(&t, command_gone, &t);
	sshpair_until(&t, sshpair_no_slot_used, &t);
	assert_true(t.slot_events > 0);
	record_expect(&t, "exit 3", 3);
	record_free(&r);
	sshpair_stop(&t);
}

/* The closing of its terminal ends it: no signal is needed. */
static void
test_an_abandoned_terminal_command_is_ended_on_the_server(void **state NP_UNUSED)
{
	struct chan_spec spec = {.kind = CHANNEL_EXEC,
	    .command = "exec sleep 1000",
	    .command_size = 15,
	    .pty = true,
	    .cols = 80,
	    .rows = 24};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	if (!terminals_work(&t))
		skip();
	record_start(&r, t.session, &spec);
	sshpair_until(&t, record_started, &r);
	sshpair_until(&t, command_there, &t);
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	sshpair_until(&t, command_gone, &t);
	sshpair_until(&t, sshpair_no_slot_used, &t);
	record_free(&r);
	sshpair_stop(&t);
}

/* Where no signal passes, the server keeps the slot as long as the command lives, and so do we. */
static void
test_the_slot_of_a_command_that_lives_on_stays_used(void **state NP_UNUSED)
{
	struct sshpair_options options = {.max_channels = 2};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &options);
	record_exec(&r, t.session, "trap '' TERM; echo on; while :; do sleep 0.05; done");
	sshpair_until(&t, record_any_output, &r);
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	for (int i = 0; i < 3; i++)
		record_expect(&t, "exit 3", 3);
	assert_int_equal(session_stats(t.session).slots_used, 1);
	testsshd_kill_commands(t.server);
	sshpair_until(&t, sshpair_no_slot_used, &t);
	record_free(&r);
	sshpair_stop(&t);
}

/* However far a command has come, giving it up neither leaks its slot nor disturbs the others. */
static void
give_up_after(struct sshpair *t, const struct chan_spec *spec, int turns)
{
	struct record r = {0};

	record_start(&r, t->session, spec);
	for (int i = 0; i < turns && !r.done; i++)
		sshpair_run(t, 0.001 * i);
	chan_abandon(r.chan);
	sshpair_until(t, record_done, &r);
	assert_int_equal(r.end.err.reason, REASON_CANCELLED);
	sshpair_until(t, sshpair_no_slot_used, t);
	record_free(&r);
}

static void
test_giving_up_at_any_moment_returns_the_slot(void **state NP_UNUSED)
{
	static const char *const env[] = {"NP_TEST_A=1", NULL};
	struct sshpair_options options = {.sshd = "MaxSessions 2", .max_channels = 2};
	struct chan_spec spec = {.kind = CHANNEL_EXEC, .command = "exec cat", .command_size = 8, .env = env};
	struct sshpair t;

	for (int round = 0; round < 3; round++) {
		options.spares = round == 1;
		options.dropbear = round == 2;
		if (options.dropbear && getuid() != 0)
			break;
		sshpair_start(&t, &options);
		spec.pty = getuid() == 0 && !options.dropbear;
		for (int turns = 0; turns < 20; turns++)
			give_up_after(&t, &spec, turns);
		record_expect(&t, "exit 3", 3);
		sshpair_stop(&t);
	}
}

static void
test_abandoned_output_is_neither_kept_nor_told(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat /dev/zero");
	sshpair_until(&t, record_buffer_full, &r);
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.received, 0);
	sshpair_until(&t, sshpair_no_slot_used, &t);
	record_expect(&t, "true", 0);
	record_free(&r);
	sshpair_stop(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_environment_is_passed_and_refused_names_are_left_out),
	    cmocka_unit_test(test_a_terminal_has_its_name_and_size_and_changes_it),
	    cmocka_unit_test(test_a_shell_reads_its_commands_from_the_input),
	    cmocka_unit_test(test_a_subsystem_speaks_its_own_protocol),
	    cmocka_unit_test(test_an_unknown_subsystem_is_refused_and_its_slot_returns),
	    cmocka_unit_test(test_a_command_with_a_nul_byte_is_refused_here),
	    cmocka_unit_test(test_a_signal_reaches_the_command),
	    cmocka_unit_test(test_a_signal_given_before_the_start_is_sent_after_it),
	    cmocka_unit_test(test_an_abandoned_command_is_ended_on_the_server),
	    cmocka_unit_test(test_an_abandoned_terminal_command_is_ended_on_the_server),
	    cmocka_unit_test(test_the_slot_of_a_command_that_lives_on_stays_used),
	    cmocka_unit_test(test_giving_up_at_any_moment_returns_the_slot),
	    cmocka_unit_test(test_abandoned_output_is_neither_kept_nor_told),
	};

	return cmocka_run_group_tests_name("channel_start", tests, NULL, NULL);
}
