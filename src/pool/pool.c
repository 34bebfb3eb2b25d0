/*
 * The pool's policy: what happened.  Every function here takes one fact in; what follows from it is decided by
 * pool_next().  Owns nothing: entries and waiters are parts of the broker's sessions and requests.  See pool_impl.h.
 */
#include <string.h>

#include "pool/pool_impl.h"

#define POOL_SPREAD 0.1      /* of max_age: so much earlier at most, so that sessions do not end together */
#define POOL_JITTER 0.25     /* of a back-off: likewise */
#define POOL_LINE_SPREAD 0.1 /* of the time between two empty lines on a shell */
#define POOL_DOUBLINGS 16    /* of retry_delay, when retry_max sets no limit */

/* ---- life ---- */

double
pool_random(struct pool *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 17;
	p->random ^= p->random << 5;
	return (double)(p->random >> 8) / (double)(1u << 24);
}

static double
pool_spread_life(struct pool *p)
{
	return p->args->max_age * (1 - POOL_SPREAD * pool_random(p));
}

void
pool_init(struct pool *p, const struct conn_args *args, uint32_t seed)
{
	memset(p, 0, sizeof(*p));
	p->args = args;
	p->random = seed != 0 ? seed : 1;
	p->max_channels = args->max_channels;
	p->persistent_wanted = args->persistent;
	TAILQ_INIT(&p->entries);
	TAILQ_INIT(&p->waiters);
}

void
pool_finish(struct pool *p)
{
	error_clear(&p->last_error);
}

void
pool_set_args(struct pool *p, const struct conn_args *args)
{
	bool learned = p->max_channels < p->args->max_channels;
	bool same_age = args->max_age == p->args->max_age;
	struct pool_entry *e;

	if (!learned || args->max_channels < p->max_channels)
		p->max_channels = args->max_channels;
	p->persistent_wanted = args->persistent;
	p->args = args;
	TAILQ_FOREACH (e, &p->entries, link) {
		if (!same_age)
			e->life = pool_spread_life(p);
	}
}

void
pool_set_shells(struct pool *p, const struct pool_shells *shells)
{
	p->shells = *shells;
}

/* ---- waiters ---- */

/* The one after that in which its party waits last, or else the one after that which is being served. */
static uint64_t
pool_turn_of_new(const struct pool *p, uint64_t party)
{
	const struct pool_waiter *w;

	TAILQ_FOREACH_REVERSE(w, &p->waiters, pool_waiters, link)
	{
		if (w->turn <= p->turn)
			break;
		if (w->party == party)
			return w->turn + 1;
	}
	return p->turn + 1;
}

static bool
pool_waits_before(const struct pool_waiter *a, const struct pool_waiter *b)
{
	if (a->turn != b->turn)
		return a->turn < b->turn;
	return a->since != b->since ? a->since < b->since : a->id < b->id;
}

static void
pool_queue(struct pool *p, struct pool_waiter *w)
{
	struct pool_waiter *before = TAILQ_LAST(&p->waiters, pool_waiters);

	w->pool = p;
	w->doomed = false;
	p->waiters_count++;
	while (before != NULL && pool_waits_before(w, before))
		before = TAILQ_PREV(before, pool_waiters, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&p->waiters, before, w, link);
	else
		TAILQ_INSERT_HEAD(&p->waiters, w, link);
}

void
pool_wait(struct pool *p, struct pool_waiter *w, double now)
{
	w->since = now;
	w->noticed = false;
	w->turn = pool_turn_of_new(p, w->party);
	pool_queue(p, w);
	if (!w->slotless) /* what is behind a jump host says nothing about the jump host */
		p->persistent_wanted = p->args->persistent;
}

/* Its turn has come once, be it that of another pool or before those of its own party. */
void
pool_wait_again(struct pool *p, struct pool_waiter *w)
{
	if (w->turn > p->turn + 1)
		w->turn = p->turn + 1;
	pool_queue(p, w);
}

void
pool_unwait(struct pool_waiter *w)
{
	if (w->pool == NULL)
		return;
	TAILQ_REMOVE(&w->pool->waiters, w, link);
	w->pool->waiters_count--;
	w->pool = NULL;
}

/* Who is served before his turn, for he wants what nobody before him does, leaves the turns as they are. */
void
pool_take_turn(struct pool_waiter *w)
{
	struct pool *p = w->pool;

	if (w == TAILQ_FIRST(&p->waiters) && w->turn > p->turn)
		p->turn = w->turn;
	pool_unwait(w);
}

/* ---- failures ---- */

