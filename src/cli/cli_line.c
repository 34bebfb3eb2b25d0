/*
 * The cli driver's lines: which is echo, which is output, which came by itself.
 */
#include <string.h>

#include "cli/cli_impl.h"
#include "base/xalloc.h"

/* --- a job's lines --- */

/* The prompt at the beginning of a line, as it was shown last, or with what stood before it there. */
static size_t
known_prompt(const struct cli *cli, const char *line, size_t size)
{
	size_t known = prompt_prefix(&cli->prompt, line, size);

	if (known == 0 && cli_begins(line, size, &cli->rest))
		return cli->rest.size;
	return known;
}

/* Inside a text of several lines devices paint marks of their own: "> ", "... ", "(banner-motd)# ". */
static size_t
continuation(const struct cli_job *job, const char *line, size_t size, size_t typed_size)
{
	size_t before = size >= typed_size ? size - typed_size : 0;

	if (cli_begins(line, size, &job->mark))
		return job->mark.size;
	if (job->line_at == 0 || before > CLI_MARK_MAX || !cli_is_mark(line, before) ||
	    memcmp(line + before, job->text + job->line_at, typed_size) != 0)
		return 0;
	return before;
}

size_t
cli_prompt_before(const struct cli *cli, const char *line, size_t size, const char *typed, size_t typed_size)
{
	size_t known = known_prompt(cli, line, size);
	struct platform_view view = cli_view(cli);

	if (known == 0 && typed == cli->job.text + cli->job.line_at)
		known = continuation(&cli->job, line, size, typed_size);
	if (known > 0 || typed_size == 0 || size <= typed_size ||
	    memcmp(line + size - typed_size, typed, typed_size) != 0)
		return known;
	view.tail = line;
	view.size = size - typed_size;
	return view.size <= PROMPT_MAX && platform_mode_of(cli->platform, &view, NULL) != NULL ? view.size : 0;
}

/* A pager that was answered and not erased stands before the text that followed; true: nothing else is on the line. */
static bool
strip_pager(struct cli_job *job, const char **text, size_t *size)
{
	bool alone;

	if (job->pager.size == 0)
		return false;
	alone = cli_begins(*text, *size, &job->pager);
	if (alone) {
		*text += job->pager.size;
		*size -= job->pager.size;
	}
	cli_keep(&job->pager, NULL, 0);
	return alone && prompt_trim(*text, *size) == 0;
}

/* No echo, or not yet: kept, for without one all of it is output. */
static void
hold_line(struct cli *cli, const char *line, size_t size, bool end)
{
	struct cli_job *job = &cli->job;

	if (cli_hold(cli, line, size, end) == 0)
		return;
	/* More than any noise before an echo: there is none. */
	job->echo_seen = true;
	job->echo_absent = true;
	cli_held_flush(cli);
	cli_output_line(cli, line, size, end);
}

/* A line before the echo was complete. */
static void
echo_wait_line(struct cli *cli, const char *line, size_t size, bool end)
{
	struct cli_job *job = &cli->job;
	const char *typed = job->text + job->line_at;
	size_t before = cli_prompt_before(cli, line, size, typed, job->line_size);
	bool wrapped =
	    before == 0 && echo_is_wrapped(&job->echo, cli->prompt.shown, cli->prompt.shown_size, line, size);

	if (!end) {
		hold_line(cli, line, size, false);
		return;
	}
	line += before;
	size -= before;
	switch (wrapped ? ECHO_WHOLE : echo_line(&job->echo, line, size, before > 0)) {
	case ECHO_WHOLE:
		job->echo_seen = true;
		job->echo_absent = false;
		job->echo_bare = before == 0 && !wrapped && job->line_size > 0 && job->line_at == 0;
		buf_wipe(&job->held);
		cli_hold_forget(job);
		cli_context_clear(cli);
		return;
	case ECHO_PART:
		return;
	case ECHO_OTHER:
		break;
	}
	/* A prompt that was left over is nothing to keep, nor is a log message. */
	if (before > 0 && prompt_trim(line, size) == 0)
		return;
	cli->stats.async++;
	if (!cli_is_log(cli, line, size))
		hold_line(cli, line, size, true);
}

static void
job_line(struct cli *cli, const char *line, size_t size, bool end)
{
	struct cli_job *job = &cli->job;

	if (end)
		job->lines_since++;
	if (strip_pager(job, &line, &size) && end)
		return;
	if (end && cli_proof_line(cli, line, size))
		return;
	if (!job->echo_seen) {
		echo_wait_line(cli, line, size, end);
		return;
	}
	if (!job->mid_line && end) {
		if (cli_is_paint(cli, line, size) || cli_split_take(cli, line, size) ||
		    cli_context_take(cli, line, size, true))
			return;
	} else if (job->split_size > 0) {
		cli_held_flush(cli);
	}
	cli_context_flush(cli);
	cli_output_line(cli, line, size, end);
}

/* --- lines outside jobs --- */

static void
idle_line(struct cli *cli, const char *line, size_t size)
{
	const struct prompt *p = &cli->prompt;
	size_t before = known_prompt(cli, line, size);

	if (cli_context_take(cli, line, size, false))
		return;
	if (prompt_trim(line + before, size - before) == 0 || cli_is_log(cli, line + before, size - before) ||
	    prompt_same(p, line, size, p->shown, p->shown_size)) {
		cli->stats.async++; /* and the prompt, with the lines before it, is the same as ever */
		return;
	}
	cli_context_clear(cli);
	cli->stats.late++;
	cli->dirty = true;
}

/* Kept as a string, without secrets that the device repeats; a banner cut short is no loss. */
static void
banner_line(struct cli *cli, const char *line, size_t size)
{
	char *clean = redact_text(cli->known, line, size, false);
	uint8_t *end;

	if (buf_room(&cli->banner) > strlen(clean) + 2 && buf_append_str(&cli->banner, clean) == 0 &&
	    buf_append(&cli->banner, "\n", 1) == 0) {
		end = buf_reserve(&cli->banner, 1);
		if (end != NULL)
			*end = '\0';
	}
	secret_free(clean);
}

/* What the limits count as a sign of life, and what is told when the device leaves. */
static void
note_words(struct cli *cli, const char *line, size_t size)
{
	bool blank = prompt_trim(line, size) == 0;

	cli_judge_broadcast(cli, &cli->broadcast, line, size);
	if (blank || cli_is_log(cli, line, size))
		cli->heard = cli->heard_line;
	else
		cli->heard = cli->heard_line = cli->now;
	if (!blank && cli->state < CLI_IDLE)
		cli_show(cli, line, size, cli->last_words, sizeof(cli->last_words));
}

void
cli_line(struct cli *cli, const char *line, size_t size, bool end)
{
	note_words(cli, line, size);
	if (cli->job.active) {
		job_line(cli, line, size, end);
	} else if (cli->state == CLI_IDLE) {
		idle_line(cli, line, size);
	} else if (!cli_context_take(cli, line, size, false)) {
		cli_context_clear(cli);
	}
	if (cli->state == CLI_LOGIN)
		banner_line(cli, line, size);
}
