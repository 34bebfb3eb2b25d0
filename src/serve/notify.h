/*
 * What a service manager wants to hear, and the sockets that it hands over (sd_notify(3), sd_listen_fds(3)), spoken
 * without its library.  Outside a service manager everything here does nothing.  Main thread only.
 */
#ifndef NP_NOTIFY_H
#define NP_NOTIFY_H

#include <stdbool.h>

#include <ev.h>

#include "base/compiler.h"
#include "base/error.h"

struct notify;

/*
 * Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child inherits them.  With a
 * watchdog wanted, a sign of life goes out from the loop at half of its interval: a loop that hangs sends none.
 */
struct notify *notify_create(struct ev_loop *loop) NP_MALLOC;
/* NULL is fine. */
void notify_destroy(struct notify *n);
/* Whether anybody listens. */
bool notify_is_wanted(const struct notify *n);

/* Start-up is complete; also the end of notify_reloading(). */
void notify_ready(struct notify *n);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);
/* One line for `systemctl status`; sent only when it differs from the last one. */
void notify_status(struct notify *n, const char *fmt, ...) NP_PRINTF(2, 3);

/* The first descriptor that sd_listen_fds(3) promises. */
#define NOTIFY_LISTEN_FIRST 3

/*
 * Number of descriptors handed over, from NOTIFY_LISTEN_FIRST on; 0 when none are, or when they are meant for another
 * process.  They become CLOEXEC, and LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES leave the environment.  -1 with err when
 * the variables make no sense or a descriptor is not open.
 */
int notify_listen_fds(struct np_error *err) NP_MUST_CHECK;

#endif
