/*
 * Messages of clients: requests by table to the verbs that answer them, notifications to the request they belong to.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- notifications: a wrong one is answered as a stream that exceeds its credit is, for nobody else could tell ----
 */

static int
note_stdin(struct request *r, const struct message *m NP_UNUSED, const struct frame *frame, struct np_error *err)
{
	return request_stdin(r, frame->data, frame->data_size, err);
}

static int
note_eof(struct request *r, const struct message *m NP_UNUSED, const struct frame *frame NP_UNUSED,
    struct np_error *err NP_UNUSED)
{
	request_eof(r);
	return 0;
}

/* RFC 4254 section 6.10: these, or a name of one's own with an at sign. */
static bool
is_signal_name(const char *name)
{
	static const char *const known[] = {
	    "ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"};
	size_t n = strlen(name);

	for (size_t i = 0; i < NP_COUNT(known); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return n < 64 && strchr(name, '@') != NULL &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@.-_abcdefghijklmnopqrstuvwxyz") == n;
}

static int
note_signal(struct request *r, const struct message *m, const struct frame *frame NP_UNUSED, struct np_error *err)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(m->params, "name");

	if (!cJSON_IsString(name) || !is_signal_name(name->valuestring))
		return error_set(err, REASON_INVALID_PARAMS,
		    "`name` must be a signal of RFC 4254 (INT, TERM, ...) or one of your own with an @");
	request_signal(r, name->valuestring);
	return 0;
}

/* A whole number that must be there. */
static int
whole_number(const struct message *m, const char *name, double max, double *value, struct np_error *err)
{
	*value = 0;
	if (params_number(m->params, name, 1, max, value, err) == -1)
		return -1;
	if (*value < 1 || *value != (double)(uint64_t)*value)
		return error_set(err, REASON_INVALID_PARAMS, "`%s` must be a whole number from 1 to %.0f", name, max);
	return 0;
}

static int
note_resize(struct request *r, const struct message *m, const struct frame *frame NP_UNUSED, struct np_error *err)
{
	double cols, rows;

	if (whole_number(m, "cols", 65535, &cols, err) == -1 || whole_number(m, "rows", 65535, &rows, err) == -1)
		return -1;
	request_resize(r, (int)cols, (int)rows);
	return 0;
}

static int
note_answer(struct request *r, const struct message *m, const struct frame *frame NP_UNUSED, struct np_error *err)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(m->params, "value");
	struct secret *answer;
	double prompt_id;

	if (whole_number(m, "prompt_id", (double)MESSAGE_INT_MAX, &prompt_id, err) == -1)
		return -1;
	if (value != NULL && !cJSON_IsString(value) && !cJSON_IsNull(value))
		return error_set(err, REASON_INVALID_PARAMS, "`value` must be a string, or null for no answer");
	answer = secret_make(cJSON_IsString(value) ? value->valuestring : NULL);
	request_answer_prompt(r, (uint64_t)prompt_id, answer);
	secret_unref(answer);
	return 0;
}

#define CREDIT_MAX 1e15

static int
note_credit(struct request *r, const struct message *m, const struct frame *frame NP_UNUSED, struct np_error *err)
{
	double bytes;

	if (whole_number(m, "bytes", CREDIT_MAX, &bytes, err) == -1)
		return -1;
	request_credit(r, (uint64_t)bytes);
	return 0;
}

struct notification {
	const char *name;
	int (*run)(struct request *r, const struct message *m, const struct frame *frame, struct np_error *err);
};

static const struct notification notifications[] = {
    {"stdin", note_stdin}, {"eof", note_eof}, {"signal", note_signal}, {"resize", note_resize}, {"answer", note_answer},
    {"credit", note_credit}, {"cancel", NULL}, /* of anything that is in flight */
};

/* Those for what has just ended are ignored: the client could not know. */
static int
notify(struct client *client, const struct notification *n, const struct message *m, const struct frame *frame,
    struct np_error *err)
{
	struct message_id id;
	struct answer *a;
	struct request *r;

	if (!message_id_from_json(cJSON_GetObjectItemCaseSensitive(m->params, "id"), &id))
		return error_set(err, REASON_INVALID_PARAMS, "`id` must be that of a request");
	a = answer_find(client, &id);
	if (a == NULL)
		return 0;
	if (n->run == NULL) {
		a->ops->cancel(a);
		return 0;
	}
	r = request_of_answer(a);
	return r != NULL ? n->run(r, m, frame, err) : 0;
}

/* Unknown ones are ignored: a newer client may send them. */
static void
dispatch_notification(struct client *client, const struct message *m, const struct frame *frame)
{
	struct np_error err;

	for (size_t i = 0; i < NP_COUNT(notifications); i++) {
		if (strcmp(m->method, notifications[i].name) != 0)
			continue;
		if (notify(client, &notifications[i], m, frame, &err) == -1) {
			error_prefix(&err, "notification `%s`", m->method);
			client_violated(client, &err);
		}
		return;
	}
}

/* ---- requests ---- */

static int
dispatch_request(
    struct broker *b, struct client *client, const struct message *m, const struct frame *frame, struct np_error *err)
{
	const struct verb *verb = broker_verb(m->method);
	char shown[64];

	if (verb == NULL) {
		text_vis_into(shown, sizeof(shown), m->method);
		return error_set(err, REASON_UNKNOWN_METHOD, "unknown method `%s`", shown);
	}
	if (!verb->steers && client_is_spare(client)) {
		if (clients_exceed(b->clients, b->config->max_clients)) {
			clients_too_many(b->config->max_clients, err);
			return -1; /* and it has to go, see there */
		}
		client_set_spare(client, false);
	}
	if (frame->data_size > 0)
		return error_set(err, REASON_INVALID_REQUEST, "a request carries no attached data: send it as stdin");
	if (answer_find(client, &m->id) != NULL)
		return error_set(err, REASON_INVALID_REQUEST, "this id is still in use: ids in flight must be unique");
	return verb->run(b, client, m, err);
}

void
broker_dispatch(struct broker *b, struct client *client, const struct frame *frame)
{
	struct message m;
	struct message_id none = {.kind = MESSAGE_ID_NULL};
	struct np_error err;

	if (message_parse(frame->json, frame->json_size, &m, &err) == -1) {
		bool broken = err.reason == REASON_PARSE_ERROR;
		report_refused(b->events, client, NULL, &err);
		log_warning("peer", "client %llu: %s", (unsigned long long)client_id(client), err.text);
		client_error(client, broken || m.id.kind == MESSAGE_ID_NONE ? &none : &m.id, &err, NULL);
		if (broken)
			client_close(client);
		secret_wipe((void *)(uintptr_t)frame->json, frame->json_size);
		return;
	}
	switch (m.kind) {
	case MESSAGE_REQUEST:
		log_debug("peer", "client %llu: %s", (unsigned long long)client_id(client), m.method);
		if (dispatch_request(b, client, &m, frame, &err) == -1) {
			report_refused(b->events, client, &m, &err);
			client_error(client, &m.id, &err, NULL);
			if (client_is_spare(client))
				client_dismiss(client);
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
