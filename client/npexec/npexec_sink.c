/* Output to a standard stream.  Owns what waits, not the descriptor.  Never changes O_NONBLOCK, never raises a signal.
 */
#include "npexec/npexec_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A reader that is a little slow lets some frames gather again and again. */
#define PENDING_KEEP ((size_t)512 * 1024)

void
sink_init(struct sink *s, int fd, size_t max)
{
	*s = (struct sink){.fd = fd};
	buf_init(&s->pending, max);
	buf_keep(&s->pending, PENDING_KEEP);
}

void
sink_finish(struct sink *s)
{
	buf_free(&s->pending);
}

static void
sink_failed(struct sink *s, int error)
{
	s->error = error;
	buf_free(&s->pending);
}

static void
find_kind(struct sink *s)
{
	struct stat st;

	s->kind = SINK_OTHER;
	if (fstat(s->fd, &st) == -1)
		return;
	if (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(s->fd)))
		s->kind = SINK_FILE;
	if (!S_ISFIFO(st.st_mode))
		return;
	s->kind = SINK_PIPE;
#ifdef F_GETPIPE_SZ
	int capacity = fcntl(s->fd, F_GETPIPE_SZ);
	s->capacity = capacity > PIPE_BUF ? (size_t)capacity : 0;
#endif
}

/* A pipe that poll(2) calls writable has room for PIPE_BUF bytes; an empty one for all that it holds. */
static size_t
pipe_room(const struct sink *s)
{
	int unread;

	if (s->capacity > 0 && ioctl(s->fd, FIONREAD, &unread) == 0 && unread == 0)
		return s->capacity;
	return PIPE_BUF;
}

/* How much can be written without waiting. */
static size_t
writable_now(struct sink *s, size_t n)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
	size_t room = PIPE_BUF;

	if (s->kind == SINK_UNKNOWN)
		find_kind(s);
	if (s->kind == SINK_FILE)
		return n;
	if (poll(&pfd, 1, 0) != 1)
		return 0;
	if (s->kind == SINK_PIPE && n > room)
		room = pipe_room(s);
	return n < room ? n : room;
}

/* Returns how much was written before the stream would have blocked. */
static size_t
write_some(struct sink *s, const uint8_t *p, size_t n)
{
	size_t done = 0, now;

	while (done < n && (now = writable_now(s, n - done)) > 0) {
		ssize_t written = write(s->fd, p + done, now);

		if (written >= 0)
			done += (size_t)written;
		else if (errno == EAGAIN || errno == EINTR)
			break; /* the loop comes back, and looks at signals before */
		else {
			sink_failed(s, errno);
			return n;
		}
	}
	return done;
}

void
sink_write(struct sink *s, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	size_t done = 0;

	if (s->error != 0 || n == 0)
		return;
	if (s->pending.len == 0)
		done = write_some(s, bytes, n);
	if (s->error == 0 && buf_append(&s->pending, bytes + done, n - done) == -1)
		sink_failed(s, ENOBUFS);
}

void
sink_printf(struct sink *s, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	sink_write(s, text, (size_t)n);
	free(text);
}

void
sink_flush(struct sink *s)
{
	size_t done;

	if (s->pending.len == 0)
		return;
	done = write_some(s, buf_head(&s->pending), s->pending.len);
	if (s->error == 0)
		buf_consume(&s->pending, done);
}

bool
sink_is_empty(const struct sink *s)
{
	return s->pending.len == 0;
}

bool
sink_has_room(const struct sink *s, size_t n)
{
	return s->error != 0 || buf_room(&s->pending) >= n;
}
