/* Authentication: the order of methods and the words for its end; see dial.h. */
#include "login/dial.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "login/auth_impl.h"
#include "base/clock.h"
#include "base/text.h"
#include "login/hooks.h"
#include "base/xalloc.h"

/* More rounds of partial success than any server asks for. */
#define STAGES_MAX 8
#define BANNER_MAX 4096
#define LEAST_SECONDS 2.0 /* for a verdict; a quarter of a limit that is short */
/* RFC 4253 section 11.1 */
#define DISCONNECT_PROTOCOL_ERROR 2
#define DISCONNECT_NO_MORE_AUTH_METHODS 14

static int
call_libssh(struct auth *a, enum auth_step step, const char *password, ssh_key key)
{
	switch (step) {
	case STEP_NONE:
		return ssh_userauth_none(a->made->ssh, NULL);
	case STEP_PASSWORD:
		return ssh_userauth_password(a->made->ssh, NULL, password);
	case STEP_KBDINT:
		return ssh_userauth_kbdint(a->made->ssh, NULL, NULL);
	case STEP_AGENT:
		return ssh_userauth_agent(a->made->ssh, NULL);
	case STEP_TRY_KEY:
		return ssh_userauth_try_publickey(a->made->ssh, NULL, key);
	case STEP_SIGN:
		return ssh_userauth_publickey(a->made->ssh, NULL, key);
	}
	return SSH_AUTH_ERROR;
}

/*
 * Whether the server is still there to get a secret.  It may have gone while a person thought or a command ran; then
 * the secret was never offered, and the end of the connection is no verdict on it.
 */
static bool
still_there(struct auth *a)
{
	struct pollfd p = {.fd = a->made->fd, .events = WAKE_EVENTS};
	ssh_event event;

	if (poll(&p, 1, 0) <= 0)
		return true;
	/* libssh reads what the server said at last, and the end. */
	event = ssh_event_new();
	if (event != NULL && ssh_event_add_session(event, a->made->ssh) == SSH_OK) {
		while (ssh_is_connected(a->made->ssh) && ssh_event_dopoll(event, 0) == SSH_OK)
			;
		ssh_event_remove_session(event, a->made->ssh);
	}
	ssh_event_free(event);
	return false;
}

static bool
has_complaint(const struct auth *a)
{
	const char *text = ssh_get_error(a->made->ssh);

	return ssh_get_error_code(a->made->ssh) == SSH_FATAL && strncmp(text, a->before, sizeof(a->before) - 1) != 0;
}

const char *
auth_complaint(const struct auth *a, char *text, size_t size)
{
	return text_vis_into(text, size, has_complaint(a) ? ssh_get_error(a->made->ssh) : "");
}

double
auth_least_time(const struct auth *a)
{
	double limit = a->attempt->timeout;

	return limit / 4 < LEAST_SECONDS ? limit / 4 : LEAST_SECONDS;
}

/* A verdict needs some time: where our own limit would be taken for one, nothing is offered. */
static bool
has_time(struct auth *a)
{
	double limit = a->attempt->timeout, left = a->hooks->left(a->err, a->hooks->arg), least = auth_least_time(a);

	if (left < 0)
		return false;
	if (a->offer.word == WORD_SENT || left >= least)
		return true;
	(void)error_set(a->err, REASON_CONNECT_TIMEOUT,
	    "too little was left of connection_timeout (%g s) for an answer, so that no secret was offered", limit);
	return false;
}

/*
 * libssh is asked without blocking and the waiting is done here: in blocking mode it does not notice a disconnect
 * message of the server and waits on a closed descriptor until its time is over.  Questions that it does not like it
 * drops, says so in its error text alone, and waits on for an answer that will not come.
 */
