/*
 * One connection to the broker, from the client's side: find the socket, trust it, start a broker where none answers,
 * send requests, receive messages.  Used by all programs in client/.
 *
 * The descriptor is non-blocking and close-on-exec.  Sending only queues; npclient_flush() and npclient_fill() move
 * bytes when poll(2) says so, or npclient_wait() does all of it.  Single thread.
 */
#ifndef NP_CLIENT_H
#define NP_CLIENT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "wire/frame.h"
#include "wire/message.h"

/* How long to look for, start and greet a broker, all together. */
#define NPCLIENT_CONNECT_TIMEOUT 30.0

struct npclient {
	int fd;            /* -1 while not connected */
	bool start;        /* start a broker where none answers */
	bool system;       /* it is the system's broker, which is not ours to start */
	bool own;          /* set by the caller: only one's own broker will do */
	bool default_path; /* neither -S nor $NETPULSE_SOCKET: we may make the directory */
	bool greeted;      /* a frame came: from now on a lost connection is final */
	bool lost;         /* nothing more can be sent; what the broker said before it left can still be read */
	bool secret;       /* something in out is secret */
	bool overrun;      /* a notification did not fit into out */
	bool streaming;    /* the last read was a full one: read more at once */
	int retry_ms;      /* pause before the next connection to a broker that ended before it greeted */
	double patience;   /* seconds to find it and to be greeted, */
	double deadline;   /* and when they are over, by clock_now() */
	double until;      /* when npclient_wait() gives up, greeted or not; 0: never */
	struct buf in;
	struct buf out; /* kept whole until greeted, so that it can be sent again to another broker */
	size_t sent;    /* bytes of out that the socket took */
	/* When not -1: npclient_wait() ends with REASON_CANCELLED once nobody can read what is written there. */
	int reader_fd;
	/* When not NULL and set by a signal handler, waiting for a broker ends with REASON_CANCELLED. */
	const volatile sig_atomic_t *stop;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

/* Initialises c and decides the path of the socket (option -S, or NULL).  After it npclient_close() may be called. */
int npclient_init(struct npclient *c, const char *socket_path, bool start, struct np_error *err) NP_MUST_CHECK;
/*
 * Connects; where nobody answers, starts a broker (start) or fails.  broker_unavailable: no broker and none may be
 * started, it cannot start (its own words), or none has answered by the deadline; denied: the socket or its directory
 * cannot be trusted.
 */
int npclient_connect(struct npclient *c, struct np_error *err) NP_MUST_CHECK;
/* The same with another limit than NPCLIENT_CONNECT_TIMEOUT. */
int npclient_connect_within(struct npclient *c, double seconds, struct np_error *err) NP_MUST_CHECK;
void npclient_close(struct npclient *c);

/*
 * Queue a message; they take ownership of params.  -1 when the request is too large (invalid_params).  Notifications
 * are small: when one does not fit any more, the broker has not read for long, and npclient_next() says so.
 */
int npclient_request(
    struct npclient *c, int64_t id, const char *method, cJSON *params, struct np_error *err) NP_MUST_CHECK;
/* The notification method with params {id, ...params}; params may be NULL. */
void npclient_notify(struct npclient *c, int64_t id, const char *method, cJSON *params);
/* A `stdin` notification with n <= FRAME_DATA_MAX bytes. */
void npclient_stdin(struct npclient *c, int64_t id, const void *p, size_t n);
/*
 * A `lend` notification: the broker reads fd in our place.  False: it has not left, nothing must be pending and the
 * broker may not take it in.
 */
bool npclient_lend(struct npclient *c, int64_t id, int fd);
/* The answer to a prompt, given by its params (NULL: declined).  All copies made here are wiped once sent; value stays
 * the caller's. */
void npclient_answer(struct npclient *c, const cJSON *prompt, const char *value, bool by_program);

/* Bytes that wait for the socket. */
size_t npclient_pending(const struct npclient *c);
/* What poll(2) is to watch the connection for. */
short npclient_events(const struct npclient *c);
/* Whether any further message can be queued. */
bool npclient_has_room(const struct npclient *c);
/* Sends what the socket takes.  A broken connection is left for npclient_fill() to report. */
void npclient_flush(struct npclient *c);
/*
 * Reads once.  0: something may have come (or the connection ended before the broker had greeted, so that nothing of
 * ours was accepted, and another was made: look at c->fd again).  -1: the connection is over; frames already received
 * were all delivered before.
 */
int npclient_fill(struct npclient *c, struct np_error *err) NP_MUST_CHECK;
/*
 * The next message.  FRAME_READY: *m and *frame are valid until npclient_done(), which must follow.  The greeting is
 * checked and swallowed here.  FRAME_BAD: err says what is wrong with the broker.
 */
enum frame_status npclient_next(struct npclient *c, struct message *m, struct frame *frame, struct np_error *err);
void npclient_done(struct npclient *c, struct message *m, const struct frame *frame);
/* Milliseconds for poll(2): until the broker should have greeted, or `until`; or -1. */
int npclient_timeout_ms(const struct npclient *c);

/* Flushes and waits for the next message as npclient_next() gives it; never FRAME_MORE. */
enum frame_status npclient_wait(struct npclient *c, struct message *m, struct frame *frame, struct np_error *err);

/* $SSH_AUTH_SOCK when it is the absolute path of a socket, else NULL. */
const char *npclient_agent_socket(void);

/* ---- npconnect.c, for npclient.c ---- */

/* Connects c by its deadline; errors as for npclient_connect(). */
int npconnect_until_deadline(struct npclient *c, struct np_error *err) NP_MUST_CHECK;
/* -1 with err when it is no use to wait any longer: interrupted, or past the deadline. */
int npconnect_check_waiting(const struct npclient *c, struct np_error *err) NP_MUST_CHECK;

#endif
