/*
 * Channels as libssh has them: callbacks that record, and one service pass per channel that moves its state.  Called
 * from the session's pump only; main thread.
 *
 * What libssh forbids, each found the hard way: a request on a channel that is not open runs on another channel; a
 * second request while one is unanswered is silently not sent; a channel freed while it opens, in its close callback or
 * before CLOSE has left keeps its slot on the server for ever; ssh_channel_close() says SSH_AGAIN when it has sent only
 * the EOF.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "ssh/sshconn_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define DELIVER_CHUNK (64u * 1024u)

void
sshchan_move(struct sshchan *ch, enum chan_state state)
{
	static const char *const names[] = {
	    [CHAN_OPENING] = "opening",
	    [CHAN_READY] = "ready",
	    [CHAN_STARTING] = "starting",
	    [CHAN_RUNNING] = "running",
	    [CHAN_CLOSING] = "closing",
	    [CHAN_GONE] = "gone",
	};
	static const unsigned moves[] = {
	    [CHAN_OPENING] = STATE_TO(CHAN_READY) | STATE_TO(CHAN_STARTING) | STATE_TO(CHAN_RUNNING) |
			     STATE_TO(CHAN_CLOSING) | STATE_TO(CHAN_GONE),
	    [CHAN_READY] = STATE_TO(CHAN_STARTING) | STATE_TO(CHAN_CLOSING) | STATE_TO(CHAN_GONE),
	    [CHAN_STARTING] = STATE_TO(CHAN_RUNNING) | STATE_TO(CHAN_CLOSING) | STATE_TO(CHAN_GONE),
	    [CHAN_RUNNING] = STATE_TO(CHAN_CLOSING) | STATE_TO(CHAN_GONE),
	    [CHAN_CLOSING] = STATE_TO(CHAN_GONE),
	    [CHAN_GONE] = 0,
	};
	static const struct state_machine machine = {"session", names, moves};

	if (state_may_move(&machine, ch->state, state, "%s: channel", ch->conn->base.name))
		ch->state = state;
}

struct sshchan *
sshchan_create(struct sshconn *s)
{
	struct sshchan *ch = xcalloc(1, sizeof *ch);

	chan_init(&ch->base, &s->base, CHAN_SLACK);
	ch->conn = s;
	TAILQ_INSERT_TAIL(&s->chans, ch, link);
	return ch;
}

static void
sshchan_free(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;

	if (s->spare == ch)
		s->spare = NULL;
	TAILQ_REMOVE(&s->chans, ch, link);
	chan_clear(&ch->base);
	free(ch);
}

void
sshchan_deliver(struct sshchan *ch, bool last)
{
	chan_deliver(&ch->base, last);
	if (!ch->base.has_user && ch->state == CHAN_GONE)
		sshchan_free(ch);
}

/* 0, or -1 with the reason why it cannot even be tried. */
static int
check_start(const struct sshconn *s, const struct chan_spec *spec, struct np_error *err)
{
	if (s->state != SESSION_LIVE)
		return error_set(
		    err, REASON_CONNECT_FAILED, "%s: the session is ending: %s", s->base.name, s->why->text);
	if (spec->kind != CHANNEL_FORWARD && s->hoards)
		return error_set(err, REASON_CHANNEL_REFUSED,
		    "%s: no further command while one is read so slowly that its output gathers", s->base.name);
	if (spec->kind != CHANNEL_FORWARD && !sshconn_has_slot(s))
		return error_set(err, REASON_CHANNEL_REFUSED, "%s: all %d channels of the session are in use",
		    s->base.name, s->slots_max);
	if (spec->command != NULL && memchr(spec->command, '\0', spec->command_size) != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "a command cannot hold a NUL byte");
	return 0;
}

static bool
is_same_env(const char *const *env, char *const *before)
{
	size_t i = 0;

	while (env != NULL && env[i] != NULL && before[i] != NULL && strcmp(env[i], before[i]) == 0)
		i++;
	return (env == NULL || env[i] == NULL) && before[i] == NULL;
}

