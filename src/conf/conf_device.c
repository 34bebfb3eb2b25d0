/*
 * Device entries and blocks of connection settings: their keys, defaults and rules between keys.
 */
#include "conf/conf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/algorithm.h"
#include "conf/conf_impl.h"
#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"

#define REQUEST_NODES_MAX 2000 /* of a device object inside a request */
#define NAME_MAX_BYTES 128
#define JUMPS_MAX 16

_Static_assert(sizeof(enum device_driver) == sizeof(int) && sizeof(enum keepalive_mode) == sizeof(int) &&
		   sizeof(enum credential_scope) == sizeof(int),
    "SCHEMA_WORD keys are set as int");

/* --- the keys --- */

static const struct schema_word keepalive_words[] = {
    {"ssh", KEEPALIVE_SSH}, {"cli", KEEPALIVE_CLI}, {"both", KEEPALIVE_BOTH}, {"none", KEEPALIVE_NONE}, {NULL, 0}};

static const struct schema_word scope_words[] = {{"account", SCOPE_ACCOUNT}, {"device", SCOPE_DEVICE}, {NULL, 0}};
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
check_algorithms(const struct schema_row *row, const char *text, struct np_error *err)
{
	return algorithm_check((enum algorithm_kind)row->detail, text, err);
}

static int
check_host(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	return operand_check_host(text, err);
}

static int
check_user(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	return operand_check_user(text, err);
}

/* Names stand on command lines, in comma separated lists and beside globs. */
static int
check_name(const char *text, struct np_error *err)
{
	size_t length = strlen(text);

	if (length == 0 || length > NAME_MAX_BYTES)
		return error_set(err, REASON_INVALID_PARAMS, "a device name has 1 to %d bytes", NAME_MAX_BYTES);
	if (text[0] == '@' || text[0] == '-')
		return error_set(err, REASON_INVALID_PARAMS, "a device name must not begin with `%c`", text[0]);
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr(",*?[]", *p) != NULL)
			return error_set(err, REASON_INVALID_PARAMS,
			    "a device name must not hold white space, control bytes, commas or any of * ? [ ]");
	}
	return 0;
}

static int
check_group(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	if (text[0] != '\0' && text[0] != '@' && strlen(text) <= NAME_MAX_BYTES && strpbrk(text, " \t,*?[]") == NULL)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS,
	    "a group name has 1 to %d bytes, no `@` at the front, no white space, comma or any of * ? [ ]",
	    NAME_MAX_BYTES);
}

static int
check_type(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text))
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "only a-z, 0-9 and _, as in cisco_ios");
}

static int
check_credential(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	if (strchr(text, '/') == NULL && strcmp(text, ".") != 0 && strcmp(text, "..") != 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS,
	    "the name of a credential that systemd passes, without a `/`; for any other file use `password_file`");
}

static int
check_jump(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	char *copy, *rest;
	int hops = 0, r = 0;

	if (strcmp(text, "none") == 0)
		return 0;
	copy = rest = xstrdup(text);
	for (char *hop; r == 0 && (hop = strsep(&rest, ",")) != NULL;) {
		if (++hops > JUMPS_MAX)
			r = error_set(err, REASON_INVALID_PARAMS, "more than %d hops", JUMPS_MAX);
		else
			r = operand_check(hop, err);
	}
	free(copy);
	return r;
}

/* KEYWORD=VALUE, separated by blanks: what ssh -G is told by -o. */
static int
check_ssh_options(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	bool fine = true;
	char *word;

	while (fine && (word = text_next_word(&text)) != NULL) {
		size_t name = strspn(word, letters);

		fine = name > 0 && word[name] == '=' && word[name + 1] != '\0';
		free(word);
	}
	if (fine)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "Keyword=value, separated by blanks, with keywords of ssh_config");
}

#define ALGORITHMS(kind) .check = check_algorithms, .detail = ALGORITHM_##kind
#define DEV(member) .offset = offsetof(struct device_conf, member)
#define PASSWORD_FLAGS (SCHEMA_SECRET | SCHEMA_FREE_TEXT | SCHEMA_MAY_BE_EMPTY)

