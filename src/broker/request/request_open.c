/*
 * Requests for a session and nothing more: npctl open, and devices that are reconnected.
 */
#include "broker/broker_impl.h"

/* A person who opens may have changed what stood in the way. */
static void
open_begin(struct request *r)
{
	r->opens = true;
	device_unblock(r->dev, false);
	request_submit(r);
}

/* It has one, and lets go of it again: its lease ends as others do. */
static void
open_assigned(struct request *r)
{
	cJSON *result = cJSON_CreateObject();

	request_add_session(result, r);
	if (r->answer.client != NULL)
		client_result(r->answer.client, &r->answer.id, result);
	else
		cJSON_Delete(result);
	request_ended(r);
}

const struct request_kind request_open = {
    .name = "open",
    .opens = true,
    .begin = open_begin,
    .assigned = open_assigned,
};
