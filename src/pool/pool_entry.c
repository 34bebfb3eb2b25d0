/*
 * The pool's policy: what time does to sessions.  See pool_impl.h.
 */
#include <stdarg.h>
#include <stdio.h>

#include "pool/pool_impl.h"
#include "base/state.h"

#define POOL_HOLD 5.0 /* seconds that a lease may rest at the prompt while others want it */

void
pool_move(struct pool_entry *e, enum pool_entry_state state)
{
	static const char *const names[] = {
	    [POOL_CONNECTING] = "connecting",
	    [POOL_READY] = "ready",
	    [POOL_PROBING] = "probing",
	    [POOL_DRAINING] = "draining",
	    [POOL_CLOSING] = "closing",
	};
	static const unsigned moves[] = {
	    [POOL_CONNECTING] = STATE_TO(POOL_READY) | STATE_TO(POOL_DRAINING) | STATE_TO(POOL_CLOSING),
	    [POOL_READY] = STATE_TO(POOL_PROBING) | STATE_TO(POOL_DRAINING) | STATE_TO(POOL_CLOSING),
	    [POOL_PROBING] = STATE_TO(POOL_READY) | STATE_TO(POOL_DRAINING) | STATE_TO(POOL_CLOSING),
	    [POOL_DRAINING] = STATE_TO(POOL_CLOSING),
	    [POOL_CLOSING] = STATE_TO(POOL_DRAINING),
	};
	static const struct state_machine machine = {"pool", names, moves};

	if (state_may_move(&machine, e->state, state, "session #%llu", (unsigned long long)e->id))
		e->state = state;
}

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

	pool_move(e, POOL_CLOSING);
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
	struct pool_walk walk = pool_walk_begin(p);
	struct pool_waiter *w;

	do
		w = pool_walk_next(&walk);
	while (w != NULL && !pool_waiter_is_private(p, w));
	return w;
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
	if (e->state == POOL_PROBING && look_at_probe(l, e))
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

/* ---- leases that rest ---- */

/* The holder's next request, sent before the last one had ended: it waits for nobody. */
static bool
hold_goes_on(struct look *l, struct pool_entry *e)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &l->p->waiters, link) {
		if (w->holder != e->held_for)
			continue;
		pool_take_turn(w);
		pool_unhold(e);
		l->action->verb = POOL_ASSIGN;
		l->action->entry = e;
		l->action->waiter = w;
		return true;
	}
	return false;
}

/*
 * Who keeps a shell at its prompt while others wait gives it up after a while; a client between two requests also at
 * once, when the session is to end.
 */
static bool
entry_held(struct look *l, struct pool_entry *e)
{
	bool draining = e->state == POOL_DRAINING;

	if (e->held_for != NULL && hold_goes_on(l, e))
		return true;
	if (!draining && !l->room->wanted && l->p->waiters_count == 0)
		return false;
	if (!(draining && e->held_for != NULL) && !look_due(l, e->held_since + POOL_HOLD))
		return false;
	pool_unhold(e);
	l->action->verb = POOL_TAKE_BACK;
	l->action->entry = e;
	return true;
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
	if (e->held && e->state != POOL_CLOSING && entry_held(l, e))
		return true;
	/* The broker keeps last_rx current: what came after a probe has answered it. */
	if (e->probe_sent > 0 && e->last_rx > e->probe_sent)
		pool_alive(e, e->last_rx);
	if ((e->state == POOL_READY || e->state == POOL_PROBING) && entry_ready(l, e))
		return true;
	if (e->state == POOL_DRAINING && e->leases == 0)
		return look_close(l, e, REASON_NONE, "%s", e->drain_why != NULL ? e->drain_why : "given up");
	return e->state != POOL_CLOSING && !pool_entry_dials(e) && look_at_keepalive(l, e);
}

/* ---- too many ---- */

struct pool_entry *
pool_idle_entry(const struct pool *p)
{
	struct pool_entry *e, *oldest = NULL;
	int live = 0;

	TAILQ_FOREACH (e, &p->entries, link) {
		if (!pool_entry_is_live(e))
			continue;
		live++;
		if (e->state == POOL_READY && e->leases == 0 && (oldest == NULL || e->last_used < oldest->last_used))
			oldest = e;
	}
	return p->persistent_wanted && live <= 1 ? NULL : oldest;
}

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
