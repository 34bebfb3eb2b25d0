/* known_hosts files; see dial.h. */
#include "login/dial.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/hmac.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "login/hooks.h"

#define HMAC_SIZE 20 /* of SHA-1, which the format of hashed names prescribes */

enum marker { MARKER_NONE, MARKER_REVOKED, MARKER_CERT_AUTHORITY, MARKER_UNKNOWN };

/* One line, taken apart in place. */
struct line {
	enum marker marker;
	char *hosts;
	char *type;
	char *base64;
};

struct look_up {
	ssh_key key;
	const char *name; /* lower case */
	struct known_answer *answer;
};

void
known_hosts_fingerprint(ssh_key key, char fingerprint[FINGERPRINT_SIZE])
{
	unsigned char *hash = NULL;
	size_t size = 0;
	char *text = NULL;

	if (key != NULL && ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) == SSH_OK)
		text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
	snprintf(fingerprint, FINGERPRINT_SIZE, "%s", text != NULL ? text : "?");
	ssh_string_free_char(text);
	ssh_clean_pubkey_hash(&hash);
}

static char *
next_word(char **rest)
{
	char *word;

	*rest += strspn(*rest, " \t");
	word = *rest;
	*rest += strcspn(*rest, " \t\r\n");
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return word;
}

/* False for comments, empty lines and lines with less than the three fields. */
static bool
line_parse(char *text, struct line *l)
{
	l->marker = MARKER_NONE;
	l->hosts = next_word(&text);
	if (l->hosts[0] == '#')
		return false;
	if (l->hosts[0] == '@') {
		if (strcmp(l->hosts, "@revoked") == 0)
			l->marker = MARKER_REVOKED;
		else if (strcmp(l->hosts, "@cert-authority") == 0)
			l->marker = MARKER_CERT_AUTHORITY;
		else
			l->marker = MARKER_UNKNOWN;
		l->hosts = next_word(&text);
	}
	l->type = next_word(&text);
	l->base64 = next_word(&text);
	return l->base64[0] != '\0';
}

/* What libssh makes of one host pattern list with that key; NULL when it does not match or cannot be read. */
static struct ssh_knownhosts_entry *
judge(const char *name, const char *hosts, const struct line *l)
{
	struct ssh_knownhosts_entry *entry = NULL;
	char *text = xasprintf("%s %s %s", hosts, l->type, l->base64);

	if (ssh_known_hosts_parse_line(name, text, &entry) != SSH_OK)
		entry = NULL;
	free(text);
	return entry;
}

/*
 * A pattern with "!" in front that matches takes the line out whatever else it lists.  libssh asks each pattern of the
 * list by itself, so that a later one would bring it in again.
 */
static bool
is_negated(const char *name, const struct line *l)
{
	struct ssh_knownhosts_entry *entry;
	char *copy, *rest, *pattern;
	bool negated = false;

	if (strchr(l->hosts, '!') == NULL)
		return false;
	copy = rest = xstrdup(l->hosts);
	while (!negated && (pattern = strsep(&rest, ",")) != NULL) {
		if (pattern[0] != '!' || pattern[1] == '\0')
			continue;
		entry = judge(name, pattern + 1, l);
		negated = entry != NULL;
		ssh_knownhosts_entry_free(entry);
	}
	free(copy);
	return negated;
}

static void
note_state(struct look_up *l, enum known_state state, const char *file, unsigned number, ssh_key known)
{
	struct known_answer *a = l->answer;

	if (state <= a->state)
		return;
	a->state = state;
	free(a->file);
	a->file = xstrdup(file);
	a->line = number;
	known_hosts_fingerprint(known, a->fingerprint);
}

static void
look_at_entry(struct look_up *l, const struct line *line, ssh_key known, const char *file, unsigned number)
{
	bool same = l->key != NULL && ssh_key_cmp(known, l->key, SSH_KEY_CMP_PUBLIC) == 0;

	switch (line->marker) {
	case MARKER_NONE:
		strings_add_new(&l->answer->types, ssh_key_type_to_char(ssh_key_type(known)));
		if (same)
			note_state(l, KNOWN_MATCH, file, number, known);
		else if (l->key != NULL && ssh_key_type(known) == ssh_key_type(l->key))
			note_state(l, KNOWN_CHANGED, file, number, known);
		else
			note_state(l, KNOWN_OTHER_TYPE, file, number, known);
		break;
	case MARKER_REVOKED:
		if (same)
			note_state(l, KNOWN_REVOKED, file, number, known);
		break;
	case MARKER_CERT_AUTHORITY:
		l->answer->cert_authority = true;
		break;
	case MARKER_UNKNOWN:
		break;
	}
}

static void
look_in_file(struct look_up *l, const char *path)
{
	struct stat st;
	int fd = open_regular(path, &st);
	FILE *file = fd != -1 ? fdopen(fd, "r") : NULL;
	struct ssh_knownhosts_entry *entry;
	struct line line;
	char *text = NULL;
	size_t size = 0;
	unsigned number = 0;

	if (file == NULL && open_was_wanting(errno))
		l->answer->wanting = errno;
	if (file == NULL)
		return;
	while (getline(&text, &size, file) != -1) {
		number++;
		if (!line_parse(text, &line) || is_negated(l->name, &line))
			continue;
		entry = judge(l->name, line.hosts, &line);
		if (entry == NULL)
			continue;
		look_at_entry(l, &line, entry->publickey, path, number);
		ssh_knownhosts_entry_free(entry);
	}
	free(text);
	fclose(file);
}

