/*
 * TCP connections.  The name look-up cannot be interrupted (getaddrinfo has no way to): a cancelled thread that is in
 * it is given up by the connector.
 */
#include "login/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "login/hooks.h"

/* RFC 8305 section 5 recommends this "Connection Attempt Delay". */
#define ATTEMPT_DELAY 0.25
#define ATTEMPTS_MAX 16
#define ADDRESS_SIZE 80 /* IPv6 with the name of an interface */

struct candidate {
	const struct addrinfo *address;
	int fd;    /* -1: ended */
	int error; /* errno it ended with */
};

struct race {
	const struct netconn_params *params;
	const struct addrinfo *bind_to; /* list, or NULL */
	const struct addrinfo *next;    /* not tried yet */
	struct candidate attempts[ATTEMPTS_MAX];
	int count;
	int winner; /* descriptor, or -1 */
	const struct addrinfo *won;
};

static int
look_up(const struct netconn_params *params, const char *host, int port, int flags, struct addrinfo **list,
    struct np_error *err)
{
	struct addrinfo hints = {.ai_family = params->family, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
	char service[16];
	int rc;

	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(host, service, &hints, list);
	if (rc == EAI_SYSTEM)
		return error_set_errno(err, REASON_RESOLVE_FAILED, "cannot look up %s", host);
	if (rc != 0)
		return error_set(err, REASON_RESOLVE_FAILED, "cannot look up %s: %s", host, gai_strerror(rc));
	return 0;
}

static void
set_options(int fd, const struct netconn_params *params)
{
	int on = 1;

	/* None of them decides whether the connection works: a kernel that lacks one is no reason to fail. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
#ifdef TCP_USER_TIMEOUT
	if (params->user_timeout_ms > 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &params->user_timeout_ms, sizeof(unsigned int));
#endif
}

static int
bind_local(int fd, int family, const struct addrinfo *bind_to)
{
	for (; bind_to != NULL; bind_to = bind_to->ai_next)
		if (bind_to->ai_family == family)
			return bind(fd, bind_to->ai_addr, bind_to->ai_addrlen);
	errno = EADDRNOTAVAIL;
	return -1;
}

/* Begins the next attempt; one that fails at once is recorded like any other. */
static void
race_start_next(struct race *r)
{
	struct candidate *a = &r->attempts[r->count++];

	*a = (struct candidate){.address = r->next};
	r->next = r->next->ai_next;
	a->fd = socket(a->address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->address->ai_protocol);
	if (a->fd == -1) {
		a->error = errno;
		return;
	}
	set_options(a->fd, r->params);
	if (r->bind_to != NULL && bind_local(a->fd, a->address->ai_family, r->bind_to) == -1) {
		a->error = errno;
	} else if (connect(a->fd, a->address->ai_addr, a->address->ai_addrlen) == 0) {
		r->winner = a->fd;
		r->won = a->address;
		a->fd = -1;
		return;
	} else {
		a->error = errno;
	}
	if (a->error == EINPROGRESS || a->error == EINTR)
		return;
	close(a->fd);
	a->fd = -1;
}

/* An attempt's descriptor became writable: it has won or failed. */
static void
race_settle(struct race *r, struct candidate *a)
{
	socklen_t size = sizeof(a->error);

	a->error = 0;
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &a->error, &size) == -1)
		a->error = errno;
	if (a->error == 0 && r->winner == -1) {
		r->winner = a->fd;
		r->won = a->address;
	} else {
		close(a->fd);
	}
	a->fd = -1;
}

static int
race_pending(const struct race *r)
{
	int i, n = 0;

	for (i = 0; i < r->count; i++)
		n += r->attempts[i].fd != -1;
	return n;
}

/* Waits for one of the attempts, the time or a cancel.  1 = cancelled. */
static int
race_wait(struct race *r, int wake_fd, double until)
{
	struct pollfd fds[ATTEMPTS_MAX + 1];

	for (int i = 0; i < r->count; i++)
		fds[i] = (struct pollfd){.fd = r->attempts[i].fd, .events = POLLOUT};
	fds[r->count] = (struct pollfd){.fd = wake_fd, .events = WAKE_EVENTS};
	if (poll(fds, (nfds_t)r->count + 1, wake_poll_ms(until)) <= 0)
		return 0;
	for (int i = 0; i < r->count; i++)
		if (fds[i].revents != 0)
			race_settle(r, &r->attempts[i]);
	return fds[r->count].revents != 0;
}

