/* The pool's policy where sessions are shells: empty lines beside SSH's keep-alives, leases that rest at the prompt. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit/poolsim.h"

static int
setup(void **state)
{
	struct sim *s = sim_new();

	sim_use_shells(s, &(struct pool_shells){.given = true});
	s->args.max_idle_time = 0;
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	sim_free(*state);
	return 0;
}

static void
set_mode(struct sim *s, enum keepalive_mode mode)
{
	s->args.keepalive_mode = mode;
	s->args.keepalive_mode_given = true;
}

static struct sim_request *
run_on_new_shell(struct sim *s)
{
	struct sim_request *r = sim_request(s, 0, false);

	sim_connected(s, sim_dialling(s));
	assert_int_equal(r->state, SIM_RUNNING);
	return r;
}

/* Goes on for so long, whatever the pool wants meanwhile; each sign of life is answered at once, or none is. */
static void
let_pass(struct sim *s, struct sim_session *e, double seconds, bool answers)
{
	double end = s->now + seconds;

	do {
		if (answers && e->entry.probe_sent > 0)
			pool_alive(&e->entry, s->now);
		sim_settle(s);
	} while (s->closes == 0 && sim_advance_to_wake(s, end));
	s->now = end;
	sim_settle(s);
}

/* ---- keep-alives ---- */

static void
test_silent_command_is_not_killed_where_only_lines_are_asked(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);

	set_mode(s, KEEPALIVE_CLI);
	let_pass(s, r->session, 10 * 60, false);
	assert_int_equal(s->keepalives, 0);
	assert_int_equal(s->closes, 0);
	assert_int_equal(r->session->entry.missed, 0);
	sim_finish(s, r);
	assert_int_equal(s->closes, 0);
}

static void
test_silent_command_is_probed_by_ssh_where_that_is_allowed(void **state)
{
	const enum keepalive_mode modes[] = {KEEPALIVE_SSH, KEEPALIVE_BOTH};
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);

	for (size_t i = 0; i < NP_COUNT(modes); i++) {
		set_mode(s, modes[i]);
		let_pass(s, r->session, 5 * 60, true);
		assert_int_equal(r->session->lines, 0);
		assert_int_equal(s->keepalives, 5 * (i + 1));
	}
	let_pass(s, r->session, 5 * 60, false);
	assert_int_equal(s->closes, 1);
}

static void
test_free_shell_gets_a_line_an_interval_a_little_early(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);
	struct sim_session *e = r->session;

	set_mode(s, KEEPALIVE_CLI);
	sim_advance(s, 1000);
	sim_finish(s, r);
	for (int i = 1; i <= 20; i++) {
		double since = s->now;
		assert_true(sim_advance_to_wake(s, s->now + 60));
		assert_int_equal(e->lines, i);
		assert_true(s->now - since >= 54 && s->now - since <= 60);
		pool_alive(&e->entry, s->now);
	}
	assert_int_equal(s->closes, 0);
	/* Use is no silence: the time begins again. */
	r = sim_request(s, 0, false);
	sim_advance(s, 59);
	sim_finish(s, r);
	sim_advance(s, 53);
	assert_int_equal(e->lines, 20);
}

static void
test_modes_and_platforms_say_who_is_asked_how(void **state)
{
	static const struct {
		struct pool_shells shells;
		bool given;
		enum keepalive_mode mode;
		int lines, others; /* in 1,000 s */
	} cases[] = {
	    {{.given = true}, false, KEEPALIVE_SSH, 0, 16},
	    {{.given = true, .line_every = 240}, false, KEEPALIVE_SSH, 4, 16},
	    {{.given = true, .line_every = 240}, true, KEEPALIVE_SSH, 0, 16},
	    {{.given = true, .line_every = 240}, true, KEEPALIVE_NONE, 0, 0},
	    {{.given = true, .line_idle = 60}, true, KEEPALIVE_CLI, 34, 0},
	    {{.given = true, .line_idle = 600}, true, KEEPALIVE_CLI, 17, 0},
	    {{.given = true, .no_ssh = true}, false, KEEPALIVE_SSH, 17, 0},
	    {{.given = true, .no_ssh = true}, true, KEEPALIVE_SSH, 17, 0},
	    {{.given = true, .no_ssh = true, .line_every = 30}, false, KEEPALIVE_SSH, 35, 0},
	    {{.given = true, .no_ssh = true}, true, KEEPALIVE_NONE, 0, 0},
	    {{.given = false}, true, KEEPALIVE_CLI, 0, 16},
	};

	(void)state;
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct sim *s = sim_new();
		struct sim_session *e;

		sim_use_shells(s, &cases[i].shells);
		s->args.max_idle_time = 0;
		s->args.keepalive_mode = cases[i].mode;
		s->args.keepalive_mode_given = cases[i].given;
		e = sim_warm(s);
		let_pass(s, e, 1000, true);
		if (abs(e->lines - cases[i].lines) > 2 || abs(s->keepalives - e->lines - cases[i].others) > 1)
			fail_msg("case %zu: %d lines, %d others", i, e->lines, s->keepalives - e->lines);
		s->args.keepalive = false;
		s->keepalives = 0;
		let_pass(s, e, 1000, true);
		assert_int_equal(s->keepalives, 0);
		sim_free(s);
	}
}

