/*
 * What makes a platform definition usable beyond being well written: every name it refers to exists, every mode proves
 * itself by samples that no other mode takes for its own, no prompt matches ordinary text.
 *
 * Errors refuse the file; warnings are kept in the platform for `npctl platform check`.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/platform_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

struct lint {
	struct platform *p;
	const struct yamldoc *doc;
	struct np_error *err;
};

/* Where a key stands, or the beginning when it came from a base. */
static const struct yamldoc_node *
where(const struct lint *l, const char *key)
{
	const struct yamldoc_node *node = yamldoc_get(l->doc->root, key);

	return node != NULL ? node : l->doc->root;
}

static const struct yamldoc_node *
where_mode(const struct lint *l, const struct platform_mode *mode)
{
	const struct yamldoc_node *modes = yamldoc_get(l->doc->root, "modes");

	for (size_t i = 0; modes != NULL && modes->kind == YAMLDOC_MAPPING && i < modes->count; i++) {
		if (strcmp(modes->keys[i]->text, mode->name) == 0)
			return modes->keys[i];
	}
	return l->doc->root;
}

/* Refuses the file because of what stands there; because of that key, or mode: -1. */
#define fail(l, node, ...) yamldoc_error((l)->doc, (node), (l)->err, __VA_ARGS__)
#define fail_key(l, key, ...) fail((l), where((l), (key)), __VA_ARGS__)
#define fail_mode(l, mode, ...) fail((l), where_mode((l), (mode)), __VA_ARGS__)

static void NP_PRINTF(3, 4) warn(const struct lint *l, const struct yamldoc_node *node, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	strings_addf(&l->p->warnings, "%s:%d: %s", l->doc->name, node != NULL ? node->line : 1, text);
	free(text);
}

/* --- names --- */

static bool
is_name(const char *s)
{
	return s[0] != '\0' && strlen(s) <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
}

static int
check_name(const struct lint *l)
{
	const char *file = strrchr(l->p->file, '/');
	char *expected;
	int r = 0;

	if (l->p->name == NULL)
		return fail(l, l->doc->root, "`name` is missing");
	if (!is_name(l->p->name))
		return fail_key(l, "name", "`name` must be small letters, digits and underscores, at most 64");
	file = file != NULL ? file + 1 : l->p->file;
	expected = xasprintf("%s.yaml", l->p->name);
	if (strcmp(file, expected) != 0)
		r = fail_key(l, "name", "`name` is `%s`: the file must be called %s", l->p->name, expected);
	free(expected);
	return r;
}

static int
unknown_mode(const struct lint *l, const struct yamldoc_node *node, const char *key, const char *name)
{
	const char **names = xcalloc(l->p->modes_count + 1, sizeof(char *));
	const char *nearest;

	for (size_t i = 0; i < l->p->modes_count; i++)
		names[i] = l->p->modes[i]->name;
	nearest = text_nearest(name, names, l->p->modes_count);
	free(names);
	return fail(l, node, "`%s` names the mode `%s`, which `modes` does not define%s%s%s", key, name,
	    nearest != NULL ? ": did you mean `" : "", nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
}

static int
resolve_modes(const struct lint *l)
{
	struct platform *p = l->p;

	if (p->modes_count == 0)
		return fail(l, l->doc->root, "`modes` is missing: at least one prompt must be known");
	for (size_t i = 0; i < p->modes_count; i++) {
		struct platform_mode *mode = p->modes[i];

		mode->parent = NULL;
		if (mode->parent_name == NULL)
			continue;
		mode->parent = platform_mode(p, mode->parent_name);
		if (mode->parent == NULL)
			return unknown_mode(l, where_mode(l, mode), "parent", mode->parent_name);
	}
	for (size_t i = 0; i < p->modes_count; i++) {
		const struct platform_mode *mode = p->modes[i];

		for (int depth = 0; mode != NULL; mode = mode->parent) {
			if (++depth > PLATFORM_DEPTH_MAX)
				return fail_mode(l, p->modes[i],
				    "the parents of mode `%s` lead in a circle or deeper than %d", p->modes[i]->name,
				    PLATFORM_DEPTH_MAX);
		}
	}
	if (p->base_mode_name == NULL)
		return fail(l, l->doc->root, "`base_mode` is missing: the mode that commands run in");
	p->base_mode = platform_mode(p, p->base_mode_name);
	if (p->base_mode == NULL)
		return unknown_mode(l, where(l, "base_mode"), "base_mode", p->base_mode_name);
	return 0;
}

/* --- samples --- */

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
	const struct yamldoc_node *node = where_mode(l, mode);
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

static int
check_modes(const struct lint *l)
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
			warn(l, where_mode(l, mode),
			    "the prompt of mode `%s` has no (?<host>...): another device's prompt in the output could "
			    "pass "
			    "for it",
			    mode->name);
	}
	return 0;
}

