/* Channels of a session against a real sshd: bytes, ends, limits, cancellation. */
#include <dlfcn.h>
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
#include "ssh/sshconn_impl.h"
#include "kit/sshpair.h"
#include "kit/slow.h"

#define MIB (1024u * 1024u)

static const struct sshpair_options plain = {0};
static const struct sshpair_options with_spares = {.spares = true};

/* Runs a command to its end and leaves what it said in *r. */
static void
run(struct sshpair *t, struct record *r, const char *command)
{
	memset(r, 0, sizeof *r);
	record_exec(r, t->session, command);
	sshpair_until(t, record_done, r);
}

static void
expect_status(struct sshpair *t, const char *command, int status)
{
	struct record r;

	run(t, &r, command);
	assert_int_equal(r.end.err.reason, REASON_NONE);
	assert_true(r.end.has_status);
	assert_int_equal(r.end.status, status);
	record_free(&r);
}

static bool
no_slot_used(void *arg)
{
	return session_stats(((struct sshpair *)arg)->session).slots_used == 0;
}

/* ---- bytes ---- */

static void
test_output_of_both_streams_arrives(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	run(&t, &r, "echo to stdout; echo to stderr >&2; exit 3");

	assert_string_equal(record_text(&r, 0), "to stdout\n");
	assert_string_equal(record_text(&r, 1), "to stderr\n");
	assert_true(r.started);
	assert_true(r.end.sent);
	assert_true(r.end.has_status);
	assert_int_equal(r.end.status, 3);
	assert_int_equal(r.end.err.reason, REASON_NONE);
	assert_string_equal(r.end.signal, "");
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_a_command_without_output_ends_with_none(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	run(&t, &r, "true");

	assert_int_equal(r.received, 0);
	assert_int_equal(r.end.status, 0);
	assert_true(r.end.has_status);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_every_byte_value_passes_both_ways(void **state NP_UNUSED)
{
	static const char *const commands[] = {"cat", "cat >&2"};
	unsigned char all[256];
	struct sshpair t;

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	sshpair_start(&t, &plain);
	for (int i = 0; i < 2; i++) {
		struct record r = {0};

		record_exec(&r, t.session, commands[i]);
		assert_int_equal(chan_write(r.chan, all, sizeof all), 0);
		chan_eof(r.chan);
		sshpair_until(&t, record_done, &r);
		assert_int_equal(r.out[i].len, sizeof all);
		assert_memory_equal(buf_head(&r.out[i]), all, sizeof all);
		assert_int_equal(r.out[1 - i].len, 0);
		assert_int_equal(r.wrote, sizeof all);
		record_free(&r);
	}
	sshpair_stop(&t);
}

struct drip {
	struct sshpair *trial;
	struct record *record;
	size_t want;
};

static bool
dripped(void *arg)
{
	struct drip *d = arg;

	return d->record->received >= d->want;
}

static void
test_single_bytes_pass_one_by_one(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};
	struct drip d = {&t, &r, 0};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat");
	for (int i = 0; i < 100; i++) {
		unsigned char byte = (unsigned char)(i * 5);

		assert_int_equal(chan_write(r.chan, &byte, 1), 0);
		d.want++;
		sshpair_until(&t, dripped, &d);
	}
	assert_int_equal(chan_write(r.chan, "", 0), 0);
	chan_eof(r.chan);
	sshpair_until(&t, record_done, &r);

	assert_int_equal(r.out[0].len, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_head(&r.out[0])[i], (unsigned char)(i * 5));
	assert_int_equal(r.wrote, 100);
	record_free(&r);
	sshpair_stop(&t);
}

static void
check_stream(struct record *r, size_t size)
{
	const uint8_t *p = buf_head(&r->out[0]);

	assert_int_equal(r->out[0].len, size);
	for (size_t i = 0; i < size; i++) {
		if (p[i] != sshpair_byte(i))
			fail_msg("byte %zu of %zu is wrong", i, size);
	}
}

static void
test_megabytes_go_both_ways_unchanged(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat");
	record_feed(&r, 20 * MIB, true);
	sshpair_until(&t, record_done, &r);

	check_stream(&r, 20 * MIB);
	assert_int_equal(r.wrote, 20 * MIB);
	record_free(&r);
	sshpair_stop(&t);
}

static bool
buffer_full(void *arg)
{
	struct record *r = arg;

	return chan_output(r->chan, 0)->len >= CHANNEL_BUFFER_MAX;
}

static void
test_a_paused_reader_holds_its_channel_only(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record slow = {.paused = true};

	sshpair_start(&t, &plain);
	record_exec(&slow, t.session, "cat");
	record_feed(&slow, 20 * MIB, true);
	sshpair_until(&t, buffer_full, &slow);
	for (int i = 0; i < 10; i++)
		expect_status(&t, "exit 5", 5);
	/* Bounded: nothing beyond the maximum is kept here, and stdin stops as well. */
	assert_int_equal(chan_output(slow.chan, 0)->len, CHANNEL_BUFFER_MAX);
	assert_true(slow.wrote < 20 * MIB);
	assert_false(slow.done);
	record_resume(&slow);
	sshpair_until(&t, record_done, &slow);

	check_stream(&slow, 20 * MIB);
	record_free(&slow);
	sshpair_stop(&t);
}

static void
test_reading_in_small_steps_loses_nothing(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true};
	size_t total = 0;

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat");
	record_feed(&r, 3 * MIB, true);
	while (total < 3 * MIB) {
		size_t n;

		ev_run(t.loop, EVRUN_NOWAIT);
		n = chan_output(r.chan, 0)->len;
		n = n > 60000 ? 60000 : n;
		for (size_t i = 0; i < n; i++)
			assert_int_equal(buf_head(chan_output(r.chan, 0))[i], sshpair_byte(total + i));
		chan_consume(r.chan, 0, n);
		total += n;
	}
	sshpair_until(&t, record_done, &r);

	assert_int_equal(r.received, 0);
	assert_int_equal(total, 3 * MIB);
	record_free(&r);
	sshpair_stop(&t);
}

