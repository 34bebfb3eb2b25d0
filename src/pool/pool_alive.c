/*
 * The pool's policy: signs of life, asked for by a request of SSH or by an empty line.  See pool_impl.h.
 */
#include "pool/pool_impl.h"

#define POOL_LINE_SPREAD 0.1    /* of the time between two empty lines on a shell */
#define POOL_PROBE_PATIENCE 5.0 /* for a sign of life while somebody waits for it; keepalive_interval if shorter */

/* ---- what came, and what was asked ---- */

void
pool_line_over(struct pool_entry *e, struct pool *p, double now)
{
	e->line_since = now;
	e->line_early = p->shells.given ? POOL_LINE_SPREAD * pool_random(p) : 0;
}

void
pool_probed(struct pool_entry *e, enum pool_means means, bool sent, double now)
{
	if (means == POOL_BY_LINE && e->pool != NULL)
		pool_line_over(e, e->pool, now);
	if (e->pool != NULL && means != pool_means(e->pool))
		return; /* beside the one that counts */
	if (sent && (e->state != POOL_PROBING || e->probe_sent == 0))
		e->probe_sent = now;
	if (!sent && e->state == POOL_PROBING && e->probe_sent == 0) {
		e->vouched = now;
		pool_move(e, POOL_READY);
	}
}

void
pool_alive(struct pool_entry *e, double now)
{
	if (now > e->last_rx)
		e->last_rx = now;
	e->probe_sent = e->next_keepalive = 0;
	e->missed = 0;
	if (e->state == POOL_PROBING)
		pool_move(e, POOL_READY);
}

/* ---- whether, and how ---- */

static bool
mode_has_lines(const struct conn_args *args)
{
	return args->keepalive_mode == KEEPALIVE_CLI || args->keepalive_mode == KEEPALIVE_BOTH;
}

/* Devices that are not driven by their command line have nothing but SSH, whatever was configured. */
enum pool_means
pool_means(const struct pool *p)
{
	bool line = p->shells.given && (p->shells.no_ssh || p->args->keepalive_mode == KEEPALIVE_CLI);

	return line ? POOL_BY_LINE : POOL_BY_SSH;
}

bool
pool_may_probe(const struct pool *p)
{
	const struct conn_args *args = p->args;

	return args->keepalive && (args->keepalive_mode == KEEPALIVE_SSH || args->keepalive_mode == KEEPALIVE_BOTH);
}

static double
pool_patience(const struct pool *p)
{
	double interval = p->args->keepalive_interval;

	return interval > 0 && interval < POOL_PROBE_PATIENCE ? interval : POOL_PROBE_PATIENCE;
}

bool
entry_is_suspect(const struct look *l, const struct pool_entry *e)
{
	return e->state == POOL_PROBING && l->now >= e->probe_sent + pool_patience(l->p);
}

bool
entry_is_stale(const struct look *l, const struct pool_entry *e)
{
	double delay = l->p->args->check_delay;

	if (!pool_may_probe(l->p) || (e->vouched > 0 && l->now < e->vouched + pool_patience(l->p)))
		return false;
	return (delay > 0 && l->now > e->last_rx + delay) || e->missed > 0;
}

/* A session with commands under way is not ended by a few seconds of silence: keep-alive decides about that. */
bool
look_at_probe(struct look *l, struct pool_entry *e)
{
	if (!look_due(l, e->probe_sent + pool_patience(l->p)) || e->leases > 0)
		return false;
	return look_close(l, e, REASON_CONNECT_FAILED, "no sign of life within %.0f s", l->now - e->probe_sent);
}

/* ---- keep-alives ---- */

/*
 * As ssh's ServerAlive options: a probe after each silent interval, the end after count_max unanswered ones.  An
 * interval that took twice its time was slept through by this machine: the peer had no chance to answer, and gets one.
 * A probe that could not be sent is not waited for.
 */
static bool
ask(struct look *l, struct pool_entry *e, enum pool_means means, double due, double interval)
{
	int most = l->p->args->keepalive_count_max;

	if (means == pool_means(l->p)) {
		if (e->probe_sent > 0 && l->now < due + interval)
			e->missed++;
		if (most > 0 && e->missed >= most)
			return look_close(l, e, REASON_CONNECT_FAILED, "no answer to %d keep-alives in %.0f s",
			    e->missed, l->now - e->last_rx);
		e->next_keepalive = l->now + interval;
	}
	l->action->verb = POOL_KEEPALIVE;
	l->action->entry = e;
	l->action->means = means;
	return true;
}

static bool
keepalive_by_ssh(struct look *l, struct pool_entry *e)
{
	double interval = l->p->args->keepalive_interval, due = e->last_rx + interval;

	if (pool_means(l->p) != POOL_BY_SSH || interval <= 0)
		return false;
	if (e->next_keepalive > due)
		due = e->next_keepalive;
	return look_due(l, due) && ask(l, e, POOL_BY_SSH, due, interval);
}

/* Seconds between two empty lines on a free shell; 0: none. */
static double
line_interval(const struct pool *p)
{
	const struct pool_shells *s = &p->shells;
	double interval = p->args->keepalive_interval;
	bool asked = mode_has_lines(p->args), needed = pool_means(p) == POOL_BY_LINE;

	if (!s->given)
		return 0;
	if (asked && s->line_idle > 0 && interval > s->line_idle / 2)
		interval = s->line_idle / 2;
	if (asked || (needed && interval > 0 && (s->line_every == 0 || interval < s->line_every)))
		return interval;
	return p->args->keepalive_mode_given && !needed ? 0 : s->line_every;
}

/* Lines are typed at a shell that nobody uses: a command that is silent for long is not the device's silence. */
static bool
keepalive_by_line(struct look *l, struct pool_entry *e)
{
	double interval = line_interval(l->p), due = e->line_since + interval * (1 - e->line_early);

	if (interval <= 0 || e->leases > 0 || e->state != POOL_READY)
		return false;
	return look_due(l, due) && ask(l, e, POOL_BY_LINE, due, interval);
}

bool
look_at_keepalive(struct look *l, struct pool_entry *e)
{
	if (!l->p->args->keepalive || l->p->args->keepalive_mode == KEEPALIVE_NONE)
		return false;
	return keepalive_by_ssh(l, e) || keepalive_by_line(l, e);
}
