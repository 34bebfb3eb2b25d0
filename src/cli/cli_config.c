/*
 * The configuration transaction: enter, prove the mode, one line at a time, then commit or undo, leave, save.
 *
 *   ENTER -> LINES -> COMMIT -> (SAVE_INSIDE) -> LEAVE -> (SAVE) -> DONE
 *     |        |  \-> CHECK (dry run) -> ABORT
 *     |        v         |
 *     +----> ABORT <-----+  (a candidate, or a sub-mode that can be thrown away)  -> LEAVE -> DONE
 *
 * The law: nothing is committed or saved after a line was refused or is unclear (unless --keep-going was asked for),
 * and configuration mode is left whatever happens; when that fails the shell is given up, which frees the device's
 * lock. What is called committed, saved or aborted was proven (cli_judge.c); after a commit of which nothing tells
 * whether it happened, neither is claimed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/xalloc.h"

void
cli_config_set_phase(struct cli *cli, enum cli_config_phase phase)
{
	cli->phase = phase;
	cli->step = 0;
}

/* --- failing --- */

/* The first failure is the one that is told. */
void
cli_config_fail(struct cli *cli, enum np_reason reason, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli->config_failed = true;
	if (cli->tally->err.reason == REASON_NONE)
		error_set(&cli->tally->err, reason, "%s", text);
}

/* At a prompt of no mode that was not reached from a configuration mode: nobody knows where that is. */
static bool
is_lost(const struct cli *cli)
{
	return cli->prompt.derived && !cli->prompt.mode->config;
}

/* A line of its own committed, and left configuration mode: "commit and-quit".  There is no candidate any more. */
bool
cli_config_committed_and_left(const struct cli *cli)
{
	return cli->phase == CLI_CONFIG_LINES && cli->tally->committed && !cli->prompt.mode->config;
}

/* What undoes: the candidate is thrown away; elsewhere a sub-mode that has not been ended yet. */
void
cli_config_undo(struct cli *cli)
{
	const struct platform_config *c = &cli->platform->config;
	bool inside = is_lost(cli) || (cli->prompt.mode->config && cli->prompt.mode != cli->platform->base_mode);
	bool begun = c->candidate && cli->phase != CLI_CONFIG_ENTER;

	if (cli_config_committed_and_left(cli))
		cli_config_set_phase(cli, CLI_CONFIG_LEAVE);
	else if (c->abort.count > 0 && (inside || begun))
		cli_config_set_phase(cli, CLI_CONFIG_ABORT);
	else
		cli_config_set_phase(cli, CLI_CONFIG_LEAVE);
}

/* --- the steps around them --- */

static const struct platform_steps *
steps_of(const struct cli *cli)
{
	static const struct platform_steps none;
	const struct platform_config *c = &cli->platform->config;
	bool at_base = cli->prompt.mode == cli->platform->base_mode && !is_lost(cli);
	bool save = cli->asked.save && cli->tally->err.reason == REASON_NONE && !cli->asked.dry_run;

	switch (cli->phase) {
	case CLI_CONFIG_ENTER:
		return &c->enter;
	case CLI_CONFIG_CHECK:
		return &c->check;
	case CLI_CONFIG_COMMIT:
		return cli->asked.confirm_minutes > 0 ? &c->confirmed : &c->commit;
	case CLI_CONFIG_ABORT:
		return &c->abort;
	case CLI_CONFIG_SAVE_INSIDE:
		return save && c->save_inside ? &c->save : &none;
	case CLI_CONFIG_LEAVE:
		return at_base ? &none : &c->leave;
	case CLI_CONFIG_SAVE:
		return save && !c->save_inside ? &c->save : &none;
	case CLI_CONFIG_LINES:
	case CLI_CONFIG_DONE:
		break;
	}
	return &none;
}

static void
entered(struct cli *cli)
{
	if (cli->config_failed) {
		cli_text_report_rest(cli);
		cli_config_undo(cli);
	} else if (!cli->prompt.mode->config) {
		cli_config_fail(cli, REASON_CONFIG_REJECTED,
		    "configuration mode was not entered%s%s: the prompt is that of mode %s",
		    cli->job.verdict.text[0] != '\0' ? ": " : "", cli->job.verdict.text, cli->prompt.mode->name);
		cli_text_report_rest(cli);
		cli_config_set_phase(cli, CLI_CONFIG_LEAVE);
	} else {
		cli_config_set_phase(cli, CLI_CONFIG_LINES);
	}
}

