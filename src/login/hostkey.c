/* The host key's judgement; see dial.h. */
#include "login/dial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/xalloc.h"

#define LIST_MAX 4096
#define QUESTIONS_MAX 3

static void notice(const struct dial_hooks *hooks, const char *fmt, ...) NP_PRINTF(2, 3);

static void
notice(const struct dial_hooks *hooks, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	hooks->notice(text, hooks->arg);
	free(text);
}

/* Whether a host key algorithm is used with keys of that type: rsa-sha2-512 with ssh-rsa keys. */
static bool
algorithm_fits(const char *algorithm, const char *type)
{
	if (strcmp(type, "ssh-rsa") == 0 && strncmp(algorithm, "rsa-sha2-", 9) == 0)
		return true;
	return strcmp(algorithm, type) == 0;
}

static bool
is_known_type(const char *algorithm, const struct strings *types)
{
	for (size_t i = 0; i < types->n; i++)
		if (algorithm_fits(algorithm, types->v[i]))
			return true;
	return false;
}

/* Appends those of the list whose keys are known (or not). */
static int
append_algorithms(struct buf *out, const char *list, const struct strings *types, bool known)
{
	char *copy = xstrdup(list), *rest = copy, *name;
	int rc = 0;

	while (rc == 0 && (name = strsep(&rest, ",")) != NULL)
		if (name[0] != '\0' && is_known_type(name, types) == known)
			rc = buf_printf(out, "%s%s", out->len > 0 ? "," : "", name);
	free(copy);
	return rc;
}

/* A host whose key is known must not pass for a new one. */
static int
check_answer(const struct known_answer *answer, struct np_error *err)
{
	if (answer->wanting == 0)
		return 0;
	errno = answer->wanting;
	return error_set_errno(err, REASON_INTERNAL, "known_hosts cannot be read");
}

int
hostkey_algorithms(const struct target *target, char **list, struct np_error *err)
{
	struct known_answer answer;
	struct buf out;
	int rc;

	*list = NULL;
	if (target->host_key_algorithms == NULL)
		return 0;
	known_hosts_look_up(target, NULL, &answer);
	rc = check_answer(&answer, err);
	buf_init(&out, LIST_MAX);
	if (append_algorithms(&out, target->host_key_algorithms, &answer.types, true) == 0 &&
	    append_algorithms(&out, target->host_key_algorithms, &answer.types, false) == 0 && out.len > 0)
		*list = xstrndup((const char *)buf_head(&out), out.len);
	else
		*list = xstrdup(target->host_key_algorithms);
	buf_free(&out);
	known_answer_finish(&answer);
	return rc;
}

/* The judgement of one key; what the functions below share. */
struct check {
	const struct target *target;
	const struct dial_hooks *hooks;
	bool for_ssh;
	ssh_key key;
	const char *type;
	char fingerprint[FINGERPRINT_SIZE];
	struct known_answer answer;
};

static int
refuse_changed(const struct check *c, struct np_error *err)
{
	return error_set(err, REASON_HOST_KEY_CHANGED,
	    "HOST KEY OF %s HAS CHANGED: it shows the %s key %s, but %s:%u has %s. Either the device got a new key or "
	    "somebody answers in its place; nothing was sent. If you know that the change is right, run: "
	    "ssh-keygen -f '%s' -R '%s'",
	    c->target->known_as, c->type, c->fingerprint, c->answer.file, c->answer.line, c->answer.fingerprint,
	    c->answer.file, c->target->known_as);
}

static int
refuse_revoked(const struct check *c, struct np_error *err)
{
	return error_set(err, REASON_HOST_KEY_CHANGED,
	    "the %s key %s that %s shows is revoked (%s:%u); nothing was sent. The device needs a new key", c->type,
	    c->fingerprint, c->target->known_as, c->answer.file, c->answer.line);
}

static int
refuse_unknown(const struct check *c, const char *why, struct np_error *err)
{
	const struct target *t = c->target;
	char command[200], port[16] = "";

	if (t->port != 22)
		snprintf(port, sizeof(port), "-p %d ", t->port);
	snprintf(command, sizeof(command), "ssh %s%.80s%s%s%.80s", t->proxy_jump != NULL ? "-J " : "",
	    t->proxy_jump != NULL ? t->proxy_jump : "", t->proxy_jump != NULL ? " " : "", port, t->host);
	return error_set(err, REASON_HOST_KEY_UNKNOWN,
	    "%s is not in known_hosts: it shows the %s key %s%s%s%s. Compare that with the device's own, then run "
	    "`%s` once and answer yes, or set StrictHostKeyChecking accept-new",
	    t->known_as, c->type, c->fingerprint, why[0] != '\0' ? " (" : "", why, why[0] != '\0' ? ")" : "", command);
}

