/* Logging in: methods, their order, prompts, passwords that are offered once, the words of a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libssh/libssh.h>

#include "base/clock.h"
#include "kit/dialkit.h"
#include "kit/slow.h"
#include "kit/testserver.h"
#include "kit/testsshd.h"
#include "login/question.h"
#include "base/xalloc.h"

#define PASSWORD SSH_AUTH_METHOD_PASSWORD
#define KBDINT SSH_AUTH_METHOD_INTERACTIVE
#define PUBLICKEY SSH_AUTH_METHOD_PUBLICKEY

struct fixture {
	struct kit kit;
	struct testsshd *sshd;
	struct testserver *server;
	struct kit_dialled out;
	struct np_error err;
	int rc;
	int fds;
	struct strings answers; /* of the platform, for the next login */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	/* Libraries keep some descriptors from their first use on; what counts is what tests leave behind. */
	f->fds = kit_count_fds();
	kit_begin(&f->kit);
	f->out.fd = -1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	kit_hang_up(&f->out);
	testserver_stop(f->server);
	testsshd_stop(f->sshd);
	kit_end(&f->kit);
	assert_int_equal(kit_count_fds(), f->fds);
	free(f);
	return 0;
}

/* Dials with the server's key already known, limited to 20 s. */
static void
log_in(struct fixture *f, int port, const char *device, const char *config)
{
	char *lines = xasprintf("StrictHostKeyChecking accept-new\n%s", config);
	struct target *target = kit_target(&f->kit, port, device, lines);
	struct attempt attempt = {.target = target, .ready_fd = -1, .login_answers = f->answers};

	unlink(f->kit.known_hosts); /* a port may come again, a host key never does */
	kit_limit(&f->kit, slow(20));
	f->rc = kit_dial(&attempt, &f->kit.hooks, &f->out, &f->err);
	strings_finish(&f->answers);
	target_unref(target);
	free(lines);
}

static void
assert_logged_in(const struct fixture *f, const char *method)
{
	if (f->rc != 0)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
	assert_string_equal(f->out.auth_method, method);
	assert_true(ssh_is_connected(f->out.session));
}

static void
assert_failed(const struct fixture *f, enum np_reason reason, const char *text)
{
	assert_int_equal(f->rc, -1);
	if (f->err.reason != reason || strstr(f->err.text, text) == NULL)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
	assert_null(f->out.session);
	assert_int_equal(f->out.fd, -1);
}

static void
start_server(struct fixture *f, const struct testserver_login *login)
{
	f->server = testserver_start_ssh(login);
}

static struct testserver_counts
received(const struct fixture *f)
{
	return testserver_counts(f->server);
}

static void
test_open_door_needs_nothing(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.open_door = true, .steps_count = 1, .steps = {{.methods = PASSWORD}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "");

	assert_logged_in(f, "none");
	assert_int_equal(received(f).nones, 1);
	assert_false(f->out.needed_person);
}

static void
test_configured_password_logs_in(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = PASSWORD | KBDINT, .password = "secret"}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");

	assert_logged_in(f, "password (configured)");
	assert_int_equal(f->kit.asked, 0);
	assert_int_equal(received(f).passwords, 1);
	assert_false(f->out.needed_person);
}

static void
test_configured_password_is_offered_once_by_one_method(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1,
	    .steps = {{.methods = PASSWORD | KBDINT,
		.password = "other",
		.prompts = {{"Password: ", false, "other"}},
		.prompts_count = 1}}};

	f->kit.answers[0] = "other"; /* nobody is to be asked: the configuration is what has to be mended */
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");

	assert_failed(f, REASON_AUTH_FAILED, "correct the configured password");
	assert_non_null(strstr(f->err.text, "password (configured)"));
	assert_null(strstr(f->err.text, "secret"));
	assert_int_equal(received(f).passwords, 1);
	assert_int_equal(received(f).conversations, 0);
	assert_int_equal(f->kit.asked, 0);
}

static void
test_configured_password_answers_a_single_hidden_prompt(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "secret"}}, .prompts_count = 1}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");

	assert_logged_in(f, "keyboard-interactive (configured)");
	assert_int_equal(f->kit.asked, 0);
	assert_int_equal(received(f).conversations, 1);
}

static void
test_configured_password_is_not_typed_into_an_echoing_prompt(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Token number: ", true, "1234"}}, .prompts_count = 1}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");

	assert_failed(f, REASON_AUTH_FAILED, "keyboard-interactive");
	assert_int_equal(f->kit.asked, 1);
	assert_true(f->kit.echoes[0]);
}

static void
test_wrong_configured_password_by_kbdint_is_not_repeated(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "other"}}, .prompts_count = 1}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");

	assert_failed(f, REASON_AUTH_FAILED, "correct the configured password");
	assert_int_equal(received(f).conversations, 1);
}

