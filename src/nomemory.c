/*
 * Memory that a library asks for and does not get.
 *
 * libssh goes on then: it drops what a server sent, so that a command ends with status 0 and half of its output, or it
 * follows the pointer (both seen by tests/e2e/e2e_memory.sh).  No result is better than a wrong one, so the broker's
 * malloc(3) ends the process, as our own functions do (base/xalloc.h); clients learn that the outcome is unknown.
 * What a peer makes large, and is refused for, is asked for by try_malloc().
 *
 * Only where the C library's own functions have names to call them by, and no sanitizer has taken their place.
 */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/xalloc.h"

#if defined(__GLIBC__) && !defined(NP_SANITIZED)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static void *
had(void *p, size_t size)
{
	if (p == NULL && size != 0 && !try_malloc_asks())
		out_of_memory(size);
	return p;
}

void *
malloc(size_t size)
{
	return had(__libc_malloc(size), size);
}

void *
calloc(size_t nmemb, size_t size)
{
	return had(__libc_calloc(nmemb, size), nmemb == 0 ? 0 : size);
}

void *
realloc(void *ptr, size_t size)
{
	return had(__libc_realloc(ptr, size), size);
}

#endif
