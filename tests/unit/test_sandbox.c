/* What a process in the sandbox can still do: each deed is done by a child that has given up what the broker gives up.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/starter.h"
#include "serve/sandbox.h"

/* A deed: 0, or -1 with errno. */
typedef long deed(void);

#define ENDED_BY(number) (1000 + (number))

/* errno of a deed in the sandbox, 0 where it succeeds, ENDED_BY(signal). */
static int
outcome(deed *run)
{
	struct sandbox s;
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		sandbox_enter(&s, NULL);
		if (!s.calls)
			_exit(255);
		errno = 0;
		_exit(run() == -1 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return ENDED_BY(WTERMSIG(status));
	if (WEXITSTATUS(status) == 255)
		skip(); /* built without it */
	return WEXITSTATUS(status);
}

static long
run_a_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long
run_an_open_program(void)
{
	return fexecve(open("/bin/true", O_RDONLY), (char *[]){NULL}, (char *[]){NULL});
}

static long
trace_another(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long
read_another(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {&byte, 1};

	return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static long
load_a_program_into_the_kernel(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

static long
mount_something(void)
{
	return mount("none", "/", NULL, MS_REMOUNT, NULL);
}

static long
load_a_module(void)
{
	return syscall(SYS_finit_module, 0, "", 0);
}

static long
leave_the_namespaces(void)
{
	return syscall(SYS_unshare, 0x10000000);
}

static void
test_what_only_an_intruder_does_ends_the_process(void **state NP_UNUSED)
{
	deed *const deeds[] = {run_a_program, run_an_open_program, trace_another, read_another,
	    load_a_program_into_the_kernel, mount_something, load_a_module, leave_the_namespaces};

	for (size_t i = 0; i < NP_COUNT(deeds); i++)
		assert_int_equal(outcome(deeds[i]), ENDED_BY(SIGSYS));
}

static long
make_a_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static long
run_a_shell(void)
{
	int status = system("true");

	return status == 0 ? 0 : -1;
}

static long
see_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long
speak_to_the_kernel(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 15);
}

static long
signal_another(void)
{
	return kill(getppid(), 0);
}

static long
signal_a_thread_of_another(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long
limit_another(void)
{
	struct rlimit limit;

	return prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit);
}

static long
type_at_a_terminal(void)
{
	return ioctl(0, TIOCSTI, "x");
}

static long
be_root(void)
{
	return syscall(SYS_setresuid, 0, 0, 0);
}

static long
queue_work_past_the_filter(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static void
test_what_no_broker_needs_is_not_there(void **state NP_UNUSED)
{
	deed *const deeds[] = {make_a_process, run_a_shell, see_packets, speak_to_the_kernel, signal_another,
	    signal_a_thread_of_another, limit_another, type_at_a_terminal, be_root, queue_work_past_the_filter};

	for (size_t i = 0; i < NP_COUNT(deeds); i++)
		assert_int_equal(outcome(deeds[i]), ENOSYS);
}

static void *
nothing(void *arg)
{
	return arg;
}

static long
make_a_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	return errno != 0 ? -1 : pthread_join(thread, NULL);
}

static long
look_up_a_name(void)
{
	struct addrinfo *found, hints = {.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
	int rc = getaddrinfo("localhost", "22", &hints, &found);

	if (rc != 0 && rc != EAI_NONAME && rc != EAI_AGAIN) { /* where there is no network */
		errno = EPROTO;
		return -1;
	}
	return 0;
}

static long
read_a_file(void)
{
	char byte;

	return read(open("/etc/passwd", O_RDONLY), &byte, 1);
}

static long
abort_itself(void)
{
	abort();
}

static void
test_what_a_broker_needs_is_there(void **state NP_UNUSED)
{
	assert_int_equal(outcome(make_a_thread), 0);
	assert_int_equal(outcome(look_up_a_name), 0);
	assert_int_equal(outcome(read_a_file), 0);
	assert_int_equal(outcome(abort_itself), ENDED_BY(SIGABRT));
}

static long
have_a_program_run(void)
{
	const char *argv[] = {"true", NULL};
	struct started child;
	int rc = starter_run("/bin/true", argv, (const int[]){0, 1, 2}, &child);

	if (rc == 0) {
		starter_kill(&child);
		rc = child.status == STARTER_GONE ? EPROTO : 0;
	}
	errno = rc;
	return rc == 0 ? 0 : -1;
}

static void
test_the_starter_is_outside(void **state NP_UNUSED)
{
	struct np_error err;

	assert_int_equal(starter_open(NULL, &err), 0);
	assert_int_equal(outcome(have_a_program_run), 0);
	starter_close();
}

static char kept[] = "/tmp/np-sandbox-XXXXXX", lost[] = "/tmp/np-sandbox-XXXXXX";

/* The first of what a strict sandbox may and must not do that is not so; 0. */
static int
strict_deeds(void)
{
	char in[64], out[64], aside[64];

	snprintf(in, sizeof(in), "%s/file", kept);
	snprintf(aside, sizeof(aside), "%s/other", kept);
	snprintf(out, sizeof(out), "%s/file", lost);
	if (open(in, O_WRONLY | O_CREAT | O_TRUNC, 0600) == -1 || rename(in, aside) == -1 || unlink(aside) == -1)
		return 1;
	if (open("/dev/null", O_RDWR) == -1 || open("/etc/passwd", O_RDONLY) == -1 || access(lost, R_OK | X_OK) == -1)
		return 2;
	if (open(out, O_WRONLY | O_CREAT, 0600) != -1 || errno != EACCES)
		return 3;
	if (mkdir(out, 0700) != -1 || rmdir(lost) != -1)
		return 4;
	return 0;
}

static void
test_the_strict_sandbox_writes_only_where_it_may(void **state NP_UNUSED)
{
	struct strings writable = {0};
	struct sandbox s;
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(kept));
	assert_non_null(mkdtemp(lost));
	strings_add(&writable, kept);
	strings_add(&writable, "/nonexistent/directory");
	pid = fork();
	if (pid == 0) {
		sandbox_enter(&s, &writable);
		_exit(s.files ? strict_deeds() : 255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(kept);
	rmdir(lost);
	strings_finish(&writable);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 255)
		skip(); /* the kernel has no Landlock, or this is a build with sanitizers */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_only_an_intruder_does_ends_the_process),
	    cmocka_unit_test(test_what_no_broker_needs_is_not_there),
	    cmocka_unit_test(test_what_a_broker_needs_is_there),
	    cmocka_unit_test(test_the_starter_is_outside),
	    cmocka_unit_test(test_the_strict_sandbox_writes_only_where_it_may),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
