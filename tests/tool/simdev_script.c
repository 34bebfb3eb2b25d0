/* Bodies of scenarios: from indented lines to steps with jumps. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_scenario.h"
#include "tool/simdev_text.h"
#include "base/xalloc.h"

/* What belongs to a step: so many words, each also a number when so said, and then a text. */
struct form {
	const char *name;
	enum sim_op op;
	int words;
	const char *numbers; /* `n` in the place of a word that is a number */
	enum { NO_TEXT, MAY_TEXT, MUST_TEXT } text;
};

static const struct form forms[] = {
    {"|", SIM_TEXT, 0, "", MAY_TEXT},
    {"lines", SIM_LINES, 1, "n", MAY_TEXT},
    {"bytes", SIM_BYTES, 1, "n", NO_TEXT},
    {"delay", SIM_DELAY, 1, "n", NO_TEXT},
    {"drip", SIM_DRIP, 2, "nn", NO_TEXT},
    {"wait", SIM_WAIT, 1, "-", NO_TEXT},
    {"ask", SIM_ASK, 0, "", MUST_TEXT},
    {"hidden", SIM_HIDDEN, 0, "", MUST_TEXT},
    {"key", SIM_KEY, 0, "", MAY_TEXT},
    {"mode", SIM_MODE, 1, "-", NO_TEXT},
    {"set", SIM_SET, 1, "-", MAY_TEXT},
    {"let", SIM_LET, 1, "-", MAY_TEXT},
    {"paging", SIM_PAGING, 1, "n", NO_TEXT},
    {"add", SIM_ADD, 1, "l", MUST_TEXT},
    {"delete", SIM_DELETE, 1, "l", MUST_TEXT},
    {"copy", SIM_COPY, 2, "ll", NO_TEXT},
    {"clear", SIM_CLEAR, 1, "l", NO_TEXT},
    {"lock", SIM_LOCK, 0, "", NO_TEXT},
    {"unlock", SIM_UNLOCK, 0, "", NO_TEXT},
    {"event", SIM_EVENT, 0, "", MUST_TEXT},
    {"async", SIM_ASYNC, 1, "-", MUST_TEXT},
    {"broadcast", SIM_BROADCAST, 0, "", MUST_TEXT},
    {"close", SIM_CLOSE, 0, "", NO_TEXT},
    {"drop", SIM_DROP, 0, "", NO_TEXT},
    {"down", SIM_DOWN, 1, "n", NO_TEXT},
    {"status", SIM_STATUS, 1, "n", NO_TEXT},
    {"if", SIM_IF, 2, "--", MAY_TEXT},
    {"else", SIM_ELSE, 0, "", NO_TEXT},
    {"repeat", SIM_REPEAT, 1, "n", NO_TEXT},
    {"stop", SIM_STOP, 0, "", NO_TEXT},
};

/* What is being compiled. */
struct compiler {
	struct sim_script *script;
	const char *path;
	const struct sim_line *lines;
	size_t count, at;
};

static const struct form *
form_of(const char *name)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return NULL;
}

static struct sim_step *
step_add(struct sim_script *script, enum sim_op op, int line, int depth)
{
	script->steps = xreallocarray(script->steps, script->count + 1, sizeof(*script->steps));
	struct sim_step *step = &script->steps[script->count++];
	*step = (struct sim_step){.op = op, .line = line, .depth = depth};
	return step;
}

/* Whether a word may stand there; what holds values in braces is known only later. */
static bool
word_fits(char what, const char *word)
{
	char *end;
	if (strchr(word, '{') != NULL || what == '-')
		return true;
	if (what == 'l')
		return sim_in_list("running,startup,candidate", word);
	strtod(word, &end);
	return end != word && (*end == '\0' || strcmp(end, "k") == 0 || strcmp(end, "M") == 0);
}

static int
regex_check(const char *path, const struct sim_step *step)
{
	regex_t re;
	/* Values in braces are known only later. */
	if (step->op != SIM_IF || strcmp(step->words[1], "~") != 0 || strchr(step->text, '{') != NULL)
		return 0;
	if (regcomp(&re, step->text, REG_EXTENDED | REG_NOSUB) != 0)
		return sim_complain(path, step->line, "`%s' is no extended regular expression", step->text);
	regfree(&re);
	return 0;
}

