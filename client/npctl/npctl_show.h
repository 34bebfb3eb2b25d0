/*
 * `npctl config show`, `npctl platform list` and `npctl platform show` for people.  JSON in, text out; what a hostile
 * broker or file says is made harmless.
 */
#ifndef NP_CTL_SHOW_H
#define NP_CTL_SHOW_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/compiler.h"

/* What the text of an answer may be. */
#define NPCTL_TEXT_MAX ((size_t)64 * 1024 * 1024)

/* A result of config_show: each setting that has a value, and where it came from.  -1 when it does not fit into b. */
int npctl_config_text(struct buf *b, const cJSON *result) NP_MUST_CHECK;
/* A result of platforms: the table, or with detail one definition. */
int npctl_platforms_text(struct buf *b, const cJSON *result, bool detail) NP_MUST_CHECK;

#endif
