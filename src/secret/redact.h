/*
 * Known secrets never leave: a stream of bytes in which each of them becomes "********", also when it arrives in
 * pieces, or with line ends and escape sequences in between as terminals paint them.
 *
 * Bytes are held back only while they could be the beginning of a secret, so what comes out does not depend on the
 * pieces.  Pure; the owner's thread.
 */
#ifndef NP_REDACT_H
#define NP_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"

#define REDACT_SECRETS_MAX 64
#define REDACT_SIZE_MIN 4    /* shorter ones would blot out ordinary words */
#define REDACT_SIZE_MAX 4096 /* longer ones are masked as far as that */

struct redact {
	char **secrets;
	size_t *sizes;
	size_t count;
	size_t kept;     /* the first so many are never given up */
	bool first[256]; /* bytes that begin one */
	struct buf work; /* what is held back, and scratch space */
};

void redact_init(struct redact *r);
/* Wipes the secrets. */
void redact_finish(struct redact *r);
/*
 * Adds a secret; NULL and texts shorter than REDACT_SIZE_MIN are ignored.  When there are too many, the oldest leaves
 * that was not added with keep.
 */
void redact_add(struct redact *r, const char *secret, bool keep);
/* Passes bytes on to out, all but what may be the beginning of a secret.  -1: out is full, bytes were lost. */
int redact_write(struct redact *r, struct buf *out, const void *bytes, size_t size) NP_MUST_CHECK;
/* Passes on what was held back: the stream ends here. */
int redact_flush(struct redact *r, struct buf *out) NP_MUST_CHECK;
/*
 * A copy without the secrets, nor, when it was cut, the beginning of one at its end: left bytes and a NUL; the caller
 * frees it.
 */
char *redact_bytes(const struct redact *r, const void *bytes, size_t size, bool cut, size_t *left) NP_MALLOC;
/* The same for what holds no NUL. */
char *redact_text(const struct redact *r, const char *text, size_t size, bool cut) NP_MALLOC;

#endif
