/*
 * The lines of a configuration transaction: one at a time, or a text of several, and what its answer comes to.
 */
#include <string.h>

#include "cli/cli_impl.h"

static void
send_lines(struct cli *cli)
{
	struct cli_command command = cli->asked;
	struct cli_job_spec spec = {.kind = CLI_JOB_COMMAND, .command = &command, .expects_mode = true};
	const struct pattern_list *shows = &cli->platform->config.shows;
	struct buf text;
	struct cli_text_line line;

	if (command.limits.total <= 0)
		command.limits.total = CLI_LINE_TOTAL;
	spec.text_optional = cli_text_take(cli);
	buf_init(&text, SIZE_MAX / 2);
	for (size_t at = cli->config_at; at < cli->config_next && cli_text_line_at(&cli->asked, at, &line);
	     at = line.next) {
		if ((at > cli->config_at && buf_append(&text, "\n", 1) < 0) ||
		    buf_append(&text, line.text, line.size) < 0)
			break;
	}
	spec.text = text.len > 0 ? (const char *)buf_head(&text) : "";
	spec.size = text.len;
	spec.judged_as = pattern_list_matches(shows, spec.text, spec.size) ? CLI_JUDGE_OUTPUT : CLI_JUDGE_ANSWER;
	cli_job_start(cli, &spec);
	cli->job.ok = cli_text_saves(cli->platform, spec.text, spec.size);
	buf_wipe(&text);
}

/* All lines were sent, or no more will be. */
static void
lines_done(struct cli *cli)
{
	const struct platform_mode *mode = cli->prompt.mode;

	cli_text_report_rest(cli);
	if (!cli->config_failed && cli->platform->config.enter.count == 0 && mode != cli->platform->base_mode)
		cli_config_fail(cli, REASON_CONFIG_REJECTED,
		    "the lines end inside mode %s: what they began there is thrown away", mode->name);
	if (cli->config_failed)
		cli_config_undo(cli);
	else if (cli->asked.dry_run)
		cli_config_set_phase(cli, CLI_CONFIG_CHECK);
	else if (cli->platform->config.candidate && !cli_config_committed_and_left(cli))
		cli_config_set_phase(cli, CLI_CONFIG_COMMIT);
	else
		cli_config_set_phase(cli, CLI_CONFIG_SAVE_INSIDE);
}

/* The next line; true when one is in flight. */
bool
cli_config_next_line(struct cli *cli)
{
	size_t last = cli->config_line; /* typed; blank ones may follow it */
	struct cli_text_line line;

	if (cli->config_cancelled)
		cli_config_fail(cli, REASON_CANCELLED, "cancelled");
	while (!cli->config_failed && cli_text_line_at(&cli->asked, cli->config_at, &line)) {
		if (cli_text_is_empty(&line)) {
			cli->config_line++;
			cli->config_at = line.next;
			continue;
		}
		if (!cli->prompt.mode->config) {
			cli_config_fail(cli, REASON_CONFIG_REJECTED,
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
	struct cli_text_line first;

	if (job->text_optional && job->line_at == 0 && job->verdict.outcome < CLI_UNCLEAR &&
	    cli_text_line_at(&cli->asked, cli->config_at, &first))
		cli->config_next = first.next;
}

/* A line without an answer, or with one that is not known, may have been taken or not: it is told as unclear. */
void
cli_config_line_done(struct cli *cli, const struct np_error *err)
{
	const struct cli_verdict *v = &cli->job.verdict;
	const char *unclear = v->outcome == CLI_UNCLEAR ? "unclear: " : "";
	size_t number = cli->config_line + 1;
	struct cli_text_line line;
	bool commits = cli_text_line_at(&cli->asked, cli->config_at, &line) &&
		       cli_text_commits(cli->platform, line.text, line.size);

	cli->tally->committed |= commits && err == NULL && v->outcome < CLI_UNCLEAR;
	/* What comes behind a save is not saved. */
	if (err != NULL || !cli_text_changes_nothing(cli->platform, line.text, line.size))
		cli->tally->saved = err == NULL && v->outcome < CLI_UNCLEAR && cli->job.ok_seen;
	cli->commit_unknown |= commits && (err != NULL || v->outcome == CLI_UNCLEAR);
	if (err != NULL) {
		cli_text_report(cli, CLI_UNCLEAR, err->text);
		cli_config_fail(cli, err->reason, "line %zu: %s", number, err->text);
		return;
	}
	untake_text(cli);
	cli_text_report(cli, v->outcome, v->text);
	if (v->outcome < CLI_UNCLEAR)
		return;
	cli->tally->temporary |= v->busy;
	if (!cli->asked.keep_going)
		cli_config_fail(cli, REASON_CONFIG_REJECTED, "line %zu: %s%s", number, unclear, v->text);
	else if (cli->tally->err.reason == REASON_NONE)
		error_set(&cli->tally->err, REASON_CONFIG_REJECTED, "line %zu: %s%s", number, unclear, v->text);
}
