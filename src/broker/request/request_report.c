/*
 * The hooks that tell of requests and their commands; see report.h.
 */
#include <stdlib.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"
#include "secret/redact.h"

static const char *
kind_word(const struct request *r)
{
	static const char *const words[] = {
	    [EXEC_SHELL] = "shell", [EXEC_SUBSYSTEM] = "subsystem", [EXEC_FORWARD] = "connect"};

	return r->params.kind != EXEC_COMMAND ? words[r->params.kind] : r->kind->name;
}

static struct event
begin(enum event_kind kind, const struct request *r)
{
	struct event e;

	event_init(&e, kind);
	device_name_event(&e, r->dev);
	e.who = &r->who;
	e.request = r->uid;
	e.session = r->ran_on.id;
	e.what = kind_word(r);
	if (kind == EVENT_COMMAND_ENDED && r->params.batch)
		e.index = (int64_t)r->index;
	return e;
}

/* How many commands, or lines of configuration, and how many of them failed. */
static void
add_counts(struct event *e, const struct request *r)
{
	if (r->kind->counts != NULL)
		r->kind->counts(e, r);
	else if (r->kind->works) {
		if (r->params.batch)
			e->count = (int64_t)r->params.commands_count;
		e->failed = (int64_t)r->failed;
	}
}

/* Bytes since the last time that we told. */
static void
take_bytes(struct event *e, struct request *r)
{
	e->bytes_in = (int64_t)(r->bytes_in - r->told_in);
	e->bytes_out = (int64_t)(r->bytes_out - r->told_out);
	r->told_in = r->bytes_in;
	r->told_out = r->bytes_out;
}

void
request_report_made(struct request *r)
{
	if (r->answer.client == NULL)
		return;
	report_name_program(r->broker->events, r->answer.client);
	r->who = *client_who(r->answer.client);
}

void
request_report_queued(struct request *r)
{
	struct event e = begin(EVENT_REQUEST_QUEUED, r);

	add_counts(&e, r);
	e.failed = -1;
	report_emit(r->broker->events, &e);
}

/* What a request that has a session has cost so far, as its results tell it. */
static void
add_times(struct event *e, const struct request *r)
{
	if (r->ran_on.id == 0)
		return;
	e->reused = r->ran_on.reused;
	e->connect = r->ran_on.reused ? 0 : r->ran_on.connect_seconds;
	e->queue = r->assigned - r->received - e->connect;
	if (e->queue < 0)
		e->queue = 0;
}

void
request_report_started(struct request *r)
{
	struct event e = begin(EVENT_REQUEST_STARTED, r);

	add_times(&e, r);
	report_emit(r->broker->events, &e);
}

struct redact *
request_known(struct request *r)
{
	if (r->known != NULL)
		return r->known;
	r->known = redact_create(true);
	redact_add(r->known, device_settings(r->dev)->password, REDACT_KEPT);
	redact_add(r->known, device_settings(r->dev)->secret, REDACT_KEPT);
	for (size_t i = 0; i < r->params.cli.answers_count; i++)
		redact_add(r->known, r->params.cli.answers[i].text, REDACT_KEPT);
	return r->known;
}

/* For the audit log, which masks it; NULL: nobody keeps it.  The caller frees it. */
static char *
add_command(struct event *e, struct request *r)
{
	const struct command *c = r->index < r->params.commands_count ? &r->params.commands[r->index] : NULL;
	const char *text = c != NULL ? c->text : NULL;

	e->command_size = c != NULL ? c->size : 0;
	if (r->cli.text.len > 0) { /* lines of configuration */
		text = (const char *)buf_head(&r->cli.text);
		e->command_size = r->cli.text.len;
	}
	if (!audit_is_on(r->broker->events))
		return NULL;
	if (link_known(&r->lease) != NULL)
		redact_add_all(request_known(r), link_known(&r->lease));
	return audit_command(r->broker->events, text, e->command_size, request_known(r), device_platform(r->dev));
}

/* With the command that it is about. */
static void
emit_with_command(struct event *e, struct request *r)
{
	char *command = add_command(e, r);

	e->command = command;
	report_emit(r->broker->events, e);
	free(command);
}

static struct np_error
cancellation(const struct request *r)
{
	struct np_error err;

	error_set(&err, REASON_CANCELLED, "%s",
	    r->killed                  ? "killed by the operator (npctl kill)"
	    : r->answer.client == NULL ? "the client has left"
				       : "cancelled by the client");
	return err;
}

void
request_report_command(struct request *r)
{
	struct np_error cancelled = cancellation(r);
	struct event e = begin(EVENT_COMMAND_ENDED, r);

	r->told_command = true;
	e.ended = true;
	e.err = r->cancelled ? &cancelled : request_command_error(r);
	e.has_status = e.err == NULL && r->end.has_status;
	e.status = r->end.status;
	e.signal = r->end.signal;
	if (r->started > 0)
		e.duration = clock_now() - r->started;
	if (r->index == 0)
		add_times(&e, r);
	if (r->kind->counts != NULL)
		add_counts(&e, r);
	take_bytes(&e, r);
	emit_with_command(&e, r);
}

void
request_report_not_run(struct request *r, const struct np_error *why)
{
	struct event e = begin(EVENT_COMMAND_ENDED, r);

	e.ended = true;
	e.err = why;
	emit_with_command(&e, r);
}

void
request_report_ended(struct request *r, const struct np_error *err)
{
	struct np_error cancelled = cancellation(r);
	struct event e = begin(EVENT_REQUEST_ENDED, r);

	if (r->told_end)
		return;
	r->told_end = true;
	if (err == NULL)
		err = r->cancelled ? &cancelled : r->params.batch ? NULL : request_command_error(r);
	e.untold = !r->told_command;
	e.ended = true;
	e.err = err;
	e.has_status = err == NULL && !r->params.batch && r->end.has_status;
	e.status = r->end.status;
	e.signal = r->params.batch ? NULL : r->end.signal;
	add_counts(&e, r);
	add_times(&e, r);
	e.duration = clock_now() - r->received;
	if (!r->kind->opens) {
		e.bytes_in = (int64_t)r->bytes_in;
		e.bytes_out = (int64_t)r->bytes_out;
	}
	if (e.untold)
		emit_with_command(&e, r);
	else
		report_emit(r->broker->events, &e);
}
