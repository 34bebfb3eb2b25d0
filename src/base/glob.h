/* Shell patterns on names: `*`, `?`, `[a-c]`, `[!a-c]`.  Pure; time is bounded by the product of both lengths. */
#ifndef NP_GLOB_H
#define NP_GLOB_H

#include <stdbool.h>

/* Whether pattern matches the whole of name, byte by byte.  A bracket that is not closed matches nothing. */
bool glob_match(const char *pattern, const char *name);

#endif
