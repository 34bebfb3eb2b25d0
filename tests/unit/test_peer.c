/* The daemon's end of a client connection, driven through a socketpair. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "base/buf.h"
#include "kit/drive.h"
#include "wire/frame.h"
#include "base/log.h"
#include "serve/peer.h"
#include "base/queue.h"
#include "base/xalloc.h"

/* One peer under test: what its events said, and the client's end of its connection. */
struct end {
	struct world *world;
	struct peer *peer; /* NULL once closed() came */
	int fd;            /* the client's end, non-blocking; -1 once closed */
	int frames;
	char last[64];     /* JSON of the last frame */
	size_t last_json;  /* its size */
	size_t last_data;  /* size of its data */
	uint64_t data_sum; /* of all attached bytes */
	int drained;
	int violated;
	int closed;
	struct np_error why;
	const char *say_on_violation;
	const char *echo;    /* answer every frame with this */
	bool close_on_frame; /* at the next frame */
	struct buf got;      /* read by the client */
	bool got_eof;
	bool in_call; /* a function of peer.h runs */
};

struct world {
	struct ev_loop *loop;
	struct end ends[2];
	char order[4096]; /* of delivered frames: 'a' the first end, 'b' the second */
	size_t order_len;
};

static void
on_frame(struct peer *p, const struct frame *frame, void *arg)
{
	struct end *e = arg;
	size_t n = frame->json_size < sizeof(e->last) - 1 ? frame->json_size : sizeof(e->last) - 1;

	assert_ptr_equal(p, e->peer);
	assert_int_equal(e->closed, 0);
	assert_false(e->in_call);
	memcpy(e->last, frame->json, n);
	e->last[n] = '\0';
	e->last_json = frame->json_size;
	e->last_data = frame->data_size;
	for (size_t i = 0; i < frame->data_size; i++)
		e->data_sum += frame->data[i];
	e->frames++;
	if (e->world->order_len < sizeof(e->world->order))
		e->world->order[e->world->order_len++] = e == &e->world->ends[0] ? 'a' : 'b';
	if (e->close_on_frame)
		peer_close(p);
	if (e->echo != NULL)
		peer_send(p, e->echo, strlen(e->echo), NULL, 0);
}

static void
on_drained(struct peer *p, void *arg)
{
	struct end *e = arg;

	assert_ptr_equal(p, e->peer);
	assert_false(e->in_call);
	e->drained++;
}

static void
on_violated(struct peer *p, const struct np_error *err, void *arg)
{
	struct end *e = arg;

	assert_false(e->in_call);
	e->violated++;
	e->why = *err;
	if (e->say_on_violation != NULL)
		peer_send(p, e->say_on_violation, strlen(e->say_on_violation), NULL, 0);
}

static void
on_closed(struct peer *p, void *arg)
{
	struct end *e = arg;

	assert_ptr_equal(p, e->peer);
	assert_false(e->in_call);
	e->closed++;
	e->peer = NULL;
}

static const struct peer_events events = {on_frame, on_drained, on_violated, on_closed};

static void
end_open(struct world *w, int index, int type)
{
	struct end *e = &w->ends[index];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	e->world = w;
	e->fd = fds[1];
	buf_init(&e->got, SIZE_MAX / 2);
	e->peer = peer_create(w->loop, (uint64_t)index + 1, fds[0], 4711, &events, e);
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->ends[0].fd = w->ends[1].fd = -1;
	end_open(w, 0, SOCK_STREAM);
	*state = w;
	return 0;
}

static bool
end_is_closed(void *arg)
{
	struct end *e = arg;

	return e->peer == NULL;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		struct end *e = &w->ends[i];
		if (e->peer != NULL) {
			peer_close(e->peer);
			assert_true(drive_until(w->loop, end_is_closed, e));
		}
		if (e->fd >= 0)
			close(e->fd);
		buf_free(&e->got);
	}
	ev_loop_destroy(w->loop);
	free(w);
	return 0;
}

/* ---- the client's side ---- */

