/*
 * The verb `record`: commands on a shell of their own, from its login on, with everything that went by as a transcript
 * in place of their output (transcript.h).
 */
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/xalloc.h"
#include "cli/transcript.h"

void
request_add_command(struct request *r, const char *text)
{
	struct exec_params *params = &r->params;

	params->commands = xreallocarray(params->commands, params->commands_count + 1, sizeof(params->commands[0]));
	params->commands[params->commands_count++] = (struct command){.text = xstrdup(text), .size = strlen(text)};
}

static struct transcript *
transcript_of(const struct request *r)
{
	return r->lease.link != NULL ? link_transcript(r->lease.link) : NULL;
}

static int
record_run(struct request *r, struct np_error *err)
{
	struct transcript *t = transcript_of(r);
	const struct command *c = &r->params.commands[r->index];

	if (request_shell_run(r, err) == -1)
		return -1;
	if (t != NULL) {
		transcript_note(t, "! ready");
		transcript_note(t, "run %.*s", (int)c->size, c->text);
	}
	return 0;
}

/* What the command prints stands in the transcript. */
static bool
record_output(struct request *r, const struct buf *out)
{
	struct transcript *t = transcript_of(r);

	if (t != NULL)
		transcript_output(t, buf_head(out), out->len);
	return t != NULL;
}

static bool
record_result(struct request *r, const struct cli_result *result)
{
	struct transcript *t = transcript_of(r);
	bool ok = result->err.reason == REASON_NONE;

	if (t == NULL)
		return false;
	transcript_note(t, "! result %s%s%s", ok ? "ok" : reason_name(result->err.reason),
	    result->mode != NULL ? " mode " : "", result->mode != NULL ? result->mode : "");
	if (result->device_error)
		transcript_note(t, "! device_error %s", result->error_line);
	transcript_output_end(t);
	return false;
}

/* The last command of r has ended: what was written down is what the client gets. */
static void
record_done(struct request *r)
{
	struct transcript *t = transcript_of(r);
	struct buf *text;

	if (t == NULL)
		return;
	transcript_note(t, "! ready");
	text = transcript_text(t);
	request_keep_tail(r, 0, buf_head(text), text->len);
	buf_consume(text, text->len);
}

static void
record_begin(struct request *r)
{
	const char *detect = device_platform(r->dev)->detect_command;

	if (r->params.commands_count == 0)
		request_add_command(r, detect != NULL ? detect : "");
	request_submit(r);
}

const struct request_kind request_record = {
    .name = "exec",
    .want = WANT_SHELL,
    .works = true,
    .results = true,
    .records = true,
    .begin = record_begin,
    .run = record_run,
    .output = record_output,
    .result = record_result,
    .done = record_done,
};
