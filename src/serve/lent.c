/*
 * Descriptors of others; see lent.h.
 *
 *   reader:  OPEN ------------------> ENDED      end of file, or an error, which means no more to it
 *   writer:  OPEN --> FINISHING ----> ENDED      all has been written
 *               \-------------------> ENDED      nobody reads any more
 */
#include "serve/lent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#ifdef __linux__
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#endif
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/state.h"
#include "base/xalloc.h"
#include "serve/lentthread.h"

#define READ_MOST (128u * 1024u)
#define KEEP (128u * 1024u)
#define MAJOR_MEMORY 1
#define MINOR_NULL 3 /* these three never block; /dev/kmsg, of the same major, does */
#define MINOR_ZERO 5
#define MINOR_FULL 7
#define MAJOR_OWN_TTY 5 /* /dev/tty, /dev/ptmx: another one for each who opens them */
#define MINOR_PTMX 2

enum lent_state { LENT_OPEN, LENT_FINISHING, LENT_ENDED };

struct lent {
	struct ev_loop *loop;
	int fd;
	bool reads;
	bool own;    /* fd is a connection of ours */
	bool helped; /* fd is our end of a thread's socket pair */
	bool failed;
	bool asked;   /* the thread was told to read, its answer is due */
	bool hung_up; /* it had no writer when it was opened anew */
	int theirs;   /* what the thread reads */
	enum lent_direct direct;
	enum lent_state state;
	size_t wanted;
	struct buf out;
	const struct lent_events *events;
	void *arg;
	ev_io io;
	ev_prepare turn; /* fed, never started: an end that came up inside a call is told afterwards */
};

static void
lent_move(struct lent *l, enum lent_state state)
{
	static const char *const names[] = {
	    [LENT_OPEN] = "open", [LENT_FINISHING] = "finishing", [LENT_ENDED] = "ended"};
	static const unsigned moves[] = {
	    [LENT_OPEN] = STATE_TO(LENT_FINISHING) | STATE_TO(LENT_ENDED),
	    [LENT_FINISHING] = STATE_TO(LENT_ENDED),
	    [LENT_ENDED] = 0,
	};
	static const struct state_machine machine = {"door", names, moves};

	if (state_may_move(&machine, l->state, state, "descriptor %d", l->fd))
		l->state = state;
}

/* ---- which way it is used ---- */

/* As fstat() for what matters here, but answered by the kernel alone: a file system may hang, or wait for us. */
static int
look(int fd, struct stat *st)
{
#ifdef STATX_TYPE
	struct statx now;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &now) == -1)
		return -1;
	*st = (struct stat){.st_mode = now.stx_mode,
	    .st_dev = makedev(now.stx_dev_major, now.stx_dev_minor),
	    .st_ino = now.stx_ino,
	    .st_rdev = makedev(now.stx_rdev_major, now.stx_rdev_minor)};
	return 0;
#else
	return fstat(fd, st);
#endif
}

/* What may be opened anew is the same file then, for whoever may open it. */
static bool
is_pipe_or_terminal(int fd, const struct stat *st)
{
	if (S_ISFIFO(st->st_mode))
		return true;
	return S_ISCHR(st->st_mode) && major(st->st_rdev) != MAJOR_OWN_TTY && isatty(fd);
}

/* A file does: that of another machine, or of a process that is our client. */
static bool
never_blocks(const struct stat *st)
{
	unsigned number = minor(st->st_rdev);

	return S_ISCHR(st->st_mode) && major(st->st_rdev) == MAJOR_MEMORY &&
	       (number == MINOR_NULL || number == MINOR_ZERO || number == MINOR_FULL);
}

/* The inner end of a terminal: nobody's output, and poll(2) says that it can be written when a write waits for ever. */
static bool
is_master(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == MAJOR_OWN_TTY && minor(st->st_rdev) == MINOR_PTMX;
}

