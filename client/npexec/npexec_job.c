/*
 * The devices of a run and their requests: all over one connection to the broker, so many at a time.  Owns the jobs.
 */
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_impl.h"
#include "npexec/npexec_report.h"
#include "base/xalloc.h"

/* -j keeps the output of a command until its result is there, -b that of a device. */
#define KEPT_MAX ((size_t)16 * 1024 * 1024)

void
npexec_jobs_create(struct npexec *x, cJSON *names)
{
	const cJSON *name = names != NULL ? names->child : NULL;

	x->devices = names;
	x->jobs_count = names != NULL ? (size_t)cJSON_GetArraySize(names) : 1;
	x->jobs = xcalloc(x->jobs_count + 1, sizeof(x->jobs[0]));
	for (size_t i = 0; i < x->jobs_count; i++) {
		struct npexec_job *job = &x->jobs[i];

		job->device = x->o->device;
		if (name != NULL) {
			job->device = cJSON_IsString(name) ? name->valuestring : "";
			name = name->next;
		}
		buf_init(&job->kept[0], KEPT_MAX);
		buf_init(&job->kept[1], KEPT_MAX);
	}
}

void
npexec_jobs_finish(struct npexec *x)
{
	for (size_t i = 0; i < x->jobs_count; i++) {
		free(x->jobs[i].command);
		buf_free(&x->jobs[i].kept[0]);
		buf_free(&x->jobs[i].kept[1]);
	}
	free(x->jobs);
	cJSON_Delete(x->devices);
}

/* ---- requests ---- */

bool
npexec_forwards_stdin(const struct npexec *x)
{
	bool bytes = x->o->mode == NPEXEC_COMMAND || x->o->mode == NPEXEC_SHELL || x->o->mode == NPEXEC_INPUT;

	return !x->o->several && !x->o->no_stdin && bytes;
}

/* The end of an empty input goes with the request: nobody has to ask for it when the command runs. */
static void
open_input(struct npexec *x, const struct npexec_job *job)
{
	if (x->o->mode == NPEXEC_LIST || x->o->mode == NPEXEC_CONFIG)
		return;
	if (npexec_forwards_stdin(x))
		x->stdin_open = true;
	else
		npclient_notify(&x->client, job->id, "eof", NULL);
}

int
npexec_job_send(struct npexec *x, struct npexec_job *job, const char *command, size_t size, struct np_error *err)
{
	char *copy = command != NULL ? xstrndup(command, size) : NULL;
	cJSON *params = npexec_params(x->o, job->device, copy, size, &x->terminal);

	free(job->command);
	job->command = copy;
	job->command_size = size;
	job->id = ++x->last_id;
	job->started = job->cancelled = job->too_large = false;
	job->results = 0;
	job->credit = 0;
	if (npclient_request(&x->client, job->id, npexec_method(x->o), params, err) == -1)
		return -1;
	job->busy = true;
	x->jobs_busy++;
	TAILQ_INSERT_TAIL(&x->live, job, link);
	open_input(x, job);
	return 0;
}

int
npexec_job_begin(struct npexec *x, struct npexec_job *job, struct np_error *err)
{
	const char *command = x->o->mode == NPEXEC_COMMAND ? x->o->command : NULL;

	return npexec_job_send(x, job, command, command != NULL ? strlen(command) : 0, err);
}

/* ---- the end of a request ---- */

void
npexec_job_ended(struct npexec *x, struct npexec_job *job)
{
	job->busy = false;
	job->credit = 0;
	x->jobs_busy--;
	npexec_tty_restore(&x->tty);
	npprompt_drop(&x->prompt, job->id);
	if (x->o->several) {
		x->jobs_ended++;
		x->jobs_failed += job->status != 0;
		if (x->o->gather)
			npexec_gather_job(x, job);
		npexec_output_pump(x, job);
		return;
	}
	TAILQ_REMOVE(&x->live, job, link);
	if (x->o->mode != NPEXEC_LINES || x->interrupted)
		npexec_end(x, x->status);
	else if (x->lines_end)
		buf_consume(&x->input, x->status == NPEXEC_STATUS_FAILED ? x->input.len : 0);
}

/* The device has a command line: standard input, of which nothing was read yet, holds commands. */
void
npexec_job_lines(struct npexec *x, struct npexec_job *job)
{
	x->o->mode = NPEXEC_LINES;
	x->stdin_open = true;
	npexec_job_ended(x, job);
}

/* ---- several devices ---- */

static void
begin_next(struct npexec *x)
{
	struct np_error err;

	while (x->jobs_begun < x->jobs_count && x->jobs_busy < x->o->parallel && !x->interrupted &&
	       npclient_has_room(&x->client)) {
		struct npexec_job *job = &x->jobs[x->jobs_begun++];

		if (npexec_job_begin(x, job, &err) == -1) {
			npexec_say_error(x, job, NULL, &err);
			npexec_end(x, NPEXEC_STATUS_FAILED);
			return;
		}
	}
}

void
npexec_jobs_advance(struct npexec *x)
{
	struct npexec_job *job, *next;

	if (!x->o->several || x->jobs == NULL || x->done)
		return;
	TAILQ_FOREACH_SAFE (job, &x->live, link, next)
		npexec_output_pump(x, job);
	begin_next(x);
	if (!TAILQ_EMPTY(&x->live) || (x->jobs_begun < x->jobs_count && !x->interrupted))
		return;
	if (x->o->gather)
		npexec_gather_print(x);
	npexec_jobs_skip(x);
	npexec_end(x, x->interrupted ? NPEXEC_STATUS_INTERRUPTED : x->status);
}
