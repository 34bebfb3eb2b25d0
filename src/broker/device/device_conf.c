/*
 * What a device is: its entry, and its driver: a channel for each command, or an interactive shell that a platform
 * definition explains; and the set of those definitions.
 *
 *   driver: exec             channels, whatever the device_type says
 *   driver: cli              shells of the platform that device_type names
 *   neither, no device_type  channels (also for `linux')
 *   neither, a device_type   shells, unless its platform prefers channels and the request needs no privilege
 *
 * A device that is used both ways has two pools, which share its max_connections.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/device/device_impl.h"
#include "base/log.h"
#include "base/operand.h"
#include "conf/devlist.h"
#include "base/text.h"
#include "base/xalloc.h"

struct platforms *
broker_platforms_load(const struct config *config)
{
	struct platforms *set = platform_dirs_load(config->platform_path);

	for (size_t i = 0; i < set->errors.n; i++)
		log_warning("config", "platform refused: %s", set->errors.v[i]);
	log_debug("config", "%zu platforms", set->count);
	return set;
}

static bool
has_secret(const struct device_conf *d)
{
	return d->secret != NULL || d->secret_file != NULL || d->secret_command != NULL;
}

/* What a channel would meet is a question then, and its words would pass for output. */
static bool
asks_in_band(const struct devices *all, const struct device_conf *d)
{
	return strcmp(d->device_type, PLATFORM_AUTODETECT) == 0 && device_known_asks(all, d->name);
}

static int
find_platform(const struct devices *all, const struct platforms *set, const struct device_conf *device,
    struct platform **platform, struct np_error *err)
{
	bool detect = strcmp(device->device_type, PLATFORM_AUTODETECT) == 0;
	const char *known = device->device_type;

	if (detect)
		known = all != NULL ? device_known(all, device->name) : NULL;
	*platform = known != NULL ? platforms_find(set, known) : NULL;
	if (*platform == NULL && detect)
		*platform = platforms_find(set, PLATFORM_AUTODETECT);
	if (*platform != NULL)
		return 0;
	platforms_unknown(set, device->device_type, err);
	error_prefix(err, "%s", device->name);
	return -1;
}

bool
device_has_command_line(const struct device_conf *device)
{
	bool plain = device->device_type == NULL || strcmp(device->device_type, "linux") == 0;

	return device->driver == DRIVER_CLI || (device->driver == DRIVER_DEFAULT && !plain);
}

