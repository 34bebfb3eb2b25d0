/*
 * The tail before what was typed has come back, and between the lines of a text: what is typed next, and when.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/log.h"

#define TYPED_END 4 /* characters at the end of what was typed that its echo must show */

/* --- before the echo --- */

/* Whether the tail ends as what was typed so far does: its echo has caught up. */
static bool
shows_typed(const struct cli_job *job, const struct platform_view *view)
{
	const char *typed = job->text + job->line_at;
	size_t t = job->typed, i = view->size, same = 0;

	while (same < TYPED_END) {
		while (t > 0 && typed[t - 1] == ' ')
			t--;
		while (i > 0 && view->tail[i - 1] == ' ')
			i--;
		if (t == 0)
			return true;
		if (i == 0 || view->tail[i - 1] != typed[t - 1])
			return false;
		t--;
		i--;
		same++;
	}
	return true;
}

/* A long line is typed in parts, each when the one before was echoed: what a device cannot take in time it drops. */
void
cli_look_while_typing(struct cli *cli, const struct platform_view *view)
{
	if (shows_typed(&cli->job, view) || cli_quiet_for(cli, CLI_QUIET_TYPED + cli->rtt))
		cli_job_type_rest(cli);
}

/* Without an echo not even a newline stands between two prompts, or between one and the output: "R1#R1#". */
bool
cli_skip_old_prompt(const struct cli *cli, struct platform_view *view)
{
	const struct prompt *p = &cli->prompt;
	bool found = false;

	while (p->shown_size > 0 && view->size > p->shown_size && memcmp(view->tail, p->shown, p->shown_size) == 0) {
		view->tail += p->shown_size;
		view->size -= p->shown_size;
		found = true;
	}
	return found;
}

/* The prompt is there, but the echo is not. */
void
cli_look_without_echo(struct cli *cli, struct platform_view *view, struct prompt_match match)
{
	struct cli_job *job = &cli->job;
	bool again = false;

	if (!job->received)
		return;
	if (match.tier == PROMPT_NONE && cli_skip_old_prompt(cli, view)) {
		match = prompt_test(&cli->prompt, view, terminal_tail_is_whole(&cli->terminal), true);
		again = match.tier != PROMPT_NONE;
	}
	if (match.tier != PROMPT_NONE && !cli->platform->echo && (job->lines_since > 0 || again)) {
		cli_job_accept(cli, view, &match, 0);
		return;
	}
	if (!cli_quiet_for(cli, CLI_QUIET_ECHO + cli->rtt))
		return;
	if (match.tier == PROMPT_NONE) {
		cli_ask(cli);
		return;
	}
	if (!job->echo_absent)
		log_debug("cli", "%s: no echo", cli->name);
	job->echo_absent = true;
	if (cli_job_prove(cli, false) || (job->lines_since == 0 && !again))
		return;
	cli_job_accept(cli, view, &match, 0);
}

/* A question at the tail, answered or not, that is no mark of a text and announces none. */
static bool
asks_in_block(const struct cli *cli, const struct platform_view *view)
{
	return cli_question_stands(cli) || (cli_is_question(cli, view) && !cli_is_mark(view->tail, view->size) &&
					       !cli_judge_announces(view->tail, view->size));
}

/* The device said so, or shows a mark.  Where nobody judges its words any will do. */
static bool
is_text_awaited(const struct cli_job *job, const struct platform_view *view)
{
	if (job->judged_as == CLI_JUDGE_OUTPUT)
		return job->output_at > 0 || view->size > 0;
	return job->verdict.wants_text || cli_is_mark(view->tail, view->size) ||
	       cli_judge_announces(view->tail, view->size);
}

static void
refuse_text(struct cli_job *job)
{
	if (job->verdict.outcome != CLI_REFUSED)
		snprintf(job->verdict.text, sizeof(job->verdict.text),
		    "the device took only the first lines of a text of several");
	job->verdict.outcome = CLI_REFUSED;
}

/* The text of several lines: the next one, unless the device is back at its prompt. */
void
cli_look_in_block(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	struct cli_job *job = &cli->job;
	struct platform_view unasked = cli_unasked(cli);
	double need = CLI_QUIET_MODE;
	/* IOS has a mode for the lines of a certificate. */
	bool alone = job->text_optional && job->line_at == 0;
	bool mode_of_text =
	    !alone && match->tier == PROMPT_HOST && match->mode->config && job->verdict.outcome < CLI_UNCLEAR;

	if (match->tier >= PROMPT_HOST && !mode_of_text) {
		if (!alone)
			refuse_text(job);
		cli_job_accept(cli, view, match, 0);
		return;
	}
	/* What asks for something else is a question of the first line's: the next one would be its answer. */
	if (asks_in_block(cli, &unasked)) {
		cli_ask(cli);
		return;
	}
	/* The first line may yet be refused, and then the others would be commands. */
	if (job->line_at == 0 && !mode_of_text)
		need = is_text_awaited(job, view) ? CLI_QUIET_JOINED : alone ? INFINITY : CLI_QUIET_STALL;
	if (!cli_quiet_for(cli, need + 2 * cli->rtt))
		return;
	/* What it said and is known neither so nor so told of the text that it waits for. */
	if (job->verdict.outcome == CLI_UNCLEAR)
		job->verdict.outcome = CLI_REMARK;
	cli_job_type_line(cli, job->line_at + job->line_size + 1);
	if (job->line_at + job->line_size == job->size)
		job->verdict.wants_text = false; /* this one ends it */
}