/* Seconds to wait after that many failures in a row. */
static double
pool_backoff(struct pool *p)
{
	double delay = p->args->retry_delay, max = p->args->retry_max;

	for (int i = 1; i < p->failures && i < POOL_DOUBLINGS && (max <= 0 || delay < max); i++)
		delay *= 2;
	if (max > 0 && delay > max)
		delay = max;
	return delay * (1 - POOL_JITTER * pool_random(p));
}

/*
 * Attempts that ran side by side and fail together are one failure: ten sessions that a dead device refuses do not
 * make the delay a thousand times longer.
 */
static void
pool_note_failure(struct pool *p, const struct np_error *err, double started, double now)
{
	bool another = p->failures == 0 || started >= p->failed_at;

	p->last_error = *err;
	p->failed_at = now;
	if (another) {
		p->failures++;
		p->retry_at = now + pool_backoff(p);
	}
	/* A wrong secret for the privileged mode locks accounts as a wrong password does. */
	if (err->reason == REASON_AUTH_FAILED || err->reason == REASON_PRIVILEGE_FAILED) {
		p->block = POOL_AUTH;
		p->proven = false;
	} else if (p->block != POOL_AUTH) {
		p->block = POOL_BACKOFF;
	}
}

/* Whom the failure of an attempt leaves without hope: see pool_connect_failed() in the header. */
static void
pool_doom(struct pool *p, const struct pool_entry *failed)
{
	struct pool_entry *e;
	struct pool_waiter *w;
	bool hope_shared = false, hope_private = false;

	TAILQ_FOREACH (e, &p->entries, link) {
		if (e->trial)
			continue;
		if (e->private_use)
			hope_private |= e->state == POOL_CONNECTING;
		else
			hope_shared |= e->state == POOL_CONNECTING || pool_entry_is_live(e);
	}
	TAILQ_FOREACH (w, &p->waiters, link) {
		bool own = failed != NULL && failed->private_use && failed->private_for == w->id;
		if (pool_waiter_is_private(p, w))
			w->doomed |= own || p->block == POOL_AUTH || (!hope_private && !hope_shared);
		else
			w->doomed |= !hope_shared;
	}
}

void
pool_unblock(struct pool *p, bool credentials_changed)
{
	struct pool_waiter *w;

	p->block = POOL_OPEN;
	p->failures = 0;
	p->retry_at = 0;
	if (credentials_changed) {
		p->proven = false;
		p->needs_person = false;
	}
	TAILQ_FOREACH (w, &p->waiters, link)
		w->doomed = false;
}

void
pool_doubt(struct pool *p)
{
	p->proven = false;
}

/* ---- resolving and connecting ---- */

void
pool_resolve_started(struct pool *p)
{
	p->resolving = true;
}

void
pool_resolve_done(struct pool *p, const struct np_error *err, double now)
{
	struct pool_waiter *w;

	p->resolving = false;
	p->resolved = err == NULL;
	if (err == NULL || err->reason == REASON_CANCELLED || err->reason == REASON_SHUTTING_DOWN)
		return;
	pool_note_failure(p, err, now, now);
	/* Also those that a session could serve: whether it still is the right one is what could not be told. */
	TAILQ_FOREACH (w, &p->waiters, link)
		w->doomed = true;
}

void
pool_unresolve(struct pool *p)
{
	p->resolved = p->resolving = false;
}

void
pool_connect_started(struct pool *p, struct pool_entry *e, uint64_t id, double now)
{
	e->pool = p;
	e->state = POOL_CONNECTING;
	e->id = id;
	e->leases = e->carried = 0;
	e->slots_used = 0;
	e->slots_max = p->max_channels;
	e->private_use = p->asked_private;
	e->private_for = p->asked_for;
	e->trial = false;
	e->created = e->last_used = e->last_rx = now;
	e->ready_since = e->probe_sent = e->next_keepalive = e->vouched = 0;
	e->held = false;
	e->held_for = NULL;
	e->missed = 0;
	e->drain_why = NULL;
	e->life = pool_spread_life(p);
	TAILQ_INSERT_TAIL(&p->entries, e, link);
	p->entries_count++;
	p->asked_private = false;
	p->asked_for = 0;
}

void
pool_trial_started(struct pool *p, struct pool_entry *e, uint64_t id, double now)
{
	pool_connect_started(p, e, id, now);
	e->private_use = true;
	e->private_for = 0;
	e->trial = true;
}

/* The shell was spoken to: the time until the next empty line begins. */
static void
pool_line_over(struct pool_entry *e, struct pool *p, double now)
{
	e->line_since = now;
	e->line_early = p->shells.given ? POOL_LINE_SPREAD * pool_random(p) : 0;
}