static void
test_typed_password_may_be_tried_again(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};

	f->kit.answers[0] = "wrong";
	f->kit.answers[1] = "secret";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"username\": \"ops\"", "");

	assert_logged_in(f, "password (typed)");
	assert_true(f->out.needed_person);
	assert_int_equal(f->kit.asked, 2);
	assert_int_equal(f->kit.kinds[0], PROMPT_PASSWORD);
	assert_false(f->kit.echoes[0]);
	assert_string_equal(
	    f->kit.questions, "ops@127.0.0.1's password: \nRefused, please try again. ops@127.0.0.1's password: \n");
}

static void
test_typed_password_is_asked_as_often_as_configured(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};

	f->kit.answers[0] = f->kit.answers[1] = f->kit.answers[2] = "wrong";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "NumberOfPasswordPrompts 2\n");

	assert_failed(f, REASON_AUTH_FAILED, "password (typed)");
	assert_int_equal(f->kit.asked, 2);
	assert_int_equal(received(f).passwords, 2);
}

static void
test_nobody_to_ask_fails_with_what_to_do(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "");

	assert_failed(f, REASON_AUTH_FAILED, "run it on a terminal to be asked, or set password_command");
	assert_non_null(strstr(f->err.text, "the server offers password"));
	assert_int_equal(f->kit.asked, 1);
	assert_int_equal(received(f).passwords, 0);
	assert_false(f->out.needed_person);
}

static void
test_batch_mode_never_asks(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = PASSWORD | KBDINT, .password = "secret"}}};

	f->kit.answers[0] = "secret";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "BatchMode yes\n");

	assert_failed(f, REASON_AUTH_FAILED, "login refused");
	assert_int_equal(f->kit.asked, 0);
}

static void
test_disabled_methods_are_not_used(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1,
	    .steps = {{.methods = PASSWORD | KBDINT | PUBLICKEY,
		.password = "secret",
		.prompts = {{"Password: ", false, "secret"}},
		.prompts_count = 1}}};

	f->kit.answers[0] = "secret";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "",
	    "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPubkeyAuthentication no\n");

	assert_failed(f, REASON_AUTH_FAILED, "tried none;");
	assert_int_equal(f->kit.asked + received(f).passwords + received(f).conversations + received(f).keys, 0);
}

static void
test_kbdint_relays_all_prompts_made_harmless(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1,
	    .steps = {{.methods = KBDINT,
		.name = "Two \033[31mfactors",
		.instruction = "Both, please.\a",
		.prompts = {{"Password\033]0;x\a: ", false, "secret"}, {"Code: ", true, "123456"}},
		.prompts_count = 2}}};

	f->kit.answers[0] = "secret";
	f->kit.answers[1] = "123456";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "");

	assert_logged_in(f, "keyboard-interactive");
	assert_true(f->out.needed_person);
	assert_int_equal(f->kit.asked, 2);
	assert_int_equal(f->kit.kinds[0], PROMPT_KEYBOARD_INTERACTIVE);
	assert_false(f->kit.echoes[0]);
	assert_true(f->kit.echoes[1]);
	assert_null(strchr(f->kit.questions, '\033'));
	assert_null(strchr(f->kit.questions, '\a'));
	assert_non_null(strstr(f->kit.questions, "Two \\033[31mfactors\nBoth, please.\\007\nPassword"));
}

static void
test_kbdint_wrong_answer_asks_again(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1,
	    .steps = {{.methods = KBDINT, .prompts = {{"Code: ", true, "123456"}}, .prompts_count = 1}}};

	f->kit.answers[0] = "000000";
	f->kit.answers[1] = "123456";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "");

	assert_logged_in(f, "keyboard-interactive");
	assert_int_equal(received(f).conversations, 2);
}

/* libssh drops more than 256 and says nothing. */
static void
test_flood_of_questions_is_named_at_once_and_asked_of_nobody(void **state)
{
	static const struct {
		int prompts;
		const char *text;
	} cases[] = {{17, "asks 17 questions at once"}, {1000, "asks 1000 questions at once"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct testserver_login login = {
		    .steps_count = 1, .flood = cases[i].prompts, .steps = {{.methods = KBDINT}}};
		double began = clock_now();

		f->kit.answers[0] = "x";
		start_server(f, &login);
		log_in(f, testserver_port(f->server), "", "");
		assert_failed(f, REASON_AUTH_FAILED, cases[i].text);
		assert_non_null(strstr(f->err.text, "tried none, keyboard-interactive"));
		assert_int_equal(f->kit.asked, 0);
		assert_int_equal(received(f).conversations, 1);
		assert_true(clock_now() - began < slow(15));
		testserver_stop(f->server);
		f->server = NULL;
	}
}

static void
test_rounds_of_questions_without_end_are_ended(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1, .endless = true, .steps = {{.methods = KBDINT}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "");
	assert_failed(f, REASON_AUTH_FAILED, "went on asking after 16 rounds");
	assert_int_equal(received(f).conversations, 16);
}

static void
test_expired_password_is_named_and_offered_once(void **state)
{
	static const char *const devices[] = {"\"password\": \"secret\"", ""};
	struct fixture *f = *state;

	for (size_t i = 0; i < NP_COUNT(devices); i++) {
		struct testserver_login login = {
		    .steps_count = 1, .wants_new_password = true, .steps = {{.methods = PASSWORD}}};

		f->kit.answers[0] = "secret";
		f->kit.answers[1] = "again";
		start_server(f, &login);
		log_in(f, testserver_port(f->server), devices[i], "");
		assert_failed(f, REASON_AUTH_FAILED, "the password has expired: the server wants a new one");
		assert_int_equal(received(f).passwords, 1);
		assert_int_equal(f->kit.asked, i);
		testserver_stop(f->server);
		f->server = NULL;
	}
}

static void
test_key_and_then_password_when_the_server_wants_both(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 2,
	    .steps = {{.methods = PUBLICKEY, .any_key = true}, {.methods = PASSWORD, .password = "secret"}}};
	char config[256], method[256];

	kit_run("ssh-keygen -q -t ed25519 -N '' -f %s/key", f->kit.dir);
	snprintf(config, sizeof(config), "IdentityFile %s/key\n", f->kit.dir);
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", config);

	snprintf(method, sizeof(method), "publickey (%s/key), password (configured)", f->kit.dir);
	assert_logged_in(f, method);
	assert_int_equal(received(f).keys, 1);
}

