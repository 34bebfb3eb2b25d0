/* Connectors: real threads, real dials; order, cap, limits, prompts, cancel, threads that cannot be ended. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "base/clock.h"
#include "kit/confkit.h"
#include "login/connector.h"
#include "kit/dialkit.h"
#include "kit/drive.h"
#include "kit/slow.h"
#include "kit/testserver.h"
#include "kit/testsshd.h"
#include "base/xalloc.h"

#define JOBS_MAX 64

/* What came back of one job. */
struct end {
	bool done;
	bool ok;
	enum np_reason reason;
	char text[640];
	int order;
	bool needed_person;
	double duration;
	uint64_t agent_keys_hash;
	char host[64]; /* of a resolved target */
};

struct fixture {
	struct kit kit; /* for targets only */
	struct ev_loop *loop;
	struct connector *connector;
	struct end ends[JOBS_MAX];
	int ends_count;
	struct connect_prompt prompts[8];
	char prompt_text[256];
	int prompts_count;
	const char *answer; /* given at once when not NULL */
	bool answer_now;
	char notices[2048];
	struct testserver *server;
	struct testsshd *sshd;
	int wanted; /* jobs that wait_for_all() waits for */
	int most_running;
	int fds;
	struct accounts *accounts;    /* NULL: dials ask nobody */
	struct account_ticket holder; /* somebody else who has offered the same password */
	double until;
};

static void
on_done(struct connect_result *r, void *arg)
{
	struct fixture *f = arg;
	struct end *e = &f->ends[r->id];
	int running, waiting;

	assert_true(r->id < JOBS_MAX);
	assert_false(e->done); /* once for each */
	*e = (struct end){.done = true,
	    .ok = r->ok,
	    .reason = r->err.reason,
	    .order = f->ends_count++,
	    .needed_person = r->dialled != NULL && r->dialled->needed_person,
	    .duration = r->duration,
	    .agent_keys_hash = r->agent_keys_hash};
	snprintf(e->text, sizeof(e->text), "%s", r->err.text);
	if (r->target != NULL)
		snprintf(e->host, sizeof(e->host), "%s", r->target->host);
	assert_int_equal(r->ok && r->kind == CONNECT_DIAL, r->dialled != NULL);
	connector_counts(f->connector, &running, &waiting);
	if (running + 1 > f->most_running)
		f->most_running = running + 1;
}

static bool
answer_prompt(struct fixture *f, uint64_t job_id, uint64_t prompt_id, const char *text)
{
	struct secret *value = secret_make(text);
	bool taken = connector_answer(f->connector, job_id, prompt_id, value);

	secret_unref(value);
	return taken;
}

static void
on_prompt(const struct connect_prompt *p, void *arg)
{
	struct fixture *f = arg;

	f->prompts[f->prompts_count++] = *p;
	snprintf(f->prompt_text, sizeof(f->prompt_text), "%s", p->text);
	if (f->answer_now)
		assert_true(answer_prompt(f, p->job_id, p->prompt_id, f->answer));
}

static void
on_notice(uint64_t job_id, const char *text, void *arg)
{
	struct fixture *f = arg;
	size_t used = strlen(f->notices);

	snprintf(f->notices + used, sizeof(f->notices) - used, "%llu: %s\n", (unsigned long long)job_id, text);
}

static void
create(struct fixture *f, int max_logins)
{
	static const struct connector_events events = {.done = on_done, .prompt = on_prompt, .notice = on_notice};

	f->connector = connector_create(f->loop, max_logins, f->accounts, &events, f);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->fds = kit_count_fds();
	kit_begin(&f->kit);
	f->loop = ev_loop_new(EVFLAG_AUTO);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	connector_destroy(f->connector);
	account_claim_finish(&f->holder.claim);
	accounts_destroy(f->accounts);
	ev_loop_destroy(f->loop);
	testserver_stop(f->server);
	testsshd_stop(f->sshd);
	kit_end(&f->kit);
	assert_int_equal(kit_count_fds(), f->fds);
	free(f);
	return 0;
}

static bool
all_done(void *arg)
{
	const struct fixture *f = arg;

	return f->ends_count >= f->wanted;
}

static bool
has_prompt(void *arg)
{
	const struct fixture *f = arg;

	return f->prompts_count >= f->wanted;
}

