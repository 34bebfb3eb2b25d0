/*
 * Small things that every answer in JSON needs.
 */
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

/* Text of our own: cJSON prints a fraction three times to find out how many digits it needs. */
void
json_add_rounded(cJSON *object, const char *name, double x, int per_unit)
{
	long long scaled = (long long)(x * per_unit + (x < 0 ? -0.5 : 0.5));
	char text[40];
	int digits = 0, n;

	for (int unit = per_unit; unit > 1; unit /= 10)
		digits++;
	n = snprintf(text, sizeof(text), "%s%lld.%0*lld", scaled < 0 ? "-" : "", llabs(scaled) / per_unit, digits,
	    llabs(scaled) % per_unit);
	while (text[n - 1] == '0')
		n--;
	text[text[n - 1] == '.' ? n - 1 : n] = '\0';
	cJSON_AddRawToObject(object, name, text);
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
