/*
 * Copies between a descriptor of others and a socket pair; see lentthread.h.  One thread a descriptor, which shares
 * nothing with any other.
 */
#include "serve/lentthread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

#define STACK_SIZE (128u * 1024u)
#define CHUNK 32768u

struct copy {
	int fd;   /* theirs */
	int pair; /* ours; -1: theirs is closed, no more */
	bool reads;
};

/* Until what `from` has to say can be read; false: the pair's other end has gone meanwhile. */
static bool
wait_for(int from, int pair)
{
	struct pollfd polled[2] = {{.fd = from, .events = POLLIN}, {.fd = pair, .events = 0}};

	while (poll(polled, 2, -1) == -1) {
		if (errno != EINTR)
			return false;
	}
	return polled[1].revents == 0 || polled[0].revents != 0;
}

/* Theirs may be non-blocking: then it is waited for. */
static bool
wait_again(int fd, short events)
{
	struct pollfd polled = {.fd = fd, .events = events};

	return errno == EINTR ||
	       ((errno == EAGAIN || errno == EWOULDBLOCK) && (poll(&polled, 1, -1) != -1 || errno == EINTR));
}

static bool
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && !wait_again(fd, POLLOUT))
			return false;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return true;
}

/* True at the end of file. */
static bool
copy_all(int from, int to, int pair)
{
	char chunk[CHUNK];
	ssize_t n;

	for (;;) {
		if (!wait_for(from, pair))
			return false;
		n = read(from, chunk, sizeof(chunk));
		if (n == 0)
			return true;
		if (n < 0 && !wait_again(from, POLLIN))
			return false;
		if (n > 0 && !write_all(to, chunk, (size_t)n))
			return false;
	}
}

/* True once our side wants to have something; false: it has gone before. */
static bool
wanted(int pair)
{
	char byte;
	ssize_t n;

	while ((n = read(pair, &byte, 1)) == -1 && errno == EINTR)
		;
	return n == 1;
}

static bool
copy(const struct copy *c)
{
	if (c->pair == -1)
		return false;
	if (c->reads)
		return wanted(c->pair) && copy_all(c->fd, c->pair, c->pair);
	return copy_all(c->pair, c->fd, c->pair);
}

static void *
run(void *arg)
{
	struct copy *c = arg;

	if (copy(c) && !c->reads)
		(void)!write(c->pair, "", 1);
	if (c->pair >= 0)
		close(c->pair);
	close(c->fd);
	free(c);
	return NULL;
}

static int
start(struct copy *c)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	rc = pthread_create(&thread, &attr, run, c);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int
lentthread_start(int fd, bool reads)
{
	int pair[2];
	struct copy *c;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		close(fd);
		return -1;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	c = xcalloc(1, sizeof(*c));
	*c = (struct copy){.fd = fd, .pair = pair[1], .reads = reads};
	if (start(c) == 0)
		return pair[0];
	log_warning("door", "no thread can be started for a descriptor of a client");
	close(pair[0]);
	close(pair[1]);
	close(fd);
	free(c);
	return -1;
}

void
lentthread_close(int fd)
{
	struct copy *c = xcalloc(1, sizeof(*c));

	*c = (struct copy){.fd = fd, .pair = -1};
	if (start(c) == 0)
		return;
	close(fd);
	free(c);
}