static bool
has_output(void *arg)
{
	struct record *r = arg;

	return chan_output(r->chan, 0)->len > 0 || chan_output(r->chan, 1)->len > 0;
}

/* libssh would open the window anew with each small read, and gather megabytes for every kilobyte that is read. */
static void
test_a_slow_reader_does_not_make_us_gather(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true};
	size_t total = 0;

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat /dev/zero & exec cat /dev/zero >&2");
	for (int i = 0; i < 2000; i++) {
		size_t n;

		sshpair_until(&t, has_output, &r);
		sshpair_run(&t, 0.001);
		if (r.done)
			fail_msg("it ended: %s", r.end.err.text);
		for (int stream = 0; stream < 2; stream++) {
			n = chan_output(r.chan, stream)->len;
			n = n > 2048 ? 2048 : n;
			chan_consume(r.chan, stream, n);
			total += n;
		}
		assert_true(session_stats(t.session).bytes_in < total + 40 * MIB);
	}
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_done_waits_until_the_output_is_consumed(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "head -c 600000 /dev/zero; exit 9");
	sshpair_until(&t, buffer_full, &r);
	/* The server is done with it: the slot is free although nobody has read. */
	sshpair_until(&t, no_slot_used, &t);
	assert_false(r.done);
	record_resume(&r);
	sshpair_until(&t, record_done, &r);

	assert_int_equal(r.out[0].len, 600000);
	assert_int_equal(r.end.status, 9);
	record_free(&r);
	sshpair_stop(&t);
}

/* All that was said waits here, not in libssh: others have the only slot while nobody reads it. */
static void
test_a_command_frees_its_slot_though_its_reader_sleeps(void **state NP_UNUSED)
{
	struct sshpair_options options = {.max_channels = 1, .sshd = "MaxSessions 1"};
	struct sshpair t;
	struct record slow = {.paused = true};

	sshpair_start(&t, &options);
	record_exec(&slow, t.session, "head -c 900000 /dev/zero; head -c 200000 /dev/zero >&2; exit 9");
	sshpair_until(&t, record_freed, &slow);
	assert_true(slow.end.has_status);
	assert_int_equal(slow.end.status, 9);
	assert_true(session_stats(t.session).has_slot);
	assert_int_equal(chan_output(slow.chan, 0)->len + chan_output(slow.chan, 1)->len, 1100000);
	for (int i = 0; i < 10; i++)
		expect_status(&t, "exit 5", 5);
	assert_false(slow.done);
	record_resume(&slow);
	sshpair_until(&t, record_done, &slow);

	assert_int_equal(slow.out[0].len, 900000);
	assert_int_equal(slow.out[1].len, 200000);
	assert_int_equal(slow.end.err.reason, REASON_NONE);
	record_free(&slow);
	sshpair_stop(&t);
}

