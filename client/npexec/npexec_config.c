/*
 * -c: configuration lines, the same for every device.  All of them reach the broker before it sends the first; what
 * became of each comes back line by line, then how it ended as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_impl.h"
#include "npexec/npexec_report.h"
#include "lib/npjson.h"
#include "base/text.h"
#include "base/xalloc.h"

/* What may wait for the broker at once, of all devices. */
#define PENDING_MAX ((size_t)256 * 1024)

/* ---- the lines on their way ---- */

static void
push_text(struct npexec *x, struct npexec_job *job)
{
	const struct buf *text = &x->o->text;

	while (job->credit > 0 && job->text_sent < text->len) {
		if (npclient_pending(&x->client) > PENDING_MAX)
			return;
		job->text_sent += npexec_send_input(x, job, text, job->text_sent);
	}
	if (job->text_sent < text->len || job->text_ended)
		return;
	job->text_ended = true;
	npclient_notify(&x->client, job->id, "eof", NULL);
}

void
npexec_config_push(struct npexec *x)
{
	struct npexec_job *job;

	TAILQ_FOREACH (job, &x->live, link)
		if (job->busy && !job->cancelled)
			push_text(x, job);
}

/* ---- results of lines ---- */

/* The text of line index, without its newline; results come in order, so that the next is seldom far. */
static const char *
find_line(const struct npexec *x, struct npexec_job *job, double index, size_t *size)
{
	const char *text = (const char *)buf_head(&x->o->text), *end = text + x->o->text.len;
	const char *p, *newline;

	if (index < (double)job->line)
		job->line = job->line_at = 0;
	p = text + job->line_at;
	while ((newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL) != NULL) {
		if ((double)job->line >= index) {
			job->line_at = (size_t)(p - text);
			*size = (size_t)(newline - p);
			return p;
		}
		job->line++;
		p = newline + 1;
	}
	job->line = job->line_at = 0;
	*size = 0;
	return "";
}

/* Whether it is what became of the line; brokers before 1.1 say nothing of outcomes. */
static bool
is_outcome(const cJSON *result, const char *name)
{
	const char *outcome = npjson_string(result, "outcome");

	return outcome != NULL && strcmp(outcome, name) == 0;
}

/* What the device said about a line. */
static void
say_words(struct npexec *x, struct npexec_job *job, double index, const cJSON *result)
{
	const char *words = npjson_string(result, "text");
	const char *kind = is_outcome(result, "remark") ? "remark: " : is_outcome(result, "unclear") ? "unclear: " : "";
	size_t size;
	const char *line = find_line(x, job, index, &size);
	char *shown = text_vis(line, size, false);
	char *said = xasprintf(
	    "line %.0f: '%s': %s%s", index + 1, shown, kind, words != NULL ? words : "refused without a word");

	npexec_say(x, job, said);
	free(said);
	free(shown);
}

static void
print_line(struct npexec *x, struct npexec_job *job, double index, const cJSON *result)
{
	size_t size;
	const char *line = find_line(x, job, index, &size);

	npexec_print_line(x, job->device, line, size, result, NULL);
}

/* What became of several lines at once: each has an object, as if it had come alone. */
static void
print_lines(struct npexec *x, struct npexec_job *job, double index, double last, const cJSON *result)
{
	cJSON *one = cJSON_Duplicate(result, 1);
	size_t size;

	cJSON_DeleteItemFromObjectCaseSensitive(one, "last");
	cJSON_DeleteItemFromObjectCaseSensitive(one, "lines");
	for (; index <= last && x->out.error == 0; index++) {
		const char *line = find_line(x, job, index, &size);
		if (size == 0 && line[0] == '\0') /* there is no such line */
			break;
		if (strspn(line, " \t\r") >= size)
			continue;
		cJSON_SetNumberHelper(cJSON_GetObjectItemCaseSensitive(one, "index"), index);
		print_line(x, job, index, one);
	}
	cJSON_Delete(one);
}

void
npexec_config_result(struct npexec *x, struct npexec_job *job, const cJSON *result)
{
	double index = npjson_number(result, "index", -1), last = npjson_number(result, "last", -1);
	const char *status = npjson_string(result, "status");

	job->results++;
	if (index < 0 || status == NULL)
		return;
	if (x->o->json && last > index)
		print_lines(x, job, index, last, result);
	else if (x->o->json)
		print_line(x, job, index, result);
	else if (strcmp(status, "failed") == 0 || (is_outcome(result, "remark") && !x->o->quiet))
		say_words(x, job, index, result);
	job->errors += strcmp(status, "failed") == 0 && !x->o->json;
}

/* ---- the end ---- */

/* What the device has now. */
static const char *
effect(const struct npexec_options *o, const cJSON *result, double ok, double unclear)
{
	bool saved = npjson_true(result, "saved"), live = npjson_true(result, "live");

	if (live && ok == 0)
		return unclear > 0 ? "whether a line is live is not known" : "no line is live";
	if (live && npjson_true(result, "aborted"))
		return "what was begun and not ended is thrown away, the rest is live";
	if (live && npjson_true(result, "unended"))
		return "live, but perhaps not what the last sub-mode began; not saved";
	if (npjson_true(result, "aborted") && npjson_true(result, "committed"))
		return "what a line of it committed holds, the rest is discarded";
	if (npjson_true(result, "aborted"))
		return npexec_flag(o, "dry_run") ? "discarded, as a dry run is" : "discarded: nothing was changed";
	if (npjson_true(result, "committed")) {
		if (o->confirm_minutes > 0)
			return "committed, to be undone unless confirmed in time";
		return saved ? "committed and saved" : npexec_flag(o, "save") ? "committed, not saved" : "committed";
	}
	if (live)
		return saved ? "live and saved" : "live, not saved";
	if (ok + npjson_number(result, "failed", 0) == 0)
		return "nothing was changed";
	return "neither committed nor discarded: look at the device";
}

static void
say_summary(struct npexec *x, struct npexec_job *job, const cJSON *result)
{
	double ok = npjson_number(result, "ok", 0), failed = npjson_number(result, "failed", 0);
	double not_run = npjson_number(result, "not_run", 0), unclear = npjson_number(result, "unclear", 0);
	char *doubt = unclear > 0 ? xasprintf(", %.0f unclear", unclear) : xstrdup("");
	char *line = xasprintf("%.0f of %.0f lines taken, %.0f refused%s, %.0f not run; %s", ok,
	    npjson_number(result, "count", 0), failed - unclear, doubt, not_run, effect(x->o, result, ok, unclear));

	npexec_say(x, job, line);
	free(line);
	free(doubt);
}

void
npexec_config_end(struct npexec *x, struct npexec_job *job, const cJSON *result)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(result, "error");
	struct np_error err = {0};
	int status = 0;

	if (cJSON_IsObject(error)) {
		message_error_read(error, &err);
		status = npexec_status_of_reason(err.reason);
	} else if (npjson_number(result, "failed", 0) + npjson_number(result, "not_run", 0) > 0)
		status = NPEXEC_STATUS_DEVICE_ERROR;
	if (x->interrupted && err.reason == REASON_CANCELLED)
		status = NPEXEC_STATUS_INTERRUPTED;
	else if (err.reason != REASON_NONE && (err.reason != REASON_CONFIG_REJECTED || job->errors == 0))
		npexec_say_error(x, job, NULL, &err);
	npexec_add_status(x, job, status);
	if (!x->o->json && (status != 0 || !x->o->quiet))
		say_summary(x, job, result);
}
