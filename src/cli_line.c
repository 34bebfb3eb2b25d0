/*
 * The cli driver's lines: which is echo, which belongs to the prompt, which is output, and whether one is an error.
 */
#include <string.h>

#include "cli_impl.h"
#include "log.h"

#define ERROR_LOOK 512 /* bytes of a line that error expressions see */

/* --- context: lines that may belong to a prompt --- */

void
cli_context_clear(struct cli *cli)
{
	cli->context_count = 0;
}

static void
context_shift(struct cli *cli)
{
	cli->context_count--;
	memmove(cli->context[0], cli->context[1], cli->context_count * sizeof(cli->context[0]));
	memmove(cli->context_size, cli->context_size + 1, cli->context_count * sizeof(cli->context_size[0]));
}

void
cli_context_flush(struct cli *cli)
{
	for (size_t i = 0; i < cli->context_count; i++)
		cli_output_line(cli, cli->context[i], cli->context_size[i], true);
	cli->context_count = 0;
}

/* Keeps the line back when it may belong to a prompt. */
static bool
context_take(struct cli *cli, const char *text, size_t size, bool output)
{
	size_t max = (size_t)cli->platform->prompt_lines - 1;

	if (max == 0 || size > PROMPT_MAX || !pattern_list_matches(&cli->platform->prompt_context, text, size))
		return false;
	if (cli->context_count == max) {
		if (output)
			cli_output_line(cli, cli->context[0], cli->context_size[0], true);
		context_shift(cli);
	}
	memcpy(cli->context[cli->context_count], text, size);
	cli->context_size[cli->context_count++] = size;
	return true;
}

/* --- output --- */

static void
judge_line(struct cli *cli, const char *text, size_t size)
{
	const struct platform *p = cli->platform;
	struct cli_job *job = &cli->job;
	size_t n = size < ERROR_LOOK ? size : ERROR_LOOK;

	if (job->ok != NULL && !job->ok_seen)
		job->ok_seen = pattern_matches(job->ok, text, n);
	if (job->device_error || p->errors.count == 0 || !pattern_list_matches(&p->errors, text, n) ||
	    pattern_list_matches(&p->ignore, text, n))
		return;
	job->device_error = true;
	cli_show(cli, text, size, job->error_line, sizeof(job->error_line));
}

static void
write_output(struct cli *cli, const char *text, size_t size)
{
	if (redact_write(&cli->redact, &cli->output, text, size) < 0)
		log_warning("cli", "%s: output lost", cli->name);
}

void
cli_output_line(struct cli *cli, const char *text, size_t size, bool end)
{
	struct cli_job *job = &cli->job;

	if (job->output_at == 0)
		job->output_at = cli->now;
	if (!job->mid_line)
		judge_line(cli, text, size);
	job->mid_line = !end;
	if (job->kind != CLI_JOB_COMMAND || job->raw)
		return;
	write_output(cli, text, size);
	if (end)
		write_output(cli, "\n", 1);
}

/* --- a job's lines --- */

/* How much of the line is a prompt in front of something else: the known one, or any before the text that was typed. */
static size_t
prompt_before(const struct cli *cli, const char *line, size_t size, const char *typed, size_t typed_size)
{
	size_t known = prompt_prefix(&cli->prompt, line, size);
	struct platform_view view = cli_view(cli);

	if (known > 0 || typed_size == 0 || size <= typed_size ||
	    memcmp(line + size - typed_size, typed, typed_size) != 0)
		return known;
	view.tail = line;
	view.size = size - typed_size;
	return view.size <= PROMPT_MAX && platform_mode_of(cli->platform, &view, NULL) != NULL ? view.size : 0;
}

static bool
is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] != ' ')
			return false;
	}
	return true;
}

/* A pager that was answered and not erased stands before the text that followed; true: nothing else is on the line. */
static bool
strip_pager(struct cli_job *job, const char **text, size_t *size)
{
	bool alone;

	if (job->pager_size == 0)
		return false;
	alone = *size >= job->pager_size && memcmp(*text, job->pager, job->pager_size) == 0;
	if (alone) {
		*text += job->pager_size;
		*size -= job->pager_size;
	}
	job->pager_size = 0;
	return alone && is_blank(*text, *size);
}

/* "textR1#! np-1": the text without a newline is output; returns where the sentinel begins, or 0. */
static size_t
joined_prompt(struct cli *cli, const char *line, size_t size, size_t typed)
{
	const struct prompt *p = &cli->prompt;
	size_t before;

	if (p->shown_size == 0 || size <= p->shown_size + typed)
		return 0;
	before = size - p->shown_size - typed;
	if (memcmp(line + before, p->shown, p->shown_size) != 0 ||
	    memcmp(line + size - typed, cli->job.proof_text, typed) != 0)
		return 0;
	cli_context_flush(cli);
	cli_output_line(cli, line, before, false);
	return size - typed;
}

