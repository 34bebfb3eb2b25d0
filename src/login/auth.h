/*
 * Authentication in the spirit of ssh(1): none, public keys (agent and files), then a configured password once, or what
 * a person answers.  Connector threads only: every step waits.
 */
#ifndef NP_AUTH_H
#define NP_AUTH_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/hooks.h"
#include "ssh/sshdialled.h"

/*
 * Logs in, on a connection that is made, blocking, and whose host key is checked.  0, with made->base.auth_method set,
 * or -1 with err: auth_failed (what was tried, what the server offers, what to do), credential_failed, connect_failed
 * when the connection was lost, or what hooks->left() said.  In both cases *agent_hash is that of the agent's list
 * where one was asked, and made->base.needed_person is true if a person typed a secret or an answer.  The session keeps
 * no agent descriptor.
 */
int auth_run(const struct attempt *attempt, struct sshdialled *made, const struct dial_hooks *hooks,
    uint64_t *agent_hash, struct np_error *err) NP_MUST_CHECK;

#endif
