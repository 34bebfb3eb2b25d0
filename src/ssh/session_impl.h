/*
 * What the parts of the session (session*.c, channel*.c) share.  Nobody else includes it but tests for facts without a
 * getter.
 *
 * Two rules keep libssh safe: libssh is called only from the pump (session.c), and its callbacks only set the facts
 * below.  Everything that others call just changes wishes in these structs and wakes the pump.
 */
#ifndef NP_SESSION_IMPL_H
#define NP_SESSION_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "base/buf.h"
#include "transport/channel.h"
#include "base/queue.h"
#include "ssh/sshdialled.h"
#include "transport/session.h"

enum session_state {
	SESSION_LIVE,    /* connected */
	SESSION_ENDING,  /* lost, or asked to close: the pump takes it down */
	SESSION_REAPING, /* libssh's part is gone, every channel has ended; the proxy's process is waited for */
	SESSION_GONE     /* closed() is being called */
};

enum chan_state {
	CHAN_OPENING,  /* the open was sent, or will be in the next turn */
	CHAN_READY,    /* spare: open, nothing asked for yet */
	CHAN_STARTING, /* requests go one by one: pty, each env, then the command */
	CHAN_RUNNING,
	CHAN_CLOSING, /* close is sent (again and again until it is out), then the server's is awaited */
	CHAN_GONE     /* holds nothing of libssh any more; freed once its user has had done() */
};

/* Which request of STARTING is under way; env counts up in env_next. */
enum chan_step { STEP_PTY, STEP_ENV, STEP_COMMAND };

#define CHAN_STREAMS 2
#define CHAN_SIGNALS_MAX 8
#define CHAN_SIGNAL_SIZE 32
/*
 * One packet may arrive inside a call that is not meant to read: OpenSSH's largest is 256 KiB, and libssh reads up to
 * 4 KiB behind it.
 */
#define CHAN_SLACK (64u * 1024u)
#define CHAN_WINDOW 1280000u /* what libssh announces by itself */
/*
 * libssh opens the window of a channel anew by what is unread of the stream that a packet came for, whatever the other
 * stream holds: a few bytes of standard error let the server go on with standard output though nobody reads it.  So a
 * channel may come to hold more than a window.  From the first number on its session takes no further command, and is
 * not read any more while the channel is its only one; beyond the second the channel ends when there are others.
 */
#define CHAN_HELD_PAUSE (16u * 1024u * 1024u)
#define CHAN_HELD_MAX (64u * 1024u * 1024u)

struct chan {
	TAILQ_ENTRY(chan) link;
	struct session *session;
	enum chan_state state;
	enum chan_step step;
	ssh_channel ssh; /* NULL before the first open and after the end */
	struct ssh_channel_callbacks_struct callbacks;

	struct chan_events events; /* no user, no events: a spare, or abandoned and told */
	void *arg;
	bool has_user;
	bool is_spare;

	/* What was asked for. */
	enum chan_kind kind;
	char *command;
	bool pty;
	char *term;
	int cols, rows;
	char **env;
	int env_next;
	char *host;
	int port;

	/* Wishes of the user, acted on by the pump. */
	struct buf input; /* stdin that waits for the window */
	bool want_eof;
	bool want_resize;
	char signals[CHAN_SIGNALS_MAX][CHAN_SIGNAL_SIZE];
	int signals_count;
	bool abandoned;

	/* Facts from the callbacks. */
	struct buf output[CHAN_STREAMS];
	size_t held[CHAN_STREAMS]; /* unread bytes that libssh keeps because output[] was full */
	uint64_t grown_at;         /* bytes_in when the window was last grown */
	uint64_t bytes_in;
	bool clogged; /* the reader is waited for: libssh keeps what comes, of both streams */
	bool got_eof;
	bool got_close;
	bool has_news; /* output() is due */

	bool opened;          /* the server confirmed it */
	int tries;            /* refusals that were taken for a slot just being freed */
	double open_sent;     /* clock_now(), for the round trip */
	double close_sent;    /* 0: not yet */
	double leaving_since; /* given up, or close sent, and the server's CLOSE is awaited; 0: not */
	bool eof_sent;
	bool runs;      /* the command was accepted */
	bool runs_told; /* started() was called */
	size_t wrote;   /* not yet reported */
	bool ended;     /* end is filled: done() is due once the output has been consumed */
	struct chan_end end;
};

TAILQ_HEAD(chan_list, chan);

struct session {
	struct ev_loop *loop;
	struct session_events events;
	void *arg;
	uint64_t id;
	char *name;
	char *banner;
	char *algorithms;
	enum session_state state;

	ssh_session ssh;
	ssh_event event;
	int fd; /* dup of libssh's descriptor: libssh closes its own inside any call, and libev aborts on a stale one */
	ev_io io;
	int watched;    /* its events */
	ev_idle wake;   /* active: a pump is due in the coming turn */
	ev_timer timer; /* closes that are not confirmed; the proxy's end */
	pid_t proxy_pid;
	double proxy_deadline; /* when it gets KILL, or is given up */
	bool proxy_killed;
	struct np_error why;   /* of the end */
	enum np_reason unsent; /* what commands are told that had not been sent */
	bool farewell;         /* SSH_MSG_DISCONNECT may be sent */
	bool lost;             /* the connection went, nobody here closed it */

