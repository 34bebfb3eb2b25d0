/* The login at simdev: by none, password, public key, keyboard-interactive. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tool/simdev_conn.h"

static bool
user_may(struct sim_conn *c, const char *user)
{
	return c->options->user == NULL || strcmp(user, c->options->user) == 0;
}

/* Right ones after so many are wrong: one login per user, a code that was used. */
static bool
is_one_of_the_first(const struct sim_conn *c)
{
	static atomic_int accepted;
	return c->options->accepts == 0 || atomic_fetch_add(&accepted, 1) < c->options->accepts;
}

static int
login_decide(struct sim_conn *c, const char *method, const char *user, bool right)
{
	sim_event(c->options, "asked %s %s", method, user);
	sim_sleep(c->options->auth_delay);
	right = right && user_may(c, user) && is_one_of_the_first(c);
	if (c->options->hang_up)
		shutdown(ssh_get_fd(c->session), SHUT_RDWR);
	sim_event(c->options, "auth %s %s %s %s", method, user, right ? "ok" : "bad", c->peer);
	if (right) {
		free(c->user);
		c->user = strdup(user);
		sim_event(c->options, "login %s %s", sim_device_address(c->device), user);
	}
	return right ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
}

static int
login_none(ssh_session session, const char *user, void *arg)
{
	struct sim_conn *c = arg;
	(void)session;
	if (!c->options->open_door)
		return SSH_AUTH_DENIED;
	return login_decide(c, "none", user, true);
}

static int
login_password(ssh_session session, const char *user, const char *password, void *arg)
{
	struct sim_conn *c = arg;
	(void)session;
	return login_decide(
	    c, "password", user, c->options->password != NULL && strcmp(password, c->options->password) == 0);
}

static int
login_key(ssh_session session, const char *user, struct ssh_key_struct *key, char state, void *arg)
{
	struct sim_conn *c = arg;
	(void)session;
	(void)key;
	if (state == SSH_PUBLICKEY_STATE_NONE)
		return c->options->any_key && user_may(c, user) ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
	return login_decide(c, "publickey", user, c->options->any_key && state == SSH_PUBLICKEY_STATE_VALID);
}

static void
round_ask(struct sim_conn *c, ssh_message message)
{
	const char *say = c->options->rounds[c->round];
	char echo = *say == '+';
	const char *end = strrchr(say, '=');
	char *question = end != NULL ? strndup(say + echo, (size_t)(end - say - echo)) : strdup(say);
	const char *prompts[1] = {question};

	ssh_message_auth_interactive_request(message, "", "", 1, prompts, &echo);
	free(question);
}

/* Whether the answer is right and was the last one; *next: it is right, and another question follows. */
static bool
round_judge(struct sim_conn *c, bool *next)
{
	const char *wanted = strrchr(c->options->rounds[c->round], '=');
	const char *answer =
	    ssh_userauth_kbdint_getnanswers(c->session) == 1 ? ssh_userauth_kbdint_getanswer(c->session, 0) : NULL;
	bool right = answer != NULL && wanted != NULL && strcmp(answer, wanted + 1) == 0;

	sim_event(c->options, "round %d %s", c->round + 1, right ? "right" : "wrong");
	*next = right && c->round + 1 < c->options->rounds_count;
	c->round = *next ? c->round + 1 : 0;
	return right && !*next;
}

static void
kbdint_ask(struct sim_conn *c, ssh_message message)
{
	const char *prompts[8];
	char echo[8];
	char texts[8][32];
	for (int i = 0; i < c->options->kbdint_count; i++) {
		snprintf(texts[i], sizeof(texts[i]), "Answer %d: ", i + 1);
		prompts[i] = texts[i];
		echo[i] = i > 0; /* the first is a secret */
	}
	const char *user = ssh_message_auth_user(message);
	free(c->kbdint_user);
	c->kbdint_user = user != NULL ? strdup(user) : NULL;
	if (c->options->rounds_count > 0) {
		c->round = 0;
		round_ask(c, message);
		return;
	}
	if (c->options->kbdint_count == 1)
		prompts[0] = "Password: ";
	ssh_message_auth_interactive_request(
	    message, "simdev", "Answer me.", (unsigned)c->options->kbdint_count, prompts, echo);
}

static void
kbdint_judge(struct sim_conn *c, ssh_message message)
{
	bool right = ssh_userauth_kbdint_getnanswers(c->session) == c->options->kbdint_count, next = false;
	if (c->options->rounds_count > 0)
		right = round_judge(c, &next);
	if (next) {
		round_ask(c, message);
		return;
	}
	for (int i = 0; right && i < c->options->kbdint_count; i++) {
		const char *answer = ssh_userauth_kbdint_getanswer(c->session, (unsigned)i);
		right = answer != NULL && strcmp(answer, c->options->kbdint[i]) == 0;
	}
	if (login_decide(c, "kbdint", c->kbdint_user != NULL ? c->kbdint_user : "", right) == SSH_AUTH_SUCCESS)
		ssh_message_auth_reply_success(message, 0);
	else
		ssh_message_reply_default(message);
}

/* What libssh has no callback for: keyboard-interactive.  1: libssh shall refuse it. */
static int
on_message(ssh_session session, ssh_message message, void *arg)
{
	struct sim_conn *c = arg;
	(void)session;
	if (ssh_message_type(message) != SSH_REQUEST_AUTH ||
	    ssh_message_subtype(message) != SSH_AUTH_METHOD_INTERACTIVE ||
	    c->options->kbdint_count + c->options->rounds_count == 0)
		return 1;
	if (ssh_message_auth_kbdint_is_response(message))
		kbdint_judge(c, message);
	else
		kbdint_ask(c, message);
	return 0;
}

void
sim_auth_prepare(struct sim_conn *c, struct ssh_server_callbacks_struct *server)
{
	const struct sim_options *o = c->options;
	server->auth_none_function = login_none;
	server->auth_password_function = login_password;
	server->auth_pubkey_function = login_key;
	ssh_set_message_callback(c->session, on_message, c);
	ssh_set_auth_methods(c->session, (o->password != NULL ? SSH_AUTH_METHOD_PASSWORD : 0) |
					     (o->any_key ? SSH_AUTH_METHOD_PUBLICKEY : 0) |
					     (o->kbdint_count + o->rounds_count > 0 ? SSH_AUTH_METHOD_INTERACTIVE : 0) |
					     (o->open_door ? SSH_AUTH_METHOD_NONE : 0));
}
