/*
 * What the broker sends: output to the standard streams (or kept for -j), results to the exit status, prompts to the
 * terminal.  Unknown notifications are ignored: a newer broker may know more.
 */
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_impl.h"
#include "npexec/npexec_report.h"
#include "lib/npjson.h"
#include "base/text.h"
#include "base/xalloc.h"

/* The first sign of life of the remote command: from now on keys are for it. */
static void
note_started(struct npexec *x, struct npexec_job *job)
{
	if (job->started)
		return;
	job->started = true;
	if (x->o->want_pty)
		npexec_tty_raw(&x->tty);
}

static void
on_credit(struct npexec *x, struct npexec_job *job, const cJSON *params)
{
	double bytes = npjson_number(params, "bytes", 0);

	note_started(x, job);
	job->lend = npjson_true(params, "lend");
	if (bytes > 0 && bytes <= MESSAGE_INT_MAX)
		job->credit += (uint64_t)bytes;
}

static void
on_result(struct npexec *x, struct npexec_job *job, const cJSON *params)
{
	double index = npjson_number(params, "index", -1);
	const char *command = job->command;
	size_t size = job->command_size;

	if (x->o->mode == NPEXEC_CONFIG) {
		npexec_config_result(x, job, params);
		return;
	}
	job->results++;
	if (x->o->mode == NPEXEC_LIST && index >= 0 && index < (double)x->o->commands_count) {
		command = x->o->commands[(size_t)index];
		size = strlen(command);
	}
	int failed = npexec_job_result(x, job, command, size, params);
	if (x->o->mode == NPEXEC_LINES && failed == NPEXEC_STATUS_FAILED)
		x->lines_end = true; /* the next line would meet the same: it is not run */
	if (x->o->mode == NPEXEC_LIST && x->interrupted)
		npexec_cancel(x, job);
}

/* ---- prompts, notices ---- */

static void
on_prompt(struct npexec *x, struct npexec_job *job NP_UNUSED, const cJSON *params)
{
	npexec_progress_hide(x, false);
	if (x->interrupted || !npprompt_add(&x->prompt, params))
		npclient_answer(&x->client, params, NULL, false);
}

static void
on_notice(struct npexec *x, struct npexec_job *job, const cJSON *params)
{
	const char *text = npjson_string(params, "text");

	if (text != NULL && npexec_is_talkative(x))
		npexec_say(x, job, text);
}

static void
on_notification(struct npexec *x, const struct message *m, const struct frame *frame)
{
	static const struct {
		const char *name;
		void (*run)(struct npexec *x, struct npexec_job *job, const cJSON *params);
	} others[] = {{"credit", on_credit}, {"result", on_result}, {"prompt", on_prompt}, {"notice", on_notice}};
	struct npexec_job *job = npexec_job_find(x, npjson_number(m->params, "id", 0));
	bool is_stderr = strcmp(m->method, "stderr") == 0;

	if (job == NULL)
		return;
	if (is_stderr || strcmp(m->method, "stdout") == 0) {
		note_started(x, job);
		npexec_output(x, job, is_stderr, frame->data, frame->data_size);
		return;
	}
	for (size_t i = 0; i < NP_COUNT(others); i++)
		if (strcmp(m->method, others[i].name) == 0)
			others[i].run(x, job, m->params);
}

/* ---- the end of a request ---- */

void
npexec_job_failed(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err)
{
	int status = npexec_status_of_reason(err->reason);

	if (x->o->json)
		npexec_print_failure(x, job, device, err);
	npexec_tty_restore(&x->tty);
	if (x->interrupted && err->reason == REASON_CANCELLED)
		status = NPEXEC_STATUS_INTERRUPTED;
	else
		npexec_say_error(x, job, device, err);
	npexec_add_status(x, job, status);
	if (status == NPEXEC_STATUS_FAILED)
		x->lines_end = true;
	npexec_job_ended(x, job);
}

static void
on_error(struct npexec *x, struct npexec_job *job, const struct message *m)
{
	struct np_error err;

	message_error_read(m->error, &err);
	if (job->too_large)
		npexec_set_output_limit(x, &err);
	npexec_job_failed(x, job, npexec_error_device(m->error), &err);
}

