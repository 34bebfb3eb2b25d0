/* The pool's policy in invented time: how sessions end, what stays, how long requests wait, reloads. */
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

/* ---- ends of sessions ---- */

static void
test_idle_session_is_closed_in_time_and_not_before(void **state)
{
	struct sim *s = *state;

	s->args.keepalive = false;
	sim_warm(s);
	sim_advance(s, 299.9);
	assert_int_equal(s->closes, 0);
	assert_true(sim_advance_to_wake(s, s->now + 0.2));

	assert_int_equal(s->closes, 1);
	assert_string_equal(pool_state_word(&s->pool), "idle");
	assert_true(s->wake_at == 0);
}

static void
test_session_in_use_is_not_idle(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->args.keepalive = false;
	r = sim_request(s, 60, false);
	sim_connected(s, sim_dialling(s));
	sim_advance(s, 1000);
	assert_int_equal(s->closes, 0);
	sim_finish(s, r);
	sim_advance(s, 299);
	assert_int_equal(s->closes, 0);
	sim_advance(s, 1);
	assert_int_equal(s->closes, 1);
}

static void
test_request_at_the_moment_of_the_idle_close_wins(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->args.keepalive = false;
	sim_warm(s);
	s->now += 300;
	r = sim_request(s, 60, false);

	assert_int_equal(r->state, SIM_RUNNING);
	assert_int_equal(s->closes, 0);
}

static void
test_zero_means_no_limit(void **state)
{
	struct sim *s = *state;

	s->args.max_idle_time = s->args.max_age = s->args.keepalive_interval = s->args.check_delay = 0;
	sim_warm(s);
	assert_true(s->wake_at == 0);
	sim_advance(s, 1e6);
	assert_int_equal(s->closes, 0);
	assert_int_equal(sim_request(s, 0, false)->state, SIM_RUNNING);
	assert_int_equal(s->probes + s->keepalives, 0);
}

static void
test_old_session_drains_and_ends_with_its_last_lease(void **state)
{
	struct sim *s = *state;
	struct sim_request *old, *next;

	s->args.keepalive = false;
	s->args.max_age = 1000;
	old = sim_request(s, 0, false);
	sim_connected(s, sim_dialling(s));
	assert_in_range(old->session->entry.life, 900, 1000);
	sim_advance(s, 1000);
	assert_int_equal(s->closes, 0);
	assert_int_equal(old->session->entry.state, POOL_DRAINING);

	next = sim_request(s, 0, false);
	assert_int_equal(next->state, SIM_WAITING);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(next->state, SIM_RUNNING);
	assert_ptr_not_equal(next->session, old->session);
	sim_finish(s, old);
	assert_int_equal(s->closes, 1);
}

static void
test_lives_are_spread(void **state)
{
	struct sim *s = *state;
	double shortest = 1e9, longest = 0;

	sim_requests(s, 100, 0);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));
	for (int i = 0; i < 10; i++) {
		double life = s->sessions[i].entry.life;
		assert_true(life <= 86400 && life >= 0.9 * 86400);
		shortest = life < shortest ? life : shortest;
		longest = life > longest ? life : longest;
	}
	assert_true(longest - shortest > 1000);
}

static void
test_drain_lets_commands_finish_and_new_ones_connect_anew(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = sim_request(s, 0, false), *next;

	sim_connected(s, sim_dialling(s));
	pool_drain_all(&s->pool, "configuration changed");
	sim_settle(s);
	assert_int_equal(s->closes, 0);
	assert_string_equal(pool_state_word(&s->pool), "executing");
	next = sim_request(s, 0, false);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(next->state, SIM_RUNNING);
	sim_finish(s, running);
	assert_int_equal(s->closes, 1);
	assert_int_equal(next->session->entry.state, POOL_READY);
}

static void
test_attempt_drained_by_a_reload_is_replaced_and_its_failure_is_nobodys(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = sim_request(s, 60, false);
	struct sim_session *old = sim_dialling(s);

	pool_drain_all(&s->pool, "configuration changed");
	pool_unblock(&s->pool, true);
	sim_settle(s);
	assert_true(old->closing);
	/* Still the only attempt until the old one has ended. */
	assert_int_equal(s->connects, 1);
	sim_connect_fails(s, old, REASON_AUTH_FAILED, "old password");
	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(s->connects, 2);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(r->state, SIM_RUNNING);
}

