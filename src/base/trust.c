/* The way to a file; see trust.h. */
#include "base/trust.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

#define OVERFLOW_UID 65534
#define LINKS_MAX 40 /* as the kernel */
#define NAMES_MAX 16384

/*
 * In a user namespace (a sandbox, a container) all who are not mapped into it look like one user, and root, whose the
 * directories near / are, mostly is among them: who it is cannot be told.
 */
static bool
is_unmapped(uid_t uid)
{
	unsigned long inside = 0, outside = 0, count = 0;
	bool mapped = true;
	FILE *map;

	if (uid != OVERFLOW_UID || (map = fopen("/proc/self/uid_map", "re")) == NULL)
		return false;
	if (fscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3)
		mapped = count >= UINT32_MAX;
	fclose(map);
	return !mapped;
}

static bool
is_ours(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid() || is_unmapped(st->st_uid);
}

/* Whether nobody but this user is in the group, as where each user has one of his own and umask 002. */
static bool
is_private_group(gid_t gid)
{
	char *scratch = xmalloc((size_t)2 * NAMES_MAX);
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;
	bool private = false;

	if (getpwuid_r(geteuid(), &pw, scratch, NAMES_MAX, &user) == 0 && user != NULL && user->pw_gid == gid &&
	    getgrgid_r(gid, &gr, scratch + NAMES_MAX, NAMES_MAX, &group) == 0 && group != NULL) {
		private = strcmp(group->gr_name, user->pw_name) == 0;
		for (char **member = group->gr_mem; private && *member != NULL; member++)
		private = strcmp(*member, user->pw_name) == 0;
	}
	free(scratch);
	return private;
}

static int
judge(const char *dir, const struct stat *st, struct np_error *err)
{
	if (!is_ours(st))
		return error_set(err, REASON_DENIED,
		    "%s belongs to uid %lu, who can replace what is in it: use another directory", dir,
		    (unsigned long)st->st_uid);
	/* In a sticky directory each may remove but his own. */
	if ((st->st_mode & S_ISVTX) != 0 || (st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	if ((st->st_mode & S_IWOTH) == 0 &&
	    (st->st_uid != geteuid() || st->st_uid == 0 || is_private_group(st->st_gid)))
		return 0;
	return error_set(err, REASON_DENIED,
	    "%s is writable by others (mode %04o), who can replace what is in it: chmod go-w %s", dir,
	    (unsigned)st->st_mode & 07777, dir);
}

/* Where the walk stands: a directory, free of links, and what is still to be walked from there. */
struct walk {
	char here[PATH_MAX];
	struct stat st; /* of here, */
	bool known;     /* if it has been asked for: every start of a client walks this way */
	char *rest;     /* owned */
	int links;
};

static void
drop_last(char *here)
{
	char *slash = strrchr(here, '/');

	slash[slash == here ? 1 : 0] = '\0';
}

/* The link's target comes before what is left. */
static int
follow(struct walk *w, const char *rest, struct np_error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(w->here, target, sizeof(target) - 1);
	char *longer;

	if (!is_ours(&w->st))
		return error_set(err, REASON_DENIED,
		    "the symbolic link %s belongs to uid %lu, who can point it elsewhere: use another path", w->here,
		    (unsigned long)w->st.st_uid);
	if (n == -1)
		return error_set_errno(err, REASON_DENIED, "%s", w->here);
	if (++w->links > LINKS_MAX)
		return error_set(err, REASON_DENIED, "%s: too many symbolic links", w->here);
	target[n] = '\0';
	if (target[0] == '/')
		strcpy(w->here, "/");
	else
		drop_last(w->here);
	longer = xasprintf("%s/%s", target, rest);
	free(w->rest);
	w->rest = longer;
	return 0;
}

/* One name further.  1: the way ends here; 0: it goes on. */
static int
step(struct walk *w, struct np_error *err)
{
	char *name = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(name, "/"), used = strlen(w->here);

	if (n == 0)
		return 1;
	if (!w->known && lstat(w->here, &w->st) == -1)
		return error_set_errno(err, REASON_DENIED, "%s", w->here);
	if (judge(w->here, &w->st, err) == -1)
		return -1;
	w->known = false;
	if (used + n + 2 > sizeof(w->here))
		return error_set(err, REASON_DENIED, "%s: the path is too long", w->here);
	if (n == 2 && strncmp(name, "..", n) == 0) {
		drop_last(w->here);
	} else if (n != 1 || name[0] != '.') {
		if (w->here[1] != '\0')
			w->here[used++] = '/';
		memcpy(w->here + used, name, n);
		w->here[used + n] = '\0';
		if (lstat(w->here, &w->st) == -1)
			return errno == ENOENT ? 1 : error_set_errno(err, REASON_DENIED, "%s", w->here);
		if (S_ISLNK(w->st.st_mode))
			return follow(w, name + n, err);
		if (!S_ISDIR(w->st.st_mode))
			return 1;
		w->known = true;
	}
	memmove(w->rest, name + n, strlen(name + n) + 1);
	return 0;
}

int
trust_way(const char *path, struct np_error *err)
{
	struct walk w = {.here = "/", .links = 0};
	char *cwd = path[0] != '/' ? getcwd(NULL, 0) : NULL;
	int rc = 0;

	if (path[0] != '/' && cwd == NULL)
		return error_set_errno(err, REASON_DENIED, "find the working directory");
	w.rest = cwd != NULL ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
	free(cwd);
	while (rc == 0)
		rc = step(&w, err);
	free(w.rest);
	return rc == 1 ? 0 : -1;
}
