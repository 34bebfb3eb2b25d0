/*
 * The thread for a descriptor of others that cannot be used without blocking in any other way.
 */
#ifndef NP_LENTTHREAD_H
#define NP_LENTTHREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether the main thread may read it as well, while the thread is asked for nothing: what can never hang it. */
enum lent_direct {
	LENT_NEVER,
	LENT_MEMORY, /* a file that is nowhere else */
	LENT_CACHED  /* with RWF_NOWAIT, for what is in memory */
};

/*
 * Starts a thread that reads fd, or writes to it, until either end has ended; fd is its own from now on, and open until
 * then. Returns the other end of its socket pair, non-blocking, or -1: there can be none, and fd is closed.
 *
 * Reading, it is asked by a size_t (0: the caller uses fd no more), and answers with one packet: a byte, enum
 * lent_direct, and so many bytes at most, as lentthread_answer() takes them.  Writing, it says by one byte that all has
 * been written once the pair was shut down, and closes its end without a word when it cannot go on.  A thread that is
 * stuck in fd stays until that moves; it holds nothing else.
 */
int lentthread_start(int fd, bool reads);
/* Bytes of p[0..n), 0 at the end, or -1 with errno. */
ssize_t lentthread_answer(int pair, enum lent_direct *direct, void *p, size_t n);
/* Closes fd in a thread, for that may take its time: what others have written to the file as well is flushed then. */
void lentthread_close(int fd);

#endif
