/* See secret.h. */
#include "secret/secret.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct secret {
	atomic_uint refs; /* connector threads and the loop hold the same one */
	size_t size;
	char text[]; /* with a NUL */
};

struct secret *
secret_make_bytes(const void *bytes, size_t size)
{
	struct secret *s = xmalloc(sizeof(*s) + size + 1);

	atomic_init(&s->refs, 1);
	s->size = size;
	if (size > 0)
		memcpy(s->text, bytes, size);
	s->text[size] = '\0';
	return s;
}

struct secret *
secret_make(const char *text)
{
	return text != NULL ? secret_make_bytes(text, strlen(text)) : NULL;
}

struct secret *
secret_ref(struct secret *s)
{
	if (s != NULL)
		atomic_fetch_add(&s->refs, 1);
	return s;
}

void
secret_unref(struct secret *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	secret_wipe(s, sizeof(*s) + s->size);
	free(s);
}

const char *
secret_text(const struct secret *s)
{
	return s != NULL ? s->text : NULL;
}

size_t
secret_size(const struct secret *s)
{
	return s != NULL ? s->size : 0;
}
