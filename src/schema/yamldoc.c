/*
 * The tree of a YAML document, built from libyaml's events.
 *
 * Not here: what the keys mean (schema.h).  Events rather than libyaml's own document tree, because
 * that one resolves aliases, keeps duplicate keys and has no bound on nesting.
 */
#include "schema/yamldoc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/text.h"
#include "base/xalloc.h"

struct builder {
	yaml_parser_t parser;
	yaml_event_t event; /* the present one */
	const struct yamldoc *doc;
	const char *text;
	size_t size;
	size_t nodes_left;
	struct np_error *err;
};

static void
node_destroy(struct yamldoc_node *node)
{
	if (node == NULL)
		return;
	for (size_t i = 0; i < node->count; i++) {
		if (node->keys != NULL)
			node_destroy(node->keys[i]);
		node_destroy(node->items[i]);
	}
	free(node->keys);
	free(node->items);
	secret_free(node->text);
	free(node);
}

void
yamldoc_destroy(struct yamldoc *doc)
{
	if (doc == NULL)
		return;
	node_destroy(doc->root);
	free(doc->name);
	free(doc);
}

static int
error_at_line(const struct yamldoc *doc, int line, struct np_error *err)
{
	if (doc->lines)
		return error_prefix(err, "%s:%d", doc->name, line);
	return error_prefix(err, "%s", doc->name);
}

int
yamldoc_error_at(const struct yamldoc *doc, const struct yamldoc_node *node, struct np_error *err)
{
	return error_at_line(doc, node != NULL ? node->line : 1, err);
}

/* --- scanning --- */

static int
line_of_offset(const struct builder *b, size_t offset)
{
	int line = 1;

	for (size_t i = 0; i < offset && i < b->size; i++) {
		if (b->text[i] == '\n')
			line++;
	}
	return line;
}

/* What most often stands behind a message of libyaml's scanner. */
static const struct {
	const char *problem, *hint;
} hints[] = {
    {"cannot start any token",
	" (indent with spaces, not tabs; put text that begins with a special character in quotes)"},
    {"tab character", " (indent with spaces)"},
    {"mapping values are not allowed", " (check the indentation; put text that holds `: ` in quotes)"},
    {"find expected key", " (check the indentation and the quotes)"},
    {"Unicode character escape", " (write the character itself instead of \\u escapes)"},
    {"alphabetic or numeric", " (put text that begins with & or * in quotes)"},
    {"find expected ':'", " (is a `:` missing behind the key?)"},
};

static const char *
problem_hint(const char *problem)
{
	for (size_t i = 0; i < NP_COUNT(hints); i++) {
		if (strstr(problem, hints[i].problem) != NULL)
			return hints[i].hint;
	}
	return "";
}

static int
builder_problem(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem != NULL ? p->problem : "out of memory";
	char context[128] = "";
	int line = (int)p->problem_mark.line + 1;

	if (p->error == YAML_READER_ERROR)
		line = line_of_offset(b, p->problem_offset);
	else if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		snprintf(context, sizeof(context), " %s that begins in line %zu", p->context, p->context_mark.line + 1);
	error_set(
	    b->err, REASON_INVALID_PARAMS, "%s%s%s", problem, b->doc->lines ? context : "", problem_hint(problem));
	return error_at_line(b->doc, line, b->err);
}

static void
builder_event_clear(struct builder *b)
{
	if (b->event.type == YAML_SCALAR_EVENT)
		secret_wipe(b->event.data.scalar.value, b->event.data.scalar.length);
	yaml_event_delete(&b->event);
}

/* Moves on to the next event. */
static int
builder_next(struct builder *b)
{
	builder_event_clear(b);
	if (!yaml_parser_parse(&b->parser, &b->event))
		return builder_problem(b);
	return 0;
}

static int
builder_line(const struct builder *b)
{
	return (int)b->event.start_mark.line + 1;
}

/* --- building --- */

/* Sets the error, with the line of the present event; -1. */
#define fail(b, ...)                                                                                                   \
	(error_set((b)->err, REASON_INVALID_PARAMS, __VA_ARGS__), error_at_line((b)->doc, builder_line(b), (b)->err))

/* The same for who returns a node. */
#define refuse(b, ...) (fail((b), __VA_ARGS__), (struct yamldoc_node *)NULL)

