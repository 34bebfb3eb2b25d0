/*
 * One line typed and answered: sent at once, echo awaited, ended by a proven prompt or by a limit.
 *
 * The tail is judged only here (and while nothing runs, in cli_login.c, cli_resync.c and cli.c), and only when the
 * channel is drained.  Each way to end is one function.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_impl.h"
#include "log.h"
#include "xalloc.h"

#define PROBE_IDLE 5.0

void
cli_job_clear(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	struct buf held = job->held;

	buf_wipe(&held);
	if (job->text != NULL)
		secret_free(job->text);
	secret_wipe(job, sizeof(*job));
	job->held = held;
}

/* --- sending --- */

/* Types the line that begins at `at`. */
static void
type_line(struct cli *cli, size_t at)
{
	struct cli_job *job = &cli->job;
	const char *end = memchr(job->text + at, '\n', job->size - at);

	job->line_at = at;
	job->line_size = end != NULL ? (size_t)(end - (job->text + at)) : job->size - at;
	job->echo_seen = false;
	echo_init(&job->echo, job->text + at, job->line_size);
	cli_type(cli, job->text + at, job->line_size);
}

static bool
is_last_line(const struct cli_job *job)
{
	return job->line_at + job->line_size >= job->size;
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
	struct cli_job *job = &cli->job;

	cli_job_clear(cli);
	cli_context_clear(cli);
	job->active = true;
	job->kind = spec->kind;
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
	job->expects_mode =
	    spec->expects_mode || pattern_list_matches(&cli->platform->mode_change, spec->text, spec->size);
	job->sent_at = cli->now;
	cli->op_sent = true;
	cli->changes++;
	for (size_t i = 0; i < job->answers_count; i++) {
		if (job->answers[i].hidden)
			redact_add(&cli->redact, job->answers[i].text);
	}
	type_line(cli, 0);
}

void
cli_job_step(struct cli *cli, const struct platform_step *step)
{
	char minutes[16], cols[16];
	char *a, *b, *c;
	struct cli_job_spec spec = {.kind = CLI_JOB_STEP, .step = step, .expects_mode = true};

	snprintf(minutes, sizeof(minutes), "%d", cli->config.confirm_minutes);
	snprintf(cols, sizeof(cols), "%d", cli->platform->cols);
	a = platform_expand(step->send, "nonce", cli->op == CLI_OP_CONFIG ? cli->config_tag : cli->tag);
	b = platform_expand(a, "minutes", minutes);
	c = platform_expand(b, "cols", cols);
	spec.text = c;
	spec.size = strlen(c);
	if (cli->op == CLI_OP_CONFIG && cli->phase == CLI_CONFIG_CHECK)
		spec.kind = CLI_JOB_COMMAND; /* a dry run shows what the check says */
	cli_job_start(cli, &spec);
	free(a);
	free(b);
	free(c);
}

void
cli_job_probe(struct cli *cli)
{
	struct cli_job_spec spec = {.kind = CLI_JOB_PROBE, .text = "", .expects_mode = true};

	cli_job_start(cli, &spec);
	cli->job.limits.idle = PROBE_IDLE;
}

/* --- ending --- */

/* It ends without a prompt: what came of its output is passed on all the same. */
static void
abandon_output(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	struct platform_view view = cli_view(cli);

	if (!job->echo_seen || job->raw || job->proof != CLI_PROOF_NONE)
		return;
	cli_context_flush(cli);
	if (view.size > 0 && cli_look(cli).tier != PROMPT_LITERAL)
		cli_output_line(cli, view.tail, view.size, false);
}

void
cli_job_abandon(struct cli *cli)
{
	struct cli_job *job = &cli->job;

	if (!job->active || job->kind != CLI_JOB_COMMAND)
		return;
	abandon_output(cli);
	if (redact_flush(&cli->redact, &cli->output) < 0)
		log_warning("cli", "%s: output lost", cli->name);
}

void
cli_job_end(struct cli *cli, const struct np_error *err)
{
	struct cli_job *job = &cli->job;

	if (err != NULL)
		cli_job_abandon(cli);
	else if (job->kind == CLI_JOB_COMMAND && redact_flush(&cli->redact, &cli->output) < 0)
		log_warning("cli", "%s: output lost", cli->name);
	job->active = false;
	cli->changes++;
	cli_flow_next(cli, err);
}

