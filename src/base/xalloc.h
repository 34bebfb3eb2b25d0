/*
 * Allocation that cannot fail, for small objects of our own making.
 *
 * Running out of memory on a fixed-size object ends the process with a message; sizes that a peer or a device chooses
 * never come here, they live in a struct buf with a hard maximum.  Any thread.
 */
#ifndef NP_XALLOC_H
#define NP_XALLOC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* Each returns memory that the caller frees with free(3). */
void *xmalloc(size_t size) NP_MALLOC;
void *xcalloc(size_t count, size_t size) NP_MALLOC;
void *xrealloc(void *old, size_t size) NP_MUST_CHECK;
void *xreallocarray(void *old, size_t count, size_t size) NP_MUST_CHECK;
char *xstrdup(const char *s) NP_MALLOC;
char *xstrndup(const char *s, size_t max) NP_MALLOC;
void *xmemdup(const void *p, size_t size) NP_MALLOC;
char *xasprintf(const char *fmt, ...) NP_PRINTF(1, 2) NP_MALLOC;
char *xvasprintf(const char *fmt, va_list ap) NP_PRINTF(1, 0) NP_MALLOC;

/* malloc(3) of a size that a peer or a device chose: NULL where there is no memory.  Only this may fail in the broker.
 */
void *try_malloc(size_t size) NP_MALLOC;
/* Whether this thread is in it. */
bool try_malloc_asks(void);
/* Says so on standard error, and ends the process. */
NP_NORETURN void out_of_memory(size_t size);

/* Returns p, or ends the process like the others when it is NULL: for libraries that allocate by themselves. */
void *xchecked(void *p);

/* xstrdup() that takes NULL and returns NULL. */
char *xstrdup_null(const char *s);
/* Frees what is there and puts such a copy in its place. */
void xreplace(char **field, const char *s);

/* Wipes a string and frees it; NULL is fine.  For passwords, passphrases and everything typed by a person. */
void secret_free(char *s);

/* Overwrites size bytes in a way that the compiler keeps. */
void secret_wipe(void *p, size_t size);

#endif