/* --- the rest --- */

/* Ways lead from a mode to another one. */
static int
check_ways(const struct lint *l)
{
	for (size_t i = 0; i < l->p->modes_count; i++) {
		const struct platform_mode *mode = l->p->modes[i];

		if (mode->enter != NULL && mode->parent == NULL)
			return fail_mode(
			    l, mode, "mode `%s` has `enter` but no `parent`: from where is it entered?", mode->name);
		if (mode->leave != NULL && mode->parent == NULL)
			return fail_mode(
			    l, mode, "mode `%s` has `leave` but no `parent`: where does it lead?", mode->name);
	}
	return 0;
}

/* What is claimed should be proven: by a line of the answer, or by silence where that is all there is. */
static void
check_proof(const struct lint *l, const char *name, const struct platform_steps *steps)
{
	bool proven = steps->count == 0;

	for (size_t i = 0; i < steps->count; i++)
		proven = proven || steps->items[i].ok != NULL || steps->items[i].says == PLATFORM_SAYS_NOTHING;
	if (!proven)
		warn(l, where(l, "config"),
		    "`%s` has no `ok`: it counts as done when nothing but known remarks comes (`says: nothing` tells "
		    "that the device is silent then)",
		    name);
}

static int
check_config(const struct lint *l)
{
	const struct platform_config *c = &l->p->config;
	bool any = false;

	if (!c->given) {
		warn(l, l->doc->root, "no `config`: npexec -c will be refused");
		return 0;
	}
	for (size_t i = 0; i < l->p->modes_count; i++)
		any = any || l->p->modes[i]->config;
	if (!any)
		return fail_key(
		    l, "config", "`config` is given, but no mode says `config: true`: where may lines run?");
	if (c->candidate && (c->commit.count == 0 || c->abort.count == 0))
		return fail_key(l, "config", "a candidate needs both `commit` and `abort`");
	if (c->enter.count > 0 && c->leave.count == 0)
		return fail_key(l, "config", "`enter` without `leave`");
	if (c->enter.count == 0 && !l->p->base_mode->config)
		return fail_key(l, "config",
		    "no `enter`, and the base mode `%s` does not say `config: true`: where may lines run?",
		    l->p->base_mode->name);
	if (!c->candidate && c->commit.count + c->confirmed.count + c->check.count > 0)
		return fail_key(
		    l, "config", "`commit`, `confirmed` and `check` are for a candidate: say `candidate: true`");
	if (c->save_inside && c->save.count == 0)
		return fail_key(l, "config", "`save_inside` without `save`");
	if (c->saves_itself && c->save.count > 0)
		return fail_key(l, "config", "`saves_itself` and a `save`: which is it?");
	if (c->candidate)
		check_proof(l, "abort", &c->abort);
	check_proof(l, "commit", &c->commit);
	check_proof(l, "confirmed", &c->confirmed);
	check_proof(l, "save", &c->save);
	return 0;
}

/* The sentinel as it is repeated must not look like what it says. */
static bool
says_well(const struct platform *p)
{
	const char *status = strstr(p->sentinel_says, "{status}");
	char *start;
	bool differs;

	if (status == NULL || status[strlen("{status}")] != '\0' || strstr(p->sentinel_says, "{nonce}") == NULL)
		return false;
	start = xstrndup(p->sentinel_says, (size_t)(status - p->sentinel_says));
	differs = p->sentinel != NULL && strstr(p->sentinel, start) == NULL;
	free(start);
	return differs;
}

/* A secret goes to whatever one of them matches: not to what asks for something else. */
static int
check_passwords(const struct lint *l)
{
	static const char *const lines[] = {"login: ", "Username: ", "Are you sure? [y/n]: ", "Proceed? [confirm]",
	    "Destination filename [startup-config]? ", "--More--", "Press any key to continue", "R1# ", "r1> "};

	for (size_t i = 0; i < NP_COUNT(lines); i++) {
		if (pattern_list_matches(&l->p->passwords, lines[i], strlen(lines[i])))
			return fail_key(l, "passwords",
			    "`passwords` also matches `%s`, which asks for no secret: make it stricter", lines[i]);
	}
	return 0;
}

