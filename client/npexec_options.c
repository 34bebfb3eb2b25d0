/*
 * npexec's command line.  Owns nothing but the struct it fills; reads the files of -f, the environment for --env NAME.
 */
#include "npexec_options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "frame.h"
#include "paths.h"
#include "text.h"
#include "xalloc.h"

/* A list of commands travels in one message; half of it leaves room for what JSON adds. */
#define COMMAND_FILE_MAX ((size_t)FRAME_JSON_MAX / 2)

enum long_only {
	OPT_TYPE = 256,
	OPT_TIMEOUT,
	OPT_IDLE_TIMEOUT,
	OPT_FRESH,
	OPT_ENABLE,
	OPT_ANSWER,
	OPT_PROVE,
	OPT_ENV,
	OPT_NO_START,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
    {"type", required_argument, NULL, OPT_TYPE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT},
    {"fresh", no_argument, NULL, OPT_FRESH},
    {"enable", no_argument, NULL, OPT_ENABLE},
    {"answer", required_argument, NULL, OPT_ANSWER},
    {"prove", no_argument, NULL, OPT_PROVE},
    {"env", required_argument, NULL, OPT_ENV},
    {"no-start", no_argument, NULL, OPT_NO_START},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static int
usage(struct np_error *err, const char *option, const char *what)
{
	char shown[128];

	return error_set(err, REASON_INVALID_PARAMS, "%s: %s", text_vis_into(shown, sizeof(shown), option), what);
}

/* ---- overrides ---- */

static void
set_string(cJSON **object, const char *key, const char *value)
{
	if (*object == NULL)
		*object = cJSON_CreateObject();
	cJSON_DeleteItemFromObjectCaseSensitive(*object, key);
	cJSON_AddStringToObject(*object, key, value);
}

/* Every user of the machine can read the arguments of a process. */
static bool
is_secret_key(const char *key)
{
	return strcmp(key, "password") == 0 || strcmp(key, "secret") == 0;
}

/* The broker works in another directory: what names a file is made absolute here. */
static int
set_path(struct npexec_options *o, const char *key, const char *path, struct np_error *err)
{
	char *expanded, *absolute, *cwd;

	if (*path == '\0')
		return usage(err, key, "the file name is empty");
	expanded = paths_expand_home(path);
	if (expanded[0] == '/') {
		set_string(&o->overrides, key, expanded);
		free(expanded);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (cwd == NULL) {
		free(expanded);
		return error_set_errno(err, REASON_INVALID_PARAMS, "find the current directory");
	}
	absolute = xasprintf("%s/%s", cwd, expanded);
	set_string(&o->overrides, key, absolute);
	free(absolute);
	free(cwd);
	free(expanded);
	return 0;
}

static bool
is_path_key(const char *key)
{
	static const char *const keys[] = {
	    "key_file", "certificate_file", "password_file", "secret_file", "ssh_config"};

	for (size_t i = 0; i < NP_COUNT(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static int
set_key_value(struct npexec_options *o, const char *arg, struct np_error *err)
{
	const char *equals = strchr(arg, '=');
	int result = 0;

	if (equals == NULL || equals == arg)
		return usage(err, "-o", "write it as key=value, with a key of netpulse.yaml(5)");
	char *key = xstrndup(arg, (size_t)(equals - arg));
	if (is_secret_key(key))
		result = usage(err, "-o",
		    "a secret on the command line can be read by every user: use password_command, password_file, "
		    "secret_command "
		    "or secret_file");
	else if (is_path_key(key) && strcmp(equals + 1, "none") != 0)
		result = set_path(o, key, equals + 1, err);
	else
		set_string(&o->overrides, key, equals + 1);
	free(key);
	return result;
}

static int
set_env(struct npexec_options *o, const char *arg, struct np_error *err)
{
	const char *equals = strchr(arg, '=');

	if (equals == arg || *arg == '\0')
		return usage(err, "--env", "write it as NAME or NAME=VALUE");
	if (equals == NULL) {
		const char *value = getenv(arg);
		if (value != NULL && !text_is_utf8(value, strlen(value)))
			return usage(err, arg, "the variable's value is not UTF-8");
		if (value != NULL)
			set_string(&o->env, arg, value);
		return 0;
	}
	char *name = xstrndup(arg, (size_t)(equals - arg));
	set_string(&o->env, name, equals + 1);
	free(name);
	return 0;
}

static int
add_answer(struct npexec_options *o, const char *arg, struct np_error *err)
{
	const char *equals = strchr(arg, '=');

	if (equals == NULL || equals == arg)
		return usage(err, "--answer", "write it as REGEX=TEXT");
	char *match = xstrndup(arg, (size_t)(equals - arg));
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "match", match);
	cJSON_AddStringToObject(answer, "answer", equals + 1);
	if (o->answers == NULL)
		o->answers = cJSON_CreateArray();
	cJSON_AddItemToArray(o->answers, answer);
	free(match);
	return 0;
}

static int
set_seconds(const char *option, const char *arg, double *seconds, struct np_error *err)
{
	char *end;

	errno = 0;
	*seconds = strtod(arg, &end);
	if (*arg < '0' || *arg > '9' || *end != '\0' || errno != 0 || !isfinite(*seconds))
		return usage(err, option, "write a number of seconds, 0 for no limit");
	return 0;
}

/* ---- commands ---- */

static int
add_command(struct npexec_options *o, const char *text, size_t size, const char *where, struct np_error *err)
{
	if (!text_is_utf8(text, size) || memchr(text, '\0', size) != NULL)
		return usage(err, where, "only UTF-8 text can be in a list of commands: give this one as an argument");
	o->commands = xreallocarray(o->commands, o->commands_count + 1, sizeof(o->commands[0]));
	o->commands[o->commands_count++] = xstrndup(text, size);
	return 0;
}

static int
add_lines(struct npexec_options *o, const char *p, size_t n, const char *path, struct np_error *err)
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
read_all(int fd, struct buf *b, const char *path, struct np_error *err)
{
	for (;;) {
		uint8_t *p = buf_reserve(b, 4096);
		ssize_t n;

		if (p == NULL)
			return usage(
			    err, path, "more than 512 KiB of commands: feed them through standard input instead");
		n = read(fd, p, 4096);
		if (n == 0)
			return 0;
		if (n > 0)
			buf_commit(b, (size_t)n);
		else if (errno != EINTR)
			return error_set_errno(err, REASON_INVALID_PARAMS, "-f: read %s", path);
	}
}

static int
add_file(struct npexec_options *o, const char *path, struct np_error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), result;
	struct buf b;

	if (fd == -1)
		return error_set_errno(err, REASON_INVALID_PARAMS, "-f: open %s", path);
	buf_init(&b, COMMAND_FILE_MAX + 4096);
	result = read_all(fd, &b, path, err);
	if (result == 0)
		result = add_lines(o, (const char *)buf_head(&b), b.len, path, err);
	if (result == 0 && o->commands == NULL)
		result = usage(err, path, "there is no command in it");
	buf_free(&b);
	if (!is_stdin)
		close(fd);
	return result;
}

static void
join_arguments(struct npexec_options *o, char *const *args, int count)
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

/* ---- options ---- */

static int
set_long(struct npexec_options *o, int option, const char *arg, struct np_error *err)
{
	switch ((enum long_only)option) {
	case OPT_TYPE:
		set_string(&o->overrides, "device_type", arg);
		return 0;
	case OPT_TIMEOUT:
		return set_seconds("--timeout", arg, &o->timeout, err);
	case OPT_IDLE_TIMEOUT:
		return set_seconds("--idle-timeout", arg, &o->idle_timeout, err);
	case OPT_FRESH:
		o->fresh = true;
		return 0;
	case OPT_ENABLE:
		o->enable = true;
		return 0;
	case OPT_ANSWER:
		return add_answer(o, arg, err);
	case OPT_PROVE:
		o->prove = true;
		return 0;
	case OPT_ENV:
		return set_env(o, arg, err);
	case OPT_NO_START:
		o->no_start = true;
		return 0;
	case OPT_HELP:
	case OPT_VERSION:
		break; /* handled by the caller */
	}
	return -1;
}

static int
set_with_argument(struct npexec_options *o, int option, const char *arg, struct np_error *err)
{
	unsigned long port;

	switch (option) {
	case 'e':
		return add_command(o, arg, strlen(arg), "-e", err);
	case 'f':
		return add_file(o, arg, err);
	case 'l':
		set_string(&o->overrides, "username", arg);
		return 0;
	case 'p':
		if (!text_parse_ulong(arg, 65535, &port) || port == 0)
			return usage(err, "-p", "the port must be a number from 1 to 65535");
		set_string(&o->overrides, "port", arg);
		return 0;
	case 'i':
		return set_path(o, "key_file", arg, err);
	case 'J':
		set_string(&o->overrides, "proxy_jump", arg);
		return 0;
	case 'F':
		if (strcmp(arg, "none") != 0)
			return set_path(o, "ssh_config", arg, err);
		set_string(&o->overrides, "ssh_config", arg);
		return 0;
	case 'o':
		return set_key_value(o, arg, err);
	case 'S':
		o->socket = arg;
		return 0;
	default: /* option letters are no enum */
		return set_long(o, option, arg, err);
	}
}

static int
set_option(struct npexec_options *o, int option, const char *arg, struct np_error *err)
{
	switch (option) {
	case 'j':
		o->json = true;
		return 0;
	case 'n':
		o->no_stdin = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 's':
		o->subsystem = true;
		return 0;
	case 't':
		o->tty = o->tty > 0 ? 2 : 1;
		return 0;
	case 'T':
		o->tty = -1;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	default: /* option letters are no enum */
		return set_with_argument(o, option, arg, err);
	}
}

static int
unknown_option(char **argv, int option, struct np_error *err)
{
	char name[3] = {'-', (char)optopt, '\0'};
	const char *word = optopt > 0 && optopt < 256 ? name : argv[optind - 1];

	return usage(err, word, option == ':' ? "an argument is missing" : "no such option; npexec --help lists them");
}

/* File names of -f and -S stay here; everything else travels in JSON. */
static int
check_utf8(int option, const char *arg, struct np_error *err)
{
	if (arg == NULL || option == 'f' || option == 'S' || text_is_utf8(arg, strlen(arg)))
		return 0;
	return usage(err, arg, "not UTF-8");
}

/* ---- what all of it means ---- */

static int
decide_mode(struct npexec_options *o, const struct npexec_world *world, struct np_error *err)
{
	if (o->commands != NULL && o->command != NULL)
		return usage(err, "-e, -f", "no further command can be given behind the device");
	if (o->subsystem && o->command == NULL)
		return usage(err, "-s", "name the subsystem behind the device");
	if (o->subsystem && !text_is_utf8(o->command, strlen(o->command)))
		return usage(err, "-s", "the subsystem's name is not UTF-8");
	if (o->command != NULL)
		o->mode = NPEXEC_COMMAND;
	else if (o->commands != NULL)
		o->mode = NPEXEC_LIST;
	else if (world->stdin_is_tty || o->tty == 2)
		o->mode = NPEXEC_SHELL;
	else
		o->mode = NPEXEC_LINES;
	if (o->no_stdin && (o->mode == NPEXEC_LINES || o->mode == NPEXEC_SHELL))
		return usage(err, "-n", "without standard input there must be a command");
	if (o->json && o->mode == NPEXEC_SHELL)
		return usage(err, "-j", "there must be a command");
	return 0;
}

static void
decide_pty(struct npexec_options *o, const struct npexec_world *world)
{
	bool wanted = o->tty > 0 || (o->tty == 0 && o->mode == NPEXEC_SHELL);

	o->want_pty = wanted && (o->tty == 2 || world->stdin_is_tty);
	o->pty_refused = wanted && !o->want_pty;
}

static int
take_operands(struct npexec_options *o, int argc, char **argv, struct np_error *err)
{
	if (optind >= argc)
		return error_set(err, REASON_INVALID_PARAMS, "no device given; npexec --help shows how");
	o->device = argv[optind];
	if (o->device[0] == '\0')
		return error_set(err, REASON_INVALID_PARAMS, "the device's name is empty");
	if (strchr(o->device, ',') != NULL)
		return usage(err, o->device, "one device at a time: call npexec once for each of a list");
	if (!text_is_utf8(o->device, strlen(o->device)))
		return error_set(err, REASON_INVALID_PARAMS, "the device's name is not UTF-8");
	if (optind + 1 < argc)
		join_arguments(o, argv + optind + 1, argc - optind - 1);
	return 0;
}

enum npexec_parsed
npexec_options_parse(
    int argc, char **argv, const struct npexec_world *world, struct npexec_options *o, struct np_error *err)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->timeout = o->idle_timeout = -1;
	optind = 0; /* glibc: start afresh, also with `+` */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:e:f:jtTnsqvl:p:i:J:F:o:S:", long_options, NULL)) != -1) {
		if (option == OPT_HELP)
			return NPEXEC_HELP;
		if (option == OPT_VERSION)
			return NPEXEC_VERSION;
		if (option == '?' || option == ':') {
			unknown_option(argv, option, err);
			return NPEXEC_USAGE;
		}
		if (check_utf8(option, optarg, err) == -1 || set_option(o, option, optarg, err) == -1)
			return NPEXEC_USAGE;
	}
	if (take_operands(o, argc, argv, err) == -1 || decide_mode(o, world, err) == -1)
		return NPEXEC_USAGE;
	decide_pty(o, world);
	return NPEXEC_PARSED;
}

void
npexec_options_finish(struct npexec_options *o)
{
	for (size_t i = 0; i < o->commands_count; i++)
		free(o->commands[i]);
	free(o->commands);
	free(o->command);
	cJSON_Delete(o->overrides);
	cJSON_Delete(o->env);
	cJSON_Delete(o->answers);
	memset(o, 0, sizeof(*o));
}
