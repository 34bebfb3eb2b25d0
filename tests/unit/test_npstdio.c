/* Standard streams that the caller has closed or made non-blocking. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "lib/npstdio.h"

#define LINES 200000 /* of six bytes: more than a pipe or a terminal holds */

/* Runs body in a child whose standard output is fd; its exit status. */
static int
in_child(int fd, void (*body)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (fd != -1)
			dup2(fd, STDOUT_FILENO);
		body();
		_exit(fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1);
	}
	if (fd == -1) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	}
	return (int)pid;
}

static int
wait_child(int pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void
print_much(void)
{
	npstdio_block_output();
	for (int i = 0; i < LINES; i++)
		printf("%05d\n", i % 100000);
}

/* Reads until the end, slowly at first: the writer has to wait. */
static size_t
read_all(int fd)
{
	char bytes[65536];
	size_t sum = 0;
	ssize_t n;

	poll(NULL, 0, 100);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		sum += (size_t)n;
	return sum;
}

static void
set_nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static void
test_nonblocking_pipe_loses_nothing(void **state NP_UNUSED)
{
	int fds[2], pid;

	if (access("/dev/fd/1", F_OK) == -1)
		skip();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	set_nonblocking(fds[1]);
	pid = in_child(fds[1], print_much);
	assert_true((fcntl(fds[1], F_GETFL) & O_NONBLOCK) != 0); /* the caller's flags stay */
	close(fds[1]);
	assert_int_equal(read_all(fds[0]), 6 * LINES);
	assert_int_equal(wait_child(pid), 0);
	close(fds[0]);
}

static void
print_words(void)
{
	npstdio_block_output();
	printf("two");
}

static void
test_file_goes_on_where_it_was(void **state NP_UNUSED)
{
	FILE *f = tmpfile();
	char text[16] = "";
	int pid;

	assert_non_null(f);
	assert_int_equal(write(fileno(f), "one", 3), 3);
	set_nonblocking(fileno(f));
	pid = in_child(fileno(f), print_words);
	assert_int_equal(wait_child(pid), 0);
	assert_int_equal(pread(fileno(f), text, sizeof(text) - 1, 0), 6);
	assert_string_equal(text, "onetwo");
	fclose(f);
}

static void
test_socket_stays_as_it_is(void **state NP_UNUSED)
{
	int fds[2], pid;
	char text[16] = "";

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	set_nonblocking(fds[1]);
	pid = in_child(fds[1], print_words);
	assert_int_equal(wait_child(pid), 0);
	assert_int_equal(read(fds[0], text, sizeof(text)), 3);
	close(fds[0]);
	close(fds[1]);
}

static void
open_after_closing(void)
{
	char byte;

	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	if (npstdio_keep(false) == -1)
		_exit(10);
	if (socket(AF_UNIX, SOCK_STREAM, 0) <= STDERR_FILENO)
		_exit(11);
	if (read(STDIN_FILENO, &byte, 1) != 0)
		_exit(12);
	if (write(STDOUT_FILENO, "x", 1) != -1 || errno != EBADF)
		_exit(13);
	close(STDOUT_FILENO);
	if (npstdio_keep(true) == -1 || write(STDOUT_FILENO, "x", 1) != 1)
		_exit(14);
	_exit(0);
}

static void
test_closed_streams_keep_their_numbers(void **state NP_UNUSED)
{
	assert_int_equal(in_child(-1, open_after_closing), 0);
}

static void
open_beside_open_ones(void)
{
	int before = dup(STDOUT_FILENO), after;

	close(before);
	if (npstdio_keep(false) == -1)
		_exit(10);
	after = dup(STDOUT_FILENO);
	_exit(before == after ? 0 : 11);
}

static void
test_open_streams_are_left_alone(void **state NP_UNUSED)
{
	assert_int_equal(in_child(-1, open_beside_open_ones), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nonblocking_pipe_loses_nothing),
	    cmocka_unit_test(test_file_goes_on_where_it_was),
	    cmocka_unit_test(test_socket_stays_as_it_is),
	    cmocka_unit_test(test_closed_streams_keep_their_numbers),
	    cmocka_unit_test(test_open_streams_are_left_alone),
	};

	return cmocka_run_group_tests_name("npstdio", tests, NULL, NULL);
}
