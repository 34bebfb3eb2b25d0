/* The listening socket: its name, its lock, who is let in. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "kit/drive.h"
#include "serve/listener.h"
#include "base/log.h"
#include "serve/sockfile.h"
#include "base/xalloc.h"

#define CONNECTIONS 200

struct world {
	struct ev_loop *loop;
	struct listener *listener;
	char dir[64];
	char path[96];
	int fds[CONNECTIONS]; /* accepted */
	pid_t pids[CONNECTIONS];
	int count;
	int wanted;
	bool stop_in_callback;
	int client; /* one client's end, or -1 */
	char answer[512];
	bool got_end;
};

static void
on_accepted(int fd, const struct paths_peer *peer, void *arg)
{
	struct world *w = arg;

	assert_true(w->count < CONNECTIONS);
	w->fds[w->count] = fd;
	w->pids[w->count] = peer->pid;
	w->count++;
	if (w->stop_in_callback)
		listener_stop(w->listener);
}

static const struct listener_events events = {.accepted = on_accepted};

static void
remove_tree(const char *dir)
{
	char *command = xasprintf("rm -rf -- '%s'", dir);

	assert_int_equal(system(command), 0);
	free(command);
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const char *tmp = getenv("TMPDIR");

	/* sun_path is short: a long TMPDIR is of no use here. */
	snprintf(w->dir, sizeof(w->dir), "%s/npXXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/run/s.sock", w->dir);
	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->client = -1;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	listener_destroy(w->listener);
	for (int i = 0; i < w->count; i++)
		close(w->fds[i]);
	if (w->client >= 0)
		close(w->client);
	ev_loop_destroy(w->loop);
	remove_tree(w->dir);
	free(w);
	return 0;
}

static struct listener *
create(struct world *w, struct np_error *err)
{
	return listener_create(w->loop, w->path, &events, w, err);
}

static void
must_create(struct world *w)
{
	struct np_error err = {0};

	w->listener = create(w, &err);
	if (w->listener == NULL || listener_show(w->listener, &err) == -1)
		fail_msg("%s", err.text);
}

static void
address(struct sockaddr_un *sun, const char *path)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	assert_true(strlen(path) < sizeof(sun->sun_path));
	memcpy(sun->sun_path, path, strlen(path) + 1);
}

