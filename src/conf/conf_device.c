/*
 * Device entries and blocks of connection settings: their keys, defaults and rules between keys.
 */
#include "conf/conf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sshconf/algorithm.h"
#include "conf/conf_impl.h"
#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"

#define REQUEST_NODES_MAX 2000 /* of a device object inside a request */

_Static_assert(sizeof(enum device_driver) == sizeof(int) && sizeof(enum keepalive_mode) == sizeof(int),
    "SCHEMA_WORD keys are set as int");

/* --- the keys --- */

static const struct schema_word keepalive_words[] = {
    {"ssh", KEEPALIVE_SSH}, {"cli", KEEPALIVE_CLI}, {"both", KEEPALIVE_BOTH}, {"none", KEEPALIVE_NONE}, {NULL, 0}};

static const struct schema_word driver_words[] = {{"exec", DRIVER_EXEC}, {"cli", DRIVER_CLI}, {NULL, 0}};

#define ARG(member) .offset = offsetof(struct conn_args, member)
#define SECONDS(from) .type = SCHEMA_SECONDS, .min = (from), .max = CONF_SECONDS_MAX

static const struct schema_row args_keys[] = {
    {.name = "check_delay", ARG(check_delay), SECONDS(0)},
    {.name = "connection_timeout", ARG(connection_timeout), SECONDS(0)},
    {.name = "enabled", ARG(enabled), .type = SCHEMA_BOOL},
    {.name = "first_byte_timeout", ARG(first_byte_timeout), SECONDS(0)},
    {.name = "idle_timeout", ARG(idle_timeout), SECONDS(0)},
    {.name = "keepalive", ARG(keepalive), .type = SCHEMA_BOOL},
    {.name = "keepalive_count_max", ARG(keepalive_count_max), .type = SCHEMA_INT, .min = 1, .max = 1000},
    {.name = "keepalive_interval", ARG(keepalive_interval), SECONDS(0)},
    {.name = "keepalive_mode",
	ARG(keepalive_mode),
	.type = SCHEMA_WORD,
	.words = keepalive_words,
	.also = offsetof(struct conn_args, keepalive_mode_given)},
    {.name = "max_age", ARG(max_age), SECONDS(0)},
    {.name = "max_channels", ARG(max_channels), .type = SCHEMA_INT, .min = 1, .max = 10000},
    {.name = "max_connections",
	ARG(max_connections),
	.type = SCHEMA_INT,
	.min = 1,
	.max = 10000,
	.also = offsetof(struct conn_args, max_connections_given)},
    {.name = "max_idle_time", ARG(max_idle_time), SECONDS(0)},
    {.name = "persistent", ARG(persistent), .type = SCHEMA_BOOL},
    {.name = "prompt_timeout", ARG(prompt_timeout), SECONDS(0)},
    {.name = "queue_timeout", ARG(queue_timeout), SECONDS(0)},
    {.name = "retry_delay", ARG(retry_delay), SECONDS(0.1)},
    {.name = "retry_max", ARG(retry_max), SECONDS(0.1)},
    {.name = "timeout", ARG(timeout), SECONDS(0)},
};

static int
check_kex(const char *text, struct np_error *err)
{
	return algorithm_check(ALGORITHM_KEX, text, err);
}

static int
check_host_key(const char *text, struct np_error *err)
{
	return algorithm_check(ALGORITHM_HOST_KEY, text, err);
}

static int
check_cipher(const char *text, struct np_error *err)
{
	return algorithm_check(ALGORITHM_CIPHER, text, err);
}

static int
check_mac(const char *text, struct np_error *err)
{
	return algorithm_check(ALGORITHM_MAC, text, err);
}

static int
check_pubkey(const char *text, struct np_error *err)
{
	return algorithm_check(ALGORITHM_PUBKEY, text, err);
}

#define DEV(member) .offset = offsetof(struct device_conf, member)
#define PASSWORD_FLAGS (SCHEMA_SECRET | SCHEMA_FREE_TEXT | SCHEMA_MAY_BE_EMPTY)