static void
test_free_shell_that_answers_no_line_is_closed(void **state)
{
	struct sim *s = *state;
	struct sim_session *e;

	set_mode(s, KEEPALIVE_CLI);
	e = sim_warm(s);
	s->keep_closing = true;
	let_pass(s, e, 230, false);
	assert_int_equal(s->closes, 1);
	assert_int_equal(e->lines, 3);
	assert_non_null(strstr(e->why.text, "3 keep-alives"));
}

static void
test_probe_that_was_not_sent_is_no_miss(void **state)
{
	struct sim *s = *state;
	struct sim_session *e;

	set_mode(s, KEEPALIVE_CLI);
	e = sim_warm(s);
	e->busy = true;
	let_pass(s, e, 1000, false);
	assert_true(e->probes >= 15); /* it is tried again each time, and no more often */
	assert_true(e->probes <= 20);
	assert_int_equal(e->entry.missed, 0);
	assert_int_equal(s->closes, 0);
	assert_true(e->entry.probe_sent == 0);
	assert_string_equal(pool_entry_state_word(&e->entry), "connected");
}

static void
test_line_beside_ssh_is_judged_by_its_driver(void **state)
{
	struct sim *s = *state;
	struct sim_session *e;

	s->pool.shells.line_every = 10;
	e = sim_warm(s);
	sim_advance(s, 10);
	sim_advance(s, 10);
	assert_int_equal(e->lines, 2);
	assert_true(e->entry.probe_sent == 0);
	assert_int_equal(e->entry.missed, 0);
}

static void
test_session_that_cannot_be_asked_before_use_is_used(void **state)
{
	struct sim *s = *state;
	struct sim_session *e = sim_warm(s);
	struct sim_request *r;

	s->pool.shells.no_ssh = true;
	sim_advance(s, 31);
	e->busy = true;
	r = sim_request(s, 60, false);
	assert_int_equal(s->probes, 1);
	assert_int_equal(r->state, SIM_RUNNING);
	sim_finish(s, r);

	/* And asked, where it can be. */
	e->busy = false;
	e->entry.last_rx = s->now;
	sim_advance(s, 31);
	r = sim_request(s, 60, false);
	assert_int_equal(s->probes, 2);
	assert_int_equal(r->state, SIM_WAITING);
	pool_alive(&e->entry, s->now);
	sim_settle(s);
	assert_int_equal(r->state, SIM_RUNNING);
}

/* ---- leases that rest at the prompt ---- */

static const char one[] = "one client", two[] = "another";

static struct sim_request *
request_of_holder(struct sim *s, const void *holder)
{
	struct sim_request *r;

	s->holder = holder;
	r = sim_request(s, 0, false);
	s->holder = NULL;
	return r;
}

static void
test_lease_rests_as_long_as_nobody_wants_it(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);

	sim_hold(s, r, one);
	let_pass(s, r->session, 1000, true);
	assert_int_equal(s->taken_back, 0);
	assert_int_equal(r->session->entry.leases, 1);
	assert_int_equal(r->session->lines, 0);
}

