/*
 * A request as `status` shows it; never shows a secret or a command.
 */
#include "broker/broker_impl.h"
#include "wire/json.h"

cJSON *
request_json(const struct request *r, double now)
{
	cJSON *o = cJSON_CreateObject();
	bool queued = r->state == REQUEST_QUEUED;

	cJSON_AddNumberToObject(o, "id", (double)r->uid);
	if (r->answer.client != NULL)
		cJSON_AddNumberToObject(o, "peer", (double)client_id(r->answer.client));
	else
		cJSON_AddNullToObject(o, "peer");
	cJSON_AddStringToObject(o, "device", request_device(r));
	cJSON_AddStringToObject(o, "kind", r->kind->name);
	cJSON_AddStringToObject(o, "state", queued ? "queued" : "running");
	cJSON_AddNumberToObject(o, "age", json_tenths(now - r->received));
	cJSON_AddNumberToObject(o, "queue_ms", json_tenths(((queued ? now : r->assigned) - r->received) * 1000));
	cJSON_AddNumberToObject(o, "index", (double)r->index);
	cJSON_AddNumberToObject(o, "count", (double)r->params.commands_count);
	if (r->lease.link != NULL)
		cJSON_AddNumberToObject(o, "session", (double)link_id(r->lease.link));
	else
		cJSON_AddNullToObject(o, "session");
	cJSON_AddNumberToObject(o, "bytes_in", (double)r->bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)r->bytes_out);
	return o;
}
