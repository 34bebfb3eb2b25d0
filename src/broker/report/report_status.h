/*
 * The verb status.  Main thread only.
 */
#ifndef NP_REPORT_STATUS_H
#define NP_REPORT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include <sys/types.h>
#include <cjson/cJSON.h>

struct broker;
struct client;
struct device;
struct link;
struct request;
struct message;

/* ---- report_status.c ---- */

/* brief: without sessions, clients, requests and the texts of errors, for who asks often.  NULL with err: no such
 * device. */
int broker_verb_status(struct client *client, const struct message *m, struct np_error *err);

#endif
