/*
 * The pool's policy under a world that does what it likes: operations drawn at random, every answer judged, and at the
 * end nobody may be left waiting.  The draw depends on nothing but the seed, which a failure names: POOL_SEED=n runs
 * that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit/poolsim.h"

#define SEEDS 400
#define STEPS 250

/* What a check that failed says: the seed and the step, to run it again. */
static struct {
	unsigned seed;
	int step;
	uint32_t random;
} draw;

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			fail_msg("seed %u, step %d: %s", draw.seed, draw.step, #condition);                            \
	} while (0)

static unsigned
below(unsigned n)
{
	draw.random = draw.random * 1664525u + 1013904223u;
	return (draw.random >> 8) % n;
}

static bool
chance(unsigned percent)
{
	return below(100) < percent;
}

/* ---- what must hold of each answer ---- */

static bool
is_private(const struct sim *s, const struct pool_waiter *w)
{
	return w->fresh || !s->pool.args->enabled;
}

static int
limit_of(const struct sim *s, const struct pool_entry *e)
{
	return e->slots_max < s->pool.max_channels ? e->slots_max : s->pool.max_channels;
}

static void
check_connect(struct sim *s, const struct pool_action *a)
{
	const struct pool *p = &s->pool;
	bool proven = p->proven && p->failures == 0;

	MUST(!p->paused && !p->disabled && p->resolved);
	MUST(p->entries_count < s->max_connections);
	MUST(p->block != POOL_AUTH);
	MUST(p->block != POOL_BACKOFF || s->now >= p->retry_at);
	MUST(proven || sim_count_dialling(s) == 0);
	MUST(!p->needs_person || p->entries_count == 0);
	MUST(a->waiter != NULL || (p->persistent_wanted && !p->needs_person));
	MUST(a->waiter == NULL || a->private_use == is_private(s, a->waiter));
}

/* Who wants a session of his own has turns of his own. */
static bool
is_before(const struct pool_waiter *a, const struct pool_waiter *b)
{
	if (a->fresh != b->fresh)
		return false;
	return a->turn < b->turn || (a->turn == b->turn && a->since < b->since);
}

static void
check_assign(struct sim *s, const struct pool_action *a)
{
	const struct pool_entry *e = a->entry;
	const struct pool_waiter *w;
	double delay = s->pool.args->check_delay;

	MUST(!s->pool.paused && !s->pool.disabled && s->pool.resolved);
	MUST(e->state == POOL_READY);
	MUST(e->private_use == is_private(s, a->waiter));
	MUST(e->leases <= (e->private_use ? 1 : limit_of(s, e)));
	MUST(e->private_use || e->slots_used < limit_of(s, e));
	if (s->pool.args->keepalive && s->pool.args->keepalive_mode == KEEPALIVE_SSH && !e->private_use)
		MUST(delay == 0 || s->now <= e->last_rx + delay);
	/* Nobody of the same kind has an earlier turn, nor came before in his own party. */
	TAILQ_FOREACH (w, &s->pool.waiters, link) {
		MUST(is_private(s, w) != e->private_use || !is_before(w, a->waiter));
		MUST(w->fresh != a->waiter->fresh || w->party != a->waiter->party || w->since >= a->waiter->since);
	}
}

static void
check_action(struct sim *s, const struct pool_action *a)
{
	switch (a->verb) {
	case POOL_CONNECT:
		check_connect(s, a);
		break;
	case POOL_ASSIGN:
		check_assign(s, a);
		break;
	case POOL_CLOSE:
		MUST(a->entry->leases == 0 || a->entry->missed >= s->pool.args->keepalive_count_max);
		break;
	case POOL_PROBE:
		MUST(a->entry->state == POOL_PROBING && !a->entry->private_use && s->pool.waiters_count > 0);
		break;
	case POOL_KEEPALIVE:
		MUST(s->pool.args->keepalive && s->pool.args->keepalive_mode != KEEPALIVE_NONE);
		break;
	case POOL_ROOM:
		MUST(s->pool.waiters_count > 0 && s->pool.entries_count >= s->max_connections);
		break;
	case POOL_TAKE_BACK:
	case POOL_NOTHING:
	case POOL_RESOLVE:
	case POOL_FAIL:
	case POOL_NOTICE:
		break;
	}
}

/* ---- what must hold when all has been said ---- */

