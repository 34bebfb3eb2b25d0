/*
 * Datagrams of VARIABLE=VALUE lines to $NOTIFY_SOCKET.  Owns one socket and two timers: the watchdog's, and one that
 * tries again what a full receive queue did not take.  Main thread only.
 */
#include "serve/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define NOTIFY_RETRY 0.1
#define NOTIFY_LISTEN_MOST 64

struct notify {
	struct ev_loop *loop;
	int fd; /* -1: nobody listens */
	struct sockaddr_un address;
	socklen_t address_size;
	char state[96];      /* not delivered yet, or "" */
	char status[256];    /* the last one */
	bool status_pending; /* it was not delivered yet */
	bool failed;         /* a failure was logged */
	ev_timer watchdog;
	ev_timer retry;
};

/* False: try again later.  Other failures are logged once and count as delivered: nobody can do anything about them. */
static bool
notify_deliver(struct notify *n, const char *text)
{
	ssize_t r = sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (const struct sockaddr *)(const void *)&n->address, n->address_size);

	if (r >= 0)
		return true;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR)
		return false;
	if (!n->failed)
		log_warning("notify", "cannot tell the service manager: %s", strerror(errno));
	n->failed = true;
	return true;
}

static void
notify_push(struct notify *n)
{
	char line[sizeof(n->status) + sizeof("STATUS=")];

	if (n->state[0] != '\0' && notify_deliver(n, n->state))
		n->state[0] = '\0';
	if (n->state[0] == '\0' && n->status_pending) {
		snprintf(line, sizeof(line), "STATUS=%s", n->status);
		n->status_pending = !notify_deliver(n, line);
	}
	if (n->state[0] != '\0' || n->status_pending)
		ev_timer_again(n->loop, &n->retry);
	else
		ev_timer_stop(n->loop, &n->retry);
}

static void
notify_on_retry(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	notify_push(w->data);
}

static void
notify_on_watchdog(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	/* When its queue is full the manager has enough to read; the next beat comes in half an interval. */
	(void)notify_deliver(w->data, "WATCHDOG=1");
}

/* The value of a variable, which is removed; NULL when unset or empty.  The caller frees it. */
static char *
take_env(const char *name)
{
	const char *value = getenv(name);
	char *copy = value != NULL && value[0] != '\0' ? xstrdup(value) : NULL;

	unsetenv(name);
	return copy;
}

/* A path, or '@' and the name of an abstract socket, as unix(7) has them. */
static int
notify_set_address(struct notify *n, const char *name)
{
	size_t size = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || size < 2 || size > sizeof(n->address.sun_path) - (name[0] == '/'))
		return -1;
	n->address.sun_family = AF_UNIX;
	memcpy(n->address.sun_path, name, size);
	if (name[0] == '@')
		n->address.sun_path[0] = '\0';
	/* An abstract name ends with the address; a path with its NUL. */
	n->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '/'));
	return 0;
}

static void
notify_open(struct notify *n, const char *name)
{
	if (notify_set_address(n, name) < 0) {
		log_warning("notify", "NOTIFY_SOCKET=%s is no address of a Unix socket: ignored", name);
		return;
	}
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		log_warning("notify", "cannot tell the service manager: socket: %s", strerror(errno));
}

/* WATCHDOG_USEC of this process; 0 when no watchdog wants to hear from it. */
static double
watchdog_seconds(const char *usec, const char *pid)
{
	unsigned long value;

	if (usec == NULL)
		return 0;
	if (pid != NULL && (!text_parse_ulong(pid, INT_MAX, &value) || (pid_t)value != getpid()))
		return 0;
	if (!text_parse_ulong(usec, ULONG_MAX - 1, &value)) {
		log_warning("notify", "WATCHDOG_USEC=%s is no number: ignored", usec);
		return 0;
	}
	return (double)value / 1e6;
}

struct notify *
notify_create(struct ev_loop *loop)
{
	struct notify *n = xcalloc(1, sizeof(*n));
	char *name = take_env("NOTIFY_SOCKET");
	char *usec = take_env("WATCHDOG_USEC");
	char *pid = take_env("WATCHDOG_PID");
	double interval = watchdog_seconds(usec, pid);

	n->loop = loop;
	n->fd = -1;
	if (name != NULL)
		notify_open(n, name);
	ev_timer_init(&n->retry, notify_on_retry, 0., NOTIFY_RETRY);
	ev_timer_init(&n->watchdog, notify_on_watchdog, 0., interval / 2);
	n->retry.data = n->watchdog.data = n;
	if (n->fd >= 0 && interval > 0) {
		ev_timer_start(loop, &n->watchdog);
		ev_unref(loop); /* it alone is no reason to go on */
	}
	free(name);
	free(usec);
	free(pid);
	return n;
}

void
notify_destroy(struct notify *n)
{
	if (n == NULL)
		return;
	if (ev_is_active(&n->watchdog)) {
		ev_ref(n->loop);
		ev_timer_stop(n->loop, &n->watchdog);
	}
	ev_timer_stop(n->loop, &n->retry);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

bool
notify_is_wanted(const struct notify *n)
{
	return n->fd >= 0;
}

static void NP_PRINTF(2, 3) notify_state(struct notify *n, const char *fmt, ...)
{
	va_list ap;

	if (n->fd < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(n->state, sizeof(n->state), fmt, ap);
	va_end(ap);
	notify_push(n);
}

void
notify_ready(struct notify *n)
{
	notify_state(n, "READY=1");
}

void
notify_reloading(struct notify *n)
{
	struct timespec ts;

	/* The manager compares it with the time of its own request, to tell this reload from an earlier one. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	notify_state(n, "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000);
}

void
notify_stopping(struct notify *n)
{
	notify_state(n, "STOPPING=1");
}

void
notify_status(struct notify *n, const char *fmt, ...)
{
	char text[sizeof(n->status)];
	va_list ap;

	if (n->fd < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* A line end would begin another variable. */
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ')
			*c = ' ';
	}
	if (strcmp(text, n->status) == 0)
		return;
	memcpy(n->status, text, sizeof(text));
	n->status_pending = true;
	notify_push(n);
}

/* ---- sockets handed over ---- */

static int
listen_fds_parse(const char *pid, const char *count, struct np_error *err)
{
	unsigned long value, fds;

	if (pid == NULL || count == NULL)
		return 0;
	if (!text_parse_ulong(pid, INT_MAX, &value))
		return error_set(err, REASON_INVALID_PARAMS, "LISTEN_PID=%s is no process id", pid);
	if ((pid_t)value != getpid())
		return 0;
	if (!text_parse_ulong(count, NOTIFY_LISTEN_MOST, &fds))
		return error_set(
		    err, REASON_INVALID_PARAMS, "LISTEN_FDS=%s is no number from 0 to %d", count, NOTIFY_LISTEN_MOST);
	for (int fd = NOTIFY_LISTEN_FIRST; fd < NOTIFY_LISTEN_FIRST + (int)fds; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
			return error_set_errno(
			    err, REASON_INVALID_PARAMS, "descriptor %d of LISTEN_FDS=%s cannot be used", fd, count);
	}
	return (int)fds;
}

int
notify_listen_fds(struct np_error *err)
{
	char *pid = take_env("LISTEN_PID");
	char *count = take_env("LISTEN_FDS");
	int r = listen_fds_parse(pid, count, err);

	unsetenv("LISTEN_FDNAMES");
	free(pid);
	free(count);
	return r;
}
