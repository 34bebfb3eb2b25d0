/*
 * What the broker sends: output to the standard streams (or kept for -j), results to the exit status, prompts to the
 * terminal.  Unknown notifications are ignored: a newer broker may know more.
 */
#include <stdlib.h>
#include <string.h>

#include "npexec_impl.h"
#include "npexec_report.h"
#include "text.h"
#include "xalloc.h"

/* The first sign of life of the remote command: from now on keys are for it. */
static void
note_started(struct npexec *x)
{
	if (x->started)
		return;
	x->started = true;
	if (x->o->want_pty)
		npexec_tty_raw(&x->tty);
}

/* ---- output ---- */

static void
keep(struct npexec *x, struct buf *b, const struct frame *frame)
{
	if (x->too_large || buf_append(b, frame->data, frame->data_size) == 0)
		return;
	x->too_large = true;
	npexec_cancel(x);
}

static void
on_stdout(struct npexec *x, const cJSON *params NP_UNUSED, const struct frame *frame)
{
	note_started(x);
	if (x->o->json)
		keep(x, &x->kept_out, frame);
	else
		sink_write(&x->out, frame->data, frame->data_size);
}

static void
on_stderr(struct npexec *x, const cJSON *params NP_UNUSED, const struct frame *frame)
{
	note_started(x);
	if (x->o->json)
		keep(x, &x->kept_err, frame);
	else
		sink_write(&x->err, frame->data, frame->data_size);
}

static void
on_credit(struct npexec *x, const cJSON *params, const struct frame *frame NP_UNUSED)
{
	const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(params, "bytes");

	note_started(x);
	if (cJSON_IsNumber(bytes) && bytes->valuedouble > 0 && bytes->valuedouble <= MESSAGE_INT_MAX)
		x->credit += (uint64_t)bytes->valuedouble;
	if (x->eof_due)
		npexec_input_end(x);
}

/* ---- results ---- */

static const char *
result_device(const cJSON *result)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(result, "error");
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(error, "data");
	const cJSON *device = cJSON_GetObjectItemCaseSensitive(data, "device");

	if (!cJSON_IsString(device))
		device = cJSON_GetObjectItemCaseSensitive(result, "device");
	return cJSON_IsString(device) ? device->valuestring : NULL;
}

static void
print_json(struct npexec *x, const char *command, size_t size, const cJSON *result)
{
	struct npexec_output output = {.out = buf_head(&x->kept_out),
	    .err = buf_head(&x->kept_err),
	    .out_size = x->kept_out.len,
	    .err_size = x->kept_err.len};
	struct buf line;

	buf_init(&line, x->out.pending.max);
	if (npexec_json_line(&line, command, size, result, &output) == 0)
		sink_write(&x->out, buf_head(&line), line.len);
	buf_free(&line);
	buf_consume(&x->kept_out, x->kept_out.len);
	buf_consume(&x->kept_err, x->kept_err.len);
}

/* Says how one command ended and counts it; command NULL: a shell or a whole list, nothing is printed for -j. */
static int
report_result(struct npexec *x, const char *command, size_t size, const cJSON *result)
{
	struct np_error err;
	int status = npexec_status(result, &err);

	if (x->o->json && command != NULL)
		print_json(x, command, size, result);
	if (x->interrupted && err.reason == REASON_CANCELLED)
		status = NPEXEC_STATUS_INTERRUPTED;
	else if (err.reason != REASON_NONE && (err.reason != REASON_NOT_RUN || x->errors == 0))
		npexec_say_error(x, result_device(result), &err);
	if (x->o->verbose && !x->o->json) {
		char *line = npexec_timing_line(result);
		npexec_say(x, line);
		free(line);
	}
	npexec_add_status(x, status);
	return err.reason != REASON_NONE ? status : 0;
}

static void
set_output_limit(struct np_error *err)
{
	error_set(err, REASON_OUTPUT_LIMIT, "more output than the 16 MiB that -j keeps: run it without -j");
}

/* The command had ended before our cancel came: it is a failure all the same, its output is not complete. */
static int
report_cut_result(struct npexec *x, const char *command, size_t size, const cJSON *result)
{
	cJSON *copy = cJSON_Duplicate(result, 1);
	struct np_error err;
	int failed;

	set_output_limit(&err);
	cJSON_DeleteItemFromObjectCaseSensitive(copy, "error");
	cJSON_AddItemToObject(copy, "error", message_error_object(&err, NULL));
	failed = report_result(x, command, size, copy);
	cJSON_Delete(copy);
	return failed;
}

