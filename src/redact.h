/*
 * Known secrets never leave: a stream of bytes in which each of them becomes "********", also when it arrives in
 * pieces.
 *
 * Bytes are held back only while they could be the beginning of a secret.  Pure; the owner's thread.
 */
#ifndef NP_REDACT_H
#define NP_REDACT_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "compiler.h"

#define REDACT_SECRETS_MAX 8
#define REDACT_SIZE_MIN 4 /* shorter ones would blot out ordinary words */
#define REDACT_SIZE_MAX 256

struct redact {
	char *secrets[REDACT_SECRETS_MAX];
	size_t sizes[REDACT_SECRETS_MAX];
	size_t count;
	struct buf work; /* what is held back, and scratch space */
};

void redact_init(struct redact *r);
/* Wipes the secrets. */
void redact_finish(struct redact *r);
/* Adds a secret (NULL and texts shorter than REDACT_SIZE_MIN are ignored; the oldest leaves when there are too many).
 */
void redact_add(struct redact *r, const char *secret);
/* Passes bytes on to out, all but what may be the beginning of a secret.  -1: out is full, bytes were lost. */
int redact_write(struct redact *r, struct buf *out, const void *bytes, size_t size) NP_MUST_CHECK;
/* Passes on what was held back: the stream ends or pauses here. */
int redact_flush(struct redact *r, struct buf *out) NP_MUST_CHECK;
/* A text of its own without the secrets; the caller frees it. */
char *redact_text(const struct redact *r, const char *text) NP_MALLOC;

#endif
