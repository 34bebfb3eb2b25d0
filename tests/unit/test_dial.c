/*
 * The dial: connections that fail in every way, options that must reach libssh, ProxyCommand, ready streams, time and
 * cancel.  Logging in is in test_auth.c and test_agent.c, host keys in test_hostkey.c.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
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
#include "kit/dialkit.h"
#include "kit/slow.h"
#include "login/dial.h"
#include "transport/session.h"
#include "kit/testserver.h"
#include "kit/testsshd.h"
#include "base/xalloc.h"

/* Of what is not open: in a process with threads that would sooner or later be somebody else's. */
static atomic_int closed_twice;

/* Stands before the C library's, for libssh too. */
int
close(int fd)
{
	static int (*real)(int);
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "close");
	rc = real(fd);
	if (rc == -1 && errno == EBADF)
		atomic_fetch_add(&closed_twice, 1);
	return rc;
}

struct fixture {
	struct kit kit;
	struct testsshd *sshd;
	struct testserver *server;
	struct kit_dialled out;
	struct np_error err;
	int rc;
	double took;
	int fds;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

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
	assert_int_equal(atomic_load(&closed_twice), 0);
	free(f);
	return 0;
}

static void
dial_target(struct fixture *f, struct target *target, int ready_fd)
{
	struct attempt attempt = {.target = target, .ready_fd = ready_fd};
	double began = clock_now();

	f->rc = kit_dial(&attempt, &f->kit.hooks, &f->out, &f->err);
	f->took = clock_now() - began;
}

static void
dial_port(struct fixture *f, int port, const char *device, const char *config)
{
	struct target *target = kit_target(&f->kit, port, device, config);

	dial_target(f, target, -1);
	target_unref(target);
}

/* With what the real sshd wants. */
static void
dial_sshd(struct fixture *f, const char *device, const char *config)
{
	char *lines =
	    xasprintf("UserKnownHostsFile %s\nIdentityFile %s\n%s", f->sshd->known_hosts, f->sshd->user_key, config);

	dial_port(f, f->sshd->port, device, lines);
	free(lines);
}

static void
assert_connected(const struct fixture *f)
{
	if (f->rc != 0)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
	assert_true(ssh_is_connected(f->out.session));
}

static void
assert_failed(const struct fixture *f, enum np_reason reason, const char *text)
{
	assert_int_equal(f->rc, -1);
	if (f->err.reason != reason || strstr(f->err.text, text) == NULL)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
	assert_null(f->out.session);
}

/* Runs a command over the session: proof that it is whole. */
static void
assert_session_works(const struct fixture *f)
{
	ssh_channel ch = ssh_channel_new(f->out.session);
	char text[16] = "";

	assert_int_equal(ssh_channel_open_session(ch), SSH_OK);
	assert_int_equal(ssh_channel_request_exec(ch, "echo works"), SSH_OK);
	assert_int_equal(ssh_channel_read(ch, text, sizeof(text), 0), 6);
	assert_string_equal(text, "works\n");
	ssh_channel_close(ch);
	ssh_channel_free(ch);
}

