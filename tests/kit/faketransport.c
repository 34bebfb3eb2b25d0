/* See faketransport.h. */
#include "kit/faketransport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "transport/provider.h"

struct fake_session {
	struct session base;
	struct fake *fake;
	struct ev_loop *loop;
	ev_prepare turn; /* fed, never started */
	int slots_max;
	bool probing;
	double answer; /* to the probe, or negative */
	bool closing;
	enum np_reason unsent; /* what channels are told that had sent nothing */
	struct np_error why;
};

/* A dialled connection that leads to a fake. */
struct fake_dial {
	struct dialled base;
	struct fake *fake;
};

static struct fake_session *
fake_session(const struct session *s)
{
	return (struct fake_session *)(uintptr_t)s;
}

/* ---- turns ---- */

static void
read_input(struct fake_chan *fc)
{
	struct chan *ch = fc->chan;

	if (fc->holds || !ch->runs)
		return;
	ch->wrote += ch->input.len;
	assert_int_equal(buf_append(&fc->input, buf_head(&ch->input), ch->input.len), 0);
	buf_consume(&ch->input, ch->input.len);
	fc->eof |= ch->want_eof;
	for (int i = 0; i < ch->signals_count; i++) {
		strncat(fc->signals, " ", sizeof fc->signals - strlen(fc->signals) - 1);
		strncat(fc->signals, ch->signals[i], sizeof fc->signals - strlen(fc->signals) - 1);
	}
	ch->signals_count = 0;
	if (ch->want_resize) {
		fc->cols = ch->spec.cols;
		fc->rows = ch->spec.rows;
	}
	ch->want_resize = false;
}

static void
serve(struct fake_chan *fc, bool last)
{
	struct chan *ch = fc->chan;

	if (fc->term[0] == '\0' && ch->spec.pty)
		(void)snprintf(fc->term, sizeof fc->term, "%s", ch->spec.term);
	read_input(fc);
	chan_deliver(ch, last);
	if (ch->has_user || !ch->ended)
		return;
	chan_clear(ch);
	free(ch);
	fc->chan = NULL;
}

static void
lose_channels(struct fake_session *s)
{
	struct fake *f = s->fake;

	for (int i = 0; i < f->count; i++) {
		struct chan *ch = f->chans[i].chan;

		if (ch != NULL && ch->end.sent)
			chan_end_set(ch, REASON_OUTCOME_UNKNOWN, "%s", s->why.text);
		else if (ch != NULL)
			chan_end_set(ch, s->unsent, "%s", s->why.text);
	}
}

static void
turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct fake_session *s = w->data;
	struct fake *f = s->fake;
	bool closing = s->closing;

	if (closing)
		lose_channels(s);
	for (int i = 0; i < f->count; i++)
		if (f->chans[i].chan != NULL)
			serve(&f->chans[i], closing);
	if (s->probing && s->answer >= 0) {
		s->probing = false;
		s->base.events.probed(&s->base, s->answer, s->base.arg);
	}
	if (!closing)
		return;
	f->session = NULL;
	s->base.events.closed(&s->base, &s->why, s->base.arg);
	ev_clear_pending(s->loop, &s->turn);
	session_clear(&s->base);
	free(s);
}

static void
op_wake(struct session *base)
{
	ev_feed_event(fake_session(base)->loop, &fake_session(base)->turn, EV_CUSTOM);
}

/* ---- what users reach ---- */

static int
slots_used(const struct fake *f)
{
	int n = 0;

	for (int i = 0; i < f->count; i++)
		n += f->chans[i].chan != NULL && !f->chans[i].chan->freed && f->chans[i].kind != CHANNEL_FORWARD;
	return n;
}

static struct chan *
op_open(struct session *base, const struct chan_spec *spec)
{
	struct fake_session *s = fake_session(base);
	struct fake *f = s->fake;
	struct fake_chan *fc = &f->chans[f->count];
	struct chan *ch = xcalloc(1, sizeof *ch);

	assert_true(f->count < FAKE_CHANNELS_MAX);
	chan_init(ch, base, 0);
	if (s->closing)
		chan_end_set(ch, REASON_CONNECT_FAILED, "the session is ending");
	else if (spec->kind != CHANNEL_FORWARD && slots_used(f) >= s->slots_max)
		chan_end_set(ch, REASON_CHANNEL_REFUSED, "all channels are in use");
	fc->chan = ch;
	fc->kind = spec->kind;
	fc->cols = spec->cols;
	fc->rows = spec->rows;
	fc->port = spec->forward_port;
	if (spec->forward_host != NULL)
		(void)snprintf(fc->command, sizeof fc->command, "%s", spec->forward_host);
	else
		(void)snprintf(fc->command, sizeof fc->command, "%.*s", (int)spec->command_size,
		    spec->command != NULL ? spec->command : "");
	buf_init(&fc->input, 64u * 1024u * 1024u);
	f->count++;
	return ch;
}

