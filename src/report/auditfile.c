/*
 * The audit log's file.  Owns the descriptor, the lines that wait and the thread between them.
 *
 * The thread takes all that waits as one batch and writes it whole.  What a full disk has cut stays in the batch and is
 * the first that is written later, so that lines stay lines.  `lock` guards what both sides use; the thread's own
 * members (fd, batch, troubled) need none.
 */
#include "report/auditfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cond.h"
#include "base/buf.h"
#include "base/error.h"
#include "report/event.h"
#include "base/log.h"
#include "wire/message.h"
#include "base/xalloc.h"

#define RETRY_SECONDS 1.0
#define STACK_SIZE (256u * 1024u)

struct auditfile {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news; /* for the thread */
	pthread_cond_t over; /* from the thread */
	char *path;
	bool journal;

	/* under the lock */
	struct buf waiting;
	uint64_t lost, lost_ever;
	bool reopen, stop, done;
	bool orphan; /* nobody waits for the end: the thread frees it all */

	/* the thread's */
	int fd;
	struct buf batch;
	uint64_t told_lost; /* in this trouble */
	bool troubled;
};

/* ---- trouble: told once when it begins, once when it ends ---- */

static void
trouble(struct auditfile *a, const struct np_error *err)
{
	if (!a->troubled)
		log_warning(
		    "audit", "%s: records wait, and are lost beyond %u KiB", err->text, AUDITFILE_WAITING_MAX / 1024);
	a->troubled = true;
}

static void
relief(struct auditfile *a)
{
	if (a->troubled)
		log_warning(
		    "audit", "%s is written again, %llu records were lost", a->path, (unsigned long long)a->told_lost);
	a->troubled = false;
	a->told_lost = 0;
}

/* ---- the descriptor ---- */

static int
open_file(const char *path, struct np_error *err)
{
	/* O_NONBLOCK: a FIFO in its place must not hold up the thread; it means nothing to a plain file. */
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;

	if (fd == -1)
		return error_set_errno(err, REASON_INTERNAL, "open audit_log %s", path);
	if (fstat(fd, &st) == -1)
		error_set_errno(err, REASON_INTERNAL, "look at audit_log %s", path);
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		error_set(err, REASON_INTERNAL, "audit_log %s is not a plain file that uid %lu owns", path,
		    (unsigned long)geteuid());
	else if ((st.st_mode & 077) != 0 && fchmod(fd, 0600) == -1)
		error_set_errno(err, REASON_INTERNAL, "make audit_log %s private", path);
	else
		return fd;
	close(fd);
	return -1;
}

static int
open_journal(const char *path, struct np_error *err)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 1};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd == -1)
		return error_set_errno(err, REASON_INTERNAL, "make a socket for the journal");
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1) {
		error_set_errno(err, REASON_INTERNAL, "audit_log: reach the journal at %s", path);
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

/* Whether path is still the file that we have open. */
static bool
is_current(const struct auditfile *a)
{
	struct stat mine, there;

	return a->journal || (fstat(a->fd, &mine) == 0 && lstat(a->path, &there) == 0 && mine.st_dev == there.st_dev &&
				 mine.st_ino == there.st_ino);
}

/* Something to write to; false: nothing, which has been told. */
static bool
ensure_open(struct auditfile *a, bool again)
{
	struct np_error err;
	int fd;

	if (a->fd != -1 && !again && is_current(a))
		return true;
	fd = a->journal ? open_journal(a->path, &err) : open_file(a->path, &err);
	if (fd != -1) {
		if (a->fd != -1)
			close(a->fd);
		a->fd = fd;
		return true;
	}
	trouble(a, &err);
	return a->fd != -1;
}

/* ---- writing ---- */

static bool
write_file(struct auditfile *a, struct np_error *err)
{
	ssize_t n;

	while (a->batch.len > 0) {
		do
			n = write(a->fd, buf_head(&a->batch), a->batch.len);
		while (n == -1 && errno == EINTR);
		if (n <= 0) {
			error_set_errno(err, REASON_INTERNAL, "write audit_log %s", a->path);
			return false;
		}
		buf_consume(&a->batch, (size_t)n);
	}
	return true;
}

/* The journal's own protocol: a datagram of fields, one a line. */
static bool
write_journal(struct auditfile *a, struct np_error *err)
{
	static char fields[] = "PRIORITY=6\nSYSLOG_IDENTIFIER=netpulsed\nNETPULSE_AUDIT=1\nMESSAGE=";

	while (a->batch.len > 0) {
		char *line = (char *)(uintptr_t)buf_head(&a->batch);
		size_t size = (size_t)((char *)memchr(line, '\n', a->batch.len) - line) + 1;
		struct iovec iov[] = {{fields, sizeof(fields) - 1}, {line, size}};
		struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
		ssize_t n;
		do
			n = sendmsg(a->fd, &m, MSG_NOSIGNAL);
		while (n == -1 && errno == EINTR);
		if (n == -1) {
			error_set_errno(err, REASON_INTERNAL, "write to the journal");
			close(a->fd); /* it may have been started anew */
			a->fd = -1;
			return false;
		}
		buf_consume(&a->batch, size);
	}
	return true;
}

/* Says in the log itself where lines are missing. */
static void
note_lost(struct auditfile *a, uint64_t lost)
{
	struct event e;
	struct timespec now;
	cJSON *o;
	char *text;

	clock_gettime(CLOCK_REALTIME, &now);
	event_init(&e, EVENT_LOST);
	e.time_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	e.count = (int64_t)lost;
	o = event_to_json(&e);
	text = message_print(o);
	if (buf_append_str(&a->batch, text) == -1 || buf_append_str(&a->batch, "\n") == -1)
		log_warning("audit", "no memory to tell of %llu lost records", (unsigned long long)lost);
	free(text);
	cJSON_Delete(o);
}

static void
work(struct auditfile *a, bool again, uint64_t lost)
{
	struct np_error err;

	if (lost > 0) {
		note_lost(a, lost);
		a->told_lost += lost;
	}
	if (!ensure_open(a, again))
		return;
	if (a->journal ? write_journal(a, &err) : write_file(a, &err))
		relief(a);
	else
		trouble(a, &err);
}

static void
auditfile_free(struct auditfile *a)
{
	pthread_cond_destroy(&a->news);
	pthread_cond_destroy(&a->over);
	pthread_mutex_destroy(&a->lock);
	if (a->fd != -1)
		close(a->fd);
	buf_free(&a->waiting);
	buf_free(&a->batch);
	free(a->path);
	free(a);
}

/* ---- the thread ---- */

static void
wait_for_news(struct auditfile *a)
{
	struct timespec until;

	if (a->batch.len == 0 && a->fd != -1) {
		pthread_cond_wait(&a->news, &a->lock);
		return;
	}
	/* Something could not be written, or the file not be opened: news alone must not be what tries again. */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)RETRY_SECONDS;
	pthread_cond_timedwait(&a->news, &a->lock, &until);
}

