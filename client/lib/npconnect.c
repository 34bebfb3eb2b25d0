/*
 * The way to the broker's socket: trust in its directory and in who listens, patience while it is busy, a start where
 * nobody listens.  Owns the lock that makes one of many clients the starter.
 */
#include "lib/npclient.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/npstart.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

enum attempt {
	ATTEMPT_CONNECTED,
	ATTEMPT_ABSENT, /* nobody listens there */
	ATTEMPT_BUSY,   /* somebody does, but has no room for us right now */
	ATTEMPT_FAILED  /* err says why it is no use */
};

static bool
is_stopped(const struct npclient *c)
{
	return c->stop != NULL && *c->stop != 0;
}

/*
 * Somebody else's broker, for who was handed one of its sockets: then the kernel's word about who listens there is all
 * that counts, for nobody else could answer as that user, whoever owns the directory.
 */
static bool
broker_uid(unsigned long *uid)
{
	const char *text = getenv("NETPULSE_BROKER_UID");

	return text != NULL && text_parse_ulong(text, 0xfffffffe, uid);
}

/* Root is trusted: it can do everything anyway, and a socket made by init(1) belongs to it. */
static int
check_broker_uid(int fd, const char *path, unsigned long trusted, struct np_error *err)
{
	struct paths_peer peer;

	if (paths_peer(fd, &peer, err) == -1)
		return -1;
	(void)broker_uid(&trusted);
	if (peer.uid != trusted && peer.uid != 0)
		return error_set(err, REASON_DENIED,
		    "the broker at %s runs as user %ld, not as %s: nothing was sent; use another socket (-S)%s", path,
		    (long)peer.uid, trusted == geteuid() ? "you" : "its directory or NETPULSE_BROKER_UID says",
		    trusted == geteuid() ? ", or name who is trusted by NETPULSE_BROKER_UID" : "");
	return 0;
}

static enum attempt
attempt_failed(int fd, const char *path, struct np_error *err)
{
	int saved = errno;

	close(fd);
	errno = saved;
	if (saved == ENOENT || saved == ECONNREFUSED)
		return ATTEMPT_ABSENT;
	if (saved == EAGAIN || saved == EINTR)
		return ATTEMPT_BUSY;
	error_set_errno(
	    err, saved == EACCES ? REASON_DENIED : REASON_BROKER_UNAVAILABLE, "connect to the broker at %s", path);
	return ATTEMPT_FAILED;
}

static enum attempt
connect_once(struct npclient *c, uid_t trusted, struct np_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1) {
		error_set_errno(err, REASON_BROKER_UNAVAILABLE, "make a socket");
		return ATTEMPT_FAILED;
	}
	memcpy(addr.sun_path, c->path, strlen(c->path) + 1);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1)
		return attempt_failed(fd, c->path, err);
	if (check_broker_uid(fd, c->path, trusted, err) == -1) {
		close(fd);
		return ATTEMPT_FAILED;
	}
	c->fd = fd;
	c->lost = false;
	c->sent = 0;
	return ATTEMPT_CONNECTED;
}

/* The directory first: a socket in a directory of somebody else could be anybody's. */
static enum attempt
connect_checked(struct npclient *c, struct np_error *err)
{
	unsigned long named;
	uid_t trusted = geteuid();

	if (broker_uid(&named) ||
	    (c->system ? paths_check_system_dir(c->path, &trusted, err) : paths_check_dir(c->path, err)) == 0)
		return connect_once(c, trusted, err);
	return err->reason == REASON_BROKER_UNAVAILABLE ? ATTEMPT_ABSENT : ATTEMPT_FAILED;
}

/*
 * Where one has no broker of one's own and is let in to the system's, that is the one: none is started then, and what
 * becomes of a command does not depend on it.
 */