static struct yamldoc_node *
node_create(struct builder *b, enum yamldoc_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct yamldoc_node *node;

	if (anchor != NULL || tag != NULL)
		return refuse(b, "YAML %s%s`) are not supported: if text is meant, put it in quotes",
		    anchor != NULL ? "anchors (`&" : "tags (`",
		    TEXT_SHOWN((const char *)(anchor != NULL ? anchor : tag)));
	if (b->nodes_left == 0)
		return refuse(b, "too many values");
	b->nodes_left--;
	node = xcalloc(1, sizeof(*node));
	node->kind = kind;
	node->line = builder_line(b);
	return node;
}

static struct yamldoc_node *
build_scalar(struct builder *b)
{
	const char *value = (const char *)b->event.data.scalar.value;
	size_t length = b->event.data.scalar.length;
	struct yamldoc_node *node;

	if (memchr(value, '\0', length) != NULL)
		return refuse(b, "a NUL byte in text");
	node = node_create(b, YAMLDOC_SCALAR, b->event.data.scalar.anchor, b->event.data.scalar.tag);
	if (node == NULL)
		return NULL;
	node->text = xstrndup(value, length);
	node->plain = b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return node;
}

static struct yamldoc_node *build_node(struct builder *b, int depth);

/* The present event as a key; the next one is that of its value. */
static struct yamldoc_node *
build_key(struct builder *b)
{
	struct yamldoc_node *key;

	if (b->event.type != YAML_SCALAR_EVENT)
		return refuse(b, "a key must be text, not %s",
		    b->event.type == YAML_ALIAS_EVENT ? "an alias" : "a list or a mapping");
	key = build_scalar(b);
	if (key != NULL && builder_next(b) < 0) {
		node_destroy(key);
		return NULL;
	}
	return key;
}

static int
compare_keys(const void *a, const void *b)
{
	const struct yamldoc_node *const *x = a, *const *y = b;
	int order = strcmp((*x)->text, (*y)->text);

	return order != 0 ? order : (*x)->line - (*y)->line;
}

static int
refuse_duplicates(struct builder *b, const struct yamldoc_node *node)
{
	struct yamldoc_node **sorted;
	int r = 0;

	if (node->count < 2)
		return 0;
	sorted = xmemdup(node->keys, node->count * sizeof(struct yamldoc_node *));
	qsort(sorted, node->count, sizeof(struct yamldoc_node *), compare_keys);
	for (size_t i = 1; i < node->count && r == 0; i++) {
		if (strcmp(sorted[i - 1]->text, sorted[i]->text) != 0)
			continue;
		if (b->doc->lines)
			error_set(b->err, REASON_INVALID_PARAMS,
			    "key `%s` appears a second time (first in line %d): remove one",
			    TEXT_SHOWN(sorted[i]->text), sorted[i - 1]->line);
		else
			error_set(b->err, REASON_INVALID_PARAMS, "key `%s` appears twice: remove one",
			    TEXT_SHOWN(sorted[i]->text));
		r = yamldoc_error_at(b->doc, sorted[i], b->err);
	}
	free(sorted);
	return r;
}

