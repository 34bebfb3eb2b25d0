/* The pool's policy when things go wrong: logins that fail, sessions that fall silent. */
#include <math.h>
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

static void
fail_login(struct sim *s, enum np_reason reason, const char *text)
{
	assert_non_null(sim_dialling(s));
	sim_connect_fails(s, sim_dialling(s), reason, text);
}

/* ---- authentication ---- */

static void
test_300_requests_with_a_wrong_password_make_one_attempt(void **state)
{
	struct sim *s = *state;

	sim_requests(s, 150, 60);
	fail_login(s, REASON_AUTH_FAILED, "permission denied (password)");
	assert_int_equal(s->fails, 150);
	sim_requests(s, 150, 60);

	assert_int_equal(s->connects, 1);
	assert_int_equal(s->fails, 300);
	for (int i = 0; i < 150; i++) {
		assert_int_equal(s->requests[i].why.reason, REASON_AUTH_FAILED);
		assert_string_equal(s->requests[i].why.text, "permission denied (password)");
	}
	for (int i = 150; i < 300; i++) {
		assert_int_equal(s->requests[i].why.reason, REASON_AUTH_BACKOFF);
		assert_non_null(strstr(s->requests[i].why.text, "permission denied (password)"));
		assert_ptr_equal(strstr(s->requests[i].why.text, "`npctl open`"), s->requests[i].why.text);
	}
	sim_advance(s, 1e6);
	assert_int_equal(s->connects, 1);
	assert_int_equal(sim_request(s, 0, true)->why.reason, REASON_AUTH_BACKOFF);
}

static void
test_auth_block_is_lifted_by_new_credentials_one_attempt_at_a_time(void **state)
{
	struct sim *s = *state;

	sim_warm(s);
	sim_lost(s, &s->sessions[0]);
	assert_true(s->pool.proven);
	sim_requests(s, 50, 60);
	assert_int_equal(sim_count_dialling(s), 5);
	while (sim_dialling(s) != NULL)
		fail_login(s, REASON_AUTH_FAILED, "denied");
	assert_int_equal(sim_request(s, 60, false)->why.reason, REASON_AUTH_BACKOFF);

	pool_unblock(&s->pool, true);
	sim_requests(s, 50, 60);
	assert_int_equal(sim_count_dialling(s), 1);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_dialling(s), 4);
	assert_string_equal(pool_state_word(&s->pool), "executing");
}

static void
test_requests_with_a_session_outlive_a_failed_login(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[11], *fresh;

	for (int i = 0; i < 11; i++)
		r[i] = sim_request(s, 60, false);
	sim_connected(s, sim_dialling(s));
	fresh = sim_request(s, 60, true);
	assert_int_equal(sim_count_dialling(s), 2);
	fail_login(s, REASON_AUTH_FAILED, "denied");
	fail_login(s, REASON_AUTH_FAILED, "denied");

	/* Only a login could have helped the fresh one; the other is served by the session that there is. */
	assert_int_equal(fresh->state, SIM_FAILED);
	assert_int_equal(r[10]->state, SIM_WAITING);
	sim_finish(s, r[0]);
	assert_int_equal(r[10]->state, SIM_RUNNING);
	assert_int_equal(sim_request(s, 60, true)->why.reason, REASON_AUTH_BACKOFF);
}

static void
test_login_that_succeeds_beside_a_failed_one_lifts_the_block(void **state)
{
	struct sim *s = *state;

	sim_warm(s);
	sim_requests(s, 40, 60);
	assert_int_equal(sim_count_dialling(s), 3);
	fail_login(s, REASON_AUTH_FAILED, "AAA server overloaded");
	assert_int_equal(s->fails, 0);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(s->pool.block, POOL_OPEN);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_requests(s, SIM_WAITING), 10);
	assert_int_equal(sim_count_dialling(s), 1);
}

static void
test_cancelled_login_is_nobodys_failure(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = sim_request(s, 60, false);

	fail_login(s, REASON_CANCELLED, "the client has left");

	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(s->pool.block, POOL_OPEN);
	assert_int_equal(s->connects, 2);
}

/* ---- back-off ---- */

