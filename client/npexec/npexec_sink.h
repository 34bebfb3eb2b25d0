/*
 * A standard stream that output goes to.  The stream may be shared with other processes, so its file status flags are
 * never touched; poll(2) is asked before every write and no more is written than a pipe is sure to take.
 */
#ifndef NP_EXEC_SINK_H
#define NP_EXEC_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"

enum sink_kind {
	SINK_UNKNOWN, /* nothing was written yet */
	SINK_FILE,    /* a file or a device that takes everything at once */
	SINK_PIPE,
	SINK_OTHER /* terminals, sockets */
};

struct sink {
	int fd;
	int error; /* errno of a failed write; what comes later is dropped */
	enum sink_kind kind;
	size_t capacity; /* SINK_PIPE: of the pipe, 0 where unknown */
	struct buf pending;
};

/* max: bytes that may wait for a reader that is slow. */
void sink_init(struct sink *s, int fd, size_t max);
void sink_finish(struct sink *s);
/* Writes what the stream takes now and keeps the rest; what exceeds max is lost with error ENOBUFS. */
void sink_write(struct sink *s, const void *p, size_t n);
void sink_printf(struct sink *s, const char *fmt, ...) NP_PRINTF(2, 3);
/* Writes more of what waits; call when poll(2) says so. */
void sink_flush(struct sink *s);
bool sink_is_empty(const struct sink *s);
/* Whether n more bytes would still be kept. */
bool sink_has_room(const struct sink *s, size_t n);

#endif