static void
check_rest(struct sim *s)
{
	const struct pool *p = &s->pool;
	const struct pool_waiter *w, *before[2] = {0};
	struct pool_entry *e;
	int entries = 0, waiters = 0;
	bool private_waits = false, shared_waits = false;
	int shared = 0;

	TAILQ_FOREACH (w, &p->waiters, link) {
		MUST(before[w->fresh] == NULL || !is_before(w, before[w->fresh]));
		MUST(!w->doomed);
		MUST(w->deadline == 0 || w->deadline > s->now);
		before[w->fresh] = w;
		waiters++;
		private_waits |= is_private(s, w);
		shared_waits |= !is_private(s, w);
	}
	TAILQ_FOREACH (e, &p->entries, link) {
		bool stale = e->missed > 0 || s->now > e->last_rx + p->args->check_delay;
		entries++;
		shared += !e->private_use && e->state != POOL_DRAINING && e->state != POOL_CLOSING;
		MUST(e->leases >= 0 && (!e->private_use || e->leases <= 1));
		MUST(e->state != POOL_DRAINING || e->leases > 0);
		MUST((e->state == POOL_CLOSING) == sim_session_of(e)->closing);
		if (p->paused || !p->resolved || private_waits || !shared_waits || e->private_use)
			continue;
		MUST(e->state != POOL_READY || e->leases >= limit_of(s, e) || e->slots_used >= limit_of(s, e) || stale);
	}
	MUST(shared <= s->max_connections);
	MUST(entries == p->entries_count && waiters == p->waiters_count);
	/* Whoever waits has a reason to. */
	if (waiters > 0 && entries == 0 && !p->paused && p->resolved)
		MUST((p->block == POOL_BACKOFF && p->retry_at <= s->now + 2) || s->max_connections <= 0);
	MUST(!p->disabled || waiters == 0);
	MUST(s->wake_at == 0 || s->wake_at > s->now);
}

/* ---- the hour that the pool asked for ---- */

static unsigned
digest(const struct sim *s)
{
	const struct pool_entry *e;
	unsigned d = 0;

	TAILQ_FOREACH (e, &s->pool.entries, link)
		d = d * 31 + (unsigned)e->state + 1;
	return d * 1000 + (unsigned)s->pool.waiters_count;
}

/* Times that change what would be answered to somebody who is not there now. */
static bool
is_excused(const struct sim *s, double at)
{
	const struct pool_entry *e;

	if (s->pool.block == POOL_BACKOFF && s->pool.retry_at == at)
		return true;
	TAILQ_FOREACH (e, &s->pool.entries, link) {
		if (e->state == POOL_PROBING && e->leases > 0)
			return true;
	}
	return false;
}

static void
op_wake(struct sim *s)
{
	double at = s->wake_at;
	unsigned before;
	int actions;

	if (at < s->now + 0.001)
		return;
	before = digest(s);
	s->now += (at - s->now) * 0.99;
	MUST(sim_settle(s) == 0);
	MUST(s->wake_at == at);
	s->now = at;
	actions = sim_settle(s);
	MUST(actions > 0 || digest(s) != before || is_excused(s, at));
}

/* ---- what the world does ---- */

static struct sim_request *
some_request(struct sim *s, enum sim_request_state state)
{
	unsigned n = (unsigned)sim_count_requests(s, state);

	if (n == 0)
		return NULL;
	n = below(n);
	for (int i = 0; i < SIM_MOST; i++) {
		if (s->requests[i].state == state && n-- == 0)
			return &s->requests[i];
	}
	return NULL;
}

static struct sim_session *
some_session(struct sim *s, bool dialling)
{
	struct pool_entry *e;
	unsigned n = 0;

	TAILQ_FOREACH (e, &s->pool.entries, link)
		n += sim_session_of(e)->dialling == dialling;
	if (n == 0)
		return NULL;
	n = below(n);
	TAILQ_FOREACH (e, &s->pool.entries, link) {
		if (sim_session_of(e)->dialling == dialling && n-- == 0)
			return sim_session_of(e);
	}
	return NULL;
}

static void
op_dial_ends(struct sim *s)
{
	static const enum np_reason reasons[] = {REASON_CONNECT_FAILED, REASON_CONNECT_FAILED, REASON_CONNECT_TIMEOUT,
	    REASON_AUTH_FAILED, REASON_HOST_KEY_CHANGED, REASON_CANCELLED, REASON_CREDENTIAL_FAILED};
	struct sim_session *e = some_session(s, true);

	if (e == NULL)
		return;
	if (chance(70)) {
		sim_connected(s, e);
		s->pool.needs_person = s->pool.needs_person || chance(3);
	} else {
		sim_connect_fails(s, e, reasons[below(NP_COUNT(reasons))], "it failed");
	}
}