static const struct schema_row device_keys[] = {
    {.name = "certificate_file", DEV(certificate_file), .type = SCHEMA_PATH},
    {.name = "ciphers", DEV(ciphers), .type = SCHEMA_TEXT, .check = check_cipher},
    {.name = "connection_args", DEV(args), .type = SCHEMA_APART},
    {.name = "credential",
	DEV(credential),
	.type = SCHEMA_TEXT,
	.group = CONF_PASSWORDS,
	.check = conf_check_credential},
    {.name = "device_type", DEV(device_type), .type = SCHEMA_TEXT, .check = conf_check_type},
    {.name = "driver", DEV(driver), .type = SCHEMA_WORD, .words = driver_words},
    {.name = "groups",
	DEV(groups),
	.type = SCHEMA_TEXTS,
	.flags = SCHEMA_SAME_SESSIONS,
	.check = conf_check_group,
	.also = offsetof(struct device_conf, groups_count)},
    {.name = "host", DEV(host), .type = SCHEMA_TEXT, .check = operand_check_host},
    {.name = "host_key_algorithms", DEV(host_key_algorithms), .type = SCHEMA_TEXT, .check = check_host_key},
    {.name = "kex", DEV(kex), .type = SCHEMA_TEXT, .check = check_kex},
    {.name = "key_file", DEV(key_file), .type = SCHEMA_PATH},
    {.name = "legacy_algorithms", DEV(legacy_algorithms), .type = SCHEMA_BOOL},
    {.name = "macs", DEV(macs), .type = SCHEMA_TEXT, .check = check_mac},
    {.name = "name", DEV(name), .type = SCHEMA_APART},
    {.name = "passphrase_command",
	DEV(passphrase_command),
	.type = SCHEMA_TEXT,
	.flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET},
    {.name = "password", DEV(password), .type = SCHEMA_TEXT, .flags = PASSWORD_FLAGS, .group = CONF_PASSWORDS},
    {.name = "password_command",
	DEV(password_command),
	.type = SCHEMA_TEXT,
	.flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET,
	.group = CONF_PASSWORDS},
    {.name = "password_file", DEV(password_file), .type = SCHEMA_PATH, .group = CONF_PASSWORDS},
    {.name = "port", DEV(port), .type = SCHEMA_INT, .min = 1, .max = 65535},
    {.name = "proxy_jump", DEV(proxy_jump), .type = SCHEMA_TEXT, .check = conf_check_jump},
    {.name = "pubkey_algorithms", DEV(pubkey_algorithms), .type = SCHEMA_TEXT, .check = check_pubkey},
    {.name = "secret", DEV(secret), .type = SCHEMA_TEXT, .flags = PASSWORD_FLAGS, .group = CONF_SECRETS},
    {.name = "secret_command",
	DEV(secret_command),
	.type = SCHEMA_TEXT,
	.flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET,
	.group = CONF_SECRETS},
    {.name = "secret_file", DEV(secret_file), .type = SCHEMA_PATH, .group = CONF_SECRETS},
    {.name = "ssh_config", DEV(ssh_config), .type = SCHEMA_PATH, .flags = SCHEMA_MAY_BE_NONE},
    {.name = "use_agent", DEV(use_agent), .type = SCHEMA_TRISTATE},
    {.name = "username", DEV(username), .type = SCHEMA_TEXT, .check = operand_check_user},
};

const struct schema_table *
conf_args_table(void)
{
	static const struct schema_table table = {
	    SCHEMA_TABLE(SCHEMA_SETTINGS, "under long_connection or connection_args", args_keys)};

	return &table;
}

const struct schema_table *
conf_device_table(void)
{
	static const struct schema_table table = {SCHEMA_TABLE(SCHEMA_SETTINGS, "in a device entry", device_keys)};

	return &table;
}

/* --- connection settings --- */

