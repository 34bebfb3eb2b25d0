/*
 * The pool's policy: what time does to sessions.  See pool_impl.h.
 */
#include <stdarg.h>
#include <stdio.h>

#include "pool/pool_impl.h"

#define POOL_PROBE_PATIENCE 5.0 /* for a sign of life while somebody waits for it; keepalive_interval if shorter */

bool
look_due(struct look *l, double t)
{
	if (l->now >= t)
		return true;
	if (l->wake_at == 0 || t < l->wake_at)
		l->wake_at = t;
	return false;
}

bool
look_close(struct look *l, struct pool_entry *e, enum np_reason reason, const char *fmt, ...)
{
	va_list ap;

	e->state = POOL_CLOSING;
	l->action->verb = POOL_CLOSE;
	l->action->entry = e;
	l->action->why.reason = reason;
	va_start(ap, fmt);
	vsnprintf(l->action->why.text, sizeof(l->action->why.text), fmt, ap);
	va_end(ap);
	return true;
}

/* ---- counting ---- */

int
pool_live_entries(const struct pool *p)
{
	const struct pool_entry *e;
	int n = 0;

	TAILQ_FOREACH (e, &p->entries, link)
		n += pool_entry_is_live(e);
	return n;
}

int
pool_lasting_entries(const struct pool *p)
{
	const struct pool_entry *e;
	int n = 0;

	TAILQ_FOREACH (e, &p->entries, link)
		n += e->state != POOL_DRAINING && e->state != POOL_CLOSING;
	return n;
}

int
pool_dialling(const struct pool *p)
{
	const struct pool_entry *e;
	int n = 0;

	TAILQ_FOREACH (e, &p->entries, link)
		n += pool_entry_dials(e);
	return n;
}

bool
waiter_has_hope(const struct pool *p, const struct pool_waiter *w)
{
	bool private_use = pool_waiter_is_private(p, w);
	const struct pool_entry *e;

	TAILQ_FOREACH (e, &p->entries, link) {
		if (e->private_use != private_use || e->trial)
			continue;
		if (e->state == POOL_CONNECTING || (!private_use && pool_entry_is_live(e)))
			return true;
	}
	return false;
}

struct pool_waiter *
pool_first_private(const struct pool *p)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &p->waiters, link) {
		if (pool_waiter_is_private(p, w))
			return w;
	}
	return NULL;
}

/* ---- signs of life ---- */

