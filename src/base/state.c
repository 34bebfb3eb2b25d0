/*
 * The moves of state machines; see state.h.
 */
#include "base/state.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

#define WHOSE_MAX 400

bool
state_may_move(const struct state_machine *machine, unsigned from, unsigned to, const char *fmt, ...)
{
	bool may = (machine->moves[from] & STATE_TO(to)) != 0;
	char whose[WHOSE_MAX];
	va_list ap;

	if (from == to)
		return false;
	if (may && !log_wants(LOG_LEVEL_DEBUG))
		return true;
	va_start(ap, fmt);
	(void)vsnprintf(whose, sizeof(whose), fmt, ap);
	va_end(ap);
	if (may)
		log_debug(machine->token, "%s: %s -> %s", whose, machine->names[from], machine->names[to]);
	else
		log_error(
		    machine->token, "%s: cannot go from %s to %s", whose, machine->names[from], machine->names[to]);
	return may;
}