static void
client_write(struct end *e, const void *p, size_t n)
{
	assert_int_equal(send(e->fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void
client_send(struct end *e, const char *json)
{
	struct buf b;

	buf_init(&b, FRAME_SIZE_MAX);
	assert_int_equal(frame_append(&b, json, strlen(json), NULL, 0), 0);
	client_write(e, buf_head(&b), b.len);
	buf_free(&b);
}

/* Reads what is there, at most max bytes. */
static void
client_read(struct end *e, size_t max)
{
	while (max > 0) {
		size_t ask = max < 65536 ? max : 65536;
		uint8_t *dst = buf_reserve(&e->got, ask);
		ssize_t n = recv(e->fd, dst, ask, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			e->got_eof = true;
			return;
		}
		if (n < 0)
			return;
		buf_commit(&e->got, (size_t)n);
		max -= (size_t)n;
	}
}

/* Takes the next frame out of what was read and compares its JSON; false when there is none. */
static bool
client_takes(struct end *e, const char *json)
{
	struct frame f;
	struct np_error err;

	if (frame_peek(buf_head(&e->got), e->got.len, &f, &err) != FRAME_READY)
		return false;
	assert_int_equal(f.json_size, strlen(json));
	assert_memory_equal(f.json, json, f.json_size);
	buf_consume(&e->got, f.total);
	return true;
}

static bool
has_frame(void *arg)
{
	struct end *e = arg;

	return e->frames > 0;
}

static bool
client_has_eof(void *arg)
{
	struct end *e = arg;

	client_read(e, SIZE_MAX);
	return e->got_eof;
}

/* ---- tests: input ---- */

static void
test_frame_is_delivered_with_its_data(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	struct buf b;

	buf_init(&b, FRAME_SIZE_MAX);
	assert_int_equal(frame_append(&b, "{\"a\":1}", 7, "\x01\x02\x00\xff", 4), 0);
	client_write(e, buf_head(&b), b.len);
	assert_true(drive_until(w->loop, has_frame, e));

	assert_string_equal(e->last, "{\"a\":1}");
	assert_int_equal(e->last_data, 4);
	assert_int_equal(e->data_sum, 1 + 2 + 255);
	assert_int_equal(peer_bytes_in(e->peer), b.len);
	buf_free(&b);
}

static bool
has_three_frames(void *arg)
{
	return ((struct end *)arg)->frames >= 3;
}

static void
test_several_frames_in_one_write_are_all_delivered(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	struct buf b;

	buf_init(&b, FRAME_SIZE_MAX);
	for (int i = 0; i < 3; i++)
		assert_int_equal(frame_append(&b, "{}", 2, "xyz", (size_t)i), 0);
	client_write(e, buf_head(&b), b.len);
	assert_true(drive_until(w->loop, has_three_frames, e));

	assert_int_equal(e->frames, 3);
	assert_int_equal(e->last_data, 2);
	buf_free(&b);
}

static void
test_frame_that_comes_byte_by_byte_is_delivered_once(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	struct buf b;

	buf_init(&b, FRAME_SIZE_MAX);
	assert_int_equal(frame_append(&b, "{\"b\":2}", 7, "data", 4), 0);
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(e->frames, 0);
		client_write(e, buf_head(&b) + i, 1);
		drive_turns(w->loop, 2);
	}
	assert_true(drive_until(w->loop, has_frame, e));

	assert_int_equal(e->frames, 1);
	assert_string_equal(e->last, "{\"b\":2}");
	buf_free(&b);
}

/* Lets the client write all of b, in what pieces the socket takes. */
static void
client_pump(struct world *w, struct end *e, struct buf *b)
{
	for (int i = 0; b->len > 0 && i < 100000; i++) {
		ssize_t n = send(e->fd, buf_head(b), b->len, MSG_NOSIGNAL);
		if (n > 0)
			buf_consume(b, (size_t)n);
		ev_run(w->loop, EVRUN_NOWAIT);
	}
	assert_int_equal(b->len, 0);
}

static void
test_largest_frame_passes_and_small_ones_after_it(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	char *json = xmalloc(FRAME_JSON_MAX);
	uint8_t *data = xcalloc(1, FRAME_DATA_MAX);
	struct buf b;

	memset(json, ' ', FRAME_JSON_MAX);
	data[FRAME_DATA_MAX - 1] = 7;
	buf_init(&b, 4 * FRAME_SIZE_MAX);
	assert_int_equal(frame_append(&b, json, FRAME_JSON_MAX, data, FRAME_DATA_MAX), 0);
	assert_int_equal(frame_append(&b, json, FRAME_JSON_MAX, data, FRAME_DATA_MAX), 0);
	assert_int_equal(frame_append(&b, "{\"c\":3}", 7, NULL, 0), 0);
	client_pump(w, e, &b);
	assert_true(drive_until(w->loop, has_three_frames, e));

	assert_string_equal(e->last, "{\"c\":3}");
	assert_int_equal(e->data_sum, 14);
	buf_free(&b);
	free(json);
	free(data);
}

static bool
has_1000_frames(void *arg)
{
	return ((struct end *)arg)->frames >= 1000;
}

static void
test_flood_of_requests_leaves_turns_to_others(void **state)
{
	struct world *w = *state;
	struct buf b;
	size_t at;

	end_open(w, 1, SOCK_STREAM);
	buf_init(&b, FRAME_SIZE_MAX);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(frame_append(&b, "{}", 2, NULL, 0), 0);
	client_write(&w->ends[0], buf_head(&b), b.len);
	buf_free(&b);
	drive_turns(w->loop, 1);
	assert_in_range(w->ends[0].frames, 1, 100);

	client_send(&w->ends[1], "{}");
	assert_true(drive_until(w->loop, has_1000_frames, &w->ends[0]));

	/* The second client waited for no more than two turns of the first. */
	at = (size_t)((char *)memchr(w->order, 'b', w->order_len) - w->order);
	assert_in_range(at, 1, 200);
	assert_int_equal(w->ends[0].frames, 1000);
}

static void
test_frames_before_the_end_are_delivered_first(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	struct buf b;

	buf_init(&b, FRAME_SIZE_MAX);
	for (int i = 0; i < 500; i++)
		assert_int_equal(frame_append(&b, "{}", 2, NULL, 0), 0);
	client_write(e, buf_head(&b), b.len);
	buf_free(&b);
	close(e->fd);
	e->fd = -1;
	assert_true(drive_until(w->loop, end_is_closed, e));

	assert_int_equal(e->frames, 500);
	assert_int_equal(e->closed, 1);
	assert_int_equal(e->violated, 0);
}

static void
test_half_closed_client_counts_as_gone(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	assert_int_equal(shutdown(e->fd, SHUT_WR), 0);
	assert_true(drive_until(w->loop, end_is_closed, e));

	assert_int_equal(e->closed, 1);
	assert_true(drive_until(w->loop, client_has_eof, e));
}

static void
test_client_that_leaves_within_a_frame_is_closed_silently(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	client_write(e, "\0\0\0\x10\0\0\0\0{\"half", 14);
	close(e->fd);
	e->fd = -1;
	assert_true(drive_until(w->loop, end_is_closed, e));

	assert_int_equal(e->frames, 0);
	assert_int_equal(e->violated, 0);
}

static const struct {
	const char *name;
	const char bytes[9];
	size_t size;
} hostile[] = {
    {"no JSON", "\0\0\0\0\0\0\0\0", 8},
    {"JSON of 1 MiB + 1, judged before the second size", "\0\x10\0\x01", 4},
    {"JSON of 4 GiB", "\xff\xff\xff\xff", 4},
    {"data of 64 KiB + 1", "\0\0\0\x02\0\x01\0\x01", 8},
    {"data of 4 GiB", "\0\0\0\x02\xff\xff\xff\xff", 8},
    {"text", "GET / HT", 8},
};

static void
test_hostile_lengths_are_answered_and_nothing_more_is_read(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < NP_COUNT(hostile); i++) {
		struct end *e = &w->ends[1];
		memset(e, 0, sizeof(*e));
		end_open(w, 1, SOCK_STREAM);
		e->say_on_violation = "{\"error\":1}";

		client_send(e, "{\"first\":1}");
		client_write(e, hostile[i].bytes, hostile[i].size);
		drive_turns(w->loop, 1);
		(void)!send(e->fd, "\0\0\0\x02\0\0\0\0{}", 10, MSG_NOSIGNAL);
		assert_true(drive_until(w->loop, end_is_closed, e));

		assert_int_equal(e->frames, 1);
		assert_int_equal(e->violated, 1);
		assert_int_equal(e->closed, 1);
		assert_int_equal(e->why.reason, REASON_PARSE_ERROR);
		assert_true(drive_until(w->loop, client_has_eof, e));
		assert_true(client_takes(e, "{\"error\":1}"));
		assert_int_equal(e->got.len, 0);
		close(e->fd);
		e->fd = -1;
		buf_free(&e->got);
	}
}

/* ---- tests: output ---- */

static void
test_frames_of_one_turn_leave_in_one_send(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[1];
	char packet[256];
	struct buf expected;

	/* Every send(2) on such a socket is one packet: they can be counted. */
	end_open(w, 1, SOCK_SEQPACKET);
	buf_init(&expected, FRAME_SIZE_MAX);
	for (int i = 0; i < 5; i++) {
		peer_send(e->peer, "{\"n\":1}", 7, "d", 1);
		assert_int_equal(frame_append(&expected, "{\"n\":1}", 7, "d", 1), 0);
	}
	assert_int_equal(recv(e->fd, packet, sizeof(packet), 0), -1);
	assert_int_equal(peer_out_pending(e->peer), expected.len);
	drive_turns(w->loop, 1);

	assert_int_equal(recv(e->fd, packet, sizeof(packet), 0), (ssize_t)expected.len);
	assert_memory_equal(packet, buf_head(&expected), expected.len);
	assert_int_equal(peer_bytes_out(e->peer), expected.len);
	assert_int_equal(peer_out_pending(e->peer), 0);
	buf_free(&expected);
}

static void
test_answer_leaves_in_the_turn_of_its_request(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	e->echo = "{\"pong\":1}";
	client_send(e, "{}");
	drive_turns(w->loop, 1);

	client_read(e, SIZE_MAX);
	assert_true(client_takes(e, "{\"pong\":1}"));
}

static void
fill_stream(struct end *e)
{
	static const uint8_t data[32768];
	size_t room;

	while ((room = peer_stream_room(e->peer)) > 0)
		peer_send(e->peer, "{}", 2, data, room < sizeof(data) ? room : sizeof(data));
}

static bool
was_drained(void *arg)
{
	struct end *e = arg;

	client_read(e, SIZE_MAX);
	return e->drained > 0;
}

static void
test_stream_waits_for_a_slow_reader_and_goes_on(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	/* Until the kernel's buffer and ours are both full. */
	for (int i = 0; i < 50; i++) {
		fill_stream(e);
		assert_in_range(peer_out_pending(e->peer), 1, PEER_STREAM_HIGH + 1024);
		drive_turns(w->loop, 2);
	}
	assert_true(peer_out_pending(e->peer) > PEER_STREAM_HIGH / 2);
	e->drained = 0;
	fill_stream(e);
	assert_int_equal(peer_stream_room(e->peer), 0);
	drive_turns(w->loop, 10);
	assert_int_equal(e->drained, 0);

	assert_true(drive_until(w->loop, was_drained, e));

	assert_int_equal(e->drained, 1);
	assert_true(peer_stream_room(e->peer) > 0);
	assert_true(peer_out_pending(e->peer) < PEER_STREAM_HIGH / 2);
}

static void
test_drained_is_said_only_to_who_was_refused(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	peer_send(e->peer, "{}", 2, NULL, 0);
	assert_true(peer_stream_room(e->peer) > 0);
	drive_turns(w->loop, 3);

	assert_int_equal(e->drained, 0);
}

static void
test_control_frames_are_read_while_output_is_blocked(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	fill_stream(e);
	drive_turns(w->loop, 2);
	fill_stream(e);
	drive_turns(w->loop, 2);
	assert_true(peer_out_pending(e->peer) > 0);

	client_send(e, "{\"cancel\":1}");
	assert_true(drive_until(w->loop, has_frame, e));

	assert_string_equal(e->last, "{\"cancel\":1}");
}

static bool
client_reads_until_frame(void *arg)
{
	struct end *e = arg;

	client_read(e, SIZE_MAX);
	return e->frames > 0;
}

static void
test_client_that_reads_no_answers_is_not_read_from(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	char *json = xmalloc(FRAME_JSON_MAX);

	memset(json, ' ', FRAME_JSON_MAX);
	while (peer_out_pending(e->peer) <= PEER_OUT_HIGH + FRAME_JSON_MAX)
		peer_send(e->peer, json, FRAME_JSON_MAX, NULL, 0);
	drive_turns(w->loop, 2);
	client_send(e, "{\"late\":1}");
	drive_turns(w->loop, 20);
	assert_int_equal(e->frames, 0);

	assert_true(drive_until(w->loop, client_reads_until_frame, e));

	assert_string_equal(e->last, "{\"late\":1}");
	free(json);
}

static void
test_frames_read_before_output_overflowed_are_kept_for_later(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	char *json = xmalloc(FRAME_JSON_MAX + 1);
	struct buf b;

	/* Each of the 20 small frames is answered with 1 MiB: after 5 answers nothing further is taken. */
	memset(json, ' ', FRAME_JSON_MAX);
	json[FRAME_JSON_MAX] = '\0';
	e->echo = json;
	buf_init(&b, FRAME_SIZE_MAX);
	for (int i = 0; i < 20; i++)
		assert_int_equal(frame_append(&b, "{}", 2, NULL, 0), 0);
	client_write(e, buf_head(&b), b.len);
	buf_free(&b);
	drive_turns(w->loop, 20);
	assert_in_range(e->frames, 4, 6);

	for (int i = 0; i < 2000 && e->frames < 20; i++) {
		client_read(e, SIZE_MAX);
		drive_turns(w->loop, 1);
	}

	assert_int_equal(e->frames, 20);
	free(json);
}

static void
test_client_beyond_the_maximum_of_output_is_closed(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	char *json = xmalloc(FRAME_JSON_MAX);

	memset(json, ' ', FRAME_JSON_MAX);
	for (int i = 0; i < 20 && !peer_is_closing(e->peer); i++) {
		assert_true(peer_out_pending(e->peer) <= PEER_OUT_MAX);
		peer_send(e->peer, json, FRAME_JSON_MAX, NULL, 0);
	}
	assert_true(peer_is_closing(e->peer));
	assert_true(drive_until(w->loop, end_is_closed, e));

	assert_int_equal(e->closed, 1);
	free(json);
}

/* ---- tests: the end ---- */

static void
test_close_is_reported_from_a_later_turn_once(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	client_send(e, "{\"unread\":1}");
	e->in_call = true;
	peer_close(e->peer);
	peer_close(e->peer);
	peer_close_after_flush(e->peer);
	assert_true(peer_is_closing(e->peer));
	peer_send(e->peer, "{}", 2, NULL, 0);
	assert_int_equal(peer_out_pending(e->peer), 0);
	assert_int_equal(peer_stream_room(e->peer), 0);
	e->in_call = false;
	assert_int_equal(e->closed, 0);
	drive_turns(w->loop, 5);

	assert_int_equal(e->closed, 1);
	assert_int_equal(e->frames, 0);
	assert_true(drive_until(w->loop, client_has_eof, e));
}

static void
test_no_frame_follows_a_close_from_a_frame(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	e->close_on_frame = true;
	client_write(e, "\0\0\0\x02\0\0\0\0{}\0\0\0\x02\0\0\0\0{}", 20);
	assert_true(drive_until(w->loop, end_is_closed, e));

	assert_int_equal(e->frames, 1);
	assert_int_equal(e->closed, 1);
}

static void
test_close_after_flush_delivers_everything_first(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	char *json = xmalloc(FRAME_JSON_MAX);

	memset(json, ' ', FRAME_JSON_MAX);
	for (int i = 0; i < 3; i++)
		peer_send(e->peer, json, FRAME_JSON_MAX, NULL, 0);
	client_send(e, "{\"ignored\":1}");
	peer_close_after_flush(e->peer);
	assert_true(drive_until(w->loop, client_has_eof, e));

	assert_int_equal(e->closed, 1);
	assert_int_equal(e->frames, 0);
	assert_int_equal(e->got.len, 3 * (FRAME_JSON_MAX + FRAME_HEADER_SIZE));
	free(json);
}

static void
test_close_after_flush_without_output_closes_at_once(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];

	peer_close_after_flush(e->peer);
	assert_int_equal(e->closed, 0);
	drive_turns(w->loop, 2);

	assert_int_equal(e->closed, 1);
}

