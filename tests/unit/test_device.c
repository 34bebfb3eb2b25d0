/* A device among fakes: who waits is served, answered or asked, whatever its sessions and its login do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/device/device_impl.h"
#include "kit/confkit.h"
#include "broker/device/forward.h"
#include "kit/fakelink.h"
#include "kit/platdir.h"

/* Somebody who waits; what he was told stands in `told`. */
struct person {
	struct waiter waiter;
	struct lease lease;
	char told[256];
	struct np_error err;
	uint64_t prompt_id;
};

struct world {
	struct devices_world set;
	struct devices *all;
	struct steer_rules rules;
	uint64_t last_id;
	bool ended;
	struct fake_jobs jobs;
	struct person ann, bob;
};

static void NP_PRINTF(2, 3) tell(struct person *p, const char *fmt, ...)
{
	size_t used = strlen(p->told);
	va_list ap;

	if (used > 0)
		p->told[used++] = ' ';
	va_start(ap, fmt);
	(void)vsnprintf(p->told + used, sizeof p->told - used, fmt, ap);
	va_end(ap);
}

static void
check_told(struct person *p, const char *what)
{
	assert_string_equal(p->told, what);
	p->told[0] = '\0';
}

static struct person *
of(struct waiter *w)
{
	return NP_CONTAINER(w, struct person, waiter);
}

static void
on_assigned(struct waiter *w, struct link *link)
{
	tell(of(w), "assigned");
	link_lease(link, &of(w)->lease);
}

static void
on_failed(struct waiter *w, const struct np_error *err)
{
	tell(of(w), "failed:%s", reason_name(err->reason));
	of(w)->err = *err;
}

static void
on_notice(struct waiter *w, const char *text)
{
	tell(of(w), "notice:%s", text);
}

static struct waiter *
find_audience(struct waiter *w, int depth NP_UNUSED)
{
	return w->interactive ? w : NULL;
}

static void
on_ask(struct waiter *w, const struct question *q)
{
	tell(of(w), "ask:%s:%s", q->kind, q->text);
	of(w)->prompt_id = q->prompt_id;
}

static void
on_answered(struct waiter *w, struct secret *value)
{
	tell(of(w), "answered:%s", value != NULL ? secret_text(value) : "nothing");
}

static const struct waiter_ops waiter_ops = {.assigned = on_assigned,
    .failed = on_failed,
    .notice = on_notice,
    .audience = find_audience,
    .ask = on_ask,
    .answered = on_answered};
static const struct lease_events lease_events = {.output = NULL};

/* ---- the world ---- */

static void
person_init(struct person *p, uint64_t id)
{
	p->waiter.ops = &waiter_ops;
	p->waiter.pool.id = id;
	p->waiter.queue_timeout = -1;
	p->lease.events = &lease_events;
}

static void
on_ended(void *arg)
{
	struct world *w = arg;

	w->ended = true;
}

static int
set_up(void **state)
{
	static const char yaml[] = "devices:\n"
				   "  r1: {}\n"
				   "  r2:\n"
				   "    proxy_jump: bastion\n"
				   "  bastion: {}\n";
	struct world *w = calloc(1, sizeof *w);
	struct np_error err;

	steer_rules_init(&w->rules);
	fake_jobs_init(&w->jobs);
	w->last_id = 100;
	w->set = (struct devices_world){.loop = ev_loop_new(EVFLAG_AUTO),
	    .config = config_parse(yaml, sizeof yaml - 1, "test", &err),
	    .platforms = platdir_load(),
	    .jobs = &w->jobs.jobs,
	    .rules = &w->rules,
	    .last_id = &w->last_id,
	    .ended = on_ended,
	    .arg = w};
	if (w->set.config == NULL)
		fail_msg("%s", err.text);
	w->set.events = reports_create(w->set.loop);
	w->all = devices_create(&w->set);
	person_init(&w->ann, 1);
	person_init(&w->bob, 2);
	*state = w;
	return 0;
}

static void
turn(struct world *w)
{
	for (int i = 0; i < 5; i++)
		ev_run(w->set.loop, EVRUN_NOWAIT);
}