static void
test_what_is_unread_of_a_freed_command_comes_with_the_loss(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record slow = {.paused = true}, read = {0};

	sshpair_start(&t, &plain);
	run(&t, &read, "head -c 900000 /dev/zero; exit 4");
	assert_false(read.freed); /* done() had not to wait */
	record_exec(&slow, t.session, "head -c 900000 /dev/zero; exit 9");
	sshpair_until(&t, record_freed, &slow);
	session_close(t.session, REASON_NONE, "unused");
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(slow.done);
	assert_int_equal(slow.out[0].len, 900000);
	assert_int_equal(slow.end.err.reason, REASON_NONE);
	assert_int_equal(slow.end.status, 9);
	record_free(&slow);
	record_free(&read);
	sshpair_stop(&t);
}

static void
test_write_takes_all_or_nothing(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};
	char *block = calloc(1, CHANNEL_BUFFER_MAX);

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "wc -c");
	assert_int_equal(chan_write_room(r.chan), CHANNEL_BUFFER_MAX);
	assert_int_equal(chan_write(r.chan, block, CHANNEL_BUFFER_MAX - 10), 0);
	assert_int_equal(chan_write_room(r.chan), 10);
	assert_int_equal(chan_write(r.chan, block, 11), -1);
	assert_int_equal(chan_write(r.chan, block, 10), 0);
	chan_eof(r.chan);
	assert_int_equal(chan_write(r.chan, "ignored", 7), 0);
	sshpair_until(&t, record_done, &r);

	assert_int_equal(atoi(record_text(&r, 0)), CHANNEL_BUFFER_MAX);
	assert_int_equal(r.wrote, CHANNEL_BUFFER_MAX);
	free(block);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_rekeys_in_mid_transfer_change_nothing(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "RekeyLimit 1M"};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &options);
	record_exec(&r, t.session, "cat");
	record_feed(&r, 12 * MIB, true);
	for (int i = 0; i < 5; i++)
		expect_status(&t, "exit 4", 4);
	sshpair_until(&t, record_done, &r);

	check_stream(&r, 12 * MIB);
	record_free(&r);
	sshpair_stop(&t);
}

/* ---- ends ---- */

static void
test_exit_statuses_are_told(void **state NP_UNUSED)
{
	static const int statuses[] = {0, 1, 2, 127, 128, 255};
	struct sshpair t;

	sshpair_start(&t, &plain);
	for (size_t i = 0; i < NP_COUNT(statuses); i++) {
		char command[32];

		snprintf(command, sizeof command, "exit %d", statuses[i]);
		expect_status(&t, command, statuses[i]);
	}
	sshpair_stop(&t);
}

