/*
 * known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): looking keys up and adding them.
 *
 * libssh's own look-up stops at one file of each kind and accepts revoked keys, so the files are walked here and libssh
 * only judges single lines.  Connector threads and tests; nothing is kept between calls.
 */
#ifndef NP_KNOWNHOSTS_H
#define NP_KNOWNHOSTS_H

#include <stdbool.h>

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "base/error.h"
#include "sshconf/sshconf.h"
#include "target/target.h"

/* Room for "SHA256:" and 43 characters. */
#define FINGERPRINT_SIZE 64

/* In rising order: what several lines say together is what the highest of them says. */
enum known_state {
	KNOWN_NOT,        /* no line for this host */
	KNOWN_OTHER_TYPE, /* lines for this host, with keys of other types only */
	KNOWN_CHANGED,    /* a line for this host with another key of this type, and none with this key */
	KNOWN_MATCH,
	KNOWN_REVOKED /* a @revoked line with this key matches this host */
};

struct known_answer {
	enum known_state state;
	char *file; /* where the deciding line is; NULL for KNOWN_NOT */
	unsigned line;
	char fingerprint[FINGERPRINT_SIZE]; /* of the key in that line */
	bool cert_authority;                /* a @cert-authority line matches this host; such lines are not honoured */
	struct strings types;               /* types of all keys known for this host, without repetition */
};

/*
 * Looks the key up in the target's user and global files, as target->known_as, and when that is a [host]:port without
 * such a key, as the bare host as well, as ssh does.  key NULL: only types and cert_authority are of interest.  Files
 * that cannot be read count as empty.
 */
void known_hosts_look_up(const struct target *target, ssh_key key, struct known_answer *answer);
void known_answer_finish(struct known_answer *answer);

/*
 * Appends the key to the target's first user file in one write, hashed when HashKnownHosts says so; makes the file
 * (0600) and its directory (0700) when missing.  *file is set to the file's name, which lives as long as the target.
 */
int known_hosts_add(const struct target *target, ssh_key key, const char **file, struct np_error *err) NP_MUST_CHECK;

/* "SHA256:...", or "?" when libssh cannot say. */
void known_hosts_fingerprint(ssh_key key, char fingerprint[FINGERPRINT_SIZE]);

#endif
