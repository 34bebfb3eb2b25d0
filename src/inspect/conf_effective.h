/*
 * What is really used for a device: its entry, ssh's configuration and its platform, joined, as JSON.  Pure; the
 * caller's thread.
 */
#ifndef NP_CONF_EFFECTIVE_H
#define NP_CONF_EFFECTIVE_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "platform/platform.h"
#include "target/target.h"

struct conf_parts {
	struct config *config; /* a reference */
	const struct device_conf *device;
	struct device_conf *adhoc;   /* owned: the device where it has no entry; else NULL */
	struct platform *platform;   /* a reference: its commands run in shells of this one; NULL: on channels */
	const struct target *target; /* of the caller, or NULL: not known */
	struct np_error
	    problem; /* why it cannot be used, or something is not known; its reason is NONE where all is well */
};

/*
 * The entry of that name, or an operand that has none; -1 with err when it can be neither.  The caller fills in
 * platform, target and problem, as far as they are to be had, and calls conf_parts_finish().
 */
int conf_parts_init(
    struct conf_parts *parts, struct config *config, const char *name, struct np_error *err) NP_MUST_CHECK;
void conf_parts_finish(struct conf_parts *parts);

/*
 * {device, configured, source, platform, problem, ssh: {known_as, files, notices}, settings: rows as of
 * conf_show_device()}.  Besides its words an origin may be "ssh" (ssh's configuration, or ssh's own default),
 * "operand", "device_type" or "platform".  The caller frees it.
 */
cJSON *conf_effective(const struct conf_parts *parts) NP_MALLOC;
/* {files, settings}: the global keys and long_connection.  The caller frees it. */
cJSON *conf_effective_globals(const struct config *config) NP_MALLOC;

#endif