static void
test_death_by_a_signal_is_told(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	run(&t, &r, "echo before; kill -KILL $$");

	assert_string_equal(record_text(&r, 0), "before\n");
	assert_false(r.end.has_status);
	assert_string_equal(r.end.signal, "KILL");
	assert_int_equal(r.end.err.reason, REASON_NONE);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_output_may_end_long_before_the_command(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	run(&t, &r, "echo early; exec >&- 2>&-; sleep 0.3; exit 7");

	assert_true(r.ended_seen);
	assert_string_equal(record_text(&r, 0), "early\n");
	assert_int_equal(r.end.status, 7);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_a_background_process_that_keeps_the_output_delays_the_end(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	run(&t, &r, "(sleep 0.5; echo late) & echo hi");

	assert_string_equal(record_text(&r, 0), "hi\nlate\n");
	assert_int_equal(r.end.status, 0);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_output_goes_on_after_the_end_of_input(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat; sleep 0.1; echo after; exit 6");
	assert_int_equal(chan_write(r.chan, "x\n", 2), 0);
	chan_eof(r.chan);
	sshpair_until(&t, record_done, &r);

	assert_string_equal(record_text(&r, 0), "x\nafter\n");
	assert_int_equal(r.end.status, 6);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_input_that_nobody_reads_does_not_stop_the_end(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "exec <&-; echo closed; sleep 0.1; exit 2");
	record_feed(&r, 8 * MIB, true);
	sshpair_until(&t, record_done, &r);

	assert_string_equal(record_text(&r, 0), "closed\n");
	assert_int_equal(r.end.status, 2);
	record_free(&r);
	sshpair_stop(&t);
}

/* A channel closed by the server with neither status nor signal; the connection lives on. */
static void
test_a_channel_closed_without_a_status_has_an_unknown_outcome(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "ChannelTimeout session:*=3s"};
	struct sshpair t;
	struct record r = {0};

	if (!testsshd_accepts(options.sshd))
		skip();
	sshpair_start(&t, &options);
	record_exec(&r, t.session, "echo begun; sleep 1000");
	sshpair_until(&t, record_done, &r);

	assert_string_equal(record_text(&r, 0), "begun\n");
	assert_int_equal(r.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_false(r.end.has_status);
	assert_true(r.end.sent);
	expect_status(&t, "exit 1", 1);
	record_free(&r);
	sshpair_stop(&t);
}

/* ---- loss ---- */

static bool
any_output(void *arg)
{
	return ((struct record *)arg)->received > 0;
}

static void
test_a_session_lost_in_mid_command_leaves_the_outcome_unknown(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0}, other = {0};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "echo before; exec sleep 1000");
	record_exec(&other, t.session, "echo too; exec sleep 1000");
	sshpair_until(&t, any_output, &r);
	sshpair_until(&t, any_output, &other);
	testsshd_signal_sessions(t.server, SIGKILL);
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(r.done);
	assert_true(other.done);
	assert_string_equal(record_text(&r, 0), "before\n");
	assert_int_equal(r.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_int_equal(other.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_true(r.end.sent);
	assert_non_null(r.session_in_done);
	assert_non_null(strstr(r.end.err.text, "box#4"));
	record_free(&r);
	record_free(&other);
	sshpair_stop(&t);
}

static void
test_a_session_lost_before_the_command_was_sent_says_so(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	expect_status(&t, "true", 0);
	testsshd_signal_sessions(t.server, SIGSTOP); /* the open is sent, and never confirmed */
	record_exec(&r, t.session, "echo never");
	sshpair_run(&t, 0.2);
	assert_false(r.done);
	testsshd_signal_sessions(t.server, SIGKILL);
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(r.done);
	assert_false(r.started);
	assert_false(r.end.sent);
	assert_int_equal(r.end.err.reason, REASON_CONNECT_FAILED);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_output_unread_at_the_loss_is_offered_with_the_end(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "head -c 300000 /dev/zero; exec sleep 1000");
	sshpair_until(&t, buffer_full, &r);
	testsshd_signal_sessions(t.server, SIGKILL);
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(r.done);
	assert_int_equal(r.out[0].len, CHANNEL_BUFFER_MAX);
	assert_int_equal(r.end.err.reason, REASON_OUTCOME_UNKNOWN);
	record_free(&r);
	sshpair_stop(&t);
}

/* Devices close the connection right behind the channel: the result is complete nevertheless. */
static void
test_a_command_that_had_ended_keeps_its_result_when_the_session_is_lost(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "head -c 900000 /dev/zero; exit 8");
	sshpair_until(&t, buffer_full, &r);
	sshpair_until(&t, no_slot_used, &t);
	assert_false(r.done);
	testsshd_signal_sessions(t.server, SIGKILL);
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(r.done);
	assert_int_equal(r.out[0].len, 900000);
	assert_int_equal(r.end.err.reason, REASON_NONE);
	assert_int_equal(r.end.status, 8);
	record_free(&r);
	sshpair_stop(&t);
}

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

static bool
has_text(void *arg)
{
	struct record *r = arg;
	const char *want = r->then_arg;

	return strstr(record_text(r, 0), want) != NULL;
}

static void
wait_text(struct sshpair *t, struct record *r, const char *text)
{
	r->then_arg = (void *)(uintptr_t)text;
	sshpair_until(t, has_text, r);
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
	static const char command[] =
	    "trap 'echo size $(stty size)' WINCH; echo $TERM $(stty size); while :; do sleep 0.02; done";
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
	sshpair_until(&t, any_output, &r);
	wait_text(&t, &r, "xterm-color ");
	chan_resize(r.chan, 100, 40);
	wait_text(&t, &r, "size 40 100");
	assert_int_equal(chan_write(r.chan, "\003", 1), 0); /* the terminal's own interrupt */
	sshpair_until(&t, record_done, &r);

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
	sshpair_until(&t, any_output, &r);
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
		sshpair_until(&t, no_slot_used, &t);
	}
	expect_status(&t, "exit 2", 2);
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
	wait_text(&t, &r, "ready\n");
	chan_signal(r.chan, "INT");
	sshpair_until(&t, record_done, &r);

	assert_string_equal(record_text(&r, 0), "ready\ngot INT\n");
	assert_int_equal(r.end.status, 5);
	record_free(&r);
	sshpair_stop(&t);
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
	sshpair_until(&t, no_slot_used, &t);
	assert_true(t.slot_events > 0);
	expect_status(&t, "exit 3", 3);
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
	sshpair_until(&t, no_slot_used, &t);
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
	sshpair_until(&t, any_output, &r);
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	for (int i = 0; i < 3; i++)
		expect_status(&t, "exit 3", 3);
	assert_int_equal(session_stats(t.session).slots_used, 1);
	testsshd_kill_commands(t.server);
	sshpair_until(&t, no_slot_used, &t);
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
	sshpair_until(t, no_slot_used, t);
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
		expect_status(&t, "exit 3", 3);
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
	sshpair_until(&t, buffer_full, &r);
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.received, 0);
	sshpair_until(&t, no_slot_used, &t);
	expect_status(&t, "true", 0);
	record_free(&r);
	sshpair_stop(&t);
}

