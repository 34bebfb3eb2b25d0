/* What a login says to the gate before accounts: what it offers, by which method ever, and what became of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libssh/libssh.h>

#include "kit/dialkit.h"
#include "kit/slow.h"
#include "kit/testserver.h"
#include "kit/testsshd.h"
#include "base/xalloc.h"

#define PASSWORD SSH_AUTH_METHOD_PASSWORD
#define KBDINT SSH_AUTH_METHOD_INTERACTIVE

struct fixture {
	struct kit kit;
	struct testsshd *sshd;
	struct testserver *server;
	struct kit_dialled out;
	struct np_error err;
	double timeout; /* of the attempt, whatever is left of it */
	int rc;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_begin(&f->kit);
	f->out.fd = -1;
	*state = f;
	return 0;
}

static void
stop(struct fixture *f)
{
	kit_hang_up(&f->out);
	testserver_stop(f->server);
	f->server = NULL;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	stop(f);
	testsshd_stop(f->sshd);
	kit_end(&f->kit);
	free(f);
	return 0;
}

static void
log_in(struct fixture *f, int port, const char *device, const char *config, double limit)
{
	char *lines = xasprintf("StrictHostKeyChecking accept-new\n%s", config);
	struct attempt attempt = {.ready_fd = -1, .timeout = f->timeout};
	struct target *target;

	unlink(f->kit.known_hosts); /* a port may come again, a host key never does */
	kit_limit(&f->kit, slow(20));
	target = kit_target(&f->kit, port, device, lines);
	attempt.target = target;
	f->kit.gate[0] = '\0';
	kit_limit(&f->kit, limit);
	f->rc = kit_dial(&attempt, &f->kit.hooks, &f->out, &f->err);
	target_unref(target);
	free(lines);
}

static void
stall(void *arg NP_UNUSED)
{
}

