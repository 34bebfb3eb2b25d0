/*
 * What the parts of an SSH connection on the loop share: sshconn*.c, its channels sshchan*.c.  Nobody else includes it
 * but tests for facts without a getter.
 *
 * Owns the ssh_session, one ssh_event, one watcher on a dup of its descriptor.  Two rules keep libssh safe: libssh is
 * called only from the pump (sshconn.c), and its callbacks only set the facts below.  Everything that users call just
 * changes wishes (transport/provider.h) and wakes the pump.
 *
 *      sshconn.c      adoption, the pump                       calls all below
 *      sshconn_end.c  taking it down
 *      sshchan*.c     channels: open, start, run, close
 *      sshconn_probe.c, sshconn_state.c    facts about the connection
 */
#ifndef NP_SSHCONN_IMPL_H
#define NP_SSHCONN_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "base/queue.h"
#include "ssh/sshdialled.h"
#include "transport/provider.h"

/* LIVE -> ENDING -> REAPING -> GONE; moved by sshconn_move(). */
enum session_state {
	SESSION_LIVE,    /* connected */
	SESSION_ENDING,  /* lost, or asked to close: the pump takes it down */
	SESSION_REAPING, /* libssh's part is gone, every channel has ended; the proxy's process is waited for */
	SESSION_GONE     /* closed() is being called */
};

/*
 *             +------> RUNNING (a forward: open is all)
 *             |           ^ |
 *   OPENING --+-> STARTING  +-> CLOSING -> GONE
 *             |      ^
 *             +-> READY (a spare), whose variables may have been sent
 *
 *   any -> CLOSING when it is given up, or the server closes it; any -> GONE with the connection, or when it cannot be
 *   opened.  Moved by sshchan_move().
 */
enum chan_state {
	CHAN_OPENING,  /* the open was sent, or will be in the next turn */
	CHAN_READY,    /* spare: open, nothing asked for yet but variables */
	CHAN_STARTING, /* requests go one by one: pty, each env, then the command */
	CHAN_RUNNING,
	CHAN_CLOSING, /* close is sent (again and again until it is out), then the server's is awaited */
	CHAN_GONE     /* holds nothing of libssh any more; freed once its user has had done() */
};

/* Which request of STARTING is under way; env counts up in env_next. */
enum chan_step { STEP_PTY, STEP_ENV, STEP_COMMAND };

/*
 * One packet may arrive inside a call that is not meant to read: OpenSSH's largest is 256 KiB, and libssh reads up to
 * 4 KiB behind it.
 */
#define CHAN_SLACK (64u * 1024u)
#define CHAN_WINDOW 1280000u /* what libssh announces by itself */
/*
 * libssh 0.10 opens the window of a channel anew by what is unread of the stream that a packet came for, whatever the
 * other stream holds (0.11 counts both, and 2 MiB are its limit): a few bytes of standard error let the server go on
 * with standard output though nobody reads it.  So a channel may come to hold more than a window.  From the first
 * number on its session takes no further command, and is not read any more while the channel is its only one; beyond
 * the second the channel ends when there are others.
 */
#define CHAN_HELD_PAUSE (16u * 1024u * 1024u)
#define CHAN_HELD_MAX (64u * 1024u * 1024u)

struct sshchan {
	struct chan base;
	TAILQ_ENTRY(sshchan) link;
	struct sshconn *conn;
	enum chan_state state;
	enum chan_step step;
	ssh_channel ssh; /* NULL before the first open and after the end */
	struct ssh_channel_callbacks_struct callbacks;
	bool is_spare;
	int env_next;
	bool env_ahead; /* its variables were sent before its command was known */

	/* Facts from the callbacks, beside those of base. */
	uint64_t grown_at; /* bytes_in when the window was last grown */
	uint64_t bytes_in;
	bool got_close;

	bool asked;                         /* the server: its answer is awaited */
	uint64_t asked_at;                  /* packets of the connection when that was last looked for */
	bool opened;                        /* the server confirmed it */
	int tries;                          /* refusals that were taken for a slot just being freed */
	double open_sent;                   /* clock_now(), for the round trip */
	unsigned closes_before, open_order; /* the session's closes and opens, then */
	double close_sent;                  /* 0: not yet */
	double leaving_since;               /* given up, or close sent, and the server's CLOSE is awaited; 0: not */
	bool eof_sent;
	bool close_waits;   /* of a channel that was left only the end-of-file has gone out */
	uint64_t filled_at; /* turns of the connection when whole packets of input left */
};

TAILQ_HEAD(chan_list, sshchan);

struct sshconn {
	struct session base;
	struct ev_loop *loop;
	enum session_state state;

	ssh_session ssh;
	ssh_event event;
	int fd; /* dup of libssh's descriptor: libssh closes its own inside any call, and libev aborts on a stale one */
	ev_io io;
	int watched;     /* its events */
	ev_prepare turn; /* fed, never started: users have wishes, the pump is due at the end of this turn */
	ev_idle wake;    /* active: a pump is due in the coming turn */
	bool pumping;
	uint64_t turns; /* of the pump */
	ev_timer timer; /* closes that are not confirmed; the proxy's end */
	struct started proxy;
	double proxy_deadline; /* when it gets KILL, or is given up */
	bool proxy_killed;
	struct np_error *why;  /* of the end, from its beginning on */
	enum np_reason unsent; /* what commands are told that had not been sent */
	bool farewell;         /* SSH_MSG_DISCONNECT may be sent */
	bool lost;             /* the connection went, nobody here closed it */