static void
wait_for(struct fixture *f, int jobs)
{
	f->wanted = jobs;
	assert_true(drive_until(f->loop, all_done, f));
}

static void
wait_for_prompt(struct fixture *f, int prompts)
{
	f->wanted = prompts;
	assert_true(drive_until(f->loop, has_prompt, f));
}

static uint64_t
submit_dial(struct fixture *f, struct target *target, double timeout)
{
	struct attempt r = {
	    .kind = CONNECT_DIAL, .target = target, .ready_fd = -1, .timeout = timeout, .prompt_timeout = slow(20)};

	return connector_submit(f->connector, &r);
}

/* A target behind a server of ours that asks for a password. */
static struct target *
password_target(struct fixture *f)
{
	struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PASSWORD, .password = "secret"}}};

	f->server = testserver_start_ssh(&login);
	return kit_target(
	    &f->kit, testserver_port(f->server), "\"username\": \"ops\"", "StrictHostKeyChecking accept-new\n");
}

static void
stay_silent(int fd, void *arg)
{
	char c[64];

	(void)arg;
	while (read(fd, c, sizeof(c)) > 0)
		;
	close(fd);
}

static struct target *
silent_target(struct fixture *f)
{
	f->server = testserver_start(stay_silent, NULL);
	return kit_target(&f->kit, testserver_port(f->server), "", "");
}

static void
test_resolve_gives_a_target(void **state)
{
	struct fixture *f = *state;
	struct np_error err;
	struct config *conf = config_parse("", 0, "test", &err);
	struct device_conf *device = device_conf_adhoc(conf, "r1");
	struct attempt r = {.kind = CONNECT_RESOLVE, .device = device, .ready_fd = -1, .timeout = slow(20)};
	char path[128];
	uint64_t id;

	kit_write(&f->kit, "ssh_config", "Host r1\n HostName 192.0.2.7\n", path);
	r.default_ssh_config = path;
	create(f, 2);
	id = connector_submit(f->connector, &r);
	assert_int_not_equal(id, 0);
	/* The job has its own copies. */
	device_conf_free(device);
	config_unref(conf);
	path[0] = 'x';
	wait_for(f, 1);
	assert_true(f->ends[id].ok);
	assert_string_equal(f->ends[id].host, "192.0.2.7");
}

static void
test_dials_run_at_most_so_many_at_once_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct target *target;
	uint64_t ids[8];
	int i, running, waiting;
	char config[256];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	snprintf(config, sizeof(config), "UserKnownHostsFile %s\nIdentityFile %s\n", f->sshd->known_hosts,
	    f->sshd->user_key);
	target = kit_target(&f->kit, f->sshd->port, "", config);
	create(f, 3);
	for (i = 0; i < 8; i++)
		ids[i] = submit_dial(f, target, slow(20));
	target_unref(target); /* the jobs hold it */
	connector_counts(f->connector, &running, &waiting);
	assert_int_equal(running, 3);
	assert_int_equal(waiting, 5);
	wait_for(f, 8);
	for (i = 0; i < 8; i++)
		assert_true(f->ends[ids[i]].ok);
	assert_true(f->most_running <= 3);
	connector_counts(f->connector, &running, &waiting);
	assert_int_equal(running + waiting, 0);
}

static void
test_lookups_do_not_wait_behind_silent_servers(void **state)
{
	struct fixture *f = *state;
	struct target *target = silent_target(f);
	struct attempt r = {.kind = CONNECT_AGENT_KEYS, .target = target, .ready_fd = -1, .timeout = slow(20)};
	int running, waiting, i;
	uint64_t id;

	create(f, 1);
	submit_dial(f, target, slow(20));
	submit_dial(f, target, slow(20));
	for (i = 0; i < 20; i++)
		id = connector_submit(f->connector, &r);
	wait_for(f, 20);
	assert_true(f->ends[id].ok);
	connector_counts(f->connector, &running, &waiting);
	assert_int_equal(running, 1);
	assert_int_equal(waiting, 1);
	target_unref(target);
}

