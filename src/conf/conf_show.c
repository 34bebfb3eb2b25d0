/*
 * Settings as rows of JSON; see conf_show.h.  The tables of keys that read the configuration also show it, so that no
 * key can be forgotten.
 */
#include "conf/conf_show.h"

#include <string.h>

#include "conf/conf_impl.h"

/* Where rows are made from: the first list of origins that knows a key tells where it was given. */
struct show {
	cJSON *rows;
	const struct config *config;
	const struct conf_origins *own, *inherited; /* inherited may be NULL */
};

static void
add_origin(cJSON *row, const struct config *config, const struct conf_origin *origin)
{
	bool known = origin != NULL && origin->file < config->files.n;

	cJSON_AddStringToObject(row, "origin", known ? "file" : "default");
	if (!known)
		return;
	cJSON_AddStringToObject(row, "file", config->files.v[origin->file]);
	cJSON_AddNumberToObject(row, "line", origin->line);
}

static void
add_row(const struct show *show, const struct schema_row *key, const void *base)
{
	const struct conf_origin *origin = conf_origin(show->own, key->name);
	cJSON *row = cJSON_CreateObject(), *value = schema_show_value(key, base);
	bool secret = (key->flags & SCHEMA_SECRET) != 0;

	if (origin == NULL && show->inherited != NULL)
		origin = conf_origin(show->inherited, key->name);
	if (value == NULL)
		value = secret ? cJSON_CreateFalse() : cJSON_CreateNull();
	cJSON_AddStringToObject(row, "key", key->name);
	cJSON_AddItemToObject(row, secret ? "set" : "value", value);
	add_origin(row, show->config, origin);
	cJSON_AddItemToArray(show->rows, row);
}

static void
add_table(const struct show *show, const struct schema_table *table, const void *base)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].type != SCHEMA_APART && table->rows[i].table != &conf_args_table)
			add_row(show, &table->rows[i], base);
	}
}

cJSON *
conf_show_row(const cJSON *rows, const char *key)
{
	cJSON *row;

	cJSON_ArrayForEach (row, rows) {
		if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "key")), key) == 0)
			return row;
	}
	return NULL;
}

void
conf_show_set(cJSON *rows, const char *key, cJSON *value, const char *origin)
{
	cJSON *row = conf_show_row(rows, key);

	if (row == NULL) {
		cJSON_Delete(value);
		return;
	}
	cJSON_ReplaceItemInObjectCaseSensitive(row, "value", value);
	if (origin == NULL)
		return;
	cJSON_ReplaceItemInObjectCaseSensitive(row, "origin", cJSON_CreateString(origin));
	cJSON_DeleteItemFromObjectCaseSensitive(row, "file");
	cJSON_DeleteItemFromObjectCaseSensitive(row, "line");
}

/* A device that names no configuration of ssh's has the one that is named for all. */
static void
inherit_ssh_config(const struct show *show, const struct device_conf *device)
{
	const struct config *config = show->config;

	if (device->ssh_config != NULL || config->ssh_config == NULL)
		return;
	conf_show_set(show->rows, "ssh_config", cJSON_CreateString(config->ssh_config), "default");
	cJSON_DeleteItemFromObjectCaseSensitive(conf_show_row(show->rows, "ssh_config"), "origin");
	add_origin(conf_show_row(show->rows, "ssh_config"), config, conf_origin(&config->origins, "ssh_config"));
}

cJSON *
conf_show_device(const struct config *config, const struct device_conf *device)
{
	const struct show own = {cJSON_CreateArray(), config, &device->origins, NULL};
	const struct show args = {own.rows, config, &device->origins, &config->origins};

	add_table(&own, &conf_device_table, device);
	inherit_ssh_config(&own, device);
	add_table(&args, &conf_args_table, &device->args);
	return own.rows;
}

cJSON *
conf_show_globals(const struct config *config)
{
	const struct show show = {cJSON_CreateArray(), config, &config->origins, NULL};

	add_table(&show, &conf_global_table, config);
	add_table(&show, &conf_args_table, &config->defaults);
	return show.rows;
}
