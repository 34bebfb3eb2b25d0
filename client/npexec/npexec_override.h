/* What options say about the device and the command; a part of reading npexec's command line. */
#ifndef NP_EXEC_OVERRIDE_H
#define NP_EXEC_OVERRIDE_H

#include "base/compiler.h"
#include "base/error.h"

struct npexec_options;

/* Sets a key of the device; the last value counts. */
void npexec_override(struct npexec_options *o, const char *key, const char *value);
/* The same for a file, whose name is made absolute. */
int npexec_override_path(
    struct npexec_options *o, const char *key, const char *path, struct np_error *err) NP_MUST_CHECK;
/* -o KEY=VALUE.  Secrets are refused. */
int npexec_override_parse(struct npexec_options *o, const char *arg, struct np_error *err) NP_MUST_CHECK;
/* --env NAME[=VALUE] and --answer REGEX=TEXT. */
int npexec_override_env(struct npexec_options *o, const char *arg, struct np_error *err) NP_MUST_CHECK;
int npexec_override_answer(struct npexec_options *o, const char *arg, struct np_error *err) NP_MUST_CHECK;

#endif