/* ---- limits ---- */

static void
many_commands(const struct sshpair_options *options, int count)
{
	struct sshpair t;

	sshpair_start(&t, options);
	for (int i = 0; i < count; i++) {
		char command[32];

		snprintf(command, sizeof command, "exit %d", i % 200);
		expect_status(&t, command, i % 200);
	}
	sshpair_until(&t, no_slot_used, &t);
	sshpair_stop(&t);
}

static void
test_two_hundred_commands_leak_no_slot(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "MaxSessions 2"};

	many_commands(&options, 200);
}

static void
test_two_hundred_commands_on_spares_leak_no_slot(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "MaxSessions 2", .spares = true};

	many_commands(&options, 200);
}

static void
test_a_spare_never_stands_in_the_way_of_the_only_slot(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "MaxSessions 1", .spares = true};

	many_commands(&options, 50);
}

/* All slots that the server is known to bear are in use. */
static bool
is_full(void *pair)
{
	struct sshpair *t = pair;

	return session_stats(t->session).slots_used == session_stats(t->session).slots_max;
}

static void
learn_limit(int limit, bool spares)
{
	char line[32];
	struct sshpair_options options = {.sshd = line, .spares = spares};
	struct record r[5] = {0};
	struct sshpair t;
	int refused = 0;

	snprintf(line, sizeof line, "MaxSessions %d", limit);
	sshpair_start(&t, &options);
	assert_int_equal(session_stats(t.session).slots_max, 10);
	for (int i = 0; i < limit; i++) {
		record_exec(&r[i], t.session, "echo on; cat; exit 4");
		sshpair_until(&t, any_output, &r[i]);
	}
	if (!spares) { /* else it was a spare that taught us */
		record_exec(&r[limit], t.session, "echo never");
		sshpair_until(&t, record_done, &r[limit]);
		assert_int_equal(r[limit].end.err.reason, REASON_CHANNEL_REFUSED);
		assert_false(r[limit].end.sent);
		refused++;
	} else {
		sshpair_until(&t, is_full, &t);
	}
	assert_int_equal(session_stats(t.session).slots_max, limit);
	assert_int_equal(session_stats(t.session).slots_used, limit);
	assert_false(session_stats(t.session).has_slot);
	assert_true(t.slot_events > 0);
	/* One more is refused here, without asking the server. */
	record_free(&r[limit]);
	memset(&r[limit], 0, sizeof r[limit]);
	record_exec(&r[limit], t.session, "echo never");
	sshpair_until(&t, record_done, &r[limit]);
	assert_int_equal(r[limit].end.err.reason, REASON_CHANNEL_REFUSED);
	for (int i = 0; i < limit; i++) {
		chan_eof(r[i].chan);
		sshpair_until(&t, record_done, &r[i]);
		assert_int_equal(r[i].end.status, 4);
	}
	for (int i = 0; i <= limit; i++)
		record_free(&r[i]);
	for (int i = 0; i < 10; i++)
		expect_status(&t, "exit 1", 1);
	assert_int_equal(session_stats(t.session).slots_max, limit);
	sshpair_stop(&t);
}

static void
test_a_limit_of_one_is_learned(void **state NP_UNUSED)
{
	learn_limit(1, false);
	learn_limit(1, true);
}

static void
test_a_limit_of_three_is_learned(void **state NP_UNUSED)
{
	learn_limit(3, false);
	learn_limit(3, true);
}

