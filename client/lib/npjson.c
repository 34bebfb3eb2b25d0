/* Members of answers.  The broker may be older or newer than we are: nothing is taken for granted. */
#include "lib/npjson.h"

#include "base/text.h"

double
npjson_number(const cJSON *object, const char *name, double missing)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(member) ? member->valuedouble : missing;
}

const char *
npjson_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

const char *
npjson_text(const cJSON *object, const char *name, char *out, size_t size)
{
	const char *text = npjson_string(object, name);

	return text_vis_into(out, size, text != NULL ? text : "-");
}

bool
npjson_true(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}