static void
person_leave(struct person *p)
{
	device_unwait(&p->waiter);
	link_release(&p->lease, NULL);
	device_enter(NULL, &p->waiter);
}

static void
close_sessions(struct world *w)
{
	struct device *dev;
	struct pool_entry *e;

	TAILQ_FOREACH (dev, &w->all->list, link) {
		while ((e = TAILQ_FIRST(&dev->policy.entries)) != NULL) {
			struct session *s = link_session(link_of_entry(e));
			if (s != NULL)
				fake_session_closed((struct fake_session *)s, REASON_NONE, "the test is over");
			else
				link_end(link_of_entry(e), REASON_SHUTTING_DOWN, "the test is over");
			if (s == NULL && TAILQ_FIRST(&dev->policy.entries) == e)
				link_failed(link_of_entry(e), &(struct np_error){.reason = REASON_SHUTTING_DOWN});
		}
	}
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	devices_close(w->all);
	person_leave(&w->ann);
	person_leave(&w->bob);
	close_sessions(w);
	turn(w);
	devices_destroy(w->all);
	fake_jobs_finish(&w->jobs);
	steer_rules_finish(&w->rules);
	reports_destroy(w->set.events);
	platforms_destroy(w->set.platforms);
	config_unref((struct config *)(uintptr_t)w->set.config);
	ev_loop_destroy(w->set.loop);
	free(w);
	return 0;
}

static struct device *
get(struct world *w, const char *operand)
{
	char name[64];
	struct device_ref ref = {.operand = name};
	struct np_error err;
	struct device *dev;

	(void)snprintf(name, sizeof name, "%s", operand);
	dev = device_get(w->all, &ref, WANT_ANY, &err);
	if (dev == NULL)
		fail_msg("%s", err.text);
	return dev;
}

static void
wait_for(struct world *w, struct device *dev, struct person *p)
{
	device_enter(dev, &p->waiter);
	device_wait(dev, &p->waiter);
	turn(w);
}

static void
resolved(struct world *w, const char *host, const char *jump)
{
	fake_resolved(&w->jobs, fake_target(host, jump));
	turn(w);
}

static void
dialled(struct world *w)
{
	fake_dialled(&w->jobs);
	turn(w);
}

static void
failed(struct world *w, enum np_reason reason, uint64_t agent_hash)
{
	fake_fail(&w->jobs, reason, "no", agent_hash);
	turn(w);
}

/* ---- waiting ---- */

static void
test_wish_to_open_is_gone_with_who_had_it(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");

	w->bob.waiter.opens = fake_now;
	wait_for(w, dev, &w->bob);
	resolved(w, "192.0.2.1", NULL);
	assert_true(w->jobs.insists);
	dialled(w);
	person_leave(&w->bob);
	wait_for(w, dev, &w->bob); /* served from what is there */
	assert_non_null(w->bob.lease.link);
	person_leave(&w->bob);
	fake_session_closed(fake_last, REASON_NONE, "the end");
	turn(w);
	wait_for(w, dev, &w->ann);
	assert_false(w->jobs.insists);
}

static void
test_first_who_waits_has_it_resolved_and_dialled(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");

	wait_for(w, dev, &w->ann);
	assert_int_equal(w->jobs.kind, CONNECT_RESOLVE);
	resolved(w, "r1", NULL);
	assert_int_equal(w->jobs.kind, CONNECT_DIAL);
	check_told(&w->ann, "");
	dialled(w);
	check_told(&w->ann, "assigned");
	wait_for(w, dev, &w->bob); /* on the same session: nothing is dialled */
	check_told(&w->bob, "assigned");
	assert_int_equal(w->jobs.submitted, 2);
	assert_int_equal(w->all->counts.sessions, 1);
}