/* Each byte of standard error makes libssh open the window for more standard output than anybody reads. */
#define BOTH_STREAMS "i=0; while [ $i -lt 16 ]; do head -c 700000 /dev/zero; printf x >&2; i=$((i + 1)); done; exit 3"
#define BOTH_BYTES (16u * 700000u)

static void
exec_both_streams(struct sshpair *t, struct record *r)
{
	/* Less than the window of libssh 0.11, which counts both streams: there no more than that ever waits. */
	((struct sshconn *)t->session)->held_pause = MIB / 2;
	((struct sshconn *)t->session)->held_max = MIB + MIB / 2; /* not within one turn of the first */
	record_exec(r, t->session, BOTH_STREAMS);
}

static void
read_on(struct record *r)
{
	r->paused = false;
	for (int i = 0; i < 2; i++) {
		size_t n = chan_output(r->chan, i)->len;

		r->received += n;
		chan_consume(r->chan, i, n);
	}
}

static bool
is_over(void *chan)
{
	return ((struct chan *)chan)->ended;
}

static bool
is_paused(void *pair)
{
	return ((struct sshconn *)((struct sshpair *)pair)->session)->paused;
}

static bool
hoards(void *pair)
{
	return ((struct sshconn *)((struct sshpair *)pair)->session)->hoards;
}

static void
test_a_slow_reader_of_both_streams_is_waited_for(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true, .count_only = true}, other = {0};
	uint64_t before;

	sshpair_start(&t, &plain);
	exec_both_streams(&t, &r);
	sshpair_until(&t, is_paused, &t);
	before = session_stats(t.session).bytes_in;
	assert_true(before < 5 * MIB);
	assert_false(session_stats(t.session).has_slot);
	assert_true(t.slot_events > 0);
	/* Who is refused is nobody for whom it has to end: were he, this would be too much. */
	((struct sshconn *)t.session)->held_max = ((struct sshconn *)t.session)->held_pause;
	record_exec(&other, t.session, "echo never");
	sshpair_until(&t, record_done, &other);
	assert_int_equal(other.end.err.reason, REASON_CHANNEL_REFUSED);
	assert_false(other.end.sent);

	/* It is as alive as its TCP connection. */
	assert_true(session_probe(t.session));
	sshpair_until(&t, sshpair_probed, &t);
	assert_true(session_stats(t.session).bytes_in < before + MIB);

	read_on(&r);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.end.err.reason, REASON_NONE);
	assert_int_equal(r.end.status, 3);
	assert_int_equal(r.received, BOTH_BYTES + 16);
	assert_true(session_stats(t.session).has_slot);
	record_free(&r);
	record_free(&other);
	expect_status(&t, "exit 5", 5);
	sshpair_stop(&t);
}

static void
test_a_slow_reader_of_both_streams_who_leaves_is_no_burden(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true, .count_only = true};

	sshpair_start(&t, &plain);
	exec_both_streams(&t, &r);
	sshpair_until(&t, is_paused, &t);
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	record_free(&r);
	sshpair_until(&t, no_slot_used, &t);
	expect_status(&t, "exit 5", 5);
	sshpair_stop(&t);
}

/* Others are not to suffer: it takes more and more memory, and is ended in the end. */
static void
test_a_slow_reader_of_both_streams_beside_others_has_a_limit(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {.paused = true, .count_only = true}, other = {0};

	sshpair_start(&t, &plain);
	record_exec(&other, t.session, "cat; exit 4");
	sshpair_until(&t, record_started, &other);
	exec_both_streams(&t, &r);
	sshpair_until(&t, hoards, &t);
	assert_false(session_stats(t.session).has_slot);
	assert_int_equal(chan_write(other.chan, "still here\n", 11), 0);
	wait_text(&t, &other, "still here\n");

	sshpair_until(&t, is_over, r.chan);
	read_on(&r);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.end.err.reason, REASON_OUTPUT_LIMIT);
	assert_true(session_stats(t.session).bytes_in < 10 * MIB);

	assert_int_equal(chan_write(other.chan, "and here\n", 9), 0);
	wait_text(&t, &other, "and here\n");
	chan_eof(other.chan);
	sshpair_until(&t, record_done, &other);
	assert_int_equal(other.end.status, 4);
	record_free(&r);
	record_free(&other);
	sshpair_until(&t, no_slot_used, &t);
	sshpair_stop(&t);
}

/*
 * In place of libssh's: of the first opens_unawaited channels the reply is not waited for, of all further ones it is,
 * within the call that sends the request, as on a machine that is busy elsewhere just then.  Negative: of none.
 */
