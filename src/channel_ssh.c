/*
 * Channels as libssh has them: callbacks that record, and one service pass per channel that moves its state.  Called
 * from the session's pump only; main thread.
 *
 * What libssh forbids, each found the hard way: a request on a channel that is not open runs on another channel; a
 * second request while one is unanswered is silently not sent; a channel freed while it opens, in its close callback or
 * before CLOSE has left keeps its slot on the server for ever; ssh_channel_close() says SSH_AGAIN when it has sent only
 * the EOF.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "session_impl.h"
#include "text.h"
#include "xalloc.h"

#define WRITE_CHUNK (32u * 1024u)
#define DELIVER_CHUNK (64u * 1024u)

/* libssh's window is 1.25 MiB; a long path needs more to stay full. */
#define WINDOW_BASE 1280000u
#define WINDOW_MAX (6u * 1024u * 1024u)
#define WINDOW_RATE 200e6 /* bytes a second that shall fit */

/* A slot that the server is about to free may be refused; see open_refused(). */
#define OPEN_TRIES 8
#define OPEN_RACE_SECONDS 1.0

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
	if (ch->held[stream] > (size_t)ch->window + WINDOW_BASE)
		session_violated(ch->session, "it sends more than the window allows");
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

/* ---- opening ---- */

static bool
create_ssh(struct chan *ch)
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
	ch->window = WINDOW_BASE;
	(void)ssh_set_channel_callbacks(ch->ssh, &ch->callbacks);
	ch->open_sent = clock_now();
	return true;
}

static void
free_ssh(struct chan *ch)
{
	if (ch->ssh == NULL)
		return;
	(void)ssh_remove_channel_callbacks(ch->ssh, &ch->callbacks);
	ssh_channel_free(ch->ssh);
	ch->ssh = NULL;
}

static void
chan_gone(struct chan *ch)
{
	free_ssh(ch);
	ch->state = CHAN_GONE;
	ch->session->slots_changed = true;
}

/* No command runs elsewhere on the session, so a reply was not held up behind its bytes. */
static bool
session_quiet(const struct session *s)
{
	const struct chan *ch;

	TAILQ_FOREACH (ch, &s->chans, link) {
		if (ch->state == CHAN_RUNNING)
			return false;
	}
	return true;
}

static void
open_confirmed(struct chan *ch)
{
	struct session *s = ch->session;
	int confirmed;

	if (session_quiet(s) && ch->kind != CHANNEL_FORWARD)
		session_open_sample(s, clock_now() - ch->open_sent);
	ch->opened = true;
	s->refusals = 0;
	confirmed = session_confirmed(s);
	if (confirmed > s->peak)
		s->peak = confirmed;
	if (ch->abandoned) {
		ch->state = CHAN_CLOSING;
	} else if (ch->is_spare) {
		ch->state = CHAN_READY;
	} else if (ch->kind == CHANNEL_FORWARD) {
		ch->end.sent = true;
		ch->runs = true;
		ch->state = CHAN_RUNNING;
	} else {
		ch->state = CHAN_STARTING;
	}
}

/*
 * OpenSSH frees a slot a moment after it has read our CLOSE: an OPEN that arrives together with it is refused although
 * there is room.  So a refusal with fewer channels than were borne before, or shortly after a CLOSE, is tried again;
 * that costs a round trip and no command has been sent.  Otherwise the refusal teaches the server's limit.
 */
static bool
refusal_is_race(const struct chan *ch)
{
	const struct session *s = ch->session;

	if (ch->tries >= OPEN_TRIES || ch->abandoned)
		return false;
	return session_confirmed(s) < s->peak ||
	       (s->last_close > 0 && ch->open_sent - s->last_close < OPEN_RACE_SECONDS);
}

static void
open_refused(struct chan *ch)
{
	struct session *s = ch->session;
	int confirmed = session_confirmed(s);
	char why[256];

	(void)text_vis_into(why, sizeof why, ssh_get_error(s->ssh));
	if (ch->kind != CHANNEL_FORWARD && refusal_is_race(ch)) {
		ch->tries++;
		free_ssh(ch);
		return;
	}
	if (ch->kind == CHANNEL_FORWARD) {
		chan_end_set(ch, REASON_CHANNEL_REFUSED, "%s: no connection to %s port %d from there: %s", s->name,
		    ch->host, ch->port, why);
	} else {
		s->refusals++;
		session_learn(s, s->refusals == 1 && s->peak > confirmed ? s->peak : confirmed);
		if (ch->is_spare && session_confirmed(s) < s->slots_max)
			s->spares = false;
		chan_end_set(ch, REASON_CHANNEL_REFUSED, "%s: the server refused a channel, %d are open: %s", s->name,
		    confirmed, why);
	}
	chan_gone(ch);
}

