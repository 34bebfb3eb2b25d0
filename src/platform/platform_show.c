/*
 * Definitions as JSON; see platform_show.h.  Written by the tables that read them, so that no key can be forgotten.
 */
#include "platform/platform_show.h"

#include "platform/platform_impl.h"
#include "base/text.h"

static cJSON *table_json(const struct platform_table *table, const void *base);

static const void *
at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static cJSON *
text_json(const char *text)
{
	return text != NULL ? cJSON_CreateString(text) : NULL;
}

static cJSON *
texts_json(char *const *items, size_t count)
{
	cJSON *list = count > 0 ? cJSON_CreateArray() : NULL;

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(items[i]));
	return list;
}

static cJSON *
word_json(const struct platform_word *words, int value)
{
	for (; words->word != NULL; words++) {
		if (words->value == value)
			return cJSON_CreateString(words->word);
	}
	return NULL;
}

static cJSON *
patterns_json(const struct pattern_list *list)
{
	cJSON *array = list->count > 0 ? cJSON_CreateArray() : NULL;

	for (size_t i = 0; i < list->count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(pattern_text(list->items[i])));
	return array;
}

static cJSON *
question_json(const struct platform_question *q)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "match", pattern_text(q->match));
	switch (q->reply) {
	case PLATFORM_TEXT:
		cJSON_AddStringToObject(o, "send", q->text);
		break;
	case PLATFORM_KEYS:
		cJSON_AddStringToObject(o, "keys", q->text);
		break;
	case PLATFORM_USERNAME:
		cJSON_AddStringToObject(o, "reply", "username");
		break;
	case PLATFORM_PASSWORD:
		cJSON_AddStringToObject(o, "reply", "password");
		break;
	case PLATFORM_SECRET:
		cJSON_AddStringToObject(o, "reply", "secret");
		break;
	}
	return o;
}

static cJSON *
questions_json(const struct platform_questions *questions)
{
	cJSON *list = questions->count > 0 ? cJSON_CreateArray() : NULL;

	for (size_t i = 0; i < questions->count; i++)
		cJSON_AddItemToArray(list, question_json(&questions->items[i]));
	return list;
}

/* A step of nothing but a command is written as that command. */
static cJSON *
step_json(const struct platform_step *step)
{
	if (step == NULL)
		return NULL;
	if (!step->optional && step->ok == NULL && step->questions.count == 0 && step->timeout <= 0)
		return cJSON_CreateString(step->send);
	return table_json(platform_step_table(), step);
}

static cJSON *
steps_json(const struct platform_steps *steps)
{
	cJSON *list = steps->count > 0 ? cJSON_CreateArray() : NULL;

	for (size_t i = 0; i < steps->count; i++)
		cJSON_AddItemToArray(list, step_json(&steps->items[i]));
	return list;
}

static cJSON *
modes_json(struct platform_mode *const *modes, size_t count)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToObject(o, modes[i]->name, table_json(platform_mode_table(), modes[i]));
	return o;
}

/* NULL: nothing is set, the key is left out. */
static cJSON *
key_json(const struct platform_key *key, const void *base)
{
	const void *field = at(base, key->offset);
	const struct pattern *pattern;

	switch (key->type) {
	case PT_TEXT:
		return text_json(*(char *const *)field);
	case PT_TEXTS:
		return texts_json(*(char *const *const *)field, *(const size_t *)at(base, key->also));
	case PT_BOOL:
		return cJSON_CreateBool(*(const bool *)field);
	case PT_INT:
		return cJSON_CreateNumber(*(const int *)field);
	case PT_SECONDS:
		return cJSON_CreateNumber(*(const double *)field);
	case PT_WORD:
		return word_json(key->words, *(const int *)field);
	case PT_PATTERN:
		pattern = *(struct pattern *const *)field;
		return pattern != NULL ? cJSON_CreateString(pattern_text(pattern)) : NULL;
	case PT_PATTERNS:
		return patterns_json(field);
	case PT_QUESTIONS:
		return questions_json(field);
	case PT_STEP:
		return step_json(*(struct platform_step *const *)field);
	case PT_STEPS:
		return steps_json(field);
	case PT_MODES:
		return modes_json(*(struct platform_mode *const *const *)field, *(const size_t *)at(base, key->also));
	case PT_BLOCK:
		return *(const bool *)at(base, key->also) ? table_json(key->table, field) : NULL;
	case PT_EXTENDS:
		break;
	}
	return NULL;
}

static cJSON *
table_json(const struct platform_table *table, const void *base)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < table->count; i++) {
		cJSON *value = key_json(&table->keys[i], base);

		if (value != NULL)
			cJSON_AddItemToObject(o, table->keys[i].name, value);
	}
	return o;
}

static cJSON *
list_json(char *const *items, size_t count)
{
	cJSON *list = texts_json(items, count);

	return list != NULL ? list : cJSON_CreateArray();
}

cJSON *
platform_show(const struct platform *p)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToObject(o, "platform", table_json(platform_table(), p));
	cJSON_AddStringToObject(o, "file", p->file);
	cJSON_AddItemToObject(o, "warnings", list_json(p->warnings, p->warnings_count));
	return o;
}

cJSON *
platform_show_list(const struct platforms *set)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "platforms");

	for (size_t i = 0; i < set->count; i++) {
		const struct platform *p = set->items[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "name", p->name);
		cJSON_AddItemToObject(one, "title", p->title != NULL ? text_json(p->title) : cJSON_CreateNull());
		cJSON_AddItemToObject(one, "aliases", list_json(p->aliases, p->aliases_count));
		cJSON_AddStringToObject(one, "origin", platform_origin_name(p->origin));
		cJSON_AddItemToObject(one, "source", p->source != NULL ? text_json(p->source) : cJSON_CreateNull());
		cJSON_AddStringToObject(one, "file", p->file);
		cJSON_AddItemToArray(list, one);
	}
	cJSON_AddItemToObject(o, "refused", list_json(set->errors, set->errors_count));
	return o;
}

cJSON *
platform_show_named(const struct platforms *set, const char *name, struct np_error *err)
{
	const struct platform *p = platforms_find(set, name);
	const char *nearest = p == NULL ? platforms_nearest(set, name) : NULL;
	char shown[128];

	if (p != NULL)
		return platform_show(p);
	text_vis_into(shown, sizeof(shown), name);
	if (nearest != NULL)
		error_set(err, REASON_INVALID_PARAMS, "no platform is called `%s`: did you mean `%s`?", shown, nearest);
	else
		error_set(err, REASON_INVALID_PARAMS,
		    "no platform is called `%s`: npctl platform list shows which there are", shown);
	return NULL;
}
