/*
 * The configuration as it works out, in JSON: every setting of a device with its value and where that came from.
 * Secrets never: of a password or a command that prints one, only that it is set.  Pure; the caller's thread.
 */
#ifndef NP_CONF_SHOW_H
#define NP_CONF_SHOW_H

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "conf/conf.h"

/*
 * An array of rows {key, value, origin, file, line}.  value: text, number, boolean, list, or null where nothing is set;
 * for secrets it is missing, and `set` says whether there is one.  origin: "file", with file and line, or "default".
 * The caller frees it, and may change rows by conf_show_set() where more is known.
 */
cJSON *conf_show_device(const struct config *config, const struct device_conf *device) NP_MALLOC;
/* The same of the global keys and of long_connection. */
cJSON *conf_show_globals(const struct config *config) NP_MALLOC;

/* The row of that key, or NULL. */
cJSON *conf_show_row(const cJSON *rows, const char *key);
/* Gives that row another value, which is taken over, and an origin that is no file; origin NULL: it keeps its own. */
void conf_show_set(cJSON *rows, const char *key, cJSON *value, const char *origin);

#endif
