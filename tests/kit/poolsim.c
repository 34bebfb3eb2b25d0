/* The broker that is none; see poolsim.h. */
#include "kit/poolsim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/xalloc.h"

struct sim *
sim_new(void)
{
	struct sim *s = xcalloc(1, sizeof(*s));

	s->args = (struct conn_args){
	    .enabled = true,
	    .keepalive = true,
	    .keepalive_interval = 60,
	    .keepalive_count_max = 3,
	    .keepalive_mode = KEEPALIVE_SSH,
	    .max_idle_time = 300,
	    .max_age = 86400,
	    .check_delay = 30,
	    .connection_timeout = 30,
	    .queue_timeout = 60,
	    .retry_delay = 1,
	    .retry_max = 60,
	    .max_connections = 10,
	    .max_channels = 10,
	};
	s->now = 1000;
	s->max_connections = 10;
	s->global = 1000;
	s->next_id = 1;
	pool_init(&s->pool, &s->args, 12345);
	s->pool.resolved = true;
	return s;
}

void
sim_free(struct sim *s)
{
	for (int i = 0; i < SIM_MOST; i++) {
		pool_unwait(&s->requests[i].waiter);
		pool_entry_remove(&s->sessions[i].entry);
	}
	assert_int_equal(s->pool.entries_count, 0);
	assert_int_equal(s->pool.waiters_count, 0);
	pool_finish(&s->pool);
	free(s);
}

struct sim_session *
sim_session_of(struct pool_entry *e)
{
	return NP_CONTAINER(e, struct sim_session, entry);
}

static struct sim_request *
request_of(struct pool_waiter *w)
{
	return NP_CONTAINER(w, struct sim_request, waiter);
}

static void
remove_session(struct sim *s, struct sim_session *e)
{
	for (int i = 0; i < SIM_MOST; i++)
		assert_true(s->requests[i].session != e || s->requests[i].state != SIM_RUNNING);
	pool_entry_remove(&e->entry);
	memset(e, 0, sizeof(*e));
}

/* It has ended: requests on it wait again. */
static void
drop_session(struct sim *s, struct sim_session *e)
{
	for (int i = 0; i < SIM_MOST; i++) {
		struct sim_request *r = &s->requests[i];
		if (r->state == SIM_RUNNING && r->session == e) {
			pool_release(&e->entry, false, s->now);
			r->state = SIM_WAITING;
			pool_wait_again(&s->pool, &r->waiter);
		}
	}
	remove_session(s, e);
}

static void
do_connect(struct sim *s, const struct pool_action *a)
{
	struct sim_session *e = NULL;

	for (int i = 0; i < SIM_MOST && e == NULL; i++) {
		if (!s->sessions[i].in_use)
			e = &s->sessions[i];
	}
	assert_non_null(e);
	e->in_use = e->dialling = true;
	e->private_said = a->private_use;
	assert_true(!a->private_use || a->waiter != NULL);
	pool_connect_started(&s->pool, &e->entry, s->next_id++, s->now);
	assert_int_equal(e->entry.private_use, a->private_use);
	s->connects++;
}

static void
do_assign(struct sim *s, const struct pool_action *a)
{
	struct sim_request *r = request_of(a->waiter);
	struct sim_session *e = sim_session_of(a->entry);

	assert_null(r->waiter.pool);
	assert_int_equal(r->state, SIM_WAITING);
	assert_false(e->dialling || e->closing);
	r->state = SIM_RUNNING;
	r->session = e;
	e->entry.slots_used++;
	s->assigns++;
}

static void
do_close(struct sim *s, const struct pool_action *a)
{
	struct sim_session *e = sim_session_of(a->entry);

	assert_false(e->closing);
	e->closing = true;
	e->why = a->why;
	assert_true(a->why.text[0] != '\0');
	s->closes++;
	if (s->keep_closing || e->dialling)
		return;
	drop_session(s, e);
}

static void
do_fail(struct sim *s, const struct pool_action *a)
{
	struct sim_request *r = request_of(a->waiter);

	assert_null(r->waiter.pool);
	assert_true(a->why.reason != REASON_NONE);
	assert_true(a->why.text[0] != '\0');
	r->state = SIM_FAILED;
	r->why = a->why;
	s->fails++;
}

static void
do_probe(struct sim *s, const struct pool_action *a)
{
	struct sim_session *e = sim_session_of(a->entry);

	assert_false(e->dialling || e->closing);
	assert_true(a->means == POOL_BY_SSH || (s->pool.shells.given && a->entry->leases == 0));
	e->probes++;
	e->lines += a->means == POOL_BY_LINE;
	pool_probed(a->entry, a->means, !e->busy, s->now);
}

/* The shell goes back to its first mode in no time. */
static void
do_take_back(struct sim *s, const struct pool_action *a)
{
	assert_int_equal(a->entry->leases, 1);
	assert_false(a->entry->held);
	pool_release(a->entry, false, s->now);
	s->taken_back++;
}

static bool
execute(struct sim *s, const struct pool_action *a)
{
	switch (a->verb) {
	case POOL_NOTHING:
		return false;
	case POOL_ROOM:
		s->rooms++;
		return false;
	case POOL_RESOLVE:
		pool_resolve_started(&s->pool);
		s->resolves++;
		return true;
	case POOL_CONNECT:
		do_connect(s, a);
		return true;
	case POOL_ASSIGN:
		do_assign(s, a);
		return true;
	case POOL_PROBE:
		assert_int_equal(a->entry->state, POOL_PROBING);
		s->probes++;
		do_probe(s, a);
		return true;
	case POOL_KEEPALIVE:
		s->keepalives++;
		do_probe(s, a);
		return true;
	case POOL_TAKE_BACK:
		do_take_back(s, a);
		return true;
	case POOL_CLOSE:
		do_close(s, a);
		return true;
	case POOL_FAIL:
		do_fail(s, a);
		return true;
	case POOL_NOTICE:
		request_of(a->waiter)->notices++;
		request_of(a->waiter)->ahead = a->ahead;
		s->notices++;
		return true;
	}
	return false;
}

