/*
 * Channels as libssh has them: callbacks that record, and one service pass per channel that moves its state.  Called
 * from the session's pump only; main thread.
 *
 * What libssh forbids, each found the hard way: a request on a channel that is not open runs on another channel; a
 * second request while one is unanswered is silently not sent; a channel freed while it opens, in its close callback or
 * before CLOSE has left keeps its slot on the server for ever; ssh_channel_close() says SSH_AGAIN when it has sent only
 * the EOF.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ssh/session_impl.h"
#include "base/text.h"

#define DELIVER_CHUNK (64u * 1024u)

/* ---- callbacks: facts only ---- */

static int
on_data(
    ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, void *data, uint32_t len, int is_stderr, void *arg)
{
	struct chan *ch = arg;
	int stream = is_stderr ? 1 : 0;
	struct buf *out = &ch->output[stream];
	size_t n = !ch->clogged && out->len < CHANNEL_BUFFER_MAX ? CHANNEL_BUFFER_MAX - out->len : 0;

	if (ch->abandoned || ch->state == CHAN_CLOSING)
		return (int)len; /* nobody reads it */
	if (n > len)
		n = len;
	if (n > 0 && buf_append(out, data, n) < 0)
		n = 0;
	ch->held[stream] = len - n;
	if (ch->held[stream] > 0)
		ch->clogged = true;
	ch->bytes_in += n;
	ch->has_news = true;
	if (out->len >= DELIVER_CHUNK)
		ch->session->deliver_now = true;
	return (int)n;
}

static void
on_eof(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, void *arg)
{
	struct chan *ch = arg;

	ch->got_eof = true;
	ch->has_news = true;
}

static void
on_close(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, void *arg)
{
	struct chan *ch = arg;

	ch->got_close = true;
}

static void
on_exit_status(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, int status, void *arg)
{
	struct chan *ch = arg;

	ch->end.has_status = true;
	ch->end.status = status;
}

static void
on_exit_signal(ssh_session session NP_UNUSED, ssh_channel channel NP_UNUSED, const char *name, int core,
    const char *message NP_UNUSED, const char *lang NP_UNUSED, void *arg)
{
	struct chan *ch = arg;

	(void)text_vis_into(ch->end.signal, sizeof ch->end.signal, name);
	ch->end.core_dumped = core != 0;
}

/* ---- libssh's object ---- */

bool
chan_create_ssh(struct chan *ch)
{
	struct session *s = ch->session;

	ch->ssh = ssh_channel_new(s->ssh);
	if (ch->ssh == NULL) {
		chan_end_set(ch, REASON_INTERNAL, "%s: libssh makes no channel", s->name);
		ch->state = CHAN_GONE;
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
	return true;
}

void
chan_free_ssh(struct chan *ch)
{
	if (ch->ssh == NULL)
		return;
	(void)ssh_remove_channel_callbacks(ch->ssh, &ch->callbacks);
	ssh_channel_free(ch->ssh);
	ch->ssh = NULL;
}

void
chan_gone(struct chan *ch)
{
	chan_free_ssh(ch);
	ch->state = CHAN_GONE;
	ch->session->slots_changed = true;
}

/* ---- closing ---- */

static bool
service_closing(struct chan *ch)
{
	bool moved = false;

	if (ch->close_sent <= 0) {
		if (ssh_channel_close(ch->ssh) == SSH_AGAIN)
			return false;
		ch->close_sent = clock_now();
		ch->session->last_close = ch->close_sent;
		if (ch->leaving_since <= 0)
			ch->leaving_since = ch->close_sent;
		moved = true;
	}
	if (ch->got_close) {
		chan_gone(ch);
		moved = true;
	}
	return moved;
}

bool
chan_service(struct chan *ch)
{
	switch (ch->state) {
	case CHAN_OPENING:
		return chan_service_opening(ch);
	case CHAN_READY:
		if (!ch->got_close)
			return false;
		/* Nobody asked for that: this server does not bear spares. */
		log_debug("session", "%s: the server closed a spare channel; no more of them here", ch->session->name);
		ch->session->spares = false;
		ch->session->spare = NULL;
		ch->state = CHAN_CLOSING;
		return true;
	case CHAN_STARTING:
	case CHAN_RUNNING:
		if (ch->got_close) {
			chan_take_answer(ch);
			if (ch->state != CHAN_CLOSING)
				chan_finish(ch);
			return true;
		}
		return ch->state == CHAN_STARTING ? chan_service_starting(ch) : chan_service_running(ch);
	case CHAN_CLOSING:
		return service_closing(ch);
	case CHAN_GONE:
		break;
	}
	return false;
}

/* All of its output and how it ended had arrived, only the server's CLOSE had not. */
static bool
ended_in_time(const struct chan *ch)
{
	return ch->got_eof && ch->held[0] == 0 && ch->held[1] == 0 && (ch->end.has_status || ch->end.signal[0] != '\0');
}

void
chan_lost(struct chan *ch)
{
	struct session *s = ch->session;
	bool complete = ended_in_time(ch);

	ch->ssh = NULL; /* libssh freed it with the session, and what it held */
	ch->state = CHAN_GONE;
	ch->held[0] = ch->held[1] = 0;
	if (complete) {
		ch->runs = true; /* if only to tell the user before the end */
		chan_end_set(ch, REASON_NONE, "ended");
	} else if (ch->end.sent)
		chan_end_set(ch, REASON_OUTCOME_UNKNOWN, "%s: %s; the command had been sent, its outcome is unknown",
		    s->name, s->why.text);
	else
		chan_end_set(ch, s->unsent, "%s: %s; the command had not been sent", s->name, s->why.text);
}
