/*
 * Passwords and secrets that a shell is given: its owner is asked before, and told what became of each, for servers
 * count those that are wrong.  While he is asked all stands still.
 *
 * What a device thinks of one shows by what comes next: a proven prompt or another question (taken), the same question
 * or the old mode (refused), anything else that ends it (no verdict).
 */
#include "cli/cli_impl.h"

#include <stdio.h>
#include <string.h>

static void
set_stage(struct cli *cli, enum cli_offer_stage stage)
{
	cli->offer.stage = stage;
	cli->offer.since = cli->now;
	cli->changes++;
}

static void
type(struct cli *cli)
{
	struct cli_offer *o = &cli->offer;

	cli_type(cli, secret_text(o->value), secret_size(o->value));
	set_stage(cli, CLI_OFFER_TYPED);
}

void
cli_offer(struct cli *cli, bool enable, struct secret *value, const char *name)
{
	struct cli_offer *o = &cli->offer;
	struct cli_event event = {.kind = CLI_EVENT_OFFER,
	    .enable = enable,
	    .given = enable && cli->lent != NULL,
	    .configured = value == (enable ? cli->secret : cli->password)};

	if (o->stage == CLI_OFFER_ALLOWED && o->enable == enable && name == NULL) {
		type(cli);
		return;
	}
	cli_offer_end(cli, CLI_ACCEPTED, NULL); /* it asks for another one */
	if (!cli->gated) {
		if (name != NULL)
			cli_type(cli, name, strlen(name));
		else
			cli_type(cli, secret_text(value), secret_size(value));
		return;
	}
	o->enable = enable;
	o->value = event.secret = secret_ref(value);
	o->name = name;
	o->from = NULL;
	set_stage(cli, CLI_OFFER_ASKED);
	cli_emit(cli, &event);
}

void
cli_offer_answer_of_request(struct cli *cli, struct secret *value)
{
	cli_offer(cli, true, value, NULL);
	cli->offer.from = cli->prompt.mode;
}

void
cli_offer_allowed(struct cli *cli)
{
	struct cli_offer *o = &cli->offer;

	if (o->name == NULL) {
		type(cli);
		return;
	}
	cli_type(cli, o->name, strlen(o->name));
	set_stage(cli, CLI_OFFER_ALLOWED);
}

void
cli_offer_end(struct cli *cli, enum cli_judged judged, const char *words)
{
	struct cli_offer *o = &cli->offer;
	struct cli_event event = {.kind = CLI_EVENT_JUDGED, .judged = CLI_UNUSED};

	if (o->stage == CLI_OFFER_NONE)
		return;
	if (o->stage == CLI_OFFER_TYPED)
		event.judged = judged;
	if (event.judged == CLI_ACCEPTED && o->from != NULL && o->from == cli->prompt.mode) {
		event.judged = CLI_DENIED;
		words = cli->job.verdict.text;
	}
	snprintf(event.text, sizeof(event.text), "%s", words != NULL ? words : "");
	secret_unref(o->value);
	o->value = NULL;
	set_stage(cli, CLI_OFFER_NONE);
	cli_emit(cli, &event);
}

/* It ends for a question, or for want of words, or with the shell: that is no verdict. */
static bool
is_silence(enum np_reason reason)
{
	return reason == REASON_PROMPT_NOT_FOUND || reason == REASON_CHANNEL_REFUSED || reason == REASON_IDLE_TIMEOUT ||
	       reason == REASON_COMMAND_TIMEOUT || reason == REASON_OUTCOME_UNKNOWN;
}

void
cli_offer_lost(struct cli *cli, struct np_error *err)
{
	const struct cli_offer *o = &cli->offer;
	bool ours = err->reason == REASON_NONE || err->reason == REASON_CANCELLED;

	if (o->stage == CLI_OFFER_TYPED && is_silence(err->reason)) {
		error_prefix(err, "no verdict within %.0f s on the %s that was typed", cli->now - o->since,
		    o->enable ? "enable secret" : "password");
		err->reason = o->enable ? REASON_PRIVILEGE_FAILED : REASON_AUTH_FAILED;
	}
	cli_offer_end(cli, ours ? CLI_GIVEN_UP : CLI_UNJUDGED, err->text);
}
