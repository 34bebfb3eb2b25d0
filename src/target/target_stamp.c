/*
 * Stamps of files: cheap enough for the path of a warm request, exact enough to see an edit within the same second.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "target/target.h"
#include "base/xalloc.h"

static int64_t
nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

void
file_stamps_add(struct file_stamps *set, const char *path)
{
	struct file_stamp *stamp;
	struct stat st;

	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->v[i].path, path) == 0)
			return;
	set->v = xreallocarray(set->v, set->n + 1, sizeof(set->v[0]));
	stamp = &set->v[set->n++];
	*stamp = (struct file_stamp){.path = xstrdup(path)};
	if (stat(path, &st) < 0)
		return;
	stamp->exists = true;
	stamp->dev = st.st_dev;
	stamp->ino = st.st_ino;
	stamp->size = st.st_size;
	stamp->mtime_ns = nanoseconds(&st.st_mtim);
	stamp->ctime_ns = nanoseconds(&st.st_ctim);
}

void
file_stamps_finish(struct file_stamps *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->v[i].path);
	free(set->v);
	*set = (struct file_stamps){0};
}

static bool
stamp_changed(const struct file_stamp *stamp)
{
	struct stat st;

	if (stat(stamp->path, &st) < 0)
		return stamp->exists;
	return !stamp->exists || st.st_dev != stamp->dev || st.st_ino != stamp->ino || st.st_size != stamp->size ||
	       nanoseconds(&st.st_mtim) != stamp->mtime_ns || nanoseconds(&st.st_ctim) != stamp->ctime_ns;
}

bool
file_stamps_changed(const struct file_stamps *set)
{
	for (size_t i = 0; i < set->n; i++) {
		if (stamp_changed(&set->v[i]))
			return true;
	}
	return false;
}
