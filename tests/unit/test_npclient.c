/* The client's connection: trust, greeting, retry before it and never after it, start of a broker. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "kit/fakebroker.h"
#include "lib/npclient.h"
#include "lib/npstart.h"

extern char **environ;

static struct fakebroker f;
static struct npclient c;
static struct np_error err;
static char self[512];

static int
setup_absent(void **state NP_UNUSED)
{
	fake_prepare(&f);
	memset(&c, 0, sizeof(c));
	c.fd = -1;
	error_clear(&err);
	unsetenv("NETPULSE_SOCKET");
	unsetenv("NETPULSE_DAEMON");
	return 0;
}

static int
setup(void **state)
{
	setup_absent(state);
	fake_listen(&f);
	return 0;
}

static int
teardown(void **state NP_UNUSED)
{
	npclient_close(&c);
	fake_finish(&f);
	return 0;
}

static void
connected(void)
{
	assert_int_equal(npclient_init(&c, f.path, false, &err), 0);
	assert_int_equal(npclient_connect(&c, &err), 0);
	fake_accept(&f);
}

static void
ping(void)
{
	assert_int_equal(npclient_request(&c, 1, "ping", cJSON_CreateObject(), &err), 0);
	npclient_flush(&c);
}

/* Lets the client read until it has a message or fails. */
static enum frame_status
next(struct message *m, struct frame *frame)
{
	return npclient_wait(&c, m, frame, &err);
}

static void
expect_result(int64_t id)
{
	struct message m;
	struct frame frame;

	assert_int_equal(next(&m, &frame), FRAME_READY);
	assert_int_equal(m.kind, MESSAGE_RESULT);
	assert_int_equal(m.id.number, id);
	npclient_done(&c, &m, &frame);
}

/* ---- trust ---- */

static void
test_no_broker_and_no_start_is_said_with_the_path(void **state NP_UNUSED)
{
	assert_int_equal(npclient_init(&c, f.path, false, &err), 0);

	assert_int_equal(npclient_connect(&c, &err), -1);

	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
	assert_non_null(strstr(err.text, "no broker is running at"));
	assert_non_null(strstr(err.text, f.path));
}

static void
test_directory_that_others_can_write_is_refused(void **state NP_UNUSED)
{
	assert_int_equal(chmod(f.dir, 0777), 0);
	assert_int_equal(npclient_init(&c, f.path, true, &err), 0);

	assert_int_equal(npclient_connect(&c, &err), -1);

	assert_int_equal(err.reason, REASON_DENIED);
	assert_int_equal(chmod(f.dir, 0700), 0);
}

static void
test_stale_socket_counts_as_no_broker(void **state NP_UNUSED)
{
	close(f.listen_fd);
	f.listen_fd = -1;
	assert_int_equal(npclient_init(&c, f.path, false, &err), 0);

	assert_int_equal(npclient_connect(&c, &err), -1);

	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
	assert_non_null(strstr(err.text, "no broker is running"));
}

/* ---- greeting ---- */

static void
test_request_is_sent_before_the_greeting_comes(void **state NP_UNUSED)
{
	connected();
	ping();

	fake_expect(&f, "ping");

	fake_hello(&f);
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	expect_result(1);
}

