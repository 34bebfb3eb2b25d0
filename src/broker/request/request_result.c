/*
 * What became of a request and of each of its commands, as its client is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "wire/json.h"

#define CAPTURED_TEXT_MAX (448u * 1024u) /* as JSON text; more goes as base64, which is 342 KiB at most */

static void
add_ms(cJSON *o, const char *name, double seconds)
{
	json_add_rounded(o, name, seconds * 1000, 10);
}

/*
 * A result must fit a frame with both streams in it, and JSON takes six bytes for a control byte.  A NUL cannot be said
 * in cJSON's strings at all.
 */
static bool
fits_as_text(const struct buf *b)
{
	const uint8_t *p = buf_head(b);
	size_t size = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (p[i] == 0)
			return false;
		size += p[i] < ' ' ? 6 : p[i] == '"' || p[i] == '\\' ? 2 : 1;
	}
	return size <= CAPTURED_TEXT_MAX;
}

static void
add_captured(cJSON *o, const char *name, const struct buf *b)
{
	char key[16];
	char *text;

	if (text_is_utf8(buf_head(b), b->len) && fits_as_text(b)) {
		text = xstrndup(b->len > 0 ? (const char *)buf_head(b) : "", b->len);
		cJSON_AddStringToObject(o, name, text);
	} else {
		snprintf(key, sizeof(key), "%s_base64", name);
		text = text_base64(buf_head(b), b->len);
		cJSON_AddStringToObject(o, key, text);
	}
	free(text);
}

void
request_add_session(cJSON *o, const struct request *r)
{
	cJSON_AddStringToObject(o, "device", request_device(r));
	if (r->ran_on.id == 0)
		return;
	double connect = r->ran_on.reused ? 0 : r->ran_on.connect_seconds;
	double queued = r->assigned - r->received - connect;
	json_add_rounded(o, "session", (double)r->ran_on.id, 1);
	cJSON_AddBoolToObject(o, "reused", r->ran_on.reused);
	add_ms(o, "queue_ms", queued > 0 ? queued : 0);
	add_ms(o, "connect_ms", connect);
}

/* What goes wrong with a command: the reason we gave it up for, else what the channel says. */
const struct np_error *
request_command_error(const struct request *r)
{
	if (r->abort.reason != REASON_NONE)
		return &r->abort;
	return r->end.err.reason != REASON_NONE ? &r->end.err : NULL;
}

bool
request_command_failed(const struct request *r)
{
	return request_command_error(r) != NULL || !r->end.has_status || r->end.status != 0;
}

static void
add_result_fields(cJSON *o, const struct request *r)
{
	const struct np_error *err = request_command_error(r);

	if (err == NULL && r->end.has_status)
		json_add_rounded(o, "exit_status", r->end.status, 1);
	else
		cJSON_AddNullToObject(o, "exit_status");
	if (r->end.signal[0] != '\0')
		cJSON_AddStringToObject(o, "exit_signal", r->end.signal);
	request_add_session(o, r);
	add_ms(o, "duration_ms", r->started > 0 ? clock_now() - r->started : 0);
	if (request_drive(r)->describe != NULL)
		request_drive(r)->describe(o, r);
	if (r->params.capture) {
		add_captured(o, "stdout", &r->captured[0]);
		add_captured(o, "stderr", &r->captured[1]);
	}
	if (err != NULL && err->reason == REASON_EXEC_REFUSED && !r->end.sent)
		cJSON_AddFalseToObject(o, "sent");
	if (err != NULL)
		cJSON_AddItemToObject(o, "error", message_error_object(err, NULL));
}

void
request_send_result(struct request *r)
{
	cJSON *params = request_note_command(r);

	if (params == NULL)
		return;
	add_result_fields(params, r);
	client_notify(r->answer.client, "result", params);
}

void
request_send_response(struct request *r)
{
	cJSON *result;

	if (r->answer.client == NULL)
		return;
	if (r->cancelled) {
		struct np_error err;
		error_set(&err, REASON_CANCELLED, "%s",
		    r->killed ? "killed by the operator (npctl kill)" : "cancelled by the client");
		client_error(r->answer.client, &r->answer.id, &err, request_device(r));
		return;
	}
	result = cJSON_CreateObject();
	if (r->kind->describe != NULL) {
		r->kind->describe(result, r);
	} else {
		json_add_rounded(result, "count", r->params.batch ? (double)r->params.commands_count : 1, 1);
		json_add_rounded(result, "failed", (double)r->failed, 1);
	}
	if (!r->params.batch)
		add_result_fields(result, r);
	client_result(r->answer.client, &r->answer.id, result);
}

void
request_send_not_run(const struct request *r, const struct np_error *why)
{
	cJSON *params = request_note_command(r);

	cJSON_AddNullToObject(params, "exit_status");
	cJSON_AddStringToObject(params, "device", request_device(r));
	cJSON_AddItemToObject(params, "error", message_error_object(why, NULL));
	client_notify(r->answer.client, "result", params);
}