/* Whether the spare is for it: variables that were sent cannot be taken back. */
static bool
note_env(struct sshconn *s, const char *const *env)
{
	s->env_steady = s->env != NULL && is_same_env(env, s->env);
	if (!s->env_steady) {
		chan_env_free(s->env);
		s->env = chan_env_copy(env);
	}
	return s->spare != NULL && (s->env_steady || !s->spare->env_ahead);
}

static struct sshchan *
take_spare(struct sshconn *s, enum chan_state next)
{
	struct sshchan *ch = s->spare;

	s->spare = NULL;
	ch->is_spare = false;
	ch->tries = 0; /* refused while others had the slots, it may have had them all */
	if (ch->state == CHAN_READY)
		sshchan_move(ch, next);
	return ch;
}

struct chan *
sshchan_open(struct session *base, const struct chan_spec *spec)
{
	struct sshconn *s = sshconn_of(base);
	struct sshchan *ch;
	struct np_error err;
	bool possible = check_start(s, spec, &err) == 0;

	if (possible && spec->kind != CHANNEL_FORWARD && note_env(s, spec->env))
		return &take_spare(s, CHAN_STARTING)->base;
	if (possible && spec->kind != CHANNEL_FORWARD && s->spare != NULL)
		(void)take_spare(s, CHAN_CLOSING);
	ch = sshchan_create(s);
	if (!possible) {
		sshchan_move(ch, CHAN_GONE);
		chan_end_set(&ch->base, err.reason, "%s", err.text);
	}
	return &ch->base;
}

/* ---- callbacks: facts only ---- */

static int
on_data(
    ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, void *data, uint32_t len, int is_stderr, void *arg)
{
	struct sshchan *ch = arg;
	int stream = is_stderr ? 1 : 0;
	struct buf *out = &ch->base.output[stream];
	size_t n = !ch->base.clogged && out->len < CHANNEL_BUFFER_MAX ? CHANNEL_BUFFER_MAX - out->len : 0;

	if (ch->base.abandoned || ch->base.has_left || ch->state == CHAN_CLOSING)
		return (int)len; /* nobody reads it */
	if (n > len)
		n = len;
	if (n > 0 && buf_append(out, data, n) < 0)
		n = 0;
	ch->base.held[stream] = len - n;
	if (ch->base.held[stream] > 0)
		ch->base.clogged = true;
	ch->bytes_in += n;
	ch->base.has_news = true;
	if (out->len >= DELIVER_CHUNK)
		ch->conn->deliver_now = true;
	return (int)n;
}

static void
on_eof(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, void *arg)
{
	struct sshchan *ch = arg;

	ch->base.got_eof = true;
	ch->base.has_news = true;
}

static void
on_close(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, void *arg)
{
	struct sshchan *ch = arg;

	ch->got_close = true;
	ch->base.got_eof = true;
}

static void
on_exit_status(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, int status, void *arg)
{
	struct sshchan *ch = arg;

	ch->base.end.has_status = true;
	ch->base.end.status = status;
}

static void
on_exit_signal(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, const char *name, int core,
    const char *message NP_UNUSED, const char *lang NP_UNUSED, void *arg)
{
	struct sshchan *ch = arg;

	(void)text_vis_into(ch->base.end.signal, sizeof ch->base.end.signal, name);
	ch->base.end.core_dumped = core != 0;
}

/* ---- libssh's object ---- */

bool
sshchan_make(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;

	ch->ssh = ssh_channel_new(s->ssh);
	if (ch->ssh == NULL) {
		chan_end_set(&ch->base, REASON_INTERNAL, "%s: libssh makes no channel", s->base.name);
		sshchan_move(ch, CHAN_GONE);
		return false;
	}
	memset(&ch->callbacks, 0, sizeof ch->callbacks);
	ssh_callbacks_init(&ch->callbacks);
	ch->callbacks.userdata = ch;
	ch->callbacks.channel_data_function = on_data;
	ch->callbacks.channel_eof_function = on_eof;
	ch->callbacks.channel_close_function = on_close;
	ch->callbacks.channel_exit_status_function = on_exit_status;
	ch->callbacks.channel_exit_signal_function = on_exit_signal;
	(void)ssh_set_channel_callbacks(ch->ssh, &ch->callbacks);
	ch->open_sent = clock_now();
	ch->closes_before = ch->conn->closes;
	ch->open_order = ++ch->conn->opens;
	return true;
}

