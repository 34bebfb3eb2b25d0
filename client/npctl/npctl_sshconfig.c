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
	if (n == 0 && memchr(buf_head(&all), '\0', all.len) != NULL)
		n = error_set(err, REASON_DENIED, "%s holds a NUL byte and is left as it is", f->path);
	else if (n == 0)
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

/* Its lines behind a sign; NULL: none. */
static void
show(char sign, const char *text)
{
	for (size_t n; text != NULL && *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		printf("%c %.*s\n", sign, (int)n, text);
	}
}

/* ---- the line ---- */

/* Takes all lines out of text that are just so; how many. */
static int
cut_lines(char *text, const char *line)
{
	size_t n = strlen(line);
	char *to = text;
	int count = 0;

	for (const char *at = text; *at != '\0';) {
		size_t all = strcspn(at, "\n"), step = all + (at[all] == '\n');

		if (all == n && strncmp(at, line, n) == 0) {
			count++;
		} else {
			memmove(to, at, step);
			to += step;
		}
		at += step;
	}
	*to = '\0';
	return count;
}

/* In front of all else, once: the first value counts. */
static int
put_line(const struct file *config, const char *line, bool *there, struct np_error *err)
{
	char *rest = xstrdup(config->text != NULL ? config->text : "");
	int cut = cut_lines(rest, line), rc = 0;
	char *text = xasprintf("%s\n%s", line, rest);

	*there = config->text != NULL && strcmp(text, config->text) == 0;
	if (!*there && (rc = file_write(config, text, err)) == 0) {
		printf("%s\n", config->path);
		while (cut-- > 0)
			show('-', line);
		show('+', line);
	}
	free(rest);
	free(text);
	return rc;
}

/* A file in which nothing else stands goes as it came. */
static int
remove_line(const struct file *config, const char *line, struct np_error *err)
{
	int cut = config->text != NULL ? cut_lines(config->text, line) : 0, rc;

	if (cut == 0)
		return 0;
	if (config->text[0] != '\0')
		rc = file_write(config, config->text, err);
	else
		rc = unlink(config->path) == 0 ? 0 : error_set_errno(err, REASON_INTERNAL, "remove %s", config->path);
	if (rc != 0)
		return rc;
	printf("%s\n", config->path);
	while (cut-- > 0)
		show('-', line);
	return 0;
}

/* ---- both files ---- */

/* Nothing is touched unless both may be. */
static int
read_both(struct file *file, const char *config, struct file *part, const char *included, struct np_error *err)
{
	if (file_read(file, config, err) == -1 || file_read(part, included, err) == -1)
		return -1;
	if (part->text == NULL || strncmp(part->text, SSHCONFIG_MARK "\n", sizeof(SSHCONFIG_MARK)) == 0)
		return 0;
	return error_set(
	    err, REASON_DENIED, "%s was not made by `npctl mux` and is left as it is: give it another name", included);
}

int
sshconfig_install(const char *config, const char *line, const char *included, const char *block, struct np_error *err)
{
	struct file file = {.text = NULL}, part = {.text = NULL};
	int rc = read_both(&file, config, &part, included, err);
	bool same = rc == 0 && part.text != NULL && strcmp(part.text, block) == 0, there = false;

	if (rc == 0 && !same && (rc = file_write(&part, block, err)) == 0) {
		printf("%s\n", included);
		show('-', part.text);
		show('+', block);
	}
	if (rc == 0)
		rc = put_line(&file, line, &there, err);
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
	int rc = read_both(&file, config, &part, included, err);

	if (rc == 0)
		rc = remove_line(&file, line, err);
	if (rc == 0 && part.text != NULL) {
		rc = unlink(included) == 0 ? 0 : error_set_errno(err, REASON_INTERNAL, "remove %s", included);
		if (rc == 0) {
			printf("%s\n", included);
			show('-', part.text);
		}
	}
	free(file.text);
	free(part.text);
	return rc;
}
