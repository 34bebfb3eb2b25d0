/*
 * Reading a configuration file, once it is clear that nobody else could have written it.
 */
#include "schema/docfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/trust.h"
#include "base/xalloc.h"
#include "schema/yamldoc.h"

static int
judge(const char *path, const struct stat *st, struct np_error *err)
{
	if (S_ISDIR(st->st_mode))
		return error_set(err, REASON_INVALID_PARAMS, "%s: is a directory, not a configuration file", path);
	if (!S_ISREG(st->st_mode))
		return error_set(err, REASON_INVALID_PARAMS,
		    "%s: is not a regular file; the configuration is read again on reload, so a pipe cannot hold it",
		    path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return error_set(err, REASON_DENIED, "%s: belongs to uid %lu: only root's files and one's own are read",
		    path, (unsigned long)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return error_set(err, REASON_DENIED, "%s: others can write to it: chmod go-w %s", path, path);
	if (st->st_size > YAMLDOC_SIZE_MAX)
		return error_set(err, REASON_INVALID_PARAMS, "%s: larger than %d MiB", path, YAMLDOC_SIZE_MAX >> 20);
	return 0;
}

static int
read_all(int fd, struct docfile *file, size_t room, struct np_error *err)
{
	file->text = xmalloc(room + 1);
	while (file->size < room) {
		ssize_t n = read(fd, file->text + file->size, room - file->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set_errno(err, REASON_INVALID_PARAMS, "%s: cannot read", file->path);
		if (n == 0)
			break;
		file->size += (size_t)n;
	}
	file->text[file->size] = '\0';
	return 0;
}

static int
read_open(int fd, struct docfile *file, struct np_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set_errno(err, REASON_INVALID_PARAMS, "%s: cannot stat", file->path);
	file->exists = true;
	if (strcmp(file->path, "/dev/null") == 0) {
		file->is_private = true; /* the customary way to say: no configuration */
		return read_all(fd, file, 0, err);
	}
	if (judge(file->path, &st, err) < 0)
		return -1;
	if (trust_way(file->path, err) < 0)
		return error_prefix(err, "%s", file->path);
	file->is_private = (st.st_mode & (S_IRGRP | S_IROTH)) == 0;
	return read_all(fd, file, (size_t)st.st_size, err);
}

int
docfile_read(const char *path, bool must_exist, struct docfile *file, struct np_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* not to hang on a FIFO */
	int r;

	*file = (struct docfile){.path = xstrdup(path)};
	if (fd < 0) {
		if (!must_exist && (errno == ENOENT || errno == ENOTDIR))
			return 0;
		r = error_set_errno(err, REASON_INVALID_PARAMS, "%s: cannot open", path);
	} else {
		r = read_open(fd, file, err);
		close(fd);
	}
	if (r < 0)
		docfile_finish(file);
	return r;
}

void
docfile_finish(struct docfile *file)
{
	if (file->text != NULL)
		secret_wipe(file->text, file->size);
	free(file->text);
	free(file->path);
	*file = (struct docfile){0};
}