static void
test_done_never_comes_from_inside_a_call(void **state)
{
	struct fixture *f = *state;
	struct target *target = silent_target(f);
	uint64_t first, second;

	create(f, 1);
	first = submit_dial(f, target, slow(20));
	second = submit_dial(f, target, slow(20)); /* waits */
	connector_cancel(f->connector, second, REASON_QUEUE_TIMEOUT, "too late");
	connector_cancel(f->connector, first, REASON_CANCELLED, "no longer wanted");
	connector_cancel(f->connector, first, REASON_INTERNAL, "a second time");
	connector_cancel(f->connector, 999, REASON_INTERNAL, "unknown");
	assert_int_equal(f->ends_count, 0);
	wait_for(f, 2);
	assert_int_equal(f->ends[second].reason, REASON_QUEUE_TIMEOUT);
	assert_string_equal(f->ends[second].text, "too late");
	assert_int_equal(f->ends[first].reason, REASON_CANCELLED);
	assert_non_null(strstr(f->ends[first].text, "no longer wanted"));
	target_unref(target);
}

static void
test_cancelled_waiting_job_is_never_started(void **state)
{
	struct fixture *f = *state;
	struct target *silent = silent_target(f), *target;
	uint64_t first, second;
	int listener = testserver_port(f->server);

	(void)listener;
	target = kit_target(&f->kit, 1, "\"password_command\": \"touch /nonexistent/x\"", "");
	create(f, 1);
	first = submit_dial(f, silent, slow(20));
	second = submit_dial(f, target, slow(20));
	connector_cancel(f->connector, first, REASON_CANCELLED, "x");
	connector_cancel(f->connector, second, REASON_CANCELLED, "y");
	wait_for(f, 2);
	assert_string_equal(f->ends[second].text, "y");
	assert_true(f->ends[second].duration == 0);
	target_unref(silent);
	target_unref(target);
}

static void
test_limit_ends_a_silent_server(void **state)
{
	struct fixture *f = *state;
	struct target *target = silent_target(f);
	double began = clock_now();
	uint64_t id;

	create(f, 2);
	id = submit_dial(f, target, 0.5);
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_CONNECT_TIMEOUT);
	assert_non_null(strstr(f->ends[id].text, "in the SSH handshake: not done within 0.5 s (connection_timeout)"));
	assert_true(clock_now() - began < slow(10));
	target_unref(target);
}

/* ---- the gate before accounts ---- */

static struct target *
gated_target(struct fixture *f)
{
	struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PASSWORD, .password = "secret"}}};

	f->server = testserver_start_ssh(&login);
	f->accounts = accounts_create(0);
	assert_non_null(f->accounts);
	f->holder.claim = (struct account_claim){
	    .user = xstrdup("ops"), .place = xstrdup("elsewhere:22"), .secret = secret_make("secret")};
	assert_int_equal(accounts_ask(f->accounts, &f->holder, clock_now()), ACCOUNT_GO);
	return kit_target(&f->kit, testserver_port(f->server), "\"username\": \"ops\", \"password\": \"secret\"",
	    "StrictHostKeyChecking accept-new\n");
}

static bool
somebody_waits(void *arg)
{
	const struct fixture *f = arg;
	struct account_facts facts;

	account_facts(accounts_next(f->accounts, NULL), &facts);
	return facts.waiting == 1;
}

static bool
time_has_passed(void *arg)
{
	const struct fixture *f = arg;

	return clock_now() > f->until;
}

static uint64_t
submit_and_park(struct fixture *f, struct target *target, double timeout)
{
	uint64_t id;

	create(f, 1);
	id = submit_dial(f, target, timeout);
	assert_true(drive_until(f->loop, somebody_waits, f));
	return id;
}

static void
test_dial_at_the_gate_takes_no_place_and_no_time(void **state)
{
	struct fixture *f = *state;
	struct target *target = gated_target(f), *refused = kit_target(&f->kit, 1, "", "");
	double limit = slow(2);
	uint64_t id = submit_and_park(f, target, limit), other;

	other = submit_dial(f, refused, slow(20));
	wait_for(f, 1);
	assert_int_equal(f->ends[other].reason, REASON_CONNECT_FAILED);
	f->until = clock_now() + limit + 0.2;
	assert_true(drive_until(f->loop, time_has_passed, f));
	assert_int_equal(testserver_counts(f->server).passwords, 0);
	accounts_settle(f->accounts, &f->holder, ACCOUNT_ACCEPTED, NULL, NULL, clock_now());
	wait_for(f, 2);
	assert_true(f->ends[id].ok);
	assert_true(f->ends[id].duration < limit);
	target_unref(target);
	target_unref(refused);
}

