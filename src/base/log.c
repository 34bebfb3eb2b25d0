/*
 * The log.  Owns the log file, its size bound and the lock around both; the one place with global state besides tables.
 * Any thread; a sink runs under the lock and must not log.
 *
 * Lines go to a sink, else to the file, else to stderr.  stderr connected to systemd's journal gets the priority
 * prefix of sd-daemon(3) instead of the time, which the journal adds itself.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"

#define LOG_LINE_MAX 2048 /* longer lines are cut */

static struct {
	pthread_mutex_t lock;
	atomic_int level;
	log_sink_fn *sink;
	void *sink_arg;
	int fd;           /* the file, or -1 */
	char *path;       /* of the file; NULL without one */
	size_t size;      /* bytes in it */
	size_t max;       /* at this size a new one begins */
	time_t second;    /* of the last line, */
	char date[32];    /* how it is written, */
	char zone[8];     /* and how far from UTC */
	unsigned dropped; /* lines that could not be written since the last that could */
} log_state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO, .fd = -1};

static const struct {
	const char *name;
	char priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", '3'},
    [LOG_LEVEL_WARNING] = {"warning", '4'},
    [LOG_LEVEL_INFO] = {"info", '6'},
    [LOG_LEVEL_DEBUG] = {"debug", '7'},
};

void
log_set_level(enum log_level level)
{
	atomic_store(&log_state.level, (int)level);
}

bool
log_wants(enum log_level level)
{
	return (int)level <= atomic_load(&log_state.level);
}

void
log_set_sink(log_sink_fn *fn, void *arg)
{
	pthread_mutex_lock(&log_state.lock);
	log_state.sink = fn;
	log_state.sink_arg = arg;
	pthread_mutex_unlock(&log_state.lock);
}

/* Opens path for appending if it is a plain file of ours; *size receives its size. */
static int
log_open(const char *path, size_t *size, struct np_error *err)
{
	/* O_NONBLOCK: a FIFO in the place of the log must not stop the daemon; it means nothing to a plain file. */
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0)
		return error_set_errno(err, REASON_INTERNAL, "open log file %s", path);
	if (fstat(fd, &st) < 0) {
		error_set_errno(err, REASON_INTERNAL, "stat log file %s", path);
		goto fail;
	}
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		error_set(err, REASON_INTERNAL, "log file %s is not a plain file that uid %lu owns", path,
		    (unsigned long)geteuid());
		goto fail;
	}
	if ((st.st_mode & 077) != 0 && fchmod(fd, 0600) < 0) {
		error_set_errno(err, REASON_INTERNAL, "make log file %s private", path);
		goto fail;
	}
	*size = st.st_size > 0 ? (size_t)st.st_size : 0;
	return fd;
fail:
	close(fd);
	return -1;
}

/* A file that has just been opened takes the place of the present one. */
static void
log_switch(int fd, size_t size)
{
	close(log_state.fd);
	log_state.fd = fd;
	log_state.size = size;
}

int
log_open_file(const char *path, size_t max_bytes, struct np_error *err)
{
	size_t size = 0;
	int fd = log_open(path, &size, err);

	if (fd < 0)
		return -1;
	log_close();
	pthread_mutex_lock(&log_state.lock);
	log_state.fd = fd;
	log_state.path = xstrdup(path);
	log_state.size = size;
	log_state.max = max_bytes;
	pthread_mutex_unlock(&log_state.lock);
	return 0;
}

void
log_reopen(void)
{
	struct np_error err;
	size_t size = 0;
	int fd;

	pthread_mutex_lock(&log_state.lock);
	if (log_state.path == NULL) {
		pthread_mutex_unlock(&log_state.lock);
		return;
	}
	fd = log_open(log_state.path, &size, &err);
	if (fd >= 0)
		log_switch(fd, size);
	pthread_mutex_unlock(&log_state.lock);
	if (fd < 0)
		log_error("log", "%s; the former file is kept", err.text);
}