static void
test_session_descriptor_and_socket_options(void **state)
{
	struct fixture *f = *state;
	int on = 0;
	unsigned int ms = 0;
	socklen_t size = sizeof(on);

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	dial_sshd(f, "", "");

	assert_connected(f);
	assert_session_works(f);
	assert_int_not_equal(f->out.fd, ssh_get_fd(f->out.session));
	assert_int_equal(f->out.proxy_pid, 0);
	assert_int_equal(getsockopt(f->out.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
	assert_int_not_equal(on, 0);
#ifdef TCP_USER_TIMEOUT
	size = sizeof(ms);
	assert_int_equal(getsockopt(f->out.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size), 0);
	assert_int_equal(ms, 180000); /* keepalive_interval 60, keepalive_count_max 3 */
#endif
}

static void
test_algorithms_of_the_device_are_used(void **state)
{
	struct fixture *f = *state;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	dial_sshd(f, "\"kex\": \"ecdh-sha2-nistp384\", \"ciphers\": \"aes256-ctr\", \"macs\": \"hmac-sha2-512\"", "");

	assert_connected(f);
	assert_string_equal(ssh_get_kex_algo(f->out.session), "ecdh-sha2-nistp384");
	assert_string_equal(ssh_get_cipher_in(f->out.session), "aes256-ctr");
	assert_string_equal(ssh_get_cipher_out(f->out.session), "aes256-ctr");
	assert_string_equal(ssh_get_hmac_in(f->out.session), "hmac-sha2-512");
	assert_string_equal(ssh_get_hmac_out(f->out.session), "hmac-sha2-512");
}

static void
assert_steps(const struct fixture *f, const char *const *lines, size_t count)
{
	const char *at = f->kit.steps;

	for (size_t i = 0; i < count; i++) {
		const char *found = strstr(at, lines[i]);
		if (found == NULL)
			fail_msg("no `%s` in order in:\n%s", lines[i], f->kit.steps);
		at = found + strlen(lines[i]);
	}
}

static void
test_steps_of_a_dial_are_told_in_order(void **state)
{
	struct fixture *f = *state;
	static const char *const lines[] = {"resolve ok 127.0.0.1\n", "connect ok 127.0.0.1 port ",
	    "key exchange ok SSH-2.0-OpenSSH", "host key ok ssh-ed25519 SHA256:", ", known (",
	    "authentication refused none: the server offers publickey", "authentication ok publickey (", "accepted\n"};

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	dial_sshd(f, "", "");
	assert_connected(f);
	assert_steps(f, lines, NP_COUNT(lines));
}

static void
test_dial_that_shall_not_log_in_ends_before(void **state)
{
	struct fixture *f = *state;
	static const char *const lines[] = {"host key ok ", "authentication skipped "};
	struct target *target;
	char *config;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	config = xasprintf("UserKnownHostsFile %s\nIdentityFile %s\n", f->sshd->known_hosts, f->sshd->user_key);
	target = kit_target(&f->kit, f->sshd->port, "", config);
	struct attempt attempt = {.target = target, .ready_fd = -1, .no_login = true};
	f->rc = kit_dial(&attempt, &f->kit.hooks, &f->out, &f->err);
	target_unref(target);
	free(config);

	assert_failed(f, REASON_CANCELLED, "before the login");
	assert_steps(f, lines, NP_COUNT(lines));
	assert_null(strstr(f->kit.steps, "failed"));
}

static void
test_step_that_fails_is_the_last_one(void **state)
{
	struct fixture *f = *state;
	static const char *const lines[] = {"resolve ok ", "connect failed ", "refused"};
	static const char *const nameless[] = {"resolve failed "};

	dial_port(f, 1, "", "");
	assert_failed(f, REASON_CONNECT_FAILED, "refused");
	assert_steps(f, lines, NP_COUNT(lines));
	f->kit.steps[0] = '\0';
	dial_port(f, 1, "\"host\": \"no.such.host.invalid\"", "");
	assert_steps(f, nameless, NP_COUNT(nameless));
}

static void
test_old_server_names_its_offer_and_the_key_that_helps(void **state)
{
	static const struct {
		const char *sshd;
		const char *key;
	} cases[] = {
	    {"KexAlgorithms diffie-hellman-group14-sha1\n",
		"(kex): the server offers only diffie-hellman-group14-sha1"},
	    {"Ciphers aes128-cbc\n", "(ciphers): the server offers only aes128-cbc"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < NP_COUNT(cases); i++) {
		f->sshd = testsshd_start(cases[i].sshd);
		if (f->sshd == NULL)
			skip();
		dial_sshd(f, "", "");
		assert_failed(f, REASON_CONNECT_FAILED, cases[i].key);
		assert_non_null(strstr(f->err.text, "legacy_algorithms: true"));

		dial_sshd(f, "\"legacy_algorithms\": true", "");
		assert_connected(f);
		assert_session_works(f);
		kit_hang_up(&f->out);
		testsshd_stop(f->sshd);
		f->sshd = NULL;
	}
}

static void
test_refused_connection_names_address_and_port(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1};
	char text[64];
	int port;

	/* A port that was just in use and is no more. */
	f->server = testserver_start_ssh(&login);
	port = testserver_port(f->server);
	testserver_stop(f->server);
	f->server = NULL;
	dial_port(f, port, "", "");

	snprintf(text, sizeof(text), "127.0.0.1 port %d: Connection refused", port);
	assert_failed(f, REASON_CONNECT_FAILED, text);
}

static void
test_unknown_name_is_resolve_failed(void **state)
{
	struct fixture *f = *state;

	dial_port(f, 22, "\"host\": \"name.invalid\"", "");
	assert_failed(f, REASON_RESOLVE_FAILED, "cannot look up name.invalid");
}

/* The backlog of a listener that accepts nothing: further SYNs stay unanswered. */
static void
test_unanswered_connect_ends_at_the_limit(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fill[8];
	size_t i;

	assert_int_equal(bind(listener, (struct sockaddr *)&sin, size), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &size), 0);
	for (i = 0; i < NP_COUNT(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&sin, size);
	}
	kit_limit(&f->kit, 1);
	dial_port(f, ntohs(sin.sin_port), "", "");

	assert_failed(f, REASON_CONNECT_TIMEOUT, "no answer");
	assert_true(f->took < slow(3));
	for (i = 0; i < NP_COUNT(fill); i++)
		close(fill[i]);
	close(listener);
}

/* ---- servers that misbehave in the handshake ---- */

static void
read_until_end(int fd, void *arg)
{
	char c[256];

	(void)arg;
	while (read(fd, c, sizeof(c)) > 0)
		;
	close(fd);
}

static void
drip(int fd, void *arg)
{
	while (!testserver_ending(arg) && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		usleep(20000);
	close(fd);
}

/* Lines before the identification string, without end (RFC 4253 section 4.2 allows some). */
static void
chatter(int fd, void *arg)
{
	while (!testserver_ending(arg) && send(fd, "motd\r\n", 6, MSG_NOSIGNAL) == 6)
		usleep(2000);
	close(fd);
}

static void
close_at_once(int fd, void *arg)
{
	(void)arg;
	close(fd);
}

static void
say(int fd, const void *text, size_t size)
{
	(void)!write(fd, text, size);
	read_until_end(fd, NULL);
}

/*
 * Not before the client has spoken: what comes between our look at the stream and libssh's first one is lost to us
 * (overhear() in src/login/handshake.c).
 */
static void
answer_and_close(int fd, const void *text, size_t size)
{
	char c = '\0';

	while (c != '\n' && read(fd, &c, 1) == 1)
		;
	(void)!write(fd, text, size);
	close(fd);
}

static void
close_after_identification(int fd, void *arg)
{
	(void)arg;
	(void)!write(fd, "SSH-2.0-x\r\n", 11);
	shutdown(fd, SHUT_WR);
	read_until_end(fd, NULL);
}

static void
speak_http(int fd, void *arg)
{
	(void)arg;
	answer_and_close(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
}

static void
speak_version_1(int fd, void *arg)
{
	(void)arg;
	say(fd, "SSH-1.5-old\r\n", 13);
}

/* What sshd says, and nowhere else, when MaxStartups or PerSourcePenalties stand in the way. */
static void
refuse_in_words(int fd, void *arg)
{
	static const char text[] = "Exceeded \033[1mMaxStartups\r\nTry again\r\n";

	(void)arg;
	answer_and_close(fd, text, sizeof(text) - 1);
}

static void
refuse_without_a_newline(int fd, void *arg)
{
	(void)arg;
	answer_and_close(fd, "Not allowed", 11);
}

/* Disconnect messages (RFC 4253 section 11.1) instead of a key exchange; the text of the first has an escape sequence.
 */
#define IDENTIFICATION "SSH-2.0-x\r\n"
#define DISCONNECT                                                                                                     \
	"\0\0\0\x24\x0a\x01\0\0\0\x0b\0\0\0\x0cgo \033[31maway\0\0\0\0"                                                \
	"\0\0\0\0\0\0\0\0\0\0"
#define DISCONNECT_MUTE "\0\0\0\x14\x06\x01\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/* After the client's own first packet. */
static void
disconnect_with_text(int fd, void *arg)
{
	char c[256];
	ssize_t n, total = 0;

	(void)arg;
	(void)!write(fd, IDENTIFICATION, sizeof(IDENTIFICATION) - 1);
	/* An identification string has at most 255 bytes, the packet behind it more. */
	while (total <= 256 && (n = read(fd, c, sizeof(c))) > 0)
		total += n;
	say(fd, DISCONNECT, sizeof(DISCONNECT) - 1);
}

/* With what the client said unread: the connection is reset, and libssh meets that when it sends on. */
static void
disconnect_and_reset(int fd, void *arg)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)arg;
	poll(&p, 1, 20000);
	(void)!write(fd, IDENTIFICATION DISCONNECT, sizeof(IDENTIFICATION DISCONNECT) - 1);
	close(fd);
}

static void
disconnect_at_once_and_stay(int fd, void *arg)
{
	(void)arg;
	say(fd, IDENTIFICATION DISCONNECT, sizeof(IDENTIFICATION DISCONNECT) - 1);
}

static void
disconnect_without_text(int fd, void *arg)
{
	char c[256];
	ssize_t n, total = 0;

	(void)arg;
	(void)!write(fd, IDENTIFICATION, sizeof(IDENTIFICATION) - 1);
	while (total <= 256 && (n = read(fd, c, sizeof(c))) > 0)
		total += n;
	say(fd, DISCONNECT_MUTE, sizeof(DISCONNECT_MUTE) - 1);
}

static void
test_servers_that_do_not_speak(void **state)
{
	static const struct {
		void (*fn)(int fd, void *arg);
		enum np_reason reason;
		const char *text;
	} cases[] = {
	    {read_until_end, REASON_CONNECT_TIMEOUT, "in the SSH handshake"},
	    {drip, REASON_CONNECT_FAILED, "too large banner"},
	    {chatter, REASON_CONNECT_TIMEOUT, "in the SSH handshake"},
	    {close_at_once, REASON_CONNECT_FAILED, "closed the connection in the SSH handshake"},
	    {close_after_identification, REASON_CONNECT_FAILED, "closed the connection in the SSH handshake"},
	    {speak_http, REASON_CONNECT_FAILED,
		"closed the connection in the SSH handshake; it said: HTTP/1.1 400 Bad"},
	    {refuse_in_words, REASON_CONNECT_FAILED, "it said: Exceeded \\033[1mMaxStartups Try again"},
	    {refuse_without_a_newline, REASON_CONNECT_FAILED, "it said: Not allowed"},
	    {speak_version_1, REASON_CONNECT_FAILED, "SSH-1.5-old"},
	    {disconnect_with_text, REASON_CONNECT_FAILED, "go \\033[31maway"},
	    {disconnect_and_reset, REASON_CONNECT_FAILED, "go \\033[31maway"},
	    {disconnect_at_once_and_stay, REASON_CONNECT_FAILED, "go \\033[31maway"},
	    {disconnect_without_text, REASON_CONNECT_FAILED, "too many connections (code 12, without a text)"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < NP_COUNT(cases); i++) {
		f->server = testserver_start(cases[i].fn, NULL);
		kit_limit(&f->kit, cases[i].reason == REASON_CONNECT_TIMEOUT ? 1 : slow(20));
		dial_port(f, testserver_port(f->server), "", "");
		if (f->err.reason != cases[i].reason || strstr(f->err.text, cases[i].text) == NULL)
			fail_msg("case %zu: %s: %s", i, reason_name(f->err.reason), f->err.text);
		assert_failed(f, cases[i].reason, cases[i].text);
		assert_null(strchr(f->err.text, '\033'));
		assert_true(f->took < slow(15));
		testserver_stop(f->server);
		f->server = NULL;
	}
}

/* A connection that says nothing, and the test's cancel as soon as the client has said something. */
static void
cancel_client(int fd, void *arg)
{
	struct fixture *f = arg;
	char c;

	if (read(fd, &c, 1) == 1)
		kit_cancel(&f->kit);
	read_until_end(fd, NULL);
}

static void
test_cancel_ends_a_silent_handshake_at_once(void **state)
{
	struct fixture *f = *state;

	f->server = testserver_start(cancel_client, f);
	dial_port(f, testserver_port(f->server), "", "");

	assert_failed(f, REASON_CANCELLED, "cancelled by the test");
	assert_true(f->took < slow(10));
}

static void
test_server_stopped_amid_the_login_ends_at_the_limit(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {
	    .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_INTERACTIVE, .prompts_count = 0}}};

	/* libssh's server leaves this method unanswered by default when there is nothing to ask. */
	f->server = testserver_start_ssh(&login);
	kit_limit(&f->kit, 2);
	dial_port(f, testserver_port(f->server), "", "StrictHostKeyChecking accept-new\n");

	assert_int_equal(f->rc, -1);
	assert_true(f->took < slow(10));
}