static void
test_dead_device_is_told_at_once_to_who_waited_for_it(void **state)
{
	struct sim *s = *state;

	sim_requests(s, 200, 60);
	sim_advance(s, 30);
	fail_login(s, REASON_CONNECT_TIMEOUT, "no answer from 192.0.2.1 port 22");

	assert_int_equal(s->fails, 200);
	assert_int_equal(s->connects, 1);
	assert_int_equal(s->requests[199].why.reason, REASON_CONNECT_TIMEOUT);
	assert_string_equal(pool_state_word(&s->pool), "failed");
}

static void
test_request_waits_for_the_next_attempt_when_it_can(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;
	double failed_at;

	sim_request(s, 60, false);
	fail_login(s, REASON_CONNECT_FAILED, "refused");
	failed_at = s->now;
	sim_advance(s, 0.1);
	r = sim_request(s, 60, false);
	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(s->connects, 1);
	assert_true(sim_advance_to_wake(s, s->now + 1));
	assert_int_equal(s->connects, 2);
	assert_true(s->now >= failed_at + 0.75 && s->now <= failed_at + 1);

	sim_connected(s, sim_dialling(s));
	assert_int_equal(r->state, SIM_RUNNING);
	assert_int_equal(s->pool.failures, 0);
}

/* Failed so often that the next attempt is due in 45 s at the earliest. */
static void
wear_out(struct sim *s)
{
	for (int i = 0; i < 7; i++) {
		s->now = fmax(s->now, s->pool.retry_at);
		sim_request(s, 100, false);
		fail_login(s, REASON_CONNECT_FAILED, "connection refused by 192.0.2.1");
	}
	assert_true(s->pool.retry_at - s->now > 40);
}

static void
test_request_that_would_wait_longer_than_a_person_fails_at_once(void **state)
{
	const double limits[] = {0, 20, 60, 1000};
	struct sim *s = *state;
	struct sim_request *r;

	wear_out(s);
	for (size_t i = 0; i < NP_COUNT(limits); i++) {
		r = sim_request(s, limits[i], i % 2 != 0);
		assert_int_equal(r->state, SIM_FAILED);
		assert_int_equal(r->why.reason, REASON_BACKOFF);
		assert_non_null(strstr(r->why.text, "connection refused by 192.0.2.1"));
		assert_non_null(strstr(r->why.text, "next attempt is possible in "));
		assert_non_null(strstr(r->why.text, "npctl open"));
	}
	s->now = s->pool.retry_at - 1.9;
	r = sim_request(s, 60, false);
	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(sim_request(s, 1, false)->why.reason, REASON_BACKOFF); /* it has not even that time */
	assert_true(sim_advance_to_wake(s, s->now + 2));
	sim_connected(s, sim_dialling(s));
	assert_int_equal(r->state, SIM_RUNNING);
}

static void
test_request_without_a_session_does_not_wait_for_a_resolve_far_away(void **state)
{
	struct sim *s = *state;
	struct np_error err = {.reason = REASON_RESOLVE_FAILED, .text = "no such name"};

	s->pool.resolved = false;
	s->args.retry_delay = 30;
	sim_request(s, 60, false);
	pool_resolve_done(&s->pool, &err, s->now);
	sim_settle(s);
	assert_int_equal(sim_request(s, 60, false)->why.reason, REASON_BACKOFF);
	assert_int_equal(s->resolves, 1);
}

static void
test_persistent_pool_keeps_its_pace_while_requests_fail_at_once(void **state)
{
	struct sim *s = *state;
	double due;

	wear_out(s);
	s->pool.persistent_wanted = s->args.persistent = true;
	sim_settle(s);
	due = s->pool.retry_at;
	assert_int_equal(sim_request(s, 0, false)->why.reason, REASON_BACKOFF);
	assert_true(s->pool.retry_at == due);
	assert_true(sim_advance_to_wake(s, due));
	assert_true(s->now == due);
	assert_int_equal(sim_count_dialling(s), 1);
}

