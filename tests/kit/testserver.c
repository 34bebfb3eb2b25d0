/* See testserver.h. */
#include "kit/testserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "base/compiler.h"

struct testserver {
	pthread_t thread;
	int listen_fd;
	int port;
	void (*fn)(int fd, void *arg);
	void *arg;
	struct testserver_login login;
	ssh_key host_key;
	pthread_mutex_t lock; /* guards what follows */
	struct testserver_counts counts;
	bool ending;
	int fd; /* dup of the connection being served, or -1 */
};

/* One SSH connection. */
struct serving {
	struct testserver *server;
	const struct testserver_login *login;
	ssh_session session;
	int step;
	int denials;
	bool done; /* logged in, or to be closed */
};

static void
count(struct testserver *t, int *counter)
{
	pthread_mutex_lock(&t->lock);
	(*counter)++;
	pthread_mutex_unlock(&t->lock);
}

struct testserver_counts
testserver_counts(struct testserver *t)
{
	struct testserver_counts counts;

	pthread_mutex_lock(&t->lock);
	counts = t->counts;
	pthread_mutex_unlock(&t->lock);
	return counts;
}

static const struct testserver_step *
step_now(const struct serving *s)
{
	return &s->login->steps[s->step];
}

static int
verdict(struct serving *s, bool good)
{
	const struct testserver_login *l = s->login;

	if (!good) {
		s->denials++;
		return SSH_AUTH_DENIED;
	}
	s->step++;
	if (s->step < l->steps_count && step_now(s)->goes_on)
		return SSH_AUTH_INFO;
	if (s->step < l->steps_count) {
		ssh_set_auth_methods(s->session, step_now(s)->methods);
		return SSH_AUTH_PARTIAL;
	}
	s->done = true;
	return SSH_AUTH_SUCCESS;
}

static int
on_none(ssh_session session NP_UNUSED, const char *user NP_UNUSED, void *arg)
{
	struct serving *s = arg;

	count(s->server, &s->server->counts.nones);
	s->done = s->login->open_door;
	return s->done ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
}

/* What it was given it keeps to itself, if it is to. */
static bool
swallow(const struct serving *s)
{
	if (s->login->stall == NULL)
		return false;
	s->login->stall(s->login->stall_arg);
	while (!testserver_ending(s->server))
		usleep(5000);
	return true;
}

static int
on_password(ssh_session session NP_UNUSED, const char *user NP_UNUSED, const char *password, void *arg)
{
	struct serving *s = arg;
	const char *good = step_now(s)->password;

	count(s->server, &s->server->counts.passwords);
	if (swallow(s))
		return SSH_AUTH_DENIED;
	return verdict(s, good != NULL && strcmp(password, good) == 0);
}

static int
on_key(ssh_session session NP_UNUSED, const char *user NP_UNUSED, struct ssh_key_struct *key NP_UNUSED, char state,
    void *arg)
{
	struct serving *s = arg;

	/* The key, or the signature of one that it takes. */
	if ((state == SSH_PUBLICKEY_STATE_NONE) != step_now(s)->any_key && swallow(s))
		return SSH_AUTH_DENIED;
	if (state == SSH_PUBLICKEY_STATE_NONE)
		return step_now(s)->any_key ? SSH_AUTH_SUCCESS : verdict(s, false);
	count(s->server, &s->server->counts.keys);
	return verdict(s, step_now(s)->any_key && state == SSH_PUBLICKEY_STATE_VALID);
}

static void
ask(struct serving *s, ssh_message m)
{
	const struct testserver_step *step = step_now(s);
	const char *texts[TESTSERVER_PROMPTS];
	char echoes[TESTSERVER_PROMPTS];
	int i;

	count(s->server, &s->server->counts.conversations);
	for (i = 0; i < step->prompts_count; i++) {
		texts[i] = step->prompts[i].text;
		echoes[i] = step->prompts[i].echo;
	}
	ssh_message_auth_interactive_request(m, step->name != NULL ? step->name : "",
	    step->instruction != NULL ? step->instruction : "", (unsigned)step->prompts_count, texts, echoes);
}

static void
ask_flood(struct serving *s, ssh_message m)
{
	int n = s->login->flood;
	const char **texts = calloc((size_t)n, sizeof(texts[0]));
	char *echoes = calloc((size_t)n, 1);

	count(s->server, &s->server->counts.conversations);
	for (int i = 0; i < n; i++)
		texts[i] = "And? ";
	ssh_message_auth_interactive_request(m, "", "", (unsigned)n, texts, echoes);
	free(texts);
	free(echoes);
}

static void
judge_answers(struct serving *s, ssh_message m)
{
	const struct testserver_step *step = step_now(s);
	int i, n = ssh_userauth_kbdint_getnanswers(s->session), rc;
	bool good = n == step->prompts_count;
	const char *answer;

	for (i = 0; good && i < n; i++) {
		answer = ssh_userauth_kbdint_getanswer(s->session, (unsigned)i);
		good = answer != NULL && strcmp(answer, step->prompts[i].answer) == 0;
	}
	rc = verdict(s, good);
	if (rc == SSH_AUTH_INFO)
		ask(s, m);
	else if (rc == SSH_AUTH_DENIED)
		ssh_message_reply_default(m);
	else
		ssh_message_auth_reply_success(m, rc == SSH_AUTH_PARTIAL);
}