/* Reads one line's words and text into a new step. */
static int
step_read(struct compiler *c, const struct sim_line *line, int depth)
{
	const char *rest = line->text;
	char *name = sim_take_word(&rest);
	const struct form *form = form_of(name);
	if (form == NULL)
		sim_complain(c->path, line->number, "`%s' does nothing", name);
	free(name);
	if (form == NULL)
		return -1;
	struct sim_step *step = step_add(c->script, form->op, line->number, depth);
	/* The blanks of output count: only the first belongs to the statement. */
	if (form->op == SIM_TEXT)
		rest = line->text + (line->text[1] == ' ' ? 2 : 1);
	for (int i = 0; i < form->words; i++) {
		step->words[i] = sim_take_word(&rest);
		if (step->words[i] == NULL || !word_fits(form->numbers[i], step->words[i]))
			return sim_complain(
			    c->path, line->number, "%s: argument %d is missing or wrong", form->name, i + 1);
	}
	step->text = xstrdup(rest);
	if (form->op == SIM_IF && !sim_in_list("==,!=,~", step->words[1]))
		return sim_complain(c->path, line->number, "if: ==, != or ~ must stand behind the first word");
	if ((form->text == NO_TEXT && *rest != '\0') || (form->text == MUST_TEXT && *rest == '\0'))
		return sim_complain(c->path, line->number, "%s: %s", form->name,
		    *rest != '\0' ? "too many arguments" : "a text is needed");
	return regex_check(c->path, step);
}

static int block_read(struct compiler *c, int above, int depth);

/* The bodies of the step just read. */
static int
bodies_read(struct compiler *c, const struct sim_line *line, int depth)
{
	size_t here = c->script->count - 1;
	struct sim_script *script = c->script;

	if (block_read(c, line->indent, depth + 1) < 0)
		return -1;
	if (script->steps[here].op == SIM_REPEAT) {
		step_add(script, SIM_AGAIN, line->number, depth)->next = here;
		script->steps[here].next = script->count;
		return 0;
	}
	script->steps[here].next = script->count;
	if (c->at < c->count && c->lines[c->at].indent == line->indent && strcmp(c->lines[c->at].text, "else") == 0) {
		size_t other = script->count;
		step_add(script, SIM_ELSE, c->lines[c->at].number, depth);
		script->steps[here].next = script->count;
		c->at++;
		if (block_read(c, line->indent, depth + 1) < 0)
			return -1;
		script->steps[other].next = script->count;
	}
	return 0;
}

/* The lines that are indented deeper than above. */
static int
block_read(struct compiler *c, int above, int depth)
{
	int indent = c->at < c->count ? c->lines[c->at].indent : 0;
	if (depth > SIM_DEPTH)
		return sim_complain(c->path, c->lines[c->at - 1].number, "too many blocks inside each other");
	while (c->at < c->count && c->lines[c->at].indent > above) {
		const struct sim_line *line = &c->lines[c->at++];
		if (line->indent != indent)
			return sim_complain(c->path, line->number, "not indented as the lines above");
		if (strcmp(line->text, "else") == 0)
			return sim_complain(c->path, line->number, "else without if");
		if (step_read(c, line, depth) < 0)
			return -1;
		enum sim_op op = c->script->steps[c->script->count - 1].op;
		if ((op == SIM_IF || op == SIM_REPEAT) && bodies_read(c, line, depth) < 0)
			return -1;
	}
	return 0;
}

int
sim_script_compile(
    struct sim_script *script, const char *path, const struct sim_line *lines, size_t count, size_t *at, int above)
{
	struct compiler c = {.script = script, .path = path, .lines = lines, .count = count, .at = *at};
	int rc = block_read(&c, above, 0);
	*at = c.at;
	return rc;
}

void
sim_script_free(struct sim_script *script)
{
	for (size_t i = 0; i < script->count; i++) {
		free(script->steps[i].words[0]);
		free(script->steps[i].words[1]);
		free(script->steps[i].text);
	}
	free(script->steps);
	*script = (struct sim_script){0};
}

bool
sim_script_check(const struct sim_script *script, const struct sim_scenario *s)
{
	bool good = true;
	for (size_t i = 0; i < script->count; i++) {
		const struct sim_step *step = &script->steps[i];
		if (step->op != SIM_MODE || strchr(step->words[0], '{') != NULL)
			continue;
		if (sim_scenario_mode(s, step->words[0]) == NULL) {
			sim_complain(s->path, step->line, "there is no mode `%s'", step->words[0]);
			good = false;
		}
	}
	return good;
}
