/* Authentication with secrets: passwords and keyboard-interactive, configured or typed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "login/auth_impl.h"
#include "base/buf.h"
#include "login/dial.h"
#include "login/question.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "platform/pattern.h"

/* Bounds for what a server may put before a person. */
#define ROUNDS_MAX 16
#define PROMPTS_MAX 16
#define QUESTION_MAX 8192

bool
auth_has_configured_password(const struct auth *a)
{
	const struct device_conf *d = a->target->device;

	return d->password != NULL || d->password_command != NULL || d->password_file != NULL || d->credential != NULL;
}

/* Of SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252 section 8), which libssh takes for a message out of place, or drops.
 */
#define CHANGEREQ_REJECTED "rejected packet (type 60)"

/* The server answered a password with neither yes nor no. */
static enum auth_outcome
password_unanswered(struct auth *a)
{
	char complaint[256];

	auth_complaint(a, complaint, sizeof(complaint));
	if (complaint[0] != '\0' && strstr(complaint, CHANGEREQ_REJECTED) == NULL)
		return auth_give_up(a, "the server's answer to the password is not understood: %s", complaint);
	return auth_give_up(a,
	    "the password has expired: the server wants a new one before it lets anybody in; change it there (ssh "
	    "asks for it), then give the new one here");
}

static enum auth_outcome
send_password(struct auth *a, struct secret *password, bool typed)
{
	const char *how = typed ? "typed" : "configured";
	enum auth_outcome outcome;
	int rc;

	auth_note_tried(a, "password (%s)", how);
	if (!typed)
		auth_offers_command(a);
	auth_offers(a, password, typed, false);
	rc = auth_step(a, STEP_PASSWORD, secret_text(password), NULL);
	if (rc == SSH_AUTH_ERROR && ssh_is_connected(a->made->ssh))
		return password_unanswered(a);
	outcome = auth_outcome(a, rc);
	if (outcome == AUTH_OUTCOME_DONE || outcome == AUTH_OUTCOME_PARTIAL)
		auth_note_success(a, "password (%s)", how);
	return outcome;
}

enum auth_outcome
auth_configured_password(struct auth *a)
{
	bool by_password = (a->methods & SSH_AUTH_METHOD_PASSWORD) != 0 && a->target->password_auth;
	bool by_kbdint = (a->methods & SSH_AUTH_METHOD_INTERACTIVE) != 0 && a->target->kbdint_auth;
	enum auth_outcome outcome;
	struct secret *password;
	int rc;

	if (!by_password && !by_kbdint)
		return AUTH_OUTCOME_DENIED;
	rc = credential_password(a->target->device, a->hooks, &password, a->err);
	auth_watch(a);
	if (rc == -1)
		return AUTH_OUTCOME_FAILED;
	if (by_password) {
		a->password_used = true;
		outcome = send_password(a, password, false);
	} else {
		outcome = auth_kbdint(a, password);
	}
	if (a->password_used && a->made->base.offered == NULL)
		a->made->base.offered = secret_ref(password);
	secret_unref(password);
	return outcome;
}

enum auth_outcome
auth_typed_password(struct auth *a)
{
	enum auth_outcome outcome = AUTH_OUTCOME_DENIED;
	struct secret *password;
	char *text;

	for (int i = 0; i < a->target->password_prompts && outcome == AUTH_OUTCOME_DENIED; i++) {
		text = xasprintf("%s%s@%s's password: ", i > 0 ? "Refused, please try again. " : "", a->target->user,
		    a->target->host);
		password = auth_ask(a, PROMPT_PASSWORD, text, false);
		free(text);
		if (password == NULL)
			break;
		outcome = send_password(a, password, true);
		secret_unref(password);
		if ((a->methods & SSH_AUTH_METHOD_PASSWORD) == 0)
			break;
	}
	return outcome;
}

/* "NAME\nINSTRUCTION\nPROMPT" of what the server says, harmless and bounded. */
static char *
question_text(struct auth *a, const char *prompt)
{
	const char *parts[3] = {
	    ssh_userauth_kbdint_getname(a->made->ssh), ssh_userauth_kbdint_getinstruction(a->made->ssh), prompt};
	struct buf raw;
	char *text;
	int rc = 0;

	buf_init(&raw, QUESTION_MAX);
	for (size_t i = 0; i < NP_COUNT(parts) && rc == 0; i++) {
		if (parts[i] == NULL || parts[i][0] == '\0')
			continue;
		if (raw.len > 0)
			rc = buf_append_str(&raw, "\n");
		/* What does not fit is left out: the prompt itself comes last and is the shortest. */
		if (rc == 0 && strlen(parts[i]) < QUESTION_MAX / 4)
			rc = buf_append_str(&raw, parts[i]);
	}
	text = raw.len > 0 ? text_vis(buf_head(&raw), raw.len, true) : xstrdup("");
	buf_free(&raw);
	return text;
}

