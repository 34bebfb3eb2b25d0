/* Tests of src/report/auditfile.c: whole lines in a private file, whatever happens to it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "report/auditfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "kit/slow.h"

#define DEADLINE slow(20)

static char *directory, *path, *moved;
static char logged[4096];
static pthread_mutex_t logged_lock = PTHREAD_MUTEX_INITIALIZER;

static void
on_log(enum log_level level NP_UNUSED, const char *line, void *arg NP_UNUSED)
{
	pthread_mutex_lock(&logged_lock);
	if (strlen(logged) + strlen(line) + 2 < sizeof(logged)) {
		strcat(logged, line);
		strcat(logged, "\n");
	}
	pthread_mutex_unlock(&logged_lock);
}

/* How often the log says so. */
static int
has_logged(const char *text)
{
	int n = 0;

	pthread_mutex_lock(&logged_lock);
	for (const char *p = logged; (p = strstr(p, text)) != NULL; p++)
		n++;
	pthread_mutex_unlock(&logged_lock);
	return n;
}

static int
setup(void **state NP_UNUSED)
{
	char template[] = "/tmp/npauditXXXXXX";

	if (mkdtemp(template) == NULL)
		return -1;
	directory = xstrdup(template);
	path = xasprintf("%s/audit", directory);
	moved = xasprintf("%s/moved", directory);
	logged[0] = '\0';
	log_set_sink(on_log, NULL);
	return 0;
}

static int
teardown(void **state NP_UNUSED)
{
	log_set_sink(NULL, NULL);
	unlink(path);
	unlink(moved);
	rmdir(directory);
	free(directory);
	free(path);
	free(moved);
	return 0;
}

/* The text of a file; "" where there is none.  The caller frees it. */
static char *
text_of(const char *file)
{
	FILE *f = fopen(file, "re");
	char *text = xcalloc(1, 4 * 1024 * 1024);

	if (f != NULL) {
		size_t n = fread(text, 1, 4 * 1024 * 1024 - 1, f);
		text[n] = '\0';
		fclose(f);
	}
	return text;
}

static bool
holds(const char *file, const char *part)
{
	char *text = text_of(file);
	bool found = strstr(text, part) != NULL;

	free(text);
	return found;
}

static void
pause_shortly(void)
{
	struct timespec ts = {.tv_nsec = 2000000};

	nanosleep(&ts, NULL);
}

#define WAIT_FOR(condition)                                                                                            \
	do {                                                                                                           \
		double until = clock_now() + DEADLINE;                                                                 \
		while (!(condition)) {                                                                                 \
			if (clock_now() > until)                                                                       \
				fail_msg("not in time: " #condition);                                                  \
			pause_shortly();                                                                               \
		}                                                                                                      \
	} while (0)

static void
write_line(struct auditfile *a, const char *line)
{
	auditfile_write(a, line, strlen(line));
}

static void
check_text(const char *file, const char *expected)
{
	char *text = text_of(file);

	assert_string_equal(text, expected);
	free(text);
}

static mode_t
mode_of(const char *file)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return st.st_mode & 07777;
}

/* ---- */

static void
test_lines_are_appended_to_a_private_file(void **state NP_UNUSED)
{
	struct auditfile *a;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, "old\n", 4), 4);
	close(fd);
	chmod(path, 0644);

	a = auditfile_create(path, false);
	write_line(a, "one");
	write_line(a, "two");
	auditfile_destroy(a, 5);

	check_text(path, "old\none\ntwo\n");
	assert_int_equal(mode_of(path), 0600);
	assert_string_equal(logged, "");
}

static void
test_a_rotated_file_is_left_alone_after_reopening(void **state NP_UNUSED)
{
	struct auditfile *a = auditfile_create(path, false);

	write_line(a, "one");
	WAIT_FOR(holds(path, "one\n"));
	assert_int_equal(rename(path, moved), 0);
	auditfile_reopen(a);
	write_line(a, "two");
	auditfile_destroy(a, 5);

	check_text(moved, "one\n");
	check_text(path, "two\n");
	assert_int_equal(mode_of(path), 0600);
}

static void
test_a_removed_file_is_made_again(void **state NP_UNUSED)
{
	struct auditfile *a = auditfile_create(path, false);

	write_line(a, "one");
	WAIT_FOR(holds(path, "one\n"));
	unlink(path);
	write_line(a, "two");
	auditfile_destroy(a, 5);

	check_text(path, "two\n");
	assert_string_equal(logged, "");
}

/* What must not be written to: told once, and what was recorded waits until the file can be had. */
static void
check_refused(const char *why)
{
	struct auditfile *a = auditfile_create(path, false);

	write_line(a, "one");
	WAIT_FOR(has_logged(why) > 0);
	write_line(a, "two");
	write_line(a, "three");
	unlink(path);
	auditfile_reopen(a);
	WAIT_FOR(holds(path, "one\ntwo\nthree\n"));
	auditfile_destroy(a, 5);

	assert_int_equal(has_logged(why), 1);
	assert_int_equal(has_logged("is written again, 0 records were lost"), 1);
}

static void
test_a_symbolic_link_is_refused(void **state NP_UNUSED)
{
	assert_int_equal(symlink(moved, path), 0);
	check_refused("symbolic links");
	assert_int_equal(access(moved, F_OK), -1);
}

