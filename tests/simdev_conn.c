/*
 * One connection of simdev, in a thread of its own: handshake, login, channels.
 *
 * libssh's callbacks only note what was asked; the loop below acts on it, as libssh answers a request only after its
 * callback has returned.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libssh/callbacks.h>
#include <libssh/server.h>

#include "simdev.h"

#define CHANNELS_MAX 256

struct sim_conn {
	const struct sim_options *options;
	ssh_session session;
	const char *peer;
	char *kbdint_user; /* said when it began; the answers carry none */
	struct sim_channel *channels[CHANNELS_MAX];
	struct ssh_channel_callbacks_struct callbacks[CHANNELS_MAX];
	int channels_count;
};

const struct sim_options *
sim_channel_options(const struct sim_channel *ch)
{
	return ch->conn->options;
}

size_t
sim_channel_room(const struct sim_channel *ch)
{
	return ch->ended || ch->closed ? 0 : ssh_channel_window_size(ch->ssh);
}

size_t
sim_channel_write(struct sim_channel *ch, const void *p, size_t n, bool is_stderr)
{
	size_t room = sim_channel_room(ch);
	uint32_t size = (uint32_t)(n < room ? n : room);
	if (size == 0)
		return 0;
	int rc = is_stderr ? ssh_channel_write_stderr(ch->ssh, p, size) : ssh_channel_write(ch->ssh, p, size);
	return rc > 0 ? (size_t)rc : 0;
}

int
sim_channel_read(struct sim_channel *ch, void *p, size_t n)
{
	int rc = ssh_channel_read_nonblocking(ch->ssh, p, (uint32_t)n, 0);
	if (rc > 0)
		return rc;
	return rc == SSH_ERROR || rc == SSH_EOF || ssh_channel_is_eof(ch->ssh) ? -1 : 0;
}

void
sim_channel_end(struct sim_channel *ch, int status, const char *signal)
{
	if (ch->ended || ch->closed)
		return;
	if (!ch->conn->options->no_status) {
		if (status >= 0)
			ssh_channel_request_send_exit_status(ch->ssh, status);
		else if (signal != NULL)
			ssh_channel_request_send_exit_signal(ch->ssh, signal, 0, "as told", "");
	}
	ssh_channel_send_eof(ch->ssh);
	ssh_channel_close(ch->ssh);
	ch->ended = true;
}

/* ---- login ---- */

static bool
user_may(struct sim_conn *c, const char *user)
{
	return c->options->user == NULL || strcmp(user, c->options->user) == 0;
}

static int
login_decide(struct sim_conn *c, const char *method, const char *user, bool right)
{
	sim_sleep(c->options->auth_delay);
	right = right && user_may(c, user);
	sim_event(c->options, "auth %s %s %s %s", method, user, right ? "ok" : "bad", c->peer);
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
	if (c->options->kbdint_count == 1)
		prompts[0] = "Password: ";
	ssh_message_auth_interactive_request(
	    message, "simdev", "Answer me.", (unsigned)c->options->kbdint_count, prompts, echo);
}

static void
kbdint_judge(struct sim_conn *c, ssh_message message)
{
	bool right = ssh_userauth_kbdint_getnanswers(c->session) == c->options->kbdint_count;
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
	    ssh_message_subtype(message) != SSH_AUTH_METHOD_INTERACTIVE || c->options->kbdint_count == 0)
		return 1;
	if (ssh_message_auth_kbdint_is_response(message))
		kbdint_judge(c, message);
	else
		kbdint_ask(c, message);
	return 0;
}

static void
on_global_request(ssh_session session, ssh_message message, void *arg)
{
	struct sim_conn *c = arg;
	(void)session;
	sim_event(c->options, "keepalive %s", c->peer);
	if (!c->options->no_keepalive)
		ssh_message_global_request_reply_success(message, 0);
}

/* ---- channels ---- */

static int
on_exec(ssh_session session, ssh_channel channel, const char *command, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	sim_event(ch->conn->options, "exec %s", command);
	if (ch->conn->options->refuse_exec || ch->program != NULL)
		return 1;
	ch->command = strdup(command);
	ch->program = &sim_exec_program;
	return 0;
}

static int
on_pty(ssh_session session, ssh_channel channel, const char *term, int cols, int rows, int px, int py, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	(void)term;
	(void)px;
	(void)py;
	ch->pty = true;
	ch->cols = cols;
	ch->rows = rows;
	return 0;
}

static void
on_signal(ssh_session session, ssh_channel channel, const char *signal, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	sim_event(ch->conn->options, "signal %s", signal);
	free(ch->signal);
	ch->signal = strdup(signal);
}

static void
on_close(ssh_session session, ssh_channel channel, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	ch->closed = true;
}

static ssh_channel
on_open(ssh_session session, void *arg)
{
	struct sim_conn *c = arg;
	if (c->channels_count == CHANNELS_MAX ||
	    (c->options->max_channels > 0 && c->channels_count >= c->options->max_channels)) {
		sim_event(c->options, "channel refused");
		return NULL;
	}
	struct sim_channel *ch = calloc(1, sizeof(*ch));
	if (ch == NULL)
		abort();
	int slot = 0;
	while (c->callbacks[slot].userdata != NULL)
		slot++;
	struct ssh_channel_callbacks_struct *callbacks = &c->callbacks[slot];
	*callbacks = (struct ssh_channel_callbacks_struct){.userdata = ch,
	    .channel_exec_request_function = on_exec,
	    .channel_pty_request_function = on_pty,
	    .channel_signal_function = on_signal,
	    .channel_close_function = on_close};
	ssh_callbacks_init(callbacks);
	ch->conn = c;
	ch->ssh = ssh_channel_new(session);
	ssh_set_channel_callbacks(ch->ssh, callbacks);
	c->channels[c->channels_count++] = ch;
	return ch->ssh;
}