static struct secret *
ask_kbdint(struct auth *a, const char *prompt, bool echo)
{
	char *question = question_text(a, prompt), *text;
	struct secret *answer;

	text = xasprintf("(%s@%s) %s", a->target->user, a->target->host, question);
	answer = auth_ask(a, PROMPT_KEYBOARD_INTERACTIVE, text, echo);
	if (answer != NULL)
		auth_offers(a, answer, true, question_kind(prompt) == QUESTION_CODE);
	free(text);
	free(question);
	return answer;
}

/* What the platform says by itself, or NULL. */
static struct secret *
platform_answer(const struct auth *a, const char *prompt)
{
	const struct strings *known = &a->attempt->login_answers;
	struct secret *answer = NULL;
	struct np_error err;

	for (size_t i = 0; i + 1 < known->n && answer == NULL; i += 2) {
		struct pattern *match = pattern_create(known->v[i], PATTERN_END, &err);

		if (match != NULL && pattern_matches(match, prompt, strlen(prompt)))
			answer = secret_make(known->v[i + 1]);
		pattern_destroy(match);
	}
	return answer;
}

/* The configured password: where it is asked for, or where one hidden question stands alone and says nothing known. */
static struct secret *
password_answer(struct auth *a, struct secret *password, enum question_kind kind, bool may_guess)
{
	if (password == NULL || a->password_used ||
	    !(kind == QUESTION_PASSWORD || (kind == QUESTION_UNKNOWN && may_guess)))
		return NULL;
	a->password_used = true;
	auth_offers_command(a);
	auth_offers(a, password, false, false);
	return secret_ref(password);
}

/* From otp_command, once, likewise; what says nothing comes behind the password. */
static struct secret *
second_factor(struct auth *a, enum question_kind kind, bool may_guess)
{
	const char *command = a->target->device->otp_command;
	bool wanted = kind == QUESTION_CODE || (kind == QUESTION_UNKNOWN && may_guess && a->password_used);
	struct secret *answer = NULL;
	struct np_error err;

	if (command == NULL || a->second_used || !wanted)
		return NULL;
	a->second_used = true;
	if (credential_run("otp_command", command, a->hooks, &answer, &err) == -1)
		auth_note_problem(a, err.text);
	else
		auth_offers_factor(a, command);
	auth_watch(a);
	return answer;
}

/* Nobody has answered: what the error says. */
static enum auth_outcome
unanswered(struct auth *a, const char *prompt, enum question_kind kind)
{
	char shown[80];

	text_vis_into(shown, sizeof(shown), question_line(prompt));
	/* A cancel or the limit has ended it: no verdict. */
	if (a->hooks->left(a->err, a->hooks->arg) < 0)
		return AUTH_OUTCOME_DENIED;
	if (kind == QUESTION_RENEWAL)
		return auth_give_up(a,
		    "the server wants a new password or PIN (`%s`) before it lets anybody in: change it there (ssh "
		    "asks for it), then give the new one here",
		    shown);
	if (kind == QUESTION_CODE && !a->password_accepted && !a->second_used)
		a->hint = "a code is asked for: run it on a terminal to be asked, or set otp_command for the device";
	if (kind == QUESTION_OTHER)
		a->hint = "run it on a terminal to answer that, or have `login` of its platform file do so";
	if (a->note[0] == '\0')
		snprintf(a->note, sizeof(a->note), "nobody answered `%s`", shown);
	return AUTH_OUTCOME_DENIED;
}

