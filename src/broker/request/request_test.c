/*
 * The verb `test`: a dry connection to a device, told step by step, of which nothing is kept.
 *
 * It is made as sessions are, through jump hosts and up to the prompt of a command line, and counts as one; but no
 * request waits for it and none gets it.  What the operator has said about the device does not concern it: he is the
 * one who asks.  The promise about lockouts does: where log-ins are barred, or one is under way that must show whether
 * the credentials are right, the test ends before its own.  Where that was asked for it goes on to the gate before
 * accounts, as others do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/request/request_impl.h"
#include "wire/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define RESOLVE_TIMEOUT 15.0

/* ---- telling ---- */

static const char *const outcome_words[] = {
    [STEP_OK] = "ok", [STEP_REFUSED] = "refused", [STEP_FAILED] = "failed", [STEP_SKIPPED] = "skipped"};

static void
tell(struct request *r, const struct connect_step *step)
{
	cJSON *params = request_note(r);

	r->test.since = clock_now();
	r->test.failed_told |= step->outcome == STEP_FAILED;
	if (params == NULL)
		return;
	cJSON_AddStringToObject(params, "step", step->name);
	cJSON_AddStringToObject(params, "outcome", outcome_words[step->outcome]);
	json_add_rounded(params, "ms", step->seconds * 1000, 10);
	cJSON_AddStringToObject(params, "text", step->text);
	client_notify(r->answer.client, "step", params);
}

/* A step that was done on the loop: its time began with the end of the one before. */
static void
tell_done(struct request *r, const char *name, enum step_outcome outcome, const char *text)
{
	struct connect_step step = {
	    .name = name, .outcome = outcome, .seconds = clock_now() - r->test.since, .text = text};

	tell(r, &step);
}

static struct request *
of_witness(struct witness *t)
{
	return NP_CONTAINER(t, struct request, test.session);
}

static void
on_step(struct witness *t, const struct connect_step *step)
{
	struct request *r = of_witness(t);
	struct connect_step barred = *step;

	if (step->outcome == STEP_SKIPPED)
		barred.text = r->test.barred.text;
	tell(r, &barred);
}

static void
on_jumped(struct witness *t, const char *device)
{
	tell_done(of_witness(t), "jump host", STEP_OK, device);
}

/* ---- the command line ---- */

/* What the command line does in a state, as a step; NULL: nothing that is told. */
static const char *const cli_steps[CLI_CLOSED + 1] = {
    [CLI_LOGIN] = "shell", [CLI_LEARN] = "prompt", [CLI_ENABLE] = "privilege", [CLI_PREPARE] = "paging"};

/* Looks where the command line is now: each state that it has left behind was a step. */
static void
on_shell(struct witness *t, enum cli_state state, const struct platform_mode *mode)
{
	struct request *r = of_witness(t);
	const char *name = cli_steps[r->test.cli];
	char text[96];

	if ((int)state == r->test.cli || state == CLI_CLOSED)
		return;
	snprintf(text, sizeof(text), "%s%s", mode != NULL ? "mode " : "", mode != NULL ? mode->name : "");
	if (name != NULL)
		tell_done(r, name, STEP_OK, text);
	r->test.cli = (int)state;
}

/* ---- the end ---- */

/* The session is ended by the pool: it is a trial. */
static void
on_passed(struct witness *t, const struct link *link)
{
	struct request *r = of_witness(t);
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "device", request_device(r));
	json_add_rounded(result, "ms", (clock_now() - r->received) * 1000, 10);
	cJSON_AddStringToObject(result, "auth", link_facts(link).auth);
	request_respond(r, result);
}

/* Where it failed, as far as the connector did not say so. */
static const char *
failed_step(const struct request *r, bool made, const struct np_error *err)
{
	const char *name = made ? cli_steps[r->test.cli] : NULL;

	if (name != NULL)
		return name;
	return err->reason == REASON_JUMP_FAILED ? "jump host" : "connect";
}

static void
on_failed(struct witness *t, bool made, const struct np_error *err)
{
	struct request *r = of_witness(t);
	struct np_error why =
	    r->test.barred.reason != REASON_NONE && err->reason == REASON_CANCELLED ? r->test.barred : *err;

	if (!r->test.failed_told && r->test.barred.reason == REASON_NONE)
		tell_done(r, failed_step(r, made, err), STEP_FAILED, err->text);
	request_fail(r, &why);
}

static const struct witness_events witness_callbacks = {
    .step = on_step, .jumped = on_jumped, .shell = on_shell, .passed = on_passed, .failed = on_failed};

/* The client asks for the end, or has left. */
static void
test_cancelled(struct request *r)
{
	job_cancel(&r->broker->jobs, &r->test.job, REASON_CANCELLED, "the test was cancelled");
	request_respond(r, NULL);
}

/* ---- the beginning ---- */

static void
tell_target(struct request *r, const struct target *t)
{
	char *text = xasprintf("%s@%s port %d%s%s", t->user, t->host, t->port,
	    t->proxy_jump != NULL ? ", through " : "", t->proxy_jump != NULL ? t->proxy_jump : "");
	char *shown = text_vis(text, strlen(text), false);

	tell_done(r, "configuration", STEP_OK, shown);
	free(shown);
	free(text);
	for (size_t i = 0; i < t->notices.n; i++)
		request_notice(r, t->notices.v[i]);
}

/* Where the device is has been found out: the answer is this test's, and no other's. */
static void
try(struct request *r, struct target *target)
{
	struct pool_room room = device_room(r->dev);
	struct np_error err;
	bool barred;

	tell_target(r, target);
	if (room.device <= 0 || room.global <= 0) {
		error_set(&err, REASON_QUEUE_FULL,
		    "there is no room for another session of it (%s): close one with npctl close",
		    room.device <= 0 ? "max_connections" : "max_sessions");
		tell_done(r, "connect", STEP_FAILED, err.text);
		request_fail(r, &err);
		return;
	}
	barred = pool_may_try(device_pool(r->dev), r->params.login, clock_now(), &r->test.barred) == -1;
	r->test.session = (struct witness){.events = &witness_callbacks,
	    .waiter = &r->waiter,
	    .no_login = barred,
	    .agent_socket = r->params.agent_socket};
	device_try(r->dev, target, &r->test.session);
}

static void
on_resolved(struct job *j, struct connect_result *result)
{
	struct request *r = NP_CONTAINER(j, struct request, test.job);

	if (result->ok) {
		try(r, result->target);
		return;
	}
	tell_done(r, "configuration", STEP_FAILED, result->err.text);
	request_fail(r, &result->err);
}

static void
test_begin(struct request *r)
{
	static const struct job_events resolve_events = {.done = on_resolved};
	struct attempt attempt = {.kind = CONNECT_RESOLVE,
	    .device = device_settings(r->dev),
	    .default_ssh_config = r->broker->config->ssh_config,
	    .ready_fd = -1,
	    .timeout = RESOLVE_TIMEOUT};

	request_move(r, REQUEST_RUNNING);
	r->assigned = r->received;
	r->waiter.interactive = r->params.interactive;
	r->test.since = clock_now();
	r->test.cli = CLI_LOGIN;
	log_info("request", "%s: request %llu: test", request_device(r), (unsigned long long)r->uid);
	request_report_queued(r);
	r->test.job.events = &resolve_events;
	job_submit(&r->broker->jobs, &r->test.job, &attempt);
}

const struct request_kind request_test = {
    .name = "test",
    .bounded = true,
    .begin = test_begin,
    .cancelled = test_cancelled,
};
