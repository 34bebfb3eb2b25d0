/*
 * Messages of clients: requests by table to the verbs that answer them, notifications to the request they belong to.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- notifications ---- */

static void
note_stdin(struct client *client, struct request *r, const struct message *m NP_UNUSED, const struct frame *frame)
{
	struct np_error err;
	struct message_id none = {.kind = MESSAGE_ID_NULL};

	if (request_stdin(r, frame->data, frame->data_size, &err) == 0)
		return;
	log_warning("peer", "client %llu closed: %s", (unsigned long long)peer_id(client->peer), err.text);
	client_error(client, &none, &err, NULL);
	peer_close_after_flush(client->peer);
}

static void
note_eof(struct client *client NP_UNUSED, struct request *r, const struct message *m NP_UNUSED,
    const struct frame *frame NP_UNUSED)
{
	request_eof(r);
}

static bool
is_signal_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < 32 &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@.-_abcdefghijklmnopqrstuvwxyz") == n;
}

static void
note_signal(
    struct client *client NP_UNUSED, struct request *r, const struct message *m, const struct frame *frame NP_UNUSED)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(m->params, "name");

	if (cJSON_IsString(name) && is_signal_name(name->valuestring))
		request_signal(r, name->valuestring);
}

static void
note_resize(
    struct client *client NP_UNUSED, struct request *r, const struct message *m, const struct frame *frame NP_UNUSED)
{
	double cols = 0, rows = 0;

	if (params_number(m->params, "cols", 1, 65535, &cols, NULL) == 0 &&
	    params_number(m->params, "rows", 1, 65535, &rows, NULL) == 0 && cols >= 1 && rows >= 1)
		request_resize(r, (int)cols, (int)rows);
}

static void
note_cancel(struct client *client NP_UNUSED, struct request *r, const struct message *m NP_UNUSED,
    const struct frame *frame NP_UNUSED)
{
	request_cancel(r, true);
}

static void
note_answer(struct client *client, struct request *r, const struct message *m, const struct frame *frame NP_UNUSED)
{
	double prompt_id = 0;
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(m->params, "value");
	struct secret *answer;

	if (params_number(m->params, "prompt_id", 1, MESSAGE_INT_MAX, &prompt_id, NULL) == -1)
		return;
	answer = secret_make(cJSON_IsString(value) ? value->valuestring : NULL);
	question_answer(client->broker, r->uid, (uint64_t)prompt_id, answer);
	secret_unref(answer);
}

static void
note_credit(
    struct client *client NP_UNUSED, struct request *r, const struct message *m, const struct frame *frame NP_UNUSED)
{
	double bytes = 0;

	if (params_number(m->params, "bytes", 1, 1e15, &bytes, NULL) == 0)
		request_credit(r, (uint64_t)bytes);
}

static const struct {
	const char *name;
	void (*run)(struct client *client, struct request *r, const struct message *m, const struct frame *frame);
} notifications[] = {
    {"stdin", note_stdin},
    {"eof", note_eof},
    {"signal", note_signal},
    {"resize", note_resize},
    {"cancel", note_cancel},
    {"answer", note_answer},
    {"credit", note_credit},
};

/* Unknown notifications are ignored, and so are those for a request that has just ended: the client could not know. */
static void
dispatch_notification(struct client *client, const struct message *m, const struct frame *frame)
{
	struct message_id id;
	struct request *r;

	if (!message_id_from_json(cJSON_GetObjectItemCaseSensitive(m->params, "id"), &id))
		return;
	r = request_find(client, &id);
	if (r == NULL && strcmp(m->method, "cancel") == 0) {
		watch_cancel(client, &id);
		broker_wait_cancel(client, &id);
		broker_show_cancel(client, &id);
	}
	if (r == NULL)
		return;
	for (size_t i = 0; i < NP_COUNT(notifications); i++) {
		if (strcmp(m->method, notifications[i].name) == 0) {
			notifications[i].run(client, r, m, frame);
			return;
		}
	}
}

/* ---- requests ---- */

static int
dispatch_request(struct client *client, const struct message *m, const struct frame *frame, struct np_error *err)
{
	const struct verb *verb = broker_verb(m->method);
	char shown[64];

	if (verb == NULL) {
		text_vis_into(shown, sizeof(shown), m->method);
		return error_set(err, REASON_UNKNOWN_METHOD, "unknown method `%s`", shown);
	}
	if (frame->data_size > 0)
		return error_set(err, REASON_INVALID_REQUEST, "a request carries no attached data: send it as stdin");
	if (request_find(client, &m->id) != NULL || watch_has(client, &m->id) || broker_wait_has(client, &m->id) ||
	    broker_show_has(client, &m->id))
		return error_set(err, REASON_INVALID_REQUEST, "this id is still in use: ids in flight must be unique");
	return verb->run(client, m, err);
}

void
broker_dispatch(struct client *client, const struct frame *frame)
{
	struct message m;
	struct message_id none = {.kind = MESSAGE_ID_NULL};
	struct np_error err;

	if (message_parse(frame->json, frame->json_size, &m, &err) == -1) {
		bool broken = err.reason == REASON_PARSE_ERROR;
		report_refused(client, NULL, &err);
		log_warning("peer", "client %llu: %s", (unsigned long long)peer_id(client->peer), err.text);
		client_error(client, broken || m.id.kind == MESSAGE_ID_NONE ? &none : &m.id, &err, NULL);
		if (broken)
			peer_close_after_flush(client->peer);
		secret_wipe((void *)(uintptr_t)frame->json, frame->json_size);
		return;
	}
	switch (m.kind) {
	case MESSAGE_REQUEST:
		log_debug("peer", "client %llu: %s", (unsigned long long)peer_id(client->peer), m.method);
		if (dispatch_request(client, &m, frame, &err) == -1) {
			report_refused(client, &m, &err);
			client_error(client, &m.id, &err, NULL);
		}
		break;
	case MESSAGE_NOTIFICATION:
		dispatch_notification(client, &m, frame);
		break;
	case MESSAGE_RESULT:
	case MESSAGE_ERROR:
		break; /* the broker asks nothing */
	}
	/* Any message may have held an answer or a password; what was needed has been copied. */
	params_wipe(m.root);
	secret_wipe((void *)(uintptr_t)frame->json, frame->json_size);
	message_finish(&m);
}
