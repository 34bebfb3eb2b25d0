/*
 * Requests as objects: created, found, answered, ended, freed.  What they run is request_exec.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "wire/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define CAPTURED_TEXT_MAX (448u * 1024u) /* as JSON text; more goes as base64, which is 342 KiB at most */

const char *
request_device(const struct request *r)
{
	return r->dev != NULL ? device_settings(r->dev)->name : NULL;
}

/* ---- what the device says to who waits for it ---- */

static struct request *
of_waiter(struct waiter *w)
{
	return NP_CONTAINER(w, struct request, waiter);
}

static void
on_assigned(struct waiter *w, struct link *link)
{
	request_assigned(of_waiter(w), link);
}

static void
on_failed(struct waiter *w, const struct np_error *err)
{
	request_fail(of_waiter(w), err);
}

static void
on_notice(struct waiter *w, const char *text)
{
	request_notice(of_waiter(w), text);
}

static struct waiter *
find_audience(struct waiter *w, int depth NP_UNUSED)
{
	const struct request *r = of_waiter(w);

	return r->answer.client != NULL && r->params.interactive ? w : NULL;
}

static void
on_ask(struct waiter *w, const struct question *q)
{
	const struct request *r = of_waiter(w);
	cJSON *params = cJSON_CreateObject();

	cJSON_AddItemToObject(params, "id", message_id_to_json(&r->answer.id));
	cJSON_AddNumberToObject(params, "prompt_id", (double)q->prompt_id);
	cJSON_AddStringToObject(params, "device", q->device);
	cJSON_AddStringToObject(params, "kind", q->kind);
	cJSON_AddStringToObject(params, "text", q->text);
	cJSON_AddBoolToObject(params, "echo", q->echo);
	client_notify(r->answer.client, "prompt", params);
}

static void
on_answered(struct waiter *w, struct secret *value)
{
	request_cli_answer(of_waiter(w), value);
}

static const struct waiter_ops waiter_callbacks = {
    .assigned = on_assigned,
    .failed = on_failed,
    .notice = on_notice,
    .audience = find_audience,
    .ask = on_ask,
    .answered = on_answered,
};

/* ---- what its client tells ---- */

static void
on_cancel(struct answer *a)
{
	request_cancel(NP_CONTAINER(a, struct request, answer), true);
}

static void
on_left(struct answer *a)
{
	request_cancel(NP_CONTAINER(a, struct request, answer), false);
}

static void
on_drained(struct answer *a)
{
	request_pump(NP_CONTAINER(a, struct request, answer));
}

static const struct answer_ops request_answer = {
    .kind = ANSWER_REQUEST, .cancel = on_cancel, .left = on_left, .drained = on_drained};
/* A test waits in no queue. */
static const struct answer_ops test_answer = {
    .kind = ANSWER_REQUEST, .bounded = true, .cancel = on_cancel, .left = on_left, .drained = on_drained};

struct request *
request_of_answer(struct answer *a)
{
	return a != NULL && a->ops->kind == ANSWER_REQUEST ? NP_CONTAINER(a, struct request, answer) : NULL;
}

/* ---- life ---- */

void
request_enter(struct request *r, struct device *dev)
{
	r->dev = dev;
	device_enter(dev, &r->waiter);
}

struct request *
request_create(struct broker *b, enum request_kind kind, struct client *peer, const struct message_id *id)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->broker = b;
	r->uid = r->waiter.pool.id = broker_next_id(b);
	r->waiter.ops = &waiter_callbacks;
	r->lease.events = &request_lease_events;
	r->kind = kind;
	r->state = REQUEST_MADE;
	answer_begin(&r->answer, peer, id, kind == REQUEST_TEST ? &test_answer : &request_answer);
	r->received = clock_now();
	r->params.queue_timeout = r->params.timeout = -1;
	r->params.first_byte_timeout = r->params.idle_timeout = -1;
	for (int i = 0; i < 2; i++) {
		buf_init(&r->tails[i], REQUEST_TAIL_MAX);
		buf_init(&r->captured[i], PARAMS_CAPTURE_MAX);
	}
	buf_init(&r->cli.text, 0);
	TAILQ_INSERT_TAIL(&b->requests, r, link);
	b->requests_count++;
	request_report_made(r);
	return r;
}

void
request_detach_peer(struct request *r)
{
	answer_end(&r->answer);
	r->waiter.holder = NULL;
}

void
request_release_lease(struct request *r)
{
	bool keeps = r->params.hold && r->answer.client != NULL && !r->cancelled && !r->broker->stopping;

	link_release(&r->lease, keeps ? client_holder(r->answer.client) : NULL);
}

/* The last thing that happens to a request; it is freed at the end of the turn. */
void
request_ended(struct request *r)
{
	struct broker *b = r->broker;

	if (r->state == REQUEST_ENDED)
		return;
	request_move(r, REQUEST_ENDED);
	ev_timer_stop(b->loop, &r->clock);
	device_unwait(&r->waiter);
	question_drop(&r->waiter);
	request_release_lease(r);
	request_detach_peer(r);
	request_report_ended(r);
	if (r->dev != NULL) {
		device_served(r->dev);
	}
	questions_reassign(b, r->uid);
	device_enter(NULL, &r->waiter);
	broker_note_end(b);
	TAILQ_REMOVE(&b->requests, r, link);
	b->requests_count--;
	TAILQ_INSERT_TAIL(&b->ended, r, link);
}

