/* Keys and certificates on disk; see identity.h. */
#include "login/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"

#define FILE_MAX (1024u * 1024u)

/* A regular file's text, NUL-terminated; NULL with errno. */
static char *
read_fd(int fd, size_t *size)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return NULL;
	}
	text = xmalloc((size_t)st.st_size + 1);
	*size = 0;
	while (*size < (size_t)st.st_size) {
		n = read(fd, text + *size, (size_t)st.st_size - *size);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*size += (size_t)n;
	}
	text[*size] = '\0';
	return text;
}

static int
open_file(const char *path)
{
	/* Not blocking, lest a FIFO in a key's place hold the thread. */
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* The public key in a one-line file; no data when there is none. */
static struct keyblob
read_public(const char *path)
{
	struct keyblob b = {NULL, 0};
	int fd = open_file(path);
	size_t size;
	char *text;

	if (fd == -1)
		return b;
	text = read_fd(fd, &size);
	close(fd);
	if (text != NULL)
		b = keyblob_parse_line(text, size);
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
read_public_of_private(const char *path)
{
	struct keyblob b = {NULL, 0};
	struct np_error ignored;
	ssh_key key = NULL;

	if (ssh_pki_import_pubkey_file(path, &key) != SSH_OK &&
	    identity_private(path, NULL, &key, &ignored) != IDENTITY_OK)
		key = NULL;
	b = blob_of(key);
	ssh_key_free(key);
	return b;
}

static void
load_key(const char *path, struct identity *id)
{
	char *pub_path = xasprintf("%s.pub", path);
	struct stat st;

	*id = (struct identity){.path = xstrdup(path)};
	id->missing = access(path, F_OK) == -1;
	id->pub = read_public(path);
	id->public_only = id->pub.data != NULL;
	if (id->pub.data == NULL)
		id->pub = read_public(pub_path);
	/* libssh opens the file itself: a FIFO would hold it. */
	if (id->pub.data == NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		id->pub = read_public_of_private(path);
	free(pub_path);
}

static void
load_certificate(struct identities *ids, const char *path)
{
	struct certificate *c = &ids->certs[ids->certs_count];
	size_t i;

	for (i = 0; i < ids->certs_count; i++)
		if (strcmp(ids->certs[i].path, path) == 0)
			return;
	c->blob = read_public(path);
	if (!keyblob_is_cert(&c->blob)) {
		keyblob_finish(&c->blob);
		return;
	}
	c->plain = keyblob_plain(&c->blob);
	c->path = xstrdup(path);
	ids->certs_count++;
}

void
identities_load(const struct target *target, struct identities *ids)
{
	const struct strings *files = &target->identity_files, *certs = &target->certificate_files;
	char *path;
	size_t i;

	*ids = (struct identities){.keys_count = files->n};
	ids->keys = xcalloc(files->n + 1, sizeof(ids->keys[0]));
	ids->certs = xcalloc(files->n + certs->n + 1, sizeof(ids->certs[0]));
	for (i = 0; i < files->n; i++)
		load_key(files->v[i], &ids->keys[i]);
	for (i = 0; i < certs->n; i++)
		load_certificate(ids, certs->v[i]);
	for (i = 0; i < files->n; i++) {
		path = xasprintf("%s-cert.pub", files->v[i]);
		load_certificate(ids, path);
		free(path);
	}
}

void
identities_finish(struct identities *ids)
{
	size_t i;

	for (i = 0; i < ids->keys_count; i++) {
		free(ids->keys[i].path);
		keyblob_finish(&ids->keys[i].pub);
	}
	for (i = 0; i < ids->certs_count; i++) {
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
	size_t i;

	for (i = 0; i < ids->keys_count; i++)
		if (keyblob_equal(&ids->keys[i].pub, pub))
			return &ids->keys[i];
	return NULL;
}

/* Called by libssh when a key turns out to be encrypted.  It is not asked here: the caller does, in its own time. */
static int
note_encrypted(const char *prompt, char *buf, size_t len, int echo, int verify, void *arg)
{
	bool *encrypted = arg;

	(void)prompt;
	(void)buf;
	(void)len;
	(void)echo;
	(void)verify;
	*encrypted = true;
	return -1;
}

/* As ssh does: a key of ours that others can read is not used; other owners' files are theirs to protect. */
static int
check_private(const char *path, int fd, struct np_error *err)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_uid == getuid() && (st.st_mode & 077) != 0)
		return error_set(err, REASON_AUTH_FAILED,
		    "%s is not used: others can read it (mode %04o); run: chmod 600 %s", path,
		    (unsigned)st.st_mode & 07777, path);
	return 0;
}

enum identity_result
identity_private(const char *path, const char *passphrase, ssh_key *key, struct np_error *err)
{
	bool encrypted = false;
	char *text = NULL;
	size_t size = 0;
	int fd = open_file(path), rc = -1;

	*key = NULL;
	if (fd != -1 && check_private(path, fd, err) == -1) {
		close(fd);
		return IDENTITY_REFUSED;
	}
	if (fd != -1)
		text = read_fd(fd, &size);
	if (text == NULL) {
		error_set_errno(err, REASON_AUTH_FAILED, "%s cannot be read", path);
	} else {
		rc = ssh_pki_import_privkey_base64(text, passphrase, note_encrypted, &encrypted, key);
		secret_wipe(text, size);
	}
	free(text);
	if (fd != -1)
		close(fd);
	if (rc == SSH_OK && *key != NULL)
		return IDENTITY_OK;
	*key = NULL;
	/* With a passphrase at hand libssh does not call back: what fails then is taken for a wrong passphrase. */
	if (encrypted || (passphrase != NULL && size > 0))
		return IDENTITY_ENCRYPTED;
	if (size > 0)
		error_set(err, REASON_AUTH_FAILED,
		    "%s cannot be used: it is damaged, or of a kind that only an agent can use", path);
	else if (text != NULL)
		error_set(err, REASON_AUTH_FAILED, "%s is empty", path);
	return IDENTITY_REFUSED;
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
identity_fingerprint(const struct keyblob *blob, char *text, size_t size)
{
	struct keyblob plain = keyblob_plain(blob);
	ssh_key key = identity_public(&plain);
	unsigned char *hash = NULL;
	size_t hash_size = 0;
	char *words = NULL;

	if (key != NULL && ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &hash_size) == SSH_OK)
		words = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, hash_size);
	snprintf(text, size, "%s", words != NULL ? words : "?");
	ssh_string_free_char(words);
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(key);
	keyblob_finish(&plain);
}
