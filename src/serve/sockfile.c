/*
 * The socket's name in the file system.  Owns the descriptor that listens and the lock; knows no loop.  Main thread
 * only.
 *
 * One broker a path: PATH.lock is held (flock) for life and never removed, so that nobody can lock a file that is no
 * longer there for others.  Under the lock the socket is bound with mode 0600 to a name of the same length (so that it
 * fits sun_path as well), listens, and is renamed into place: a client finds no socket or a working one.  Who has
 * several makes all of them before it shows the first.
 *
 * A broker that hands its name over (an upgrade) says so in the lock file and lets the lock go, and still listens.  Who
 * takes that lock puts its own socket in the place of the other's, and every client meets one of the two.
 */
#include "serve/sockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

#define HANDED_OVER "handed over\n"

static void
sockfile_address(struct sockaddr_un *sun, const char *path)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", path);
}

/* The process id in the lock file, for the message; 0 when there is none. */
static long
lock_holder(int fd)
{
	char text[32];
	unsigned long pid;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text_parse_ulong(text, 0x7fffffff, &pid) ? (long)pid : 0;
}

static int
lock_take(int fd, const char *path, bool *handed_over, struct np_error *err)
{
	char text[32];
	long pid;
	int n;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return error_set_errno(err, REASON_INTERNAL, "cannot lock %s.lock", path);
		pid = lock_holder(fd);
		if (pid > 0)
			return error_set(err, REASON_CONNECT_FAILED, "another broker (pid %ld) serves %s", pid, path);
		return error_set(err, REASON_CONNECT_FAILED, "another broker serves %s", path);
	}
	n = (int)pread(fd, text, sizeof(text), 0);
	*handed_over = n == sizeof(HANDED_OVER) - 1 && memcmp(text, HANDED_OVER, (size_t)n) == 0;
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	/* The number is for messages only: a full disk must not keep a broker from starting. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		log_warning("listener", "cannot write %s.lock: %s", path, strerror(errno));
	return 0;
}

static int
lock_open(const char *path, bool *handed_over, struct np_error *err)
{
	char *name = xasprintf("%s.lock", path);
	struct stat st;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0) {
		error_set_errno(err, REASON_INTERNAL, "cannot open %s", name);
	} else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		error_set(err, REASON_DENIED, "%s is not a regular file: remove it", name);
		close(fd);
		fd = -1;
	} else if (lock_take(fd, path, handed_over, err) < 0) {
		close(fd);
		fd = -1;
	}
	free(name);
	return fd;
}

/*
 * 0 when nothing stands at path, or a socket that nobody serves.  Only a refused connection proves the latter: a
 * time-out or a shortage of descriptors says nothing about the other side.
 */
int
sockfile_check_name(const char *path, struct np_error *err)
{
	struct sockaddr_un sun;
	struct stat st;
	int fd, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, REASON_INTERNAL, "cannot look at %s", path);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, REASON_DENIED,
		    "%s exists and is not a socket: remove it or choose another path with -S", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(err, REASON_INTERNAL, "socket");
	sockfile_address(&sun, path);
	r = connect(fd, (const struct sockaddr *)(const void *)&sun, sizeof(sun));
	if (r == 0 || errno == EAGAIN || errno == EINPROGRESS)
		r = error_set(err, REASON_CONNECT_FAILED, "another broker serves %s", path);
	else if (errno == ECONNREFUSED || errno == ENOENT)
		r = 0;
	else
		r = error_set_errno(err, REASON_INTERNAL, "cannot tell whether a broker serves %s", path);
	close(fd);
	return r;
}

/* A name beside path that is as long: it fits wherever path does. */
static void
temporary_name(char *out, const char *path)
{
	size_t last = strlen(path) - 1;

	strcpy(out, path);
	out[last] = path[last] == '~' ? '#' : '~';
}

/* Nobody else can have put another thing there: the directory is ours or root's alone. */
static int
give_access(const char *temporary, const struct sockfile_access *access, struct np_error *err)
{
	bool given = access != NULL && (access->owner != (uid_t)-1 || access->group != (gid_t)-1);

	if (given && lchown(temporary, access->owner, access->group) < 0)
		return error_set_errno(
		    err, REASON_DENIED, "cannot give the socket to its `owner` and `group` (that takes root's rights)");
	if (chmod(temporary, access != NULL ? access->mode : 0600) < 0)
		return error_set_errno(err, REASON_INTERNAL, "cannot set the mode of %s", temporary);
	return 0;
}

