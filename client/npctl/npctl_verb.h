/*
 * The verbs of npctl: one row each, which stands at the end of the file that does it.  Help, the check of arguments and
 * options, and the completion follow from the rows; a test holds npctl(1) to them.
 */
#ifndef NP_CTL_VERB_H
#define NP_CTL_VERB_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "npctl/npctl.h"

struct npctl;

enum npctl_broker {
	NPCTL_BROKER_RUNS,   /* where none runs it fails, or `without` has another way */
	NPCTL_BROKER_STARTS, /* where none runs one is started; it may ask a person something */
	NPCTL_BROKER_UNUSED
};

struct npctl_verb {
	const char *name; /* one word, or two: "config show" */
	/*
	 * What follows the name, as people read it: arguments in capitals, options in brackets; further forms behind
	 * newlines.  An option that stands in none of them does not go with the verb.  "DEVICE ..." takes --all
	 * instead.
	 */
	const char *usage;
	const char *help; /* a line for each form */
	int args_min, args_max;
	const char *missing; /* what to do about too few of them */
	const char *no_json; /* why --json does not go with it, or NULL */
	/* What arguments and options can be wrong beyond that; or NULL. */
	int (*check)(const struct npctl_options *o, struct np_error *err);
	enum npctl_broker broker;

	/* One request: its method, its params (NULL with err: a usage error; no function: none), and its result in
	 * words. */
	const char *method;
	cJSON *(*params)(const struct npctl_options *o, struct np_error *err);
	void (*print)(const struct npctl_options *o, const cJSON *result);
	/* Or, in place of method and params, all of it: with a broker c is connected. */
	void (*run)(struct npctl *c);
	/* No broker runs, or -f was given (err NULL); false: that is an error. */
	bool (*without)(struct npctl *c, const struct np_error *err);
};

#define NPCTL_ARGS_MANY 1000
#define NPCTL_MISSING_DEVICES "name a device, @group or glob, or give --all"

/* By name, NULL at the end. */
extern const struct npctl_verb *const npctl_verbs[];
extern const struct npctl_verb npctl_verb_top;

/* Whether the usage has that word ("--now", "DEVICE ..."), in brackets or not. */
bool npctl_verb_takes(const struct npctl_verb *verb, const char *word);
/* The verb that the words begin with, and of how many of them its name is; NULL with err. */
const struct npctl_verb *npctl_verb_find(char *const *words, int count, int *used, struct np_error *err);

#endif
