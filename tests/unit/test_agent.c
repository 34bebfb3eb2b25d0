/* The agent's client and the proxy before libssh: against a real ssh-agent and sshd, and against agents that misbehave.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "login/agent.h"
#include "base/buf.h"
#include "base/clock.h"
#include "kit/dialkit.h"
#include "kit/slow.h"
#include "login/keyblob.h"
#include "kit/testsshd.h"
#include "base/xalloc.h"

struct fixture {
	struct kit kit;
	struct testsshd *sshd;
	struct kit_dialled out;
	struct np_error err;
	int rc;
	pid_t agent; /* the real one, or 0 */
	char socket[96];
	struct fake *fake;
	int fds;
};

/* An agent of ours: one thread, one connection after the other. */
struct fake {
	pthread_t thread;
	int listen_fd;
	const char *mode;
	struct fixture *fixture;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->fds = kit_count_fds();
	kit_begin(&f->kit);
	f->out.fd = -1;
	snprintf(f->socket, sizeof(f->socket), "%s/agent", f->kit.dir);
	*state = f;
	return 0;
}

static void
stop_agent(struct fixture *f)
{
	if (f->agent == 0)
		return;
	kill(f->agent, SIGKILL);
	while (waitpid(f->agent, NULL, 0) == -1 && errno == EINTR)
		;
	f->agent = 0;
}

static void
stop_fake(struct fixture *f)
{
	if (f->fake == NULL)
		return;
	shutdown(f->fake->listen_fd, SHUT_RDWR);
	pthread_join(f->fake->thread, NULL);
	close(f->fake->listen_fd);
	free(f->fake);
	f->fake = NULL;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	kit_hang_up(&f->out);
	stop_agent(f);
	stop_fake(f);
	testsshd_stop(f->sshd);
	kit_end(&f->kit);
	assert_int_equal(kit_count_fds(), f->fds);
	free(f);
	return 0;
}

/* False when there is no ssh-agent. */
static bool
start_agent(struct fixture *f)
{
	double deadline = clock_now() + slow(60);
	struct np_error err;
	int status, fd;

	f->agent = fork();
	if (f->agent == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stdout);
		execlp("ssh-agent", "ssh-agent", "-D", "-a", f->socket, (char *)NULL);
		_exit(127);
	}
	/* Its socket can be seen before it listens. */
	while ((fd = agent_connect(f->socket, deadline, -1, &err)) == -1 && clock_now() < deadline) {
		if (waitpid(f->agent, &status, WNOHANG) == f->agent) {
			f->agent = 0;
			return false;
		}
		usleep(5000);
	}
	assert_int_not_equal(fd, -1);
	close(fd);
	return true;
}

/* n fresh keys KIND0.. in kit.dir, all in the agent and none on disk but their public halves. */
static void
add_keys(struct fixture *f, int n)
{
	kit_run("cd %s && i=0; while [ $i -lt %d ]; do ssh-keygen -q -t ed25519 -N '' -f k$i && SSH_AUTH_SOCK=%s "
		"ssh-add -q k$i "
		"&& rm k$i || exit 1; i=$((i + 1)); done",
	    f->kit.dir, n, f->socket);
}

static void
log_in(struct fixture *f, const char *config)
{
	char *lines = xasprintf("UserKnownHostsFile %s\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n%s",
	    f->sshd->known_hosts, config);
	struct target *target = kit_target(&f->kit, f->sshd->port, "", lines);
	struct attempt attempt = {.target = target, .ready_fd = -1};

	if (f->kit.deadline == INFINITY)
		kit_limit(&f->kit, slow(20));
	f->rc = kit_dial(&attempt, &f->kit.hooks, &f->out, &f->err);
	target_unref(target);
	free(lines);
}

static void
log_in_with_agent(struct fixture *f, const char *config)
{
	char *lines = xasprintf("IdentityAgent %s\n%s", f->socket, config);

	log_in(f, lines);
	free(lines);
}

static void
assert_logged_in(const struct fixture *f)
{
	if (f->rc != 0)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
}