/* Kills what serves the connections of the server $1, and waits until that has let go of them. */
#define KILL_SERVER                                                                                                    \
	"all=; for p in $(cat /proc/$1/task/$1/children); do all=\"$all $p $(cat /proc/$p/task/$p/children)\"; done\n" \
	"kill -KILL $all\n"                                                                                            \
	"for p in $all; do while ls /proc/$p/fd 2>&1 | grep -q '^[0-9]'; do sleep 0.02; done; done\n"                  \
	"echo password\n"

static void
test_server_killed_amid_the_login(void **state)
{
	struct fixture *f = *state;
	char path[128], device[256];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	kit_limit(&f->kit, slow(20));
	kit_run("mv %s %s.away", f->sshd->user_key, f->sshd->user_key);
	kit_write(&f->kit, "kill-server", KILL_SERVER, path);
	snprintf(device, sizeof(device), "\"password_command\": \"sh %s %ld\"", path, (long)f->sshd->pid);
	dial_sshd(f, device, "");

	assert_failed(f, REASON_CONNECT_FAILED, "connection lost during the login");
}

/* ---- streams of another kind ---- */

static void
test_proxy_command_carries_the_session(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	snprintf(config, sizeof(config), "ProxyCommand %s %%h %%p\n",
	    access("/usr/bin/nc", X_OK) == 0 ? "nc" : "socat - TCP:127.0.0.1:%p #");
	dial_sshd(f, "", config);

	assert_connected(f);
	assert_true(f->out.proxy_pid > 0);
	assert_session_works(f);
}

