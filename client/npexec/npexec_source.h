/* What npexec is to run, from where it is given: arguments, -e, -f, standard input. */
#ifndef NP_EXEC_SOURCE_H
#define NP_EXEC_SOURCE_H

#include "base/compiler.h"
#include "base/error.h"

struct npexec_options;

/* Notes an argument of -e or -f (option `e` or `f`); nothing is read yet. */
void npexec_source_add(struct npexec_options *o, char option, const char *arg);
/* The arguments behind the device, joined by blanks, become o->command. */
void npexec_source_join(struct npexec_options *o, char *const *args, int count);
/* Reads what was noted into o->commands. */
int npexec_source_commands(struct npexec_options *o, struct np_error *err) NP_MUST_CHECK;
/* Reads what was noted, else o->command, else standard input, into o->text: whole lines. */
int npexec_source_text(struct npexec_options *o, struct np_error *err) NP_MUST_CHECK;

#endif
