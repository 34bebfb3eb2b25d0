/*
 * Small things that every answer in JSON needs; pure.
 */
#ifndef NP_JSON_H
#define NP_JSON_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/strings.h"

/* Adds x to a multiple of 1/per_unit, a power of ten, for numbers that people read; quicker than cJSON. */
void json_add_rounded(cJSON *object, const char *name, double x, int per_unit);
/* A list of strings; the caller owns it. */
cJSON *json_strings(const struct strings *s) NP_MUST_CHECK;
/* A string, or null for NULL. */
cJSON *json_text(const char *text) NP_MUST_CHECK;

#endif