	struct ssh_counter_struct socket_count; /* bytes on the wire */
	struct ssh_counter_struct raw_count;    /* packets */
	uint64_t packets_seen;
	double last_rx;
	uint64_t stalled_raw, stalled_wire; /* counts when output began to wait for the socket */
	bool stalled;

	struct chan_list chans;
	struct chan *spare;
	int slots_max;
	int peak;                    /* most channels the server has borne at once */
	int refusals;                /* in a row, without a confirmed open between them */
	double last_close;           /* when a CLOSE was last sent */
	bool deliver_now;            /* enough output has come together to hand it on before the turn ends */
	size_t held_pause, held_max; /* CHAN_HELD_PAUSE, CHAN_HELD_MAX; less in tests */
	bool hoards;                 /* a channel holds more than that */
	bool paused;                 /* and therefore nothing is read */
	bool spares;
	bool is_openssh;
	bool slots_changed;

	bool probe_wanted;
	bool probing; /* nothing was received since probe_since */
	double probe_since;
	double probe_sent;
	uint64_t probe_packets; /* received before it */
	bool request_pending;   /* keepalive@openssh.com is unanswered, perhaps for ever */
	double request_sent;
	bool probe_by_ack; /* this probe asks TCP, see session_probe.c */
	bool probe_answered;
	double probe_rtt;
	double srtt;     /* of probes; negative: never measured */
	double open_rtt; /* the quickest answer to an open, which holds server's work; negative: none */
};

/* session.c */
/* Takes the connection onto the loop; what the pointers and numbers of d own is the session's then. */
struct session *session_adopt(struct ev_loop *loop, const struct sshdialled *d, const struct session_setup *setup,
    const struct session_events *events, void *arg) NP_MUST_CHECK;
void session_wake(struct session *s);
/*
 * Channels that the server has confirmed and we have not freed, forwarded connections excepted: also those whose
 * confirmation has only just been read, inside a call for another channel.
 */
int session_confirmed(const struct session *s);
/* Not lost as far as libssh knows. */
bool session_alive(const struct session *s);
/* The server bears no more than that at a time. */
void session_learn(struct session *s, int limit);

/* session_end.c */
/* Begins the end, unless it has begun: the pump goes on with it. */
void session_end(struct session *s, enum np_reason reason, const char *text);
/* The same because the server did what it must not. */
void session_violated(struct session *s, const char *text);
/* The same because the connection is no more. */
void session_lost(struct session *s);
/* ENDING -> REAPING: lets libssh's part go and fills the ends of all channels. */
void session_take_down(struct session *s);
/* Whether the proxy's process is gone, or past help. */
bool session_proxy_reaped(struct session *s);

/* session_probe.c */
void session_open_sample(struct session *s, double seconds);
/* The best guess at the round-trip time for sizing windows; 0 when there is none. */
double session_rtt_guess(const struct session *s);
/* Sends a wanted probe once everything that had arrived is read (`drained`), and looks for its reply; returns whether
 * anything moved. */
bool session_probe_service(struct session *s, bool drained);
/* Takes note of received packets. */
void session_probe_note(struct session *s);
void session_probe_deliver(struct session *s);

/* channel.c */
/* A channel that nobody uses yet, in state OPENING, at the end of the list. */
struct chan *chan_create(struct session *s);
/* Calls the events that are due; done() too when nothing is left to read or `last` is set.  Frees ch when all is over.
 */
void chan_deliver(struct chan *ch, bool last);
/* Fills the end unless there is one. */
void chan_end_set(struct chan *ch, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);
/* Whether the server counts it against its limit, as far as we know. */
bool chan_counts(const struct chan *ch);

/* channel_ssh.c */
/* libssh's channel object with our callbacks; false when there is none to be had: the channel has ended then. */
bool chan_create_ssh(struct chan *ch);
void chan_free_ssh(struct chan *ch);
/* Nothing of libssh is left: its slot is free. */
void chan_gone(struct chan *ch);
/* One pass of libssh's side; returns whether anything moved. */
bool chan_service(struct chan *ch);
/* The session is lost or closed: nothing of libssh may be touched any more. */
void chan_lost(struct chan *ch);

/* channel_start.c, channel_run.c: the states' shares of chan_service(). */
bool chan_service_opening(struct chan *ch);
bool chan_service_starting(struct chan *ch);
/* The channel is being closed while it starts: how the command was answered before that, if it was. */
void chan_take_answer(struct chan *ch);
bool chan_service_running(struct chan *ch);
/* The server closed the channel: that is the end, whatever the reader has not read yet. */
void chan_finish(struct chan *ch);
/* Looks for channels that hold too much: sets hoards and paused of the session, ends what must not go on. */
void chans_check_held(struct session *s);

#endif