/* What servers do with what they are given, and what the gate hears of that. */
static const struct row {
	const char *name;
	struct testserver_login login;
	const char *device, *answers[2];
	bool in_time; /* else the limit comes soon */
	enum np_reason reason;
	const char *text, *gate;
} rows[] = {
    {"accepted", {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}}, "\"password\": \"secret\"",
	{NULL}, true, REASON_NONE, "", "offer secret\njudged accepted\n"},
    {"refused", {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "other"}}}, "\"password\": \"secret\"",
	{NULL}, true, REASON_AUTH_FAILED, "login refused", "offer secret\njudged denied\n"},
    {"silent", {.stall = stall, .steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}},
	"\"password\": \"secret\"", {NULL}, false, REASON_AUTH_FAILED, "no verdict within",
	"offer secret\njudged unjudged\n"},
    {"refused, and closed",
	{.hang_up_after = 1, .steps_count = 1, .steps = {{.methods = PASSWORD, .password = "other"}}},
	"\"password\": \"secret\"", {NULL}, true, REASON_AUTH_FAILED, "", "offer secret\njudged denied\n"},
    {"to be changed", {.wants_new_password = true, .steps_count = 1, .steps = {{.methods = PASSWORD}}},
	"\"password\": \"secret\"", {NULL}, true, REASON_AUTH_FAILED, "the password has expired",
	"offer secret\njudged unjudged\n"},
    {"typed twice", {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "right"}}}, "", {"wrong", "right"},
	true, REASON_NONE, "", "offer wrong insists\njudged denied\noffer right insists\njudged accepted\n"},
    {"kbdint accepted",
	{.steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "secret"}}, .prompts_count = 1}}},
	"\"password\": \"secret\"", {NULL}, true, REASON_NONE, "", "offer secret\njudged accepted\n"},
    {"kbdint refused",
	{.steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "other"}}, .prompts_count = 1}}},
	"\"password\": \"secret\"", {NULL}, true, REASON_AUTH_FAILED, "", "offer secret\njudged denied\n"},
    {"kbdint typed",
	{.steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "right"}}, .prompts_count = 1}}},
	"", {"right"}, true, REASON_NONE, "", "offer right insists\njudged accepted\n"},
    {"kbdint asks on and nobody answers",
	{.endless = true,
	    .steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "secret"}}, .prompts_count = 1}}},
	"\"password\": \"secret\"", {NULL}, true, REASON_AUTH_FAILED, "", "offer secret\njudged unjudged\n"},
    {"a right code",
	{.steps_count = 2,
	    .steps = {{.methods = PASSWORD, .password = "secret"},
		{.methods = KBDINT, .prompts = {{"Code: ", false, "123456"}}, .prompts_count = 1}}},
	"\"password\": \"secret\", \"otp_command\": \"echo 123456\"", {NULL}, true, REASON_NONE, "",
	"offer secret\njudged accepted\noffer otp_command echo 123456\njudged accepted\n"},
    {"a wrong code",
	{.steps_count = 2,
	    .steps = {{.methods = PASSWORD, .password = "secret"},
		{.methods = KBDINT, .prompts = {{"Code: ", false, "123456"}}, .prompts_count = 1}}},
	"\"password\": \"secret\", \"otp_command\": \"echo 654321\"", {NULL}, true, REASON_AUTH_FAILED,
	"the password was accepted, the second factor was not",
	"offer secret\njudged accepted\noffer otp_command echo 654321\njudged denied\n"},
    {"a wrong code in a second round",
	{.steps_count = 2,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "secret"}}, .prompts_count = 1},
		{.methods = KBDINT, .prompts = {{"Code: ", false, "123456"}}, .prompts_count = 1, .goes_on = true}}},
	"\"password\": \"secret\", \"otp_command\": \"echo 654321\"", {NULL}, true, REASON_AUTH_FAILED, "",
	"offer secret\noffer otp_command echo 654321\njudged doubted\n"},
    {"of a command", {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "other"}}},
	"\"password_command\": \"echo secret\"", {NULL}, true, REASON_AUTH_FAILED, "login refused",
	"offer password_command echo secret\noffer secret\njudged denied\n"},
    {"a wrong code, then the right one, both typed",
	{.steps_count = 2,
	    .steps = {{.methods = PASSWORD, .password = "secret"},
		{.methods = KBDINT, .prompts = {{"Code: ", false, "123456"}}, .prompts_count = 1}}},
	"\"password\": \"secret\"", {"654321", "123456"}, true, REASON_NONE, "",
	"offer secret\njudged accepted\noffer 654321 insists\njudged denied\noffer 123456 insists\njudged accepted\n"},
    {"a typed code before the configured password",
	{.steps_count = 1,
	    .steps = {{.methods = KBDINT,
		.prompts = {{"Code: ", false, "123456"}, {"Password: ", false, "secret"}},
		.prompts_count = 2}}},
	"\"password\": \"secret\"", {"123456"}, true, REASON_NONE, "",
	"offer 123456 insists\noffer secret\njudged accepted\n"},
    {"no code: what was right is no refusal",
	{.steps_count = 2,
	    .steps = {{.methods = PASSWORD, .password = "secret"},
		{.methods = KBDINT, .prompts = {{"Code: ", false, "123456"}}, .prompts_count = 1}}},
	"\"password\": \"secret\"", {NULL}, true, REASON_AUTH_FAILED, "a second factor is asked for",
	"offer secret\njudged accepted\n"},
};

static void
check(const struct fixture *f, const struct row *row)
{
	enum np_reason reason = f->rc == 0 ? REASON_NONE : f->err.reason;

	if (reason != row->reason || (f->rc != 0 && strstr(f->err.text, row->text) == NULL))
		fail_msg("%s: %s: %s", row->name, reason_name(reason), f->rc != 0 ? f->err.text : "logged in");
	if (strcmp(f->kit.gate, row->gate) != 0)
		fail_msg("%s: the gate heard\n%s", row->name, f->kit.gate);
}

static void
test_the_gate_hears_of_every_secret_and_of_its_end(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < NP_COUNT(rows); i++) {
		f->kit.asked = 0;
		memset(f->kit.answers, 0, sizeof(f->kit.answers));
		memcpy(f->kit.answers, rows[i].answers, sizeof(rows[i].answers));
		f->server = testserver_start_ssh(&rows[i].login);
		log_in(f, testserver_port(f->server), rows[i].device, "", rows[i].in_time ? slow(20) : slow(1));
		check(f, &rows[i]);
		stop(f);
	}
}