	struct ssh_counter_struct socket_count; /* bytes on the wire */
	struct ssh_counter_struct raw_count;    /* packets */
	uint64_t sent_before;                   /* bytes on the wire when something was read last */
	bool unacked;                           /* that has not been acknowledged since, as far as we know */
	bool has_ended;                         /* a channel has: its user is told before anything else is done */
	uint64_t packets_seen;
	double last_rx;
	uint64_t stalled_raw, stalled_wire; /* counts when output began to wait for the socket */
	bool stalled;

	struct chan_list chans;
	struct sshchan *spare;
	char **env;      /* variables of the last command; those that the spare has had are of these */
	bool env_steady; /* and of the one before it */
	int slots_max;
	int peak;                    /* most channels the server has borne at once */
	int refusals;                /* in a row, without a confirmed open between them */
	double refused_at;           /* when a refusal was last believed */
	double last_close;           /* when a CLOSE was last sent */
	unsigned opens, closes;      /* how many were sent, the latter of channels that count */
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
	bool probe_by_ack; /* this probe asks TCP, see sshconn_probe.c */
	bool probe_answered;
	double probe_rtt;
	double srtt;     /* of probes; negative: never measured */
	double open_rtt; /* the quickest answer to an open, which holds server's work; negative: none */
};

/* sshconn.c */
/* Puts the connection on the loop, see dialled_ops. */
struct session *sshconn_adopt(struct dialled *dialled, struct ev_loop *loop, const struct session_setup *setup,
    const struct session_events *events, void *arg) NP_MUST_CHECK;
static inline struct sshconn *
sshconn_of(const struct session *base)
{
	return (struct sshconn *)(uintptr_t)base;
}

/* sshconn_state.c */
void sshconn_move(struct sshconn *s, enum session_state state);
void sshconn_wake(struct sshconn *s);
/* Not lost as far as libssh knows. */
bool sshconn_alive(const struct sshconn *s);
/* Begins the end, unless it has begun: the pump goes on with it. */
void sshconn_end(struct sshconn *s, enum np_reason reason, const char *text);
/* The same because the server did what it must not. */
void sshconn_violated(struct sshconn *s, const char *text);
/* The same because the connection is no more. */
void sshconn_lost(struct sshconn *s);

int sshconn_slots_used(const struct sshconn *s);
/* Whether a channel could be started now without exceeding the limit. */
bool sshconn_has_slot(const struct sshconn *s);
/*
 * Channels that the server has confirmed and we have not freed, forwarded connections excepted: also those whose
 * confirmation has only just been read, inside a call for another channel.
 */
int sshconn_confirmed(const struct sshconn *s);
/* An open was confirmed. */
void sshconn_note_open(struct sshconn *s);
/* Whether the refusal of ch is taken for a slot that is just being freed: worth another try. */
bool sshconn_refusal_is_race(struct sshchan *ch);
/* It was not, and teaches the server's limit; how many channels were open. */
int sshconn_learn_refusal(struct sshchan *ch);

/* sshconn_end.c */
/* ENDING -> REAPING: lets libssh's part go and fills the ends of all channels. */
void sshconn_take_down(struct sshconn *s);
/* Whether the proxy's process is gone, or past help. */
bool sshconn_proxy_reaped(struct sshconn *s);

/* sshconn_probe.c */
bool sshconn_probe(struct session *base);
void sshconn_open_sample(struct sshconn *s, double seconds);
/* The best guess at the round-trip time for sizing windows; 0 when there is none. */
double sshconn_rtt_guess(const struct sshconn *s);
/* Sends a wanted probe once everything that had arrived is read (`drained`), and looks for its reply; returns whether
 * anything moved. */
bool sshconn_probe_service(struct sshconn *s, bool drained);
/* Takes note of received packets. */
void sshconn_probe_note(struct sshconn *s);
void sshconn_probe_deliver(struct sshconn *s);

/* sshchan.c */
void sshchan_move(struct sshchan *ch, enum chan_state state);
/* A channel that nobody uses yet, in state OPENING, at the end of the list. */
struct sshchan *sshchan_create(struct sshconn *s);
/* The spare, or a new one, or one that has ended because it cannot be. */
struct chan *sshchan_open(struct session *base, const struct chan_spec *spec);
/* Hands on what is due, as chan_deliver().  Frees ch when all is over. */
void sshchan_deliver(struct sshchan *ch, bool last);
/* libssh's channel object with our callbacks; false when there is none to be had: the channel has ended then. */
bool sshchan_make(struct sshchan *ch);
/* Lets libssh's object go. */
void sshchan_drop(struct sshchan *ch);
/* Nothing of libssh is left: its slot is free. */
void sshchan_gone(struct sshchan *ch);
/* One pass of libssh's side; returns whether anything moved. */
bool sshchan_service(struct sshchan *ch);
/* The session is lost or closed: nothing of libssh may be touched any more. */
void sshchan_lost(struct sshchan *ch);

/* sshchan_start.c, sshchan_run.c: the states' shares of sshchan_service(). */
bool sshchan_service_opening(struct sshchan *ch);
void sshchan_service_ready(struct sshchan *ch);
bool sshchan_service_starting(struct sshchan *ch);
/* The channel is being closed while it starts: how the command was answered before that, if it was. */
void sshchan_take_answer(struct sshchan *ch);
bool sshchan_service_running(struct sshchan *ch);
/* The server closed the channel: that is the end, whatever the reader has not read yet. */
void sshchan_finish(struct sshchan *ch);
/* Looks for channels that hold too much: sets hoards and paused of the session, ends what must not go on. */
void sshchans_check_held(struct sshconn *s);

#endif