static int opens_unawaited = -1;

int
ssh_channel_open_session(ssh_channel channel)
{
	int (*real)(ssh_channel) = (int (*)(ssh_channel))dlsym(RTLD_NEXT, "ssh_channel_open_session");
	double deadline = clock_now() + slow(20);
	int rc = real(channel);

	if (opens_unawaited > 0)
		opens_unawaited--;
	else if (opens_unawaited == 0)
		while (rc == SSH_AGAIN && clock_now() < deadline)
			rc = real(channel);
	return rc;
}

static void
test_a_refusal_read_together_with_confirmations_teaches_the_right_limit(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "MaxSessions 3"};
	struct record r[5] = {0};
	struct sshpair t;

	sshpair_start(&t, &options);
	opens_unawaited = 3;
	for (int i = 0; i < 5; i++)
		record_exec(&r[i], t.session, "cat; exit 4");
	for (int i = 3; i < 5; i++) {
		sshpair_until(&t, record_done, &r[i]);
		assert_int_equal(r[i].end.err.reason, REASON_CHANNEL_REFUSED);
	}
	opens_unawaited = -1;
	assert_int_equal(session_stats(t.session).slots_max, 3);
	for (int i = 0; i < 3; i++) {
		chan_eof(r[i].chan);
		sshpair_until(&t, record_done, &r[i]);
		assert_int_equal(r[i].end.status, 4);
	}
	for (int i = 0; i < 5; i++)
		record_free(&r[i]);
	sshpair_stop(&t);
}

struct loader {
	struct sshpair *trial;
	int to_start, running, ended, refused;
};

static void load(struct loader *l);

static void
loaded_done(struct record *r)
{
	struct loader *l = r->then_arg;

	l->running--;
	l->ended++;
	if (r->end.err.reason == REASON_CHANNEL_REFUSED) {
		assert_false(r->end.sent);
		l->refused++;
		l->to_start++;
	} else {
		assert_int_equal(r->end.status, 6);
	}
	record_free(r);
	free(r);
	load(l);
}

/* As a pool does: as many as there are slots, each next one from within the end of the one before. */
static void
load(struct loader *l)
{
	while (l->to_start > 0 && session_stats(l->trial->session).has_slot) {
		struct record *r = calloc(1, sizeof *r);

		assert_non_null(r);
		r->then = loaded_done;
		r->then_arg = l;
		l->to_start--;
		l->running++;
		record_exec(r, l->trial->session, "exit 6");
	}
}

static bool
loader_idle(void *arg)
{
	struct loader *l = arg;

	load(l);
	return l->running == 0 && l->to_start == 0;
}

static void
test_a_full_session_is_kept_full_without_errors(void **state NP_UNUSED)
{
	for (int spares = 0; spares < 2; spares++) {
		struct sshpair_options options = {.sshd = "MaxSessions 3", .spares = spares == 1};
		struct sshpair t;
		struct loader l = {&t, 120, 0, 0, 0};

		sshpair_start(&t, &options);
		sshpair_until(&t, loader_idle, &l);
		/* Several may be refused at first, before the limit is known. */
		assert_true(l.refused <= 7);
		assert_int_equal(session_stats(t.session).slots_max, 3);
		sshpair_until(&t, no_slot_used, &t);
		sshpair_stop(&t);
	}
}

static void
test_three_commands_run_side_by_side(void **state NP_UNUSED)
{
	struct record r[3] = {0};
	struct sshpair t;

	sshpair_start(&t, &with_spares);
	for (int i = 0; i < 3; i++)
		record_exec(&r[i], t.session, "read a; echo \"$a\"; read b; echo \"$b\"; exit 3");
	for (int i = 2; i >= 0; i--) {
		char line[16];
		int n = snprintf(line, sizeof line, "first%d\n", i);

		assert_int_equal(chan_write(r[i].chan, line, (size_t)n), 0);
		wait_text(&t, &r[i], line);
	}
	for (int i = 0; i < 3; i++) {
		char line[16];
		int n = snprintf(line, sizeof line, "second%d\n", i);

		assert_int_equal(chan_write(r[i].chan, line, (size_t)n), 0);
	}
	for (int i = 0; i < 3; i++) {
		char want[64];

		sshpair_until(&t, record_done, &r[i]);
		snprintf(want, sizeof want, "first%d\nsecond%d\n", i, i);
		assert_string_equal(record_text(&r[i], 0), want);
		record_free(&r[i]);
	}
	sshpair_stop(&t);
}

