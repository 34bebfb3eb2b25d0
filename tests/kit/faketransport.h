/*
 * A transport without a network: what stands behind it is played by the test.  Everything that uses sessions and
 * channels can be tested on it, up to the wiring: a connector's result may carry fake_dialled().
 *
 * Like any transport it acts in turns of the loop, and so do the calls below that play the server: they only note what
 * it did.
 */
#ifndef NP_FAKETRANSPORT_H
#define NP_FAKETRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

#include "base/buf.h"
#include "transport/channel.h"
#include "transport/session.h"

#define FAKE_CHANNELS_MAX 8

/* A channel as the server has it; those that have ended keep their place. */
struct fake_chan {
	struct chan *chan; /* NULL after its done() */
	enum chan_kind kind;
	char command[64]; /* or subsystem, or host */
	char term[32];
	int cols, rows, port;
	struct buf input; /* what the server has read */
	bool holds;       /* it reads no more */
	bool eof;         /* and has read the end */
	char signals[64]; /* " TERM", ... */
};

struct fake {
	struct session *session; /* once adopted, until it has closed */
	int slots_max;           /* 0: as configured */
	bool discarded;          /* the dialled connection went unused */
	int probes;
	int count;
	struct fake_chan chans[FAKE_CHANNELS_MAX];
};

void fake_init(struct fake *f);
void fake_finish(struct fake *f);

/* What a dial would give; its session is f->session. */
struct dialled *fake_dialled(struct fake *f);
/* The same, adopted. */
struct session *fake_adopt(
    struct fake *f, struct ev_loop *loop, int max_channels, const struct session_events *events, void *arg);

/* ---- the server ---- */

/* It starts what was asked for. */
void fake_start(struct fake_chan *ch);
void fake_refuse(struct fake_chan *ch, enum np_reason reason, const char *text);
void fake_say(struct fake_chan *ch, int stream, const char *bytes, size_t size);
/* It closes the channel; status -1: without one. */
void fake_exit(struct fake_chan *ch, int status);
void fake_answer_probe(struct fake *f, double rtt);
/* The connection is no more. */
void fake_lose(struct fake *f, const char *why);
/* It reads again. */
void fake_resume(struct fake_chan *ch);

#endif
