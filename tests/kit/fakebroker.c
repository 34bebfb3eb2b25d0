/* The scripted broker and the client under test.  See fakebroker.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "kit/fakebroker.h"
#include "wire/frame.h"
#include "npexec/npexec_options.h"

/* ---- waiting ---- */

static void
wait_for(int fd, short events, const char *what)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	double deadline = clock_now() + FAKE_SECONDS;

	for (;;) {
		int n = poll(&pfd, 1, 200);
		if (n == 1)
			return;
		if (n == -1 && errno != EINTR)
			fail_msg("poll for %s: %s", what, strerror(errno));
		if (clock_now() > deadline)
			fail_msg("waited %.0f s for %s", FAKE_SECONDS, what);
	}
}

/* ---- the broker ---- */

void
fake_prepare(struct fakebroker *f)
{
	const char *tmp = getenv("TMPDIR");

	memset(f, 0, sizeof(*f));
	f->listen_fd = f->fd = -1;
	buf_init(&f->in, 4 * FRAME_SIZE_MAX);
	buf_init(&f->data, FRAME_DATA_MAX);
	snprintf(f->dir, sizeof(f->dir), "%s/npfakeXXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/b", f->dir);
}

void
fake_listen(struct fakebroker *f)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(f->listen_fd, -1);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->path);
	assert_int_equal(bind(f->listen_fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(f->listen_fd, 16), 0);
}

void
fake_start(struct fakebroker *f)
{
	fake_prepare(f);
	fake_listen(f);
}

static void
forget_message(struct fakebroker *f)
{
	if (f->have_message)
		message_finish(&f->message);
	f->have_message = false;
	buf_consume(&f->data, f->data.len);
}

void
fake_finish(struct fakebroker *f)
{
	char lock[128];

	forget_message(f);
	if (f->fd != -1)
		close(f->fd);
	if (f->listen_fd != -1)
		close(f->listen_fd);
	buf_free(&f->in);
	buf_free(&f->data);
	snprintf(lock, sizeof(lock), "%s.start", f->path);
	unlink(lock);
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0);
}

void
fake_accept(struct fakebroker *f)
{
	wait_for(f->listen_fd, POLLIN, "a client");
	f->fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_int_not_equal(f->fd, -1);
	buf_consume(&f->in, f->in.len);
}

