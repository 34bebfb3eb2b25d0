/*
 * What the parts of the pool's policy share.  pool.c takes in what happened, pool_wait.c who waits; pool_next() answers
 * what to do, from rules in four files, each of which may fill in one action:
 *
 *   pool_entry.c  what time does to sessions: age, idleness, leases that rest
 *   pool_alive.c  and signs of life: when they are asked for, answers that failed to come
 *   pool_next.c   who is not to wait any longer; who is told what he waits for
 *   pool_serve.c  sessions for waiters in the order of their turns: a free channel, a sign of life, a new session
 *
 * A rule whose time has not come says when that is (look_due()), by the same expression by which it will judge then: so
 * the broker wakes neither too late nor in vain.
 */
#ifndef NP_POOL_IMPL_H
#define NP_POOL_IMPL_H

#include "pool/pool.h"

/* A dial that has not come to an end, also one that nobody wants any longer: the server may count it as an attempt. */
static inline bool
pool_entry_dials(const struct pool_entry *e)
{
	return e->ready_since == 0;
}

/* Serves shared waiters, now or after a sign of life. */
static inline bool
pool_entry_is_live(const struct pool_entry *e)
{
	return !e->private_use && (e->state == POOL_READY || e->state == POOL_PROBING);
}

/* Wants a session that nobody else uses. */
static inline bool
pool_waiter_is_private(const struct pool *p, const struct pool_waiter *w)
{
	return w->fresh || !p->args->enabled;
}

static inline bool
pool_is_host_key_failure(enum np_reason reason)
{
	return reason == REASON_HOST_KEY_UNKNOWN || reason == REASON_HOST_KEY_CHANGED;
}

/* One look at the pool. */
struct look {
	struct pool *p;
	const struct pool_room *room;
	double now;
	double wake_at;
	bool wants_room;
	struct pool_action *action;
};

/* True once t has come; until then it is remembered for wake_at. */
bool look_due(struct look *l, double t);
/* Fills in POOL_CLOSE; returns true. */
bool look_close(struct look *l, struct pool_entry *e, enum np_reason reason, const char *fmt, ...) NP_PRINTF(4, 5);

/* 0 <= r < 1; a xorshift generator is random enough to keep brokers from marching in step. */
double pool_random(struct pool *p);
/* The one writer of its state: the moves are those of the diagram in pool.h. */
void pool_move(struct pool_entry *e, enum pool_entry_state state);
/* The shell was spoken to: the time until the next empty line begins. */
void pool_line_over(struct pool_entry *e, struct pool *p, double now);
/* Whether, and by what, a free session is asked for a sign of life; what a line answers is judged by the driver where
 * SSH is asked as well. */
enum pool_means pool_means(const struct pool *p);
/* Whether sessions may be asked for a sign of life: there are devices that do not bear it. */
bool pool_may_probe(const struct pool *p);
/* Silent for so long that nobody knows whether it is alive. */
bool entry_is_stale(const struct look *l, const struct pool_entry *e);
/* Whether e was asked for a sign of life and gave none for too long to make anybody wait for it. */
bool entry_is_suspect(const struct look *l, const struct pool_entry *e);
int pool_live_entries(const struct pool *p);
int pool_dialling(const struct pool *p);
/* Whether a session that there is, or an attempt under way, may come to serve w. */
bool waiter_has_hope(const struct pool *p, const struct pool_waiter *w);
struct pool_waiter *pool_first_private(const struct pool *p);
/* It waits no longer: it is served. */
void pool_take_turn(struct pool_waiter *w);

/* The waiters of both kinds as they are to be served.  Nobody may be taken off or queued while it lasts. */
struct pool_walk {
	struct pool_waiter *next[2]; /* of each kind: who shares, who wants one of his own */
	uint64_t first[2];           /* the turn of the first one of the kind */
};

struct pool_walk pool_walk_begin(const struct pool *p);
/* NULL: there are no more. */
struct pool_waiter *pool_walk_next(struct pool_walk *walk);

/* The rules.  True: the action is filled in. */
bool look_at_probe(struct look *l, struct pool_entry *e);
bool look_at_keepalive(struct look *l, struct pool_entry *e);
bool look_at_entries(struct look *l);
bool look_at_service(struct look *l);

#endif
