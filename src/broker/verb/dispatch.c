/*
 * Messages of clients: requests by table to the verbs that answer them, notifications to the request they belong to.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/request/pass.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "schema/schema.h"

/* ---- notifications: a wrong one is answered as a stream that exceeds its credit is, for nobody else could tell ----
 */

static const struct notification {
	const char *name;
	enum note_kind kind; /* which params it has */
} notifications[] = {
    {"stdin", NOTE_STDIN},
    {"eof", NOTE_EOF},
    {"cancel", NOTE_CANCEL},
    {"signal", NOTE_SIGNAL},
    {"resize", NOTE_RESIZE},
    {"answer", NOTE_ANSWER},
    {"credit", NOTE_CREDIT},
    {"lend", NOTE_LEND},
};

static int
notify_request(struct request *r, struct client *client, enum note_kind kind, const struct note_params *p,
    const struct frame *frame, struct np_error *err)
{
	switch (kind) {
	case NOTE_STDIN:
		return request_stdin(r, frame->data, frame->data_size, err);
	case NOTE_EOF:
		request_eof(r);
		break;
	case NOTE_SIGNAL:
		request_signal(r, p->name);
		break;
	case NOTE_RESIZE:
		request_resize(r, p->cols, p->rows);
		break;
	case NOTE_ANSWER:
		if (p->program)
			secret_set_by_program(p->value);
		request_answer_prompt(r, p->number, p->value);
		break;
	case NOTE_CREDIT:
		request_credit(r, p->number);
		break;
	case NOTE_LEND:
		return request_lend(r, client_take_descriptor(client), err);
	case NOTE_CANCEL:
		break; /* of any answer */
	}
	return 0;
}

/* Watches and what is answered later have only an end; input is too much for them as any byte beyond a credit is. */
static int
notify_answer(struct answer *a, struct client *client, enum note_kind kind, const struct note_params *p,
    const struct frame *frame, struct np_error *err)
{
	struct request *r = request_of_answer(a);

	if (kind == NOTE_CANCEL)
		answer_cancel(a);
	else if (r != NULL)
		return notify_request(r, client, kind, p, frame, err);
	else if (frame->data_size > 0)
		return error_set(err, REASON_INVALID_REQUEST, "what this id asked for has no standard input");
	return 0;
}

/* Those for what has just ended are ignored: the client could not know.  But they are judged as any other. */
static int
notify(struct client *client, enum note_kind kind, const struct message *m, const struct frame *frame,
    struct np_error *err)
{
	struct note_params p = {0};
	struct message_id id;
	struct answer *a;
	int rc;

	if (frame->data_size > 0 && kind != NOTE_STDIN)
		return error_set(err, REASON_INVALID_REQUEST, "it carries no data");
	rc = params_read(&note_table, kind, m->params, &p, err);
	if (rc == 0 && !message_id_from_json(cJSON_GetObjectItemCaseSensitive(m->params, "id"), &id))
		rc = error_set(err, REASON_INVALID_PARAMS, "`id` must be that of a request");
	if (rc == 0 && (a = answer_find(client, &id)) != NULL)
		rc = notify_answer(a, client, kind, &p, frame, err);
	schema_free(&note_table, &p);
	return rc;
}

/* Unknown ones are ignored: a newer client may send them. */
static void
dispatch_notification(struct client *client, const struct message *m, const struct frame *frame)
{
	struct np_error err;

	for (size_t i = 0; i < NP_COUNT(notifications); i++) {
		if (strcmp(m->method, notifications[i].name) != 0)
			continue;
		if (notify(client, notifications[i].kind, m, frame, &err) == -1) {
			error_prefix(&err, "notification `%s`", m->method);
			client_violated(client, &err);
		}
		return;
	}
}

/* ---- requests ---- */

static int
make_request(
    struct broker *b, struct client *client, const struct verb *verb, const struct message *m, struct np_error *err)
{
	struct exec_params params;
	struct pass *pass = NULL;
	const struct policy_rule *confirm = NULL;
	int rc = exec_params_parse(verb->params, m->params, &params, err);

	if (rc == 0 && broker_is_governed(b, client))
		rc = broker_gate_request(b, client, verb->makes, &params, &pass, &confirm, err);
	if (rc == 0) {
		rc = confirm != NULL ? broker_confirm(b, client, &m->id, verb->makes, &params, pass, confirm, err)
				     : broker_request_make(b, client, &m->id, verb->makes, &params, pass, err);
		if (rc == -1)
			pass_destroy(pass);
	}
	exec_params_finish(&params);
	return rc;
}

static int
run_verb(
    struct broker *b, struct client *client, const struct verb *verb, const struct message *m, struct np_error *err)
{
	struct call c = {.broker = b, .client = client, .id = &m->id, .verb = verb};
	int rc = params_read(&ask_table, verb->params, m->params, &c.params, err);

	if (rc == 0 && broker_is_governed(b, client))
		rc = broker_gate_verb(&c, err);
	if (rc == 0)
		rc = verb->run(&c, err);
	schema_free(&ask_table, &c.params);
	return rc;
}

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
	if (client_place(client) != PLACE_OWN &&
	    broker_seat(b, client, verb->makes == NULL && client_is_main(client), err) == -1)
		return -1;
	if (frame->data_size > 0)
		return error_set(err, REASON_INVALID_REQUEST, "a request carries no attached data: send it as stdin");
	if (answer_find(client, &m->id) != NULL)
		return error_set(err, REASON_INVALID_REQUEST, "this id is still in use: ids in flight must be unique");
	return verb->makes != NULL ? make_request(b, client, verb, m, err) : run_verb(b, client, verb, m, err);
}

/* What could not be understood.  Of a notification nobody would learn it: that ends the connection as noise does. */
static void
refuse_message(struct broker *b, struct client *client, const struct message *m, const struct np_error *err)
{
	bool nobodys = m->id.kind == MESSAGE_ID_NULL && err->reason == REASON_INVALID_PARAMS;

	report_refused(b->events, client, NULL, err);
	if (nobodys || err->reason == REASON_PARSE_ERROR) {
		client_violated(client, err);
		return;
	}
	log_warning("peer", "client %llu: %s", (unsigned long long)client_id(client), err->text);
	client_error(client, &m->id, err, NULL);
}

void
broker_dispatch(struct broker *b, struct client *client, const struct frame *frame)
{
	struct message m;
	struct np_error err;

	if (message_parse(frame->json, frame->json_size, &m, &err) == -1) {
		refuse_message(b, client, &m, &err);
		secret_wipe((void *)(uintptr_t)frame->json, frame->json_size);
		return;
	}
	switch (m.kind) {
	case MESSAGE_REQUEST:
		log_debug("peer", "client %llu: %s", (unsigned long long)client_id(client), m.method);
		if (dispatch_request(b, client, &m, frame, &err) == -1) {
			if (err.reason == REASON_DENIED)
				broker_note_denial(b, client, m.method, &err);
			report_refused(b->events, client, &m, &err);
			client_error(client, &m.id, &err, NULL);
			if (client_place(client) == PLACE_GUEST)
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
