/* Descriptors of others, of every kind: all bytes arrive, nothing blocks, and nobody else sees a difference. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* posix_openpt() */
#endif
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "kit/drive.h"
#include "serve/lent.h"

#define MUCH (3u * 1024u * 1024u)

struct world {
	struct ev_loop *loop;
	struct lent *lent;
	struct buf got;
	bool ended, failed;
	int wrote;
	int theirs; /* the other end */
	size_t wanted;
	int tasks; /* threads before */
};

static void
on_data(struct lent *l NP_UNUSED, const void *p, size_t n, void *arg)
{
	struct world *w = arg;

	assert_int_equal(buf_append(&w->got, p, n), 0);
}

static void
on_wrote(struct lent *l NP_UNUSED, void *arg)
{
	((struct world *)arg)->wrote++;
}

static void
on_ended(struct lent *l NP_UNUSED, bool failed, void *arg)
{
	struct world *w = arg;

	assert_false(w->ended);
	w->ended = true;
	w->failed = failed;
}

static const struct lent_events events = {.data = on_data, .wrote = on_wrote, .ended = on_ended};

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	signal(SIGPIPE, SIG_IGN);
	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->theirs = -1;
	buf_init(&w->got, SIZE_MAX / 2);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	lent_destroy(w->lent);
	if (w->theirs >= 0)
		close(w->theirs);
	buf_free(&w->got);
	ev_loop_destroy(w->loop);
	free(w);
	return 0;
}

static bool
has_ended(void *arg)
{
	return ((struct world *)arg)->ended;
}

static bool
has_wanted(void *arg)
{
	struct world *w = arg;

	return w->got.len >= w->wanted;
}

/* Reads what is at the other end; true once the lent one has ended and nothing more is there. */
static bool
drained(void *arg)
{
	struct world *w = arg;
	char chunk[65536];
	ssize_t n = read(w->theirs, chunk, sizeof(chunk));

	if (n > 0)
		assert_int_equal(buf_append(&w->got, chunk, (size_t)n), 0);
	return w->ended && n <= 0;
}

static uint8_t *
pattern(size_t n)
{
	uint8_t *p = xmalloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7 + i / 251);
	return p;
}

/* How a kind of descriptor is made: ours to lend, theirs at the other end. */
static void
make_pipe(int *read_end, int *write_end)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	*read_end = fds[0];
	*write_end = fds[1];
}

static void
make_sockets(int *read_end, int *write_end)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*read_end = fds[0];
	*write_end = fds[1];
}

typedef void (*make)(int *, int *);
static const make kinds[] = {make_pipe, make_sockets};

static void
set_nonblock(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

/* ---- writing ---- */

static void
write_much(struct world *w, make kind)
{
	uint8_t *p = pattern(MUCH);
	int ours, flags;

	kind(&w->theirs, &ours);
	set_nonblock(w->theirs);
	int witness = dup(ours);
	flags = fcntl(witness, F_GETFL);
	w->lent = lent_writer(w->loop, ours, &events, w);
	lent_write(w->lent, p, MUCH / 2);
	lent_write(w->lent, p + MUCH / 2, MUCH - MUCH / 2);
	assert_true(lent_waiting(w->lent) > 0); /* nobody reads: it has not blocked */
	lent_finish(w->lent);
	drive_turns(w->loop, 5);
	assert_false(w->ended);
	assert_true(drive_until(w->loop, drained, w));
	assert_false(w->failed);
	assert_int_equal(w->got.len, MUCH);
	assert_memory_equal(buf_head(&w->got), p, MUCH);
	assert_int_equal(fcntl(witness, F_GETFL), flags);
	close(witness);
	free(p);
}

static void
test_all_that_was_written_arrives(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < NP_COUNT(kinds); i++) {
		write_much(w, kinds[i]);
		lent_destroy(w->lent);
		close(w->theirs);
		w->lent = NULL;
		w->ended = false;
		buf_free(&w->got);
	}
}

static void
write_to_nobody(struct world *w, make kind)
{
	uint8_t *p = pattern(MUCH);
	int ours;

	kind(&w->theirs, &ours);
	w->lent = lent_writer(w->loop, ours, &events, w);
	lent_write(w->lent, p, MUCH);
	close(w->theirs);
	w->theirs = -1;
	assert_true(drive_until(w->loop, has_ended, w));
	assert_true(w->failed);
	assert_int_equal(lent_waiting(w->lent), 0);
	lent_write(w->lent, p, MUCH); /* dropped */
	assert_int_equal(lent_waiting(w->lent), 0);
	lent_destroy(w->lent);
	w->lent = NULL;
	w->ended = false;
	free(p);
}

static void
test_nobody_reads_any_more(void **state)
{
	write_to_nobody(*state, make_pipe);
	write_to_nobody(*state, make_sockets);
}

