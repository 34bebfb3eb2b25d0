/*
 * Platform definitions in JSON, for people who ask which there are and what they say.  Pure; the caller's thread.
 */
#ifndef NP_PLATFORM_SHOW_H
#define NP_PLATFORM_SHOW_H

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "platform/platform.h"

/*
 * {platforms: [{name, title, aliases, origin, source, file}], refused: ["FILE:LINE: why"]}.  The caller frees it.
 */
cJSON *platform_show_list(const struct platforms *set) NP_MALLOC;
/*
 * {platform: {...}, file, warnings}: `platform` holds the keys of a platform file with all that it inherits and all
 * defaults, and is such a file itself (JSON is YAML).  The caller frees it.
 */
cJSON *platform_show(const struct platform *p) NP_MALLOC;
/* The same of the one that has this name or alias, or NULL with err (invalid_params) that names the nearest. */
cJSON *platform_show_named(const struct platforms *set, const char *name, struct np_error *err) NP_MUST_CHECK;

#endif
