/* The half of a channel that all transports share: wishes in, events out; see channel.h and provider.h. */
#include "transport/channel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "transport/provider.h"
#include "base/xalloc.h"

void
chan_init(struct chan *ch, struct session *s, size_t slack)
{
	ch->session = s;
	for (int i = 0; i < CHAN_STREAMS; i++)
		buf_init(&ch->output[i], CHANNEL_BUFFER_MAX + slack);
	buf_init(&ch->input, CHANNEL_BUFFER_MAX);
	buf_keep(&ch->input, CHANNEL_BUFFER_MAX); /* full and empty in turn while a file goes through it */
}

/* What was lent with a spec is a channel's own once it is copied. */
static void *
own(const void *p)
{
	return (void *)(uintptr_t)p;
}

char **
chan_env_copy(const char *const *env)
{
	size_t n = 0;
	char **copy;

	while (env != NULL && env[n] != NULL)
		n++;
	copy = xcalloc(n + 1, sizeof *copy);
	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(env[i]);
	return copy;
}

void
chan_env_free(char **env)
{
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		secret_free(env[i]);
	free(env);
}

void
chan_clear(struct chan *ch)
{
	for (int i = 0; i < CHAN_STREAMS; i++)
		buf_wipe(&ch->output[i]);
	buf_wipe(&ch->input);
	chan_env_free(own(ch->spec.env));
	secret_free(own(ch->spec.command));
	free(own(ch->spec.term));
	free(own(ch->spec.modes));
	free(own(ch->spec.forward_host));
}

static void
wake(struct chan *ch)
{
	ch->session->ops->wake(ch->session);
}

static struct chan_spec
copy_spec(const struct chan_spec *spec)
{
	struct chan_spec copy = *spec;

	copy.command = xstrndup(spec->command != NULL ? spec->command : "", spec->command_size);
	copy.term = xstrdup(spec->term != NULL ? spec->term : "vt100");
	copy.modes = xstrdup_null(spec->modes);
	copy.forward_host = xstrdup_null(spec->forward_host);
	copy.env = (const char *const *)chan_env_copy(spec->env);
	return copy;
}

struct chan *
chan_start(struct session *s, const struct chan_spec *spec, const struct chan_events *events, void *arg)
{
	struct chan *ch = s->ops->open(s, spec);

	ch->spec = copy_spec(spec);
	ch->events = *events;
	ch->arg = arg;
	ch->has_user = true;
	wake(ch);
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
		wake(ch);
}

static bool
output_empty(const struct chan *ch)
{
	return ch->output[0].len == 0 && ch->output[1].len == 0;
}

bool
chan_output_ended(const struct chan *ch)
{
	return (ch->got_eof || ch->ended) && output_empty(ch) && ch->held[0] == 0 && ch->held[1] == 0;
}

int
chan_write(struct chan *ch, const void *p, size_t n)
{
	if (ch->want_eof || ch->ended)
		return 0;
	if (buf_append(&ch->input, p, n) < 0)
		return -1;
	ch->fed = true;
	wake(ch);
	return 0;
}

size_t
chan_write_room(const struct chan *ch)
{
	return buf_room(&ch->input);
}

void
chan_rest(struct chan *ch)
{
	buf_rest(&ch->output[0]);
	buf_rest(&ch->output[1]);
	buf_rest(&ch->input);
}

void
chan_eof(struct chan *ch)
{
	ch->want_eof = true;
	wake(ch);
}

void
chan_signal(struct chan *ch, const char *name)
{
	if (ch->signals_count == CHAN_SIGNALS_MAX || name[0] == '\0' || strlen(name) >= CHAN_SIGNAL_SIZE) {
		log_debug("channel", "%s: a signal is dropped", ch->session->name);
		return;
	}
	(void)snprintf(ch->signals[ch->signals_count++], CHAN_SIGNAL_SIZE, "%s", name);
	wake(ch);
}

void
chan_resize(struct chan *ch, int cols, int rows)
{
	ch->spec.cols = cols;
	ch->spec.rows = rows;
	ch->want_resize = true;
	wake(ch);
}

void
chan_unread(struct chan *ch)
{
	ch->unread = true;
	wake(ch);
}

bool
chan_has_left(const struct chan *ch)
{
	return ch->has_left;
}

void
chan_abandon(struct chan *ch)
{
	if (!ch->has_user || ch->abandoned)
		return;
	ch->abandoned = true;
	chan_end_set(ch, REASON_CANCELLED, "cancelled");
	error_set(&ch->end.err, REASON_CANCELLED, "cancelled");
	wake(ch);
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
	if (!ch->has_user || !ch->ended)
		return;
	if (last || ch->abandoned || output_empty(ch)) {
		if (ch->abandoned)
			for (int i = 0; i < CHAN_STREAMS; i++)
				buf_consume(&ch->output[i], ch->output[i].len);
		if (ch->events.done != NULL)
			ch->events.done(ch, &ch->end, ch->arg);
		ch->has_user = false;
	} else if (ch->freed && !ch->freed_told) {
		ch->freed_told = true;
		if (ch->events.freed != NULL)
			ch->events.freed(ch, &ch->end, ch->arg);
	}
}
