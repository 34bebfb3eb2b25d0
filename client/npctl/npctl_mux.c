/*
 * `npctl mux`: says to ssh, which runs it out of its configuration (Match exec), whether it may go over the broker, and
 * puts that into the configuration.
 *
 * ssh tells a command of its configuration what it would connect to, but neither the key nor the way nor what else its
 * arguments say: so those are read, where the system shows them (/proc; elsewhere the answer is no).  No token of ssh's
 * is asked for, and so no name that somebody has made up reaches a shell.  It is silent, for its standard error is
 * that of ssh.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "lib/npmux.h"
#include "lib/npstart.h"
#include "lib/sshargv.h"
#include "npctl/npctl_impl.h"
#include "npctl/npctl_sshconfig.h"

#define ARGUMENTS_MAX (4u * 1024u * 1024u)
#define BLOCK_NAME "netpulse.conf" /* beside the file that includes it */

/* ---- the answer ---- */

/* What the process was started with, each text with its NUL; false: it cannot be seen. */
static bool
read_arguments(pid_t pid, struct buf *out)
{
	char path[64];
	uint8_t *at;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd != -1 && (at = buf_reserve(out, 65536)) != NULL && (n = read(fd, at, 65536)) > 0)
		buf_commit(out, (size_t)n);
	if (fd != -1)
		close(fd);
	return n == 0 && out->len > 0 && buf_head(out)[out->len - 1] == '\0';
}

static void
read_ssh(struct sshargv *a, const struct buf *arguments)
{
	const char *text = (const char *)buf_head(arguments), *end = text + arguments->len;
	const char **argv = xcalloc(arguments->len, sizeof(argv[0]));
	int argc = 0;

	for (; text < end; text += strlen(text) + 1)
		argv[argc++] = text;
	sshargv_read(a, argc, argv);
	free(argv);
}

static bool
may_come(const char *socket)
{
	struct buf arguments;
	struct sshargv a = {.fits = false};
	struct np_error ignored;
	char *path = NULL;

	if (npmux_is_marked())
		return false;
	buf_init(&arguments, ARGUMENTS_MAX);
	if (read_arguments(getppid(), &arguments))
		read_ssh(&a, &arguments);
	if (a.fits)
		path = npmux_ask(&a, true, socket, &ignored);
	sshargv_finish(&a);
	buf_free(&arguments);
	free(path);
	return path != NULL;
}

/* The same to a person, who says what ssh would be given. */
static bool
explain(const struct npctl_options *o)
{
	const char **argv = xcalloc((size_t)o->args_count + 1, sizeof(argv[0]));
	struct sshargv a;
	struct np_error why;
	char *path = NULL;

	argv[0] = "ssh";
	for (int i = 0; i < o->args_count; i++)
		argv[i + 1] = o->args[i];
	sshargv_read(&a, o->args_count + 1, argv);
	error_set(&why, REASON_INVALID_REQUEST, "ssh goes by itself: its arguments ask for a connection of its own%s%s",
	    a.own != NULL ? ": " : "", a.own != NULL ? a.own : "");
	if (a.fits)
		path = npmux_ask(&a, false, o->socket, &why);
	if (path != NULL)
		printf("yes: %s has a session\n", a.name);
	else
		printf("no: %s\n", why.text);
	sshargv_finish(&a);
	free(argv);
	free(path);
	return path != NULL;
}

/* ---- the block ---- */

/* For ssh_config: a % stands for itself.  NULL with err for what cannot be quoted there and for a shell. */
static char *
quoted_path(const char *path, struct np_error *err)
{
	char *out = xmalloc(2 * strlen(path) + 1), *to = out;

	for (const char *p = path; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || strchr("'\"\\$`*?[\x7f", *p) != NULL) {
			free(out);
			error_set(err, REASON_INVALID_PARAMS,
			    "`%s` holds a character that ssh_config cannot quote: put it elsewhere", TEXT_SHOWN(path));
			return NULL;
		}
		if (*p == '%')
			*to++ = '%';
		*to++ = *p;
	}
	*to = '\0';
	return out;
}

