/*
 * An SSH connection on the loop: adoption and the pump.  Owns everything in struct sshconn (sshconn_impl.h).  Main
 * thread.
 *
 * The pump is the only place that calls libssh.  It reads and dispatches, lets every channel make its next step,
 * repeats while anything moves and the budget of the turn lasts, then hands on what has come together.  Any libssh call
 * may read the socket and so serve other channels, and no readiness follows: hence the repetition, and a wake-up
 * whenever a turn ends with work left.
 */
#include "ssh/sshconn_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libssh/server.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/net.h"
#include "base/text.h"
#include "base/xalloc.h"

#define PUMP_ROUNDS 64 /* of at most 4 KiB read each, then others have their turn */
#define STALLED_OUTPUT_MAX (32u * 1024u * 1024u)
#define CLOSE_PATIENCE 10.0 /* seconds for a server to confirm the close of a channel */
#define PROXY_POLL 0.02
#define ACK_POLL 0.05

/* ---- the pump ---- */

static void
sshconn_free(struct sshconn *s)
{
	ev_idle_stop(s->loop, &s->wake);
	ev_clear_pending(s->loop, &s->turn);
	ev_timer_stop(s->loop, &s->timer);
	session_clear(&s->base);
	free(s->why);
	chan_env_free(s->env);
	free(s);
}

static void
deliver_channels(struct sshconn *s, bool last)
{
	struct sshchan *ch, *next;

	s->deliver_now = false;
	TAILQ_FOREACH_SAFE (ch, &s->chans, link, next) {
		sshchan_deliver(ch, last);
	}
}

static void
deliver_rest(struct sshconn *s)
{
	if (s->slots_changed) {
		s->slots_changed = false;
		if (s->base.events.slots != NULL)
			s->base.events.slots(&s->base, s->base.arg);
	}
	sshconn_probe_deliver(s);
}

/*
 * Opens the next channel ahead of its command, which saves that a round trip: in the same flight as the command before,
 * and never in the way of one.
 */
static bool
service_spare(struct sshconn *s)
{
	const struct sshchan *ch;

	if (!s->spares || s->spare != NULL || sshconn_slots_used(s) >= s->slots_max)
		return false;
	TAILQ_FOREACH (ch, &s->chans, link) {
		if (ch->state == CHAN_OPENING || (ch->state == CHAN_STARTING && !ch->base.end.sent))
			return false;
	}
	s->spare = sshchan_create(s);
	s->spare->is_spare = true;
	return true;
}

static bool
sshconn_service(struct sshconn *s, bool drained)
{
	uint64_t packets = s->raw_count.in_packets;
	struct sshchan *ch, *next;
	bool moved = false;

	TAILQ_FOREACH_SAFE (ch, &s->chans, link, next) {
		if (s->state == SESSION_LIVE && sshchan_service(ch))
			moved = true;
	}
	if (s->state == SESSION_LIVE && sshconn_probe_service(s, drained))
		moved = true;
	if (s->state == SESSION_LIVE && service_spare(s))
		moved = true;
	return moved || s->raw_count.in_packets != packets;
}

/*
 * A server that makes us answer but hardly reads would grow libssh's output buffer without end.  While output waits for
 * the socket, what was added to it may exceed what has left by a bound; our own data waits for the socket anyway.
 */
static void
check_stalled(struct sshconn *s)
{
	bool pending = (ssh_get_status(s->ssh) & SSH_WRITE_PENDING) != 0;
	uint64_t added = s->raw_count.out_bytes - s->stalled_raw;
	uint64_t left = s->socket_count.out_bytes - s->stalled_wire;

	if (!pending || !s->stalled) {
		s->stalled = pending;
		s->stalled_wire = s->socket_count.out_bytes;
		s->stalled_raw = s->raw_count.out_bytes;
	} else if (added > left + STALLED_OUTPUT_MAX) {
		sshconn_violated(s, "it does not read what it asks for");
	}
}

/*
 * Channels whose close the server does not confirm keep their slots, there as well as here.  They are borne while there
 * are others; when they leave none and nothing runs, only a new session helps.
 */
static void
check_stuck(struct sshconn *s)
{
	double now = clock_now();
	const struct sshchan *ch;
	char text[128];
	int stuck = 0;

	if (sshconn_slots_used(s) < s->slots_max)
		return;
	TAILQ_FOREACH (ch, &s->chans, link) {
		if (ch->base.has_user && !ch->base.freed)
			return;
		if (ch->leaving_since > 0 && now - ch->leaving_since >= CLOSE_PATIENCE)
			stuck++;
	}
	if (stuck == 0)
		return;
	(void)snprintf(text, sizeof text, "the server has not confirmed the close of %d channel%s for %.0f s", stuck,
	    stuck == 1 ? "" : "s", CLOSE_PATIENCE);
	s->farewell = true;
	sshconn_end(s, REASON_CHANNEL_REFUSED, text);
}

