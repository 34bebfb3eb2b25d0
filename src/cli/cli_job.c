/*
 * One line typed and answered: its beginning, the ways it can end, its limits.  Not here: what the tail tells
 * (cli_look.c), what the lines are (cli_line.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/xalloc.h"

#define PROBE_IDLE 5.0

void
cli_job_clear(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	struct buf held = job->held, aside = job->aside;

	buf_wipe(&held);
	buf_wipe(&aside);
	if (job->text != NULL)
		secret_free(job->text);
	cli_keep(&job->suspect, NULL, 0);
	cli_keep(&job->asked, NULL, 0);
	cli_keep(&job->pager, NULL, 0);
	cli_keep(&job->mark, NULL, 0);
	cli_forget(job->err, sizeof(*job->err));
	secret_wipe(job, sizeof(*job));
	job->held = held;
	job->aside = aside;
}

/* --- sending --- */

void
cli_job_type_rest(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	const char *next = job->text + job->line_at + job->typed;
	size_t left = job->line_size - job->typed, most = (size_t)cli->platform->window;

	cli->changes++;
	job->typed_at = cli->now;
	if (left > most) {
		job->typed += most;
		cli_type_part(cli, next, most);
	} else {
		job->typed = job->line_size;
		cli_type(cli, next, left);
	}
}