int
sim_settle(struct sim *s)
{
	int n = 0;

	for (;;) {
		int lasting = pool_lasting_entries(&s->pool);
		struct pool_room room = {.device = s->max_connections - s->pool.entries_count,
		    .global = s->global - s->pool.entries_count,
		    .surplus = lasting > s->max_connections ? lasting - s->max_connections : 0,
		    .wanted = s->wanted};
		struct pool_action a = pool_next(&s->pool, &room, s->now);
		if (s->check != NULL)
			s->check(s, &a);
		if (!execute(s, &a)) {
			assert_true(a.wake_at == 0 || a.wake_at > s->now);
			s->wake_at = a.wake_at;
			s->actions += n;
			return n;
		}
		if (++n > 10000)
			fail_msg("the pool never comes to rest: verb %d", (int)a.verb);
	}
}

void
sim_advance(struct sim *s, double seconds)
{
	s->now += seconds;
	sim_settle(s);
}

bool
sim_advance_to_wake(struct sim *s, double limit)
{
	if (s->wake_at == 0 || s->wake_at > limit)
		return false;
	s->now = s->wake_at;
	sim_settle(s);
	return true;
}

struct sim_request *
sim_request(struct sim *s, double queue_timeout, bool fresh)
{
	struct sim_request *r = NULL;

	for (int i = 0; i < SIM_MOST && r == NULL; i++) {
		if (s->requests[i].state == SIM_UNUSED)
			r = &s->requests[i];
	}
	assert_non_null(r);
	r->state = SIM_WAITING;
	r->waiter.id = s->next_id++;
	r->waiter.deadline = queue_timeout > 0 ? s->now + queue_timeout : 0;
	r->waiter.fresh = fresh;
	r->waiter.holder = s->holder;
	r->waiter.party = s->party;
	pool_wait(&s->pool, &r->waiter, s->now);
	sim_settle(s);
	return r;
}

void
sim_requests(struct sim *s, int count, double queue_timeout)
{
	while (count-- > 0)
		sim_request(s, queue_timeout, false);
}

void
sim_finish(struct sim *s, struct sim_request *r)
{
	assert_int_equal(r->state, SIM_RUNNING);
	r->state = SIM_DONE;
	r->session->entry.slots_used--;
	pool_release(&r->session->entry, false, s->now);
	sim_settle(s);
}

void
sim_cancel(struct sim *s, struct sim_request *r)
{
	assert_int_equal(r->state, SIM_WAITING);
	pool_unwait(&r->waiter);
	pool_unwait(&r->waiter);
	r->state = SIM_DONE;
	sim_settle(s);
}

void
sim_hold(struct sim *s, struct sim_request *r, const void *holder)
{
	assert_int_equal(r->state, SIM_RUNNING);
	r->state = SIM_DONE;
	r->session->entry.slots_used--;
	pool_hold(&r->session->entry, holder, s->now);
	sim_settle(s);
}

void
sim_use_shells(struct sim *s, const struct pool_shells *shells)
{
	pool_set_shells(&s->pool, shells);
	s->args.max_channels = s->pool.max_channels = 1;
}

struct sim_session *
sim_dialling(struct sim *s)
{
	struct pool_entry *e;

	TAILQ_FOREACH (e, &s->pool.entries, link) {
		if (sim_session_of(e)->dialling)
			return sim_session_of(e);
	}
	return NULL;
}

void
sim_connected(struct sim *s, struct sim_session *e)
{
	assert_true(e->dialling);
	e->dialling = e->closing = false;
	pool_connect_done(&s->pool, &e->entry, false, s->now);
	sim_settle(s);
}

void
sim_connect_fails(struct sim *s, struct sim_session *e, enum np_reason reason, const char *text)
{
	struct np_error err;

	assert_true(e->dialling);
	error_set(&err, reason, "%s", text);
	pool_connect_failed(&s->pool, &e->entry, &err, s->now);
	assert_null(e->entry.pool);
	remove_session(s, e);
	sim_settle(s);
}

void
sim_lost(struct sim *s, struct sim_session *e)
{
	drop_session(s, e);
	sim_settle(s);
}

struct sim_session *
sim_warm(struct sim *s)
{
	struct sim_request *r = sim_request(s, 0, false);
	struct sim_session *e;

	if (r->state == SIM_WAITING)
		sim_connected(s, sim_dialling(s));
	e = r->session;
	sim_finish(s, r);
	return e;
}

int
sim_count_requests(const struct sim *s, enum sim_request_state state)
{
	int n = 0;

	for (int i = 0; i < SIM_MOST; i++)
		n += s->requests[i].state == state;
	return n;
}

int
sim_count_dialling(const struct sim *s)
{
	int n = 0;

	for (int i = 0; i < SIM_MOST; i++)
		n += s->sessions[i].in_use && s->sessions[i].dialling;
	return n;
}

int
sim_count_sessions(const struct sim *s)
{
	int n = 0;

	for (int i = 0; i < SIM_MOST; i++)
		n += s->sessions[i].in_use;
	return n;
}