static void
test_attempt_drained_by_a_reload_that_succeeds_is_closed_and_proves_nothing(void **state)
{
	struct sim *s = *state;

	sim_requests(s, 30, 60);
	pool_drain_all(&s->pool, "configuration changed");
	sim_settle(s);
	sim_connected(s, sim_dialling(s));

	assert_int_equal(s->closes, 2);
	assert_false(s->pool.proven);
	assert_int_equal(sim_count_dialling(s), 1);
}

static void
test_close_is_asked_for_once(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);

	s->keep_closing = true;
	pool_drain(&e->entry, "closed by hand");
	sim_settle(s);
	pool_drain(&e->entry, "closed by hand");
	sim_settle(s);
	assert_int_equal(s->closes, 1);
	assert_string_equal(e->why.text, "closed by hand");
	assert_string_equal(pool_state_word(&s->pool), "disconnected");

	/* It still counts until it has gone. */
	s->max_connections = 1;
	assert_int_equal(sim_request(s, 60, false)->state, SIM_WAITING);
	assert_int_equal(s->connects, 1);
	assert_int_equal(s->rooms, 0);
	sim_lost(s, e);
	assert_int_equal(s->connects, 2);
}

static void
test_idle_entry_is_the_one_longest_unused(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[20];
	struct sim_session *first;

	assert_null(pool_idle_entry(&s->pool));
	for (int i = 0; i < 20; i++)
		r[i] = sim_request(s, 0, false);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));
	assert_null(pool_idle_entry(&s->pool));
	first = r[0]->session;
	for (int i = 0; i < 20; i++) {
		s->now += 1;
		sim_finish(s, r[i]);
	}
	assert_ptr_equal(pool_idle_entry(&s->pool), &first->entry);
	s->pool.persistent_wanted = s->args.persistent = true;
	assert_non_null(pool_idle_entry(&s->pool));
	sim_lost(s, first);
	assert_null(pool_idle_entry(&s->pool));
}

/* ---- persistent ---- */

static void
test_persistent_pool_connects_without_a_request_and_stays(void **state)
{
	struct sim *s = *state;

	s->args.keepalive = false;
	s->pool.persistent_wanted = s->args.persistent = true;
	sim_settle(s);
	assert_int_equal(s->connects, 1);
	sim_connected(s, sim_dialling(s));
	sim_advance(s, 10000);
	assert_int_equal(s->closes, 0);

	sim_lost(s, &s->sessions[0]);
	assert_int_equal(s->connects, 2);
}

static void
test_persistent_pool_closed_by_hand_rests(void **state)
{
	struct sim *s = *state;
	struct conn_args same;
	struct sim_request *r;

	s->args.persistent = true;
	s->args.keepalive = false;
	pool_set_args(&s->pool, &s->args);
	sim_settle(s);
	sim_connected(s, sim_dialling(s));
	pool_rest(&s->pool, false);
	sim_lost(s, &s->sessions[0]);
	sim_advance(s, 100000);
	assert_int_equal(s->connects, 1);
	assert_string_equal(pool_state_word(&s->pool), "disconnected");

	/* A request ends that, and its session stays. */
	r = sim_request(s, 60, false);
	assert_int_equal(s->connects, 2);
	sim_connected(s, sim_dialling(s));
	sim_finish(s, r);
	sim_advance(s, 10000);
	assert_int_equal(s->closes, 0);

	/* So do arguments that are set anew, whether they changed or not. */
	pool_rest(&s->pool, false);
	sim_lost(s, sim_session_of(TAILQ_FIRST(&s->pool.entries)));
	assert_int_equal(s->connects, 2);
	same = s->args;
	pool_set_args(&s->pool, &same);
	sim_settle(s);
	assert_int_equal(s->connects, 3);
	pool_set_args(&s->pool, &s->args);

	/* Somebody waits already when the person closes. */
	sim_request(s, 60, false);
	pool_rest(&s->pool, false);
	assert_true(s->pool.persistent_wanted);
}

static void
test_persistent_pool_keeps_only_one_idle_session(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[30];

	s->args.keepalive = false;
	s->pool.persistent_wanted = s->args.persistent = true;
	for (int i = 0; i < 30; i++)
		r[i] = sim_request(s, 0, false);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));
	for (int i = 0; i < 30; i++)
		sim_finish(s, r[i]);
	assert_int_equal(sim_count_sessions(s), 3);
	sim_advance(s, 400);
	assert_int_equal(sim_count_sessions(s), 1);
}

