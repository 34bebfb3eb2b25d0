/*
 * The frame of protocol version 1: two big-endian uint32 sizes, JSON text, attached raw bytes (netpulse-protocol(7)).
 * Pure: bytes in, a view of them out; shared by the daemon and the clients.
 */
#ifndef NP_FRAME_H
#define NP_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"

#define FRAME_HEADER_SIZE 8u
#define FRAME_JSON_MAX (1024u * 1024u)
#define FRAME_DATA_MAX (64u * 1024u)
#define FRAME_SIZE_MAX (FRAME_HEADER_SIZE + FRAME_JSON_MAX + FRAME_DATA_MAX)

enum frame_status {
	FRAME_MORE,  /* not all of it is there yet */
	FRAME_READY, /* *frame describes the first frame */
	FRAME_BAD    /* the stream can never be understood again: close it */
};

/* A view into the caller's bytes; valid as long as those are. */
struct frame {
	const char *json;
	size_t json_size; /* 1 .. FRAME_JSON_MAX, not terminated */
	const uint8_t *data;
	size_t data_size; /* 0 .. FRAME_DATA_MAX */
	size_t total;     /* bytes to consume once done with it */
};

/*
 * Looks at the first frame in p[0..n) without consuming it.  The sizes are judged as soon as the header is there, so a
 * hostile length is refused before a byte of it is stored.  FRAME_BAD sets err (reason parse_error).
 */
enum frame_status frame_peek(const uint8_t *p, size_t n, struct frame *frame, struct np_error *err);

/* Appends one frame; -1 when it does not fit the buffer or a size is out of bounds (then nothing was appended). */
int frame_append(struct buf *out, const char *json, size_t json_size, const void *data, size_t data_size) NP_MUST_CHECK;

#endif
