/* Channels of a session against real servers: slots, learned limits, slow readers, many commands. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* ---- limits ---- */

static void
many_commands(const struct sshpair_options *options, int count)
{
	struct sshpair t;

	sshpair_start(&t, options);
	for (int i = 0; i < count; i++) {
		char command[32];

		snprintf(command, sizeof command, "exit %d", i % 200);
		record_expect(&t, command, i % 200);
	}
	sshpair_until(&t, sshpair_no_slot_used, &t);
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
		sshpair_until(&t, record_any_output, &r[i]);
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
		record_expect(&t, "exit 1", 1);
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
	record_expect(&t, "exit 5", 5);
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
	sshpair_until(&t, sshpair_no_slot_used, &t);
	record_expect(&t, "exit 5", 5);
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
	record_wait_text(&t, &other, "still here\n");

	sshpair_until(&t, is_over, r.chan);
	read_on(&r);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.end.err.reason, REASON_OUTPUT_LIMIT);
	assert_true(session_stats(t.session).bytes_in < 10 * MIB);

	assert_int_equal(chan_write(other.chan, "and here\n", 9), 0);
	record_wait_text(&t, &other, "and here\n");
	chan_eof(other.chan);
	sshpair_until(&t, record_done, &other);
	assert_int_equal(other.end.status, 4);
	record_free(&r);
	record_free(&other);
	sshpair_until(&t, sshpair_no_slot_used, &t);
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
		sshpair_until(&t, sshpair_no_slot_used, &t);
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
		record_wait_text(&t, &r[i], line);
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
		record_expect(&t, "exit 12", 12);
	record_exec(&r, t.session, "cat");
	record_feed(&r, 5 * MIB, true);
	sshpair_until(&t, record_done, &r);

	record_check_stream(&r, 5 * MIB);
	assert_int_equal(r.end.status, 0);
	record_free(&r);
	sshpair_until(&t, sshpair_no_slot_used, &t);
	sshpair_stop(&t);
}

/* ---- uploads ---- */

#define PIECE (64u * 1024u) /* what clients send at once */
#define UPLOAD (64u * PIECE)

struct upload {
	struct record record;
	size_t left;
};

/* A client: what it sends is read within a turn of the loop. */
static void
upload_feed(struct ev_loop *loop NP_UNUSED, ev_check *w, int revents NP_UNUSED)
{
	static const uint8_t zeros[PIECE];
	struct upload *u = w->data;

	if (u->left == 0 || chan_write_room(u->record.chan) <= CHANNEL_BUFFER_MAX - PIECE)
		return;
	assert_int_equal(chan_write(u->record.chan, zeros, PIECE), 0);
	u->left -= PIECE;
}

static bool
upload_fed(void *arg)
{
	return ((struct upload *)arg)->left == 0;
}

/* Two of a piece, and what is left over of it in the next: a small one costs the server as much as a full one. */
static void
test_an_upload_leaves_in_full_packets(void **state NP_UNUSED)
{
	struct upload u = {.left = UPLOAD};
	struct sshpair t;
	uint64_t before;
	ev_check feed;

	sshpair_start(&t, &plain);
	record_exec(&u.record, t.session, "cat | wc -c");
	sshpair_until(&t, record_started, &u.record);
	before = sshconn_of(t.session)->raw_count.out_packets;
	ev_check_init(&feed, upload_feed);
	feed.data = &u;
	ev_check_start(t.loop, &feed);
	sshpair_until(&t, upload_fed, &u);
	ev_check_stop(t.loop, &feed);
	chan_eof(u.record.chan);
	sshpair_until(&t, record_done, &u.record);
	assert_int_equal(atoi((const char *)buf_head(&u.record.out[0])), UPLOAD);
	assert_in_range(sshconn_of(t.session)->raw_count.out_packets - before, UPLOAD / 32768, UPLOAD / 32768 + 32);
	record_free(&u.record);
	sshpair_stop(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_slow_reader_of_both_streams_is_waited_for),
	    cmocka_unit_test(test_a_slow_reader_of_both_streams_who_leaves_is_no_burden),
	    cmocka_unit_test(test_a_slow_reader_of_both_streams_beside_others_has_a_limit),
	    cmocka_unit_test(test_two_hundred_commands_leak_no_slot),
	    cmocka_unit_test(test_two_hundred_commands_on_spares_leak_no_slot),
	    cmocka_unit_test(test_a_spare_never_stands_in_the_way_of_the_only_slot),
	    cmocka_unit_test(test_a_limit_of_one_is_learned),
	    cmocka_unit_test(test_a_limit_of_three_is_learned),
	    cmocka_unit_test(test_a_refusal_read_together_with_confirmations_teaches_the_right_limit),
	    cmocka_unit_test(test_a_full_session_is_kept_full_without_errors),
	    cmocka_unit_test(test_three_commands_run_side_by_side),
	    cmocka_unit_test(test_a_channel_on_an_ending_session_fails_later_not_now),
	    cmocka_unit_test(test_an_upload_leaves_in_full_packets),
	    cmocka_unit_test(test_dropbear_gets_no_spares_and_lives),
	};

	return cmocka_run_group_tests_name("channel_limits", tests, NULL, NULL);
}
