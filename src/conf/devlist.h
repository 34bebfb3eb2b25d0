/*
 * Lists of devices as people write them: names, @groups, globs and lists of numbers, separated by commas.  Pure.
 */
#ifndef NP_DEVLIST_H
#define NP_DEVLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "base/error.h"

#define DEVLIST_MAX 10000u /* names in one list */

struct devlist {
	struct strings names;
	size_t bytes; /* of all names: they travel in one message */
};

/*
 * Expands text into list: `@group` and globs (`*`, `?`, `[a-c]`) into the configured devices in the order of the
 * configuration, `web[01-20,25]` into names whether configured or not; anything else must be a configured name or an
 * operand.  The order is that of the list; what comes twice stays where it came first.
 * -1 with err: unknown_device when a group or a glob matches nothing, invalid_params for the rest.  devlist_finish()
 * frees it whatever the result.
 */
int devlist_expand(
    const struct config *config, const char *text, struct devlist *list, struct np_error *err) NP_MUST_CHECK;
void devlist_finish(struct devlist *list);

/*
 * The device that this name means as one of its users, or at all: host[:port]; NULL when it is a device's own name. The
 * caller frees it.
 */
char *config_device_of_user(const struct config *config, const char *name) NP_MALLOC;

#endif
