/*
 * The folder of the mux door's sockets: ours while it is locked, so that whatever socket lies in it is one of ours or
 * was left by somebody; the latter are removed at the start when nobody serves them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/paths.h"
#include "base/xalloc.h"
#include "broker/door/door_impl.h"
#include "serve/sockfile.h"

bool
folder_is_free(const char *path)
{
	struct np_error err;

	return sockfile_check_name(path, &err) == 0 && (unlink(path) == 0 || errno == ENOENT);
}

/* What a broker that was killed has left. */
static void
sweep(struct doors *all)
{
	DIR *folder = opendir(all->folder);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char *path = xasprintf("%s/%s", all->folder, entry->d_name);
		if (entry->d_name[0] != '.' && strlen(path) <= DOOR_PATH_MAX)
			(void)folder_is_free(path);
		free(path);
	}
	if (folder != NULL)
		closedir(folder);
}

void
folder_take(struct doors *all)
{
	char *inside = xasprintf("%s/.", all->folder);
	struct np_error err;

	if (paths_make_dir(inside, &err) == -1)
		log_warning("door", "no sockets for ssh: %s", err.text);
	else if ((all->lock = open(all->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		log_warning("door", "no sockets for ssh: %s: %s", all->folder, strerror(errno));
	else if (flock(all->lock, LOCK_EX | LOCK_NB) == -1) {
		log_warning("door", "no sockets for ssh: another broker has %s", all->folder);
		close(all->lock);
		all->lock = -1;
	}
	free(inside);
	if (all->lock != -1)
		sweep(all);
}

bool
folder_is_ours(const struct doors *all, struct stat *st)
{
	struct stat locked;

	return stat(all->folder, st) == 0 && fstat(all->lock, &locked) == 0 && st->st_dev == locked.st_dev &&
	       st->st_ino == locked.st_ino;
}