static void
test_back_off_doubles_within_its_jitter_up_to_the_maximum(void **state)
{
	double sum = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct sim *s = sim_new();
		s->pool.random = seed * 7919;
		for (int i = 0; i < 10; i++) {
			double full = i < 6 ? 1 << i : 60, delay;
			s->now = fmax(s->now, s->pool.retry_at);
			sim_request(s, 0, false);
			fail_login(s, REASON_CONNECT_FAILED, "refused");
			delay = s->pool.retry_at - s->now;
			assert_true(delay <= full && delay >= 0.75 * full);
			sum += delay / full;
		}
		sim_free(s);
	}
	/* Spread over the whole of it, not always the same. */
	assert_true(sum / 500 > 0.84 && sum / 500 < 0.91);
}

static void
test_attempts_side_by_side_that_fail_count_once(void **state)
{
	struct sim *s = *state;

	sim_warm(s);
	sim_lost(s, &s->sessions[0]);
	sim_requests(s, 100, 60);
	assert_int_equal(sim_count_dialling(s), 10);
	while (sim_dialling(s) != NULL) {
		s->now += 0.01;
		fail_login(s, REASON_CONNECT_FAILED, "no route");
	}

	assert_int_equal(s->pool.failures, 1);
	assert_int_equal(s->fails, 100);
	/* What may be a dead device is tried by one at a time. */
	sim_requests(s, 100, 60);
	assert_true(sim_advance_to_wake(s, s->now + 1));
	assert_int_equal(sim_count_dialling(s), 1);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(sim_count_dialling(s), 9);
}

static void
test_one_refused_login_among_many_fails_nobody(void **state)
{
	struct sim *s = *state;

	/* sshd drops connections at random when many arrive (MaxStartups). */
	sim_requests(s, 100, 60);
	sim_connected(s, sim_dialling(s));
	fail_login(s, REASON_CONNECT_FAILED, "closed by the server");
	fail_login(s, REASON_CONNECT_FAILED, "closed by the server");
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));

	assert_int_equal(s->fails, 0);
	assert_int_equal(sim_count_requests(s, SIM_RUNNING), 100);
}

static void
test_unblock_ends_the_back_off(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	sim_request(s, 60, false);
	fail_login(s, REASON_CONNECT_FAILED, "refused");
	r = sim_request(s, 60, false);
	assert_int_equal(s->connects, 1);
	pool_unblock(&s->pool, false);
	sim_settle(s);

	assert_int_equal(s->connects, 2);
	assert_int_equal(r->state, SIM_WAITING);
}

static void
test_bad_host_key_is_repeated_without_waiting_and_tried_again_later(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	sim_request(s, 60, false);
	fail_login(s, REASON_HOST_KEY_CHANGED, "the host key of r1 has changed");
	assert_int_equal(s->requests[0].why.reason, REASON_HOST_KEY_CHANGED);
	r = sim_request(s, 60, false);
	assert_int_equal(r->why.reason, REASON_BACKOFF);
	assert_non_null(strstr(r->why.text, "the host key of r1 has changed"));
	assert_non_null(strstr(r->why.text, "known_hosts"));
	assert_int_equal(s->connects, 1);

	pool_unblock(&s->pool, false);
	r = sim_request(s, 60, false);
	assert_int_equal(s->connects, 2);
	fail_login(s, REASON_HOST_KEY_CHANGED, "the host key of r1 has changed");
	sim_advance(s, 60);
	sim_request(s, 60, false);
	assert_int_equal(s->connects, 3);
}

static void
test_private_attempt_that_fails_is_told_to_its_own_request(void **state)
{
	struct sim *s = *state;
	struct sim_request *fresh[2];

	sim_warm(s);
	fresh[0] = sim_request(s, 60, true);
	fresh[1] = sim_request(s, 60, true);
	fail_login(s, REASON_CONNECT_FAILED, "closed");

	assert_int_equal(fresh[0]->state, SIM_FAILED);
	assert_int_equal(fresh[1]->state, SIM_WAITING);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(fresh[1]->state, SIM_RUNNING);
}

