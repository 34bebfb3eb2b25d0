/*
 * The samples of a platform's modes: each is a prompt of its own mode and of no other, and no prompt passes for
 * ordinary text.
 */
#include <string.h>

#include "platform/platform_impl.h"

/* Refuses the file because of what stands there, or of that mode: -1. */
#define fail(l, node, ...) yamldoc_error((l)->doc, (node), (l)->err, __VA_ARGS__)
#define fail_mode(l, mode, ...) fail((l), platform_lint_where_mode((l), (mode)), __VA_ARGS__)

/* Splits "context\ncontext\nprompt" into a view of it. */
static void
view_of_sample(const char *sample, struct platform_view *view)
{
	const char *line = strrchr(sample, '\n'), *end;

	memset(view, 0, sizeof(*view));
	view->tail = line != NULL ? line + 1 : sample;
	view->size = strlen(view->tail);
	while (line != NULL && view->context_count < PLATFORM_CONTEXT_MAX) {
		end = line;
		while (line > sample && line[-1] != '\n')
			line--;
		view->context[view->context_count] = line;
		view->context_size[view->context_count++] = (size_t)(end - line);
		line = line > sample ? line - 1 : NULL;
	}
}

static int
check_sample(const struct lint *l, const struct platform_mode *mode, const char *sample)
{
	const struct yamldoc_node *node = platform_lint_where_mode(l, mode);
	struct platform_view view;
	const struct platform_mode *found;

	view_of_sample(sample, &view);
	found = platform_mode_of(l->p, &view, NULL);
	if (found == NULL)
		return fail(l, node, "sample `%s` of mode `%s` does not match its own prompt", view.tail, mode->name);
	for (size_t i = 0; i < l->p->modes_count; i++) {
		const struct platform_mode *other = l->p->modes[i];

		if (other == mode)
			continue;
		if (found == other ||
		    (pattern_matches(other->prompt, view.tail, view.size) &&
			(other->context == NULL) == (mode->context == NULL) && other->context == NULL))
			return fail(l, node,
			    "sample `%s` of mode `%s` also matches mode `%s`: make one of the expressions stricter",
			    view.tail, mode->name, other->name);
	}
	if (view.context_count + 1 > (size_t)l->p->prompt_lines)
		return fail(l, node, "sample of mode `%s` has %zu lines, `prompt_lines` is %d", mode->name,
		    view.context_count + 1, l->p->prompt_lines);
	for (size_t i = 0; i < view.context_count; i++) {
		if (!pattern_list_matches(&l->p->prompt_context, view.context[i], view.context_size[i]))
			return fail(l, node, "sample of mode `%s`: its line `%.*s` does not match `prompt_context`",
			    mode->name, (int)view.context_size[i], view.context[i]);
	}
	return 0;
}

/* Whether a prompt may be as short as "# ": the broker sets another one, or proves each. */
static bool
may_be_bare(const struct platform *p)
{
	bool sets = p->prove;

	for (size_t i = 0; i < p->prepare.count; i++)
		sets = sets || strstr(p->prepare.items[i].send, "{nonce}") != NULL;
	return sets;
}

/* Lines of ordinary output, none of which may pass for a prompt. */
static int
check_ordinary_text(const struct lint *l, const struct platform_mode *mode)
{
	static const char *const bare[] = {"#", ">", "$", "# "};
	static const char *const lines[] = {" ", "###########", "Building configuration...",
	    "interface GigabitEthernet0/1", "# this is a comment", "! Last configuration change at 10:00:00",
	    "Password: ", "login: ", "--More--", "Are you sure? [y/n]:", "Proceed? [confirm]", "100%", "10.0.0.0/8",
	    "                ", "Press any key to continue", "* 10.0.0.1 via 10.0.0.2 >"};

	for (size_t i = 0; i < NP_COUNT(bare); i++) {
		if (!pattern_matches(mode->prompt, bare[i], strlen(bare[i])))
			continue;
		l->p->bare = true;
		if (!may_be_bare(l->p))
			return fail_mode(l, mode,
			    "the prompt of mode `%s` also matches the ordinary line `%s`: make it stricter, say "
			    "`prove: "
			    "true`, or have `prepare` set one with {nonce}",
			    mode->name, bare[i]);
	}
	for (size_t i = 0; i < NP_COUNT(lines); i++) {
		if (pattern_matches(mode->prompt, lines[i], strlen(lines[i])))
			return fail_mode(l, mode,
			    "the prompt of mode `%s` also matches the ordinary line `%s`: make it stricter", mode->name,
			    lines[i]);
	}
	return 0;
}

int
platform_lint_samples(const struct lint *l)
{
	for (size_t i = 0; i < l->p->modes_count; i++) {
		const struct platform_mode *mode = l->p->modes[i];

		if (mode->samples.n == 0)
			return fail_mode(
			    l, mode, "mode `%s` needs `samples`: prompts as the device shows them", mode->name);
		for (size_t k = 0; k < mode->samples.n; k++) {
			if (check_sample(l, mode, mode->samples.v[k]) < 0)
				return -1;
		}
		if (check_ordinary_text(l, mode) < 0)
			return -1;
		if (!pattern_has_group(mode->prompt))
			platform_lint_warn(l, platform_lint_where_mode(l, mode),
			    "the prompt of mode `%s` has no (?<host>...): another device's prompt in the output could "
			    "pass "
			    "for it",
			    mode->name);
	}
	return 0;
}
