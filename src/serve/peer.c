/*
 * A peer: one client's connection as a stream of frames.  Owns the descriptor, both buffers and their watchers; never
 * looks into a frame and never frees itself inside a call of its owner.  Main thread only.
 *
 *   OPEN -> FLUSHING (reads no more, lets its output go) -> CLOSING (closed() comes at the end of the turn)
 *
 * The end of a turn is an event of the lowest priority that is fed and never started: libev runs it after everything
 * else that is pending and before it blocks again.  All frames that one turn produced leave in one send(2), and
 * closed() can never come from inside a function called by the owner.
 */
#include "serve/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "base/xalloc.h"
#include "serve/lent.h"

#if defined(__linux__) && !defined(SO_PEERPIDFD)
#define SO_PEERPIDFD 77 /* Linux 6.5; older headers lack it */
#endif
#define PEER_FRAMES_PER_TURN 32 /* then the others have their turn */
#define PEER_TURN_SECONDS 0.005 /* and after so long: some frames cost more than others */
#define PEER_READ_FIRST 4096u   /* bytes asked for by one read; grows while reads fill it */
#define PEER_READ_MOST (128u * 1024u)
#define PEER_ROOM_LEAST 4096u /* a stream that may add less waits: no trickle of tiny frames */
#define PEER_FLUSH_PATIENCE 5.0

/* Moved by peer_move(). */
enum peer_state { PEER_OPEN, PEER_FLUSHING, PEER_CLOSING };

struct peer {
	struct ev_loop *loop;
	uint64_t id;
	int fd;
	pid_t pid;
	const struct peer_events *events;
	void *arg;
	enum peer_state state;
	struct buf in;
	struct buf out;
	bool frames_left; /* the buffer may hold further whole frames: take them before reading on */
	bool room_denied; /* a stream was told that there is no room: it waits for drained() */
	size_t read_size;
	int descriptor; /* that came with its bytes and nobody has taken; -1: none */
	uint64_t bytes_in, bytes_out;
	ev_io reader;
	ev_io writer;
	ev_idle again;     /* the next turn goes on with frames_left */
	ev_timer patience; /* FLUSHING: ends when no output leaves */
	ev_prepare turn;   /* fed, never started */
};

static void
peer_move(struct peer *p, enum peer_state state)
{
	static const char *const names[] = {
	    [PEER_OPEN] = "open",
	    [PEER_FLUSHING] = "flushing",
	    [PEER_CLOSING] = "closing",
	};
	static const unsigned moves[] = {
	    [PEER_OPEN] = STATE_TO(PEER_FLUSHING) | STATE_TO(PEER_CLOSING),
	    [PEER_FLUSHING] = STATE_TO(PEER_CLOSING),
	    [PEER_CLOSING] = 0,
	};
	static const struct state_machine machine = {"peer", names, moves};

	if (state_may_move(&machine, p->state, state, "client %llu", (unsigned long long)p->id))
		p->state = state;
}

static void
peer_feed_turn(struct peer *p)
{
	ev_feed_event(p->loop, &p->turn, EV_CUSTOM);
}

/* Nothing is read whose answer could not be stored. */
static bool
peer_wants_input(const struct peer *p)
{
	return p->state == PEER_OPEN && p->out.len <= PEER_OUT_HIGH;
}

/* The one place that starts and stops watchers: computed from the buffers. */
static void
peer_update_events(struct peer *p)
{
	bool input = peer_wants_input(p);

	if (input && !p->frames_left)
		ev_io_start(p->loop, &p->reader);
	else
		ev_io_stop(p->loop, &p->reader);
	if (input && p->frames_left)
		ev_idle_start(p->loop, &p->again);
	else
		ev_idle_stop(p->loop, &p->again);
	if (p->state == PEER_CLOSING || p->out.len == 0)
		ev_io_stop(p->loop, &p->writer);
	if (p->state != PEER_FLUSHING)
		ev_timer_stop(p->loop, &p->patience);
}

/* ---- input ---- */

