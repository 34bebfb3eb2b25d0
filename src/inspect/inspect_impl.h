/* What the files of src/inspect share. */
#ifndef NP_INSPECT_IMPL_H
#define NP_INSPECT_IMPL_H

#include <cjson/cJSON.h>

#include "conf/conf.h"
#include "inspect/inspect.h"

/* NULL: why was said on stderr. */
struct config *inspect_load_config(const struct daemon_options *o) NP_MUST_CHECK;
/* A line of it on stdout; json is freed.  The exit status. */
int inspect_print_json(cJSON *json) NP_MUST_CHECK;

#endif
