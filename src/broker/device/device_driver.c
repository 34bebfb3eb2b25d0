/*
 * Which driver a device gets: a channel for each command, or an interactive shell that a platform definition explains;
 * and the set of those definitions.
 *
 *   driver: exec             channels, whatever the device_type says
 *   driver: cli              shells of the platform that device_type names
 *   neither, no device_type  channels (also for `linux')
 *   neither, a device_type   shells, unless its platform prefers channels and the request needs no privilege
 *
 * A device that is used both ways has two pools, which share its max_connections.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/device/device_impl.h"
#include "base/log.h"
#include "platform/platform_dirs.h"
#include "base/text.h"
#include "base/xalloc.h"

struct platforms *
broker_platforms_load(const struct config *config)
{
	struct platforms *set = platform_dirs_load(config->platform_path);

	for (size_t i = 0; i < set->errors_count; i++)
		log_warning("config", "platform refused: %s", set->errors[i]);
	log_debug("config", "%zu platforms", set->count);
	return set;
}

static bool
has_secret(const struct device_conf *d)
{
	return d->secret != NULL || d->secret_file != NULL || d->secret_command != NULL;
}

static int
find_platform(const struct broker *b, const struct platforms *set, const struct device_conf *device,
    struct platform **platform, struct np_error *err)
{
	bool detect = strcmp(device->device_type, PLATFORM_AUTODETECT) == 0;
	const char *known = device->device_type, *near;
	char shown[64];

	if (detect)
		known = b != NULL ? device_known(b, device->name) : NULL;
	*platform = known != NULL ? platforms_find(set, known) : NULL;
	if (*platform == NULL && detect)
		*platform = platforms_find(set, PLATFORM_AUTODETECT);
	if (*platform != NULL)
		return 0;
	near = platforms_nearest(set, device->device_type);
	text_vis_into(shown, sizeof(shown), device->device_type);
	return error_set(err, REASON_INVALID_PARAMS, "%s: no platform is called `%s`%s%s%s (npctl platform list)",
	    device->name, shown, near != NULL ? ": did you mean `" : "", near != NULL ? near : "",
	    near != NULL ? "`?" : "");
}

/*
 * 0 with *platform set (no reference taken), NULL: channels; or -1 when the device cannot do what is wanted.  b may be
 * NULL: nothing was detected.
 */
int
broker_driver_choose(const struct broker *b, const struct platforms *set, const struct device_conf *device,
    enum broker_want want, struct platform **platform, struct np_error *err)
{
	bool plain = device->device_type == NULL || strcmp(device->device_type, "linux") == 0;

	*platform = NULL;
	if (want == WANT_CHANNEL)
		return 0;
	if (device->driver == DRIVER_EXEC || (device->driver == DRIVER_DEFAULT && plain)) {
		if (want == WANT_ANY)
			return 0;
		return error_set(err, REASON_INVALID_PARAMS, "%s has no command line with modes: %s", device->name,
		    device->driver == DRIVER_EXEC ? "it is configured as `driver: exec`"
						  : "configure its `device_type`, or give it with --type");
	}
	if (device->device_type == NULL)
		return error_set(err, REASON_INVALID_PARAMS,
		    "%s: `driver: cli` needs a `device_type`: a platform's name (npctl platform list), or autodetect",
		    device->name);
	if (find_platform(b, set, device, platform, err) == -1)
		return -1;
	if (want == WANT_ANY && device->driver == DRIVER_DEFAULT && (*platform)->exec == PLATFORM_EXEC_PREFERRED &&
	    !has_secret(device))
		*platform = NULL;
	return 0;
}

/* What a platform says about the sessions of its devices: one shell each, and no more than it has lines for. */
void
broker_driver_apply(struct device_conf *device, const struct platform *platform)
{
	struct conn_args *args = &device->args;

	if (platform == NULL)
		return;
	args->max_channels = 1;
	if (!args->max_connections_given && platform->max_sessions > 0 &&
	    args->max_connections > platform->max_sessions)
		args->max_connections = platform->max_sessions;
}

void
device_tell_platform(struct device *dev)
{
	const struct platform *p = dev->platform;
	struct pool_shells shells = {.given = p != NULL};

	if (p != NULL) {
		shells.no_ssh = !p->keepalive_ssh;
		shells.line_every = p->keepalive_cli;
		shells.line_idle = p->idle;
	}
	pool_set_shells(&dev->policy, &shells);
}

/* What one of the drivers understands and the other cannot do: refused rather than ignored. */
int
broker_check_params(const struct device *dev, const struct exec_params *params, struct np_error *err)
{
	const char *name = params->answers_count > 0 ? "answers" : params->prove ? "prove" : NULL;

	if (dev->platform == NULL && name != NULL)
		return error_set(err, REASON_INVALID_PARAMS,
		    "`%s` concerns interactive command lines; %s is driven by exec channels", name, dev->conf->name);
	if (dev->platform != NULL && params->env != NULL)
		return error_set(
		    err, REASON_INVALID_PARAMS, "`env`: the command line of %s has no environment", dev->conf->name);
	return 0;
}

/*
 * After a reload: the platform that the pool's new device has, under the driver that the pool has.  0 with *platform
 * (no reference taken), or -1 when the new configuration does not allow that driver any more.
 */
int
broker_driver_again(const struct platforms *set, const struct device *dev, const struct device_conf *device,
    struct platform **platform, struct np_error *err)
{
	return broker_driver_choose(
	    dev->broker, set, device, dev->platform != NULL ? WANT_SHELL : WANT_CHANNEL, platform, err);
}

/* Whether requests that leave the driver open go to this one: decided anew, what was learned is forgotten. */
bool
broker_driver_is_default(const struct broker *b, const struct platforms *set, const struct device_conf *device,
    const struct platform *platform)
{
	struct platform *usual;
	struct np_error err;

	return broker_driver_choose(b, set, device, WANT_ANY, &usual, &err) == 0 && usual == platform;
}

/* From now on its requests go to shells: the platform prefers channels, but this server has none for commands. */
struct device *
device_prefer_shells(struct device *dev, struct np_error *err)
{
	struct device *shells = device_get(dev->broker, &dev->ref, WANT_SHELL, err);

	if (shells == NULL)
		return NULL;
	if (dev->is_default)
		log_info("pool", "%s: its server runs no commands on channels: shells from now on", dev->conf->name);
	dev->is_default = false;
	shells->is_default = true;
	return shells;
}
