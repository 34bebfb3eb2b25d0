/*
 * A Unix socket that listens under a name in the file system: made without a race, with a lock against a second broker,
 * removed only when it is still ours.  Main thread only.
 */
#ifndef NP_SOCKFILE_H
#define NP_SOCKFILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/compiler.h"
#include "base/error.h"

/* Connections that wait to be accepted; the kernel may allow fewer (net.core.somaxconn). */
#define SOCKFILE_BACKLOG 1024

/* Who may connect, by the name's owner and mode: the kernel holds everybody else off. */
struct sockfile_access {
	mode_t mode;
	uid_t owner; /* -1: as it is made */
	gid_t group; /* likewise */
};

struct sockfile {
	const struct sockfile_access *access; /* NULL: this user alone; borrowed */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd;      /* non-blocking, CLOEXEC; -1 while closed */
	int lock_fd; /* PATH.lock; -1: the name is not ours to make or remove */
	dev_t dev;   /* of the name that we made */
	ino_t ino;
	bool hidden; /* it listens under a name beside path, at which nobody asks */
};

/* Closed, with a path that is fit for a socket; -1 with err (invalid_params) when it is not. */
int sockfile_init(struct sockfile *f, const char *path, struct np_error *err) NP_MUST_CHECK;
/* What mode, owner and group mean, as they are configured (NULL: 0600 and ours): 0, or -1 with err (invalid_params). */
int sockfile_access(struct sockfile_access *access, const char *mode, const char *owner, const char *group,
    struct np_error *err) NP_MUST_CHECK;
/*
 * Directory, lock, socket: all that makes us the broker of this path, but the name: until it is shown the former broker
 * that has handed it over is reached.  Nothing is left behind on failure but the lock file.  -1 with err: denied
 * (directory; something else stands at path), connect_failed ("another broker (pid N) serves PATH"), internal.
 */
int sockfile_open(struct sockfile *f, struct np_error *err) NP_MUST_CHECK;
/* From now on clients come: 0, also where they do already, or -1 with err (internal). */
int sockfile_show(struct sockfile *f, struct np_error *err) NP_MUST_CHECK;
/*
 * The same for who has a lock of his own: whether path is free (nothing is there, or a socket that nobody serves), and
 * a socket that listens there (of that access, non-blocking, CLOEXEC), made under `temporary` beside it first.  *made
 * is what lstat(2) says of the name.  -1 with err: as above.
 */
int sockfile_check_name(const char *path, struct np_error *err) NP_MUST_CHECK;
int sockfile_make(const char *path, const char *temporary, int backlog, const struct sockfile_access *access,
    struct stat *made, struct np_error *err) NP_MUST_CHECK;
/*
 * Another broker may put its socket in this one's place, which listens until then and is not removed by us any more:
 * 0, or -1 with err and everything as it was.  And back again, which fails (connect_failed) when another has the lock.
 */
int sockfile_hand_over(struct sockfile *f, struct np_error *err) NP_MUST_CHECK;
int sockfile_take_back(struct sockfile *f, struct np_error *err) NP_MUST_CHECK;
/* Whether the name in the file system still is the one that we made; and it is ours to remove. */
bool sockfile_is_there(const struct sockfile *f);
bool sockfile_is_ours(const struct sockfile *f);
/* Removes the name (either one) if it is ours, and lets socket and lock go.  It can be opened again. */
void sockfile_close(struct sockfile *f);

#endif
