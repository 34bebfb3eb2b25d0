/*
 * The moves of state machines: each is a table, and one function of its owner that asks here and then writes the field.
 *
 * A move that the table does not have is a fault of ours.  It is not made, and said in words that are the same
 * everywhere: unit tests and end-to-end tests fail when they find them in a log (tests/kit/run_unit.sh, lib.sh).
 */
#ifndef NP_STATE_H
#define NP_STATE_H

#include <stdbool.h>

#include "base/compiler.h"

#define STATE_TO(state) (1u << (state))

struct state_machine {
	const char *token;        /* of the log */
	const char *const *names; /* of each state, lower case letters */
	const unsigned *moves;    /* from each state: STATE_TO() of those that may follow, or'ed */
};

/* Whether to is another state and may follow; logs that move, or that it cannot be.  fmt: whose state it is. */
bool state_may_move(const struct state_machine *machine, unsigned from, unsigned to, const char *fmt, ...)
    NP_PRINTF(4, 5) NP_MUST_CHECK;

#endif
