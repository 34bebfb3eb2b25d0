/*
 * What npctl lets netpulsed do without a broker: check files, and say what a broker would use.  The program is
 * $NETPULSE_DAEMON, else the compiled-in path.
 */
#ifndef NP_CTL_DAEMON_H
#define NP_CTL_DAEMON_H

#include "npctl/npctl_impl.h"

#define NPCTL_NO_JSON_OF_CHECKS "--json does not go with it: its lines are FILE:LINE: text"

/*
 * Becomes netpulsed -t, with an option before the arguments or NULL.  Returns only when that failed, which it has said.
 */
void npctl_daemon_check(struct npctl *c, const char *before);
/*
 * Shows the result that a broker would give for the verb, as netpulsed prints it for that task (-T, -L); why: no broker
 * gave it, or NULL where none was asked.
 */
void npctl_daemon_show(struct npctl *c, const char *task, const struct np_error *why);

#endif
