/*
 * The thread for a descriptor of others that cannot be used without blocking in any other way.
 */
#ifndef NP_LENTTHREAD_H
#define NP_LENTTHREAD_H

#include <stdbool.h>

/*
 * Starts a thread that copies from fd (reads), or to it, until either end has ended; fd is its own from now on. Returns
 * the other end of its socket pair, non-blocking, or -1: there can be none, and fd is closed.  Reading, it takes
 * nothing before it was sent one byte.  Writing, it says by one byte that all has been written once the pair was shut
 * down, and closes its end without a word when it cannot go on. A thread that is stuck in fd stays until that moves; it
 * holds nothing else.
 */
int lentthread_start(int fd, bool reads);
/* Closes fd in a thread, for that may take its time: what others have written to the file as well is flushed then. */
void lentthread_close(int fd);

#endif
