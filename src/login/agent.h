/*
 * An ssh-agent's client (draft-miller-ssh-agent): which socket, which keys it holds, a signature from one of them.
 * Connector threads only: an agent may take its time, or ask its owner.
 */
#ifndef NP_AGENT_H
#define NP_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "login/keyblob.h"
#include "target/target.h"

/* Replies longer than this are refused; libssh's own limit. */
#define AGENT_MESSAGE_MAX (256u * 1024u)

struct agent_key {
	struct keyblob blob;
	char *comment; /* made harmless */
};

struct agent_keys {
	struct agent_key *v;
	size_t n;
	uint64_t hash; /* of the whole list, never 0 */
};

/*
 * The socket to ask for this target: its IdentityAgent, else the client's SSH_AUTH_SOCK, else our own.  Caller frees;
 * NULL: no agent is wanted, or none is known.
 */
char *agent_choose_path(const struct target *target, const char *client_socket) NP_MUST_CHECK;

/* Connects; the descriptor is non-blocking and CLOEXEC.  cancel_fd (-1: none) ends a wait when that
 * stream is shut down. */
int agent_connect(const char *path, double deadline, int cancel_fd, struct np_error *err) NP_MUST_CHECK;
/* Sends one message (without its length) and receives the answer into reply (likewise). */
int agent_talk(int fd, const struct buf *message, struct buf *reply, double deadline, int cancel_fd,
    struct np_error *err) NP_MUST_CHECK;

int agent_list(int fd, double deadline, int cancel_fd, struct agent_keys *keys, struct np_error *err) NP_MUST_CHECK;
void agent_keys_finish(struct agent_keys *keys);

/* Whether some agent answers for this target, and what its keys' hash is; 0: none does. */
uint64_t agent_keys_hash(const struct target *target, const char *client_socket, double seconds, int cancel_fd);

#endif