int
device_choose_driver(const struct devices *all, const struct platforms *set, const struct device_conf *device,
    enum broker_want want, struct platform **platform, struct np_error *err)
{
	*platform = NULL;
	if (want == WANT_CHANNEL)
		return 0;
	if (!device_has_command_line(device)) {
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
	if (find_platform(all, set, device, platform, err) == -1)
		return -1;
	if (want == WANT_ANY && device->driver == DRIVER_DEFAULT && (*platform)->exec == PLATFORM_EXEC_PREFERRED &&
	    !has_secret(device) && !asks_in_band(all, device))
		*platform = NULL;
	return 0;
}

/* What a platform says about the sessions of its devices: one shell each, and no more than it has lines for. */
static void
apply_platform(struct device_conf *device, const struct platform *platform)
{
	struct conn_args *args = &device->args;

	if (platform == NULL)
		return;
	args->max_channels = 1;
	if (!args->max_connections_given && platform->max_sessions > 0 &&
	    args->max_connections > platform->max_sessions)
		args->max_connections = platform->max_sessions;
}

/* What one of the drivers understands and the other cannot do: refused rather than ignored. */
int
device_check_params(const struct device *dev, const struct exec_params *params, struct np_error *err)
{
	const char *name = params->cli.answers_count > 0 ? "answers" : params->cli.prove ? "prove" : NULL;

	if (dev->platform == NULL && name != NULL)
		return error_set(err, REASON_INVALID_PARAMS,
		    "`%s` concerns interactive command lines; %s is driven by exec channels", name, dev->conf->name);
	if (dev->platform != NULL && params->env != NULL && !params->env_optional)
		return error_set(
		    err, REASON_INVALID_PARAMS, "`env`: the command line of %s has no environment", dev->conf->name);
	return 0;
}

static bool
is_default(const struct devices *all, const struct platforms *set, const struct device_conf *device,
    const struct platform *platform)
{
	struct platform *usual;
	struct np_error err;

	return device_choose_driver(all, set, device, WANT_ANY, &usual, &err) == 0 && usual == platform;
}

/* ---- what a device is ---- */

static int
apply_overrides(struct device_conf *device, const struct secret *overrides, struct np_error *err)
{
	cJSON *object = overrides != NULL ? cJSON_Parse(secret_text(overrides)) : NULL;
	const cJSON *member;
	int rc = 0;

	cJSON_ArrayForEach (member, object) {
		char number[32];
		const char *value = member->valuestring;
		if (cJSON_IsBool(member))
			value = cJSON_IsTrue(member) ? "true" : "false";
		else if (cJSON_IsNumber(member)) {
			snprintf(number, sizeof(number), "%.15g", member->valuedouble);
			value = number;
		}
		rc = device_conf_set(device, member->string, value, "overrides", err);
		if (rc == -1)
			break;
	}
	params_wipe(object); /* may hold a password */
	cJSON_Delete(object);
	return rc;
}

/* The device entry that ref means under config, or NULL with err. */
static struct device_conf *
device_make_conf(const struct config *config, const struct device_ref *ref, struct np_error *err)
{
	const struct device_conf *known;
	struct device_conf *device;
	struct operand op;

	if (ref->object != NULL) {
		device = device_conf_parse(config, secret_text(ref->object), secret_size(ref->object), err);
		if (device == NULL)
			return NULL;
	} else if ((known = config_device(config, ref->operand)) != NULL) {
		device = device_conf_copy(known);
	} else {
		if (operand_parse(ref->operand, &op, err) == -1)
			return NULL;
		operand_finish(&op);
		device = device_conf_adhoc(config, ref->operand);
	}
	if (apply_overrides(device, ref->overrides, err) == -1) {
		device_conf_free(device);
		return NULL;
	}
	return device;
}

/* Looks for the keys as JSON is printed; a device too many is forgotten early. */
bool
device_ref_has_secret(const struct device_ref *ref)
{
	static const char *const keys[] = {"\"password\":", "\"secret\":"};
	bool has = false;

	for (size_t i = 0; i < NP_COUNT(keys); i++)
		has = has || (ref->object != NULL && strstr(secret_text(ref->object), keys[i]) != NULL) ||
		      (ref->overrides != NULL && strstr(secret_text(ref->overrides), keys[i]) != NULL);
	return has;
}

bool
device_ref_is_adhoc(const struct device_ref *ref, const struct config *config)
{
	return ref->object != NULL || ref->overrides != NULL || config_device(config, ref->operand) == NULL;
}

int
device_plan(const struct devices *all, const struct config *config, const struct platforms *set,
    const struct device_ref *ref, enum broker_want want, struct device_plan *plan, struct np_error *err)
{
	*plan = (struct device_plan){.adhoc = device_ref_is_adhoc(ref, config)};
	plan->conf = device_make_conf(config, ref, err);
	if (plan->conf == NULL)
		return -1;
	if (device_choose_driver(all, set, plan->conf, want, &plan->platform, err) == -1) {
		device_conf_free(plan->conf);
		return -1;
	}
	apply_platform(plan->conf, plan->platform);
	plan->is_default = is_default(all, set, plan->conf, plan->platform);
	return 0;
}

struct device_ref
device_ref_of_jump(const struct device *dev, const char *chain)
{
	const char *last = strrchr(chain, ','), *ssh_config = dev->conf->ssh_config;
	struct device_ref ref = {.operand = xstrdup(last != NULL ? last + 1 : chain), .of_user = dev->ref.of_user};
	cJSON *o = cJSON_CreateObject();

	if (last != NULL) {
		char *before = xstrndup(chain, (size_t)(last - chain));
		cJSON_AddStringToObject(o, "proxy_jump", before);
		free(before);
	}
	if (ssh_config != NULL && config_device(dev->all->world.config, ref.operand) == NULL)
		cJSON_AddStringToObject(o, "ssh_config", ssh_config);
	if (cJSON_GetArraySize(o) > 0) {
		char *printed = cJSON_PrintUnformatted(o);
		ref.overrides = secret_make(printed);
		cJSON_free(printed);
	}
	cJSON_Delete(o);
	return ref;
}

/* Whose max_connections counts: one device may be reached as several users, by several pools. */
char *
device_budget_name(const struct config *config, const struct device_ref *ref, const struct device_conf *device)
{
	char *name = ref->operand != NULL ? config_device_of_user(config, ref->operand) : NULL;

	if (name == NULL && ref->operand != NULL && config_device(config, ref->operand) == NULL)
		name = xstrdup(ref->operand);
	return name != NULL ? name : xstrdup(device->name);
}

/* The policy compares the new limits with the old ones: those live until it has done so. */
void
device_set_conf(struct device *dev, struct device_conf *conf)
{
	struct device_conf *old = dev->conf;

	dev->conf = conf;
	dev->home.conf = conf;
	if (old != NULL)
		pool_set_args(&dev->policy, &conf->args);
	device_conf_free(old);
}

/* The policy learns what the platform says about keep-alives. */
void
device_set_platform(struct device *dev, struct platform *platform)
{
	struct platform *old = dev->platform;
	struct pool_shells shells = {.given = platform != NULL};

	dev->platform = platform != NULL ? platform_ref(platform) : NULL;
	dev->home.platform = dev->platform;
	platform_unref(old); /* what the shells that there are hold is their own */
	if (platform != NULL) {
		shells.no_ssh = !platform->keepalive_ssh;
		shells.line_every = platform->keepalive_cli;
		shells.line_idle = platform->idle;
	}
	pool_set_shells(&dev->policy, &shells);
}

void
device_turn_out(struct device *dev, struct platform *platform, bool known)
{
	device_set_platform(dev, platform);
	apply_platform(dev->conf, platform);
	if (known)
		dev->is_default = is_default(dev->all, dev->all->world.platforms, dev->conf, platform);
}
