/* Child processes: output, limits, their end, what they inherit. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "login/child.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "kit/dialkit.h"
#include "kit/slow.h"

struct fixture {
	struct child_limits limits;
	struct child_output output;
	double took;
	int fds;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->fds = kit_count_fds();
	f->limits = (struct child_limits){.out_max = 4096, .err_max = 256, .seconds = slow(20), .cancel_fd = -1};
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	child_output_finish(&f->output);
	assert_int_equal(kit_count_fds(), f->fds);
	free(f);
	return 0;
}

static enum child_end
sh(struct fixture *f, const char *command)
{
	double began = clock_now();
	enum child_end end;

	child_output_finish(&f->output);
	end = child_run((const char *[]){"sh", "-c", command, NULL}, &f->limits, &f->output);
	f->took = clock_now() - began;
	return end;
}

static void
assert_described(const struct fixture *f, enum child_end end, const char *text)
{
	char words[256];

	child_describe(end, &f->limits, &f->output, words, sizeof(words));
	assert_string_equal(words, text);
}

static void
test_output_and_status(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sh(f, "printf 'a\\0b'; echo warning >&2; exit 7"), CHILD_EXITED);
	assert_int_equal(WEXITSTATUS(f->output.status), 7);
	assert_int_equal(f->output.out_size, 3);
	assert_memory_equal(f->output.out, "a\0b", 4);
	assert_string_equal(f->output.err, "warning\n");
	assert_described(f, CHILD_EXITED, "exited with status 7: warning");
}

static void
test_last_line_of_stderr_is_told_harmless(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sh(f, "printf 'first\\n\\033[1mlast\\n\\n' >&2; kill -9 $$"), CHILD_EXITED);
	assert_described(f, CHILD_EXITED, "was killed by signal 9: \\033[1mlast");
}

static void
test_program_that_does_not_exist(void **state)
{
	struct fixture *f = *state;
	enum child_end end = child_run((const char *[]){"np-no-such-program", NULL}, &f->limits, &f->output);

	assert_int_equal(end, CHILD_FAILED);
	assert_int_equal(f->output.error_number, ENOENT);
	assert_described(f, end, "could not be started: No such file or directory");
}

static void
test_standard_input_is_empty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sh(f, "cat; echo end"), CHILD_EXITED);
	assert_string_equal(f->output.out, "end\n");
}

static void
test_too_much_output_ends_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sh(f, "yes"), CHILD_TOO_MUCH);
	assert_true(f->output.out_size <= 4096);
	assert_described(f, CHILD_TOO_MUCH, "was killed: it wrote more than 4096 bytes");
	/* Exactly as much as allowed is not too much. */
	assert_int_equal(sh(f, "head -c 4096 /dev/zero"), CHILD_EXITED);
	assert_int_equal(f->output.out_size, 4096);
	assert_int_equal(sh(f, "head -c 4097 /dev/zero"), CHILD_TOO_MUCH);
}

static void
test_too_much_stderr_is_dropped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sh(f, "head -c 1000000 /dev/zero >&2; echo out"), CHILD_EXITED);
	assert_int_equal(f->output.err_size, 256);
	assert_string_equal(f->output.out, "out\n");
}

static void
test_deadline_kills_the_whole_group(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	f->limits.seconds = 0.3;
	assert_int_equal(sh(f, "trap '' TERM; sleep 100 & echo $!; sleep 100"), CHILD_TIMED_OUT);
	assert_true(f->took < slow(10));
	assert_described(f, CHILD_TIMED_OUT, "was killed: it did not end within 0.3 s");
	pid = (pid_t)atoi(f->output.out);
	assert_true(pid > 0);
	/* It is not our child: the kernel gives it to init, who may take a moment to bury it. */
	for (int i = 0; i < 400 && kill(pid, 0) == 0; i++) {
		char path[64], *text, *state_letter;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		text = kit_read(path);
		state_letter = strrchr(text, ')');
		pid = state_letter != NULL && state_letter[2] == 'Z' ? -1 : pid;
		free(text);
		if (pid == -1)
			return;
		usleep(5000);
	}
	assert_int_equal(kill(pid, 0), -1);
}

