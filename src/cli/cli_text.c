/*
 * The text of a configuration: its lines, which of them belong together, and what became of each.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_impl.h"

bool
cli_text_line_at(const struct cli_command *c, size_t at, struct cli_text_line *line)
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

bool
cli_text_is_empty(const struct cli_text_line *line)
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

size_t
cli_text_taken(const struct cli *cli)
{
	return cli->tally->lines[CLI_TAKEN] + cli->tally->lines[CLI_REMARK];
}

/* The lines from here to there are not run. */
static void
report_not_run(struct cli *cli, size_t end)
{
	size_t first = 0, last = 0, count = 0;
	struct cli_text_line line;

	for (; cli->config_at < end && cli_text_line_at(&cli->asked, cli->config_at, &line);
	     cli->config_line++, cli->config_at = line.next) {
		if (cli_text_is_empty(&line))
			continue;
		last = cli->config_line;
		if (count++ == 0)
			first = last;
	}
	if (count > 0)
		report_lines(cli, first, last, count, CLI_NOT_RUN, "");
}

void
cli_text_report_rest(struct cli *cli)
{
	report_not_run(cli, SIZE_MAX);
}

/* The lines in flight.  Of a text of several those that the device did not wait for were never typed. */
void
cli_text_report(struct cli *cli, enum cli_outcome outcome, const char *text)
{
	const struct cli_job *job = &cli->job;
	size_t first = cli->config_line, count = 1;
	struct cli_text_line line;

	if (cli->config_at >= cli->config_next)
		return;
	for (size_t i = 0; i < job->line_at; i++)
		count += job->text[i] == '\n' ? 1 : 0;
	for (; cli->config_line < first + count && cli_text_line_at(&cli->asked, cli->config_at, &line);
	     cli->config_line++)
		cli->config_at = line.next;
	report_lines(cli, first, first + count - 1, count, outcome, text);
	report_not_run(cli, cli->config_next);
}

/* What the lines so far leave open. */
struct open {
	char quote;     /* or 0 */
	unsigned depth; /* brackets */
	bool backslash; /* at the end */
};

static bool
is_open(const struct open *open)
{
	return open->quote != 0 || open->depth > 0 || open->backslash;
}

/* One character that stands in no quote. */
static void
open_plain(const struct platform_config *c, struct open *open, char ch)
{
	if (ch == '"' && c->quotes != PLATFORM_QUOTES_NONE)
		open->quote = ch;
	else if (ch == '\'' && c->quotes == PLATFORM_QUOTES_BOTH)
		open->quote = ch;
	else if (c->brackets && strchr("{[(", ch) != NULL)
		open->depth++;
	else if (c->brackets && strchr("}])", ch) != NULL && open->depth > 0)
		open->depth--;
}

/* What is left open behind this line, too.  What is quoted by the one quote is no other, and no bracket. */
static void
open_line(const struct platform_config *c, struct open *open, const struct cli_text_line *line)
{
	open->backslash = false;
	for (size_t i = 0; i < line->size; i++) {
		char ch = line->text[i];

		if (ch == '\\' && open->quote != '\'')
			open->backslash = ++i == line->size && c->brackets;
		else if (open->quote != 0)
			open->quote = ch == open->quote ? 0 : open->quote;
		else if (ch == '#' && (i == 0 || line->text[i - 1] == ' ' || line->text[i - 1] == '\t')) /* a comment */
			break;
		else
			open_plain(c, open, ch);
	}
}

/* What ends a text of several lines. */
struct block {
	bool begun;
	bool optional;
	struct open open; /* it ends where nothing is */
	const struct pattern *end;
	struct pattern_span word; /* of the first line: in the last one; empty, and no `end': EOF */
};

/* The block that this line begins, if it does. */
static struct block
block_of(const struct cli *cli, const struct cli_text_line *line)
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
	open_line(c, &block.open, line);
	block.begun = is_open(&block.open);
	return block;
}