void
fake_hello(struct fakebroker *f)
{
	fake_send(f,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{\"protocol\":1,\"broker\":\"fake\",\"pid\":1,"
	    "\"features\":[]}}");
}

void
fake_hang_up(struct fakebroker *f)
{
	close(f->fd);
	f->fd = -1;
}

/* 1: bytes came; 0: the end. */
static int
read_more(struct fakebroker *f)
{
	uint8_t *p = buf_reserve(&f->in, 65536);
	ssize_t n;

	assert_non_null(p);
	wait_for(f->fd, POLLIN, "the client to say something");
	n = read(f->fd, p, 65536);
	if (n <= 0)
		return 0;
	buf_commit(&f->in, (size_t)n);
	return 1;
}

const cJSON *
fake_expect(struct fakebroker *f, const char *method)
{
	struct frame frame;
	struct np_error err;
	enum frame_status status;

	forget_message(f);
	while ((status = frame_peek(buf_head(&f->in), f->in.len, &frame, &err)) == FRAME_MORE)
		if (read_more(f) == 0)
			fail_msg("the client left while `%s` was expected", method);
	if (status == FRAME_BAD || message_parse(frame.json, frame.json_size, &f->message, &err) == -1)
		fail_msg("the client sent nonsense: %s", err.text);
	f->have_message = true;
	assert_int_equal(buf_append(&f->data, frame.data, frame.data_size), 0);
	buf_consume(&f->in, frame.total);
	assert_non_null(f->message.method);
	assert_string_equal(f->message.method, method);
	return f->message.params;
}

void
fake_expect_end(struct fakebroker *f)
{
	struct frame frame;
	struct np_error err;

	while (read_more(f) == 1)
		;
	assert_int_equal(frame_peek(buf_head(&f->in), f->in.len, &frame, &err), FRAME_MORE);
	assert_int_equal(f->in.len, 0);
}

bool
fake_has_message(struct fakebroker *f, int ms)
{
	struct pollfd pfd = {.fd = f->fd, .events = POLLIN};
	struct frame frame;
	struct np_error err;

	while (frame_peek(buf_head(&f->in), f->in.len, &frame, &err) == FRAME_MORE)
		if (poll(&pfd, 1, ms) != 1 || read_more(f) == 0)
			return false;
	return true;
}

void
fake_send_raw(struct fakebroker *f, const void *p, size_t n)
{
	const char *bytes = p;

	while (n > 0) {
		ssize_t done;
		wait_for(f->fd, POLLOUT, "the client to read");
		done = send(f->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done == -1)
			fail_msg("send to the client: %s", strerror(errno));
		bytes += done;
		n -= (size_t)done;
	}
}

void
fake_send_data(struct fakebroker *f, const char *json, const void *p, size_t n)
{
	struct buf b;

	buf_init(&b, FRAME_SIZE_MAX);
	assert_int_equal(frame_append(&b, json, strlen(json), p, n), 0);
	fake_send_raw(f, buf_head(&b), b.len);
	buf_free(&b);
}

void
fake_send(struct fakebroker *f, const char *json)
{
	fake_send_data(f, json, NULL, 0);
}

/* ---- the client ---- */

static void
run_npexec(char *const *argv)
{
	struct npexec_world world;
	struct npexec_options options;
	struct np_error err;
	int argc = 0, status = 255;

	npexec_world_look(&world);
	while (argv[argc] != NULL)
		argc++;
	if (npexec_options_parse(argc, (char **)(uintptr_t)argv, &world, &options, &err) == NPOPTION_PARSED)
		status = npexec_run(&options);
	else
		dprintf(STDERR_FILENO, "npexec: %s\n", err.text);
	npexec_options_finish(&options);
	_exit(status);
}

static int
pipe_end(int fds[2], int keep)
{
	fcntl(fds[keep], F_SETFD, FD_CLOEXEC);
	close(fds[1 - keep]);
	return fds[keep];
}

void
fake_npexec(struct fakeclient *c, char *const *argv)
{
	int in[2], out[2], err[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(err), 0);
	fflush(NULL);
	c->pid = fork();
	assert_int_not_equal(c->pid, -1);
	if (c->pid == 0) {
		setsid(); /* no terminal: no prompts */
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		run_npexec(argv);
	}
	c->in = pipe_end(in, 1);
	c->out = pipe_end(out, 0);
	c->err = pipe_end(err, 0);
}

/* In the child: a session of its own, whose terminal is the other side of master. */
static void
take_terminal(const char *name)
{
	int fd;

	setsid();
	fd = open(name, O_RDWR);
	if (fd == -1 || ioctl(fd, TIOCSCTTY, 0) == -1)
		_exit(254);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	for (int i = 3; i < 64; i++)
		close(i);
}

void
fake_npexec_tty(struct fakeclient *c, char *const *argv)
{
	struct winsize size = {.ws_col = 100, .ws_row = 30};
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];

	assert_int_not_equal(master, -1);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	snprintf(name, sizeof(name), "%s", ptsname(master));
	fflush(NULL);
	c->pid = fork();
	assert_int_not_equal(c->pid, -1);
	if (c->pid == 0) {
		take_terminal(name);
		run_npexec(argv);
	}
	c->in = c->err = -1;
	c->out = master;
}

char *
fake_read(int fd, const char *until, size_t *size)
{
	char *text = calloc(1, 1);
	size_t have = 0, room = 1;

	for (;;) {
		char chunk[65536];
		ssize_t n;

		if (until != NULL && strstr(text, until) != NULL)
			break;
		wait_for(fd, POLLIN, until != NULL ? until : "the end of the output");
		n = read(fd, chunk, sizeof(chunk));
		if (n <= 0) { /* a terminal's master gives EIO */
			if (until != NULL)
				fail_msg("the output ended without `%s`: %s", until, text);
			break;
		}
		if (have + (size_t)n + 1 > room) {
			room = 2 * (have + (size_t)n + 1);
			text = realloc(text, room);
			assert_non_null(text);
		}
		memcpy(text + have, chunk, (size_t)n);
		have += (size_t)n;
		text[have] = '\0';
	}
	if (size != NULL)
		*size = have;
	return text;
}

void
fake_write(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void
close_ends(struct fakeclient *c)
{
	int *ends[] = {&c->in, &c->out, &c->err};

	for (size_t i = 0; i < 3; i++) {
		if (*ends[i] != -1)
			close(*ends[i]);
		*ends[i] = -1;
	}
}

int
fake_wait(struct fakeclient *c)
{
	double deadline = clock_now() + FAKE_SECONDS;
	int status;

	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		if (clock_now() > deadline) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, &status, 0);
			fail_msg("npexec did not end within %.0f s", FAKE_SECONDS);
		}
		poll(NULL, 0, 2);
	}
	close_ends(c);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
