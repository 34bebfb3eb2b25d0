/*
 * The growable byte buffer.  Owns its allocation; never holds more than its maximum; no locking.
 *
 * Growing copies into a new allocation and wipes the old one, so that buf_wipe() leaves no earlier copy behind.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define BUF_FIRST 256u          /* smallest allocation */
#define BUF_KEEP (128u * 1024u) /* an emptied buffer keeps up to this: one full data frame, so streams do not churn */

static const uint8_t buf_nothing[1];

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
	b->keep = BUF_KEEP;
}

void
buf_keep(struct buf *b, size_t keep)
{
	b->keep = keep;
}

void
buf_free(struct buf *b)
{
	size_t keep = b->keep;

	free(b->data);
	buf_init(b, b->max);
	b->keep = keep;
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		secret_wipe(b->data, b->cap);
	buf_free(b);
}

void
buf_rest(struct buf *b)
{
	if (b->len == 0)
		buf_wipe(b);
}

size_t
buf_room(const struct buf *b)
{
	return b->max - b->len;
}

const uint8_t *
buf_head(const struct buf *b)
{
	return b->data != NULL ? b->data + b->off : buf_nothing;
}

/* A new allocation of at least need bytes, usually the double of the old one, with the content at its start. */
static int
buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;
	uint8_t *data;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap > b->max)
		cap = need > b->max ? need : b->max;
	data = try_malloc(cap);
	if (data == NULL)
		return -1;
	if (b->data != NULL) {
		memcpy(data, b->data + b->off, b->len);
		secret_wipe(b->data, b->cap);
		free(b->data);
	}
	b->data = data;
	b->cap = cap;
	b->off = 0;
	return 0;
}

uint8_t *
buf_reserve(struct buf *b, size_t n)
{
	size_t need;

	if (n > buf_room(b))
		return NULL;
	need = b->len + n > 0 ? b->len + n : 1;
	if (b->data != NULL && b->cap - b->off >= need)
		return b->data + b->off + b->len;
	/*
	 * Moving is cheaper than growing, and the only way once the allocation is at its maximum; but no byte is moved
	 * more often than a few times: a good part of the allocation must have been consumed.
	 */
	if (b->data != NULL && b->cap >= need && (b->off >= b->cap / 4 || b->cap >= b->max)) {
		memmove(b->data, b->data + b->off, b->len);
		b->off = 0;
	} else if (buf_grow(b, need > b->cap ? need : b->cap + 1) < 0) {
		return NULL;
	}
	return b->data + b->len;
}

void
buf_commit(struct buf *b, size_t n)
{
	b->len += n;
}

int
buf_append(struct buf *b, const void *p, size_t n)
{
	uint8_t *dst;

	if (n == 0)
		return 0;
	dst = buf_reserve(b, n);
	if (dst == NULL)
		return -1;
	memcpy(dst, p, n);
	buf_commit(b, n);
	return 0;
}

int
buf_append_str(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n, r;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	r = buf_append(b, s, (size_t)n);
	free(s);
	return r;
}

int
buf_append_u32(struct buf *b, uint32_t v)
{
	uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	return buf_append(b, bytes, sizeof(bytes));
}

char *
buf_take(struct buf *b)
{
	char *text = xmalloc(b->len + 1);

	memcpy(text, buf_head(b), b->len);
	text[b->len] = '\0';
	buf_wipe(b);
	return text;
}

void
buf_consume(struct buf *b, size_t n)
{
	b->off += n;
	b->len -= n;
	if (b->len > 0)
		return;
	b->off = 0;
	if (b->cap > b->keep)
		buf_free(b);
}
