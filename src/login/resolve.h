/*
 * Resolving: what ssh's configuration says about a device, by asking ssh itself (`ssh -G`).  Connector threads only.
 */
#ifndef NP_RESOLVE_H
#define NP_RESOLVE_H

#include "base/compiler.h"
#include "conf/conf.h"
#include "login/hooks.h"
#include "base/error.h"
#include "target/target.h"

/*
 * The ssh that is asked, an absolute path; where there is none, the first in $PATH that is none of ours.  Not that one
 * first: who starts a broker may have something else in front of $PATH as ssh.  Only tests set it.
 */
extern const char *resolve_ssh;

/*
 * The target of a device: its entry joined with what ssh -G prints for its host.  default_ssh_config is the
 * configuration's ssh_config key or NULL; the device's own comes first; "none" reads no file of ssh's at all.  Without
 * an ssh client, libssh's own reader of that configuration is used, and the target's notices say what that costs.
 * Returns one reference, or NULL with err: resolve_failed with ssh's own words, invalid_params for an operand that
 * cannot be one; `read` (may be NULL) then gets the files whose change may mend that, and is the caller's to finish.
 */
struct target *resolve_target(const struct device_conf *device, const char *default_ssh_config,
    const struct dial_hooks *hooks, struct file_stamps *read, struct np_error *err) NP_MUST_CHECK;

#endif