static void
test_messages_arrive_in_single_bytes(void **state NP_UNUSED)
{
	static const char hello[] = "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{\"protocol\":1}}";
	static const char result[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
	struct buf b;
	struct message m;
	struct frame frame;
	bool seen = false;

	connected();
	ping();
	buf_init(&b, FRAME_SIZE_MAX);
	assert_int_equal(frame_append(&b, hello, strlen(hello), NULL, 0), 0);
	assert_int_equal(frame_append(&b, result, strlen(result), "xyz", 3), 0);
	for (size_t i = 0; i < b.len; i++) {
		struct pollfd pfd = {.fd = c.fd, .events = POLLIN};
		fake_send_raw(&f, buf_head(&b) + i, 1);
		assert_int_equal(poll(&pfd, 1, (int)(FAKE_SECONDS * 1000)), 1);
		assert_int_equal(npclient_fill(&c, &err), 0);
		if (npclient_next(&c, &m, &frame, &err) != FRAME_READY)
			continue;
		assert_int_equal(i, b.len - 1);
		assert_memory_equal(frame.data, "xyz", 3);
		npclient_done(&c, &m, &frame);
		seen = true;
	}
	assert_true(seen);
	buf_free(&b);
}

static void
test_broker_that_leaves_before_the_greeting_is_tried_again(void **state NP_UNUSED)
{
	connected();
	ping();
	fake_expect(&f, "ping");
	fake_hang_up(&f);
	assert_int_equal(npclient_fill(&c, &err), 0); /* connects again */
	fake_accept(&f);

	fake_expect(&f, "ping");

	fake_hello(&f);
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	expect_result(1);
	assert_false(fake_has_message(&f, 0)); /* once */
}

static void
test_broker_that_leaves_after_the_greeting_is_not_tried_again(void **state NP_UNUSED)
{
	struct message m;
	struct frame frame;

	connected();
	ping();
	fake_expect(&f, "ping");
	fake_hello(&f);
	fake_hang_up(&f);

	assert_int_equal(next(&m, &frame), FRAME_BAD);

	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
	struct pollfd pfd = {.fd = f.listen_fd, .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 0), 0);
}

static void
test_half_a_greeting_is_enough_not_to_send_again(void **state NP_UNUSED)
{
	struct message m;
	struct frame frame;

	connected();
	ping();
	fake_expect(&f, "ping");
	fake_send_raw(&f, "\0\0\0", 3);
	fake_hang_up(&f);

	assert_int_equal(next(&m, &frame), FRAME_BAD);

	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
}

static void
test_error_instead_of_a_greeting_is_delivered(void **state NP_UNUSED)
{
	struct message m;
	struct frame frame;

	connected();
	fake_send(&f,
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\"full\",\"data\":{\"reason\":"
	    "\"queue_full\"}}}");
	fake_hang_up(&f);

	assert_int_equal(next(&m, &frame), FRAME_READY);

	assert_int_equal(m.kind, MESSAGE_ERROR);
	assert_int_equal(m.id.kind, MESSAGE_ID_NULL);
	npclient_done(&c, &m, &frame);
}

static void
test_other_protocol_version_is_refused(void **state NP_UNUSED)
{
	struct message m;
	struct frame frame;

	connected();
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{\"protocol\":2}}");

	assert_int_equal(next(&m, &frame), FRAME_BAD);

	assert_non_null(strstr(err.text, "npctl stop"));
}

static void
test_nonsense_is_reported_with_the_path(void **state NP_UNUSED)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t size;
	} cases[] = {
	    {"HTTP", "HTTP/1.1 400 Bad Request\r\n", 26},
	    {"length 0", "\0\0\0\0\0\0\0\0", 8},
	    {"no JSON", "\0\0\0\3\0\0\0\0abc", 11},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct message m;
		struct frame frame;

		connected();
		fake_send_raw(&f, cases[i].bytes, cases[i].size);

		assert_int_equal(next(&m, &frame), FRAME_BAD);

		assert_non_null(strstr(err.text, f.path));
		fake_hang_up(&f);
		npclient_close(&c);
	}
}

static void
test_answer_is_wiped_once_it_is_sent(void **state NP_UNUSED)
{
	cJSON *prompt = cJSON_Parse("{\"id\":1,\"prompt_id\":7}");
	const cJSON *params;

	connected();
	fake_hello(&f);
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	expect_result(1);
	npclient_answer(&c, prompt, "hunter2", false);
	npclient_flush(&c);
	params = fake_expect(&f, "answer");

	assert_string_equal(cJSON_GetObjectItemCaseSensitive(params, "value")->valuestring, "hunter2");

	assert_int_equal(npclient_pending(&c), 0);
	assert_null(c.out.data); /* buf_wipe() gave the memory back, overwritten */
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "id")->valueint, 1);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "prompt_id")->valueint, 7);
	cJSON_Delete(prompt);
}

