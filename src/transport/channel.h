/*
 * A channel of a session: opening, one command (or shell, subsystem, or forwarded connection), its bytes, its end.
 *
 *   OPENING -> READY (spare only) -> STARTING -> RUNNING -> CLOSING -> (freed)
 *
 * The prefix is chan_, as in OpenSSH's nchan.c: libssh still exports channel_* from its 0.4 days.
 *
 * Main thread only.  Created and freed by the session; the user of a channel holds the pointer from chan_start()
 * until `done`, which is always the last event and comes exactly once.  No event is called from inside a function of
 * this header.
 */
#ifndef NP_CHANNEL_H
#define NP_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "transport/session.h"

enum chan_kind { CHANNEL_EXEC, CHANNEL_SHELL, CHANNEL_SUBSYSTEM, CHANNEL_FORWARD };

struct chan_spec {
	enum chan_kind kind;
	const char *command; /* exec: the command's bytes; subsystem: its name.  Copied */
	size_t command_size;
	bool pty;
	const char *term;  /* pty: NULL = "vt100" */
	const char *modes; /* pty: of the terminal, RFC 4254 section 8 in base64; NULL: the server's, or usual ones */
	int cols, rows;
	const char *const
	    *env; /* "NAME=VALUE", NULL-terminated, or NULL; refusals by the server are ignored as ssh does */
	const char *forward_host; /* CHANNEL_FORWARD: direct-tcpip, RFC 4254 section 7.2 */
	int forward_port;         /* 0: forward_host is the path of a socket */
};

/* How it ended. */
struct chan_end {
	bool sent;       /* the command's request had been handed to the server: never to be sent again */
	bool has_status; /* exit-status was received */
	int status;
	char signal[32]; /* exit-signal's name without "SIG", or "" */
	bool core_dumped;
	struct np_error err; /* reason REASON_NONE: it ended by itself; channel_refused, exec_refused, outcome_unknown,
				... otherwise */
};

struct chan_events {
	/* The server accepted the command: it runs.  Standard input is wanted from now on. */
	void (*started)(struct chan *ch, void *arg);
	/* Bytes or an end-of-file arrived: read them with chan_output(), as many as wanted; called again when more
	 * came. */
	void (*output)(struct chan *ch, void *arg);
	/* n bytes of standard input have left for the server: as many may be written again. */
	void (*wrote)(struct chan *ch, size_t n, void *arg);
	/*
	 * The server has closed the channel: the command is over and its slot in the session is free for others, while
	 * output is still unread.  Comes once, and only when done() has to wait for the reader; `end` is what done()
	 * will say.  The session may end in the meantime: that brings done().
	 */
	void (*freed)(struct chan *ch, const struct chan_end *end, void *arg);
	/*
	 * The end; the channel is gone afterwards.  It waits until all output has been consumed.  Only when the session
	 * is lost or closed may there be some left, to be read inside this call: up to CHANNEL_BUFFER_MAX of each
	 * stream, and where the reader was slow up to two SSH windows, less than 8 MiB.
	 */
	void (*done)(struct chan *ch, const struct chan_end *end, void *arg);
};

/*
 * Bytes that a channel buffers in each direction; beyond them the SSH window holds the other side.  A reader that was
 * waited for gets all that came meanwhile at once: up to a window (1.25 MiB, on long paths 6 MiB).
 */
#define CHANNEL_BUFFER_MAX (256u * 1024u)

/*
 * Starts a command on a new channel (or on the session's ready spare).  Never NULL: what goes wrong, also a session
 * that is closing or has no slot left, comes as done() in a later turn of the loop.
 */
struct chan *chan_start(struct session *s, const struct chan_spec *spec, const struct chan_events *events, void *arg);

/*
 * The received bytes of stdout (stream 0) or stderr (stream 1) not yet consumed.  The streams share a window: once one
 * was full, more comes when both have been consumed.
 */
const struct buf *chan_output(const struct chan *ch, int stream);
/* Consumes n of them, which opens the SSH window again. */
void chan_consume(struct chan *ch, int stream, size_t n);
/* Both streams have ended and nothing is left to read. */
bool chan_output_ended(const struct chan *ch);

/* Queues standard input; -1 (nothing taken) when more than CHANNEL_BUFFER_MAX would wait. */
int chan_write(struct chan *ch, const void *p, size_t n) NP_MUST_CHECK;
size_t chan_write_room(const struct chan *ch);
/* End-of-file behind what was written; later writes are ignored. */
void chan_eof(struct chan *ch);
/* RFC 4254 section 6.9, name without "SIG".  Before the command runs it is remembered and sent then. */
void chan_signal(struct chan *ch, const char *name);
/* Nothing is expected for a while: gives back the memory of what is empty. */
void chan_rest(struct chan *ch);
/* RFC 4254 section 6.7. */
void chan_resize(struct chan *ch, int cols, int rows);
/*
 * Nobody reads the command's standard output any more, though how it ends is still wanted.  Where the server lets the
 * command know that, as a pipe would, and still tells how it ended, the channel leaves it: closes while the command
 * runs, as ssh does.  Not while standard input is on its way to the command: then output goes on coming as before, to
 * be thrown away, as it does where the server is none of these.
 */
void chan_unread(struct chan *ch);
/* It has done that: nothing more reaches the command, and nothing more comes of it but its end. */
bool chan_has_left(const struct chan *ch);
/*
 * Gives the channel up: TERM if the command runs, then close.  done() comes at once (next loop turn) with reason
 * cancelled; the slot is freed when the server has confirmed the close, or the session is closed when it never does.
 */
void chan_abandon(struct chan *ch);

#endif
