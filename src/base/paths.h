/*
 * Where the socket is, and whether its directory can be trusted.  Shared by the daemon and the clients; libc only.
 */
#ifndef NP_PATHS_H
#define NP_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"

/* Of the broker that serves all users whom its mode lets in. */
#define PATHS_SYSTEM_SOCKET "/run/netpulse/netpulse.sock"

/*
 * The socket's path: explicit (option -S) if not NULL, else $NETPULSE_SOCKET, else
 * $XDG_RUNTIME_DIR/netpulse/broker.sock, or the same in /run/user/UID for who has no such variable (paths_run_user()),
 * else /tmp/netpulse-UID/broker.sock.  -1 when it does not fit sockaddr_un.sun_path, naming the limit and what to do.
 */
int paths_socket(const char *explicit_path, char *out, size_t size, struct np_error *err) NP_MUST_CHECK;
/*
 * "PARENT/UID" where that is a directory of ours that nobody else may enter, as pam_systemd(8) makes it; NULL: there is
 * none.  Caller frees.
 */
char *paths_run_user(const char *parent) NP_MUST_CHECK;

/*
 * Judges the directory that holds socket_path: owned by us or root, not a symbolic link, not writable by group or
 * others, and not to be replaced by others either (trust.h).  0 when it can be trusted; -1 with err (reason denied;
 * broker_unavailable when it does not exist).
 */
int paths_check_dir(const char *socket_path, struct np_error *err) NP_MUST_CHECK;
/*
 * The same for the socket of a system's broker: whoever owns the directory, root has put him there, for nobody else
 * could have.  *owner is the only one beside root who may serve in it.
 */
int paths_check_system_dir(const char *socket_path, uid_t *owner, struct np_error *err) NP_MUST_CHECK;
/* Creates it 0700 when it is missing (parents are not created), then checks as above and that it is 0700 where it is
 * ours alone to use. */
int paths_make_dir(const char *socket_path, struct np_error *err) NP_MUST_CHECK;

/* The same for a socket that others are handed: they must be able to pass, so that a missing one is made 0711. */
int paths_make_shared_dir(const char *socket_path, struct np_error *err) NP_MUST_CHECK;

struct paths_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* 0 where unknown */
};
/* Who is at the other end of a connected Unix socket (SO_PEERCRED or getpeereid). */
int paths_peer(int fd, struct paths_peer *peer, struct np_error *err) NP_MUST_CHECK;

/* The further groups of its process; NULL and 0 where the system does not tell.  Caller frees. */
gid_t *paths_peer_groups(int fd, size_t *count);

/* "~" and "~/x" with the home directory from $HOME, else the password file; other strings are copied.  Caller frees. */
char *paths_expand_home(const char *path) NP_MALLOC;
/* $XDG_STATE_HOME/netpulse/netpulsed.log or ~/.local/state/...; creates the directories 0700.  Caller frees; NULL with
 * err. */
char *paths_log_file(struct np_error *err);

#endif
