/*
 * The name of a user, by number.  The answer may come from a directory in the network: so a thread asks, and nobody
 * waits for it longer than a moment.  Main thread only.
 */
#ifndef NP_USERNAME_H
#define NP_USERNAME_H

#include <sys/types.h>

#include "base/compiler.h"

struct username;

/* Asks; returns at once, or after a few milliseconds.  NULL: there is no thread for it.  Caller: username_free(). */
struct username *username_ask(uid_t uid) NP_MUST_CHECK;
/* "" while it is not known, or where the user has none; lives as long as the object.  NULL is fine. */
const char *username_text(struct username *name);
/* NULL is fine. */
void username_free(struct username *name);

#endif
