/*
 * Drives an event loop until something is true or a deadline has passed: no test sleeps, and none hangs.
 */
#ifndef NP_TESTS_DRIVE_H
#define NP_TESTS_DRIVE_H

#include <stdbool.h>

#include <ev.h>

#include "base/compiler.h"
#include "kit/slow.h"

#define DRIVE_DEADLINE slow(20)
/* Conditions are looked at again after so long, for those that no event of this loop announces. */
#define DRIVE_LOOK 0.02

static inline void
drive_on_look(struct ev_loop *loop NP_UNUSED, ev_timer *w NP_UNUSED, int revents NP_UNUSED)
{
}

/* Whether cond(arg) became true in time. */
static inline bool
drive_until(struct ev_loop *loop, bool (*cond)(void *arg), void *arg)
{
	ev_tstamp deadline = ev_time() + DRIVE_DEADLINE;
	ev_timer look;
	bool met;

	ev_timer_init(&look, drive_on_look, DRIVE_LOOK, DRIVE_LOOK);
	ev_now_update(loop);
	ev_timer_start(loop, &look);
	while (!(met = cond(arg)) && ev_time() < deadline)
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &look);
	return met;
}

/* Some turns that do not wait: for what must not happen. */
static inline void
drive_turns(struct ev_loop *loop, int turns)
{
	for (int i = 0; i < turns; i++)
		ev_run(loop, EVRUN_NOWAIT);
}

#endif
