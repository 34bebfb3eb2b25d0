/* The pool's policy in invented time: who gets which session, and when one is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kit/poolsim.h"

static int
setup(void **state)
{
	*state = sim_new();
	return 0;
}

static int
teardown(void **state)
{
	sim_free(*state);
	return 0;
}

/* ---- cold and warm ---- */

static void
test_first_request_connects_and_gets_the_session(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = sim_request(s, 60, false);

	assert_int_equal(s->connects, 1);
	assert_int_equal(r->state, SIM_WAITING);
	assert_string_equal(pool_state_word(&s->pool), "connecting");
	s->now += 0.5;
	sim_connected(s, sim_dialling(s));

	assert_int_equal(r->state, SIM_RUNNING);
	assert_string_equal(pool_state_word(&s->pool), "executing");
	sim_finish(s, r);
	assert_string_equal(pool_state_word(&s->pool), "connected");
	assert_int_equal(s->connects, 1);
}

static void
test_unresolved_pool_resolves_before_it_connects(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->pool.resolved = false;
	r = sim_request(s, 60, false);
	assert_int_equal(s->resolves, 1);
	assert_int_equal(s->connects, 0);
	sim_request(s, 60, false);
	assert_int_equal(s->resolves, 1);

	pool_resolve_done(&s->pool, NULL, s->now);
	sim_settle(s);
	assert_int_equal(s->connects, 1);
	assert_int_equal(r->state, SIM_WAITING);
}

static void
test_failed_resolve_answers_all_and_backs_off(void **state)
{
	struct sim *s = *state;
	struct np_error err = {.reason = REASON_RESOLVE_FAILED, .text = "~/.ssh/config line 3: bad"};
	struct sim_request *first, *second;

	s->pool.resolved = false;
	first = sim_request(s, 60, false);
	pool_resolve_done(&s->pool, &err, s->now);
	sim_settle(s);
	assert_int_equal(first->state, SIM_FAILED);
	assert_int_equal(first->why.reason, REASON_RESOLVE_FAILED);

	second = sim_request(s, 60, false);
	assert_int_equal(second->state, SIM_WAITING);
	assert_int_equal(s->resolves, 1);
	assert_true(sim_advance_to_wake(s, s->now + 1.0));
	assert_int_equal(s->resolves, 2);
}

static void
test_warm_session_is_given_at_once(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct sim_request *r;

	sim_advance(s, 5);
	r = sim_request(s, 60, false);

	assert_int_equal(r->state, SIM_RUNNING);
	assert_ptr_equal(r->session, e);
	assert_int_equal(s->probes, 0);
	assert_int_equal(s->connects, 1);
}

static void
test_burst_of_200_waits_for_one_login_then_uses_as_many_as_allowed(void **state)
{
	struct sim *s = *state;

	sim_requests(s, 200, 60);
	assert_int_equal(s->connects, 1);
	assert_int_equal(sim_count_dialling(s), 1);

	sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 10);
	assert_int_equal(sim_count_sessions(s), 10);
	assert_int_equal(sim_count_dialling(s), 9);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 100);

	for (int i = 0; i < SIM_MOST; i++) {
		if (s->requests[i].state == SIM_RUNNING)
			sim_finish(s, &s->requests[i]);
	}
	assert_int_equal(sim_count_requests(s, SIM_DONE), 200);
	assert_int_equal(s->connects, 10);
	assert_int_equal(s->fails, 0);
}

static void
test_only_as_many_sessions_are_made_as_the_queue_needs(void **state)
{
	struct sim *s = *state;

	sim_requests(s, 25, 60);
	sim_connected(s, sim_dialling(s));

	/* 10 are served, 15 wait: two further sessions. */
	assert_int_equal(sim_count_dialling(s), 2);
	sim_requests(s, 5, 60);
	assert_int_equal(sim_count_dialling(s), 2);
	sim_requests(s, 1, 60);
	assert_int_equal(sim_count_dialling(s), 3);
}

static void
test_waiters_are_served_in_the_order_of_their_coming(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[4];

	s->args.max_channels = s->pool.max_channels = 1;
	s->max_connections = 1;
	for (int i = 0; i < 4; i++)
		r[i] = sim_request(s, 60, false);
	sim_connected(s, sim_dialling(s));
	for (int i = 0; i < 4; i++) {
		for (int k = i + 1; k < 4; k++)
			assert_int_equal(r[k]->state, SIM_WAITING);
		sim_finish(s, r[i]);
	}
}