void
request_free(struct request *r)
{
	for (int i = 0; i < 2; i++) {
		free(r->heads[i]);
		buf_free(&r->tails[i]);
		buf_free(&r->captured[i]);
	}
	exec_params_finish(&r->params);
	request_cli_free(r);
	redact_unref(r->known);
	free(r);
}

/* ---- answers ---- */

/* Commands before this one have had their results: what stopped the rest is the result of the next. */
static void
fail_rest(struct request *r, const struct np_error *err)
{
	device_unwait(&r->waiter);
	question_drop(&r->waiter);
	request_move(r, REQUEST_FLUSHING);
	r->abort = *err;
	memset(&r->end, 0, sizeof(r->end));
	buf_free(&r->captured[0]);
	buf_free(&r->captured[1]);
	r->cli.prompt[0] = r->cli.mode[0] = r->cli.device_error[0] = '\0';
	r->failed++;
	r->rest_failed = true;
	request_report_command(r);
	request_send_result(r);
	request_stop(r);
}

void
request_fail(struct request *r, const struct np_error *err)
{
	if (r->state == REQUEST_ENDED || r->stopped)
		return;
	log_info("request", "%s: request %llu: %s: %s", request_device(r) != NULL ? request_device(r) : "?",
	    (unsigned long long)r->uid, reason_name(err->reason), err->text);
	if (r->index > 0) {
		fail_rest(r, err);
		return;
	}
	if (r->answer.client != NULL)
		client_error(r->answer.client, &r->answer.id, err, request_device(r));
	request_report_failed(r, err);
	request_ended(r);
}

void
request_notice(struct request *r, const char *text)
{
	cJSON *params;

	if (r->answer.client == NULL)
		return;
	params = cJSON_CreateObject();
	cJSON_AddItemToObject(params, "id", message_id_to_json(&r->answer.id));
	cJSON_AddStringToObject(params, "text", text);
	client_notify(r->answer.client, "notice", params);
}

static void
add_ms(cJSON *o, const char *name, double seconds)
{
	cJSON_AddNumberToObject(o, name, json_round(seconds * 1000, 10));
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
	cJSON_AddNumberToObject(o, "session", (double)r->ran_on.id);
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
add_shell_fields(cJSON *o, const struct request *r)
{
	if (r->cli.prompt[0] != '\0')
		cJSON_AddStringToObject(o, "prompt", r->cli.prompt);
	if (r->cli.mode[0] != '\0')
		cJSON_AddStringToObject(o, "mode", r->cli.mode);
	if (r->cli.device_error[0] != '\0')
		cJSON_AddStringToObject(o, "device_error", r->cli.device_error);
}

static void
add_result_fields(cJSON *o, const struct request *r)
{
	const struct np_error *err = request_command_error(r);

	if (err == NULL && r->end.has_status)
		cJSON_AddNumberToObject(o, "exit_status", r->end.status);
	else
		cJSON_AddNullToObject(o, "exit_status");
	if (r->end.signal[0] != '\0')
		cJSON_AddStringToObject(o, "exit_signal", r->end.signal);
	request_add_session(o, r);
	add_ms(o, "duration_ms", r->started > 0 ? clock_now() - r->started : 0);
	if (device_platform(r->dev) != NULL)
		add_shell_fields(o, r);
	if (r->params.capture) {
		add_captured(o, "stdout", &r->captured[0]);
		add_captured(o, "stderr", &r->captured[1]);
	}
	if (err != NULL)
		cJSON_AddItemToObject(o, "error", message_error_object(err, NULL));
}

cJSON *
request_note_params(const struct request *r)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddItemToObject(params, "id", message_id_to_json(&r->answer.id));
	if (r->params.batch)
		cJSON_AddNumberToObject(params, "index", (double)r->index);
	return params;
}

void
request_send_result(struct request *r)
{
	cJSON *params;

	if (r->answer.client == NULL)
		return;
	params = request_note_params(r);
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
	if (r->kind == REQUEST_CONFIG) {
		request_config_fields(result, r);
	} else {
		cJSON_AddNumberToObject(result, "count", r->params.batch ? (double)r->params.commands_count : 1);
		cJSON_AddNumberToObject(result, "failed", (double)r->failed);
	}
	if (!r->params.batch)
		add_result_fields(result, r);
	client_result(r->answer.client, &r->answer.id, result);
}

static void
send_not_run(struct request *r)
{
	struct np_error err;
	cJSON *params = request_note_params(r);

	error_set(&err, REASON_NOT_RUN, "not run: an earlier command failed");
	request_report_not_run(r, &err);
	cJSON_AddNullToObject(params, "exit_status");
	cJSON_AddStringToObject(params, "device", request_device(r));
	cJSON_AddItemToObject(params, "error", message_error_object(&err, NULL));
	client_notify(r->answer.client, "result", params);
}

void
request_stop(struct request *r)
{
	size_t rest = r->params.commands_count - r->index;

	r->stopped = true;
	if (rest > 1 && !r->cancelled && r->answer.client != NULL)
		r->failed += rest - 1;
	request_release_lease(r);
	request_tell_rest(r);
}

/* There may be thousands: no more at once than the client reads; request_pump() goes on. */
void
request_tell_rest(struct request *r)
{
	while (r->index + 1 < r->params.commands_count && !r->cancelled && r->answer.client != NULL) {
		if (client_room(r->answer.client) == 0)
			return;
		r->index++;
		send_not_run(r);
	}
	request_send_response(r);
	if (r->rest_failed)
		request_report_failed(r, &r->abort);
	request_ended(r);
}
