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

static void
set_phase(struct cli *cli, enum cli_config_phase phase)
{
	cli->phase = phase;
	cli->step = 0;
}

/* --- failing --- */

/* The first failure is the one that is told. */
static void NP_PRINTF(3, 4) fail(struct cli *cli, enum np_reason reason, const char *fmt, ...)
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

/* What undoes: the candidate is thrown away; elsewhere a sub-mode that has not been ended yet. */
static void
undo(struct cli *cli)
{
	const struct platform_config *c = &cli->platform->config;
	bool inside = is_lost(cli) || (cli->prompt.mode->config && cli->prompt.mode != cli->platform->base_mode);
	bool begun = c->candidate && cli->phase != CLI_CONFIG_ENTER;

	if (c->abort.count > 0 && (inside || begun))
		set_phase(cli, CLI_CONFIG_ABORT);
	else
		set_phase(cli, CLI_CONFIG_LEAVE);
}

/* --- lines --- */

struct line {
	const char *text;
	size_t size; /* without what ends it */
	size_t next; /* where the one behind it begins */
};

static bool
line_at(const struct cli_command *c, size_t at, struct line *line)
{
	const char *end;

	if (at >= c->size)
		return false;
	line->text = c->text + at;
	end = memchr(line->text, '\n', c->size - at);
	line->size = end != NULL ? (size_t)(end - line->text) : c->size - at;
	line->next = at + line->size + 1;
	while (line->size > 0 && line->text[line->size - 1] == '\r')
		line->size--;
	return true;
}

static bool
is_empty(const struct line *line)
{
	for (size_t i = 0; i < line->size; i++) {
		if (line->text[i] != ' ' && line->text[i] != '\t' && line->text[i] != '\r')
			return false;
	}
	return true;
}

/* One event, however many lines it is about: a text of 16 MiB may have millions. */
static void
report_lines(struct cli *cli, size_t first, size_t last, size_t count, enum cli_outcome outcome, const char *text)
{
	struct cli_event event = {
	    .kind = CLI_EVENT_LINE, .line = first, .last = last, .count = count, .outcome = outcome};

	snprintf(event.text, sizeof(event.text), "%s", text);
	cli_emit(cli, &event);
	cli->tally->lines[outcome] += count;
}

static size_t
lines_taken(const struct cli *cli)
{
	return cli->tally->lines[CLI_TAKEN] + cli->tally->lines[CLI_REMARK];
}

/* The lines from here to there are not run. */
static void
report_not_run(struct cli *cli, size_t end)
{
	size_t first = 0, last = 0, count = 0;
	struct line line;

	for (; cli->config_at < end && line_at(&cli->asked, cli->config_at, &line);
	     cli->config_line++, cli->config_at = line.next) {
		if (is_empty(&line))
			continue;
		last = cli->config_line;
		if (count++ == 0)
			first = last;
	}
	if (count > 0)
		report_lines(cli, first, last, count, CLI_NOT_RUN, "");
}

static void
report_rest(struct cli *cli)
{
	report_not_run(cli, SIZE_MAX);
}

/* The lines in flight.  Of a text of several those that the device did not wait for were never typed. */
static void
report_typed(struct cli *cli, enum cli_outcome outcome, const char *text)
{
	const struct cli_job *job = &cli->job;
	size_t first = cli->config_line, count = 1;
	struct line line;

	if (cli->config_at >= cli->config_next)
		return;
	for (size_t i = 0; i < job->line_at; i++)
		count += job->text[i] == '\n' ? 1 : 0;
	for (; cli->config_line < first + count && line_at(&cli->asked, cli->config_at, &line); cli->config_line++)
		cli->config_at = line.next;
	report_lines(cli, first, first + count - 1, count, outcome, text);
	report_not_run(cli, cli->config_next);
}

