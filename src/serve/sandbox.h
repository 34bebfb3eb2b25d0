/*
 * What the broker's process gives up before it speaks to anybody: it parses what servers and clients send, and a hole
 * in that shall not be worth much.  See SECURITY.md for what is left.  Main thread, before there are others.
 */
#ifndef NP_SANDBOX_H
#define NP_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strings.h"

/* What there is of it in this process. */
struct sandbox {
	bool calls;     /* system calls that no broker makes are refused, the worst of them end it */
	bool files;     /* nothing is written but where the broker is known to write */
	bool children;  /* programs that it has started get no new privileges either */
	char lack[300]; /* what is not there, and why; "" */
};

/* Gives up nothing, for the configuration says so. */
void sandbox_decline(struct sandbox *s);
/*
 * Gives up new privileges and system calls, for ever; and to write files, but beneath these paths; NULL: anywhere. What
 * the system cannot do is told, and no error.
 */
void sandbox_enter(struct sandbox *s, const struct strings *writable);

/* ---- sandbox_filter.c, sandbox_files.c: 0; or -1 and what is in the way ---- */

int sandbox_filter(char *lack, size_t size);
int sandbox_files(const struct strings *writable, char *lack, size_t size);

#endif
