/* Sessions on the loop against a real sshd: adoption, probes, limits, fairness, the end. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "ssh/sshconn_impl.h" /* facts that have no getter: the spare, a request that stays unanswered */
#include "kit/sshpair.h"
#include "kit/slow.h"

static const struct sshpair_options plain = {0};

static struct sshconn *
conn(struct sshpair *t)
{
	return (struct sshconn *)t->session;
}

static void
run(struct sshpair *t, struct record *r, const char *command)
{
	memset(r, 0, sizeof *r);
	record_exec(r, t->session, command);
	sshpair_until(t, record_done, r);
	record_free(r);
}

/* ---- what it is ---- */

static void
test_a_session_describes_itself(void **state NP_UNUSED)
{
	struct sshpair t;

	sshpair_start(&t, &plain);
	assert_string_equal(session_name(t.session), "box#4");
	assert_non_null(strstr(session_banner(t.session), "SSH-2.0-OpenSSH_"));
	assert_true(conn(&t)->is_openssh);
	assert_string_equal(session_algorithms(t.session), "curve25519-sha256 aes128-gcm@openssh.com");
	assert_int_equal(session_stats(t.session).slots_max, 10);
	assert_int_equal(session_stats(t.session).slots_used, 0);
	assert_true(session_stats(t.session).has_slot);
	assert_true(session_stats(t.session).rtt < 0);
	assert_false(conn(&t)->probing);
	sshpair_stop(&t);
}

static void
test_bytes_and_arrivals_are_counted(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;
	uint64_t in, out;
	double before;

	sshpair_start(&t, &plain);
	run(&t, &r, "true");
	in = session_stats(t.session).bytes_in;
	out = session_stats(t.session).bytes_out;
	before = clock_now();
	run(&t, &r, "head -c 100000 /dev/zero");

	assert_in_range(session_stats(t.session).bytes_in - in, 100000, 150000);
	assert_in_range(session_stats(t.session).bytes_out - out, 100, 50000);
	assert_true(session_stats(t.session).last_rx >= before);
	sshpair_stop(&t);
}

static void
test_the_configured_limit_of_channels_holds(void **state NP_UNUSED)
{
	struct sshpair_options options = {.max_channels = 2, .spares = true};
	struct record r[3] = {0};
	struct sshpair t;

	sshpair_start(&t, &options);
	for (int i = 0; i < 2; i++) {
		assert_true(session_stats(t.session).has_slot);
		record_exec(&r[i], t.session, "cat");
	}
	assert_false(session_stats(t.session).has_slot);
	assert_int_equal(session_stats(t.session).slots_used, 2);
	record_exec(&r[2], t.session, "true");
	sshpair_until(&t, record_done, &r[2]);
	assert_int_equal(r[2].end.err.reason, REASON_CHANNEL_REFUSED);
	for (int i = 0; i < 2; i++) {
		chan_eof(r[i].chan);
		sshpair_until(&t, record_done, &r[i]);
		record_free(&r[i]);
	}
	record_free(&r[2]);
	sshpair_stop(&t);
}

/* ---- spares ---- */

static bool
spare_ready(void *arg)
{
	struct sshpair *t = arg;

	return conn(t)->spare != NULL && conn(t)->spare->state == CHAN_READY;
}

static void
test_a_spare_is_opened_ahead_and_used(void **state NP_UNUSED)
{
	struct sshpair_options options = {.spares = true};
	struct record r = {0};
	struct sshchan *spare;
	struct sshpair t;

	sshpair_start(&t, &options);
	sshpair_until(&t, spare_ready, &t);
	assert_int_equal(session_stats(t.session).slots_used, 0); /* it takes nothing from anybody */
	spare = conn(&t)->spare;
	record_exec(&r, t.session, "cat; exit 4");
	assert_ptr_equal(r.chan, &spare->base);
	assert_int_equal(session_stats(t.session).slots_used, 1);
	sshpair_until(&t, spare_ready, &t); /* the next one, while the command runs */
	assert_ptr_not_equal(conn(&t)->spare, spare);
	chan_eof(r.chan);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.end.status, 4);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_no_spares_without_the_wish_for_them(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	run(&t, &r, "true");
	sshpair_run(&t, 0.1);
	assert_null(conn(&t)->spare);
	sshpair_stop(&t);
}

static void
test_a_spare_that_the_server_closes_is_the_last(void **state NP_UNUSED)
{
	struct sshpair_options options = {.spares = true};
	struct record r = {0};
	struct sshpair t;

	sshpair_start(&t, &options);
	sshpair_until(&t, spare_ready, &t);
	conn(&t)->spare->got_close = true; /* as its callback would record */
	sshconn_wake(conn(&t));
	sshpair_run(&t, 0.1);
	assert_null(conn(&t)->spare);
	run(&t, &r, "true");
	sshpair_run(&t, 0.1);
	assert_null(conn(&t)->spare);
	sshpair_stop(&t);
}

