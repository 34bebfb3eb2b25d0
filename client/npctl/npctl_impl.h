/* What the files of npctl's verbs share: a run of npctl, and what they do alike. */
#ifndef NP_CTL_IMPL_H
#define NP_CTL_IMPL_H

#include <stdio.h>

#include "lib/npclient.h"
#include "lib/npprompt.h"
#include "npctl/npctl.h"
#include "npctl/npctl_verb.h"

struct npctl {
	const struct npctl_options *o;
	struct npclient client;
	struct npprompt prompt;
	int wake_fd;
	int left;      /* requests without an answer */
	int64_t asked; /* by npctl_ask(), so far */
	char **names;  /* the devices of npctl_login() */
	size_t names_count, next_name;
	cJSON *steps; /* of a test, for --json */
	int status;
	int output_error; /* errno of a write to standard output that failed, or 0 */
};

/* ---- npctl_ask.c ---- */

/* "npctl: DEVICE: reason: text", or without the first two for device NULL; the exit status will be 1. */
void npctl_say_error(struct npctl *c, const char *device, const struct np_error *err);
void npctl_print_json(const cJSON *json);
/* Writes text, made harmless, between two others. */
void npctl_put_text(FILE *out, const char *before, const char *text, const char *after);
/* Hands on what was printed so far.  False: it cannot be, which c remembers. */
bool npctl_flush(struct npctl *c);
/*
 * Asks one thing (params are taken over) and waits for the result, which the caller owns; NULL: the error has been
 * said, the exit status will be 1.
 */
cJSON *npctl_ask(struct npctl *c, const char *method, cJSON *params);
/* Prints a result (NULL: nothing) as JSON or in the verb's words, and frees it. */
void npctl_show(struct npctl *c, cJSON *result);
/* The method and the params of the verb's request; NULL with err for a usage error. */
const char *npctl_method(const struct npctl_verb *verb);
cJSON *npctl_params(const struct npctl_options *o, struct np_error *err);
/* The devices of the arguments, or all. */
cJSON *npctl_device_params(const struct npctl_options *o);

/* ---- npctl_login.c ---- */

/* What is done with devices that may have to be logged in to, where a person may be asked something. */
struct npctl_login {
	/* All but the first may be NULL. */
	void (*done)(struct npctl *c, const char *device, const cJSON *result);
	void (*failed)(struct npctl *c, const char *device, const cJSON *error, const struct np_error *err);
	void (*step)(struct npctl *c, const cJSON *step);
};

/* The verb's request for each device: all arguments are, or the first alone; c is connected. */
void npctl_login(struct npctl *c);

/* ---- npctl_daemon.c: what netpulsed does without a broker; it is $NETPULSE_DAEMON, else the compiled-in path ---- */

#define NPCTL_NO_JSON_OF_CHECKS "--json does not go with it: its lines are FILE:LINE: text"

/* Becomes netpulsed -t, with the verb's task before the arguments.  Returns only when that failed, which it has said.
 */
void npctl_daemon_check(struct npctl *c);
/* What netpulsed prints for that task, parsed; NULL when it has said why there is nothing (err's reason NONE), or err.
 */
cJSON *npctl_daemon_ask(const struct npctl_options *o, const char *task, struct np_error *err);
/*
 * Shows the result that a broker would give, as netpulsed prints it for the verb's task; why: no broker gave it, or
 * NULL where none was asked.
 */
void npctl_daemon_show(struct npctl *c, const struct np_error *why);

#endif
