/*
 * Transcripts: what went over a shell and what the driver made of it, as text that the tests of platform definitions
 * replay (the format is in netpulse-platform(5)), without secrets.  Pure: time is an argument.
 *
 * A line holds all that the device sent between two things that we sent, so that a secret which it echoed in pieces is
 * found whole.
 */
#ifndef NP_TRANSCRIPT_H
#define NP_TRANSCRIPT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "platform/platform.h"
#include "secret/redact.h"

#define TRANSCRIPT_MAX (8u * 1024u * 1024u)

struct transcript;

/*
 * source: what was recorded, for the first line ("SSH-2.0-Cisco-1.25").  known: the secrets of the shell, masked; a
 * reference is taken, and it keeps all, as what comes later may repeat any of them.  Which of password and secret the
 * driver has is noted for the replay.
 */
struct transcript *transcript_create(struct platform *platform, const char *source, struct redact *known, bool password,
    bool secret, double now) NP_MALLOC;
/* Wipes what it holds. */
void transcript_destroy(struct transcript *t);

/* Bytes went by. */
void transcript_received(struct transcript *t, const void *bytes, size_t size, double now);
void transcript_sent(struct transcript *t, const void *bytes, size_t size, double now);
/* What was asked of the driver ("run show version"), or what it said ("! ready"). */
void transcript_note(struct transcript *t, const char *fmt, ...) NP_PRINTF(2, 3);
/* Output of the command, any piece of it; written as lines by transcript_output_end(). */
void transcript_output(struct transcript *t, const void *bytes, size_t size);
void transcript_output_end(struct transcript *t);

/* All of it, to be consumed. */
struct buf *transcript_text(struct transcript *t);

#endif