static const struct schema_row device_keys[] = {
    {"certificate_file", SCHEMA_PATH, DEV(certificate_file)},
    {"ciphers", SCHEMA_TEXT, DEV(ciphers), ALGORITHMS(CIPHER)},
    {"connection_args", SCHEMA_BLOCK, DEV(args), .flags = SCHEMA_SAME_SESSIONS, .table = &conf_args_table},
    {"credential", SCHEMA_TEXT, DEV(credential), .group = CONF_PASSWORDS, .check = check_credential},
    {"credential_scope", SCHEMA_WORD, DEV(credential_scope), .flags = SCHEMA_FILES_ONLY, .words = scope_words},
    {"device_type", SCHEMA_TEXT, DEV(device_type), .check = check_type},
    {"driver", SCHEMA_WORD, DEV(driver), .words = driver_words},
    {"groups", SCHEMA_TEXTS, DEV(groups), .flags = SCHEMA_SAME_SESSIONS, .check = check_group},
    {"host", SCHEMA_TEXT, DEV(host), .check = check_host},
    {"host_key_algorithms", SCHEMA_TEXT, DEV(host_key_algorithms), ALGORITHMS(HOST_KEY)},
    {"kex", SCHEMA_TEXT, DEV(kex), ALGORITHMS(KEX)},
    {"key_file", SCHEMA_PATH, DEV(key_file)},
    {"legacy_algorithms", SCHEMA_BOOL, DEV(legacy_algorithms)},
    {"macs", SCHEMA_TEXT, DEV(macs), ALGORITHMS(MAC)},
    {"name", SCHEMA_APART, DEV(name)},
    {"otp_command", SCHEMA_TEXT, DEV(otp_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET},
    {"passphrase_command", SCHEMA_TEXT, DEV(passphrase_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET},
    {"password", SCHEMA_HIDDEN, DEV(password), .flags = PASSWORD_FLAGS, .group = CONF_PASSWORDS},
    {"password_command", SCHEMA_TEXT, DEV(password_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET,
	.group = CONF_PASSWORDS},
    {"password_file", SCHEMA_PATH, DEV(password_file), .group = CONF_PASSWORDS},
    {"port", SCHEMA_INT, DEV(port), .min = 1, .max = 65535},
    {"proxy_jump", SCHEMA_TEXT, DEV(proxy_jump), .check = check_jump},
    {"pubkey_algorithms", SCHEMA_TEXT, DEV(pubkey_algorithms), ALGORITHMS(PUBKEY)},
    {"secret", SCHEMA_HIDDEN, DEV(secret), .flags = PASSWORD_FLAGS, .group = CONF_SECRETS},
    {"secret_command", SCHEMA_TEXT, DEV(secret_command), .flags = SCHEMA_FREE_TEXT | SCHEMA_SECRET,
	.group = CONF_SECRETS},
    {"secret_file", SCHEMA_PATH, DEV(secret_file), .group = CONF_SECRETS},
    {"ssh_arguments", SCHEMA_TEXTS, DEV(ssh_arguments), .flags = SCHEMA_FREE_TEXT},
    {"ssh_config", SCHEMA_PATH, DEV(ssh_config), .flags = SCHEMA_MAY_BE_NONE},
    {"ssh_options", SCHEMA_TEXT, DEV(ssh_options), .check = check_ssh_options},
    {"use_agent", SCHEMA_TRISTATE, DEV(use_agent)},
    {"username", SCHEMA_TEXT, DEV(username), .check = check_user},
};

static int
check_args(const struct schema_reader *r, const struct schema_row *row NP_UNUSED, const struct node *node, void *base)
{
	const struct conn_args *args = base;

	if (args->retry_max >= args->retry_delay)
		return 0;
	return schema_error(
	    r, node, "`retry_max` (%g) must not be less than `retry_delay` (%g)", args->retry_max, args->retry_delay);
}

static const struct schema_table *const not_args[] = {&conf_device_table, NULL};
static const struct schema_table *const not_device[] = {&conf_args_table, NULL};

const struct schema_table conf_args_table = {
    SCHEMA_TABLE(SCHEMA_SETTINGS, "under long_connection or connection_args", args_keys), .others = not_args,
    .size = sizeof(struct conn_args), .expected = "a mapping of keys to values", .complete = check_args};

const struct schema_table conf_device_table = {
    SCHEMA_TABLE(SCHEMA_SETTINGS, "in a device entry", device_keys), .others = not_device};

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
	if (device->name == NULL && device->host == NULL)
		return yamldoc_error(doc, node, err, "`host` is missing");
	if (device->name == NULL)
		device->name = xstrdup(device->host);
	if (check_name(device->name, err) < 0) {
		error_prefix(err, "`%s`", TEXT_SHOWN(device->name));
		return yamldoc_error_at(doc, node, err);
	}
	if (device->host != NULL)
		return 0;
	if (operand_check(device->name, err) < 0) {
		error_prefix(err, "`%s` has no `host` and cannot be one itself", TEXT_SHOWN(device->name));
		return yamldoc_error_at(doc, node, err);
	}
	return 0;
}

static int
read_entry(struct device_conf *device, const struct conf_source *source, const struct yamldoc_node *name_node,
    const struct yamldoc_node *node, struct np_error *err)
{
	const struct yamldoc *doc = source->doc;

	if (!yamldoc_is_nothing(node)) {
		if (node->kind != YAMLDOC_MAPPING)
			return yamldoc_error(doc, node, err, "`%s` must be a mapping of keys to values, not %s",
			    device->name != NULL ? device->name : "device", yamldoc_kind_name(node));
		if (conf_read(&conf_device_table, source, node, device, &device->origins, err) < 0 ||
		    read_name(device, doc, node, err) < 0)
			return -1;
	}
	return complete_name(device, doc, name_node != NULL ? name_node : node, err);
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

/* What a person decides for good, and no request: it would lift what bars an account. */
static int
refuse_files_only(const struct schema_row *row, const char *where, struct np_error *err)
{
	if ((row->flags & SCHEMA_FILES_ONLY) == 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "%s: `%s` can be set in the configuration only", where, row->name);
}

static int
check_request(const struct yamldoc_node *root, struct np_error *err)
{
	for (size_t i = 0; root->kind == YAMLDOC_MAPPING && i < conf_device_table.count; i++) {
		const struct schema_row *row = &conf_device_table.rows[i];
		if (yamldoc_get(root, row->name) != NULL && refuse_files_only(row, "device", err) == -1)
			return -1;
	}
	return 0;
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
	else if (check_request(doc->root, err) == 0)
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

	schema_copy(&conf_device_table, copy);
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
	return strcmp(a->name, b->name) == 0 && schema_equal(&conf_device_table, a, b, 0);
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
	if (row != NULL && refuse_files_only(row, where, err) == -1)
		return -1;
	if (row == NULL
		? schema_unknown_key(tables, key, err) < 0
		: schema_set(&(struct schema_reader){.table = tables[i], .err = err}, row, &given, bases[i]) < 0)
		return error_prefix(err, "%s", where);
	schema_alone(tables[i], row, bases[i]); /* it takes the place of the others */
	return 0;
}