static void
test_persistent_pool_reconnects_with_back_off(void **state)
{
	struct sim *s = *state;
	double delays[8];

	s->pool.persistent_wanted = s->args.persistent = true;
	sim_settle(s);
	for (int i = 0; i < 8; i++) {
		double before = s->now;
		sim_connect_fails(s, sim_dialling(s), REASON_CONNECT_FAILED, "refused");
		assert_null(sim_dialling(s));
		assert_true(sim_advance_to_wake(s, s->now + 61));
		assert_non_null(sim_dialling(s));
		delays[i] = s->now - before;
	}
	for (int i = 0; i < 8; i++) {
		double full = i < 6 ? 1 << i : 60;
		assert_true(delays[i] <= full && delays[i] >= 0.75 * full);
	}
}

static void
test_persistent_pool_does_not_repeat_a_failed_authentication(void **state)
{
	struct sim *s = *state;

	s->pool.persistent_wanted = s->args.persistent = true;
	sim_settle(s);
	sim_connect_fails(s, sim_dialling(s), REASON_AUTH_FAILED, "no");
	assert_true(s->wake_at == 0);
	sim_advance(s, 1e6);
	assert_int_equal(s->connects, 1);
	assert_string_equal(pool_state_word(&s->pool), "failed");
}

/* ---- waiting ---- */

static void
test_queue_timeout_names_what_was_waited_for(void **state)
{
	struct sim *s = *state;
	struct sim_request *r, *late;

	s->max_connections = 1;
	sim_requests(s, 12, 0);
	sim_connected(s, sim_dialling(s));
	r = sim_request(s, 5, false);
	late = sim_request(s, 6, false);
	sim_advance(s, 4.9);
	assert_int_equal(r->state, SIM_WAITING);
	assert_true(sim_advance_to_wake(s, s->now + 0.2));

	assert_int_equal(r->state, SIM_FAILED);
	assert_int_equal(r->why.reason, REASON_QUEUE_TIMEOUT);
	assert_non_null(strstr(r->why.text, "within 5 s"));
	assert_non_null(strstr(r->why.text, "2 requests were ahead"));
	assert_non_null(strstr(r->why.text, ": its session is busy"));
	assert_int_equal(late->state, SIM_WAITING);
}

static void
test_notice_comes_once_after_two_seconds_with_the_number_ahead(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->max_connections = 1;
	s->args.max_channels = s->pool.max_channels = 1;
	sim_requests(s, 4, 0);
	sim_connected(s, sim_dialling(s));
	r = sim_request(s, 0, false);
	sim_advance(s, 1.9);
	assert_int_equal(s->notices, 0);
	assert_true(sim_advance_to_wake(s, s->now + 0.2));

	assert_int_equal(s->notices, 4);
	assert_int_equal(r->notices, 1);
	assert_int_equal(r->ahead, 3);
	sim_advance(s, 50);
	assert_int_equal(r->notices, 1);
}

static void
test_paused_pool_lets_requests_wait_and_serves_them_afterwards(void **state)
{
	struct sim *s = *state;
	struct sim_request *r, *late;

	sim_warm(s);
	s->pool.paused = true;
	r = sim_request(s, 60, false);
	late = sim_request(s, 3, true);
	sim_advance(s, 10);
	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(late->why.reason, REASON_QUEUE_TIMEOUT);
	assert_non_null(strstr(late->why.text, "paused"));
	assert_int_equal(s->connects, 1);
	s->pool.paused = false;
	sim_settle(s);
	assert_int_equal(r->state, SIM_RUNNING);
}

static void
test_disabled_pool_answers_with_the_operators_text(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->pool.disabled = true;
	snprintf(s->pool.disabled_text, sizeof(s->pool.disabled_text), "maintenance until 4 pm");
	r = sim_request(s, 60, false);

	assert_int_equal(r->why.reason, REASON_DISABLED);
	assert_string_equal(r->why.text, "maintenance until 4 pm");
	assert_int_equal(s->connects, 0);
	s->pool.disabled_text[0] = '\0';
	assert_non_null(strstr(sim_request(s, 60, false)->why.text, "npctl enable"));
}

