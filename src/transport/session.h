/*
 * A session: one authenticated connection on the loop, its channels, its probes; of whatever transport (provider.h),
 * which today is SSH (RFC 4253, 4254).
 *
 * Main thread only.  Nothing here frees what its caller still holds: session_close() marks, the session is gone after
 * events->closed(), which comes from the session's own turn of the loop, never from inside a function called by the
 * owner.
 */
#ifndef NP_SESSION_H
#define NP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "base/compiler.h"
#include "base/error.h"
#include "secret/secret.h"

struct session;
struct chan;

struct session_events {
	/*
	 * The session has ended; why->text says it.  Every channel has had its own last event before.  The session is
	 * freed when this returns.
	 */
	void (*closed)(struct session *s, const struct np_error *why, void *arg);
	/* A probe asked for by session_probe() was answered after rtt seconds (any received packet counts as an
	 * answer). */
	void (*probed)(struct session *s, double rtt, void *arg);
	/* The number of usable channel slots changed: a channel was freed, or the server's limit was learned. */
	void (*slots)(struct session *s, void *arg);
};

/* What its owner wants of a session that is put on the loop by dialled_adopt(). */
struct session_setup {
	uint64_t id;         /* shown to people, never repeats */
	const char *name;    /* device name, for the log; copied */
	int max_channels;    /* configured limit; the server may teach a lower one */
	bool spare_channels; /* keep one opened channel ready where the server's banner is OpenSSH's */
};

/*
 * Begins the end: no new channels; what runs is told outcome_unknown (or the reason given, before its command was
 * sent); SSH_MSG_DISCONNECT is sent if that can be done without waiting.  closed() follows soon.  A second call changes
 * nothing.
 */
void session_close(struct session *s, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);

/* Asks the server for a sign of life and reports it by probed().  At most one is in flight; false when one already is.
 */
bool session_probe(struct session *s);

/* What a session is. */
const char *session_name(const struct session *s); /* "core1#4" */
/* The server's identification string (RFC 4253 section 4.2), made harmless. */
const char *session_banner(const struct session *s);
/* "curve25519-sha256 aes128-gcm@openssh.com": for status. */
const char *session_algorithms(const struct session *s);

/* How it is. */
struct session_stats {
	double last_rx; /* clock_now() of the last packet received; liveness is any packet */
	double rtt; /* seconds, smoothed over the probes' replies as TCP does (RFC 6298); negative: never measured */
	/*
	 * Channels that hold a slot of the server, also those that are closing, and how many it bears as far as is
	 * known.  A channel opened ahead is not counted: it yields to whoever needs its slot.  Nor are forwarded
	 * connections: servers do not limit them so.
	 */
	int slots_used, slots_max;
	bool has_slot; /* a channel could be started now */
	uint64_t bytes_in, bytes_out;
};

struct session_stats session_stats(const struct session *s);

/*
 * What a dial has made: an authenticated connection on its way from the thread that dialled to the loop, and all that
 * came to be known about it.  Which transport it is of is known to its operations alone.
 *
 * One owner at a time: the dial, then the connector's result.  The loop takes the connection by dialled_adopt() and
 * what else it wants by setting it to NULL; the rest goes by dialled_discard().
 */
struct dialled;

struct dialled_ops {
	/* Puts the connection on the loop; what it takes over is no longer in d. */
	struct session *(*adopt)(struct dialled *d, struct ev_loop *loop, const struct session_setup *setup,
	    const struct session_events *events, void *arg);
	/* Ends a connection that nobody took, without waiting for it, and frees d.  Any thread. */
	void (*discard)(struct dialled *d);
};

struct dialled {
	const struct dialled_ops *ops;
	bool needed_person;      /* a person answered: no reconnect by itself */
	char *auth_method;       /* "publickey (agent: SHA256:..)", for status */
	struct secret *secret;   /* of an attempt for_shell: the configured one, or NULL */
	struct secret *password; /* likewise, unless the server has had it already */
	struct secret *offered;  /* the configured password if the server has had it, for who masks it */
};

/* The session is the caller's; d stays to be discarded.  Main thread. */
struct session *dialled_adopt(struct dialled *d, struct ev_loop *loop, const struct session_setup *setup,
    const struct session_events *events, void *arg) NP_MUST_CHECK;
/* NULL is fine. */
void dialled_discard(struct dialled *d);

#endif
