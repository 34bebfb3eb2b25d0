/*
 * The tail of a line in flight: the prompt that ends it, another prompt, or something else.
 *
 * The tail is judged only here (and while nothing runs, in cli_login.c, cli_resync.c and cli.c), and only when the
 * channel is drained.  The surer the prompt, the less silence it needs; what is not sure is proven by the sentinel,
 * where the platform has one.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/log.h"

#define SLOW_BYTES 40u   /* so much came slowly: the line is slow */
#define GAP_LEAST 0.0004 /* no silence inside of lines is as short */
#define GAPS 8.0         /* silences as they were inside of it that mean something */
#define GAPS_MIN 0.05
#define PROGRESS_MIN 4 /* so short it may be the end of a prompt, "-1#" */

/* --- prompts, from the surest down --- */

/* Where lines come piece by piece, a prompt may be the beginning of one: a few silences as they were inside of lines.
 */
static double
gap_of_lines(const struct cli *cli)
{
	double gaps = GAPS * cli->gap;

	if (cli->slow_bytes < SLOW_BYTES || cli->gap < GAP_LEAST)
		return 0;
	return gaps > GAPS_MIN ? gaps : GAPS_MIN;
}

static void
look_at_literal(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	struct cli_job *job = &cli->job;

	if (job->prove && cli_job_prove(cli, false))
		return;
	if (gap_of_lines(cli) > 0 && !cli_quiet_for(cli, gap_of_lines(cli)))
		return;
	/* It may be the one that is painted before the output and erased: no silence tells how long that takes. */
	if ((cli->platform->repaint || job->echo_bare) && job->kind == CLI_JOB_COMMAND && !job->said &&
	    (!cli_quiet_for(cli, CLI_QUIET_PAINT) || cli_job_prove(cli, false)))
		return;
	cli_job_accept(cli, view, match, 0);
}

/* The prompts of a device end alike: this one's blank may be still to come. */
static bool
lacks_blank(const struct prompt *p, const struct platform_view *view)
{
	return prompt_trim(p->shown, p->shown_size) < p->shown_size &&
	       prompt_trim(view->tail, view->size) == view->size;
}

/* The same host in another mode, or the known prompt without its last blank. */
static void
look_at_host(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	const struct prompt *p = &cli->prompt;
	double need = 2 * cli->rtt > CLI_QUIET_MODE ? 2 * cli->rtt : CLI_QUIET_MODE;
	bool cut = match->mode == p->mode && prompt_same(p, view->tail, view->size, p->shown, p->shown_size);

	if (cut)
		need = CLI_QUIET_JOINED;
	else if (cli->job.expects_mode)
		need = lacks_blank(p, view) ? CLI_QUIET_MODE : 0;
	if (need < gap_of_lines(cli))
		need = gap_of_lines(cli);
	if (need > 0 && !cli_quiet_for(cli, need))
		return;
	if (cli->job.prove && cli_job_prove(cli, false))
		return;
	cli_job_accept(cli, view, match, 0);
}

static void
look_at_shape(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	if (!cli->job.expects_host) {
		if (!cli_quiet_for(cli, CLI_QUIET_JOINED) || cli_job_prove(cli, false) ||
		    !cli_quiet_for(cli, CLI_QUIET_ECHO))
			return;
	} else if (lacks_blank(&cli->prompt, view) && !cli_quiet_for(cli, CLI_QUIET_MODE)) {
		return;
	}
	cli_job_accept(cli, view, match, 0);
}

/* --- no prompt, or not only --- */

static bool
ends_with_prompt(const struct cli *cli, const struct platform_view *view, size_t before)
{
	const struct prompt *p = &cli->prompt;

	return prompt_same(p, view->tail + before, view->size - before, p->shown, p->shown_size);
}

/* The known prompt's last character: what else its end may look like is told by a longer silence. */
static bool
ends_like_prompt(const struct cli *cli, const struct platform_view *view)
{
	const struct prompt *p = &cli->prompt;
	size_t a = prompt_trim(p->shown, p->shown_size), b = prompt_trim(view->tail, view->size);

	return a > 0 && b > 0 && p->shown[a - 1] == view->tail[b - 1] && (b < PROGRESS_MIN || !cli_is_progress(view)) &&
	       !pattern_list_matches(&cli->platform->false_prompts, view->tail, view->size);
}

/* The end of the known prompt, or of any where that is no surprise: a log message may have cut off the rest. */
static bool
is_left_of_prompt(const struct cli *cli, const struct platform_view *view)
{
	const struct prompt *p = &cli->prompt;
	size_t a = prompt_trim(p->shown, p->shown_size), b = prompt_trim(view->tail, view->size);

	if (!ends_like_prompt(cli, view))
		return false;
	if (cli->job.expects_mode)
		return memchr(view->tail, ' ', b) == NULL;
	return b <= a && (cli->platform->mask.count > 0 || memcmp(p->shown + a - b, view->tail, b) == 0);
}

