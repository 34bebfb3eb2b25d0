/*
 * Small things that every answer in JSON needs.
 */
#include "wire/json.h"

/* To a multiple of 1/per_unit, for numbers that people read. */
double
json_round(double x, double per_unit)
{
	long long scaled = (long long)(x * per_unit + (x < 0 ? -0.5 : 0.5));

	return (double)scaled / per_unit;
}

double
json_tenths(double x)
{
	return json_round(x, 10);
}

cJSON *
json_strings(const struct strings *s)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < s->n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(s->v[i]));
	return list;
}

cJSON *
json_text(const char *text)
{
	return text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull();
}