/* Reads and dispatches 4 KiB, and sends what waits for the socket. */
static int
read_some(struct sshconn *s)
{
	sshchans_check_held(s);
	if (s->paused && (ssh_get_status(s->ssh) & SSH_WRITE_PENDING) == 0)
		return SSH_AGAIN;
	return ssh_event_dopoll(s->event, 0);
}

/* What was read is acknowledged with what was sent afterwards, or by itself. */
static void
acknowledge(struct sshconn *s)
{
	if (s->unacked && s->socket_count.out_bytes == s->sent_before)
		net_quickack(s->fd);
	s->unacked = false;
}

static void
pump_live(struct sshconn *s)
{
	bool more = true;

	s->has_ended = false;
	for (int i = 0; i < PUMP_ROUNDS && more && !s->has_ended && s->state == SESSION_LIVE; i++) {
		uint64_t received = s->socket_count.in_bytes;
		int rc = read_some(s);

		if (s->socket_count.in_bytes != received) {
			s->unacked = true;
			s->sent_before = s->socket_count.out_bytes;
		}
		if (rc == SSH_ERROR || !sshconn_alive(s)) {
			sshconn_probe_note(s);
			sshconn_lost(s);
			return;
		}
		more = sshconn_service(s, rc == SSH_AGAIN) || rc != SSH_AGAIN;
		if (s->deliver_now)
			deliver_channels(s, false);
	}
	if (s->state == SESSION_LIVE && !sshconn_alive(s))
		sshconn_lost(s);
	if (s->state != SESSION_LIVE)
		return;
	sshconn_probe_note(s);
	check_stalled(s);
	if (more)
		sshconn_wake(s);
	else
		acknowledge(s);
	deliver_channels(s, false);
	deliver_rest(s);
	if (s->state == SESSION_LIVE)
		check_stuck(s);
}

/* Tells every channel, then the owner; true when s is gone. */
static bool
pump_reaping(struct sshconn *s)
{
	deliver_channels(s, true);
	deliver_rest(s);
	if (!TAILQ_EMPTY(&s->chans)) { /* started meanwhile, by who does not know yet */
		sshconn_wake(s);
		return false;
	}
	if (!sshconn_proxy_reaped(s))
		return false;
	sshconn_move(s, SESSION_GONE);
	s->base.events.closed(&s->base, s->why, s->base.arg);
	sshconn_free(s);
	return true;
}

/* When to look again though nothing arrives. */
static double
next_look(const struct sshconn *s)
{
	double at = 0, now = clock_now();
	const struct sshchan *ch;

	if (s->state == SESSION_REAPING)
		return PROXY_POLL;
	if (s->probing && (s->probe_by_ack || s->paused) && !s->probe_wanted)
		return ACK_POLL;
	TAILQ_FOREACH (ch, &s->chans, link) {
		if (ch->leaving_since <= 0 || now - ch->leaving_since >= CLOSE_PATIENCE)
			continue;
		if (at <= 0 || ch->leaving_since + CLOSE_PATIENCE < at)
			at = ch->leaving_since + CLOSE_PATIENCE;
	}
	return at > 0 ? at - now + 0.001 : 0;
}

/* The one place where the watchers are set, from what libssh and the channels want now. */
static void
sshconn_watch(struct sshconn *s)
{
	double after = next_look(s);

	ev_timer_stop(s->loop, &s->timer);
	if (after > 0) {
		ev_timer_set(&s->timer, after, 0.0);
		ev_timer_start(s->loop, &s->timer);
	}
	if (s->state == SESSION_LIVE) {
		int mask =
		    (s->paused ? 0 : EV_READ) | ((ssh_get_poll_flags(s->ssh) & SSH_WRITE_PENDING) != 0 ? EV_WRITE : 0);

		if (mask != s->watched) {
			s->watched = mask;
			ev_io_stop(s->loop, &s->io);
			ev_io_set(&s->io, s->fd, mask);
			ev_io_start(s->loop, &s->io);
		}
	}
}

static void
sshconn_pump(struct sshconn *s)
{
	ev_idle_stop(s->loop, &s->wake);
	ev_clear_pending(s->loop, &s->turn);
	s->pumping = true;
	s->turns++;
	if (s->state == SESSION_LIVE)
		pump_live(s);
	if (s->state == SESSION_ENDING)
		sshconn_take_down(s);
	if (s->state == SESSION_REAPING && pump_reaping(s))
		return;
	s->pumping = false;
	sshconn_watch(s);
}

static void
on_io(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	sshconn_pump(w->data);
}