static void
test_draining_pool_serves_its_queue_and_closes_then(void **state)
{
	struct sim *s = *state;
	struct sim_request *running, *waiting;

	s->max_connections = 1;
	s->args.max_channels = s->pool.max_channels = 1;
	sim_warm(s);
	running = sim_request(s, 60, false);
	waiting = sim_request(s, 60, false);
	s->pool.draining = true;
	sim_settle(s);
	assert_int_equal(s->closes, 0);
	sim_finish(s, running);
	assert_int_equal(waiting->state, SIM_RUNNING);
	assert_int_equal(s->closes, 0);
	sim_finish(s, waiting);
	assert_int_equal(s->closes, 1);
	assert_int_equal(s->connects, 1);
}

static void
test_draining_pool_opens_nothing_by_itself(void **state)
{
	struct sim *s = *state;

	s->pool.persistent_wanted = s->args.persistent = true;
	s->pool.draining = true;
	sim_advance(s, 100);
	assert_int_equal(s->connects, 0);
	s->pool.draining = false;
	sim_settle(s);
	assert_int_equal(s->connects, 1);
	s->pool.draining = true;
	sim_settle(s);
	assert_int_equal(s->closes, 1); /* a dial that nobody waits for is given up */
}

static void
test_paused_jump_host_lets_no_forward_time_out(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = &s->requests[0];

	s->pool.paused = true;
	r->state = SIM_WAITING;
	r->waiter = (struct pool_waiter){.id = s->next_id++, .deadline = s->now + 1, .slotless = true};
	pool_wait(&s->pool, &r->waiter, s->now);
	sim_advance(s, 100);
	assert_int_equal(r->state, SIM_WAITING);
	s->pool.paused = false;
	r->waiter.deadline = s->now + 1; /* as the broker moves it */
	sim_settle(s);
	assert_int_equal(s->connects, 1);
	sim_advance(s, 2);
	assert_int_equal(r->why.reason, REASON_QUEUE_TIMEOUT);
}

/* ---- trials ---- */

static struct sim_session *
sim_trial(struct sim *s)
{
	struct sim_session *e = &s->sessions[SIM_MOST - 1];

	e->in_use = e->dialling = true;
	pool_trial_started(&s->pool, &e->entry, s->next_id++, s->now);
	sim_settle(s);
	return e;
}

static void
test_trial_is_nobodys_session(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_trial(s);
	struct sim_request *fresh;

	s->max_connections = 1;
	fresh = sim_request(s, 60, true);
	assert_int_equal(s->connects, 0);
	sim_connected(s, e);
	assert_int_equal(s->closes, 1);
	assert_int_equal(s->connects, 1);
	assert_int_equal(fresh->state, SIM_WAITING);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(fresh->state, SIM_RUNNING);
}

static void
test_trial_is_the_one_attempt_until_a_login_succeeded(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_trial(s);

	sim_request(s, 60, false);
	assert_int_equal(s->connects, 0);
	sim_connected(s, e);
	assert_true(s->pool.proven);
	assert_int_equal(s->connects, 1);
}

static void
test_trial_that_fails_blocks_only_when_the_login_was_refused(void **state)
{
	struct sim *s = *state;

	sim_connect_fails(s, sim_trial(s), REASON_CONNECT_FAILED, "refused");
	assert_int_equal(s->pool.block, POOL_OPEN);
	assert_int_equal(s->pool.failures, 0);
	assert_int_equal(s->pool.last_error.reason, REASON_NONE);
	sim_connect_fails(s, sim_trial(s), REASON_AUTH_FAILED, "wrong password");
	assert_int_equal(s->pool.block, POOL_AUTH);
	assert_int_equal(sim_request(s, 60, false)->why.reason, REASON_AUTH_BACKOFF);
	sim_connected(s, sim_trial(s));
	assert_int_equal(s->pool.block, POOL_OPEN);
}