/* ---- turns ---- */

static struct sim_request *
of_party(struct sim *s, uint64_t party)
{
	s->party = party;
	return sim_request(s, 60, false);
}

/* One session of one channel, which somebody has. */
static struct sim_request *
take_the_only_channel(struct sim *s)
{
	s->args.max_channels = s->pool.max_channels = 1;
	s->max_connections = 1;
	sim_warm(s);
	return of_party(s, 99);
}

/* Ends what runs, and what follows, and sees that it is served in this order. */
static void
assert_served(struct sim *s, struct sim_request *running, struct sim_request *const *order, int count)
{
	for (int i = 0; i < count; i++) {
		sim_finish(s, running);
		for (int k = 0; k < count; k++)
			assert_int_equal(order[k]->state, k < i ? SIM_DONE : k == i ? SIM_RUNNING : SIM_WAITING);
		running = order[i];
	}
}

static void
test_one_request_waits_for_no_hundred_of_another_party(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = take_the_only_channel(s), *many[100], *one;

	for (int i = 0; i < 100; i++)
		many[i] = of_party(s, 1);
	one = of_party(s, 2);
	assert_served(s, running, (struct sim_request *[]){many[0], one, many[1], many[2]}, 4);
}

static void
test_parties_take_turns(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = take_the_only_channel(s), *a[3], *b[3], *c;

	for (int i = 0; i < 3; i++)
		a[i] = of_party(s, 1);
	for (int i = 0; i < 3; i++)
		b[i] = of_party(s, 2);
	sim_finish(s, running);
	c = of_party(s, 3); /* while the first row is served */
	assert_int_equal(a[0]->state, SIM_RUNNING);
	assert_served(s, a[0], (struct sim_request *[]){b[0], a[1], b[1], c, a[2], b[2]}, 6);
}

/* Who comes one at a time, each as soon as the last was served, gets his share and not all of it. */
static void
test_who_asks_again_and_again_waits_for_the_turn_of_others(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = take_the_only_channel(s), *a[4], *b;

	for (int i = 0; i < 4; i++)
		a[i] = of_party(s, 1);
	for (int i = 0; i < 4; i++) {
		b = of_party(s, 2);
		sim_finish(s, running);
		assert_int_equal(a[i]->state, SIM_RUNNING);
		sim_finish(s, a[i]);
		assert_int_equal(b->state, SIM_RUNNING);
		running = b;
	}
}

static void
test_who_returns_keeps_his_turn(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = take_the_only_channel(s), *a[3], *b;

	for (int i = 0; i < 3; i++)
		a[i] = of_party(s, 1);
	sim_finish(s, running);
	b = of_party(s, 2);
	assert_int_equal(a[0]->state, SIM_RUNNING);
	sim_lost(s, a[0]->session);
	assert_int_equal(a[0]->state, SIM_WAITING);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(a[0]->state, SIM_RUNNING);
	assert_served(s, a[0], (struct sim_request *[]){a[1], b, a[2]}, 3);
}

/* The last of many wants a session of its own and gets it before the others: whoever comes then is not behind them. */
static void
test_who_is_served_before_his_turn_moves_nobody_back(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = take_the_only_channel(s), *many[20], *leaves, *fresh, *one;

	s->max_connections = 2;
	leaves = sim_request(s, 60, true);
	for (int i = 0; i < 20; i++)
		many[i] = of_party(s, 1);
	fresh = sim_request(s, 60, true);
	sim_cancel(s, leaves);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(fresh->state, SIM_RUNNING);
	one = of_party(s, 2);
	assert_served(s, running, (struct sim_request *[]){many[0], one, many[1]}, 3);
}

/* Somebody's session of his own is long in coming: who comes meanwhile, one after the other, is served in turns. */
static void
test_newcomers_are_not_before_everybody_while_another_kind_waits(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = take_the_only_channel(s), *a[2], *b[5];

	s->max_connections = 2;
	s->party = 50;
	assert_int_equal(sim_request(s, 0, true)->state, SIM_WAITING);
	a[0] = of_party(s, 1);
	a[1] = of_party(s, 1);
	b[0] = of_party(s, 1000);
	sim_finish(s, running);
	assert_int_equal(a[0]->state, SIM_RUNNING);
	b[1] = of_party(s, 1001);
	assert_served(s, a[0], (struct sim_request *[]){b[0], a[1], b[1]}, 3);
}

