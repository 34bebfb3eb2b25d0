/*
 * The pool's policy: what happened.  Every function here takes one fact in; what follows from it is decided by
 * pool_next().  Owns nothing: entries and waiters are parts of the broker's sessions and requests.  See pool_impl.h.
 */
#include <string.h>

#include "pool/pool_impl.h"

#define POOL_SPREAD 0.1   /* of max_age: so much earlier at most, so that sessions do not end together */
#define POOL_JITTER 0.25  /* of a back-off: likewise */
#define POOL_DOUBLINGS 16 /* of retry_delay, when retry_max sets no limit */

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
	/* A wrong secret for the privileged mode locks accounts as a wrong password does.  auth_backoff: the account.
	 */
	if (err->reason == REASON_AUTH_FAILED || err->reason == REASON_PRIVILEGE_FAILED ||
	    err->reason == REASON_AUTH_BACKOFF) {
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

void
pool_connect_done(struct pool *p, struct pool_entry *e, bool needed_person, double now)
{
	e->ready_since = e->last_used = e->last_rx = now;
	pool_line_over(e, p, now);
	if (e->state != POOL_CONNECTING) {
		/* Given up in the meantime, perhaps because the credentials changed: it proves nothing and must go. */
		pool_move(e, POOL_DRAINING);
		return;
	}
	pool_move(e, POOL_READY);
	if (e->trial && needed_person)
		return; /* it says nothing about what we can do by ourselves */
	p->block = POOL_OPEN;
	p->failures = 0;
	p->proven = true;
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
	pool_move(e, POOL_DRAINING);
	e->drain_why = why;
}

static bool
pool_is_dialling(const struct pool *p)
{
	const struct pool_entry *e;

	TAILQ_FOREACH (e, &p->entries, link) {
		if (e->ready_since == 0)
			return true;
	}
	return false;
}

int
pool_may_try(const struct pool *p, bool asked, double now, struct np_error *err)
{
	if (p->block == POOL_AUTH && !asked)
		return error_set(err, REASON_AUTH_BACKOFF,
		    "npctl test --login tries one unless its account is barred (npctl accounts retry lifts that): no "
		    "login is tried since one failed %.0f s ago: %.360s",
		    now - p->failed_at, p->last_error.text);
	if ((!p->proven || p->failures > 0) && pool_is_dialling(p))
		return error_set(err, REASON_BACKOFF,
		    "another login is under way, and until one has succeeded they are made one at a time: try again "
		    "when it has ended");
	return 0;
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
		pool_move(e, POOL_CLOSING);
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
