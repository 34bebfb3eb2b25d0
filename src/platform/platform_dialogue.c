/*
 * Reading the parts of a platform that speak: questions and their answers, steps, modes.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/platform_impl.h"
#include "base/xalloc.h"

/* --- questions --- */

static void
free_question(struct platform_question *q)
{
	pattern_destroy(q->match);
	free(q->text);
}

void
platform_free_questions(struct platform_questions *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_question(&list->items[i]);
	free(list->items);
	*list = (struct platform_questions){NULL, 0};
}

struct question_keys {
	struct pattern *match;
	char *send, *keys;
	int reply;
};

static const struct platform_word replies[] = {
    {"username", PLATFORM_USERNAME}, {"password", PLATFORM_PASSWORD}, {"secret", PLATFORM_SECRET}, {NULL, 0}};

static const struct platform_key question_keys[] = {
    {"match", PT_PATTERN, .offset = offsetof(struct question_keys, match), .anchor = PATTERN_END},
    {"send", PT_TEXT, .offset = offsetof(struct question_keys, send)},
    {"keys", PT_TEXT, .offset = offsetof(struct question_keys, keys)},
    {"reply", PT_WORD, .offset = offsetof(struct question_keys, reply), .words = replies},
};

static const struct platform_table question_table = {"a question", question_keys, NP_COUNT(question_keys)};

static int
read_question(const struct platform_reader *r, const struct yamldoc_node *node, struct platform_question *q)
{
	struct question_keys k = {NULL, NULL, NULL, -1};
	int given;

	if (node->kind != YAMLDOC_MAPPING)
		return platform_wrong_kind(r, node, "a mapping with `match` and one of `send`, `keys`, `reply`");
	if (platform_table_read(&question_table, r->doc, node, &k, r->err) < 0) {
		platform_table_free(&question_table, &k);
		return -1;
	}
	given = (k.send != NULL) + (k.keys != NULL) + (k.reply >= 0);
	if (k.match == NULL || given != 1) {
		platform_table_free(&question_table, &k);
		return yamldoc_error(r->doc, node, r->err,
		    "a question of `%s` needs `match` and exactly one of `send`, `keys`, `reply`", r->key->name);
	}
	q->match = k.match;
	q->text = k.send != NULL ? k.send : k.keys;
	q->reply = k.reply >= 0 ? (enum platform_reply)k.reply : k.send != NULL ? PLATFORM_TEXT : PLATFORM_KEYS;
	return 0;
}

static int
add_question(const struct platform_reader *r, const struct yamldoc_node *node, void *field)
{
	struct platform_questions *list = field;

	list->items = xreallocarray(list->items, list->count + 1, sizeof(list->items[0]));
	list->items[list->count] = (struct platform_question){0};
	return read_question(r, node, &list->items[list->count++]);
}

int
platform_read_questions(
    const struct platform_reader *r, const struct yamldoc_node *node, struct platform_questions *list)
{
	platform_free_questions(list);
	return platform_read_each(r, node, list, add_question);
}

/* --- steps --- */

static int
read_step(const struct platform_reader *r, const struct yamldoc_node *node, struct platform_step *step)
{
	if (node->kind == YAMLDOC_SCALAR)
		return platform_read_text(r, node, &step->send);
	if (node->kind != YAMLDOC_MAPPING)
		return platform_wrong_kind(r, node, "a command, or a mapping with `send`");
	if (platform_table_read(platform_step_table(), r->doc, node, step, r->err) < 0)
		return -1;
	if (step->send == NULL)
		return yamldoc_error(r->doc, node, r->err, "a step of `%s` needs `send`", r->key->name);
	return 0;
}

int
platform_read_one_step(const struct platform_reader *r, const struct yamldoc_node *node, struct platform_step **field)
{
	if (*field != NULL)
		platform_table_free(platform_step_table(), *field);
	free(*field);
	*field = NULL;
	if (yamldoc_is_nothing(node))
		return 0;
	*field = xcalloc(1, sizeof(**field));
	return read_step(r, node, *field);
}

void
platform_free_steps(struct platform_steps *list)
{
	for (size_t i = 0; i < list->count; i++)
		platform_table_free(platform_step_table(), &list->items[i]);
	free(list->items);
	*list = (struct platform_steps){NULL, 0};
}

static int
add_step(const struct platform_reader *r, const struct yamldoc_node *node, void *field)
{
	struct platform_steps *list = field;

	list->items = xreallocarray(list->items, list->count + 1, sizeof(list->items[0]));
	list->items[list->count] = (struct platform_step){0};
	return read_step(r, node, &list->items[list->count++]);
}

int
platform_read_steps(const struct platform_reader *r, const struct yamldoc_node *node, struct platform_steps *list)
{
	platform_free_steps(list);
	return platform_read_each(r, node, list, add_step);
}

/* --- modes --- */

static struct platform_mode *
mode_slot(struct platform_mode ***modes, size_t *count, const char *name)
{
	struct platform_mode *mode;

	for (size_t i = 0; i < *count; i++) {
		mode = (*modes)[i];
		if (strcmp(mode->name, name) != 0)
			continue;
		/* A definition that extends another says a mode anew, as a whole. */
		platform_table_free(platform_mode_table(), mode);
		*mode = (struct platform_mode){.name = mode->name};
		return mode;
	}
	mode = xcalloc(1, sizeof(*mode));
	mode->name = xstrdup(name);
	*modes = xreallocarray(*modes, *count + 1, sizeof(struct platform_mode *));
	(*modes)[(*count)++] = mode;
	return mode;
}

int
platform_read_modes(
    const struct platform_reader *r, const struct yamldoc_node *node, struct platform_mode ***modes, size_t *count)
{
	if (node->kind != YAMLDOC_MAPPING)
		return platform_wrong_kind(r, node, "a mapping of names to modes");
	if (node->count > PLATFORM_LIST_MAX)
		return yamldoc_error(r->doc, node, r->err, "more than %d modes", PLATFORM_LIST_MAX);
	for (size_t i = 0; i < node->count; i++) {
		struct platform_mode *mode = mode_slot(modes, count, node->keys[i]->text);

		mode->line = node->keys[i]->line;
		if (node->items[i]->kind != YAMLDOC_MAPPING)
			return yamldoc_error(r->doc, node->items[i], r->err, "mode `%s` must be a mapping, not %s",
			    mode->name, yamldoc_kind_name(node->items[i]));
		if (platform_table_read(platform_mode_table(), r->doc, node->items[i], mode, r->err) < 0)
			return -1;
		if (mode->prompt == NULL)
			return yamldoc_error(r->doc, node->keys[i], r->err,
			    "mode `%s` needs `prompt`: the expression of its prompt", mode->name);
	}
	return 0;
}

void
platform_free_modes(struct platform_mode **modes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		platform_table_free(platform_mode_table(), modes[i]);
		free(modes[i]->name);
		free(modes[i]);
	}
	free(modes);
}
