/*
 * How commands and devices ended: counted for the exit status, said to people, printed for -j as a line for every
 * command, also for those that never ran.
 */
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_impl.h"
#include "npexec/npexec_report.h"
#include "lib/npjson.h"

const char *
npexec_error_device(const cJSON *error)
{
	return npjson_string(cJSON_GetObjectItemCaseSensitive(error, "data"), "device");
}

static const char *
result_device(const cJSON *result)
{
	const char *device = npexec_error_device(cJSON_GetObjectItemCaseSensitive(result, "error"));

	return device != NULL ? device : npjson_string(result, "device");
}

void
npexec_print_line(
    struct npexec *x, const char *device, const char *text, size_t size, const cJSON *result, const struct buf *output)
{
	struct buf line;

	buf_init(&line, x->out.pending.max);
	if (npexec_json_line(&line, device, text, size, result, output) == 0) {
		npexec_progress_hide(x, true);
		sink_write(&x->out, buf_head(&line), line.len);
	}
	buf_free(&line);
}

void
npexec_print_json(struct npexec *x, struct npexec_job *job, const char *command, size_t size, const cJSON *result)
{
	npexec_print_line(x, x->o->several ? job->device : NULL, command, size, result, job->kept);
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

	if (x->o->connect != NULL && !cJSON_HasObjectItem(result, "error")) { /* it has no status */
		error_clear(&err);
		status = 0;
	}
	if (x->o->json && command != NULL)
		npexec_print_json(x, job, command, size, result);
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

void
npexec_set_output_limit(const struct npexec *x, struct np_error *err)
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

	npexec_set_output_limit(x, &err);
	cJSON_DeleteItemFromObjectCaseSensitive(copy, "error");
	cJSON_AddItemToObject(copy, "error", message_error_object(&err, NULL));
	failed = report_result(x, job, command, size, copy);
	cJSON_Delete(copy);
	return failed;
}

int
npexec_job_result(struct npexec *x, struct npexec_job *job, const char *command, size_t size, const cJSON *result)
{
	return job->too_large ? report_cut_result(x, job, command, size, result)
			      : report_result(x, job, command, size, result);
}

void
npexec_print_failure(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "device", device != NULL ? device : job->device);
	cJSON_AddItemToObject(result, "error", message_error_object(err, NULL));
	if (x->o->mode == NPEXEC_COMMAND)
		npexec_print_json(x, job, x->o->command, strlen(x->o->command), result);
	else if (x->o->mode != NPEXEC_LIST)
		npexec_print_json(x, job, job->command, job->command_size, result);
	for (size_t i = job->results; x->o->mode == NPEXEC_LIST && i < x->o->commands_count; i++)
		npexec_print_json(x, job, x->o->commands[i], strlen(x->o->commands[i]), result);
	cJSON_Delete(result);
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
		npexec_print_failure(x, &x->jobs[i], NULL, &err);
	if (x->interrupted)
		return;
	names = npexec_gather_names(x, NULL, &count);
	sink_printf(&x->err, "npexec: %s: %s: %s\n", names, reason_name(err.reason), err.text);
	free(names);
}
