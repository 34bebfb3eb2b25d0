/*
 * Masking known secrets in a stream.  Owns copies of them, and the few bytes that may begin one.
 */
#include "redact.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define MASK "********"

void
redact_init(struct redact *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->work, SIZE_MAX / 2);
}

void
redact_finish(struct redact *r)
{
	for (size_t i = 0; i < r->count; i++)
		secret_free(r->secrets[i]);
	r->count = 0;
	buf_wipe(&r->work);
}

void
redact_add(struct redact *r, const char *secret)
{
	size_t size = secret != NULL ? strlen(secret) : 0;

	if (size < REDACT_SIZE_MIN)
		return;
	if (size > REDACT_SIZE_MAX)
		size = REDACT_SIZE_MAX;
	for (size_t i = 0; i < r->count; i++) {
		if (r->sizes[i] == size && memcmp(r->secrets[i], secret, size) == 0)
			return;
	}
	if (r->count == REDACT_SECRETS_MAX) {
		secret_free(r->secrets[0]);
		r->count--;
		memmove(r->secrets, r->secrets + 1, r->count * sizeof(r->secrets[0]));
		memmove(r->sizes, r->sizes + 1, r->count * sizeof(r->sizes[0]));
	}
	r->secrets[r->count] = xstrndup(secret, size);
	r->sizes[r->count++] = size;
}

/* The first secret in the text: where, and its size; the longest of those that begin there. */
static const uint8_t *
find_first(const struct redact *r, const uint8_t *p, size_t n, size_t *size)
{
	const uint8_t *first = NULL;

	for (size_t i = 0; i < r->count; i++) {
		const uint8_t *at = memmem(p, n, r->secrets[i], r->sizes[i]);

		if (at == NULL || (first != NULL && (at > first || (at == first && r->sizes[i] < *size))))
			continue;
		first = at;
		*size = r->sizes[i];
	}
	return first;
}

/* How many bytes at the end may be the beginning of a secret. */
static size_t
held_size(const struct redact *r, const uint8_t *p, size_t n)
{
	size_t held = 0;

	for (size_t i = 0; i < r->count; i++) {
		size_t most = r->sizes[i] - 1 < n ? r->sizes[i] - 1 : n;

		for (size_t k = most; k > held; k--) {
			if (memcmp(p + n - k, r->secrets[i], k) == 0) {
				held = k;
				break;
			}
		}
	}
	return held;
}

/* Passes on p[0..n) masked; returns how many bytes at its end are still to be judged. */
static size_t
pass(const struct redact *r, struct buf *out, const uint8_t *p, size_t n, int *result)
{
	const uint8_t *at;
	size_t size = 0, held;

	while ((at = find_first(r, p, n, &size)) != NULL) {
		if (buf_append(out, p, (size_t)(at - p)) < 0 || buf_append_str(out, MASK) < 0)
			*result = -1;
		n -= (size_t)(at - p) + size;
		p = at + size;
	}
	held = held_size(r, p, n);
	if (buf_append(out, p, n - held) < 0)
		*result = -1;
	return held;
}

int
redact_write(struct redact *r, struct buf *out, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	int result = 0;
	size_t held;

	if (r->count == 0)
		return buf_append(out, bytes, size);
	if (r->work.len == 0) {
		held = pass(r, out, p, size, &result);
		if (held > 0 && buf_append(&r->work, p + size - held, held) < 0)
			result = -1;
		return result;
	}
	if (buf_append(&r->work, bytes, size) < 0)
		return -1;
	held = pass(r, out, buf_head(&r->work), r->work.len, &result);
	buf_consume(&r->work, r->work.len - held);
	return result;
}

int
redact_flush(struct redact *r, struct buf *out)
{
	int result = buf_append(out, buf_head(&r->work), r->work.len);

	buf_wipe(&r->work);
	return result;
}

char *
redact_text(const struct redact *r, const char *text)
{
	struct buf out;
	size_t held, n = strlen(text);
	char *copy;
	int result = 0;

	buf_init(&out, SIZE_MAX / 2);
	held = pass(r, &out, (const uint8_t *)text, n, &result);
	if (buf_append(&out, text + n - held, held) < 0 || buf_append(&out, "", 1) < 0)
		result = -1;
	copy = xstrdup(result == 0 ? (const char *)buf_head(&out) : "");
	buf_wipe(&out);
	return copy;
}