int
auth_step(struct auth *a, enum auth_step step, const char *password, ssh_key key)
{
	const struct dial_hooks *hooks = a->hooks;
	bool shows_key = step == STEP_AGENT || step == STEP_TRY_KEY || step == STEP_SIGN;
	uint64_t packets = 0;
	double left;
	int rc;

	a->keys.out = false;
	if (a->has_secret && auth_claim_secret(a) == -1)
		return SSH_AUTH_AGAIN;
	if (a->has_secret && !still_there(a))
		return SSH_AUTH_ERROR;
	if (a->has_secret && !has_time(a))
		return SSH_AUTH_AGAIN;
	if (a->has_secret)
		auth_secret_sent(a);
	a->shown |= a->has_secret || shows_key;
	a->has_secret = false;
	snprintf(a->before, sizeof(a->before), "%s", ssh_get_error(a->made->ssh));
	for (;;) {
		left = hooks->left(a->err, hooks->arg);
		if (left < 0)
			return SSH_AUTH_AGAIN;
		if (a->traffic.in_packets != packets || !a->keys.out)
			a->keys.heard_at = clock_now();
		packets = a->traffic.in_packets;
		a->keys.out = shows_key;
		rc = call_libssh(a, step, password, key);
		if (rc != SSH_AUTH_AGAIN)
			return rc;
		if (!ssh_is_connected(a->made->ssh) || has_complaint(a))
			return SSH_AUTH_ERROR;
		libssh_wait(a->made->ssh, a->made->fd, left);
	}
}

static void
append_text(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", used > 0 && used + 3 < size ? ", " : "", more);
}

/* The method that was tried last was not the one. */
static void
tell_refused(struct auth *a)
{
	if (a->trying[0] != '\0')
		hooks_step(a->hooks, "authentication", STEP_REFUSED, "%s: refused", a->trying);
	a->trying[0] = '\0';
}

void
auth_note_tried(struct auth *a, const char *fmt, ...)
{
	va_list ap;

	tell_refused(a);
	va_start(ap, fmt);
	vsnprintf(a->trying, sizeof(a->trying), fmt, ap);
	va_end(ap);
	append_text(a->tried, sizeof(a->tried), a->trying);
}

void
auth_note_success(struct auth *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->trying, sizeof(a->trying), fmt, ap);
	va_end(ap);
	append_text(a->method_text, sizeof(a->method_text), a->trying);
	hooks_step(a->hooks, "authentication", STEP_OK, "%s: accepted", a->trying);
	a->trying[0] = '\0';
}

void
auth_note_problem(struct auth *a, const char *text)
{
	if (a->note[0] == '\0')
		snprintf(a->note, sizeof(a->note), "%.*s", (int)sizeof(a->note) - 1, text);
	a->hooks->notice(text, a->hooks->arg);
}

void
auth_watch(struct auth *a)
{
	const struct dial_hooks *hooks = a->hooks;

	hooks->watch_fd(fcntl(a->made->fd, F_DUPFD_CLOEXEC, 0), SHUT_RD, hooks->arg);
}

struct secret *
auth_ask(struct auth *a, enum prompt_kind kind, const char *text, bool echo)
{
	struct secret *answer = NULL;

	auth_settle_denied(a);
	if (!a->target->batch_mode)
		answer = a->hooks->ask(kind, text, echo, a->hooks->arg);
	if (answer == NULL)
		a->nobody = true;
	else
		a->made->base.needed_person = true;
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
	if (a->password_accepted && a->second_used)
		return "the password was accepted, the second factor was not: look at otp_command";
	if (a->password_accepted && a->made->base.needed_person)
		return "the password was accepted, the code was not";
	if (a->password_accepted)
		return "the password was accepted, and a second factor is asked for: run it on a terminal to be asked, "
		       "or "
		       "set otp_command for the device";
	if (a->password_used && a->second_used)
		return "either the configured password was refused or the code of otp_command";
	if (a->password_used)
		return "correct the configured password";
	if (a->second_used)
		return "the code of otp_command was refused";
	if (wants_secret && a->nobody)
		return "run it on a terminal to be asked, or set password_command for the device";
	if (wants_secret)
		return "check the user name, or set a key or password for the device";
	return "load a key into the agent with ssh-add, or set key_file, and have its public half on the device";
}

