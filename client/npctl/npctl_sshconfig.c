/*
 * Files of ssh's configuration are replaced at once, so that no ssh reads half of one, with the mode that they have.
 */
#include "npctl/npctl_sshconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/xalloc.h"

#define FILE_SIZE_MAX (4u * 1024u * 1024u)

struct file {
	const char *path;
	struct stat st;
	char *text; /* NULL: there is none */
};

/* ---- read ---- */

static int
check_file(const struct file *f, struct np_error *err)
{
	const char *what = NULL;

	if (S_ISLNK(f->st.st_mode))
		what = "is a symbolic link";
	else if (!S_ISREG(f->st.st_mode))
		what = "is no regular file";
	else if (f->st.st_uid != geteuid())
		what = "belongs to somebody else";
	else if (f->st.st_nlink > 1)
		what = "has another name as well";
	if (what == NULL)
		return 0;
	return error_set(err, REASON_DENIED,
	    "%s %s and is left as it is: put there what `npctl mux --config` prints, in front of all else", f->path,
	    what);
}

static int
read_text(struct file *f, struct np_error *err)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct buf all;
	uint8_t *at;
	ssize_t n = -1;

	buf_init(&all, FILE_SIZE_MAX);
	while (fd != -1 && (at = buf_reserve(&all, 65536)) != NULL && (n = read(fd, at, 65536)) > 0)
		buf_commit(&all, (size_t)n);
	if (n == 0)
		f->text = xstrndup((const char *)buf_head(&all), all.len);
	else
		error_set_errno(err, REASON_INTERNAL, "read %s", f->path);
	if (fd != -1)
		close(fd);
	buf_free(&all);
	return n == 0 ? 0 : -1;
}

/* 0 also where there is none. */
static int
file_read(struct file *f, const char *path, struct np_error *err)
{
	*f = (struct file){.path = path, .st = {.st_mode = 0600}};
	if (lstat(path, &f->st) == -1)
		return errno == ENOENT ? 0 : error_set_errno(err, REASON_INTERNAL, "look at %s", path);
	return check_file(f, err) == 0 ? read_text(f, err) : -1;
}

/* ---- written ---- */

static bool
write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = write(fd, text, left);
		if (n == -1 && errno != EINTR)
			return false;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0;
}

/* The folder of the very first configuration. */
static void
make_folder(const char *path)
{
	char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	(void)mkdir(folder, 0700); /* what is wrong with it is said where the file is made */
	free(folder);
}

static int
file_write(const struct file *f, const char *text, struct np_error *err)
{
	char *temporary = xasprintf("%s.XXXXXX", f->path);
	int fd, rc = 0;

	if (f->text == NULL)
		make_folder(f->path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd == -1 || !write_all(fd, text) || fchmod(fd, f->st.st_mode & 0777) == -1 ||
	    rename(temporary, f->path) == -1) {
		rc = error_set_errno(err, REASON_INTERNAL, "write %s", f->path);
		if (fd != -1)
			unlink(temporary);
	}
	if (fd != -1)
		close(fd);
	free(temporary);
	return rc;
}

/* Its lines behind a sign. */
static void
show(const char *path, char sign, const char *text)
{
	printf("%s\n", path);
	for (size_t n; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		printf("%c %.*s\n", sign, (int)n, text);
	}
}

/* ---- the line ---- */

/* Where that line stands, or NULL. */
static char *
find_line(char *text, const char *line)
{
	size_t n = strlen(line);

	for (char *at = text; at != NULL && *at != '\0';) {
		if (strncmp(at, line, n) == 0 && (at[n] == '\n' || at[n] == '\0'))
			return at;
		at = strchr(at, '\n');
		at += at != NULL;
	}
	return NULL;
}

static int
put_line(const struct file *config, const char *line, struct np_error *err)
{
	char *text = xasprintf("%s\n%s", line, config->text != NULL ? config->text : "");
	int rc = file_write(config, text, err);

	if (rc == 0)
		show(config->path, '+', line);
	free(text);
	return rc;
}

static int
cut_line(const struct file *config, const char *line, struct np_error *err)
{
	char *at = config->text != NULL ? find_line(config->text, line) : NULL, *behind;
	int rc;

	if (at == NULL)
		return 0;
	behind = at + strlen(line);
	memmove(at, behind + (*behind == '\n'), strlen(behind + (*behind == '\n')) + 1);
	rc = file_write(config, config->text, err);
	if (rc == 0)
		show(config->path, '-', line);
	return rc;
}

int
sshconfig_install(const char *config, const char *line, const char *included, const char *block, struct np_error *err)
{
	struct file file = {.text = NULL}, part = {.text = NULL};
	int rc = file_read(&file, config, err) == 0 && file_read(&part, included, err) == 0 ? 0 : -1;
	bool same = rc == 0 && part.text != NULL && strcmp(part.text, block) == 0;
	bool there = rc == 0 && file.text != NULL && find_line(file.text, line) != NULL;

	if (rc == 0 && !same && (rc = file_write(&part, block, err)) == 0)
		show(included, '+', block);
	if (rc == 0 && !there)
		rc = put_line(&file, line, err);
	if (rc == 0 && same && there)
		printf("%s: it is there\n", config);
	free(file.text);
	free(part.text);
	return rc;
}

int
sshconfig_remove(const char *config, const char *line, const char *included, struct np_error *err)
{
	struct file file = {.text = NULL}, part = {.text = NULL};
	int rc = file_read(&file, config, err) == 0 && file_read(&part, included, err) == 0 ? 0 : -1;

	if (rc == 0)
		rc = cut_line(&file, line, err);
	if (rc == 0 && part.text != NULL) {
		rc = unlink(included) == 0 ? 0 : error_set_errno(err, REASON_INTERNAL, "remove %s", included);
		if (rc == 0)
			show(included, '-', part.text);
	}
	free(file.text);
	free(part.text);
	return rc;
}
