/* A session among fakes: what it tells its device, who uses it and who watches it, in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "account/account.h"
#include "broker/client/holder.h"
#include "kit/confkit.h"
#include "broker/link/link.h"
#include "kit/fakelink.h"
#include "kit/platdir.h"

/* What was told, in short words: "way dialled ready". */
struct world {
	struct ev_loop *loop;
	struct fake_jobs jobs;
	struct config *config;
	struct device_conf *conf;
	struct platforms *platforms;
	struct link_home home;
	struct link *link; /* NULL once it is gone */
	struct target *target;
	uint32_t random;
	char told[512];
	struct np_error err;
	uint64_t agent_hash;
	struct lease lease, other;
	struct cli_result result;
	char output[512];
	struct witness trial;
};

static struct world *world;

static void NP_PRINTF(1, 2) tell(const char *fmt, ...)
{
	size_t used = strlen(world->told);
	va_list ap;

	if (used > 0)
		world->told[used++] = ' ';
	va_start(ap, fmt);
	(void)vsnprintf(world->told + used, sizeof world->told - used, fmt, ap);
	va_end(ap);
}

static void
check_told(const char *what)
{
	assert_string_equal(world->told, what);
	world->told[0] = '\0';
}

static bool
was_told(void *arg)
{
	return strcmp(world->told, arg) == 0;
}

/* Drives both ends until just this has been told. */
static void
until_told(const char *what)
{
	char copy[sizeof world->told];

	(void)snprintf(copy, sizeof copy, "%s", what);
	fake_run(world->loop, fake_last, was_told, copy);
	world->told[0] = '\0';
}

/* ---- the device ---- */

static void
on_needs_way(struct link *link NP_UNUSED)
{
	tell("way");
}

static void
on_gives_way_up(struct link *link NP_UNUSED)
{
	tell("no-way");
}

static void
on_prompt(struct link *link NP_UNUSED, const struct connect_prompt *prompt)
{
	tell("prompt:%s", prompt->text);
}

static void
on_notice(struct link *link NP_UNUSED, const char *text)
{
	tell("notice:%s", text);
}

static void
on_dialled(struct link *link NP_UNUSED, uint64_t job)
{
	assert_int_equal(job, world->jobs.id);
	tell("dialled");
}

static void
on_ready(struct link *link)
{
	tell("ready");
	link_entry(link)->ready_since = fake_now;
}

static void
on_failed(struct link *link NP_UNUSED, const struct np_error *err, uint64_t agent_hash)
{
	tell("failed:%s", reason_name(err->reason));
	world->err = *err;
	world->agent_hash = agent_hash;
}

static void
on_closing(struct link *link NP_UNUSED)
{
	tell("closing");
}

static void
on_closed(struct link *link NP_UNUSED, const struct np_error *why)
{
	tell("closed:%s", reason_name(why->reason));
}

static void
on_gone(struct link *link)
{
	assert_ptr_equal(link, world->link);
	world->link = NULL;
	tell("gone");
}

static void
on_alive(struct link *link NP_UNUSED, double rtt)
{
	tell("alive:%.0f", rtt);
}

static void
on_slots(struct link *link NP_UNUSED, int max)
{
	tell("slots:%d", max);
}

static void
on_freed(struct link *link NP_UNUSED, bool carried)
{
	tell(carried ? "freed:carried" : "freed");
}

static void
on_held(struct link *link NP_UNUSED, const struct holder *holder)
{
	tell(holder != NULL ? "held" : "rests");
}

/* Told at each end of a lease, whether it rested or not. */
static void
on_unheld(struct link *link NP_UNUSED)
{
}

static void
on_recognised(struct link *link NP_UNUSED, const struct platform *found)
{
	tell("recognised:%s", found != NULL ? found->name : "none");
}

static const struct link_events home_events = {
    .needs_way = on_needs_way,
    .gives_way_up = on_gives_way_up,
    .prompt = on_prompt,
    .notice = on_notice,
    .dialled = on_dialled,
    .ready = on_ready,
    .failed = on_failed,
    .closing = on_closing,
    .closed = on_closed,
    .gone = on_gone,
    .alive = on_alive,
    .slots = on_slots,
    .freed = on_freed,
    .held = on_held,
    .unheld = on_unheld,
    .recognised = on_recognised,
};

/* ---- users ---- */

