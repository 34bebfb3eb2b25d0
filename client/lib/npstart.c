/*
 * The start of a broker: two forks, a clean process, and one pipe on which the daemon reports.  Priority and limits are
 * reset by the daemon itself (process.h), which can say what it may not.
 *
 * The broker outlives its starter, so it must not hold anything of it: a descriptor kept open would make a caller that
 * reads a pipe wait for hours, a directory could not be unmounted, a terminal would hang up on it.  Between fork() and
 * execve() only async-signal-safe functions run.
 */
#include "lib/npstart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"

#define STARTUP_FD 3
#define IDLE_EXIT_SECONDS "600"
#define REPORT_MAX 1024

extern char **environ;

/* All that the child needs, made before fork(). */
struct start {
	const char *program;
	const char *argv[10];
	char **envp;
	int report_fd;
};

int
npstart_env_passes(const char *entry)
{
	static const char *const names[] = {"HOME=", "USER=", "LOGNAME=", "PATH=", "LANG=", "SSH_AUTH_SOCK="};
	static const char *const prefixes[] = {"XDG_", "NETPULSE_"};

	for (size_t i = 0; i < NP_COUNT(names); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return 1;
	for (size_t i = 0; i < NP_COUNT(prefixes); i++)
		if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
			return 1;
	return 0;
}

static char **
make_environment(void)
{
	size_t count = 0, n = 0;

	while (environ != NULL && environ[count] != NULL)
		count++;
	char **envp = xcalloc(count + 1, sizeof(envp[0]));
	for (size_t i = 0; i < count; i++)
		if (npstart_env_passes(environ[i]))
			envp[n++] = environ[i];
	return envp;
}

/* What the caller ignores (nohup, background jobs) or blocks must not be ignored or blocked by the broker. */
static void
reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
report(const char *what, const char *name)
{
	/* The starter has one thread: strerror() cannot have been caught in the middle of something. */
	const char *const parts[] = {what, " ", name, ": ", strerror(errno), "\n"};

	for (size_t i = 0; i < NP_COUNT(parts); i++)
		if (write(STARTUP_FD, parts[i], strlen(parts[i])) == -1)
			return;
}

static void NP_NORETURN
child_become_daemon(const struct start *s)
{
	int null;

	if (dup2(s->report_fd, STARTUP_FD) == -1)
		_exit(1);
	null = open("/dev/null", O_RDWR);
	if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1 || dup2(null, 2) == -1) {
		report("open", "/dev/null");
		_exit(1);
	}
	closefrom(STARTUP_FD + 1);
	umask(077);
	if (chdir("/") == -1) {
		report("change to", "/");
		_exit(1);
	}
	reset_signals();
	execve(s->program, (char *const *)(uintptr_t)s->argv, s->envp);
	report("execute the broker", s->program);
	_exit(1);
}

/* The first child leaves, so that the daemon belongs to init(8); that one leads a session of its own, without terminal.
 */
static void NP_NORETURN
child_fork_again(const struct start *s)
{
	pid_t pid = fork();

	if (pid > 0)
		_exit(0);
	if (pid == -1 || setsid() == -1)
		_exit(1);
	child_become_daemon(s);
}

static int
spawn(const struct start *s, struct np_error *err)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == -1)
		return error_set_errno(err, REASON_BROKER_UNAVAILABLE, "start the broker: fork");
	if (pid == 0)
		child_fork_again(s);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR) /* ECHILD: the caller ignores SIGCHLD; the pipe tells the rest */
			return 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(
		    err, REASON_BROKER_UNAVAILABLE, "start the broker: it could not be put in the background");
	return 0;
}

