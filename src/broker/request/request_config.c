/*
 * The verb `config`: gathers all lines before anything is asked of the device, then runs them as one transaction of the
 * driver and tells what became of each.
 */
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"

/* ---- the lines ---- */

/* Each alone is bounded, and so is what waits of all of them: max_queue times 16 MiB would be the broker's end. */
static int
keep_lines(struct request *r, const void *data, size_t size, struct np_error *err)
{
	if (client_note_lines(r->answer.client, 0) + size > CONFIG_CLIENT_MAX)
		return error_set(err, REASON_QUEUE_FULL,
		    "%u MiB of configuration lines of this client wait: send further ones when some are through",
		    CONFIG_CLIENT_MAX >> 20);
	if (r->broker->requests.lines_bytes + size > CONFIG_SUM_MAX)
		return error_set(err, REASON_QUEUE_FULL,
		    "%u MiB of configuration lines wait for their devices: try again later", CONFIG_SUM_MAX >> 20);
	if (buf_append(&r->cli.text, data, size) == -1)
		return error_set(err, REASON_INVALID_PARAMS,
		    "more than 16 MiB of configuration lines: nothing was sent to the device");
	client_note_lines(r->answer.client, (ptrdiff_t)size);
	r->broker->requests.lines_bytes += size;
	return 0;
}

/* More of the lines, within the credit that the client was given. */
static int
config_input(struct request *r, const void *data, size_t size, struct np_error *err)
{
	if (r->state != REQUEST_GATHERING)
		return 0;
	r->bytes_in += size;
	r->last_activity = clock_now();
	if (keep_lines(r, data, size, err) == 0)
		request_grant_stdin(r, size);
	else
		request_fail(r, err);
	return 0;
}

static size_t
count_lines(const struct buf *text)
{
	const char *p = (const char *)buf_head(text), *end = p + text->len;
	size_t count = 0;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		p = newline != NULL ? newline + 1 : end;
		count++;
	}
	return count;
}

/* The client has said all: now the request waits for a shell. */
static void
config_eof(struct request *r)
{
	struct np_error err;

	if (r->state != REQUEST_GATHERING)
		return;
	r->cli.lines_count = count_lines(&r->cli.text);
	if (r->cli.lines_count == 0) {
		error_set(&err, REASON_INVALID_PARAMS, "there are no configuration lines: nothing to do");
		request_fail(r, &err);
		return;
	}
	if (r->pass != NULL && pass_awaits_lines(r->pass) &&
	    r->broker->gate_lines(r->broker, r->answer.client, &r->params, r->pass, &r->cli.text, &err) == -1) {
		request_fail(r, &err);
		return;
	}
	request_submit(r);
}

static int
config_run(struct request *r, struct np_error *err)
{
	struct cli_command config = request_cli(r);

	config.text = (const char *)buf_head(&r->cli.text);
	config.size = r->cli.text.len;
	return link_configure(&r->lease, &config, err);
}

/* ---- what became of them ---- */

static void
send_lines(struct request *r, size_t line, size_t last, size_t count, enum cli_outcome outcome, const char *text)
{
	static const char *const outcomes[] = {"taken", "remark", "unclear", "refused", "not_run"};
	static const char *const statuses[] = {"ok", "ok", "failed", "failed", "not_run"};
	cJSON *params = request_note(r);

	cJSON_AddNumberToObject(params, "index", (double)line);
	if (last > line) {
		cJSON_AddNumberToObject(params, "last", (double)last);
		cJSON_AddNumberToObject(params, "lines", (double)count);
	}
	cJSON_AddStringToObject(params, "status", statuses[outcome]);
	cJSON_AddStringToObject(params, "outcome", outcomes[outcome]);
	if (text[0] != '\0')
		cJSON_AddStringToObject(params, "text", text);
	client_notify(r->answer.client, "result", params);
}

static void
send_untold(struct request *r)
{
	if (r->cli.untold.count > 0 && r->answer.client != NULL)
		send_lines(r, r->cli.untold.line, r->cli.untold.last, r->cli.untold.count, CLI_TAKEN, "");
	r->cli.untold.count = 0;
}

/* The client has read. */
static void
config_pump(struct request *r)
{
	if (r->cli.untold.count > 0 && (r->answer.client == NULL || client_room(r->answer.client) > 0))
		send_untold(r);
}

/*
 * Lines have been dealt with.  A client that does not read now is told of those that went well when it does, of many at
 * once: it holds up neither the device nor our memory.
 */
static void
config_line(struct request *r, const struct cli_event *event)
{
	if (r->answer.client == NULL)
		return;
	if (event->outcome != CLI_TAKEN) {
		send_untold(r);
		send_lines(r, event->line, event->last, event->count, event->outcome, event->text);
		return;
	}
	if (r->cli.untold.count == 0)
		r->cli.untold.line = event->line;
	r->cli.untold.last = event->last;
	r->cli.untold.count += event->count;
	config_pump(r);
}

static bool
config_result(struct request *r, const struct cli_result *result)
{
	send_untold(r);
	r->cli.result = *result;
	memcpy(r->cli.prompt, result->prompt, sizeof(r->cli.prompt));
	request_cli_mode(r, result->mode);
	r->end.has_status = result->err.reason == REASON_NONE;
	if (result->err.reason != REASON_NONE)
		r->abort = result->err;
	request_command_done(r);
	return true;
}

static size_t
lines_failed(const struct cli_result *c)
{
	return c->lines[CLI_REFUSED] + c->lines[CLI_UNCLEAR];
}

/* The fields of the response that concern configuration. */
static void
config_describe(cJSON *o, const struct request *r)
{
	const struct cli_result *c = &r->cli.result;
	size_t ok = c->lines[CLI_TAKEN] + c->lines[CLI_REMARK], failed = lines_failed(c);

	cJSON_AddNumberToObject(o, "count", (double)(ok + failed + c->lines[CLI_NOT_RUN]));
	cJSON_AddNumberToObject(o, "ok", (double)ok);
	cJSON_AddNumberToObject(o, "failed", (double)failed);
	cJSON_AddNumberToObject(o, "not_run", (double)c->lines[CLI_NOT_RUN]);
	cJSON_AddNumberToObject(o, "remarks", (double)c->lines[CLI_REMARK]);
	cJSON_AddNumberToObject(o, "unclear", (double)c->lines[CLI_UNCLEAR]);
	if (c->temporary)
		cJSON_AddTrueToObject(o, "temporary");
	cJSON_AddBoolToObject(o, "committed", c->committed);
	cJSON_AddBoolToObject(o, "aborted", c->aborted);
	cJSON_AddBoolToObject(o, "saved", c->saved);
	cJSON_AddBoolToObject(o, "live", c->live);
	if (c->unended)
		cJSON_AddTrueToObject(o, "unended");
}

static void
config_counts(struct event *e, const struct request *r)
{
	e->count = (int64_t)r->cli.lines_count;
	e->failed = (int64_t)lines_failed(&r->cli.result);
}

static void
config_begin(struct request *r)
{
	request_move(r, REQUEST_GATHERING);
	buf_init(&r->cli.text, BROKER_CONFIG_MAX);
	request_grant_stdin(r, BROKER_STDIN_WINDOW);
	r->last_activity = clock_now();
	request_start_limits(r);
}

const struct request_kind request_config = {
    .name = "config",
    .want = WANT_SHELL,
    .works = true,
    .privileged = true,
    .begin = config_begin,
    .input = config_input,
    .eof = config_eof,
    .run = config_run,
    .pump = config_pump,
    .line = config_line,
    .result = config_result,
    .describe = config_describe,
    .counts = config_counts,
};
