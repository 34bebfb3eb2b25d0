/*
 * The verb `record`: commands on a shell of their own, from its login on, with everything that went by as a transcript
 * in place of their output (transcript.h).
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/transcript.h"

void
broker_request_add_command(struct request *r, const char *text)
{
	struct exec_params *params = &r->params;

	params->commands = xreallocarray(params->commands, params->commands_count + 1, sizeof(params->commands[0]));
	params->commands[params->commands_count++] = (struct command){.text = xstrdup(text), .size = strlen(text)};
}

int
verb_record(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	struct exec_params params;
	struct request *r;
	int rc = exec_params_parse(PARAMS_RECORD, m->params, &params, err);

	if (rc == 0)
		rc = broker_request_make(b, client, m, REQUEST_EXEC, &params, &r, err);
	exec_params_finish(&params);
	if (rc == -1)
		return -1;
	if (r->params.commands_count == 0)
		broker_request_add_command(
		    r, device_platform(r->dev)->detect_command != NULL ? device_platform(r->dev)->detect_command : "");
	request_submit(r);
	return 0;
}

/* The next command of r begins. */
void
broker_record_command(struct request *r)
{
	struct transcript *t = link_transcript(r->lease.link);
	const struct command *c = &r->params.commands[r->index];

	if (r->params.record && t != NULL) {
		transcript_note(t, "! ready");
		transcript_note(t, "run %.*s", (int)c->size, c->text);
	}
}

void
broker_record_result(struct request *r, const struct cli_result *result)
{
	struct transcript *t = r->lease.link != NULL ? link_transcript(r->lease.link) : NULL;
	bool ok = result->err.reason == REASON_NONE;

	if (!r->params.record || t == NULL)
		return;
	transcript_note(t, "! result %s%s%s", ok ? "ok" : reason_name(result->err.reason),
	    result->mode != NULL ? " mode " : "", result->mode != NULL ? result->mode : "");
	if (result->device_error)
		transcript_note(t, "! device_error %s", result->error_line);
	transcript_output_end(t);
}

/* The last command of r has ended: what was written down is what the client gets. */
void
broker_record_end(struct request *r)
{
	struct transcript *t = r->lease.link != NULL ? link_transcript(r->lease.link) : NULL;
	struct buf *text;

	if (!r->params.record || t == NULL)
		return;
	transcript_note(t, "! ready");
	text = transcript_text(t);
	request_keep_tail(r, 0, buf_head(text), text->len);
	buf_consume(text, text->len);
}
