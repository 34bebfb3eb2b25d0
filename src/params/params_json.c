/* Members of JSON objects, one by one: for verbs whose params are few. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "params/params.h"

int
params_bad(struct np_error *err, const char *name, const char *wanted)
{
	return error_set(err, REASON_INVALID_PARAMS, "`%s` must be %s", name, wanted);
}

void
params_wipe(cJSON *item)
{
	for (; item != NULL; item = item->next) {
		if (cJSON_IsString(item))
			secret_wipe(item->valuestring, strlen(item->valuestring));
		params_wipe(item->child);
	}
}

int
params_only(const cJSON *params, const char *const *names, size_t count, struct np_error *err)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, params) {
		size_t i = 0;
		while (i < count && strcmp(member->string, names[i]) != 0)
			i++;
		if (i < count)
			continue;
		char shown[64];
		text_vis_into(shown, sizeof(shown), member->string);
		const char *near = text_nearest(member->string, names, count);
		if (near != NULL)
			return error_set(
			    err, REASON_INVALID_PARAMS, "unknown param `%s`: did you mean `%s`?", shown, near);
		return error_set(err, REASON_INVALID_PARAMS, "unknown param `%s`", shown);
	}
	return 0;
}

int
params_bool(const cJSON *params, const char *name, bool *value, struct np_error *err)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(params, name);

	if (member == NULL)
		return 0;
	if (!cJSON_IsBool(member))
		return params_bad(err, name, "true or false");
	*value = cJSON_IsTrue(member);
	return 0;
}

int
params_string(const cJSON *params, const char *name, const char **value, struct np_error *err)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(params, name);

	if (member == NULL || cJSON_IsNull(member))
		return 0;
	if (!cJSON_IsString(member))
		return params_bad(err, name, "a string");
	*value = member->valuestring;
	return 0;
}

int
params_number(const cJSON *params, const char *name, double min, double max, double *value, struct np_error *err)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(params, name);

	if (member == NULL)
		return 0;
	if (!cJSON_IsNumber(member) || member->valuedouble != member->valuedouble)
		return params_bad(err, name, "a number");
	if (member->valuedouble < min || member->valuedouble > max)
		return error_set(err, REASON_INVALID_PARAMS, "`%s` must be between %.0f and %.0f", name, min, max);
	*value = member->valuedouble;
	return 0;
}
