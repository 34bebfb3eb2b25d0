/*
 * The settings that work, from all that has a say in them; see conf_effective.h.
 */
#include "inspect/conf_effective.h"

#include <string.h>

#include "conf/conf_show.h"
#include "wire/json.h"
#include "base/operand.h"

#define CLI_TIMEOUT 60 /* first_byte_timeout and idle_timeout of shells, where the configuration is silent */

/* --- the parts --- */

int
conf_parts_init(struct conf_parts *parts, struct config *config, const char *name, struct np_error *err)
{
	*parts = (struct conf_parts){.device = config_device(config, name)};
	if (parts->device == NULL) {
		if (operand_check(name, err) == -1)
			return -1;
		parts->adhoc = device_conf_adhoc(config, name);
		parts->device = parts->adhoc;
	}
	parts->config = config_ref(config);
	return 0;
}

void
conf_parts_finish(struct conf_parts *parts)
{
	platform_unref(parts->platform);
	device_conf_free(parts->adhoc);
	config_unref(parts->config);
	*parts = (struct conf_parts){.config = NULL};
}

/* --- ssh's configuration --- */

/* An operand says more than its row shows: user@host:port. */
static void
set_address(cJSON *rows, const struct conf_parts *parts)
{
	const struct device_conf *device = parts->device;
	const struct target *t = parts->target;
	const char *given = device->host != NULL ? device->host : device->name;
	struct operand op = {0};

	if (parts->adhoc != NULL && operand_parse(device->name, &op, NULL) == 0) {
		given = op.host;
		conf_show_set(rows, "host", cJSON_CreateString(op.host), "operand");
	} else if (device->host == NULL) {
		conf_show_set(rows, "host", cJSON_CreateString(device->name), "name");
	}
	if (t != NULL && strcmp(t->host, given) != 0)
		conf_show_set(rows, "host", cJSON_CreateString(t->host), "ssh");
	if (t != NULL && device->port == 0)
		conf_show_set(rows, "port", cJSON_CreateNumber(t->port), op.port != 0 ? "operand" : "ssh");
	if (t != NULL && device->username == NULL)
		conf_show_set(rows, "username", cJSON_CreateString(t->user), op.user != NULL ? "operand" : "ssh");
	operand_finish(&op);
}

static void
set_login(cJSON *rows, const struct device_conf *device, const struct target *t)
{
	if (device->key_file == NULL && t->identity_files.n > 0)
		conf_show_set(rows, "key_file", json_strings(&t->identity_files), "ssh");
	if (device->certificate_file == NULL && t->certificate_files.n > 0)
		conf_show_set(rows, "certificate_file", json_strings(&t->certificate_files), "ssh");
	if (device->use_agent < 0)
		conf_show_set(rows, "use_agent", cJSON_CreateBool(t->use_agent), "ssh");
	if (device->proxy_jump == NULL && t->proxy_jump != NULL)
		conf_show_set(rows, "proxy_jump", cJSON_CreateString(t->proxy_jump), "ssh");
}

/* Lists are shown as they are offered: what the entry adds to ssh's, without what libssh does not know. */
static void
set_algorithms(cJSON *rows, const struct device_conf *device, const struct target *t)
{
	const struct {
		const char *key, *given, *list;
	} all[] = {
	    {"kex", device->kex, t->kex},
	    {"host_key_algorithms", device->host_key_algorithms, t->host_key_algorithms},
	    {"ciphers", device->ciphers, t->ciphers},
	    {"macs", device->macs, t->macs},
	    {"pubkey_algorithms", device->pubkey_algorithms, t->pubkey_algorithms},
	};

	for (size_t i = 0; i < NP_COUNT(all); i++)
		conf_show_set(rows, all[i].key, json_text(all[i].list), all[i].given != NULL ? NULL : "ssh");
}