/* Answers one round of n prompts, or says why not. */
static enum auth_outcome
answer_round(struct auth *a, struct secret *password, int n)
{
	int i, rc;
	const char *prompt;
	enum question_kind kind;
	struct secret *answer;
	char echo;

	for (i = 0; i < n; i++) {
		prompt = ssh_userauth_kbdint_getprompt(a->made->ssh, (unsigned)i, &echo);
		kind = question_kind(prompt);
		answer = platform_answer(a, prompt);
		if (answer != NULL && echo == 0) /* what is shown is no secret */
			auth_offers(a, answer, false, kind == QUESTION_CODE);
		if (answer == NULL && echo == 0)
			answer = password_answer(a, password, kind, n == 1);
		if (answer == NULL)
			answer = second_factor(a, kind, n == 1 && echo == 0);
		if (answer == NULL)
			answer = ask_kbdint(a, prompt, echo != 0);
		if (answer == NULL)
			return unanswered(a, prompt, kind);
		rc = ssh_userauth_kbdint_setanswer(a->made->ssh, (unsigned)i, secret_text(answer));
		secret_unref(answer);
		if (rc != 0)
			return AUTH_OUTCOME_DENIED;
		a->has_secret = true;
	}
	return AUTH_OUTCOME_DONE;
}

/*
 * Who asks on has not refused what it was given; but a round without a question may be the words of a refusal, and who
 * asks for the password again has not taken it.
 */
static void
judge_round(struct auth *a, int n)
{
	char *text;

	if (n > 0) {
		if (question_kind(ssh_userauth_kbdint_getprompt(a->made->ssh, 0, NULL)) == QUESTION_PASSWORD)
			return;
		a->password_accepted |= a->password_used;
		a->offer.asked_on |= a->offer.word == WORD_SENT;
		return;
	}
	text = question_text(a, "");
	if (text[0] != '\0')
		a->hooks->notice(text, a->hooks->arg);
	free(text);
}

static enum auth_outcome
too_many_questions(struct auth *a, unsigned n)
{
	return auth_give_up(a,
	    "the server asks %u questions at once: more than %d are no log-in that anybody can answer", n, PROMPTS_MAX);
}

/* Questions that libssh has dropped: they are too many for it as well, or are malformed. */
static enum auth_outcome
questions_dropped(struct auth *a)
{
	char complaint[256];
	unsigned n;

	auth_complaint(a, complaint, sizeof(complaint));
	if (sscanf(complaint, "Too much prompts requested by the server: %u", &n) == 1)
		return too_many_questions(a, n);
	return auth_give_up(
	    a, "the server's questions are not understood%s%s", complaint[0] != '\0' ? ": " : "", complaint);
}

/* One conversation, from the request to the server's verdict.  *answered: something was asked and answered. */
static enum auth_outcome
converse(struct auth *a, struct secret *password, bool *answered)
{
	enum auth_outcome outcome;
	int round, rc, n;

	for (round = 0; round < ROUNDS_MAX; round++) {
		rc = auth_step(a, STEP_KBDINT, NULL, NULL);
		if (rc == SSH_AUTH_ERROR && ssh_is_connected(a->made->ssh))
			return questions_dropped(a);
		if (rc != SSH_AUTH_INFO)
			return auth_outcome(a, rc);
		n = ssh_userauth_kbdint_getnprompts(a->made->ssh);
		if (n > PROMPTS_MAX)
			return too_many_questions(a, (unsigned)n);
		if (n > 0)
			*answered = true;
		judge_round(a, n);
		outcome = answer_round(a, password, n);
		if (outcome != AUTH_OUTCOME_DONE) {
			auth_offers_nothing(a);
			*answered = false;
			return outcome;
		}
	}
	return auth_give_up(a, "the server went on asking after %d rounds of questions", ROUNDS_MAX);
}

enum auth_outcome
auth_kbdint(struct auth *a, struct secret *password)
{
	int i, attempts = password != NULL ? 1 : a->target->password_prompts;
	const char *how = password != NULL ? " (configured)" : "";
	enum auth_outcome outcome = AUTH_OUTCOME_DENIED;
	bool answered = true;

	for (i = 0; i < attempts && outcome == AUTH_OUTCOME_DENIED && answered; i++) {
		answered = false;
		if (i == 0)
			auth_note_tried(a, "keyboard-interactive%s", how);
		outcome = converse(a, password, &answered);
		if (answered && i > 0)
			auth_note_tried(a, "keyboard-interactive%s", how);
		if ((a->methods & SSH_AUTH_METHOD_INTERACTIVE) == 0)
			break;
	}
	if (outcome == AUTH_OUTCOME_DONE || outcome == AUTH_OUTCOME_PARTIAL)
		auth_note_success(a, "keyboard-interactive%s", how);
	return outcome;
}