static void
test_password_and_then_code(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 2,
	    .steps = {{.methods = PASSWORD, .password = "secret"},
		{.methods = KBDINT, .prompts = {{"Code: ", false, "123456"}}, .prompts_count = 1}}};

	f->kit.answers[0] = "123456";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");

	/* The configured password is used up: the hidden prompt goes to the person. */
	assert_logged_in(f, "password (configured), keyboard-interactive");
	assert_int_equal(f->kit.asked, 1);
	assert_true(f->out.needed_person);
}

static const struct testserver_login two_factors = {.steps_count = 2,
    .steps = {{.methods = PASSWORD, .password = "secret"},
	{.methods = KBDINT, .prompts = {{"Code: ", false, "123456"}}, .prompts_count = 1}}};

static void
test_a_command_prints_the_second_factor(void **state)
{
	struct fixture *f = *state;

	start_server(f, &two_factors);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\", \"otp_command\": \"echo 123456\"", "");
	assert_logged_in(f, "password (configured), keyboard-interactive");
	assert_int_equal(f->kit.asked, 0);
	assert_false(f->out.needed_person);
}

static void
test_a_password_that_was_accepted_is_not_blamed(void **state)
{
	struct fixture *f = *state;

	start_server(f, &two_factors);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");
	assert_failed(f, REASON_AUTH_FAILED, "the password was accepted, and a second factor is asked for");
}

static void
test_the_platforms_answers_are_given_to_questions_of_the_login(void **state)
{
	static const struct testserver_login acknowledge = {.steps_count = 2,
	    .steps = {{.methods = KBDINT, .prompts = {{"Do you accept? (yes/no) ", true, "yes"}}, .prompts_count = 1},
		{.methods = KBDINT, .prompts = {{"Password: ", false, "secret"}}, .prompts_count = 1}}};
	struct fixture *f = *state;

	strings_add(&f->answers, "(?i)do you accept.{0,120}");
	strings_add(&f->answers, "yes");
	start_server(f, &acknowledge);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");
	assert_int_equal(f->kit.asked, 0);
	assert_logged_in(f, "keyboard-interactive (configured), keyboard-interactive (configured)");
}