static void
test_proxy_command_that_fails_has_its_words_told(void **state)
{
	struct fixture *f = *state;
	double began = clock_now();

	kit_limit(&f->kit, slow(20));
	dial_port(f, 22, "", "ProxyCommand sh -c 'echo gateway \033[1mdown >&2; exit 1'\n");

	assert_failed(f, REASON_CONNECT_FAILED, "ProxyCommand: gateway \\033[1mdown: 127.0.0.1: the server closed");
	assert_true(clock_now() - began < slow(10));
}

static void
test_proxy_command_that_hangs_is_ended(void **state)
{
	struct fixture *f = *state;
	char config[256], path[128], *text;

	snprintf(path, sizeof(path), "%s/pid", f->kit.dir);
	/* It ignores what would end others. */
	snprintf(
	    config, sizeof(config), "ProxyCommand sh -c 'trap \"\" TERM HUP; echo $$ >%s; sleep 60; sleep 60'\n", path);
	kit_limit(&f->kit, 1);
	dial_port(f, 22, "", config);

	assert_failed(f, REASON_CONNECT_TIMEOUT, "in the SSH handshake");
	text = kit_read(path);
	assert_int_not_equal(atoi(text), 0);
	assert_int_equal(kill(atoi(text), 0), -1);
	assert_int_equal(errno, ESRCH);
	free(text);
}