static void
test_trial_logs_in_where_that_risks_no_lockout(void **state)
{
	struct sim *s = *state;
	struct sim_session *e;
	struct np_error err;

	assert_int_equal(pool_may_try(&s->pool, false, s->now, &err), 0);
	e = sim_trial(s);
	assert_int_equal(pool_may_try(&s->pool, true, s->now, &err), -1); /* one at a time */
	assert_int_equal(err.reason, REASON_BACKOFF);
	sim_connect_fails(s, e, REASON_AUTH_FAILED, "wrong password");
	assert_int_equal(pool_may_try(&s->pool, false, s->now, &err), -1);
	assert_int_equal(err.reason, REASON_AUTH_BACKOFF);
	assert_non_null(strstr(err.text, "wrong password"));
	assert_int_equal(pool_may_try(&s->pool, true, s->now, &err), 0); /* he knows what he asks for */
}

/* ---- reload ---- */

static void
test_reload_changes_limits_of_sessions_that_exist(void **state)
{
	struct sim *s = *state;
	struct conn_args changed = s->args;

	changed.keepalive = s->args.keepalive = false;
	sim_warm(s);
	changed.max_idle_time = 10;
	pool_set_args(&s->pool, &changed);
	sim_settle(s);
	assert_true(sim_advance_to_wake(s, s->now + 10));
	assert_int_equal(s->closes, 1);
	pool_set_args(&s->pool, &s->args);
}

static void
test_reload_keeps_what_was_learned_about_channels(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct conn_args more = s->args, fewer = s->args;

	more.max_channels = 20;
	fewer.max_channels = 2;
	pool_set_args(&s->pool, &more);
	assert_int_equal(s->pool.max_channels, 20);
	pool_learn_channels(&s->pool, &e->entry, 4);
	pool_set_args(&s->pool, &s->args);
	assert_int_equal(s->pool.max_channels, 4);
	pool_set_args(&s->pool, &fewer);
	assert_int_equal(s->pool.max_channels, 2);
	pool_set_args(&s->pool, &s->args);
}

static void
test_reload_makes_a_pool_persistent_and_back(void **state)
{
	struct sim *s = *state;
	struct conn_args persistent = s->args;

	persistent.persistent = true;
	pool_set_args(&s->pool, &persistent);
	sim_settle(s);
	assert_int_equal(s->connects, 1);
	pool_set_args(&s->pool, &s->args);
	assert_false(s->pool.persistent_wanted);

	/* Opened by hand: a reload that says nothing about it leaves it so. */
	s->pool.persistent_wanted = s->args.persistent = true;
	pool_set_args(&s->pool, &s->args);
	assert_true(s->pool.persistent_wanted);
}

static void
test_reload_that_changes_nothing_ends_no_session(void **state)
{
	struct sim *s = *state;
	struct conn_args same = s->args;
	struct sim_session *e = sim_warm(s);
	double life = e->entry.life;

	pool_set_args(&s->pool, &same);
	assert_true(e->entry.life == life);
	same.max_age = 100;
	pool_set_args(&s->pool, &s->args);
	pool_set_args(&s->pool, &same);
	assert_true(e->entry.life <= 100 && e->entry.life >= 90);
	pool_set_args(&s->pool, &s->args);
}

static void
test_lowered_limit_closes_the_idle_sessions_above_it(void **state)
{
	struct sim *s = *state;
	struct sim_request *requests[4];
	struct sim_session *sessions[4];

	s->args.max_channels = s->pool.max_channels = 1;
	for (int i = 0; i < 4; i++) {
		requests[i] = sim_request(s, 0, false);
		sim_connected(s, sim_dialling(s));
		sessions[i] = requests[i]->session;
	}
	for (int i = 0; i < 4; i++) {
		s->now++;
		sim_finish(s, requests[i]);
	}
	s->max_connections = 4;
	s->keep_closing = true;
	sim_settle(s);
	assert_int_equal(s->closes, 0);
	s->max_connections = 2;
	sim_settle(s);
	sim_settle(s); /* those that are still being closed are not counted twice */
	assert_int_equal(s->closes, 2);
	assert_true(sessions[0]->closing && sessions[1]->closing); /* the longest unused */
	assert_string_equal(sessions[0]->why.text, "max_connections was lowered");
}