/* Nor what changes the password of the account: the hidden answer would become the new one. */
static void
look_at_hidden(const struct lint *l, const struct yamldoc_node *node, const struct platform_questions *questions)
{
	static const char *const lines[] = {
	    "New password: ", "New Password: ", "Retype new password: ", "Retype New Password: "};

	for (size_t i = 0; i < questions->count; i++) {
		const struct platform_question *q = &questions->items[i];
		bool hidden = q->reply == PLATFORM_PASSWORD || q->reply == PLATFORM_SECRET;

		for (size_t k = 0; k < NP_COUNT(lines) && hidden; k++) {
			if (!pattern_matches(q->match, lines[k], strlen(lines[k])) ||
			    !pattern_list_matches(&l->p->passwords, lines[k], strlen(lines[k])))
				continue;
			warn(l, node, "a question with a hidden answer also matches `%s`: begin it with `\\A`",
			    lines[k]);
			break;
		}
	}
}

static void
look_at_hidden_steps(const struct lint *l, const char *key, const struct platform_steps *steps)
{
	for (size_t i = 0; i < steps->count; i++)
		look_at_hidden(l, where(l, key), &steps->items[i].questions);
}

static void
look_at_all_hidden(const struct lint *l)
{
	const struct platform *p = l->p;
	const struct platform_config *c = &p->config;
	const struct platform_steps *const config[] = {
	    &c->enter, &c->check, &c->commit, &c->confirmed, &c->abort, &c->leave, &c->save};

	for (size_t i = 0; i < p->modes_count; i++) {
		const struct platform_mode *mode = p->modes[i];
		const struct platform_step *const steps[] = {mode->enter, mode->leave, mode->login};

		for (size_t k = 0; k < NP_COUNT(steps); k++) {
			if (steps[k] != NULL)
				look_at_hidden(l, where_mode(l, mode), &steps[k]->questions);
		}
	}
	for (size_t i = 0; i < NP_COUNT(config); i++)
		look_at_hidden_steps(l, "config", config[i]);
	look_at_hidden(l, where(l, "login"), &p->login);
	look_at_hidden_steps(l, "prepare", &p->prepare);
	look_at_hidden_steps(l, "reset", &p->reset);
	look_at_hidden_steps(l, "logout", &p->logout);
}

static int
check_rest(const struct lint *l)
{
	struct platform *p = l->p;

	if (p->newline[0] == '\0' || strlen(p->newline) > 2)
		return fail_key(l, "newline", "`newline` must be \"\\n\", \"\\r\" or \"\\r\\n\"");
	if (p->sentinel != NULL && strstr(p->sentinel, "{nonce}") == NULL)
		return fail_key(l, "sentinel", "`sentinel` must hold {nonce}");
	if (p->sentinel_says != NULL && !says_well(p))
		return fail_key(l, "sentinel_says",
		    "`sentinel_says` must hold {nonce} and end in {status}, and differ from what `sentinel` shows");
	if (p->prove && p->sentinel == NULL)
		return fail_key(l, "prove", "`prove` needs a `sentinel`");
	if (p->prompt_lines > 1 && p->prompt_context.count == 0)
		return fail_key(l, "prompt_lines", "`prompt_lines` above 1 needs `prompt_context`");
	if (p->prompt_lines == 1 && p->prompt_context.count > 0)
		return fail_key(l, "prompt_context", "`prompt_context` needs `prompt_lines` above 1");
	if (p->idle > 0 && p->keepalive_cli >= p->idle)
		return fail_key(l, "keepalive_cli", "`keepalive_cli` must be below `idle`, or the device closes first");
	if (p->errors.count == 0)
		warn(l, l->doc->root, "no `errors`: rejected commands will look successful");
	if (p->passwords.count == 0)
		warn(l, l->doc->root,
		    "no `passwords`: passwords and secrets are never typed, and questions for them are not known as "
		    "such");
	if (p->logout.count == 0)
		warn(l, l->doc->root,
		    "no `logout`: shells are closed without a word, which some devices keep as a used line");
	if (p->sentinel == NULL)
		warn(l, l->doc->root,
		    "no `sentinel`: shells cannot be proven after an interrupt and are closed instead");
	return 0;
}

int
platform_lint(struct platform *p, const struct yamldoc *doc, struct np_error *err)
{
	struct lint l = {p, doc, err};

	if (check_name(&l) < 0 || resolve_modes(&l) < 0 || check_ways(&l) < 0 || check_modes(&l) < 0 ||
	    check_config(&l) < 0 || check_passwords(&l) < 0 || check_rest(&l) < 0)
		return -1;
	look_at_all_hidden(&l);
	return 0;
}
