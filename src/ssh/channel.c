/*
 * Channels as their users see them: wishes in, events out.  No libssh call here; channel_ssh.c does those, in the
 * session's pump, which also calls chan_deliver().  Main thread.
 */
#include "transport/channel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ssh/session_impl.h"
#include "base/xalloc.h"

struct chan *
chan_create(struct session *s)
{
	struct chan *ch = xcalloc(1, sizeof *ch);

	ch->session = s;
	ch->state = CHAN_OPENING;
	for (int i = 0; i < CHAN_STREAMS; i++)
		buf_init(&ch->output[i], CHANNEL_BUFFER_MAX + CHAN_SLACK);
	buf_init(&ch->input, CHANNEL_BUFFER_MAX);
	TAILQ_INSERT_TAIL(&s->chans, ch, link);
	return ch;
}

static void
chan_free(struct chan *ch)
{
	struct session *s = ch->session;

	if (s->spare == ch)
		s->spare = NULL;
	TAILQ_REMOVE(&s->chans, ch, link);
	for (int i = 0; i < CHAN_STREAMS; i++)
		buf_wipe(&ch->output[i]);
	buf_wipe(&ch->input);
	for (char **e = ch->env; e != NULL && *e != NULL; e++)
		free(*e);
	free(ch->env);
	secret_free(ch->command);
	free(ch->term);
	free(ch->host);
	free(ch);
}

bool
chan_counts(const struct chan *ch)
{
	return ch->state != CHAN_GONE && ch->kind != CHANNEL_FORWARD;
}

static void
copy_spec(struct chan *ch, const struct chan_spec *spec)
{
	size_t n = 0;

	ch->kind = spec->kind;
	ch->command = xstrndup(spec->command != NULL ? spec->command : "", spec->command_size);
	ch->pty = spec->pty;
	ch->term = xstrdup(spec->term != NULL ? spec->term : "vt100");
	ch->cols = spec->cols;
	ch->rows = spec->rows;
	ch->host = xstrdup_null(spec->forward_host);
	ch->port = spec->forward_port;
	while (spec->env != NULL && spec->env[n] != NULL)
		n++;
	ch->env = xcalloc(n + 1, sizeof *ch->env);
	for (size_t i = 0; i < n; i++)
		ch->env[i] = xstrdup(spec->env[i]);
}

/* 0, or -1 with the reason why it cannot even be tried. */
static int
check_start(const struct session *s, const struct chan_spec *spec, struct np_error *err)
{
	if (s->state != SESSION_LIVE)
		return error_set(err, REASON_CONNECT_FAILED, "%s: the session is ending: %s", s->name, s->why.text);
	if (spec->kind != CHANNEL_FORWARD && s->hoards)
		return error_set(err, REASON_CHANNEL_REFUSED,
		    "%s: no further command while one is read so slowly that its output gathers", s->name);
	if (spec->kind != CHANNEL_FORWARD && !session_has_slot(s))
		return error_set(err, REASON_CHANNEL_REFUSED, "%s: all %d channels of the session are in use", s->name,
		    s->slots_max);
	if (spec->command != NULL && memchr(spec->command, '\0', spec->command_size) != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "a command cannot hold a NUL byte");
	return 0;
}

static struct chan *
take_spare(struct session *s)
{
	struct chan *ch = s->spare;

	s->spare = NULL;
	ch->is_spare = false;
	if (ch->state == CHAN_READY)
		ch->state = CHAN_STARTING;
	return ch;
}

struct chan *
chan_start(struct session *s, const struct chan_spec *spec, const struct chan_events *events, void *arg)
{
	struct np_error err;
	struct chan *ch;

	if (check_start(s, spec, &err) < 0) {
		ch = chan_create(s);
		ch->state = CHAN_GONE;
		chan_end_set(ch, err.reason, "%s", err.text);
	} else if (s->spare != NULL && spec->kind != CHANNEL_FORWARD) {
		ch = take_spare(s);
	} else {
		ch = chan_create(s);
	}
	copy_spec(ch, spec);
	ch->events = *events;
	ch->arg = arg;
	ch->has_user = true;
	session_wake(s);
	return ch;
}