static void
test_lowered_limit_lets_commands_end(void **state)
{
	struct sim *s = *state;
	struct sim_request *one, *two, *more;

	s->args.max_channels = s->pool.max_channels = 2;
	sim_warm(s);
	one = sim_request(s, 0, false);
	sim_request(s, 0, false);
	two = sim_request(s, 0, false);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 3);
	s->max_connections = 1;
	sim_settle(s);
	assert_int_equal(s->closes, 0);
	assert_int_equal(two->session->entry.state, POOL_DRAINING); /* it has the fewest leases */
	/* Under load: what comes meanwhile is for the one that stays. */
	more = sim_request(s, 0, false);
	assert_int_equal(more->state, SIM_WAITING);
	sim_finish(s, one);
	sim_settle(s);
	assert_int_equal(more->state, SIM_RUNNING);
	sim_finish(s, two);
	sim_settle(s);
	assert_int_equal(s->closes, 1);
	assert_int_equal(sim_count_sessions(s), 1);
}

static void
test_lowered_limit_gives_up_an_attempt_before_a_session(void **state)
{
	struct sim *s = *state;
	struct sim_session *warm = sim_warm(s);
	struct sim_request *waits;

	s->args.max_channels = s->pool.max_channels = 1;
	sim_request(s, 0, false);
	waits = sim_request(s, 0, false);
	assert_int_equal(sim_count_dialling(s), 1);
	s->max_connections = 1;
	sim_settle(s);
	assert_true(sim_dialling(s)->closing);
	assert_int_equal(warm->entry.state, POOL_READY);
	sim_connect_fails(s, sim_dialling(s), REASON_CANCELLED, "given up");
	assert_int_equal(waits->state, SIM_WAITING);
	assert_int_equal(s->connects, 2);
}

static void
test_lowered_limit_leaves_a_request_its_own_session(void **state)
{
	struct sim *s = *state;
	struct sim_request *fresh;

	sim_warm(s);
	fresh = sim_request(s, 0, true);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(fresh->state, SIM_RUNNING);
	s->max_connections = 1;
	sim_settle(s);
	assert_int_equal(s->closes, 1); /* the shared one, which nobody uses */
	assert_int_equal(fresh->session->entry.state, POOL_READY);
}

static void
test_session_closed_by_other_hands_is_given_to_nobody(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct sim_request *r;

	pool_closing(&e->entry);
	e->closing = true;
	r = sim_request(s, 60, false);
	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(s->closes, 0);
	assert_int_equal(s->connects, 2);
	assert_string_equal(pool_entry_state_word(&e->entry), "disconnected");
	sim_lost(s, e);
	pool_closing(&e->entry);
}

static void
test_words_of_states_are_those_people_know(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = sim_request(s, 60, false);
	struct sim_session *e = sim_dialling(s);

	assert_string_equal(pool_entry_state_word(&e->entry), "connecting");
	sim_connected(s, e);
	assert_string_equal(pool_entry_state_word(&e->entry), "executing");
	sim_advance(s, 60);
	assert_string_equal(pool_entry_state_word(&e->entry), "executing");
	sim_finish(s, r);
	assert_string_equal(pool_entry_state_word(&e->entry), "keepalive");
	pool_alive(&e->entry, s->now);
	assert_string_equal(pool_entry_state_word(&e->entry), "connected");
	s->keep_closing = true;
	pool_drain(&e->entry, "closed by hand");
	assert_string_equal(pool_entry_state_word(&e->entry), "disconnected");
	sim_settle(s);
	assert_string_equal(pool_entry_state_word(&e->entry), "disconnected");

	sim_lost(s, e);
	assert_string_equal(pool_state_word(&s->pool), "idle");
	s->pool.persistent_wanted = s->args.persistent = true;
	assert_string_equal(pool_state_word(&s->pool), "disconnected");
	s->pool.resolved = false;
	sim_settle(s);
	assert_string_equal(pool_state_word(&s->pool), "connecting");
}

static void
test_attempt_being_drained_still_shows_as_connecting(void **state)
{
	struct sim *s = *state;
	struct sim_session *e;

	sim_request(s, 60, false);
	e = sim_dialling(s);
	pool_drain(&e->entry, "configuration changed");
	assert_string_equal(pool_entry_state_word(&e->entry), "connecting");
}

static void
test_persistent_pool_with_only_a_private_session_makes_its_own(void **state)
{
	struct sim *s = *state;

	sim_warm(s);
	sim_lost(s, &s->sessions[0]);
	sim_request(s, 0, true);
	assert_int_equal(sim_count_dialling(s), 1);
	s->pool.persistent_wanted = s->args.persistent = true;
	sim_settle(s);
	assert_int_equal(sim_count_dialling(s), 2);
	sim_settle(s);
	assert_int_equal(sim_count_dialling(s), 2);
}