/* All steps of the phase were run. */
static void
phase_done(struct cli *cli)
{
	switch (cli->phase) {
	case CLI_CONFIG_ENTER:
		entered(cli);
		break;
	case CLI_CONFIG_CHECK:
		cli_config_undo(cli);
		break;
	case CLI_CONFIG_COMMIT:
		if (cli->config_failed) {
			cli_config_undo(cli);
			break;
		}
		cli->tally->committed = true;
		cli->tally->saved = cli->platform->config.saves_itself && cli->asked.confirm_minutes == 0;
		cli_config_set_phase(cli, CLI_CONFIG_SAVE_INSIDE);
		break;
	case CLI_CONFIG_ABORT:
		cli->tally->aborted = !cli->abort_failed && !cli->commit_unknown;
		cli_config_set_phase(cli, CLI_CONFIG_LEAVE);
		break;
	case CLI_CONFIG_SAVE_INSIDE:
		if (steps_of(cli)->count > 0 && !cli->config_failed)
			cli->tally->saved = true;
		cli_config_set_phase(cli, CLI_CONFIG_LEAVE);
		break;
	case CLI_CONFIG_LEAVE:
		cli_config_set_phase(cli, CLI_CONFIG_SAVE);
		break;
	case CLI_CONFIG_SAVE:
		if (steps_of(cli)->count > 0)
			cli->tally->saved = true;
		cli->phase = CLI_CONFIG_DONE;
		break;
	case CLI_CONFIG_LINES:
	case CLI_CONFIG_DONE:
		break;
	}
}

static const char *const what[] = {"entering configuration mode", "a line", "the check", "the commit", "the abort",
    "saving", "leaving configuration mode", "saving", ""};

/* A step's answer was no success, or nobody knows: what that means depends on the phase. */
static void
step_failed(struct cli *cli, enum cli_outcome outcome, const struct np_error *err)
{
	const struct cli_verdict *v = &cli->job.verdict;
	bool busy = err == NULL && outcome == CLI_REFUSED && v->busy;
	enum np_reason reason = REASON_CONFIG_REJECTED;
	const char *words = err != NULL ? err->text : v->text;

	if (outcome == CLI_UNCLEAR && cli_judge_is_claim(cli))
		reason = REASON_OUTCOME_UNKNOWN;
	if (words[0] == '\0')
		words = "the device did not say that it worked";
	cli_config_fail(cli, err != NULL ? err->reason : reason, "%s %s: %s%s", what[cli->phase],
	    reason == REASON_OUTCOME_UNKNOWN ? "is not proven" : "failed", words,
	    busy ? " (for now: nothing is tried again by itself)" : "");
	cli->tally->temporary |= busy;
	if (cli->phase == CLI_CONFIG_ABORT)
		cli->abort_failed = true;
	/* It has a candidate of which its platform knows nothing, and was told to throw that away: nothing was live. */
	if (cli->phase == CLI_CONFIG_LEAVE && cli->job.declined && strcasestr(v->text, "commit") != NULL)
		cli->discarded = true;
	else if (cli->phase == CLI_CONFIG_LEAVE)
		cli->tally->unended |= outcome == CLI_REFUSED && !cli->platform->config.candidate;
	if (cli->phase == CLI_CONFIG_COMMIT)
		cli->commit_unknown |= outcome == CLI_UNCLEAR;
	cli->step = steps_of(cli)->count;
	if (cli->phase == CLI_CONFIG_SAVE)
		cli->phase = CLI_CONFIG_DONE;
}

static void
step_done(struct cli *cli, const struct np_error *err)
{
	/* Those of leaving, too, when that is done.  The modes' own ways behind them have no say. */
	const struct platform_steps *steps =
	    cli->phase == CLI_CONFIG_LEAVE && !cli->leaving ? &cli->platform->config.leave : steps_of(cli);
	const struct platform_step *step =
	    cli->step > 0 && cli->step <= steps->count ? &steps->items[cli->step - 1] : NULL;
	enum cli_outcome outcome = cli_judge_step(cli);
	/* Of words that may be a refusal, the mode that was reached tells whether they were one. */
	bool entered = cli->phase == CLI_CONFIG_ENTER && cli->prompt.mode->config && !cli->job.verdict.error;

	if (err != NULL)
		step_failed(cli, CLI_UNCLEAR, err);
	else if (outcome != CLI_TAKEN && step != NULL && !step->optional && !entered)
		step_failed(cli, outcome, NULL);
}

/* --- the end --- */

/*
 * Lines act at once without a candidate: those that were taken do, an unclear one may, and a refused one may have
 * changed a part.  Which of those are live that stood before a sub-mode was thrown away, or never ended, only the
 * device knows.
 */
static void
tell_live(struct cli *cli)
{
	const struct platform_config *c = &cli->platform->config;
	struct cli_result *t = cli->tally;
	size_t taken = cli_text_taken(cli);
	bool ended = !t->aborted && cli->prompt.mode == cli->platform->base_mode;

	if (c->candidate)
		return;
	if (cli->discarded && cli->prompt.mode == cli->platform->base_mode) {
		t->aborted = true;
		t->saved = false;
		return;
	}
	t->live = taken + t->lines[CLI_UNCLEAR] + t->lines[CLI_REFUSED] > 0;
	t->saved = t->saved || (c->saves_itself && ended && taken > 0);
	t->unended = t->unended || (c->abort.count > 0 && !ended && !t->aborted);
}