static void
test_background_processes_are_not_waited_for(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sh(f, "sleep 100 & echo started"), CHILD_EXITED);
	assert_true(f->took < slow(10));
	assert_string_equal(f->output.out, "started\n");
}

static void *
shut_down_soon(void *arg)
{
	usleep(100000);
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}

static void
test_cancel_ends_it(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->limits.cancel_fd = pair[0];
	f->limits.seconds = INFINITY;
	assert_int_equal(pthread_create(&thread, NULL, shut_down_soon, &pair[1]), 0);
	assert_int_equal(sh(f, "sleep 100"), CHILD_CANCELLED);
	pthread_join(thread, NULL);
	assert_true(f->took < slow(10));
	close(pair[0]);
	close(pair[1]);
}

static void
test_nothing_is_inherited_but_the_environment(void **state)
{
	struct fixture *f = *state;
	int leak = open("/dev/null", O_RDONLY); /* without CLOEXEC, as a library would */

	assert_true(leak > 2);
	setenv("NP_TEST_CHILD", "seen", 1);
	assert_int_equal(sh(f, "echo $NP_TEST_CHILD; for fd in /proc/self/fd/*; do n=${fd##*/}; [ -e $fd ] && [ $n -gt "
			       "2 ] && readlink $fd; done; :"),
	    CHILD_EXITED);
	unsetenv("NP_TEST_CHILD");
	assert_string_equal(f->output.out, "seen\n");
	close(leak);
}

