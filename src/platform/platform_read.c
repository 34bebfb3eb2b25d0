/*
 * Reading the YAML of a platform into its struct, key by key of the tables, and freeing by the same tables.  Not here:
 * questions, steps and modes (platform_dialogue.c).
 */
#include <stdlib.h>
#include <string.h>

#include "platform/platform_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define TEXT_MAX 2048

static void *
at(void *base, size_t offset)
{
	return (char *)base + offset;
}

int
platform_wrong_kind(const struct platform_reader *r, const struct yamldoc_node *node, const char *expected)
{
	return yamldoc_error(
	    r->doc, node, r->err, "`%s` must be %s, not %s", r->key->name, expected, yamldoc_kind_name(node));
}

/* --- scalars --- */

/* A plain `no` or `null` is no text: commands called so must be quoted. */
static int
check_text(const struct platform_reader *r, const struct yamldoc_node *node)
{
	bool ignored;

	if (node->kind != YAMLDOC_SCALAR || yamldoc_is_nothing(node))
		return platform_wrong_kind(r, node, "text");
	if (node->plain && yamldoc_text_bool(node->text, &ignored))
		return yamldoc_error(r->doc, node, r->err,
		    "`%s` must be text: put `%s` in quotes if that word is meant", r->key->name, node->text);
	if (strlen(node->text) > TEXT_MAX)
		return yamldoc_error(r->doc, node, r->err, "`%s` is longer than %d bytes", r->key->name, TEXT_MAX);
	return 0;
}

int
platform_read_text(const struct platform_reader *r, const struct yamldoc_node *node, char **field)
{
	if (check_text(r, node) < 0)
		return -1;
	free(*field);
	*field = xstrdup(node->text);
	return 0;
}

static int
read_bool(const struct platform_reader *r, const struct yamldoc_node *node, bool *field)
{
	if (node->kind != YAMLDOC_SCALAR || !node->plain || !yamldoc_text_bool(node->text, field))
		return platform_wrong_kind(r, node, "true or false");
	return 0;
}

static int
read_number(const struct platform_reader *r, const struct yamldoc_node *node, double *value)
{
	const struct platform_key *key = r->key;
	bool whole = key->type == PT_INT;

	if (node->kind != YAMLDOC_SCALAR || !node->plain ||
	    !(whole ? yamldoc_text_integer : yamldoc_text_number)(node->text, value))
		return platform_wrong_kind(r, node, whole ? "a whole number" : "a number of seconds");
	if (*value < key->min || *value > key->max)
		return yamldoc_error(
		    r->doc, node, r->err, "`%s` must be between %g and %g", key->name, key->min, key->max);
	return 0;
}

static int
read_int(const struct platform_reader *r, const struct yamldoc_node *node, int *field)
{
	double value = 0;

	if (read_number(r, node, &value) < 0)
		return -1;
	*field = (int)value;
	return 0;
}

