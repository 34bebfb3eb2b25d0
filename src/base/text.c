/*
 * Texts that strangers wrote.  Owns nothing; pure; any thread.
 */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define NEAREST_MAX 64 /* longest word that is compared; no name of ours is longer */

/*
 * Length of the well-formed UTF-8 character at p[0..n), n > 0, and its code point; 0 when there is none.  A character
 * that is cut short by the end is not well-formed.
 */
static size_t
utf8_decode(const uint8_t *p, size_t n, uint32_t *cp)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len, i;

	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	*cp = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3fu);
	}
	if (*cp < smallest[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

bool
text_is_utf8(const void *p, size_t n)
{
	const uint8_t *s = p;
	uint32_t cp;
	size_t len;

	while (n > 0) {
		len = utf8_decode(s, n, &cp);
		if (len == 0)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

/* Characters that change how their neighbours are shown, or move the cursor. */
static bool
is_harmful(uint32_t cp, bool keep_newlines)
{
	if (cp == '\n')
		return !keep_newlines;
	if (cp < 0x20)
		return cp != '\t';
	if (cp >= 0x7f && cp <= 0x9f)
		return true;
	return cp == 0x061c || (cp >= 0x200e && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

/* One character of src as it may be shown: its bytes in out, their number returned, *used bytes of src eaten. */
static size_t
vis_one(const uint8_t *src, size_t n, bool keep_newlines, char out[16], size_t *used)
{
	uint32_t cp = 0;
	size_t len = utf8_decode(src, n, &cp);
	size_t i;

	*used = len > 0 ? len : 1;
	if (len > 0 && !is_harmful(cp, keep_newlines)) {
		memcpy(out, src, len);
		return len;
	}
	for (i = 0; i < *used; i++) {
		out[4 * i] = '\\';
		out[4 * i + 1] = (char)('0' + (src[i] >> 6));
		out[4 * i + 2] = (char)('0' + (src[i] >> 3 & 7));
		out[4 * i + 3] = (char)('0' + (src[i] & 7));
	}
	return 4 * *used;
}

size_t
text_harmful(const uint8_t *p, size_t n, uint32_t *cp)
{
	size_t len = utf8_decode(p, n, cp);

	return len > 0 && is_harmful(*cp, false) ? len : 0;
}

/* As much of it as may be shown in size bytes with a NUL, cut before a character or escape; returns its length. */
static size_t
vis(char *dst, size_t size, const uint8_t *src, size_t n, bool keep_newlines)
{
	size_t used, len = 0;
	char one[16];

	for (; n > 0; src += used, n -= used) {
		size_t k = vis_one(src, n, keep_newlines, one, &used);

		if (len + k >= size)
			break;
		memcpy(dst + len, one, k);
		len += k;
	}
	dst[len] = '\0';
	return len;
}

char *
text_vis(const void *p, size_t n, bool keep_newlines)
{
	char *dst = xreallocarray(NULL, n + 1, 4);

	return xrealloc(dst, vis(dst, (n + 1) * 4, p, n, keep_newlines) + 1);
}

char *
text_vis_into(char *dst, size_t size, const char *s)
{
	if (size > 0)
		vis(dst, size, (const uint8_t *)s, strlen(s), false);
	return dst;
}

/* Writes the JSON to dst, or only counts when dst is NULL; returns the number of bytes. */
static size_t
write_json(char *dst, const uint8_t *src, size_t n)
{
	size_t used, len = 0;
	uint32_t cp = 0;

	for (; n > 0; src += used, n -= used) {
		used = text_harmful(src, n, &cp);
		if (used > 0) {
			if (dst != NULL)
				snprintf(dst + len, 7, "\\u%04x", (unsigned)cp);
			len += 6;
		} else {
			used = 1;
			if (dst != NULL)
				dst[len] = (char)src[0];
			len++;
		}
	}
	return len;
}

char *
text_json_vis(const char *json)
{
	const uint8_t *src = (const uint8_t *)json;
	size_t n = strlen(json);
	size_t size = write_json(NULL, src, n);
	char *dst = xmalloc(size + 1);

	write_json(dst, src, n);
	dst[size] = '\0';
	return dst;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
text_base64(const void *p, size_t n)
{
	const uint8_t *src = p;
	char *dst = xreallocarray(NULL, n / 3 + 2, 4);
	char *d = dst;
	size_t i;

	for (i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)src[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)src[i + 1] << 8;
		if (i + 2 < n)
			v |= src[i + 2];
		*d++ = base64_alphabet[v >> 18];
		*d++ = base64_alphabet[v >> 12 & 63];
		*d++ = i + 1 < n ? base64_alphabet[v >> 6 & 63] : '=';
		*d++ = i + 2 < n ? base64_alphabet[v & 63] : '=';
	}
	*d = '\0';
	return dst;
}

static int
base64_value(char c)
{
	const char *at = c != '\0' ? strchr(base64_alphabet, c) : NULL;

	return at != NULL ? (int)(at - base64_alphabet) : -1;
}

/* Decodes n characters without padding, n % 4 != 1, into dst; -1 when one is foreign or unused bits are set. */
static int
base64_decode(const char *s, size_t n, uint8_t *dst)
{
	uint32_t v = 0;
	size_t i, bits = 0;

	for (i = 0; i < n; i++) {
		int d = base64_value(s[i]);

		if (d < 0)
			return -1;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*dst++ = (uint8_t)(v >> bits);
			v &= (1u << bits) - 1;
		}
	}
	return v == 0 ? 0 : -1;
}

uint8_t *
text_unbase64(const char *s, size_t *n)
{
	size_t len = strlen(s);
	size_t size;
	uint8_t *dst;

	if (len % 4 != 0)
		return NULL;
	if (len > 0 && s[len - 1] == '=')
		len--;
	if (len % 4 == 3 && s[len - 1] == '=')
		len--;
	size = len / 4 * 3 + (len % 4 > 0 ? len % 4 - 1 : 0);
	dst = xmalloc(size + 1);
	if (base64_decode(s, len, dst) < 0) {
		secret_wipe(dst, size);
		free(dst);
		return NULL;
	}
	dst[size] = '\0';
	*n = size;
	return dst;
}

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters alike for the search: case does not matter, and '-' is what people type for '_'. */
static int
fold(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

/* Edits that turn a into b: one letter inserted, removed, replaced, or two neighbours swapped. Both <= NEAREST_MAX. */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t i, j;

	for (j = 0; j <= nb; j++)
		above[j] = j;
	for (i = 1; i <= na; i++) {
		size_t *spare = before;

		row[0] = i;
		for (j = 1; j <= nb; j++) {
			size_t same = fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1;

			row[j] = min_of(min_of(above[j] + 1, row[j - 1] + 1), above[j - 1] + same);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[nb];
}

const char *
text_nearest(const char *word, const char *const *names, size_t count)
{
	size_t len = strlen(word);
	size_t limit = len < 3 ? 1 : len < 9 ? 2 : 3; /* the first distance that is too far is limit + 1 */
	const char *best = NULL;
	size_t best_distance = limit + 1;
	size_t i;

	if (len == 0 || len > NEAREST_MAX)
		return NULL;
	for (i = 0; i < count; i++) {
		size_t n = strlen(names[i]);
		size_t d;

		if (n > NEAREST_MAX)
			continue;
		d = edit_distance(word, len, names[i], n);
		/* The beginning of a longer name is meant as that name, unless another one is closer. */
		if (d > limit && len >= 3 && n > len && edit_distance(word, len, names[i], len) == 0)
			d = limit;
		if (d < best_distance && d < len) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}

bool
text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
text_parse_ulong(const char *s, unsigned long max, unsigned long *out)
{
	size_t digits = strspn(s, "0123456789");
	unsigned long v;

	errno = 0;
	v = strtoul(s, NULL, 10);
	if (digits == 0 || s[digits] != '\0' || errno != 0 || v > max)
		return false;
	*out = v;
	return true;
}

char *
text_next_word(const char **p)
{
	const char *from = *p + strspn(*p, " ");
	char *word = *from != '\0' ? xmalloc(strlen(from) + 1) : NULL, *to = word;

	while (*from != '\0' && *from != ' ') {
		from += from[0] == '\\' && (from[1] == ' ' || from[1] == '\\');
		*to++ = *from++;
	}
	if (word != NULL)
		*to = '\0';
	*p = from;
	return word;
}