/* -1 with errno. */
static int
open_anew(int fd, bool reads, const struct stat *st)
{
	char path[48];
	struct stat now;
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, (reads ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0 && look(own, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino)
		return own;
	if (own >= 0)
		close(own);
	return -1;
}

static bool
has_hung_up(int fd)
{
	struct pollfd polled = {.fd = fd};

	return poll(&polled, 1, 0) == 1 && (polled.revents & POLLHUP) != 0;
}

/* It names a file and does not open it: the loop cannot wait for it, nor may we open what its owner perhaps could not.
 */
static bool
is_only_a_path(int fd)
{
#ifdef O_PATH
	int flags = fcntl(fd, F_GETFL);

	return flags == -1 || (flags & O_PATH) != 0;
#else
	return fcntl(fd, F_GETFL) == -1;
#endif
}

/* A descriptor in place of fd, or fd itself; -1: it can be used in no way. */
static int
use(struct lent *l, int fd)
{
	struct stat st = {0};
	int own;

	if (is_only_a_path(fd) || (look(fd, &st) == 0 && !l->reads && is_master(&st))) {
		close(fd);
		return -1;
	}
	if (never_blocks(&st))
		return fd;
	own = is_pipe_or_terminal(fd, &st) ? open_anew(fd, l->reads, &st) : -1;
	if (own >= 0) {
		l->hung_up = l->reads && has_hung_up(fd);
		close(fd);
		return own;
	}
	l->helped = true;
	l->theirs = fd;
	return lentthread_start(fd, l->reads);
}

bool
lent_is_terminal(int fd)
{
	struct stat st;

	return look(fd, &st) == 0 && S_ISCHR(st.st_mode) && isatty(fd);
}

bool
lent_is_same(int a, int b)
{
#ifdef SYS_kcmp
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b) == 0;
#else
	return a == b;
#endif
}

