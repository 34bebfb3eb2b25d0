/*
 * What npctl lets netpulsed do without a broker: check files, and say what a broker would use.  The program is
 * $NETPULSE_DAEMON, else the compiled-in path.
 */
#ifndef NP_CTL_DAEMON_H
#define NP_CTL_DAEMON_H

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"
#include "npctl/npctl.h"

/* Becomes netpulsed -t, for `config check` and `platform check`.  Returns, with err, only when that failed. */
void npctl_daemon_check(const struct npctl_options *o, struct np_error *err);
/*
 * The result that a broker would give for `config show`, `platform list` or `platform show` (netpulsed -T, -L): the
 * caller frees it.  NULL when netpulsed failed and has said why on stderr (err's reason is then NONE), or with err.
 */
cJSON *npctl_daemon_ask(const struct npctl_options *o, struct np_error *err) NP_MUST_CHECK;

#endif