/* Text without a newline, and the prompt behind it on the same line: how much of it is text; 0: it is not so. */
static size_t
joined_text(const struct cli *cli, const struct platform_view *view)
{
	const struct prompt *p = &cli->prompt;
	size_t size = view->size;

	if (p->mode == NULL || !ends_like_prompt(cli, view))
		return 0;
	if (cli->platform->mask.count == 0)
		return size > p->shown_size && ends_with_prompt(cli, view, size - p->shown_size) ? size - p->shown_size
												 : 0;
	/* With parts that change by themselves its size is not known: the longest end that is the prompt. */
	for (size_t before = size > PROMPT_MAX ? size - PROMPT_MAX : 1; before < size; before++) {
		if (ends_with_prompt(cli, view, before))
			return before;
	}
	return 0;
}

/* A line began with the prompt, and the tail is empty: whether log messages may be hiding the next one. */
static bool
hides_prompt(struct cli *cli)
{
	const struct cli_job *job = &cli->job;

	if (job->passed_quiet == 0)
		return false;
	/* Messages without end: there will be no silence. */
	if (job->passed_quiet <= CLI_QUIET_SILENT && cli->now - job->passed_at >= CLI_QUIET_STALL)
		return true;
	return cli_quiet_for(cli, job->passed_quiet + cli->rtt);
}

/* It waits for more lines, and none will come. */
static void
end_in_text(struct cli *cli)
{
	struct np_error err = {0};

	error_set(&err, REASON_WAITING_FOR_INPUT,
	    "the device waits for a text of several lines, which is not ended or not known to `blocks` of platform %s "
	    "(%s)",
	    cli->platform->name, cli->job.verdict.text);
	cli_job_end(cli, &err);
}

/* --- prompts that no mode knows --- */

/* Derived from the known prompt, in a configuration mode: what lines print there is short, and seldom so. */
static bool
is_submode(const struct cli *cli, const struct platform_view *view)
{
	const struct platform_mode *mode = cli->prompt.mode;

	return mode->config && (cli->op == CLI_OP_CONFIG || mode != cli->platform->base_mode) &&
	       prompt_kin(&cli->prompt, view) == PROMPT_DERIVED;
}

/*
 * A prompt it is, and of no mode.  In a configuration mode it is a sub-mode seen for the first time, when it is derived
 * from the known one; anywhere else nobody knows what a command would do there.
 */
static void
end_at_unknown(struct cli *cli, struct platform_view *view)
{
	struct prompt_match match = {PROMPT_HOST, cli->prompt.mode};
	struct np_error err = {0};
	char shown[128];

	if (is_submode(cli, view)) {
		cli_job_accept(cli, view, &match, 0);
		return;
	}
	cli_show(cli, view->tail, view->size, shown, sizeof(shown));
	error_set(&err, REASON_PROMPT_NOT_FOUND, "the device is at `%s`, which is the prompt of no mode of platform %s",
	    shown, cli->platform->name);
	cli_job_end(cli, &err);
}

/* It looks like this device's prompt, and nothing more comes: the sentinel, behind which it comes again if it is one,
 * tells, or a long silence. */
static bool
look_at_kin(struct cli *cli, struct platform_view *view)
{
	bool submode;

	if (cli->prompt.mode == NULL || prompt_kin(&cli->prompt, view) == PROMPT_STRANGER)
		return false;
	submode = is_submode(cli, view) && !cli->job.prove;
	if (submode || cli->platform->sentinel == NULL) {
		if (cli_quiet_for(cli, submode ? CLI_QUIET_SILENT + cli->rtt : CLI_QUIET_STALL))
			end_at_unknown(cli, view);
	} else if (cli_quiet_for(cli, CLI_QUIET_ECHO)) {
		cli_keep(&cli->job.suspect, view->tail, view->size);
		cli_job_prove(cli, false);
	}
	return true;
}

static bool
is_suspect(const struct cli_job *job, const struct platform_view *view)
{
	return view->size == job->suspect.size && cli_begins(view->tail, view->size, &job->suspect);
}

/* "ops@jump:~$", "[ops@jump ~]$", "jump%": that of another host, where the device has gone. */
static bool
is_shell(const struct platform_view *view)
{
	size_t size = prompt_trim(view->tail, view->size);
	bool bracket = size > 1 && view->tail[0] == '[' && view->tail[size - 2] == ']';

	return cli_looks_like_prompt(view) && (bracket || isalnum((unsigned char)view->tail[0])) &&
	       (bracket || memchr(view->tail, ' ', size) == NULL);
}