void
conf_args_defaults(struct conn_args *args)
{
	*args = (struct conn_args){
	    .enabled = true,
	    .keepalive = true,
	    .keepalive_interval = 60,
	    .keepalive_count_max = 3,
	    .keepalive_mode = KEEPALIVE_SSH,
	    .max_idle_time = 300,
	    .max_age = 86400,
	    .check_delay = 30,
	    .connection_timeout = 30,
	    .queue_timeout = 60,
	    .timeout = 0,
	    .first_byte_timeout = -1,
	    .idle_timeout = -1,
	    .prompt_timeout = 120,
	    .retry_delay = 1,
	    .retry_max = 60,
	    .max_connections = 10,
	    .max_channels = 10,
	};
}

static int
check_mapping(const char *key, const struct yamldoc *doc, const struct yamldoc_node *node, struct np_error *err)
{
	if (node->kind == YAMLDOC_MAPPING)
		return 0;
	return yamldoc_error(
	    doc, node, err, "`%s` must be a mapping of keys to values, not %s", key, yamldoc_kind_name(node));
}

int
conf_args_read(const char *key, const struct conf_source *source, const struct yamldoc_node *node,
    struct conn_args *args, struct conf_origins *origins, struct np_error *err)
{
	const struct schema_table *others[] = {conf_device_table(), NULL};
	const struct yamldoc *doc = source->doc;

	if (node == NULL || yamldoc_is_nothing(node))
		return 0;
	if (check_mapping(key, doc, node, err) < 0 ||
	    conf_read(conf_args_table(), others, source, node, args, origins, err) < 0)
		return -1;
	if (args->retry_max < args->retry_delay)
		return yamldoc_error(doc, node, err, "`retry_max` (%g) must not be less than `retry_delay` (%g)",
		    args->retry_max, args->retry_delay);
	return 0;
}

/* --- device entries --- */

static struct device_conf *
device_create(const char *name, const struct conn_args *defaults)
{
	struct device_conf *device = xcalloc(1, sizeof(*device));

	device->name = xstrdup_null(name);
	device->use_agent = -1;
	device->args = *defaults;
	device->args.max_connections_given = false;
	return device;
}

static int
read_name(struct device_conf *device, const struct yamldoc *doc, const struct yamldoc_node *node, struct np_error *err)
{
	const struct yamldoc_node *name = yamldoc_get(node, "name");

	if (name == NULL || yamldoc_is_nothing(name))
		return 0;
	if (name->kind != YAMLDOC_SCALAR)
		return yamldoc_error(doc, name, err, "`name` must be a single value, not %s", yamldoc_kind_name(name));
	if (device->name != NULL && strcmp(device->name, name->text) != 0)
		return yamldoc_error(doc, name, err, "`name` differs from the entry's own name: leave it out");
	if (device->name == NULL)
		device->name = xstrdup(name->text);
	return 0;
}

/* An entry is named after its host and reached under its name, whichever is missing. */
static int
complete_name(
    struct device_conf *device, const struct yamldoc *doc, const struct yamldoc_node *node, struct np_error *err)
{
	struct operand op;
	char shown[64];

	if (device->name == NULL && device->host == NULL)
		return yamldoc_error(doc, node, err, "`host` is missing");
	if (device->name == NULL)
		device->name = xstrdup(device->host);
	text_vis_into(shown, sizeof(shown), device->name);
	if (conf_check_name(device->name, err) < 0) {
		error_prefix(err, "`%s`", shown);
		return yamldoc_error_at(doc, node, err);
	}
	if (device->host != NULL)
		return 0;
	if (operand_parse(device->name, &op, err) < 0) {
		error_prefix(err, "`%s` has no `host` and cannot be one itself", shown);
		return yamldoc_error_at(doc, node, err);
	}
	operand_finish(&op);
	return 0;
}

static int
refuse_conflicts(
    const struct device_conf *device, const struct yamldoc *doc, const struct yamldoc_node *node, struct np_error *err)
{
	const struct schema_row *first, *second = schema_conflict(conf_device_table(), device, &first);

	if (second == NULL)
		return 0;
	return yamldoc_error(
	    doc, yamldoc_get(node, second->name), err, "give only one of `%s` and `%s`", first->name, second->name);
}

