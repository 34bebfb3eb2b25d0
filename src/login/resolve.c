/* Resolving; see resolve.h. */
#include "login/resolve.h"

#include <errno.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libssh/libssh.h>

#include "base/buf.h"
#include "login/child.h"
#include "base/operand.h"
#include "base/paths.h"
#include "base/text.h"
#include "target/sshconf.h"
#include "login/hooks.h"
#include "base/xalloc.h"

#define SSH_SECONDS 5.0
#define SSH_OUTPUT_MAX (1024u * 1024u)

const char *resolve_ssh = SSH_PATH;

/* What ssh is asked. */
struct question {
	struct operand op;               /* its host */
	const char *user;                /* NULL: ssh's configuration decides */
	int port;                        /* 0: likewise */
	char *file;                      /* -F; NULL: the usual files; "none" */
	struct strings options;          /* of each -o */
	const struct strings *arguments; /* of an ssh, in place of all that; empty: none */
};

static void
question_finish(struct question *q)
{
	operand_finish(&q->op);
	free(q->file);
	strings_finish(&q->options);
}

static int
question_make(
    const struct device_conf *device, const char *default_ssh_config, struct question *q, struct np_error *err)
{
	const char *file = device->ssh_config;
	char *word;

	if (file == NULL && device->ssh_arguments.n == 0)
		file = default_ssh_config;
	*q = (struct question){.arguments = &device->ssh_arguments};
	if (operand_parse(device->host != NULL ? device->host : device->name, &q->op, err) == -1)
		return -1;
	if (device->username != NULL && operand_check_user(device->username, err) == -1) {
		question_finish(q);
		return -1;
	}
	q->user = device->username != NULL ? device->username : q->op.user;
	q->port = device->port != 0 ? device->port : q->op.port;
	q->file = file == NULL ? NULL : paths_expand_home(file);
	for (const char *p = device->ssh_options; p != NULL && (word = text_next_word(&p)) != NULL;)
		strings_take(&q->options, word);
	return 0;
}

/* The per-user configuration file where ssh itself looks for it: the home directory of the password file. */
static char *
user_config_path(void)
{
	struct passwd pw, *found = NULL;
	char space[4096];

	if (getpwuid_r(getuid(), &pw, space, sizeof(space), &found) != 0 || found == NULL)
		return NULL;
	return xasprintf("%s/.ssh/config", found->pw_dir);
}

/* Files that ssh looked for and did not find are watched too: creating one changes the answer. */
static void
add_expected_files(struct strings *files, const char *file)
{
	char *user_path;

	if (file != NULL) {
		if (strcmp(file, "none") != 0)
			strings_add_new(files, file);
		return;
	}
	user_path = user_config_path();
	if (user_path != NULL)
		strings_add_new(files, user_path);
	free(user_path);
	strings_add_new(files, "/etc/ssh/ssh_config");
}

/* As an ssh with these arguments does: the log tells whether others would be given the same answer. */
static size_t
ssh_same(const struct question *q, const char **argv)
{
	size_t n = 0;

	argv[n++] = "-vvvG";
	for (size_t i = 0; i < q->arguments->n; i++)
		argv[n++] = q->arguments->v[i];
	return n;
}

/* -vG, and what goes with it; argv has room for it all. */
static size_t
ssh_options(const struct question *q, const char **argv, char port[16])
{
	size_t n = 0;

	argv[n++] = "-vG";
	if (q->file != NULL) {
		argv[n++] = "-F";
		argv[n++] = q->file;
	}
	if (q->user != NULL) {
		argv[n++] = "-l";
		argv[n++] = q->user;
	}
	if (q->port != 0) {
		snprintf(port, 16, "%d", q->port);
		argv[n++] = "-p";
		argv[n++] = port;
	}
	for (size_t i = 0; i < q->options.n; i++) {
		argv[n++] = "-o";
		argv[n++] = q->options.v[i];
	}
	return n;
}

/* Caller frees. */
static const char **
ssh_command(const struct question *q, char port[16])
{
	size_t n = 1;
	const char **argv = xcalloc(q->arguments->n + 2 * q->options.n + 12, sizeof(argv[0]));

	argv[0] = access(resolve_ssh, X_OK) == 0 ? resolve_ssh : "ssh";
	n += q->arguments->n > 0 ? ssh_same(q, argv + n) : ssh_options(q, argv + n, port);
	argv[n++] = "--";
	argv[n] = q->op.host;
	return argv;
}

/* ssh's complaint without the debug lines around it, made harmless and cut. */
static void
ssh_words(const struct child_output *output, char *text, size_t size)
{
	char *words = child_error_text(output);
	char *line, *rest = words;
	size_t used = 0;
	int n;

	text[0] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL && used < size) {
		if (line[0] == '\0' || strncmp(line, "debug", 5) == 0 || strncmp(line, "OpenSSH_", 8) == 0)
			continue;
		n = snprintf(text + used, size - used, "%s%s", used > 0 ? "; " : "", line);
		used += n > 0 ? (size_t)n : 0;
	}
	free(words);
}