static void
on_output(struct lease *l)
{
	const struct buf *out = link_output(l);
	size_t used = strlen(world->output), n = out->len;

	assert_in_range(n, 0, sizeof world->output - used - 1);
	memcpy(world->output + used, buf_head(out), n);
	world->output[used + n] = '\0';
	link_consume(l, n);
}

static void
on_result(struct lease *l NP_UNUSED, const struct cli_result *result)
{
	tell("result");
	world->result = *result;
}

static void
on_drains(struct lease *l NP_UNUSED, const char *why)
{
	tell("drains:%s", why);
}

static void
on_lost(struct lease *l)
{
	assert_null(l->link);
	tell("lost");
}

static const struct lease_events lease_events = {
    .output = on_output, .result = on_result, .drains = on_drains, .lost = on_lost};

/* ---- the world ---- */

static void
make(const char *host, const char *proxy_jump, struct witness *t)
{
	struct link_wishes wishes = {.id = 4, .agent_socket = "/run/agent", .witness = t};

	target_unref(world->target); /* that of a session before this one */
	world->target = fake_target(host, proxy_jump);
	wishes.target = world->target;
	world->link = link_create(&world->home, &wishes);
	link_entry(world->link)->created = fake_now;
	link_begin(world->link);
}

static void
make_ready(void)
{
	make("r1", NULL, NULL);
	fake_dialled(&world->jobs);
	check_told("dialled ready");
}

/* The shell of a router at its prompt. */
static void
make_shell(void)
{
	world->home.platform = platforms_find(world->platforms, "cisco_ios");
	make("r1", NULL, NULL);
	fake_dialled(&world->jobs);
	check_told("dialled");
	until_told("ready");
}

static bool
has_typed(void *arg NP_UNUSED)
{
	return fake_last->chan != NULL && fake_last->chan->input.len > 0;
}

static bool
is_closing(void *arg NP_UNUSED)
{
	return fake_last->closing;
}

/* A router that asks for a password has it, and says nothing. */
static void
type_password(const char *password)
{
	fake_password = password;
	if (world->home.accounts == NULL)
		world->home.accounts = accounts_create(0);
	world->home.platform = platforms_find(world->platforms, "cisco_ios");
	make("r1", NULL, NULL);
	fake_dialled(&world->jobs);
	check_told("dialled");
	fake_last->mute = true;
	fake_run(world->loop, fake_last, has_typed, NULL);
}

/* Of the one account that there is. */
static struct account_facts
account(void)
{
	const struct account *a = accounts_next(world->home.accounts, NULL);
	struct account_facts f;

	assert_non_null(a);
	assert_null(accounts_next(world->home.accounts, a));
	account_facts(a, &f);
	return f;
}

static int
set_up(void **state)
{
	static const char yaml[] = "devices:\n  r1: {}\n";
	struct world *w = calloc(1, sizeof *w);
	struct np_error err;

	world = w;
	w->loop = ev_loop_new(EVFLAG_AUTO);
	fake_jobs_init(&w->jobs);
	w->config = config_parse(yaml, sizeof yaml - 1, "test", &err);
	if (w->config == NULL)
		fail_msg("%s", err.text);
	w->conf = device_conf_adhoc(w->config, "r1");
	w->platforms = platdir_load();
	w->home = (struct link_home){.events = &home_events,
	    .loop = w->loop,
	    .jobs = &w->jobs.jobs,
	    .random = &w->random,
	    .platforms = &w->platforms,
	    .conf = w->conf};
	w->lease.events = w->other.events = &lease_events;
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	fake_password = NULL;
	if (w->link != NULL && link_facts(w->link).connected)
		fake_session_closed(fake_last, REASON_NONE, "the test is over");
	else if (w->link != NULL)
		link_failed(w->link, &(struct np_error){.reason = REASON_CANCELLED});
	accounts_destroy(w->home.accounts);
	fake_jobs_finish(&w->jobs);
	target_unref(w->target);
	platforms_destroy(w->platforms);
	device_conf_free(w->conf);
	config_unref(w->config);
	ev_loop_destroy(w->loop);
	free(w);
	return 0;
}

/* ---- how it comes about, and does not ---- */