/*
 * The time is over, it was cancelled, or the gate before accounts is closed: err says which.  A server that has a
 * secret and says nothing has refused it, for all that anybody knows: what asks a directory that is down counts it
 * later.
 */
static enum auth_outcome
fail_ended(struct auth *a)
{
	struct np_error *err = a->err;

	if (err->reason == REASON_CONNECT_TIMEOUT && a->offer.word == WORD_SENT)
		error_set(err, REASON_AUTH_FAILED,
		    "%s@%s: no verdict within %.0f s on what was offered (%s), which counts as refused: %.200s",
		    a->target->user, a->target->host, clock_now() - a->offer.sent_at,
		    a->trying[0] != '\0' ? a->trying : "a secret", err->text);
	else if (err->reason != REASON_AUTH_FAILED && err->reason != REASON_AUTH_BACKOFF)
		error_prefix(err, "%s: logging in as %s", a->target->host, a->target->user);
	return AUTH_OUTCOME_FAILED;
}

static enum auth_outcome
fail_denied(struct auth *a)
{
	bool untried = a->keys.barred_count > 0 && !a->shown;
	char offered[128], barred[96] = "";

	/* A question that a cancel or the limit ended looks like one that nobody answered. */
	if (a->hooks->left(a->err, a->hooks->arg) < 0)
		return fail_ended(a);
	methods_text(a->methods, offered, sizeof(offered));
	if (a->keys.barred_count > 0)
		snprintf(barred, sizeof(barred), "; not %zu key%s that it has refused before (npctl open tries again)",
		    a->keys.barred_count, a->keys.barred_count == 1 ? "" : "s");
	error_set(a->err, untried ? REASON_AUTH_BACKOFF : REASON_AUTH_FAILED,
	    "%s@%s: login refused; tried %s%s; the server offers %s%s%s; %s", a->target->user, a->target->host,
	    a->tried, barred, offered, a->note[0] != '\0' ? "; " : "", a->note, choose_hint(a));
	return AUTH_OUTCOME_FAILED;
}

/*
 * What the server said when it ended the connection; NULL: nothing.  libssh 0.11 goes on to the agent's next key then,
 * which fails on the closed stream and leaves that as its error; but it gives the words out after the end.
 */
