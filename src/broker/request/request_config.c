/*
 * The verb `config`: gathers all lines before anything is asked of the device, then runs them as one transaction of the
 * driver and tells what became of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- the lines ---- */

/* More of the lines, within the credit that the client was given. */
int
request_config_lines(struct request *r, const void *data, size_t size, struct np_error *err)
{
	if (r->state != REQUEST_GATHERING)
		return 0;
	r->bytes_in += size;
	if (buf_append(&r->cli.text, data, size) == -1) {
		error_set(err, REASON_INVALID_PARAMS,
		    "more than 16 MiB of configuration lines: nothing was sent to the device");
		request_fail(r, err);
		return 0;
	}
	request_grant_stdin(r, size);
	return 0;
}

static void
split_lines(struct request *r)
{
	const char *p = (const char *)buf_head(&r->cli.text), *end = p + r->cli.text.len;
	size_t room = 0;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t size = (size_t)((newline != NULL ? newline : end) - p);
		const char *next = newline != NULL ? newline + 1 : end;

		if (size > 0 && p[size - 1] == '\r')
			size--;
		if (r->cli.lines_count == room) {
			room = room == 0 ? 64 : room * 2;
			r->cli.lines = xreallocarray(r->cli.lines, room, sizeof(r->cli.lines[0]));
		}
		r->cli.lines[r->cli.lines_count++] = (struct cli_line){.text = p, .size = size};
		p = next;
	}
}

/* The client has said all: now the request waits for a shell. */
void
request_config_eof(struct request *r)
{
	struct np_error err;

	if (r->state != REQUEST_GATHERING)
		return;
	split_lines(r);
	if (r->cli.lines_count == 0) {
		error_set(&err, REASON_INVALID_PARAMS, "there are no configuration lines: nothing to do");
		request_fail(r, &err);
		return;
	}
	request_submit(r);
}

int
verb_config(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	struct exec_params params;
	struct request *r;
	int rc = exec_params_parse(PARAMS_CONFIG, m->params, &params, err);

	if (rc == 0)
		rc = broker_request_make(b, client, m, REQUEST_CONFIG, &params, &r, err);
	exec_params_finish(&params);
	if (rc == -1)
		return -1;
	request_move(r, REQUEST_GATHERING);
	buf_init(&r->cli.text, BROKER_CONFIG_MAX);
	request_grant_stdin(r, BROKER_STDIN_WINDOW);
	return 0;
}

/* ---- what became of them ---- */

/* One line has been dealt with. */
void
request_config_line(struct request *r, const struct cli_event *event)
{
	static const char *const words[] = {
	    [CLI_LINE_OK] = "ok", [CLI_LINE_FAILED] = "failed", [CLI_LINE_NOT_RUN] = "not_run"};
	cJSON *params;

	if (r->answer.client == NULL || r->kind != REQUEST_CONFIG)
		return;
	params = cJSON_CreateObject();
	cJSON_AddItemToObject(params, "id", message_id_to_json(&r->answer.id));
	cJSON_AddNumberToObject(params, "index", (double)event->line);
	cJSON_AddStringToObject(params, "status", words[event->status]);
	if (event->text[0] != '\0')
		cJSON_AddStringToObject(params, "text", event->text);
	client_notify(r->answer.client, "result", params);
}

void
request_config_result(struct request *r, const struct cli_result *result)
{
	r->cli.result = *result;
	memcpy(r->cli.prompt, result->prompt, sizeof(r->cli.prompt));
	request_cli_mode(r, result->mode);
	r->end.has_status = result->err.reason == REASON_NONE;
	if (result->err.reason != REASON_NONE)
		r->abort = result->err;
	request_command_done(r);
}

/* The fields of the response that concern configuration. */
void
request_config_fields(cJSON *o, const struct request *r)
{
	const struct cli_result *c = &r->cli.result;

	cJSON_AddNumberToObject(o, "count", (double)(c->lines_ok + c->lines_failed + c->lines_not_run));
	cJSON_AddNumberToObject(o, "ok", (double)c->lines_ok);
	cJSON_AddNumberToObject(o, "failed", (double)c->lines_failed);
	cJSON_AddNumberToObject(o, "not_run", (double)c->lines_not_run);
	cJSON_AddBoolToObject(o, "committed", c->committed);
	cJSON_AddBoolToObject(o, "aborted", c->aborted);
	cJSON_AddBoolToObject(o, "saved", c->saved);
	cJSON_AddBoolToObject(o, "live", c->live);
}
