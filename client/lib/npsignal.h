/*
 * Signals that a client takes: noted by the handlers, acted on by the loop.
 *
 * A signal that the caller ignores (nohup, a background job of a script) stays ignored.
 */
#ifndef NP_SIGNAL_H
#define NP_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"

/* Installs the handlers; *wake_fd becomes readable when a signal came.  Once in a process. */
int npsignal_install(int *wake_fd, struct np_error *err) NP_MUST_CHECK;
/* Also takes the signals of a terminal: SIGWINCH and SIGTSTP. */
void npsignal_take_terminal(void);
/* Also takes this one. */
void npsignal_take(int sig);
/* While a question is on the terminal Ctrl-C declines it, also where the caller ignores SIGINT. */
void npsignal_force_interrupt(bool forced);
/* Empties the wake-up pipe; call before looking at the signals. */
void npsignal_drain(int wake_fd);
/* Whether sig came since the last call. */
bool npsignal_came(int sig);
/* Becomes non-zero (the signal's number) when one came that asks us to leave. */
const volatile sig_atomic_t *npsignal_stop_flag(void);
void npsignal_clear_stop(void);
/* Stops this process (all: with its process group) as Ctrl-Z would; returns when it is continued. */
void npsignal_stop_process(bool all);
/* Dies of SIGPIPE as a program in a pipeline does, or returns where SIGPIPE was ignored by the caller. */
void npsignal_die_of_sigpipe(void);

#endif