static void
op_session(struct sim *s)
{
	struct sim_session *e = some_session(s, false);

	if (e == NULL)
		return;
	switch (below(5)) {
	case 0:
		sim_lost(s, e);
		break;
	case 1:
		pool_drain(&e->entry, "drained at random");
		break;
	case 2:
		pool_learn_channels(&s->pool, &e->entry, (int)below(4));
		break;
	case 3:
		pool_alive(&e->entry, s->now);
		break;
	case 4:
		if (!e->closing)
			e->entry.last_rx = s->now;
		break;
	}
}

static void
op_configuration(struct sim *s)
{
	static struct conn_args sets[2];
	struct conn_args *args = s->pool.args == &sets[0] ? &sets[1] : &sets[0];

	*args = s->args;
	args->enabled = chance(80);
	args->keepalive = chance(80);
	args->keepalive_mode = chance(80) ? KEEPALIVE_SSH : KEEPALIVE_CLI;
	args->keepalive_interval = 1 + below(60);
	args->max_idle_time = chance(20) ? 0 : 10 + below(300);
	args->max_age = chance(20) ? 0 : 100 + below(2000);
	args->check_delay = chance(20) ? 0 : 1 + below(40);
	args->max_channels = 1 + (int)below(10);
	args->persistent = chance(30);
	pool_set_args(&s->pool, args);
	s->max_connections = (int)below(6);
}

static void
op_operator(struct sim *s)
{
	struct np_error err = {.reason = REASON_RESOLVE_FAILED, .text = "cannot read it"};

	switch (below(6)) {
	case 0:
		s->pool.paused = !s->pool.paused;
		break;
	case 1:
		s->pool.disabled = !s->pool.disabled;
		break;
	case 2:
		pool_unblock(&s->pool, chance(50));
		break;
	case 3:
		pool_drain_all(&s->pool, "drained at random");
		break;
	case 4:
		if (!s->pool.resolving)
			s->pool.resolved = false;
		break;
	case 5:
		if (s->pool.resolving)
			pool_resolve_done(&s->pool, chance(20) ? &err : NULL, s->now);
		break;
	}
}

static void
op_request_ends(struct sim *s)
{
	struct sim_request *r;

	if (chance(80)) {
		r = some_request(s, SIM_RUNNING);
		if (r != NULL)
			sim_finish(s, r);
	} else {
		r = some_request(s, SIM_WAITING);
		if (r != NULL)
			sim_cancel(s, r);
	}
}

static void
come(struct sim *s)
{
	s->party = below(4);
	sim_request(s, chance(50) ? 0 : below(30), chance(25));
}

static void
operate(struct sim *s)
{
	switch (below(12)) {
	case 0:
	case 1:
	case 2:
		if (sim_count_requests(s, SIM_WAITING) + sim_count_requests(s, SIM_RUNNING) < 100)
			come(s);
		break;
	case 3:
	case 4:
		op_dial_ends(s);
		break;
	case 5:
	case 6:
		op_request_ends(s);
		break;
	case 7:
		op_session(s);
		break;
	case 8:
		op_wake(s);
		break;
	case 9:
		sim_advance(s, below(100) / 10.0);
		break;
	case 10:
		if (chance(20))
			op_configuration(s);
		else if (chance(5))
			sim_advance(s, 1e5);
		break;
	case 11:
		op_operator(s);
		break;
	}
	sim_settle(s);
}

/* Requests that have ended make room for others. */
static void
recycle(struct sim *s)
{
	for (int i = 0; i < SIM_MOST; i++) {
		if (s->requests[i].state == SIM_DONE || s->requests[i].state == SIM_FAILED)
			s->requests[i] = (struct sim_request){.state = SIM_UNUSED};
	}
}

/* The world behaves from now on: everybody who waits must be served or told why not. */
static void
check_nobody_is_forgotten(struct sim *s)
{
	s->pool.paused = s->pool.disabled = false;
	s->max_connections = 2;
	for (int i = 0; i < 3000 && s->pool.waiters_count > 0; i++) {
		struct pool_entry *e;
		draw.step++;
		TAILQ_FOREACH (e, &s->pool.entries, link) {
			if (!sim_session_of(e)->dialling)
				pool_alive(e, s->now);
		}
		if (s->pool.resolving)
			pool_resolve_done(&s->pool, NULL, s->now);
		sim_settle(s);
		if (sim_dialling(s) != NULL)
			sim_connected(s, sim_dialling(s));
		else if (some_request(s, SIM_RUNNING) != NULL)
			sim_finish(s, some_request(s, SIM_RUNNING));
		else
			sim_advance_to_wake(s, s->now + 1e6);
	}
	MUST(s->pool.waiters_count == 0);
}

