/*
 * Masking known secrets, to which references are held: at each byte the longest one that begins there.
 */
#include "secret/redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define NOISE_MAX 48 /* bytes that no person sees, between those of one secret */

struct known {
	struct secret *secret;
	enum redact_use use;
};

struct redact {
	unsigned refs;
	bool keep_all;
	struct known *known; /* oldest first */
	size_t count;
	bool first[256]; /* bytes that begin one */
};

struct redact *
redact_create(bool keep_all)
{
	struct redact *r = xcalloc(1, sizeof(*r));

	r->refs = 1;
	r->keep_all = keep_all;
	return r;
}

struct redact *
redact_ref(struct redact *r)
{
	r->refs++;
	return r;
}

void
redact_unref(struct redact *r)
{
	if (r == NULL || --r->refs > 0)
		return;
	for (size_t i = 0; i < r->count; i++)
		secret_unref(r->known[i].secret);
	free(r->known);
	free(r);
}

static void
forget(struct redact *r, size_t at)
{
	secret_unref(r->known[at].secret);
	r->count--;
	memmove(r->known + at, r->known + at + 1, (r->count - at) * sizeof(r->known[0]));
}

static void
forget_oldest(struct redact *r)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->known[i].use != REDACT_KEPT) {
			forget(r, i);
			return;
		}
	}
}

/* Where the text is among them; count: nowhere. */
static size_t
find(const struct redact *r, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < r->count; i++) {
		const struct secret *s = r->known[i].secret;
		if (secret_size(s) == size && memcmp(secret_text(s), text, size) == 0)
			break;
	}
	return i;
}

void
redact_add(struct redact *r, struct secret *secret, enum redact_use use)
{
	size_t size = secret_size(secret), at;

	if (size == 0)
		return;
	at = find(r, secret_text(secret), size);
	if (at < r->count) {
		if (use > r->known[at].use)
			r->known[at].use = use;
		return;
	}
	if (r->count >= REDACT_SECRETS_MAX && !r->keep_all)
		forget_oldest(r);
	r->known = xreallocarray(r->known, r->count + 1, sizeof(r->known[0]));
	r->known[r->count++] = (struct known){.secret = secret_ref(secret), .use = use};
	r->first[(unsigned char)secret_text(secret)[0]] = true;
}

void
redact_add_all(struct redact *r, const struct redact *other)
{
	for (size_t i = 0; i < other->count; i++)
		redact_add(r, other->known[i].secret, REDACT_KEPT);
}

void
redact_forget(struct redact *r)
{
	for (size_t i = r->count; i > 0 && !r->keep_all; i--) {
		if (r->known[i - 1].use != REDACT_KEPT)
			forget(r, i - 1);
	}
}

bool
redact_is_secret(const struct redact *r, const char *text, size_t size)
{
	return find(r, text, size) < r->count;
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

/* The longest secret at p; MATCH_PART: the text was cut, and may have gone on as one. */
static enum match
match_any(const struct redact *r, bool cut, const uint8_t *p, size_t n, size_t *used)
{
	enum match found = MATCH_NO;
	size_t longest = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct known *k = &r->known[i];
		size_t whole = secret_size(k->secret), size = 0;
		enum match m;

		if (whole < REDACT_SIZE_MIN)
			continue;
		whole = whole < REDACT_SIZE_MAX ? whole : REDACT_SIZE_MAX;
		m = match_at(secret_text(k->secret), whole, p, n, &size);
		if (m == MATCH_PART && cut)
			return MATCH_PART;
		if (m == MATCH_WHOLE && size > longest) {
			found = MATCH_WHOLE;
			longest = size;
		}
	}
	*used = longest;
	return found;
}

/* --- masking --- */

/* Lines stay lines. */
static int
put_mask(struct buf *out, const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);

	return buf_append_str(out, end != NULL ? REDACT_MASK "\n" : REDACT_MASK);
}

/* p[0..n) masked; cut: nor what may begin a secret at its end. */
static int
mask_all(const struct redact *r, bool cut, struct buf *out, const uint8_t *p, size_t n)
{
	size_t from = 0, at = 0, used = 0;

	while (at < n) {
		enum match m = r->first[p[at]] ? match_any(r, cut, p + at, n - at, &used) : MATCH_NO;

		if (m == MATCH_PART)
			return buf_append(out, p + from, at - from);
		if (m == MATCH_NO) {
			at++;
			continue;
		}
		if (buf_append(out, p + from, at - from) < 0 || put_mask(out, p + at, used) < 0)
			return -1;
		at += used;
		from = at;
	}
	return buf_append(out, p + from, n - from);
}

char *
redact_bytes(const struct redact *r, const void *bytes, size_t size, bool cut, size_t *left)
{
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	if (mask_all(r, cut, &out, bytes, size) != 0)
		buf_wipe(&out);
	*left = out.len;
	return buf_take(&out);
}

char *
redact_text(const struct redact *r, const char *text, size_t size, bool cut)
{
	size_t left;

	return redact_bytes(r, text, size, cut, &left);
}
