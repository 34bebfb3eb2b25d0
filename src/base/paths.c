/*
 * Where the socket and the log are, and whether they can be trusted.  Owns nothing; any thread that may read the
 * environment.
 */
#include "base/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/trust.h"
#include "base/xalloc.h"

/* A variable that holds something, or NULL. */
static const char *
env_get(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

/* The XDG specification wants absolute paths, and others ignored. */
static const char *
env_get_absolute(const char *name)
{
	const char *value = env_get(name);

	return value != NULL && *value == '/' ? value : NULL;
}

char *
paths_run_user(const char *parent)
{
	char *dir = xasprintf("%s/%lu", parent, (unsigned long)geteuid());
	struct stat st;

	if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		return dir;
	free(dir);
	return NULL;
}

int
paths_socket(const char *explicit_path, char *out, size_t size, struct np_error *err)
{
	size_t limit = sizeof(((struct sockaddr_un *)0)->sun_path);
	const char *path = explicit_path != NULL ? explicit_path : env_get("NETPULSE_SOCKET");
	const char *runtime = env_get_absolute("XDG_RUNTIME_DIR");
	char *made, *own = NULL;

	if (path == NULL && runtime == NULL)
		runtime = own = paths_run_user("/run/user");
	if (path != NULL && *path == '\0')
		return error_set(err, REASON_INVALID_PARAMS, "the socket path is empty");
	if (path != NULL)
		made = xstrdup(path);
	else if (runtime != NULL)
		made = xasprintf("%s/netpulse/broker.sock", runtime);
	else
		made = xasprintf("/tmp/netpulse-%lu/broker.sock", (unsigned long)geteuid());
	free(own);
	if (limit > size)
		limit = size;
	if (strlen(made) >= limit) {
		error_set(err, REASON_INVALID_PARAMS,
		    "socket path of %zu bytes, at most %zu are possible: set a shorter one by -S or NETPULSE_SOCKET "
		    "(%s)",
		    strlen(made), limit - 1, made);
		free(made);
		return -1;
	}
	memcpy(out, made, strlen(made) + 1);
	free(made);
	return 0;
}

/* The directory part without slashes at its end: with one, lstat() would follow a symbolic link. */
static char *
directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n;

	if (slash == NULL)
		return xstrdup(".");
	for (n = (size_t)(slash - path); n > 1 && path[n - 1] == '/';)
		n--;
	return n == 0 ? xstrdup("/") : xstrndup(path, n);
}

static int
judge_dir(const char *dir, const struct stat *st, struct np_error *err)
{
	if (S_ISLNK(st->st_mode))
		return error_set(
		    err, REASON_DENIED, "socket directory %s is a symbolic link: it cannot be trusted", dir);
	if (!S_ISDIR(st->st_mode))
		return error_set(err, REASON_DENIED, "socket directory %s is not a directory", dir);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(err, REASON_DENIED,
		    "socket directory %s belongs to uid %lu, neither to you nor to root", dir,
		    (unsigned long)st->st_uid);
	if ((st->st_mode & 022) != 0)
		return error_set(err, REASON_DENIED,
		    "socket directory %s is writable by others (mode %04o): chmod go-w it, "
		    "or choose another by -S or NETPULSE_SOCKET",
		    dir, (unsigned)st->st_mode & 07777);
	return 0;
}

/* Who may change a directory above it can put another one in its place. */
static int
judge_way(const char *dir, struct np_error *err)
{
	if (trust_way(dir, err) == 0)
		return 0;
	return error_prefix(err, "socket directory %s", dir);
}

/* owner: where it may be anybody's, and whose it is; NULL: it may not. */
static int
check_dir(const char *socket_path, uid_t *owner, struct np_error *err)
{
	char *dir = directory_of(socket_path);
	struct stat st = {.st_uid = 0};
	int r = lstat(dir, &st);

	if (owner != NULL) {
		*owner = st.st_uid;
		st.st_uid = 0;
	}
	if (r == 0)
		r = judge_dir(dir, &st, err) < 0 ? -1 : judge_way(dir, err);
	else if (errno == ENOENT)
		r = error_set(err, REASON_BROKER_UNAVAILABLE, "socket directory %s does not exist", dir);
	else
		r = error_set_errno(err, REASON_DENIED, "socket directory %s", dir);
	free(dir);
	return r;
}

int
paths_check_dir(const char *socket_path, struct np_error *err)
{
	return check_dir(socket_path, NULL, err);
}

int
paths_check_system_dir(const char *socket_path, uid_t *owner, struct np_error *err)
{
	return check_dir(socket_path, owner, err);
}