static void
test_zero_delays_retry_at_once_and_without_end(void **state)
{
	struct sim *s = *state;

	s->args.retry_delay = 0;
	s->args.retry_max = 0;
	for (int i = 0; i < 50; i++) {
		sim_request(s, 60, false);
		fail_login(s, REASON_CONNECT_FAILED, "refused");
	}
	assert_int_equal(s->connects, 50);

	s->args.retry_delay = 1;
	for (int i = 0; i < 50; i++) {
		s->now = fmax(s->now, s->pool.retry_at);
		sim_request(s, 0, false);
		fail_login(s, REASON_CONNECT_FAILED, "refused");
		assert_true(isfinite(s->pool.retry_at));
	}
}

static void
test_fresh_request_with_an_attempt_of_its_own_outlives_the_failure_of_another(void **state)
{
	struct sim *s = *state;
	struct sim_request *fresh[2];

	/* No session is left, but the credentials were good a moment ago: two attempts at once. */
	sim_warm(s);
	sim_lost(s, &s->sessions[0]);
	fresh[0] = sim_request(s, 60, true);
	fresh[1] = sim_request(s, 60, true);
	assert_int_equal(sim_count_dialling(s), 2);
	fail_login(s, REASON_CONNECT_FAILED, "closed");
	assert_int_equal(fresh[0]->state, SIM_FAILED);
	assert_int_equal(fresh[1]->state, SIM_WAITING);
	assert_int_equal(sim_request(s, 0, true)->state, SIM_WAITING);
	fail_login(s, REASON_CONNECT_FAILED, "closed");
	assert_int_equal(fresh[1]->state, SIM_FAILED);
	assert_int_equal(s->pool.waiters_count, 0);
}

static void
test_late_request_has_hope_only_in_attempts_for_its_own_kind(void **state)
{
	struct sim *s = *state;
	struct sim_request *shared;

	sim_warm(s);
	sim_lost(s, &s->sessions[0]);
	sim_request(s, 60, true);
	sim_request(s, 60, true);
	fail_login(s, REASON_AUTH_FAILED, "denied");
	assert_int_equal(sim_count_dialling(s), 1);
	/* The attempt under way is for a fresh request: it cannot serve this one. */
	shared = sim_request(s, 60, false);
	assert_int_equal(shared->why.reason, REASON_AUTH_BACKOFF);
}

static void
test_cancelled_resolve_is_tried_again(void **state)
{
	struct sim *s = *state;
	const enum np_reason reasons[] = {REASON_CANCELLED, REASON_SHUTTING_DOWN};
	struct sim_request *r;

	s->pool.resolved = false;
	r = sim_request(s, 60, false);
	for (size_t i = 0; i < NP_COUNT(reasons); i++) {
		struct np_error err = {.reason = reasons[i], .text = "cancelled"};
		pool_resolve_done(&s->pool, &err, s->now);
		sim_settle(s);
		assert_int_equal(r->state, SIM_WAITING);
		assert_int_equal(s->resolves, 2 + i);
	}
}

static void
test_failed_resolve_is_told_at_once_also_beside_a_session(void **state)
{
	struct sim *s = *state;
	struct np_error err = {.reason = REASON_RESOLVE_FAILED, .text = "ssh refuses its configuration"};
	struct sim_request *r;

	sim_warm(s);
	s->args.retry_delay = 1000;
	s->args.retry_max = 1000;
	s->pool.resolved = false;
	r = sim_request(s, 60, false);
	pool_resolve_done(&s->pool, &err, s->now);
	sim_settle(s);
	assert_int_equal(r->why.reason, REASON_RESOLVE_FAILED);

	/* Not after a minute, and not because of a session that is not even looked at. */
	r = sim_request(s, 60, false);
	assert_int_equal(r->state, SIM_FAILED);
	assert_int_equal(r->why.reason, REASON_BACKOFF);
	assert_non_null(strstr(r->why.text, "ssh refuses its configuration"));

	pool_unblock(&s->pool, false);
	r = sim_request(s, 60, false);
	pool_resolve_done(&s->pool, NULL, s->now);
	sim_settle(s);
	assert_int_equal(r->state, SIM_RUNNING);
}

static void
test_blocked_persistent_pool_resolves_only_for_a_request(void **state)
{
	struct sim *s = *state;
	int before;

	s->pool.persistent_wanted = s->args.persistent = true;
	sim_settle(s);
	fail_login(s, REASON_AUTH_FAILED, "denied");
	before = s->resolves;
	s->pool.resolved = false;
	sim_settle(s);
	assert_int_equal(s->resolves, before);
	assert_int_equal(sim_request(s, 60, false)->why.reason, REASON_AUTH_BACKOFF);

	pool_unblock(&s->pool, false);
	sim_settle(s);
	assert_int_equal(s->resolves, before + 1);
}