static void
sim_channel_free(struct sim_conn *c, int index)
{
	struct sim_channel *ch = c->channels[index];
	for (int slot = 0; slot < CHANNELS_MAX; slot++)
		if (c->callbacks[slot].userdata == ch) {
			ssh_remove_channel_callbacks(ch->ssh, &c->callbacks[slot]);
			c->callbacks[slot].userdata = NULL;
		}
	if (!ch->ended && ssh_is_connected(c->session)) {
		sim_event(c->options, "closed by client: %s", ch->command != NULL ? ch->command : "");
		ssh_channel_close(ch->ssh);
	}
	ssh_channel_free(ch->ssh);
	free(ch->command);
	free(ch->signal);
	free(ch->state);
	free(ch);
	c->channels[index] = c->channels[--c->channels_count];
}

static bool
channels_run(struct sim_conn *c, double now, double *wake)
{
	bool moved = false;
	for (int i = c->channels_count; i-- > 0;) {
		struct sim_channel *ch = c->channels[i];
		if (ch->program != NULL && !ch->ended)
			moved |= ch->program->run(ch, now, wake);
		if (ch->closed)
			sim_channel_free(c, i);
	}
	return moved;
}

/* ---- the connection ---- */

static void
conn_loop(struct sim_conn *c)
{
	ssh_event event = ssh_event_new();
	ssh_event_add_session(event, c->session);
	while (ssh_is_connected(c->session)) {
		double now = sim_now(), wake = now + 3600;
		/* A channel's read or write may take in packets of the others, after which no readiness follows. */
		bool moved = channels_run(c, now, &wake);
		int wait_ms = moved ? 0 : (int)((wake - now) * 1000) + 1;
		if (ssh_event_dopoll(event, wait_ms) == SSH_ERROR)
			break;
	}
	while (c->channels_count > 0) {
		c->channels[0]->closed = true;
		if (c->channels[0]->program != NULL && !c->channels[0]->ended)
			c->channels[0]->program->run(c->channels[0], sim_now(), &(double){0});
		sim_channel_free(c, 0);
	}
	ssh_event_remove_session(event, c->session);
	ssh_event_free(event);
}

static void
conn_serve_ssh(struct sim_conn *c, ssh_bind bind, int fd)
{
	const struct sim_options *o = c->options;
	struct ssh_server_callbacks_struct server = {.userdata = c,
	    .auth_none_function = login_none,
	    .auth_password_function = login_password,
	    .auth_pubkey_function = login_key,
	    .channel_open_request_session_function = on_open};
	struct ssh_callbacks_struct common = {.userdata = c, .global_request_function = on_global_request};
	ssh_callbacks_init(&server);
	ssh_callbacks_init(&common);
	if (ssh_bind_accept_fd(bind, c->session, fd) != SSH_OK) {
		sim_event(o, "accept failed: %s", ssh_get_error(bind));
		return;
	}
	ssh_set_server_callbacks(c->session, &server);
	ssh_set_callbacks(c->session, &common);
	ssh_set_message_callback(c->session, on_message, c);
	ssh_set_auth_methods(c->session,
	    (o->password != NULL ? SSH_AUTH_METHOD_PASSWORD : 0) | (o->any_key ? SSH_AUTH_METHOD_PUBLICKEY : 0) |
		(o->kbdint_count > 0 ? SSH_AUTH_METHOD_INTERACTIVE : 0) | (o->open_door ? SSH_AUTH_METHOD_NONE : 0));
	if (ssh_handle_key_exchange(c->session) != SSH_OK)
		sim_event(o, "handshake failed: %s", ssh_get_error(c->session));
	else
		conn_loop(c);
	ssh_disconnect(c->session);
}

/* Misbehaviour that needs no SSH. */
static bool
conn_serve_badly(const struct sim_options *o, int fd)
{
	static const char greeting[] = "SSH-2.0-simdev\r\n";
	char c;
	if (o->drop)
		return send(fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0 || read(fd, &c, 1) < 0 || true;
	if (o->drip) {
		for (const char *p = "SSH-2.0-"; send(fd, *p != '\0' ? p++ : "x", 1, MSG_NOSIGNAL) == 1;)
			sim_sleep(0.2);
		return true;
	}
	if (o->silent)
		while (read(fd, &c, 1) > 0)
			;
	return o->silent;
}

void
sim_conn_serve(const struct sim_options *options, int fd, const char *peer)
{
	struct sim_conn *c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	sim_event(options, "connect %s", peer);
	if (conn_serve_badly(options, fd))
		close(fd);
	else {
		bool no = false;
		c->options = options;
		c->peer = peer;
		c->session = ssh_new();
		ssh_bind bind = ssh_bind_new();
		ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
		ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(options->host_key));
		if (options->banner != NULL)
			ssh_bind_options_set(bind, SSH_BIND_OPTIONS_BANNER, options->banner);
		conn_serve_ssh(c, bind, fd);
		ssh_free(c->session);
		ssh_bind_free(bind);
	}
	sim_event(options, "disconnect %s", peer);
	free(c->kbdint_user);
	free(c);
}
