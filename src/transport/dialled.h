/*
 * What a dial has made: an authenticated connection on its way from the thread that dialled to the loop, and all that
 * came to be known about it.  Which transport it is of is known to its operations alone.
 *
 * One owner at a time: the dial, then the connector's result.  The loop takes the connection by dialled_adopt() and
 * what else it wants by setting it to NULL; the rest goes by dialled_discard().
 */
#ifndef NP_DIALLED_H
#define NP_DIALLED_H

#include <stdbool.h>

#include <ev.h>

#include "base/compiler.h"
#include "secret/secret.h"
#include "transport/session.h"

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