/* libssh has no server callback for keyboard-interactive. */
static int
on_message(ssh_session session NP_UNUSED, ssh_message m, void *arg)
{
	struct serving *s = arg;

	if (ssh_message_type(m) == SSH_REQUEST_AUTH && ssh_message_subtype(m) == SSH_AUTH_METHOD_PASSWORD &&
	    s->login->wants_new_password) {
		/* The number of this message is that of SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, and so is its first text. */
		count(s->server, &s->server->counts.passwords);
		ssh_message_auth_interactive_request(m, "Your password has expired.", "", 0, NULL, NULL);
		return 0;
	}
	if (ssh_message_type(m) != SSH_REQUEST_AUTH || ssh_message_subtype(m) != SSH_AUTH_METHOD_INTERACTIVE ||
	    s->done ||
	    (step_now(s)->prompts_count == 0 && !step_now(s)->goes_on && s->login->flood == 0 && !s->login->endless))
		return 1;
	if (s->login->flood > 0)
		ask_flood(s, m);
	else if (ssh_message_auth_kbdint_is_response(m) && !s->login->endless)
		judge_answers(s, m);
	else
		ask(s, m);
	return 0;
}

static void
send_banner(struct serving *s)
{
	ssh_string text = ssh_string_from_char(s->login->banner);

	ssh_send_issue_banner(s->session, text);
	ssh_string_free(text);
}

static void
serve_session(struct testserver *t, struct serving *s)
{
	ssh_event event = ssh_event_new();
	int limit = s->login->hang_up_after;

	ssh_event_add_session(event, s->session);
	if (s->login->banner != NULL)
		send_banner(s);
	/* After the login: until the client goes. */
	while (!testserver_ending(t) && ssh_event_dopoll(event, 50) != SSH_ERROR)
		if (limit > 0 && s->denials >= limit)
			break;
	ssh_event_remove_session(event, s->session);
	ssh_event_free(event);
}

static void
serve_ssh(int fd, void *arg)
{
	struct testserver *t = arg;
	struct serving s = {.server = t, .login = &t->login, .session = ssh_new()};
	ssh_bind binding = ssh_bind_new();
	bool no_config = false;
	struct ssh_server_callbacks_struct callbacks = {.userdata = &s,
	    .auth_none_function = on_none,
	    .auth_password_function = on_password,
	    .auth_pubkey_function = on_key};

	count(t, &t->counts.connections);
	if (t->login.wants_new_password)
		callbacks.auth_password_function = NULL; /* it comes to on_message() */
	ssh_callbacks_init(&callbacks);
	ssh_bind_options_set(binding, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no_config);
	ssh_bind_options_set(binding, SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(t->host_key));
	ssh_set_server_callbacks(s.session, &callbacks);
	ssh_set_message_callback(s.session, on_message, &s);
	ssh_set_auth_methods(s.session, t->login.steps[0].methods);
	if (ssh_bind_accept_fd(binding, s.session, fd) == SSH_OK) {
		if (ssh_handle_key_exchange(s.session) == SSH_OK)
			serve_session(t, &s);
		ssh_silent_disconnect(s.session);
	} else {
		close(fd);
	}
	ssh_free(s.session);
	ssh_bind_free(binding);
}

bool
testserver_ending(void *server)
{
	struct testserver *t = server;
	bool ending;

	pthread_mutex_lock(&t->lock);
	ending = t->ending;
	pthread_mutex_unlock(&t->lock);
	return ending;
}

static void
set_fd(struct testserver *t, int fd)
{
	pthread_mutex_lock(&t->lock);
	if (t->fd != -1)
		close(t->fd);
	t->fd = fd;
	if (fd != -1 && t->ending)
		shutdown(fd, SHUT_RDWR);
	pthread_mutex_unlock(&t->lock);
}

static void *
server_main(void *arg)
{
	struct testserver *t = arg;
	int fd;

	while (!testserver_ending(t)) {
		fd = accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1)
			continue;
		set_fd(t, dup(fd));
		t->fn(fd, t->arg);
		set_fd(t, -1);
	}
	return NULL;
}

static struct testserver *
create(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(sin);
	struct testserver *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->fd = -1;
	pthread_mutex_init(&t->lock, NULL);
	t->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(t->listen_fd, (struct sockaddr *)&sin, size) == -1 || listen(t->listen_fd, 16) == -1 ||
	    getsockname(t->listen_fd, (struct sockaddr *)&sin, &size) == -1)
		fail_msg("no server: %s", strerror(errno));
	t->port = ntohs(sin.sin_port);
	return t;
}

struct testserver *
testserver_start(void (*fn)(int fd, void *arg), void *arg)
{
	struct testserver *t = create();

	t->fn = fn;
	t->arg = arg != NULL ? arg : t;
	assert_int_equal(pthread_create(&t->thread, NULL, server_main, t), 0);
	return t;
}

struct testserver *
testserver_start_ssh(const struct testserver_login *login)
{
	struct testserver *t = create();

	t->login = *login;
	assert_int_equal(ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &t->host_key), SSH_OK);
	t->fn = serve_ssh;
	t->arg = t;
	assert_int_equal(pthread_create(&t->thread, NULL, server_main, t), 0);
	return t;
}

int
testserver_port(const struct testserver *s)
{
	return s->port;
}

void
testserver_stop(struct testserver *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	if (s->fd != -1)
		shutdown(s->fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	shutdown(s->listen_fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listen_fd);
	ssh_key_free(s->host_key);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
