/* What params*.c share; for them only. */
#ifndef NP_PARAMS_IMPL_H
#define NP_PARAMS_IMPL_H

#include "params/params.h"

void params_init(struct exec_params *p);
/* Members that every request for a session has. */
int params_parse_common(const cJSON *params, struct exec_params *p, struct np_error *err) NP_MUST_CHECK;
/* The time limits and the window. */
int params_parse_limits(const cJSON *params, struct exec_params *p, struct np_error *err) NP_MUST_CHECK;
/* What concerns interactive command lines. */
int params_parse_cli(const cJSON *params, struct exec_params *p, struct np_error *err) NP_MUST_CHECK;
/* `commands`: a batch. */
int params_parse_commands(const cJSON *array, struct exec_params *p, struct np_error *err) NP_MUST_CHECK;
void params_free_answers(struct exec_params *p);

#endif