static int
ssh_failed(enum child_end end, const struct child_limits *limits, const struct child_output *output,
    const struct question *q, struct np_error *err)
{
	char words[500];

	if (end == CHILD_EXITED && WIFEXITED(output->status)) {
		ssh_words(output, words, sizeof(words));
		if (words[0] != '\0')
			return error_set(
			    err, REASON_RESOLVE_FAILED, "ssh refuses its configuration for %s: %s", q->op.host, words);
	}
	child_describe(end, limits, output, words, sizeof(words));
	return error_set(err, REASON_RESOLVE_FAILED, "ssh -G %s %s", q->op.host, words);
}

/* What libssh's reader understood, in the words of ssh -G, so that one parser and one set of defaults serve both. */
static int
libssh_words(ssh_session s, const struct question *q, struct buf *text)
{
	static const struct {
		enum ssh_options_e option;
		const char *key, *otherwise;
	} options[] = {
	    {SSH_OPTIONS_HOST, "hostname", NULL},
	    {SSH_OPTIONS_USER, "user", NULL},
	    {SSH_OPTIONS_IDENTITY, "identityfile", NULL},
	    {SSH_OPTIONS_PROXYCOMMAND, "proxycommand", NULL},
	    {SSH_OPTIONS_KNOWNHOSTS, "userknownhostsfile", "~/.ssh/known_hosts"},
	    {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "globalknownhostsfile", "/etc/ssh/ssh_known_hosts"},
	};
	unsigned int port = 22;
	int rc = 0;

	for (size_t i = 0; i < NP_COUNT(options); i++) {
		char *value = NULL;
		const char *said;

		said = ssh_options_get(s, options[i].option, &value) == SSH_OK ? value : NULL;
		if (options[i].option == SSH_OPTIONS_USER && q->user != NULL)
			said = q->user; /* 0.11 lets the file overwrite what was asked for */
		if (said == NULL)
			said = options[i].otherwise;
		if (said != NULL)
			rc |= buf_printf(text, "%s %s\n", options[i].key, said);
		ssh_string_free_char(value);
	}
	ssh_options_get_port(s, &port);
	rc |= buf_printf(text, "port %u\n", q->port != 0 ? (unsigned int)q->port : port);
	rc |= buf_append_str(text, "identityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ecdsa\n"
				   "identityfile ~/.ssh/id_ed25519\n"
				   "stricthostkeychecking ask\npubkeyauthentication true\n"
				   "passwordauthentication yes\nkbdinteractiveauthentication yes\n"
				   "numberofpasswordprompts 3\naddressfamily any\n");
	return rc;
}

static int
libssh_ask(ssh_session s, const struct question *q, struct buf *text, struct np_error *err)
{
	bool parse_nothing = false;

	if (ssh_options_set(s, SSH_OPTIONS_HOST, q->op.host) != 0 ||
	    (q->user != NULL && ssh_options_set(s, SSH_OPTIONS_USER, q->user) != 0) ||
	    (q->port != 0 && ssh_options_set(s, SSH_OPTIONS_PORT, &q->port) != 0) ||
	    ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &parse_nothing) != 0)
		return error_set(err, REASON_RESOLVE_FAILED, "libssh refuses the host %s", q->op.host);
	if (q->file != NULL && strcmp(q->file, "none") == 0) {
		/* Nothing to read. */
	} else if (ssh_options_parse_config(s, q->file) != 0) {
		return error_set(err, REASON_RESOLVE_FAILED,
		    "libssh cannot read ssh's configuration for %s; install the OpenSSH client, or set ssh_config: "
		    "none",
		    q->op.host);
	}
	if (libssh_words(s, q, text) != 0)
		return error_set(err, REASON_RESOLVE_FAILED, "ssh's configuration for %s is too long", q->op.host);
	return 0;
}

/* Without an ssh client: libssh's own reader.  Returns ssh -G like text, or NULL with err. */
static char *
ask_libssh(const struct question *q, struct np_error *err)
{
	ssh_session s;
	struct buf text;
	char *copy = NULL;

	if (q->options.n > 0) {
		error_set(err, REASON_RESOLVE_FAILED, "ssh_options need an ssh client, and none is installed");
		return NULL;
	}
	s = ssh_new();
	if (s == NULL) {
		error_set(err, REASON_INTERNAL, "libssh cannot make a session");
		return NULL;
	}
	buf_init(&text, SSH_OUTPUT_MAX);
	if (libssh_ask(s, q, &text, err) == 0)
		copy = xstrndup((const char *)buf_head(&text), text.len);
	buf_free(&text);
	ssh_free(s);
	return copy;
}

