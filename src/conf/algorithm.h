/*
 * The SSH algorithm names that libssh knows, and how a list of them is made from ssh's configuration and a device's.
 * Tables, so that names are checked where they are written and no libssh is needed for it.  Pure; any thread.
 */
#ifndef NP_ALGORITHM_H
#define NP_ALGORITHM_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/strings.h"

enum algorithm_kind { ALGORITHM_KEX, ALGORITHM_HOST_KEY, ALGORITHM_CIPHER, ALGORITHM_MAC, ALGORITHM_PUBKEY };

/* "kex", "host_key_algorithms" ...: the key of a device entry. */
const char *algorithm_kind_key(enum algorithm_kind kind);

/*
 * Checks what a device entry says: "name,name" with at least one known name, or "+name,name" with nothing but known
 * ones.  -1 with err (invalid_params), that does not name the key.
 */
int algorithm_check(enum algorithm_kind kind, const char *wanted, struct np_error *err) NP_MUST_CHECK;

struct algorithm_wish {
	const char *ssh;    /* the complete list of ssh -G, or NULL: all names that are not legacy */
	const char *wanted; /* the device's: a full list, "+name,name", or NULL */
	bool legacy;        /* append the SHA-1, CBC and ssh-rsa names */
};

/*
 * The list to offer, comma separated; the caller frees it.  ssh's lists are filtered to known names; key exchanges that
 * are costly (a rekey runs on the loop) or legacy come last, and AES-GCM first where ssh's ciphers are its compiled-in
 * ones.  A full list of the device keeps its order; names left out of it are added to dropped.  NULL with err when no
 * name is left.
 */
char *algorithm_list(enum algorithm_kind kind, const struct algorithm_wish *wish, struct strings *dropped,
    struct np_error *err) NP_MUST_CHECK;

/*
 * What a person should know about what was agreed on ("KEX CIPHER", as session_algorithms() has it) with the server of
 * that banner: a legacy name in use, or no post-quantum key exchange where ssh would have had one.  The caller frees
 * it; NULL: nothing.
 */
char *algorithm_remark(const char *algorithms, const char *banner) NP_MUST_CHECK;

#endif