static cJSON *
target_json(const struct target *t)
{
	cJSON *o = cJSON_CreateObject(), *files = cJSON_AddArrayToObject(o, "files");

	for (size_t i = 0; i < t->config_files.n; i++) {
		if (t->config_files.v[i].exists)
			cJSON_AddItemToArray(files, cJSON_CreateString(t->config_files.v[i].path));
	}
	cJSON_AddStringToObject(o, "known_as", t->known_as);
	cJSON_AddItemToObject(o, "known_hosts", json_strings(&t->user_known_hosts));
	cJSON_AddBoolToObject(o, "proxy_command", t->proxy_command != NULL); /* not what: it may hold a secret */
	cJSON_AddItemToObject(o, "notices", json_strings(&t->notices));
	return o;
}

static bool
shorter(double a, double b)
{
	return a > 0 && (b <= 0 || a < b);
}

/* --- the driver --- */

/* A platform may prefer channels to its own shells. */
static const char *
driver_origin(const struct conf_parts *parts)
{
	const char *type = parts->device->device_type;

	if (type == NULL)
		return "default";
	return parts->platform != NULL || strcmp(type, "linux") == 0 ? "device_type" : "platform";
}

/* Where the configuration is silent a platform says what its devices bear, and what they need. */
static const char *
keepalive_mode(const struct platform *p)
{
	if (!p->keepalive_ssh)
		return "cli";
	return p->keepalive_cli > 0 ? "both" : "ssh";
}

static void
set_driver(cJSON *rows, const struct conf_parts *parts)
{
	const struct device_conf *device = parts->device;
	const struct platform *p = parts->platform;
	double silence = p != NULL ? CLI_TIMEOUT : 0;

	if (device->driver == DRIVER_DEFAULT)
		conf_show_set(rows, "driver", cJSON_CreateString(p != NULL ? "cli" : "exec"), driver_origin(parts));
	if (device->args.first_byte_timeout < 0)
		conf_show_set(rows, "first_byte_timeout", cJSON_CreateNumber(silence), "default");
	if (device->args.idle_timeout < 0)
		conf_show_set(rows, "idle_timeout", cJSON_CreateNumber(silence), "default");
	if (p == NULL)
		return;
	if (!device->args.keepalive_mode_given)
		conf_show_set(rows, "keepalive_mode", cJSON_CreateString(keepalive_mode(p)), "platform");
	conf_show_set(rows, "max_channels", cJSON_CreateNumber(1), "platform");
	if (!device->args.max_connections_given && device->args.max_connections > p->max_sessions)
		conf_show_set(rows, "max_connections", cJSON_CreateNumber(p->max_sessions), "platform");
}

cJSON *
conf_effective(const struct conf_parts *parts)
{
	const struct target *t = parts->target;
	cJSON *o = cJSON_CreateObject(), *rows = conf_show_device(parts->config, parts->device);

	set_address(rows, parts);
	set_driver(rows, parts);
	if (t != NULL) {
		set_login(rows, parts->device, t);
		set_algorithms(rows, parts->device, t);
		if (shorter(t->connection_timeout, parts->device->args.connection_timeout))
			conf_show_set(rows, "connection_timeout", cJSON_CreateNumber(t->connection_timeout), "ssh");
	}
	cJSON_AddStringToObject(o, "device", parts->device->name);
	cJSON_AddBoolToObject(o, "configured", parts->adhoc == NULL);
	cJSON_AddItemToObject(o, "source", json_text(parts->adhoc == NULL ? parts->device->source : NULL));
	cJSON_AddItemToObject(o, "platform", json_text(parts->platform != NULL ? parts->platform->name : NULL));
	cJSON_AddItemToObject(o, "ssh", t != NULL ? target_json(t) : cJSON_CreateNull());
	cJSON_AddItemToObject(
	    o, "problem", json_text(parts->problem.reason != REASON_NONE ? parts->problem.text : NULL));
	cJSON_AddItemToObject(o, "settings", rows);
	return o;
}

cJSON *
conf_effective_globals(const struct config *config)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToObject(o, "files", json_strings(&config->files));
	cJSON_AddItemToObject(o, "settings", conf_show_globals(config));
	return o;
}
