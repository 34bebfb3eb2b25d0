/*
 * Reading a YAML mapping into a settings struct by its table of keys, and saying what is wrong with it.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_key.h"
#include "base/text.h"
#include "base/xalloc.h"

#define LIST_MAX 1000 /* elements of one list */

/* Words that people bring from other tools. */
static const struct {
	const char *word, *key;
} synonyms[] = {
    {"address", "host"},
    {"device", "name"},
    {"hostname", "host"},
    {"identity_file", "key_file"},
    {"identityfile", "key_file"},
    {"ip", "host"},
    {"keepalive_timeout", "keepalive_interval"},
    {"key", "key_file"},
    {"keyfile", "key_file"},
    {"passwd", "password"},
    {"platform", "device_type"},
    {"proxyjump", "proxy_jump"},
    {"type", "device_type"},
    {"user", "username"},
};

const struct conf_key *
conf_table_find(const struct conf_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->keys[i].name, name) == 0)
			return &table->keys[i];
	}
	return NULL;
}

static const char *
nearest_key(const struct conf_table *table, const char *name)
{
	const char *names[64];
	size_t count = 0;

	for (size_t i = 0; i < NP_COUNT(synonyms); i++) {
		if (strcmp(synonyms[i].word, name) == 0 && conf_table_find(table, synonyms[i].key) != NULL)
			return synonyms[i].key;
	}
	for (size_t i = 0; i < table->count && count < NP_COUNT(names); i++)
		names[count++] = table->keys[i].name;
	return text_nearest(name, names, count);
}

/* Where a key that table does not have belongs, or which was meant. */
static int
error_unknown(
    const struct conf_table *table, const struct conf_table *const *others, const char *name, struct np_error *err)
{
	char shown[64];
	const char *nearest;

	text_vis_into(shown, sizeof(shown), name);
	for (; others != NULL && *others != NULL; others++) {
		if (conf_table_find(*others, name) != NULL)
			return error_set(err, REASON_INVALID_PARAMS, "`%s` belongs %s, not %s", shown, (*others)->place,
			    table->place);
	}
	nearest = nearest_key(table, name);
	if (nearest != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "unknown key `%s` %s: did you mean `%s`?", shown,
		    table->place, nearest);
	return error_set(err, REASON_INVALID_PARAMS, "unknown key `%s` %s: netpulse.yaml(5) lists the valid ones",
	    shown, table->place);
}

int
conf_unknown_key(const struct conf_table *const *tables, const char *name, struct np_error *err)
{
	char shown[64];

	text_vis_into(shown, sizeof(shown), name);
	for (; *tables != NULL; tables++) {
		const char *nearest = nearest_key(*tables, name);

		if (nearest != NULL)
			return error_set(
			    err, REASON_INVALID_PARAMS, "unknown key `%s`: did you mean `%s`?", shown, nearest);
	}
	return error_set(err, REASON_INVALID_PARAMS, "unknown key `%s`: netpulse.yaml(5) lists the valid ones", shown);
}

static bool
is_null(const struct yamldoc_node *node)
{
	return node->kind == YAMLDOC_SCALAR && node->plain && yamldoc_text_is_null(node->text);
}

static bool
is_blank(const struct yamldoc_node *node)
{
	return node->kind == YAMLDOC_SCALAR && node->plain && node->text[0] == '\0';
}

static int
read_list(const struct conf_key *key, const struct yamldoc *doc, const struct yamldoc_node *node, void *base,
    struct np_error *err)
{
	const struct conf_key one = {.name = key->name, .type = CONF_STRING, .check = key->check};
	char ***field = (char ***)(void *)((char *)base + key->offset);
	size_t *count = (size_t *)(void *)((char *)base + key->also);

	if (node->kind != YAMLDOC_SEQUENCE)
		return yamldoc_error(
		    doc, node, err, "`%s` must be a list ([a, b]), not %s", key->name, yamldoc_kind_name(node));
	if (node->count > LIST_MAX)
		return yamldoc_error(doc, node, err, "`%s` has more than %d elements", key->name, LIST_MAX);
	for (size_t i = 0; i < node->count; i++) {
		const struct yamldoc_node *item = node->items[i];
		char *text = NULL;

		if (item->kind != YAMLDOC_SCALAR || is_null(item))
			return yamldoc_error(
			    doc, item, err, "each of `%s` must be text, not %s", key->name, yamldoc_kind_name(item));
		if (conf_key_set(
			&one, &text, &(struct conf_value){item->text, item->plain ? CONF_PLAIN : CONF_QUOTED}, err) < 0)
			return yamldoc_error_at(doc, item, err);
		*field = xreallocarray(*field, *count + 1, sizeof(char *));
		(*field)[(*count)++] = text;
	}
	return 0;
}

static int
read_value(const struct conf_key *key, const struct yamldoc *doc, const struct yamldoc_node *node, void *base,
    struct np_error *err)
{
	struct conf_value value = {node->text, node->plain ? CONF_PLAIN : CONF_QUOTED};

	/* null says that there is no value, as if the key were not there */
	if (key->type == CONF_BLOCK || is_null(node))
		return 0;
	if (key->type == CONF_STRINGS)
		return is_blank(node) ? 0 : read_list(key, doc, node, base, err);
	if (node->kind != YAMLDOC_SCALAR)
		return yamldoc_error(
		    doc, node, err, "`%s` must be a single value, not %s", key->name, yamldoc_kind_name(node));
	if (is_blank(node))
		return yamldoc_error(doc, node, err, "`%s` is empty: give a value or leave the key out", key->name);
	if (conf_key_set(key, base, &value, err) < 0)
		return yamldoc_error_at(doc, node, err);
	return 0;
}

/* --- origins --- */

/* Of a key that several files give, the last one counts. */
static void
note_origin(struct conf_origins *origins, const char *key, unsigned file, int line)
{
	size_t i = 0;

	while (i < origins->count && strcmp(origins->items[i].key, key) != 0)
		i++;
	if (i == origins->count)
		origins->items = xreallocarray(origins->items, ++origins->count, sizeof(origins->items[0]));
	origins->items[i] = (struct conf_origin){key, line, file};
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

/* --- whole mappings --- */

int
conf_table_read(const struct conf_table *table, const struct conf_table *const *others,
    const struct conf_source *source, const struct yamldoc_node *node, void *base, struct conf_origins *origins,
    struct np_error *err)
{
	const struct yamldoc *doc = source->doc;

	for (size_t i = 0; i < node->count; i++) {
		const struct conf_key *key = conf_table_find(table, node->keys[i]->text);

		if (key == NULL) {
			error_unknown(table, others, node->keys[i]->text, err);
			return yamldoc_error_at(doc, node->keys[i], err);
		}
		if (read_value(key, doc, node->items[i], base, err) < 0)
			return -1;
		if (doc->lines && key->type != CONF_BLOCK && !is_null(node->items[i]))
			note_origin(origins, key->name, source->file, node->keys[i]->line);
	}
	return 0;
}