static void
test_dial_makes_it_ready(void **state NP_UNUSED)
{
	make("r1", NULL, NULL);
	assert_int_equal(world->jobs.submitted, 1);
	assert_string_equal(world->jobs.agent_socket, "/run/agent");
	assert_int_equal(world->jobs.ready_fd, -1);
	assert_string_equal(link_facts(world->link).agent_socket, "/run/agent");
	fake_now += 3;
	fake_dialled(&world->jobs);
	check_told("dialled ready");
	assert_null(link_facts(world->link).agent_socket);
	assert_string_equal(link_facts(world->link).auth, "publickey");
	assert_float_equal(link_facts(world->link).connect_seconds, 3, 0.001);
	assert_true(link_facts(world->link).connected);
}

static void
test_dial_that_fails_is_told_with_the_agents_keys(void **state NP_UNUSED)
{
	make("r1", NULL, NULL);
	fake_fail(&world->jobs, REASON_AUTH_FAILED, "no", 7);
	check_told("dialled failed:auth_failed gone");
	assert_int_equal(world->agent_hash, 7);
	assert_null(world->link);
}

static void
test_end_while_dialling_cancels_the_dial(void **state NP_UNUSED)
{
	make("r1", NULL, NULL);
	link_end(world->link, REASON_NONE, "enough");
	check_told("");
	assert_int_equal(world->jobs.cancelled, 1);
	assert_string_equal(world->jobs.why, "enough");
	assert_true(link_facts(world->link).closing);
	fake_fail(&world->jobs, REASON_CANCELLED, "enough", 7);
	check_told("dialled failed:cancelled gone");
}

static void
test_retired_dial_whose_secret_is_out_runs_to_its_verdict(void **state NP_UNUSED)
{
	make("r1", NULL, NULL);
	world->jobs.judged = true;
	link_retire(world->link, "its configuration changed");
	assert_int_equal(world->jobs.cancelled, 0);
	assert_true(link_facts(world->link).closing);
	fake_dialled(&world->jobs);
	check_told("dialled failed:cancelled gone"); /* nobody gets what came of it */
}

static void
test_answers_of_other_jobs_are_not_its_own(void **state NP_UNUSED)
{
	struct connect_result result = {.id = 99};
	struct connect_prompt prompt = {.job_id = 99, .text = "?"};

	make("r1", NULL, NULL);
	assert_false(jobs_done(&world->jobs.jobs, &result));
	jobs_prompt(&world->jobs.jobs, &prompt);
	assert_int_equal(world->jobs.answered, 1); /* nobody can: the thread must not wait */
	check_told("");
	prompt.job_id = world->jobs.id;
	jobs_prompt(&world->jobs.jobs, &prompt);
	jobs_notice(&world->jobs.jobs, world->jobs.id, "hm");
	check_told("prompt:? notice:hm");
}

/* ---- passwords inside the shell ---- */

static void
test_password_inside_the_shell_is_an_account_like_any_other(void **state NP_UNUSED)
{
	type_password("right");
	assert_int_equal(account().flying, 1);
	fake_last->mute = false;
	until_told("ready");
	assert_int_equal(account().state, ACCOUNT_PROVEN);
	assert_string_equal(account().user, "admin");
}

static void
test_unproven_password_that_is_cut_off_is_barred(void **state NP_UNUSED)
{
	type_password("unproven");
	link_end(world->link, REASON_NONE, "closed");
	fake_session_closed(fake_last, REASON_NONE, "closed");
	check_told("failed:cancelled gone");
	assert_int_equal(account().refused_places, 1);
	assert_false(account().refusals[0].judged);
	assert_int_equal(account().flying, 0);
}

static void
test_way_that_is_lost_bars_no_proven_password(void **state NP_UNUSED)
{
	struct np_error why;

	type_password("right");
	fake_last->mute = false;
	until_told("ready");
	fake_session_closed(fake_last, REASON_NONE, "done");
	check_told("closing closed:none gone");
	type_password("right");
	error_set(&why, REASON_JUMP_FAILED, "the bastion has died");
	link_way_lost(world->link, &why);
	fake_session_closed(fake_last, REASON_CONNECT_FAILED, "connection reset");
	check_told("failed:jump_failed gone");
	assert_false(account().barred);
}

static void
test_retired_login_inside_the_shell_runs_to_its_verdict(void **state NP_UNUSED)
{
	type_password("right");
	link_retire(world->link, "its configuration changed");
	assert_false(fake_last->closing);
	assert_true(link_facts(world->link).closing);
	fake_last->mute = false;
	fake_run(world->loop, fake_last, is_closing, NULL);
	assert_int_equal(account().state, ACCOUNT_PROVEN);
	fake_session_closed(fake_last, REASON_NONE, "closed");
	check_told("failed:cancelled gone");
}