static void
op_close(struct session *base, enum np_reason reason, const char *text)
{
	struct fake_session *s = fake_session(base);

	if (s->closing)
		return;
	s->closing = true;
	s->unsent = reason == REASON_NONE ? REASON_CONNECT_FAILED : reason;
	error_set(&s->why, reason, "%s", text);
	op_wake(base);
}

static bool
op_probe(struct session *base)
{
	struct fake_session *s = fake_session(base);

	if (s->probing || s->closing)
		return false;
	s->fake->probes++;
	s->answer = -1;
	return s->probing = true;
}

static struct session_stats
op_stats(const struct session *base)
{
	const struct fake_session *s = fake_session(base);
	int used = slots_used(s->fake);

	return (struct session_stats){.last_rx = clock_now(),
	    .rtt = -1,
	    .slots_used = used,
	    .slots_max = s->slots_max,
	    .has_slot = !s->closing && used < s->slots_max};
}

static const struct session_ops ops = {
    .open = op_open, .wake = op_wake, .close = op_close, .probe = op_probe, .stats = op_stats};

static struct session *
adopt(struct dialled *d, struct ev_loop *loop, const struct session_setup *setup, const struct session_events *events,
    void *arg)
{
	struct fake_session *s = xcalloc(1, sizeof *s);
	struct fake *f = ((struct fake_dial *)d)->fake;

	session_init(&s->base, &ops, setup, events, arg);
	s->base.banner = xstrdup("FAKE-1.0");
	s->base.algorithms = xstrdup("none");
	s->fake = f;
	s->loop = loop;
	s->slots_max = f->slots_max > 0 ? f->slots_max : setup->max_channels;
	ev_prepare_init(&s->turn, turn);
	s->turn.data = s;
	f->session = &s->base;
	return &s->base;
}

static void
discard(struct dialled *d)
{
	struct fake *f = ((struct fake_dial *)d)->fake;

	f->discarded = f->session == NULL;
	free(d);
}

struct dialled *
fake_dialled(struct fake *f)
{
	static const struct dialled_ops dialled_ops = {.adopt = adopt, .discard = discard};
	struct fake_dial *d = xcalloc(1, sizeof *d);

	d->base.ops = &dialled_ops;
	d->fake = f;
	return &d->base;
}

struct session *
fake_adopt(struct fake *f, struct ev_loop *loop, int max_channels, const struct session_events *events, void *arg)
{
	struct session_setup setup = {.id = 7, .name = "fake", .max_channels = max_channels};
	struct dialled *d = fake_dialled(f);
	struct session *s = dialled_adopt(d, loop, &setup, events, arg);

	dialled_discard(d);
	return s;
}

void
fake_init(struct fake *f)
{
	*f = (struct fake){.session = NULL};
}

void
fake_finish(struct fake *f)
{
	assert_null(f->session);
	for (int i = 0; i < f->count; i++) {
		assert_null(f->chans[i].chan);
		buf_free(&f->chans[i].input);
	}
}

/* ---- the server ---- */

static void
noted(struct fake_chan *fc)
{
	op_wake(fc->chan->session);
}

void
fake_start(struct fake_chan *fc)
{
	fc->chan->runs = fc->chan->end.sent = true;
	noted(fc);
}

void
fake_refuse(struct fake_chan *fc, enum np_reason reason, const char *text)
{
	chan_end_set(fc->chan, reason, "%s", text);
	noted(fc);
}

void
fake_say(struct fake_chan *fc, int stream, const char *bytes, size_t size)
{
	assert_int_equal(buf_append(&fc->chan->output[stream], bytes, size), 0);
	fc->chan->has_news = true;
	noted(fc);
}

void
fake_exit(struct fake_chan *fc, int status)
{
	fc->chan->end.has_status = status >= 0;
	fc->chan->end.status = status;
	fc->chan->got_eof = fc->chan->has_news = true;
	chan_end_set(fc->chan, REASON_NONE, "ended");
	fc->chan->freed = true;
	noted(fc);
}

void
fake_answer_probe(struct fake *f, double rtt)
{
	struct fake_session *s = fake_session(f->session);

	assert_true(s->probing);
	s->answer = rtt;
	op_wake(f->session);
}

void
fake_lose(struct fake *f, const char *why)
{
	op_close(f->session, REASON_CONNECT_FAILED, why);
}

void
fake_resume(struct fake_chan *fc)
{
	fc->holds = false;
	noted(fc);
}