/* Bytes that the frame at the head of the buffer still lacks, as far as its header (judged by frame_peek()) tells. */
static size_t
peer_frame_missing(const struct peer *p)
{
	const uint8_t *h = buf_head(&p->in);
	size_t json, data;

	if (p->in.len < FRAME_HEADER_SIZE)
		return 0;
	json = (size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];
	data = (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
	return FRAME_HEADER_SIZE + json + data - p->in.len;
}

/* As much as the stream has shown to need, in a buffer of PEER_READ_MOST; more only for a frame that is larger. */
static size_t
peer_read_want(const struct peer *p)
{
	size_t missing = peer_frame_missing(p), want = p->read_size;

	if (want + p->in.len > PEER_READ_MOST)
		want = p->in.len < PEER_READ_MOST ? PEER_READ_MOST - p->in.len : 0;
	return want > missing ? want : missing;
}

static void
peer_violate(struct peer *p, const struct np_error *err)
{
	p->frames_left = false;
	p->events->violated(p, err, p->arg);
	peer_close_after_flush(p);
}

static void
peer_take_frames(struct peer *p)
{
	struct frame frame;
	struct np_error err;
	double until = clock_now() + PEER_TURN_SECONDS;

	for (int budget = PEER_FRAMES_PER_TURN; budget-- > 0 && peer_wants_input(p);) {
		switch (frame_peek(buf_head(&p->in), p->in.len, &frame, &err)) {
		case FRAME_MORE:
			p->frames_left = false;
			return;
		case FRAME_BAD:
			peer_violate(p, &err);
			return;
		case FRAME_READY:
			p->events->frame(p, &frame, p->arg);
			buf_consume(&p->in, frame.total);
			if (clock_now() > until)
				budget = 0; /* others have waited long enough */
			break;
		}
	}
	p->frames_left = p->in.len > 0;
}

/* Follows the traffic: a stream gets large reads, a client that has become quiet gives its buffer back. */
static void
peer_adapt_read_size(struct peer *p, size_t asked, size_t got)
{
	if (got == asked && p->read_size < PEER_READ_MOST)
		p->read_size *= 4;
	else if (got < PEER_READ_FIRST)
		p->read_size = PEER_READ_FIRST;
	if (p->read_size > PEER_READ_MOST)
		p->read_size = PEER_READ_MOST;
	if (p->in.len == 0 && p->in.cap > 2 * p->read_size)
		buf_wipe(&p->in);
}

/* With the bytes a descriptor may come; the kernel keeps what is more than one. */
static ssize_t
peer_receive(struct peer *p, void *dst, size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {dst, n};
	struct msghdr m = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))};
	ssize_t got = recvmsg(p->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int))) {
		if (p->descriptor >= 0)
			lent_drop(p->descriptor);
		memcpy(&p->descriptor, CMSG_DATA(c), sizeof(p->descriptor));
	}
	return got;
}

static void
peer_on_readable(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	struct peer *p = w->data;
	size_t want = peer_read_want(p);
	uint8_t *dst = buf_reserve(&p->in, want);
	ssize_t n;

	if (dst == NULL) {
		log_warning("peer", "client %llu closed: no memory for its input", (unsigned long long)p->id);
		peer_close(p);
		return;
	}
	n = peer_receive(p, dst, want);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		/* A client that has only shut down its sending side has left as well: nobody waits for answers. */
		peer_close(p);
		return;
	}
	buf_commit(&p->in, (size_t)n);
	p->bytes_in += (uint64_t)n;
	peer_take_frames(p);
	peer_adapt_read_size(p, want, (size_t)n);
	peer_update_events(p);
}

static void
peer_on_again(struct ev_loop *loop NP_UNUSED, ev_idle *w, int revents NP_UNUSED)
{
	struct peer *p = w->data;

	peer_take_frames(p);
	peer_update_events(p);
}

/* ---- output ---- */

static void
peer_note_progress(struct peer *p, size_t n)
{
	p->bytes_out += n;
	buf_consume(&p->out, n);
	if (p->state == PEER_FLUSHING) {
		if (p->out.len == 0)
			peer_close(p);
		else
			ev_timer_again(p->loop, &p->patience);
	}
	if (p->room_denied && p->out.len < PEER_STREAM_HIGH / 2 && p->state == PEER_OPEN) {
		p->room_denied = false;
		p->events->drained(p, p->arg);
	}
}

static void
peer_flush(struct peer *p)
{
	ssize_t n;

	if (p->out.len > 0) {
		do
			n = send(p->fd, buf_head(&p->out), p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
		if (n > 0)
			peer_note_progress(p, (size_t)n);
		else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
			peer_close(p);
	} else if (p->state == PEER_FLUSHING) {
		peer_close(p);
	}
	if (p->out.len > 0 && p->state != PEER_CLOSING)
		ev_io_start(p->loop, &p->writer);
	peer_update_events(p);
}

static void
peer_on_writable(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	peer_flush(w->data);
}

static void
peer_on_patience(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	peer_close(w->data);
}

/* ---- life ---- */

static void
peer_finish(struct peer *p)
{
	ev_io_stop(p->loop, &p->reader);
	ev_io_stop(p->loop, &p->writer);
	ev_idle_stop(p->loop, &p->again);
	ev_timer_stop(p->loop, &p->patience);
	ev_clear_pending(p->loop, &p->turn);
	p->events->closed(p, p->arg);
	ev_clear_pending(p->loop, &p->turn);
	if (p->descriptor >= 0)
		lent_drop(p->descriptor);
	close(p->fd);
	buf_wipe(&p->in);
	buf_wipe(&p->out);
	free(p);
}

static void
peer_on_turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct peer *p = w->data;

	if (p->state == PEER_CLOSING)
		peer_finish(p);
	else
		peer_flush(p);
}

