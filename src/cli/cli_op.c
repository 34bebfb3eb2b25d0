/*
 * Operations of the cli driver: how each begins, what the end of a line means for it, how it ends.  Not here: the
 * configuration transaction (cli_config.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/log.h"
#include "base/xalloc.h"

#define LOGOUT_TIME 3.0

/* --- ending --- */

static void
fill_result(struct cli *cli, struct cli_result *result)
{
	const struct cli_job *job = &cli->job;

	if (cli->op == CLI_OP_CONFIG)
		*result = cli->tally;
	result->op = cli->op;
	result->sent = cli->op_sent;
	result->mode = cli->prompt.mode != NULL ? cli->prompt.mode->name : NULL;
	result->duration = cli->now - cli->op_began;
	result->echo_absent = job->echo_absent;
	cli_show(cli, cli->prompt.shown, cli->prompt.shown_size, result->prompt, sizeof(result->prompt));
	if (cli->op != CLI_OP_CONFIG) {
		result->device_error = job->device_error;
		memcpy(result->error_line, job->error_line, sizeof(result->error_line));
	}
}

void
cli_op_end(struct cli *cli, const struct np_error *err, bool dirty)
{
	struct cli_event event = {.kind = CLI_EVENT_RESULT};

	cli_job_abandon(cli);
	if (redact_flush(cli->known, &cli->output) < 0)
		log_warning("cli", "%s: output lost", cli->name);
	fill_result(cli, &event.result);
	if (err != NULL)
		event.result.err = *err;
	cli->op = CLI_OP_NONE;
	cli->flow = CLI_FLOW_NONE;
	cli->job.active = false;
	secret_unref(cli->lent);
	cli->lent = NULL;
	cli_emit(cli, &event);
	if (cli->state == CLI_LOGOUT || cli->state == CLI_CLOSED)
		return;
	if (dirty)
		cli_resync_begin(cli, false);
	else
		cli_set_state(cli, CLI_IDLE);
}

/* --- beginning --- */

static int
check_free(const struct cli *cli, struct np_error *err)
{
	bool waits = (cli->state == CLI_RESYNC && cli->op == CLI_OP_NONE) || cli->op == CLI_OP_KEEPALIVE;

	if (cli->pending.op == CLI_OP_NONE && (cli->state == CLI_IDLE || waits))
		return 0;
	return error_set(
	    err, REASON_INTERNAL, "the shell is in state %s: one operation at a time", cli_state_name(cli->state));
}

/* Starts what waits, now or when IDLE comes. */
static void
begin(struct cli *cli, double now)
{
	cli->now = now;
	if (cli->state == CLI_IDLE) {
		if (!cli->dirty && cli_is_settled(cli))
			cli_pending_start(cli);
		else
			cli_resync_begin(cli, true);
	}
	cli_tick(cli, now);
}

void
cli_pending_clear(struct cli *cli)
{
	char *text;

	memcpy(&text, &cli->pending.command.text, sizeof(text)); /* ours, though declared const for callers */
	secret_free(text);
	secret_unref(cli->pending.secret);
	memset(&cli->pending, 0, sizeof(cli->pending));
}

static void
start_run(struct cli *cli, const struct cli_command *command)
{
	struct cli_job_spec spec = {
	    .kind = CLI_JOB_COMMAND, .text = command->text, .size = command->size, .command = command};

	cli->flow = CLI_FLOW_COMMAND;
	cli->stats.commands++;
	cli_job_start(cli, &spec);
}

static void reset_done(struct cli *cli);

/* To the goal, step by step; the end of the operation when it is reached or cannot be. */
static void
walk_on(struct cli *cli)
{
	struct np_error err = {0};
	int r = cli_walk(cli, &err);

	if (r > 0 && cli->op == CLI_OP_RESET)
		reset_done(cli);
	else if (r > 0)
		cli_op_end(cli, NULL, false);
	else if (r < 0 && cli->op == CLI_OP_RESET)
		cli_die(cli, REASON_PROMPT_NOT_FOUND, "%s", err.text);
	else if (r < 0)
		cli_op_end(cli, &err, false);
}

