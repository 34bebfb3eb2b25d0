/*
 * An ssh-agent's client (draft-miller-ssh-agent): which socket, which keys it holds, a signature from one of them.
 * Connector threads only: an agent may take its time, or ask its owner.
 */
#ifndef NP_AGENT_H
#define NP_AGENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "login/keyblob.h"
#include "target/target.h"

/* Replies longer than this are refused; libssh's own limit. */
#define AGENT_MESSAGE_MAX (256u * 1024u)

/* Message numbers of draft-miller-ssh-agent section 6.1. */
#define AGENT_FAILURE 5
#define AGENTC_REQUEST_IDENTITIES 11
#define AGENT_IDENTITIES_ANSWER 12
#define AGENTC_SIGN_REQUEST 13
#define AGENT_SIGN_RESPONSE 14

struct agent_keys {
	struct keyblob *v;
	size_t n;
	uint64_t hash; /* of the whole list, never 0 */
};

/*
 * The socket to ask for this target: its IdentityAgent, else the client's SSH_AUTH_SOCK, else our own.  Caller frees;
 * NULL: no agent is wanted, or none is known.
 */
char *agent_choose_path(const struct target *target, const char *client_socket) NP_MUST_CHECK;

/*
 * Connects; the descriptor is non-blocking and CLOEXEC.  Here and below, cancel_fd (-1: none) ends a wait when that
 * stream is shut down.
 */
int agent_connect(const char *path, double deadline, int cancel_fd, struct np_error *err) NP_MUST_CHECK;
/* One message, without its length. */
int agent_send(int fd, const struct buf *message, double deadline, int cancel_fd, struct np_error *err) NP_MUST_CHECK;
int agent_receive(int fd, struct buf *message, double deadline, int cancel_fd, struct np_error *err) NP_MUST_CHECK;

int agent_list(int fd, double deadline, int cancel_fd, struct agent_keys *keys, struct np_error *err) NP_MUST_CHECK;
void agent_keys_finish(struct agent_keys *keys);
/* Connects and lists. */
int agent_open(
    const char *path, double deadline, int cancel_fd, struct agent_keys *keys, struct np_error *err) NP_MUST_CHECK;

/* Whether some agent answers for this target, and what its keys' hash is; 0: none does. */
uint64_t agent_keys_hash(const struct target *target, const char *client_socket, double seconds, int cancel_fd);

/* A thread with no signals, which are the main thread's business, and a stack for libssh.  0, or an errno. */
int thread_start(pthread_t *thread, void *(*body)(void *), void *arg) NP_MUST_CHECK;

/*
 * The proxy: what stands between libssh and the agent during one login, an agent of our own making that shows only
 * those keys that this login may use, in the order in which they are to be tried, and passes signing on.
 *
 * libssh tries all keys that an agent shows, in the agent's order, and stops at the first of a type that it does not
 * know: IdentitiesOnly would not hold and the server's MaxAuthTries be used up.  Signing blocks in libssh whatever the
 * mode, so the agent's side is served by a thread that ends when the login's own connection is shut down.
 */
struct agent_offer {
	const struct keyblob *shown;  /* what libssh sees: a key or a certificate */
	const struct keyblob *signer; /* the agent's own key that signs for it */
};

struct agent_proxy {
	const struct agent_offer *offers;
	size_t count;
	int agent_fd;   /* connected */
	int session_fd; /* its shutdown, from either side, ends a wait for the agent; so does the deadline */
	double deadline;
	int client_fd;       /* for ssh_set_agent_socket(); the session must forget it before agent_proxy_stop() */
	atomic_size_t from;  /* only offers[from..] are shown */
	atomic_int signer;   /* index of the offer that was last to sign, or -1 */
	atomic_bool refused; /* the agent did not */

	int server_fd; /* the thread's end of the pair with libssh */
	pthread_t thread;
};

/* Starts the thread; all but the last two members and client_fd are the caller's, who keeps what they point at. */
int agent_proxy_start(struct agent_proxy *p, struct np_error *err) NP_MUST_CHECK;
void agent_proxy_stop(struct agent_proxy *p);

#endif
