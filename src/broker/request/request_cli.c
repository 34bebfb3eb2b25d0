/*
 * Requests on interactive shells: one command after the other on the lease, each through the device's privileged mode
 * if that is wished, their output, their questions, their ends.  The driver (cli.h) says what happens; request states
 * are those of request_exec.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "cli/transcript.h"

#define FIRST_BYTE_DEFAULT 60.0
#define IDLE_DEFAULT 60.0

static double
first_given(double own, double device, double otherwise)
{
	return own >= 0 ? own : device >= 0 ? device : otherwise;
}

static struct cli_limits
limits_of(const struct request *r)
{
	const struct conn_args *args = &device_settings(r->dev)->args;

	return (struct cli_limits){
	    .first_byte = first_given(r->params.first_byte_timeout, args->first_byte_timeout, FIRST_BYTE_DEFAULT),
	    .idle = first_given(r->params.idle_timeout, args->idle_timeout, IDLE_DEFAULT),
	    .total = first_given(r->params.timeout, args->timeout, 0)};
}

static const struct cli_answer *
answers_of(struct request *r)
{
	const struct exec_params *p = &r->params;

	if (p->answers_count == 0 || r->cli.answers != NULL)
		return r->cli.answers;
	r->cli.answers = xcalloc(p->answers_count, sizeof(r->cli.answers[0]));
	for (size_t i = 0; i < p->answers_count; i++)
		r->cli.answers[i] = (struct cli_answer){.match = p->answers[i].match, .text = p->answers[i].text};
	return r->cli.answers;
}

/* ---- beginning ---- */

/* It could not be begun, or ended before anything was sent: the same as a command that failed. */
static void
fail_command(struct request *r, const struct np_error *err)
{
	r->abort = *err;
	request_command_done(r);
}

static void
start_command(struct request *r)
{
	const struct command *c = &r->params.commands[r->index];
	struct cli_command command = {.text = c->text,
	    .size = c->size,
	    .answers = answers_of(r),
	    .answers_count = r->params.answers_count,
	    .limits = limits_of(r),
	    .raw = r->params.raw,
	    .prove = r->params.prove || device_platform(r->dev)->prove,
	    .interactive = r->params.interactive && r->answer.client != NULL};
	struct np_error err;

	if (link_run(&r->lease, &command, &err) == -1) {
		fail_command(r, &err);
		return;
	}
	broker_record_command(r);
	if (r->params.trial)
		broker_trial_command(r);
}

static void
start_config(struct request *r)
{
	struct cli_config config = {.text = (const char *)buf_head(&r->cli.text),
	    .size = r->cli.text.len,
	    .answers = answers_of(r),
	    .answers_count = r->params.answers_count,
	    .limits = limits_of(r),
	    .keep_going = r->params.keep_going,
	    .dry_run = r->params.dry_run,
	    .save = r->params.save,
	    .confirm_minutes = r->params.confirm_minutes};
	struct np_error err;

	if (link_configure(&r->lease, &config, &err) == -1)
		request_fail(r, &err);
}

static void
start_operation(struct request *r)
{
	if (r->kind == REQUEST_CONFIG)
		start_config(r);
	else
		start_command(r);
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

	if (r->kind != REQUEST_CONFIG && !r->params.enable)
		return false;
	return mode == NULL || !platform_mode_inside(mode, base);
}

/* The next command of r, which has the lease of its session's shell. */
void
request_cli_start(struct request *r)
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
void
request_cli_pump(struct request *r)
{
	const struct buf *out = link_output(&r->lease);
	struct transcript *t = out != NULL && r->params.record ? link_transcript(r->lease.link) : NULL;

	if (out == NULL)
		return;
	if (out->len > 0) {
		r->got_output = true;
		r->last_activity = clock_now();
	}
	if (t != NULL) {
		transcript_output(t, buf_head(out), out->len);
		link_consume(&r->lease, out->len);
	}
	if (r->params.trial) {
		link_see(r->lease.link, buf_head(out), out->len);
		link_consume(&r->lease, out->len);
	}
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

	request_cli_pump(r);
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

/* The lease of the request begins. */
void
request_cli_begin(struct request *r)
{
	const struct platform_mode *mode = link_mode(&r->lease);

	snprintf(r->cli.began, sizeof(r->cli.began), "%s", mode != NULL ? mode->name : "");
	r->cli.moved = false;
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
	r->end.status = result->device_error ? 1 : 0;
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
	if (r->kind == REQUEST_CONFIG) {
		request_config_result(r, result);
		return;
	}
	if (r->params.trial && broker_trial_result(r, result))
		return;
	take_result(r, result);
	broker_record_result(r, result);
	request_command_done(r);
}

/* The client asks for the end, or has left: the driver interrupts, or undoes, and says when that is done. */
void
request_cli_cancel(struct request *r)
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
	request_cli_pump(of_lease(l));
}

static void
on_line(struct lease *l, const struct cli_event *event)
{
	request_config_line(of_lease(l), event);
}

const struct lease_events request_lease_events = {
    .output = on_output, .result = on_result, .line = on_line, .question = on_question};

/* What the person said; NULL: nothing. */
void
request_cli_answer(struct request *r, struct secret *value)
{
	struct np_error err;

	if (link_output(&r->lease) == NULL)
		return;
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

void
request_cli_free(struct request *r)
{
	free(r->cli.answers);
	buf_wipe(&r->cli.text); /* configuration may hold secrets */
}
