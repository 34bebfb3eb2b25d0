/*
 * The secrets that are known somewhere, and texts in which each of them becomes "********", also with line ends and
 * escape sequences in between as terminals paint them.  For logs, audit, events, notes and recordings: what a caller
 * gets is the device's own text.
 *
 * One object for each place where a secret may be repeated: what a shell says (made for the session, handed to its
 * driver and to its recording), the commands of a request in the audit log.  Who sends a secret adds it here first.
 * Pure; one thread.
 */
#ifndef NP_REDACT_H
#define NP_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "secret/secret.h"

#define REDACT_SECRETS_MAX 64
#define REDACT_SIZE_MIN 4    /* inside texts shorter ones would blot out ordinary words */
#define REDACT_SIZE_MAX 4096 /* longer ones are masked as far as that */
#define REDACT_MASK "********"

/* How long a secret is known. */
enum redact_use {
	REDACT_PASSING, /* until redact_forget() */
	REDACT_KEPT     /* until the end */
};

struct redact;

/* keep_all: nothing is forgotten; for a recording, which is written down later than it happens. */
struct redact *redact_create(bool keep_all) NP_MALLOC;
struct redact *redact_ref(struct redact *r);
void redact_unref(struct redact *r);

/* Adds a secret; NULL is ignored.  When there are too many, the oldest leaves that is not kept. */
void redact_add(struct redact *r, struct secret *secret, enum redact_use use);
/* Those of another one, as kept. */
void redact_add_all(struct redact *r, const struct redact *other);
/* What is not kept is of no importance any more. */
void redact_forget(struct redact *r);

/* The text is one of them, of whatever size. */
bool redact_is_secret(const struct redact *r, const char *text, size_t size);
/*
 * A copy without the secrets, nor, when it was cut, the beginning of one at its end: left bytes and a NUL; the caller
 * frees it.
 */
char *redact_bytes(const struct redact *r, const void *bytes, size_t size, bool cut, size_t *left) NP_MALLOC;
/* The same for what holds no NUL. */
char *redact_text(const struct redact *r, const char *text, size_t size, bool cut) NP_MALLOC;

#endif
