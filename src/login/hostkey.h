/*
 * The host key's judgement: known, new, changed or revoked, and what StrictHostKeyChecking makes of it.  Connector
 * threads only: a person may be asked.
 */
#ifndef NP_HOSTKEY_H
#define NP_HOSTKEY_H

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "login/hooks.h"
#include "base/error.h"
#include "target/target.h"

/*
 * The target's host key algorithms with those first whose keys are already known for it, so that a server with several
 * keys shows the one that can be checked.  Caller frees; NULL when the target names none (libssh's own list applies).
 */
char *hostkey_algorithms(const struct target *target) NP_MUST_CHECK;

/*
 * Judges the key that the server of a connected session has shown.  0: trusted, and added to known_hosts where that is
 * what the configuration or the person wants; -1: host_key_unknown or host_key_changed (also for revoked keys), with
 * fingerprints and what to do.
 */
int hostkey_check(ssh_session session, const struct target *target, const struct dial_hooks *hooks,
    struct np_error *err) NP_MUST_CHECK;

#endif
