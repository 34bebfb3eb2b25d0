/*
 * Accepts connections.  Owns the socket, its watchers and a spare descriptor; decides who is let in, and knows nothing
 * of what is said afterwards.  Main thread only.
 */
#include "serve/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "wire/frame.h"
#include "base/log.h"
#include "wire/message.h"
#include "base/paths.h"
#include "serve/sockfile.h"
#include "base/xalloc.h"

#define LISTENER_ACCEPTS_PER_TURN 16 /* then those connected already have their turn */
#define LISTENER_PAUSE 1.0           /* without descriptors: until the next attempt */
#define LISTENER_RESTORE 10.0        /* between attempts to make a removed socket again */
#define LISTENER_LOG_EVERY 60.0

struct listener {
	struct ev_loop *loop;
	const struct listener_events *events;
	void *arg;
	struct sockfile socket;
	struct sockfile_access access; /* of one for others */
	bool adopted;                  /* the service manager has made it, and has it still */
	bool open;                     /* the kernel judged who may connect, by the mode of its name */
	int spare_fd;                  /* given up when descriptors run out, to tell a client so */
	bool starved;                  /* the last accept(2) found no descriptor */
	bool unreachable;              /* the name could not be made again: said once */
	bool lost;                     /* another broker has it */
	bool handed_over;              /* another broker may have it */
	unsigned iteration;            /* of the loop, in which one came last */
	double logged_at;
	unsigned unlogged;
	ev_io io;
	ev_timer pause;
	ev_stat watch;    /* of the name: somebody may remove it */
	ev_timer restore; /* the name is gone and could not be made again */
};

/* ---- accepting ---- */

/* At most one line in LISTENER_LOG_EVERY seconds; left_out tells of those before it. */
static bool
listener_may_log(struct listener *l, char *left_out, size_t size)
{
	double now = clock_now();

	if (l->logged_at > 0 && now - l->logged_at < LISTENER_LOG_EVERY) {
		l->unlogged++;
		return false;
	}
	left_out[0] = '\0';
	if (l->unlogged > 0)
		snprintf(left_out, size, " (%u such lines left out)", l->unlogged);
	l->unlogged = 0;
	l->logged_at = now;
	return true;
}

/* Says why in one frame, as a broker would answer, and closes fd.  Whoever cannot take it in at once gets nothing. */
static void
listener_refuse(int fd, const struct np_error *why)
{
	struct message_id none = {.kind = MESSAGE_ID_NULL};
	char *json = message_make_error(&none, why, NULL);
	struct buf out;

	buf_init(&out, FRAME_SIZE_MAX);
	if (json != NULL && frame_append(&out, json, strlen(json), NULL, 0) == 0)
		(void)!send(fd, buf_head(&out), out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&out);
	cJSON_free(json);
	close(fd);
}

static void
listener_admit(struct listener *l, int fd)
{
	struct np_error err;
	struct paths_peer peer;
	char left_out[48];

	if (paths_peer(fd, &peer, &err) < 0) {
		/* It may have left already. */
		log_debug("listener", "connection dropped: %s", err.text);
		close(fd);
		return;
	}
	if (l->open || peer.uid == geteuid() || peer.uid == 0) {
		l->events->accepted(fd, &peer, l->arg);
		return;
	}
	if (listener_may_log(l, left_out, sizeof(left_out))) {
		log_warning("listener", "connection of uid %lu (pid %ld) refused%s", (unsigned long)peer.uid,
		    (long)peer.pid, left_out);
		if (l->events->refused != NULL)
			l->events->refused(peer.uid, peer.pid, l->arg);
	}
	error_set(&err, REASON_DENIED, "this broker belongs to uid %lu: you are uid %lu", (unsigned long)geteuid(),
	    (unsigned long)peer.uid);
	listener_refuse(fd, &err);
}