static void
run_seed(unsigned seed)
{
	struct sim *s = sim_new();

	draw.seed = seed;
	draw.random = seed * 2654435761u;
	s->pool.random = seed;
	s->check = check_action;
	s->max_connections = 1 + (int)below(5);
	for (draw.step = 0; draw.step < STEPS; draw.step++) {
		operate(s);
		check_rest(s);
		recycle(s);
	}
	check_nobody_is_forgotten(s);
	for (int i = 0; i < SIM_MOST; i++) {
		if (s->requests[i].state == SIM_RUNNING)
			sim_finish(s, &s->requests[i]);
	}
	sim_free(s);
}

static void
test_random_worlds_break_no_promise(void **state)
{
	const char *one = getenv("POOL_SEED");

	(void)state;
	if (one != NULL) {
		run_seed((unsigned)strtoul(one, NULL, 10));
		return;
	}
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		run_seed(seed);
}

/* ---- who waits is not passed by for ever ---- */

#define CROWD 12
#define CROWD_STEPS 1500

/* Of the same kind, while each request waited. */
static int passed_by[SIM_MOST];

/* CROWD at a time wait, so a turn has no more of them, and nobody waits for a later one than that. */
static void
check_patience(struct sim *s, const struct pool_action *a)
{
	if (a->verb != POOL_ASSIGN)
		return;
	for (int i = 0; i < SIM_MOST; i++) {
		if (s->requests[i].state == SIM_WAITING && s->requests[i].waiter.fresh == a->waiter->fresh)
			MUST(++passed_by[i] <= CROWD * CROWD);
	}
}

static void
come_to_the_crowd(struct sim *s, uint64_t party, bool fresh)
{
	struct sim_request *r;

	s->party = party;
	r = sim_request(s, 0, fresh);
	passed_by[r - s->requests] = 0;
}

/* In each step a party of its own, as each npexec is; a few have several requests, a few want their own session. */
static void
crowd_comes(struct sim *s)
{
	uint64_t party = below(3);
	int of_party = 0, fresh = 0;

	for (int i = 0; i < SIM_MOST; i++) {
		if (s->requests[i].state != SIM_WAITING)
			continue;
		fresh += s->requests[i].waiter.fresh;
		of_party += s->requests[i].waiter.party == party;
	}
	if (of_party < 3)
		come_to_the_crowd(s, party, fresh < 2 && chance(20));
	if (sim_count_requests(s, SIM_WAITING) < CROWD)
		come_to_the_crowd(s, 1000 + (uint64_t)draw.step, fresh == 0 && chance(20));
}

static void
test_nobody_is_passed_by_for_ever(void **state)
{
	(void)state;
	for (draw.seed = 1; draw.seed <= 20; draw.seed++) {
		struct sim *s = sim_new();

		draw.random = draw.seed * 2654435761u;
		memset(passed_by, 0, sizeof(passed_by));
		s->args.connection_timeout = 0;
		s->args.max_channels = s->pool.max_channels = 1;
		s->max_connections = 2;
		sim_warm(s);
		s->check = check_patience;
		for (draw.step = 0; draw.step < CROWD_STEPS; draw.step++) {
			crowd_comes(s);
			sim_advance(s, 0.1);
			if (some_request(s, SIM_RUNNING) != NULL)
				sim_finish(s, some_request(s, SIM_RUNNING));
			if (sim_dialling(s) != NULL && chance(1) && chance(20)) /* it takes its time */
				sim_connected(s, sim_dialling(s));
			recycle(s);
		}
		s->check = NULL;
		check_nobody_is_forgotten(s);
		for (int i = 0; i < SIM_MOST; i++) {
			if (s->requests[i].state == SIM_RUNNING)
				sim_finish(s, &s->requests[i]);
		}
		sim_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_worlds_break_no_promise),
	    cmocka_unit_test(test_nobody_is_passed_by_for_ever),
	};

	return cmocka_run_group_tests_name("pool_random", tests, NULL, NULL);
}