static bool
service_opening(struct chan *ch)
{
	int rc;

	if (ch->ssh == NULL) {
		if (ch->ended) { /* given up before anything was sent */
			chan_gone(ch);
			return true;
		}
		if (!create_ssh(ch))
			return true;
	}
	if (ch->kind == CHANNEL_FORWARD)
		rc = ssh_channel_open_forward(ch->ssh, ch->host, ch->port, "127.0.0.1", 0);
	else
		rc = ssh_channel_open_session(ch->ssh);
	if (rc == SSH_AGAIN || !session_alive(ch->session))
		return false;
	if (rc == SSH_OK)
		open_confirmed(ch);
	else
		open_refused(ch);
	return true;
}

/* ---- starting: one request at a time ---- */

static int
request_env(struct chan *ch)
{
	const char *pair = ch->env[ch->env_next];
	const char *value = strchr(pair, '=');
	char *name = value != NULL ? xstrndup(pair, (size_t)(value - pair)) : xstrdup(pair);
	int rc = ssh_channel_request_env(ch->ssh, name, value != NULL ? value + 1 : "");

	free(name);
	return rc;
}

static int
request_command(struct chan *ch)
{
	ch->end.sent = true;
	switch (ch->kind) {
	case CHANNEL_EXEC:
		return ssh_channel_request_exec(ch->ssh, ch->command);
	case CHANNEL_SHELL:
		return ssh_channel_request_shell(ch->ssh);
	case CHANNEL_SUBSYSTEM:
		return ssh_channel_request_subsystem(ch->ssh, ch->command);
	case CHANNEL_FORWARD:
		break; /* starts by being open */
	}
	return SSH_ERROR;
}

static void
request_refused(struct chan *ch, const char *what)
{
	chan_end_set(ch, REASON_EXEC_REFUSED, "%s: the server refused %s", ch->session->name, what);
	ch->state = CHAN_CLOSING;
}

static void
command_answered(struct chan *ch, int rc)
{
	if (rc == SSH_OK) {
		ch->runs = true;
		ch->state = CHAN_RUNNING;
	} else if (ch->kind == CHANNEL_SUBSYSTEM) {
		char what[128] = "the subsystem ";

		(void)text_vis_into(what + strlen(what), sizeof what - strlen(what), ch->command);
		request_refused(ch, what);
	} else {
		request_refused(ch, ch->kind == CHANNEL_SHELL ? "a shell" : "to run the command");
	}
}

static bool
service_starting(struct chan *ch)
{
	int rc;

	/* The command once sent, its answer is awaited even when nobody wants it: only then can a signal end it. */
	if (ch->abandoned && !ch->end.sent) {
		ch->state = CHAN_CLOSING;
		return true;
	}
	switch (ch->step) {
	case STEP_PTY:
		if (ch->pty) {
			rc = ssh_channel_request_pty_size(ch->ssh, ch->term, ch->cols, ch->rows);
			if (rc == SSH_AGAIN || !session_alive(ch->session))
				return false;
			if (rc != SSH_OK) {
				request_refused(ch, "a terminal");
				return true;
			}
		}
		ch->step = STEP_ENV;
		return true;
	case STEP_ENV:
		if (ch->env[ch->env_next] == NULL) {
			ch->step = STEP_COMMAND;
			return true;
		}
		rc = request_env(ch);
		if (rc == SSH_AGAIN || !session_alive(ch->session))
			return false;
		ch->env_next++; /* refused ones are left out, as ssh does */
		return true;
	case STEP_COMMAND:
		rc = request_command(ch);
		if (rc == SSH_AGAIN || !session_alive(ch->session))
			return false;
		command_answered(ch, rc);
		return true;
	}
	return false;
}

/* ---- running ---- */

