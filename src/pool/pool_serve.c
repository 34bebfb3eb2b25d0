/*
 * The pool's policy: sessions for waiters.  See pool_impl.h.
 */
#include "pool/pool_impl.h"

static bool
look_assign(struct look *l, struct pool_waiter *w, struct pool_entry *e)
{
	pool_take_turn(w);
	e->leases++;
	e->carried += w->slotless;
	e->last_used = l->now;
	l->action->verb = POOL_ASSIGN;
	l->action->entry = e;
	l->action->waiter = w;
	return true;
}

/* A private session that has become ready goes to the first who wants one, whoever it was made for. */
static bool
serve_private(struct look *l)
{
	struct pool_waiter *w = pool_first_private(l->p);
	struct pool_entry *e;

	if (w == NULL)
		return false;
	TAILQ_FOREACH (e, &l->p->entries, link) {
		if (e->private_use && !e->trial && e->state == POOL_READY && e->leases == 0)
			return look_assign(l, w, e);
	}
	return false;
}

/* Leases that e can take on: a lease that has not opened its channel yet counts as well. */
static int
entry_free_slots(const struct pool *p, const struct pool_entry *e)
{
	int max = e->slots_max < p->max_channels ? e->slots_max : p->max_channels;
	int running = e->leases - e->carried;
	int used = e->slots_used > running ? e->slots_used : running;

	return max > used ? max - used : 0;
}

/* The shared session with a free channel that was used last: few stay busy, the others grow old. */
static struct pool_entry *
pick_ready(const struct look *l, const struct pool_waiter *w, bool stale, const struct pool_entry *reserved)
{
	struct pool_entry *e, *best = NULL;

	TAILQ_FOREACH (e, &l->p->entries, link) {
		if (e->state != POOL_READY || e->private_use || e == reserved)
			continue;
		if (!w->slotless && entry_free_slots(l->p, e) == 0)
			continue;
		if (entry_is_stale(l, e) == stale && (best == NULL || e->last_used > best->last_used))
			best = e;
	}
	return best;
}

/* What is on its way: waiters whom it will serve need no further session. */
struct coming {
	int probed;    /* free channels of sessions asked for a sign of life */
	int dialled;   /* channels of shared sessions being made */
	int privately; /* private sessions being made */
};

static struct coming
count_coming(const struct look *l)
{
	struct coming c = {0};
	const struct pool_entry *e;

	TAILQ_FOREACH (e, &l->p->entries, link) {
		if (e->trial)
			continue;
		if (e->state == POOL_CONNECTING && e->private_use)
			c.privately++;
		else if (e->state == POOL_CONNECTING)
			c.dialled += l->p->max_channels;
		else if (e->state == POOL_PROBING && !entry_is_suspect(l, e))
			c.probed += entry_free_slots(l->p, e);
	}
	return c;
}

enum gate {
	GATE_OPEN,
	GATE_SHUT, /* until something is reported, or until a time that was remembered */
	GATE_FULL  /* no room outside */
};

/*
 * Whether one more login may be tried now.  How many may offer the same secret at a time is none of the pool's
 * business (src/account); but until one has come about nobody knows whether the device answers, or needs a person.
 */
static enum gate
connect_gate(struct look *l)
{
	const struct pool *p = l->p;
	bool proven = p->proven && p->failures == 0;

	if (p->block == POOL_AUTH || (p->block == POOL_BACKOFF && !look_due(l, p->retry_at)))
		return GATE_SHUT;
	if (!proven && pool_dialling(p) > 0)
		return GATE_SHUT;
	if (p->needs_person && p->entries_count > 0)
		return GATE_SHUT;
	return l->room->device > 0 && l->room->global > 0 ? GATE_OPEN : GATE_FULL;
}

static bool
look_connect(struct look *l, struct pool_waiter *w)
{
	bool private_use = w != NULL && pool_waiter_is_private(l->p, w);

	l->p->asked_private = private_use;
	l->p->asked_for = private_use ? w->id : 0;
	l->action->verb = POOL_CONNECT;
	l->action->waiter = w;
	l->action->private_use = private_use;
	return true;
}

/* A session is about to end anyway: the room that it takes comes free. */
static bool
pool_has_ending(const struct pool *p)
{
	const struct pool_entry *e;

	TAILQ_FOREACH (e, &p->entries, link) {
		if (e->state == POOL_CLOSING)
			return true;
	}
	return false;
}

/*
 * The shared session that has to make room for a waiter who wants one for himself: the one with the fewest leases.  It
 * takes no more of those behind that waiter, so it is idle one day, however busy the pool is; and should the waiter
 * leave before, nothing has happened to it.
 */