static void
test_barred_password_is_not_typed(void **state NP_UNUSED)
{
	type_password("wrong");
	fake_session_closed(fake_last, REASON_CONNECT_FAILED, "connection reset");
	check_told("failed:auth_failed gone");
	make("r1", NULL, NULL);
	fake_dialled(&world->jobs);
	fake_run(world->loop, fake_last, is_closing, NULL);
	assert_false(has_typed(NULL));
	assert_int_not_equal(link_facts(world->link).account, 0);
	fake_session_closed(fake_last, REASON_NONE, "closed");
	check_told("dialled failed:auth_backoff gone");
	assert_non_null(strstr(world->err.text, "r1:22 had it and gave no verdict"));
}

/* ---- through a jump host ---- */

static void
test_way_is_asked_for_and_dialled_over(void **state NP_UNUSED)
{
	make("r1", "bastion", NULL);
	check_told("way");
	assert_int_equal(world->jobs.submitted, 0);
	link_dial_over(world->link, dup(0), "bastion");
	assert_true(world->jobs.ready_fd > 0);
	fake_dialled(&world->jobs);
	check_told("dialled ready");
}

static void
test_end_before_the_way_gives_it_up(void **state NP_UNUSED)
{
	make("r1", "bastion", NULL);
	link_end(world->link, REASON_CANCELLED, "enough");
	check_told("way no-way");
	link_end(world->link, REASON_NONE, "enough again"); /* it is still there, and ends once */
	assert_true(link_facts(world->link).closing);
	ev_run(world->loop, EVRUN_NOWAIT);
	check_told("failed:cancelled gone");
	assert_string_equal(world->err.text, "enough");
}

static void
test_way_lost_says_why_the_dial_failed(void **state NP_UNUSED)
{
	struct np_error why;

	make("r1", "bastion", NULL);
	link_dial_over(world->link, dup(0), "bastion");
	error_set(&why, REASON_JUMP_FAILED, "the bastion has died");
	link_way_lost(world->link, &why);
	assert_int_equal(world->jobs.cancelled, 1);
	fake_fail(&world->jobs, REASON_CONNECT_FAILED, "end of file", 7);
	check_told("way dialled failed:jump_failed gone");
	assert_string_equal(world->err.text, "the bastion has died");
}

/* ---- leases of channels ---- */

static void
test_leases_of_channels_end_one_by_one(void **state NP_UNUSED)
{
	make_ready();
	world->other.carried = true;
	link_lease(world->link, &world->lease);
	link_lease(world->link, &world->other);
	link_tell_drain(world->link, "old");
	check_told("drains:old drains:old");
	link_release(&world->other, NULL);
	link_release(&world->lease, NULL);
	link_release(&world->lease, NULL); /* it has none */
	check_told("freed:carried freed");
}

static void
test_leases_are_empty_once_the_session_is_gone(void **state NP_UNUSED)
{
	make_ready();
	link_lease(world->link, &world->lease);
	fake_session_closed(fake_last, REASON_OUTCOME_UNKNOWN, "peer has gone");
	check_told("closed:outcome_unknown lost gone");
	assert_null(world->lease.link);
	link_release(&world->lease, NULL);
	check_told("");
}

static void
test_end_of_a_ready_session_closes_it(void **state NP_UNUSED)
{
	make_ready();
	link_end(world->link, REASON_NONE, "idle");
	check_told("closing");
	assert_true(fake_last->closing);
	assert_string_equal(fake_last->why, "idle");
}

static void
test_policy_reads_the_slots_of_the_session(void **state NP_UNUSED)
{
	make_ready();
	fake_last->stats.slots_used = 3;
	fake_last->stats.last_rx = 1234;
	link_refresh(world->link);
	assert_int_equal(link_entry(world->link)->slots_used, 3);
	assert_int_equal(link_entry(world->link)->slots_max, 10);
	assert_float_equal(link_entry(world->link)->last_rx, 1234, 0);
	fake_last->stats.has_slot = false; /* on its way out: it takes nobody in */
	link_refresh(world->link);
	assert_int_equal(link_entry(world->link)->slots_used, 10);
}

/* ---- shells ---- */