/* Takes all that libssh keeps unread of a stream. */
static bool
take_held(struct chan *ch, int stream)
{
	struct buf *out = &ch->output[stream];
	bool moved = false;

	if (out->max < out->len + ch->held[stream])
		out->max = out->len + ch->held[stream];
	while (ch->held[stream] > 0) {
		uint8_t *dst = buf_reserve(out, ch->held[stream]);
		int rc = dst != NULL ? ssh_channel_read(ch->ssh, dst, (uint32_t)ch->held[stream], stream) : SSH_ERROR;

		if (rc <= 0) {
			ch->held[stream] = 0; /* the session is dead: libssh gives it no more */
			break;
		}
		buf_commit(out, (size_t)rc);
		ch->held[stream] -= (size_t)rc;
		ch->bytes_in += (size_t)rc;
		ch->has_news = true;
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
resume(struct chan *ch)
{
	bool moved = false;

	if (!ch->clogged || ch->output[0].len > 0 || ch->output[1].len > 0)
		return false;
	ch->clogged = false;
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
widen_window(struct chan *ch)
{
	double wanted = session_rtt_guess(ch->session) * WINDOW_RATE;
	uint32_t size;
	void *scratch;
	int rc;

	if (wanted <= WINDOW_BASE)
		return;
	size = wanted < WINDOW_MAX ? (uint32_t)wanted : WINDOW_MAX;
	if (ch->bytes_in - ch->grown_at < size / 4 || ch->clogged || ch->output[0].len > 0 || ch->output[1].len > 0)
		return;
	scratch = malloc(size); /* never touched but by what arrives in this very call */
	if (scratch == NULL)
		return;
	ch->grown_at = ch->bytes_in;
	if (ch->window < size)
		ch->window = size;
	rc = ssh_channel_read(ch->ssh, scratch, size, 1);
	if (rc > 0) {
		if (buf_append(&ch->output[1], scratch, (size_t)rc) < 0)
			session_violated(ch->session, "it sent more standard error than one packet may hold");
		ch->held[1] -= (size_t)rc < ch->held[1] ? (size_t)rc : ch->held[1];
		ch->bytes_in += (size_t)rc;
		ch->has_news = true;
	}
	free(scratch);
}

static bool
send_signals(struct chan *ch)
{
	bool moved = false;

	if (ch->want_resize) {
		ch->want_resize = false;
		if (ch->pty)
			(void)ssh_channel_change_pty_size(ch->ssh, ch->cols, ch->rows);
		moved = true;
	}
	for (int i = 0; i < ch->signals_count; i++) {
		(void)ssh_channel_request_send_signal(ch->ssh, ch->signals[i]);
		moved = true;
	}
	ch->signals_count = 0;
	return moved;
}

/* Only while libssh's own output buffer is empty: it takes a whole window at once, and would send it in one call. */
static bool
send_input(struct chan *ch)
{
	bool moved = false;
	size_t n = ch->input.len;
	int rc;

	if (n > 0 && (ssh_get_status(ch->session->ssh) & SSH_WRITE_PENDING) == 0) {
		if (n > WRITE_CHUNK)
			n = WRITE_CHUNK;
		if (n > ssh_channel_window_size(ch->ssh))
			n = ssh_channel_window_size(ch->ssh);
		rc = n > 0 ? ssh_channel_write(ch->ssh, buf_head(&ch->input), (uint32_t)n) : 0;
		if (rc < 0 && session_alive(ch->session)) /* the server takes no more: as a closed pipe */
			rc = (int)ch->input.len;
		if (rc > 0) {
			buf_consume(&ch->input, (size_t)rc);
			ch->wrote += (size_t)rc;
			moved = true;
		}
	}
	if (ch->want_eof && ch->input.len == 0 && !ch->eof_sent) {
		ch->eof_sent = true;
		(void)ssh_channel_send_eof(ch->ssh);
		moved = true;
	}
	return moved;
}

/* The server closed the channel: that is the end, whatever the reader has not read yet. */
static void
finish(struct chan *ch)
{
	const char *name = ch->session->name;

	/*
	 * All that libssh holds, however slow the reader is: libssh gives nothing back when the connection ends, as
	 * that of many devices does right now.
	 */
	for (int i = 0; i < CHAN_STREAMS; i++)
		(void)take_held(ch, i);
	if (!ch->end.sent)
		chan_end_set(
		    ch, REASON_CHANNEL_REFUSED, "%s: the server closed the channel before the command was sent", name);
	else if (ch->end.has_status || ch->end.signal[0] != '\0' || ch->kind == CHANNEL_FORWARD)
		chan_end_set(ch, REASON_NONE, "ended");
	else
		chan_end_set(ch, REASON_OUTCOME_UNKNOWN,
		    "%s: the server closed the channel and did not say how the command ended", name);
	ch->state = CHAN_CLOSING;
}

static bool
service_running(struct chan *ch)
{
	bool moved;

	if (ch->abandoned) {
		if (ch->kind != CHANNEL_FORWARD)
			(void)ssh_channel_request_send_signal(ch->ssh, "TERM");
		ch->state = CHAN_CLOSING;
		return true;
	}
	moved = resume(ch);
	if (send_signals(ch))
		moved = true;
	if (send_input(ch))
		moved = true;
	widen_window(ch);
	return moved;
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
		return service_opening(ch);
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
			finish(ch);
			return true;
		}
		return ch->state == CHAN_STARTING ? service_starting(ch) : service_running(ch);
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

	ch->ssh = NULL; /* freed with the session */
	ch->state = CHAN_GONE;
	ch->held[0] = ch->held[1] = 0;
	if (ended_in_time(ch))
		chan_end_set(ch, REASON_NONE, "ended");
	else if (ch->end.sent)
		chan_end_set(ch, REASON_OUTCOME_UNKNOWN, "%s: %s; the command had been sent, its outcome is unknown",
		    s->name, s->why.text);
	else
		chan_end_set(ch, s->unsent, "%s: %s; the command had not been sent", s->name, s->why.text);
}
