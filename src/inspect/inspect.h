/*
 * What netpulsed does without serving: check the configuration or one platform file, show what would be used.  Reads
 * the same files in the same way as the broker, and blocks; for main() only.
 */
#ifndef NP_INSPECT_H
#define NP_INSPECT_H

#include "base/compiler.h"
#include "base/options.h"

/*
 * netpulsed -t: the configuration (config_file alone, or NULL: the usual files), the device types that it names, and
 * all platform files; "FILE:LINE: text" on stderr for what is wrong, "FILE:LINE: warning: text" for what is unwise, and
 * a line on stdout when all is well.  Returns the exit status: 0, or 1 when something is wrong.
 */
int inspect_check(const struct daemon_options *o) NP_MUST_CHECK;
/* netpulsed -t -P FILE ...: the same for platform files that need not be installed; more: further ones, up to NULL. */
int inspect_check_platforms(const struct daemon_options *o, const char *first, char *const *more) NP_MUST_CHECK;
/* netpulsed -t -A: the policy alone; what is unwise does not change the exit status. */
int inspect_check_policy(const struct daemon_options *o) NP_MUST_CHECK;
/*
 * netpulsed -A ROLE DEVICE [COMMAND [METHOD [UID]]]: one line of JSON, which rule decides and why; DEVICE `-`: none.
 * args ends with NULL.  Limits are not told: nothing is under way.
 */
int inspect_policy(const struct daemon_options *o, char *const *args) NP_MUST_CHECK;
/* netpulsed -T [DEVICE]: one line of JSON, see conf_effective.h; device NULL: the global settings. */
int inspect_config(const struct daemon_options *o, const char *device) NP_MUST_CHECK;
/* netpulsed -L [NAME]: one line of JSON, see platform_show.h; name NULL: all platforms. */
int inspect_platforms(const struct daemon_options *o, const char *name) NP_MUST_CHECK;

#endif