static void
assert_failed(const struct fixture *f, enum np_reason reason, const char *text)
{
	assert_int_equal(f->rc, -1);
	if (f->err.reason != reason || strstr(f->err.text, text) == NULL)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
}

/* How many keys the server was asked about or given. */
static int
count_offers(const struct fixture *f)
{
	char *log = kit_read(f->sshd->log), *p = log;
	int n = 0;

	while ((p = strstr(p, "Failed publickey")) != NULL) {
		n++;
		p++;
	}
	free(log);
	return n;
}

static void
test_key_in_the_agent_logs_in(void **state)
{
	struct fixture *f = *state;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	log_in_with_agent(f, "");

	assert_logged_in(f);
	assert_non_null(strstr(f->out.auth_method, "publickey (agent: SHA256:"));
	assert_false(f->out.needed_person);
	assert_int_not_equal(f->out.agent_keys_hash, 0);
	/* Nothing of the agent stays open in the session: the socket, its dup. */
	stop_agent(f);
	assert_true(ssh_is_connected(f->out.session));
}

static void
test_sockets_of_the_agent_are_closed_after_the_login(void **state)
{
	struct fixture *f = *state;
	int before;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	before = kit_count_fds();
	log_in_with_agent(f, "");

	assert_logged_in(f);
	assert_int_equal(kit_count_fds(), before + 2);
}

static void
test_client_agent_comes_before_the_daemons(void **state)
{
	struct fixture *f = *state;
	struct target target = {.use_agent = true};
	char *path;

	assert_int_equal(setenv("SSH_AUTH_SOCK", "/daemon", 1), 0);
	path = agent_choose_path(&target, "/client");
	assert_string_equal(path, "/client");
	free(path);
	path = agent_choose_path(&target, NULL);
	assert_string_equal(path, "/daemon");
	free(path);
	target.agent_path = f->socket;
	path = agent_choose_path(&target, "/client");
	assert_string_equal(path, f->socket);
	free(path);
	target.agent_path = (char *)(uintptr_t) "none";
	assert_null(agent_choose_path(&target, "/client"));
	target.agent_path = NULL;
	target.use_agent = false;
	assert_null(agent_choose_path(&target, "/client"));
	unsetenv("SSH_AUTH_SOCK");
	target.use_agent = true;
	assert_null(agent_choose_path(&target, NULL));
}

static void
test_identities_only_spares_the_servers_patience(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start("MaxAuthTries 6\n");
	if (f->sshd == NULL || !start_agent(f))
		skip();
	add_keys(f, 8);
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	/* Nine keys, the right one last; all of them would be three too many. */
	log_in_with_agent(f, "");
	assert_failed(f, REASON_AUTH_FAILED, "IdentitiesOnly yes");

	snprintf(config, sizeof(config), "IdentitiesOnly yes\nIdentityFile %s\n", f->sshd->user_key);
	log_in_with_agent(f, config);
	assert_logged_in(f);
	assert_non_null(strstr(f->out.auth_method, "agent: "));
}

static void
test_identities_only_with_a_public_key_file(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start("MaxAuthTries 2\n");
	if (f->sshd == NULL || !start_agent(f))
		skip();
	add_keys(f, 3);
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	snprintf(config, sizeof(config), "IdentitiesOnly yes\nIdentityFile %s.pub\n", f->sshd->user_key);
	log_in_with_agent(f, config);

	assert_logged_in(f);
	assert_int_equal(count_offers(f), 0);
}

static void
test_keys_named_by_the_configuration_come_first(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	add_keys(f, 3);
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	snprintf(config, sizeof(config), "IdentityFile %s\n", f->sshd->user_key);
	log_in_with_agent(f, config);

	assert_logged_in(f);
	assert_int_equal(count_offers(f), 0);
}

static void
test_other_agent_keys_come_before_key_files(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	add_keys(f, 2);
	snprintf(config, sizeof(config), "IdentityFile %s\n", f->sshd->user_key);
	log_in_with_agent(f, config);

	assert_logged_in(f);
	assert_null(strstr(f->out.auth_method, "agent"));
	assert_int_equal(count_offers(f), 2);
}