/* Whether the directory is named as one that only a broker uses, so that nobody misses the rights we take away. */
static bool
is_brokers_own(const char *dir)
{
	const char *slash = strrchr(dir, '/');
	const char *name = slash != NULL ? slash + 1 : dir;
	char mine[40];

	snprintf(mine, sizeof(mine), "netpulse-%lu", (unsigned long)geteuid());
	return strcmp(name, "netpulse") == 0 || strcmp(name, mine) == 0;
}

/* Judges the directory through a descriptor, so that what is judged is what is changed. */
static int
settle_dir(const char *dir, bool created, struct np_error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return error_set(err, REASON_DENIED, "socket directory %s is a symbolic link or no directory", dir);
	if (fd < 0)
		return error_set_errno(err, REASON_DENIED, "socket directory %s", dir);
	if (fstat(fd, &st) < 0)
		r = error_set_errno(err, REASON_DENIED, "socket directory %s", dir);
	else
		r = judge_dir(dir, &st, err);
	if (r == 0 && st.st_uid == geteuid() && (st.st_mode & 0777) != 0700 && (created || is_brokers_own(dir)) &&
	    fchmod(fd, 0700) < 0)
		r = error_set_errno(err, REASON_DENIED, "make socket directory %s private", dir);
	close(fd);
	return r;
}

int
paths_make_dir(const char *socket_path, struct np_error *err)
{
	char *dir = directory_of(socket_path);
	bool created = false;
	int r = judge_way(dir, err);

	if (r == 0)
		created = mkdir(dir, 0700) == 0;
	if (r == 0 && !created && errno != EEXIST)
		r = error_set_errno(err, REASON_DENIED, "create socket directory %s", dir);
	else if (r == 0)
		r = settle_dir(dir, created, err);
	free(dir);
	return r;
}

int
paths_make_shared_dir(const char *socket_path, struct np_error *err)
{
	char *dir = directory_of(socket_path);
	int r = judge_way(dir, err);

	if (r == 0 && mkdir(dir, 0700) == 0 && chmod(dir, 0711) < 0)
		r = error_set_errno(err, REASON_DENIED, "let others pass through socket directory %s", dir);
	free(dir);
	return r == 0 ? paths_check_dir(socket_path, err) : -1;
}

int
paths_peer(int fd, struct paths_peer *peer, struct np_error *err)
{
#ifdef SO_PEERCRED
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return error_set_errno(err, REASON_DENIED, "ask who is at the other end of the socket");
	*peer = (struct paths_peer){cred.uid, cred.gid, cred.pid};
#else
	peer->pid = 0;
	if (getpeereid(fd, &peer->uid, &peer->gid) < 0)
		return error_set_errno(err, REASON_DENIED, "ask who is at the other end of the socket");
#endif
	return 0;
}

gid_t *
paths_peer_groups(int fd, size_t *count)
{
	gid_t *groups = NULL;
#ifdef SO_PEERGROUPS
	socklen_t size = 0;

	/* Without room for them it says how much they take. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == -1 && errno == ERANGE) {
		groups = xmalloc(size);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
			*count = size / sizeof(groups[0]);
			return groups;
		}
	}
#endif
	free(groups);
	*count = 0;
	return NULL;
}

/* The home directory, which the caller frees, or NULL. */
static char *
home_dir(void)
{
	const char *home = env_get("HOME");
	struct passwd pw, *found = NULL;
	char *scratch, *result = NULL;
	size_t size = 16384;

	if (home != NULL)
		return xstrdup(home);
	scratch = xmalloc(size);
	if (getpwuid_r(geteuid(), &pw, scratch, size, &found) == 0 && found != NULL && *found->pw_dir != '\0')
		result = xstrdup(found->pw_dir);
	free(scratch);
	return result;
}

char *
paths_expand_home(const char *path)
{
	char *home, *result;

	if (path[0] != '~' || (path[1] != '\0' && path[1] != '/'))
		return xstrdup(path);
	home = home_dir();
	if (home == NULL)
		return xstrdup(path);
	result = xasprintf("%s%s", home, path + 1);
	free(home);
	return result;
}

/* mkdir -p for the directories that path's last component is in; what exists stays as it is. */
static int
make_parents(char *path, struct np_error *err)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			error_set_errno(err, REASON_INTERNAL, "create directory %s", path);
			*slash = '/';
			return -1;
		}
		*slash = '/';
	}
	return 0;
}

char *
paths_log_file(struct np_error *err)
{
	const char *state = env_get_absolute("XDG_STATE_HOME");
	char *home, *path;

	if (state != NULL) {
		path = xasprintf("%s/netpulse/netpulsed.log", state);
	} else {
		home = home_dir();
		if (home == NULL) {
			error_set(err, REASON_INTERNAL, "no place for the log: set HOME or XDG_STATE_HOME");
			return NULL;
		}
		path = xasprintf("%s/.local/state/netpulse/netpulsed.log", home);
		free(home);
	}
	if (make_parents(path, err) < 0) {
		free(path);
		return NULL;
	}
	return path;
}
