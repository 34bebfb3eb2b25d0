/*
 * A descriptor that somebody has lent us: the standard stream of another process, who uses it as well, or has it from
 * somebody who does.  Nothing that others see of it is changed (O_NONBLOCK is the file's, not the descriptor's), and
 * using it never blocks.  Main thread only.
 *
 *   a pipe, a terminal      opened anew through /proc/self/fd: a file of our own, which may be non-blocking
 *   /dev/null, zero, full   used as it is
 *   a file, all else        a thread reads or writes, with the position that all its users share, and closes; we talk
 *                           to it by a socket pair.  A file may be on a file system that hangs, or waits for us;
 *                           one on a local file system is read here as far as it is in memory
 */
#ifndef NP_LENT_H
#define NP_LENT_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

#include "base/compiler.h"

struct lent;

/* None is called from inside a function of this header. */
struct lent_events {
	/* To be read: bytes, as many as are wanted at most. */
	void (*data)(struct lent *l, const void *p, size_t n, void *arg);
	/* To be written: some of what waited has left. */
	void (*wrote)(struct lent *l, void *arg);
	/*
	 * The last event.  Read: nothing more comes.  Written: all has arrived after lent_finish(), or (failed) nobody
	 * takes it any more, and what waited is lost.
	 */
	void (*ended)(struct lent *l, bool failed, void *arg);
};

/* Takes fd over; NULL: it is none that is open, or no descriptor or thread was left for it, and it is closed.  Nothing
 * is read until wanted. */
struct lent *lent_reader(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg);
struct lent *lent_writer(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg);
/* The same with a non-blocking descriptor of our own, one direction of a connection: its end is told there. */
struct lent *lent_own_reader(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg) NP_MALLOC;
struct lent *lent_own_writer(struct ev_loop *loop, int fd, const struct lent_events *events, void *arg) NP_MALLOC;
/* Closes what was lent and will not be used. */
void lent_drop(int fd);
bool lent_is_terminal(int fd);
/* Whether both are one open file, as after 2>&1: through one lent alone what is written to them keeps its order. */
bool lent_is_same(int a, int b);
/* So many bytes more are wanted; none is read that is not. */
void lent_want(struct lent *l, size_t n);
/* Takes all of it; what cannot be written at once waits. */
void lent_write(struct lent *l, const void *p, size_t n);
size_t lent_waiting(const struct lent *l);
/* Nothing more will be written. */
void lent_finish(struct lent *l);
/* NULL is fine. */
void lent_destroy(struct lent *l);

#endif