static void
start_enable(struct cli *cli)
{
	if (cli->pending.secret != NULL) {
		cli->lent = cli->pending.secret;
		cli->pending.secret = NULL;
		redact_add(cli->known, cli->lent, REDACT_PASSING);
	}
	cli->flow = CLI_FLOW_ENABLE;
	cli_walk_begin(cli, cli->platform->base_mode);
	walk_on(cli);
}

static const struct platform_steps *
reset_steps(const struct cli *cli)
{
	static const struct platform_steps none;
	const struct platform *p = cli->platform;

	/* They are commands of the platform's own command line: not for a shell of its operating system. */
	if (!cli->prompt.mode->config && cli->prompt.mode != cli->home)
		return &none;
	if (p->reset.count > 0)
		return &p->reset;
	return p->config.candidate && cli->prompt.mode->config ? &p->config.abort : &none;
}

/* The last line before the prompt that says something: where prompts have several lines, it tells the menu. */
static size_t
prompt_context(const struct cli *cli, const char **text)
{
	for (size_t i = cli->context_count; i > 0; i--) {
		*text = cli->context[i - 1];
		if (prompt_trim(*text, cli->context_size[i - 1]) > 0)
			return cli->context_size[i - 1];
	}
	*text = "";
	return 0;
}

void
cli_home_learn(struct cli *cli)
{
	const struct prompt *p = &cli->prompt;
	const char *context;

	cli->home_context_size = prompt_context(cli, &context);
	memcpy(cli->home_context, context, cli->home_context_size);
	cli->home_shown_size = p->shown_size;
	memcpy(cli->home_shown, p->shown, p->shown_size);
	cli->renamed = false;
}

/* The same prompt too: a shell that stands in a sub-menu, or was left in another directory, is not as it was. */
static bool
is_home(const struct cli *cli)
{
	const struct prompt *p = &cli->prompt;
	const char *context;
	size_t size = prompt_context(cli, &context);

	return p->mode == cli->home && prompt_same(p, p->shown, p->shown_size, cli->home_shown, cli->home_shown_size) &&
	       prompt_same(p, context, size, cli->home_context, cli->home_context_size);
}

/* In the mode where it belongs: that is home, unless the prompt says something else. */
static void
reset_done(struct cli *cli)
{
	char shown[128];

	if (cli->renamed && cli->prompt.mode == cli->home)
		cli_home_learn(cli);
	if (is_home(cli)) {
		cli_op_end(cli, NULL, false);
		return;
	}
	cli_show(cli, cli->prompt.shown, cli->prompt.shown_size, shown, sizeof(shown));
	cli_die(cli, REASON_PROMPT_NOT_FOUND, "the shell does not come back to where its login ended: it is at `%s`",
	    shown);
}

static void
reset_next(struct cli *cli)
{
	const struct platform_steps *steps = reset_steps(cli);

	if (!is_home(cli) && cli->step < steps->count) {
		cli_job_step(cli, &steps->items[cli->step++]);
		return;
	}
	if (cli->goal == NULL)
		cli_walk_begin(cli, cli->home);
	walk_on(cli);
}

static void
start_reset(struct cli *cli)
{
	cli->flow = CLI_FLOW_RESET;
	redact_forget(cli->known); /* the lease has ended, and with it what was said during it */
	cli->step = 0;
	cli->goal = NULL;
	if (cli->foreign)
		cli_die(cli, REASON_PROMPT_NOT_FOUND, "the shell is at another device's prompt: it is not used again");
	else
		reset_next(cli);
}