static void
test_dial_that_waits_when_the_gate_closes_offers_nothing(void **state)
{
	struct fixture *f = *state;
	struct target *target = gated_target(f);
	uint64_t id;

	/* It was refused once already. */
	accounts_settle(f->accounts, &f->holder, ACCOUNT_DENIED, NULL, "wrong", clock_now());
	f->holder.claim.insists = true;
	assert_int_equal(accounts_ask(f->accounts, &f->holder, clock_now()), ACCOUNT_GO);
	id = submit_and_park(f, target, slow(20));
	accounts_settle(f->accounts, &f->holder, ACCOUNT_DENIED, NULL, "wrong", clock_now());
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_AUTH_FAILED);
	assert_non_null(strstr(f->ends[id].text, "the password of ops is barred: elsewhere:22 refused it at "));
	assert_int_equal(testserver_counts(f->server).passwords, 0);
	target_unref(target);
}

/* It waited for the command, and learns there that the words are barred: it was under way when that came about. */
static void
test_dial_behind_a_command_fails_with_the_words_that_are_refused_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PASSWORD, .password = "right"}}};
	struct account_ticket words = {.claim = {.user = xstrdup("ops"), .secret = secret_make("secret")}};
	struct target *target;
	uint64_t id;

	f->server = testserver_start_ssh(&login);
	f->accounts = accounts_create(0);
	f->holder.claim = (struct account_claim){.user = xstrdup("ops"),
	    .place = xstrdup("elsewhere:22"),
	    .command = true,
	    .secret = secret_make("password_command echo secret")};
	assert_int_equal(accounts_ask(f->accounts, &f->holder, clock_now()), ACCOUNT_GO);
	target = kit_target(&f->kit, testserver_port(f->server),
	    "\"username\": \"ops\", \"password_command\": \"echo secret\"", "StrictHostKeyChecking accept-new\n");
	id = submit_and_park(f, target, slow(20));
	for (int i = 0; i < 2; i++) {
		xreplace(&words.claim.place, i == 0 ? "r1:22" : "r2:22");
		assert_int_equal(accounts_ask(f->accounts, &words, clock_now()), ACCOUNT_GO);
		accounts_settle(f->accounts, &words, ACCOUNT_DENIED, NULL, "wrong", clock_now());
	}
	accounts_settle(f->accounts, &f->holder, ACCOUNT_UNUSED, NULL, NULL, clock_now());
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_AUTH_FAILED);
	assert_non_null(strstr(f->ends[id].text, "the password of ops is barred: r2:22 refused it at "));
	assert_int_equal(testserver_counts(f->server).passwords, 0);
	account_claim_finish(&words.claim);
	target_unref(target);
}

static void
test_cancel_ends_a_dial_at_the_gate(void **state)
{
	struct fixture *f = *state;
	struct target *target = gated_target(f);
	uint64_t id = submit_and_park(f, target, slow(20));

	connector_cancel(f->connector, id, REASON_CANCELLED, "no longer wanted");
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_CANCELLED);
	assert_false(somebody_waits(f));
	accounts_settle(f->accounts, &f->holder, ACCOUNT_UNUSED, NULL, NULL, clock_now());
	assert_int_equal(testserver_counts(f->server).passwords, 0);
	target_unref(target);
}

static void
test_destroy_with_a_dial_at_the_gate(void **state)
{
	struct fixture *f = *state;
	struct target *target = gated_target(f);

	(void)submit_and_park(f, target, slow(20));
	connector_destroy(f->connector);
	f->connector = NULL;
	assert_false(somebody_waits(f));
	accounts_settle(f->accounts, &f->holder, ACCOUNT_UNUSED, NULL, NULL, clock_now());
	target_unref(target);
}

static void
test_prompt_is_answered(void **state)
{
	struct fixture *f = *state;
	struct target *target = password_target(f);
	uint64_t id;

	create(f, 2);
	id = submit_dial(f, target, slow(20));
	wait_for_prompt(f, 1);
	assert_int_equal(f->prompts[0].job_id, id);
	assert_int_equal(f->prompts[0].kind, PROMPT_PASSWORD);
	assert_false(f->prompts[0].echo);
	assert_string_equal(f->prompt_text, "ops@127.0.0.1's password: ");
	assert_false(answer_prompt(f, id, f->prompts[0].prompt_id + 1, "wrong"));
	assert_false(answer_prompt(f, id + 1, f->prompts[0].prompt_id, "wrong"));
	assert_true(answer_prompt(f, id, f->prompts[0].prompt_id, "secret"));
	assert_false(answer_prompt(f, id, f->prompts[0].prompt_id, "again"));
	wait_for(f, 1);
	assert_true(f->ends[id].ok);
	assert_true(f->ends[id].needed_person);
	/* The accepted host key was told on the way. */
	assert_non_null(strstr(f->notices, "was added to"));
	target_unref(target);
}