static int
listener_accept(const struct listener *l)
{
	int fd;

	do
		fd = accept4(l->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd;
}

/* Takes what waits with the spare descriptor, says why nobody serves it, and takes the spare descriptor back. */
static void
listener_turn_away(struct listener *l)
{
	struct np_error err;

	error_set(&err, REASON_QUEUE_FULL,
	    "the broker has no file descriptors left: try again later, or raise its limit (ulimit -n)");
	for (int i = 0; i < SOCKFILE_BACKLOG && l->spare_fd >= 0; i++) {
		int fd;
		close(l->spare_fd);
		fd = listener_accept(l);
		if (fd >= 0)
			listener_refuse(fd, &err);
		l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			break;
	}
}

/*
 * Out of descriptors.  Most shortages last for a moment: clients wait for a second in the backlog; those that find it
 * lasting are told.
 */
static void
listener_starve(struct listener *l, int error)
{
	char left_out[48];

	if (listener_may_log(l, left_out, sizeof(left_out)))
		log_error("listener", "cannot accept connections: %s: pausing%s", strerror(error), left_out);
	if (l->starved)
		listener_turn_away(l);
	l->starved = true;
	ev_io_stop(l->loop, &l->io);
	ev_timer_stop(l->loop, &l->pause);
	ev_timer_set(&l->pause, LISTENER_PAUSE, 0.);
	ev_timer_start(l->loop, &l->pause);
}

static void
listener_on_connection(struct ev_loop *loop, ev_io *w, int revents NP_UNUSED)
{
	struct listener *l = w->data;

	/* Mostly one comes and no other: whether there is one costs as much as to take it.  In a rush they are taken.
	 */
	bool rush = ev_iteration(loop) == l->iteration + 1;

	l->iteration = ev_iteration(loop);
	/* accepted() may stop the listener. */
	for (int i = 0; i < (rush ? LISTENER_ACCEPTS_PER_TURN : 1) && l->socket.fd >= 0; i++) {
		int fd = listener_accept(l);
		if (fd < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				listener_starve(l, errno);
			return;
		}
		l->starved = false;
		listener_admit(l, fd);
	}
}

static void
listener_on_pause_over(struct ev_loop *loop, ev_timer *w, int revents NP_UNUSED)
{
	struct listener *l = w->data;

	if (l->spare_fd < 0)
		l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_io_start(loop, &l->io);
}

static void
listener_start(struct listener *l)
{
	ev_io_set(&l->io, l->socket.fd, EV_READ);
	ev_io_start(l->loop, &l->io);
}

/* ---- a socket that vanishes ---- */

static void
listener_stop_accepting(struct listener *l)
{
	ev_io_stop(l->loop, &l->io);
	ev_timer_stop(l->loop, &l->pause);
	ev_timer_stop(l->loop, &l->restore);
	sockfile_close(&l->socket);
}

/*
 * Nobody can reach a broker whose socket was removed (by a cleaner of /tmp, say), and its lock would keep a new one
 * from starting: everything is made again, directory and lock included.  Where another broker has taken the place, it
 * is left to that one for good: to look again and again would only wake it.
 */
static void
listener_restore(struct listener *l)
{
	struct np_error err;

	listener_stop_accepting(l);
	if (sockfile_open(&l->socket, &err) == 0 && sockfile_show(&l->socket, &err) == 0) {
		log_warning("listener", "%s was removed by others: made again", l->socket.path);
		l->unreachable = false;
		listener_start(l);
		return;
	}
	if (err.reason == REASON_CONNECT_FAILED) {
		log_error("listener", "no longer reachable, the place was taken: %s", err.text);
		l->lost = true;
		ev_stat_stop(l->loop, &l->watch);
		return;
	}
	if (!l->unreachable)
		log_error("listener", "%s was removed by others and cannot be made again, trying every %.0f s: %s",
		    l->socket.path, LISTENER_RESTORE, err.text);
	l->unreachable = true;
	ev_timer_set(&l->restore, LISTENER_RESTORE, 0.);
	ev_timer_start(l->loop, &l->restore);
}

static void
listener_on_restore(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	listener_restore(w->data);
}

/* The name is another's now: nobody comes any more, and who waits here has come in time. */
static void
listener_accept_last(struct listener *l)
{
	int fd;

	ev_stat_stop(l->loop, &l->watch);
	while ((fd = listener_accept(l)) >= 0)
		listener_admit(l, fd);
	listener_stop_accepting(l);
	log_info("listener", "%s: another broker has taken the place", l->socket.path);
	l->lost = true;
	if (l->events->taken != NULL)
		l->events->taken(l->arg);
}

static void
listener_on_name_changed(struct ev_loop *loop NP_UNUSED, ev_stat *w, int revents NP_UNUSED)
{
	struct listener *l = w->data;

	if (l->handed_over) {
		if (l->socket.fd >= 0 && !sockfile_is_there(&l->socket))
			listener_accept_last(l);
		return;
	}
	if (l->socket.fd >= 0 && !sockfile_is_ours(&l->socket))
		listener_restore(l);
}

/* ---- life ---- */

static struct listener *
listener_alloc(struct ev_loop *loop, const struct sockfile *socket, const struct listener_events *events, void *arg)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->loop = loop;
	l->events = events;
	l->arg = arg;
	l->socket = *socket;
	l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_io_init(&l->io, listener_on_connection, -1, EV_READ);
	/* After the events of those that there are: who has left makes room for who comes in the same turn. */
	ev_set_priority(&l->io, -1);
	ev_timer_init(&l->pause, listener_on_pause_over, 0., 0.);
	ev_timer_init(&l->restore, listener_on_restore, 0., 0.);
	ev_stat_init(&l->watch, listener_on_name_changed, l->socket.path, 0.);
	l->io.data = l->pause.data = l->restore.data = l->watch.data = l;
	return l;
}

