/*
 * $SSH_ASKPASS, as ssh(1) consults it: a program that puts a question to a person where there is no terminal, and
 * prints the answer.
 */
#ifndef NP_ASKPASS_H
#define NP_ASKPASS_H

#include <stdbool.h>
#include <sys/types.h>

/* When it is to be asked, by $SSH_ASKPASS_REQUIRE and $DISPLAY or $WAYLAND_DISPLAY. */
enum npaskpass_use { NPASKPASS_NEVER, NPASKPASS_WITHOUT_TERMINAL, NPASKPASS_ALWAYS };

/* *program: its name; unchanged for NPASKPASS_NEVER.  Reads the environment only. */
enum npaskpass_use npaskpass_use(const char **program);
/* Starts it with the question for its argument: a descriptor that gives its answer until the end of file; -1: no. */
int npaskpass_start(const char *program, const char *question, pid_t *pid);
/* It has said all: whether it ended with status 0.  kill: it is told to leave. */
bool npaskpass_end(pid_t pid, bool kill);

#endif