/* The quote that is left open behind this line, or 0; open: that before it.  What is quoted by the one is no quote. */
static char
quote_left_open(enum platform_quotes quotes, const struct line *line, char open)
{
	for (size_t i = 0; i < line->size; i++) {
		char c = line->text[i];

		if (c == '\\' && open != '\'')
			i++;
		else if (open != 0)
			open = c == open ? 0 : open;
		else if (c == '#' && (i == 0 || line->text[i - 1] == ' ' || line->text[i - 1] == '\t')) /* a comment */
			break;
		else if (c == '"' || (c == '\'' && quotes == PLATFORM_QUOTES_BOTH))
			open = c;
	}
	return open;
}

/* What ends a text of several lines. */
struct block {
	bool begun;
	bool optional;
	char quote; /* one that was left open ends it */
	const struct pattern *end;
	struct pattern_span word; /* of the first line: in the last one; empty, and no `end': EOF */
};

/* The block that this line begins, if it does. */
static struct block
block_of(const struct cli *cli, const struct line *line)
{
	const struct platform_config *c = &cli->platform->config;
	struct block block = {0};

	for (size_t i = 0; i < c->blocks_count; i++) {
		if (pattern_find(c->blocks[i].match, line->text, line->size, NULL, &block.word) != PATTERN_YES)
			continue;
		block.begun = true;
		block.end = c->blocks[i].end;
		block.optional = c->blocks[i].optional;
		return block;
	}
	if (c->quotes != PLATFORM_QUOTES_NONE)
		block.quote = quote_left_open(c->quotes, line, 0);
	block.begun = block.quote != 0;
	return block;
}

static bool
ends_block(const struct cli *cli, struct block *block, const struct line *first, const struct line *line)
{
	if (block->quote != 0) {
		block->quote = quote_left_open(cli->platform->config.quotes, line, block->quote);
		return block->quote == 0;
	}
	if (block->end != NULL)
		return pattern_matches(block->end, line->text, line->size);
	if (block->word.size > 0)
		return memmem(line->text, line->size, first->text + block->word.start, block->word.size) != NULL;
	return memmem(line->text, line->size, "EOF", 3) != NULL;
}

/* Takes the lines that belong together: one, or a block with its end; true: which the device may not want. */
static bool
take_lines(struct cli *cli)
{
	struct line first, line;
	struct block block;
	bool ended;

	if (!line_at(&cli->asked, cli->config_at, &first))
		return false;
	cli->config_next = first.next;
	block = block_of(cli, &first);
	for (ended = !block.begun; !ended && line_at(&cli->asked, cli->config_next, &line);) {
		cli->config_next = line.next;
		ended = ends_block(cli, &block, &first, &line);
	}
	/* What nothing ends may be none: the device tells, and the lines behind it are not its text. */
	if (!ended)
		cli->config_next = first.next;
	return block.optional;
}

static void
send_lines(struct cli *cli)
{
	struct cli_command command = cli->asked;
	struct cli_job_spec spec = {.kind = CLI_JOB_COMMAND, .command = &command, .expects_mode = true};
	const struct pattern_list *shows = &cli->platform->config.shows;
	struct buf text;
	struct line line;

	if (command.limits.total <= 0)
		command.limits.total = CLI_LINE_TOTAL;
	spec.text_optional = take_lines(cli);
	buf_init(&text, SIZE_MAX / 2);
	for (size_t at = cli->config_at; at < cli->config_next && line_at(&cli->asked, at, &line); at = line.next) {
		if ((at > cli->config_at && buf_append(&text, "\n", 1) < 0) ||
		    buf_append(&text, line.text, line.size) < 0)
			break;
	}
	spec.text = text.len > 0 ? (const char *)buf_head(&text) : "";
	spec.size = text.len;
	spec.judged_as = pattern_list_matches(shows, spec.text, spec.size) ? CLI_JUDGE_OUTPUT : CLI_JUDGE_ANSWER;
	cli_job_start(cli, &spec);
	buf_wipe(&text);
}

