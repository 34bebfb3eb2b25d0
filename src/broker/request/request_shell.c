/*
 * Requests on interactive shells: one command after the other on the lease, each through the device's privileged mode
 * if that is wished, their output, their questions, their ends.  The driver (cli.h) says what happens; request states
 * are those of request.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"
#include "base/xalloc.h"

/* ---- beginning ---- */

/* It could not be begun, or ended before anything was sent: the same as a command that failed. */
static void
fail_command(struct request *r, const struct np_error *err)
{
	r->abort = *err;
	request_command_done(r);
}

int
request_shell_run(struct request *r, struct np_error *err)
{
	const struct command *c = &r->params.commands[r->index];
	struct cli_command command = request_cli(r);

	command.text = c->text;
	command.size = c->size;
	command.interactive = r->params.interactive && r->answer.client != NULL;
	return link_run(&r->lease, &command, err);
}

static void
start_operation(struct request *r)
{
	struct np_error err;

	if (r->kind->run(r, &err) == 0)
		return;
	if (r->kind->results)
		fail_command(r, &err);
	else
		request_fail(r, &err);
}

static void
start_enable(struct request *r, struct secret *secret)
{
	struct np_error err;

	if (link_enable(&r->lease, secret, &err) == -1)
		request_fail(r, &err);
}

/* Configuration begins in the privileged mode; a command runs there when the request says so. */
static bool
must_enable(const struct request *r)
{
	const struct platform_mode *mode = link_mode(&r->lease), *base = device_platform(r->dev)->base_mode;

	if (!r->kind->privileged && !r->params.enable)
		return false;
	return mode == NULL || !platform_mode_inside(mode, base);
}

static void
shell_start(struct request *r)
{
	struct np_error err;

	request_begin_command(r);
	r->cli.prompt[0] = r->cli.device_error[0] = '\0';
	r->cli.mode[0] = '\0';
	if (!link_serves(&r->lease)) {
		error_set(&err, REASON_OUTCOME_UNKNOWN, "the shell has ended");
		if (!request_try_again(r, &err, false))
			fail_command(r, &err);
	} else if (must_enable(r))
		start_enable(r, NULL);
	else
		start_operation(r);
}

/* ---- output ---- */

/* Moves what the client takes now; the rest stays with the driver, which stops reading from the device. */
static void
shell_pump(struct request *r)
{
	const struct buf *out = link_output(&r->lease);

	if (out == NULL)
		return;
	if (out->len > 0) {
		r->got_output = true;
		r->last_activity = clock_now();
	}
	if (r->kind->output != NULL && r->kind->output(r, out))
		link_consume(&r->lease, out->len);
	while (out->len > 0) {
		size_t n = request_stream(r, 0, buf_head(out), out->len);
		if (n == 0)
			return;
		link_consume(&r->lease, n);
	}
}

/* What is left belongs to this command and not to the next: it waits for the client with the request. */
static void
keep_rest(struct request *r)
{
	const struct buf *out = link_output(&r->lease);

	shell_pump(r);
	if (out == NULL || out->len == 0)
		return;
	request_keep_tail(r, 0, buf_head(out), out->len);
	link_consume(&r->lease, out->len);
}

/* ---- ends ---- */

static void
secret_wanted(struct request *r)
{
	char *text = xasprintf("Enable password for %s: ", device_settings(r->dev)->name);

	r->cli.asked_secret = r->cli.waits_secret = true;
	question_ask(&r->waiter, PROMPT_SECRET, text, false);
	free(text);
}

/* No secret is configured, and a person may know it. */
static bool
may_ask_secret(const struct request *r, const struct np_error *err)
{
	const struct device_conf *d = device_settings(r->dev);
	bool configured = d->secret != NULL || d->secret_file != NULL || d->secret_command != NULL;

	return err->reason == REASON_PRIVILEGE_FAILED && !configured && !r->cli.asked_secret &&
	       r->answer.client != NULL && r->params.interactive && !r->cancelled;
}

static void
enabled(struct request *r, const struct cli_result *result)
{
	if (r->cancelled || r->answer.client == NULL)
		request_command_done(r);
	else if (result->err.reason == REASON_NONE && r->lease.link != NULL)
		start_operation(r);
	else if (may_ask_secret(r, &result->err))
		secret_wanted(r);
	else if (!request_try_again(r, &result->err, false)) /* the command itself has not been sent */
		request_fail(r, &result->err);
}

/* Limits and refusals end a command as on a channel; a shell that died under it leaves the outcome unknown. */
static void
take_error(struct request *r, const struct np_error *err)
{
	if (err->reason == REASON_OUTCOME_UNKNOWN || err->reason == REASON_PROMPT_NOT_FOUND)
		r->end.err = *err;
	else if (r->abort.reason == REASON_NONE)
		r->abort = *err;
}

/* Where the shell stands now.  Privilege that the request asks for is found again on any other shell. */
void
request_cli_mode(struct request *r, const char *mode)
{
	const char *base = device_platform(r->dev)->base_mode->name;

	snprintf(r->cli.mode, sizeof(r->cli.mode), "%s", mode != NULL ? mode : "");
	r->cli.moved =
	    mode != NULL && strcmp(r->cli.mode, r->cli.began) != 0 && !(r->params.enable && strcmp(mode, base) == 0);
}

static void
take_result(struct request *r, const struct cli_result *result)
{
	memcpy(r->cli.prompt, result->prompt, sizeof(r->cli.prompt));
	memcpy(r->cli.device_error, result->error_line, sizeof(r->cli.device_error));
	request_cli_mode(r, result->mode);
	r->end.sent = result->sent;
	if (result->err.reason != REASON_NONE) {
		take_error(r, &result->err);
		return;
	}
	r->end.has_status = true;
	r->end.status = result->device_error ? 1 : result->status;
}