static void
test_session_that_dies_leaves_its_leases_and_the_count(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");

	wait_for(w, dev, &w->ann);
	resolved(w, "r1", NULL);
	dialled(w);
	fake_session_closed(fake_last, REASON_OUTCOME_UNKNOWN, "gone");
	assert_null(w->ann.lease.link);
	assert_int_equal(w->all->counts.sessions, 0);
	assert_true(TAILQ_EMPTY(&dev->policy.entries));
	assert_true(w->ended);
}

static void
test_users_are_known_until_they_leave(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1"), *other = get(w, "bastion");

	assert_false(device_has_users(dev));
	device_enter(dev, &w->ann.waiter);
	assert_true(device_has_users(dev));
	device_enter(other, &w->ann.waiter);
	assert_false(device_has_users(dev));
	assert_true(device_has_users(other));
	device_enter(NULL, &w->ann.waiter);
	assert_false(device_has_users(other));
}

/* ---- what stands in the way ---- */

static void
test_refused_login_answers_who_waits_and_bars_the_next(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");
	int submitted;

	wait_for(w, dev, &w->ann);
	resolved(w, "r1", NULL);
	failed(w, REASON_AUTH_FAILED, 0);
	check_told(&w->ann, "failed:auth_failed");
	dev->target->use_agent = false;
	submitted = w->jobs.submitted;
	wait_for(w, dev, &w->bob);
	check_told(&w->bob, "failed:auth_backoff");
	assert_int_equal(w->jobs.submitted, submitted);
	device_unblock(dev, false);
	wait_for(w, dev, &w->bob);
	assert_int_equal(w->jobs.submitted, submitted + 1);
	assert_int_equal(w->jobs.kind, CONNECT_DIAL);
}

static void
test_changed_keys_of_the_agent_open_the_door_again(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");

	wait_for(w, dev, &w->ann);
	resolved(w, "r1", NULL);
	dev->target->use_agent = true;
	failed(w, REASON_AUTH_FAILED, 7);
	wait_for(w, dev, &w->bob);
	assert_int_equal(w->jobs.kind, CONNECT_AGENT_KEYS);
	check_told(&w->bob, "");
	fake_agent_keys(&w->jobs, 7); /* those that did not help */
	turn(w);
	check_told(&w->bob, "failed:auth_backoff");
	wait_for(w, dev, &w->bob);
	fake_agent_keys(&w->jobs, 8);
	turn(w);
	check_told(&w->bob, "");
	assert_int_equal(w->jobs.kind, CONNECT_DIAL);
}

static void
test_what_the_operator_disabled_lets_nobody_in(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");
	struct np_error err;

	assert_int_equal(device_admit(dev, &err), 0);
	wait_for(w, dev, &w->ann);
	device_enter(dev, &w->bob.waiter);
	device_postpone(&w->bob.waiter, true); /* his client has to read first */
	w->rules.all.door = DOOR_SHUT;
	device_steer(dev);
	turn(w);
	check_told(&w->ann, "failed:disabled");
	check_told(&w->bob, "failed:disabled");
	device_postpone(&w->bob.waiter, false);
	assert_int_equal(device_admit(dev, &err), -1);
	assert_int_equal(err.reason, REASON_DISABLED);
}

/* A platform that is recognised later changes how sessions are kept alive. */
static void
test_policy_learns_of_a_platform_whenever_it_is_found(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");

	assert_false(dev->policy.shells.given);
	device_set_platform(dev, platforms_find(w->set.platforms, "cisco_ios"));
	assert_true(dev->policy.shells.given);
	assert_ptr_equal(dev->home.platform, dev->platform);
	device_set_platform(dev, NULL);
	assert_false(dev->policy.shells.given);
}

/* ---- questions ---- */

static void
ask(struct world *w, const char *text)
{
	struct connect_prompt prompt = {
	    .job_id = w->jobs.id, .prompt_id = 5, .kind = PROMPT_PASSWORD, .text = text, .echo = false};

	jobs_prompt(&w->jobs.jobs, &prompt);
	turn(w);
}

