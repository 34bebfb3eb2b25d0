/*
 * A relay: joins a forwarded connection (direct-tcpip, RFC 4254 section 7.2) on a warm session with one end of a socket
 * pair, both directions with back-pressure and half-close.  The other end is the connection of a session behind a jump
 * host.  Main thread only.
 */
#ifndef NP_RELAY_H
#define NP_RELAY_H

#include <ev.h>

#include "base/compiler.h"
#include "base/error.h"
#include "transport/session.h"

struct relay;

struct relay_events {
	/* The server has connected to host:port; bytes flow from now on (those already written to the pair wait). */
	void (*opened)(struct relay *r, void *arg);
	/*
	 * The relay has ended: the far host could not be reached (err: jump_failed, before opened()), either side
	 * closed, or the carrying session died.  The relay and its descriptor are gone when this returns.  Comes
	 * exactly once, never from inside a function of this header.
	 */
	void (*closed)(struct relay *r, const struct np_error *err, void *arg);
};

/* Opens a channel on s to host:port and joins it with fd (taken over; made non-blocking). */
struct relay *relay_create(struct ev_loop *loop, struct session *s, const char *host, int port, int fd,
    const struct relay_events *events, void *arg) NP_MUST_CHECK;
/* Ends it soon; closed() follows. */
void relay_close(struct relay *r);

#endif