static const char *
last_words(struct auth *a)
{
	const char *words;

	ssh_silent_disconnect(a->made->ssh);
	words = ssh_get_disconnect_message(a->made->ssh);
	return words != NULL && words[0] != '\0' ? words : NULL;
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
	const char *raw = ssh_get_error(a->made->ssh);
	int code = disconnect_parse(raw, text, sizeof(text));
	bool refused, mere_end = handshake_is_mere_end(raw);
	const char *words;

	if (a->hooks->left(a->err, a->hooks->arg) < 0)
		return fail_ended(a);
	if (code == 0 && !mere_end)
		text_vis_into(text, sizeof(text), raw);
	words = code == 0 ? last_words(a) : NULL;
	if (code == 0 && mere_end)
		text_vis_into(text, sizeof(text), words != NULL ? words : "the server closed it");
	a->told_end = code != 0 || words != NULL;
	refused = code == DISCONNECT_PROTOCOL_ERROR || code == DISCONNECT_NO_MORE_AUTH_METHODS || a->denials > 0 ||
		  a->offer.word == WORD_SENT || (a->key_answered && !a->told_end);
	if (strstr(text, "Too many authentication failures") != NULL) {
		refused = true;
		a->hint = "the agent holds more keys than the server lets you try: set IdentityFile and "
			  "IdentitiesOnly yes for it";
	}
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
auth_give_up(struct auth *a, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(a->err, REASON_AUTH_FAILED, "%s@%s: %s; tried %s", a->target->user, a->target->host, text, a->tried);
	return AUTH_OUTCOME_FAILED;
}

enum auth_outcome
auth_outcome(struct auth *a, int rc)
{
	switch (rc) {
	case SSH_AUTH_SUCCESS:
		return AUTH_OUTCOME_DONE;
	case SSH_AUTH_PARTIAL:
		a->password_accepted = a->password_accepted || a->password_used;
		auth_secret_right(a);
		a->methods = ssh_userauth_list(a->made->ssh, NULL);
		return AUTH_OUTCOME_PARTIAL;
	case SSH_AUTH_DENIED:
		/* libssh 0.11 says so of a DISCONNECT too, which is all that 0.10 calls an error. */
		if (!ssh_is_connected(a->made->ssh) && ssh_version(SSH_VERSION_INT(0, 11, 0)) != NULL)
			return fail_lost(a);
		if (a->offer.word == WORD_SENT)
			a->offer.word = WORD_DENIED;
		a->denials++;
		a->methods = ssh_userauth_list(a->made->ssh, NULL);
		return AUTH_OUTCOME_DENIED;
	case SSH_AUTH_AGAIN:
		return fail_ended(a);
	default:
		/* An error that leaves the connection alive (a key that cannot sign) is a refusal of that one try. */
		if (ssh_is_connected(a->made->ssh))
			return AUTH_OUTCOME_DENIED;
		return fail_lost(a);
	}
}

/* The text that a server shows before a login (RFC 4252 section 5.4), once. */
static void
show_banner(struct auth *a)
{
	char *banner = ssh_get_issue_banner(a->made->ssh), *text;

	if (banner == NULL)
		return;
	text = text_vis(banner, strnlen(banner, BANNER_MAX), true);
	if (text[0] != '\0')
		a->hooks->notice(text, a->hooks->arg);
	free(text);
	ssh_string_free_char(banner);
}

static enum auth_outcome
auth_none(struct auth *a)
{
	enum auth_outcome outcome;
	char offered[128];

	outcome = auth_outcome(a, auth_step(a, STEP_NONE, NULL, NULL));
	a->denials = 0; /* this one is the protocol's way of asking for the methods */
	if (outcome == AUTH_OUTCOME_DONE)
		auth_note_success(a, "none");
	if (outcome == AUTH_OUTCOME_DENIED && a->methods == 0)
		return fail_denied(a);
	if (outcome == AUTH_OUTCOME_DENIED) {
		methods_text(a->methods, offered, sizeof(offered));
		hooks_step(a->hooks, "authentication", STEP_REFUSED, "none: the server offers %s", offered);
	}
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
auth_run(const struct attempt *attempt, struct sshdialled *made, const struct dial_hooks *hooks, uint64_t *agent_hash,
    struct np_error *err)
{
	struct auth a = {.attempt = attempt,
	    .target = attempt->target,
	    .made = made,
	    .hooks = hooks,
	    .agent_hash = agent_hash,
	    .err = err,
	    .began = clock_now(),
	    .tried = "none"};
	enum auth_outcome outcome;

	ssh_set_blocking(made->ssh, 0);
	ssh_set_counters(made->ssh, NULL, &a.traffic);
	outcome = run_stages(&a);
	ssh_set_counters(made->ssh, NULL, NULL);
	ssh_set_blocking(made->ssh, 1);
	auth_settle(&a, outcome);
	if (outcome != AUTH_OUTCOME_DONE && err->reason == REASON_AUTH_FAILED)
		tell_refused(&a);
	if (outcome == AUTH_OUTCOME_DONE)
		made->base.auth_method = xstrdup(a.method_text);
	if (a.keys_loaded)
		identities_finish(&a.ids);
	for (size_t i = 0; i < a.used_count; i++)
		keyblob_finish(&a.used[i]);
	return outcome == AUTH_OUTCOME_DONE ? 0 : -1;
}