static void
test_question_goes_to_who_has_a_terminal(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");
	struct secret *word = secret_make("sesame");

	w->bob.waiter.interactive = true;
	w->ann.waiter.queue_timeout = 10;
	wait_for(w, dev, &w->ann);
	wait_for(w, dev, &w->bob);
	resolved(w, "r1", NULL);
	ask(w, "Password: ");
	check_told(&w->ann, "");
	check_told(&w->bob, "ask:password:Password: ");
	assert_float_equal(w->ann.waiter.pool.deadline, 0, 0); /* her clock stands still meanwhile */
	fake_now += 60;
	assert_false(question_answer(w->all, 1, 5, word)); /* not hers to answer */
	assert_true(question_answer(w->all, 2, 5, word));
	assert_int_equal(w->jobs.answered, 1);
	assert_float_equal(w->ann.waiter.pool.deadline, fake_now + 10, 0.001);
	secret_unref(word);
}

static void
test_question_to_nobody_is_answered_at_once(void **state)
{
	struct world *w = *state;

	wait_for(w, get(w, "r1"), &w->ann);
	resolved(w, "r1", NULL);
	ask(w, "Password: ");
	assert_int_equal(w->jobs.answered, 1);
	check_told(&w->ann, "");
}

static void
test_question_of_a_command_is_answered_to_who_asked(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r1");

	device_enter(dev, &w->ann.waiter);
	question_ask(&w->ann.waiter, PROMPT_QUESTION, "Really?", true);
	check_told(&w->ann, "ask:question:Really?");
	assert_true(question_answer(w->all, 1, w->ann.prompt_id, NULL));
	check_told(&w->ann, "answered:nothing");
	question_ask(&w->ann.waiter, PROMPT_QUESTION, "Sure?", true);
	question_drop(&w->ann.waiter);
	assert_false(question_answer(w->all, 1, w->ann.prompt_id, NULL));
}

/* ---- jump hosts ---- */

static void
test_jump_host_is_made_first_and_carries_the_dial(void **state)
{
	struct world *w = *state;
	struct device *dev = get(w, "r2");
	struct waiter *way;

	wait_for(w, dev, &w->ann);
	resolved(w, "r2", "bastion");
	assert_int_equal(w->jobs.kind, CONNECT_RESOLVE);
	resolved(w, "bastion", NULL);
	way = link_way(link_of_entry(TAILQ_FIRST(&get(w, "r2")->policy.entries)));
	assert_true(waiter_waits(way));
	assert_ptr_equal(way->dev, get(w, "bastion"));
	dialled(w);
	assert_false(waiter_waits(way));
	assert_int_equal(w->jobs.kind, CONNECT_DIAL);
	assert_true(w->jobs.ready_fd > 0);
	check_told(&w->ann, "");
	dialled(w);
	check_told(&w->ann, "assigned");
}

static void
test_question_of_a_jump_host_goes_to_who_waits_behind_it(void **state)
{
	struct world *w = *state;

	w->ann.waiter.interactive = true;
	wait_for(w, get(w, "r2"), &w->ann);
	resolved(w, "r2", "bastion");
	resolved(w, "bastion", NULL);
	ask(w, "Token: ");
	check_told(&w->ann, "ask:password:Token: ");
}

static void
test_jump_host_that_fails_fails_who_waits_behind_it(void **state)
{
	struct world *w = *state;

	wait_for(w, get(w, "r2"), &w->ann);
	resolved(w, "r2", "bastion");
	resolved(w, "bastion", NULL);
	failed(w, REASON_AUTH_FAILED, 0);
	check_told(&w->ann, "failed:jump_failed");
	assert_non_null(strstr(w->ann.err.text, "jump host bastion"));
	assert_true(TAILQ_EMPTY(&w->all->forwards));
}

static void
test_way_through_itself_is_refused(void **state)
{
	struct world *w = *state;

	wait_for(w, get(w, "bastion"), &w->ann);
	resolved(w, "bastion", "bastion");
	check_told(&w->ann, "failed:jump_failed");
	assert_non_null(strstr(w->ann.err.text, "leads back"));
}

