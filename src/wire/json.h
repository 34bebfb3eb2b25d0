/*
 * Small things that every answer in JSON needs; pure.
 */
#ifndef NP_JSON_H
#define NP_JSON_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/strings.h"

/* x to a multiple of 1/per_unit, for numbers that people read. */
double json_round(double x, double per_unit);
/* The same, to tenths. */
double json_tenths(double x);
/* A list of strings; the caller owns it. */
cJSON *json_strings(const struct strings *s) NP_MUST_CHECK;
/* A string, or null for NULL. */
cJSON *json_text(const char *text) NP_MUST_CHECK;

#endif