static void
test_a_channel_on_an_ending_session_fails_later_not_now(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	session_close(t.session, REASON_SHUTTING_DOWN, "the broker ends");
	record_exec(&r, t.session, "echo never");
	sshpair_until(&t, sshpair_closed, &t);

	assert_true(r.done);
	assert_false(r.end.sent);
	assert_int_equal(r.end.err.reason, REASON_CONNECT_FAILED);
	record_free(&r);
	sshpair_stop(&t);
}

/* ---- dropbear ---- */

static void
test_dropbear_gets_no_spares_and_lives(void **state NP_UNUSED)
{
	struct sshpair_options options = {.dropbear = true, .spares = true};
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &options);
	assert_false(((struct sshconn *)t.session)->is_openssh);
	for (int i = 0; i < 20; i++)
		expect_status(&t, "exit 12", 12);
	record_exec(&r, t.session, "cat");
	record_feed(&r, 5 * MIB, true);
	sshpair_until(&t, record_done, &r);

	check_stream(&r, 5 * MIB);
	assert_int_equal(r.end.status, 0);
	record_free(&r);
	sshpair_until(&t, no_slot_used, &t);
	sshpair_stop(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_output_of_both_streams_arrives),
	    cmocka_unit_test(test_a_command_without_output_ends_with_none),
	    cmocka_unit_test(test_every_byte_value_passes_both_ways),
	    cmocka_unit_test(test_single_bytes_pass_one_by_one),
	    cmocka_unit_test(test_megabytes_go_both_ways_unchanged),
	    cmocka_unit_test(test_a_paused_reader_holds_its_channel_only),
	    cmocka_unit_test(test_reading_in_small_steps_loses_nothing),
	    cmocka_unit_test(test_a_slow_reader_does_not_make_us_gather),
	    cmocka_unit_test(test_a_slow_reader_of_both_streams_is_waited_for),
	    cmocka_unit_test(test_a_slow_reader_of_both_streams_who_leaves_is_no_burden),
	    cmocka_unit_test(test_a_slow_reader_of_both_streams_beside_others_has_a_limit),
	    cmocka_unit_test(test_done_waits_until_the_output_is_consumed),
	    cmocka_unit_test(test_a_command_frees_its_slot_though_its_reader_sleeps),
	    cmocka_unit_test(test_what_is_unread_of_a_freed_command_comes_with_the_loss),
	    cmocka_unit_test(test_write_takes_all_or_nothing),
	    cmocka_unit_test(test_rekeys_in_mid_transfer_change_nothing),
	    cmocka_unit_test(test_exit_statuses_are_told),
	    cmocka_unit_test(test_death_by_a_signal_is_told),
	    cmocka_unit_test(test_output_may_end_long_before_the_command),
	    cmocka_unit_test(test_a_background_process_that_keeps_the_output_delays_the_end),
	    cmocka_unit_test(test_output_goes_on_after_the_end_of_input),
	    cmocka_unit_test(test_input_that_nobody_reads_does_not_stop_the_end),
	    cmocka_unit_test(test_a_channel_closed_without_a_status_has_an_unknown_outcome),
	    cmocka_unit_test(test_a_session_lost_in_mid_command_leaves_the_outcome_unknown),
	    cmocka_unit_test(test_a_session_lost_before_the_command_was_sent_says_so),
	    cmocka_unit_test(test_output_unread_at_the_loss_is_offered_with_the_end),
	    cmocka_unit_test(test_a_command_that_had_ended_keeps_its_result_when_the_session_is_lost),
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
	    cmocka_unit_test(test_two_hundred_commands_leak_no_slot),
	    cmocka_unit_test(test_two_hundred_commands_on_spares_leak_no_slot),
	    cmocka_unit_test(test_a_spare_never_stands_in_the_way_of_the_only_slot),
	    cmocka_unit_test(test_a_limit_of_one_is_learned),
	    cmocka_unit_test(test_a_limit_of_three_is_learned),
	    cmocka_unit_test(test_a_refusal_read_together_with_confirmations_teaches_the_right_limit),
	    cmocka_unit_test(test_a_full_session_is_kept_full_without_errors),
	    cmocka_unit_test(test_three_commands_run_side_by_side),
	    cmocka_unit_test(test_a_channel_on_an_ending_session_fails_later_not_now),
	    cmocka_unit_test(test_dropbear_gets_no_spares_and_lives),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