/* ---- keep-alive ---- */

static struct sim_session *
busy_session(struct sim *s)
{
	struct sim_request *r = sim_request(s, 0, false);

	sim_connected(s, sim_dialling(s));
	return r->session;
}

static void
test_silent_session_is_probed_each_interval_and_closed_after_the_misses(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = busy_session(s);
	double began = s->now;

	s->keep_closing = true;
	for (int i = 1; i <= 3; i++) {
		assert_true(sim_advance_to_wake(s, s->now + 60));
		assert_true(fabs(s->now - began - 60 * i) < 0.001);
		assert_int_equal(s->keepalives, i);
		assert_int_equal(s->closes, 0);
	}
	assert_true(sim_advance_to_wake(s, s->now + 60));
	assert_int_equal(s->closes, 1);
	assert_int_equal(s->keepalives, 3);
	assert_int_equal(e->why.reason, REASON_CONNECT_FAILED);
	assert_non_null(strstr(e->why.text, "3 keep-alives"));
	assert_true(fabs(s->now - began - 240) < 0.001);
}

static void
test_any_packet_resets_the_misses(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = busy_session(s);

	sim_advance(s, 60);
	sim_advance(s, 60);
	assert_int_equal(e->entry.missed, 1);
	s->now += 30;
	e->entry.last_rx = s->now;
	sim_settle(s);
	assert_int_equal(e->entry.missed, 0);
	sim_advance(s, 59);
	assert_int_equal(s->keepalives, 2);
	sim_advance(s, 1);
	assert_int_equal(s->keepalives, 3);
	pool_alive(&e->entry, s->now);
	assert_int_equal(e->entry.missed, 0);
	assert_true(e->entry.probe_sent == 0);
}

static void
test_traffic_spares_keepalives(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = busy_session(s);

	for (int i = 0; i < 100; i++) {
		s->now += 10;
		e->entry.last_rx = s->now;
		sim_settle(s);
	}
	assert_int_equal(s->keepalives, 0);
}

static void
test_keepalive_can_be_switched_off(void **state)
{
	struct sim *s = *state;

	s->args.keepalive = false;
	busy_session(s);
	sim_advance(s, 80000);
	assert_int_equal(s->keepalives, 0);

	s->args.keepalive = true;
	s->args.keepalive_mode = KEEPALIVE_NONE;
	sim_advance(s, 100);
	assert_int_equal(s->keepalives, 0);
	assert_int_equal(s->closes, 0);
}

static void
test_keepalive_goes_on_while_a_session_drains(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = busy_session(s);

	pool_drain(&e->entry, "closed by hand");
	sim_advance(s, 60);
	assert_int_equal(s->keepalives, 1);
}

static void
test_interval_slept_through_is_no_miss(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = busy_session(s);

	s->args.keepalive_count_max = 1;
	sim_advance(s, 60);
	assert_int_equal(s->keepalives, 1);
	/* The lid was closed for the night. */
	sim_advance(s, 8 * 3600);
	assert_int_equal(s->closes, 0);
	assert_int_equal(s->keepalives, 2);
	assert_int_equal(e->entry.missed, 0);
	sim_advance(s, 60);
	assert_int_equal(s->closes, 1);
}

/* ---- a sign of life before use ---- */

static void
test_session_long_silent_is_probed_once_before_use(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct sim_request *r, *other;

	sim_advance(s, 31);
	r = sim_request(s, 60, false);
	other = sim_request(s, 60, false);
	assert_int_equal(s->probes, 1);
	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(e->entry.state, POOL_PROBING);
	assert_string_equal(pool_state_word(&s->pool), "keepalive");
	s->now += 0.05;
	pool_alive(&e->entry, s->now);
	sim_settle(s);

	assert_int_equal(r->state, SIM_RUNNING);
	assert_int_equal(other->state, SIM_RUNNING);
	assert_int_equal(s->probes, 1);
	assert_int_equal(s->connects, 1);
}