static void
test_holder_goes_on_before_all_who_wait(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s), *other, *stranger, *next;

	s->max_connections = 1;
	other = sim_request(s, 0, false);
	stranger = request_of_holder(s, two);
	next = request_of_holder(s, one);
	sim_hold(s, r, one);
	assert_int_equal(next->state, SIM_RUNNING);
	assert_ptr_equal(next->session, r->session);
	assert_int_equal(r->session->entry.leases, 1);
	sim_hold(s, next, one);
	sim_advance(s, 4.9);
	assert_int_equal(other->state, SIM_WAITING);
	next = request_of_holder(s, one);
	assert_int_equal(next->state, SIM_RUNNING);
	sim_finish(s, next);
	assert_int_equal(other->state, SIM_RUNNING);
	sim_finish(s, other);
	assert_int_equal(stranger->state, SIM_RUNNING);
	assert_int_equal(s->taken_back, 0);
}

static void
test_lease_is_taken_back_when_others_wait_for_it(void **state)
{
	const void *holders[] = {one, NULL};
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s), *other;

	s->max_connections = 1;
	for (int i = 0; i < 2; i++) {
		double since;
		sim_hold(s, r, holders[i]);
		since = s->now;
		other = sim_request(s, 0, false);
		assert_true(sim_advance_to_wake(s, since + 2.001)); /* the notice of a long wait */
		assert_true(sim_advance_to_wake(s, since + 5.001));
		assert_true(fabs(s->now - since - 5) < 0.001);
		assert_int_equal(s->taken_back, i + 1);
		assert_int_equal(other->state, SIM_RUNNING);
		r = other;
	}
	assert_int_equal(s->pool.held_count, 0);
}

static void
test_lease_held_for_long_is_given_to_the_first_who_wants_it(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);

	s->max_connections = 1;
	s->args.check_delay = 0;
	sim_hold(s, r, one);
	sim_advance(s, 100);
	assert_int_equal(sim_request(s, 0, false)->state, SIM_RUNNING);
	assert_int_equal(s->taken_back, 1);
}

static void
test_lease_is_taken_back_when_others_want_the_room(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);

	sim_hold(s, r, one);
	assert_int_equal(s->pool.held_count, 1);
	s->wanted = true;
	sim_settle(s);
	sim_advance(s, 4.9);
	assert_int_equal(s->taken_back, 0);
	sim_advance(s, 0.2);
	assert_int_equal(s->taken_back, 1);
	assert_int_equal(s->pool.held_count, 0);
}

static void
test_session_that_ends_takes_its_lease_back_at_once(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);

	s->keep_closing = true;
	sim_hold(s, r, one);
	pool_drain(&r->session->entry, "its configuration changed");
	sim_settle(s);
	assert_int_equal(s->taken_back, 1);
	assert_int_equal(s->closes, 1);
}

static void
test_slow_reader_has_its_time_also_where_the_session_is_to_end(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);

	s->keep_closing = true;
	sim_hold(s, r, NULL);
	pool_drain(&r->session->entry, "its configuration changed");
	sim_settle(s);
	assert_int_equal(s->taken_back, 0);
	assert_true(sim_advance_to_wake(s, s->now + 5.001));
	assert_int_equal(s->taken_back, 1);
	assert_int_equal(s->closes, 1);
}

static void
test_hold_ends_with_its_session(void **state)
{
	struct sim *s = *state;
	struct sim_request *r = run_on_new_shell(s);
	struct sim_session *e = r->session;

	sim_hold(s, r, one);
	sim_lost(s, e);
	assert_int_equal(s->pool.held_count, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_silent_command_is_not_killed_where_only_lines_are_asked),
	    T(test_silent_command_is_probed_by_ssh_where_that_is_allowed),
	    T(test_free_shell_gets_a_line_an_interval_a_little_early),
	    T(test_modes_and_platforms_say_who_is_asked_how),
	    T(test_free_shell_that_answers_no_line_is_closed),
	    T(test_probe_that_was_not_sent_is_no_miss),
	    T(test_line_beside_ssh_is_judged_by_its_driver),
	    T(test_session_that_cannot_be_asked_before_use_is_used),
	    T(test_lease_rests_as_long_as_nobody_wants_it),
	    T(test_holder_goes_on_before_all_who_wait),
	    T(test_lease_is_taken_back_when_others_wait_for_it),
	    T(test_lease_held_for_long_is_given_to_the_first_who_wants_it),
	    T(test_lease_is_taken_back_when_others_want_the_room),
	    T(test_session_that_ends_takes_its_lease_back_at_once),
	    T(test_slow_reader_has_its_time_also_where_the_session_is_to_end),
	    T(test_hold_ends_with_its_session),
	};

	return cmocka_run_group_tests_name("pool_shells", tests, NULL, NULL);
}
