/*
 * A listening socket: made without a race, in a directory that only its owner can change, one broker a path.
 * Main thread only.
 */
#ifndef NP_LISTENER_H
#define NP_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include <ev.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/paths.h"
#include "serve/sockfile.h"

struct listener;

struct listener_events {
	/* A connection was accepted; the callee owns fd (non-blocking, CLOEXEC). */
	void (*accepted)(int fd, const struct paths_peer *peer, void *arg);
	/* A connection of another user was turned away; not called for each of very many.  May be NULL. */
	void (*refused)(uid_t uid, pid_t pid, void *arg);
	/* Another broker has taken the place that was handed over; who came before that was accepted.  May be NULL. */
	void (*taken)(void *arg);
};

/*
 * Makes all for listening at path: takes PATH.lock (held for life), judges the directory, removes a stale socket only
 * when connecting to it is refused, binds under a temporary name with mode 0600.  listener_show() renames it into
 * place. A name that somebody removes later is made again.  NULL with err: denied (directory), connect_failed ("another
 * broker (pid N) serves ..."), internal.
 */
struct listener *listener_create(struct ev_loop *loop, const char *path, const struct listener_events *events,
    void *arg, struct np_error *err) NP_MUST_CHECK;
/*
 * The same for others, as far as access (copied) lets them connect: whoever comes is let in.  The directory is made
 * with mode 0711 where it is missing.  NULL with err: as above; denied also when the socket cannot be given to its
 * owner.
 */
struct listener *listener_create_shared(struct ev_loop *loop, const char *path, const struct sockfile_access *access,
    const struct listener_events *events, void *arg, struct np_error *err) NP_MUST_CHECK;
/* From now on clients come: 0, or -1 with err (internal). */
int listener_show(struct listener *l, struct np_error *err) NP_MUST_CHECK;
/*
 * Serves a socket that the service manager has made (LISTEN_FDS), at once; it is never unlinked by us.  open: whoever
 * its mode lets connect is let in.
 */
struct listener *listener_adopt(struct ev_loop *loop, int fd, bool open, const struct listener_events *events,
    void *arg, struct np_error *err) NP_MUST_CHECK;
/* Stops accepting and removes the socket from the file system (when it is still ours); connected peers live on. */
void listener_stop(struct listener *l);
/* This broker drains: who comes to a socket that the service manager keeps waits there for the next one. */
void listener_leave(struct listener *l);
/*
 * Hands the name over to the broker that opens it next: 0, or -1 with err (invalid_request where the service manager
 * has made the socket).  This one accepts until then.  Taken back, where no other has come: false, when it is too late.
 */
int listener_hand_over(struct listener *l, struct np_error *err) NP_MUST_CHECK;
bool listener_take_back(struct listener *l);
/*
 * Another broker serves our path now (somebody had removed the socket, or the service manager has bound its own): no
 * client can reach us any longer.  The owner had better end when its work is done.
 */
bool listener_is_lost(const struct listener *l);
/* NULL is fine. */
void listener_destroy(struct listener *l);
const char *listener_path(const struct listener *l);

#endif