void
sshchan_drop(struct sshchan *ch)
{
	if (ch->ssh == NULL)
		return;
	(void)ssh_remove_channel_callbacks(ch->ssh, &ch->callbacks);
	ssh_channel_free(ch->ssh);
	ch->ssh = NULL;
}

void
sshchan_gone(struct sshchan *ch)
{
	sshchan_drop(ch);
	sshchan_move(ch, CHAN_GONE);
	ch->base.freed = true;
	ch->conn->slots_changed = true;
}

/* ---- closing ---- */

static bool
service_closing(struct sshchan *ch)
{
	bool moved = false;

	if (ch->close_sent <= 0) {
		if (ssh_channel_close(ch->ssh) == SSH_AGAIN)
			return false;
		ch->close_sent = clock_now();
		ch->conn->last_close = ch->close_sent;
		ch->conn->closes += ch->opened && ch->base.spec.kind != CHANNEL_FORWARD;
		if (ch->leaving_since <= 0)
			ch->leaving_since = ch->close_sent;
		moved = true;
	}
	if (ch->got_close) {
		sshchan_gone(ch);
		moved = true;
	}
	return moved;
}

/* Opens or starts it.  While the answer to what it has asked is awaited, only a packet can bring anything new. */
static bool
service_asking(struct sshchan *ch)
{
	uint64_t packets = ch->conn->raw_count.in_packets;

	if (ch->asked && ch->asked_at == packets && !ch->base.abandoned)
		return false;
	ch->asked = !(ch->state == CHAN_OPENING ? sshchan_service_opening(ch) : sshchan_service_starting(ch));
	ch->asked_at = packets;
	return !ch->asked;
}

bool
sshchan_service(struct sshchan *ch)
{
	if (ch->base.abandoned && ch->leaving_since <= 0)
		ch->leaving_since = clock_now();
	switch (ch->state) {
	case CHAN_OPENING:
		return service_asking(ch);
	case CHAN_READY:
		if (!ch->got_close) {
			sshchan_service_ready(ch);
			return false;
		}
		/* Nobody asked for that: this server does not bear spares. */
		log_debug(
		    "session", "%s: the server closed a spare channel; no more of them here", ch->conn->base.name);
		ch->conn->spares = false;
		ch->conn->spare = NULL;
		sshchan_move(ch, CHAN_CLOSING);
		return true;
	case CHAN_STARTING:
	case CHAN_RUNNING:
		if (ch->got_close) {
			sshchan_take_answer(ch);
			if (ch->state != CHAN_CLOSING)
				sshchan_finish(ch);
			return true;
		}
		return ch->state == CHAN_STARTING ? service_asking(ch) : sshchan_service_running(ch);
	case CHAN_CLOSING:
		return service_closing(ch);
	case CHAN_GONE:
		break;
	}
	return false;
}

/* All of its output and how it ended had arrived, only the server's CLOSE had not. */
static bool
ended_in_time(const struct sshchan *ch)
{
	return ch->base.got_eof && ch->base.held[0] == 0 && ch->base.held[1] == 0 &&
	       (ch->base.end.has_status || ch->base.end.signal[0] != '\0');
}

void
sshchan_lost(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;
	bool complete = ended_in_time(ch);

	ch->ssh = NULL; /* libssh freed it with the session, and what it held */
	sshchan_move(ch, CHAN_GONE);
	ch->base.held[0] = ch->base.held[1] = 0;
	if (complete) {
		ch->base.runs = true; /* if only to tell the user before the end */
		chan_end_set(&ch->base, REASON_NONE, "ended");
	} else if (ch->base.end.sent) /* what was said on a shell its user knows better */
		chan_end_set(&ch->base, REASON_OUTCOME_UNKNOWN, "%s: %s%s", s->base.name, s->why->text,
		    ch->base.spec.kind == CHANNEL_EXEC ? "; the command had been sent, its outcome is unknown" : "");
	else
		chan_end_set(&ch->base, s->unsent, "%s: %s; the command had not been sent", s->base.name, s->why->text);
}