struct peer *
peer_create(struct ev_loop *loop, uint64_t id, int fd, pid_t pid, const struct peer_events *events, void *arg)
{
	struct peer *p = xcalloc(1, sizeof(*p));

	p->loop = loop;
	p->id = id;
	p->fd = fd;
	p->pid = pid;
	p->events = events;
	p->arg = arg;
	p->read_size = PEER_READ_FIRST;
	p->descriptor = -1;
	buf_init(&p->in, FRAME_SIZE_MAX + PEER_READ_MOST);
	buf_keep(&p->in, 2 * PEER_READ_MOST);
	buf_init(&p->out, PEER_OUT_MAX);
	ev_io_init(&p->reader, peer_on_readable, fd, EV_READ);
	ev_io_init(&p->writer, peer_on_writable, fd, EV_WRITE);
	ev_idle_init(&p->again, peer_on_again);
	/* Of the highest priority it runs in every turn, beside all other events (a timer of 0 s would wait 1 ms). */
	ev_set_priority(&p->again, EV_MAXPRI);
	ev_timer_init(&p->patience, peer_on_patience, 0., PEER_FLUSH_PATIENCE);
	ev_prepare_init(&p->turn, peer_on_turn);
	ev_set_priority(&p->turn, EV_MINPRI);
	p->reader.data = p->writer.data = p->again.data = p->patience.data = p->turn.data = p;
	ev_io_start(loop, &p->reader);
	ev_feed_event(loop, &p->reader, EV_READ); /* most have said what they want before we have let them in */
	return p;
}

void
peer_send(struct peer *p, const char *json, size_t json_size, const void *data, size_t data_size)
{
	if (p->state != PEER_OPEN)
		return;
	if (frame_append(&p->out, json, json_size, data, data_size) < 0) {
		log_warning("peer",
		    "client %llu (pid %ld) closed: a message of %zu + %zu bytes does not fit, %zu bytes wait unread",
		    (unsigned long long)p->id, (long)p->pid, json_size, data_size, p->out.len);
		peer_close(p);
		return;
	}
	/* Once the socket is full its readiness tells when to go on. */
	if (!ev_is_active(&p->writer))
		peer_feed_turn(p);
}

size_t
peer_stream_room(struct peer *p)
{
	if (p->state != PEER_OPEN)
		return 0;
	if (p->out.len + PEER_ROOM_LEAST > PEER_STREAM_HIGH) {
		p->room_denied = true;
		return 0;
	}
	return PEER_STREAM_HIGH - p->out.len;
}

void
peer_close(struct peer *p)
{
	if (p->state == PEER_CLOSING)
		return;
	peer_move(p, PEER_CLOSING);
	peer_update_events(p);
	peer_feed_turn(p);
}

void
peer_close_after_flush(struct peer *p)
{
	if (p->state != PEER_OPEN)
		return;
	peer_move(p, PEER_FLUSHING);
	p->room_denied = false;
	peer_update_events(p);
	ev_timer_again(p->loop, &p->patience);
	peer_feed_turn(p);
}

bool
peer_is_closing(const struct peer *p)
{
	return p->state != PEER_OPEN;
}

bool
peer_has_left(const struct peer *p)
{
	struct pollfd end = {.fd = p->fd};

#ifdef POLLRDHUP
	end.events = POLLRDHUP;
#endif
	return poll(&end, 1, 0) == 1 && end.revents != 0;
}

bool
peer_process_lives(const struct peer *p)
{
#ifdef __linux__
	int pidfd = -1;
	socklen_t size = sizeof(pidfd);

	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0)
		return errno == ENOPROTOOPT; /* else it is known to have ended */
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	bool ended = poll(&end, 1, 0) == 1;
	close(pidfd);
	return !ended;
#else
	return p->fd >= 0;
#endif
}

bool
peer_is_flushing(const struct peer *p)
{
	return p->state == PEER_FLUSHING;
}

int
peer_take_descriptor(struct peer *p)
{
	int fd = p->descriptor;

	p->descriptor = -1;
	return fd;
}

uint64_t
peer_bytes_in(const struct peer *p)
{
	return p->bytes_in;
}

uint64_t
peer_bytes_out(const struct peer *p)
{
	return p->bytes_out;
}

size_t
peer_out_pending(const struct peer *p)
{
	return p->out.len;
}