static void
test_message_beyond_the_limit_is_refused_and_nothing_is_queued(void **state NP_UNUSED)
{
	char *huge = malloc(FRAME_JSON_MAX + 1);
	cJSON *params = cJSON_CreateObject();

	connected();
	memset(huge, 'x', FRAME_JSON_MAX);
	huge[FRAME_JSON_MAX] = '\0';
	cJSON_AddStringToObject(params, "command", huge);

	assert_int_equal(npclient_request(&c, 1, "exec", params, &err), -1);

	assert_int_equal(err.reason, REASON_INVALID_PARAMS);
	assert_int_equal(npclient_pending(&c), 0);
	free(huge);
}

/* ---- starting a broker ---- */

static void
write_script(const char *name, const char *body, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", f.dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_int_not_equal(fd, -1);
	dprintf(fd, "#!/bin/sh\n%s\n", body);
	close(fd);
	setenv("NETPULSE_DAEMON", path, 1);
}

static char *
file_text(const char *name)
{
	char path[160];
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", f.dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	char *text = fake_read(fd, NULL, &size);
	close(fd);
	unlink(path);
	return text;
}

static int
start_script(const char *body)
{
	char path[160];
	int result;

	write_script("daemon", body, path, sizeof(path));
	result = npstart_daemon(f.path, clock_now() + FAKE_SECONDS, NULL, &err);
	unlink(path);
	return result;
}

static void
test_words_of_a_daemon_that_cannot_start_are_passed_on(void **state NP_UNUSED)
{
	assert_int_equal(start_script("printf 'config.yaml:3: unknown key\\033\\n' >&3; exit 1"), -1);

	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
	assert_non_null(strstr(err.text, "config.yaml:3: unknown key"));
	assert_null(strchr(err.text, '\033'));
}

static void
test_daemon_that_dies_without_a_word_is_named(void **state NP_UNUSED)
{
	assert_int_equal(start_script("exit 0"), -1);

	assert_non_null(strstr(err.text, "without a word"));
	assert_non_null(strstr(err.text, "/daemon"));
}

static void
test_daemon_that_is_not_there_is_named(void **state NP_UNUSED)
{
	setenv("NETPULSE_DAEMON", "/nonexistent/netpulsed", 1);

	assert_int_equal(npstart_daemon(f.path, clock_now() + FAKE_SECONDS, NULL, &err), -1);

	assert_non_null(strstr(err.text, "/nonexistent/netpulsed"));
	assert_non_null(strstr(err.text, "No such file"));
}

static void
test_relative_path_of_the_daemon_is_refused(void **state NP_UNUSED)
{
	setenv("NETPULSE_DAEMON", "netpulsed", 1);

	assert_int_equal(npstart_daemon(f.path, clock_now() + FAKE_SECONDS, NULL, &err), -1);

	assert_non_null(strstr(err.text, "NETPULSE_DAEMON"));
}

static void
test_silent_daemon_is_given_up_at_the_deadline(void **state NP_UNUSED)
{
	char path[160];

	write_script("daemon", "exec 3>&-; exec sleep 0", path, sizeof(path));
	unlink(path);
	write_script("daemon", "read x < \"$(dirname \"$0\")/gate\"", path, sizeof(path));
	char gate[160];
	snprintf(gate, sizeof(gate), "%s/gate", f.dir);
	assert_int_equal(mkfifo(gate, 0600), 0);

	assert_int_equal(npstart_daemon(f.path, clock_now() + 0.2, NULL, &err), -1);

	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
	int fd = open(gate, O_WRONLY | O_CLOEXEC); /* lets the script go */
	close(fd);
	unlink(gate);
	unlink(path);
}

