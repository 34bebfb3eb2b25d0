/* Configured secrets; see dial.h. */
#include "login/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "login/child.h"
#include "base/paths.h"
#include "base/trust.h"
#include "base/xalloc.h"

#define COMMAND_SECONDS 30.0
#define SECRET_MAX (64u * 1024u)

/* The first line of text as a secret; NULL when it is empty or holds a NUL. */
static struct secret *
first_line(const char *text, size_t size)
{
	const char *end = memchr(text, '\n', size);
	size_t n = end != NULL ? (size_t)(end - text) : size;

	if (n > 0 && text[n - 1] == '\r')
		n--;
	if (n == 0 || memchr(text, '\0', n) != NULL)
		return NULL;
	return secret_make_bytes(text, n);
}

static int
check_file(const char *key, const char *path, int fd, bool strict, struct np_error *err)
{
	struct np_error way;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return error_set_errno(err, REASON_CREDENTIAL_FAILED, "%s: %s", key, path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, REASON_CREDENTIAL_FAILED, "%s: %s is not a regular file", key, path);
	if (!strict)
		return 0;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return error_set(err, REASON_CREDENTIAL_FAILED,
		    "%s: %s belongs to another user (uid %lu); it must be yours or root's", key, path,
		    (unsigned long)st.st_uid);
	if ((st.st_mode & 077) != 0)
		return error_set(err, REASON_CREDENTIAL_FAILED,
		    "%s: others can read or write %s (mode %04o); run: chmod 600 %s", key, path,
		    (unsigned)st.st_mode & 07777, path);
	if (trust_way(path, &way) == 0)
		return 0;
	return error_set(err, REASON_CREDENTIAL_FAILED, "%s: %s: %s", key, path, way.text);
}

/*
 * The first line of a file.  With `strict` the file must be ours or root's and neither readable nor writable by group
 * and others (systemd's credentials have modes of their own, in a directory that only we can enter).
 */
static int
read_file(const char *key, const char *path, bool strict, struct secret **secret, struct np_error *err)
{
	char text[4096];
	size_t used = 0;
	ssize_t n;
	int fd, rc;

	*secret = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return error_set_errno(err, REASON_CREDENTIAL_FAILED, "%s: %s", key, path);
	rc = check_file(key, path, fd, strict, err);
	while (rc == 0 && used < sizeof(text) && (n = read(fd, text + used, sizeof(text) - used)) != 0) {
		if (n > 0)
			used += (size_t)n;
		else if (errno != EINTR)
			rc = error_set_errno(err, REASON_CREDENTIAL_FAILED, "%s: %s", key, path);
	}
	if (rc == 0 && used == sizeof(text) && memchr(text, '\n', used) == NULL) {
		rc = error_set(err, REASON_CREDENTIAL_FAILED, "%s: the first line of %s is too long", key, path);
	} else if (rc == 0) {
		*secret = first_line(text, used);
		if (*secret == NULL)
			rc = error_set(err, REASON_CREDENTIAL_FAILED, "%s: the first line of %s is empty", key, path);
	}
	secret_wipe(text, sizeof(text));
	close(fd);
	return rc;
}

/* What a command's end means; sets *secret or err. */
static int
take_output(const char *key, enum child_end end, const struct child_limits *limits, const struct child_output *output,
    struct secret **secret, struct np_error *err)
{
	char words[400];

	if (end != CHILD_EXITED || !WIFEXITED(output->status) || WEXITSTATUS(output->status) != 0) {
		child_describe(end, limits, output, words, sizeof(words));
		return error_set(err, REASON_CREDENTIAL_FAILED, "%s %s", key, words);
	}
	*secret = first_line(output->out, output->out_size);
	if (*secret == NULL)
		return error_set(
		    err, REASON_CREDENTIAL_FAILED, "%s printed nothing on the first line of its output", key);
	return 0;
}

int
credential_run(
    const char *key, const char *command, const struct dial_hooks *hooks, struct secret **secret, struct np_error *err)
{
	const char *argv[] = {"sh", "-c", command, NULL};
	struct child_limits limits = {.out_max = SECRET_MAX, .err_max = 4096, .seconds = COMMAND_SECONDS};
	struct child_output output;
	enum child_end end;
	int rc;

	*secret = NULL;
	if (!child_run_within(hooks, argv, &limits, &output, &end, err))
		return -1;
	rc = take_output(key, end, &limits, &output, secret, err);
	child_output_finish(&output);
	/* A cancel or the connection's own limit is the better reason where that was what ended the command. */
	if ((end == CHILD_CANCELLED || end == CHILD_TIMED_OUT) && hooks->left(err, hooks->arg) < 0)
		error_prefix(err, "waiting for %s", key);
	return rc;
}

static int
read_systemd_credential(const char *name, struct secret **secret, struct np_error *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;
	int rc;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return error_set(err, REASON_CREDENTIAL_FAILED, "credential: \"%s\" is not a credential's name", name);
	if (dir == NULL)
		return error_set(err, REASON_CREDENTIAL_FAILED,
		    "credential: %s: CREDENTIALS_DIRECTORY is not set; start netpulsed as a systemd service with "
		    "LoadCredential=%s:FILE",
		    name, name);
	path = xasprintf("%s/%s", dir, name);
	rc = read_file("credential", path, false, secret, err);
	free(path);
	return rc;
}

/* Where a secret may come from; the first that is given counts. */
struct source {
	const char *command_key, *file_key;
	struct secret *secret;
	const char *command, *file, *credential;
};

static int
fetch(const struct source *s, const struct dial_hooks *hooks, struct secret **secret, struct np_error *err)
{
	char *path;
	int rc;

	*secret = s->secret != NULL ? secret_ref(s->secret) : NULL;
	if (s->secret != NULL)
		return 0;
	if (s->command != NULL)
		return credential_run(s->command_key, s->command, hooks, secret, err);
	if (s->file == NULL)
		return s->credential != NULL ? read_systemd_credential(s->credential, secret, err) : 0;
	path = paths_expand_home(s->file);
	rc = read_file(s->file_key, path, true, secret, err);
	free(path);
	return rc;
}

int
credential_password(
    const struct device_conf *device, const struct dial_hooks *hooks, struct secret **secret, struct np_error *err)
{
	const struct source s = {"password_command", "password_file", device->password, device->password_command,
	    device->password_file, device->credential};

	return fetch(&s, hooks, secret, err);
}

int
credential_secret(
    const struct device_conf *device, const struct dial_hooks *hooks, struct secret **secret, struct np_error *err)
{
	const struct source s = {
	    "secret_command", "secret_file", device->secret, device->secret_command, device->secret_file, NULL};

	return fetch(&s, hooks, secret, err);
}