void
cli_pending_start(struct cli *cli)
{
	struct cli_pending pending = cli->pending;

	cli->op = pending.op;
	cli->op_began = cli->now;
	cli->op_sent = false;
	cli->config = pending.config;
	/* What start_*() needs stays in place until it returns. */
	cli->pending.op = CLI_OP_NONE;
	cli_job_clear(cli);
	cli_set_state(cli, CLI_RUNNING);
	switch (pending.op) {
	case CLI_OP_RUN:
		start_run(cli, &pending.command);
		break;
	case CLI_OP_CONFIG:
		cli->flow = CLI_FLOW_CONFIG;
		cli_config_begin(cli);
		break;
	case CLI_OP_ENABLE:
		start_enable(cli);
		break;
	case CLI_OP_KEEPALIVE:
		cli->flow = CLI_FLOW_KEEPALIVE;
		cli->stats.keepalives++;
		cli_job_probe(cli);
		break;
	case CLI_OP_RESET:
		start_reset(cli);
		break;
	case CLI_OP_NONE:
		break;
	}
	cli_pending_clear(cli);
}

int
cli_check_text(const char *text, size_t size, struct np_error *err)
{
	size_t line = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		line = c == '\n' ? 0 : line + 1;
		if (line > CLI_COMMAND_MAX)
			return error_set(
			    err, REASON_INVALID_PARAMS, "a line longer than %d bytes cannot be typed", CLI_COMMAND_MAX);
		if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
			return error_set(err, REASON_INVALID_PARAMS,
			    "control byte 0x%02x: the device would take it as a key, not as text", c);
	}
	return 0;
}

/* What is typed as an answer or a secret is one line of text, no keys. */
static int
check_word(const char *what, const char *text, struct np_error *err)
{
	for (const char *p = text; p != NULL && *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return error_set(err, REASON_INVALID_PARAMS, "%s holds control byte 0x%02x", what,
			    (unsigned)(unsigned char)*p);
	}
	return 0;
}

static int
check_answers(const struct cli_answer *answers, size_t count, struct np_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (check_word("an answer", secret_text(answers[i].text), err) < 0)
			return -1;
	}
	return 0;
}

int
cli_run(struct cli *cli, const struct cli_command *command, double now, struct np_error *err)
{
	size_t size = command->size;

	/* The newline that ends it is ours to send. */
	while (size > 0 && (command->text[size - 1] == '\n' || command->text[size - 1] == '\r'))
		size--;
	if (check_free(cli, err) < 0 || cli_check_text(command->text, size, err) < 0 ||
	    check_answers(command->answers, command->answers_count, err) < 0)
		return -1;
	cli->pending.op = CLI_OP_RUN;
	cli->pending.command = *command;
	cli->pending.command.text = xstrndup(command->text, size);
	cli->pending.command.size = size;
	begin(cli, now);
	return 0;
}

int
cli_configure(struct cli *cli, const struct cli_config *config, double now, struct np_error *err)
{
	const struct platform *p = cli->platform;

	if (!p->config.given)
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no configuration mode", p->name);
	if (!p->config.candidate && (config->dry_run || config->confirm_minutes > 0))
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no candidate: %s is not possible",
		    p->name, config->dry_run ? "a dry run" : "a confirmed commit");
	if (config->confirm_minutes > 0 && p->config.confirmed.count == 0)
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no confirmed commit", p->name);
	if (config->dry_run && p->config.check.count == 0)
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no check without commit", p->name);
	if (cli_config_check_text(config, err) < 0)
		return -1;
	if (check_answers(config->answers, config->answers_count, err) < 0)
		return -1;
	if (check_free(cli, err) < 0)
		return -1;
	cli->pending.op = CLI_OP_CONFIG;
	cli->pending.config = *config;
	begin(cli, now);
	return 0;
}

int
cli_enable(struct cli *cli, struct secret *secret, double now, struct np_error *err)
{
	if (check_free(cli, err) < 0 || check_word("the secret", secret_text(secret), err) < 0)
		return -1;
	cli->pending.op = CLI_OP_ENABLE;
	cli->pending.secret = secret_ref(secret);
	begin(cli, now);
	return 0;
}

int
cli_keepalive(struct cli *cli, double now, struct np_error *err)
{
	if (check_free(cli, err) < 0)
		return -1;
	cli->pending.op = CLI_OP_KEEPALIVE;
	begin(cli, now);
	return 0;
}