static struct request *
of_lease(struct lease *l)
{
	return NP_CONTAINER(l, struct request, lease);
}

/* The driver has ended what it was asked for. */
static void
on_result(struct lease *l, const struct cli_result *result)
{
	struct request *r = of_lease(l);

	question_drop(&r->waiter);
	if (r->state != REQUEST_RUNNING)
		return;
	keep_rest(r);
	if (r->state != REQUEST_RUNNING) /* its output exceeded a limit just now */
		return;
	if (result->op == CLI_OP_ENABLE) {
		enabled(r, result);
		return;
	}
	if (result->err.reason != REASON_NONE && request_try_again(r, &result->err, result->sent))
		return;
	if (r->kind->result != NULL && r->kind->result(r, result))
		return;
	take_result(r, result);
	request_command_done(r);
}

/* The client asks for the end, or has left: the driver interrupts, or undoes, and says when that is done. */
static void
shell_cancel(struct request *r)
{
	question_drop(&r->waiter);
	if (link_output(&r->lease) == NULL) {
		request_command_done(r);
		return;
	}
	if (r->cli.waits_secret) { /* between two steps: nothing runs that could be ended */
		r->cli.waits_secret = false;
		request_command_done(r);
		return;
	}
	/* At rest its result is on the way, and is that of this command: the next one must not begin before it. */
	link_cancel(&r->lease);
}

/* ---- questions ---- */

static void
on_question(struct lease *l, const struct cli_event *event)
{
	struct request *r = of_lease(l);

	question_drop(&r->waiter); /* the device went on from the one before: its answer would be one to this */
	if (r->answer.client == NULL || !r->params.interactive || r->cancelled)
		link_answer(l, NULL);
	else
		question_ask(&r->waiter, PROMPT_QUESTION, event->text, !event->hidden);
}

static void
on_output(struct lease *l)
{
	shell_pump(of_lease(l));
}

static void
on_line(struct lease *l, const struct cli_event *event)
{
	struct request *r = of_lease(l);

	if (r->kind->line != NULL)
		r->kind->line(r, event);
}

/*
 * The shell has gone between two steps, while a person is asked: no result will come.  Another shell would have to ask
 * anew.
 */
static void
lose_secret(struct request *r)
{
	struct np_error err;

	r->cli.waits_secret = false;
	question_drop(&r->waiter);
	error_set(&err, REASON_PRIVILEGE_FAILED,
	    "the session ended while the enable password was asked for: the command was not sent");
	request_fail(r, &err);
}

static void
on_lost(struct lease *l)
{
	struct request *r = of_lease(l);

	if (r->state == REQUEST_RUNNING && r->cli.waits_secret)
		lose_secret(r);
}

const struct lease_events request_lease_events = {
    .output = on_output, .result = on_result, .line = on_line, .question = on_question, .lost = on_lost};

/* What the person said; NULL: nothing. */
void
request_cli_answer(struct request *r, struct secret *value)
{
	struct np_error err;

	if (!link_serves(&r->lease)) {
		if (r->cli.waits_secret)
			lose_secret(r);
		return;
	}
	redact_add(request_known(r), value, REDACT_KEPT);
	if (link_asks(&r->lease)) {
		link_answer(&r->lease, value);
		return;
	}
	if (!r->cli.waits_secret)
		return; /* the device went on by itself meanwhile: what was said is not for what it does now */
	r->cli.waits_secret = false;
	if (value != NULL) {
		start_enable(r, value);
	} else {
		error_set(&err, REASON_PRIVILEGE_FAILED,
		    "nobody gave the enable password: configure `secret`, `secret_file` or `secret_command`");
		request_fail(r, &err);
	}
}

/* ---- what else is asked of it ---- */

static void
shell_give_up(struct request *r, enum np_reason reason, const char *text)
{
	error_set(&r->abort, reason, "%s", text);
	shell_cancel(r);
}

static void
shell_signal(struct request *r, const char *name)
{
	if (strcmp(name, "INT") == 0)
		request_give_up(r, REASON_CANCELLED, "interrupted");
}

/* Only what ended the shell, rather than a command on it. */
static bool
shell_may_repeat(struct request *r NP_UNUSED, const struct np_error *why, bool sent, bool *moved)
{
	*moved = false;
	return !sent && (why->reason == REASON_OUTCOME_UNKNOWN || why->reason == REASON_PROMPT_NOT_FOUND);
}

/* It stays where it is, for the next command may count on its mode. */
static void
shell_client_is_slow(struct request *r)
{
	link_pause(&r->lease);
}

static void
shell_describe(cJSON *o, const struct request *r)
{
	if (r->cli.prompt[0] != '\0')
		cJSON_AddStringToObject(o, "prompt", r->cli.prompt);
	if (r->cli.mode[0] != '\0')
		cJSON_AddStringToObject(o, "mode", r->cli.mode);
	if (r->cli.device_error[0] != '\0')
		cJSON_AddStringToObject(o, "device_error", r->cli.device_error);
}

const struct drive drive_shell = {
    .stops_on_error = true, /* what follows depends on what was before */
    .keeps = true,
    .start = shell_start,
    .pump = shell_pump,
    .cancel = shell_cancel,
    .give_up = shell_give_up,
    .signal = shell_signal, /* a command line has no standard input: what comes for it was sent in vain */
    .may_repeat = shell_may_repeat,
    .client_is_slow = shell_client_is_slow,
    .describe = shell_describe,
};