/* Prompts of sshd with PAM modules, RADIUS, TACACS+, RSA, Duo, Google, Okta, PAN-OS, S/Key. */
static void
test_a_prompt_is_known_by_its_words(void **state)
{
	static const struct {
		const char *prompt;
		enum question_kind kind;
	} cases[] = {
	    {"Password: ", QUESTION_PASSWORD},
	    {"password:", QUESTION_PASSWORD},
	    {"(admin@r1) Password for admin@r1: ", QUESTION_PASSWORD},
	    {"\r\nUser Access Verification\r\n\r\nPassword: ", QUESTION_PASSWORD},
	    {"Warning: your password will expire in 3 days.\nPassword: ", QUESTION_PASSWORD},
	    {"Use the code of your token below.\nPassword: ", QUESTION_PASSWORD},
	    {"Passwort: ", QUESTION_PASSWORD},
	    {"LDAP Password: ", QUESTION_PASSWORD},
	    {"Enter password for\n: ", QUESTION_PASSWORD},
	    {"Password for code@core1: ", QUESTION_PASSWORD},
	    {"Verification code: ", QUESTION_CODE},
	    {"Enter PASSCODE: ", QUESTION_CODE},
	    {"PIN accepted. Wait for the tokencode to change,\nthen enter the new PASSCODE\nEnter PASSCODE: ",
		QUESTION_CODE},
	    {"Enter Next TokenCode: ", QUESTION_CODE},
	    {"Enter PIN + tokencode: ", QUESTION_CODE},
	    {"One-time password (OATH) for `admin': ", QUESTION_CODE},
	    {"One Time Password: ", QUESTION_CODE},
	    {"OTP Password: ", QUESTION_CODE},
	    {"TOTP: ", QUESTION_CODE},
	    {"Enter your Microsoft verification code", QUESTION_CODE},
	    {"Two-factor authentication: ", QUESTION_CODE},
	    {"Second factor: ", QUESTION_CODE},
	    {"Enter a passcode or select one of the following options:\n\n 1. Duo Push to XXX-XXX-7242\n\n"
	     "Passcode or option (1-2): ",
		QUESTION_CODE},
	    {"Token number: ", QUESTION_CODE},
	    {"MFA token:", QUESTION_CODE},
	    {"New password: ", QUESTION_RENEWAL},
	    {"Enter new UNIX password: ", QUESTION_RENEWAL},
	    {"Retype new UNIX password: ", QUESTION_RENEWAL},
	    {"(current) UNIX password: ", QUESTION_RENEWAL},
	    {"Current Password: ", QUESTION_RENEWAL},
	    {"Enter old password: ", QUESTION_RENEWAL},
	    {"Confirm password: ", QUESTION_RENEWAL},
	    {"Password again: ", QUESTION_RENEWAL},
	    {"You are required to change your password immediately.\nNew password: ", QUESTION_RENEWAL},
	    {"Your password has expired. Change it now? (y/n) ", QUESTION_RENEWAL},
	    {"Enter a new PIN, 4 - 8 alphanumeric characters: ", QUESTION_RENEWAL},
	    {"Re-enter new PIN to confirm: ", QUESTION_RENEWAL},
	    {"Are you ready to have the system generate your PIN? (y/n) [n] ", QUESTION_RENEWAL},
	    {"aB3x is your new PIN. Remember it and then hit <Enter>", QUESTION_RENEWAL},
	    {"Do you accept and acknowledge the statement above ? (yes/no) : ", QUESTION_OTHER},
	    {"Continue? [Y/n]: ", QUESTION_OTHER},
	    {"Press <Enter> to go on", QUESTION_OTHER},
	    {"Password & verification code: ", QUESTION_OTHER},
	    {"Password+OTP: ", QUESTION_OTHER},
	    {"Enter PIN: ", QUESTION_OTHER},
	    {"Response: ", QUESTION_UNKNOWN},
	    {"\xe5\xaf\x86\xe7\xa0\x81: ", QUESTION_UNKNOWN},
	    {"Mot de passe : ", QUESTION_UNKNOWN},
	    {": ", QUESTION_UNKNOWN},
	    {"", QUESTION_UNKNOWN},
	    {"\n\n", QUESTION_UNKNOWN},
	    {"Typing decodes nothing: ", QUESTION_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < NP_COUNT(cases); i++)
		if (question_kind(cases[i].prompt) != cases[i].kind)
			fail_msg("`%s` is %d", cases[i].prompt, (int)question_kind(cases[i].prompt));
}

#define BOTH "\"password\": \"secret\", \"otp_command\": \"echo 123456\""

/* A login of up to four questions, one a round, in one conversation or (first) with a partial success behind it. */
static void
test_each_question_gets_what_it_asks_for(void **state)
{
	static const struct {
		bool partial;
		const char *device;
		struct testserver_prompt asks[4];
		const char *fails; /* NULL: logs in */
		int answered;      /* conversations that come about, when it fails */
	} cases[] = {
	    {false, BOTH, {{"Password: ", false, "secret"}, {"Verification code: ", false, "123456"}}, NULL, 0},
	    {false, BOTH, {{"Verification code: ", false, "123456"}, {"Password: ", false, "secret"}}, NULL, 0},
	    {true, BOTH, {{"Enter PASSCODE: ", false, "123456"}, {"Password: ", false, "secret"}}, NULL, 0},
	    {false, BOTH, {{"Kennwort: ", false, "secret"}, {"Antwort: ", false, "123456"}}, NULL, 0},
	    {false, BOTH, {{"Password: ", false, "secret"}, {"Passcode or option (1-2): ", true, "123456"}}, NULL, 0},
	    {false, BOTH, {{"User Access Verification\nPassword: ", false, "secret"}}, NULL, 0},
	    {false, BOTH,
		{{"Do you accept? (yes/no) ", false, "yes"}, {"Password: ", false, "secret"},
		    {"Code: ", false, "123456"}},
		NULL, 0},
	    {false, "\"otp_command\": \"echo 123456\"", {{"Enter PASSCODE: ", false, "123456"}}, NULL, 0},
	    {false, BOTH, {{"Password: ", false, "secret"}, {"Sure? [y/N] ", false, ""}},
		"nobody answered `Sure? [y/N]", 2},
	    {false, BOTH, {{"Ready? (y/n) ", false, "y"}, {"Password: ", false, "secret"}}, "run it on a terminal to",
		1},
	    {false, BOTH, {{"Password: ", false, "secret"}, {"Name it: ", true, ""}}, "nobody answered `Name it: `", 2},
	    {false, BOTH, {{"Password: ", false, "secret"}, {"New password: ", false, ""}},
		"the server wants a new password or PIN (`New password: `)", 2},
	    {false, BOTH, {{"Password: ", false, "secret"}, {"Enter new PIN: ", false, ""}},
		"the server wants a new password or PIN (`Enter new PIN: `)", 2},
	    {false, BOTH, {{"(current) UNIX password: ", false, "secret"}}, "the server wants a new password", 1},
	    {false, BOTH, {{"Password: ", false, "secret"}, {"Code: ", false, "1"}}, "the second factor was not", 2},
	    {false, BOTH, {{"Code: ", false, "1"}, {"Password: ", false, "secret"}}, "code of otp_command was refused",
		1},
	    {false, BOTH, {{"Code: ", false, "123456"}, {"Password: ", false, "x"}}, "either the configured password",
		2},
	    {false, BOTH, {{"Password: ", false, "secret"}, {"Password: ", false, ""}}, "correct the configured", 2},
	    {false, "\"password\": \"secret\"", {{"Code: ", false, ""}}, "a code is asked for: run it on a terminal",
		1},
	    {false, "\"password\": \"secret\"", {{"Password: ", false, "secret"}, {"Code: ", false, ""}},
		"the password was accepted, and a second factor is asked for", 2},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct testserver_login login = {0};

		for (; login.steps_count < 4 && cases[i].asks[login.steps_count].text != NULL; login.steps_count++)
			login.steps[login.steps_count] = (struct testserver_step){.methods = KBDINT,
			    .prompts = {cases[i].asks[login.steps_count]},
			    .prompts_count = 1,
			    .goes_on = login.steps_count > 0 && !cases[i].partial};
		strings_add(&f->answers, "(?i)do you accept.{0,120}");
		strings_add(&f->answers, "yes");
		start_server(f, &login);
		log_in(f, testserver_port(f->server), cases[i].device, "");
		if (cases[i].fails != NULL) {
			assert_failed(f, REASON_AUTH_FAILED, cases[i].fails);
			assert_null(strstr(f->err.text, "secret"));
			assert_int_equal(received(f).conversations, cases[i].answered);
		} else if (f->rc != 0 || f->kit.asked > 0) {
			fail_msg("%s: asked %d: %s", cases[i].asks[0].text, f->kit.asked, f->err.text);
		}
		kit_hang_up(&f->out);
		testserver_stop(f->server);
		f->server = NULL;
		f->kit.asked = 0;
	}
}

/* sshd sends what PAM says so: a refusal in words, or that a password expires soon. */
static void
test_words_without_a_question_are_told_and_no_proof(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 3,
	    .steps = {{.methods = KBDINT, .prompts = {{"Password: ", false, "secret"}}, .prompts_count = 1},
		{.goes_on = true, .instruction = "The account is locked due to 3 failed logins."},
		{.goes_on = true, .prompts = {{"Password: ", false, "secret"}}, .prompts_count = 1}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");
	assert_non_null(strstr(f->kit.notices, "The account is locked due to 3 failed logins."));
	assert_failed(f, REASON_AUTH_FAILED, "correct the configured password");
}

static void
test_two_keys_when_the_server_wants_two(void **state)
{
	struct fixture *f = *state;
	char config[512];

	f->sshd = testsshd_start("AuthenticationMethods publickey,publickey\n");
	if (f->sshd == NULL)
		skip();
	kit_run("ssh-keygen -q -t ed25519 -N '' -f %s/key2 && { echo; cat %s/key2.pub; } >>%s/authorized_keys",
	    f->kit.dir, f->kit.dir, f->sshd->dir);
	snprintf(config, sizeof(config), "IdentityFile %s\nIdentityFile %s/key2\n", f->sshd->user_key, f->kit.dir);
	log_in(f, f->sshd->port, "", config);

	assert_int_equal(f->rc, 0);
	assert_non_null(strstr(f->out.auth_method, "/user_key), publickey ("));
	assert_non_null(strstr(f->out.auth_method, "/key2)"));
}

static void
test_login_text_of_the_server_is_shown_harmless(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.open_door = true,
	    .banner = "Authorised use only\033[2J\n",
	    .steps_count = 1,
	    .steps = {{.methods = PASSWORD}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "");

	assert_logged_in(f, "none");
	assert_non_null(strstr(f->kit.notices, "Authorised use only\\033[2J\n"));
}

static void
test_server_that_hangs_up_after_refusals_is_auth_failed(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {
	    .hang_up_after = 1, .steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};

	f->kit.answers[0] = f->kit.answers[1] = "wrong";
	start_server(f, &login);
	log_in(f, testserver_port(f->server), "", "");

	assert_failed(f, REASON_AUTH_FAILED, "the server ended the login");
	assert_int_equal(received(f).passwords, 1);
}

static void
test_parting_words_of_the_server_are_told(void **state)
{
	struct fixture *f = *state;
	char config[384];

	f->sshd = testsshd_start("MaxAuthTries 2\n");
	if (f->sshd == NULL)
		skip();
	kit_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f a && ssh-keygen -q -t ed25519 -N '' -f b", f->kit.dir);
	snprintf(config, sizeof(config), "IdentityFile %s/a\nIdentityFile %s/b\n", f->kit.dir, f->kit.dir);
	log_in(f, f->sshd->port, "", config);

	assert_failed(f, REASON_AUTH_FAILED, "(Too many authentication failures)");
	assert_non_null(strstr(f->err.text, "IdentitiesOnly yes"));
}

static void
test_password_command_and_file(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};
	char path[128], device[256];

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password_command\": \"echo secret; echo more\"", "");
	assert_logged_in(f, "password (configured)");
	kit_hang_up(&f->out);

	kit_write(&f->kit, "password", "secret\n", path);
	snprintf(device, sizeof(device), "\"password_file\": \"%s\"", path);
	log_in(f, testserver_port(f->server), device, "");
	assert_logged_in(f, "password (configured)");
}

