/*
 * The keys and certificates on disk that a target may log in with: their public halves, found without a passphrase
 * where that is possible, and the private keys when they are wanted.  Connector threads only.
 */
#ifndef NP_IDENTITY_H
#define NP_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/keyblob.h"
#include "login/dial.h"
#include "target/target.h"

struct identity {
	char *path;          /* as configured */
	struct keyblob pub;  /* public half; no data where only the private key, encrypted, could tell */
	struct keyblob file; /* in place of that, to be told by: all of the encrypted file */
	bool public_only;    /* the file holds a public key (for an agent's private one) */
	bool missing;        /* there is no such file */
};

struct certificate {
	char *path;
	struct keyblob blob;
	struct keyblob plain; /* the key it certifies */
};

struct identities {
	struct identity *keys;
	size_t keys_count;
	struct certificate *certs; /* CertificateFile, then KEY-cert.pub of each key file */
	size_t certs_count;
};

/*
 * Reads what is public of the target's identity and certificate files.  What cannot be read is left out; but -1 with
 * err (credential_failed) where descriptors or memory were wanting: a login without those keys would be refused.
 */
int identities_load(const struct target *target, struct identities *ids, struct np_error *err) NP_MUST_CHECK;
void identities_finish(struct identities *ids);
/* The key file whose public half this is, or NULL. */
const struct identity *identities_find(const struct identities *ids, const struct keyblob *pub);

enum identity_result {
	IDENTITY_OK,
	IDENTITY_ENCRYPTED, /* a passphrase is needed, or the one given is wrong */
	IDENTITY_REFUSED    /* missing, unreadable, open to others, of a kind libssh cannot use: err says; its
			     * reason is credential_failed where descriptors or memory were wanting */
};

/* The private key of a file; *key is to be freed with ssh_key_free(). */
enum identity_result identity_private(const char *path, const char *passphrase, ssh_key *key, struct np_error *err);

/* libssh's form of a public key or certificate, or NULL when it knows no such type. */
ssh_key identity_public(const struct keyblob *blob) NP_MUST_CHECK;
/* The private key with a certificate attached; the key itself stays as it is.  NULL when they do not fit. */
ssh_key identity_with_certificate(ssh_key private_key, const struct keyblob *certificate) NP_MUST_CHECK;
/* "SHA256:..." of a public key, "?" when libssh does not know its type. */
void identity_fingerprint(const struct keyblob *blob, char fingerprint[FINGERPRINT_SIZE]);

#endif