static void
look_at_no_prompt(struct cli *cli, struct platform_view *view)
{
	struct prompt_match match = {PROMPT_LITERAL, cli->prompt.mode};
	size_t before;

	if (view->size == 0) {
		if (hides_prompt(cli))
			cli_job_prove(cli, true);
		else if (cli->job.verdict.wants_text && cli_quiet_for(cli, CLI_QUIET_STALL))
			end_in_text(cli);
		return;
	}
	before = joined_text(cli, view);
	if (before > 0) {
		if (!cli_quiet_for(cli, CLI_QUIET_JOINED) || cli_job_prove(cli, false))
			return;
		if (cli_quiet_for(cli, CLI_QUIET_ECHO))
			cli_job_accept(cli, view, &match, before);
		return;
	}
	if (look_at_kin(cli, view) || cli_ask(cli))
		return;
	if (is_left_of_prompt(cli, view)) {
		if (cli_quiet_for(cli, CLI_QUIET_STALL))
			cli_job_prove(cli, true);
	} else if (is_shell(view) && !pattern_list_matches(&cli->platform->false_prompts, view->tail, view->size) &&
		   cli_quiet_for(cli, CLI_QUIET_DOUBT)) {
		end_at_unknown(cli, view);
	}
}

/* The sentinel is on its way or was seen. */
static void
look_for_proof(struct cli *cli, struct platform_view *view, struct prompt_match match)
{
	struct cli_job *job = &cli->job;

	if (view->size == 0 && job->proof_passed) {
		view->tail = cli->prompt.shown;
		view->size = cli->prompt.shown_size;
		match = (struct prompt_match){PROMPT_LITERAL, cli->prompt.mode};
	}
	if (match.tier == PROMPT_NONE && job->echo_absent && cli_skip_old_prompt(cli, view))
		match = prompt_test(&cli->prompt, view, terminal_tail_is_whole(&cli->terminal), true);
	if (match.tier == PROMPT_NONE && is_suspect(job, view)) {
		if (job->proof == CLI_PROOF_PROVEN || job->suspect_echoed ||
		    cli_quiet_for(cli, CLI_QUIET_STALL + cli->rtt))
			end_at_unknown(cli, view);
		return;
	}
	if (match.tier == PROMPT_NONE) {
		/* What a log message left of a prompt, or cut of the sentinel. */
		if (view->size > 0 && !cli_ask(cli) && is_left_of_prompt(cli, view) &&
		    job->proof_doubts < CLI_DOUBTS_MAX &&
		    cli_quiet_for(cli, CLI_QUIET_STALL * job->proof_asked + cli->rtt)) {
			job->proof_doubts++;
			cli_job_prove(cli, true);
		}
		return;
	}
	/* Read by whom printed it, still to be read by the shell, or cut by a log message: another one tells. */
	if (job->proof < CLI_PROOF_PROVEN &&
	    cli_quiet_for(cli, (job->proof_doubted || job->suspect_echoed || job->sentinel.says[0] != '\0'
				       ? CLI_QUIET_ECHO
				       : CLI_QUIET_STALL * job->proof_asked) +
				   cli->rtt)) {
		if (++job->proof_doubts < CLI_DOUBTS_MAX)
			cli_job_prove(cli, false);
		return;
	}
	/* Where the command had no echo the sentinel has none either: an answer and silence must do. */
	if (cli_proof_holds(cli) ||
	    (job->echo_absent && cli->stats.bytes_in > job->proof_rx && cli_quiet_for(cli, CLI_QUIET_ECHO + cli->rtt)))
		cli_job_accept(cli, view, &match, 0);
}

/* --- all of it --- */

static struct prompt_match
judge(struct cli *cli, struct platform_view *view)
{
	const struct cli_job *job = &cli->job;
	struct prompt_match match;

	if (view->size > job->pager.size && cli_begins(view->tail, view->size, &job->pager)) {
		view->tail += job->pager.size;
		view->size -= job->pager.size;
	}
	match = cli_join_split(cli, view);
	if (match.tier != PROMPT_NONE)
		return match;
	match = prompt_test(&cli->prompt, view, terminal_tail_is_whole(&cli->terminal), true);
	/* "textR1#" may look like another host's prompt; where prompts are as short as "# " every other one ends so. */
	if (match.tier == PROMPT_SHAPE && job->echo_seen && !(cli->platform->bare && job->expects_host) &&
	    joined_text(cli, view) > 0)
		match.tier = PROMPT_NONE;
	return match;
}

void
cli_job_look(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	struct platform_view view = cli_view(cli);
	struct prompt_match match;

	if (job->typed < job->line_size) {
		cli_look_while_typing(cli, &view);
		return;
	}
	match = judge(cli, &view);
	if (job->proof != CLI_PROOF_NONE)
		look_for_proof(cli, &view, match);
	else if (!job->echo_seen)
		cli_look_without_echo(cli, &view, match);
	else if (job->line_at + job->line_size < job->size)
		cli_look_in_block(cli, &view, &match);
	else if (match.tier == PROMPT_LITERAL)
		look_at_literal(cli, &view, &match);
	else if (match.tier == PROMPT_HOST)
		look_at_host(cli, &view, &match);
	else if (match.tier == PROMPT_SHAPE)
		look_at_shape(cli, &view, &match);
	else
		look_at_no_prompt(cli, &view);
}
