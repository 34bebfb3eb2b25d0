/*
 * Copies between a descriptor of others and a socket pair; see lentthread.h.  One thread a descriptor, which shares
 * nothing with any other but the number of a descriptor that both may read, in turns.
 */
#include "serve/lentthread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#ifdef RWF_NOWAIT
#include <linux/magic.h>
#include <sys/vfs.h>
#endif
#include <unistd.h>

#include "base/cond.h"
#include "base/log.h"
#include "base/xalloc.h"

#define STACK_SIZE (128u * 1024u)
#define CHUNK (64u * 1024u)
#define TERMINAL_PIECE 256u

struct copy {
	int fd;   /* theirs */
	int pair; /* ours; -1: theirs is closed, no more */
	bool reads;
};

/* Until fd can be read or written; false: the pair's other end has gone meanwhile. */
static bool
wait_for(int fd, short events, int pair)
{
	struct pollfd polled[2] = {{.fd = fd, .events = events}, {.fd = pair, .events = 0}};

	while (poll(polled, 2, -1) == -1) {
		if (errno != EINTR)
			return false;
	}
	return polled[1].revents == 0 || polled[0].revents != 0;
}

/* Theirs may be non-blocking. */
static bool
is_passing(void)
{
	return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
}

/* What can be written at once of what can be written at all without waiting: nobody ends a thread that waits there. */
static size_t
piece_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return CHUNK;
	return S_ISCHR(st.st_mode) ? TERMINAL_PIECE : PIPE_BUF;
}

static ssize_t
write_some(int fd, const char *p, size_t n, size_t piece)
{
	ssize_t done = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	return done == -1 && errno == ENOTSOCK ? write(fd, p, n < piece ? n : piece) : done;
}

static bool
write_all(const struct copy *c, const char *p, size_t n, size_t piece)
{
	while (n > 0) {
		ssize_t done;

		if (!wait_for(c->fd, POLLOUT, c->pair))
			return false;
		done = write_some(c->fd, p, n, piece);
		if (done < 0 && !is_passing())
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
copy_all(const struct copy *c)
{
	const size_t piece = piece_of(c->fd);
	char chunk[CHUNK];
	ssize_t n;

	for (;;) {
		n = read(c->pair, chunk, sizeof(chunk));
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && !write_all(c, chunk, (size_t)n, piece))
			return false;
	}
}

/* ---- reading ---- */

/*
 * What knows RWF_NOWAIT is no file system of another machine or process, of which no call is sure to come back. Whoever
 * else reads the file at its common position is waited for, but for no longer than a disk takes.
 */
static enum lent_direct
direct(int fd)
{
#ifdef RWF_NOWAIT
	struct stat st;
	struct statfs fs;
	char byte;
	struct iovec part = {&byte, 1};

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return LENT_NEVER;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		return LENT_MEMORY;
	if (preadv2(fd, &part, 1, 0, RWF_NOWAIT) >= 0 || errno == EAGAIN)
		return LENT_CACHED;
#endif
	return LENT_NEVER;
}

/* As read(2), but that it waits; 0 as well when our side has gone. */
static ssize_t
read_some(const struct copy *c, void *p, size_t n)
{
	ssize_t got;

	do {
		if (!wait_for(c->fd, POLLIN, c->pair))
			return 0;
		got = read(c->fd, p, n);
	} while (got < 0 && is_passing());
	return got;
}

/* Until our side goes, or nothing more is there. */
static void
answer_all(const struct copy *c)
{
	uint8_t how = LENT_NEVER;
	char chunk[CHUNK];
	size_t wanted;
	bool looked = false;

	while (recv(c->pair, &wanted, sizeof(wanted), 0) == (ssize_t)sizeof(wanted) && wanted > 0) {
		ssize_t n = read_some(c, chunk, wanted < sizeof(chunk) ? wanted : sizeof(chunk));
		struct iovec parts[] = {{&how, 1}, {chunk, n > 0 ? (size_t)n : 0}};

		if (n <= 0)
			return;
		if (!looked)
			how = (uint8_t)direct(c->fd);
		looked = true;
		if (writev(c->pair, parts, 2) == -1)
			return;
	}
}

ssize_t
lentthread_answer(int pair, enum lent_direct *direct, void *p, size_t n)
{
	uint8_t how = LENT_NEVER;
	struct iovec parts[] = {{&how, 1}, {p, n}};
	ssize_t got = readv(pair, parts, 2);

	*direct = how;
	return got > 0 ? got - 1 : got;
}

/* ---- the thread ---- */

static void *
run(void *arg)
{
	struct copy *c = arg;

	if (c->pair >= 0 && c->reads)
		answer_all(c);
	else if (c->pair >= 0 && copy_all(c))
		(void)!write(c->pair, "", 1);
	if (c->pair >= 0)
		close(c->pair);
	close(c->fd);
	free(c);
	return NULL;
}

int
lentthread_start(int fd, bool reads)
{
	int pair[2];
	struct copy *c;

	if (socketpair(AF_UNIX, (reads ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0, pair) == -1) {
		close(fd);
		return -1;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	c = xcalloc(1, sizeof(*c));
	*c = (struct copy){.fd = fd, .pair = pair[1], .reads = reads};
	if (thread_detach(run, c, STACK_SIZE) == 0)
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
	if (thread_detach(run, c, STACK_SIZE) == 0)
		return;
	close(fd);
	free(c);
}