/* ---- probes ---- */

static void
test_a_probe_is_answered_and_measures_the_round_trip(void **state NP_UNUSED)
{
	struct sshpair t;
	double before = clock_now();

	sshpair_start(&t, &plain);
	for (int i = 1; i <= 5; i++) {
		t.probes = 0;
		assert_true(session_probe(t.session));
		assert_false(session_probe(t.session)); /* never two */
		assert_true(conn(&t)->probing);
		assert_true(conn(&t)->probe_since >= before);
		assert_int_equal(t.probes, 0);
		sshpair_until(&t, sshpair_probed, &t);
		assert_false(conn(&t)->probing);
		assert_true(t.probe_rtt > 0 && t.probe_rtt < 10);
		sshpair_run(&t, 0.02);
		assert_int_equal(t.probes, 1);
	}
	assert_true(session_stats(t.session).rtt > 0);
	sshpair_stop(&t);
}

static void
test_a_silent_server_answers_no_probe_until_it_wakes(void **state NP_UNUSED)
{
	struct sshpair t;
	double rx;

	sshpair_start(&t, &plain);
	sshpair_run(&t, 0.1);
	testsshd_signal_sessions(t.server, SIGSTOP);
	rx = session_stats(t.session).last_rx;
	assert_true(session_probe(t.session));
	sshpair_run(&t, 0.5);
	assert_int_equal(t.probes, 0);
	assert_true(conn(&t)->probing);
	assert_true(session_stats(t.session).last_rx == rx);
	testsshd_signal_sessions(t.server, SIGCONT);
	sshpair_until(&t, sshpair_probed, &t);
	assert_true(t.probe_rtt >= 0.4);
	assert_true(session_stats(t.session).last_rx > rx);
	sshpair_stop(&t);
}

static void
test_any_packet_answers_a_probe(void **state NP_UNUSED)
{
	struct record r = {.count_only = true};
	struct sshpair t;

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat /dev/zero");
	sshpair_until(&t, record_started, &r);
	for (int i = 0; i < 20; i++) {
		t.probes = 0;
		assert_true(session_probe(t.session));
		sshpair_until(&t, sshpair_probed, &t);
	}
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	record_free(&r);
	sshpair_stop(&t);
}

/*
 * A server that never answers the request but has shown life otherwise: libssh cannot ask again, so the next probe is
 * content with the acknowledgement of its host.
 */
static void
test_a_probe_behind_an_unanswered_one_asks_the_transport(void **state NP_UNUSED)
{
	struct sshpair t;

	sshpair_start(&t, &plain);
	sshpair_run(&t, 0.1);
	testsshd_signal_sessions(t.server, SIGSTOP);
	assert_true(session_probe(t.session));
	sshpair_run(&t, 0.1);
	assert_int_equal(t.probes, 0);
	conn(&t)->probing = false; /* as any other packet would have ended it */
	assert_true(conn(&t)->request_pending);
	assert_true(session_probe(t.session));
	sshpair_until(&t, sshpair_probed, &t);
	assert_true(session_stats(t.session).rtt < 0); /* that was no round trip of the server */
	testsshd_signal_sessions(t.server, SIGCONT);
	sshpair_run(&t, 0.1);
	t.probes = 0;
	assert_false(conn(&t)->request_pending);
	assert_true(session_probe(t.session)); /* and all is as before */
	sshpair_until(&t, sshpair_probed, &t);
	assert_true(session_stats(t.session).rtt > 0);
	sshpair_stop(&t);
}

static void
test_probes_and_commands_share_a_session(void **state NP_UNUSED)
{
	struct sshpair_options options = {.spares = true, .sshd = "RekeyLimit 1M"};
	struct record r = {0};
	struct sshpair t;

	sshpair_start(&t, &options);
	record_exec(&r, t.session, "cat");
	record_feed(&r, 6 * 1024 * 1024, true);
	for (int i = 0; i < 50; i++) {
		(void)session_probe(t.session);
		sshpair_run(&t, 0.002);
	}
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.out[0].len, 6 * 1024 * 1024);
	assert_true(t.probes > 0);
	record_free(&r);
	sshpair_stop(&t);
}

/* ---- fairness ---- */

static bool
flooding(void *arg)
{
	return ((struct record *)arg)->received > 4 * 1024 * 1024;
}