static void
cancel(void *arg)
{
	struct fixture *f = arg;

	kit_cancel(&f->kit);
}

/* A command, then a server that never judges what it gave: the cancel has to reach the session. */
static void
test_cancel_reaches_the_session_after_a_command(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {
	    .stall = cancel, .stall_arg = f, .steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};
	double began = clock_now();

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password_command\": \"echo secret\"", "");

	assert_failed(f, REASON_CANCELLED, "logging in as");
	assert_true(clock_now() - began < slow(10));
}

static void
test_password_without_a_verdict_is_auth_failed(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {
	    .hang_up_after = 1, .steps_count = 1, .steps = {{.methods = PASSWORD, .password = "other"}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server), "\"password\": \"secret\"", "");
	assert_failed(f, REASON_AUTH_FAILED, "password (configured)");
}

static void
test_failing_password_command_is_credential_failed(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1, .steps = {{.methods = PASSWORD, .password = "secret"}}};

	start_server(f, &login);
	log_in(f, testserver_port(f->server),
	    "\"password_command\": \"echo no-secret; echo vault is sealed >&2; exit 3\"", "");

	assert_failed(f, REASON_CREDENTIAL_FAILED, "password_command exited with status 3: vault is sealed");
	assert_null(strstr(f->err.text, "no-secret"));
	assert_int_equal(received(f).passwords, 0);
}

