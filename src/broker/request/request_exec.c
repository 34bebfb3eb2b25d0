/*
 * Requests for sessions, whichever way their commands run: submitted, given a lease, one command after the other, and
 * back to the queue with what was not sent.
 */
#include <stdio.h>
#include <string.h>

#include "broker/request/request_impl.h"
#include "broker/client/holder.h"
#include "base/clock.h"
#include "base/log.h"

/* Back to its place in the queue, before its next command has been sent. */
static void
go_back(struct request *r)
{
	request_release_lease(r);
	r->ran_on.id = 0;
	r->started = 0;
	request_move(r, REQUEST_QUEUED);
	request_note_unread(r);
	device_wait_again(r->dev, &r->waiter, r->index > 0);
}

/* The command was never sent: another session may carry it, unless that goes wrong again and again. */
bool
request_try_again(struct request *r, const struct np_error *why, bool sent)
{
	bool moved; /* to another pool, which has not been tried yet */

	if (r->cancelled || r->abort.reason != REASON_NONE || r->answer.client == NULL || r->broker->stopping)
		return false;
	if (!request_drive(r)->may_repeat(r, why, sent, &moved))
		return false;
	if (moved) {
		go_back(r);
		return true;
	}
	if (why->reason == REASON_INVALID_PARAMS || r->cli.moved)
		return false;
	if (++r->requeues > BROKER_REQUEUES_MAX)
		return false;
	log_info("request", "%s: request %llu was not sent (%s): it goes to another session", request_device(r),
	    (unsigned long long)r->uid, why->text);
	go_back(r);
	return true;
}

/* A new command: nothing of the one before it counts any more. */
void
request_begin_command(struct request *r)
{
	request_move(r, REQUEST_RUNNING);
	if (r->answer.client != NULL)
		client_begins(r->answer.client, &r->answer.id);
	r->started = r->last_activity = clock_now();
	r->unread_since = 0;
	r->got_output = false;
	memset(&r->end, 0, sizeof(r->end));
	error_clear(&r->abort);
	request_drop_output(r);
	request_note_unread(r);
}

static bool
stops_on_error(const struct request *r)
{
	bool usual = request_drive(r)->stops_on_error;

	return r->params.on_error == ON_ERROR_STOP || (r->params.on_error == ON_ERROR_DEFAULT && usual);
}

/* Another command of the batch follows this one, as far as is known now. */
static bool
another_follows(const struct request *r)
{
	bool lost = r->end.err.reason != REASON_NONE && r->abort.reason == REASON_NONE;

	return r->params.batch && !r->cancelled && r->answer.client != NULL && !lost &&
	       !(stops_on_error(r) && request_command_failed(r)) && r->index + 1 < r->params.commands_count;
}

/*
 * The command has ended.  Its session need not wait for a client that reads slowly: what that has not read yet waits
 * with the request.
 */
void
request_command_done(struct request *r)
{
	request_move(r, REQUEST_FLUSHING);
	if (!another_follows(r)) {
		if (r->kind->done != NULL)
			r->kind->done(r);
		request_release_lease(r);
	}
	request_note_unread(r);
	request_pump(r);
	if (r->state == REQUEST_FLUSHING && r->lease.link != NULL)
		request_drive(r)->client_is_slow(r);
}

/*
 * The shell was lost between two commands, or given to others meanwhile: the next one may run on another shell, unless
 * it counts on the mode that the last one led to.
 */
static void
go_elsewhere(struct request *r)
{
	struct np_error err;

	if (!r->cli.moved) {
		r->waiter.queue_timeout = 0; /* it has waited for its turn before */
		go_back(r);
		return;
	}
	error_set(&err, REASON_NOT_RUN,
	    "not run: the shell was lost, or went to others who had waited for 5 s, in mode `%s', where another shell "
	    "does not stand",
	    r->cli.mode);
	request_fail(r, &err);
}

/* All output has reached the client (or nobody wants it): the result, then the next command or the end. */
static void
finish_command(struct request *r)
{
	bool more = another_follows(r);

	if (request_command_failed(r))
		r->failed++;
	log_info("request", "%s: request %llu: %s in %.0f ms", request_device(r), (unsigned long long)r->uid,
	    request_command_error(r) != NULL ? reason_name(request_command_error(r)->reason) : "done",
	    (clock_now() - r->started) * 1000);
	request_report_command(r);
	if (!r->cancelled && r->kind->results)
		request_send_result(r);
	if (more) {
		r->index++;
		if (r->lease.link != NULL)
			request_drive(r)->start(r);
		else
			go_elsewhere(r);
		return;
	}
	request_stop(r);
}