static bool
pool_sends_keepalives(const struct pool *p)
{
	const struct conn_args *args = p->args;

	return args->keepalive && args->keepalive_mode != KEEPALIVE_NONE && args->keepalive_interval > 0;
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

/*
 * As ssh's ServerAlive options: a probe after each silent interval, the end after count_max unanswered ones.  An
 * interval that took twice its time was slept through by this machine: the peer had no chance to answer, and gets one.
 */
static bool
entry_keepalive(struct look *l, struct pool_entry *e)
{
	const struct conn_args *args = l->p->args;
	double interval = args->keepalive_interval;
	double due = e->probe_sent > 0 && e->next_keepalive > 0 ? e->next_keepalive : e->last_rx + interval;

	if (!pool_sends_keepalives(l->p) || !look_due(l, due))
		return false;
	if (e->probe_sent > 0 && l->now < due + interval)
		e->missed++;
	if (args->keepalive_count_max > 0 && e->missed >= args->keepalive_count_max)
		return look_close(l, e, REASON_CONNECT_FAILED, "no answer to %d keep-alives in %.0f s", e->missed,
		    l->now - e->last_rx);
	if (e->state != POOL_PROBING)
		e->probe_sent = l->now;
	e->next_keepalive = l->now + interval;
	l->action->verb = POOL_KEEPALIVE;
	l->action->entry = e;
	return true;
}

/* A session with commands under way is not ended by a few seconds of silence: keep-alive decides about that. */
static bool
entry_probing(struct look *l, struct pool_entry *e)
{
	if (!look_due(l, e->probe_sent + pool_patience(l->p)) || e->leases > 0)
		return false;
	return look_close(l, e, REASON_CONNECT_FAILED, "no sign of life within %.0f s", l->now - e->probe_sent);
}

/* ---- age and idleness ---- */

static bool
pool_has_shared_waiter(const struct pool *p)
{
	const struct pool_waiter *w;

	TAILQ_FOREACH (w, &p->waiters, link) {
		if (!pool_waiter_is_private(p, w))
			return true;
	}
	return false;
}

/* Idle for too long; not while somebody waits who may get it, and not the last one of a persistent pool. */
static bool
entry_idle(struct look *l, struct pool_entry *e)
{
	const struct conn_args *args = l->p->args;

	if (!args->enabled)
		return look_close(l, e, REASON_NONE, "long_connection is not enabled");
	if (args->max_idle_time <= 0 || pool_has_shared_waiter(l->p))
		return false;
	if (l->p->persistent_wanted && pool_live_entries(l->p) <= 1)
		return false;
	if (!look_due(l, e->last_used + args->max_idle_time))
		return false;
	return look_close(l, e, REASON_NONE, "idle for %.0f s", l->now - e->last_used);
}

static bool
entry_ready(struct look *l, struct pool_entry *e)
{
	if (e->life > 0 && look_due(l, e->created + e->life)) {
		pool_drain(e, "it has reached its max_age");
		return false;
	}
	if (e->state == POOL_PROBING && entry_probing(l, e))
		return true;
	if (e->state != POOL_READY || e->leases > 0)
		return false;
	if (e->trial)
		return look_close(l, e, REASON_NONE, "it was a trial");
	if (!e->private_use)
		return entry_idle(l, e);
	return pool_first_private(l->p) == NULL &&
	       look_close(l, e, REASON_NONE, "the request that it was made for has left");
}

/* Everybody who had been let in has been served. */
static void
entry_drain_last(const struct look *l, struct pool_entry *e)
{
	if (l->p->draining && l->p->waiters_count == 0 && e->leases == 0)
		pool_drain(e, "drained by the operator");
}

static bool
entry_tend(struct look *l, struct pool_entry *e)
{
	entry_drain_last(l, e);
	/* The broker keeps last_rx current: what came after a probe has answered it. */
	if (e->probe_sent > 0 && e->last_rx > e->probe_sent)
		pool_alive(e, e->last_rx);
	if ((e->state == POOL_READY || e->state == POOL_PROBING) && entry_ready(l, e))
		return true;
	if (e->state == POOL_DRAINING && e->leases == 0)
		return look_close(l, e, REASON_NONE, "%s", e->drain_why != NULL ? e->drain_why : "given up");
	return e->state != POOL_CLOSING && !pool_entry_dials(e) && entry_keepalive(l, e);
}

/* ---- too many ---- */

static bool
is_less_worth(const struct pool_entry *a, const struct pool_entry *b)
{
	if (pool_entry_dials(a) != pool_entry_dials(b))
		return pool_entry_dials(a);
	return a->leases != b->leases ? a->leases < b->leases : a->last_used < b->last_used;
}

/* Of the shared sessions the one that is missed least.  Those made for one request end after it by themselves. */
static struct pool_entry *
pick_surplus(const struct pool *p)
{
	struct pool_entry *e, *least = NULL;

	TAILQ_FOREACH (e, &p->entries, link) {
		if (e->private_use || (e->state != POOL_CONNECTING && !pool_entry_is_live(e)))
			continue;
		if (least == NULL || is_less_worth(e, least))
			least = e;
	}
	return least;
}

/*
 * Drained, not only closed when idle: where all of them are busy with a command or two at any time, none would ever be
 * idle, and the new limit never come true.
 */
static void
drain_surplus(const struct look *l)
{
	struct pool_entry *e;

	for (int n = l->room->surplus; n > 0 && (e = pick_surplus(l->p)) != NULL; n--)
		pool_drain(e, "max_connections was lowered");
}

bool
look_at_entries(struct look *l)
{
	struct pool_entry *e;

	drain_surplus(l);
	TAILQ_FOREACH (e, &l->p->entries, link) {
		if (entry_tend(l, e))
			return true;
	}
	return false;
}
