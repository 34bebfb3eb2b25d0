/*
 * The installed platform definitions for tests: read from a private copy, because the source tree may be writable by a
 * group, and such files are refused.
 */
#ifndef NP_PLATDIR_H
#define NP_PLATDIR_H

#include "platform/platform.h"

/* src/platform/vendors of the source tree ($srcdir); the caller gives its reference back by platforms_destroy(). */
struct platforms *platdir_load(void);

#endif