/* And the other way round: those who want their own take turns while those who share one wait. */
static void
test_who_wants_his_own_is_not_behind_for_what_others_share(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = take_the_only_channel(s), *many[30], *one, *before;

	s->max_connections = 2;
	for (int i = 0; i < 30; i++) {
		s->party = 1;
		many[i] = sim_request(s, 0, true);
	}
	for (uint64_t i = 0; i < 100; i++) {
		before = running;
		running = of_party(s, 1000 + i);
		sim_finish(s, before);
		assert_int_equal(running->state, SIM_RUNNING);
	}
	s->party = 2;
	one = sim_request(s, 0, true);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(many[0]->state, SIM_RUNNING);
	sim_finish(s, many[0]);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(one->state, SIM_RUNNING);
	assert_int_equal(many[1]->state, SIM_WAITING);
}

static void
test_session_used_last_is_preferred(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[20];
	struct sim_session *second;

	for (int i = 0; i < 20; i++)
		r[i] = sim_request(s, 60, false);
	sim_connected(s, sim_dialling(s));
	sim_connected(s, sim_dialling(s));
	second = r[10]->session;
	assert_ptr_not_equal(second, r[0]->session);
	for (int i = 0; i < 20; i++) {
		s->now += 0.01;
		sim_finish(s, r[i]);
	}

	r[0] = sim_request(s, 60, false);
	r[1] = sim_request(s, 60, false);
	assert_ptr_equal(r[0]->session, second);
	assert_ptr_equal(r[1]->session, second);
}

static void
test_slot_of_a_closing_channel_is_not_given_away(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct sim_request *r;

	s->max_connections = 1;
	e->entry.slots_used = 10;
	r = sim_request(s, 60, false);
	assert_int_equal(r->state, SIM_WAITING);
	e->entry.slots_used = 9;
	sim_settle(s);
	assert_int_equal(r->state, SIM_RUNNING);
}

static void
test_waiter_that_left_is_not_served(void **state)
{
	struct sim *s = *state;
	struct sim_request *first = sim_request(s, 60, false), *second = sim_request(s, 60, false);

	sim_cancel(s, first);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(second->state, SIM_RUNNING);
}

static void
test_request_whose_session_died_unsent_goes_before_the_others(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[3];

	s->args.max_channels = s->pool.max_channels = 1;
	s->max_connections = 1;
	for (int i = 0; i < 3; i++) {
		r[i] = sim_request(s, 60, false);
		s->now += 1;
	}
	sim_connected(s, sim_dialling(s));
	assert_int_equal(r[0]->state, SIM_RUNNING);
	sim_lost(s, r[0]->session);
	assert_int_equal(r[0]->state, SIM_WAITING);
	sim_connected(s, sim_dialling(s));

	assert_int_equal(r[0]->state, SIM_RUNNING);
	assert_int_equal(r[1]->state, SIM_WAITING);
}

static void
test_requests_of_one_moment_keep_their_order_when_they_wait_again(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[4];

	s->args.max_channels = s->pool.max_channels = 3;
	s->max_connections = 1;
	for (int i = 0; i < 4; i++)
		r[i] = sim_request(s, 60, false);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(r[3]->state, SIM_WAITING);
	s->max_connections = 0;
	sim_lost(s, r[0]->session);

	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(TAILQ_FIRST(&s->pool.waiters), &r[i]->waiter);
		sim_cancel(s, r[i]);
	}
}

/* ---- limits of channels ---- */

static void
test_refused_channel_teaches_the_whole_pool(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[6];

	for (int i = 0; i < 6; i++)
		r[i] = sim_request(s, 60, false);
	sim_connected(s, sim_dialling(s));
	/* The server has let three in. */
	for (int i = 3; i < 6; i++) {
		r[i]->session->entry.slots_used--;
		pool_release(&r[i]->session->entry, false, s->now);
		r[i]->state = SIM_WAITING;
		pool_wait_again(&s->pool, &r[i]->waiter);
	}
	pool_learn_channels(&s->pool, &r[0]->session->entry, 3);
	sim_settle(s);

	assert_int_equal(s->pool.max_channels, 3);
	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 3);
	assert_int_equal(sim_count_dialling(s), 1);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 6);
}

static void
test_session_that_opens_no_channel_is_given_up(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);

	pool_learn_channels(&s->pool, &e->entry, 0);
	sim_settle(s);

	assert_int_equal(s->closes, 1);
	assert_int_equal(s->pool.max_channels, 10);
}

