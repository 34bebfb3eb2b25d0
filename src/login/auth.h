/*
 * Authentication in the spirit of ssh(1): none, public keys (agent and files), then a configured password once, or what
 * a person answers.  Connector threads only: every step waits.
 */
#ifndef NP_AUTH_H
#define NP_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "login/dial.h"
#include "base/error.h"
#include "target/target.h"

struct auth_params {
	ssh_session session; /* connected, blocking, host key checked */
	int fd;              /* a descriptor of the session's stream, to notice its end while the agent is waited for */
	const struct target *target;
	const char *agent_socket; /* the client's, or NULL */
	const struct dial_hooks *hooks;
};

struct auth_result {
	char *method;             /* on success: "publickey (agent: SHA256:...)"; caller frees */
	bool needed_person;       /* a person typed a secret or an answer */
	uint64_t agent_keys_hash; /* 0: no agent was asked, or none answered */
};

/*
 * Logs in.  0, or -1 with err: auth_failed (what was tried, what the server offers, what to do), credential_failed,
 * connect_failed when the connection was lost, or what hooks->left() said.  The session keeps no agent descriptor.
 * *result is filled in both cases.
 */
int auth_run(const struct auth_params *params, struct auth_result *result, struct np_error *err) NP_MUST_CHECK;

#endif
