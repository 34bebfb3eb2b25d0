/* Child processes; see child.h. */
#include "login/child.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/program.h"
#include "base/starter.h"
#include "base/text.h"
#include "login/hooks.h"
#include "base/xalloc.h"

#define LOG_MAX 4096

struct running {
	struct started child;
	int out_fd, err_fd;
	struct buf out, err;
};

/* 0, an errno, or STARTER_GONE. */
static int
child_start(const char *const *argv, int in, int out, int err, struct started *child)
{
	char *program = program_find(argv[0]);
	int rc = program == NULL ? ENOENT : starter_run(program, argv, (const int[]){in, out, err}, child);

	free(program);
	return rc;
}

static int
open_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* 0, or an errno; on success the child runs. */
static int
run_begin(struct running *r, const char *const *argv, const struct child_limits *limits)
{
	int out[2] = {-1, -1}, err[2] = {-1, -1}, null = open_null(), rc;

	*r = (struct running){.child = {.line = -1}};
	buf_init(&r->out, limits->out_max);
	buf_init(&r->err, limits->err_max);
	if (null == -1 || pipe2(out, O_CLOEXEC) == -1 || pipe2(err, O_CLOEXEC) == -1)
		rc = errno;
	else
		rc = child_start(argv, null, out[1], err[1], &r->child);
	close_fd(&null);
	close_fd(&out[1]);
	close_fd(&err[1]);
	r->out_fd = out[0];
	r->err_fd = err[0];
	if (rc != 0)
		return rc;
	fcntl(r->out_fd, F_SETFL, O_NONBLOCK);
	fcntl(r->err_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Reads what is there.  False when the buffer is full and more came, unless drop says that this is fine. */
static bool
run_read(int *fd, struct buf *b, bool drop)
{
	char chunk[4096];
	ssize_t n;
	bool fits = true;

	while (*fd != -1 && fits) {
		n = read(*fd, chunk, sizeof(chunk));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close_fd(fd);
		} else if ((size_t)n <= buf_room(b)) {
			fits = buf_append(b, chunk, (size_t)n) == 0;
		} else if (drop) {
			fits = buf_append(b, chunk, buf_room(b)) == 0;
		} else {
			fits = false;
		}
	}
	secret_wipe(chunk, sizeof(chunk));
	return fits;
}

static enum child_end
run_loop(struct running *r, const struct child_limits *limits, double deadline)
{
	struct pollfd fds[4];
	bool ended;
	int ms;

	for (;;) {
		/* First the child's end, then the last read: so that nothing it wrote is missed. */
		ended = starter_has_ended(&r->child);
		if (!run_read(&r->out_fd, &r->out, false))
			return CHILD_TOO_MUCH;
		run_read(&r->err_fd, &r->err, true);
		if (ended)
			return CHILD_EXITED;
		ms = wake_poll_ms(deadline);
		if (ms == 0)
			return CHILD_TIMED_OUT;
		fds[0] = (struct pollfd){.fd = r->out_fd, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = r->err_fd, .events = POLLIN};
		fds[2] = (struct pollfd){.fd = r->child.line, .events = POLLIN};
		fds[3] = (struct pollfd){.fd = limits->cancel_fd, .events = WAKE_EVENTS};
		if (poll(fds, 4, ms) > 0 && fds[3].revents != 0)
			return CHILD_CANCELLED;
	}
}

/* Moves a buffer's bytes into a string of its own and wipes the buffer. */
static char *
take_text(struct buf *b, size_t *size)
{
	char *text = xmalloc(b->len + 1);

	if (b->len > 0)
		memcpy(text, buf_head(b), b->len);
	text[b->len] = '\0';
	*size = b->len;
	buf_wipe(b);
	buf_free(b);
	return text;
}

enum child_end
child_run(const char *const *argv, const struct child_limits *limits, struct child_output *output)
{
	struct running r;
	enum child_end end;
	double deadline = clock_now() + limits->seconds;

	*output = (struct child_output){.out = NULL};
	output->error_number = run_begin(&r, argv, limits);
	if (output->error_number != 0) {
		end = CHILD_FAILED;
	} else {
		end = run_loop(&r, limits, deadline);
		starter_kill(&r.child);
		output->status = r.child.status;
		output->plain = r.child.plain;
		if (end == CHILD_EXITED && output->status == STARTER_GONE) {
			end = CHILD_FAILED;
			output->error_number = STARTER_GONE;
		}
	}
	close_fd(&r.out_fd);
	close_fd(&r.err_fd);
	output->out = take_text(&r.out, &output->out_size);
	output->err = take_text(&r.err, &output->err_size);
	return end;
}

bool
child_run_within(const struct dial_hooks *hooks, const char *const *argv, struct child_limits *limits,
    struct child_output *output, enum child_end *end, struct np_error *err)
{
	double left = hooks->left(err, hooks->arg);

	if (left < 0)
		return false;
	if (left < limits->seconds)
		limits->seconds = left;
	limits->cancel_fd = wake_open(hooks, err);
	if (limits->cancel_fd == -1)
		return false;
	*end = child_run(argv, limits, output);
	wake_close(hooks, limits->cancel_fd);
	return true;
}

void
child_output_finish(struct child_output *output)
{
	if (output->out != NULL)
		secret_wipe(output->out, output->out_size);
	if (output->err != NULL)
		secret_wipe(output->err, output->err_size);
	free(output->out);
	free(output->err);
	*output = (struct child_output){.out = NULL};
}

/* What a program wrote for people: lines without the carriage returns that ssh puts there, made harmless. */
static char *
harmless(const char *raw, size_t size)
{
	char *copy = xmalloc(size + 1), *text;
	size_t i, n = 0;

	for (i = 0; i < size; i++)
		if (raw[i] != '\r')
			copy[n++] = raw[i];
	text = text_vis(copy, n, true);
	free(copy);
	return text;
}

char *
child_error_text(const struct child_output *output)
{
	return harmless(output->err, output->err_size);
}

/* Its last words: the last line that is not empty. */
static const char *
last_line(char *text)
{
	size_t n = strlen(text);
	char *line;

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	line = strrchr(text, '\n');
	return line != NULL ? line + 1 : text;
}

static const char plain_advice[] =
    " (programs of this broker get no new privileges, so sudo and its like cannot work: see "
    "children_no_new_privileges in netpulse.yaml(5))";

/* Whether it seems to have failed because setuid programs do not work. */
static bool
wanted_privileges(const struct child_output *output)
{
	return output->plain &&
	       (strstr(output->err, "no new privileges") != NULL || strstr(output->err, "setuid") != NULL);
}

void
child_describe(
    enum child_end end, const struct child_limits *limits, const struct child_output *output, char *text, size_t size)
{
	char *words = child_error_text(output);
	const char *advice = wanted_privileges(output) ? plain_advice : "", *line = last_line(words);
	const char *colon = line[0] != '\0' ? ": " : "";

	switch (end) {
	case CHILD_EXITED:
		if (WIFSIGNALED(output->status))
			snprintf(text, size, "was killed by signal %d%s%s", WTERMSIG(output->status), colon, line);
		else
			snprintf(text, size, "exited with status %d%s%s%s", WEXITSTATUS(output->status), colon, line,
			    advice);
		break;
	case CHILD_TIMED_OUT:
		snprintf(text, size, "was killed: it did not end within %g s%s%s", limits->seconds, colon, line);
		break;
	case CHILD_CANCELLED:
		snprintf(text, size, "was killed: the login was cancelled");
		break;
	case CHILD_TOO_MUCH:
		snprintf(text, size, "was killed: it wrote more than %zu bytes", limits->out_max);
		break;
	case CHILD_FAILED:
		snprintf(text, size, "could not be started: %s", starter_strerror(output->error_number));
		break;
	}
	free(words);
}

/*
 * A place for a child's standard error that cannot grow: writes beyond its end fail, the child neither blocks nor dies
 * of it, and nobody needs to read.
 */
static int
open_log(void)
{
	int fd = memfd_create("proxy-stderr", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd != -1 && (ftruncate(fd, LOG_MAX) == -1 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == -1))
		close_fd(&fd);
	return fd;
}

int
child_stream_start(const char *command, struct child_stream *child, struct np_error *err)
{
	char *line = xasprintf("exec %s", command);
	const char *argv[] = {"sh", "-c", line, NULL};
	int pair[2] = {-1, -1}, null, rc = 0;

	*child = (struct child_stream){.process = {.line = -1}, .fd = -1, .log_fd = open_log()};
	null = child->log_fd == -1 ? open_null() : -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		rc = errno;
	else
		rc = child_start(argv, pair[1], pair[1], child->log_fd != -1 ? child->log_fd : null, &child->process);
	close_fd(&null);
	close_fd(&pair[1]);
	free(line);
	child->fd = pair[0];
	if (rc == 0)
		return 0;
	close_fd(&child->fd);
	close_fd(&child->log_fd);
	return error_set(err, REASON_CONNECT_FAILED, "cannot start the ProxyCommand: %s", starter_strerror(rc));
}

char *
child_log_text(int log_fd)
{
	char raw[LOG_MAX];
	ssize_t n = log_fd == -1 ? 0 : pread(log_fd, raw, sizeof(raw), 0);
	size_t size = n > 0 ? strnlen(raw, (size_t)n) : 0;

	while (size > 0 && (raw[size - 1] == '\n' || raw[size - 1] == '\r'))
		size--;
	return harmless(raw, size);
}

void
child_kill(struct started *child)
{
	double give_up = clock_now() + 0.5;
	struct pollfd p = {.fd = child->line, .events = POLLIN};

	starter_signal(child, SIGTERM);
	while (!starter_has_ended(child) && clock_now() < give_up)
		poll(&p, 1, wake_poll_ms(give_up));
	starter_kill(child);
}