static void
test_a_flooding_session_does_not_hold_the_others(void **state NP_UNUSED)
{
	struct sshpair flooded, calm;
	struct record flood = {.count_only = true};
	double worst = 0;

	sshpair_start(&flooded, &plain);
	memset(&calm, 0, sizeof calm);
	calm.loop = flooded.loop;
	calm.server = flooded.server;
	sshpair_login(&calm, &plain);
	record_exec(&flood, flooded.session, "cat /dev/zero");
	sshpair_until(&flooded, flooding, &flood);
	for (int i = 0; i < 50; i++) {
		double t0 = clock_now();

		calm.probes = 0;
		assert_true(session_probe(calm.session));
		sshpair_until(&calm, sshpair_probed, &calm);
		if (clock_now() - t0 > worst)
			worst = clock_now() - t0;
	}
	/* The flood goes on for ever, but a turn of it is 256 KiB. */
	assert_true(worst < slow(5));
	chan_abandon(flood.chan);
	sshpair_until(&flooded, record_done, &flood);
	record_free(&flood);
	session_close(calm.session, REASON_NONE, "over");
	sshpair_until(&calm, sshpair_closed, &calm);
	sshpair_stop(&flooded);
}

/* ---- the end ---- */

static void
test_a_close_says_why_and_comes_later(void **state NP_UNUSED)
{
	struct sshpair t;

	sshpair_start(&t, &plain);
	session_close(t.session, REASON_NONE, "idle for %d s", 60);
	session_close(t.session, REASON_INTERNAL, "a second time");
	assert_false(t.closed);
	assert_false(session_stats(t.session).has_slot);
	assert_false(session_probe(t.session));
	sshpair_until(&t, sshpair_closed, &t);

	assert_string_equal(t.why.text, "idle for 60 s");
	assert_int_equal(t.why.reason, REASON_NONE);
	sshpair_stop(&t);
}