static void
run(struct lease *l, const char *text)
{
	struct cli_command command = {.text = text, .size = strlen(text)};
	struct np_error err;

	if (link_run(l, &command, &err) == -1)
		fail_msg("%s", err.text);
	until_told("result");
}

static void
test_shell_runs_a_command_for_its_lease(void **state NP_UNUSED)
{
	make_shell();
	link_lease(world->link, &world->lease);
	assert_true(link_serves(&world->lease));
	run(&world->lease, "show clock");
	assert_int_equal(world->result.err.reason, REASON_NONE);
	assert_string_equal(world->output, "out of show clock\n");
	assert_int_equal(link_facts(world->link).commands, 1);
	assert_int_equal(world->home.commands, 1);
	link_release(&world->lease, NULL);
	until_told("freed");
}

static void
test_shell_is_kept_for_the_clients_next_request(void **state NP_UNUSED)
{
	struct holder holder = {.lost = NULL};

	TAILQ_INIT(&holder.list);
	make_shell();
	link_lease(world->link, &world->lease);
	link_release(&world->lease, &holder);
	check_told("held");
	assert_ptr_equal(link_kept(&world->home, &holder), world->link);
	link_lease(world->link, &world->other);
	assert_null(link_kept(&world->home, &holder));
	link_release(&world->other, &holder);
	links_unhold(&holder);
	until_told("held freed");
	assert_null(link_kept(&world->home, &holder));
}

static void
test_shell_taken_back_tells_its_holder(void **state NP_UNUSED)
{
	struct holder holder = {.lost = NULL};

	TAILQ_INIT(&holder.list);
	make_shell();
	link_lease(world->link, &world->lease);
	link_release(&world->lease, &holder);
	link_take_back(world->link, "others wait");
	until_told("held freed");
	assert_string_equal(holder.lost, "others wait");
	assert_true(TAILQ_EMPTY(&holder.list));
}

static void
test_paused_lease_loses_the_shell_but_nothing_else(void **state NP_UNUSED)
{
	make_shell();
	link_lease(world->link, &world->lease);
	run(&world->lease, "show clock");
	link_pause(&world->lease);
	link_take_back(world->link, "others wait");
	assert_null(world->lease.link);
	until_told("rests freed");
}

static void
test_shell_that_dies_ends_its_session(void **state NP_UNUSED)
{
	struct holder holder = {.lost = NULL};

	TAILQ_INIT(&holder.list);
	make_shell();
	link_lease(world->link, &world->lease);
	link_release(&world->lease, &holder);
	fake_hang_up(fake_last);
	until_told("held closing");
	assert_true(fake_last->closing);
	assert_string_equal(holder.lost, link_hold_died);
	fake_session_closed(fake_last, REASON_OUTCOME_UNKNOWN, "gone");
	check_told("closed:outcome_unknown gone");
}

static void
test_shell_that_dies_at_rest_tells_its_lease(void **state NP_UNUSED)
{
	make_shell();
	link_lease(world->link, &world->lease);
	fake_hang_up(fake_last);
	until_told("closing");
	assert_false(link_serves(&world->lease));
	fake_session_closed(fake_last, REASON_OUTCOME_UNKNOWN, "gone");
	check_told("closed:outcome_unknown lost gone");
}

static void
test_shell_without_a_prompt_is_a_failed_login(void **state NP_UNUSED)
{
	world->home.platform = platforms_find(world->platforms, "cisco_ios");
	make("r1", NULL, NULL);
	fake_dialled(&world->jobs);
	fake_turn(fake_last);
	fake_hang_up(fake_last);
	fake_run(world->loop, fake_last, is_closing, fake_last);
	check_told("dialled");
	fake_session_closed(fake_last, REASON_OUTCOME_UNKNOWN, "closed after its shell");
	assert_null(world->link);
	assert_non_null(strstr(world->told, "failed:"));
}

static void
test_goodbye_is_said_before_the_end(void **state NP_UNUSED)
{
	make_shell();
	link_end(world->link, REASON_NONE, "idle");
	check_told("closing");
	assert_true(link_is_leaving(world->link));
	assert_false(fake_last->closing);
	fake_hang_up(fake_last);
	until_told("closing");
	assert_true(fake_last->closing);
	assert_string_equal(fake_last->why, "idle");
}