/* All lines were sent, or no more will be. */
static void
lines_done(struct cli *cli)
{
	const struct platform_mode *mode = cli->prompt.mode;

	report_rest(cli);
	if (!cli->config_failed && cli->platform->config.enter.count == 0 && mode != cli->platform->base_mode)
		fail(cli, REASON_CONFIG_REJECTED, "the lines end inside mode %s: what they began there is thrown away",
		    mode->name);
	if (cli->config_failed)
		undo(cli);
	else if (cli->asked.dry_run)
		set_phase(cli, CLI_CONFIG_CHECK);
	else if (cli->platform->config.candidate)
		set_phase(cli, CLI_CONFIG_COMMIT);
	else
		set_phase(cli, CLI_CONFIG_SAVE_INSIDE);
}

/* The next line; true when one is in flight. */
static bool
next_line(struct cli *cli)
{
	size_t last = cli->config_line; /* typed; blank ones may follow it */
	struct line line;

	if (cli->config_cancelled)
		fail(cli, REASON_CANCELLED, "cancelled");
	while (!cli->config_failed && line_at(&cli->asked, cli->config_at, &line)) {
		if (is_empty(&line)) {
			cli->config_line++;
			cli->config_at = line.next;
			continue;
		}
		if (!cli->prompt.mode->config) {
			fail(cli, REASON_CONFIG_REJECTED,
			    "line %zu left configuration mode, and further lines would run as commands", last);
			break;
		}
		send_lines(cli);
		return true;
	}
	lines_done(cli);
	return false;
}

/* The first line of a text was all that the device wanted: those behind it are lines of their own. */
static void
untake_text(struct cli *cli)
{
	const struct cli_job *job = &cli->job;
	struct line first;

	if (job->text_optional && job->line_at == 0 && job->verdict.outcome < CLI_UNCLEAR &&
	    line_at(&cli->asked, cli->config_at, &first))
		cli->config_next = first.next;
}

/* A line without an answer, or with one that is not known, may have been taken or not: it is told as unclear. */
static void
line_done(struct cli *cli, const struct np_error *err)
{
	const struct cli_verdict *v = &cli->job.verdict;
	const char *unclear = v->outcome == CLI_UNCLEAR ? "unclear: " : "";
	size_t number = cli->config_line + 1;

	if (err != NULL) {
		report_typed(cli, CLI_UNCLEAR, err->text);
		fail(cli, err->reason, "line %zu: %s", number, err->text);
		return;
	}
	untake_text(cli);
	report_typed(cli, v->outcome, v->text);
	if (v->outcome < CLI_UNCLEAR)
		return;
	cli->tally->temporary |= v->busy;
	if (!cli->asked.keep_going)
		fail(cli, REASON_CONFIG_REJECTED, "line %zu: %s%s", number, unclear, v->text);
	else if (cli->tally->err.reason == REASON_NONE)
		error_set(&cli->tally->err, REASON_CONFIG_REJECTED, "line %zu: %s%s", number, unclear, v->text);
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
		report_rest(cli);
		undo(cli);
	} else if (!cli->prompt.mode->config) {
		fail(cli, REASON_CONFIG_REJECTED,
		    "configuration mode was not entered%s%s: the prompt is that of mode %s",
		    cli->job.verdict.text[0] != '\0' ? ": " : "", cli->job.verdict.text, cli->prompt.mode->name);
		report_rest(cli);
		set_phase(cli, CLI_CONFIG_LEAVE);
	} else {
		set_phase(cli, CLI_CONFIG_LINES);
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
		undo(cli);
		break;
	case CLI_CONFIG_COMMIT:
		if (cli->config_failed) {
			undo(cli);
			break;
		}
		cli->tally->committed = true;
		cli->tally->saved = cli->platform->config.saves_itself && cli->asked.confirm_minutes == 0;
		set_phase(cli, CLI_CONFIG_SAVE_INSIDE);
		break;
	case CLI_CONFIG_ABORT:
		cli->tally->aborted = !cli->abort_failed && !cli->commit_unknown;
		set_phase(cli, CLI_CONFIG_LEAVE);
		break;
	case CLI_CONFIG_SAVE_INSIDE:
		if (steps_of(cli)->count > 0 && !cli->config_failed)
			cli->tally->saved = true;
		set_phase(cli, CLI_CONFIG_LEAVE);
		break;
	case CLI_CONFIG_LEAVE:
		set_phase(cli, CLI_CONFIG_SAVE);
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
	fail(cli, err != NULL ? err->reason : reason, "%s %s: %s%s", what[cli->phase],
	    reason == REASON_OUTCOME_UNKNOWN ? "is not proven" : "failed", words,
	    busy ? " (for now: nothing is tried again by itself)" : "");
	cli->tally->temporary |= busy;
	if (cli->phase == CLI_CONFIG_ABORT)
		cli->abort_failed = true;
	if (cli->phase == CLI_CONFIG_COMMIT)
		cli->commit_unknown = outcome == CLI_UNCLEAR;
	cli->step = steps_of(cli)->count;
	if (cli->phase == CLI_CONFIG_SAVE)
		cli->phase = CLI_CONFIG_DONE;
}