/* What the daemon said: "ready", a reason, or nothing at all. */
static int
judge_report(const struct start *s, char *text, size_t size, struct np_error *err)
{
	char shown[REPORT_MAX];

	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "ready") == 0)
		return 0;
	if (text[0] == '\0')
		return error_set(err, REASON_BROKER_UNAVAILABLE,
		    "the broker %s ended without a word while starting: run netpulsed -d to see why", s->program);
	return error_set(
	    err, REASON_BROKER_UNAVAILABLE, "the broker did not start: %s", text_vis_into(shown, sizeof(shown), text));
}

static int
read_report(const struct start *s, int fd, double deadline, const volatile sig_atomic_t *stop, struct np_error *err)
{
	char text[REPORT_MAX];
	size_t size = 0;

	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		double left = deadline - clock_now();

		if (stop != NULL && *stop != 0)
			return error_set(err, REASON_CANCELLED, "interrupted while starting the broker");
		if (left <= 0)
			return error_set(
			    err, REASON_BROKER_UNAVAILABLE, "the broker %s did not become ready in time", s->program);
		if (poll(&pfd, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		ssize_t n = read(fd, text + size, sizeof(text) - 1 - size);
		if (n == -1 && errno == EINTR)
			continue;
		if (n > 0)
			size += (size_t)n;
		if (n <= 0 || memchr(text, '\n', size) != NULL || size == sizeof(text) - 1)
			return judge_report(s, text, size, err);
	}
}

/* Both ends above the standard descriptors, which a caller may have closed. */
static int
make_pipe(int fds[2], struct np_error *err)
{
	int raw[2];

	if (pipe2(raw, O_CLOEXEC) == -1)
		return error_set_errno(err, REASON_BROKER_UNAVAILABLE, "start the broker: make a pipe");
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, STARTUP_FD + 1);
		close(raw[i]);
	}
	if (fds[0] != -1 && fds[1] != -1)
		return 0;
	error_set_errno(err, REASON_BROKER_UNAVAILABLE, "start the broker: make a pipe");
	for (int i = 0; i < 2; i++)
		if (fds[i] != -1)
			close(fds[i]);
	return -1;
}

char *
npstart_absolute(const char *path, struct np_error *err)
{
	char *cwd, *joined;

	if (path[0] == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL) {
		error_set_errno(err, REASON_BROKER_UNAVAILABLE, "find the directory of %s", path);
		return NULL;
	}
	joined = xasprintf("%s/%s", cwd, path);
	free(cwd);
	return joined;
}

const char *
npstart_program(struct np_error *err)
{
	const char *program = getenv("NETPULSE_DAEMON");

	if (program == NULL || *program == '\0')
		return NETPULSED_PATH;
	if (program[0] == '/')
		return program;
	error_set(err, REASON_BROKER_UNAVAILABLE, "$NETPULSE_DAEMON must be an absolute path");
	return NULL;
}

int
npstart_daemon(const char *socket_path, double deadline, const volatile sig_atomic_t *stop, struct np_error *err)
{
	return npstart_daemon_as(socket_path, NULL, IDLE_EXIT_SECONDS, deadline, stop, err);
}

int
npstart_daemon_as(const char *socket_path, const char *config, const char *idle_exit, double deadline,
    const volatile sig_atomic_t *stop, struct np_error *err)
{
	struct start s = {.program = npstart_program(err)};
	char *path = s.program != NULL ? npstart_absolute(socket_path, err) : NULL;
	const char *const argv[] = {s.program, "--startup-fd", "3", "-S", path, "--idle-exit", idle_exit,
	    config != NULL ? "-f" : NULL, config, NULL};
	int fds[2] = {-1, -1}, result;

	if (path == NULL)
		return -1;
	if (make_pipe(fds, err) == -1) {
		free(path);
		return -1;
	}
	memcpy(s.argv, argv, sizeof(argv));
	s.envp = make_environment();
	s.report_fd = fds[1];
	result = spawn(&s, err);
	close(fds[1]);
	if (result == 0)
		result = read_report(&s, fds[0], deadline, stop, err);
	close(fds[0]);
	free(s.envp);
	free(path);
	return result;
}