/* The next turn is there: first what has come of clients is read, some of it may be for us. */
static void
on_wake(struct ev_loop *loop, ev_idle *w, int revents NP_UNUSED)
{
	struct sshconn *s = w->data;

	ev_feed_event(loop, &s->turn, EV_CUSTOM);
}

static void
on_turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	sshconn_pump(w->data);
}

static void
on_timer(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	sshconn_pump(w->data);
}

/* ---- adoption ---- */

/*
 * What the server asks of us (channels, port forwardings) is refused by libssh when this returns 1; without it, libssh
 * would keep the requests in a list without end.
 */
static int
on_message(ssh_session session NP_UNUSED, ssh_message message NP_UNUSED, void *arg NP_UNUSED)
{
	return 1;
}

static void
describe(struct sshconn *s)
{
	const char *banner = ssh_get_serverbanner(s->ssh);
	const char *kex = ssh_get_kex_algo(s->ssh);
	const char *cipher = ssh_get_cipher_out(s->ssh);

	s->base.banner = banner != NULL ? text_vis(banner, strlen(banner), false) : xstrdup("");
	/* libssh names no group exchange. */
	s->base.algorithms = xasprintf(
	    "%s %s", kex != NULL ? kex : "diffie-hellman-group-exchange", cipher != NULL ? cipher : "unknown");
	s->is_openssh = ssh_get_openssh_version(s->ssh) != 0;
}

/* libssh leaves its descriptor blocking in the kernel: one stalled server would hold the whole loop. */
static void
enter_loop(struct sshconn *s)
{
	int fd = ssh_get_fd(s->ssh);
	int flags = fcntl(fd, F_GETFL);

	ssh_set_blocking(s->ssh, 0);
	if (flags != -1)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	ssh_set_counters(s->ssh, &s->socket_count, &s->raw_count);
	ssh_set_message_callback(s->ssh, on_message, NULL);
	s->event = ssh_event_new();
	if (flags == -1 || s->event == NULL || ssh_event_add_session(s->event, s->ssh) != SSH_OK)
		sshconn_lost(s);
}

static void
init_watchers(struct sshconn *s)
{
	ev_init(&s->io, on_io);
	ev_idle_init(&s->wake, on_wake);
	ev_set_priority(&s->wake, EV_MAXPRI); /* due in every turn, also when descriptors of others are busy */
	ev_prepare_init(&s->turn, on_turn);
	ev_set_priority(&s->turn, -1); /* after what is read of clients, before what they are sent leaves */
	ev_init(&s->timer, on_timer);
	s->io.data = s->wake.data = s->turn.data = s->timer.data = s;
}

/* ---- what users of the session reach ---- */

static void
op_wake(struct session *base)
{
	sshconn_wake(sshconn_of(base));
}

static void
op_close(struct session *base, enum np_reason reason, const char *text)
{
	struct sshconn *s = sshconn_of(base);

	if (s->state == SESSION_LIVE)
		s->farewell = true;
	sshconn_end(s, reason, text);
}

static struct session_stats
op_stats(const struct session *base)
{
	const struct sshconn *s = sshconn_of(base);

	return (struct session_stats){
	    .last_rx = s->last_rx,
	    .rtt = s->srtt,
	    .slots_used = sshconn_slots_used(s),
	    .slots_max = s->slots_max,
	    .has_slot = sshconn_has_slot(s),
	    .bytes_in = s->socket_count.in_bytes,
	    .bytes_out = s->socket_count.out_bytes,
	};
}

static const struct session_ops ops = {
    .open = sshchan_open,
    .wake = op_wake,
    .close = op_close,
    .probe = sshconn_probe,
    .stats = op_stats,
};

struct session *
sshconn_adopt(struct dialled *dialled, struct ev_loop *loop, const struct session_setup *setup,
    const struct session_events *events, void *arg)
{
	struct sshdialled *d = (struct sshdialled *)dialled;
	struct sshconn *s = xcalloc(1, sizeof *s);

	session_init(&s->base, &ops, setup, events, arg);
	s->loop = loop;
	s->ssh = d->ssh;
	s->fd = d->fd;
	s->proxy = d->proxy;
	d->ssh = NULL;
	d->fd = -1;
	d->proxy.line = -1;
	s->slots_max = setup->max_channels > 0 ? setup->max_channels : 1;
	s->held_pause = CHAN_HELD_PAUSE;
	s->held_max = CHAN_HELD_MAX;
	s->srtt = s->open_rtt = -1;
	s->last_rx = clock_now();
	TAILQ_INIT(&s->chans);
	init_watchers(s);
	describe(s);
	s->spares = setup->spare_channels && s->is_openssh;
	enter_loop(s);
	sshconn_wake(s);
	log_debug("session", "%s: on the loop: %s, %s", s->base.name, s->base.banner, s->base.algorithms);
	return &s->base;
}
