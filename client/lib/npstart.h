/*
 * Starts a broker in the background, with nothing of the caller but a few variables of its environment.
 */
#ifndef NP_START_H
#define NP_START_H

#include <signal.h>

#include "base/compiler.h"
#include "base/error.h"

/*
 * Executes $NETPULSE_DAEMON, else the compiled-in path, for that socket and waits until the daemon says that it is
 * ready or why it is not (broker_unavailable, with its words, or past deadline, on the monotonic clock).  stop: as in
 * struct npclient.
 */
int npstart_daemon(
    const char *socket_path, double deadline, const volatile sig_atomic_t *stop, struct np_error *err) NP_MUST_CHECK;

/* The same for what another broker was: its configuration file (absolute; NULL: the usual ones) and --idle-exit. */
int npstart_daemon_as(const char *socket_path, const char *config, const char *idle_exit, double deadline,
    const volatile sig_atomic_t *stop, struct np_error *err) NP_MUST_CHECK;

/* $NETPULSE_DAEMON, else the compiled-in path; NULL with err when that is no absolute path. */
const char *npstart_program(struct np_error *err) NP_MUST_CHECK;

/*
 * The path for a broker, which works in / where a relative one would mean another file.  The caller frees it; NULL with
 * err where the current directory has gone.
 */
char *npstart_absolute(const char *path, struct np_error *err) NP_MUST_CHECK;

/* Whether a variable ("NAME=VALUE") of the caller's environment is handed to the broker. */
int npstart_env_passes(const char *entry);

#endif