static void
test_ready_stream_is_used_and_taken_over(void **state)
{
	struct fixture *f = *state;
	struct target *target;
	char config[384];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	snprintf(config, sizeof(config), "UserKnownHostsFile %s\nIdentityFile %s\nHostKeyAlias [127.0.0.1]:%d\n",
	    f->sshd->known_hosts, f->sshd->user_key, f->sshd->port);
	/* The port of the entry is not where the stream goes. */
	target = kit_target(&f->kit, 1, "", config);
	dial_target(f, target, testsshd_dial(f->sshd));
	target_unref(target);

	assert_connected(f);
	assert_session_works(f);
}

static void
test_ready_stream_is_closed_when_the_dial_fails(void **state)
{
	struct fixture *f = *state;
	struct target *target = kit_target(&f->kit, 1, "", "");
	int pair[2];
	char c;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	shutdown(pair[1], SHUT_WR);
	dial_target(f, target, pair[0]);
	target_unref(target);

	assert_int_equal(f->rc, -1);
	while (read(pair[1], &c, 1) > 0)
		; /* to the end-of-file: nobody holds the other end */
	close(pair[1]);
}

/* libssh looks at 16 bits of the number, and would talk to what happens to be there. */
static void
test_descriptors_that_libssh_cannot_take(void **state)
{
	struct fixture *f = *state;
	int pair[2], fills[300], count = 0, fd, free_one;
	char c;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	free_one = dup(pair[0]);
	fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 300);
	close(free_one);
	assert_int_equal(handshake_lower_fd(&fd, 300, &f->err), 0);
	assert_int_equal(fd, 300);
	assert_int_equal(handshake_lower_fd(&fd, 299, &f->err), 0);
	assert_int_equal(fd, free_one);
	assert_int_equal(fcntl(300, F_GETFD), -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pair[1], &c, 1), 1);
	close(fd);

	fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 300);
	do
		fills[count] = dup(pair[0]);
	while (fills[count++] < 299);
	f->rc = handshake_lower_fd(&fd, 299, &f->err);
	assert_int_equal(fd, 300);
	assert_failed(f, REASON_INTERNAL, "more than 299 files are open");
	while (count > 0)
		close(fills[--count]);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

