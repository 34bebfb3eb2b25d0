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
struct npctl_login;

enum npctl_broker {
	NPCTL_BROKER_RUNS,   /* where none runs it fails, or there is another way */
	NPCTL_BROKER_STARTS, /* where none runs one is started; it may ask a person something */
	NPCTL_BROKER_UNUSED
};

struct npctl_verb {
	const char *name; /* one word, or two: "config show" */
	/*
	 * What follows the name, as people read it: arguments in capitals, options in brackets; further forms behind
	 * newlines.  The first form says how many arguments there are.  An option that stands in none of them does not
	 * go with the verb.  "DEVICE ..." takes --all instead.
	 */
	const char *usage;
	const char *help;    /* a line for each form */
	const char *missing; /* what to do about too few arguments, if not to name a device */
	const char *no_json; /* why --json does not go with it, or NULL */
	/* What arguments and options can be wrong beyond that; or NULL. */
	int (*check)(const struct npctl_options *o, struct np_error *err);
	enum npctl_broker broker;

	/*
	 * One request: its method, if that is not the name; its params (NULL with err: a usage error; no function: the
	 * argument, by this name), and its result in words.
	 */
	const char *method;
	cJSON *(*params)(const struct npctl_options *o, struct np_error *err);
	const char *param;
	void (*print)(const struct npctl_options *o, const cJSON *result);
	const char *done, *already; /* of one that steers: what came of it, or was so before */
	/* Or one for each device, which may have to log in. */
	const struct npctl_login *login;
	/* Or all of it: with a broker c is connected. */
	void (*run)(struct npctl *c);
	/* No broker runs, or -f was given: what netpulsed is asked instead; or what is done (false: it is an error). */
	const char *task;
	bool (*without)(struct npctl *c);
};

#define NPCTL_ARGS_MANY 1000

/* By name, NULL at the end. */
extern const struct npctl_verb *const npctl_verbs[];
extern const struct npctl_verb npctl_verb_top;

/* How many arguments it takes. */
void npctl_verb_arguments(const struct npctl_verb *verb, int *min, int *max);
/* Whether the usage has that word ("--now", "DEVICE ..."), in brackets or not. */
bool npctl_verb_takes(const struct npctl_verb *verb, const char *word);
/* The verb that the words begin with, and of how many of them its name is; NULL with err. */
const struct npctl_verb *npctl_verb_find(char *const *words, int count, int *used, struct np_error *err);

#endif
