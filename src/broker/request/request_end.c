/*
 * How requests end: failed before their next command, stopped with what is not run, killed, answered.
 */
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/log.h"

/* The last thing that happens to a request; it is freed at the end of the turn. */
void
request_ended(struct request *r)
{
	struct broker *b = r->broker;
	struct link *watched;

	if (r->state == REQUEST_ENDED)
		return;
	watched = witness_leave(&r->test.session);
	request_move(r, REQUEST_ENDED);
	request_give_back(r);
	job_forget(&b->jobs, &r->test.job);
	device_unwait(&r->waiter);
	question_drop(&r->waiter);
	request_release_lease(r);
	request_detach_client(r);
	pass_destroy(r->pass);
	r->pass = NULL;
	request_report_ended(r, NULL);
	device_served(r->dev);
	questions_reassign(b->devices, r->uid);
	device_enter(NULL, &r->waiter);
	broker_note_end(b);
	TAILQ_REMOVE(&b->requests.list, r, link);
	b->requests.count--;
	TAILQ_INSERT_TAIL(&b->requests.ended, r, link);
	if (watched != NULL) /* is being made for nobody now */
		link_end(watched, REASON_CANCELLED, "the test was cancelled");
}

void
request_respond(struct request *r, cJSON *result)
{
	if (result == NULL)
		request_send_response(r);
	else if (r->answer.client != NULL)
		client_result(r->answer.client, &r->answer.id, result);
	else
		cJSON_Delete(result);
	request_ended(r);
}

/* ---- what is not run ---- */

static void
tell_not_run(struct request *r)
{
	struct np_error err;

	error_set(&err, REASON_NOT_RUN, "not run: an earlier command failed");
	request_report_not_run(r, &err);
	request_send_not_run(r, &err);
}

/* There may be thousands: no more at once than the client reads; request_pump() goes on. */
void
request_tell_rest(struct request *r)
{
	while (r->index + 1 < r->params.commands_count && !r->cancelled && r->answer.client != NULL) {
		if (client_room(r->answer.client) == 0)
			return;
		r->index++;
		tell_not_run(r);
	}
	request_send_response(r);
	if (r->rest_failed)
		request_report_ended(r, &r->abort);
	request_ended(r);
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

/* Commands before this one have had their results: what stopped the rest is the result of the next. */
static void
fail_rest(struct request *r, const struct np_error *err)
{
	device_unwait(&r->waiter);
	question_drop(&r->waiter);
	request_move(r, REQUEST_FLUSHING);
	r->abort = *err;
	memset(&r->end, 0, sizeof(r->end));
	request_drop_output(r);
	request_note_unread(r);
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
	log_info("request", "%s: request %llu: %s: %s", request_device(r), (unsigned long long)r->uid,
	    reason_name(err->reason), err->text);
	if (r->index > 0) {
		fail_rest(r, err);
		return;
	}
	if (r->kind->failed != NULL && r->answer.client != NULL && r->kind->failed(r, err))
		return;
	if (r->answer.client != NULL)
		client_error(r->answer.client, &r->answer.id, err, request_device(r));
	request_report_ended(r, err);
	request_ended(r);
}

static bool
is_waiting(const struct request *r)
{
	return r->state == REQUEST_QUEUED || r->state == REQUEST_GATHERING;
}

void
requests_fail_waiting(struct broker *b, const struct np_error *err)
{
	struct request *r, *next;

	TAILQ_FOREACH_SAFE (r, &b->requests.list, link, next) {
		if (is_waiting(r))
			request_fail(r, err);
	}
}

void
requests_judge_waiting(struct broker *b, request_judge *judge)
{
	struct request *r, *next;
	struct np_error err;

	TAILQ_FOREACH_SAFE (r, &b->requests.list, link, next) {
		const struct buf *lines = r->state == REQUEST_QUEUED && r->cli.text.len > 0 ? &r->cli.text : NULL;

		if (is_waiting(r) && r->pass != NULL && r->answer.client != NULL &&
		    judge(b, r->answer.client, r->kind, &r->params, lines, &r->pass, &err) == -1)
			request_fail(r, &err);
	}
}
