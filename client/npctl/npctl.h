/* The command line of npctl, parsed; and the run of it. */
#ifndef NP_CTL_H
#define NP_CTL_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "lib/npoption.h"

#define NPCTL_EXIT_FAILED 1
#define NPCTL_EXIT_USAGE 2
#define NPCTL_LABELS_MAX 8

struct npctl_verb;

struct npctl_options {
	const struct npctl_verb *verb;
	char **args; /* behind the verb's words */
	int args_count;
	const char *socket;
	const char *text;                     /* -m, or NULL */
	const char *file;                     /* -f: the configuration, or NULL */
	const char *output;                   /* --output, or NULL */
	const char *method, *uid;             /* of `policy test` */
	const char *labels[NPCTL_LABELS_MAX]; /* --label: NAME=VALUE */
	int labels_count;
	bool json, now, all, wait, devices, login, config, install, remove, explain, confirm;
	unsigned long page; /* --page; 0: not given */
	double delay;       /* seconds, -d; 0: not given */
};

/* Fills *o (pointers into argv) and checks that the verb exists and takes these arguments. */
enum npoption_parsed npctl_options_parse(
    int argc, char **argv, struct npctl_options *o, struct np_error *err) NP_MUST_CHECK;
/* Prints the options that the verb takes and others do not, or (NULL) all, a line each. */
void npctl_options_help(const struct npctl_verb *verb);

/* Prints what --help does. */
void npctl_help(void);
/* Does it, prints what there is to print, returns the exit status. */
int npctl_run(const struct npctl_options *o);

#endif
