/*
 * A pair: a private server and a loop with one session to it, with recorders of all events; for the tests of session,
 * channel and relay.  Nothing here sleeps: sshpair_until() runs the loop until a fact is there or a deadline fails the
 * test.
 */
#ifndef NP_SSHPAIR_H
#define NP_SSHPAIR_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

#include "base/buf.h"
#include "base/starter.h"
#include "transport/channel.h"
#include "transport/session.h"
#include "kit/testsshd.h"
#include "kit/slow.h"

#define SSHPAIR_SECONDS slow(30)

/* What a channel told us. */
struct record {
	struct chan *chan; /* NULL after done() */
	struct buf out[2];
	bool paused;     /* leave the output where it is */
	bool count_only; /* consume it without keeping it */
	size_t received; /* bytes of both streams */
	size_t step;     /* consume at most so many bytes at a time; 0: all */
	bool started, freed, done;
	int outputs; /* calls of output() */
	int events_after_done;
	bool ended_seen; /* chan_output_ended() was true in output() before done() */
	size_t wrote;
	struct chan_end end;
	struct session *session_in_done;

	/* Called at the end of done(), when not NULL. */
	void (*then)(struct record *r);
	void *then_arg;

	/* A source of standard input: `feed_left` bytes of sshpair_byte(feed_at...) are kept flowing. */
	size_t feed_left, feed_at;
	bool feed_eof;
};

struct sshpair {
	struct ev_loop *loop;
	struct testsshd *server;
	struct session *session; /* NULL after closed() */
	bool closed;
	struct np_error why;
	int closes, probes, slot_events;
	int descriptors; /* open when it began: sshpair_stop() expects as many */
	double probe_rtt;
};

/* Options of a session; zero is a good default. */
struct sshpair_options {
	const char *sshd; /* extra configuration */
	bool dropbear;
	bool spares;
	int max_channels;            /* 0: 10 */
	const struct started *proxy; /* NULL: none */
};

/* Starts all of it; skips the test when there is no server to be had. */
void sshpair_start(struct sshpair *t, const struct sshpair_options *options);
/* Another session of the same server into t->session; the former must be gone. */
void sshpair_login(struct sshpair *t, const struct sshpair_options *options);
/* The same over a stream that is taken over. */
void sshpair_login_fd(struct sshpair *t, const struct sshpair_options *options, int fd);
/* A session with some other server on that port of 127.0.0.1 that lets everybody in. */
void sshpair_login_none(struct sshpair *t, int port);
/* Closes what is open and checks that closed() came once. */
void sshpair_stop(struct sshpair *t);

/* Runs the loop until fact(arg) or fails the test after SSHPAIR_SECONDS. */
#define sshpair_until(t, fact, arg) sshpair_until_(t, fact, arg, #fact, __FILE__, __LINE__)
void sshpair_until_(
    struct sshpair *t, bool (*fact)(void *arg), void *arg, const char *what, const char *file, int line);
/* Runs the loop for so many seconds, for what must not happen. */
void sshpair_run(struct sshpair *t, double seconds);

bool record_done(void *record);
bool record_started(void *record);
bool record_freed(void *record);
bool sshpair_closed(void *pair);
bool sshpair_probed(void *pair);

/* Starts a channel with a recorder. */
void record_start(struct record *r, struct session *s, const struct chan_spec *spec);
void record_exec(struct record *r, struct session *s, const char *command);
/* Takes up reading again. */
void record_resume(struct record *r);
/* Keeps standard input flowing. */
void record_feed(struct record *r, size_t bytes, bool eof);
void record_free(struct record *r);
/* The text of a stream, NUL-terminated; lives until the next call. */
const char *record_text(struct record *r, int stream);

/* Runs a command to its end and leaves what it said in *r. */
void record_run(struct sshpair *t, struct record *r, const char *command);
/* Runs a command that must end with that status. */
void record_expect(struct sshpair *t, const char *command, int status);
/* Whether no channel of the pair's session occupies a slot. */
bool sshpair_no_slot_used(void *pair);
/* Whether anything was received. */
bool record_any_output(void *record);
/* Whether as much is unread as a channel keeps. */
bool record_buffer_full(void *record);
/* Runs the loop until standard output contains the text. */
void record_wait_text(struct sshpair *t, struct record *r, const char *text);
/* Asserts that standard output is that many bytes of sshpair_byte(). */
void record_check_stream(struct record *r, size_t size);

/* A stream of bytes that repeats after a long, odd period. */
unsigned char sshpair_byte(size_t at);

#endif
