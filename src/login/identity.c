/* Keys and certificates on disk; see identity.h. */
#include "login/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "login/hooks.h"

#define FILE_MAX (1024u * 1024u)

/* A regular file's text, NUL-terminated, and what stat(2) says of it; NULL with errno. */
static char *
read_file(const char *path, size_t *size, struct stat *st)
{
	int fd = open_regular(path, st);
	char *text = NULL;
	ssize_t n = 1;

	*size = 0;
	if (fd == -1)
		return NULL;
	errno = EFBIG;
	if (st->st_size <= (off_t)FILE_MAX)
		text = xmalloc((size_t)st->st_size + 1);
	while (text != NULL && *size < (size_t)st->st_size && n != 0) {
		n = read(fd, text + *size, (size_t)st->st_size - *size);
		if (n > 0)
			*size += (size_t)n;
		else if (n == -1 && errno != EINTR)
			break;
	}
	if (text != NULL)
		text[*size] = '\0';
	close(fd);
	return text;
}

static void
not_read(struct np_error *err, const char *path)
{
	error_set_errno(
	    err, open_was_wanting(errno) ? REASON_CREDENTIAL_FAILED : REASON_AUTH_FAILED, "%s cannot be read", path);
}

/* The public key in a one-line file; no data when there is none.  Sets err only when it was wanting. */
static struct keyblob
read_public(const char *path, struct np_error *err)
{
	struct keyblob b = {NULL, 0};
	struct stat st;
	size_t size;
	char *text = read_file(path, &size, &st);

	if (text != NULL)
		b = keyblob_parse_line(text, size);
	else if (open_was_wanting(errno))
		not_read(err, path);
	free(text);
	return b;
}

static struct keyblob
blob_of(ssh_key key)
{
	struct keyblob b = {NULL, 0};
	char *base64 = NULL;

	if (key != NULL && ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK)
		b.data = text_unbase64(base64, &b.size);
	ssh_string_free_char(base64);
	return b;
}

/*
 * The public half out of a private key's own file: OpenSSH's format has it in the clear, other formats only where they
 * are not encrypted.
 */
static struct keyblob
read_public_of_private(const char *path, struct np_error *err)
{
	struct keyblob b = {NULL, 0};
	struct np_error problem = {.reason = REASON_NONE};
	ssh_key key = NULL;

	if (ssh_pki_import_pubkey_file(path, &key) != SSH_OK &&
	    identity_private(path, NULL, &key, &problem) != IDENTITY_OK)
		key = NULL;
	if (problem.reason == REASON_CREDENTIAL_FAILED)
		*err = problem;
	b = blob_of(key);
	ssh_key_free(key);
	return b;
}