/* What would be ended by our own clock is not offered, nor is it a refusal. */
static void
test_no_secret_is_offered_when_hardly_any_time_is_left(void **state)
{
	struct fixture *f = *state;
	const struct testserver_login login = {
	    .stall = stall, .steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};

	f->timeout = 60;
	f->server = testserver_start_ssh(&login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "", 1.9);

	assert_int_equal(f->rc, -1);
	assert_int_equal(f->err.reason, REASON_CONNECT_TIMEOUT);
	assert_int_equal(testserver_counts(f->server).passwords, 0);
	if (f->kit.gate[0] != '\0') /* it came so far */
		assert_string_equal(f->kit.gate, "offer secret\njudged unused\n");
}

static void
test_closed_gate_keeps_the_secret_back(void **state)
{
	struct fixture *f = *state;
	const struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};

	f->kit.barred = REASON_AUTH_BACKOFF;
	f->server = testserver_start_ssh(&login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "", slow(20));

	assert_int_equal(f->rc, -1);
	assert_int_equal(f->err.reason, REASON_AUTH_BACKOFF);
	assert_string_equal(f->err.text, "barred by the test");
	assert_string_equal(f->kit.gate, "offer secret\n");
	assert_int_equal(testserver_counts(f->server).passwords, 0);
}

static void
test_keys_that_were_refused_are_told_and_not_shown_again(void **state)
{
	struct fixture *f = *state;
	char config[512];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	kit_run("cd %s && for k in a b; do ssh-keygen -q -t ed25519 -N '' -f $k; done", f->kit.dir);
	snprintf(config, sizeof(config), "IdentityFile %s/a\nIdentityFile %s/b\nIdentityFile %s\n", f->kit.dir,
	    f->kit.dir, f->sshd->user_key);
	log_in(f, f->sshd->port, "", config, slow(20));
	assert_int_equal(f->rc, 0);
	assert_int_equal(f->kit.offered_keys, 3);
	assert_string_equal(f->kit.gate, "offer keys\nkeys accepted, 2 denied\n");
	kit_hang_up(&f->out);

	f->kit.barred_keys = 2;
	log_in(f, f->sshd->port, "", config, slow(20));
	assert_int_equal(f->rc, 0);
	assert_string_equal(f->kit.gate, "offer keys\nkeys accepted, 0 denied\n");
	kit_hang_up(&f->out);

	f->kit.barred_keys = 3;
	f->kit.barred = REASON_AUTH_BACKOFF;
	log_in(f, f->sshd->port, "", config, slow(20));
	assert_int_equal(f->rc, -1);
	if (f->err.reason != REASON_AUTH_BACKOFF)
		fail_msg("%s", f->err.text);
	assert_non_null(strstr(f->err.text, "not 3 keys that it has refused before"));
	assert_string_equal(f->kit.gate, "offer keys\n");
}

/* The server hangs up at the fourth of them: how far libssh came is known by its packets. */
static void
test_keys_of_an_agent_that_the_server_has_seen_are_told(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start("MaxAuthTries 4\n");
	if (f->sshd == NULL)
		skip();
	kit_run("cd %s && ssh-agent -a agent >agent.env && . ./agent.env >/dev/null && "
		"for k in 1 2 3 4 5 6; do ssh-keygen -q -t ed25519 -N '' -f $k && ssh-add -q $k 2>/dev/null; done",
	    f->kit.dir);
	snprintf(config, sizeof(config), "IdentityAgent %s/agent\n", f->kit.dir);
	log_in(f, f->sshd->port, "", config, slow(20));
	assert_int_equal(f->rc, -1);
	assert_int_equal(f->kit.offered_keys, 6);
	/* The end was its answer to the last one. */
	if (strcmp(f->kit.gate, "offer keys\nkeys unjudged, 4 denied\n") != 0)
		fail_msg("%s: %s", f->kit.gate, f->err.text);
	kit_run("cd %s && . ./agent.env >/dev/null && kill $SSH_AGENT_PID", f->kit.dir);
}