struct listener *
listener_create(
    struct ev_loop *loop, const char *path, const struct listener_events *events, void *arg, struct np_error *err)
{
	return listener_create_shared(loop, path, NULL, events, arg, err);
}

struct listener *
listener_create_shared(struct ev_loop *loop, const char *path, const struct sockfile_access *access,
    const struct listener_events *events, void *arg, struct np_error *err)
{
	struct sockfile socket;
	struct listener *l;

	if (sockfile_init(&socket, path, err) < 0)
		return NULL;
	socket.access = access;
	if (sockfile_open(&socket, err) < 0)
		return NULL;
	l = listener_alloc(loop, &socket, events, arg);
	if (access != NULL) {
		l->open = true;
		l->access = *access;
		l->socket.access = &l->access;
	}
	return l;
}

int
listener_show(struct listener *l, struct np_error *err)
{
	if (!l->socket.hidden)
		return 0;
	if (sockfile_show(&l->socket, err) < 0)
		return -1;
	listener_start(l);
	ev_stat_start(l->loop, &l->watch);
	return 0;
}

static int
adopt_check(int fd, struct sockaddr_un *sun, struct np_error *err)
{
	socklen_t size = sizeof(*sun);
	int value = 0, flags;
	socklen_t value_size = sizeof(value);

	memset(sun, 0, sizeof(*sun));
	if (getsockname(fd, (struct sockaddr *)(void *)sun, &size) < 0)
		return error_set_errno(err, REASON_INVALID_PARAMS, "descriptor %d", fd);
	if (sun->sun_family != AF_UNIX)
		return error_set(
		    err, REASON_INVALID_PARAMS, "descriptor %d is not a Unix socket (ListenStream=PATH)", fd);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &value_size) < 0 || value != SOCK_STREAM)
		return error_set(
		    err, REASON_INVALID_PARAMS, "descriptor %d is not a stream socket (ListenStream=PATH)", fd);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &value_size) < 0 || value == 0)
		return error_set(err, REASON_INVALID_PARAMS, "descriptor %d does not listen (Accept=no)", fd);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_set_errno(err, REASON_INTERNAL, "descriptor %d", fd);
	return 0;
}

struct listener *
listener_adopt(
    struct ev_loop *loop, int fd, bool open, const struct listener_events *events, void *arg, struct np_error *err)
{
	struct sockfile socket = {.fd = fd, .lock_fd = -1};
	struct sockaddr_un sun;
	struct listener *l;

	if (adopt_check(fd, &sun, err) < 0)
		return NULL;
	/* An abstract name begins with a NUL byte; shown as '@', as everywhere. */
	if (sun.sun_path[0] == '\0')
		sun.sun_path[0] = '@';
	memcpy(socket.path, sun.sun_path, sizeof(socket.path) - 1);
	l = listener_alloc(loop, &socket, events, arg);
	l->adopted = true;
	l->open = open;
	listener_start(l);
	return l;
}

int
listener_hand_over(struct listener *l, struct np_error *err)
{
	if (l->handed_over)
		return error_set(err, REASON_INVALID_REQUEST, "%s is being handed over already", l->socket.path);
	if (l->socket.fd < 0)
		return error_set(err, REASON_INVALID_REQUEST,
		    "%s was removed by others and could not be made again: nobody would take it over", l->socket.path);
	if (l->socket.lock_fd < 0)
		return error_set(err, REASON_INVALID_REQUEST,
		    "the service manager has made %s: restart the service, the socket keeps clients waiting meanwhile",
		    l->socket.path);
	if (sockfile_hand_over(&l->socket, err) < 0)
		return -1;
	l->handed_over = true;
	return 0;
}

bool
listener_take_back(struct listener *l)
{
	struct np_error err;

	if (!l->handed_over || l->socket.fd < 0 || !sockfile_is_there(&l->socket) ||
	    sockfile_take_back(&l->socket, &err) < 0)
		return false;
	l->handed_over = false;
	return true;
}

void
listener_stop(struct listener *l)
{
	ev_stat_stop(l->loop, &l->watch);
	listener_stop_accepting(l);
}

void
listener_leave(struct listener *l)
{
	if (l->adopted)
		listener_stop(l);
}

void
listener_destroy(struct listener *l)
{
	if (l == NULL)
		return;
	listener_stop(l);
	if (l->spare_fd >= 0)
		close(l->spare_fd);
	free(l);
}

bool
listener_is_lost(const struct listener *l)
{
	return l->lost;
}

const char *
listener_path(const struct listener *l)
{
	return l->socket.path;
}
