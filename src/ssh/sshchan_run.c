/*
 * Channels that run: what is read, what is written, how wide the window is, and how it ends.  Part of the channels'
 * side of libssh (sshchan.c); main thread.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "ssh/sshconn_impl.h"

/*
 * What one packet of OpenSSH's and Dropbear's 32 KiB carries: libssh keeps ten bytes of it for itself, and 32 KiB would
 * leave as a full packet and one of ten bytes, which costs the server as much.
 */
#define PACKET_FILL (32u * 1024u - 10u)
#define WRITE_CHUNK (4u * PACKET_FILL)

/* libssh's window is 1.25 MiB; a long path needs more to stay full. */
#define WINDOW_MAX (6u * 1024u * 1024u)
#define WINDOW_RATE 200e6 /* bytes a second that shall fit */

/* Takes all that libssh keeps unread of a stream. */
static bool
take_held(struct sshchan *ch, int stream)
{
	struct buf *out = &ch->base.output[stream];
	bool moved = false;

	if (out->max < out->len + ch->base.held[stream])
		out->max = out->len + ch->base.held[stream];
	while (ch->base.held[stream] > 0) {
		uint8_t *dst = buf_reserve(out, ch->base.held[stream]);
		int rc =
		    dst != NULL ? ssh_channel_read(ch->ssh, dst, (uint32_t)ch->base.held[stream], stream) : SSH_ERROR;

		if (rc <= 0) {
			ch->base.held[stream] = 0; /* the session is dead: libssh gives it no more */
			break;
		}
		buf_commit(out, (size_t)rc);
		ch->base.held[stream] -= (size_t)rc;
		ch->bytes_in += (size_t)rc;
		ch->base.has_news = true;
		moved = true;
	}
	return moved;
}

/*
 * Once the reader had to be waited for, libssh keeps what comes until everything here has been read, and then it is
 * taken at once.  Neither in small portions nor one stream without the other: each read may open the window as a whole
 * again, so that a slow reader would let libssh gather far more than a window.  This way it is one window there and one
 * here.
 */
static bool
resume(struct sshchan *ch)
{
	bool moved = false;

	if (!ch->base.clogged || ch->base.output[0].len > 0 || ch->base.output[1].len > 0)
		return false;
	ch->base.clogged = false;
	for (int i = 0; i < CHAN_STREAMS; i++)
		if (take_held(ch, i))
			moved = true;
	return moved;
}

/*
 * Widens the window where the round trip is long: libssh refills its own only when half of 1.25 MiB is used, which is
 * 12 MB/s at 50 ms.  Asking for many bytes of standard error, which never blocks here, makes it announce that many.
 * Only while the reader keeps up, since what is announced may have to be kept.
 */
static void
widen_window(struct sshchan *ch)
{
	double wanted = sshconn_rtt_guess(ch->conn) * WINDOW_RATE;
	uint32_t size;
	void *scratch;
	int rc;

	if (wanted <= CHAN_WINDOW)
		return;
	size = wanted < WINDOW_MAX ? (uint32_t)wanted : WINDOW_MAX;
	if (ch->bytes_in - ch->grown_at < size / 4 || ch->base.clogged || ch->base.output[0].len > 0 ||
	    ch->base.output[1].len > 0)
		return;
	scratch = try_malloc(size); /* never touched but by what arrives in this very call */
	if (scratch == NULL)
		return;
	ch->grown_at = ch->bytes_in;
	rc = ssh_channel_read(ch->ssh, scratch, size, 1);
	if (rc > 0) {
		if (buf_append(&ch->base.output[1], scratch, (size_t)rc) < 0)
			sshconn_violated(ch->conn, "it sent more standard error than one packet may hold");
		ch->base.held[1] -= (size_t)rc < ch->base.held[1] ? (size_t)rc : ch->base.held[1];
		ch->bytes_in += (size_t)rc;
		ch->base.has_news = true;
	}
	free(scratch);
}

static bool
send_signals(struct sshchan *ch)
{
	bool moved = false;

	if (ch->base.want_resize) {
		ch->base.want_resize = false;
		if (ch->base.spec.pty)
			(void)ssh_channel_change_pty_size(ch->ssh, ch->base.spec.cols, ch->base.spec.rows);
		moved = true;
	}
	for (int i = 0; i < ch->base.signals_count; i++) {
		(void)ssh_channel_request_send_signal(ch->ssh, ch->base.signals[i]);
		moved = true;
	}
	ch->base.signals_count = 0;
	return moved;
}

/*
 * How much of n waiting bytes goes now: whole packets.  What is left over waits a turn, for more may have come by then,
 * and be in its packet.
 */
static size_t
write_size(struct sshchan *ch, size_t n)
{
	uint32_t window = ssh_channel_window_size(ch->ssh);

	if (n > WRITE_CHUNK)
		n = WRITE_CHUNK;
	if (n > window)
		n = window;
	if (n >= PACKET_FILL) {
		ch->filled_at = ch->conn->turns;
		return n - n % PACKET_FILL;
	}
	if (ch->filled_at != ch->conn->turns || ch->base.want_eof || n == 0)
		return n;
	sshconn_wake(ch->conn);
	return 0;
}