static void
test_a_pipe_without_reader_fails_later(void **state)
{
	struct world *w = *state;
	int ours;

	make_pipe(&w->theirs, &ours);
	close(w->theirs);
	w->theirs = -1;
	w->lent = lent_writer(w->loop, ours, &events, w);
	assert_false(w->ended);
	lent_write(w->lent, "x", 1);
	lent_finish(w->lent);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_true(w->failed);
}

static void
test_a_file_keeps_its_position_for_all(void **state)
{
	struct world *w = *state;
	char name[] = "/tmp/np-lentXXXXXX", text[16] = "";
	int fd = mkstemp(name);

	assert_int_equal(write(fd, "one ", 4), 4);
	w->lent = lent_writer(w->loop, dup(fd), &events, w);
	lent_write(w->lent, "two ", 4);
	assert_int_equal(lent_waiting(w->lent), 0);
	lent_finish(w->lent);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_int_equal(write(fd, "three", 5), 5);
	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 13);
	assert_string_equal(text, "one two three");
	close(fd);
	unlink(name);
}

static void
test_a_full_disk_fails(void **state)
{
	struct world *w = *state;

	w->lent = lent_writer(w->loop, open("/dev/full", O_WRONLY), &events, w);
	lent_write(w->lent, "x", 1);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_true(w->failed);
}

/* ---- reading ---- */

/* Who is refused goes by itself, and reads there what we have left. */
static void
test_nothing_is_read_that_nobody_wants(void **state)
{
	struct world *w = *state;
	char name[] = "/tmp/np-lentXXXXXX", end;
	int fd = mkstemp(name), ours, theirs;

	unlink(name);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	w->lent = lent_reader(w->loop, dup(fd), &events, w);
	make_sockets(&ours, &theirs);
	assert_int_equal(write(theirs, "x", 1), 1);
	lent_destroy(lent_reader(w->loop, ours, &events, w));
	assert_int_equal(read(theirs, &end, 1), -1); /* closed with what was not read: reset */
	close(theirs);
	lent_destroy(w->lent);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	w->lent = lent_reader(w->loop, fd, &events, w);
	lent_want(w->lent, 100);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_int_equal(w->got.len, 10);
}

/* A large file, of which a part is not in memory: what is wanted and no more, by whoever reads it. */
static void
read_file(struct world *w, const char *folder)
{
	char name[64];
	uint8_t *p = pattern(MUCH);
	int fd, witness;

	snprintf(name, sizeof(name), "%s/np-lentXXXXXX", folder);
	fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, p, MUCH), MUCH);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	(void)posix_fadvise(fd, MUCH / 2, MUCH / 4, POSIX_FADV_DONTNEED);
	witness = dup(fd);
	w->lent = lent_reader(w->loop, fd, &events, w);
	w->wanted = 0;
	while (w->wanted < 2 * (MUCH / 3)) {
		w->wanted += 200000;
		lent_want(w->lent, 200000);
		assert_true(drive_until(w->loop, has_wanted, w));
		drive_turns(w->loop, 2);
		assert_int_equal(w->got.len, w->wanted);
		assert_int_equal(lseek(witness, 0, SEEK_CUR), w->wanted);
	}
	lent_want(w->lent, MUCH);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_false(w->failed);
	assert_int_equal(w->got.len, MUCH);
	assert_memory_equal(buf_head(&w->got), p, MUCH);
	lent_destroy(w->lent);
	w->lent = NULL;
	w->ended = false;
	buf_free(&w->got);
	close(witness);
	free(p);
}

static void
test_a_file_is_read_to_its_end(void **state)
{
	read_file(*state, "/tmp");
	read_file(*state, "/var/tmp");
	if (access("/dev/shm", W_OK) == 0)
		read_file(*state, "/dev/shm");
}