static bool
turn_to_system(struct npclient *c)
{
	if (!c->default_path || c->own || c->system ||
	    faccessat(AT_FDCWD, PATHS_SYSTEM_SOCKET, R_OK | W_OK, AT_EACCESS) == -1)
		return false;
	strcpy(c->path, PATHS_SYSTEM_SOCKET);
	c->system = true;
	return true;
}

/* Nobody listens: -1 when none is to be started, or none can be. */
static int
open_lock(const struct npclient *c, struct np_error *err)
{
	unsigned long uid;
	char *path;
	int fd;

	if (c->system)
		return error_set(err, REASON_BROKER_UNAVAILABLE,
		    "no broker is running at %s, which is the system's: systemctl start netpulsed.socket, or name one "
		    "of your "
		    "own by NETPULSE_SOCKET",
		    c->path);
	if (!c->start || (broker_uid(&uid) && uid != geteuid()))
		return error_set(err, REASON_BROKER_UNAVAILABLE, "no broker is running at %s", c->path);
	if (c->default_path && paths_make_dir(c->path, err) == -1)
		return -1;
	path = xasprintf("%s.start", c->path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		error_set_errno(err, REASON_BROKER_UNAVAILABLE, "open the lock %s", path);
	free(path);
	return fd;
}

int
npconnect_check_waiting(const struct npclient *c, struct np_error *err)
{
	if (is_stopped(c))
		return error_set(err, REASON_CANCELLED, "interrupted while waiting for the broker");
	if (clock_now() >= c->deadline)
		return error_set(err, REASON_BROKER_UNAVAILABLE,
		    "no broker answered at %s within %.3g s: see its log (netpulsed(8)) or run netpulsed -d", c->path,
		    c->patience);
	return 0;
}

/* A daemon that could not start because another one was just started by hand is no failure. */
static enum attempt
start_once(struct npclient *c, struct np_error *err)
{
	struct np_error ignored;

	if (npstart_daemon(c->path, c->deadline, c->stop, err) == 0)
		return connect_checked(c, err);
	return connect_checked(c, &ignored) == ATTEMPT_CONNECTED ? ATTEMPT_CONNECTED : ATTEMPT_FAILED;
}

/*
 * Of many clients that find no broker, one holds the lock and starts it; the others find it answering, or try in turn
 * when that one failed.
 *
 *   connect --absent--> open the lock, connect --absent--> the lock is ours: start, connect
 *      |                                    --absent--> another's: wait, connect again
 *      +--busy: wait, connect again
 */
int
npconnect_until_deadline(struct npclient *c, struct np_error *err)
{
	enum attempt attempt;
	int lock = -1, delay = 0;

	for (;; poll(NULL, 0, delay), delay = delay < 20 ? delay * 2 + 1 : delay) {
		bool ours = lock != -1 && flock(lock, LOCK_EX | LOCK_NB) == 0;

		attempt = connect_checked(c, err);
		if (attempt == ATTEMPT_ABSENT && turn_to_system(c))
			attempt = connect_checked(c, err);
		if (attempt == ATTEMPT_ABSENT && lock == -1) {
			lock = open_lock(c, err);
			attempt = lock != -1 ? attempt : ATTEMPT_FAILED;
		}
		if (attempt == ATTEMPT_ABSENT && ours)
			attempt = start_once(c, err);
		if (attempt == ATTEMPT_CONNECTED || attempt == ATTEMPT_FAILED)
			break;
		if (npconnect_check_waiting(c, err) == -1)
			break;
	}
	if (lock != -1)
		close(lock);
	return attempt == ATTEMPT_CONNECTED ? 0 : -1;
}

int
npclient_connect_within(struct npclient *c, double seconds, struct np_error *err)
{
	c->patience = seconds;
	c->deadline = clock_now() + seconds;
	return npconnect_until_deadline(c, err);
}

int
npclient_connect(struct npclient *c, struct np_error *err)
{
	return npclient_connect_within(c, NPCLIENT_CONNECT_TIMEOUT, err);
}
