/*
 * Settings as rows of JSON; see conf_show.h.  The tables of keys that read the configuration also show it, so that no
 * key can be forgotten.
 */
#include "conf/conf_show.h"

#include <string.h>

#include "conf/conf_key.h"

/* Where rows are made from: the first list of origins that knows a key tells where it was given. */
struct show {
	cJSON *rows;
	const struct config *config;
	const struct conf_origins *own, *inherited; /* inherited may be NULL */
};

static cJSON *
strings_value(const struct conf_key *key, const void *base)
{
	char *const *v = *(char *const *const *)(const void *)((const char *)base + key->offset);
	size_t count = *(const size_t *)(const void *)((const char *)base + key->also);
	cJSON *list;

	if (count == 0)
		return cJSON_CreateNull();
	list = cJSON_CreateArray();
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(v[i]));
	return list;
}

static cJSON *
word_value(const struct conf_key *key, int value)
{
	for (const struct conf_word *w = key->words; w->word != NULL; w++) {
		if (w->value == value)
			return cJSON_CreateString(w->word);
	}
	return cJSON_CreateNull();
}

static cJSON *
key_value(const struct conf_key *key, const void *base)
{
	const void *field = (const char *)base + key->offset;
	double seconds;

	switch (key->type) {
	case CONF_STRING:
	case CONF_PATH:
		return *(char *const *)field != NULL ? cJSON_CreateString(*(char *const *)field) : cJSON_CreateNull();
	case CONF_BOOL:
		return cJSON_CreateBool(*(const bool *)field);
	case CONF_TRISTATE:
		return *(const int *)field >= 0 ? cJSON_CreateBool(*(const int *)field) : cJSON_CreateNull();
	case CONF_INT:
		return *(const int *)field != 0 ? cJSON_CreateNumber(*(const int *)field) : cJSON_CreateNull();
	case CONF_SECONDS:
		seconds = *(const double *)field;
		return seconds >= 0 ? cJSON_CreateNumber(seconds) : cJSON_CreateNull();
	case CONF_WORD:
		return word_value(key, *(const int *)field);
	case CONF_STRINGS:
		return strings_value(key, base);
	case CONF_BLOCK:
		break;
	}
	return cJSON_CreateNull();
}

static void
add_origin(cJSON *row, const struct config *config, const struct conf_origin *origin)
{
	bool known = origin != NULL && origin->file < config->files_count;

	cJSON_AddStringToObject(row, "origin", known ? "file" : "default");
	if (!known)
		return;
	cJSON_AddStringToObject(row, "file", config->files[origin->file]);
	cJSON_AddNumberToObject(row, "line", origin->line);
}

static void
add_row(const struct show *show, const struct conf_key *key, const void *base)
{
	const struct conf_origin *origin = conf_origin(show->own, key->name);
	cJSON *row = cJSON_CreateObject();

	if (origin == NULL && show->inherited != NULL)
		origin = conf_origin(show->inherited, key->name);
	cJSON_AddStringToObject(row, "key", key->name);
	if ((key->flags & CONF_SECRET) != 0)
		cJSON_AddBoolToObject(
		    row, "set", *(char *const *)(const void *)((const char *)base + key->offset) != NULL);
	else
		cJSON_AddItemToObject(row, "value", key_value(key, base));
	add_origin(row, show->config, origin);
	cJSON_AddItemToArray(show->rows, row);
}

static void
add_table(const struct show *show, const struct conf_table *table, const void *base)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->keys[i].type != CONF_BLOCK)
			add_row(show, &table->keys[i], base);
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

	add_table(&own, conf_device_table(), device);
	inherit_ssh_config(&own, device);
	add_table(&args, conf_args_table(), &device->args);
	return own.rows;
}

cJSON *
conf_show_globals(const struct config *config)
{
	const struct show show = {cJSON_CreateArray(), config, &config->origins, NULL};

	add_table(&show, conf_global_table(), config);
	add_table(&show, conf_args_table(), &config->defaults);
	return show.rows;
}
