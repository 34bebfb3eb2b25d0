/*
 * Reading a mapping into a struct by its table of rows, and saying what is wrong with it.  Not here: single values
 * (schema_set.c).
 */
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "schema/schema.h"

#define ROWS_MAX 64 /* of one table: a bit each */
#define LIST_MAX 10000

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

static bool
applies(const struct schema_row *row, unsigned where)
{
	return where == 0 || (row->where & where) != 0;
}

const struct schema_row *
schema_find(const struct schema_table *table, unsigned where, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (applies(&table->rows[i], where) && strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	}
	return NULL;
}

/* --- errors --- */

int
schema_error_at(const struct schema_reader *r, const struct node *node)
{
	return r->doc != NULL ? yamldoc_error_at(r->doc, node->yaml, r->err) : -1;
}

int
schema_wrong_kind(
    const struct schema_reader *r, const struct schema_row *row, const struct node *node, const char *expected)
{
	return schema_error(r, node, "`%s` must be %s, not %s", row->name, expected, node_kind_name(node));
}

static const char *
nearest_name(const struct schema_table *table, unsigned where, const char *name)
{
	const char *names[ROWS_MAX];
	size_t count = 0;

	for (size_t i = 0; table->dialect == SCHEMA_SETTINGS && i < NP_COUNT(synonyms); i++) {
		if (strcmp(synonyms[i].word, name) == 0 && schema_find(table, where, synonyms[i].key) != NULL)
			return synonyms[i].key;
	}
	for (size_t i = 0; i < table->count && count < ROWS_MAX; i++) {
		if (applies(&table->rows[i], where))
			names[count++] = table->rows[i].name;
	}
	return text_nearest(name, names, count);
}

/* "unknown key `x` in a mode: did you mean `y`?" */
static int
error_unknown(
    const struct schema_table *table, const char *place, const char *name, const char *nearest, struct np_error *err)
{
	const char *noun = table->dialect == SCHEMA_PARAMS ? "param" : "key";
	const char *blank = place != NULL ? " " : "";

	place = place != NULL ? place : "";
	if (nearest != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "unknown %s `%s`%s%s: did you mean `%s`?", noun,
		    TEXT_SHOWN(name), blank, place, nearest);
	return error_set(err, REASON_INVALID_PARAMS, "unknown %s `%s`%s%s%s", noun, TEXT_SHOWN(name), blank, place,
	    table->dialect == SCHEMA_SETTINGS ? ": netpulse.yaml(5) lists the valid ones" : "");
}

/* Where a name that the table does not have belongs, or which was meant. */
static int
refuse_name(const struct schema_reader *r, const char *name)
{
	const struct schema_table *const *other = r->table->others;

	for (; other != NULL && *other != NULL; other++) {
		if (schema_find(*other, 0, name) != NULL)
			return error_set(r->err, REASON_INVALID_PARAMS, "`%s` belongs %s, not %s", TEXT_SHOWN(name),
			    (*other)->place, r->table->place);
	}
	return error_unknown(r->table, r->table->place, name, nearest_name(r->table, r->where, name), r->err);
}

int
schema_unknown_key(const struct schema_table *const *tables, const char *name, struct np_error *err)
{
	const char *nearest = NULL;

	for (size_t i = 0; tables[i] != NULL && nearest == NULL; i++)
		nearest = nearest_name(tables[i], 0, name);
	return error_unknown(tables[0], NULL, name, nearest, err);
}

/* --- reading --- */

static int
read_row(const struct schema_reader *r, const struct schema_row *row, const struct node *node, int line, void *base)
{
	bool settings = r->table->dialect == SCHEMA_SETTINGS;

	if (row->type == SCHEMA_APART || (r->table->dialect != SCHEMA_DEFINITION && node_is_null(node)))
		return 0;
	if (settings && node_is_blank(node) && row->type != SCHEMA_TEXTS && row->type != SCHEMA_BLOCK)
		return schema_error(r, node, "`%s` is empty: give a value or leave the key out", row->name);
	if (!(settings && node_is_blank(node)) && schema_set(r, row, node, base) < 0)
		return -1;
	if (r->note != NULL)
		r->note(r->arg, row, line);
	return 0;
}

/* Each once: in JSON a name may stand twice, and two readers may take either.  And one of a group. */
static int
note_seen(const struct schema_reader *r, const struct schema_row *row, const struct node *node, uint64_t *seen)
{
	for (size_t i = 0; i < r->table->count; i++) {
		const struct schema_row *other = &r->table->rows[i];

		if ((*seen >> i & 1) == 0)
			continue;
		if (other == row)
			return schema_error(r, node, "`%s` is given twice", row->name);
		if (row->group != 0 && other->group == row->group && !node_is_null(node))
			return schema_error(r, node, "give only one of `%s` and `%s`", other->name, row->name);
	}
	if (!node_is_null(node))
		*seen |= UINT64_C(1) << (row - r->table->rows);
	return 0;
}

static int
check_required(const struct schema_reader *r, const struct node *mapping, uint64_t seen)
{
	for (size_t i = 0; i < r->table->count; i++) {
		const struct schema_row *row = &r->table->rows[i];

		if ((row->flags & SCHEMA_REQUIRED) != 0 && applies(row, r->where) && (seen >> i & 1) == 0)
			return schema_error(r, mapping, "`%s` is missing", row->name);
	}
	return 0;
}

int
schema_read(const struct schema_reader *r, const struct node *mapping, void *base)
{
	struct node_walk walk = {0};
	uint64_t seen = 0;

	while (node_walk(mapping, &walk)) {
		const struct schema_row *row = schema_find(r->table, r->where, walk.key);
		int line = walk.key_yaml != NULL ? walk.key_yaml->line : 0;

		if (row == NULL && r->lenient)
			continue;
		if (row == NULL) {
			refuse_name(r, walk.key);
			return r->doc != NULL ? yamldoc_error_at(r->doc, walk.key_yaml, r->err) : -1;
		}
		if (note_seen(r, row, &walk.item, &seen) < 0 || read_row(r, row, &walk.item, line, base) < 0)
			return -1;
	}
	return check_required(r, mapping, seen);
}

int
schema_each(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base,
    int (*item)(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base))
{
	struct node_walk walk = {0};

	if (node->kind != YAMLDOC_SEQUENCE)
		return item(r, row, node, base);
	if (node_count(node) > LIST_MAX)
		return schema_error(r, node, "`%s` has more than %d elements", row->name, LIST_MAX);
	while (node_walk(node, &walk)) {
		if (item(r, row, &walk.item, base) < 0)
			return -1;
	}
	return 0;
}
