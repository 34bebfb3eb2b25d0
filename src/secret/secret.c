/* See secret.h. */
#include "secret/secret.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/xalloc.h"

#define HEAP_SIZE (256u * 1024u) /* some thousand passwords */
#define HEAP_UNIT 32u

struct secret {
	atomic_uint refs; /* connector threads and the loop hold the same one */
	bool by_program;
	size_t size;
	char text[]; /* with a NUL */
};

int
secret_lock_memory(void)
{
	return CRYPTO_secure_malloc_init(HEAP_SIZE, HEAP_UNIT) == 1 ? 0 : -1;
}

/* Where the locked heap is full, or nobody asked for it, ordinary memory does. */
static struct secret *
allocate(size_t size)
{
	struct secret *s = CRYPTO_secure_malloc_initialized() ? OPENSSL_secure_malloc(size) : NULL;

	return s != NULL ? s : xmalloc(size);
}

struct secret *
secret_make_bytes(const void *bytes, size_t size)
{
	struct secret *s = allocate(sizeof(*s) + size + 1);

	atomic_init(&s->refs, 1);
	s->by_program = false;
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
	if (CRYPTO_secure_allocated(s))
		OPENSSL_secure_free(s);
	else
		free(s);
}

char *
secret_digest(const struct secret *s)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char *text;

	xchecked(EVP_Digest(s->text, s->size, digest, &size, EVP_sha256(), NULL) == 1 ? digest : NULL);
	text = xmalloc(2 * (size_t)size + 1);
	for (unsigned i = 0; i < size; i++) {
		text[2 * i] = hex[digest[i] >> 4];
		text[2 * i + 1] = hex[digest[i] & 15];
	}
	text[2 * size] = '\0';
	return text;
}

void
secret_set_by_program(struct secret *s)
{
	if (s != NULL)
		s->by_program = true;
}

bool
secret_is_by_program(const struct secret *s)
{
	return s != NULL && s->by_program;
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
