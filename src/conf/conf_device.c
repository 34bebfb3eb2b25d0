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
#define SECONDS(member, from) SCHEMA_SECONDS, ARG(member), .min = (from), .max = CONF_SECONDS_MAX

static const struct schema_row args_keys[] = {
    {"check_delay", SECONDS(check_delay, 0)},
    {"connection_timeout", SECONDS(connection_timeout, 0)},
    {"enabled", SCHEMA_BOOL, ARG(enabled)},
    {"first_byte_timeout", SECONDS(first_byte_timeout, 0)},
    {"idle_timeout", SECONDS(idle_timeout, 0)},
    {"keepalive", SCHEMA_BOOL, ARG(keepalive)},
    {"keepalive_count_max", SCHEMA_INT, ARG(keepalive_count_max), .min = 1, .max = 1000},
    {"keepalive_interval", SECONDS(keepalive_interval, 0)},
    {"keepalive_mode", SCHEMA_WORD, ARG(keepalive_mode), .words = keepalive_words,
	.also = offsetof(struct conn_args, keepalive_mode_given)},
    {"max_age", SECONDS(max_age, 0)},
    {"max_channels", SCHEMA_INT, ARG(max_channels), .min = 1, .max = 10000},
    {"max_connections", SCHEMA_INT, ARG(max_connections), .min = 1, .max = 10000,
	.also = offsetof(struct conn_args, max_connections_given)},
    {"max_idle_time", SECONDS(max_idle_time, 0)},
    {"persistent", SCHEMA_BOOL, ARG(persistent)},
    {"prompt_timeout", SECONDS(prompt_timeout, 0)},
    {"queue_timeout", SECONDS(queue_timeout, 0)},
    {"retry_delay", SECONDS(retry_delay, 0.1)},
    {"retry_max", SECONDS(retry_max, 0.1)},
    {"timeout", SECONDS(timeout, 0)},
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
    {"certificate_file", SCHEMA_PATH, DEV(certificate_file)},
    {"ciphers", SCHEMA_TEXT, DEV(ciphers), .check = check_cipher},
    {"connection_args", SCHEMA_APART, DEV(args)},
    {"credential", SCHEMA_TEXT, DEV(credential), .group = CONF_PASSWORDS, .check = conf_check_credential},
    {"device_type", SCHEMA_TEXT, DEV(device_type), .check = conf_check_type},
    {"driver", SCHEMA_WORD, DEV(driver), .words = driver_words},
    {"groups", SCHEMA_TEXTS, DEV(groups), .flags = SCHEMA_SAME_SESSIONS, .check = conf_check_group},
    {"host", SCHEMA_TEXT, DEV(host), .check = operand_check_host},
    {"host_key_algorithms", SCHEMA_TEXT, DEV(host_key_algorithms), .check = check_host_key},
    {"kex", SCHEMA_TEXT, DEV(kex), .check = check_kex},
    {"key_file", SCHEMA_PATH, DEV(key_file)},
    {"legacy_algorithms", SCHEMA_BOOL, DEV(legacy_algorithms)},
    {"macs", SCHEMA_TEXT, DEV(macs), .check = check_mac},
    {"name", SCHEMA_APART, DEV(name)},
    {"otp_command", SCHEMA_TEXT, DEV(otp_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET},
    {"passphrase_command", SCHEMA_TEXT, DEV(passphrase_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET},
    {"password", SCHEMA_HIDDEN, DEV(password), .flags = PASSWORD_FLAGS, .group = CONF_PASSWORDS},
    {"password_command", SCHEMA_TEXT, DEV(password_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET,
	.group = CONF_PASSWORDS},
    {"password_file", SCHEMA_PATH, DEV(password_file), .group = CONF_PASSWORDS},
    {"port", SCHEMA_INT, DEV(port), .min = 1, .max = 65535},
    {"proxy_jump", SCHEMA_TEXT, DEV(proxy_jump), .check = conf_check_jump},
    {"pubkey_algorithms", SCHEMA_TEXT, DEV(pubkey_algorithms), .check = check_pubkey},
    {"secret", SCHEMA_HIDDEN, DEV(secret), .flags = PASSWORD_FLAGS, .group = CONF_SECRETS},
    {"secret_command", SCHEMA_TEXT, DEV(secret_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET,
	.group = CONF_SECRETS},
    {"secret_file", SCHEMA_PATH, DEV(secret_file), .group = CONF_SECRETS},
    {"ssh_config", SCHEMA_PATH, DEV(ssh_config), .flags = SCHEMA_MAY_BE_NONE},
    {"use_agent", SCHEMA_TRISTATE, DEV(use_agent)},
    {"username", SCHEMA_TEXT, DEV(username), .check = operand_check_user},
};

const struct schema_table conf_args_table = {
    SCHEMA_TABLE(SCHEMA_SETTINGS, "under long_connection or connection_args", args_keys)};

const struct schema_table conf_device_table = {SCHEMA_TABLE(SCHEMA_SETTINGS, "in a device entry", device_keys)};

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
	const struct schema_table *others[] = {&conf_device_table, NULL};
	const struct yamldoc *doc = source->doc;

	if (node == NULL || yamldoc_is_nothing(node))
		return 0;
	if (check_mapping(key, doc, node, err) < 0 ||
	    conf_read(&conf_args_table, others, source, node, args, origins, err) < 0)
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

	if (device->name == NULL && device->host == NULL)
		return yamldoc_error(doc, node, err, "`host` is missing");
	if (device->name == NULL)
		device->name = xstrdup(device->host);
	if (conf_check_name(device->name, err) < 0) {
		error_prefix(err, "`%s`", TEXT_SHOWN(device->name));
		return yamldoc_error_at(doc, node, err);
	}
	if (device->host != NULL)
		return 0;
	if (operand_parse(device->name, &op, err) < 0) {
		error_prefix(err, "`%s` has no `host` and cannot be one itself", TEXT_SHOWN(device->name));
		return yamldoc_error_at(doc, node, err);
	}
	operand_finish(&op);
	return 0;
}

static int
refuse_conflicts(
    const struct device_conf *device, const struct yamldoc *doc, const struct yamldoc_node *node, struct np_error *err)
{
	const struct schema_row *first, *second = schema_conflict(&conf_device_table, device, &first);

	if (second == NULL)
		return 0;
	return yamldoc_error(
	    doc, yamldoc_get(node, second->name), err, "give only one of `%s` and `%s`", first->name, second->name);
}

static int
read_entry(struct device_conf *device, const struct conf_source *source, const struct yamldoc_node *name_node,
    const struct yamldoc_node *node, struct np_error *err)
{
	const struct schema_table *others[] = {&conf_args_table, NULL};
	const struct yamldoc *doc = source->doc;
	const struct yamldoc_node *at = name_node != NULL ? name_node : node;

	if (!yamldoc_is_nothing(node)) {
		if (check_mapping(device->name != NULL ? device->name : "device", doc, node, err) < 0 ||
		    conf_read(&conf_device_table, others, source, node, device, &device->origins, err) < 0 ||
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

	schema_copy(&conf_device_table, copy, device);
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
	schema_free(&conf_device_table, device);
	conf_origins_finish(&device->origins);
	free(device->name);
	free(device->source);
	free(device);
}

bool
device_conf_same_login(const struct device_conf *a, const struct device_conf *b)
{
	return strcmp(a->name, b->name) == 0 && schema_equal(&conf_device_table, a, b, SCHEMA_SAME_SESSIONS);
}

bool
device_conf_equal(const struct device_conf *a, const struct device_conf *b)
{
	return strcmp(a->name, b->name) == 0 && schema_equal(&conf_device_table, a, b, 0) &&
	       schema_equal(&conf_args_table, &a->args, &b->args, 0);
}

int
device_conf_set(struct device_conf *device, const char *key, const char *value, const char *where, struct np_error *err)
{
	const struct schema_table *tables[] = {&conf_device_table, &conf_args_table, NULL};
	void *const bases[] = {device, &device->args, NULL};
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