/* Where this program is. */
static char *
own_path(struct np_error *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n > 0) {
		path[n] = '\0';
		return quoted_path(path, err);
	}
	error_set_errno(err, REASON_INTERNAL, "find out where npctl is");
	return NULL;
}

static char *
socket_path(const char *given, struct np_error *err)
{
	char path[sizeof(((struct npclient *)0)->path)], *absolute, *quoted;

	if (paths_socket(given, path, sizeof(path), err) == -1 || (absolute = npstart_absolute(path, err)) == NULL)
		return NULL;
	quoted = quoted_path(absolute, err);
	free(absolute);
	return quoted;
}

/* Caller frees; NULL with err. */
static char *
make_block(const struct npctl_options *o, struct np_error *err)
{
	char *npctl = own_path(err), *socket = npctl != NULL ? socket_path(o->socket, err) : NULL, *block = NULL;

	if (socket != NULL)
		block = xasprintf(SSHCONFIG_MARK "\n"
						 "Match exec \"test -x '%s' && exec '%s' -S '%s' mux\"\n"
						 "\tControlMaster no\n"
						 "\tControlPath \"%.*s/mux/.ssh\"\n"
						 "Match all\n",
		    npctl, npctl, socket, (int)(strrchr(socket, '/') - socket), socket);
	free(npctl);
	free(socket);
	return block;
}

/* ---- its place ---- */

/* As ssh looks for it, whatever $HOME says. */
static char *
usual_config(struct np_error *err)
{
	const struct passwd *pw = getpwuid(getuid());

	if (pw != NULL)
		return xasprintf("%s/.ssh/config", pw->pw_dir);
	error_set(err, REASON_INTERNAL, "the password file does not know who you are");
	return NULL;
}

/* block NULL: it goes. */
static int
change(struct npctl *c, const char *block, struct np_error *err)
{
	char *given = c->o->args_count > 0 ? npstart_absolute(c->o->args[0], err) : usual_config(err);
	char *name, *quoted, *line;
	int rc = -1;

	if (given == NULL)
		return -1;
	name = xasprintf("%.*s/" BLOCK_NAME, (int)(strrchr(given, '/') - given), given);
	quoted = quoted_path(name, err);
	line = quoted != NULL ? xasprintf("Include \"%s\"", name) : NULL;
	if (line != NULL && block != NULL)
		rc = sshconfig_install(given, line, name, block, err);
	else if (line != NULL)
		rc = sshconfig_remove(given, line, name, err);
	free(given);
	free(name);
	free(quoted);
	free(line);
	return rc;
}

static int
configure(struct npctl *c, struct np_error *err)
{
	char *block;
	int rc = 0;

	if (c->o->remove)
		return change(c, NULL, err);
	block = make_block(c->o, err);
	if (block == NULL)
		return -1;
	if (c->o->install)
		rc = change(c, block, err);
	else
		fputs(block, stdout);
	free(block);
	return rc;
}

static void
run(struct npctl *c)
{
	const struct npctl_options *o = c->o;
	struct np_error err;

	if (o->explain)
		c->status = explain(o) ? 0 : NPCTL_EXIT_FAILED;
	else if (!o->config && !o->install && !o->remove)
		c->status = may_come(o->socket) ? 0 : NPCTL_EXIT_FAILED;
	else if (configure(c, &err) == -1)
		npctl_say_error(c, NULL, &err);
}

static int
check(const struct npctl_options *o, struct np_error *err)
{
	if (o->config + o->install + o->remove + o->explain > 1)
		return npoption_usage(err, o->verb->name, "give one of --config, --install, --remove and --explain");
	if (o->args_count > 0 && !o->install && !o->remove && !o->explain)
		return npoption_usage(err, o->args[0], "a file goes with --install and --remove");
	if (o->args_count > 1 && !o->explain)
		return npoption_usage(err, o->args[1], "one argument too many; npctl --help shows how");
	return 0;
}

const struct npctl_verb npctl_verb_mux = {
    .name = "mux",
    .usage = "[FILE ...] [--config | --install | --remove | --explain]",
    .help = "for ssh_config: whether ssh goes over the broker",
    .no_json = "--json does not go with it: it answers by its exit status",
    .broker = NPCTL_BROKER_UNUSED,
    .check = check,
    .run = run,
};
