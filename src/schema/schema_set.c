/*
 * Single values: from how they were written to how they are kept, or to what is wrong with them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "schema/schema.h"

#define SETTING_MAX 8192 /* bytes of one value */
#define DEFINITION_MAX 2048

static void *
member(const struct schema_row *row, void *base)
{
	return (char *)base + row->offset;
}

/* "`port` must be ..., not `x`"; what was written stays out of it when it may be a secret. */
static int
error_value(const struct schema_reader *r, const struct schema_row *row, const struct node *node, const char *expected)
{
	bool quoted = node->style == NODE_QUOTED;

	if ((row->flags & SCHEMA_SECRET) != 0)
		return schema_error(r, node, "`%s` must be %s", row->name, expected);
	return schema_error(r, node, "`%s` must be %s, not %s%s%s", row->name, expected, quoted ? "the text \"" : "`",
	    TEXT_SHOWN(node->text), quoted ? "\"" : "`");
}

/* --- text --- */

static bool
has_control_bytes(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	}
	return false;
}

/* What is written in a file is bounded; a setting is a line, unless the row says else. */
static int
check_written(const struct schema_reader *r, const struct schema_row *row, const struct node *node)
{
	bool setting = r->table->dialect == SCHEMA_SETTINGS;
	int max = setting ? SETTING_MAX : DEFINITION_MAX;

	if (setting && node->text[0] == '\0' && (row->flags & SCHEMA_MAY_BE_EMPTY) == 0)
		return schema_error(r, node, "`%s` is empty: give a value or leave the key out", row->name);
	if (strlen(node->text) > (size_t)max)
		return schema_error(r, node, "`%s` is longer than %d bytes", row->name, max);
	if (setting && (row->flags & SCHEMA_FREE_TEXT) == 0 && has_control_bytes(node->text))
		return schema_error(r, node, "`%s` holds a line break or control byte", row->name);
	return 0;
}

int
schema_check_text(const struct schema_reader *r, const struct schema_row *row, const struct node *node)
{
	bool ignored, blank = r->table->dialect == SCHEMA_DEFINITION && node_is_blank(node);

	if (node->kind != YAMLDOC_SCALAR || node_is_null(node) || blank)
		return schema_wrong_kind(r, row, node, "text");
	if (node->style == NODE_BARE)
		return error_value(r, row, node, "a string");
	if (node->style == NODE_PLAIN && yamldoc_text_bool(node->text, &ignored))
		return error_value(r, row, node, "text: put it in quotes if that word is meant");
	if (r->table->dialect != SCHEMA_PARAMS && check_written(r, row, node) < 0)
		return -1;
	if (row->check != NULL && row->check(row, node->text, r->err) < 0) {
		error_prefix(r->err, "`%s`", row->name);
		return schema_error_at(r, node);
	}
	return 0;
}

static int
set_text(const struct schema_reader *r NP_UNUSED, const struct schema_row *row, const struct node *node, void *base)
{
	char **field = member(row, base);

	secret_free(*field);
	*field = xstrdup(node->text);
	return 0;
}

static int
set_hidden(const struct schema_reader *r NP_UNUSED, const struct schema_row *row, const struct node *node, void *base)
{
	struct secret **field = member(row, base);

	secret_unref(*field);
	*field = secret_make(node->text);
	return 0;
}

/* --- paths --- */

/* Words that some rows have instead of a path. */
static bool
may_be_word(const struct schema_row *row, const char *text)
{
	return ((row->flags & SCHEMA_MAY_BE_NONE) != 0 && strcmp(text, "none") == 0) ||
	       ((row->flags & SCHEMA_MAY_BE_JOURNAL) != 0 && strcmp(text, "journal") == 0);
}

/* One path, or each of a list of them, with "~/" expanded; NULL where one is not absolute.  The caller frees it. */
static char *
expand_path(const struct schema_row *row, const char *text)
{
	const char *separator = (row->flags & SCHEMA_PATH_LIST) != 0 ? ":" : "";
	char *whole = NULL;

	for (;;) {
		size_t n = strcspn(text, separator);
		char *part = xstrndup(text, n), *path = paths_expand_home(part), *longer;
		bool good = path[0] == '/' || may_be_word(row, path);

		longer =
		    good ? xasprintf("%s%s%s", whole != NULL ? whole : "", whole != NULL ? separator : "", path) : NULL;
		free(whole);
		free(path);
		free(part);
		whole = longer;
		if (!good || text[n] == '\0')
			return whole;
		text += n + 1;
	}
}