/* ---- limits of sessions ---- */

static void
test_room_is_asked_for_when_the_pool_has_nothing(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->max_connections = 0;
	r = sim_request(s, 60, false);
	assert_int_equal(s->connects, 0);
	assert_int_equal(s->rooms, 1);
	assert_int_equal(r->state, SIM_WAITING);
	s->max_connections = 1;
	sim_settle(s);
	assert_int_equal(s->connects, 1);
}

static void
test_global_limit_counts_as_well(void **state)
{
	struct sim *s = *state;

	s->global = 0;
	sim_request(s, 60, false);
	assert_int_equal(s->connects, 0);
	assert_int_equal(s->rooms, 1);
}

static void
test_room_is_not_asked_for_while_own_sessions_are_busy(void **state)
{
	struct sim *s = *state;

	s->max_connections = 1;
	sim_requests(s, 30, 60);
	sim_connected(s, sim_dialling(s));

	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 10);
	assert_int_equal(s->rooms, 0);
}

/* ---- fresh ---- */

static void
test_fresh_request_gets_a_session_of_its_own_closed_after_it(void **state)
{
	struct sim *s = *state;
	struct sim_session *warm = sim_warm(s);
	struct sim_request *fresh = sim_request(s, 60, true);
	struct sim_request *other;

	assert_int_equal(s->connects, 2);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(fresh->state, SIM_RUNNING);
	assert_ptr_not_equal(fresh->session, warm);
	assert_true(fresh->session->private_said);

	other = sim_request(s, 60, false);
	assert_ptr_equal(other->session, warm);
	sim_finish(s, fresh);
	assert_int_equal(s->closes, 1);
	assert_int_equal(sim_count_sessions(s), 1);
}

static void
test_each_fresh_request_has_its_own_session(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[3];

	sim_warm(s);
	for (int i = 0; i < 3; i++)
		r[i] = sim_request(s, 60, true);
	assert_int_equal(sim_count_dialling(s), 3);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));

	for (int i = 0; i < 3; i++) {
		assert_int_equal(r[i]->state, SIM_RUNNING);
		assert_int_equal(r[i]->session->entry.leases, 1);
	}
}

static void
test_private_session_whose_request_left_is_closed(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = sim_request(s, 60, true);

	sim_cancel(s, r);
	sim_connected(s, sim_dialling(s));

	assert_int_equal(s->closes, 1);
	assert_int_equal(sim_count_sessions(s), 0);
}

static void
test_private_session_whose_request_left_serves_the_next_fresh_one(void **state)
{
	struct sim *s = *state;
	struct sim_request *first = sim_request(s, 60, true), *second = sim_request(s, 60, true);

	sim_cancel(s, first);
	sim_connected(s, sim_dialling(s));

	assert_int_equal(second->state, SIM_RUNNING);
	assert_int_equal(s->connects, 1);
}

static void
test_disabled_long_connection_gives_each_request_its_own(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[3];

	s->args.enabled = false;
	for (int i = 0; i < 3; i++) {
		r[i] = sim_request(s, 60, false);
		sim_connected(s, sim_dialling(s));
		assert_int_equal(r[i]->state, SIM_RUNNING);
	}
	assert_int_equal(sim_count_sessions(s), 3);
	for (int i = 0; i < 3; i++)
		sim_finish(s, r[i]);
	assert_int_equal(sim_count_sessions(s), 0);
	assert_int_equal(s->connects, 3);
}

static void
test_switching_long_connection_off_closes_what_is_idle(void **state)
{
	struct sim *s = *state;
	struct conn_args off = s->args;

	sim_warm(s);
	off.enabled = false;
	pool_set_args(&s->pool, &off);
	sim_settle(s);

	assert_int_equal(sim_count_sessions(s), 0);
	pool_set_args(&s->pool, &s->args);
}

static void
test_fresh_request_makes_room_among_idle_sessions(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->max_connections = 1;
	sim_warm(s);
	r = sim_request(s, 60, true);

	assert_int_equal(s->closes, 1);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(r->state, SIM_RUNNING);
}

