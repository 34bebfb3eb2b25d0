/*
 * Definitions as JSON; see platform_show.h.  Written by the tables that read them, so that no key can be forgotten.
 */
#include "platform/platform_show.h"

#include "platform/platform_impl.h"
#include "base/text.h"

static cJSON *
text_json(const char *text)
{
	return text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static cJSON *
list_json(char *const *items, size_t count)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(items[i]));
	return list;
}

cJSON *
platform_show(const struct platform *p)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToObject(o, "platform", schema_show(&platform_table, p));
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
		cJSON_AddItemToObject(one, "title", text_json(p->title));
		cJSON_AddItemToObject(one, "aliases", list_json(p->aliases, p->aliases_count));
		cJSON_AddStringToObject(one, "origin", platform_origin_name(p->origin));
		cJSON_AddItemToObject(one, "source", text_json(p->source));
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