static void
test_prompt_may_be_answered_from_inside_the_event(void **state)
{
	struct fixture *f = *state;
	struct target *target = password_target(f);
	uint64_t id;

	f->answer_now = true;
	f->answer = "secret";
	create(f, 2);
	id = submit_dial(f, target, slow(20));
	wait_for(f, 1);
	assert_true(f->ends[id].ok);
	target_unref(target);
}

static void
test_nobody_answers(void **state)
{
	struct fixture *f = *state;
	struct target *target = password_target(f);
	uint64_t id;

	f->answer_now = true;
	create(f, 2);
	id = submit_dial(f, target, slow(20));
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_AUTH_FAILED);
	assert_int_equal(testserver_counts(f->server).passwords, 0);
	target_unref(target);
}

static bool
limit_has_passed(void *arg)
{
	return clock_now() - *(double *)arg > slow(1.2) + 0.3;
}

static void
test_limit_stands_still_while_a_person_thinks(void **state)
{
	struct fixture *f = *state;
	struct target *target = password_target(f);
	double asked;
	uint64_t id;

	create(f, 2);
	id = submit_dial(f, target, slow(1.2));
	wait_for_prompt(f, 1);
	asked = clock_now();
	drive_until(f->loop, limit_has_passed, &asked);
	assert_int_equal(f->ends_count, 0);
	assert_true(answer_prompt(f, id, f->prompts[0].prompt_id, "secret"));
	wait_for(f, 1);
	if (!f->ends[id].ok)
		fail_msg("%s", f->ends[id].text);
	assert_true(f->ends[id].duration < slow(1.2));
	target_unref(target);
}

static void
test_prompt_timeout_counts_as_no_answer(void **state)
{
	struct fixture *f = *state;
	struct target *target = password_target(f);
	struct attempt r = {
	    .kind = CONNECT_DIAL, .target = target, .ready_fd = -1, .timeout = slow(20), .prompt_timeout = 0.2};
	uint64_t id;

	create(f, 2);
	id = connector_submit(f->connector, &r);
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_AUTH_FAILED);
	assert_int_equal(f->prompts_count, 1);
	assert_false(answer_prompt(f, id, f->prompts[0].prompt_id, "late"));
	assert_non_null(strstr(f->notices, "prompt_timeout"));
	target_unref(target);
}

/* While a person thinks about them, others wait for what becomes of the password. */
static void
test_questions_behind_a_secret_have_the_time_of_one(void **state)
{
	struct fixture *f = *state;
	const struct testserver_login login = {.endless = true,
	    .steps_count = 1,
	    .steps = {{.methods = SSH_AUTH_METHOD_INTERACTIVE,
		.prompts = {{"Password: ", false, "secret"}},
		.prompts_count = 1}}};
	struct attempt r = {.kind = CONNECT_DIAL, .ready_fd = -1, .timeout = slow(20), .prompt_timeout = 1};
	double asked;

	f->server = testserver_start_ssh(&login);
	f->accounts = accounts_create(0);
	r.target = kit_target(
	    &f->kit, testserver_port(f->server), "\"password\": \"secret\"", "StrictHostKeyChecking accept-new\n");
	create(f, 2);
	(void)connector_submit(f->connector, &r);
	wait_for_prompt(f, 1);
	asked = clock_now();
	f->until = asked + 0.8;
	assert_true(drive_until(f->loop, time_has_passed, f));
	assert_true(answer_prompt(f, f->prompts[0].job_id, f->prompts[0].prompt_id, "code"));
	wait_for_prompt(f, 2);
	wait_for(f, 1);
	assert_true(clock_now() - asked < slow(1.6));
	target_unref(r.target);
}