/* A connected, non-blocking descriptor, or -1. */
static int
dial_path(const char *path)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	address(&sun, path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A socket bound to path; it listens if told so. */
static int
bind_path(const char *path, int type, bool listening)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	address(&sun, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	if (listening)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void
make_run_dir(struct world *w)
{
	char *dir = xasprintf("%s/run", w->dir);

	assert_int_equal(mkdir(dir, 0700), 0);
	free(dir);
}

static bool
has_wanted(void *arg)
{
	struct world *w = arg;

	return w->count >= w->wanted;
}

static bool
serves(struct world *w)
{
	int fd = dial_path(w->path);

	if (fd < 0)
		return false;
	w->wanted = w->count + 1;
	assert_true(drive_until(w->loop, has_wanted, w));
	close(fd);
	return true;
}

/* ---- the name ---- */

static void
test_connection_is_handed_over_ready_for_the_loop(void **state)
{
	struct world *w = *state;

	must_create(w);
	w->client = dial_path(w->path);
	assert_true(w->client >= 0);
	w->wanted = 1;
	assert_true(drive_until(w->loop, has_wanted, w));

	assert_int_equal(w->count, 1);
	assert_int_equal(w->pids[0], getpid());
	assert_true(fcntl(w->fds[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(w->fds[0], F_GETFD) & FD_CLOEXEC);
	assert_string_equal(listener_path(w->listener), w->path);
}

static void
test_socket_is_private_whatever_the_umask(void **state)
{
	struct world *w = *state;
	mode_t mask = umask(0);
	char *dir = xasprintf("%s/run", w->dir);
	struct stat st;

	must_create(w);
	umask(mask);

	assert_int_equal(lstat(w->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(lstat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	free(dir);
}

static int
names_in(const char *dir)
{
	char *command = xasprintf("ls -A '%s' | wc -l", dir);
	FILE *f = popen(command, "r");
	int n = -1;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	free(command);
	return n;
}

static void
test_only_socket_and_lock_are_left_in_the_directory(void **state)
{
	struct world *w = *state;
	char *dir = xasprintf("%s/run", w->dir);

	must_create(w);
	assert_int_equal(names_in(dir), 2);
	listener_stop(w->listener);

	assert_int_equal(names_in(dir), 1);
	assert_int_equal(access(w->path, F_OK), -1);
	free(dir);
}

static void
test_second_broker_is_refused_with_the_pid_of_the_first(void **state)
{
	struct world *w = *state;
	struct np_error err;
	char *pid = xasprintf("(pid %ld)", (long)getpid());

	must_create(w);
	assert_null(create(w, &err));

	assert_int_equal(err.reason, REASON_CONNECT_FAILED);
	assert_non_null(strstr(err.text, pid));
	assert_non_null(strstr(err.text, w->path));
	assert_true(serves(w));
	free(pid);
}

static void
test_stale_socket_is_replaced(void **state)
{
	struct world *w = *state;

	make_run_dir(w);
	close(bind_path(w->path, SOCK_STREAM, true));
	must_create(w);

	assert_true(serves(w));
}

static void
test_leftover_of_a_killed_start_is_replaced(void **state)
{
	struct world *w = *state;
	char *temporary = xstrdup(w->path);

	make_run_dir(w);
	temporary[strlen(temporary) - 1] = '~';
	close(bind_path(temporary, SOCK_STREAM, true));
	must_create(w);

	assert_true(serves(w));
	assert_int_equal(access(temporary, F_OK), -1);
	free(temporary);
}

static void
test_socket_that_somebody_serves_is_left_alone(void **state)
{
	struct world *w = *state;
	struct np_error err;
	int other;

	make_run_dir(w);
	other = bind_path(w->path, SOCK_STREAM, true);
	assert_null(create(w, &err));

	assert_int_equal(err.reason, REASON_CONNECT_FAILED);
	w->client = dial_path(w->path);
	assert_true(w->client >= 0);
	close(other);
}

static void
test_socket_with_a_full_backlog_counts_as_served(void **state)
{
	struct world *w = *state;
	struct np_error err;
	int other, fds[16], n = 0;

	make_run_dir(w);
	other = bind_path(w->path, SOCK_STREAM, true);
	while (n < 16 && (fds[n] = dial_path(w->path)) >= 0)
		n++;
	assert_in_range(n, 8, 15);
	assert_null(create(w, &err));

	assert_int_equal(err.reason, REASON_CONNECT_FAILED);
	assert_int_equal(access(w->path, F_OK), 0);
	while (n > 0)
		close(fds[--n]);
	close(other);
}

static void
test_path_that_is_no_socket_is_refused_and_kept(void **state)
{
	struct world *w = *state;
	struct np_error err;
	int fd;

	make_run_dir(w);
	fd = open(w->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_null(create(w, &err));

	assert_int_equal(err.reason, REASON_DENIED);
	assert_non_null(strstr(err.text, "not a socket"));
	assert_int_equal(access(w->path, F_OK), 0);
}

static void
test_lock_that_is_a_symbolic_link_is_not_followed(void **state)
{
	struct world *w = *state;
	struct np_error err;
	char *lock = xasprintf("%s.lock", w->path);
	char *victim = xasprintf("%s/victim", w->dir);

	make_run_dir(w);
	assert_int_equal(symlink(victim, lock), 0);
	assert_null(create(w, &err));

	assert_int_equal(access(victim, F_OK), -1);
	free(lock);
	free(victim);
}

static void
test_directory_open_to_others_is_refused(void **state)
{
	struct world *w = *state;
	struct np_error err;
	char *dir = xasprintf("%s/run", w->dir);

	make_run_dir(w);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_null(create(w, &err));

	assert_int_equal(err.reason, REASON_DENIED);
	free(dir);
}

static void
test_impossible_paths_are_named(void **state)
{
	struct world *w = *state;
	char path[200];
	struct np_error err;

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_null(listener_create(w->loop, path, &events, w, &err));
	assert_non_null(strstr(err.text, "107 bytes"));
	assert_null(listener_create(w->loop, "", &events, w, &err));
	assert_null(listener_create(w->loop, "/tmp/", &events, w, &err));
	assert_int_equal(err.reason, REASON_INVALID_PARAMS);
}

static void
test_longest_path_works(void **state)
{
	struct world *w = *state;
	size_t n;

	make_run_dir(w);
	snprintf(w->path, sizeof(w->path), "%s/run/", w->dir);
	n = strlen(w->path);
	/* w->path is shorter than sun_path: as long as it can be here, and with one letter below. */
	memset(w->path + n, 'k', sizeof(w->path) - 1 - n);
	must_create(w);
	assert_true(serves(w));
	listener_destroy(w->listener);

	w->path[n + 1] = '\0';
	must_create(w);
	assert_true(serves(w));
}

static void
test_place_is_free_again_after_a_stop(void **state)
{
	struct world *w = *state;
	struct listener *first;

	must_create(w);
	first = w->listener;
	listener_stop(first);
	must_create(w);

	assert_true(serves(w));
	listener_stop(first);
	assert_true(serves(w));
	listener_destroy(first);
	assert_true(serves(w));
}

static void
test_stop_keeps_a_socket_that_is_not_ours(void **state)
{
	struct world *w = *state;
	int other;

	must_create(w);
	assert_int_equal(unlink(w->path), 0);
	other = bind_path(w->path, SOCK_STREAM, true);
	listener_stop(w->listener);

	w->client = dial_path(w->path);
	assert_true(w->client >= 0);
	close(other);
}

static bool
can_connect(void *arg)
{
	struct world *w = arg;
	int fd = dial_path(w->path);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void
test_removed_socket_is_made_again(void **state)
{
	struct world *w = *state;

	must_create(w);
	assert_int_equal(unlink(w->path), 0);
	assert_true(drive_until(w->loop, can_connect, w));

	assert_true(serves(w));
	listener_stop(w->listener);
	assert_int_equal(access(w->path, F_OK), -1);
}

static void
test_removed_directory_is_made_again(void **state)
{
	struct world *w = *state;
	char *dir = xasprintf("%s/run", w->dir);

	must_create(w);
	remove_tree(dir);
	assert_true(drive_until(w->loop, can_connect, w));

	assert_true(serves(w));
	free(dir);
}

static bool
is_lost(void *arg)
{
	return listener_is_lost(((struct world *)arg)->listener);
}

static void
test_socket_that_another_broker_has_put_there_is_left_to_it(void **state)
{
	struct world *w = *state;
	char *elsewhere = xasprintf("%s/other", w->dir);
	int other, fd;

	must_create(w);
	assert_false(listener_is_lost(w->listener));
	other = bind_path(elsewhere, SOCK_STREAM, true);
	assert_int_equal(rename(elsewhere, w->path), 0);
	assert_true(drive_until(w->loop, is_lost, w));

	w->client = dial_path(w->path);
	assert_true(w->client >= 0);
	fd = accept(other, NULL, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(w->count, 0);
	listener_stop(w->listener);
	assert_int_equal(access(w->path, F_OK), 0);
	close(other);
	free(elsewhere);
}

/* ---- accepting ---- */

static void
test_burst_of_connections_is_accepted_over_several_turns(void **state)
{
	struct world *w = *state;
	int clients[100];

	must_create(w);
	for (int i = 0; i < 100; i++) {
		clients[i] = dial_path(w->path);
		assert_true(clients[i] >= 0);
	}
	ev_run(w->loop, EVRUN_NOWAIT);
	assert_in_range(w->count, 1, 50);
	w->wanted = 100;
	assert_true(drive_until(w->loop, has_wanted, w));

	for (int i = 0; i < 100; i++)
		close(clients[i]);
}

static void
test_listener_may_be_stopped_by_its_own_connection(void **state)
{
	struct world *w = *state;
	int second;

	must_create(w);
	w->stop_in_callback = true;
	w->client = dial_path(w->path);
	second = dial_path(w->path);
	w->wanted = 1;
	assert_true(drive_until(w->loop, has_wanted, w));
	drive_turns(w->loop, 3);

	assert_int_equal(w->count, 1);
	assert_int_equal(access(w->path, F_OK), -1);
	close(second);
}

static bool
client_got_end(void *arg)
{
	struct world *w = arg;
	size_t n = strlen(w->answer);
	char buf[256];
	ssize_t r = recv(w->client, buf, sizeof(buf), 0);

	for (ssize_t i = 8; i < r && n < sizeof(w->answer) - 1; i++)
		w->answer[n++] = buf[i];
	if (r == 0 || (r < 0 && errno == ECONNRESET))
		w->got_end = true;
	return w->got_end;
}

/* The lowest limit that leaves no descriptor free.  Valgrind applies it after the accept, so the client is lost. */
static void
exhaust_descriptors(struct rlimit *old)
{
	const char *preload = getenv("LD_PRELOAD");
	struct rlimit tight;
	int fd;

	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		skip();
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, old), 0);
	tight = *old;
	tight.rlim_cur = (rlim_t)fd;
	close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
}

static void
test_shortage_of_descriptors_pauses_then_refuses_politely_and_ends(void **state)
{
	struct world *w = *state;
	struct rlimit old;
	int late;

	must_create(w);
	w->client = dial_path(w->path);
	exhaust_descriptors(&old);
	drive_turns(w->loop, 3);
	/* A short shortage costs nobody an error. */
	assert_int_equal(w->count, 0);
	assert_false(client_got_end(w));

	assert_true(drive_until(w->loop, client_got_end, w));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(strstr(w->answer, "queue_full"));
	assert_non_null(strstr(w->answer, "file descriptors"));
	assert_int_equal(w->count, 0);

	late = dial_path(w->path);
	assert_true(late >= 0);
	w->wanted = 1;
	assert_true(drive_until(w->loop, has_wanted, w));
	close(late);
}

static void
test_clients_in_the_backlog_survive_a_short_shortage(void **state)
{
	struct world *w = *state;
	struct rlimit old;

	must_create(w);
	w->client = dial_path(w->path);
	exhaust_descriptors(&old);
	drive_turns(w->loop, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	w->wanted = 1;
	assert_true(drive_until(w->loop, has_wanted, w));

	assert_int_equal(w->count, 1);
}

/* ---- sockets of the service manager ---- */

static void
adopt(struct world *w, const char *path)
{
	struct np_error err;
	int fd = bind_path(path, SOCK_STREAM, true);

	w->listener = listener_adopt(w->loop, fd, false, &events, w, &err);
	assert_non_null(w->listener);
}

static void
test_adopted_socket_is_served_and_never_removed(void **state)
{
	struct world *w = *state;

	make_run_dir(w);
	adopt(w, w->path);
	assert_string_equal(listener_path(w->listener), w->path);
	assert_true(serves(w));
	listener_stop(w->listener);

	assert_int_equal(access(w->path, F_OK), 0);
}

static void
test_descriptors_that_cannot_be_served_are_named(void **state)
{
	struct world *w = *state;
	struct np_error err;
	int fd;

	make_run_dir(w);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_null(listener_adopt(w->loop, fd, false, &events, w, &err));
	close(fd);

	fd = bind_path(w->path, SOCK_DGRAM, false);
	assert_null(listener_adopt(w->loop, fd, false, &events, w, &err));
	assert_non_null(strstr(err.text, "stream"));
	close(fd);

	unlink(w->path);
	fd = bind_path(w->path, SOCK_STREAM, false);
	assert_null(listener_adopt(w->loop, fd, false, &events, w, &err));
	assert_non_null(strstr(err.text, "listen"));
	close(fd);

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_null(listener_adopt(w->loop, fd, false, &events, w, &err));
	assert_non_null(strstr(err.text, "Unix"));
	close(fd);
}

static bool
has_answer(void *arg)
{
	struct world *w = arg;

	return client_got_end(w);
}

static void
test_connection_of_another_user_is_refused_with_a_reason(void **state)
{
	struct world *w = *state;
	int pair[2], status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	/* A path that the other user can reach: the permissions alone do not protect this one. */
	assert_int_equal(chmod(w->dir, 0755), 0);
	snprintf(w->path, sizeof(w->path), "%s/open", w->dir);
	adopt(w, w->path);
	assert_int_equal(chmod(w->path, 0777), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char buf[512];
		struct sockaddr_un sun;
		ssize_t n;
		int fd;
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(3);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		memset(&sun, 0, sizeof(sun));
		sun.sun_family = AF_UNIX;
		memcpy(sun.sun_path, w->path, strlen(w->path) + 1);
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
			_exit(4);
		while ((n = read(fd, buf, sizeof(buf))) > 0) {
			if (write(pair[1], buf, (size_t)n) != n)
				_exit(5);
		}
		_exit(0);
	}
	close(pair[1]);
	w->client = pair[0];
	assert_true(drive_until(w->loop, has_answer, w));
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_int_equal(status, 0);
	assert_int_equal(w->count, 0);
	assert_non_null(strstr(w->answer, "denied"));
	assert_non_null(strstr(w->answer, "uid 65534"));
}

static void
no_log(enum log_level level NP_UNUSED, const char *line NP_UNUSED, void *arg NP_UNUSED)
{
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_connection_is_handed_over_ready_for_the_loop, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_socket_is_private_whatever_the_umask, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_only_socket_and_lock_are_left_in_the_directory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_second_broker_is_refused_with_the_pid_of_the_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stale_socket_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_leftover_of_a_killed_start_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_socket_that_somebody_serves_is_left_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_socket_with_a_full_backlog_counts_as_served, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_path_that_is_no_socket_is_refused_and_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lock_that_is_a_symbolic_link_is_not_followed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_directory_open_to_others_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_impossible_paths_are_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_longest_path_works, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_place_is_free_again_after_a_stop, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stop_keeps_a_socket_that_is_not_ours, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_removed_socket_is_made_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_removed_directory_is_made_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_socket_that_another_broker_has_put_there_is_left_to_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_burst_of_connections_is_accepted_over_several_turns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_listener_may_be_stopped_by_its_own_connection, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_shortage_of_descriptors_pauses_then_refuses_politely_and_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clients_in_the_backlog_survive_a_short_shortage, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_adopted_socket_is_served_and_never_removed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_descriptors_that_cannot_be_served_are_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_connection_of_another_user_is_refused_with_a_reason, setup, teardown),
	};

	log_set_sink(no_log, NULL);
	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