static void
test_daemon_gets_nothing_of_its_starter(void **state NP_UNUSED)
{
	char *text;
	int leaked = open("/dev/null", O_RDONLY); /* on purpose without O_CLOEXEC */

	setenv("NP_TEST_SECRET", "x", 1);
	setenv("XDG_TEST", "y", 1);
	signal(SIGHUP, SIG_IGN);

	assert_int_equal(start_script("d=$(dirname \"$0\"); { env; echo CWD=$(pwd); echo ARGS=$*; umask;"
				      "ls -l /proc/$$/fd;"
				      "grep SigIgn /proc/$$/status; } >\"$d/seen\"; echo ready >&3"),
	    0);

	signal(SIGHUP, SIG_DFL);
	close(leaked);
	unsetenv("NP_TEST_SECRET");
	text = file_text("seen");
	assert_null(strstr(text, "NP_TEST_SECRET"));
	assert_non_null(strstr(text, "XDG_TEST=y"));
	assert_non_null(strstr(text, "CWD=/\n"));
	assert_non_null(strstr(text, "ARGS=--startup-fd 3 -S "));
	assert_non_null(strstr(text, " --idle-exit 600\n"));
	assert_non_null(strstr(text, "0077\n"));
	if (access("/proc/self/fd", F_OK) == 0) {
		assert_non_null(strstr(text, " 0 -> /dev/null\n"));
		assert_non_null(strstr(text, " 2 -> /dev/null\n"));
		for (char fd[] = " 4 -> "; fd[1] <= '9'; fd[1]++) /* the shell keeps its own above */
			assert_null(strstr(text, fd));
		/* 32 and 33 are the C library's own; its posix_spawn(), which make uses, leaves them ignored. */
		assert_non_null(strstr(text, "SigIgn:\t"));
		assert_int_equal(strtoull(strstr(text, "SigIgn:\t") + 8, NULL, 16) & 0x7fffffff, 0);
	}
	free(text);
}

static void
test_environment_of_the_broker_is_a_short_list(void **state NP_UNUSED)
{
	static const struct {
		const char *entry;
		int passes;
	} cases[] = {{"HOME=/root", 1}, {"HOMEX=1", 0}, {"PATH=/bin", 1}, {"LANG=C", 1}, {"LC_ALL=C", 0},
	    {"XDG_RUNTIME_DIR=/run", 1}, {"NETPULSE_CONFIG=x", 1}, {"SSH_AUTH_SOCK=/a", 1}, {"SSH_CONNECTION=1", 0},
	    {"LD_PRELOAD=x", 0}, {"USER=u", 1}, {"LOGNAME=u", 1}, {"TERM=xterm", 0}, {"DISPLAY=:0", 0}};

	for (size_t i = 0; i < NP_COUNT(cases); i++)
		assert_int_equal(npstart_env_passes(cases[i].entry), cases[i].passes);
}