static void
address_text(const struct addrinfo *a, char *text, size_t size)
{
	if (getnameinfo(a->ai_addr, a->ai_addrlen, text, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(text, size, "an address of family %d", a->ai_family);
}

/* "192.0.2.1 port 22: Connection refused; 2001:db8::1 port 22: no answer" */
static void
race_text(const struct race *r, char *text, size_t size)
{
	char address[ADDRESS_SIZE];
	size_t used = 0;
	int i, n;

	text[0] = '\0';
	for (i = 0; i < r->count && used < size; i++) {
		if (r->attempts[i].fd == -1 && r->attempts[i].error == 0)
			continue; /* the winner */
		address_text(r->attempts[i].address, address, sizeof(address));
		n = snprintf(text + used, size - used, "%s%s port %d: %s", used > 0 ? "; " : "", address,
		    r->params->port, r->attempts[i].fd != -1 ? "no answer" : strerror(r->attempts[i].error));
		if (n < 0)
			break;
		used += (size_t)n;
	}
}

static int
race_lost(const struct race *r, struct np_error *err)
{
	char text[480];
	int i, silent = 0;

	race_text(r, text, sizeof(text));
	for (i = 0; i < r->count; i++)
		silent += r->attempts[i].error == ETIMEDOUT;
	if (silent == r->count)
		return error_set(err, REASON_CONNECT_TIMEOUT, "%s: %s", r->params->host, text);
	return error_set(err, REASON_CONNECT_FAILED, "%s: %s", r->params->host, text);
}

/* The limit or a cancel ended it: err is already set and gets what was going on. */
static int
race_stopped(const struct race *r, struct np_error *err)
{
	char text[400];

	race_text(r, text, sizeof(text));
	return error_prefix(err, "%s: %s", r->params->host, text);
}

static int
race_run(struct race *r, int wake_fd, const struct dial_hooks *hooks, struct np_error *err)
{
	double left, now, until, start_next = 0;
	bool more;

	for (;;) {
		if (r->winner != -1)
			return 0;
		left = hooks->left(err, hooks->arg);
		if (left < 0)
			return race_stopped(r, err);
		now = clock_now();
		more = r->next != NULL && r->count < ATTEMPTS_MAX;
		if (more && (race_pending(r) == 0 || now >= start_next)) {
			race_start_next(r);
			start_next = now + ATTEMPT_DELAY;
			continue;
		}
		if (race_pending(r) == 0)
			return race_lost(r, err);
		until = more && start_next < now + left ? start_next : now + left;
		if (race_wait(r, wake_fd, until) && hooks->left(err, hooks->arg) >= 0)
			return error_set(err, REASON_CANCELLED, "%s: cancelled while connecting", r->params->host);
	}
}

static void
tell_addresses(const struct addrinfo *list, const struct dial_hooks *hooks)
{
	char text[400] = "", address[ADDRESS_SIZE];

	for (; list != NULL && hooks->step != NULL; list = list->ai_next) {
		size_t used = strlen(text);

		address_text(list, address, sizeof(address));
		snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? ", " : "", address);
	}
	hooks_step(hooks, "resolve", STEP_OK, "%s", text);
}

/* Which of the addresses it was, and what became of those before it. */
static void
tell_winner(const struct race *r, const struct dial_hooks *hooks)
{
	char address[ADDRESS_SIZE], failures[300] = "";

	address_text(r->won, address, sizeof(address));
	if (r->count > 1)
		race_text(r, failures, sizeof(failures));
	hooks_step(hooks, "connect", STEP_OK, "%s port %d%s%s%s", address, r->params->port, r->count > 1 ? " (" : "",
	    failures, r->count > 1 ? ")" : "");
}

int
netconn_open(const struct netconn_params *params, const struct dial_hooks *hooks, int *fd, struct np_error *err)
{
	struct race r = {.params = params, .winner = -1};
	struct addrinfo *list = NULL, *bind_to = NULL;
	int wake_fd, rc, i;

	*fd = -1;
	if (params->bind_address != NULL &&
	    look_up(params, params->bind_address, 0, AI_PASSIVE | AI_NUMERICSERV, &bind_to, err) == -1)
		return error_prefix(err, "bind address");
	rc = look_up(params, params->host, params->port, AI_NUMERICSERV, &list, err);
	if (rc == 0)
		tell_addresses(list, hooks);
	wake_fd = rc == 0 ? wake_open(hooks, err) : -1;
	if (wake_fd != -1) {
		r.bind_to = bind_to;
		r.next = list;
		rc = race_run(&r, wake_fd, hooks, err);
		for (i = 0; i < r.count; i++)
			if (r.attempts[i].fd != -1)
				close(r.attempts[i].fd);
		wake_close(hooks, wake_fd);
	} else {
		rc = -1;
	}
	if (rc == 0) {
		*fd = r.winner;
		tell_winner(&r, hooks);
	}
	if (list != NULL)
		freeaddrinfo(list);
	if (bind_to != NULL)
		freeaddrinfo(bind_to);
	return rc;
}
