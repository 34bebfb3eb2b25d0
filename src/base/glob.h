/* Shell patterns over names.  Pure; any thread. */
#ifndef NP_GLOB_H
#define NP_GLOB_H

#include <stdbool.h>

/* Whether a shell pattern matches the whole of name; its time is bounded by the product of both lengths. */
bool glob_match(const char *pattern, const char *name);

#endif