static void
load_key(const char *path, struct identity *id, struct np_error *err)
{
	char *pub_path = xasprintf("%s.pub", path);
	struct stat st;

	*id = (struct identity){.path = xstrdup(path)};
	id->missing = access(path, F_OK) == -1;
	id->pub = read_public(path, err);
	id->public_only = id->pub.data != NULL;
	if (id->pub.data == NULL)
		id->pub = read_public(pub_path, err);
	/* libssh opens the file itself: a FIFO would hold it. */
	if (id->pub.data == NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		id->pub = read_public_of_private(path, err);
	if (id->pub.data == NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		id->file.data = (uint8_t *)read_file(path, &id->file.size, &st);
	free(pub_path);
}

static void
load_certificate(struct identities *ids, const char *path, struct np_error *err)
{
	struct certificate *c = &ids->certs[ids->certs_count];

	for (size_t i = 0; i < ids->certs_count; i++)
		if (strcmp(ids->certs[i].path, path) == 0)
			return;
	c->blob = read_public(path, err);
	if (!keyblob_is_cert(&c->blob)) {
		keyblob_finish(&c->blob);
		return;
	}
	c->plain = keyblob_plain(&c->blob);
	c->path = xstrdup(path);
	ids->certs_count++;
}

int
identities_load(const struct target *target, struct identities *ids, struct np_error *err)
{
	const struct strings *files = &target->identity_files, *certs = &target->certificate_files;
	char *path;

	error_clear(err);
	*ids = (struct identities){.keys_count = files->n};
	ids->keys = xcalloc(files->n + 1, sizeof(ids->keys[0]));
	ids->certs = xcalloc(files->n + certs->n + 1, sizeof(ids->certs[0]));
	for (size_t i = 0; i < files->n; i++)
		load_key(files->v[i], &ids->keys[i], err);
	for (size_t i = 0; i < certs->n; i++)
		load_certificate(ids, certs->v[i], err);
	for (size_t i = 0; i < files->n; i++) {
		path = xasprintf("%s-cert.pub", files->v[i]);
		load_certificate(ids, path, err);
		free(path);
	}
	return err->reason == REASON_NONE ? 0 : -1;
}

void
identities_finish(struct identities *ids)
{
	for (size_t i = 0; i < ids->keys_count; i++) {
		free(ids->keys[i].path);
		keyblob_finish(&ids->keys[i].pub);
		keyblob_finish(&ids->keys[i].file);
	}
	for (size_t i = 0; i < ids->certs_count; i++) {
		free(ids->certs[i].path);
		keyblob_finish(&ids->certs[i].blob);
		keyblob_finish(&ids->certs[i].plain);
	}
	free(ids->keys);
	free(ids->certs);
	*ids = (struct identities){.keys = NULL};
}

const struct identity *
identities_find(const struct identities *ids, const struct keyblob *pub)
{
	for (size_t i = 0; i < ids->keys_count; i++)
		if (keyblob_equal(&ids->keys[i].pub, pub))
			return &ids->keys[i];
	return NULL;
}

/* Called by libssh when a key turns out to be encrypted.  It is not asked here: the caller does, in its own time. */
static int
note_encrypted(const char *prompt NP_UNUSED, char *buf NP_UNUSED, size_t len NP_UNUSED, int echo NP_UNUSED,
    int verify NP_UNUSED, void *arg)
{
	*(bool *)arg = true;
	return -1;
}

enum identity_result
identity_private(const char *path, const char *passphrase, ssh_key *key, struct np_error *err)
{
	enum identity_result result = IDENTITY_REFUSED;
	bool encrypted = false;
	struct stat st;
	size_t size;
	char *text = read_file(path, &size, &st);

	*key = NULL;
	if (text == NULL) {
		not_read(err, path);
		return result;
	}
	/* As ssh does: a key of ours that others can read is not used; other owners' files are theirs to protect. */
	if (st.st_uid == getuid() && (st.st_mode & 077) != 0)
		error_set(err, REASON_AUTH_FAILED, "%s is not used: others can read it (mode %04o); run: chmod 600 %s",
		    path, (unsigned)st.st_mode & 07777, path);
	else if (size == 0)
		error_set(err, REASON_AUTH_FAILED, "%s is empty", path);
	else if (ssh_pki_import_privkey_base64(text, passphrase, note_encrypted, &encrypted, key) == SSH_OK &&
		 *key != NULL)
		result = IDENTITY_OK;
	/* With a passphrase at hand libssh does not call back: what fails then is taken for a wrong passphrase. */
	else if (encrypted || passphrase != NULL)
		result = IDENTITY_ENCRYPTED;
	else
		error_set(err, REASON_AUTH_FAILED,
		    "%s cannot be used: it is damaged, or of a kind that only an agent can use", path);
	if (result != IDENTITY_OK)
		*key = NULL;
	secret_wipe(text, size);
	free(text);
	return result;
}

ssh_key
identity_public(const struct keyblob *blob)
{
	char type[64], *base64;
	ssh_key key = NULL;

	if (!keyblob_type(blob, type, sizeof(type)))
		return NULL;
	base64 = text_base64(blob->data, blob->size);
	if (ssh_pki_import_pubkey_base64(base64, ssh_key_type_from_name(type), &key) != SSH_OK)
		key = NULL;
	free(base64);
	return key;
}

ssh_key
identity_with_certificate(ssh_key private_key, const struct keyblob *certificate)
{
	ssh_key cert = identity_public(certificate), key = NULL;

	if (cert != NULL)
		key = ssh_key_dup(private_key);
	if (key != NULL && ssh_pki_copy_cert_to_privkey(cert, key) != SSH_OK) {
		ssh_key_free(key);
		key = NULL;
	}
	ssh_key_free(cert);
	return key;
}

void
identity_fingerprint(const struct keyblob *blob, char fingerprint[FINGERPRINT_SIZE])
{
	struct keyblob plain = keyblob_plain(blob);
	ssh_key key = identity_public(&plain);

	known_hosts_fingerprint(key, fingerprint);
	ssh_key_free(key);
	keyblob_finish(&plain);
}
