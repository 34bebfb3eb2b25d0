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

/* A list of strings as JSON. */
cJSON *
json_strings(char *const *v, size_t n)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(v[i]));
	return list;
}
