/*
 * Output, and what is kept back from it until it is known what it is: lines before a prompt, and prompts among log
 * messages.
 */
#include <string.h>

#include "cli/cli_impl.h"
#include "base/log.h"

#define CUT_MAX 80 /* bytes of a prompt before a log message */

/* --- context: lines that may belong to a prompt --- */

static void
context_shift(struct cli *cli)
{
	cli_keep(&cli->context[0], NULL, 0);
	cli->context_count--;
	memmove(&cli->context[0], &cli->context[1], cli->context_count * sizeof(cli->context[0]));
	cli->context[cli->context_count] = (struct cli_kept){NULL, 0};
}

void
cli_context_clear(struct cli *cli)
{
	while (cli->context_count > 0)
		context_shift(cli);
}

static void
flush_first(struct cli *cli, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cli_output_line(cli, cli->context[0].text, cli->context[0].size, true);
		context_shift(cli);
	}
}

void
cli_context_flush(struct cli *cli)
{
	flush_first(cli, cli->context_count);
}

bool
cli_context_take(struct cli *cli, const char *text, size_t size, bool output)
{
	size_t max = (size_t)cli->platform->prompt_lines - 1;

	if (max == 0 || size > PROMPT_MAX || !pattern_list_matches(&cli->platform->prompt_context, text, size))
		return false;
	if (cli->context_count == max) {
		if (output)
			cli_output_line(cli, cli->context[0].text, cli->context[0].size, true);
		context_shift(cli);
	}
	cli_keep(&cli->context[cli->context_count++], text, size);
	return true;
}

/*
 * Blank lines before a prompt are output, but for those that the prompt brings along by itself: an empty line is
 * answered with these alone, and so are commands that prepare the shell and say nothing.
 */
void
cli_context_part(struct cli *cli, const struct platform_mode *mode)
{
	size_t blank = 0;

	while (blank < cli->context_count && prompt_trim(cli->context[blank].text, cli->context[blank].size) == 0)
		blank++;
	if (cli->job.kind == CLI_JOB_PROBE || (cli->state == CLI_PREPARE && !cli->job.said)) {
		cli->prompt_blanks = blank;
		cli->prompt_blanks_mode = mode;
	} else if (mode == cli->prompt_blanks_mode && blank > cli->prompt_blanks) {
		flush_first(cli, blank - cli->prompt_blanks);
	}
}

/* --- output --- */

/* end: and a newline. */
static void
write_output(struct cli *cli, const char *text, size_t size, bool end)
{
	if (buf_append(&cli->output, text, size) < 0 || (end && buf_append(&cli->output, "\n", 1) < 0))
		log_warning("cli", "%s: output lost", cli->name);
}

/* --- lines that are kept until it is known what they are --- */

int
cli_hold(struct cli *cli, const char *text, size_t size, bool end)
{
	struct buf *held = &cli->job.held;

	if (buf_room(held) < size + 1)
		return -1;
	return buf_append(held, text, size) < 0 || (end && buf_append(held, "\n", 1) < 0) ? -1 : 0;
}

void
cli_output_lines(struct cli *cli, struct buf *lines)
{
	struct buf work = *lines;
	const char *p = (const char *)buf_head(&work), *stop = p + work.len;

	buf_init(lines, CLI_HELD_MAX);
	while (p < stop) {
		const char *end = memchr(p, '\n', (size_t)(stop - p));

		cli_output_line(cli, p, (size_t)((end != NULL ? end : stop) - p), end != NULL);
		p = end != NULL ? end + 1 : stop;
	}
	buf_wipe(&work);
}

void
cli_hold_forget(struct cli_job *job)
{
	job->split_size = 0;
	job->split_logged = job->split_joined = job->split_painted = job->split_context = false;
}

void
cli_held_flush(struct cli *cli)
{
	if (cli->job.split_context)
		cli_context_clear(cli);
	cli_hold_forget(&cli->job);
	cli_output_lines(cli, &cli->job.held);
}

bool
cli_is_log(const struct cli *cli, const char *line, size_t size)
{
	return cli->broadcast == CLI_BROADCAST_TEXT || pattern_list_matches(&cli->platform->async, line, size);
}

/* The beginning of the prompt, or of another mode's where that is no surprise. */
static bool
may_be_cut(const struct cli *cli, const char *line, size_t size)
{
	const struct prompt *p = &cli->prompt;
	bool plain = cli->platform->prompt_lines == 1 && !cli->platform->repaint;

	if (size < p->shown_size && memcmp(line, p->shown, size) == 0)
		return true;
	return plain && cli->job.expects_mode && size < CUT_MAX && memchr(line, ' ', size) == NULL;
}

/*
 * The prompt of another mode that begins the line, with nothing or a log message behind it: `end' may be answered by
 * "R1#" and the message that it was done, with no prompt behind.  Only where another mode is no surprise.
 */
static size_t
mode_prompt(const struct cli *cli, const char *line, size_t size)
{
	const struct prompt *p = &cli->prompt;
	const char *host = p->host_size > 0 ? memmem(p->shown, p->shown_size, p->host, p->host_size) : NULL;
	size_t lead = host != NULL ? (size_t)(host - p->shown) + p->host_size : 0;
	struct platform_view view = {.tail = line};

	if (!cli->job.expects_mode || lead == 0 || size <= lead || memcmp(line, p->shown, lead) != 0)
		return 0;
	for (view.size = lead + 1; view.size <= size && view.size <= PROMPT_MAX; view.size++) {
		const char *rest = line + view.size;
		size_t left = size - view.size;

		if ((prompt_trim(rest, left) == 0 || cli_is_log(cli, rest, left)) &&
		    prompt_test(p, &view, true, true).tier >= PROMPT_HOST)
			return view.size;
	}
	return 0;
}

