/*
 * What a request tells: its results to the client, records of it to the reports.  For src/broker/request alone.
 */
#ifndef NP_REQUEST_TELL_H
#define NP_REQUEST_TELL_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/error.h"

struct redact;
struct request;

/* ---- request_result.c ---- */

const struct np_error *request_command_error(const struct request *r);
bool request_command_failed(const struct request *r);
void request_add_session(cJSON *o, const struct request *r);
void request_send_result(struct request *r);
void request_send_not_run(const struct request *r, const struct np_error *why);
void request_send_response(struct request *r);

/* ---- request_report.c ---- */

/* It was created: remembers whose it is. */
void request_report_made(struct request *r);
/* The secrets that it may repeat: configured, brought along, typed for it. */
struct redact *request_known(struct request *r);
/* It waits; it has a lease. */
void request_report_queued(struct request *r);
void request_report_started(struct request *r);
/* The command r->index has ended, as request_command_error() and r->end say; or why does. */
void request_report_command(struct request *r);
void request_report_not_run(struct request *r, const struct np_error *why);
/* It ends because of err (NULL: as its command did); told once. */
void request_report_ended(struct request *r, const struct np_error *err);

#endif
