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
on_stdout(struct npexec *x, struct npexec_job *job, const cJSON *params NP_UNUSED, const struct frame *frame)
{
	note_started(x, job);
	npexec_output(x, job, 0, frame->data, frame->data_size);
}

static void
on_stderr(struct npexec *x, struct npexec_job *job, const cJSON *params NP_UNUSED, const struct frame *frame)
{
	note_started(x, job);
	npexec_output(x, job, 1, frame->data, frame->data_size);
}

static void
on_credit(struct npexec *x, struct npexec_job *job, const cJSON *params, const struct frame *frame NP_UNUSED)
{
	double bytes = npjson_number(params, "bytes", 0);

	note_started(x, job);
	if (bytes > 0 && bytes <= MESSAGE_INT_MAX)
		job->credit += (uint64_t)bytes;
	if (x->eof_due)
		npexec_input_end(x);
}

/* ---- results ---- */

/* The device that an error is about, or NULL. */
static const char *
error_device(const cJSON *error)
{
	return npjson_string(cJSON_GetObjectItemCaseSensitive(error, "data"), "device");
}

static const char *
result_device(const cJSON *result)
{
	const char *device = error_device(cJSON_GetObjectItemCaseSensitive(result, "error"));

	return device != NULL ? device : npjson_string(result, "device");
}

static void
print_json(struct npexec *x, struct npexec_job *job, const char *command, size_t size, const cJSON *result)
{
	struct npexec_output output = {.out = buf_head(&job->kept[0]),
	    .err = buf_head(&job->kept[1]),
	    .out_size = job->kept[0].len,
	    .err_size = job->kept[1].len};
	struct buf line;

	buf_init(&line, x->out.pending.max);
	if (npexec_json_line(&line, x->o->several ? job->device : NULL, command, size, result, &output) == 0) {
		npexec_progress_hide(x, true);
		sink_write(&x->out, buf_head(&line), line.len);
	}
	buf_free(&line);
	npexec_output_drop(x, job);
}

/* With one device its status is ours; of several, people want to know whose it was. */
static void
say_status(struct npexec *x, struct npexec_job *job, const char *command, const cJSON *result)
{
	char *line = npexec_status_line(result, x->o->mode == NPEXEC_LIST ? command : NULL);

	if (line != NULL && x->o->several && !x->o->json && !x->o->quiet)
		npexec_say(x, job, line);
	free(line);
}

/* Says how one command ended and counts it; command NULL: a shell or a whole list, nothing is printed for -j. */
static int
report_result(struct npexec *x, struct npexec_job *job, const char *command, size_t size, const cJSON *result)
{
	struct np_error err;
	int status = npexec_status(result, &err);

	if (x->o->json && command != NULL)
		print_json(x, job, command, size, result);
	if (err.reason == REASON_NOT_RUN && job->status != 0)
		status = 0; /* what stopped the batch has said how it ended */
	if (x->interrupted && err.reason == REASON_CANCELLED)
		status = NPEXEC_STATUS_INTERRUPTED;
	else if (err.reason != REASON_NONE && (err.reason != REASON_NOT_RUN || job->errors == 0))
		npexec_say_error(x, job, result_device(result), &err);
	else if (err.reason == REASON_NONE)
		say_status(x, job, command, result);
	if (x->o->verbose && !x->o->json && npexec_is_talkative(x)) {
		char *line = npexec_timing_line(result);
		npexec_say(x, job, line);
		free(line);
	}
	npexec_add_status(x, job, status);
	return err.reason != REASON_NONE ? status : 0;
}

static void
set_output_limit(const struct npexec *x, struct np_error *err)
{
	const char *option = x->o->json ? "-j" : "-b";

	error_set(err, REASON_OUTPUT_LIMIT,
	    "more output than %s keeps (16 MiB of a command, 512 MiB at once): run it without %s", option, option);
}

/* The command had ended before our cancel came: it is a failure all the same, its output is not complete. */
static int
report_cut_result(struct npexec *x, struct npexec_job *job, const char *command, size_t size, const cJSON *result)
{
	cJSON *copy = cJSON_Duplicate(result, 1);
	struct np_error err;
	int failed;

	set_output_limit(x, &err);
	cJSON_DeleteItemFromObjectCaseSensitive(copy, "error");
	cJSON_AddItemToObject(copy, "error", message_error_object(&err, NULL));
	failed = report_result(x, job, command, size, copy);
	cJSON_Delete(copy);
	return failed;
}

