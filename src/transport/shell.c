/*
 * See shell.h.  All work is done in shell_turn(), which libev runs before it blocks again; whatever happens only asks
 * for a turn.  So the driver's events never come from inside a call that the user made, and a burst of bytes is judged
 * when all of it is there.
 */
#include "transport/shell.h"

#include <stdlib.h>

#include "transport/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

struct shell {
	struct ev_loop *loop;
	struct shell_events events;
	void *arg;
	struct cli *cli;
	struct chan *chan; /* NULL once it is gone */
	ev_timer clock;    /* cli_wake_at() */
	ev_prepare turn;   /* fed, never started */
	bool told_drained; /* since the last bytes */
	bool abandoned;
};

struct cli *
shell_cli(struct shell *sh)
{
	return sh->cli;
}

const struct buf *
shell_output(const struct shell *sh)
{
	return cli_output(sh->cli);
}

void
shell_wake(struct shell *sh)
{
	ev_feed_event(sh->loop, &sh->turn, EV_CUSTOM);
}

void
shell_consume(struct shell *sh, size_t n)
{
	buf_consume(cli_output(sh->cli), n);
	shell_wake(sh);
}

void
shell_abandon(struct shell *sh)
{
	sh->abandoned = true;
	if (sh->chan != NULL)
		chan_abandon(sh->chan);
}

void
shell_logout(struct shell *sh)
{
	cli_logout(sh->cli, clock_now());
	shell_wake(sh);
}

/* ---- bytes ---- */

/* What the device says goes to the driver, as much as it takes; then it is told that there is no more. */
static bool
take_bytes(struct shell *sh)
{
	bool moved = false;

	/* A terminal has one stream; what comes as "stderr" all the same is shown there too. */
	for (int stream = 0; stream < 2 && sh->chan != NULL; stream++) {
		const struct buf *in = chan_output(sh->chan, stream);
		while (in->len > 0) {
			size_t n = cli_feed(sh->cli, buf_head(in), in->len, clock_now());
			if (n == 0)
				return moved;
			if (sh->events.tap != NULL)
				sh->events.tap(sh, true, buf_head(in), n, sh->arg);
			chan_consume(sh->chan, stream, n);
			sh->told_drained = false;
			moved = true;
		}
	}
	if (!sh->told_drained) {
		sh->told_drained = true;
		cli_drained(sh->cli, clock_now());
		moved = true;
	}
	return moved;
}

static void
send_bytes(struct shell *sh)
{
	struct buf *out = cli_send(sh->cli);
	size_t n = out->len;

	if (sh->chan == NULL || n == 0)
		return;
	if (n > chan_write_room(sh->chan))
		n = chan_write_room(sh->chan);
	if (n == 0 || chan_write(sh->chan, buf_head(out), n) == -1)
		return;
	if (sh->events.tap != NULL)
		sh->events.tap(sh, false, buf_head(out), n, sh->arg);
	buf_consume(out, n);
}

static bool
tell_events(struct shell *sh)
{
	struct cli_event event;
	bool moved = false;

	while (cli_next_event(sh->cli, &event)) {
		sh->events.event(sh, &event, sh->arg);
		moved = true;
	}
	return moved;
}

static void
set_clock(struct shell *sh)
{
	double at = cli_wake_at(sh->cli), left = at - clock_now();

	ev_timer_stop(sh->loop, &sh->clock);
	if (at == 0)
		return;
	ev_timer_set(&sh->clock, left > 0.001 ? left : 0.001, 0);
	ev_timer_start(sh->loop, &sh->clock);
}

static void
work(struct shell *sh)
{
	bool moved;

	do {
		moved = take_bytes(sh);
		send_bytes(sh);
		if (cli_output(sh->cli)->len > 0)
			sh->events.output(sh, sh->arg);
		moved |= tell_events(sh);
	} while (moved);
	if (cli_state(sh->cli) == CLI_CLOSED && sh->chan != NULL && !sh->abandoned)
		shell_abandon(sh);
	if (cli_state(sh->cli) == CLI_IDLE) {
		cli_rest(sh->cli);
		if (sh->chan != NULL)
			chan_rest(sh->chan);
	}
	set_clock(sh);
}

static void
shell_turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	work(w->data);
}

static void
on_clock(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct shell *sh = w->data;

	cli_tick(sh->cli, clock_now());
	work(sh);
}

/* ---- the channel ---- */

static void
on_news(struct chan *ch NP_UNUSED, void *arg)
{
	shell_wake(arg);
}

static void
on_wrote(struct chan *ch NP_UNUSED, size_t n NP_UNUSED, void *arg)
{
	struct shell *sh = arg;

	if (cli_send(sh->cli)->len > 0)
		shell_wake(sh);
}

/*
 * The last bytes may hold the whole answer of a command: they are judged before the end is told.  Output that the
 * driver cannot take any more because nobody reads it is passed on first.
 */
static void
take_last_bytes(struct shell *sh)
{
	while (take_bytes(sh)) {
		if (cli_output(sh->cli)->len > 0)
			sh->events.output(sh, sh->arg);
		tell_events(sh);
	}
}

static void
on_done(struct chan *ch NP_UNUSED, const struct chan_end *end, void *arg)
{
	struct shell *sh = arg;

	take_last_bytes(sh);
	sh->chan = NULL;
	cli_closed(sh->cli, end->err.reason != REASON_NONE ? end->err.text : NULL, clock_now());
	if (cli_output(sh->cli)->len > 0)
		sh->events.output(sh, sh->arg);
	tell_events(sh);
	ev_timer_stop(sh->loop, &sh->clock);
	ev_clear_pending(sh->loop, &sh->turn);
	sh->events.ended(sh, sh->arg);
	ev_clear_pending(sh->loop, &sh->turn); /* the last events may have asked for one */
	cli_destroy(sh->cli);
	free(sh);
}

static const struct chan_events chan_callbacks = {
    .started = on_news,
    .output = on_news,
    .wrote = on_wrote,
    .done = on_done,
};

struct shell *
shell_open(struct ev_loop *loop, struct session *s, const struct cli_options *options,
    const struct shell_events *events, void *arg)
{
	const struct platform *p = options->platform;
	struct chan_spec spec = {.kind = CHANNEL_SHELL, .pty = true, .term = p->term, .cols = p->cols, .rows = p->rows};
	struct shell *sh = xcalloc(1, sizeof(*sh));

	sh->loop = loop;
	sh->events = *events;
	sh->arg = arg;
	ev_init(&sh->clock, on_clock);
	sh->clock.data = sh;
	ev_prepare_init(&sh->turn, shell_turn);
	sh->turn.data = sh;
	sh->cli = cli_create(options, clock_now());
	sh->told_drained = true;
	sh->chan = chan_start(s, &spec, &chan_callbacks, sh);
	shell_wake(sh);
	return sh;
}