/* Only while libssh's own output buffer is empty: it takes a whole window at once, and would send it in one call. */
static bool
send_input(struct sshchan *ch)
{
	bool moved = false;
	size_t n = ch->base.input.len;
	int rc;

	if (n > 0 && (ssh_get_status(ch->conn->ssh) & SSH_WRITE_PENDING) == 0) {
		n = write_size(ch, n);
		rc = n > 0 ? ssh_channel_write(ch->ssh, buf_head(&ch->base.input), (uint32_t)n) : 0;
		if (rc < 0 && sshconn_alive(ch->conn)) /* the server takes no more: as a closed pipe */
			rc = (int)ch->base.input.len;
		if (rc > 0) {
			buf_consume(&ch->base.input, (size_t)rc);
			ch->base.wrote += (size_t)rc;
			moved = true;
		}
	}
	if (ch->base.want_eof && ch->base.input.len == 0 && !ch->eof_sent) {
		ch->eof_sent = true;
		(void)ssh_channel_send_eof(ch->ssh);
		moved = true;
	}
	return moved;
}

/* The server closed the channel: that is the end, whatever the reader has not read yet. */
void
sshchan_finish(struct sshchan *ch)
{
	const char *name = ch->conn->base.name;

	/*
	 * All that libssh holds, however slow the reader is: libssh gives nothing back when the connection ends, as
	 * that of many devices does right now.
	 */
	for (int i = 0; i < CHAN_STREAMS; i++)
		(void)take_held(ch, i);
	if (!ch->base.end.sent)
		chan_end_set(&ch->base, REASON_CHANNEL_REFUSED,
		    "%s: the server closed the channel before the command was sent", name);
	else if (ch->base.end.has_status || ch->base.end.signal[0] != '\0' || ch->base.spec.kind == CHANNEL_FORWARD)
		chan_end_set(&ch->base, REASON_NONE, "ended");
	else
		chan_end_set(&ch->base, REASON_OUTCOME_UNKNOWN,
		    "%s: the server closed the channel and did not say how the command ended", name);
	ch->conn->has_ended = ch->conn->slots_changed = true;
	sshchan_move(ch, CHAN_CLOSING);
}

/* ---- channels that hold too much, see CHAN_HELD_PAUSE ---- */

static size_t
held_bytes(const struct sshchan *ch)
{
	return ch->base.abandoned || ch->state == CHAN_CLOSING ? 0 : ch->base.held[0] + ch->base.held[1];
}

/*
 * Nobody else would be harmed if the session was not read: what others have still to read is here, and one that was
 * refused and has not been told yet waits for nothing.
 */
static bool
is_alone(const struct sshchan *ch)
{
	const struct sshchan *other;

	TAILQ_FOREACH (other, &ch->conn->chans, link) {
		if (other != ch && other->base.has_user && other->state != CHAN_GONE)
			return false;
	}
	return true;
}

static void
overflow(struct sshchan *ch)
{
	chan_end_set(&ch->base, REASON_OUTPUT_LIMIT,
	    "%s: %zu MiB of the command's output are unread, and others use the session: read faster, join the streams "
	    "(2>&1), or give it a session of its own (fresh)",
	    ch->conn->base.name, ch->conn->held_max / 1024 / 1024);
	ch->base.held[0] = ch->base.held[1] = 0;
	(void)ssh_channel_request_send_signal(ch->ssh, "TERM");
	sshchan_move(ch, CHAN_CLOSING);
	sshconn_wake(ch->conn);
}

void
sshchans_check_held(struct sshconn *s)
{
	bool hoarded = s->hoards;
	struct sshchan *ch;

	s->hoards = s->paused = false;
	TAILQ_FOREACH (ch, &s->chans, link) {
		if (held_bytes(ch) <= s->held_pause)
			continue;
		if (is_alone(ch))
			s->paused = true;
		else if (held_bytes(ch) > s->held_max)
			overflow(ch);
		s->hoards |= held_bytes(ch) > s->held_pause;
	}
	if (s->hoards != hoarded) {
		s->slots_changed = true;
		log_debug("session", "%s: a reader is slow: %s", s->base.name,
		    s->hoards ? "no further commands here" : "not any more");
	}
}

/* While the socket is full only the end-of-file goes out at first. */
static void
send_leave(struct sshchan *ch)
{
	ch->close_waits = ssh_channel_close(ch->ssh) == SSH_AGAIN && ssh_channel_is_open(ch->ssh);
}

/*
 * OpenSSH lets a command find its standard output closed when it is told so by a request that libssh cannot send, or
 * when the channel is closed, as ssh itself closes it once the input has ended too; and it still tells how the command
 * ended.  Of a terminal that would be a hang-up.  What an input that was never used is for is not known: it is closed.
 */
static bool
leave(struct sshchan *ch)
{
	const struct chan *base = &ch->base;

	if (!base->unread || !ch->conn->is_openssh || base->spec.pty || base->spec.kind == CHANNEL_FORWARD ||
	    (base->fed && !ch->eof_sent))
		return false;
	for (int i = 0; i < CHAN_STREAMS; i++)
		(void)take_held(ch, i); /* what has come before, as if it had been read in time */
	send_leave(ch);
	ch->base.has_left = true;
	return true;
}

bool
sshchan_service_running(struct sshchan *ch)
{
	bool moved;

	if (ch->base.abandoned) {
		/* The server disconnects who asks something of a channel that both have closed. */
		if (ch->base.spec.kind != CHANNEL_FORWARD && !ch->base.has_left)
			(void)ssh_channel_request_send_signal(ch->ssh, "TERM");
		sshchan_move(ch, CHAN_CLOSING);
		return true;
	}
	moved = resume(ch);
	if (ch->base.has_left) {
		if (ch->close_waits)
			send_leave(ch);
		return moved;
	}
	if (send_signals(ch))
		moved = true;
	if (send_input(ch))
		moved = true;
	if (leave(ch))
		return true;
	widen_window(ch);
	return moved;
}
