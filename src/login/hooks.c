/* See hooks.h. */
#include "login/hooks.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/xalloc.h"

void
hooks_step(const struct dial_hooks *hooks, const char *name, enum step_outcome outcome, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (hooks->step == NULL)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	hooks->step(name, outcome, text, hooks->arg);
	free(text);
}
