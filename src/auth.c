/* Authentication: the order of methods and the words for its end; see auth.h. */
#include "auth.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_impl.h"
#include "text.h"
#include "xalloc.h"

/* More rounds of partial success than any server asks for. */
#define STAGES_MAX 8
#define BANNER_MAX 4096
/* RFC 4253 section 11.1 */
#define DISCONNECT_PROTOCOL_ERROR 2
#define DISCONNECT_NO_MORE_AUTH_METHODS 14

bool
auth_arm(struct auth *a)
{
	double left = a->params->hooks->left(a->err, a->params->hooks->arg);
	long seconds, microseconds;

	if (left < 0)
		return false;
	if (left > 86400)
		left = 86400;
	seconds = (long)left;
	microseconds = (long)((left - (double)seconds) * 1e6);
	if (seconds == 0 && microseconds < 10000)
		microseconds = 10000; /* zero would mean libssh's default */
	if (ssh_options_set(a->session, SSH_OPTIONS_TIMEOUT, &seconds) == 0 &&
	    ssh_options_set(a->session, SSH_OPTIONS_TIMEOUT_USEC, &microseconds) == 0)
		return true;
	error_set(a->err, REASON_INTERNAL, "libssh refuses a timeout of %g s", left);
	return false;
}

static void append_text(char *text, size_t size, const char *fmt, va_list ap) NP_PRINTF(3, 0);

static void
append_text(char *text, size_t size, const char *fmt, va_list ap)
{
	size_t used = strlen(text);

	if (used > 0 && used + 3 < size) {
		memcpy(text + used, ", ", 3);
		used += 2;
	}
	vsnprintf(text + used, size - used, fmt, ap);
}

void
auth_note_tried(struct auth *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append_text(a->tried, sizeof(a->tried), fmt, ap);
	va_end(ap);
}

void
auth_note_success(struct auth *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append_text(a->method_text, sizeof(a->method_text), fmt, ap);
	va_end(ap);
}

void
auth_note_problem(struct auth *a, const char *text)
{
	if (a->note[0] == '\0')
		snprintf(a->note, sizeof(a->note), "%.*s", (int)sizeof(a->note) - 1, text);
	a->params->hooks->notice(text, a->params->hooks->arg);
}

char *
auth_ask(struct auth *a, enum prompt_kind kind, const char *text, bool echo)
{
	char *answer = NULL;

	if (!a->target->batch_mode)
		answer = a->params->hooks->ask(kind, text, echo, a->params->hooks->arg);
	if (answer == NULL)
		a->nobody = true;
	else
		a->result->needed_person = true;
	return answer;
}

