/*
 * What the owner of a cli driver asks of it: whether that can be, and what waits then for the mover to start it.
 */
#include <string.h>

#include "cli/cli_impl.h"
#include "base/xalloc.h"

#define LOGOUT_TIME 3.0

static int
check_free(const struct cli *cli, struct np_error *err)
{
	bool waits = (cli->state == CLI_RESYNC && cli->op == CLI_OP_NONE) || cli->op == CLI_OP_KEEPALIVE;

	if (cli->pending.op == CLI_OP_NONE && (cli->state == CLI_IDLE || waits))
		return 0;
	return error_set(
	    err, REASON_INTERNAL, "the shell is in state %s: one operation at a time", cli_state_name(cli->state));
}

/* What waits starts now, or when IDLE comes. */
static void
begin(struct cli *cli, double now)
{
	cli->now = now;
	if (cli->state == CLI_IDLE && (cli->dirty || !cli_is_settled(cli)))
		cli_resync_begin(cli, true);
	cli_think(cli);
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
	cli->pending.command.text = cli->pending.text = xstrndup(command->text, size);
	cli->pending.command.size = size;
	begin(cli, now);
	return 0;
}

int
cli_configure(struct cli *cli, const struct cli_command *config, double now, struct np_error *err)
{
	const struct platform *p = cli->platform;

	if (!p->config.given)
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no configuration mode", p->name);
	if (!p->config.candidate && (config->dry_run || config->confirm_minutes > 0))
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no candidate: %s is not possible",
		    p->name, config->dry_run ? "a dry run" : "a confirmed commit");
	if (config->confirm_minutes > 0 && p->config.confirmed.count == 0)
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no confirmed commit", p->name);
	if (config->save && p->config.save.count == 0 && !p->config.saves_itself)
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no step that saves", p->name);
	if (config->dry_run && p->config.check.count == 0)
		return error_set(err, REASON_INVALID_PARAMS, "platform %s has no check without commit", p->name);
	if (cli_config_check_text(p, config, err) < 0)
		return -1;
	if (check_answers(config->answers, config->answers_count, err) < 0)
		return -1;
	if (check_free(cli, err) < 0)
		return -1;
	cli->pending.op = CLI_OP_CONFIG;
	cli->pending.command = *config;
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

/* --- answers, cancel, logout --- */

void
cli_answer(struct cli *cli, struct secret *text, double now)
{
	if (cli->state != CLI_QUESTION)
		return;
	cli->now = now;
	cli_question_end(cli, text);
	cli_think(cli);
}

/* What runs ends, for it may not type what it needs. */
static void
refuse(struct cli *cli, const struct np_error *why)
{
	cli_offer_end(cli, CLI_UNUSED, NULL);
	if (cli->state < CLI_IDLE)
		cli_die(cli, why->reason, "%s", why->text);
	else
		cli_job_end(cli, why);
}

void
cli_offer_answer(struct cli *cli, const struct np_error *why, double now)
{
	struct cli_offer *o = &cli->offer;

	if (o->stage != CLI_OFFER_ASKED)
		return;
	cli->now = now;
	/* The clocks stood still. */
	cli->login_deadline += now - o->since;
	cli->job.sent_at += now - o->since;
	cli->last_rx = cli->heard = now;
	if (why != NULL) {
		refuse(cli, why);
	} else if (cli_question_stands(cli)) {
		cli_offer_allowed(cli);
	} else { /* the device has gone on: it will ask again */
		*(o->enable ? &cli->secret_used : &cli->password_used) = false;
		cli_offer_end(cli, CLI_UNUSED, NULL);
	}
	cli_think(cli);
}

void
cli_cancel(struct cli *cli, double now)
{
	struct np_error err = {0};
	double left;

	cli->now = now;
	error_set(&err, REASON_CANCELLED, "cancelled");
	if (cli->pending.op != CLI_OP_NONE) {
		cli_pending_drop(cli, &err);
	} else if (cli->op == CLI_OP_CONFIG) {
		cli->config_cancelled = true;
		left = now - cli->job.sent_at + CLI_CANCEL_TOTAL;
		if (cli->job.active && (cli->job.limits.total <= 0 || cli->job.limits.total > left) &&
		    !cli_judge_is_claim(cli))
			cli->job.limits.total = left;
		if (cli->state == CLI_QUESTION)
			cli_question_end(cli, NULL);
		else if (cli->offer.stage == CLI_OFFER_ASKED)
			refuse(cli, &err);
	} else if (cli->op != CLI_OP_NONE && cli->op != CLI_OP_RESET) {
		if (cli->state == CLI_QUESTION)
			cli_set_state(cli, CLI_RUNNING);
		cli_op_end(cli, &err, true);
	}
	cli_think(cli);
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
	cli_offer_end(cli, CLI_GIVEN_UP, NULL);
	error_set(&err, REASON_CANCELLED, "the shell is logged out");
	if (cli->op != CLI_OP_NONE)
		cli_op_end(cli, &err, false);
	cli_job_clear(cli);
	cli->logout_deadline = now + LOGOUT_TIME;
	if (steps->count == 0 || cli->prompt.mode == NULL)
		cli_die(cli, REASON_NONE, "logged out");
	else
		cli_type(cli, steps->items[0].send, strlen(steps->items[0].send));
	cli_think(cli);
}
