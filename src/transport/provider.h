/*
 * What a transport provides, and what it builds on.  For the folder of a transport, and for fakes in tests; users of
 * sessions and channels have session.h and channel.h and never see these structs.
 *
 *        user  --- wishes --->  struct chan   <--- facts ---  transport
 *        user  <-- events ----  chan_deliver()  <--- turn ---  transport
 *
 * A session and a channel are pieces of memory of the transport's that begin with the structs below.  What their users
 * ask for is only noted there, and the transport is woken; it acts in a turn of its own, notes what has happened, and
 * hands it on by chan_deliver().  So no event ever comes from inside a call of the user's.
 */
#ifndef NP_PROVIDER_H
#define NP_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "transport/channel.h"
#include "transport/session.h"

struct session_ops {
	/*
	 * A channel for what spec asks for, to which the caller then puts spec and user; when it cannot be, one whose
	 * end is set already.  Never NULL.
	 */
	struct chan *(*open)(struct session *s, const struct chan_spec *spec);
	/* There are wishes: a turn is due before the loop blocks again.  Cheap, and called often. */
	void (*wake)(struct session *s);
	/* As session_close(), session_probe(), session_stats(). */
	void (*close)(struct session *s, enum np_reason reason, const char *text);
	bool (*probe)(struct session *s);
	struct session_stats (*stats)(const struct session *s);
};

struct session {
	const struct session_ops *ops;
	struct session_events events;
	void *arg;
	uint64_t id;
	char *name;
	char *banner;
	char *algorithms;
};

/* banner and algorithms are the transport's to set; session_clear() frees them. */
void session_init(struct session *s, const struct session_ops *ops, const struct session_setup *setup,
    const struct session_events *events, void *arg);
void session_clear(struct session *s);

#define CHAN_STREAMS 2
#define CHAN_SIGNALS_MAX 8
#define CHAN_SIGNAL_SIZE 32

struct chan {
	struct session *session;
	struct chan_events events; /* no user, no events: nobody has it yet, or it is given up and that is told */
	void *arg;
	bool has_user;

	struct chan_spec spec; /* what was asked for; its texts are the channel's own */

	/* Wishes of the user; the transport takes them off. */
	struct buf input; /* standard input, at most CHANNEL_BUFFER_MAX */
	bool fed;         /* there was some */
	bool want_eof;
	bool unread; /* its output; the channel may be left */
	bool want_resize;
	char signals[CHAN_SIGNALS_MAX][CHAN_SIGNAL_SIZE];
	int signals_count;
	bool abandoned; /* given up, and so ended */

	/* Facts, noted by the transport. */
	struct buf output[CHAN_STREAMS];
	size_t held[CHAN_STREAMS]; /* bytes that the transport keeps unread because the reader is slow */
	bool has_left;             /* it was closed before the command's end, which is still awaited */
	bool clogged;              /* there were such: the transport is woken when the reader has read */
	bool got_eof;
	bool has_news; /* output() is due */
	bool runs;     /* the command was accepted */
	bool runs_told;
	size_t wrote; /* taken off input and not yet reported */
	bool ended;   /* end is filled: done() is due once the output has been consumed */
	bool freed;   /* the transport has nothing of it any more but what output[] holds */
	bool freed_told;
	struct chan_end end;
};

/* output[] holds CHANNEL_BUFFER_MAX, and `slack` that may come in one piece. */
void chan_init(struct chan *ch, struct session *s, size_t slack);
/* Wipes and frees all that ch holds. */
void chan_clear(struct chan *ch);
/* Of a spec's, which may be NULL; wiped and freed. */
char **chan_env_copy(const char *const *env) NP_MALLOC;
void chan_env_free(char **env);
/* Fills the end unless there is one. */
void chan_end_set(struct chan *ch, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);
/*
 * Calls the events that are due; done() too when nothing is left to read or `last` is set, else freed().  Afterwards
 * ch->has_user says whether somebody still needs it.
 */
void chan_deliver(struct chan *ch, bool last);

#endif