/* Without a word behind the third of them, as some do: the one in flight may have been seen, and is not shown again. */
static void
test_key_at_which_a_server_hangs_up_is_told(void **state)
{
	struct fixture *f = *state;
	const struct testserver_login login = {
	    .hang_up_after = 3, .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PUBLICKEY}}};
	char config[256];

	kit_run("cd %s && ssh-agent -a agent >agent.env && . ./agent.env >/dev/null && "
		"for k in 1 2 3 4 5 6; do ssh-keygen -q -t ed25519 -N '' -f $k && ssh-add -q $k 2>/dev/null; done",
	    f->kit.dir);
	snprintf(config, sizeof(config), "IdentityAgent %s/agent\n", f->kit.dir);
	f->server = testserver_start_ssh(&login);
	log_in(f, testserver_port(f->server), "", config, slow(20));
	kit_run("cd %s && . ./agent.env >/dev/null && kill $SSH_AGENT_PID", f->kit.dir);
	assert_int_equal(f->rc, -1);
	if (f->err.reason != REASON_AUTH_FAILED)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
	assert_string_equal(f->kit.gate, "offer keys\nkeys unjudged, 4 denied\n");
}

/* Shown, or used to sign, and nothing is heard of it: that one is refused, and no other. */
static void
test_key_that_is_swallowed_is_told(void **state)
{
	struct fixture *f = *state;
	const struct testserver_login shown = {
	    .stall = stall, .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PUBLICKEY}}};
	const struct testserver_login signed_with = {
	    .stall = stall, .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PUBLICKEY, .any_key = true}}};
	const struct {
		const struct testserver_login *login;
		const char *config, *file;
	} cases[] = {{&shown, "IdentityAgent", "agent"}, {&signed_with, "IdentityAgent", "agent"},
	    {&signed_with, "IdentityAgent none\nIdentityFile", "1"}};
	char config[256];

	kit_run("cd %s && ssh-agent -a agent >agent.env && . ./agent.env >/dev/null && "
		"for k in 1 2 3; do ssh-keygen -q -t ed25519 -N '' -f $k && ssh-add -q $k 2>/dev/null; done",
	    f->kit.dir);
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		(void)snprintf(config, sizeof(config), "%s %s/%s\n", cases[i].config, f->kit.dir, cases[i].file);
		f->server = testserver_start_ssh(cases[i].login);
		log_in(f, testserver_port(f->server), "", config, slow(1));
		assert_int_equal(f->rc, -1);
		if (strcmp(f->kit.gate, "offer keys\nkeys given up, 1 denied\n") != 0)
			fail_msg("%zu: %s: %s: %s", i, f->kit.gate, reason_name(f->err.reason), f->err.text);
		stop(f);
	}
	kit_run("cd %s && . ./agent.env >/dev/null && kill $SSH_AGENT_PID", f->kit.dir);
}

/* The server has taken the key, and the agent asks its owner whether it may sign. */
static void
test_key_for_which_the_agent_gives_no_signature_in_time_is_not_refused(void **state)
{
	struct fixture *f = *state;
	const struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PUBLICKEY, .any_key = true}}};
	char config[256];

	kit_run("cd %s && printf '#!/bin/sh\necho $$ >%%s/asking\nexec sleep 600\n' $PWD >ask && chmod +x ask && "
		"SSH_ASKPASS=$PWD/ask DISPLAY=:0 ssh-agent -a agent >agent.env && . ./agent.env >/dev/null && "
		"ssh-keygen -q -t ed25519 -N '' -f 1 && ssh-add -q -c 1 2>/dev/null",
	    f->kit.dir);
	(void)snprintf(config, sizeof(config), "IdentityAgent %s/agent\n", f->kit.dir);
	f->server = testserver_start_ssh(&login);
	log_in(f, testserver_port(f->server), "", config, slow(1));
	kit_run("cd %s && . ./agent.env >/dev/null && kill $SSH_AGENT_PID; kill $(cat asking)", f->kit.dir);
	assert_int_equal(f->rc, -1);
	if (strcmp(f->kit.gate, "offer keys\nkeys unjudged, 0 denied\n") != 0)
		fail_msg("%s: %s: %s", f->kit.gate, reason_name(f->err.reason), f->err.text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_the_gate_hears_of_every_secret_and_of_its_end),
	    T(test_no_secret_is_offered_when_hardly_any_time_is_left),
	    T(test_closed_gate_keeps_the_secret_back),
	    T(test_keys_that_were_refused_are_told_and_not_shown_again),
	    T(test_keys_of_an_agent_that_the_server_has_seen_are_told),
	    T(test_key_at_which_a_server_hangs_up_is_told),
	    T(test_key_that_is_swallowed_is_told),
	    T(test_key_for_which_the_agent_gives_no_signature_in_time_is_not_refused),
	};

	return cmocka_run_group_tests_name("auth_gate", tests, NULL, NULL);
}