/* A line was the prompt: the next one may be hidden, and so long a silence tells. */
static void
pass_prompt(struct cli *cli, double quiet)
{
	if (cli->job.passed_quiet == 0)
		cli->job.passed_at = cli->now;
	cli->job.passed_quiet = quiet;
}

struct prompt_match
cli_join_split(struct cli *cli, struct platform_view *view)
{
	struct cli_job *job = &cli->job;
	struct platform_view joined = *view;
	struct prompt_match match = {PROMPT_NONE, NULL};
	const char *line = (const char *)buf_head(&job->held);
	const char *end = job->split_logged && !job->split_painted ? memchr(line, '\n', job->held.len) : NULL;
	size_t first = end != NULL ? (size_t)(end - line) : 0;

	if (first == 0 || view->size == 0 || first + view->size > PROMPT_MAX)
		return match;
	memcpy(job->joined, line, first);
	memcpy(job->joined + first, view->tail, view->size);
	joined.tail = job->joined;
	joined.size += first;
	match = prompt_test(&cli->prompt, &joined, terminal_tail_is_whole(&cli->terminal), true);
	if (match.tier < PROMPT_HOST)
		return (struct prompt_match){PROMPT_NONE, NULL};
	job->split_joined = true;
	*view = joined;
	return match;
}

/*
 * A log message may cut the prompt in two: its beginning then stands as a line, the message follows, and what the tail
 * shows in the end is the rest.  Or it follows a prompt that is whole, and the device paints that anew below.  True
 * when the line is kept for that reason.
 */
bool
cli_split_take(struct cli *cli, const char *line, size_t size)
{
	const struct prompt *p = &cli->prompt;
	struct cli_job *job = &cli->job;
	bool known = p->shown_size > 0 && prompt_same(p, line, size, p->shown, p->shown_size);
	size_t mode = known || cli->platform->async.count == 0 ? 0 : mode_prompt(cli, line, size);
	bool whole = known || (mode > 0 && prompt_trim(line + mode, size - mode) == 0);

	if (job->split_size > 0) {
		struct platform_view view = {.tail = line, .size = size};
		bool log = cli_is_log(cli, line, size), again = whole && job->split_size >= p->shown_size;
		bool rest = !job->split_joined && cli_join_split(cli, &view).tier != PROMPT_NONE;

		bool lead = job->split_context && cli_context_take(cli, line, size, false);

		if ((log || again || rest || lead || prompt_trim(line, size) == 0) &&
		    cli_hold(cli, line, size, true) == 0) {
			job->split_logged = job->split_logged || log;
			if (rest)
				pass_prompt(cli, CLI_QUIET_SILENT);
			return true;
		}
		if (!job->split_context)
			cli_context_flush(cli);
		cli_held_flush(cli);
	}
	if (cli->platform->async.count == 0 || prompt_trim(line, size) == 0)
		return false;
	if (!whole && !may_be_cut(cli, line, size))
		return false;
	if (cli_hold(cli, line, size, true) < 0)
		return false;
	job->split_size = known ? p->shown_size : whole ? SIZE_MAX : size;
	return true;
}

void
cli_output_line(struct cli *cli, const char *text, size_t size, bool end)
{
	struct cli_job *job = &cli->job;

	if (job->output_at == 0 && !cli_is_log(cli, text, size))
		job->output_at = cli->now;
	if (prompt_trim(text, size) > 0)
		job->said = true;
	if (!job->mid_line)
		cli_judge_line(cli, text, size);
	job->mid_line = !end;
	if (job->kind != CLI_JOB_COMMAND || job->raw)
		return;
	write_output(cli, text, size, end);
}

/* The lines before the prompt that is held go with it, and so do those of the next one. */
static bool
hold_context(struct cli *cli)
{
	for (size_t i = 0; i < cli->context_count; i++) {
		if (cli_hold(cli, cli->context[i].text, cli->context[i].size, true) < 0)
			return false;
	}
	cli_context_clear(cli);
	cli->job.split_context = cli->platform->prompt_lines > 1;
	return true;
}

/* A prompt and a log message on one line: no output, unless ordinary output follows. */
static bool
hold_paint(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;

	if (job->split_size > 0 && job->split_size < cli->prompt.shown_size)
		cli_held_flush(cli); /* that was no prompt cut in two */
	if (job->split_size == 0 && !hold_context(cli))
		return false;
	if (cli_hold(cli, line, size, true) < 0)
		return false;
	if (job->split_size == 0) {
		job->split_size = SIZE_MAX;
		job->split_painted = true;
	}
	job->split_logged = true;
	return true;
}

/* A line between echo and prompt: true when it is no output all the same. */
bool
cli_is_paint(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;
	size_t before = prompt_prefix(&cli->prompt, line, size), whole;
	const char *rest;
	bool blank, log;

	if (before == 0)
		before = mode_prompt(cli, line, size);
	rest = line + before;
	if (before == 0) {
		/* What hides a prompt is log messages and empty lines only. */
		if (job->passed_quiet > 0 && prompt_trim(line, size) > 0 && !cli_is_log(cli, line, size))
			job->passed_quiet = 0;
		return false;
	}
	whole = size;
	size -= before;
	blank = prompt_trim(rest, size) == 0;
	if (!job->said && job->line_size > 0 && echo_is_repeated(&job->echo, rest, size))
		return true;
	if (!job->said && blank && cli->platform->repaint)
		return true;
	log = !blank && cli_is_log(cli, rest, size);
	if (log)
		cli->stats.async++;
	pass_prompt(cli, blank || log ? CLI_QUIET_SILENT : CLI_QUIET_STALL);
	return log && hold_paint(cli, line, whole);
}
