/* What the files of npctl's verbs share: a run of npctl, and what they do alike. */
#ifndef NP_CTL_IMPL_H
#define NP_CTL_IMPL_H

#include "base/buf.h"
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
/*
 * Prints what is in b and frees it; result: what the function that filled b returned.  When that is -1, for want of
 * room, nothing is shown in part: it says so and ends npctl.
 */
void npctl_print_buffer(struct buf *b, int result);
/* Appends text, made harmless, between two others.  -1 when it does not fit. */
int npctl_add_text(struct buf *b, const char *before, const char *text, const char *after) NP_MUST_CHECK;
/* Hands on what was printed so far.  False: it cannot be, which c remembers. */
bool npctl_flush(struct npctl *c);
/*
 * Asks one thing (params are taken over) and waits for the result, which the caller owns; NULL: the error has been
 * said, the exit status will be 1.
 */
cJSON *npctl_ask(struct npctl *c, const char *method, cJSON *params);
/* Prints a result (NULL: nothing) as JSON or in the verb's words, and frees it. */
void npctl_show(struct npctl *c, cJSON *result);
/* The devices of the arguments, or all. */
cJSON *npctl_device_params(const struct npctl_options *o);

/* ---- npctl_login.c ---- */

/* What is done with devices that may have to be logged in to, where a person may be asked something. */
struct npctl_login {
	bool several; /* all arguments are devices, not the first alone */
	/* All but the first may be NULL. */
	void (*done)(struct npctl *c, const char *device, const cJSON *result);
	void (*failed)(struct npctl *c, const char *device, const cJSON *error, const struct np_error *err);
	void (*add_params)(const struct npctl_options *o, cJSON *params);
	void (*step)(struct npctl *c, const cJSON *step);
};

/* The verb's request for each device; c is connected. */
void npctl_login(struct npctl *c, const struct npctl_login *login);

#endif