/* ---- keys on disk, against the real sshd ---- */

static bool
start_sshd(struct fixture *f, const char *extra)
{
	f->sshd = testsshd_start(extra);
	return f->sshd != NULL;
}

static void
test_key_types_log_in(void **state)
{
	static const char *const kinds[] = {"ed25519", "rsa -b 2048", "rsa -b 2048 -m PEM", "ecdsa -b 256",
	    "ecdsa -b 384", "ecdsa -b 521", "ed25519 -C no-pub-file"};
	struct fixture *f = *state;
	char config[256], method[256];
	size_t i;

	if (!start_sshd(f, NULL))
		skip();
	for (i = 0; i < NP_COUNT(kinds); i++) {
		kit_run("ssh-keygen -q -t %s -N '' -f %s/k%zu && { echo; cat %s/k%zu.pub; } >>%s/authorized_keys",
		    kinds[i], f->kit.dir, i, f->kit.dir, i, f->sshd->dir);
		snprintf(config, sizeof(config), "IdentityFile %s/k%zu\n", f->kit.dir, i);
		snprintf(method, sizeof(method), "publickey (%s/k%zu)", f->kit.dir, i);
		if (strstr(kinds[i], "no-pub-file") != NULL)
			kit_run("rm %s/k%zu.pub", f->kit.dir, i);
		log_in(f, f->sshd->port, "", config);
		assert_logged_in(f, method);
		kit_hang_up(&f->out);
	}
}

static void
test_missing_default_key_files_are_skipped_quietly(void **state)
{
	struct fixture *f = *state;
	char config[384];

	if (!start_sshd(f, NULL))
		skip();
	snprintf(config, sizeof(config), "IdentityFile %s/none\nIdentityFile %s\n", f->kit.dir, f->sshd->user_key);
	log_in(f, f->sshd->port, "", config);

	assert_int_equal(f->rc, 0);
	assert_null(strstr(f->kit.notices, "/none"));
}

static void
test_missing_key_file_of_the_device_is_an_error(void **state)
{
	struct fixture *f = *state;
	char device[256];

	if (!start_sshd(f, NULL))
		skip();
	snprintf(device, sizeof(device), "\"key_file\": \"%s/absent\"", f->kit.dir);
	log_in(f, f->sshd->port, device, "");

	assert_failed(f, REASON_CREDENTIAL_FAILED, "/absent does not exist");
}

