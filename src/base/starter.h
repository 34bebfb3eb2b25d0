/*
 * The starter: the small process that starts all programs of the broker, ssh, *_command and ProxyCommand, for the
 * broker itself may not (sandbox.h).
 *
 * It is forked before there are threads, secrets or a filter, knows nothing, and ends with who forked it.  A child is
 * held by its line, a stream to the starter:
 *
 *   broker                        starter
 *   | what to run, 4 descriptors >| starts it
 *   |< error, pid                 |
 *   | number of a signal         >| kill(2) of the group
 *   |< status                     | it has ended, and is not buried: its number is nobody else's yet
 *   | shutdown, or close         >| kills what is left of the group, buries it; of one that runs still: TERM, and KILL
 *   |< end                        | half a second later
 *
 * So no signal ever meets a process that has got the number of another one, and a broker that dies leaves no children.
 * As the log, it is one a process.
 */
#ifndef NP_STARTER_H
#define NP_STARTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"

/* In place of an errno, and of a status: the starter has gone. */
#define STARTER_GONE (-1)

/* A child.  {.line = -1}: none. */
struct started {
	int line;   /* readable when something is to be known by starter_has_ended() */
	int status; /* as of waitpid(2), once it has ended; STARTER_GONE: nobody knows */
	pid_t pid;  /* also its process group; for people: signals go by the line */
	bool plain; /* it gets no privileges that we have not: no setuid program works */
};

/*
 * Forks the starter.  name: where the arguments of this process stand, which the starter shows as its name; NULL: it
 * keeps ours.  Main thread, before there are others.
 */
int starter_open(char **argv, struct np_error *err) NP_MUST_CHECK;
/* Waits until it has ended all children, about a second at most. */
void starter_close(void);
/* Children get no new privileges from now on. */
void starter_forbid_privileges(void);
bool starter_lives(void);
/* A descriptor that becomes readable when the starter has gone; -1: there is none. */
int starter_descriptor(void);
/* strerror(3) of what starter_run() answers. */
const char *starter_strerror(int error);

/*
 * Runs a program with our environment, default signals, a process group of its own and three descriptors.  0, or an
 * errno, or STARTER_GONE.  Any thread; so the following, of which each concerns one child.
 */
int starter_run(const char *program, const char *const *argv, const int fds[3], struct started *child) NP_MUST_CHECK;
/* To its process group. */
void starter_signal(const struct started *child, int number);
/* Whether it has ended and is buried; does not wait.  What is left of its group is killed first. */
bool starter_has_ended(struct started *child) NP_MUST_CHECK;
/* Kills its group, and waits for that. */
void starter_kill(struct started *child);
/* Lets go of it; does not wait.  Where it runs still it is ended. */
void starter_release(struct started *child);

/* ---- starter_serve.c ---- */

/* What stands on a line before its end has been passed on: sizes, then NUL-terminated strings. */
struct starter_order {
	unsigned size,
	    words; /* of all strings; how many there are: the program, then its arguments, then environment */
	unsigned arguments;
};
struct starter_reply {
	int error;
	pid_t pid;
	bool plain;
};
#define STARTER_START 0 /* what the byte on the channel means: a child, whose descriptors come along */
#define STARTER_NO_NEW_PRIVILEGES 1
#define STARTER_DESCRIPTORS 4 /* the line's other end, standard input, output and error */

/* The starter's process: serves until channel ends and all children have. */
NP_NORETURN void starter_serve(int channel);

#endif