static int
read_entry(struct device_conf *device, const struct conf_source *source, const struct yamldoc_node *name_node,
    const struct yamldoc_node *node, struct np_error *err)
{
	const struct schema_table *others[] = {conf_args_table(), NULL};
	const struct yamldoc *doc = source->doc;
	const struct yamldoc_node *at = name_node != NULL ? name_node : node;

	if (!yamldoc_is_nothing(node)) {
		if (check_mapping(device->name != NULL ? device->name : "device", doc, node, err) < 0 ||
		    conf_read(conf_device_table(), others, source, node, device, &device->origins, err) < 0 ||
		    read_name(device, doc, node, err) < 0 || refuse_conflicts(device, doc, node, err) < 0 ||
		    conf_args_read("connection_args", source, yamldoc_get(node, "connection_args"), &device->args,
			&device->origins, err) < 0)
			return -1;
	}
	return complete_name(device, doc, at, err);
}

struct device_conf *
conf_device_read(const struct conn_args *defaults, const struct conf_source *source,
    const struct yamldoc_node *name_node, const struct yamldoc_node *node, struct np_error *err)
{
	struct device_conf *device = device_create(name_node != NULL ? name_node->text : NULL, defaults);

	if (read_entry(device, source, name_node, node, err) < 0) {
		device_conf_free(device);
		return NULL;
	}
	if (name_node != NULL)
		device->source = xasprintf("%s:%d", source->doc->name, name_node->line);
	else
		device->source = xstrdup("request");
	return device;
}

struct device_conf *
device_conf_parse(const struct config *config, const char *json, size_t size, struct np_error *err)
{
	struct yamldoc *doc = yamldoc_parse(json, size, "device", false, REQUEST_NODES_MAX, err);
	struct device_conf *device = NULL;

	if (doc == NULL)
		return NULL;
	if (doc->root == NULL)
		error_set(err, REASON_INVALID_PARAMS, "device: `host` is missing");
	else
		device = conf_device_read(&config->defaults, &(struct conf_source){doc, 0}, NULL, doc->root, err);
	yamldoc_destroy(doc);
	return device;
}

struct device_conf *
device_conf_adhoc(const struct config *config, const char *name)
{
	struct device_conf *device = device_create(name, &config->defaults);

	device->source = xstrdup("request");
	return device;
}

struct device_conf *
device_conf_copy(const struct device_conf *device)
{
	struct device_conf *copy = xmemdup(device, sizeof(*device));

	schema_copy(conf_device_table(), copy, device);
	copy->name = xstrdup_null(device->name);
	copy->source = xstrdup_null(device->source);
	copy->origins = (struct conf_origins){NULL, 0};
	return copy;
}

void
device_conf_free(struct device_conf *device)
{
	if (device == NULL)
		return;
	schema_free(conf_device_table(), device);
	conf_origins_finish(&device->origins);
	free(device->name);
	free(device->source);
	free(device);
}

bool
device_conf_same_login(const struct device_conf *a, const struct device_conf *b)
{
	return strcmp(a->name, b->name) == 0 && schema_equal(conf_device_table(), a, b, SCHEMA_SAME_SESSIONS);
}

bool
device_conf_equal(const struct device_conf *a, const struct device_conf *b)
{
	return strcmp(a->name, b->name) == 0 && schema_equal(conf_device_table(), a, b, 0) &&
	       schema_equal(conf_args_table(), &a->args, &b->args, 0);
}

int
device_conf_set(struct device_conf *device, const char *key, const char *value, const char *where, struct np_error *err)
{
	const struct schema_table *tables[] = {conf_device_table(), conf_args_table(), NULL};
	void *const bases[] = {device, &device->args};
	const struct schema_row *row = NULL;
	struct node given;
	size_t i = 0;

	while (tables[i] != NULL && (row = schema_find(tables[i], 0, key)) == NULL)
		i++;
	node_of_option(&given, value);
	if (row == NULL
		? schema_unknown_key(tables, key, err) < 0
		: schema_set(&(struct schema_reader){.table = tables[i], .err = err}, row, &given, bases[i]) < 0)
		return error_prefix(err, "%s", where);
	schema_alone(tables[i], row, bases[i]); /* it takes the place of the others */
	return 0;
}