static void
test_packet_after_the_probe_counts_as_its_answer(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct sim_request *r;

	sim_advance(s, 31);
	r = sim_request(s, 60, false);
	s->now += 0.05;
	e->entry.last_rx = s->now;
	sim_settle(s);

	assert_int_equal(r->state, SIM_RUNNING);
}

static void
test_dead_session_is_replaced_without_the_request_noticing(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;
	double began;

	sim_warm(s);
	sim_advance(s, 31);
	began = s->now;
	r = sim_request(s, 60, false);
	while (s->closes == 0)
		assert_true(sim_advance_to_wake(s, began + 5.001));
	assert_true(fabs(s->now - began - 5) < 0.001);
	assert_int_equal(s->connects, 2);
	sim_connected(s, sim_dialling(s));

	assert_int_equal(r->state, SIM_RUNNING);
	assert_int_equal(s->fails, 0);
}

static void
test_session_that_dies_of_the_probe_is_replaced(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct sim_request *r;

	sim_advance(s, 31);
	r = sim_request(s, 60, false);
	sim_lost(s, e);
	sim_connected(s, sim_dialling(s));

	assert_int_equal(r->state, SIM_RUNNING);
}

static void
test_session_that_needs_no_probe_is_preferred(void **state)
{
	struct sim *s = *state;
	struct sim_request *r[11];
	struct sim_session *first, *second;

	for (int i = 0; i < 11; i++)
		r[i] = sim_request(s, 0, false);
	while (sim_dialling(s) != NULL)
		sim_connected(s, sim_dialling(s));
	first = r[0]->session;
	second = r[10]->session;
	for (int i = 10; i >= 0; i--)
		sim_finish(s, r[i]);
	s->now += 31;
	second->entry.last_rx = s->now;

	assert_ptr_equal(sim_request(s, 0, false)->session, second);
	assert_ptr_not_equal(first, second);
	assert_int_equal(s->probes, 0);
}

static void
test_running_commands_survive_an_unanswered_probe(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = sim_request(s, 0, false), *next;
	struct sim_session *e;

	sim_connected(s, sim_dialling(s));
	e = running->session;
	sim_advance(s, 40);
	next = sim_request(s, 0, false);
	assert_int_equal(s->probes, 1);
	sim_advance(s, 5);
	assert_int_equal(s->closes, 0);
	assert_int_equal(s->connects, 2);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(next->state, SIM_RUNNING);
	assert_ptr_not_equal(next->session, e);

	/* The network heals: the session is as good as before. */
	s->now += 1;
	e->entry.last_rx = s->now;
	sim_settle(s);
	assert_int_equal(e->entry.state, POOL_READY);
	assert_int_equal(running->state, SIM_RUNNING);
}

static void
test_suspect_session_is_closed_when_its_last_command_ends(void **state)
{
	struct sim *s = *state;
	struct sim_request *running = sim_request(s, 0, false);

	sim_connected(s, sim_dialling(s));
	sim_advance(s, 40);
	sim_request(s, 0, false);
	sim_advance(s, 6);
	assert_int_equal(s->closes, 0);
	sim_finish(s, running);
	assert_int_equal(s->closes, 1);
}

static void
test_patience_is_no_longer_than_the_keepalive_interval(void **state)
{
	struct sim *s = *state;
	double began;

	s->args.check_delay = 1;
	s->args.keepalive_interval = 2;
	s->args.keepalive_count_max = 100;
	sim_warm(s);
	sim_advance(s, 1.5);
	began = s->now;
	sim_request(s, 60, false);
	assert_int_equal(s->probes, 1);
	while (s->closes == 0)
		assert_true(sim_advance_to_wake(s, began + 2.001));
	assert_true(s->now - began >= 1.999);
}

static void
test_session_that_missed_a_keepalive_is_probed_though_not_silent_for_long(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->args.keepalive_interval = 5;
	sim_warm(s);
	sim_advance(s, 5);
	sim_advance(s, 5);
	assert_int_equal(s->sessions[0].entry.missed, 1);
	r = sim_request(s, 60, false);

	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(s->probes, 1);
}