static int
read_word(const struct platform_reader *r, const struct yamldoc_node *node, int *field)
{
	const char *names[16], *nearest;
	size_t n = 0;

	if (check_text(r, node) < 0)
		return -1;
	for (const struct platform_word *w = r->key->words; w->word != NULL; w++) {
		if (strcmp(w->word, node->text) == 0) {
			*field = w->value;
			return 0;
		}
		names[n++] = w->word;
	}
	nearest = text_nearest(node->text, names, n);
	return yamldoc_error(r->doc, node, r->err, "`%s` cannot be `%s`%s%s%s", r->key->name, node->text,
	    nearest != NULL ? ": did you mean `" : "", nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
}

/* --- lists --- */

/* One value, or each of a list of them; item() reads one. */
int
platform_read_each(const struct platform_reader *r, const struct yamldoc_node *node, void *field,
    int (*item)(const struct platform_reader *r, const struct yamldoc_node *node, void *field))
{
	if (node->kind != YAMLDOC_SEQUENCE)
		return item(r, node, field);
	if (node->count > PLATFORM_LIST_MAX)
		return yamldoc_error(
		    r->doc, node, r->err, "`%s` has more than %d entries", r->key->name, PLATFORM_LIST_MAX);
	for (size_t i = 0; i < node->count; i++) {
		if (item(r, node->items[i], field) < 0)
			return -1;
	}
	return 0;
}

struct texts {
	char **items;
	size_t count;
};

static int
add_text(const struct platform_reader *r, const struct yamldoc_node *node, void *field)
{
	struct texts *list = field;

	if (check_text(r, node) < 0)
		return -1;
	list->items = xreallocarray(list->items, list->count + 1, sizeof(char *));
	list->items[list->count++] = xstrdup(node->text);
	return 0;
}

static void
free_texts(char **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

static int
read_texts(const struct platform_reader *r, const struct yamldoc_node *node, char ***field, size_t *count)
{
	struct texts list = {NULL, 0};

	if (platform_read_each(r, node, &list, add_text) < 0) {
		free_texts(list.items, list.count);
		return -1;
	}
	free_texts(*field, *count);
	*field = list.items;
	*count = list.count;
	return 0;
}

static int
read_pattern(const struct platform_reader *r, const struct yamldoc_node *node, enum pattern_anchor anchor,
    struct pattern **field)
{
	struct pattern *p;

	if (check_text(r, node) < 0)
		return -1;
	p = pattern_create(node->text, anchor, r->err);
	if (p == NULL)
		return error_prefix(r->err, "%s:%d: `%s`", r->doc->name, node->line, r->key->name);
	pattern_destroy(*field);
	*field = p;
	return 0;
}

static int
add_pattern(const struct platform_reader *r, const struct yamldoc_node *node, void *field)
{
	if (check_text(r, node) < 0)
		return -1;
	if (pattern_list_add(field, node->text, r->err) < 0)
		return error_prefix(r->err, "%s:%d: `%s`", r->doc->name, node->line, r->key->name);
	return 0;
}

static int
read_patterns(const struct platform_reader *r, const struct yamldoc_node *node, struct pattern_list *list)
{
	pattern_list_finish(list);
	list->anchor = r->key->anchor;
	if (platform_read_each(r, node, list, add_pattern) < 0)
		return -1;
	pattern_list_seal(list);
	return 0;
}

/* --- tables --- */

static int
read_key(const struct platform_reader *r, const struct yamldoc_node *node, void *base)
{
	const struct platform_key *key = r->key;
	void *field = at(base, key->offset);

	switch (key->type) {
	case PT_TEXT:
		return platform_read_text(r, node, field);
	case PT_TEXTS:
		return read_texts(r, node, field, at(base, key->also));
	case PT_BOOL:
		return read_bool(r, node, field);
	case PT_INT:
		return read_int(r, node, field);
	case PT_SECONDS:
		return read_number(r, node, field);
	case PT_WORD:
		return read_word(r, node, field);
	case PT_PATTERN:
		return read_pattern(r, node, key->anchor, field);
	case PT_PATTERNS:
		return read_patterns(r, node, field);
	case PT_QUESTIONS:
		return platform_read_questions(r, node, field);
	case PT_STEP:
		return platform_read_one_step(r, node, field);
	case PT_STEPS:
		return platform_read_steps(r, node, field);
	case PT_MODES:
		return platform_read_modes(r, node, field, at(base, key->also));
	case PT_BLOCK:
		*(bool *)at(base, key->also) = true;
		if (node->kind != YAMLDOC_MAPPING)
			return platform_wrong_kind(r, node, "a mapping");
		return platform_table_read(key->table, r->doc, node, field, r->err);
	case PT_EXTENDS:
		return 0;
	}
	return 0;
}

static int
unknown_key(const struct platform_table *table, const struct yamldoc *doc, const struct yamldoc_node *node,
    struct np_error *err)
{
	const char *names[64], *nearest;
	char shown[64];
	size_t n = 0;

	for (; n < table->count && n < NP_COUNT(names); n++)
		names[n] = table->keys[n].name;
	nearest = text_nearest(node->text, names, n);
	text_vis_into(shown, sizeof(shown), node->text);
	return yamldoc_error(doc, node, err, "unknown key `%s` in %s%s%s%s", shown, table->what,
	    nearest != NULL ? ": did you mean `" : "", nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
}

int
platform_table_read(const struct platform_table *table, const struct yamldoc *doc, const struct yamldoc_node *node,
    void *base, struct np_error *err)
{
	for (size_t i = 0; i < node->count; i++) {
		struct platform_reader r = {doc, NULL, err};

		for (size_t k = 0; k < table->count && r.key == NULL; k++) {
			if (strcmp(table->keys[k].name, node->keys[i]->text) == 0)
				r.key = &table->keys[k];
		}
		if (r.key == NULL)
			return unknown_key(table, doc, node->keys[i], err);
		if (read_key(&r, node->items[i], base) < 0)
			return -1;
	}
	return 0;
}

static void
free_key(const struct platform_key *key, void *base)
{
	void *field = at(base, key->offset);
	struct platform_step **step;

	switch (key->type) {
	case PT_TEXT:
		free(*(char **)field);
		break;
	case PT_TEXTS:
		free_texts(*(char ***)field, *(size_t *)at(base, key->also));
		break;
	case PT_PATTERN:
		pattern_destroy(*(struct pattern **)field);
		break;
	case PT_PATTERNS:
		pattern_list_finish(field);
		break;
	case PT_QUESTIONS:
		platform_free_questions(field);
		break;
	case PT_STEP:
		step = field;
		if (*step != NULL)
			platform_table_free(platform_step_table(), *step);
		free(*step);
		break;
	case PT_STEPS:
		platform_free_steps(field);
		break;
	case PT_MODES:
		platform_free_modes(*(struct platform_mode ***)field, *(size_t *)at(base, key->also));
		break;
	case PT_BLOCK:
		platform_table_free(key->table, field);
		break;
	case PT_BOOL:
	case PT_INT:
	case PT_SECONDS:
	case PT_WORD:
	case PT_EXTENDS:
		break;
	}
}

void
platform_table_free(const struct platform_table *table, void *base)
{
	for (size_t i = 0; i < table->count; i++)
		free_key(&table->keys[i], base);
}
