/*
 * A peer: the daemon's end of one client connection.  Frames in, frames out, bounded buffers both ways.
 *
 * Main thread only.  Sending never frees: a peer that must go is marked, and closed() comes from a later turn of the
 * loop, exactly once, after which the peer is gone.
 */
#ifndef NP_PEER_H
#define NP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ev.h>

#include "base/compiler.h"
#include "base/error.h"
#include "wire/frame.h"

/* Output beyond this is no longer produced by streams (peer_stream_room() is 0 then). */
#define PEER_STREAM_HIGH (256u * 1024u)
/* Answers may exceed it up to here; beyond it nothing further is read from this peer until it reads. */
#define PEER_OUT_HIGH (4u * 1024u * 1024u)
#define PEER_OUT_MAX (16u * 1024u * 1024u)

struct peer;

struct peer_events {
	/* One whole frame arrived; the view is valid during the call. */
	void (*frame)(struct peer *p, const struct frame *frame, void *arg);
	/* Streams may produce again: the output fell below half of PEER_STREAM_HIGH after peer_stream_room() had been
	 * 0. */
	void (*drained)(struct peer *p, void *arg);
	/* The stream of frames is broken: send an error if wanted, peer_close_after_flush() follows by itself. */
	void (*violated)(struct peer *p, const struct np_error *err, void *arg);
	/* The client is gone or was closed.  The peer is freed when this returns. */
	void (*closed)(struct peer *p, void *arg);
};

struct peer *peer_create(
    struct ev_loop *loop, uint64_t id, int fd, pid_t pid, const struct peer_events *events, void *arg) NP_MALLOC;

/* Queues one frame.  Written in this turn when the socket takes it.  Silently dropped once the peer is closing. */
void peer_send(struct peer *p, const char *json, size_t json_size, const void *data, size_t data_size);
/* Bytes that a stream may add now. */
size_t peer_stream_room(struct peer *p);
/* Closes at the end of this turn, unsent output is lost. */
void peer_close(struct peer *p);
/* Reads no more; closes when all output has left, or after 5 s without progress. */
void peer_close_after_flush(struct peer *p);
bool peer_is_closing(const struct peer *p);
/* Closing, and what was said to it has not left yet. */
bool peer_is_flushing(const struct peer *p);
/* The other end has gone, although what it said before may still be unread here.  A system call. */
bool peer_has_left(const struct peer *p);
/* The descriptor that came with its bytes last, the caller's from now on; or -1. */
int peer_take_descriptor(struct peer *p);
/*
 * Whether the process that connected is still there, so that its number is nobody else's; where the kernel cannot tell
 * (Linux before 6.5) it is.  Some system calls.
 */
bool peer_process_lives(const struct peer *p);
uint64_t peer_bytes_in(const struct peer *p);
uint64_t peer_bytes_out(const struct peer *p);
size_t peer_out_pending(const struct peer *p);

#endif
