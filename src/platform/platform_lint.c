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

/* Where a key stands, or the beginning when it came from a base. */
static const struct yamldoc_node *
where(const struct lint *l, const char *key)
{
	const struct yamldoc_node *node = yamldoc_get(l->doc->root, key);

	return node != NULL ? node : l->doc->root;
}

const struct yamldoc_node *
platform_lint_where_mode(const struct lint *l, const struct platform_mode *mode)
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
#define fail_mode(l, mode, ...) fail((l), platform_lint_where_mode((l), (mode)), __VA_ARGS__)

void
platform_lint_warn(const struct lint *l, const struct yamldoc_node *node, const char *fmt, ...)
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
			return unknown_mode(l, platform_lint_where_mode(l, mode), "parent", mode->parent_name);
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
		platform_lint_warn(l, where(l, "config"),
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
		platform_lint_warn(l, l->doc->root, "no `config`: npexec -c will be refused");
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
			platform_lint_warn(l, node,
			    "a question with a hidden answer also matches `%s`: begin it with `\\A`", lines[k]);
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
				look_at_hidden(l, platform_lint_where_mode(l, mode), &steps[k]->questions);
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
		platform_lint_warn(l, l->doc->root, "no `errors`: rejected commands will look successful");
	if (p->passwords.count == 0)
		platform_lint_warn(l, l->doc->root,
		    "no `passwords`: passwords and secrets are never typed, and questions for them are not known as "
		    "such");
	if (p->logout.count == 0)
		platform_lint_warn(l, l->doc->root,
		    "no `logout`: shells are closed without a word, which some devices keep as a used line");
	if (p->sentinel == NULL)
		platform_lint_warn(l, l->doc->root,
		    "no `sentinel`: shells cannot be proven after an interrupt and are closed instead");
	return 0;
}

int
platform_lint(struct platform *p, const struct yamldoc *doc, struct np_error *err)
{
	struct lint l = {p, doc, err};

	if (check_name(&l) < 0 || resolve_modes(&l) < 0 || check_ways(&l) < 0 || platform_lint_samples(&l) < 0 ||
	    check_config(&l) < 0 || check_passwords(&l) < 0 || check_rest(&l) < 0)
		return -1;
	look_at_all_hidden(&l);
	return 0;
}
