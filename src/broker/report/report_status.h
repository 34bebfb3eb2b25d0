/*
 * What report_status.c (which objects, page by page) and report_status_json.c (what is in them) share.
 */
#ifndef NP_BROKER_STATUS_H
#define NP_BROKER_STATUS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "broker/broker_impl.h"
#include "base/compiler.h"

/* Each makes an object that the caller owns; now is clock_now(). */

/* A device with what its pool holds, but its sessions; brief: without texts of errors. */
cJSON *status_pool(struct device *dev, bool brief, double now) NP_MUST_CHECK;
/* A configured device that nobody has used yet. */
cJSON *status_unused(const struct broker *b, const struct device_conf *d) NP_MUST_CHECK;
cJSON *status_session(struct link *link, double now) NP_MUST_CHECK;
cJSON *status_peer(const struct client *client, double now) NP_MUST_CHECK;
cJSON *status_request(const struct request *r, double now) NP_MUST_CHECK;

#endif
