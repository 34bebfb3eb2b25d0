/*
 * The proof that a command has ended: a sentinel, a comment with a word that no output can hold, is typed at what looks
 * like the prompt; when it is repeated, and nothing but what a comment can print stands before the next prompt, the
 * device has read it.
 *
 *             typed            repeated behind a prompt           the prompt
 *      NONE ---------> SENT ----------------------------> ECHOED ------------> the command has ended
 *                       ^                                   |
 *                       +-----------------------------------+
 *                         output: a terminal repeats at once what is typed ahead, and the command had not ended
 *
 * What stood before the repeated sentinel, and behind it, is kept until it is known which of the two it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"

#define DOUBTS_MAX 20

bool
cli_job_prove(struct cli *cli, bool bare)
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
	job->proof_rx = cli->stats.bytes_in;
	job->proof_passed = job->proof_doubted = false;
	job->typed_at = cli->now;
	cli->changes++;
	cli_type(cli, job->proof_text, strlen(job->proof_text));
	return true;
}

/* Where in a line that ends with the sentinel the prompt before it begins; size when there is none. */
static size_t
prompt_at(const struct cli *cli, const char *line, size_t size)
{
	const struct prompt *p = &cli->prompt;

	for (size_t at = size > PROMPT_MAX ? size - PROMPT_MAX : 0; at < size; at++) {
		if (prompt_same(p, line + at, size - at, p->shown, p->shown_size))
			return at;
	}
	return size;
}

/* Whether the line ends with the sentinel, as typed or as line editors paint it; before: bytes in front of it. */
static bool
ends_with_sentinel(const struct cli *cli, const char *line, size_t size, size_t *before)
{
	const struct cli_job *job = &cli->job;
	size_t typed = strlen(job->proof_text);
	struct echo echo;

	if (size >= typed && memcmp(line + size - typed, job->proof_text, typed) == 0) {
		*before = size - typed;
		return true;
	}
	echo_init(&echo, job->proof_text, typed);
	*before = prompt_prefix(&cli->prompt, line, size);
	return echo_is_repeated(&echo, line + *before, size - *before);
}

/* Kept until it is known whether it is output. */
static void
set_aside(struct cli *cli, const char *line, size_t size)
{
	struct buf *aside = &cli->job.aside;

	if (buf_room(aside) <= size || buf_append(aside, line, size) < 0 || buf_append(aside, "\n", 1) < 0)
		buf_wipe(aside); /* far more than a comment prints: it is told below */
}

bool
cli_is_comment_answer(const struct cli *cli, const char *line, size_t size)
{
	const struct platform *p = cli->platform;
	size_t prompt = prompt_prefix(&cli->prompt, line, size);
	const char *text = line + prompt;
	size_t n = size - prompt;

	return prompt_trim(text, n) == 0 || cli_is_log(cli, text, n) || strspn(text, " ^") >= n ||
	       pattern_list_matches(&p->prompt_context, line, size) || pattern_list_matches(&p->errors, line, size);
}

/* The sentinel stands behind a prompt, of which the first text bytes of the line are none. */
static void
repeated(struct cli *cli, const char *line, size_t text, size_t prompt)
{
	struct cli_job *job = &cli->job;

	cli_context_part(cli, cli->prompt.mode);
	for (size_t i = 0; i < cli->context_count; i++)
		set_aside(cli, cli->context[i], cli->context_size[i]);
	if (text < prompt)
		set_aside(cli, line + text, prompt - text);
	cli_context_clear(cli);
	job->proof = CLI_PROOF_ECHOED;
}

/* The command went on: what was taken for its end is output. */
static void
doubt(struct cli *cli)
{
	struct cli_job *job = &cli->job;

	cli_held_flush(cli);
	cli_output_lines(cli, &job->aside);
	cli_context_clear(cli);
	job->proof = CLI_PROOF_SENT;
	job->proof_passed = false;
	job->proof_doubted = ++job->proof_doubts <= DOUBTS_MAX;
}

/* "textR1#! np-1": the text without a newline is output. */
bool
cli_proof_line(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;
	size_t before, text;

	if (job->proof == CLI_PROOF_NONE)
		return false;
	if (!ends_with_sentinel(cli, line, size, &before)) {
		if (job->proof == CLI_PROOF_SENT)
			return false;
		if (!cli_is_comment_answer(cli, line, size)) {
			doubt(cli);
			return false;
		}
		job->proof_passed = job->proof_passed || prompt_prefix(&cli->prompt, line, size) > 0;
		set_aside(cli, line, size);
		cli_context_take(cli, line, size, false);
		return true;
	}
	text = prompt_at(cli, line, before);
	if (text == before && cli_prompt_before(cli, line, size, job->proof_text, strlen(job->proof_text)) == before)
		text = 0;
	if (text > 0 && job->echo_seen) {
		if (job->proof == CLI_PROOF_ECHOED)
			doubt(cli);
		cli_held_flush(cli);
		cli_context_flush(cli);
		cli_output_line(cli, line, text, false);
	}
	/* Typed ahead into a running command it is echoed bare, and proves nothing. */
	if (text < before || job->proof_bare)
		repeated(cli, line, text, before);
	return true;
}
