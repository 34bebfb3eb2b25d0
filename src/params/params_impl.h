/* What params*.c share; for them only: the types of params that are no plain values. */
#ifndef NP_PARAMS_IMPL_H
#define NP_PARAMS_IMPL_H

#include "params/params.h"
#include "schema/schema.h"

/* err: "`name` must be wanted"; returns -1. */
int params_bad(struct np_error *err, const char *name, const char *wanted);

/* params_device.c */
extern const struct schema_kind params_device_kind, params_overrides_kind;
/* params_run.c */
extern const struct schema_kind params_command_kind, params_commands_kind, params_base64_kind, params_subsystem_kind;
extern const struct schema_kind params_connect_kind, params_env_kind, params_answers_kind;

#endif
