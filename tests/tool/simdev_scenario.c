/* Scenario files: their language, below, and how they are read. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_scenario.h"
#include "tool/simdev_text.h"
#include "base/text.h"
#include "base/xalloc.h"

static const char help[] =
    "A scenario says what the interactive shell of a device does.  One statement a line; a line that begins with `#` "
    "is\n"
    "a comment; what is indented below a statement is its body.\n"
    "\n"
    "  SETTING VALUE            see below; --set SETTING=VALUE has the last word\n"
    "  mode NAME PROMPT         a mode and its prompt; the first is the one after login\n"
    "  command MODES PATTERN    a command of these modes (NAME,NAME or `config*` or `*`).  The first that fits is "
    "taken.\n"
    "                           Words of a pattern: `show`, `int|interface`, <name> (one word), <rest...> (the "
    "others,\n"
    "                           at least one), <rest*> (any number)\n"
    "  on EVENT MODES           events: shell (before the first prompt), unknown (no command fits), empty (an empty "
    "line),\n"
    "                           idle (before it logs out), refused (too many shells), ^C ^D ^Z (that key at a prompt)\n"
    "  value NAME TEXT          a value of the device from its beginning; --set NAME=TEXT too\n"
    "  running TEXT             a line of the configuration that it begins with, running and saved\n"
    "  async at|every|idle SECONDS TEXT    a line that nobody asked for: once, again and again, or so long after a "
    "prompt\n"
    "\n"
    "Texts know \\n (as the device ends lines) \\r \\t \\b \\e \\a \\0 \\s (a blank) \\xHH \\\\, at the end \\c (no "
    "newline),\n"
    "and {NAME} or {NAME:WIDTH} (cut to WIDTH): what a pattern took, `let` or `set` gave, or: host user password "
    "secret n\n"
    "(number of the device, from 1) addr line caret (a `^` below the line) answer mode count (of commands) running "
    "startup\n"
    "candidate (configurations) dirty (`*` unless saved) staged (`*` when the candidate differs) lock (who has it, or\n"
    "nothing) mine (who has it, if it is this shell) i (in `lines`).\n"
    "\n"
    "Bodies:\n"
    "  | TEXT                   one line of output\n"
    "  lines N [TEXT]           N lines; {i} counts\n"
    "  bytes N[k|M]             so many bytes, in numbered lines\n"
    "  delay SECONDS            what came before has been sent\n"
    "  drip BYTES SECONDS       from here on so many bytes each time, until the next prompt\n"
    "  wait WORD                until the control file says `go WORD`\n"
    "  ask TEXT | hidden TEXT   a question; the answer is {answer}, and not echoed when hidden\n"
    "  key TEXT                 the same for a single key; Enter is an empty answer\n"
    "  if A == B | A != B | A ~ REGEX    A is one word; its body, and that of `else`\n"
    "  repeat N                 its body N times\n"
    "  stop                     the end of this body and all around it\n"
    "  mode NAME\n"
    "  set NAME TEXT | let NAME TEXT     a value of the device | of this shell\n"
    "  paging N                 lines a page; 0: no pager\n"
    "  add LIST TEXT | delete LIST TEXT | copy LIST LIST | clear LIST\n"
    "                           LIST is running, startup or candidate, which begins as a copy of running.  A line "
    "that\n"
    "                           begins with a blank belongs below the line {context}; delete takes all that begins so\n"
    "  lock | unlock            the candidate; when a shell that has the lock ends, the candidate is lost\n"
    "  event TEXT               into the events file\n"
    "  async WHEN TEXT          a line by the device itself: echo (before the next echo), prompt (right behind the "
    "next\n"
    "                           prompt), split (in the middle of it), or so many seconds behind it\n"
    "  broadcast TEXT           such a line at once, on all other shells of the device\n"
    "  close | drop | down SECONDS    ends the shell | the TCP connection | and takes no other for so long\n"
    "  status N                 exit status of close, and of exec\n"
    "\n"
    "The events file names the device by its address: connect PORT ADDR, auth METHOD USER ok|bad PORT, login ADDR "
    "USER,\n"
    "shell ADDR N, refused ADDR, line ADDR TEXT, answer ADDR TEXT, hidden ADDR TEXT (an answer not echoed), key ADDR "
    "^C,\n"
    "interrupt ADDR (^C while a command ran), lost ADDR type-ahead, more ADDR, pager ADDR space|enter|quit|KEY,\n"
    "async ADDR (a line that nobody asked for), waits ADDR WORD, event ADDR TEXT, add|delete ADDR LIST TEXT, copy ADDR "
    "FROM TO, clear ADDR candidate,\n"
    "lock|unlock ADDR N, idle ADDR, hangup ADDR N, channel refused ADDR, turned away ADDR, disconnect PORT ADDR.\n";

void
sim_scenario_help(void)
{
	fputs(help, stdout);
	sim_settings_help();
}

int
sim_complain(const char *path, int line, const char *fmt, ...)
{
	va_list ap;
	fprintf(stderr, "%s:%d: ", path, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

/* ---- statements ---- */