/* Keeps both sessions busy with short commands of many clients, as a monitoring system would. */
static void
test_fresh_request_is_not_starved_by_shared_ones(void **state)
{
	struct sim *s = *state;
	struct sim_request *fresh;

	s->max_connections = 2;
	s->args.max_channels = s->pool.max_channels = 2;
	sim_requests(s, 8, 0);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 4);
	fresh = sim_request(s, 0, true);
	for (int i = 0; i < 100 && fresh->state == SIM_WAITING; i++) {
		struct sim_request *oldest = NULL;
		sim_request(s, 0, false);
		for (int k = 0; k < SIM_MOST; k++) {
			struct sim_request *r = &s->requests[k];
			if (r->state == SIM_RUNNING && (oldest == NULL || r->waiter.id < oldest->waiter.id))
				oldest = r;
		}
		sim_finish(s, oldest);
		if (sim_dialling(s) != NULL)
			sim_connected(s, sim_dialling(s));
	}

	assert_int_equal(fresh->state, SIM_RUNNING);
	assert_true(s->assigns < 20);
}

static void
test_shared_request_is_not_starved_by_fresh_ones(void **state)
{
	struct sim *s = *state;
	struct sim_request *shared;

	s->max_connections = 2;
	sim_warm(s);
	sim_lost(s, &s->sessions[0]);
	for (int i = 0; i < 4; i++)
		sim_request(s, 0, true);
	shared = sim_request(s, 0, false);
	for (int i = 0; i < 100 && shared->state == SIM_WAITING; i++) {
		sim_request(s, 0, true);
		while (sim_dialling(s) != NULL)
			sim_connected(s, sim_dialling(s));
		for (int k = 0; k < SIM_MOST; k++) {
			if (s->requests[k].state == SIM_RUNNING && &s->requests[k] != shared) {
				sim_finish(s, &s->requests[k]);
				break;
			}
		}
	}

	assert_int_equal(shared->state, SIM_RUNNING);
	assert_true(s->assigns < 10);
}

static void
test_fresh_request_that_gives_up_leaves_busy_sessions_as_they_were(void **state)
{
	struct sim *s = *state;
	struct sim_request *fresh, *behind;

	s->max_connections = 1;
	sim_requests(s, 1, 0);
	sim_connected(s, sim_dialling(s));
	fresh = sim_request(s, 5, true);
	behind = sim_request(s, 0, false);
	assert_int_equal(behind->state, SIM_WAITING);
	sim_advance(s, 5);

	assert_int_equal(fresh->state, SIM_FAILED);
	assert_int_equal(fresh->why.reason, REASON_QUEUE_TIMEOUT);
	assert_int_equal(behind->state, SIM_RUNNING);
	assert_int_equal(s->closes, 0);
}

static void
test_session_with_the_fewest_commands_makes_room_for_a_fresh_request(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[4], *fresh, *behind;

	s->args.max_channels = s->pool.max_channels = 2;
	s->max_connections = 2;
	for (int i = 0; i < 4; i++)
		r[i] = sim_request(s, 0, false);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));
	assert_ptr_equal(r[0]->session, r[1]->session);
	sim_finish(s, r[2]);
	fresh = sim_request(s, 0, true);
	behind = sim_request(s, 0, false);

	/* The free channel is on the session that is to end: the other one is waited for. */
	assert_int_equal(behind->state, SIM_WAITING);
	s->now += 1;
	sim_finish(s, r[0]);
	assert_ptr_equal(behind->session, r[1]->session);
	sim_finish(s, r[3]);
	assert_int_equal(s->closes, 1);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(fresh->state, SIM_RUNNING);
}

/* ---- a person at the login ---- */

static struct sim_session *
connect_with_person(struct sim *s)
{
	struct sim_session *e = sim_dialling(s);

	e->dialling = false;
	pool_connect_done(&s->pool, &e->entry, true, s->now);
	sim_settle(s);
	return e;
}

static void
test_login_that_needed_a_person_opens_no_second_session(void **state)
{
	struct sim *s = *state;
	struct sim_session *e;

	sim_requests(s, 30, 60);
	e = connect_with_person(s);
	assert_int_equal(sim_count_sessions(s), 1);
	assert_int_equal(e->entry.leases, 10);
	for (int i = 0; i < SIM_MOST; i++) {
		if (s->requests[i].state == SIM_RUNNING)
			sim_finish(s, &s->requests[i]);
	}
	assert_int_equal(sim_count_requests(s, SIM_DONE), 30);
	assert_int_equal(s->connects, 1);
}

static void
test_fresh_request_beside_a_persons_login_is_refused(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	sim_request(s, 60, false);
	connect_with_person(s);
	r = sim_request(s, 60, true);

	assert_int_equal(r->state, SIM_FAILED);
	assert_int_equal(r->why.reason, REASON_DENIED);
	assert_non_null(strstr(r->why.text, "--fresh"));
}