static void
test_certificate_file_with_its_key_in_the_agent(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	kit_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f ca && ssh-keygen -q -t rsa -b 2048 -N '' -f key "
		"&& SSH_AUTH_SOCK=%s ssh-add -q key && rm key && ssh-keygen -q -s ca -I test -n %s key.pub "
		"&& { printf 'cert-authority '; cat ca.pub; } >%s/authorized_keys",
	    f->kit.dir, f->socket, f->sshd->user, f->sshd->dir);
	snprintf(config, sizeof(config), "CertificateFile %s/key-cert.pub\nIdentitiesOnly yes\n", f->kit.dir);
	log_in_with_agent(f, config);

	assert_logged_in(f);
	assert_non_null(strstr(f->out.auth_method, "agent: "));
}

static void
test_certificate_in_the_agent(void **state)
{
	struct fixture *f = *state;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	kit_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f ca && ssh-keygen -q -t ed25519 -N '' -f key "
		"&& ssh-keygen -q -s ca -I test -n %s key.pub && SSH_AUTH_SOCK=%s ssh-add -q key && rm key* "
		"&& { printf 'cert-authority '; cat ca.pub; } >%s/authorized_keys",
	    f->kit.dir, f->sshd->user, f->socket, f->sshd->dir);
	log_in_with_agent(f, "");

	assert_logged_in(f);
}

/* libssh ends its walk at a type that it does not know; DSA is one that ssh-agent still holds. */
static void
test_key_of_an_unknown_type_does_not_hide_the_others(void **state)
{
	struct fixture *f = *state;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	kit_run("cd %s && if ssh-keygen -q -t dsa -N '' -f dsa; then SSH_AUTH_SOCK=%s ssh-add -q dsa; fi 2>/dev/null",
	    f->kit.dir, f->socket);
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	log_in_with_agent(f, "");

	assert_logged_in(f);
}

/* In a process of its own: libssh loses the first of two key lists that it reads in one session. */
static void
test_key_that_the_agent_will_not_use_is_passed_over(void **state)
{
	struct fixture *f = *state;
	int verdict[2];
	char good = 0;
	pid_t pid;

	f->sshd = testsshd_start(NULL);
	setenv("SSH_ASKPASS", "/bin/false", 1);
	setenv("SSH_ASKPASS_REQUIRE", "force", 1);
	setenv("DISPLAY", ":none", 1);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	kit_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f asks && SSH_AUTH_SOCK=%s ssh-add -q -c asks "
		"&& { echo; cat asks.pub; } >>%s/authorized_keys",
	    f->kit.dir, f->socket, f->sshd->dir);
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	assert_int_equal(pipe(verdict), 0);
	pid = fork();
	if (pid == 0) {
		log_in_with_agent(f, "");
		good = f->rc == 0 && strstr(f->kit.notices, "refused to sign") != NULL;
		(void)!write(verdict[1], &good, 1);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	assert_int_equal(read(verdict[0], &good, 1), 1);
	assert_true(good);
	close(verdict[0]);
	close(verdict[1]);
}

static void
test_hash_tells_lists_apart(void **state)
{
	struct fixture *f = *state;
	struct target target = {.use_agent = true, .agent_path = f->socket};
	uint64_t none, one, two;

	assert_int_equal(agent_keys_hash(&target, NULL, 5, -1), 0);
	if (!start_agent(f))
		skip();
	none = agent_keys_hash(&target, NULL, 5, -1);
	add_keys(f, 1);
	one = agent_keys_hash(&target, NULL, 5, -1);
	two = agent_keys_hash(&target, NULL, 5, -1);
	assert_int_not_equal(none, 0);
	assert_int_not_equal(one, none);
	assert_int_equal(one, two);
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q -D", f->socket);
	assert_int_equal(agent_keys_hash(&target, NULL, 5, -1), none);
}