/* While a sentinel is on its way: true when the line is none of the command's output. */
static bool
proof_line(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;
	size_t typed = strlen(job->proof_text), before;
	struct echo echo;

	if (job->proof == CLI_PROOF_NONE)
		return false;
	if (job->proof == CLI_PROOF_ECHOED)
		return true;
	before = joined_prompt(cli, line, size, typed);
	if (before == 0)
		before = prompt_before(cli, line, size, job->proof_text, typed);
	echo_init(&echo, job->proof_text, typed);
	if (!echo_is_repeated(&echo, line + before, size - before))
		return false;
	/* Typed ahead into a running command it is echoed bare, and proves nothing. */
	if (before > 0 || job->proof_bare) {
		job->proof = CLI_PROOF_ECHOED;
		cli_context_clear(cli);
	}
	return true;
}

static void
hold_line(struct cli *cli, const char *line, size_t size, bool end)
{
	struct cli_job *job = &cli->job;

	if (buf_append(&job->held, line, size) == 0 && (!end || buf_append(&job->held, "\n", 1) == 0))
		return;
	/* More than any noise before an echo: there is none, and this is the output. */
	job->echo_seen = true;
	job->echo_absent = true;
	write_output(cli, (const char *)buf_head(&job->held), job->held.len);
	buf_wipe(&job->held);
	cli_output_line(cli, line, size, end);
}

/* A line before the echo was complete. */
static void
echo_wait_line(struct cli *cli, const char *line, size_t size, bool end)
{
	struct cli_job *job = &cli->job;
	const char *typed = job->text + job->line_at;
	size_t before = prompt_before(cli, line, size, typed, job->line_size);

	if (!end) {
		hold_line(cli, line, size, false);
		return;
	}
	switch (echo_line(&job->echo, line + before, size - before, before > 0)) {
	case ECHO_WHOLE:
		job->echo_seen = true;
		job->echo_absent = false;
		buf_wipe(&job->held);
		cli_context_clear(cli);
		return;
	case ECHO_PART:
		return;
	case ECHO_OTHER:
		break;
	}
	/* A prompt that was left over is nothing to keep. */
	if (before > 0 && is_blank(line + before, size - before))
		return;
	cli->stats.async++;
	hold_line(cli, line, size, true);
}

/* A line between echo and prompt: true when it is no output all the same. */
static bool
is_paint(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;
	size_t before = prompt_prefix(&cli->prompt, line, size);
	const char *rest = line + before;
	bool blank = is_blank(rest, size - before);

	if (before == 0) {
		/* What hides a prompt is log messages and empty lines only. */
		if (job->prompt_passed && !blank && !pattern_list_matches(&cli->platform->async, rest, size))
			job->prompt_passed = false;
		return false;
	}
	if (job->output_at == 0 && job->line_size > 0 && echo_is_repeated(&job->echo, rest, size - before))
		return true;
	if (job->output_at == 0 && blank && cli->platform->repaint)
		return true;
	if (blank) {
		job->prompt_passed = true;
		return false;
	}
	if (!pattern_list_matches(&cli->platform->async, rest, size - before))
		return false;
	job->prompt_passed = true;
	cli->stats.async++;
	return true;
}

static void
job_line(struct cli *cli, const char *line, size_t size, bool end)
{
	struct cli_job *job = &cli->job;

	if (end)
		job->lines_since++;
	if (strip_pager(job, &line, &size) && end)
		return;
	if (end && proof_line(cli, line, size))
		return;
	if (!job->echo_seen) {
		echo_wait_line(cli, line, size, end);
		return;
	}
	if (!job->mid_line && end && is_paint(cli, line, size))
		return;
	if (!job->mid_line && end && context_take(cli, line, size, true))
		return;
	cli_context_flush(cli);
	cli_output_line(cli, line, size, end);
}

/* --- lines outside jobs --- */

static void
idle_line(struct cli *cli, const char *line, size_t size)
{
	size_t before = prompt_prefix(&cli->prompt, line, size);
	const char *rest = line + before;

	if (context_take(cli, line, size, false))
		return;
	cli_context_clear(cli);
	if (is_blank(rest, size - before) || pattern_list_matches(&cli->platform->async, rest, size - before)) {
		cli->stats.async++;
		return;
	}
	cli->stats.late++;
	cli->dirty = true;
}

void
cli_on_line(void *arg, const uint8_t *text, size_t size, bool end)
{
	struct cli *cli = arg;
	const char *line = (const char *)text;

	if (cli->job.active) {
		job_line(cli, line, size, end);
	} else if (cli->state == CLI_IDLE) {
		idle_line(cli, line, size);
	} else if (cli->state == CLI_RESYNC) {
		cli_resync_line(cli, line, size);
	} else if (!context_take(cli, line, size, false)) {
		cli_context_clear(cli);
	}
	if (cli->state == CLI_LOGIN && buf_room(&cli->banner) > size + 1) {
		/* Room was asked for: it cannot fail, and a banner cut short is no loss. */
		if (buf_append(&cli->banner, text, size) < 0 || buf_append(&cli->banner, "\n", 1) < 0)
			return;
	}
}