static void
on_response(struct npexec *x, struct npexec_job *job, const struct message *m)
{
	if (x->o->mode == NPEXEC_INPUT && npjson_true(m->result, "lines")) {
		npexec_job_lines(x, job);
		return;
	}
	if (x->o->mode == NPEXEC_CONFIG) {
		if (x->o->json)
			npexec_print_json(x, job, NULL, 0, m->result);
		npexec_config_end(x, job, m->result);
	} else if (job->results == 0 && x->o->mode != NPEXEC_LIST)
		npexec_job_result(x, job, job->command, job->command_size, m->result);
	npexec_job_ended(x, job);
}

/* ---- the devices ---- */

/* The devices could not be found, or the connection failed for all of them. */
static void
operand_failed(struct npexec *x, const struct np_error *err)
{
	if (x->o->json && x->jobs == NULL) {
		npexec_jobs_create(x, NULL);
		npexec_print_failure(x, &x->jobs[0], NULL, err);
	}
	npexec_say_error(x, NULL, NULL, err);
	npexec_end(x, NPEXEC_STATUS_FAILED);
}

static void
on_devices(struct npexec *x, const struct message *m)
{
	cJSON *names = cJSON_DetachItemFromObjectCaseSensitive((cJSON *)(uintptr_t)m->result, "devices");
	struct np_error err;

	x->devices_id = 0;
	if (cJSON_IsArray(names) && names->child != NULL) {
		npexec_jobs_create(x, names);
		return;
	}
	cJSON_Delete(names);
	error_set(&err, REASON_INTERNAL, "the broker did not say which devices these are");
	operand_failed(x, &err);
}

/* An error without a job: of the question for the devices, or of the connection. */
static void
on_other_error(struct npexec *x, const struct message *m)
{
	struct npexec_job *job = TAILQ_FIRST(&x->live);
	struct np_error err;

	if (!x->o->several) {
		if (job != NULL && m->id.kind == MESSAGE_ID_NULL)
			on_error(x, job, m);
		return;
	}
	if (m->id.kind != MESSAGE_ID_NULL && m->id.number != x->devices_id)
		return;
	message_error_read(m->error, &err);
	operand_failed(x, &err);
}

static void
on_message(struct npexec *x, const struct message *m, const struct frame *frame)
{
	bool ours = m->id.kind == MESSAGE_ID_NUMBER;
	struct npexec_job *job = ours ? npexec_job_find(x, (double)m->id.number) : NULL;

	switch (m->kind) {
	case MESSAGE_NOTIFICATION:
		on_notification(x, m, frame);
		break;
	case MESSAGE_RESULT:
		if (job != NULL)
			on_response(x, job, m);
		else if (ours && x->devices_id != 0 && m->id.number == x->devices_id)
			on_devices(x, m);
		break;
	case MESSAGE_ERROR:
		if (job != NULL)
			on_error(x, job, m);
		else
			on_other_error(x, m);
		break;
	case MESSAGE_REQUEST:
		break; /* the broker asks nothing */
	}
}

/* With several devices each command has a window, so that a slow reader of stdout holds no message back. */
bool
npexec_messages_wanted(const struct npexec *x)
{
	size_t room = x->o->json ? x->out.pending.max / 2 : (size_t)2 * FRAME_DATA_MAX;

	if (x->o->several && !x->o->json && x->o->mode != NPEXEC_CONFIG)
		return sink_has_room(&x->err, FRAME_DATA_MAX);
	return sink_has_room(&x->out, room) && sink_has_room(&x->err, FRAME_DATA_MAX);
}

int
npexec_messages(struct npexec *x, struct np_error *err)
{
	struct message m;
	struct frame frame;

	while (!x->done && npexec_messages_wanted(x)) {
		switch (npclient_next(&x->client, &m, &frame, err)) {
		case FRAME_MORE:
			return 0;
		case FRAME_BAD:
			return -1;
		case FRAME_READY:
			on_message(x, &m, &frame);
			npclient_done(&x->client, &m, &frame);
			break;
		}
	}
	return 0;
}
