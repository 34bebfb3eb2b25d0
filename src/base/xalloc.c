/*
 * Allocation that cannot fail.  Owns nothing; any thread.  Never used for a size that a peer or a device chooses.
 */
#include "base/xalloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local bool bears_failure;

/* Neither the log nor stdio's buffers can be trusted now: one write, and out. */
void
out_of_memory(size_t size)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "netpulse: out of memory (%zu bytes wanted)\n", size);

	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		_exit(255);
	_exit(255);
}

void *
try_malloc(size_t size)
{
	void *p;

	bears_failure = true;
	p = malloc(size);
	bears_failure = false;
	return p;
}

bool
try_malloc_asks(void)
{
	return bears_failure;
}

void *
xmalloc(size_t size)
{
	void *p = malloc(size > 0 ? size : 1);

	if (p == NULL)
		out_of_memory(size);
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	void *p;

	if (count == 0 || size == 0)
		count = size = 1;
	p = calloc(count, size);
	if (p == NULL)
		out_of_memory(size > SIZE_MAX / count ? SIZE_MAX : count * size);
	return p;
}

void *
xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size > 0 ? size : 1);

	if (p == NULL)
		out_of_memory(size);
	return p;
}

void *
xreallocarray(void *old, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		out_of_memory(SIZE_MAX);
	return xrealloc(old, count * size);
}

char *
xstrdup(const char *s)
{
	return xmemdup(s, strlen(s) + 1);
}

char *
xstrndup(const char *s, size_t max)
{
	size_t n = strnlen(s, max);
	char *copy = xmalloc(n + 1);

	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

void *
xmemdup(const void *p, size_t size)
{
	void *copy = xmalloc(size);

	if (size > 0)
		memcpy(copy, p, size);
	return copy;
}

char *
xvasprintf(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory(0);
	return s;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

char *
xstrdup_null(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

void
xreplace(char **field, const char *s)
{
	char *copy = xstrdup_null(s);

	free(*field);
	*field = copy;
}

void *
xchecked(void *p)
{
	if (p == NULL)
		out_of_memory(0);
	return p;
}

void
secret_wipe(void *p, size_t size)
{
	if (size > 0)
		explicit_bzero(p, size);
}

void
secret_free(char *s)
{
	if (s == NULL)
		return;
	secret_wipe(s, strlen(s));
	free(s);
}
