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

const char *
request_device(const struct request *r)
{
	return r->dev != NULL ? device_settings(r->dev)->name : NULL;
}

/* ---- what the device says to who waits for it ---- */

struct request *
request_of_waiter(struct waiter *w)
{
	return NP_CONTAINER(w, struct request, waiter);
}

static void
on_assigned(struct waiter *w, struct link *link)
{
	request_assigned(request_of_waiter(w), link);
}

static void
on_failed(struct waiter *w, const struct np_error *err)
{
	request_fail(request_of_waiter(w), err);
}

static void
on_notice(struct waiter *w, const char *text)
{
	request_notice(request_of_waiter(w), text);
}

static struct waiter *
find_audience(struct waiter *w, int depth NP_UNUSED)
{
	const struct request *r = request_of_waiter(w);

	return r->answer.client != NULL && r->params.interactive ? w : NULL;
}

static void
on_ask(struct waiter *w, const struct question *q)
{
	const struct request *r = request_of_waiter(w);
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
	request_cli_answer(request_of_waiter(w), value);
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
request_create(struct broker *b, const struct request_kind *kind, struct client *peer, const struct message_id *id)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->broker = b;
	r->uid = r->waiter.pool.id = broker_next_id(b);
	r->waiter.ops = &waiter_callbacks;
	r->lease.events = &request_lease_events;
	r->kind = kind;
	r->state = REQUEST_MADE;
	answer_begin(&r->answer, peer, id, kind->bounded ? &test_answer : &request_answer);
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
	if (r->answer.client != NULL)
		client_note_unread(r->answer.client, -(ptrdiff_t)(r->tails[0].len + r->tails[1].len));
	answer_end(&r->answer);
	r->waiter.holder = NULL;
}

/* How the commands of a request run: asked here and nowhere else. */
const struct drive *
request_drive(const struct request *r)
{
	return device_platform(r->dev) != NULL ? &drive_shell : &drive_channel;
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
	questions_reassign(b->devices, r->uid);
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
