/*
 * The pool's policy: the next decision, and those that concern waiting itself.  See pool_impl.h.
 */
#include <math.h>
#include <stdio.h>

#include "pool/pool_impl.h"

#define POOL_NOTICE_AFTER 2.0 /* seconds in the queue */
/* Seconds that a request waits for the end of a back-off: a person who is told later has no more of it. */
#define POOL_BEARABLE 2.0

/* ---- waiters who wait no longer ---- */

static bool
look_fail(struct look *l, struct pool_waiter *w)
{
	pool_unwait(w);
	l->action->verb = POOL_FAIL;
	l->action->waiter = w;
	return true;
}

/* What a waiter that timed out has waited for. */
static void
describe_wait(const struct look *l, char *text, size_t size)
{
	const struct pool *p = l->p;
	int live = pool_live_entries(p), dialling = pool_dialling(p);

	if (p->paused)
		snprintf(text, size, "it is paused (npctl resume)");
	else if (p->resolving)
		snprintf(text, size, "ssh's configuration for it is still being read");
	else if (!p->resolved && p->block != POOL_OPEN)
		snprintf(text, size, "it cannot be told how it is reached (%.300s)", p->last_error.text);
	else if (live == 1)
		snprintf(text, size, "its session is busy");
	else if (live > 0)
		snprintf(text, size, "all of its %d sessions are busy", live);
	else if (dialling > 0)
		snprintf(text, size, "the login is still under way");
	else if (p->block != POOL_OPEN)
		snprintf(text, size, "the last attempt failed (%.300s)", p->last_error.text);
	else
		snprintf(text, size, "the limit of sessions is reached (max_connections or max_sessions)");
}

static bool
waiter_timed_out(struct look *l, struct pool_waiter *w, int ahead)
{
	char what[400];

	describe_wait(l, what, sizeof(what));
	error_set(&l->action->why, REASON_QUEUE_TIMEOUT, "no session became free within %g s: %s, %d request%s ahead",
	    w->deadline - w->since, what, ahead, ahead == 1 ? " was" : "s were");
	return look_fail(l, w);
}

/*
 * While nobody knows how the device is reached, no session serves anybody: whether one still is the right one cannot be
 * told.  After a failed authentication that is asked for every request, so there a session is a hope.
 */
static bool
waiter_may_hope(const struct pool *p, const struct pool_waiter *w)
{
	return (p->resolved || p->block == POOL_AUTH) && waiter_has_hope(p, w);
}

/* Answers w when the last attempt's failure stands in the way of the next one for longer than w can wait. */
static bool
waiter_blocked(struct look *l, struct pool_waiter *w)
{
	const struct pool *p = l->p;
	struct np_error *why = &l->action->why;
	double wait = p->retry_at - l->now;

	if (p->block == POOL_OPEN || waiter_may_hope(p, w))
		return false;
	if (p->block == POOL_AUTH) {
		/* An account that is barred says itself what lifts that; the end of either may be cut. */
		error_set(why, REASON_AUTH_BACKOFF, "%s: no login is tried since one failed %.0f s ago: %s",
		    p->last_error.reason == REASON_AUTH_BACKOFF
			? "`npctl open` tries again"
			: "`npctl open`, another password, key or user, other keys in the agent or npctl accounts "
			  "retry lifts this",
		    l->now - p->failed_at, p->last_error.text);
		return look_fail(l, w);
	}
	if (wait <= 0)
		return false;
	if (wait <= POOL_BEARABLE && !pool_is_host_key_failure(p->last_error.reason) &&
	    (w->deadline == 0 || w->deadline >= p->retry_at))
		return false;
	error_set(why, REASON_BACKOFF, "%.480s; the next attempt is possible in %.0f s, or at once after %s",
	    p->last_error.text, ceil(wait),
	    pool_is_host_key_failure(p->last_error.reason) ? "a change of known_hosts" : "npctl open");
	return look_fail(l, w);
}

static bool
waiter_wants_second_login(struct look *l, struct pool_waiter *w)
{
	if (!w->fresh || !l->p->needs_person || !l->p->args->enabled || pool_live_entries(l->p) == 0)
		return false;
	error_set(&l->action->why, REASON_DENIED,
	    "its login needs a person, so there is no second session beside the one that it has: leave out --fresh, or "
	    "close that one (npctl close)");
	return look_fail(l, w);
}

static bool
waiter_refuse(struct look *l, struct pool_waiter *w, int ahead)
{
	const struct pool *p = l->p;

	if (p->disabled) {
		error_set(&l->action->why, REASON_DISABLED, "%s",
		    p->disabled_text[0] != '\0' ? p->disabled_text : "disabled by the operator (npctl enable)");
		return look_fail(l, w);
	}
	if (w->doomed) {
		l->action->why = p->last_error;
		return look_fail(l, w);
	}
	/* A pause of a jump host is nothing that the devices behind it shall fail of: their own requests have limits.
	 */
	if (w->deadline > 0 && !(p->paused && w->slotless) && look_due(l, w->deadline))
		return waiter_timed_out(l, w, ahead);
	return waiter_blocked(l, w) || waiter_wants_second_login(l, w);
}

static bool
look_at_waiters(struct look *l)
{
	struct pool_walk walk = pool_walk_begin(l->p);
	struct pool_waiter *w;
	int ahead = 0;

	while ((w = pool_walk_next(&walk)) != NULL) {
		if (waiter_refuse(l, w, ahead++))
			return true;
	}
	return false;
}

/* ---- notices ---- */

static bool
look_at_notices(struct look *l)
{
	struct pool_walk walk = pool_walk_begin(l->p);
	struct pool_waiter *w;
	int ahead = 0;

	while ((w = pool_walk_next(&walk)) != NULL) {
		if (!w->noticed && look_due(l, w->since + POOL_NOTICE_AFTER)) {
			w->noticed = true;
			l->action->verb = POOL_NOTICE;
			l->action->waiter = w;
			l->action->ahead = ahead;
			return true;
		}
		ahead++;
	}
	return false;
}

struct pool_action
pool_next(struct pool *p, const struct pool_room *room, double now)
{
	struct pool_action action = {.verb = POOL_NOTHING};
	struct look l = {.p = p, .room = room, .now = now, .action = &action};

	if (look_at_entries(&l) || look_at_waiters(&l) || look_at_service(&l) || look_at_notices(&l))
		return action;
	action.verb = l.wants_room ? POOL_ROOM : POOL_NOTHING;
	action.wake_at = l.wake_at;
	return action;
}