void
cli_job_type_line(struct cli *cli, size_t at)
{
	struct cli_job *job = &cli->job;
	const char *end = memchr(job->text + at, '\n', job->size - at);
	struct platform_view view = cli_view(cli);

	cli_keep(&job->mark, view.tail, at > 0 && view.size <= PROMPT_MAX ? view.size : 0);
	job->line_at = at;
	job->line_size = end != NULL ? (size_t)(end - (job->text + at)) : job->size - at;
	job->typed = 0;
	job->echo_seen = false;
	echo_init(&job->echo, job->text + at, job->line_size);
	cli_job_type_rest(cli);
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

/* A tab would be taken as the wish to complete a word. */
static char *
typed_text(const char *text, size_t size)
{
	char *copy = xmalloc(size + 1);

	for (size_t i = 0; i < size; i++)
		copy[i] = text[i] == '\t' ? ' ' : text[i];
	copy[size] = '\0';
	return copy;
}

void
cli_job_start(struct cli *cli, const struct cli_job_spec *spec)
{
	const struct platform_step *step = spec->step;
	const struct platform_mode *mode = cli->prompt.mode;
	struct cli_job *job = &cli->job;

	cli_job_clear(cli);
	cli_context_clear(cli);
	job->active = true;
	job->kind = spec->kind;
	job->judged_as = spec->judged_as;
	job->text_optional = spec->text_optional;
	job->text = typed_text(spec->text, spec->size);
	job->size = spec->size;
	job->limits.idle = CLI_STEP_IDLE;
	job->limits.total = CLI_STEP_TOTAL;
	if (step != NULL) {
		job->questions = &step->questions;
		job->ok = step->ok;
		if (step->timeout > 0)
			job->limits.idle = job->limits.total = step->timeout;
	}
	if (spec->command != NULL) {
		job->answers = spec->command->answers;
		job->answers_count = spec->command->answers_count;
		job->limits = spec->command->limits;
		job->raw = spec->command->raw;
		job->interactive = spec->command->interactive;
		job->prove = spec->command->prove || cli->platform->prove;
	}
	job->expects_host =
	    spec->expects_mode || pattern_list_matches(&cli->platform->mode_change, spec->text, spec->size);
	job->expects_mode = job->expects_host || (mode != NULL && mode->config);
	job->inside = mode != NULL && mode->config && mode != cli->platform->base_mode;
	job->sent_at = cli->now;
	cli->op_sent = true;
	cli->changes++;
	cli_job_type_line(cli, 0);
}

/* What is typed for the step; the caller frees it. */
static char *
step_text(const struct cli *cli, const struct platform_step *step)
{
	static const char *const keys[] = {"minutes", "seconds", "hh:mm", "cols"};
	int time = cli->asked.confirm_minutes;
	char values[NP_COUNT(keys)][24];
	char *text = platform_expand(step->send, "nonce", cli->op == CLI_OP_CONFIG ? cli->config_tag : cli->tag);

	snprintf(values[0], sizeof(values[0]), "%d", time);
	snprintf(values[1], sizeof(values[1]), "%d", time * 60);
	snprintf(values[2], sizeof(values[2]), "%02d:%02d", time / 60, time % 60);
	snprintf(values[3], sizeof(values[3]), "%d", cli->platform->cols);
	for (size_t i = 0; i < NP_COUNT(keys); i++) {
		char *next = platform_expand(text, keys[i], values[i]);

		free(text);
		text = next;
	}
	return text;
}

void
cli_job_step(struct cli *cli, const struct platform_step *step)
{
	struct cli_job_spec spec = {.kind = CLI_JOB_STEP, .step = step, .expects_mode = true};
	char *text = step_text(cli, step);

	spec.text = text;
	spec.size = strlen(text);
	if (cli->op == CLI_OP_CONFIG && cli->phase == CLI_CONFIG_CHECK)
		spec.kind = CLI_JOB_COMMAND; /* a dry run shows what the check says */
	/* Without a candidate what is told on leaving is about the lines: VLANs of IOS are made, or not, only then. */
	if (cli_judge_is_claim(cli) ||
	    (cli->op == CLI_OP_CONFIG && (cli->phase == CLI_CONFIG_ENTER ||
					     (cli->phase == CLI_CONFIG_LEAVE && !cli->platform->config.candidate))))
		spec.judged_as = CLI_JUDGE_ANSWER;
	cli_job_start(cli, &spec);
	free(text);
}

void
cli_job_probe(struct cli *cli)
{
	struct cli_job_spec spec = {.kind = CLI_JOB_PROBE, .text = "", .expects_mode = true};

	cli_job_start(cli, &spec);
	cli->job.limits.idle = PROBE_IDLE;
}

/* --- ending --- */

void
cli_job_abandon(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	struct platform_view view = cli_view(cli);

	if (!job->active || job->kind != CLI_JOB_COMMAND || !job->echo_seen || job->raw || job->proof != CLI_PROOF_NONE)
		return;
	cli_held_flush(cli);
	cli_context_flush(cli);
	if (view.size > 0 && cli_look(cli).tier != PROMPT_LITERAL)
		cli_output_line(cli, view.tail, view.size, false);
}

void
cli_job_end(struct cli *cli, const struct np_error *err)
{
	struct cli_job *job = &cli->job;

	if (err != NULL) {
		cli_job_abandon(cli);
		free(job->err);
		job->err = xmemdup(err, sizeof(*err));
		cli_offer_lost(cli, job->err);
	}
	job->active = false;
	job->ended = true;
	cli->changes++;
}

/* The device took less than was typed: what it did is not what was asked for. */
static void
note_cut_echo(struct cli *cli)
{
	struct cli_job *job = &cli->job;

	if (job->kind != CLI_JOB_COMMAND || job->echo.at == 0 || job->echo.at >= job->echo.size ||
	    job->verdict.outcome == CLI_REFUSED)
		return;
	job->verdict.outcome = CLI_REFUSED;
	snprintf(job->verdict.text, sizeof(job->verdict.text),
	    "the device repeated only the first %zu of %zu characters", job->echo.at, job->echo.size);
}

/* Whether the first of the lines that are held is this very prompt, or a prompt and a log message. */
static bool
holds_prompt(const struct cli *cli, const struct platform_view *view)
{
	const struct buf *held = &cli->job.held;
	const char *line = (const char *)buf_head(held), *end = held->len > 0 ? memchr(line, '\n', held->len) : NULL;

	if (cli->job.split_painted)
		return true;
	return end != NULL && cli->job.split_size >= cli->prompt.shown_size &&
	       prompt_same(&cli->prompt, line, (size_t)(end - line), view->tail, view->size);
}

void
cli_job_accept(struct cli *cli, const struct platform_view *view, const struct prompt_match *match, size_t before)
{
	struct platform_view prompt = *view;
	struct cli_job *job = &cli->job;
	bool is_held;

	if (!job->echo_seen) {
		job->echo_absent = true;
		job->echo_seen = true;
		note_cut_echo(cli);
	}
	/* Lines that were held are output, unless they are the beginning of this prompt, or it and log messages. */
	is_held =
	    view->tail == cli->prompt.shown || job->split_joined || (job->split_logged && holds_prompt(cli, view));
	prompt.tail += before;
	prompt.size -= before;
	cli_settle(cli, &prompt, match->mode); /* as long as there is what the view refers to */
	if (!is_held)
		cli_held_flush(cli);
	if (before > 0) {
		cli_context_flush(cli);
		cli_output_line(cli, view->tail, before, false);
	}
	if (job->proof != CLI_PROOF_PROVEN)
		cli_context_part(cli, match->mode);
	job->literal = match->tier == PROMPT_LITERAL;
	if (match->tier == PROMPT_SHAPE && job->inside)
		cli->renamed = true;
	else if (match->tier == PROMPT_SHAPE && job->kind == CLI_JOB_COMMAND && !job->expects_host)
		cli->foreign = true;
	cli_job_end(cli, NULL); /* the lines of its prompt stay: they tell the mode while it is at rest */
}

/* --- limits --- */

static void
expire(struct cli *cli, enum np_reason reason, const char *what, double limit)
{
	struct platform_view view = cli_view(cli);
	struct np_error err = {0};
	char tail[128];

	cli_show(cli, view.tail, view.size, tail, sizeof(tail));
	error_set(&err, reason, "%s (%g s); the last line is `%s`", what, limit, tail);
	cli_job_end(cli, &err);
}

/* A device that repeats nothing sends nothing to look at while a long line is typed: its silence must do. */
static void
type_into_silence(struct cli *cli)
{
	double need = CLI_QUIET_TYPED + cli->rtt, quiet = cli_quiet(cli);

	if (cli->drained || cli->job.typed == cli->job.line_size)
		return;
	if (quiet >= need)
		cli_job_type_rest(cli);
	else
		cli_wake_in(cli, need - quiet);
}

void
cli_job_tick(struct cli *cli)
{
	const struct cli_job *job = &cli->job;
	const struct cli_limits *limits = &job->limits;
	double idle_since = cli->heard > job->sent_at ? cli->heard : job->sent_at;

	if (limits->total > 0 && cli->now - job->sent_at >= limits->total) {
		expire(cli, REASON_COMMAND_TIMEOUT, "the command took longer than its limit", limits->total);
		return;
	}
	if (job->output_at == 0 && limits->first_byte > 0 && cli->now - job->sent_at >= limits->first_byte) {
		expire(cli, REASON_FIRST_BYTE_TIMEOUT, "no output came within the limit", limits->first_byte);
		return;
	}
	/* Silence before the first byte is the other limit's business, where there is one. */
	if (limits->idle > 0 && (job->output_at > 0 || limits->first_byte <= 0) &&
	    cli->now - idle_since >= limits->idle) {
		expire(cli, REASON_IDLE_TIMEOUT, "output stopped for longer than the limit", limits->idle);
		return;
	}
	type_into_silence(cli);
	if (limits->total > 0)
		cli_wake_in(cli, job->sent_at + limits->total - cli->now);
	if (job->output_at == 0 && limits->first_byte > 0)
		cli_wake_in(cli, job->sent_at + limits->first_byte - cli->now);
	else if (limits->idle > 0)
		cli_wake_in(cli, idle_since + limits->idle - cli->now);
}
