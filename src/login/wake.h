/*
 * Waiting that a cancel can end: a descriptor to put beside the others into poll(2).  Connector threads
 * only.
 */
#ifndef NP_WAKE_H
#define NP_WAKE_H

#include <poll.h>

#include "base/compiler.h"
#include "login/hooks.h"
#include "base/error.h"

/*
 * The poll(2) events that tell a cancel on a descriptor of wake_open(), or on any stream that is shut down, without
 * those that tell of mere data.
 */
#ifdef POLLRDHUP
#define WAKE_EVENTS POLLRDHUP
#else
#define WAKE_EVENTS 0
#endif

/*
 * A descriptor that has WAKE_EVENTS when the job is cancelled (the other end is given to hooks->watch_fd); -1 with err
 * when there are no descriptors left.  Ended by wake_close(), which also takes the watched end back.
 */
int wake_open(const struct dial_hooks *hooks, struct np_error *err) NP_MUST_CHECK;
void wake_close(const struct dial_hooks *hooks, int fd);

/* Milliseconds for poll(2) until the deadline (of clock_now()): rounded up, at least 0, -1 where the deadline is
 * infinite. */
int wake_poll_ms(double deadline);

#endif
