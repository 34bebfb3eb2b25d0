/*
 * Secrets: passwords, passphrases, what leads to a privileged mode, answers of people.  One text that never changes,
 * counted, so that whoever needs it holds it and nobody copies it; it is wiped with its last reference.
 *
 * Any thread may hold one.  Its text goes where it is to be judged and nowhere else: who may show a text that could
 * repeat it adds the secret to the redact.h object that masks that text.
 */
#ifndef NP_SECRET_H
#define NP_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct secret;

/*
 * Secrets made from now on are in locked memory, which is in no core dump, with a page behind it that nobody may touch
 * (libcrypto's secure heap).  -1: the system allows less of that.  Before there are threads.
 */
int secret_lock_memory(void);

/* A copy of the text, up to its NUL; NULL for NULL, here and below. */
struct secret *secret_make(const char *text) NP_MUST_CHECK;
/* The same of bytes without a NUL. */
struct secret *secret_make_bytes(const void *bytes, size_t size) NP_MUST_CHECK;
struct secret *secret_ref(struct secret *s);
void secret_unref(struct secret *s);

/* Its SHA-256 in hexadecimal, by which equal ones are known; the caller frees it.  Not for NULL. */
char *secret_digest(const struct secret *s) NP_MUST_CHECK;

/* A program has answered it, and would do so again; before others hold it.  Nothing for NULL. */
void secret_set_by_program(struct secret *s);
bool secret_is_by_program(const struct secret *s);

/* Valid as long as the reference. */
const char *secret_text(const struct secret *s);
size_t secret_size(const struct secret *s);

#endif
