/* What the service manager is told, and the sockets that it hands over. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "kit/drive.h"
#include "base/log.h"
#include "serve/notify.h"
#include "base/xalloc.h"

#define FILLERS 8

struct world {
	struct ev_loop *loop;
	struct notify *notify;
	char dir[64];
	char path[96];
	int manager; /* its end */
	char got[1024];
	int logged;
};

static void
count_log(enum log_level level NP_UNUSED, const char *line NP_UNUSED, void *arg)
{
	((struct world *)arg)->logged++;
}

static void
manager_bind(struct world *w, const char *name)
{
	struct sockaddr_un sun;
	size_t n = strlen(name);

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, name, n);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	w->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(
	    bind(w->manager, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const char *tmp = getenv("TMPDIR");

	snprintf(w->dir, sizeof(w->dir), "%s/npXXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/notify", w->dir);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->manager = -1;
	log_set_sink(count_log, w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	notify_destroy(w->notify);
	if (w->manager >= 0)
		close(w->manager);
	unlink(w->path);
	rmdir(w->dir);
	ev_loop_destroy(w->loop);
	log_set_sink(NULL, NULL);
	free(w);
	return 0;
}

/* The next datagram; "" when there is none. */
static const char *
heard(struct world *w)
{
	ssize_t n = recv(w->manager, w->got, sizeof(w->got) - 1, 0);

	w->got[n > 0 ? n : 0] = '\0';
	return w->got;
}

static void
test_without_a_manager_nothing_happens(void **state)
{
	struct world *w = *state;

	w->notify = notify_create(w->loop);
	notify_ready(w->notify);
	notify_reloading(w->notify);
	notify_status(w->notify, "x");
	notify_stopping(w->notify);

	assert_false(notify_is_wanted(w->notify));
	assert_int_equal(w->logged, 0);
}

static void
test_states_and_status_are_told(void **state)
{
	struct world *w = *state;
	unsigned long long usec;
	struct timespec ts;
	int used = 0;

	manager_bind(w, w->path);
	w->notify = notify_create(w->loop);
	assert_true(notify_is_wanted(w->notify));
	assert_null(getenv("NOTIFY_SOCKET"));

	notify_ready(w->notify);
	assert_string_equal(heard(w), "READY=1");
	notify_status(w->notify, "%d sessions", 3);
	assert_string_equal(heard(w), "STATUS=3 sessions");
	notify_status(w->notify, "%d sessions", 3);
	assert_string_equal(heard(w), "");
	notify_status(w->notify, "a\nREADY=1\rb");
	assert_string_equal(heard(w), "STATUS=a READY=1 b");

	notify_reloading(w->notify);
	assert_int_equal(sscanf(heard(w), "RELOADING=1\nMONOTONIC_USEC=%llu%n", &usec, &used), 1);
	assert_int_equal(w->got[used], '\0');
	clock_gettime(CLOCK_MONOTONIC, &ts);
	assert_true(usec <= (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000);
	assert_true(usec + 60000000 > (unsigned long long)ts.tv_sec * 1000000);

	notify_stopping(w->notify);
	assert_string_equal(heard(w), "STOPPING=1");
	assert_int_equal(w->logged, 0);
}

static void
test_abstract_socket_is_reached(void **state)
{
	struct world *w = *state;
	char *name = xasprintf("@netpulse-test-%ld", (long)getpid());

	manager_bind(w, name);
	w->notify = notify_create(w->loop);
	notify_ready(w->notify);

	assert_string_equal(heard(w), "READY=1");
	free(name);
}

static void
test_manager_that_has_gone_is_logged_once(void **state)
{
	struct world *w = *state;

	manager_bind(w, w->path);
	w->notify = notify_create(w->loop);
	close(w->manager);
	w->manager = -1;
	notify_ready(w->notify);
	notify_stopping(w->notify);

	assert_int_equal(w->logged, 1);
}

static const char *const bad_addresses[] = {"relative", "/", "@",
    "/a/path/that/is/far/too/long/for/the/address/of/a/socket/a/path/that/is/far/too/long/for/the/address/of/a/socket"};

static void
test_bad_addresses_are_logged_and_ignored(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < NP_COUNT(bad_addresses); i++) {
		setenv("NOTIFY_SOCKET", bad_addresses[i], 1);
		w->notify = notify_create(w->loop);
		assert_false(notify_is_wanted(w->notify));
		notify_ready(w->notify);
		notify_destroy(w->notify);
		w->notify = NULL;
		assert_int_equal(w->logged, i + 1);
	}
}

static bool
hears_something(void *arg)
{
	return heard(arg)[0] != '\0';
}

static void
test_watchdog_beats_from_the_loop(void **state)
{
	struct world *w = *state;
	ev_tstamp began = ev_time();

	manager_bind(w, w->path);
	setenv("WATCHDOG_USEC", "100000", 1);
	w->notify = notify_create(w->loop);
	assert_null(getenv("WATCHDOG_USEC"));
	for (int i = 0; i < 4; i++) {
		assert_true(drive_until(w->loop, hears_something, w));
		assert_string_equal(w->got, "WATCHDOG=1");
	}

	/* The first one at once, the others at half of the interval. */
	assert_true(ev_time() - began > 0.1);
}

static void
test_watchdog_of_another_process_is_not_ours(void **state)
{
	struct world *w = *state;

	manager_bind(w, w->path);
	setenv("WATCHDOG_USEC", "1000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	w->notify = notify_create(w->loop);
	drive_turns(w->loop, 5);

	assert_string_equal(heard(w), "");
	assert_null(getenv("WATCHDOG_PID"));
}

static void
test_state_that_finds_no_room_is_told_later(void **state)
{
	struct world *w = *state;
	int fillers[FILLERS];
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	manager_bind(w, w->path);
	memcpy(sun.sun_path, w->path, strlen(w->path));
	/* Several: where systemd has raised net.unix.max_dgram_qlen, one has sent all that it may before it is full. */
	for (int i = 0; i < FILLERS; i++) {
		fillers[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		while (sendto(fillers[i], "x", 1, 0, (struct sockaddr *)&sun, sizeof(sun)) == 1)
			;
	}
	w->notify = notify_create(w->loop);
	notify_ready(w->notify);
	notify_status(w->notify, "full");
	while (strcmp(heard(w), "x") == 0)
		;
	assert_string_equal(w->got, "");

	assert_true(drive_until(w->loop, hears_something, w));
	assert_string_equal(w->got, "READY=1");
	assert_true(drive_until(w->loop, hears_something, w));
	assert_string_equal(w->got, "STATUS=full");
	assert_int_equal(w->logged, 0);
	for (int i = 0; i < FILLERS; i++)
		close(fillers[i]);
}

/* ---- sockets handed over ---- */

enum pid_kind { PID_OURS, PID_OTHER, PID_WORDS, PID_NONE };

static const struct {
	const char *name;
	enum pid_kind pid;
	const char *fds;
	int open;     /* descriptors open from 3 on */
	int expected; /* result */
} handed_over[] = {
    {"two sockets", PID_OURS, "2", 2, 2},
    {"none", PID_OURS, "0", 0, 0},
    {"no variables", PID_NONE, NULL, 0, 0},
    {"no count", PID_OURS, NULL, 1, 0},
    {"meant for another process", PID_OTHER, "1", 1, 0},
    {"process id in words", PID_WORDS, "1", 1, -1},
    {"count in words", PID_OURS, "one", 1, -1},
    {"negative count", PID_OURS, "-1", 1, -1},
    {"absurd count", PID_OURS, "100000", 1, -1},
    {"fewer open than told", PID_OURS, "2", 1, -1},
};

/* Runs in a child, which may do with its descriptors what it wants; 0 when all is as expected. */
static int
check_handed_over(size_t i)
{
	struct np_error err = {0};
	char pid[32];
	int r;

	for (int fd = 3; fd < 64; fd++)
		close(fd);
	for (int n = 0; n < handed_over[i].open; n++) {
		if (socket(AF_UNIX, SOCK_STREAM, 0) != 3 + n)
			return 2;
	}
	snprintf(pid, sizeof(pid), "%ld", handed_over[i].pid == PID_OURS ? (long)getpid() : 1L);
	if (handed_over[i].pid == PID_WORDS)
		snprintf(pid, sizeof(pid), "self");
	if (handed_over[i].pid != PID_NONE)
		setenv("LISTEN_PID", pid, 1);
	if (handed_over[i].fds != NULL)
		setenv("LISTEN_FDS", handed_over[i].fds, 1);
	setenv("LISTEN_FDNAMES", "a:b", 1);
	r = notify_listen_fds(&err);
	if (r != handed_over[i].expected)
		return 3;
	if (r < 0 && err.text[0] == '\0')
		return 4;
	if (getenv("LISTEN_PID") != NULL || getenv("LISTEN_FDS") != NULL || getenv("LISTEN_FDNAMES") != NULL)
		return 5;
	for (int fd = 3; fd < 3 + r; fd++) {
		if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
			return 6;
	}
	return 0;
}

static void
test_sockets_handed_over_are_counted_and_made_private(void **state)
{
	(void)state;
	for (size_t i = 0; i < NP_COUNT(handed_over); i++) {
		int status;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(check_handed_over(i));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			fail_msg("%s: status %d", handed_over[i].name, WEXITSTATUS(status));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_without_a_manager_nothing_happens, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_states_and_status_are_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_abstract_socket_is_reached, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_manager_that_has_gone_is_logged_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_addresses_are_logged_and_ignored, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_watchdog_beats_from_the_loop, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_watchdog_of_another_process_is_not_ours, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_state_that_finds_no_room_is_told_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sockets_handed_over_are_counted_and_made_private, setup, teardown),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
