/*
 * What only platforms are made of: expressions, lists of them, modes by name.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/xalloc.h"
#include "platform/platform_impl.h"

#define MODES_MAX 256

/* --- expressions --- */

/* Keys whose expressions may match nothing at all: blank lines before a prompt, parts that are missing, an empty end.
 */
static bool
may_be_empty(const char *key)
{
	static const char *const keys[] = {"prompt_context", "mask", "end"};

	for (size_t i = 0; i < NP_COUNT(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

/* The expression at node, or NULL with err. */
static struct pattern *
make_pattern(const struct schema_reader *r, const struct schema_row *row, const struct node *node)
{
	struct pattern *pattern;

	if (schema_check_text(r, row, node) < 0)
		return NULL;
	pattern = pattern_create(node->text, (enum pattern_anchor)row->detail, r->err);
	if (pattern == NULL) {
		error_prefix(r->err, "`%s`", row->name);
		schema_error_at(r, node);
		return NULL;
	}
	if (pattern_matches(pattern, "", 0) && !may_be_empty(row->name))
		schema_error(r, node, "`%s`: the expression `%s` also matches an empty line: say what must be there",
		    row->name, node->text);
	else if (pattern_is_costly(pattern))
		schema_error(r, node,
		    "`%s`: the expression `%s` takes too long on long lines: avoid nested repetitions", row->name,
		    node->text);
	else
		return pattern;
	pattern_destroy(pattern);
	return NULL;
}

static struct pattern **
pattern_of(const struct schema_row *row, void *base)
{
	return (struct pattern **)(void *)((char *)base + row->offset);
}

static void
free_pattern(const struct schema_row *row, void *base)
{
	pattern_destroy(*pattern_of(row, base));
	*pattern_of(row, base) = NULL;
}

static int
read_pattern(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	free_pattern(row, base);
	*pattern_of(row, base) = make_pattern(r, row, node);
	return *pattern_of(row, base) != NULL ? 0 : -1;
}

static cJSON *
show_pattern(const struct schema_row *row, const void *base)
{
	const struct pattern *pattern = *(struct pattern *const *)(const void *)((const char *)base + row->offset);

	return pattern != NULL ? cJSON_CreateString(pattern_text(pattern)) : NULL;
}

const struct schema_kind platform_pattern_kind = {"expression", read_pattern, show_pattern, free_pattern};

/* --- lists of expressions --- */

static struct pattern_list *
patterns_of(const struct schema_row *row, void *base)
{
	return (struct pattern_list *)(void *)((char *)base + row->offset);
}

static int
add_pattern(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct pattern *pattern = make_pattern(r, row, node);

	if (pattern == NULL)
		return -1;
	pattern_list_add(patterns_of(row, base), pattern);
	return 0;
}

static void
free_patterns(const struct schema_row *row, void *base)
{
	pattern_list_finish(patterns_of(row, base));
}

static int
read_patterns(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct pattern_list *list = patterns_of(row, base);

	pattern_list_finish(list);
	list->anchor = (enum pattern_anchor)row->detail;
	if (schema_each(r, row, node, base, add_pattern) < 0)
		return -1;
	pattern_list_seal(list);
	return 0;
}

static cJSON *
show_patterns(const struct schema_row *row, const void *base)
{
	const struct pattern_list *list = (const void *)((const char *)base + row->offset);
	cJSON *array = list->count > 0 ? cJSON_CreateArray() : NULL;

	for (size_t i = 0; i < list->count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(pattern_text(list->items[i])));
	return array;
}

const struct schema_kind platform_patterns_kind = {"list of expressions", read_patterns, show_patterns, free_patterns};

/* --- modes --- */

/* The mode of that name, empty.  A definition that extends another says a mode anew, as a whole. */
static struct platform_mode *
mode_slot(struct platform *p, const char *name)
{
	struct platform_mode *mode;

	for (size_t i = 0; i < p->modes_count; i++) {
		mode = p->modes[i];
		if (strcmp(mode->name, name) != 0)
			continue;
		schema_free(&platform_mode_table, mode);
		*mode = (struct platform_mode){.name = mode->name};
		return mode;
	}
	mode = xcalloc(1, sizeof(*mode));
	mode->name = xstrdup(name);
	p->modes = xreallocarray(p->modes, p->modes_count + 1, sizeof(struct platform_mode *));
	p->modes[p->modes_count++] = mode;
	return mode;
}

static int
read_mode(const struct schema_reader *r, const struct node_walk *walk, struct platform_mode *mode)
{
	struct schema_reader inner = *r;

	inner.table = &platform_mode_table;
	mode->line = walk->key_yaml->line;
	if (walk->item.kind != YAMLDOC_MAPPING)
		return schema_error(
		    r, &walk->item, "mode `%s` must be a mapping, not %s", mode->name, node_kind_name(&walk->item));
	if (schema_read(&inner, &walk->item, mode) < 0)
		return -1;
	if (mode->prompt == NULL)
		return yamldoc_error(r->doc, walk->key_yaml, r->err,
		    "mode `%s` needs `prompt`: the expression of its prompt", mode->name);
	return 0;
}

static int
read_modes(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct node_walk walk = {0};

	if (node->kind != YAMLDOC_MAPPING)
		return schema_wrong_kind(r, row, node, "a mapping of names to modes");
	if (node_count(node) > MODES_MAX)
		return schema_error(r, node, "more than %d modes", MODES_MAX);
	while (node_walk(node, &walk)) {
		if (read_mode(r, &walk, mode_slot(base, walk.key)) < 0)
			return -1;
	}
	return 0;
}

static cJSON *
show_modes(const struct schema_row *row NP_UNUSED, const void *base)
{
	const struct platform *p = base;
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < p->modes_count; i++)
		cJSON_AddItemToObject(o, p->modes[i]->name, schema_show(&platform_mode_table, p->modes[i]));
	return o;
}

static void
free_modes(const struct schema_row *row NP_UNUSED, void *base)
{
	struct platform *p = base;

	for (size_t i = 0; i < p->modes_count; i++) {
		schema_free(&platform_mode_table, p->modes[i]);
		free(p->modes[i]->name);
		free(p->modes[i]);
	}
	free(p->modes);
	p->modes = NULL;
	p->modes_count = 0;
}

const struct schema_kind platform_modes_kind = {"mapping of names to modes", read_modes, show_modes, free_modes};