static bool
ends_block(
    const struct cli *cli, struct block *block, const struct cli_text_line *first, const struct cli_text_line *line)
{
	if (is_open(&block->open)) {
		open_line(&cli->platform->config, &block->open, line);
		return !is_open(&block->open);
	}
	if (block->end != NULL)
		return pattern_matches(block->end, line->text, line->size);
	if (block->word.size > 0)
		return memmem(line->text, line->size, first->text + block->word.start, block->word.size) != NULL;
	return memmem(line->text, line->size, "EOF", 3) != NULL;
}

/* Takes the lines that belong together: one, or a block with its end; true: which the device may not want. */
bool
cli_text_take(struct cli *cli)
{
	struct cli_text_line first, line;
	struct block block;
	bool ended;

	if (!cli_text_line_at(&cli->asked, cli->config_at, &first))
		return false;
	cli->config_next = first.next;
	block = block_of(cli, &first);
	for (ended = !block.begun; !ended && cli_text_line_at(&cli->asked, cli->config_next, &line);) {
		cli->config_next = line.next;
		ended = ends_block(cli, &block, &first, &line);
	}
	/* What nothing ends may be none: the device tells, and the lines behind it are not its text. */
	if (!ended)
		cli->config_next = first.next;
	return block.optional;
}

bool
cli_text_commits(const struct platform *p, const char *text, size_t size)
{
	static const char word[] = "commit";
	size_t n = sizeof(word) - 1;

	while (size > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		size--;
	}
	return p->config.candidate && size >= n && memcmp(text, word, n) == 0 &&
	       (size == n || !isalnum((unsigned char)text[n])) && !pattern_list_matches(&p->config.shows, text, size);
}

/* Whether the words of the line are those of the step, or as much of each as a person types: "wr", "copy run start". */
static bool
is_short_for(const char *step, const char *text, size_t size)
{
	for (;;) {
		size_t typed = 0, whole;

		while (size > 0 && (*text == ' ' || *text == '\t')) {
			text++;
			size--;
		}
		step += strspn(step, " ");
		while (typed < size && text[typed] != ' ' && text[typed] != '\t')
			typed++;
		whole = strcspn(step, " ");
		if (typed == 0)
			return true;
		if (typed > whole || typed < 2 || strncasecmp(text, step, typed) != 0)
			return false;
		text += typed;
		size -= typed;
		step += whole;
	}
}

struct pattern *
cli_text_saves(const struct platform *p, const char *text, size_t size)
{
	const struct platform_steps *save = &p->config.save;

	while (size > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		size--;
	}
	if (size > 3 && memcmp(text, "do ", 3) == 0) {
		text += 3;
		size -= 3;
	}
	for (size_t i = 0; size > 0 && !p->config.candidate && i < save->count; i++) {
		if (is_short_for(save->items[i].send, text, size))
			return save->items[i].ok;
	}
	return NULL;
}

bool
cli_text_changes_nothing(const struct platform *p, const char *text, size_t size)
{
	static const char *const words[] = {"exit", "end", "quit", "return"};

	if (pattern_list_matches(&p->config.shows, text, size))
		return true;
	while (size > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		size--;
	}
	size = prompt_trim(text, size);
	for (size_t i = 0; i < NP_COUNT(words); i++) {
		if (size == strlen(words[i]) && memcmp(text, words[i], size) == 0)
			return true;
	}
	return size == 0 || *text == '!' || *text == '#';
}

int
cli_config_check_text(const struct platform *p, const struct cli_command *c, struct np_error *err)
{
	bool provisional = c->dry_run || c->confirm_minutes > 0;
	struct cli_text_line line;

	for (size_t at = 0, number = 1; cli_text_line_at(c, at, &line); at = line.next, number++) {
		if (cli_check_text(line.text, line.size, err) < 0)
			return error_prefix(err, "line %zu", number);
		if (provisional && cli_text_commits(p, line.text, line.size))
			return error_set(err, REASON_INVALID_PARAMS, "line %zu commits by itself: no %s is possible",
			    number, c->dry_run ? "dry run" : "commit that is to be confirmed");
	}
	return 0;
}