static void
test_failed_login_tells_the_hash(void **state)
{
	struct fixture *f = *state;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	add_keys(f, 1);
	log_in_with_agent(f, "");
	assert_failed(f, REASON_AUTH_FAILED, "1 agent key");
	assert_int_not_equal(f->out.agent_keys_hash, 0);
}

static void
test_socket_that_is_gone_leaves_the_other_ways(void **state)
{
	struct fixture *f = *state;
	char config[256];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	snprintf(config, sizeof(config), "IdentityFile %s\n", f->sshd->user_key);
	log_in_with_agent(f, config);
	assert_logged_in(f);
	assert_string_equal(f->kit.notices, "");
}

static void
test_file_that_is_no_socket_is_named_in_the_failure(void **state)
{
	struct fixture *f = *state;
	char path[128];

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	kit_write(&f->kit, "agent", "", path);
	log_in_with_agent(f, "");
	assert_failed(f, REASON_AUTH_FAILED, "not a socket");
}

/* ---- agents that misbehave ---- */

static bool
read_all(int fd, uint8_t *p, size_t n)
{
	ssize_t got;

	for (; n > 0; p += got, n -= (size_t)got)
		if ((got = recv(fd, p, n, 0)) <= 0)
			return false;
	return true;
}

/*
 * "silent": reads, never answers.  "huge": announces 256 MiB.  "short": ends amid an answer.  "junk": a list that does
 * not hold what it announces.  "many": announces a million keys.  "failure": SSH_AGENT_FAILURE.
 */
static void
misbehave(const char *mode, int fd)
{
	static const uint8_t huge[] = {0x10, 0, 0, 0, 12}, cut[] = {0, 0, 0, 9, 12, 0},
			     junk[] = {0, 0, 0, 9, 12, 0, 0, 0, 3, 0, 0, 0, 99},
			     many[] = {0, 0, 0, 5, 12, 0, 0x0f, 0xff, 0xff}, failure[] = {0, 0, 0, 1, 5};
	uint8_t request[5];

	if (!read_all(fd, request, sizeof(request)))
		return;
	if (strcmp(mode, "huge") == 0)
		send(fd, huge, sizeof(huge), MSG_NOSIGNAL);
	else if (strcmp(mode, "short") == 0)
		send(fd, cut, sizeof(cut), MSG_NOSIGNAL);
	else if (strcmp(mode, "junk") == 0)
		send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
	else if (strcmp(mode, "many") == 0)
		send(fd, many, sizeof(many), MSG_NOSIGNAL);
	else if (strcmp(mode, "failure") == 0)
		send(fd, failure, sizeof(failure), MSG_NOSIGNAL);
	else
		read_all(fd, request, sizeof(request)); /* until the client gives up */
}

/* As "silent", once the list is given: it never signs.  The client is cancelled when it waits for that. */
static void
never_sign(struct fixture *f, int fd)
{
	char *path = xasprintf("%s.pub", f->sshd->user_key), *text = kit_read(path);
	struct keyblob key = keyblob_parse_line(text, strlen(text));
	uint8_t request[5];
	struct buf list;

	buf_init(&list, 4096);
	if (buf_append_u32(&list, (uint32_t)(1 + 4 + 4 + key.size + 4)) == 0 &&
	    buf_append(&list, "\014\0\0\0\1", 5) == 0 && buf_append_u32(&list, (uint32_t)key.size) == 0 &&
	    buf_append(&list, key.data, key.size) == 0 && buf_append_u32(&list, 0) == 0 &&
	    read_all(fd, request, sizeof(request)))
		send(fd, buf_head(&list), list.len, MSG_NOSIGNAL);
	if (read_all(fd, request, sizeof(request)))
		kit_cancel(&f->kit);
	while (read_all(fd, request, 1))
		;
	buf_free(&list);
	keyblob_finish(&key);
	free(text);
	free(path);
}

static void *
fake_main(void *arg)
{
	struct fake *fake = arg;
	int fd;

	while ((fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC)) != -1) {
		if (fake->fixture->sshd != NULL)
			never_sign(fake->fixture, fd);
		else
			misbehave(fake->mode, fd);
		close(fd);
	}
	return NULL;
}