/* What is in a list or a mapping, up to its end, which is the present event then. */
static int
build_items(struct builder *b, struct yamldoc_node *node, int depth)
{
	bool mapping = node->kind == YAMLDOC_MAPPING;

	while (builder_next(b) == 0) {
		struct yamldoc_node *key = NULL, *item;

		if (b->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (b->event.type == YAML_MAPPING_END_EVENT)
			return refuse_duplicates(b, node);
		if (mapping && (key = build_key(b)) == NULL)
			return -1;
		item = build_node(b, depth + 1);
		if (item == NULL) {
			node_destroy(key);
			return -1;
		}
		if ((node->count & (node->count - 1)) == 0) { /* doubles at each power of two */
			size_t room = node->count == 0 ? 1 : node->count * 2;

			node->items = xreallocarray(node->items, room, sizeof(item));
			node->keys = mapping ? xreallocarray(node->keys, room, sizeof(key)) : NULL;
		}
		if (mapping)
			node->keys[node->count] = key;
		node->items[node->count++] = item;
	}
	return -1;
}

static struct yamldoc_node *
build_collection(struct builder *b, struct yamldoc_node *node, int depth)
{
	if (node != NULL && depth >= YAMLDOC_DEPTH_MAX)
		fail(b, "nested deeper than %d levels", YAMLDOC_DEPTH_MAX);
	else if (node == NULL || build_items(b, node, depth) == 0)
		return node;
	node_destroy(node);
	return NULL;
}

/* The node that begins with the present event; when done, the present event is its last one. */
static struct yamldoc_node *
build_node(struct builder *b, int depth)
{
	switch (b->event.type) {
	case YAML_SCALAR_EVENT:
		return build_scalar(b);
	case YAML_SEQUENCE_START_EVENT:
		return build_collection(b,
		    node_create(
			b, YAMLDOC_SEQUENCE, b->event.data.sequence_start.anchor, b->event.data.sequence_start.tag),
		    depth);
	case YAML_MAPPING_START_EVENT:
		return build_collection(b,
		    node_create(
			b, YAMLDOC_MAPPING, b->event.data.mapping_start.anchor, b->event.data.mapping_start.tag),
		    depth);
	case YAML_ALIAS_EVENT:
		return refuse(b, "YAML aliases (`*%s`) are not supported: if text is meant, put it in quotes",
		    TEXT_SHOWN((const char *)b->event.data.alias.anchor));
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		break;
	}
	return refuse(b, "not valid YAML");
}

/* Stream start, at most one document, stream end. */
static int
build_stream(struct builder *b, struct yamldoc *doc)
{
	if (builder_next(b) < 0 || builder_next(b) < 0)
		return -1;
	if (b->event.type == YAML_STREAM_END_EVENT)
		return 0;
	if (builder_next(b) < 0)
		return -1;
	doc->root = build_node(b, 0);
	if (doc->root == NULL)
		return -1;
	if (builder_next(b) < 0 || builder_next(b) < 0)
		return -1;
	if (b->event.type != YAML_STREAM_END_EVENT)
		return fail(b, "a second document: put everything into one");
	return 0;
}

/* libyaml frees its buffers as they are; they held whatever secrets the text holds. */
static void
parser_finish(yaml_parser_t *p)
{
	secret_wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
	secret_wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
	yaml_parser_delete(p);
}

struct yamldoc *
yamldoc_parse(const char *text, size_t size, const char *name, bool lines, size_t max_nodes, struct np_error *err)
{
	struct yamldoc *doc = xcalloc(1, sizeof(*doc));
	struct builder b = {.doc = doc, .text = text, .size = size, .nodes_left = max_nodes, .err = err};
	int r = -1;

	doc->name = xstrdup(name);
	doc->lines = lines;
	if (size > YAMLDOC_SIZE_MAX) {
		error_set(err, REASON_INVALID_PARAMS, "%s: larger than %d MiB", name, YAMLDOC_SIZE_MAX >> 20);
	} else if (!yaml_parser_initialize(&b.parser)) {
		error_set(err, REASON_INTERNAL, "%s: out of memory", name);
	} else {
		yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
		r = build_stream(&b, doc);
		builder_event_clear(&b);
		parser_finish(&b.parser);
	}
	if (r < 0) {
		yamldoc_destroy(doc);
		return NULL;
	}
	return doc;
}

/* --- reading --- */

const char *
yamldoc_kind_name(const struct yamldoc_node *node)
{
	switch (node->kind) {
	case YAMLDOC_MAPPING:
		return "a mapping";
	case YAMLDOC_SEQUENCE:
		return "a list";
	case YAMLDOC_SCALAR:
		break;
	}
	if (!node->plain)
		return "text in quotes";
	return yamldoc_is_nothing(node) ? "nothing" : "a value";
}

bool
yamldoc_is_nothing(const struct yamldoc_node *node)
{
	return node->kind == YAMLDOC_SCALAR && node->plain &&
	       (node->text[0] == '\0' || yamldoc_text_is_null(node->text));
}

const struct yamldoc_node *
yamldoc_get(const struct yamldoc_node *mapping, const char *key)
{
	if (mapping->kind != YAMLDOC_MAPPING)
		return NULL;
	for (size_t i = 0; i < mapping->count; i++) {
		if (strcmp(mapping->keys[i]->text, key) == 0)
			return mapping->items[i];
	}
	return NULL;
}