void
log_close(void)
{
	pthread_mutex_lock(&log_state.lock);
	if (log_state.fd >= 0)
		close(log_state.fd);
	free(log_state.path);
	log_state.fd = -1;
	log_state.path = NULL;
	log_state.dropped = 0;
	pthread_mutex_unlock(&log_state.lock);
}

/* PATH becomes PATH.1 and a new PATH begins; when that fails the file is emptied, because it must stay bounded. */
static void
log_rotate(void)
{
	char *old = xasprintf("%s.1", log_state.path);
	size_t size = 0;
	int fd = -1;

	if (rename(log_state.path, old) == 0)
		fd = log_open(log_state.path, &size, NULL);
	free(old);
	if (fd >= 0)
		log_switch(fd, size);
	else if (ftruncate(log_state.fd, 0) == 0)
		log_state.size = 0;
}

/* "2024-05-01T10:20:30.123+02:00" */
static void
log_time(char *out, size_t size)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != log_state.second) {
		log_state.second = now.tv_sec;
		localtime_r(&now.tv_sec, &tm);
		strftime(log_state.date, sizeof(log_state.date), "%Y-%m-%dT%H:%M:%S", &tm);
		strftime(log_state.zone, sizeof(log_state.zone), "%z", &tm);
	}
	snprintf(out, size, "%s.%03d%.3s:%s", log_state.date, (int)(now.tv_nsec / 1000000), log_state.zone,
	    log_state.zone + 3);
}

/* Whether stderr is the stream that systemd connected to the journal: $JOURNAL_STREAM is its "device:inode". */
static bool
stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (env == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(env, mine) == 0;
}

/* A line goes out in one write, so that lines of several processes do not mix. */
static bool
log_write(int fd, const char *line, size_t n)
{
	ssize_t r;

	do
		r = write(fd, line, n);
	while (r < 0 && errno == EINTR);
	return r == (ssize_t)n;
}

static void
log_to_file(const char *line, size_t n)
{
	char note[80];
	int k;

	if (log_state.size > 0 && log_state.size + n > log_state.max)
		log_rotate();
	if (log_state.dropped > 0) {
		k = snprintf(
		    note, sizeof(note), "(%u lines before this one could not be written)\n", log_state.dropped);
		if (k < 0 || !log_write(log_state.fd, note, (size_t)k)) {
			log_state.dropped++;
			return;
		}
		log_state.size += (size_t)k;
		log_state.dropped = 0;
	}
	if (log_write(log_state.fd, line, n))
		log_state.size += n;
	else
		log_state.dropped++;
}

static void
log_line(enum log_level level, const char *text)
{
	char line[LOG_LINE_MAX + 80];
	char when[64];
	int n;

	if (log_state.sink != NULL) {
		log_state.sink(level, text, log_state.sink_arg);
		return;
	}
	if (log_state.fd < 0 && stderr_is_journal()) {
		n = snprintf(line, sizeof(line), "<%c>%s\n", levels[level].priority, text);
	} else {
		log_time(when, sizeof(when));
		n = snprintf(line, sizeof(line), "%s %s %s\n", when, levels[level].name, text);
	}
	if (n < 0)
		return;
	if (log_state.fd >= 0)
		log_to_file(line, (size_t)n);
	else
		(void)log_write(STDERR_FILENO, line, (size_t)n);
}

void
log_at(enum log_level level, const char *token, const char *fmt, ...)
{
	char raw[LOG_LINE_MAX], safe[LOG_LINE_MAX];
	int saved = errno;
	va_list ap;
	int n;

	if (!log_wants(level))
		return;
	n = snprintf(raw, sizeof(raw), "%s: ", token);
	if (n < 0 || (size_t)n >= sizeof(raw))
		return;
	va_start(ap, fmt);
	vsnprintf(raw + n, sizeof(raw) - (size_t)n, fmt, ap);
	va_end(ap);
	/* One event is one line, whatever got into it. */
	text_vis_into(safe, sizeof(safe), raw);
	pthread_mutex_lock(&log_state.lock);
	log_line(level, safe);
	pthread_mutex_unlock(&log_state.lock);
	errno = saved;
}