static void
test_persistent_pool_makes_a_new_session_while_the_old_one_drains(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = sim_request(s, 0, false);

	sim_connected(s, sim_dialling(s));
	s->pool.persistent_wanted = s->args.persistent = true;
	pool_drain(&r->session->entry, "it has reached its max_age");
	sim_settle(s);
	assert_int_equal(sim_count_dialling(s), 1);
}

static void
test_queue_timeout_tells_apart_what_stands_in_the_way(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	r = sim_request(s, 5, false);
	sim_advance(s, 5);
	assert_non_null(strstr(r->why.text, "login is still under way"));

	sim_connect_fails(s, sim_dialling(s), REASON_CONNECT_FAILED, "connection refused");
	s->max_connections = 0;
	r = sim_request(s, 5, false);
	sim_advance(s, 5);
	assert_int_equal(r->why.reason, REASON_QUEUE_TIMEOUT);
	assert_non_null(strstr(r->why.text, "connection refused"));

	pool_unblock(&s->pool, false);
	r = sim_request(s, 5, false);
	sim_advance(s, 5);
	assert_non_null(strstr(r->why.text, "limit of sessions"));

	s->pool.resolved = false;
	r = sim_request(s, 5, false);
	sim_advance(s, 5);
	assert_non_null(strstr(r->why.text, "configuration"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_idle_session_is_closed_in_time_and_not_before),
	    T(test_session_in_use_is_not_idle),
	    T(test_request_at_the_moment_of_the_idle_close_wins),
	    T(test_zero_means_no_limit),
	    T(test_old_session_drains_and_ends_with_its_last_lease),
	    T(test_lives_are_spread),
	    T(test_drain_lets_commands_finish_and_new_ones_connect_anew),
	    T(test_attempt_drained_by_a_reload_is_replaced_and_its_failure_is_nobodys),
	    T(test_attempt_drained_by_a_reload_that_succeeds_is_closed_and_proves_nothing),
	    T(test_close_is_asked_for_once),
	    T(test_idle_entry_is_the_one_longest_unused),
	    T(test_persistent_pool_connects_without_a_request_and_stays),
	    T(test_persistent_pool_closed_by_hand_rests),
	    T(test_persistent_pool_keeps_only_one_idle_session),
	    T(test_persistent_pool_reconnects_with_back_off),
	    T(test_persistent_pool_does_not_repeat_a_failed_authentication),
	    T(test_queue_timeout_names_what_was_waited_for),
	    T(test_notice_comes_once_after_two_seconds_with_the_number_ahead),
	    T(test_paused_pool_lets_requests_wait_and_serves_them_afterwards),
	    T(test_disabled_pool_answers_with_the_operators_text),
	    T(test_draining_pool_serves_its_queue_and_closes_then),
	    T(test_draining_pool_opens_nothing_by_itself),
	    T(test_paused_jump_host_lets_no_forward_time_out),
	    T(test_trial_is_nobodys_session),
	    T(test_trial_is_the_one_attempt_until_a_login_succeeded),
	    T(test_trial_logs_in_where_that_risks_no_lockout),
	    T(test_trial_that_fails_blocks_only_when_the_login_was_refused),
	    T(test_reload_changes_limits_of_sessions_that_exist),
	    T(test_reload_keeps_what_was_learned_about_channels),
	    T(test_reload_makes_a_pool_persistent_and_back),
	    T(test_reload_that_changes_nothing_ends_no_session),
	    T(test_lowered_limit_closes_the_idle_sessions_above_it),
	    T(test_lowered_limit_lets_commands_end),
	    T(test_lowered_limit_gives_up_an_attempt_before_a_session),
	    T(test_lowered_limit_leaves_a_request_its_own_session),
	    T(test_session_closed_by_other_hands_is_given_to_nobody),
	    T(test_words_of_states_are_those_people_know),
	    T(test_attempt_being_drained_still_shows_as_connecting),
	    T(test_persistent_pool_with_only_a_private_session_makes_its_own),
	    T(test_persistent_pool_makes_a_new_session_while_the_old_one_drains),
	    T(test_queue_timeout_tells_apart_what_stands_in_the_way),
	};

	return cmocka_run_group_tests_name("pool_life", tests, NULL, NULL);
}
