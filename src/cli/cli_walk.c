/*
 * Where the shell is among the platform's modes: the way from one to another, and the place where it belongs.
 */
#include <string.h>

#include "cli/cli_impl.h"

#define WALK_MAX 10

/* --- the way between modes --- */

void
cli_walk_begin(struct cli *cli, const struct platform_mode *goal)
{
	cli->goal = goal;
	cli->walk_steps = 0;
	cli_keep(&cli->walk_from, NULL, 0);
	cli->secret_used = false;
}

/* The step that leads nearer: into a mode that holds the goal, or out of the present one. */
static const struct platform_step *
next_step(const struct cli *cli)
{
	const struct platform_mode *mode = cli->prompt.mode, *next = cli->goal;

	if (!platform_mode_inside(cli->goal, mode))
		return mode->leave;
	while (next->parent != mode)
		next = next->parent;
	return next->enter;
}

int
cli_walk(struct cli *cli, struct np_error *err)
{
	const struct platform_mode *mode = cli->prompt.mode;
	const struct prompt *p = &cli->prompt;
	const struct platform_step *step;

	if (mode != cli->goal && cli->walk_from.size == p->shown_size &&
	    cli_begins(p->shown, p->shown_size, &cli->walk_from)) {
		error_set(err, REASON_PRIVILEGE_FAILED, "the device stays in mode %s on the way to %s%s%s", mode->name,
		    cli->goal->name, cli->job.verdict.text[0] != '\0' ? ": " : "", cli->job.verdict.text);
		cli_offer_end(cli, CLI_DENIED, err->text);
		return -1;
	}
	cli_offer_end(cli, CLI_ACCEPTED, NULL);
	if (mode == cli->goal)
		return 1;
	step = next_step(cli);
	if (step == NULL || ++cli->walk_steps > WALK_MAX)
		return error_set(err, REASON_PRIVILEGE_FAILED, "platform %s knows no way from mode %s to %s",
		    cli->platform->name, mode->name, cli->goal->name);
	cli_keep(&cli->walk_from, p->shown, p->shown_size);
	cli_job_step(cli, step);
	return 0;
}

/* --- home --- */

/* The last line before the prompt that says something: where prompts have several lines, it tells the menu. */
static size_t
prompt_context(const struct cli *cli, const char **text)
{
	for (size_t i = cli->context_count; i > 0; i--) {
		const struct cli_kept *line = &cli->context[i - 1];

		*text = line->text;
		if (prompt_trim(line->text, line->size) > 0)
			return line->size;
	}
	*text = "";
	return 0;
}

void
cli_home_learn(struct cli *cli)
{
	const struct prompt *p = &cli->prompt;
	const char *context;
	size_t size = prompt_context(cli, &context);

	cli_keep(&cli->home_context, context, size);
	cli_keep(&cli->home_shown, p->shown, p->shown_size);
	cli->renamed = false;
}

/* The same prompt too: a shell that stands in a sub-menu, or was left in another directory, is not as it was. */
bool
cli_is_home(const struct cli *cli)
{
	const struct prompt *p = &cli->prompt;
	const char *context;
	size_t size = prompt_context(cli, &context);

	return p->mode == cli->home &&
	       prompt_same(p, p->shown, p->shown_size, cli->home_shown.text, cli->home_shown.size) &&
	       prompt_same(p, context, size, cli->home_context.text, cli->home_context.size);
}