static void
test_close_after_flush_gives_up_on_who_does_not_read(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	char *json = xmalloc(FRAME_JSON_MAX);
	ev_tstamp began = ev_time();

	memset(json, ' ', FRAME_JSON_MAX);
	peer_send(e->peer, json, FRAME_JSON_MAX, NULL, 0);
	peer_close_after_flush(e->peer);
	assert_true(drive_until(w->loop, end_is_closed, e));

	assert_true(ev_time() - began > 3.0);
	assert_int_equal(e->closed, 1);
	free(json);
}

static void
test_client_that_left_is_noticed_while_writing(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	char *json = xmalloc(FRAME_JSON_MAX);

	/* More than is read over: only the failing write tells. */
	memset(json, ' ', FRAME_JSON_MAX);
	while (peer_out_pending(e->peer) <= PEER_OUT_HIGH + FRAME_JSON_MAX)
		peer_send(e->peer, json, FRAME_JSON_MAX, NULL, 0);
	drive_turns(w->loop, 2);
	close(e->fd);
	e->fd = -1;
	assert_true(drive_until(w->loop, end_is_closed, e));

	assert_int_equal(e->closed, 1);
	free(json);
}

static void
test_stream_of_bytes_arrives_exactly(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[0];
	uint8_t data[65536];
	size_t sent = 0, seen = 0, total = 32u * 1024 * 1024;
	uint32_t x = 1, y = 1;

	while (seen < total) {
		size_t room;
		struct frame f;
		struct np_error err;
		while (sent < total && (room = peer_stream_room(e->peer)) > 0) {
			size_t n = room < sizeof(data) ? room : sizeof(data);
			for (size_t i = 0; i < n; i++)
				data[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
			peer_send(e->peer, "{}", 2, data, n);
			sent += n;
		}
		drive_turns(w->loop, 1);
		client_read(e, 300000);
		while (frame_peek(buf_head(&e->got), e->got.len, &f, &err) == FRAME_READY) {
			for (size_t i = 0; i < f.data_size; i++)
				if (f.data[i] != (uint8_t)((y = y * 1664525 + 1013904223) >> 24))
					fail_msg("byte %zu differs", seen + i);
			seen += f.data_size;
			buf_consume(&e->got, f.total);
		}
	}
	assert_int_equal(sent, seen);
}

/* Its number may be another's by now: what is called so did not connect. */
static void
test_process_that_has_ended_is_known_to_have(void **state)
{
	struct world *w = *state;
	struct end *e = &w->ends[1];
	struct sockaddr_un name = {.sun_family = AF_UNIX}; /* without a name: the kernel finds one */
	socklen_t size = sizeof(sa_family_t);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, status;
	bool told = getsockopt(w->ends[0].fd, SOL_SOCKET, 77, &fd, &(socklen_t){sizeof(fd)}) == 0; /* SO_PEERPIDFD */
	pid_t child;

	if (told)
		close(fd);
	assert_true(peer_process_lives(w->ends[0].peer));
	assert_int_equal(bind(listener, (struct sockaddr *)&name, size), 0);
	size = sizeof(name);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &size), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	if (child == 0)
		_exit(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, size) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fd >= 0);
	close(listener);
	e->world = w;
	e->peer = peer_create(w->loop, 2, fd, child, &events, e);
	assert_int_equal(peer_process_lives(e->peer), !told);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_frame_is_delivered_with_its_data, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_several_frames_in_one_write_are_all_delivered, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_frame_that_comes_byte_by_byte_is_delivered_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_largest_frame_passes_and_small_ones_after_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_flood_of_requests_leaves_turns_to_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_frames_before_the_end_are_delivered_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_half_closed_client_counts_as_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_client_that_leaves_within_a_frame_is_closed_silently, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_hostile_lengths_are_answered_and_nothing_more_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_frames_of_one_turn_leave_in_one_send, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answer_leaves_in_the_turn_of_its_request, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stream_waits_for_a_slow_reader_and_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_drained_is_said_only_to_who_was_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_control_frames_are_read_while_output_is_blocked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_client_that_reads_no_answers_is_not_read_from, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_frames_read_before_output_overflowed_are_kept_for_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_client_beyond_the_maximum_of_output_is_closed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_close_is_reported_from_a_later_turn_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_frame_follows_a_close_from_a_frame, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_close_after_flush_delivers_everything_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_close_after_flush_without_output_closes_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_close_after_flush_gives_up_on_who_does_not_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_client_that_left_is_noticed_while_writing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stream_of_bytes_arrives_exactly, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_process_that_has_ended_is_known_to_have, setup, teardown),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