static void
test_a_close_ends_what_runs(void **state NP_UNUSED)
{
	struct record sent = {0}, unsent = {0}, shell = {0};
	struct sshpair t;

	sshpair_start(&t, &plain);
	record_start(&shell, t.session, &(struct chan_spec){.kind = CHANNEL_SHELL});
	sshpair_until(&t, record_started, &shell);
	record_exec(&sent, t.session, "echo on; exec sleep 1000");
	sshpair_until(&t, record_started, &sent);
	record_exec(&unsent, t.session, "echo never");
	session_close(t.session, REASON_SHUTTING_DOWN, "the broker ends");
	assert_false(sent.done);
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(sent.done);
	assert_true(unsent.done);
	assert_true(sent.end.sent);
	assert_int_equal(sent.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_non_null(strstr(sent.end.err.text, "the command had been sent"));
	/* What was typed on a shell, if anything was, its user knows. */
	assert_int_equal(shell.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_null(strstr(shell.end.err.text, "the command"));
	assert_false(unsent.end.sent);
	assert_int_equal(unsent.end.err.reason, REASON_SHUTTING_DOWN);
	assert_non_null(strstr(unsent.end.err.text, "the broker ends"));
	record_free(&shell);
	record_free(&sent);
	record_free(&unsent);
	sshpair_stop(&t);
}

static bool
no_session_processes(void *arg)
{
	pid_t pids[4];

	return testsshd_session_pids(((struct sshpair *)arg)->server, pids, 4) == 0;
}

static void
test_the_server_sees_the_end(void **state NP_UNUSED)
{
	struct sshpair t;

	sshpair_start(&t, &plain);
	sshpair_run(&t, 0.05);
	session_close(t.session, REASON_NONE, "enough");
	sshpair_until(&t, sshpair_closed, &t);
	sshpair_until(&t, no_session_processes, &t);
	sshpair_stop(&t);
}

static void
test_the_loss_of_an_idle_session_is_noticed(void **state NP_UNUSED)
{
	struct sshpair t;

	sshpair_start(&t, &plain);
	sshpair_run(&t, 0.05);
	testsshd_signal_sessions(t.server, SIGKILL);
	sshpair_until(&t, sshpair_closed, &t);

	assert_int_equal(t.why.reason, REASON_CONNECT_FAILED);
	assert_string_equal(t.why.text, "the server closed the connection");
	sshpair_stop(&t);
}

static void
close_from_done(struct record *r)
{
	session_close(r->then_arg, REASON_NONE, "from inside");
}

static void
test_a_close_from_inside_an_event_is_safe(void **state NP_UNUSED)
{
	struct record r = {0}, other = {0};
	struct sshpair t;

	sshpair_start(&t, &plain);
	r.then = close_from_done;
	r.then_arg = t.session;
	record_exec(&other, t.session, "exec sleep 1000");
	record_exec(&r, t.session, "true");
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(r.done);
	assert_true(other.done);
	assert_string_equal(t.why.text, "from inside");
	record_free(&r);
	record_free(&other);
	sshpair_stop(&t);
}

static void
start_again(struct record *r)
{
	struct record *next = r->then_arg;

	record_exec(next, r->session_in_done, "echo again");
}

static void
test_a_channel_started_while_the_session_dies_is_told_before_the_end(void **state NP_UNUSED)
{
	struct record r = {0}, next = {0};
	struct sshpair t;

	sshpair_start(&t, &plain);
	r.then = start_again;
	r.then_arg = &next;
	record_exec(&r, t.session, "exec sleep 1000");
	sshpair_until(&t, record_started, &r);
	testsshd_signal_sessions(t.server, SIGKILL);
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(next.done);
	assert_false(next.end.sent);
	assert_int_equal(next.end.err.reason, REASON_CONNECT_FAILED);
	record_free(&r);
	record_free(&next);
	sshpair_stop(&t);
}

/* A stand-in for a ProxyCommand. */
static struct started
start_proxy(bool stubborn)
{
	const char *argv[] = {"sh", "-c", stubborn ? "trap '' HUP; echo; sleep 100" : "echo; sleep 100", NULL};
	struct started child;
	int ready[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(starter_run("/bin/sh", argv, (const int[]){ready[0], ready[1], 2}, &child), 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void
test_the_process_of_a_proxy_command_ends_with_the_session(void **state NP_UNUSED)
{
	struct sshpair t;

	for (int stubborn = 0; stubborn < 2; stubborn++) {
		struct started child = start_proxy(stubborn == 1);
		struct sshpair_options options = {.proxy = &child};
		double t0;

		sshpair_start(&t, &options);
		t.descriptors--; /* the child's line, which ends with the session */
		t0 = clock_now();
		session_close(t.session, REASON_NONE, "over");
		sshpair_until(&t, sshpair_closed, &t);
		assert_int_equal(kill(child.pid, 0), -1); /* reaped, not only dead */
		if (stubborn)
			assert_true(clock_now() - t0 >= 2);
		sshpair_stop(&t);
	}
}

/* Every slot is held by a close that the server does not confirm, and nothing runs: only a new session helps. */
static void
test_a_session_whose_slots_never_return_is_closed(void **state NP_UNUSED)
{
	struct sshpair_options options = {.max_channels = 1};
	struct record r = {0};
	struct sshpair t;
	double t0;

	sshpair_start(&t, &options);
	record_exec(&r, t.session, "trap '' TERM HUP; echo on; while :; do sleep 0.2; done");
	sshpair_until(&t, record_started, &r);
	sshpair_run(&t, 0.3);
	chan_abandon(r.chan);
	t0 = clock_now();
	sshpair_until(&t, record_done, &r);
	assert_false(session_stats(t.session).has_slot);
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(clock_now() - t0 >= 9.9);
	assert_int_equal(t.why.reason, REASON_CHANNEL_REFUSED);
	record_free(&r);
	sshpair_stop(&t);
}

int
main(void)
{
	struct np_error err;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_session_describes_itself),
	    cmocka_unit_test(test_bytes_and_arrivals_are_counted),
	    cmocka_unit_test(test_the_configured_limit_of_channels_holds),
	    cmocka_unit_test(test_a_spare_is_opened_ahead_and_used),
	    cmocka_unit_test(test_no_spares_without_the_wish_for_them),
	    cmocka_unit_test(test_a_spare_that_the_server_closes_is_the_last),
	    cmocka_unit_test(test_a_probe_is_answered_and_measures_the_round_trip),
	    cmocka_unit_test(test_a_silent_server_answers_no_probe_until_it_wakes),
	    cmocka_unit_test(test_any_packet_answers_a_probe),
	    cmocka_unit_test(test_a_probe_behind_an_unanswered_one_asks_the_transport),
	    cmocka_unit_test(test_probes_and_commands_share_a_session),
	    cmocka_unit_test(test_a_flooding_session_does_not_hold_the_others),
	    cmocka_unit_test(test_a_close_says_why_and_comes_later),
	    cmocka_unit_test(test_a_close_ends_what_runs),
	    cmocka_unit_test(test_the_server_sees_the_end),
	    cmocka_unit_test(test_the_loss_of_an_idle_session_is_noticed),
	    cmocka_unit_test(test_a_close_from_inside_an_event_is_safe),
	    cmocka_unit_test(test_a_channel_started_while_the_session_dies_is_told_before_the_end),
	    cmocka_unit_test(test_the_process_of_a_proxy_command_ends_with_the_session),
	    cmocka_unit_test(test_a_session_whose_slots_never_return_is_closed),
	};

	if (starter_open(NULL, &err) == -1)
		return 1;
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