const struct buf *
chan_output(const struct chan *ch, int stream)
{
	return &ch->output[stream];
}

void
chan_consume(struct chan *ch, int stream, size_t n)
{
	buf_consume(&ch->output[stream], n);
	if (ch->clogged || ch->ended)
		session_wake(ch->session);
}

static bool
output_empty(const struct chan *ch)
{
	return ch->output[0].len == 0 && ch->output[1].len == 0;
}

bool
chan_output_ended(const struct chan *ch)
{
	return (ch->got_eof || ch->got_close || ch->ended) && output_empty(ch) && ch->held[0] == 0 && ch->held[1] == 0;
}

int
chan_write(struct chan *ch, const void *p, size_t n)
{
	if (ch->want_eof || ch->ended)
		return 0;
	if (buf_append(&ch->input, p, n) < 0)
		return -1;
	session_wake(ch->session);
	return 0;
}

size_t
chan_write_room(const struct chan *ch)
{
	return buf_room(&ch->input);
}

void
chan_eof(struct chan *ch)
{
	ch->want_eof = true;
	session_wake(ch->session);
}

void
chan_signal(struct chan *ch, const char *name)
{
	if (ch->signals_count == CHAN_SIGNALS_MAX || name[0] == '\0' || strlen(name) >= CHAN_SIGNAL_SIZE) {
		log_debug("channel", "%s: a signal is dropped", ch->session->name);
		return;
	}
	(void)snprintf(ch->signals[ch->signals_count++], CHAN_SIGNAL_SIZE, "%s", name);
	session_wake(ch->session);
}

void
chan_resize(struct chan *ch, int cols, int rows)
{
	ch->cols = cols;
	ch->rows = rows;
	ch->want_resize = true;
	session_wake(ch->session);
}

void
chan_abandon(struct chan *ch)
{
	if (!ch->has_user || ch->abandoned)
		return;
	ch->abandoned = true;
	ch->leaving_since = clock_now();
	chan_end_set(ch, REASON_CANCELLED, "cancelled");
	error_set(&ch->end.err, REASON_CANCELLED, "cancelled");
	session_wake(ch->session);
}

struct session *
chan_session(const struct chan *ch)
{
	return ch->session;
}

bool
chan_sent(const struct chan *ch)
{
	return ch->end.sent;
}

void
chan_end_set(struct chan *ch, enum np_reason reason, const char *fmt, ...)
{
	char text[sizeof ch->end.err.text];
	va_list ap;

	if (ch->ended)
		return;
	ch->ended = true;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	error_set(&ch->end.err, reason, "%s", text);
}

static bool
tells(const struct chan *ch)
{
	return ch->has_user && !ch->abandoned;
}

static void
deliver_progress(struct chan *ch)
{
	if (tells(ch) && ch->runs && !ch->runs_told) {
		ch->runs_told = true;
		if (ch->events.started != NULL)
			ch->events.started(ch, ch->arg);
	}
	if (tells(ch) && ch->wrote > 0) {
		size_t n = ch->wrote;

		ch->wrote = 0;
		if (ch->events.wrote != NULL)
			ch->events.wrote(ch, n, ch->arg);
	}
	if (tells(ch) && ch->has_news) {
		ch->has_news = false;
		if (ch->events.output != NULL)
			ch->events.output(ch, ch->arg);
	}
}

void
chan_deliver(struct chan *ch, bool last)
{
	deliver_progress(ch);
	if (ch->has_user && ch->ended && (last || ch->abandoned || output_empty(ch))) {
		if (ch->abandoned)
			for (int i = 0; i < CHAN_STREAMS; i++)
				buf_consume(&ch->output[i], ch->output[i].len);
		if (ch->events.done != NULL)
			ch->events.done(ch, &ch->end, ch->arg);
		ch->has_user = false;
	}
	if (!ch->has_user && ch->state == CHAN_GONE)
		chan_free(ch);
}