/* This program itself, as the daemon: one socket, one ping, one line a start in a file. */
static int
act_as_daemon(char **argv)
{
	struct fakebroker d;
	const char *path = argv[4];
	char starts[160];

	fake_prepare(&d);
	rmdir(d.dir);
	snprintf(d.path, sizeof(d.path), "%s", path);
	fake_listen(&d);
	snprintf(starts, sizeof(starts), "%s.starts", path);
	int fd = open(starts, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (write(fd, "x", 1) != 1 || write(3, "ready\n", 6) != 6)
		return 1;
	close(3);
	for (int i = 0; i < 8; i++) {
		fake_accept(&d);
		fake_hello(&d);
		fake_expect(&d, "ping");
		fake_send(&d, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
		fake_hang_up(&d);
	}
	return 0;
}

static int
client_process(void)
{
	struct message m;
	struct frame frame;

	if (npclient_init(&c, f.path, true, &err) == -1 || npclient_connect(&c, &err) == -1 ||
	    npclient_request(&c, 1, "ping", cJSON_CreateObject(), &err) == -1 ||
	    npclient_wait(&c, &m, &frame, &err) != FRAME_READY) {
		dprintf(STDERR_FILENO, "# %s\n", err.text);
		return 1;
	}
	npclient_done(&c, &m, &frame);
	npclient_close(&c);
	return 0;
}

static void
test_clients_that_come_together_start_one_broker(void **state NP_UNUSED)
{
	pid_t pids[8];
	int status;

	setenv("NETPULSE_DAEMON", self, 1);
	fflush(NULL);
	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		assert_int_not_equal(pids[i], -1);
		if (pids[i] == 0)
			_exit(client_process());
	}
	for (int i = 0; i < 8; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}

	char *starts = file_text("b.starts");
	assert_string_equal(starts, "x");
	free(starts);
}

static void
test_start_fails_while_the_directory_is_missing(void **state NP_UNUSED)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/none/b", f.dir);
	setenv("NETPULSE_DAEMON", "/bin/true", 1);
	assert_int_equal(npclient_init(&c, path, true, &err), 0);

	assert_int_equal(npclient_connect(&c, &err), -1);

	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
	assert_non_null(strstr(err.text, "none"));
}

static void
test_agent_socket_must_be_a_socket(void **state NP_UNUSED)
{
	const char *old = getenv("SSH_AUTH_SOCK");
	char *saved = old != NULL ? strdup(old) : NULL;

	setenv("SSH_AUTH_SOCK", f.path, 1);
	assert_string_equal(npclient_agent_socket(), f.path);
	setenv("SSH_AUTH_SOCK", f.dir, 1);
	assert_null(npclient_agent_socket());
	setenv("SSH_AUTH_SOCK", "relative", 1);
	assert_null(npclient_agent_socket());
	unsetenv("SSH_AUTH_SOCK");
	assert_null(npclient_agent_socket());
	if (saved != NULL)
		setenv("SSH_AUTH_SOCK", saved, 1);
	free(saved);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define ABSENT(test) cmocka_unit_test_setup_teardown(test, setup_absent, teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    ABSENT(test_no_broker_and_no_start_is_said_with_the_path),
	    WITH(test_directory_that_others_can_write_is_refused),
	    WITH(test_stale_socket_counts_as_no_broker),
	    WITH(test_request_is_sent_before_the_greeting_comes),
	    WITH(test_messages_arrive_in_single_bytes),
	    WITH(test_broker_that_leaves_before_the_greeting_is_tried_again),
	    WITH(test_broker_that_leaves_after_the_greeting_is_not_tried_again),
	    WITH(test_half_a_greeting_is_enough_not_to_send_again),
	    WITH(test_error_instead_of_a_greeting_is_delivered),
	    WITH(test_other_protocol_version_is_refused),
	    WITH(test_nonsense_is_reported_with_the_path),
	    WITH(test_answer_is_wiped_once_it_is_sent),
	    WITH(test_message_beyond_the_limit_is_refused_and_nothing_is_queued),
	    ABSENT(test_words_of_a_daemon_that_cannot_start_are_passed_on),
	    ABSENT(test_daemon_that_dies_without_a_word_is_named),
	    ABSENT(test_daemon_that_is_not_there_is_named),
	    ABSENT(test_relative_path_of_the_daemon_is_refused),
	    ABSENT(test_silent_daemon_is_given_up_at_the_deadline),
	    ABSENT(test_daemon_gets_nothing_of_its_starter),
	    ABSENT(test_environment_of_the_broker_is_a_short_list),
	    ABSENT(test_clients_that_come_together_start_one_broker),
	    ABSENT(test_start_fails_while_the_directory_is_missing),
	    WITH(test_agent_socket_must_be_a_socket),
	};

	if (argc > 4 && strcmp(argv[1], "--startup-fd") == 0)
		return act_as_daemon(argv);
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0 && realpath(argv[0], self) == NULL)
		return 1;
	return cmocka_run_group_tests_name("npclient", tests, NULL, NULL);
}
