/*
 * Public keys as bytes (RFC 4253 section 6.6, OpenSSH's PROTOCOL.certkeys): what agents, .pub and -cert.pub files hold,
 * compared and taken apart without libssh.  Pure; any thread.
 */
#ifndef NP_KEYBLOB_H
#define NP_KEYBLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"

struct keyblob {
	const uint8_t *data; /* NULL: none */
	size_t size;
};

/* A copy of size bytes. */
struct keyblob keyblob_copy(const void *data, size_t size);
void keyblob_finish(struct keyblob *b);
bool keyblob_equal(const struct keyblob *a, const struct keyblob *b);
/* Never 0.  Tells blobs apart, resists nobody. */
uint64_t keyblob_hash(const struct keyblob *b);

/* The type's name ("ssh-ed25519") into type; false when the bytes do not begin with one. */
bool keyblob_type(const struct keyblob *b, char *type, size_t size) NP_MUST_CHECK;
bool keyblob_is_cert(const struct keyblob *b);
/* The public key that a certificate certifies; of a plain key a copy.  No data when malformed or of an unknown type. */
struct keyblob keyblob_plain(const struct keyblob *b) NP_MUST_CHECK;

/*
 * The key in the first line of a .pub file: "TYPE BASE64 [COMMENT]".  No data when it is not one, or when the type in
 * front is not the one inside.
 */
struct keyblob keyblob_parse_line(const char *text, size_t size) NP_MUST_CHECK;

/* Appends a string of the wire; false when it does not fit. */
bool keyblob_put_string(struct buf *b, const void *p, size_t n) NP_MUST_CHECK;
/* Takes a uint32 or a string, which stays where it is, off the front of what is left; false when that holds none. */
bool keyblob_get_u32(struct keyblob *left, uint32_t *value) NP_MUST_CHECK;
bool keyblob_get_string(struct keyblob *left, struct keyblob *string) NP_MUST_CHECK;

#endif