static void
add_key(const struct check *c)
{
	struct np_error err;
	const char *file;

	if (known_hosts_add(c->target, c->key, &file, &err) == 0)
		notice(c->hooks, "the %s host key of %s (%s) was added to %s", c->type, c->target->known_as,
		    c->fingerprint, file);
	else
		notice(c->hooks, "the %s host key of %s (%s) is accepted for this session only: %s", c->type,
		    c->target->known_as, c->fingerprint, err.text);
}

static char *
question_text(const struct check *c)
{
	const struct target *t = c->target;
	bool alias = strcmp(t->known_as, t->host) != 0;

	return xasprintf("%s%s%s%s is not in known_hosts%s. It shows the %s key\n%s\n%sTrust it "
			 "(yes/no/fingerprint)? ",
	    t->known_as, alias ? " (" : "", alias ? t->host : "", alias ? ")" : "",
	    c->answer.state == KNOWN_OTHER_TYPE ? " with a key of this type, only with others" : "", c->type,
	    c->fingerprint, c->answer.cert_authority ? "(@cert-authority lines are not honoured.)\n" : "");
}

/* 1 = trusted, 0 = refused, -1 = nobody there to answer. */
static int
ask_person(const struct check *c)
{
	char *text = question_text(c);
	struct secret *answer;
	int i, verdict = 0;

	for (i = 0; i < QUESTIONS_MAX; i++) {
		answer = c->hooks->ask(PROMPT_HOST_KEY, text, true, c->hooks->arg);
		if (answer == NULL) {
			verdict = i == 0 ? -1 : 0;
			break;
		}
		verdict =
		    strcasecmp(secret_text(answer), "yes") == 0 || strcmp(secret_text(answer), c->fingerprint) == 0;
		i = verdict == 1 || strcasecmp(secret_text(answer), "no") == 0 ? QUESTIONS_MAX : i;
		secret_unref(answer);
	}
	free(text);
	return verdict;
}

/* Of a file that keeps nothing no connection would be the second one. */
static bool
keeps_keys(const struct target *t)
{
	return t->user_known_hosts.n > 0 && strcmp(t->user_known_hosts.v[0], "/dev/null") != 0;
}

static int
judge_unknown(const struct check *c, struct np_error *err)
{
	int verdict;

	switch (c->target->strict) {
	case STRICT_YES:
		return refuse_unknown(c, "StrictHostKeyChecking is yes", err);
	case STRICT_ASK:
		if (c->target->batch_mode)
			return refuse_unknown(c, "BatchMode is on", err);
		verdict = ask_person(c);
		if (c->hooks->left(err, c->hooks->arg) < 0)
			return error_prefix(err, "asking about the host key of %s", c->target->known_as);
		if (verdict == 0)
			return refuse_unknown(c, "and the answer was no", err);
		if (verdict == -1)
			return refuse_unknown(c, "", err);
		break;
	case STRICT_ACCEPT_NEW:
	case STRICT_OFF:
		if (c->for_ssh && keeps_keys(c->target))
			return refuse_unknown(c, "ssh notes it by itself, and says so", err);
		break;
	}
	add_key(c);
	hooks_step(c->hooks, "host key", STEP_OK, "%s %s, accepted as new", c->type, c->fingerprint);
	return 0;
}

static int
judge(struct check *c, struct np_error *err)
{
	known_hosts_look_up(c->target, c->key, &c->answer);
	if (check_answer(&c->answer, err) == -1)
		return -1;
	switch (c->answer.state) {
	case KNOWN_MATCH:
		hooks_step(c->hooks, "host key", STEP_OK, "%s %s, known (%s:%u)", c->type, c->fingerprint,
		    c->answer.file, c->answer.line);
		return 0;
	case KNOWN_CHANGED:
		return refuse_changed(c, err);
	case KNOWN_REVOKED:
		return refuse_revoked(c, err);
	case KNOWN_NOT:
	case KNOWN_OTHER_TYPE:
		break;
	}
	if (c->answer.cert_authority)
		notice(c->hooks,
		    "known_hosts names a @cert-authority for %s: host certificates are not supported, its plain host "
		    "key is what counts",
		    c->target->known_as);
	return judge_unknown(c, err);
}

int
hostkey_check(ssh_session session, const struct attempt *attempt, const struct dial_hooks *hooks, struct np_error *err)
{
	struct check c = {.target = attempt->target, .for_ssh = attempt->for_ssh, .hooks = hooks};
	int rc;

	if (ssh_get_server_publickey(session, &c.key) != SSH_OK)
		return error_set(err, REASON_CONNECT_FAILED, "libssh cannot tell the server's host key");
	c.type = ssh_key_type_to_char(ssh_key_type(c.key));
	known_hosts_fingerprint(c.key, c.fingerprint);
	rc = judge(&c, err);
	known_answer_finish(&c.answer);
	ssh_key_free(c.key);
	return rc;
}