static void
test_devices_that_bear_no_probes_get_none(void **state)
{
	struct sim *s = *state;
	const enum keepalive_mode modes[] = {KEEPALIVE_NONE, KEEPALIVE_CLI};

	sim_warm(s);
	for (size_t i = 0; i < NP_COUNT(modes); i++) {
		struct sim_request *r;
		s->args.keepalive_mode = modes[i];
		s->now += 40;
		r = sim_request(s, 60, false);
		assert_int_equal(r->state, SIM_RUNNING);
		sim_finish(s, r);
	}
	assert_int_equal(s->probes, 0);
}

static void
test_first_request_after_a_long_sleep_is_served_by_a_probed_or_new_session(void **state)
{
	struct sim *s = *state;
	struct sim_request *r;

	s->args.max_idle_time = 0;
	s->args.max_age = 0;
	sim_warm(s);
	sim_advance(s, 1);
	s->now += 9 * 3600;
	r = sim_request(s, 60, false);
	assert_int_equal(r->state, SIM_WAITING);
	assert_int_equal(s->probes + s->keepalives, 2);
	sim_advance(s, 5);
	assert_int_equal(s->closes, 1);
	sim_connected(s, sim_dialling(s));
	assert_int_equal(r->state, SIM_RUNNING);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_300_requests_with_a_wrong_password_make_one_attempt),
	    T(test_auth_block_is_lifted_by_new_credentials_one_attempt_at_a_time),
	    T(test_requests_with_a_session_outlive_a_failed_login),
	    T(test_login_that_succeeds_beside_a_failed_one_lifts_the_block),
	    T(test_cancelled_login_is_nobodys_failure),
	    T(test_dead_device_is_told_at_once_to_who_waited_for_it),
	    T(test_request_waits_for_the_next_attempt_when_it_can),
	    T(test_request_that_would_wait_longer_than_a_person_fails_at_once),
	    T(test_request_without_a_session_does_not_wait_for_a_resolve_far_away),
	    T(test_persistent_pool_keeps_its_pace_while_requests_fail_at_once),
	    T(test_back_off_doubles_within_its_jitter_up_to_the_maximum),
	    T(test_attempts_side_by_side_that_fail_count_once),
	    T(test_one_refused_login_among_many_fails_nobody),
	    T(test_unblock_ends_the_back_off),
	    T(test_bad_host_key_is_repeated_without_waiting_and_tried_again_later),
	    T(test_private_attempt_that_fails_is_told_to_its_own_request),
	    T(test_zero_delays_retry_at_once_and_without_end),
	    T(test_fresh_request_with_an_attempt_of_its_own_outlives_the_failure_of_another),
	    T(test_late_request_has_hope_only_in_attempts_for_its_own_kind),
	    T(test_cancelled_resolve_is_tried_again),
	    T(test_failed_resolve_is_told_at_once_also_beside_a_session),
	    T(test_blocked_persistent_pool_resolves_only_for_a_request),
	    T(test_silent_session_is_probed_each_interval_and_closed_after_the_misses),
	    T(test_any_packet_resets_the_misses),
	    T(test_traffic_spares_keepalives),
	    T(test_keepalive_can_be_switched_off),
	    T(test_keepalive_goes_on_while_a_session_drains),
	    T(test_interval_slept_through_is_no_miss),
	    T(test_session_long_silent_is_probed_once_before_use),
	    T(test_packet_after_the_probe_counts_as_its_answer),
	    T(test_dead_session_is_replaced_without_the_request_noticing),
	    T(test_session_that_dies_of_the_probe_is_replaced),
	    T(test_session_that_needs_no_probe_is_preferred),
	    T(test_running_commands_survive_an_unanswered_probe),
	    T(test_suspect_session_is_closed_when_its_last_command_ends),
	    T(test_patience_is_no_longer_than_the_keepalive_interval),
	    T(test_session_that_missed_a_keepalive_is_probed_though_not_silent_for_long),
	    T(test_devices_that_bear_no_probes_get_none),
	    T(test_first_request_after_a_long_sleep_is_served_by_a_probed_or_new_session),
	};

	return cmocka_run_group_tests_name("pool_failure", tests, NULL, NULL);
}