/* How a session comes to its end. */
enum ender { END_UNUSED, END_BY_US, END_BY_SERVER_AT_ONCE, END_BY_SERVER_LATER, ENDERS };

struct adopted {
	struct ev_loop *loop;
	bool probed, closed;
};

static void
note_closed(struct session *s NP_UNUSED, const struct np_error *why NP_UNUSED, void *arg)
{
	((struct adopted *)arg)->closed = true;
}

static void
note_probed(struct session *s NP_UNUSED, double rtt NP_UNUSED, void *arg)
{
	((struct adopted *)arg)->probed = true;
}

static void
note_nothing(struct session *s NP_UNUSED, void *arg NP_UNUSED)
{
}

static void
give_up(struct ev_loop *loop, struct ev_timer *w NP_UNUSED, int revents NP_UNUSED)
{
	ev_break(loop, EVBREAK_ONE);
}

/* Nothing but the session's own descriptors and timers wakes the loop: a wake-up that it lost would be missed. */
static void
run_until(struct adopted *a, const bool *fact)
{
	double deadline = clock_now() + slow(30);
	struct ev_timer limit;

	ev_timer_init(&limit, give_up, 30, 0);
	ev_now_update(a->loop);
	ev_timer_start(a->loop, &limit);
	while (!*fact && clock_now() < deadline) {
		ev_invoke_pending(a->loop); /* ev_run() does so too, and then waits although that may have been all */
		if (!*fact)
			ev_run(a->loop, EVRUN_ONCE);
	}
	ev_timer_stop(a->loop, &limit);
	assert_true(*fact);
}

/* A server that has just logged somebody in changes its processes: none may be left. */
static void
kill_sessions(const struct testsshd *sshd)
{
	double deadline = clock_now() + slow(30);
	pid_t pid;

	while (testsshd_session_pids(sshd, &pid, 1) > 0 && clock_now() < deadline)
		testsshd_signal_sessions(sshd, SIGKILL);
}

/* Adopts what was dialed and ends it. */
static void
adopt_and_close(struct fixture *f, enum ender by)
{
	static const struct session_events events = {
	    .closed = note_closed, .probed = note_probed, .slots = note_nothing};
	struct session_setup setup = {.id = 1, .name = "box", .max_channels = 2};
	struct adopted a = {.loop = ev_loop_new(EVFLAG_AUTO)};
	struct session *s = dialled_adopt(f->out.all, a.loop, &setup, &events, &a);

	kit_hang_up(&f->out);
	if (by == END_BY_SERVER_LATER) {
		assert_true(session_probe(s));
		run_until(&a, &a.probed);
	}
	if (by == END_BY_US)
		session_close(s, REASON_NONE, "enough");
	else
		kill_sessions(f->sshd);
	run_until(&a, &a.closed);
	ev_loop_destroy(a.loop);
}

/* libssh 0.10 closes a descriptor that it was given where 0.11 does not. */
static void
test_sessions_leave_no_descriptor_whoever_ends_them(void **state)
{
	struct fixture *f = *state;
	int before;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	dial_sshd(f, "", "");
	kit_hang_up(&f->out);
	before = kit_count_fds();
	for (int round = 0; round < 2 * ENDERS; round++) {
		enum ender by = (enum ender)(round % ENDERS);

		dial_sshd(f, "", "");
		assert_connected(f);
		if (by == END_UNUSED)
			kit_hang_up(&f->out);
		else
			adopt_and_close(f, by);
		assert_int_equal(kit_count_fds(), before);
	}
}

