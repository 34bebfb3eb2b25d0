/*
 * The dial: the blocking sequence that makes an authenticated connection.  Resolve, connect (all addresses), key
 * exchange, host key, authentication.  Runs in a connector thread (connector.c) or directly in tests; knows no loop.
 */
#ifndef NP_DIAL_H
#define NP_DIAL_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/hooks.h"
#include "transport/dialled.h"

/*
 * The connection, or NULL with err.  ready_fd of the attempt is taken over (and -1 afterwards).  *agent_hash is
 * that of the agent's list as this login knew it; 0: no agent was asked, or none answered.
 */
struct dialled *dial(
    struct attempt *attempt, const struct dial_hooks *hooks, uint64_t *agent_hash, struct np_error *err) NP_MUST_CHECK;

#endif