static void
test_key_that_others_can_read_is_refused(void **state)
{
	struct fixture *f = *state;
	char config[256];

	if (!start_sshd(f, NULL))
		skip();
	assert_int_equal(chmod(f->sshd->user_key, 0644), 0);
	snprintf(config, sizeof(config), "IdentityFile %s\n", f->sshd->user_key);
	log_in(f, f->sshd->port, "", config);

	assert_failed(f, REASON_AUTH_FAILED, "is not used: others can read it");
	assert_non_null(strstr(f->kit.notices, "chmod 600"));
}

static void
test_damaged_key_is_told_and_skipped(void **state)
{
	struct fixture *f = *state;
	char config[384], path[128];

	if (!start_sshd(f, NULL))
		skip();
	kit_write(
	    &f->kit, "bad", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", path);
	snprintf(config, sizeof(config), "IdentityFile %s\nIdentityFile %s\n", path, f->sshd->user_key);
	log_in(f, f->sshd->port, "", config);

	assert_int_equal(f->rc, 0);
	assert_non_null(strstr(f->kit.notices, "bad cannot be used"));
}

/* An encrypted key that the server accepts; format: further options of ssh-keygen. */
static void
make_encrypted_key(struct fixture *f, const char *format)
{
	kit_run("ssh-keygen -q -t %s -N open-sesame -f %s/enc && { echo; cat %s/enc.pub; } >>%s/authorized_keys",
	    format, f->kit.dir, f->kit.dir, f->sshd->dir);
}

static void
test_passphrase_is_asked_until_it_fits(void **state)
{
	static const char *const formats[] = {"ed25519 -a 4", "rsa -b 2048 -m PEM"};
	struct fixture *f = *state;
	char config[256];
	size_t i;

	if (!start_sshd(f, NULL))
		skip();
	snprintf(config, sizeof(config), "IdentityFile %s/enc\n", f->kit.dir);
	for (i = 0; i < NP_COUNT(formats); i++) {
		make_encrypted_key(f, formats[i]);
		f->kit.asked = 0;
		f->kit.answers[0] = "wrong";
		f->kit.answers[1] = "open-sesame";
		log_in(f, f->sshd->port, "", config);
		assert_int_equal(f->rc, 0);
		assert_true(f->out.needed_person);
		assert_int_equal(f->kit.asked, 2);
		assert_int_equal(f->kit.kinds[0], PROMPT_PASSPHRASE);
		assert_false(f->kit.echoes[0]);
		kit_hang_up(&f->out);
		kit_run("rm %s/enc %s/enc.pub", f->kit.dir, f->kit.dir);
	}
}

static void
test_passphrase_is_asked_three_times_at_most(void **state)
{
	struct fixture *f = *state;
	char config[256];
	int i;

	if (!start_sshd(f, "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"))
		skip();
	make_encrypted_key(f, "ed25519 -a 4");
	for (i = 0; i < KIT_ANSWERS; i++)
		f->kit.answers[i] = "wrong";
	snprintf(config, sizeof(config), "IdentityFile %s/enc\n", f->kit.dir);
	log_in(f, f->sshd->port, "", config);

	assert_failed(f, REASON_AUTH_FAILED, "no passphrase opened the key");
	assert_int_equal(f->kit.asked, 3);
}

static void
test_passphrase_is_not_asked_for_a_key_that_the_server_refuses(void **state)
{
	struct fixture *f = *state;
	char config[256];

	if (!start_sshd(f, "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"))
		skip();
	kit_run("ssh-keygen -q -t ed25519 -a 4 -N open-sesame -f %s/enc && rm %s/enc.pub", f->kit.dir, f->kit.dir);
	f->kit.answers[0] = "open-sesame";
	snprintf(config, sizeof(config), "IdentityFile %s/enc\n", f->kit.dir);
	log_in(f, f->sshd->port, "", config);

	assert_failed(f, REASON_AUTH_FAILED, "the server offers publickey");
	assert_int_equal(f->kit.asked, 0);
}

static void
test_passphrase_command_opens_the_key(void **state)
{
	struct fixture *f = *state;
	char config[256];

	if (!start_sshd(f, NULL))
		skip();
	make_encrypted_key(f, "ed25519 -a 4");
	snprintf(config, sizeof(config), "IdentityFile %s/enc\n", f->kit.dir);
	log_in(f, f->sshd->port, "\"passphrase_command\": \"echo open-sesame\"", config);
	assert_int_equal(f->rc, 0);
	assert_false(f->out.needed_person);
	assert_int_equal(f->kit.asked, 0);
	kit_hang_up(&f->out);

	log_in(f, f->sshd->port, "\"passphrase_command\": \"echo wrong\"", config);
	assert_failed(f, REASON_CREDENTIAL_FAILED, "does not open");
}

/* A certificate for a fresh key, whose bare form the server does not know. */
static void
make_certificate(struct fixture *f, const char *more)
{
	kit_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f ca && ssh-keygen -q -t ed25519 %s -f key "
		"&& ssh-keygen -q -s ca -I test -n %s key.pub",
	    f->kit.dir, more, f->sshd->user);
	kit_run("cat %s/ca.pub >%s/ca", f->kit.dir, f->sshd->dir);
}

