/* Members of answers, read with a value for what is missing.  Pure. */
#ifndef NP_JSON_H
#define NP_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

/* The number of that name; missing where object has none (or is none). */
double npjson_number(const cJSON *object, const char *name, double missing);
/* The text of that name, made harmless for terminals and cut to size; "-" where there is none.  Returns out. */
const char *npjson_text(const cJSON *object, const char *name, char *out, size_t size);
/* The text of that name as it is, or NULL where there is none. */
const char *npjson_string(const cJSON *object, const char *name);
/* Whether the member is there and true. */
bool npjson_true(const cJSON *object, const char *name);

#endif