static struct pool_entry *
pick_victim(const struct pool *p)
{
	struct pool_entry *e, *best = NULL;

	TAILQ_FOREACH (e, &p->entries, link) {
		if (!pool_entry_is_live(e))
			continue;
		if (best == NULL || e->leases < best->leases ||
		    (e->leases == best->leases && e->last_used < best->last_used))
			best = e;
	}
	return best;
}

/* Asks the world around for room, unless w may hope for something inside of this pool. */
static void
want_room(struct look *l, const struct pool_waiter *w)
{
	if (!pool_has_ending(l->p) && !waiter_has_hope(l->p, w))
		l->wants_room = true;
}

/* The first waiter for whom nothing is on its way: all depends on whether a login may be tried. */
struct first_need {
	bool met;
	struct pool_entry *reserved;
};

static bool
serve_need(struct look *l, struct pool_waiter *w, struct first_need *need)
{
	struct pool_entry *victim;

	need->met = true;
	switch (connect_gate(l)) {
	case GATE_OPEN:
		return look_connect(l, w);
	case GATE_SHUT:
		return false;
	case GATE_FULL:
		break;
	}
	if (!pool_waiter_is_private(l->p, w) || pool_has_ending(l->p)) {
		want_room(l, w);
		return false;
	}
	victim = pick_victim(l->p);
	if (victim == NULL)
		l->wants_room = true;
	else if (victim->leases == 0)
		return look_close(l, victim, REASON_NONE, "to make room for a request that wants a session of its own");
	need->reserved = victim;
	return false;
}

static bool
look_probe(struct look *l, struct pool_entry *e)
{
	pool_move(e, POOL_PROBING);
	e->probe_sent = 0; /* until it is: pool_probed() */
	e->next_keepalive = l->now + l->p->args->keepalive_interval;
	l->action->verb = POOL_PROBE;
	l->action->entry = e;
	l->action->means = pool_means(l->p);
	return true;
}

static bool
serve_shared(struct look *l, struct pool_waiter *w, struct coming *c, struct first_need *need)
{
	struct pool_entry *e = pick_ready(l, w, false, need->reserved);

	if (e != NULL)
		return look_assign(l, w, e);
	if (c->probed > 0) {
		c->probed--;
		return false;
	}
	e = pick_ready(l, w, true, need->reserved);
	if (e != NULL)
		return look_probe(l, e);
	if (c->dialled > 0) {
		c->dialled--;
		return false;
	}
	return !need->met && serve_need(l, w, need);
}

/*
 * Walks the queue from its head.  Whoever comes first gets what is free, and the first who lacks something decides what
 * is made next, so that neither kind of waiter can hold the other back for ever.
 */
static bool
serve_queue(struct look *l)
{
	struct coming c = count_coming(l);
	struct first_need need = {0};
	struct pool_walk walk = pool_walk_begin(l->p);
	struct pool_waiter *w;

	while ((w = pool_walk_next(&walk)) != NULL) {
		if (!pool_waiter_is_private(l->p, w)) {
			if (serve_shared(l, w, &c, &need))
				return true;
		} else if (c.privately > 0) {
			c.privately--;
		} else if (!need.met && serve_need(l, w, &need)) {
			return true;
		}
	}
	return false;
}

/* A persistent pool has a session without being asked. */
static bool
pool_lacks_standing_session(const struct pool *p)
{
	const struct pool_entry *e;

	if (!p->persistent_wanted || !p->args->enabled || p->needs_person || p->disabled || p->draining)
		return false;
	TAILQ_FOREACH (e, &p->entries, link) {
		if (pool_entry_is_live(e) || (e->state == POOL_CONNECTING && !e->private_use))
			return false;
	}
	return true;
}

static bool
serve_resolve(struct look *l)
{
	struct pool *p = l->p;

	if (p->resolving || (p->block == POOL_BACKOFF && !look_due(l, p->retry_at)))
		return false;
	if (p->block == POOL_AUTH && p->waiters_count == 0)
		return false;
	l->action->verb = POOL_RESOLVE;
	return true;
}

bool
look_at_service(struct look *l)
{
	struct pool *p = l->p;
	bool standing = pool_lacks_standing_session(p);

	if (p->paused)
		return false;
	if (!p->resolved)
		return (p->waiters_count > 0 || standing) && serve_resolve(l);
	if (serve_private(l) || serve_queue(l))
		return true;
	return standing && connect_gate(l) == GATE_OPEN && look_connect(l, NULL);
}