static struct target *
make_target(const struct device_conf *device, const struct question *q, const char *words, const char *log,
    const char *notice, struct np_error *err)
{
	struct strings files = {NULL, 0};
	struct target *target;

	sshconf_files(log, &files);
	add_expected_files(&files, q->file);
	target = target_make(device, words, &files, err);
	if (target != NULL)
		sshconf_conditions(log, target);
	if (target != NULL && notice != NULL)
		strings_add(&target->notices, notice);
	strings_finish(&files);
	return target;
}

/* Files that ssh will look at, and with its log those that it says it has read. */
static void
stamp(struct file_stamps *set, const struct question *q, const char *log)
{
	struct strings files = {NULL, 0};

	add_expected_files(&files, q->file);
	if (log != NULL)
		sshconf_files(log, &files);
	for (size_t i = 0; i < files.n; i++)
		file_stamps_add(set, files.v[i]);
	strings_finish(&files);
}

static struct target *
take_answer(const struct device_conf *device, const struct question *q, enum child_end end,
    const struct child_limits *limits, const struct child_output *output, struct np_error *err)
{
	struct target *target = NULL;
	char *words;

	if (end == CHILD_EXITED && WIFEXITED(output->status) && WEXITSTATUS(output->status) == 0)
		return make_target(device, q, output->out, output->err, NULL, err);
	if (end != CHILD_FAILED || output->error_number != ENOENT) {
		ssh_failed(end, limits, output, q, err);
		return NULL;
	}
	words = ask_libssh(q, err);
	if (words != NULL)
		target = make_target(device, q, words, "",
		    "no ssh client is installed: IdentitiesOnly, CertificateFile, HostKeyAlias, IdentityAgent, "
		    "StrictHostKeyChecking, ProxyJump and some others of ssh_config are not honoured",
		    err);
	free(words);
	return target;
}

/* Whether a file that ssh has read has this keyword somewhere. */
static bool
is_mentioned(const char *keyword, const char *log)
{
	struct strings files = {NULL, 0};
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	sshconf_files(log, &files);
	for (size_t i = 0; i < files.n && !found; i++) {
		struct stat st;
		int fd = open_regular(files.v[i], &st);
		FILE *f = fd != -1 ? fdopen(fd, "r") : NULL;

		while (f != NULL && !found && getline(&line, &size, f) != -1)
			found = strcasestr(line, keyword) != NULL;
		if (f != NULL)
			fclose(f);
		else if (fd != -1)
			close(fd);
	}
	free(line);
	strings_finish(&files);
	return found;
}

/* Asked with -v it has another LogLevel than its configuration says: that takes a second question. */
static void
learn_log_level(const char **argv, const struct dial_hooks *hooks, struct target *target)
{
	struct child_limits limits = {.out_max = SSH_OUTPUT_MAX, .err_max = SSH_OUTPUT_MAX, .seconds = SSH_SECONDS};
	struct child_output output;
	struct np_error ignored;
	enum child_end end;

	argv[1] = "-G";
	if (!child_run_within(hooks, argv, &limits, &output, &end, &ignored))
		return;
	if (end == CHILD_EXITED)
		sshconf_log_level(output.out, target);
	child_output_finish(&output);
}

static struct target *
ask_ssh(const struct device_conf *device, const struct question *q, const struct dial_hooks *hooks,
    struct file_stamps *stamps, struct np_error *err)
{
	struct child_limits limits = {.out_max = SSH_OUTPUT_MAX, .err_max = SSH_OUTPUT_MAX, .seconds = SSH_SECONDS};
	struct child_output output;
	struct target *target = NULL;
	char port[16];
	const char **argv = ssh_command(q, port);
	enum child_end end;
	bool ran = child_run_within(hooks, argv, &limits, &output, &end, err);

	if (!ran) {
		free(argv);
		return NULL;
	}
	/* A cancel or the job's own limit is the better reason where that was what ended ssh. */
	if ((end != CHILD_CANCELLED && end != CHILD_TIMED_OUT) || hooks->left(err, hooks->arg) >= 0)
		target = take_answer(device, q, end, &limits, &output, err);
	if (target == NULL)
		stamp(stamps, q, output.err);
	else if (is_mentioned("loglevel", output.err))
		learn_log_level(argv, hooks, target);
	free(argv);
	child_output_finish(&output);
	return target;
}

struct target *
resolve_target(const struct device_conf *device, const char *default_ssh_config, const struct dial_hooks *hooks,
    struct file_stamps *read, struct np_error *err)
{
	struct question q;
	struct file_stamps stamps = {0};
	struct target *target;

	if (question_make(device, default_ssh_config, &q, err) == -1)
		return NULL;
	stamp(&stamps, &q, NULL); /* as they are before ssh reads them */
	target = ask_ssh(device, &q, hooks, &stamps, err);
	question_finish(&q);
	if (target == NULL && read != NULL)
		*read = stamps;
	else
		file_stamps_finish(&stamps);
	return target;
}
