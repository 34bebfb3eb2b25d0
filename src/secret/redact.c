/*
 * Masking known secrets in a stream.  Owns copies of them, and the few bytes that may begin one.
 *
 * The law: at each byte the longest secret that begins there is masked, and while a longer one is still possible
 * nothing of it is passed on.
 */
#include "secret/redact.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define MASK "********"
#define NOISE_MAX 48 /* bytes that no person sees, between those of one secret */

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
	free(r->secrets);
	free(r->sizes);
	buf_wipe(&r->work);
	redact_init(r);
}

static void
forget(struct redact *r, size_t at)
{
	secret_free(r->secrets[at]);
	r->count--;
	memmove(r->secrets + at, r->secrets + at + 1, (r->count - at) * sizeof(r->secrets[0]));
	memmove(r->sizes + at, r->sizes + at + 1, (r->count - at) * sizeof(r->sizes[0]));
}

void
redact_add(struct redact *r, const char *secret, bool keep)
{
	size_t size = secret != NULL ? strlen(secret) : 0, at;

	if (size < REDACT_SIZE_MIN)
		return;
	if (size > REDACT_SIZE_MAX)
		size = REDACT_SIZE_MAX;
	for (at = 0; at < r->count; at++) {
		if (r->sizes[at] != size || memcmp(r->secrets[at], secret, size) != 0)
			continue;
		if (!keep || at < r->kept)
			return;
		forget(r, at);
	}
	if (r->count >= REDACT_SECRETS_MAX && r->kept < r->count)
		forget(r, r->kept);
	r->secrets = xreallocarray(r->secrets, r->count + 1, sizeof(r->secrets[0]));
	r->sizes = xreallocarray(r->sizes, r->count + 1, sizeof(r->sizes[0]));
	at = keep ? r->kept++ : r->count;
	memmove(r->secrets + at + 1, r->secrets + at, (r->count - at) * sizeof(r->secrets[0]));
	memmove(r->sizes + at + 1, r->sizes + at, (r->count - at) * sizeof(r->sizes[0]));
	r->secrets[at] = xstrndup(secret, size);
	r->sizes[at] = size;
	r->count++;
	r->first[(unsigned char)secret[0]] = true;
}

/* --- matching --- */

enum match { MATCH_NO, MATCH_PART, MATCH_WHOLE };

/*
 * Bytes at p[0..n) that paint nothing: line ends, NULs, backspaced blanks, escape sequences; 0: the first is text.  May
 * be n when a sequence goes on.
 */
static size_t
noise_size(const uint8_t *p, size_t n)
{
	size_t i;

	switch (p[0]) {
	case '\r':
	case '\n':
	case '\0':
	case '\a':
		return 1;
	case ' ':
		/* At the right margin line editors write a blank to get to the next line. */
		return n == 1 || p[1] == '\r' || p[1] == '\b' ? (n < 2 ? n : 2) : 0;
	case 0x1b:
		for (i = 1; i < n; i++) {
			if (i > 1 && p[i] >= 0x40 && p[i] <= 0x7e)
				return i + 1;
			if (i == 1 && p[i] != '[')
				return 2;
		}
		return n;
	default:
		return 0;
	}
}

/* Whether the secret begins at p; *used: bytes of it with the noise inside. */
static enum match
match_at(const char *secret, size_t size, const uint8_t *p, size_t n, size_t *used)
{
	size_t at = 0, noise = 0;

	for (size_t k = 0; k < size;) {
		if (at == n)
			return MATCH_PART;
		if (p[at] == (uint8_t)secret[k]) {
			at++;
			k++;
			continue;
		}
		if (k == 0)
			return MATCH_NO;
		size_t skip = noise_size(p + at, n - at);

		noise += skip;
		at += skip;
		if (skip == 0 || noise > NOISE_MAX)
			return MATCH_NO;
	}
	*used = at;
	return MATCH_WHOLE;
}

/* The longest secret at p; MATCH_PART while a longer one may yet come and last is false. */
static enum match
match_any(const struct redact *r, const uint8_t *p, size_t n, bool last, size_t *used)
{
	enum match found = MATCH_NO;
	size_t longest = 0;

	for (size_t i = 0; i < r->count; i++) {
		size_t size = 0;
		enum match m = match_at(r->secrets[i], r->sizes[i], p, n, &size);

		if (m == MATCH_PART && !last)
			return MATCH_PART;
		if (m == MATCH_WHOLE && size > longest) {
			found = MATCH_WHOLE;
			longest = size;
		}
	}
	*used = longest;
	return found;
}

/* --- passing on --- */

/* Lines stay lines. */
static int
put_mask(struct buf *out, const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);

	return buf_append_str(out, end != NULL ? MASK "\n" : MASK);
}

/* Passes on p[0..n) masked; returns how many bytes at its end are still to be judged. */
static size_t
pass(const struct redact *r, struct buf *out, const uint8_t *p, size_t n, bool last, int *result)
{
	size_t from = 0, at = 0, used = 0;

	while (at < n) {
		if (!r->first[p[at]]) {
			at++;
			continue;
		}
		switch (match_any(r, p + at, n - at, last, &used)) {
		case MATCH_NO:
			at++;
			continue;
		case MATCH_PART:
			if (buf_append(out, p + from, at - from) < 0)
				*result = -1;
			return n - at;
		case MATCH_WHOLE:
			if (buf_append(out, p + from, at - from) < 0 || put_mask(out, p + at, used) < 0)
				*result = -1;
			at += used;
			from = at;
			break;
		}
	}
	if (buf_append(out, p + from, n - from) < 0)
		*result = -1;
	return 0;
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
		held = pass(r, out, p, size, false, &result);
		if (held > 0 && buf_append(&r->work, p + size - held, held) < 0)
			result = -1;
		return result;
	}
	if (buf_append(&r->work, bytes, size) < 0)
		return -1;
	held = pass(r, out, buf_head(&r->work), r->work.len, false, &result);
	buf_consume(&r->work, r->work.len - held);
	return result;
}

int
redact_flush(struct redact *r, struct buf *out)
{
	int result = 0;

	if (r->work.len == 0)
		return 0;
	pass(r, out, buf_head(&r->work), r->work.len, true, &result);
	buf_wipe(&r->work);
	return result;
}

char *
redact_bytes(const struct redact *r, const void *bytes, size_t size, bool cut, size_t *left)
{
	struct buf out;
	char *copy;
	int result = 0;

	buf_init(&out, SIZE_MAX / 2);
	pass(r, &out, bytes, size, !cut, &result);
	if (result == 0 && buf_append(&out, "", 1) == 0) {
		*left = out.len - 1;
		copy = xmemdup(buf_head(&out), out.len);
	} else {
		*left = 0;
		copy = xstrdup("");
	}
	buf_wipe(&out);
	return copy;
}

char *
redact_text(const struct redact *r, const char *text, size_t size, bool cut)
{
	size_t left;

	return redact_bytes(r, text, size, cut, &left);
}