static int
set_path(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	char **field = member(row, base), *path = expand_path(row, node->text);

	if (path == NULL)
		return error_value(r, row, node,
		    (row->flags & SCHEMA_PATH_LIST) != 0        ? "absolute paths or `~/...`, separated by colons"
		    : (row->flags & SCHEMA_MAY_BE_NONE) != 0    ? "an absolute path, `~/...` or `none`"
		    : (row->flags & SCHEMA_MAY_BE_JOURNAL) != 0 ? "an absolute path, `~/...` or `journal`"
								: "an absolute path or `~/...`");
	free(*field);
	*field = path;
	return 0;
}

/* --- booleans, numbers and words --- */

static int
set_bool(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	bool given = false;

	if (node->style == NODE_QUOTED || !yamldoc_text_bool(node->text, &given))
		return error_value(r, row, node, "true or false");
	if (row->type == SCHEMA_TRISTATE)
		*(int *)member(row, base) = given;
	else
		*(bool *)member(row, base) = given;
	return 0;
}

static int
error_number(const struct schema_reader *r, const struct schema_row *row, const struct node *node)
{
	bool may_be_endless = r->table->dialect != SCHEMA_DEFINITION && row->min <= 0;
	char expected[80];

	if (row->type == SCHEMA_SECONDS)
		snprintf(expected, sizeof(expected), "a number of seconds from %g to %.0f%s", row->min, row->max,
		    may_be_endless ? " (0 = no limit)" : "");
	else
		snprintf(expected, sizeof(expected), "a whole number from %.0f to %.0f", row->min, row->max);
	return error_value(r, row, node, expected);
}

static int
set_number(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	double number = 0;
	bool is_number =
	    node->style != NODE_QUOTED &&
	    (row->type == SCHEMA_SECONDS ? yamldoc_text_number : yamldoc_text_integer)(node->text, &number);

	if (!is_number || number < row->min || number > row->max)
		return error_number(r, row, node);
	if (row->type == SCHEMA_SECONDS)
		*(double *)member(row, base) = number + 0.0; /* -0 is 0 */
	else if (row->type == SCHEMA_SIZE)
		*(uint64_t *)member(row, base) = (uint64_t)number;
	else
		*(int *)member(row, base) = (int)number;
	return 0;
}

static int
error_word(const struct schema_reader *r, const struct schema_row *row, const struct node *node)
{
	char expected[128] = "one of";
	size_t used = strlen(expected);

	for (const struct schema_word *w = row->words; w->word != NULL && used < sizeof(expected); w++)
		used += (size_t)snprintf(expected + used, sizeof(expected) - used, " %s", w->word);
	return error_value(r, row, node, expected);
}

static int
set_word(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	for (const struct schema_word *w = row->words; w->word != NULL; w++) {
		if (node->style != NODE_BARE && strcmp(w->word, node->text) == 0) {
			*(int *)member(row, base) = w->value;
			return 0;
		}
	}
	return error_word(r, row, node);
}

/* --- lists of texts --- */

static int
add_text(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	if (r->table->dialect != SCHEMA_DEFINITION && (node->kind != YAMLDOC_SCALAR || node_is_null(node)))
		return schema_error(r, node, "each of `%s` must be text, not %s", row->name, node_kind_name(node));
	if (schema_check_text(r, row, node) < 0)
		return -1;
	strings_add(member(row, base), node->text);
	return 0;
}

/* "a,b" as on a command line. */
static int
add_option(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	char *copy = xstrdup(node->text), *rest = copy, *text;
	struct node one;
	int result = 0;

	while (result == 0 && (text = strsep(&rest, ",")) != NULL) {
		node_of_option(&one, text);
		result = add_text(r, row, &one, base);
	}
	free(copy);
	return result;
}