static int
read_mode(struct sim_scenario *s, const struct sim_line *line, const char *rest)
{
	char *name = sim_take_word(&rest);
	if (name == NULL || *rest == '\0' || sim_scenario_mode(s, name) != NULL) {
		free(name);
		return sim_complain(s->path, line->number, "mode: a new name and a prompt are needed");
	}
	s->modes = xreallocarray(s->modes, s->modes_count + 1, sizeof(*s->modes));
	s->modes[s->modes_count++] = (struct sim_mode){.name = name, .prompt = xstrdup(rest), .line = line->number};
	return 0;
}

static struct sim_command *
new_command(struct sim_scenario *s, int line, const char **rest)
{
	s->commands = xreallocarray(s->commands, s->commands_count + 1, sizeof(*s->commands));
	struct sim_command *c = &s->commands[s->commands_count++];
	*c = (struct sim_command){.modes = sim_take_word(rest), .line = line};
	return c;
}

static int
read_command(struct sim_scenario *s, const struct sim_line *line, const char *rest)
{
	struct sim_command *c = new_command(s, line->number, &rest);
	size_t count = 0;
	do {
		c->words = xreallocarray(c->words, count + 1, sizeof(*c->words));
		c->words[count] = sim_take_word(&rest);
	} while (c->words[count++] != NULL);
	if (count == 1)
		return sim_complain(s->path, line->number, "command: modes and a pattern are needed");
	return 0;
}

static int
read_hook(struct sim_scenario *s, const struct sim_line *line, const char *rest)
{
	char *event = sim_take_word(&rest);
	struct sim_command *c = new_command(s, line->number, &rest);
	c->hook = event;
	if (event == NULL || sim_place_of("shell unknown empty idle refused ^C ^D ^Z", event) < 0)
		return sim_complain(s->path, line->number, "on: shell, unknown, empty, idle, refused, ^C, ^D or ^Z");
	if (c->modes == NULL)
		c->modes = xstrdup("*");
	return 0;
}

static int
read_async(struct sim_scenario *s, const struct sim_line *line, const char *rest)
{
	char *when = sim_take_word(&rest), *seconds = sim_take_word(&rest);
	int place = when != NULL ? sim_place_of("at every idle", when) : -1;
	double number = seconds != NULL ? strtod(seconds, NULL) : 0;
	free(when);
	free(seconds);
	if (place < 0 || number <= 0 || *rest == '\0')
		return sim_complain(s->path, line->number, "async: at, every or idle, then seconds and a text");
	s->asyncs = xreallocarray(s->asyncs, s->asyncs_count + 1, sizeof(*s->asyncs));
	struct sim_async *a = &s->asyncs[s->asyncs_count++];
	a->when = place == 0 ? SIM_ASYNC_AT : place == 1 ? SIM_ASYNC_EVERY : SIM_ASYNC_IDLE;
	a->seconds = number;
	a->text = xstrdup(rest);
	return 0;
}

static struct sim_value *
value_find(const struct sim_scenario *s, const char *name)
{
	for (size_t i = 0; i < s->values_count; i++)
		if (strcmp(s->values[i].name, name) == 0)
			return &s->values[i];
	return NULL;
}

/* The last one has the word, as with settings. */
static int
read_value(struct sim_scenario *s, const struct sim_line *line, const char *rest)
{
	char *name = sim_take_word(&rest);
	if (name == NULL)
		return sim_complain(s->path, line->number, "value: a name is needed");
	struct sim_value *v = value_find(s, name);
	if (v == NULL) {
		s->values = xreallocarray(s->values, s->values_count + 1, sizeof(*s->values));
		v = &s->values[s->values_count++];
		*v = (struct sim_value){.name = xstrdup(name)};
	}
	free(name);
	free(v->text);
	v->text = sim_expand_string(rest, NULL, NULL);
	return 0;
}

static int
read_running(struct sim_scenario *s, const struct sim_line *line)
{
	const char *text = line->text + strlen("running");
	s->running = xreallocarray(s->running, s->running_count + 1, sizeof(*s->running));
	s->running[s->running_count++] = xstrdup(*text == ' ' ? text + 1 : text);
	return 0;
}

/* One statement with its body. */
static int
read_statement(struct sim_scenario *s, const struct sim_line *lines, size_t count, size_t *at)
{
	const struct sim_line *line = &lines[(*at)++];
	const char *rest = line->text;
	char *word = sim_take_word(&rest);
	int rc;

	if (line->indent > 0)
		rc = sim_complain(s->path, line->number, "indented, but there is no statement above that has a body");
	else if (strcmp(word, "mode") == 0)
		rc = read_mode(s, line, rest);
	else if (strcmp(word, "async") == 0)
		rc = read_async(s, line, rest);
	else if (strcmp(word, "running") == 0)
		rc = read_running(s, line);
	else if (strcmp(word, "value") == 0)
		rc = read_value(s, line, rest);
	else if (strcmp(word, "command") == 0 || strcmp(word, "on") == 0) {
		rc = word[0] == 'c' ? read_command(s, line, rest) : read_hook(s, line, rest);
		if (rc == 0)
			rc = sim_script_compile(
			    &s->commands[s->commands_count - 1].script, s->path, lines, count, at, 0);
	} else
		rc = sim_settings_read(&s->settings, s->path, line->number, word, rest);
	free(word);
	return rc;
}