static enum cli_next
config_done(struct cli *cli, struct np_error *err)
{
	const struct platform_mode *base = cli->platform->base_mode;
	struct cli_result *t = cli->tally;

	tell_live(cli);
	if (t->err.reason == REASON_CONFIG_REJECTED && t->live && !t->aborted && !t->unended && cli_text_taken(cli) > 0)
		error_prefix(&t->err, "%zu lines are live, %s", cli_text_taken(cli),
		    t->saved ? "and saved" : "nothing was saved");
	if (is_lost(cli) || (cli->prompt.mode != base && !platform_mode_inside(base, cli->prompt.mode))) {
		/* Still inside: closing the shell is what frees the device. */
		cli_config_fail(cli, REASON_CONFIG_REJECTED, "configuration mode could not be left");
		cli_die(cli, cli->tally->err.reason, "%s", cli->tally->err.text);
		return CLI_GOES_ON;
	}
	*err = cli->tally->err;
	return CLI_ENDS;
}

/* The platform's steps were not enough: out by the modes' own ways.  True when a step is in flight. */
static bool
walk_out(struct cli *cli)
{
	struct np_error err = {0};
	int r;

	if (cli->phase != CLI_CONFIG_LEAVE || !cli->prompt.mode->config)
		return false;
	if (!cli->leaving)
		cli_walk_begin(cli, cli->platform->base_mode);
	cli->leaving = true;
	r = cli_walk(cli, &err);
	if (r < 0)
		cli_config_fail(cli, err.reason, "%s", err.text);
	return r == 0;
}

/* Runs what comes next until a line is in flight or all is done. */
static enum cli_next
config_next(struct cli *cli, struct np_error *err)
{
	while (cli->phase != CLI_CONFIG_DONE) {
		const struct platform_steps *steps = steps_of(cli);

		if (cli->phase == CLI_CONFIG_LINES) {
			if (cli_config_next_line(cli))
				return CLI_GOES_ON;
		} else if (cli->step < steps->count) {
			cli_job_step(cli, &steps->items[cli->step++]);
			return CLI_GOES_ON;
		} else if (walk_out(cli)) {
			return CLI_GOES_ON;
		} else {
			phase_done(cli);
		}
	}
	return config_done(cli, err);
}

enum cli_next
cli_config_begin(struct cli *cli, struct np_error *err)
{
	if (cli->tally == NULL)
		cli->tally = xmalloc(sizeof(*cli->tally));
	memset(cli->tally, 0, sizeof(*cli->tally));
	cli->config_cancelled = false;
	cli->config_failed = false;
	cli->abort_failed = false;
	cli->commit_unknown = false;
	cli->leaving = false;
	cli->discarded = false;
	cli->config_line = cli->config_at = 0;
	cli->config_next = 0;
	cli_nonce(cli, cli->config_tag);
	cli_config_set_phase(cli, CLI_CONFIG_ENTER);
	if (cli->prompt.mode != cli->platform->base_mode) {
		error_set(&cli->tally->err, REASON_PRIVILEGE_FAILED,
		    "configuration begins in mode %s, and the shell is in %s: configure `secret`, or use --enable",
		    cli->platform->base_mode->name, cli->prompt.mode->name);
		cli_text_report_rest(cli);
		cli->phase = CLI_CONFIG_DONE;
	}
	return config_next(cli, err);
}

void
cli_config_lost(struct cli *cli, struct np_error *why)
{
	const struct np_error *first = &cli->tally->err;
	struct np_error last = *why;

	cli_text_report(cli, CLI_UNCLEAR, why->text);
	cli_text_report_rest(cli);
	tell_live(cli);
	if (first->reason == REASON_NONE && cli_judge_is_claim(cli))
		error_prefix(why, "%s is not proven", what[cli->phase]);
	else if (first->reason != REASON_NONE && strcmp(first->text, last.text) != 0)
		error_set(why, first->reason, "%s; then: %s", first->text, last.text);
}

enum cli_next
cli_config_ended(struct cli *cli, struct np_error *err)
{
	const struct np_error *failed = err->reason != REASON_NONE ? err : NULL;
	bool was_running = cli->job.text != NULL; /* else it comes back from a resync */

	if (was_running && cli->phase == CLI_CONFIG_LINES)
		cli_config_line_done(cli, failed);
	else if (was_running)
		step_done(cli, failed);
	if (failed == NULL)
		return config_next(cli, err);
	cli_resync_begin(cli, false);
	return CLI_GOES_ON;
}
