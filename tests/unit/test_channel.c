/* Channels of a session against a real sshd: bytes, ends, loss. */
#include <setjmp.h>
#include <signal.h>
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

#define MIB (1024u * 1024u)

static const struct sshpair_options plain = {0};

/* ---- bytes ---- */

static void
test_output_of_both_streams_arrives(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	record_run(&t, &r, "echo to stdout; echo to stderr >&2; exit 3");

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
	record_run(&t, &r, "true");

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
test_megabytes_go_both_ways_unchanged(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "cat");
	record_feed(&r, 20 * MIB, true);
	sshpair_until(&t, record_done, &r);

	record_check_stream(&r, 20 * MIB);
	assert_int_equal(r.wrote, 20 * MIB);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_a_paused_reader_holds_its_channel_only(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record slow = {.paused = true};

	sshpair_start(&t, &plain);
	record_exec(&slow, t.session, "cat");
	record_feed(&slow, 20 * MIB, true);
	sshpair_until(&t, record_buffer_full, &slow);
	for (int i = 0; i < 10; i++)
		record_expect(&t, "exit 5", 5);
	/* Bounded: nothing beyond the maximum is kept here, and stdin stops as well. */
	assert_int_equal(chan_output(slow.chan, 0)->len, CHANNEL_BUFFER_MAX);
	assert_true(slow.wrote < 20 * MIB);
	assert_false(slow.done);
	record_resume(&slow);
	sshpair_until(&t, record_done, &slow);

	record_check_stream(&slow, 20 * MIB);
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
	sshpair_until(&t, record_buffer_full, &r);
	/* The server is done with it: the slot is free although nobody has read. */
	sshpair_until(&t, sshpair_no_slot_used, &t);
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
		record_expect(&t, "exit 5", 5);
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
	record_run(&t, &read, "head -c 900000 /dev/zero; exit 4");
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
		record_expect(&t, "exit 4", 4);
	sshpair_until(&t, record_done, &r);

	record_check_stream(&r, 12 * MIB);
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
		record_expect(&t, command, statuses[i]);
	}
	sshpair_stop(&t);
}

static void
test_death_by_a_signal_is_told(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r;

	sshpair_start(&t, &plain);
	record_run(&t, &r, "echo before; kill -KILL $$");

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
	record_run(&t, &r, "echo early; exec >&- 2>&-; sleep 0.3; exit 7");

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
	record_run(&t, &r, "(sleep 0.5; echo late) & echo hi");

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
	record_expect(&t, "exit 1", 1);
	record_free(&r);
	sshpair_stop(&t);
}

/* ---- loss ---- */

static void
test_a_session_lost_in_mid_command_leaves_the_outcome_unknown(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0}, other = {0};

	sshpair_start(&t, &plain);
	record_exec(&r, t.session, "echo before; exec sleep 1000");
	record_exec(&other, t.session, "echo too; exec sleep 1000");
	sshpair_until(&t, record_any_output, &r);
	sshpair_until(&t, record_any_output, &other);
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
	record_expect(&t, "true", 0);
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
	sshpair_until(&t, record_buffer_full, &r);
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
	sshpair_until(&t, record_buffer_full, &r);
	sshpair_until(&t, sshpair_no_slot_used, &t);
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
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