static int
tasks(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = -2; /* "." and ".." */

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* All but a pipe, a terminal and three devices may be stuck, and then must not be stuck here. */
static void
test_a_file_has_a_thread(void **state)
{
	struct world *w = *state;
	char name[] = "/tmp/np-lentXXXXXX";
	int fd = mkstemp(name), before = tasks();

	unlink(name);
	w->lent = lent_writer(w->loop, fd, &events, w);
	assert_true(tasks() > before); /* with the first one ThreadSanitizer makes another of its own */
	lent_write(w->lent, "x", 1);
	lent_finish(w->lent);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_false(w->failed);
}

static void
read_some(struct world *w, make kind)
{
	int ours, theirs;

	kind(&ours, &theirs);
	w->lent = lent_reader(w->loop, ours, &events, w);
	assert_int_equal(write(theirs, "0123456789", 10), 10);
	lent_want(w->lent, 4);
	w->wanted = 4;
	assert_true(drive_until(w->loop, has_wanted, w));
	drive_turns(w->loop, 5);
	assert_int_equal(w->got.len, 4); /* no more than was wanted */
	lent_want(w->lent, 100);
	close(theirs);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_false(w->failed);
	assert_memory_equal(buf_head(&w->got), "0123456789", 10);
	lent_destroy(w->lent);
	w->lent = NULL;
	w->ended = false;
	buf_free(&w->got);
}

static void
test_reads_what_is_wanted_and_the_end(void **state)
{
	read_some(*state, make_pipe);
	read_some(*state, make_sockets);
}

/* Its writer had gone when it came, which poll(2) does not say of a FIFO that is opened then. */
static void
test_a_fifo_that_was_left_ends(void **state)
{
	char path[] = "/tmp/test_lent.XXXXXX";
	struct world *w = *state;
	int fd, writer;

	assert_non_null(mktemp(path));
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	writer = open(path, O_WRONLY);
	unlink(path);
	assert_int_equal(write(writer, "all", 3), 3);
	close(writer);
	w->lent = lent_reader(w->loop, fd, &events, w);
	lent_want(w->lent, 1000);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_int_equal(w->got.len, 3);
}

static void
test_dev_null_ends_at_once(void **state)
{
	struct world *w = *state;

	w->lent = lent_reader(w->loop, open("/dev/null", O_RDONLY), &events, w);
	lent_want(w->lent, 1);
	assert_true(drive_until(w->loop, has_ended, w));
	assert_int_equal(w->got.len, 0);
}

static void
test_a_terminal_keeps_its_flags(void **state)
{
	struct world *w = *state;
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, flags;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	flags = fcntl(slave, F_GETFL);
	w->lent = lent_reader(w->loop, dup(slave), &events, w);
	lent_want(w->lent, 100);
	drive_turns(w->loop, 5);
	assert_int_equal(write(master, "line\n", 5), 5);
	w->wanted = 5;
	assert_true(drive_until(w->loop, has_wanted, w));
	assert_memory_equal(buf_head(&w->got), "line\n", 5);
	assert_int_equal(fcntl(slave, F_GETFL), flags);
	close(slave);
	close(master); /* hangs up */
	assert_true(drive_until(w->loop, has_ended, w));
}

/* Let go while a thread waits in it: that ends by itself, for the sanitizers to see. */
static bool
no_thread_is_left(void *arg)
{
	return tasks() <= ((struct world *)arg)->tasks;
}

/* Whoever does not read holds a thread for no longer than its user does. */
static void
test_destroyed_while_nobody_reads(void **state)
{
	struct world *w = *state;
	uint8_t *p = pattern(MUCH);
	int ours;
	struct lent *l;

	make_sockets(&w->theirs, &ours);
	w->tasks = tasks();
	l = lent_writer(w->loop, ours, &events, w);
	assert_non_null(l);
	lent_write(l, p, MUCH);
	lent_destroy(l);
	assert_true(drive_until(w->loop, no_thread_is_left, w));
	free(p);
}

/* One of /dev/null would be waited for by the loop, which libev ends the process for; one of a file by a thread. */
static void
test_what_only_names_a_file_is_refused(void **state)
{
	static const char *const paths[] = {"/dev/null", "/dev/zero", "/", "/proc/self/maps"};
	struct world *w = *state;

	for (size_t i = 0; i < NP_COUNT(paths); i++) {
		assert_null(lent_reader(w->loop, open(paths[i], O_PATH | O_CLOEXEC), &events, w));
		assert_null(lent_writer(w->loop, open(paths[i], O_PATH | O_CLOEXEC), &events, w));
	}
	/* Writing to it may wait for ever. */
	assert_null(lent_writer(w->loop, open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), &events, w));
}

static void
test_destroyed_under_way(void **state)
{
	struct world *w = *state;
	uint8_t *p = pattern(MUCH);
	int ours, theirs;

	make_sockets(&ours, &theirs);
	lent_destroy(lent_reader(w->loop, ours, &events, w));
	close(theirs);
	make_sockets(&w->theirs, &ours);
	w->lent = lent_writer(w->loop, ours, &events, w);
	lent_write(w->lent, p, MUCH);
	free(p);
}

static void
test_two_descriptors_of_one_file_are_known(void **state NP_UNUSED)
{
	int a = open("/dev/null", O_WRONLY | O_CLOEXEC), b = fcntl(a, F_DUPFD_CLOEXEC, 3),
	    c = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_false(lent_is_same(a, c));
#ifdef __linux__
	assert_true(lent_is_same(a, b));
#endif
	close(a);
	close(b);
	close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    /* the first, while there are no threads */
	    cmocka_unit_test_setup_teardown(test_a_file_has_a_thread, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_all_that_was_written_arrives, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nobody_reads_any_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_pipe_without_reader_fails_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_file_keeps_its_position_for_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_full_disk_fails, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reads_what_is_wanted_and_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_is_read_that_nobody_wants, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_file_is_read_to_its_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_fifo_that_was_left_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_dev_null_ends_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_terminal_keeps_its_flags, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_destroyed_while_nobody_reads, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_only_names_a_file_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_destroyed_under_way, setup, teardown),
	    cmocka_unit_test(test_two_descriptors_of_one_file_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
