/* netpulsed as a subordinate of npctl: it checks files, and says what a broker would use. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/npstart.h"
#include "npctl/npctl_impl.h"
#include "base/xalloc.h"

/*
 * netpulsed's arguments; options first, so that an argument that begins with a dash is none.  before: what stands
 * before the first argument, or NULL.  The caller frees it.
 */
static const char **
make_argv(const struct npctl_options *o, const char *program, const char *task, const char *before)
{
	const char **argv = xcalloc((size_t)o->args_count + 8, sizeof(char *));
	size_t n = 0;

	argv[n++] = program;
	argv[n++] = task;
	if (o->file != NULL) {
		argv[n++] = "-f";
		argv[n++] = o->file;
	}
	if (before != NULL)
		argv[n++] = before;
	for (int i = 0; i < o->args_count; i++) {
		if (i == (before != NULL ? 1 : 0))
			argv[n++] = "--";
		argv[n++] = o->args[i];
	}
	return argv;
}

static void
become(const char *program, const char **argv)
{
	execv(program, (char *const *)(uintptr_t)argv);
}

void
npctl_daemon_check(struct npctl *c)
{
	struct np_error err;
	const char *program = npstart_program(&err), **argv;

	if (program != NULL) {
		argv = make_argv(c->o, program, "-t", c->o->verb->task);
		become(program, argv);
		error_set_errno(&err, REASON_BROKER_UNAVAILABLE, "execute %s (NETPULSE_DAEMON names another)", program);
		free(argv);
	}
	npctl_say_error(c, NULL, &err);
}

/* The child's end: standard output is the pipe, everything else stays. */
static void NP_NORETURN
child(int fd, const char *program, const char **argv)
{
	if (dup2(fd, STDOUT_FILENO) != -1)
		become(program, argv);
	_exit(127);
}

static int
await(pid_t pid, const char *program, struct np_error *err)
{
	int status = 0;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return error_set_errno(err, REASON_INTERNAL, "wait for %s", program);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	error_clear(err);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(
		    err, REASON_BROKER_UNAVAILABLE, "%s cannot be executed (NETPULSE_DAEMON names another)", program);
	if (WIFSIGNALED(status))
		return error_set(err, REASON_INTERNAL, "%s died of signal %d", program, WTERMSIG(status));
	return -1; /* it has said why */
}

/* What it prints, which the caller frees; there is no NUL in it. */
static int
run(const char *program, const char **argv, char **text, struct np_error *err)
{
	size_t size = 0;
	int fds[2];
	FILE *f;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return error_set_errno(err, REASON_INTERNAL, "make a pipe");
	pid = fork();
	if (pid == 0)
		child(fds[1], program, argv);
	close(fds[1]);
	if (pid == -1) {
		close(fds[0]);
		return error_set_errno(err, REASON_INTERNAL, "fork");
	}
	f = xchecked(fdopen(fds[0], "r"));
	if (getdelim(text, &size, '\0', f) == -1) {
		free(*text);
		*text = xstrdup("");
	}
	fclose(f);
	return await(pid, program, err);
}

cJSON *
npctl_daemon_ask(const struct npctl_options *o, const char *task, struct np_error *err)
{
	const char *program = npstart_program(err), **argv;
	cJSON *result = NULL;
	char *text = NULL;

	if (program == NULL)
		return NULL;
	argv = make_argv(o, program, task, NULL);
	if (run(program, argv, &text, err) == 0) {
		result = cJSON_Parse(text);
		if (result == NULL)
			error_set(err, REASON_INTERNAL, "%s gave no answer that can be read", program);
	}
	free(text);
	free(argv);
	return result;
}

void
npctl_daemon_show(struct npctl *c, const struct np_error *why)
{
	struct np_error err;
	cJSON *result;

	if (why != NULL)
		fprintf(stderr, "npctl: %s: this is what one would use\n", why->text);
	result = npctl_daemon_ask(c->o, c->o->verb->task, &err);
	if (result == NULL && err.reason != REASON_NONE)
		npctl_say_error(c, NULL, &err);
	else if (result == NULL)
		c->status = NPCTL_EXIT_FAILED;
	npctl_show(c, result);
}
