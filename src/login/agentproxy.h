/*
 * What stands between libssh and the agent during one login: an agent of our own making that shows only those keys that
 * this login may use, in the order in which they are to be tried, and passes signing on.
 *
 * libssh tries all keys that an agent shows, in the agent's order, and stops at the first of a type that it does not
 * know: IdentitiesOnly would not hold and the server's MaxAuthTries be used up.  Signing blocks in libssh whatever the
 * mode, so the agent's side is served by a thread that ends when the login's own connection is shut down.
 */
#ifndef NP_AGENTPROXY_H
#define NP_AGENTPROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/keyblob.h"

struct agent_offer {
	struct keyblob shown;  /* what libssh sees: a key or a certificate */
	struct keyblob signer; /* the agent's own key that signs for it */
};

struct agent_proxy;

/*
 * Starts the thread.  agent_fd (connected, non-blocking) is taken over in every case.  offers are copied.  The agent is
 * given up when the deadline passes, or when the stream session_fd (not taken over; must stay open until
 * agent_proxy_stop()) is shut down from either side.
 */
struct agent_proxy *agent_proxy_start(int agent_fd, const struct agent_offer *offers, size_t count, int session_fd,
    double deadline, struct np_error *err) NP_MUST_CHECK;
/* The end for ssh_set_agent_socket().  Owned by the proxy: the session must have forgotten it before
 * agent_proxy_stop(). */
int agent_proxy_socket(const struct agent_proxy *p);
/* Shows only offers[from..] from now on. */
void agent_proxy_skip(struct agent_proxy *p, size_t from);
/* Index of the offer that was last to sign, or -1; *refused: the agent did not. */
int agent_proxy_signer(struct agent_proxy *p, bool *refused);
/* Ends the thread and frees all.  NULL is fine. */
void agent_proxy_stop(struct agent_proxy *p);

#endif
