/*
 * Asks the broker whether an ssh may come to its mux door: `mux` of netpulse-protocol(7).
 */
#ifndef NP_MUX_ASK_H
#define NP_MUX_ASK_H

#include <stdbool.h>

#include "base/error.h"
#include "lib/sshargv.h"

/* In the environment of an ssh that is to go by itself: it was started by the broker, or npssh has asked already. */
#define NPMUX_MARK "NETPULSE_MUX"

/* Whether we or who has started us were told so. */
bool npmux_is_marked(void);
/*
 * The path of a socket (caller frees) where this process, or with `parent` who has started it, finds the session that
 * its arguments would make; NULL: it had better go by itself, and why is in *why.  Says nothing, starts a broker where
 * none runs, and waits for a login, which may take its time.  socket: of the broker, or NULL.
 */
char *npmux_ask(const struct sshargv *a, bool parent, const char *socket, struct np_error *why);

#endif
