/*
 * A growable byte buffer with a hard maximum, filled at the end and consumed from the front.
 *
 * The maximum is what bounds the broker's memory: who appends more than fits is told so and must stop reading its
 * source.  Not thread-safe; the owner's thread only.
 */
#ifndef NP_BUF_H
#define NP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct buf {
	uint8_t *data; /* allocation, or NULL while empty */
	size_t off;    /* first byte not consumed */
	size_t len;    /* bytes not consumed */
	size_t cap;    /* size of the allocation */
	size_t max;    /* len never exceeds this */
	size_t keep;   /* once empty, an allocation up to this size stays for the next bytes */
};

/* An empty buffer that holds at most max bytes; allocates nothing yet. */
void buf_init(struct buf *b, size_t max);
/* What an emptied buffer may keep of its memory: more than usual where there are few of them, and bytes stream. */
void buf_keep(struct buf *b, size_t keep);
/* Frees the bytes; the buffer is then empty and usable again, with the same maximum. */
void buf_free(struct buf *b);
/* The same, after overwriting all that the allocation ever held: for buffers that secrets pass through. */
void buf_wipe(struct buf *b);

/* Wipes it if it is empty: what it has kept is not needed for a while. */
void buf_rest(struct buf *b);

/* Bytes that can still be appended. */
size_t buf_room(const struct buf *b);
/* First unconsumed byte; valid until the next call that changes b. Never NULL-checked by callers when len is 0. */
const uint8_t *buf_head(const struct buf *b);

/* Appends all of it and returns 0, or appends nothing and returns -1 when it exceeds the maximum (or memory is out). */
int buf_append(struct buf *b, const void *p, size_t n) NP_MUST_CHECK;
int buf_append_str(struct buf *b, const char *s) NP_MUST_CHECK;
int buf_printf(struct buf *b, const char *fmt, ...) NP_PRINTF(2, 3) NP_MUST_CHECK;
/* Network byte order, RFC 4251 section 5. */
int buf_append_u32(struct buf *b, uint32_t v) NP_MUST_CHECK;

/*
 * Room for n further bytes to be written in place (for read(2)), or NULL when n exceeds the maximum; what was written
 * is then made part of the buffer by buf_commit().
 */
uint8_t *buf_reserve(struct buf *b, size_t n) NP_MUST_CHECK;
void buf_commit(struct buf *b, size_t n);

/* What it holds as a text that the caller frees; the buffer is wiped and empty then. */
char *buf_take(struct buf *b) NP_MALLOC;

/* Drops n <= len bytes from the front.  An emptied buffer that had grown large gives its memory back. */
void buf_consume(struct buf *b, size_t n);

#endif