static bool
start_sshd_with_ca(struct fixture *f, const char *more)
{
	if (!start_sshd(f, NULL))
		return false;
	make_certificate(f, more);
	kit_run("{ printf 'cert-authority '; cat %s/ca.pub; } >%s/authorized_keys", f->kit.dir, f->sshd->dir);
	return true;
}

static void
test_certificate_beside_the_key_logs_in(void **state)
{
	struct fixture *f = *state;
	char config[256], method[256];

	if (!start_sshd_with_ca(f, "-N ''"))
		skip();
	snprintf(config, sizeof(config), "IdentityFile %s/key\n", f->kit.dir);
	log_in(f, f->sshd->port, "", config);

	snprintf(method, sizeof(method), "publickey (%s/key-cert.pub)", f->kit.dir);
	assert_logged_in(f, method);
}

static void
test_certificate_file_elsewhere_logs_in(void **state)
{
	struct fixture *f = *state;
	char config[384], method[256];

	if (!start_sshd_with_ca(f, "-N ''"))
		skip();
	kit_run("mv %s/key-cert.pub %s/elsewhere", f->kit.dir, f->kit.dir);
	snprintf(config, sizeof(config), "IdentityFile %s/key\nCertificateFile %s/elsewhere\n", f->kit.dir, f->kit.dir);
	log_in(f, f->sshd->port, "", config);

	snprintf(method, sizeof(method), "publickey (%s/elsewhere)", f->kit.dir);
	assert_logged_in(f, method);
}

static void
test_certificate_of_an_encrypted_key_asks_for_its_passphrase(void **state)
{
	struct fixture *f = *state;
	char config[256];

	if (!start_sshd_with_ca(f, "-a 4 -N open-sesame"))
		skip();
	f->kit.answers[0] = "open-sesame";
	snprintf(config, sizeof(config), "IdentityFile %s/key\n", f->kit.dir);
	log_in(f, f->sshd->port, "", config);

	assert_int_equal(f->rc, 0);
	assert_int_equal(f->kit.asked, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_open_door_needs_nothing),
	    T(test_configured_password_logs_in),
	    T(test_configured_password_is_offered_once_by_one_method),
	    T(test_configured_password_answers_a_single_hidden_prompt),
	    T(test_configured_password_is_not_typed_into_an_echoing_prompt),
	    T(test_wrong_configured_password_by_kbdint_is_not_repeated),
	    T(test_typed_password_may_be_tried_again),
	    T(test_typed_password_is_asked_as_often_as_configured),
	    T(test_nobody_to_ask_fails_with_what_to_do),
	    T(test_batch_mode_never_asks),
	    T(test_disabled_methods_are_not_used),
	    T(test_kbdint_relays_all_prompts_made_harmless),
	    T(test_kbdint_wrong_answer_asks_again),
	    T(test_flood_of_questions_is_named_at_once_and_asked_of_nobody),
	    T(test_rounds_of_questions_without_end_are_ended),
	    T(test_expired_password_is_named_and_offered_once),
	    T(test_key_and_then_password_when_the_server_wants_both),
	    T(test_password_and_then_code),
	    T(test_a_command_prints_the_second_factor),
	    T(test_a_password_that_was_accepted_is_not_blamed),
	    T(test_the_platforms_answers_are_given_to_questions_of_the_login),
	    T(test_a_prompt_is_known_by_its_words),
	    T(test_each_question_gets_what_it_asks_for),
	    T(test_words_without_a_question_are_told_and_no_proof),
	    T(test_two_keys_when_the_server_wants_two),
	    T(test_login_text_of_the_server_is_shown_harmless),
	    T(test_server_that_hangs_up_after_refusals_is_auth_failed),
	    T(test_parting_words_of_the_server_are_told),
	    T(test_password_command_and_file),
	    T(test_cancel_reaches_the_session_after_a_command),
	    T(test_password_without_a_verdict_is_auth_failed),
	    T(test_failing_password_command_is_credential_failed),
	    T(test_key_types_log_in),
	    T(test_missing_default_key_files_are_skipped_quietly),
	    T(test_missing_key_file_of_the_device_is_an_error),
	    T(test_key_that_others_can_read_is_refused),
	    T(test_damaged_key_is_told_and_skipped),
	    T(test_passphrase_is_asked_until_it_fits),
	    T(test_passphrase_is_asked_three_times_at_most),
	    T(test_passphrase_is_not_asked_for_a_key_that_the_server_refuses),
	    T(test_passphrase_command_opens_the_key),
	    T(test_certificate_beside_the_key_logs_in),
	    T(test_certificate_file_elsewhere_logs_in),
	    T(test_certificate_of_an_encrypted_key_asks_for_its_passphrase),
	};

	return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