static void
test_persons_login_is_not_repeated_without_a_request(void **state)
{
	struct sim *s = *state;
	struct sim_session *e;

	s->pool.persistent_wanted = s->args.persistent = true;
	sim_settle(s);
	e = connect_with_person(s);
	sim_lost(s, e);
	sim_advance(s, 1000);
	assert_int_equal(s->connects, 1);

	sim_request(s, 60, false);
	assert_int_equal(s->connects, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A jump host's session carries any number of sessions of devices behind it: they take none of its session channels. */
static void
test_forwarded_connections_take_no_channel(void **state)
{
	struct sim *s = *state;
	struct pool_room room = {.device = 0, .global = 0};
	struct pool_waiter carried[20];
	struct sim_session *e;

	s->args.max_channels = 1;
	pool_set_args(&s->pool, &s->args);
	e = sim_warm(s);
	sim_request(s, 0, false); /* takes the only channel */
	for (size_t i = 0; i < NP_COUNT(carried); i++) {
		struct pool_action action;

		memset(&carried[i], 0, sizeof(carried[i]));
		carried[i].id = 1000 + i;
		carried[i].slotless = true;
		pool_wait(&s->pool, &carried[i], s->now);
		action = pool_next(&s->pool, &room, s->now);
		assert_int_equal(action.verb, POOL_ASSIGN);
		assert_ptr_equal(action.waiter, &carried[i]);
		assert_ptr_equal(action.entry, &e->entry);
	}
	assert_int_equal(e->entry.leases, 21);
	for (size_t i = 0; i < NP_COUNT(carried); i++)
		pool_release(&e->entry, true, s->now);
	assert_int_equal(e->entry.leases, 1);
	assert_string_equal(pool_state_word(&s->pool), "executing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_first_request_connects_and_gets_the_session),
	    T(test_forwarded_connections_take_no_channel),
	    T(test_unresolved_pool_resolves_before_it_connects),
	    T(test_failed_resolve_answers_all_and_backs_off),
	    T(test_warm_session_is_given_at_once),
	    T(test_burst_of_200_waits_for_one_login_then_uses_as_many_as_allowed),
	    T(test_only_as_many_sessions_are_made_as_the_queue_needs),
	    T(test_waiters_are_served_in_the_order_of_their_coming),
	    T(test_one_request_waits_for_no_hundred_of_another_party),
	    T(test_parties_take_turns),
	    T(test_who_asks_again_and_again_waits_for_the_turn_of_others),
	    T(test_who_returns_keeps_his_turn),
	    T(test_who_is_served_before_his_turn_moves_nobody_back),
	    T(test_newcomers_are_not_before_everybody_while_another_kind_waits),
	    T(test_who_wants_his_own_is_not_behind_for_what_others_share),
	    T(test_session_used_last_is_preferred),
	    T(test_slot_of_a_closing_channel_is_not_given_away),
	    T(test_waiter_that_left_is_not_served),
	    T(test_request_whose_session_died_unsent_goes_before_the_others),
	    T(test_requests_of_one_moment_keep_their_order_when_they_wait_again),
	    T(test_refused_channel_teaches_the_whole_pool),
	    T(test_session_that_opens_no_channel_is_given_up),
	    T(test_room_is_asked_for_when_the_pool_has_nothing),
	    T(test_global_limit_counts_as_well),
	    T(test_room_is_not_asked_for_while_own_sessions_are_busy),
	    T(test_fresh_request_gets_a_session_of_its_own_closed_after_it),
	    T(test_each_fresh_request_has_its_own_session),
	    T(test_private_session_whose_request_left_is_closed),
	    T(test_private_session_whose_request_left_serves_the_next_fresh_one),
	    T(test_disabled_long_connection_gives_each_request_its_own),
	    T(test_switching_long_connection_off_closes_what_is_idle),
	    T(test_fresh_request_makes_room_among_idle_sessions),
	    T(test_fresh_request_is_not_starved_by_shared_ones),
	    T(test_shared_request_is_not_starved_by_fresh_ones),
	    T(test_fresh_request_that_gives_up_leaves_busy_sessions_as_they_were),
	    T(test_session_with_the_fewest_commands_makes_room_for_a_fresh_request),
	    T(test_login_that_needed_a_person_opens_no_second_session),
	    T(test_fresh_request_beside_a_persons_login_is_refused),
	    T(test_persons_login_is_not_repeated_without_a_request),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