/* Ends at this prompt; before: bytes of the tail in front of it, which are output. */
static void
accept(struct cli *cli, struct platform_view *view, const struct prompt_match *match, size_t before)
{
	struct cli_job *job = &cli->job;

	if (!job->echo_seen || job->echo_absent) {
		job->echo_absent = true;
		job->echo_seen = true;
		if (job->kind == CLI_JOB_COMMAND && !job->raw && job->held.len > 0 &&
		    redact_write(&cli->redact, &cli->output, buf_head(&job->held), job->held.len) < 0)
			log_warning("cli", "%s: output lost", cli->name);
	}
	if (before > 0) {
		cli_context_flush(cli);
		cli_output_line(cli, view->tail, before, false);
		view->tail += before;
		view->size -= before;
	}
	job->literal = match->tier == PROMPT_LITERAL;
	if (match->tier == PROMPT_SHAPE && job->kind == CLI_JOB_COMMAND && !job->expects_mode)
		cli->foreign = true;
	if (!job->literal || cli->platform->mask.count > 0)
		prompt_learn(&cli->prompt, view, match->mode);
	cli_job_end(cli, NULL); /* the lines of its prompt stay: they tell the mode while it is at rest */
}

/* Sends the sentinel; false when the platform has none. */
static bool
prove(struct cli *cli, bool bare)
{
	struct cli_job *job = &cli->job;
	char nonce[16];
	char *text;

	if (cli->platform->sentinel == NULL)
		return false;
	cli_nonce(cli, nonce);
	text = platform_expand(cli->platform->sentinel, "nonce", nonce);
	snprintf(job->proof_text, sizeof(job->proof_text), "%s", text);
	free(text);
	job->proof = CLI_PROOF_SENT;
	job->proof_bare = bare;
	cli_type(cli, job->proof_text, strlen(job->proof_text));
	return true;
}

/* Whether silence has lasted so long; else sees to it that somebody looks again. */
static bool
quiet_for(struct cli *cli, double seconds)
{
	double quiet = cli_quiet(cli);

	if (quiet >= seconds)
		return true;
	cli_wake_in(cli, seconds - quiet);
	return false;
}

/* --- looking --- */

/* The prompt is there, but the echo is not. */
static void
look_without_echo(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	struct cli_job *job = &cli->job;

	if (!job->received)
		return;
	if (match->tier != PROMPT_NONE && !cli->platform->echo && job->lines_since > 0) {
		accept(cli, view, match, 0);
		return;
	}
	if (!quiet_for(cli, CLI_QUIET_ECHO + cli->rtt))
		return;
	if (match->tier == PROMPT_NONE) {
		cli_ask(cli);
		return;
	}
	if (!job->echo_absent)
		log_debug("cli", "%s: no echo", cli->name);
	job->echo_absent = true;
	if (prove(cli, false) || job->lines_since == 0)
		return;
	accept(cli, view, match, 0);
}

/* The text of several lines: the next one, unless the device is back at its prompt. */
static void
look_in_block(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	struct cli_job *job = &cli->job;

	if (match->tier >= PROMPT_HOST) {
		job->device_error = true;
		if (job->error_line[0] == '\0')
			snprintf(job->error_line, sizeof(job->error_line),
			    "the device took only the first lines of a text of several");
		accept(cli, view, match, 0);
		return;
	}
	if (quiet_for(cli, (job->line_at == 0 ? CLI_QUIET_JOINED : CLI_QUIET_MODE) + 2 * cli->rtt))
		type_line(cli, job->line_at + job->line_size + 1);
}

static void
look_at_literal(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	struct cli_job *job = &cli->job;

	if (cli->platform->repaint && job->kind == CLI_JOB_COMMAND && job->output_at == 0 &&
	    !quiet_for(cli, CLI_QUIET_PAINT))
		return;
	if (job->prove && job->proof == CLI_PROOF_NONE && prove(cli, false))
		return;
	accept(cli, view, match, 0);
}

