/*
 * The configuration as a whole: which files, how they lie over each other, what is global.
 *
 * Not here: keys of devices (conf_device.c), how a file is read by tables (src/schema).
 */
#include "conf/conf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_impl.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

#define COMMON_FILE "/etc/netpulse/config.yaml"
#define SYSTEM_FILE "/etc/netpulse/system.yaml" /* of a broker that serves other users; users' own do not read it */
#define FILES_MAX 2
#define USER_SHARE 4    /* the part of what is there that one user gets */
#define USER_DEVICES 48 /* three quarters of those that can be dialled at once: some are left for others */
#define FILE_NODES_MAX 1000000

_Static_assert(sizeof(enum log_level) == sizeof(int) && sizeof(enum sandbox_mode) == sizeof(int),
    "SCHEMA_WORD keys are set as int");

static const struct schema_word level_words[] = {{"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING},
    {"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG}, {NULL, 0}};

static const struct schema_word sandbox_words[] = {
    {"off", SANDBOX_OFF}, {"on", SANDBOX_ON}, {"strict", SANDBOX_STRICT}, {NULL, 0}};

#define GLOBAL(member) .offset = offsetof(struct config, member)

static const struct schema_row global_keys[] = {
    {"audit_log", SCHEMA_PATH, GLOBAL(audit_log), .flags = SCHEMA_MAY_BE_JOURNAL},
    {"children_no_new_privileges", SCHEMA_BOOL, GLOBAL(children_no_new_privileges)},
    {"devices", SCHEMA_APART, GLOBAL(devices)},
    {"drain_timeout", SCHEMA_SECONDS, GLOBAL(drain_timeout), .min = 0, .max = CONF_SECONDS_MAX},
    {"log_level", SCHEMA_WORD, GLOBAL(log_level), .words = level_words,
	.also = offsetof(struct config, log_level_given)},
    {"long_connection", SCHEMA_BLOCK, GLOBAL(defaults), .table = &conf_args_table},
    {"main_socket", SCHEMA_BLOCK, GLOBAL(main_socket), .table = &conf_access_table},
    {"max_clients", SCHEMA_INT, GLOBAL(max_clients), .min = 1, .max = 1000000},
    {"max_clients_per_user", SCHEMA_INT, GLOBAL(max_clients_per_user), .min = 0, .max = 1000000},
    {"max_devices_per_user", SCHEMA_INT, GLOBAL(max_devices_per_user), .min = 0, .max = 1000000},
    {"max_queue", SCHEMA_INT, GLOBAL(max_queue), .min = 1, .max = 1000000},
    {"max_requests_per_user", SCHEMA_INT, GLOBAL(max_requests_per_user), .min = 0, .max = 1000000},
    {"max_sessions", SCHEMA_INT, GLOBAL(max_sessions), .min = 1, .max = 1000000},
    {"platform_path", SCHEMA_PATH, GLOBAL(platform_path), .flags = SCHEMA_PATH_LIST},
    {"policy", SCHEMA_LIST, GLOBAL(policy.rules), .also = offsetof(struct config, policy.count),
	.table = &policy_table},
    {"sandbox", SCHEMA_WORD, GLOBAL(sandbox), .words = sandbox_words},
    {"sandbox_writes", SCHEMA_PATH, GLOBAL(sandbox_writes), .flags = SCHEMA_PATH_LIST},
    {"sockets", SCHEMA_LIST, GLOBAL(sockets), .also = offsetof(struct config, sockets_count),
	.table = &conf_socket_table},
    {"ssh_config", SCHEMA_PATH, GLOBAL(ssh_config), .flags = SCHEMA_MAY_BE_NONE},
};

static const struct schema_table *const others[] = {&conf_args_table, &conf_device_table, NULL};

const struct schema_table conf_global_table = {
    SCHEMA_TABLE(SCHEMA_SETTINGS, "at the top level", global_keys), .others = others};

/* --- where each key was given --- */

/* What a reader's note() is told beside the key. */
struct notes {
	struct conf_origins *origins;
	unsigned file;
};

/* Of a key that several files give, the last one counts. */
static void
note_origin(void *arg, const struct schema_row *row, int line)
{
	const struct notes *notes = arg;
	struct conf_origins *origins = notes->origins;
	size_t i = 0;

	while (i < origins->count && strcmp(origins->items[i].key, row->name) != 0)
		i++;
	if (i == origins->count)
		origins->items = xreallocarray(origins->items, ++origins->count, sizeof(origins->items[0]));
	origins->items[i] = (struct conf_origin){row->name, line, notes->file};
}

int
conf_read(const struct schema_table *table, const struct conf_source *source, const struct yamldoc_node *node,
    void *base, struct conf_origins *origins, struct np_error *err)
{
	struct notes notes = {origins, source->file};
	const struct schema_reader reader = {.table = table,
	    .doc = source->doc,
	    .note = source->doc->lines ? note_origin : NULL,
	    .arg = &notes,
	    .err = err};
	struct node mapping;

	node_of_yaml(&mapping, node);
	return schema_read(&reader, &mapping, base);
}

const struct conf_origin *
conf_origin(const struct conf_origins *origins, const char *key)
{
	for (size_t i = 0; i < origins->count; i++) {
		if (strcmp(origins->items[i].key, key) == 0)
			return &origins->items[i];
	}
	return NULL;
}

void
conf_origins_finish(struct conf_origins *origins)
{
	free(origins->items);
	*origins = (struct conf_origins){NULL, 0};
}

/* --- snapshots --- */

static struct config *
config_create(bool of_system)
{
	struct config *config = xcalloc(1, sizeof(*config));

	config->refs = 1;
	config->system = config->policy.system = of_system;
	conf_args_defaults(&config->defaults);
	config->max_sessions = 1000;
	config->max_clients = 1024;
	config->sandbox = of_system ? SANDBOX_STRICT : SANDBOX_ON;
	config->children_no_new_privileges = of_system;
	config->max_queue = 1000;
	config->drain_timeout = 30;
	config->log_level = LOG_LEVEL_INFO;
	return config;
}

static void
config_destroy(struct config *config)
{
	for (size_t i = 0; i < config->devices_count; i++)
		device_conf_free(config->devices[i]);
	free(config->devices);
	free(config->by_name);
	strings_finish(&config->files);
	strings_finish(&config->warnings);
	schema_free(&conf_global_table, config);
	conf_origins_finish(&config->origins);
	free(config);
}

struct config *
config_ref(struct config *config)
{
	config->refs++;
	return config;
}

void
config_unref(struct config *config)
{
	if (config != NULL && --config->refs == 0)
		config_destroy(config);
}

/* --- devices by name --- */

static int
compare_devices(const void *a, const void *b)
{
	const struct device_conf *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
compare_name(const void *name, const void *device)
{
	const struct device_conf *const *d = device;

	return strcmp(name, (*d)->name);
}

static void
index_devices(struct config *config)
{
	free(config->by_name);
	config->by_name = NULL;
	if (config->devices_count == 0)
		return;
	config->by_name = xmemdup(config->devices, config->devices_count * sizeof(struct device_conf *));
	qsort(config->by_name, config->devices_count, sizeof(struct device_conf *), compare_devices);
}

static struct device_conf *
find_device(const struct config *config, size_t count, const char *name)
{
	struct device_conf **found = NULL;

	if (count > 0)
		found = bsearch(name, config->by_name, count, sizeof(struct device_conf *), compare_name);
	return found != NULL ? *found : NULL;
}

const struct device_conf *
config_device(const struct config *config, const char *name)
{
	return find_device(config, config->devices_count, name);
}

/* --- reading --- */

static int
read_globals(struct config *config, const struct conf_source *source, struct np_error *err)
{
	const struct yamldoc *doc = source->doc;

	if (doc->root == NULL || yamldoc_is_nothing(doc->root))
		return 0;
	if (doc->root->kind != YAMLDOC_MAPPING)
		return yamldoc_error(doc, doc->root, err, "a configuration is a mapping of keys to values, not %s",
		    yamldoc_kind_name(doc->root));
	if (conf_read(&conf_global_table, source, doc->root, config, &config->origins, err) < 0)
		return -1;
	config->defaults.max_connections_given = false; /* said for all devices, not for one */
	return 0;
}

static void
warn_of_password(struct config *config, const struct yamldoc *doc, const struct yamldoc_node *entry)
{
	static const char *const keys[] = {"password", "secret"};

	if (entry->kind != YAMLDOC_MAPPING)
		return;
	for (size_t i = 0; i < NP_COUNT(keys); i++) {
		const struct yamldoc_node *node = yamldoc_get(entry, keys[i]);

		if (node == NULL || yamldoc_is_nothing(node))
			continue;
		strings_addf(&config->warnings, "%s:%d: `%s` in a file that others can read: chmod go-r %s", doc->name,
		    node->line, keys[i], doc->name);
	}
}

/* Adds a device; one of the same name among those of earlier files is replaced whole and keeps its place. */
static void
put_device(struct config *config, size_t indexed, struct device_conf *device)
{
	struct device_conf *old = find_device(config, indexed, device->name);
	size_t count = config->devices_count;

	if (old != NULL) {
		struct device_conf former = *old;

		*old = *device;
		*device = former;
		device_conf_free(device);
		return;
	}
	if ((count & (count - 1)) == 0)
		config->devices =
		    xreallocarray(config->devices, count == 0 ? 1 : count * 2, sizeof(struct device_conf *));
	config->devices[config->devices_count++] = device;
}

static int
read_devices(struct config *config, const struct conf_source *source, bool is_private, struct np_error *err)
{
	const struct yamldoc *doc = source->doc;
	const struct yamldoc_node *node = doc->root != NULL ? yamldoc_get(doc->root, "devices") : NULL;
	size_t indexed = config->devices_count;

	if (node == NULL || yamldoc_is_nothing(node))
		return 0;
	if (node->kind != YAMLDOC_MAPPING)
		return yamldoc_error(
		    doc, node, err, "`devices` must be a mapping of names to devices, not %s", yamldoc_kind_name(node));
	for (size_t i = 0; i < node->count; i++) {
		struct device_conf *device =
		    conf_device_read(&config->defaults, source, node->keys[i], node->items[i], err);

		if (device == NULL)
			return -1;
		put_device(config, indexed, device);
		if (!is_private)
			warn_of_password(config, doc, node->items[i]);
	}
	index_devices(config);
	return 0;
}

/* Everything that devices inherit first, from all files, then the devices. */
static int
read_docs(
    struct config *config, struct yamldoc *const *docs, const struct docfile *files, size_t count, struct np_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (read_globals(config, &(struct conf_source){docs[i], (unsigned)i}, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < count; i++) {
		const struct conf_source source = {docs[i], (unsigned)i};

		if (read_devices(config, &source, files[i].is_private, err) < 0)
			return -1;
	}
	return 0;
}

static int
share_of(int all)
{
	return all > USER_SHARE ? all / USER_SHARE : 1;
}

/* A system's broker has users, and rules about them. */
static int
complete_system(struct config *config, const char *file, struct np_error *err)
{
	if (config->policy.count == 0)
		return error_set(err, REASON_INVALID_PARAMS,
		    "%s: `policy` is missing, without which a system's broker does nothing for anybody: write who may "
		    "what, for example policy: [{role: " POLICY_USERS ", command: read_only, then: allow}]",
		    file);
	if (config->max_clients_per_user == 0)
		config->max_clients_per_user = share_of(config->max_clients);
	if (config->max_requests_per_user == 0)
		config->max_requests_per_user = share_of(config->max_queue);
	if (config->max_devices_per_user == 0)
		config->max_devices_per_user = USER_DEVICES;
	return 0;
}

struct config *
config_from_files(const struct docfile *files, size_t count, bool of_system, struct np_error *err)
{
	struct config *config = config_create(of_system);
	struct yamldoc **docs = xcalloc(count + 1, sizeof(*docs));
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		docs[i] = yamldoc_parse(files[i].text, files[i].size, files[i].path, true, FILE_NODES_MAX, err);
		r = docs[i] != NULL ? 0 : -1;
		strings_add(&config->files, files[i].path);
	}
	if (r == 0)
		r = read_docs(config, docs, files, count, err);
	if (r == 0 && of_system)
		r = complete_system(config, count > 0 ? files[count - 1].path : SYSTEM_FILE, err);
	for (size_t i = 0; i < count; i++)
		yamldoc_destroy(docs[i]);
	free(docs);
	if (r < 0) {
		config_unref(config);
		return NULL;
	}
	return config;
}

/* --- files --- */

/* What lies over the first file: the user's; named by hand, it must exist. */
static char *
second_file(bool of_system, bool *must_exist)
{
	const char *named = getenv("NETPULSE_CONFIG");
	const char *base = getenv("XDG_CONFIG_HOME");

	*must_exist = !of_system && named != NULL && named[0] != '\0';
	if (of_system)
		return xstrdup(SYSTEM_FILE);
	if (*must_exist)
		return xstrdup(named);
	if (base != NULL && base[0] == '/')
		return xasprintf("%s/netpulse/config.yaml", base);
	return paths_expand_home("~/.config/netpulse/config.yaml");
}

/* Reads a file into files[*count] unless it is missing. */
static int
add_file(struct docfile *files, size_t *count, const char *path, bool must_exist, struct np_error *err)
{
	if (docfile_read(path, must_exist, &files[*count], err) < 0)
		return -1;
	if (files[*count].exists)
		(*count)++;
	else
		docfile_finish(&files[*count]);
	return 0;
}

struct config *
config_load(const char *only_file, bool of_system, struct np_error *err)
{
	struct docfile files[FILES_MAX];
	struct config *config = NULL;
	size_t count = 0;
	bool must_exist;
	char *second = second_file(of_system, &must_exist);
	int r;

	if (only_file != NULL) {
		r = add_file(files, &count, only_file, true, err);
	} else {
		r = add_file(files, &count, COMMON_FILE, false, err);
		if (r == 0)
			r = add_file(files, &count, second, must_exist, err);
	}
	if (r == 0)
		config = config_from_files(files, count, of_system, err);
	for (size_t i = 0; i < count; i++)
		docfile_finish(&files[i]);
	free(second);
	return config;
}
