/*
 * The proof that a command has ended: a sentinel with a word that no output can hold is typed at what looks like the
 * prompt.  A comment is read when it is repeated and nothing but what a comment can print stands before the next
 * prompt, at once; where the sentinel says something itself (`sentinel_says': Unix shells), when it has said it.
 *
 *            typed        repeated               the prompt, at once
 *      NONE -------> SENT ---------------> PROVEN -------------------> the command has ended
 *                     ^                      |
 *                     +----------------------+
 *                       output, or once a prompt that took its time: a terminal repeats at once what is typed ahead,
 *                       and the command had not ended
 *
 *            typed        repeated             said               the prompt
 *      NONE -------> SENT --------> REPEATED ------------> PROVEN -----------> the command has ended
 *                     ^                |
 *                     +----------------+ output
 *
 * What stood before the repeated sentinel, and behind it, is kept until it is known which of the two it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"

#define NONCE_NUMBER 10 /* the last character of np-01234567 */
#define NUMBERS 26u
#define STATUS_DIGITS 3
#define CUT_MIN 2u      /* characters of it that are told from output */
#define PROMPT_TIME 0.1 /* seconds, and four round trips, from a repeated comment to the prompt */

/* Asked again it has another number: which of them a line holds is known. */
static void
make_sentinel(const struct platform *p, const char *nonce, struct cli_sentinel *out)
{
	char *text = platform_expand(p->sentinel, "nonce", nonce);
	char *says = platform_expand(p->sentinel_says != NULL ? p->sentinel_says : "", "nonce", nonce);

	snprintf(out->text, sizeof(out->text), "%s", text);
	snprintf(out->says, sizeof(out->says), "%.*s", (int)strcspn(says, "{"), says);
	free(text);
	free(says);
}

void
cli_sentinel_make(struct cli *cli, struct cli_sentinel *out)
{
	char nonce[16];

	cli_nonce(cli, nonce);
	make_sentinel(cli->platform, nonce, out);
}

bool
cli_job_prove(struct cli *cli, bool bare)
{
	struct cli_job *job = &cli->job;

	if (cli->platform->sentinel == NULL)
		return false;
	if (job->proof_asked == 0)
		cli_nonce(cli, job->proof_nonce);
	job->proof_nonce[NONCE_NUMBER] = (char)('a' + job->proof_asked % NUMBERS);
	make_sentinel(cli->platform, job->proof_nonce, &job->sentinel);
	job->proof_asked++;
	job->proof = CLI_PROOF_SENT;
	job->proof_bare = bare;
	job->proof_rx = cli->stats.bytes_in;
	job->proof_passed = job->proof_doubted = false;
	job->proof_cut = 0;
	job->typed_at = cli->now;
	cli->changes++;
	cli_type(cli, job->sentinel.text, strlen(job->sentinel.text));
	return true;
}

