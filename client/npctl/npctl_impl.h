/* What npctl_verbs.c (start, simple verbs, end) and npctl_open.c share. */
#ifndef NP_CTL_IMPL_H
#define NP_CTL_IMPL_H

#include "lib/npclient.h"
#include "npctl/npctl.h"
#include "lib/npprompt.h"

struct npctl {
	const struct npctl_options *o;
	struct npclient client;
	struct npprompt prompt;
	int wake_fd;
	int left;      /* requests without an answer */
	int64_t asked; /* by npctl_ask(), so far */
	char **names;  /* the devices of open, record and test */
	size_t names_count, next_name;
	cJSON *steps; /* of a test, for --json */
	int status;
	int output_error; /* errno of a write to standard output that failed, or 0 */
};

/* "npctl: DEVICE: reason: text", or without the first two for device NULL; the exit status will be 1. */
void npctl_say_error(struct npctl *c, const char *device, const struct np_error *err);
void npctl_print_json(const cJSON *json);
/*
 * Prints what is in b and frees it; result: what the function that filled b returned.  When that is -1, for want of
 * room, nothing is shown in part: it says so and ends npctl.
 */
void npctl_print_buffer(struct buf *b, int result);
/* Hands on what was printed so far.  False: it cannot be, which c remembers. */
bool npctl_flush(struct npctl *c);
/* The number of that name, 0 where there is none. */
double npctl_number(const cJSON *object, const char *name);

/*
 * The verbs that steer (npctl_steer.c): the params of the request, NULL with err for arguments that make no sense; and
 * the line that says what came of it.
 */
cJSON *npctl_device_params(const struct npctl_options *o); /* which devices, alone */
cJSON *npctl_steer_params(const struct npctl_options *o, struct np_error *err);
cJSON *npctl_close_params(const struct npctl_options *o, struct np_error *err);
cJSON *npctl_kill_params(const struct npctl_options *o, struct np_error *err);
void npctl_print_steer(const struct npctl_options *o, const cJSON *result);
void npctl_print_close(const struct npctl_options *o, const cJSON *result);
void npctl_print_kill(const struct npctl_options *o, const cJSON *result);

/*
 * Asks one thing (params are taken over) and waits for the result, which the caller owns; NULL: the error has been
 * said, the exit status will be 1.
 */
cJSON *npctl_ask(struct npctl *c, const char *method, cJSON *params);
/* The result of `status` with these params (taken over) in one piece, or NULL as above. */
cJSON *npctl_fetch_status(struct npctl *c, cJSON *params);

/* The table, a page of it or one device in full (npctl_page.c). */
void npctl_print_status(const struct npctl_options *o, const cJSON *result);

/* A test (npctl_test.c): a step of it, and its end.  They print, for people as it goes on, JSON at the end. */
void npctl_test_step(struct npctl *c, const cJSON *step);
void npctl_test_passed(struct npctl *c, const char *device, const cJSON *result);
void npctl_test_failed(struct npctl *c, const char *device, const cJSON *error, const struct np_error *err);

/* Whether the verb is one of those that npctl_open() does: a person may be asked something, and a broker is started. */
bool npctl_can_ask(const struct npctl_options *o);
/* open, record, test and platform test with the devices of the arguments; c is connected. */
void npctl_open(struct npctl *c);
/* Prints events until the broker ends, or nobody reads them any more; c is connected. */
void npctl_watch(struct npctl *c);
/* Prints the metrics, or replaces the file of --output; c is connected. */
void npctl_metrics(struct npctl *c);
/* For metrics with --output, when no broker runs: a file that says so.  False: something else was asked for. */
bool npctl_metrics_without(struct npctl *c);

#endif