static void
test_sign_of_life_by_ssh_or_by_a_free_shell(void **state NP_UNUSED)
{
	make_ready();
	assert_true(link_probe(world->link, false));
	assert_int_equal(fake_last->probes, 1);
	fake_session_closed(fake_last, REASON_NONE, "next");
	world->told[0] = '\0';
	make_shell();
	assert_true(link_probe(world->link, true));
	assert_int_equal(fake_last->probes, 0);
	until_told("alive:-1");
	link_lease(world->link, &world->lease);
	assert_false(link_probe(world->link, true)); /* busy: nothing was sent */
}

/* ---- trials ---- */

static void
on_step(struct witness *t NP_UNUSED, const struct connect_step *step)
{
	tell("step:%s", step->name);
}

static void
on_jumped(struct witness *t NP_UNUSED, const char *device)
{
	tell("jumped:%s", device);
}

static void
on_shell(struct witness *t NP_UNUSED, enum cli_state state NP_UNUSED, const struct platform_mode *mode NP_UNUSED)
{
}

static void
on_passed(struct witness *t, const struct link *link NP_UNUSED)
{
	assert_null(t->link);
	tell("passed");
}

static void
on_trial_failed(struct witness *t, bool made, const struct np_error *err)
{
	assert_null(t->link);
	tell("trial-failed:%s:%s", made ? "shell" : "dial", reason_name(err->reason));
}

static const struct witness_events trial_events = {
    .step = on_step, .jumped = on_jumped, .shell = on_shell, .passed = on_passed, .failed = on_trial_failed};

static void
test_trial_sees_each_step_and_one_end(void **state NP_UNUSED)
{
	struct connect_step step = {.name = "connect"};

	world->trial = (struct witness){.events = &trial_events, .no_login = true};
	make("r1", "bastion", &world->trial);
	link_dial_over(world->link, dup(0), "bastion");
	assert_true(world->jobs.steps);
	assert_true(world->jobs.no_login);
	jobs_step(&world->jobs.jobs, world->jobs.id, &step);
	fake_fail(&world->jobs, REASON_CANCELLED, "no login", 7);
	check_told("way jumped:bastion step:connect dialled failed:cancelled trial-failed:dial:cancelled gone");
}

static void
test_trial_that_left_is_told_nothing(void **state NP_UNUSED)
{
	world->trial = (struct witness){.events = &trial_events};
	make("r1", NULL, &world->trial);
	assert_ptr_equal(witness_leave(&world->trial), world->link);
	fake_dialled(&world->jobs);
	check_told("dialled ready");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_dial_makes_it_ready),
	    TEST(test_dial_that_fails_is_told_with_the_agents_keys),
	    TEST(test_end_while_dialling_cancels_the_dial),
	    TEST(test_password_inside_the_shell_is_an_account_like_any_other),
	    TEST(test_unproven_password_that_is_cut_off_is_barred),
	    TEST(test_way_that_is_lost_bars_no_proven_password),
	    TEST(test_retired_login_inside_the_shell_runs_to_its_verdict),
	    TEST(test_barred_password_is_not_typed),
	    TEST(test_retired_dial_whose_secret_is_out_runs_to_its_verdict),
	    TEST(test_answers_of_other_jobs_are_not_its_own),
	    TEST(test_way_is_asked_for_and_dialled_over),
	    TEST(test_end_before_the_way_gives_it_up),
	    TEST(test_way_lost_says_why_the_dial_failed),
	    TEST(test_leases_of_channels_end_one_by_one),
	    TEST(test_leases_are_empty_once_the_session_is_gone),
	    TEST(test_end_of_a_ready_session_closes_it),
	    TEST(test_policy_reads_the_slots_of_the_session),
	    TEST(test_shell_runs_a_command_for_its_lease),
	    TEST(test_shell_is_kept_for_the_clients_next_request),
	    TEST(test_shell_taken_back_tells_its_holder),
	    TEST(test_paused_lease_loses_the_shell_but_nothing_else),
	    TEST(test_shell_that_dies_ends_its_session),
	    TEST(test_shell_that_dies_at_rest_tells_its_lease),
	    TEST(test_shell_without_a_prompt_is_a_failed_login),
	    TEST(test_goodbye_is_said_before_the_end),
	    TEST(test_sign_of_life_by_ssh_or_by_a_free_shell),
	    TEST(test_trial_sees_each_step_and_one_end),
	    TEST(test_trial_that_left_is_told_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