/* Whether the line ends in what the sentinel says; before: bytes in front of it; status: that it says. */
static bool
is_said(const char *says, const char *line, size_t size, size_t *before, int *status)
{
	size_t n = strlen(says), digits = 0;

	while (size > 0 && line[size - 1] == ' ')
		size--;
	while (digits < size && line[size - 1 - digits] >= '0' && line[size - 1 - digits] <= '9')
		digits++;
	if (n == 0 || digits == 0 || digits > STATUS_DIGITS || size < digits + n ||
	    memcmp(line + size - digits - n, says, n) != 0)
		return false;
	*before = size - digits - n;
	*status = 0;
	for (size_t i = size - digits; i < size; i++)
		*status = *status * 10 + (line[i] - '0');
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
ends_with_sentinel(const struct cli *cli, const struct cli_sentinel *s, const char *line, size_t size, size_t *before)
{
	size_t typed = strlen(s->text);
	struct echo echo;

	if (size >= typed && memcmp(line + size - typed, s->text, typed) == 0) {
		*before = size - typed;
		return true;
	}
	echo_init(&echo, s->text, typed);
	*before = prompt_prefix(&cli->prompt, line, size);
	return echo_is_repeated(&echo, line + *before, size - *before);
}

enum cli_seen
cli_sentinel_seen(
    const struct cli *cli, const struct cli_sentinel *s, const char *line, size_t size, size_t *before, int *status)
{
	if (is_said(s->says, line, size, before, status))
		return CLI_SEEN_SAID;
	return ends_with_sentinel(cli, s, line, size, before) ? CLI_SEEN_TYPED : CLI_SEEN_NOTHING;
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
	job->proof_doubted = true;
}

/* The first bytes of a line that ends with a sentinel, or with what it says, are output without a newline. */
static void
pass_text(struct cli *cli, const char *line, size_t text)
{
	if (text == 0)
		return;
	cli_held_flush(cli);
	cli_context_flush(cli);
	cli_output_line(cli, line, text, false);
}

/* What stands before the sentinel: text without a newline, which is output, and the prompt. */
static size_t
part_before(struct cli *cli, const char *line, size_t size, size_t before)
{
	size_t text = prompt_at(cli, line, before);

	if (text == before && cli_prompt_before(cli, line, size, line + before, size - before) == before)
		text = 0;
	if (cli->job.echo_seen)
		pass_text(cli, line, text);
	return text;
}

static void
set_context_aside(struct cli *cli)
{
	cli_context_part(cli, cli->prompt.mode);
	for (size_t i = 0; i < cli->context_count; i++)
		set_aside(cli, cli->context[i].text, cli->context[i].size);
	cli_context_clear(cli);
}

static void
repeated(struct cli *cli, const char *line, size_t size, size_t before)
{
	struct cli_job *job = &cli->job;
	bool says = job->sentinel.says[0] != '\0';
	size_t text;

	if (job->suspect_echoed)
		cli_output_lines(cli, &job->aside); /* it was no prompt: that is here */
	job->suspect_echoed = false;
	if (job->proof == CLI_PROOF_REPEATED && before > 0)
		doubt(cli); /* it was typed ahead: only now does the shell read it */
	if (job->proof == CLI_PROOF_SENT && cli->now - job->typed_at > CLI_QUIET_SILENT + 2 * cli->rtt)
		cli_held_flush(cli); /* no log messages at a prompt: that would have read it at once */
	text = part_before(cli, line, size, before);
	/* Typed ahead into a running command it is echoed bare, and proves nothing. */
	if (text == before && !job->proof_bare)
		return;
	set_context_aside(cli);
	if (text < before)
		set_aside(cli, line + text, before - text);
	job->proof = says ? CLI_PROOF_REPEATED : CLI_PROOF_PROVEN;
	job->proof_at = cli->now;
}

/*
 * The shell has read the sentinel: what was set aside was its prompt.  It is alone on its line, or behind the prompt,
 * where nothing repeats what is typed.  Behind anything else it is what the shell tells of its commands (set -x).
 */
static void
said(struct cli *cli, const char *line, size_t before, bool last, int status)
{
	struct cli_job *job = &cli->job;
	size_t text = prompt_at(cli, line, before);

	if (before > 0 && text == before)
		return;
	pass_text(cli, line, text);
	buf_wipe(&job->aside);
	cli_context_clear(cli);
	if (job->proof_said++ == 0)
		job->status = status;
	job->proof = last ? CLI_PROOF_PROVEN : CLI_PROOF_SENT;
	job->proof_at = cli->now;
}

/* One of those that were asked before the last one: they are read in their order. */
static bool
is_of_earlier(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;
	unsigned count = job->proof_asked < NUMBERS ? job->proof_asked : NUMBERS;
	struct cli_sentinel earlier;
	char nonce[sizeof(job->proof_nonce)];
	size_t before;
	int status;

	memcpy(nonce, job->proof_nonce, sizeof(nonce));
	if (count < 2 || memmem(line, size, nonce, NONCE_NUMBER) == NULL)
		return false;
	for (unsigned i = 0; i < count; i++) {
		nonce[NONCE_NUMBER] = (char)('a' + i);
		if (nonce[NONCE_NUMBER] == job->proof_nonce[NONCE_NUMBER])
			continue;
		make_sentinel(cli->platform, nonce, &earlier);
		switch (cli_sentinel_seen(cli, &earlier, line, size, &before, &status)) {
		case CLI_SEEN_SAID:
			said(cli, line, before, false, status);
			return true;
		case CLI_SEEN_TYPED:
			part_before(cli, line, size, before);
			return true;
		case CLI_SEEN_NOTHING:
			break;
		}
	}
	return false;
}

/* What may be the prompt of no mode stands before the sentinel: if it comes again behind it, it is one. */
static bool
is_suspect_repeated(const struct cli *cli, const char *line, size_t size)
{
	const struct cli_job *job = &cli->job;
	const struct prompt *p = &cli->prompt;
	size_t typed = strlen(job->sentinel.text), before = job->suspect.size;

	return job->proof == CLI_PROOF_SENT && job->sentinel.says[0] == '\0' && size == before + typed &&
	       cli_begins(line, size, &job->suspect) && memcmp(line + before, job->sentinel.text, typed) == 0 &&
	       !prompt_same(p, line, before, p->shown, p->shown_size); /* that lacked only its context */
}

/* A log message cut it in two behind the prompt: "R1#! np-0123", the message, "4567".  True: the line is a part. */
static bool
is_cut(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;
	const char *typed = job->sentinel.text;
	size_t before = prompt_prefix(&cli->prompt, line, size), n = strlen(typed), cut = size - before;

	if (job->proof != CLI_PROOF_SENT || job->sentinel.says[0] != '\0')
		return false;
	if (job->proof_cut > 0 && size == n - job->proof_cut && memcmp(line, typed + job->proof_cut, size) == 0) {
		job->proof = CLI_PROOF_PROVEN;
		job->proof_at = cli->now;
		return true;
	}
	if (before == 0 || cut < CUT_MIN || cut >= n || memcmp(line + before, typed, cut) != 0)
		return job->proof_cut > 0 && cli_is_log(cli, line, size);
	cli_output_lines(cli, &job->aside);
	job->proof_cut = cut;
	return true;
}

bool
cli_proof_line(struct cli *cli, const char *line, size_t size)
{
	struct cli_job *job = &cli->job;
	size_t before;
	int status;

	if (job->proof == CLI_PROOF_NONE)
		return false;
	if (is_suspect_repeated(cli, line, size)) {
		/* By a shell, or by the terminal of what runs: then it is output, which the next line tells. */
		set_aside(cli, line, job->suspect.size);
		cli_context_clear(cli);
		cli_judge_strayed(cli);
		job->suspect_echoed = true;
		return true;
	}
	switch (cli_sentinel_seen(cli, &job->sentinel, line, size, &before, &status)) {
	case CLI_SEEN_SAID:
		said(cli, line, before, true, status);
		return true;
	case CLI_SEEN_TYPED:
		repeated(cli, line, size, before);
		return true;
	case CLI_SEEN_NOTHING:
		break;
	}
	if (is_of_earlier(cli, line, size))
		return true;
	if (is_cut(cli, line, size)) {
		set_aside(cli, line, size);
		return true;
	}
	if (job->suspect_echoed && cli_is_comment_answer(cli, line, size)) {
		set_aside(cli, line, size);
		cli_context_take(cli, line, size, false);
		return true;
	}
	if (job->proof == CLI_PROOF_SENT) {
		cli_output_lines(cli, &job->aside); /* of one that was doubted, or cut of nothing */
		job->suspect_echoed = false;
		job->proof_cut = 0;
		return false;
	}
	if (job->proof == CLI_PROOF_PROVEN && cli_is_comment_answer(cli, line, size)) {
		job->proof_passed = job->proof_passed || prompt_prefix(&cli->prompt, line, size) > 0;
		set_aside(cli, line, size);
		cli_context_take(cli, line, size, false);
		return true;
	}
	if (job->proof == CLI_PROOF_PROVEN && job->sentinel.says[0] != '\0')
		return false; /* of something in the background */
	doubt(cli);
	return false;
}

bool
cli_proof_holds(struct cli *cli)
{
	struct cli_job *job = &cli->job;

	if (job->proof != CLI_PROOF_PROVEN)
		return false;
	if (job->sentinel.says[0] != '\0' || job->proof_bare || job->proof_passed || job->proof_again ||
	    cli->now - job->proof_at <= PROMPT_TIME + 4 * cli->rtt)
		return true;
	/* A slow device, or a command that printed its prompt and goes on: two comments in a row tell. */
	job->proof_again = true;
	cli_job_prove(cli, false);
	return false;
}