static void
on_result(struct npexec *x, struct npexec_job *job, const cJSON *params, const struct frame *frame NP_UNUSED)
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
	int failed = job->too_large ? report_cut_result(x, job, command, size, params)
				    : report_result(x, job, command, size, params);
	if (x->o->mode == NPEXEC_LINES && failed == NPEXEC_STATUS_FAILED)
		x->lines_end = true; /* the next line would meet the same: it is not run */
	if (x->o->mode == NPEXEC_LIST && x->interrupted)
		npexec_cancel(x, job);
}

/* ---- prompts, notices ---- */

static void
on_prompt(struct npexec *x, struct npexec_job *job NP_UNUSED, const cJSON *params, const struct frame *frame NP_UNUSED)
{
	npexec_progress_hide(x, false);
	if (x->interrupted || !npprompt_add(&x->prompt, params))
		npclient_answer(&x->client, params, NULL);
}

static void
on_notice(struct npexec *x, struct npexec_job *job, const cJSON *params, const struct frame *frame NP_UNUSED)
{
	const char *text = npjson_string(params, "text");

	if (text != NULL && npexec_is_talkative(x))
		npexec_say(x, job, text);
}

static const struct {
	const char *name;
	void (*run)(struct npexec *x, struct npexec_job *job, const cJSON *params, const struct frame *frame);
} notifications[] = {
    {"stdout", on_stdout},
    {"stderr", on_stderr},
    {"credit", on_credit},
    {"result", on_result},
    {"prompt", on_prompt},
    {"notice", on_notice},
};

static void
on_notification(struct npexec *x, const struct message *m, const struct frame *frame)
{
	struct npexec_job *job = npexec_job_find(x, npjson_number(m->params, "id", 0));

	for (size_t i = 0; job != NULL && i < NP_COUNT(notifications); i++) {
		if (strcmp(m->method, notifications[i].name) == 0) {
			notifications[i].run(x, job, m->params, frame);
			return;
		}
	}
}

/* ---- the end of a request ---- */

/* -j has a line for every command, also for those that never ran. */
static void
print_json_failure(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "device", device != NULL ? device : job->device);
	cJSON_AddItemToObject(result, "error", message_error_object(err, NULL));
	if (x->o->mode == NPEXEC_COMMAND)
		print_json(x, job, x->o->command, strlen(x->o->command), result);
	else if (x->o->mode != NPEXEC_LIST)
		print_json(x, job, job->command, job->command_size, result);
	for (size_t i = job->results; x->o->mode == NPEXEC_LIST && i < x->o->commands_count; i++)
		print_json(x, job, x->o->commands[i], strlen(x->o->commands[i]), result);
	cJSON_Delete(result);
}

void
npexec_job_failed(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err)
{
	int status = npexec_status_of_reason(err->reason);

	if (x->o->json)
		print_json_failure(x, job, device, err);
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

void
npexec_jobs_skip(struct npexec *x)
{
	struct np_error err;
	size_t count;
	char *names;

	if (!x->o->several || x->jobs_begun == x->jobs_count)
		return;
	error_set(&err, REASON_NOT_RUN, "npexec ended before");
	for (size_t i = x->jobs_begun; x->o->json && i < x->jobs_count; i++)
		print_json_failure(x, &x->jobs[i], NULL, &err);
	if (x->interrupted)
		return;
	names = npexec_gather_names(x, NULL, &count);
	sink_printf(&x->err, "npexec: %s: %s: %s\n", names, reason_name(err.reason), err.text);
	free(names);
}

static void
on_error(struct npexec *x, struct npexec_job *job, const struct message *m)
{
	struct np_error err;

	message_error_read(m->error, &err);
	if (job->too_large)
		set_output_limit(x, &err);
	npexec_job_failed(x, job, error_device(m->error), &err);
}

static void
on_response(struct npexec *x, struct npexec_job *job, const struct message *m)
{
	if (x->o->mode == NPEXEC_CONFIG) {
		if (x->o->json)
			print_json(x, job, NULL, 0, m->result);
		npexec_config_end(x, job, m->result);
	} else if (job->results == 0 && x->o->mode != NPEXEC_LIST)
		report_result(x, job, job->command, job->command_size, m->result);
	npexec_job_ended(x, job);
}

/* ---- the devices ---- */

/* The devices could not be found, or the connection failed for all of them. */
static void
operand_failed(struct npexec *x, const struct np_error *err)
{
	if (x->o->json && x->jobs == NULL) {
		npexec_jobs_create(x, NULL);
		print_json_failure(x, &x->jobs[0], NULL, err);
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