/* Whether what is named exists. */
static int
check(const struct sim_scenario *s)
{
	int rc = 0;
	if (s->modes_count == 0)
		return sim_complain(s->path, 1, "no mode: what is the prompt?");
	if (s->settings.start[0] != '\0' && sim_scenario_mode(s, s->settings.start) == NULL)
		return sim_complain(s->path, 1, "start: there is no mode `%s'", s->settings.start);
	for (size_t i = 0; i < s->commands_count; i++) {
		const struct sim_command *c = &s->commands[i];
		bool used = false;
		for (size_t m = 0; m < s->modes_count; m++)
			used |= sim_in_list(c->modes, s->modes[m].name);
		if (!used)
			rc = sim_complain(s->path, c->line, "there is no mode `%s'", c->modes);
		if (!sim_script_check(&c->script, s))
			rc = -1;
	}
	return rc;
}

/* ---- files ---- */

static void
add_line(struct sim_line **lines, size_t *count, const char *text, int number)
{
	int indent = 0;
	for (; *text == ' ' || *text == '\t'; text++)
		indent = *text == '\t' ? indent / 8 * 8 + 8 : indent + 1;
	if (*text == '#' || *text == '\0')
		return;
	*lines = xreallocarray(*lines, *count + 1, sizeof(**lines));
	(*lines)[(*count)++] = (struct sim_line){.text = xstrdup(text), .indent = indent, .number = number};
}

/* -1: errno says why. */
static int
read_lines(const char *path, struct sim_line **lines, size_t *count)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	if (f == NULL)
		return -1;
	for (int number = 1; (n = getline(&text, &size, f)) >= 0; number++) {
		while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
			text[--n] = '\0';
		add_line(lines, count, text, number);
	}
	free(text);
	fclose(f);
	return 0;
}

static int
override(struct sim_scenario *s, const char *text)
{
	const char *value = strchr(text, '=');
	if (value == NULL)
		return sim_complain("--set", 1, "%s: SETTING=VALUE is needed", text);
	char *name = xstrndup(text, (size_t)(value - text));
	struct sim_value *v = value_find(s, name);
	int rc = 0;
	if (v != NULL) {
		free(v->text);
		v->text = sim_expand_string(value + 1, NULL, NULL);
	} else
		rc = sim_settings_read(&s->settings, "--set", 1, name, value + 1);
	free(name);
	return rc;
}

struct sim_scenario *
sim_scenario_load(const char *path, char *const *overrides, size_t overrides_count)
{
	struct sim_scenario *s = xcalloc(1, sizeof(*s));
	struct sim_line *lines = NULL;
	size_t count = 0, at = 0;
	int rc = 0;

	s->path = xstrdup(path);
	sim_settings_init(&s->settings);
	if (read_lines(path, &lines, &count) < 0)
		rc = sim_complain(path, 0, "%s", strerror(errno));
	while (rc == 0 && at < count)
		rc = read_statement(s, lines, count, &at);
	for (size_t i = 0; rc == 0 && i < overrides_count; i++)
		rc = override(s, overrides[i]);
	if (rc == 0)
		rc = check(s);
	for (size_t i = 0; i < count; i++)
		free(lines[i].text);
	free(lines);
	if (rc == 0)
		return s;
	sim_scenario_free(s);
	return NULL;
}

void
sim_scenario_free(struct sim_scenario *s)
{
	if (s == NULL)
		return;
	sim_settings_free(&s->settings);
	for (size_t i = 0; i < s->modes_count; i++) {
		free(s->modes[i].name);
		free(s->modes[i].prompt);
	}
	for (size_t i = 0; i < s->commands_count; i++) {
		struct sim_command *c = &s->commands[i];
		for (char **w = c->words; w != NULL && *w != NULL; w++)
			free(*w);
		free(c->words);
		free(c->modes);
		free(c->hook);
		sim_script_free(&c->script);
	}
	for (size_t i = 0; i < s->asyncs_count; i++)
		free(s->asyncs[i].text);
	for (size_t i = 0; i < s->values_count; i++) {
		free(s->values[i].name);
		free(s->values[i].text);
	}
	free(s->values);
	for (size_t i = 0; i < s->running_count; i++)
		free(s->running[i]);
	free(s->running);
	free(s->modes);
	free(s->commands);
	free(s->asyncs);
	free(s->path);
	free(s);
}
