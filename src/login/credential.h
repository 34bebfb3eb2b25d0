/*
 * Configured secrets: where a device's entry says that a password or passphrase is to be had, fetched at the moment of
 * the login and wiped after it.  Never logged, never in an error text.  Connector threads only: commands are waited
 * for.
 */
#ifndef NP_CREDENTIAL_H
#define NP_CREDENTIAL_H

#include <stdbool.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "login/hooks.h"
#include "base/error.h"
#include "secret/secret.h"

/*
 * The device's configured password: of password, password_command, password_file and credential the first that is
 * given.  0 with *secret set (caller: secret_unref()), or NULL when none is configured; -1 with err, reason
 * credential_failed or what hooks->left() said.
 */
int credential_password(const struct device_conf *device, const struct dial_hooks *hooks, struct secret **secret,
    struct np_error *err) NP_MUST_CHECK;

/* The same for what leads to the privileged mode: of secret, secret_command and secret_file the first that is given. */
int credential_secret(const struct device_conf *device, const struct dial_hooks *hooks, struct secret **secret,
    struct np_error *err) NP_MUST_CHECK;

/*
 * Runs `sh -c COMMAND` (standard input /dev/null, at most 30 s) and takes the first line of its output.  key is the
 * configuration key that named it, for messages.
 */
int credential_run(const char *key, const char *command, const struct dial_hooks *hooks, struct secret **secret,
    struct np_error *err) NP_MUST_CHECK;

#endif
