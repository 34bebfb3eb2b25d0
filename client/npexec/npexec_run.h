/*
 * The run of npexec: requests out, streams through, results in.
 */
#ifndef NP_EXEC_RUN_H
#define NP_EXEC_RUN_H

#include "npexec/npexec_options.h"

/* Does what the options say and returns the exit status.  Installs signal handlers: once in a process. */
int npexec_run(const struct npexec_options *o);

#endif