int
cli_reset(struct cli *cli, double now, struct np_error *err)
{
	if (check_free(cli, err) < 0)
		return -1;
	cli->pending.op = CLI_OP_RESET;
	begin(cli, now);
	return 0;
}

/* --- a line ended --- */

void
cli_flow_next(struct cli *cli, const struct np_error *err)
{
	switch (cli->flow) {
	case CLI_FLOW_LOGIN:
		cli_login_job_done(cli, err);
		break;
	case CLI_FLOW_COMMAND:
	case CLI_FLOW_KEEPALIVE:
		cli_op_end(cli, err, err != NULL);
		break;
	case CLI_FLOW_ENABLE:
		if (err != NULL)
			cli_op_end(cli, err, true);
		else
			walk_on(cli);
		break;
	case CLI_FLOW_RESET:
		if (err != NULL)
			cli_die(
			    cli, REASON_PROMPT_NOT_FOUND, "on the way back to mode %s: %s", cli->home->name, err->text);
		else
			reset_next(cli);
		break;
	case CLI_FLOW_CONFIG:
		cli_config_job_done(cli, err);
		break;
	case CLI_FLOW_NONE:
		break;
	}
}

/* --- cancel, logout --- */

void
cli_cancel(struct cli *cli, double now)
{
	struct np_error err = {0};

	cli->now = now;
	error_set(&err, REASON_CANCELLED, "cancelled");
	if (cli->pending.op != CLI_OP_NONE) {
		struct cli_event event = {.kind = CLI_EVENT_RESULT, .result = {.op = cli->pending.op, .err = err}};

		cli_pending_clear(cli);
		cli_emit(cli, &event);
	} else if (cli->op == CLI_OP_CONFIG) {
		cli->config_cancelled = true;
		if (cli->state == CLI_QUESTION)
			cli_answer(cli, NULL, now);
	} else if (cli->op != CLI_OP_NONE && cli->op != CLI_OP_RESET) {
		if (cli->state == CLI_QUESTION)
			cli_set_state(cli, CLI_RUNNING);
		cli_op_end(cli, &err, true);
	}
	cli_tick(cli, now);
}

void
cli_logout(struct cli *cli, double now)
{
	const struct platform_steps *steps = &cli->platform->logout;
	struct np_error err = {0};

	if (cli->state == CLI_CLOSED || cli->state == CLI_LOGOUT)
		return;
	cli->now = now;
	cli_set_state(cli, CLI_LOGOUT);
	error_set(&err, REASON_CANCELLED, "the shell is logged out");
	if (cli->op != CLI_OP_NONE)
		cli_op_end(cli, &err, false);
	cli->flow = CLI_FLOW_NONE;
	cli_job_clear(cli);
	cli->logout_deadline = now + LOGOUT_TIME;
	if (steps->count == 0 || cli->prompt.mode == NULL)
		cli_die(cli, REASON_NONE, "logged out");
	else
		cli_type(cli, steps->items[0].send, strlen(steps->items[0].send));
	cli_tick(cli, now);
}

/* Devices ask before they let go: whether to save, for example. */
void
cli_logout_look(struct cli *cli)
{
	const struct platform_steps *steps = &cli->platform->logout;
	struct platform_view view = cli_unasked(cli);
	const struct platform_question *q;
	struct np_error err = {0};

	if (steps->count == 0 || view.size == 0)
		return;
	q = cli_find_question(&steps->items[0].questions, view.tail, view.size);
	if (q == NULL || ++cli->job.questions_asked > CLI_QUESTIONS_MAX)
		return;
	cli_note_asked(cli);
	if (cli_reply(cli, q, view.tail, view.size, &err) < 0)
		cli_die(cli, REASON_NONE, "logged out: %s", err.text);
}

void
cli_logout_tick(struct cli *cli)
{
	if (cli->now >= cli->logout_deadline)
		cli_die(cli, REASON_NONE, "logged out: the device did not close");
	else
		cli_wake_in(cli, cli->logout_deadline - cli->now);
}
