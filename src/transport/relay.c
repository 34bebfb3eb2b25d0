/*
 * The relay: one forwarded channel, one descriptor, no buffer of its own.  What waits towards the far host waits in the
 * channel's input, what comes from there in its output; both are bounded, and reading stops while they are full.  Owns
 * the descriptor and itself; the channel belongs to its session, which says done() last.  Main thread.
 */
#include "transport/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/channel.h"
#include "base/log.h"
#include "base/xalloc.h"

#define READ_CHUNK (64u * 1024u)
#define READS_PER_TURN 4
#define LINGER_SECONDS 2.0

struct relay {
	struct ev_loop *loop;
	struct relay_events events;
	void *arg;
	int fd;
	ev_io io;
	int watched;
	ev_timer linger;   /* the local end is closed, its last bytes are still on their way */
	struct chan *chan; /* lives until done(), which ends the relay as well */
	bool read_ended;   /* the local end will send no more */
	bool write_ended;  /* the far end will send no more, and the local one was told so */
	bool gone;         /* the local end is closed: nobody reads what comes */
	bool closing;      /* the channel has been given up */
};

static void
relay_watch(struct relay *r)
{
	int mask = 0;

	if (!r->closing && !r->read_ended && chan_write_room(r->chan) >= READ_CHUNK)
		mask |= EV_READ;
	if (!r->closing && !r->gone && chan_output(r->chan, 0)->len > 0)
		mask |= EV_WRITE;
	if (mask == r->watched)
		return;
	r->watched = mask;
	ev_io_stop(r->loop, &r->io);
	ev_io_set(&r->io, r->fd, mask);
	if (mask != 0)
		ev_io_start(r->loop, &r->io);
}

/* done() of the channel follows, and ends the relay. */
void
relay_close(struct relay *r)
{
	r->closing = true;
	chan_abandon(r->chan);
}

/* The local end is closed.  What it wrote last still goes to the far host, within limits. */
static void
relay_linger(struct relay *r)
{
	r->gone = true;
	if (chan_write_room(r->chan) == CHANNEL_BUFFER_MAX)
		relay_close(r);
	else
		ev_timer_start(r->loop, &r->linger);
}

/* Closed, rather than only shut down for writing. */
static bool
local_gone(const struct relay *r)
{
	struct pollfd p = {.fd = r->fd, .events = 0};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* From the local end to the far host. */
static void
relay_read(struct relay *r)
{
	unsigned char chunk[READ_CHUNK];

	for (int i = 0; i < READS_PER_TURN && chan_write_room(r->chan) >= sizeof chunk; i++) {
		ssize_t n = read(r->fd, chunk, sizeof chunk);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			r->read_ended = true;
			chan_eof(r->chan);
			if (n < 0 || local_gone(r))
				relay_linger(r);
			return;
		}
		if (chan_write(r->chan, chunk, (size_t)n) < 0)
			return; /* cannot be: there was room */
	}
}

/* From the far host to the local end. */
static void
relay_write(struct relay *r)
{
	const struct buf *out = chan_output(r->chan, 0);

	while (out->len > 0) {
		ssize_t n = r->gone ? (ssize_t)out->len : send(r->fd, buf_head(out), out->len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			r->read_ended = true;
			relay_linger(r);
			n = (ssize_t)out->len;
		}
		chan_consume(r->chan, 0, (size_t)n);
	}
	chan_consume(r->chan, 1, chan_output(r->chan, 1)->len); /* a forwarded connection has no second stream */
	if (chan_output_ended(r->chan) && !r->write_ended) {
		r->write_ended = true;
		(void)shutdown(r->fd, SHUT_WR);
	}
}

static void
on_io(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents)
{
	struct relay *r = w->data;

	if ((revents & EV_READ) != 0 && !r->closing)
		relay_read(r);
	if ((revents & EV_WRITE) != 0 && !r->closing)
		relay_write(r);
	relay_watch(r);
}

static void
on_linger(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	relay_close(w->data);
}

/* ---- the channel's events ---- */

static void
on_started(struct chan *ch NP_UNUSED, void *arg)
{
	struct relay *r = arg;

	if (r->events.opened != NULL)
		r->events.opened(r, r->arg);
	relay_watch(r);
}

static void
on_output(struct chan *ch NP_UNUSED, void *arg)
{
	struct relay *r = arg;

	if (!r->closing)
		relay_write(r);
	relay_watch(r);
}

static void
on_wrote(struct chan *ch, size_t n NP_UNUSED, void *arg)
{
	struct relay *r = arg;

	if (r->gone && chan_write_room(ch) == CHANNEL_BUFFER_MAX)
		relay_close(r);
	relay_watch(r);
}

static void
on_done(struct chan *ch NP_UNUSED, const struct chan_end *end, void *arg)
{
	struct relay *r = arg;
	struct np_error err = end->err;

	if (!r->closing)
		relay_write(r);             /* the carrier is lost: what the pair takes */
	if (err.reason == REASON_CANCELLED) /* by relay_close() */
		error_clear(&err);
	else if (err.reason != REASON_NONE)
		err.reason = REASON_JUMP_FAILED;
	ev_io_stop(r->loop, &r->io);
	ev_timer_stop(r->loop, &r->linger);
	close(r->fd);
	r->events.closed(r, &err, r->arg);
	free(r);
}

static const struct chan_events relay_chan_events = {
    .started = on_started, .output = on_output, .wrote = on_wrote, .done = on_done};

struct relay *
relay_create(struct ev_loop *loop, struct session *s, const char *host, int port, int fd,
    const struct relay_events *events, void *arg)
{
	struct chan_spec spec = {.kind = CHANNEL_FORWARD, .forward_host = host, .forward_port = port};
	struct relay *r = xcalloc(1, sizeof *r);
	int flags = fcntl(fd, F_GETFL);

	r->loop = loop;
	r->events = *events;
	r->arg = arg;
	r->fd = fd;
	if (flags != -1)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	ev_init(&r->io, on_io);
	ev_timer_init(&r->linger, on_linger, LINGER_SECONDS, 0.0);
	r->io.data = r->linger.data = r;
	r->chan = chan_start(s, &spec, &relay_chan_events, r);
	relay_watch(r);
	return r;
}