/* The same host in another mode, or the known prompt without its last blank. */
static void
look_at_host(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	const struct prompt *p = &cli->prompt;
	double need = 2 * cli->rtt > CLI_QUIET_MODE ? 2 * cli->rtt : CLI_QUIET_MODE;
	bool cut = view->size + 1 == p->shown_size && p->shown[view->size] == ' ' &&
		   memcmp(view->tail, p->shown, view->size) == 0;

	if (cut)
		need = CLI_QUIET_JOINED;
	else if (cli->job.expects_mode)
		need = 0;
	if (need > 0 && !quiet_for(cli, need))
		return;
	if (cli->job.prove && prove(cli, false))
		return;
	accept(cli, view, match, 0);
}

static void
look_at_shape(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	if (!cli->job.expects_mode) {
		if (!quiet_for(cli, CLI_QUIET_JOINED) || prove(cli, false) || !quiet_for(cli, CLI_QUIET_ECHO))
			return;
	}
	accept(cli, view, match, 0);
}

/* Text without a newline, and the prompt behind it on the same line: how much of it is text; 0: it is not so. */
static size_t
joined_text(const struct cli *cli, const struct platform_view *view)
{
	const struct prompt *p = &cli->prompt;

	if (p->shown_size == 0 || view->size <= p->shown_size)
		return 0;
	if (memcmp(view->tail + view->size - p->shown_size, p->shown, p->shown_size) != 0)
		return 0;
	return view->size - p->shown_size;
}

static void
look_at_no_prompt(struct cli *cli, struct platform_view *view)
{
	struct cli_job *job = &cli->job;
	struct prompt_match match = {PROMPT_LITERAL, cli->prompt.mode};
	size_t before = joined_text(cli, view);

	if (before > 0) {
		if (!quiet_for(cli, CLI_QUIET_JOINED) || prove(cli, false))
			return;
		if (quiet_for(cli, CLI_QUIET_ECHO))
			accept(cli, view, &match, before);
		return;
	}
	if (view->size == 0) {
		if (job->prompt_passed && quiet_for(cli, CLI_QUIET_SILENT))
			prove(cli, true);
		return;
	}
	cli_ask(cli);
}

/* The sentinel is on its way or was seen. */
static void
look_for_proof(struct cli *cli, struct platform_view *view, const struct prompt_match *match)
{
	if (cli->job.proof == CLI_PROOF_ECHOED && match->tier != PROMPT_NONE)
		accept(cli, view, match, 0);
	else if (match->tier == PROMPT_NONE && view->size > 0)
		cli_ask(cli);
}

void
cli_job_look(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	struct platform_view view = cli_view(cli);
	struct prompt_match match;

	if (job->pager_size > 0 && view.size > job->pager_size && memcmp(view.tail, job->pager, job->pager_size) == 0) {
		view.tail += job->pager_size;
		view.size -= job->pager_size;
	}
	match = prompt_test(&cli->prompt, &view, terminal_tail_is_whole(&cli->terminal), true);
	if (job->proof != CLI_PROOF_NONE) {
		look_for_proof(cli, &view, &match);
		return;
	}
	if (!job->echo_seen) {
		look_without_echo(cli, &view, &match);
		return;
	}
	if (!is_last_line(job)) {
		look_in_block(cli, &view, &match);
		return;
	}
	/* "textR1#" may look like another host's prompt. */
	if (match.tier == PROMPT_SHAPE && joined_text(cli, &view) > 0)
		match.tier = PROMPT_NONE;
	switch (match.tier) {
	case PROMPT_LITERAL:
		look_at_literal(cli, &view, &match);
		break;
	case PROMPT_HOST:
		look_at_host(cli, &view, &match);
		break;
	case PROMPT_SHAPE:
		look_at_shape(cli, &view, &match);
		break;
	case PROMPT_NONE:
		look_at_no_prompt(cli, &view);
		break;
	}
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

void
cli_job_tick(struct cli *cli)
{
	const struct cli_job *job = &cli->job;
	const struct cli_limits *limits = &job->limits;
	double idle_since = cli->last_rx > job->sent_at ? cli->last_rx : job->sent_at;

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
	if (limits->total > 0)
		cli_wake_in(cli, job->sent_at + limits->total - cli->now);
	if (job->output_at == 0 && limits->first_byte > 0)
		cli_wake_in(cli, job->sent_at + limits->first_byte - cli->now);
	else if (limits->idle > 0)
		cli_wake_in(cli, idle_since + limits->idle - cli->now);
}