static void
start_fake(struct fixture *f, const char *mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	f->fake = calloc(1, sizeof(*f->fake));
	f->fake->mode = mode;
	f->fake->fixture = f;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->socket);
	unlink(f->socket);
	f->fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->fake->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(f->fake->listen_fd, 8), 0);
	assert_int_equal(pthread_create(&f->fake->thread, NULL, fake_main, f->fake), 0);
}

static void
test_agent_that_hangs_is_ended_by_a_cancel(void **state)
{
	struct fixture *f = *state;
	double began = clock_now();

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL)
		skip();
	start_fake(f, "never-sign");
	log_in_with_agent(f, "");

	assert_failed(f, REASON_CANCELLED, "cancelled by the test");
	assert_true(clock_now() - began < slow(15));
}

static void
test_agent_that_hangs_is_ended_by_the_limit(void **state)
{
	struct fixture *f = *state;

	f->sshd = testsshd_start(NULL);
	if (f->sshd == NULL || !start_agent(f))
		skip();
	kit_run("SSH_AUTH_SOCK=%s ssh-add -q %s", f->socket, f->sshd->user_key);
	kill(f->agent, SIGSTOP);
	kit_limit(&f->kit, 3);
	log_in_with_agent(f, "");

	assert_failed(f, REASON_CONNECT_TIMEOUT, "not done in the time");
}

static void
test_nonsense_from_an_agent_is_an_error(void **state)
{
	static const struct {
		const char *mode;
		const char *text;
	} cases[] = {{"silent", "does not answer"}, {"huge", "impossible size"}, {"short", "closed the connection"},
	    {"junk", "makes no sense"}, {"many", "makes no sense"}, {"failure", "makes no sense"}};
	struct fixture *f = *state;
	struct agent_keys keys;
	size_t i;
	int fd;

	for (i = 0; i < NP_COUNT(cases); i++) {
		start_fake(f, cases[i].mode);
		fd = agent_connect(f->socket, clock_now() + slow(5), -1, &f->err);
		assert_int_not_equal(fd, -1);
		assert_int_equal(agent_list(fd, clock_now() + 0.3, -1, &keys, &f->err), -1);
		if (strstr(f->err.text, cases[i].text) == NULL)
			fail_msg("%s: %s", cases[i].mode, f->err.text);
		close(fd);
		stop_fake(f);
	}
}

static void
test_full_backlog_is_waited_for_until_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), first, fd;
	double began = clock_now();

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->socket);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 0), 0);
	first = agent_connect(f->socket, began + slow(5), -1, &f->err);
	assert_int_not_equal(first, -1);
	fd = agent_connect(f->socket, began + 0.2, -1, &f->err);

	assert_int_equal(fd, -1);
	assert_int_equal(f->err.reason, REASON_CONNECT_TIMEOUT);
	assert_true(clock_now() - began >= 0.2);
	close(first);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_key_in_the_agent_logs_in),
	    T(test_sockets_of_the_agent_are_closed_after_the_login),
	    T(test_client_agent_comes_before_the_daemons),
	    T(test_identities_only_spares_the_servers_patience),
	    T(test_identities_only_with_a_public_key_file),
	    T(test_keys_named_by_the_configuration_come_first),
	    T(test_other_agent_keys_come_before_key_files),
	    T(test_certificate_file_with_its_key_in_the_agent),
	    T(test_certificate_in_the_agent),
	    T(test_key_of_an_unknown_type_does_not_hide_the_others),
	    T(test_key_that_the_agent_will_not_use_is_passed_over),
	    T(test_hash_tells_lists_apart),
	    T(test_failed_login_tells_the_hash),
	    T(test_socket_that_is_gone_leaves_the_other_ways),
	    T(test_file_that_is_no_socket_is_named_in_the_failure),
	    T(test_agent_that_hangs_is_ended_by_a_cancel),
	    T(test_agent_that_hangs_is_ended_by_the_limit),
	    T(test_nonsense_from_an_agent_is_an_error),
	    T(test_full_backlog_is_waited_for_until_the_deadline),
	};

	unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