static void
test_signals_are_at_their_defaults(void **state)
{
	struct fixture *f = *state;
	unsigned long long blocked = 1, ignored = 1;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	assert_int_equal(sh(f, "grep -E 'Sig(Blk|Ign):' /proc/self/status"), CHILD_EXITED);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(sscanf(f->output.out, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	/* Bits 31 and 32 are the C library's own. */
	assert_int_equal(ignored & 0x7fffffff, 0);
}

static void
test_stream_talks_both_ways_and_keeps_its_words(void **state)
{
	struct child_stream child;
	struct np_error err;
	char text[32] = "", *words;

	(void)state;
	assert_int_equal(child_stream_start("sh -c 'echo connected >&2; cat'", &child, &err), 0);
	assert_int_equal(write(child.fd, "ping\n", 5), 5);
	assert_int_equal(read(child.fd, text, sizeof(text)), 5);
	assert_string_equal(text, "ping\n");
	words = child_log_text(child.log_fd);
	assert_string_equal(words, "connected");
	free(words);
	close(child.fd);
	child_kill(&child.process);
	close(child.log_fd);
	assert_int_equal(kill(child.process.pid, 0), -1);
}

static void
test_stream_that_writes_much_to_stderr_goes_on(void **state)
{
	struct child_stream child;
	struct np_error err;
	char text[32] = "", *words;

	(void)state;
	assert_int_equal(
	    child_stream_start("sh -c 'head -c 1000000 /dev/zero | tr \\\\0 x >&2; echo alive'", &child, &err), 0);
	assert_int_equal(read(child.fd, text, sizeof(text)), 6);
	assert_string_equal(text, "alive\n");
	words = child_log_text(child.log_fd);
	assert_true(strlen(words) <= 4096);
	free(words);
	close(child.fd);
	child_kill(&child.process);
	if (child.log_fd != -1)
		close(child.log_fd);
}

static void
test_kill_ends_what_ignores_term(void **state)
{
	struct child_stream child;
	struct np_error err;
	double began;
	char c;

	(void)state;
	assert_int_equal(child_stream_start("sh -c 'trap \"\" TERM; echo; sleep 100'", &child, &err), 0);
	assert_int_equal(read(child.fd, &c, 1), 1);
	began = clock_now();
	child_kill(&child.process);
	assert_true(clock_now() - began < slow(10));
	assert_int_equal(kill(child.process.pid, 0), -1);
	close(child.fd);
	close(child.log_fd);
}

static void
test_children_end_with_the_broker(void **state NP_UNUSED)
{
	struct child_stream child;
	struct np_error err;
	char c;

	assert_int_equal(child_stream_start("sh -c 'trap \"\" TERM; echo; sleep 100'", &child, &err), 0);
	assert_int_equal(read(child.fd, &c, 1), 1);
	starter_release(&child.process);
	starter_close();
	assert_int_equal(kill(child.process.pid, 0), -1);
	close(child.fd);
	close(child.log_fd);
	assert_int_equal(starter_open(NULL, &err), 0);
}

/* Which only a new broker mends. */
static void
test_a_starter_that_is_gone_has_a_name(void **state)
{
	struct fixture *f = *state;
	struct child_stream child;
	struct np_error err;

	starter_close();
	assert_int_equal(sh(f, "echo"), CHILD_FAILED);
	assert_int_equal(f->output.error_number, STARTER_GONE);
	assert_int_equal(child_stream_start("echo", &child, &err), -1);
	assert_non_null(strstr(err.text, "cannot start the ProxyCommand: the broker's process that starts programs"));
	assert_int_equal(starter_open(NULL, &err), 0);
	assert_int_equal(sh(f, "echo"), CHILD_EXITED);
}

/* Groups keep their number while their leader is unburied: a signal meets nobody else. */
static void
test_a_leader_that_has_ended_is_signalled_no_more_than_its_group(void **state)
{
	struct fixture *f = *state;
	struct child_stream child;
	struct np_error err;
	char text[32];

	(void)f;
	assert_int_equal(child_stream_start("sh -c 'trap \"\" HUP; sleep 100 & echo $!'", &child, &err), 0);
	memset(text, 0, sizeof(text));
	assert_true(read(child.fd, text, sizeof(text) - 1) > 0);
	starter_signal(&child.process, SIGHUP);
	assert_int_equal(kill((pid_t)atoi(text), 0), 0);
	starter_kill(&child.process);
	assert_int_equal(WEXITSTATUS(child.process.status), 0);
	close(child.fd);
	close(child.log_fd);
}

/* A starter is not given back what it has lost: another one takes its place. */
static void
test_a_program_that_wants_privileges_is_told_why_not(void **state)
{
	struct fixture *f = *state;
	static const char sudo[] = "echo 'sudo: The \"no new privileges\" flag is set' >&2; exit 1";
	struct np_error err;
	char words[400];

	assert_int_equal(sh(f, sudo), CHILD_EXITED);
	if (!f->output.plain)
		assert_described(f, CHILD_EXITED, "exited with status 1: sudo: The \"no new privileges\" flag is set");
	starter_forbid_privileges();
	assert_int_equal(sh(f, "grep NoNewPrivs: /proc/self/status"), CHILD_EXITED);
	assert_string_equal(f->output.out, "NoNewPrivs:\t1\n");
	assert_int_equal(sh(f, sudo), CHILD_EXITED);
	child_describe(CHILD_EXITED, &f->limits, &f->output, words, sizeof(words));
	assert_non_null(strstr(words, "flag is set (programs of this broker get no new privileges"));
	starter_close();
	assert_int_equal(starter_open(NULL, &err), 0);
}

static void
test_words_that_are_too_long_are_refused(void **state)
{
	struct fixture *f = *state;
	char *line = calloc(1, 300001);

	memset(line, ' ', 120000);
	assert_int_equal(sh(f, line), CHILD_EXITED);
	assert_int_equal(f->output.status, 0);
	memset(line, ' ', 300000);
	assert_int_equal(sh(f, line), CHILD_FAILED);
	assert_int_equal(f->output.error_number, E2BIG);
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_output_and_status),
	    T(test_last_line_of_stderr_is_told_harmless),
	    T(test_program_that_does_not_exist),
	    T(test_standard_input_is_empty),
	    T(test_too_much_output_ends_it),
	    T(test_too_much_stderr_is_dropped),
	    T(test_deadline_kills_the_whole_group),
	    T(test_background_processes_are_not_waited_for),
	    T(test_cancel_ends_it),
	    T(test_nothing_is_inherited_but_the_environment),
	    T(test_signals_are_at_their_defaults),
	    T(test_stream_talks_both_ways_and_keeps_its_words),
	    T(test_stream_that_writes_much_to_stderr_goes_on),
	    T(test_kill_ends_what_ignores_term),
	    T(test_children_end_with_the_broker),
	    T(test_a_starter_that_is_gone_has_a_name),
	    T(test_a_leader_that_has_ended_is_signalled_no_more_than_its_group),
	    T(test_words_that_are_too_long_are_refused),
	    T(test_a_program_that_wants_privileges_is_told_why_not),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
