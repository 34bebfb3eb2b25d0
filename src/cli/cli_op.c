/*
 * Operations of the cli driver: a table of how each begins and what the end of a line means for it, and how they end.
 * Not here: the configuration transaction (cli_config.c).
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

/* --- ending --- */

static void
fill_result(struct cli *cli, struct cli_result *result)
{
	const struct cli_job *job = &cli->job;

	if (cli->op == CLI_OP_CONFIG)
		*result = *cli->tally;
	result->op = cli->op;
	result->sent = cli->op_sent;
	result->mode = cli->prompt.mode != NULL ? cli->prompt.mode->name : NULL;
	result->duration = cli->now - cli->op_began;
	result->echo_absent = job->echo_absent;
	cli_show(cli, cli->prompt.shown, cli->prompt.shown_size, result->prompt, sizeof(result->prompt));
	if (cli->op != CLI_OP_CONFIG) {
		result->device_error = job->verdict.outcome == CLI_REFUSED;
		result->status = job->status;
		memcpy(result->error_line, job->verdict.text, sizeof(result->error_line));
	}
}

void
cli_op_end(struct cli *cli, const struct np_error *err, bool dirty)
{
	struct cli_event event = {.kind = CLI_EVENT_RESULT};

	cli_job_abandon(cli);
	fill_result(cli, &event.result);
	if (err != NULL) {
		event.result.err = *err;
		cli_offer_lost(cli, &event.result.err);
	}
	cli_offer_end(cli, CLI_ACCEPTED, NULL);
	cli->op = CLI_OP_NONE;
	cli->job.active = cli->job.ended = false;
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

void
cli_pending_clear(struct cli *cli)
{
	secret_free(cli->pending.text);
	secret_unref(cli->pending.secret);
	memset(&cli->pending, 0, sizeof(cli->pending));
}

void
cli_pending_drop(struct cli *cli, const struct np_error *err)
{
	struct cli_event event = {.kind = CLI_EVENT_RESULT, .result = {.op = cli->pending.op, .err = *err}};

	if (event.result.op == CLI_OP_NONE)
		return;
	cli_pending_clear(cli);
	cli_emit(cli, &event);
}

void
cli_op_bury(struct cli *cli)
{
	struct cli_event event = {.kind = CLI_EVENT_DEAD};
	struct np_error err;

	cli_offer_lost(cli, cli->dead);
	event.err = err = *cli->dead;

	free(cli->dead);
	cli->dead = NULL;
	if (cli->op == CLI_OP_CONFIG)
		cli_config_lost(cli, &err);
	if (cli->op != CLI_OP_NONE)
		cli_op_end(cli, &err, false);
	cli_pending_drop(cli, &event.err);
	cli_job_clear(cli);
	text_vis_into(event.text, sizeof(event.text), event.err.text);
	cli_emit(cli, &event);
}

/* --- commands, keep-alive --- */

static enum cli_next
run_begin(struct cli *cli, struct np_error *err)
{
	const struct cli_command *command = &cli->asked;
	struct cli_job_spec spec = {
	    .kind = CLI_JOB_COMMAND, .text = command->text, .size = command->size, .command = command};

	(void)err;
	cli->stats.commands++;
	cli_job_start(cli, &spec);
	return CLI_GOES_ON;
}

static enum cli_next
keepalive_begin(struct cli *cli, struct np_error *err)
{
	(void)err;
	cli->stats.keepalives++;
	cli_job_probe(cli);
	return CLI_GOES_ON;
}

static enum cli_next
line_ended(struct cli *cli, struct np_error *err)
{
	(void)cli;
	return err->reason != REASON_NONE ? CLI_ENDS_DIRTY : CLI_ENDS;
}

/* --- to the mode with privileges --- */

static enum cli_next
enable_ended(struct cli *cli, struct np_error *err)
{
	if (err->reason != REASON_NONE)
		return CLI_ENDS_DIRTY;
	return cli_walk(cli, err) == 0 ? CLI_GOES_ON : CLI_ENDS;
}

static enum cli_next
enable_begin(struct cli *cli, struct np_error *err)
{
	if (cli->pending.secret != NULL) {
		cli->lent = cli->pending.secret;
		cli->pending.secret = NULL;
		redact_add(cli->known, cli->lent, REDACT_PASSING);
	}
	cli_walk_begin(cli, cli->platform->base_mode);
	return enable_ended(cli, err);
}

/* --- back to where the login ended --- */

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

/* In the mode where it belongs: that is home, unless the prompt says something else. */
static enum cli_next
reset_done(struct cli *cli)
{
	char shown[128];

	if (cli->renamed && cli->prompt.mode == cli->home)
		cli_home_learn(cli);
	if (cli_is_home(cli))
		return CLI_ENDS;
	cli_show(cli, cli->prompt.shown, cli->prompt.shown_size, shown, sizeof(shown));
	cli_die(cli, REASON_PROMPT_NOT_FOUND, "the shell does not come back to where its login ended: it is at `%s`",
	    shown);
	return CLI_GOES_ON;
}

static enum cli_next
reset_ended(struct cli *cli, struct np_error *err)
{
	const struct platform_steps *steps = reset_steps(cli);
	int r;

	if (err->reason != REASON_NONE) {
		cli_die(cli, REASON_PROMPT_NOT_FOUND, "on the way back to mode %s: %s", cli->home->name, err->text);
		return CLI_GOES_ON;
	}
	if (!cli_is_home(cli) && cli->step < steps->count) {
		cli_job_step(cli, &steps->items[cli->step++]);
		return CLI_GOES_ON;
	}
	if (cli->goal == NULL)
		cli_walk_begin(cli, cli->home);
	r = cli_walk(cli, err);
	if (r > 0)
		return reset_done(cli);
	if (r < 0)
		cli_die(cli, REASON_PROMPT_NOT_FOUND, "%s", err->text);
	return CLI_GOES_ON;
}

static enum cli_next
reset_begin(struct cli *cli, struct np_error *err)
{
	redact_forget(cli->known); /* the lease has ended, and with it what was said during it */
	cli->step = 0;
	cli->goal = NULL;
	if (!cli->foreign)
		return reset_ended(cli, err);
	cli_die(cli, REASON_PROMPT_NOT_FOUND, "the shell is at another device's prompt: it is not used again");
	return CLI_GOES_ON;
}

/* --- all of them --- */

/* How each begins, in IDLE, and goes on when a line of it has ended; err: why the line failed, then why all did. */
static const struct {
	enum cli_next (*begin)(struct cli *cli, struct np_error *err);
	enum cli_next (*ended)(struct cli *cli, struct np_error *err);
} ops[] = {
    [CLI_OP_RUN] = {run_begin, line_ended},
    [CLI_OP_CONFIG] = {cli_config_begin, cli_config_ended},
    [CLI_OP_ENABLE] = {enable_begin, enable_ended},
    [CLI_OP_KEEPALIVE] = {keepalive_begin, line_ended},
    [CLI_OP_RESET] = {reset_begin, reset_ended},
};

static void
go_on(struct cli *cli, enum cli_next next, const struct np_error *err)
{
	if (next != CLI_GOES_ON)
		cli_op_end(cli, err->reason != REASON_NONE ? err : NULL, next == CLI_ENDS_DIRTY);
}

void
cli_op_start(struct cli *cli)
{
	struct np_error err = {0};
	enum cli_next next;

	cli->op = cli->pending.op;
	cli->op_began = cli->now;
	cli->op_sent = false;
	cli->asked = cli->pending.command;
	cli_job_clear(cli);
	cli_set_state(cli, CLI_RUNNING);
	next = ops[cli->op].begin(cli, &err);
	cli_pending_clear(cli);
	go_on(cli, next, &err);
}

void
cli_op_next(struct cli *cli)
{
	struct np_error err = {0};

	if (cli->job.err != NULL)
		err = *cli->job.err;
	cli->job.ended = false;
	if (cli->state < CLI_IDLE)
		cli_login_ended(cli, err.reason != REASON_NONE ? &err : NULL);
	else
		go_on(cli, ops[cli->op].ended(cli, &err), &err);
}

/* --- goodbye --- */

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