/* Whether there is something to do; called with the lock. */
static bool
has_work(const struct auditfile *a)
{
	return a->stop || a->reopen || (a->batch.len == 0 && a->waiting.len > 0);
}

static void *
run(void *arg)
{
	struct auditfile *a = arg;
	bool stop = false, orphan;

	(void)ensure_open(a, false);
	pthread_mutex_lock(&a->lock);
	while (!stop || (a->batch.len == 0 && a->waiting.len > 0)) {
		bool again;
		uint64_t lost = 0;
		if (!has_work(a))
			wait_for_news(a);
		stop = a->stop;
		again = a->reopen;
		a->reopen = false;
		if (a->batch.len == 0) {
			struct buf empty = a->batch;
			a->batch = a->waiting;
			a->waiting = empty;
			lost = a->lost;
			a->lost = 0;
		}
		pthread_mutex_unlock(&a->lock);
		work(a, again, lost);
		pthread_mutex_lock(&a->lock);
	}
	a->done = true;
	orphan = a->orphan;
	pthread_cond_signal(&a->over);
	pthread_mutex_unlock(&a->lock);
	if (orphan)
		auditfile_free(a);
	return NULL;
}

static void
init_sync(struct auditfile *a)
{
	pthread_mutex_init(&a->lock, NULL);
	cond_init(&a->news);
	cond_init(&a->over);
}

/* Signals are the main thread's. */
static int
start_thread(struct auditfile *a)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&a->thread, &attr, run, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

struct auditfile *
auditfile_create(const char *path, bool journal)
{
	struct auditfile *a = xcalloc(1, sizeof(*a));
	int rc;

	a->path = xstrdup(path);
	a->journal = journal;
	a->fd = -1;
	buf_init(&a->waiting, AUDITFILE_WAITING_MAX);
	buf_init(&a->batch, AUDITFILE_WAITING_MAX);
	init_sync(a);
	rc = start_thread(a);
	if (rc == 0)
		return a;
	log_error("audit", "audit_log %s is not written: no thread: %s", path, strerror(rc));
	auditfile_free(a);
	return NULL;
}

void
auditfile_write(struct auditfile *a, const char *line, size_t size)
{
	pthread_mutex_lock(&a->lock);
	/* Room for a line that says how many were lost is kept. */
	if (size + 256 > buf_room(&a->waiting) || buf_append(&a->waiting, line, size) == -1)
		a->lost++, a->lost_ever++;
	else
		(void)!buf_append(&a->waiting, "\n", 1);
	pthread_cond_signal(&a->news);
	pthread_mutex_unlock(&a->lock);
}

uint64_t
auditfile_lost(struct auditfile *a)
{
	uint64_t lost;

	pthread_mutex_lock(&a->lock);
	lost = a->lost_ever;
	pthread_mutex_unlock(&a->lock);
	return lost;
}

void
auditfile_reopen(struct auditfile *a)
{
	pthread_mutex_lock(&a->lock);
	a->reopen = true;
	pthread_cond_signal(&a->news);
	pthread_mutex_unlock(&a->lock);
}

void
auditfile_destroy(struct auditfile *a, double patience)
{
	struct timespec until;
	bool done;

	if (a == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)patience;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->news);
	while (!a->done && pthread_cond_timedwait(&a->over, &a->lock, &until) == 0)
		;
	done = a->done;
	a->orphan = !done;
	if (!done) /* in another turn of its loop, or it hangs in the kernel */
		pthread_detach(a->thread);
	pthread_mutex_unlock(&a->lock);
	if (!done)
		return;
	pthread_join(a->thread, NULL);
	auditfile_free(a);
}