static void
look_in_files(struct look_up *l, const struct target *target)
{
	for (size_t i = 0; i < target->user_known_hosts.n; i++)
		look_in_file(l, target->user_known_hosts.v[i]);
	for (size_t i = 0; i < target->global_known_hosts.n; i++)
		look_in_file(l, target->global_known_hosts.v[i]);
}

/* Patterns are compared in lower case, so names must be. */
static char *
lower_case(const char *s)
{
	char *copy = xstrdup(s), *p;

	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* "host" of "[host]:port"; NULL for other names. */
static char *
bare_name(const char *name)
{
	const char *end = strrchr(name, ']');

	if (name[0] != '[' || end == NULL || end[1] != ':')
		return NULL;
	return xstrndup(name + 1, (size_t)(end - name - 1));
}

/* The answer under the bare name counts only as far as it says that the key is this host's, or revoked. */
static void
look_up_bare(const struct target *target, ssh_key key, const char *name, struct known_answer *answer)
{
	struct known_answer other = {.state = KNOWN_NOT};
	struct look_up l = {.key = key, .name = name, .answer = &other};

	look_in_files(&l, target);
	if (answer->types.n == 0) {
		struct strings none = answer->types;

		answer->types = other.types;
		other.types = none;
	}
	if (other.state == KNOWN_MATCH || other.state == KNOWN_REVOKED) {
		free(answer->file);
		answer->file = other.file;
		other.file = NULL;
		answer->state = other.state;
		answer->line = other.line;
		memcpy(answer->fingerprint, other.fingerprint, sizeof(other.fingerprint));
		answer->cert_authority |= other.cert_authority;
	}
	if (other.wanting != 0)
		answer->wanting = other.wanting;
	known_answer_finish(&other);
}

void
known_hosts_look_up(const struct target *target, ssh_key key, struct known_answer *answer)
{
	char *name = lower_case(target->known_as), *bare = bare_name(name);
	struct look_up l = {.key = key, .name = name, .answer = answer};

	*answer = (struct known_answer){.state = KNOWN_NOT};
	look_in_files(&l, target);
	if (bare != NULL && (answer->state == KNOWN_NOT || answer->state == KNOWN_OTHER_TYPE))
		look_up_bare(target, key, bare, answer);
	free(bare);
	free(name);
}

void
known_answer_finish(struct known_answer *answer)
{
	free(answer->file);
	strings_finish(&answer->types);
	*answer = (struct known_answer){.state = KNOWN_NOT};
}

/* "|1|SALT|HASH", HASH being the HMAC-SHA-1 of the name with SALT as key; NULL without randomness. */
static char *
hash_name(const char *name)
{
	uint8_t salt[HMAC_SIZE], digest[HMAC_SIZE];
	char *salt_text, *digest_text, *hashed;

	if (ssh_get_random(salt, sizeof(salt), 1) != 1)
		return NULL;
	if (HMAC(EVP_sha1(), salt, sizeof(salt), (const unsigned char *)name, strlen(name), digest, NULL) == NULL)
		return NULL;
	salt_text = text_base64(salt, sizeof(salt));
	digest_text = text_base64(digest, sizeof(digest));
	hashed = xasprintf("|1|%s|%s", salt_text, digest_text);
	free(salt_text);
	free(digest_text);
	return hashed;
}

/* "NAME TYPE BASE64\n"; NULL when libssh cannot export the key. */
static char *
make_line(const struct target *target, ssh_key key)
{
	char *name = lower_case(target->known_as), *hashed = NULL, *base64 = NULL, *line = NULL;

	if (target->hash_known_hosts)
		hashed = hash_name(name);
	if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK)
		line = xasprintf(
		    "%s %s %s\n", hashed != NULL ? hashed : name, ssh_key_type_to_char(ssh_key_type(key)), base64);
	ssh_string_free_char(base64);
	free(hashed);
	free(name);
	return line;
}

static void
make_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;

	if (slash == NULL || slash == path)
		return;
	dir = xstrndup(path, (size_t)(slash - path));
	mkdir(dir, 0700); /* fails when it exists; what else is wrong, open(2) says better */
	free(dir);
}

/* Whether the file's last line lacks its newline (an editor, or a write that a full disk cut). */
static bool
ends_amid_line(int fd)
{
	struct stat st;
	char last;

	return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
}

static int
append_line(const char *path, const char *line, struct np_error *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	char *text;
	size_t size;
	ssize_t n;

	if (fd == -1 && errno == EACCES)
		return error_set(err, REASON_INTERNAL,
		    "cannot write %s: Permission denied (in a strict sandbox also when the file was replaced since the "
		    "broker started: restart it)",
		    path);
	if (fd == -1)
		return error_set_errno(err, REASON_INTERNAL, "cannot write %s", path);
	text = xasprintf("%s%s", ends_amid_line(fd) ? "\n" : "", line);
	size = strlen(text);
	/* One write, appended: two processes that add at the same moment do not mix their lines. */
	n = write(fd, text, size);
	if (n >= 0 && (size_t)n < size)
		errno = ENOSPC;
	free(text);
	close(fd);
	if (n < 0 || (size_t)n < size)
		return error_set_errno(err, REASON_INTERNAL, "cannot write %s", path);
	return 0;
}

int
known_hosts_add(const struct target *target, ssh_key key, const char **file, struct np_error *err)
{
	char *line;
	int rc;

	*file = target->user_known_hosts.n > 0 ? target->user_known_hosts.v[0] : NULL;
	if (*file == NULL)
		return error_set(err, REASON_INTERNAL, "ssh's configuration names no UserKnownHostsFile");
	line = make_line(target, key);
	if (line == NULL)
		return error_set(err, REASON_INTERNAL, "libssh cannot export the key");
	make_directory_of(*file);
	rc = append_line(*file, line, err);
	free(line);
	return rc;
}
