/*
 * Definitions as JSON; see platform_show.h.  Written by the tables that read them, so that no key can be forgotten.
 */
#include "platform/platform_show.h"

#include "platform/platform_impl.h"
#include "wire/json.h"

cJSON *
platform_show(const struct platform *p)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToObject(o, "platform", schema_show(&platform_table, p));
	cJSON_AddStringToObject(o, "file", p->file);
	cJSON_AddItemToObject(o, "warnings", json_strings(&p->warnings));
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
		cJSON_AddItemToObject(one, "title", json_text(p->title));
		cJSON_AddItemToObject(one, "aliases", json_strings(&p->aliases));
		cJSON_AddStringToObject(one, "origin", platform_origin_name(p->origin));
		cJSON_AddItemToObject(one, "source", json_text(p->source));
		cJSON_AddStringToObject(one, "file", p->file);
		cJSON_AddItemToArray(list, one);
	}
	cJSON_AddItemToObject(o, "refused", json_strings(&set->errors));
	return o;
}

cJSON *
platform_show_named(const struct platforms *set, const char *name, struct np_error *err)
{
	const struct platform *p = platforms_find(set, name);

	if (p != NULL)
		return platform_show(p);
	platforms_unknown(set, name, err);
	return NULL;
}