static void
on_result(struct npexec *x, const cJSON *params, const struct frame *frame NP_UNUSED)
{
	const cJSON *index = cJSON_GetObjectItemCaseSensitive(params, "index");
	const char *command = x->command;
	size_t size = x->command_size;

	x->results++;
	if (x->o->mode == NPEXEC_LIST && cJSON_IsNumber(index) && index->valuedouble >= 0 &&
	    index->valuedouble < (double)x->o->commands_count) {
		command = x->o->commands[(size_t)index->valuedouble];
		size = strlen(command);
	}
	int failed =
	    x->too_large ? report_cut_result(x, command, size, params) : report_result(x, command, size, params);
	if (x->o->mode == NPEXEC_LINES && failed == NPEXEC_STATUS_FAILED)
		x->lines_end = true; /* the next line would meet the same: it is not run */
	if (x->o->mode == NPEXEC_LIST && x->interrupted)
		npexec_cancel(x);
}

/* ---- prompts, notices ---- */

static void
on_prompt(struct npexec *x, const cJSON *params, const struct frame *frame NP_UNUSED)
{
	const cJSON *prompt_id = cJSON_GetObjectItemCaseSensitive(params, "prompt_id");
	struct np_error err;

	if (npprompt_add(&x->prompt, params))
		return;
	if (npclient_answer(&x->client, x->id, prompt_id, NULL, &err) == -1)
		npexec_say_error(x, NULL, &err);
}

static void
on_notice(struct npexec *x, const cJSON *params, const struct frame *frame NP_UNUSED)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(params, "text");

	if (cJSON_IsString(text))
		npexec_say(x, text->valuestring);
}

static const struct {
	const char *name;
	void (*run)(struct npexec *x, const cJSON *params, const struct frame *frame);
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
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(m->params, "id");

	if (!x->busy || !cJSON_IsNumber(id) || id->valuedouble != (double)x->id)
		return;
	for (size_t i = 0; i < NP_COUNT(notifications); i++) {
		if (strcmp(m->method, notifications[i].name) == 0) {
			notifications[i].run(x, m->params, frame);
			return;
		}
	}
}

/* ---- the end of a request ---- */

static void
request_ended(struct npexec *x)
{
	x->busy = false;
	x->credit = 0;
	npexec_tty_restore(&x->tty);
	while (npprompt_current(&x->prompt) != NULL)
		npprompt_next(&x->prompt);
	if (x->o->mode != NPEXEC_LINES || x->interrupted)
		npexec_end(x, x->status);
	else if (x->lines_end)
		buf_consume(&x->held, x->status == NPEXEC_STATUS_FAILED ? x->held.len : 0);
}

/* -j has a line for every command, also for those that never ran. */
static void
print_json_failure(struct npexec *x, const char *device, const struct np_error *err)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "device", device != NULL ? device : x->o->device);
	cJSON_AddItemToObject(result, "error", message_error_object(err, NULL));
	if (x->o->mode != NPEXEC_LIST)
		print_json(x, x->command, x->command_size, result);
	for (size_t i = x->results; x->o->mode == NPEXEC_LIST && i < x->o->commands_count; i++)
		print_json(x, x->o->commands[i], strlen(x->o->commands[i]), result);
	cJSON_Delete(result);
}

static void
on_error(struct npexec *x, const struct message *m)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(m->error, "data");
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(data, "device");
	const char *device = cJSON_IsString(name) ? name->valuestring : NULL;
	struct np_error err;
	int status;

	message_error_read(m->error, &err);
	if (x->too_large)
		set_output_limit(&err);
	status = npexec_status_of_reason(err.reason);
	if (x->o->json)
		print_json_failure(x, device, &err);
	npexec_tty_restore(&x->tty);
	if (x->interrupted && err.reason == REASON_CANCELLED)
		status = NPEXEC_STATUS_INTERRUPTED;
	else
		npexec_say_error(x, device, &err);
	npexec_add_status(x, status);
	if (status == NPEXEC_STATUS_FAILED)
		x->lines_end = true;
	request_ended(x);
}

static void
on_response(struct npexec *x, const struct message *m)
{
	if (x->results == 0 && x->o->mode != NPEXEC_LIST)
		report_result(x, x->command, x->command_size, m->result);
	request_ended(x);
}

static void
on_message(struct npexec *x, const struct message *m, const struct frame *frame)
{
	bool ours = m->id.kind == MESSAGE_ID_NUMBER && m->id.number == x->id;

	switch (m->kind) {
	case MESSAGE_NOTIFICATION:
		on_notification(x, m, frame);
		break;
	case MESSAGE_RESULT:
		if (x->busy && ours)
			on_response(x, m);
		break;
	case MESSAGE_ERROR:
		if (x->busy && (ours || m->id.kind == MESSAGE_ID_NULL))
			on_error(x, m);
		break;
	case MESSAGE_REQUEST:
		break; /* the broker asks nothing */
	}
}

int
npexec_messages(struct npexec *x, struct np_error *err)
{
	struct message m;
	struct frame frame;

	while (!x->done && sink_has_room(&x->out, FRAME_DATA_MAX) && sink_has_room(&x->err, FRAME_DATA_MAX)) {
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
