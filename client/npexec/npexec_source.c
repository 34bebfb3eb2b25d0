/*
 * What npexec is to run, from where it is given: arguments behind the device, -e, -f, standard input.  Commands become
 * a list of strings; the lines of a configuration stay one text, byte for byte but for the ends of lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "wire/frame.h"
#include "npexec/npexec_options.h"
#include "base/text.h"
#include "base/xalloc.h"

/* A list of commands travels in one message; half of it leaves room for what JSON adds. */
#define COMMAND_FILE_MAX ((size_t)FRAME_JSON_MAX / 2)
#define READ_SIZE ((size_t)64 * 1024)

void
npexec_source_add(struct npexec_options *o, char option, const char *arg)
{
	o->sources = xreallocarray(o->sources, o->sources_count + 1, sizeof(o->sources[0]));
	o->sources[o->sources_count++] = (struct npexec_source){.option = option, .arg = arg};
}

void
npexec_source_join(struct npexec_options *o, char *const *args, int count)
{
	size_t size = 1, at = 0;

	for (int i = 0; i < count; i++)
		size += strlen(args[i]) + 1;
	o->command = xmalloc(size);
	for (int i = 0; i < count; i++) {
		size_t n = strlen(args[i]);
		memcpy(o->command + at, args[i], n);
		at += n;
		o->command[at++] = ' ';
	}
	o->command[at - 1] = '\0';
}

/* ---- files ---- */

/* To ssh -f is another option, which has no argument. */
static int
error_file(const char *what, const char *path, struct np_error *err)
{
	const char *hint = errno == ENOENT || errno == EISDIR
			       ? " (it names a file of commands; for the background write & behind the line)"
			       : "";

	return error_set(err, REASON_INVALID_PARAMS, "-f: %s %s: %s%s", what, path, strerror(errno), hint);
}

static int
read_all(int fd, struct buf *b, const char *path, const char *too_large, struct np_error *err)
{
	for (;;) {
		size_t want = buf_room(b) < READ_SIZE ? buf_room(b) : READ_SIZE;
		uint8_t *p = want > 0 ? buf_reserve(b, want) : NULL;
		ssize_t n;

		if (p == NULL)
			return npoption_usage(err, path, too_large);
		n = read(fd, p, want);
		if (n == 0)
			return 0;
		if (n > 0)
			buf_commit(b, (size_t)n);
		else if (errno != EINTR)
			return error_file("read", path, err);
	}
}

/* Appends what path (`-`: standard input) holds to b. */
static int
read_path(const char *path, struct buf *b, const char *too_large, struct np_error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), result;

	if (fd == -1)
		return error_file("open", path, err);
	result = read_all(fd, b, is_stdin ? "standard input" : path, too_large, err);
	if (!is_stdin)
		close(fd);
	return result;
}

/* ---- commands ---- */

static int
add_command(struct npexec_options *o, const char *text, size_t size, const char *where, struct np_error *err)
{
	if (!text_is_utf8(text, size) || memchr(text, '\0', size) != NULL)
		return npoption_usage(
		    err, where, "only UTF-8 text can be in a list of commands: give this one as an argument");
	o->commands = xreallocarray(o->commands, o->commands_count + 1, sizeof(o->commands[0]));
	o->commands[o->commands_count++] = xstrndup(text, size);
	return 0;
}

static int
add_commands(struct npexec_options *o, const char *p, size_t n, const char *path, struct np_error *err)
{
	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t line = newline != NULL ? (size_t)(newline - p) : n;
		size_t size = line > 0 && p[line - 1] == '\r' ? line - 1 : line;

		if (size > 0 && add_command(o, p, size, path, err) == -1)
			return -1;
		n -= newline != NULL ? line + 1 : line;
		p += newline != NULL ? line + 1 : line;
	}
	return 0;
}

static int
add_command_file(struct npexec_options *o, const char *path, struct np_error *err)
{
	struct buf b;
	int result;

	buf_init(&b, COMMAND_FILE_MAX);
	result = read_path(path, &b, "more than 512 KiB of commands: feed them through standard input instead", err);
	if (result == 0)
		result = add_commands(o, (const char *)buf_head(&b), b.len, path, err);
	if (result == 0 && o->commands == NULL)
		result = npoption_usage(err, path, "there is no command in it");
	buf_free(&b);
	return result;
}

int
npexec_source_commands(struct npexec_options *o, struct np_error *err)
{
	for (size_t i = 0; i < o->sources_count; i++) {
		const char *arg = o->sources[i].arg;
		int result = o->sources[i].option == 'e' ? add_command(o, arg, strlen(arg), "-e", err)
							 : add_command_file(o, arg, err);
		if (result == -1)
			return -1;
	}
	return 0;
}

/* ---- configuration lines ---- */

/* Files of other systems end their lines with \r\n. */
static void
drop_returns(struct buf *b, size_t from)
{
	char *p = (char *)b->data + b->off;
	size_t to = from;

	for (size_t i = from; i < b->len; i++) {
		if (p[i] == '\r' && (i + 1 == b->len || p[i + 1] == '\n'))
			continue;
		p[to++] = p[i];
	}
	b->len = to;
}

static int
add_text(struct buf *b, char option, const char *arg, struct np_error *err)
{
	static const char too_large[] = "more than 16 MiB of configuration";
	size_t from = b->len;

	if (option == 'f') {
		if (read_path(arg, b, too_large, err) == -1)
			return -1;
		drop_returns(b, from);
	} else if (buf_append_str(b, arg) == -1)
		return npoption_usage(err, "-c", too_large);
	if (b->len > from && buf_head(b)[b->len - 1] == '\n')
		return 0;
	if ((b->len > from || option == 'e') && buf_append(b, "\n", 1) == -1)
		return npoption_usage(err, "-c", too_large);
	return 0;
}

int
npexec_source_text(struct npexec_options *o, struct np_error *err)
{
	if (o->command != NULL)
		return add_text(&o->text, 'e', o->command, err);
	if (o->sources_count == 0)
		npexec_source_add(o, 'f', "-");
	for (size_t i = 0; i < o->sources_count; i++)
		if (add_text(&o->text, o->sources[i].option, o->sources[i].arg, err) == -1)
			return -1;
	if (o->text.len == 0)
		return error_set(err, REASON_INVALID_PARAMS, "-c: there is no line to configure");
	return 0;
}