static int
set_texts(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	if (r->table->dialect != SCHEMA_DEFINITION && node->style != NODE_OPTION && node->kind != YAMLDOC_SEQUENCE)
		return schema_wrong_kind(r, row, node, "a list ([a, b])");
	schema_free_row(row, base);
	return node->style == NODE_OPTION ? add_option(r, row, node, base) : schema_each(r, row, node, base, add_text);
}

/* --- any of them --- */

/* Reads a struct that row holds, over what it is. */
static int
read_struct(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	const struct schema_table *table = row->table;
	struct schema_reader inner = *r;
	int result;

	inner.table = table;
	if (row->type == SCHEMA_LIST)
		inner.note = NULL; /* keys of elements are no settings that a name could tell */
	if (table->brief && node->kind == YAMLDOC_SCALAR)
		return schema_check_text(r, row, node) == 0 ? schema_set(&inner, &table->rows[0], node, base) : -1;
	if (node->kind != YAMLDOC_MAPPING)
		return schema_wrong_kind(r, row, node, table->expected != NULL ? table->expected : "a mapping");
	result = schema_read(&inner, node, base);
	return result == 0 && table->complete != NULL ? table->complete(r, row, node, base) : result;
}

static int
add_struct(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	char **items = member(row, base), *item;
	size_t *count = (size_t *)(void *)((char *)base + row->also), size = row->table->size;

	*items = xreallocarray(*items, *count + 1, size);
	item = *items + (*count)++ * size;
	memset(item, 0, size);
	return read_struct(r, row, node, item);
}

static int
set_struct(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	void **one = member(row, base);

	if (node->style == NODE_OPTION)
		return schema_error(r, node, "`%s` cannot be set this way", row->name);
	if (row->type == SCHEMA_BLOCK)
		return read_struct(r, row, node, one);
	schema_free_row(row, base);
	if (row->type == SCHEMA_LIST)
		return schema_each(r, row, node, base, add_struct);
	if (node_is_null(node) || node_is_blank(node))
		return 0;
	*one = xcalloc(1, row->table->size);
	return read_struct(r, row, node, *one);
}

static int
set_kind(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	return row->kind->read(r, row, node, base);
}

/* expected: what it must be, where it is no list and no mapping; text: which set() need not check. */
static const struct {
	int (*set)(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base);
	const char *expected;
	bool text;
} types[] = {
    [SCHEMA_TEXT] = {set_text, "text", true},
    [SCHEMA_HIDDEN] = {set_hidden, "text", true},
    [SCHEMA_PATH] = {set_path, "text", true},
    [SCHEMA_BOOL] = {set_bool, "true or false", false},
    [SCHEMA_TRISTATE] = {set_bool, "true or false", false},
    [SCHEMA_INT] = {set_number, "a whole number", false},
    [SCHEMA_SIZE] = {set_number, "a whole number", false},
    [SCHEMA_SECONDS] = {set_number, "a number of seconds", false},
    [SCHEMA_WORD] = {set_word, "text", false},
    [SCHEMA_TEXTS] = {set_texts, NULL, false},
    [SCHEMA_BLOCK] = {set_struct, NULL, false},
    [SCHEMA_ONE] = {set_struct, NULL, false},
    [SCHEMA_LIST] = {set_struct, NULL, false},
    [SCHEMA_KIND] = {set_kind, NULL, false},
    [SCHEMA_APART] = {NULL, NULL, false},
};

int
schema_set(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	const char *expected = types[row->type].expected;
	bool has_given = row->also != 0 && row->type != SCHEMA_LIST && row->type != SCHEMA_KIND;

	if (types[row->type].set == NULL)
		return schema_error(r, node, "`%s` cannot be set this way", row->name);
	if (expected != NULL && (node->kind != YAMLDOC_SCALAR || node_is_null(node)))
		return schema_wrong_kind(r, row, node, expected);
	if (types[row->type].text && schema_check_text(r, row, node) < 0)
		return -1;
	if (types[row->type].set(r, row, node, base) < 0)
		return -1;
	if (has_given)
		*(bool *)((char *)base + row->also) = true;
	return 0;
}