static void
step_done(struct cli *cli, const struct np_error *err)
{
	const struct platform_steps *steps = steps_of(cli);
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
 * changed a part.  Which of those are live that stood before a sub-mode was thrown away, only the device knows.
 */
static void
tell_live(struct cli *cli)
{
	const struct platform_config *c = &cli->platform->config;
	struct cli_result *t = cli->tally;
	size_t taken = lines_taken(cli);
	bool ended = !t->aborted && cli->prompt.mode == cli->platform->base_mode;

	if (c->candidate)
		return;
	t->live = taken + t->lines[CLI_UNCLEAR] + t->lines[CLI_REFUSED] > 0;
	t->saved = t->saved || (c->saves_itself && ended && taken > 0);
}

static enum cli_next
config_done(struct cli *cli, struct np_error *err)
{
	const struct platform_mode *base = cli->platform->base_mode;
	struct cli_result *t = cli->tally;

	tell_live(cli);
	if (t->err.reason == REASON_CONFIG_REJECTED && t->live && !t->aborted && lines_taken(cli) > 0)
		error_prefix(
		    &t->err, "%zu lines are live, %s", lines_taken(cli), t->saved ? "and saved" : "nothing was saved");
	if (is_lost(cli) || (cli->prompt.mode != base && !platform_mode_inside(base, cli->prompt.mode))) {
		/* Still inside: closing the shell is what frees the device. */
		fail(cli, REASON_CONFIG_REJECTED, "configuration mode could not be left");
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
		fail(cli, err.reason, "%s", err.text);
	return r == 0;
}

/* Runs what comes next until a line is in flight or all is done. */
static enum cli_next
config_next(struct cli *cli, struct np_error *err)
{
	while (cli->phase != CLI_CONFIG_DONE) {
		const struct platform_steps *steps = steps_of(cli);

		if (cli->phase == CLI_CONFIG_LINES) {
			if (next_line(cli))
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
	cli->config_line = cli->config_at = 0;
	cli->config_next = 0;
	cli_nonce(cli, cli->config_tag);
	set_phase(cli, CLI_CONFIG_ENTER);
	if (cli->prompt.mode != cli->platform->base_mode) {
		error_set(&cli->tally->err, REASON_PRIVILEGE_FAILED,
		    "configuration begins in mode %s, and the shell is in %s: configure `secret`, or use --enable",
		    cli->platform->base_mode->name, cli->prompt.mode->name);
		report_rest(cli);
		cli->phase = CLI_CONFIG_DONE;
	}
	return config_next(cli, err);
}

void
cli_config_lost(struct cli *cli, struct np_error *why)
{
	const struct np_error *first = &cli->tally->err;
	struct np_error last = *why;

	report_typed(cli, CLI_UNCLEAR, why->text);
	report_rest(cli);
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
		line_done(cli, failed);
	else if (was_running)
		step_done(cli, failed);
	if (failed == NULL)
		return config_next(cli, err);
	cli_resync_begin(cli, false);
	return CLI_GOES_ON;
}

int
cli_config_check_text(const struct cli_command *c, struct np_error *err)
{
	struct line line;

	for (size_t at = 0, number = 1; line_at(c, at, &line); at = line.next, number++) {
		if (cli_check_text(line.text, line.size, err) < 0)
			return error_prefix(err, "line %zu", number);
	}
	return 0;
}