void
lent_drop(int fd)
{
	struct stat st;

	if (look(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		close(fd);
	else
		lentthread_close(fd);
}

/* ---- its life ---- */

/*
 * The one place that starts and stops the watcher.  Who opens a FIFO that has no writer is never told of its end,
 * unless one comes and goes: what reading says of it counts.
 */
static void
update(struct lent *l)
{
	bool busy = l->reads ? l->wanted > 0 : l->out.len > 0 || (l->state == LENT_FINISHING && l->helped);

	if (l->state != LENT_ENDED && busy)
		ev_io_start(l->loop, &l->io);
	else
		ev_io_stop(l->loop, &l->io);
	if (l->hung_up && ev_is_active(&l->io))
		ev_feed_event(l->loop, &l->io, EV_READ);
}

static void
end(struct lent *l, bool failed)
{
	if (l->state == LENT_ENDED)
		return;
	lent_move(l, LENT_ENDED);
	l->failed = failed;
	buf_free(&l->out);
	update(l);
	ev_feed_event(l->loop, &l->turn, EV_CUSTOM);
}

static void
on_turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct lent *l = w->data;

	l->events->ended(l, l->failed, l->arg);
}

static bool
is_passing(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* ---- reading ---- */

static void
watch(struct lent *l, int fd, int what)
{
	ev_io_stop(l->loop, &l->io);
	ev_io_set(&l->io, fd, what);
	update(l);
}

/* If it has gone, its end shows that.  0: we use its descriptor no more. */
static void
ask_thread_for(const struct lent *l, size_t n)
{
	(void)!write(l->fd, &n, sizeof(n));
}

static void
ask_thread(struct lent *l)
{
	ask_thread_for(l, l->wanted);
	l->asked = true;
	watch(l, l->fd, EV_READ);
}

/* What is wanted is on its way. */
static void
read_on(struct lent *l)
{
	if (l->helped && !l->asked && l->direct == LENT_NEVER && l->wanted > 0)
		ask_thread(l);
	update(l);
}

static ssize_t
take_answer(struct lent *l, void *p, size_t n)
{
	ssize_t got = lentthread_answer(l->fd, &l->direct, p, n);

	if (got <= 0)
		return got;
	l->asked = false;
	if (l->direct != LENT_NEVER)
		watch(l, l->theirs, EV_READ); /* which is always ready */
	return got;
}

/* What is not in memory is the thread's to read. */
static ssize_t
read_direct(struct lent *l, void *p, size_t n)
{
	ssize_t got = -1;
#ifdef RWF_NOWAIT
	struct iovec part = {p, n};

	got = preadv2(l->theirs, &part, 1, -1, l->direct == LENT_CACHED ? RWF_NOWAIT : 0);
#endif
	if (got < 0) {
		ask_thread(l);
		errno = EAGAIN;
	}
	return got;
}

/* -1 with errno. */
static ssize_t
read_now(struct lent *l, void *p, size_t n)
{
	if (!l->helped)
		return read(l->fd, p, n);
	return l->asked ? take_answer(l, p, n) : read_direct(l, p, n);
}

static void
on_readable(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	struct lent *l = w->data;
	uint8_t data[READ_MOST];
	ssize_t n = read_now(l, data, l->wanted < sizeof(data) ? l->wanted : sizeof(data));

	if (n < 0 && is_passing(errno))
		return;
	if (n <= 0) {
		end(l, n < 0);
		return;
	}
	l->wanted -= (size_t)n;
	read_on(l);
	l->events->data(l, data, (size_t)n, l->arg);
}

/* ---- writing ---- */

/* All has been written; where a thread does that, once it says so by closing its end. */
static void
finish_if_empty(struct lent *l)
{
	if (l->state != LENT_FINISHING || l->out.len > 0)
		return;
	if (l->own)
		shutdown(l->fd, SHUT_WR);
	if (!l->helped) {
		end(l, false);
		return;
	}
	shutdown(l->fd, SHUT_WR);
	watch(l, l->fd, EV_READ);
}

/* Bytes of p that were written now. */
static size_t
write_now(struct lent *l, const void *p, size_t n)
{
	ssize_t done = write(l->fd, p, n);

	if (done >= 0)
		return (size_t)done;
	if (!is_passing(errno))
		end(l, true);
	return 0;
}

static void
on_writable(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents)
{
	struct lent *l = w->data;
	char end_mark;

	if ((revents & EV_READ) != 0) { /* the thread has written all, or could not */
		ssize_t n = read(l->fd, &end_mark, 1);
		if (n >= 0 || !is_passing(errno))
			end(l, n != 1);
		return;
	}
	buf_consume(&l->out, write_now(l, buf_head(&l->out), l->out.len));
	finish_if_empty(l);
	update(l);
	if (l->state != LENT_ENDED)
		l->events->wrote(l, l->arg);
}

static struct lent *
lent_create(struct ev_loop *loop, int fd, bool own, bool reads, const struct lent_events *events, void *arg)
{
	struct lent *l = xcalloc(1, sizeof(*l));

	l->loop = loop;
	l->reads = reads;
	l->events = events;
	l->arg = arg;
	l->own = own;
	l->fd = own ? fd : use(l, fd);
	if (l->fd < 0) {
		free(l);
		return NULL;
	}
	buf_init(&l->out, SIZE_MAX / 2); /* its user asks lent_waiting() */
	buf_keep(&l->out, KEEP);
	ev_io_init(&l->io, reads ? on_readable : on_writable, l->fd, reads ? EV_READ : EV_WRITE);
	ev_prepare_init(&l->turn, on_turn);
	l->io.data = l->turn.data = l;
	return l;
}

struct lent *
lent_reader(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg)
{
	return lent_create(loop, fd, false, true, events, arg);
}

struct lent *
lent_writer(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg)
{
	return lent_create(loop, fd, false, false, events, arg);
}

struct lent *
lent_own_reader(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg)
{
	return lent_create(loop, fd, true, true, events, arg);
}

struct lent *
lent_own_writer(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg)
{
	return lent_create(loop, fd, true, false, events, arg);
}

void
lent_want(struct lent *l, size_t n)
{
	l->wanted += n;
	read_on(l);
}

void
lent_write(struct lent *l, const void *p, size_t n)
{
	size_t done = 0;

	if (l->state != LENT_OPEN)
		return;
	if (l->out.len == 0)
		done = write_now(l, p, n);
	if (l->state != LENT_OPEN || done == n)
		return;
	if (buf_append(&l->out, (const uint8_t *)p + done, n - done) == -1)
		end(l, true);
	update(l);
}

size_t
lent_waiting(const struct lent *l)
{
	return l->out.len;
}

void
lent_finish(struct lent *l)
{
	if (l->state != LENT_OPEN)
		return;
	lent_move(l, LENT_FINISHING);
	finish_if_empty(l);
	update(l);
}

void
lent_destroy(struct lent *l)
{
	if (l == NULL)
		return;
	ev_io_stop(l->loop, &l->io);
	ev_clear_pending(l->loop, &l->turn);
	if (l->helped && l->reads)
		ask_thread_for(l, 0);
	buf_free(&l->out);
	close(l->fd);
	free(l);
}