static void
methods_text(int methods, char *text, size_t size)
{
	static const struct {
		int bit;
		const char *name;
	} names[] = {
	    {SSH_AUTH_METHOD_PUBLICKEY, "publickey"},
	    {SSH_AUTH_METHOD_PASSWORD, "password"},
	    {SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
	    {SSH_AUTH_METHOD_HOSTBASED, "hostbased"},
	    {SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic"},
	};
	size_t i, used = 0;

	snprintf(text, size, "no method that this client knows");
	for (i = 0; i < NP_COUNT(names) && used < size; i++)
		if ((methods & names[i].bit) != 0)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? "," : "", names[i].name);
}

static const char *
choose_hint(const struct auth *a)
{
	bool wants_secret = (a->methods & (SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_INTERACTIVE)) != 0;

	if (a->hint != NULL)
		return a->hint;
	if (a->password_used)
		return "correct the configured password";
	if (wants_secret && a->nobody)
		return "run it on a terminal to be asked, or set password_command for the device";
	if (wants_secret)
		return "check the user name, or set a key or password for the device";
	return "load a key into the agent with ssh-add, or set key_file, and have its public half on the device";
}

static enum auth_outcome
fail_denied(struct auth *a)
{
	char offered[128];

	methods_text(a->methods, offered, sizeof(offered));
	error_set(a->err, REASON_AUTH_FAILED, "%s@%s: login refused; tried %s; the server offers %s%s%s; %s",
	    a->target->user, a->target->host, a->tried, offered, a->note[0] != '\0' ? "; " : "", a->note,
	    choose_hint(a));
	return AUTH_OUTCOME_FAILED;
}

/*
 * The connection ended.  It is the login that failed, not the network, where the server says so, has refused something
 * before (some just hang up after the last allowed attempt), or holds a secret of ours unanswered: trying that again by
 * itself could lock the account.
 */
static enum auth_outcome
fail_lost(struct auth *a)
{
	char text[256];
	const char *raw = ssh_get_error(a->session), *prefix = "Received SSH_MSG_DISCONNECT: ";
	int code = 0;
	bool refused;

	if (a->params->hooks->left(a->err, a->params->hooks->arg) < 0) {
		error_prefix(a->err, "logging in as %s", a->target->user);
		return AUTH_OUTCOME_FAILED;
	}
	if (strncmp(raw, prefix, strlen(prefix)) == 0) {
		raw += strlen(prefix);
		code = atoi(raw);
		raw += strspn(raw, "0123456789:");
	}
	text_vis_into(text, sizeof(text), raw);
	refused = code == DISCONNECT_PROTOCOL_ERROR || code == DISCONNECT_NO_MORE_AUTH_METHODS || a->denials > 0 ||
		  a->secret_sent;
	if (strstr(text, "Too many authentication failures") != NULL)
		a->hint = "the agent holds more keys than the server lets you try: set IdentityFile and "
			  "IdentitiesOnly yes for it";
	if (refused)
		error_set(a->err, REASON_AUTH_FAILED, "%s@%s: the server ended the login (%s); tried %s%s%s; %s",
		    a->target->user, a->target->host, text, a->tried, a->note[0] != '\0' ? "; " : "", a->note,
		    choose_hint(a));
	else
		error_set(a->err, REASON_CONNECT_FAILED, "%s: connection lost during the login as %s: %s",
		    a->target->host, a->target->user, text);
	return AUTH_OUTCOME_FAILED;
}

enum auth_outcome
auth_outcome(struct auth *a, int rc)
{
	switch (rc) {
	case SSH_AUTH_SUCCESS:
		a->secret_sent = false;
		return AUTH_OUTCOME_DONE;
	case SSH_AUTH_PARTIAL:
		a->secret_sent = false;
		a->methods = ssh_userauth_list(a->session, NULL);
		return AUTH_OUTCOME_PARTIAL;
	case SSH_AUTH_DENIED:
		a->secret_sent = false;
		a->denials++;
		a->methods = ssh_userauth_list(a->session, NULL);
		return AUTH_OUTCOME_DENIED;
	case SSH_AUTH_AGAIN:
		/* libssh's time, which was ours, is over. */
		if (a->params->hooks->left(a->err, a->params->hooks->arg) >= 0)
			error_set(a->err, REASON_CONNECT_TIMEOUT, "the server does not answer");
		error_prefix(a->err, "%s: logging in as %s", a->target->host, a->target->user);
		return AUTH_OUTCOME_FAILED;
	default:
		/* An error that leaves the connection alive (a key that cannot sign) is a refusal of that one try. */
		if (ssh_is_connected(a->session))
			return AUTH_OUTCOME_DENIED;
		return fail_lost(a);
	}
}

/* The text that a server shows before a login (RFC 4252 section 5.4), once. */
static void
show_banner(struct auth *a)
{
	char *banner = ssh_get_issue_banner(a->session), *text;

	if (banner == NULL)
		return;
	text = text_vis(banner, strnlen(banner, BANNER_MAX), true);
	if (text[0] != '\0')
		a->params->hooks->notice(text, a->params->hooks->arg);
	free(text);
	ssh_string_free_char(banner);
}

static enum auth_outcome
auth_none(struct auth *a)
{
	enum auth_outcome outcome;

	if (!auth_arm(a))
		return AUTH_OUTCOME_FAILED;
	outcome = auth_outcome(a, ssh_userauth_none(a->session, NULL));
	a->denials = 0; /* this one is the protocol's way of asking for the methods */
	if (outcome == AUTH_OUTCOME_DONE)
		auth_note_success(a, "none");
	if (outcome == AUTH_OUTCOME_DENIED && a->methods == 0)
		return fail_denied(a);
	return outcome;
}

/* Each method that the server offers now, in the order of ssh. */
static enum auth_outcome
run_stage(struct auth *a)
{
	const struct target *t = a->target;
	enum auth_outcome outcome = AUTH_OUTCOME_DENIED;

	if ((a->methods & SSH_AUTH_METHOD_PUBLICKEY) != 0 && t->pubkey_auth)
		outcome = auth_pubkey(a);
	if (outcome != AUTH_OUTCOME_DENIED)
		return outcome;
	/* A configured password is offered once; when it is refused, nothing else is: accounts get locked. */
	if (auth_has_configured_password(a) && !a->password_used)
		return auth_configured_password(a);
	if ((a->methods & SSH_AUTH_METHOD_INTERACTIVE) != 0 && t->kbdint_auth)
		outcome = auth_kbdint(a, NULL);
	if (outcome == AUTH_OUTCOME_DENIED && (a->methods & SSH_AUTH_METHOD_PASSWORD) != 0 && t->password_auth)
		outcome = auth_typed_password(a);
	return outcome;
}

static enum auth_outcome
run_stages(struct auth *a)
{
	enum auth_outcome outcome = auth_none(a);
	int stage;

	show_banner(a);
	if (outcome == AUTH_OUTCOME_DENIED)
		outcome = AUTH_OUTCOME_PARTIAL;
	for (stage = 0; outcome == AUTH_OUTCOME_PARTIAL && stage < STAGES_MAX; stage++)
		outcome = run_stage(a);
	if (outcome == AUTH_OUTCOME_DENIED || outcome == AUTH_OUTCOME_PARTIAL)
		return fail_denied(a);
	return outcome;
}

int
auth_run(const struct auth_params *params, struct auth_result *result, struct np_error *err)
{
	struct auth a = {.params = params,
	    .target = params->target,
	    .session = params->session,
	    .err = err,
	    .result = result,
	    .tried = "none"};
	enum auth_outcome outcome;
	size_t i;

	*result = (struct auth_result){.method = NULL};
	outcome = run_stages(&a);
	if (outcome == AUTH_OUTCOME_DONE)
		result->method = xstrdup(a.method_text);
	if (a.keys_loaded)
		identities_finish(&a.ids);
	for (i = 0; i < a.used_count; i++)
		keyblob_finish(&a.used[i]);
	return outcome == AUTH_OUTCOME_DONE ? 0 : -1;
}