static void
test_a_fifo_is_refused_and_holds_up_nobody(void **state NP_UNUSED)
{
	int reader;

	assert_int_equal(mkfifo(path, 0600), 0);
	check_refused("open audit_log"); /* nobody reads it */

	logged[0] = '\0';
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	check_refused("is not a plain file");
	close(reader);
}

static void
test_a_missing_directory_is_waited_for(void **state NP_UNUSED)
{
	char *deep = xasprintf("%s/d/audit", directory), *d = xasprintf("%s/d", directory);
	struct auditfile *a = auditfile_create(deep, false);

	write_line(a, "one");
	WAIT_FOR(has_logged("No such file") > 0);
	assert_int_equal(mkdir(d, 0700), 0);
	WAIT_FOR(holds(deep, "one\n"));
	auditfile_destroy(a, 5);
	unlink(deep);
	rmdir(d);
	free(deep);
	free(d);
}

/* ---- a full disk ---- */

static void
limit_files(rlim_t size)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_lines_stay_whole_over_a_full_disk(void **state NP_UNUSED)
{
	struct auditfile *a = auditfile_create(path, false);
	struct rlimit before;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit_files(10); /* in the middle of the third line */
	write_line(a, "one");
	write_line(a, "two");
	write_line(a, "three");
	write_line(a, "four");
	WAIT_FOR(has_logged("write audit_log") > 0);
	limit_files(before.rlim_cur);
	WAIT_FOR(holds(path, "four\n"));
	write_line(a, "five");
	auditfile_destroy(a, 5);

	check_text(path, "one\ntwo\nthree\nfour\nfive\n");
	assert_int_equal(has_logged("is written again, 0 records were lost"), 1);
}

static void
test_lost_lines_are_counted_where_they_are_missing(void **state NP_UNUSED)
{
	struct auditfile *a = auditfile_create(path, false);
	struct rlimit before;
	char line[1024], *text, *lost;
	unsigned long count = 0, kept = 0;

	signal(SIGXFSZ, SIG_IGN);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	getrlimit(RLIMIT_FSIZE, &before);
	limit_files(0);
	write_line(a, "first");
	WAIT_FOR(has_logged("write audit_log") > 0);
	for (int i = 0; i < 3000; i++)
		write_line(a, line);
	limit_files(before.rlim_cur);
	WAIT_FOR(holds(path, "\"event\":\"lost\""));
	write_line(a, "last");
	auditfile_destroy(a, 5);

	text = text_of(path);
	assert_memory_equal(text, "first\nxxx", 9);
	lost = strstr(text, "\"count\":");
	count = strtoul(lost + 8, NULL, 10);
	for (const char *p = text; p != NULL && p < lost; p = strstr(p + 1, "\nx"))
		kept++;
	assert_int_equal(kept - 1 + count, 3000);
	assert_in_range(kept, 900, 1200);
	assert_string_equal(strchr(lost, '\n'), "\nlast\n");
	free(text);
}

/* ---- the journal ---- */

static int
listen_as_journal(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void
check_datagram(int fd, const char *expected)
{
	struct timeval patience = {.tv_sec = 20};
	char text[512];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	do {
		n = recv(fd, text, sizeof(text) - 1, 0);
	} while (n == -1 && errno == EINTR); /* as where the whole machine was stopped and goes on (signal(7)) */
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

#define FIELDS "PRIORITY=6\nSYSLOG_IDENTIFIER=netpulsed\nNETPULSE_AUDIT=1\nMESSAGE="

static void
test_the_journal_gets_a_datagram_a_line(void **state NP_UNUSED)
{
	int fd = listen_as_journal();
	struct auditfile *a = auditfile_create(path, true);

	write_line(a, "{\"a\":1}");
	write_line(a, "{\"b\":2}");
	check_datagram(fd, FIELDS "{\"a\":1}\n");
	check_datagram(fd, FIELDS "{\"b\":2}\n");
	close(fd); /* it is started anew */
	write_line(a, "{\"c\":3}");
	WAIT_FOR(has_logged("journal") > 0);
	fd = listen_as_journal();
	check_datagram(fd, FIELDS "{\"c\":3}\n");
	auditfile_destroy(a, 5);
	close(fd);
}

static void
test_a_sink_that_hangs_does_not_hold_up_the_end(void **state NP_UNUSED)
{
	int fd = listen_as_journal();
	struct auditfile *a = auditfile_create(path, true);
	double start = clock_now();

	for (int i = 0; i < 1000; i++) /* more than the socket holds, and nobody reads */
		write_line(a, "{}");
	auditfile_destroy(a, 0);

	assert_true(clock_now() - start < slow(10));
	check_datagram(fd, FIELDS "{}\n");
	close(fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_lines_are_appended_to_a_private_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_rotated_file_is_left_alone_after_reopening, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_removed_file_is_made_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_symbolic_link_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_fifo_is_refused_and_holds_up_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_missing_directory_is_waited_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lines_stay_whole_over_a_full_disk, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lost_lines_are_counted_where_they_are_missing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_journal_gets_a_datagram_a_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_sink_that_hangs_does_not_hold_up_the_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