void
pool_connect_done(struct pool *p, struct pool_entry *e, bool needed_person, double now)
{
	e->ready_since = e->last_used = e->last_rx = now;
	pool_line_over(e, p, now);
	if (e->state != POOL_CONNECTING) {
		/* Given up in the meantime, perhaps because the credentials changed: it proves nothing and must go. */
		e->state = POOL_DRAINING;
		return;
	}
	e->state = POOL_READY;
	if (e->trial && needed_person)
		return; /* it says nothing about what we can do by ourselves */
	p->block = POOL_OPEN;
	p->failures = 0;
	p->proven = true;
	p->proven_at = now;
	p->needs_person = needed_person;
}

void
pool_connect_failed(struct pool *p, struct pool_entry *e, const struct np_error *err, double now)
{
	bool given_up = e->state != POOL_CONNECTING;

	pool_entry_remove(e);
	if (e->trial && err->reason != REASON_AUTH_FAILED)
		return;
	if (given_up || err->reason == REASON_CANCELLED || err->reason == REASON_SHUTTING_DOWN)
		return;
	pool_note_failure(p, err, e->created, now);
	pool_doom(p, e);
}

/* ---- sessions ---- */

void
pool_release(struct pool_entry *e, bool carried, double now)
{
	if (carried && e->carried > 0)
		e->carried--;
	if (e->leases > 0)
		e->leases--;
	pool_unhold(e);
	e->last_used = now;
	if (e->pool != NULL)
		pool_line_over(e, e->pool, now);
	if (e->private_use && e->pool != NULL)
		pool_drain(e, "it was made for one request");
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
		e->state = POOL_READY;
	}
}

void
pool_hold(struct pool_entry *e, const void *holder, double now)
{
	if (!e->held && e->pool != NULL)
		e->pool->held_count++;
	e->held = true;
	e->held_for = holder;
	e->held_since = now;
}

void
pool_unhold(struct pool_entry *e)
{
	if (e->held && e->pool != NULL)
		e->pool->held_count--;
	e->held = false;
	e->held_for = NULL;
}

void
pool_alive(struct pool_entry *e, double now)
{
	if (now > e->last_rx)
		e->last_rx = now;
	e->probe_sent = e->next_keepalive = 0;
	e->missed = 0;
	if (e->state == POOL_PROBING)
		e->state = POOL_READY;
}

void
pool_learn_channels(struct pool *p, struct pool_entry *e, int used)
{
	if (used <= 0) {
		pool_drain(e, "its server opens no channel");
		return;
	}
	if (used < e->slots_max)
		e->slots_max = used;
	if (used < p->max_channels)
		p->max_channels = used;
}

void
pool_drain(struct pool_entry *e, const char *why)
{
	if (e->state == POOL_DRAINING || e->state == POOL_CLOSING)
		return;
	e->state = POOL_DRAINING;
	e->drain_why = why;
}

void
pool_drain_all(struct pool *p, const char *why)
{
	struct pool_entry *e;

	TAILQ_FOREACH (e, &p->entries, link)
		pool_drain(e, why);
}

void
pool_rest(struct pool *p, bool whoever_waits)
{
	if (whoever_waits || TAILQ_EMPTY(&p->waiters))
		p->persistent_wanted = false;
}

void
pool_closing(struct pool_entry *e)
{
	if (e->pool != NULL)
		e->state = POOL_CLOSING;
}

void
pool_entry_remove(struct pool_entry *e)
{
	if (e->pool == NULL)
		return;
	pool_unhold(e);
	TAILQ_REMOVE(&e->pool->entries, e, link);
	e->pool->entries_count--;
	e->pool = NULL;
	e->leases = e->carried = 0;
}

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

/* ---- words for people ---- */

const char *
pool_entry_state_word(const struct pool_entry *e)
{
	switch (e->state) {
	case POOL_CONNECTING:
		return "connecting";
	case POOL_READY:
		if (e->leases > e->carried)
			return "executing";
		return e->probe_sent > 0 ? "keepalive" : "connected";
	case POOL_PROBING:
		return e->leases > e->carried ? "executing" : "keepalive";
	case POOL_DRAINING:
		if (pool_entry_dials(e))
			return "connecting";
		return e->leases > e->carried ? "executing" : "disconnected";
	case POOL_CLOSING:
		return "disconnected";
	}
	return "?";
}

const char *
pool_state_word(const struct pool *p)
{
	/* The first of them that any session is in. */
	static const char *const order[] = {"executing", "connected", "keepalive", "connecting"};
	const struct pool_entry *e;

	for (size_t i = 0; i < NP_COUNT(order); i++) {
		TAILQ_FOREACH (e, &p->entries, link) {
			if (strcmp(pool_entry_state_word(e), order[i]) == 0)
				return order[i];
		}
	}
	if (p->resolving)
		return "connecting";
	if (p->block != POOL_OPEN)
		return "failed";
	return p->entries_count > 0 || p->args->persistent ? "disconnected" : "idle";
}