static void
test_jump_host_is_never_gone_around(void **state)
{
	struct fixture *f = *state;
	struct testserver_login login = {.steps_count = 1};

	f->server = testserver_start_ssh(&login);
	dial_port(f, testserver_port(f->server), "", "ProxyJump bastion\n");
	assert_failed(f, REASON_JUMP_FAILED, "bastion");
	assert_int_equal(testserver_counts(f->server).connections, 0);
}

static void
test_passed_limit_ends_before_anything_is_tried(void **state)
{
	struct fixture *f = *state;
	struct target *target = kit_target(&f->kit, 1, "", "");

	kit_limit(&f->kit, -1);
	dial_target(f, target, -1);
	target_unref(target);
	assert_failed(f, REASON_CONNECT_TIMEOUT, "not done in the time");
}

/* ---- addresses ---- */

static void
test_second_address_is_tried_when_the_first_refuses(void **state)
{
	struct fixture *f = *state;
	struct netconn_params params = {.host = "localhost", .family = AF_UNSPEC};
	int fd;

	/* localhost is ::1 and 127.0.0.1 where there is IPv6; the server listens on the second alone. */
	f->server = testserver_start(read_until_end, NULL);
	params.port = testserver_port(f->server);
	assert_int_equal(netconn_open(&params, &f->kit.hooks, &fd, &f->err), 0);
	close(fd);
}

static void
test_address_family_is_honoured(void **state)
{
	struct fixture *f = *state;
	struct netconn_params params = {.host = "127.0.0.1", .port = 1, .family = AF_INET6};
	int fd;

	assert_int_equal(netconn_open(&params, &f->kit.hooks, &fd, &f->err), -1);
	assert_int_equal(f->err.reason, REASON_RESOLVE_FAILED);
	assert_int_equal(fd, -1);
}

static void
test_bind_address_is_used(void **state)
{
	struct fixture *f = *state;
	struct netconn_params params = {.host = "127.0.0.1", .family = AF_UNSPEC, .bind_address = "127.0.0.9"};
	struct sockaddr_in sin;
	socklen_t size = sizeof(sin);
	int fd;

	f->server = testserver_start(read_until_end, NULL);
	params.port = testserver_port(f->server);
	assert_int_equal(netconn_open(&params, &f->kit.hooks, &fd, &f->err), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	assert_string_equal(inet_ntoa(sin.sin_addr), "127.0.0.9");
	close(fd);

	params.bind_address = "192.0.2.1";
	assert_int_equal(netconn_open(&params, &f->kit.hooks, &fd, &f->err), -1);
	assert_non_null(strstr(f->err.text, "Cannot assign requested address"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_session_descriptor_and_socket_options),
	    T(test_algorithms_of_the_device_are_used),
	    T(test_steps_of_a_dial_are_told_in_order),
	    T(test_dial_that_shall_not_log_in_ends_before),
	    T(test_step_that_fails_is_the_last_one),
	    T(test_old_server_names_its_offer_and_the_key_that_helps),
	    T(test_refused_connection_names_address_and_port),
	    T(test_unknown_name_is_resolve_failed),
	    T(test_unanswered_connect_ends_at_the_limit),
	    T(test_servers_that_do_not_speak),
	    T(test_cancel_ends_a_silent_handshake_at_once),
	    T(test_server_stopped_amid_the_login_ends_at_the_limit),
	    T(test_server_killed_amid_the_login),
	    T(test_proxy_command_carries_the_session),
	    T(test_proxy_command_that_fails_has_its_words_told),
	    T(test_proxy_command_that_hangs_is_ended),
	    T(test_ready_stream_is_used_and_taken_over),
	    T(test_ready_stream_is_closed_when_the_dial_fails),
	    T(test_descriptors_that_libssh_cannot_take),
	    T(test_sessions_leave_no_descriptor_whoever_ends_them),
	    T(test_jump_host_is_never_gone_around),
	    T(test_passed_limit_ends_before_anything_is_tried),
	    T(test_second_address_is_tried_when_the_first_refuses),
	    T(test_address_family_is_honoured),
	    T(test_bind_address_is_used),
	};

	signal(SIGPIPE, SIG_IGN);
	unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