/* Results may be large (`capture`) or many (`commands`): they wait for a slow client as streams do. */
static bool
result_has_room(const struct request *r)
{
	return r->answer.client == NULL || r->cancelled || client_room(r->answer.client) > 0;
}

static void
pump(struct request *r)
{
	if (r->kind->pump != NULL)
		r->kind->pump(r);
	if (r->stopped)
		request_tell_rest(r);
	else if (r->state == REQUEST_RUNNING)
		request_drive(r)->pump(r);
	else if (r->state == REQUEST_FLUSHING && request_pump_tails(r) && result_has_room(r))
		finish_command(r);
}

/* ---- from the pool ---- */

/* It goes on with the shell that its client keeps.  False: it waits as others do. */
static bool
resume(struct request *r)
{
	struct holder *holder = client_holder(r->answer.client);
	struct link *link = device_kept(r->dev, holder);

	if (link != NULL) {
		request_assigned(r, link);
		return true;
	}
	if (holder->lost != NULL && r->params.hold) {
		request_notice(r, holder->lost);
		holder->lost = NULL;
	}
	return false;
}

static void
wait_for_lease(struct request *r)
{
	struct waiter *w = &r->waiter;

	if (request_must_stall(r))
		request_stall(r);
	else if (w->holder == NULL || !request_drive(r)->keeps || !resume(r))
		device_wait(r->dev, w);
}

void
request_pump(struct request *r)
{
	struct backlog *full = request_must_stall(r) ? request_backlog(r) : NULL;

	pump(r);
	if (full != NULL)
		requests_go_on(full);
}

void
request_submit(struct request *r)
{
	struct waiter *w = &r->waiter;

	request_move(r, REQUEST_QUEUED);
	request_report_queued(r);
	w->pool.party = r->answer.client != NULL ? client_party(r->answer.client) : r->uid;
	w->pool.fresh = r->params.fresh;
	w->pool.slotless = r->lease.carried = r->params.kind == EXEC_FORWARD;
	w->interactive = r->params.interactive && !w->as_ssh; /* who would only be asked again lifts nothing */
	w->takes_held = !r->kind->opens;
	w->records = r->kind->records;
	w->sees_login = r->kind->sees_login;
	w->holder = r->answer.client != NULL ? client_holder(r->answer.client) : NULL;
	w->agent_socket = r->params.agent_socket;
	w->queue_timeout = r->params.queue_timeout;
	wait_for_lease(r);
}

/* Where its lease begins: what the next command may count on. */
static void
begin_mode(struct request *r)
{
	const struct platform_mode *mode = link_mode(&r->lease);

	snprintf(r->cli.began, sizeof(r->cli.began), "%s", mode != NULL ? mode->name : "");
	r->cli.moved = false;
}

/* What ssh would have done by its configuration, and is not done here. */
static void
tell_not_honoured(struct request *r, const struct strings *notices)
{
	r->params.verbose = false;
	for (size_t i = 0; i < notices->n; i++)
		request_notice(r, notices->v[i]);
}

/* It has a lease, and begins. */
static void
begin_lease(struct request *r)
{
	struct link *link = r->lease.link;

	if (r->params.verbose)
		tell_not_honoured(r, &link_facts(link).target->notices);
	r->assigned = clock_now();
	r->ran_on.id = link_facts(link).id;
	r->ran_on.reused = link_entry(link)->ready_since <= r->received; /* it was warm before the request came */
	r->ran_on.connect_seconds = link_facts(link).connect_seconds;
	begin_mode(r);
	request_report_started(r);
	if (r->kind->assigned != NULL)
		r->kind->assigned(r);
	else
		request_drive(r)->start(r);
}

/*
 * The pool gives a lease.  One that cannot be used now goes back as it came: to the client that kept its shell, or to
 * all.  A session that was made for this request alone waits: it would be made anew.
 */
void
request_assigned(struct request *r, struct link *link)
{
	struct holder *holder = r->waiter.holder;
	bool kept = holder != NULL && device_kept(r->dev, holder) == link;

	link_lease(link, &r->lease);
	if (!request_must_stall(r)) {
		begin_lease(r);
		return;
	}
	if (!link_entry(link)->private_use)
		link_release(&r->lease, kept ? holder : NULL);
	request_stall(r);
}

void
request_go_on(struct request *r)
{
	if (r->lease.link != NULL)
		begin_lease(r);
	else
		wait_for_lease(r);
}