static void
test_way_that_is_killed_says_so_behind_it(void **state)
{
	struct world *w = *state;

	wait_for(w, get(w, "r2"), &w->ann);
	resolved(w, "r2", "bastion");
	forward_kill(TAILQ_FIRST(&w->all->forwards));
	turn(w);
	check_told(&w->ann, "failed:jump_failed");
	assert_non_null(strstr(w->ann.err.text, "npctl kill"));
}

static void
test_open_way_that_is_killed_says_so_to_the_dial_over_it(void **state)
{
	struct world *w = *state;
	struct forward *way;

	wait_for(w, get(w, "r2"), &w->ann);
	resolved(w, "r2", "bastion");
	resolved(w, "bastion", NULL);
	dialled(w);
	way = TAILQ_FIRST(&w->all->forwards);
	forward_kill(way);
	forward_kill(way); /* it is closing already */
	failed(w, REASON_CONNECT_FAILED, 0);
	check_told(&w->ann, "failed:jump_failed");
	assert_non_null(strstr(w->ann.err.text, "npctl kill"));
}

/* ---- many of them ---- */

static void
test_devices_are_found_by_key_and_share_their_limit_by_name(void **state)
{
	struct world *w = *state;
	struct device *root = get(w, "root@h1"), *admin = get(w, "admin@h1");
	struct pool_room room;

	assert_ptr_equal(get(w, "root@h1"), root);
	assert_ptr_not_equal(root, admin);
	wait_for(w, root, &w->ann);
	room = device_room(admin);
	assert_int_equal(room.device, admin->conf->args.max_connections);
	resolved(w, "h1", NULL);
	room = device_room(admin);
	assert_int_equal(room.device, admin->conf->args.max_connections - 1);
}

static void
test_thousands_of_devices_are_all_found_again(void **state)
{
	struct world *w = *state;
	static struct device *made[3000];
	char name[32];

	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof name, "host%d", i);
		made[i] = get(w, name);
	}
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof name, "host%d", i);
		assert_ptr_equal(get(w, name), made[i]);
	}
	assert_int_equal(w->all->counts.devices, 3000);
}

static void
test_unused_device_is_forgotten_but_not_a_refused_login(void **state)
{
	struct world *w = *state;
	struct device *refused = get(w, "h1");

	(void)get(w, "h2");
	wait_for(w, refused, &w->ann);
	resolved(w, "h1", NULL);
	failed(w, REASON_AUTH_FAILED, 0);
	person_leave(&w->ann);
	assert_int_equal(w->all->counts.devices, 2);
	fake_now += 1000;
	devices_tick(w->all);
	turn(w);
	assert_int_equal(w->all->counts.devices, 1);
	assert_ptr_equal(get(w, "h1"), refused);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_wish_to_open_is_gone_with_who_had_it),
	    TEST(test_first_who_waits_has_it_resolved_and_dialled),
	    TEST(test_session_that_dies_leaves_its_leases_and_the_count),
	    TEST(test_users_are_known_until_they_leave),
	    TEST(test_refused_login_answers_who_waits_and_bars_the_next),
	    TEST(test_changed_keys_of_the_agent_open_the_door_again),
	    TEST(test_what_the_operator_disabled_lets_nobody_in),
	    TEST(test_policy_learns_of_a_platform_whenever_it_is_found),
	    TEST(test_question_goes_to_who_has_a_terminal),
	    TEST(test_question_to_nobody_is_answered_at_once),
	    TEST(test_question_of_a_command_is_answered_to_who_asked),
	    TEST(test_jump_host_is_made_first_and_carries_the_dial),
	    TEST(test_question_of_a_jump_host_goes_to_who_waits_behind_it),
	    TEST(test_jump_host_that_fails_fails_who_waits_behind_it),
	    TEST(test_way_through_itself_is_refused),
	    TEST(test_way_that_is_killed_says_so_behind_it),
	    TEST(test_open_way_that_is_killed_says_so_to_the_dial_over_it),
	    TEST(test_devices_are_found_by_key_and_share_their_limit_by_name),
	    TEST(test_thousands_of_devices_are_all_found_again),
	    TEST(test_unused_device_is_forgotten_but_not_a_refused_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