static void
test_cancel_ends_an_open_prompt(void **state)
{
	struct fixture *f = *state;
	struct target *target = password_target(f);
	uint64_t id;

	create(f, 2);
	id = submit_dial(f, target, slow(20));
	wait_for_prompt(f, 1);
	connector_cancel(f->connector, id, REASON_CANCELLED, "the client left");
	assert_false(answer_prompt(f, id, f->prompts[0].prompt_id, "secret"));
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_CANCELLED);
	assert_int_equal(testserver_counts(f->server).passwords, 0);
	target_unref(target);
}

static void
test_agent_without_a_socket_has_hash_0(void **state)
{
	struct fixture *f = *state;
	struct target *target = kit_target(&f->kit, 22, "", "");
	struct attempt r = {.kind = CONNECT_AGENT_KEYS, .target = target, .ready_fd = -1, .timeout = slow(5)};
	uint64_t id;

	create(f, 2);
	id = connector_submit(f->connector, &r);
	wait_for(f, 1);
	assert_true(f->ends[id].ok);
	assert_int_equal(f->ends[id].agent_keys_hash, 0);
	target_unref(target);
}

static void
test_ready_stream_of_a_cancelled_waiting_job_is_closed(void **state)
{
	struct fixture *f = *state;
	struct target *target = silent_target(f);
	struct attempt r = {.kind = CONNECT_DIAL, .target = target, .timeout = slow(20)};
	int pair[2];
	uint64_t id;
	char c;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	create(f, 1);
	submit_dial(f, target, slow(20));
	r.ready_fd = pair[0];
	id = connector_submit(f->connector, &r);
	connector_cancel(f->connector, id, REASON_CANCELLED, "x");
	wait_for(f, 1);
	assert_int_equal(read(pair[1], &c, 1), 0);
	close(pair[1]);
	target_unref(target);
}

static void
test_results_that_nobody_takes_are_closed(void **state)
{
	struct fixture *f = *state;
	struct target *target;
	char config[384];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	snprintf(config, sizeof(config),
	    "UserKnownHostsFile %s\nIdentityFile %s\nProxyCommand socat - TCP:127.0.0.1:%%p\n", f->sshd->known_hosts,
	    f->sshd->user_key);
	if (access("/usr/bin/socat", X_OK) == -1)
		strstr(config, "ProxyCommand")[0] = '\0';
	target = kit_target(&f->kit, f->sshd->port, "", config);
	create(f, 2);
	submit_dial(f, target, slow(20));
	wait_for(f, 1);
	assert_true(f->ends[1].ok);
	target_unref(target);
	/* teardown finds no descriptor left, and no child */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* sshd's listener is the only one */
}

/*
 * What nothing can end is a name look-up.  A DNS server that does not answer is not to be had in a test, but the C
 * library's file of host aliases may be a FIFO that nobody writes.
 */
static void
test_thread_that_cannot_be_ended_is_abandoned(void **state)
{
	struct fixture *f = *state;
	struct target *target = kit_target(&f->kit, 22, "\"host\": \"stuckname\"", "");
	char path[128];
	double began;
	uint64_t id, next;
	int fifo, running, waiting;

	snprintf(path, sizeof(path), "%s/aliases", f->kit.dir);
	kit_run("mkfifo %s", path);
	setenv("HOSTALIASES", path, 1);
	create(f, 1);
	began = clock_now();
	id = submit_dial(f, target, 0.3);
	wait_for(f, 1);
	unsetenv("HOSTALIASES");
	if (f->ends[id].reason == REASON_RESOLVE_FAILED) {
		/* This C library does not read the file. */
		target_unref(target);
		skip();
	}
	assert_int_equal(f->ends[id].reason, REASON_CONNECT_TIMEOUT);
	assert_true(clock_now() - began < slow(10));
	/* It takes no place among the threads. */
	connector_counts(f->connector, &running, &waiting);
	assert_int_equal(running, 0);
	next = submit_dial(f, target, slow(20));
	wait_for(f, 2);
	assert_int_equal(f->ends[next].reason, REASON_RESOLVE_FAILED);
	/* Released, it ends by itself, tells nobody and leaves nothing behind. */
	fifo = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_not_equal(fifo, -1);
	close(fifo);
	target_unref(target);
}

