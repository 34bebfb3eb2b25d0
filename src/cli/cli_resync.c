/*
 * Back to a proven prompt after anything that went wrong: interrupt, wait for silence, type a sentinel that no output
 * can hold, and require its echo and a prompt behind it.  Three attempts, then the shell is given up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"

#define ATTEMPTS_MAX 3
#define ATTEMPT_TIME 2.0 /* seconds, and four round trips */
#define GENTLE_TIME 5.0
#define QUIET_BEFORE 0.1

static void
send_sentinel(struct cli *cli)
{
	cli_sentinel_make(cli, &cli->sync_sentinel);
	cli->sync_sent = true;
	cli->sync_echoed = false;
	cli->sync_rx = cli->stats.bytes_in;
	cli_context_clear(cli);
	cli_type(cli, cli->sync_sentinel.text, strlen(cli->sync_sentinel.text));
}

/* A pager takes an interrupt for a key like any other. */
static void
leave_pager(struct cli *cli)
{
	struct platform_view view = cli_view(cli);

	if (cli->platform->pager_quit != NULL && cli_find_question(&cli->platform->pager, view.tail, view.size) != NULL)
		cli_type_keys(cli, cli->platform->pager_quit);
}

static void
attempt(struct cli *cli)
{
	bool gentle = cli->sync_gentle && cli->sync_attempts == 0;

	cli->changes++;
	if (++cli->sync_attempts > ATTEMPTS_MAX) {
		cli_die(cli, REASON_PROMPT_NOT_FOUND, "the shell could not be brought back to its prompt");
		return;
	}
	cli->sync_sent = false;
	cli->sync_deadline = cli->now + (gentle ? GENTLE_TIME : ATTEMPT_TIME) + 4 * cli->rtt;
	if (gentle) {
		send_sentinel(cli);
		return;
	}
	leave_pager(cli);
	cli_type_keys(cli, cli->platform->interrupt);
	cli->last_rx = cli->now; /* the answer to the interrupt comes first */
}

void
cli_resync_begin(struct cli *cli, bool gentle)
{
	cli_job_clear(cli);
	cli->stats.resyncs++;
	cli->sync_attempts = 0;
	cli->sync_gentle = gentle;
	cli_set_state(cli, CLI_RESYNC);
	if (cli->platform->sentinel == NULL)
		cli_die(cli, REASON_PROMPT_NOT_FOUND,
		    "the shell is not at a known prompt, and platform %s has no sentinel to prove one",
		    cli->platform->name);
	else
		attempt(cli);
}

void
cli_resync_line(struct cli *cli, const char *line, size_t size)
{
	const struct cli_sentinel *s = &cli->sync_sentinel;
	bool says = s->says[0] != '\0';
	size_t before;
	int status;

	if (!cli->sync_sent)
		return;
	if (cli_sentinel_seen(cli, s, line, size, &before, &status) == (says ? CLI_SEEN_SAID : CLI_SEEN_TYPED)) {
		cli->sync_echoed = true;
		cli_context_clear(cli);
		return;
	}
	if (!cli->sync_echoed)
		return;
	/* What runs went on behind the echo: the terminal's own, and no proof. */
	if (!says && !cli_is_comment_answer(cli, line, size)) {
		cli->sync_echoed = false;
		cli_context_clear(cli);
		return;
	}
	cli_context_take(cli, line, size, false);
}

/* Proven: the operation that was interrupted goes on, or the shell is at rest. */
static void
synced(struct cli *cli)
{
	cli_set_state(cli, cli->op != CLI_OP_NONE ? CLI_RUNNING : CLI_IDLE);
	if (cli->op != CLI_OP_NONE)
		cli_job_end(cli, NULL);
}

void
cli_resync_look(struct cli *cli)
{
	struct platform_view view = cli_view(cli);
	struct prompt_match match = cli_look(cli);

	/* A configuration must be left also from a place that no mode knows: its steps are typed there, when it is no
	 * beginning of a known prompt. */
	if (match.tier == PROMPT_NONE && cli->op == CLI_OP_CONFIG && cli->sync_echoed && cli->drained &&
	    prompt_kin(&cli->prompt, &view) != PROMPT_STRANGER && cli_quiet_for(cli, CLI_QUIET_SILENT + cli->rtt))
		match = (struct prompt_match){PROMPT_HOST, cli->prompt.mode};
	if (match.tier == PROMPT_NONE || !cli->sync_sent)
		return;
	if (!cli->sync_echoed) {
		/* Where nothing is repeated, an answer and silence must do. */
		if (cli->platform->echo || cli->stats.bytes_in == cli->sync_rx)
			return;
		if (cli_quiet(cli) < CLI_QUIET_ECHO) {
			cli_wake_in(cli, CLI_QUIET_ECHO - cli_quiet(cli));
			return;
		}
	}
	if (match.tier == PROMPT_SHAPE && cli->prompt.mode != NULL)
		cli->foreign = true;
	cli_settle(cli, &view, match.mode);
	synced(cli);
}

void
cli_resync_tick(struct cli *cli)
{
	if (cli->now >= cli->sync_deadline) {
		attempt(cli);
		if (cli->state != CLI_RESYNC)
			return;
	}
	if (!cli->sync_sent) {
		double need = QUIET_BEFORE + cli->rtt, quiet = cli_quiet(cli);

		if (quiet >= need)
			send_sentinel(cli);
		else
			cli_wake_in(cli, need - quiet);
	}
	cli_wake_in(cli, cli->sync_deadline - cli->now);
}