static int
sockfile_bind(int fd, const char *temporary, int backlog, const struct sockfile_access *access, struct np_error *err)
{
	struct sockaddr_un sun;
	struct stat st;

	if (lstat(temporary, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(temporary); /* left by a broker that was killed between bind and rename; we hold its lock */
	sockfile_address(&sun, temporary);
	/* On Linux the mode of the unbound socket is the mode of the name that bind(2) makes: never wider than 0600. */
	(void)fchmod(fd, 0600);
	if (bind(fd, (const struct sockaddr *)(const void *)&sun, sizeof(sun)) < 0)
		return error_set_errno(err, REASON_INTERNAL, "cannot make the socket %s", temporary);
	if (give_access(temporary, access, err) < 0) {
		unlink(temporary);
		return -1;
	}
	if (listen(fd, backlog) < 0) {
		error_set_errno(err, REASON_INTERNAL, "cannot listen at %s", temporary);
		unlink(temporary);
		return -1;
	}
	return 0;
}

static int
make_hidden(
    const char *temporary, int backlog, const struct sockfile_access *access, struct stat *made, struct np_error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_set_errno(err, REASON_INTERNAL, "socket");
	if (sockfile_bind(fd, temporary, backlog, access, err) < 0) {
		close(fd);
		return -1;
	}
	if (lstat(temporary, made) < 0) {
		error_set_errno(err, REASON_INTERNAL, "cannot look at %s", temporary);
		unlink(temporary);
		close(fd);
		return -1;
	}
	return fd;
}

static int
rename_into_place(const char *temporary, const char *path, struct np_error *err)
{
	if (rename(temporary, path) == 0)
		return 0;
	error_set_errno(err, REASON_INTERNAL, "cannot rename %s to %s", temporary, path);
	unlink(temporary);
	return -1;
}

int
sockfile_make(const char *path, const char *temporary, int backlog, const struct sockfile_access *access,
    struct stat *made, struct np_error *err)
{
	int fd = make_hidden(temporary, backlog, access, made, err);

	if (fd >= 0 && rename_into_place(temporary, path, err) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- who may connect ---- */

#define NAMES_MAX 16384

/* A number, or the name of a user or group; -1 with err. */
static int
find_id(const char *name, bool is_group, unsigned long *id, struct np_error *err)
{
	char *scratch = xmalloc(NAMES_MAX);
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;
	int rc = 0;

	if (text_parse_ulong(name, 0xfffffffe, id))
		;
	else if (!is_group && getpwnam_r(name, &pw, scratch, NAMES_MAX, &user) == 0 && user != NULL)
		*id = pw.pw_uid;
	else if (is_group && getgrnam_r(name, &gr, scratch, NAMES_MAX, &group) == 0 && group != NULL)
		*id = gr.gr_gid;
	else
		rc = error_set(err, REASON_INVALID_PARAMS, "there is no %s `%s`", is_group ? "group" : "user", name);
	free(scratch);
	return rc;
}

int
sockfile_access(
    struct sockfile_access *access, const char *mode, const char *owner, const char *group, struct np_error *err)
{
	unsigned long id;

	*access = (struct sockfile_access){.mode = 0600, .owner = (uid_t)-1, .group = (gid_t)-1};
	if (mode != NULL)
		access->mode = (mode_t)strtoul(mode, NULL, 8);
	if (owner != NULL && find_id(owner, false, &id, err) == -1)
		return -1;
	if (owner != NULL)
		access->owner = (uid_t)id;
	if (group != NULL && find_id(group, true, &id, err) == -1)
		return -1;
	if (group != NULL)
		access->group = (gid_t)id;
	return 0;
}

/* ---- the name ---- */

int
sockfile_init(struct sockfile *f, const char *path, struct np_error *err)
{
	size_t n = strlen(path);

	memset(f, 0, sizeof(*f));
	f->fd = f->lock_fd = -1;
	if (n == 0 || n >= sizeof(f->path) || path[n - 1] == '/')
		return error_set(err, REASON_INVALID_PARAMS,
		    "`%s` cannot be the path of a socket: it has 1 to %zu bytes", path, sizeof(f->path) - 1);
	memcpy(f->path, path, n + 1);
	return 0;
}

int
sockfile_open(struct sockfile *f, struct np_error *err)
{
	char temporary[sizeof(f->path)];
	struct stat made = {.st_ino = 0};
	bool handed_over = false;
	int lock_fd, fd;

	if ((f->access != NULL ? paths_make_shared_dir(f->path, err) : paths_make_dir(f->path, err)) < 0)
		return -1;
	lock_fd = lock_open(f->path, &handed_over, err);
	if (lock_fd < 0)
		return -1;
	temporary_name(temporary, f->path);
	fd = !handed_over && sockfile_check_name(f->path, err) < 0
		 ? -1
		 : make_hidden(temporary, SOCKFILE_BACKLOG, f->access, &made, err);
	if (fd < 0) {
		close(lock_fd);
		return -1;
	}
	f->dev = made.st_dev;
	f->ino = made.st_ino;
	f->lock_fd = lock_fd;
	f->fd = fd;
	f->hidden = true;
	return 0;
}

int
sockfile_show(struct sockfile *f, struct np_error *err)
{
	char temporary[sizeof(f->path)];

	if (!f->hidden)
		return 0;
	f->hidden = false;
	temporary_name(temporary, f->path);
	return rename_into_place(temporary, f->path, err);
}

int
sockfile_hand_over(struct sockfile *f, struct np_error *err)
{
	size_t size = sizeof(HANDED_OVER) - 1;

	if (ftruncate(f->lock_fd, 0) < 0 || pwrite(f->lock_fd, HANDED_OVER, size, 0) != (ssize_t)size)
		return error_set_errno(err, REASON_INTERNAL, "cannot write %s.lock", f->path);
	close(f->lock_fd);
	f->lock_fd = -1;
	return 0;
}

int
sockfile_take_back(struct sockfile *f, struct np_error *err)
{
	bool handed_over;

	f->lock_fd = lock_open(f->path, &handed_over, err);
	return f->lock_fd >= 0 ? 0 : -1;
}

bool
sockfile_is_there(const struct sockfile *f)
{
	struct stat st;

	return lstat(f->path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino;
}

bool
sockfile_is_ours(const struct sockfile *f)
{
	return f->lock_fd >= 0 && sockfile_is_there(f);
}

void
sockfile_close(struct sockfile *f)
{
	char temporary[sizeof(f->path)];

	if (f->hidden) {
		temporary_name(temporary, f->path);
		unlink(temporary);
		f->hidden = false;
	}
	/* First the name, then the lock: a broker that starts now finds either us or a free place. */
	if (sockfile_is_ours(f))
		unlink(f->path);
	if (f->fd >= 0)
		close(f->fd);
	if (f->lock_fd >= 0)
		close(f->lock_fd);
	f->fd = f->lock_fd = -1;
}