/* The flags of the other end of fd, which is in this process, or -1. */
static int
flags_of_other_end(int fd)
{
	struct sockaddr_in other, own;
	socklen_t n = sizeof(other);

	if (getpeername(fd, (struct sockaddr *)&other, &n) == -1)
		return -1;
	for (int i = 3; i < 256; i++) {
		n = sizeof(own);
		if (getsockname(i, (struct sockaddr *)&own, &n) == 0 && own.sin_family == AF_INET &&
		    own.sin_port == other.sin_port)
			return fcntl(i, F_GETFL);
	}
	return -1;
}

struct watched {
	atomic_bool seen;
	int flags;
};

/* Looks at the client once it has begun with the key exchange, and says nothing more. */
static void
watch_client(int fd, void *arg)
{
	struct watched *w = arg;
	char text[4096];
	ssize_t n = 1, all = 0;

	(void)!send(fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL);
	for (; all < 200 && n > 0; all += n)
		n = read(fd, text, sizeof(text));
	w->flags = flags_of_other_end(fd);
	w->seen = true;
	stay_silent(fd, NULL);
}

static bool
is_seen(void *arg)
{
	return ((struct watched *)arg)->seen;
}

/* A cancel shuts down for reading: a send() that waits in the kernel would not see it. */
static void
test_no_call_of_a_dial_waits_in_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct watched w = {.flags = -1};
	struct target *target;
	uint64_t id;

	f->server = testserver_start(watch_client, &w);
	target = kit_target(&f->kit, testserver_port(f->server), "", "");
	create(f, 1);
	id = submit_dial(f, target, 60);
	assert_true(drive_until(f->loop, is_seen, &w));
	assert_int_not_equal(w.flags, -1);
	assert_true((w.flags & O_NONBLOCK) != 0);
	connector_cancel(f->connector, id, REASON_CANCELLED, "the client left");
	wait_for(f, 1);
	assert_int_equal(f->ends[id].reason, REASON_CANCELLED);
	target_unref(target);
}

static void
test_destroy_ends_what_runs_and_waits(void **state)
{
	struct fixture *f = *state;
	struct target *target = silent_target(f);
	double began;
	int i;

	create(f, 2);
	for (i = 0; i < 5; i++)
		submit_dial(f, target, slow(20));
	drive_turns(f->loop, 3);
	began = clock_now();
	connector_destroy(f->connector);
	f->connector = NULL;
	assert_true(clock_now() - began < slow(3));
	assert_int_equal(f->ends_count, 0);
	target_unref(target);
}

static void
test_destroy_with_an_open_prompt(void **state)
{
	struct fixture *f = *state;
	struct target *target = password_target(f);

	create(f, 2);
	submit_dial(f, target, slow(20));
	wait_for_prompt(f, 1);
	connector_destroy(f->connector);
	f->connector = NULL;
	target_unref(target);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_resolve_gives_a_target),
	    T(test_dials_run_at_most_so_many_at_once_and_in_order),
	    T(test_lookups_do_not_wait_behind_silent_servers),
	    T(test_done_never_comes_from_inside_a_call),
	    T(test_cancelled_waiting_job_is_never_started),
	    T(test_limit_ends_a_silent_server),
	    T(test_dial_at_the_gate_takes_no_place_and_no_time),
	    T(test_dial_that_waits_when_the_gate_closes_offers_nothing),
	    T(test_dial_behind_a_command_fails_with_the_words_that_are_refused_meanwhile),
	    T(test_cancel_ends_a_dial_at_the_gate),
	    T(test_destroy_with_a_dial_at_the_gate),
	    T(test_prompt_is_answered),
	    T(test_prompt_may_be_answered_from_inside_the_event),
	    T(test_nobody_answers),
	    T(test_limit_stands_still_while_a_person_thinks),
	    T(test_prompt_timeout_counts_as_no_answer),
	    T(test_questions_behind_a_secret_have_the_time_of_one),
	    T(test_cancel_ends_an_open_prompt),
	    T(test_agent_without_a_socket_has_hash_0),
	    T(test_ready_stream_of_a_cancelled_waiting_job_is_closed),
	    T(test_results_that_nobody_takes_are_closed),
	    T(test_thread_that_cannot_be_ended_is_abandoned),
	    T(test_no_call_of_a_dial_waits_in_the_kernel),
	    T(test_destroy_ends_what_runs_and_waits),
	    T(test_destroy_with_an_open_prompt),
	};

	signal(SIGPIPE, SIG_IGN);
	unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests_name("connector", tests, NULL, NULL);
}
