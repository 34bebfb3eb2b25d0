/* Which command of a scenario a line is. */
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_scenario.h"
#include "tool/simdev_text.h"
#include "base/xalloc.h"

const struct sim_mode *
sim_scenario_mode(const struct sim_scenario *s, const char *name)
{
	for (size_t i = 0; i < s->modes_count; i++)
		if (strcmp(s->modes[i].name, name) == 0)
			return &s->modes[i];
	return NULL;
}

const struct sim_script *
sim_scenario_hook(const struct sim_scenario *s, const char *event, const char *mode)
{
	for (size_t i = 0; i < s->commands_count; i++) {
		const struct sim_command *c = &s->commands[i];
		if (c->hook != NULL && strcmp(c->hook, event) == 0 && sim_in_list(c->modes, mode))
			return &c->script;
	}
	return NULL;
}

/* One of `show|sh`; with abbreviate also its beginning.  A bar alone stands for itself, as in `show | compare`. */
static bool
literal_fits(const char *pattern, const char *word, bool abbreviate)
{
	size_t size = strlen(word);
	if (strcmp(pattern, "|") == 0)
		return strcmp(word, "|") == 0;
	while (*pattern != '\0') {
		size_t n = strcspn(pattern, "|");
		if (strncmp(pattern, word, size) == 0 && (size == n || (abbreviate && size < n)))
			return true;
		pattern += n;
		pattern += *pattern == '|' ? 1 : 0;
	}
	return false;
}

static void
capture_add(struct sim_capture captures[SIM_CAPTURES], const char *name, size_t size, const char *value)
{
	for (int i = 0; i < SIM_CAPTURES; i++) {
		if (captures[i].value != NULL || size >= sizeof(captures[i].name))
			continue;
		memcpy(captures[i].name, name, size);
		captures[i].name[size] = '\0';
		captures[i].value = xstrdup(value);
		return;
	}
}

static bool
words_fit(char *const *pattern, const char *line, bool abbreviate, struct sim_capture captures[SIM_CAPTURES])
{
	const char *rest = line + strspn(line, " \t");
	for (; *pattern != NULL; pattern++) {
		const char *p = *pattern;
		size_t size = strlen(p);
		bool some = size > 4 && strcmp(p + size - 4, "...>") == 0,
		     any = size > 2 && strcmp(p + size - 2, "*>") == 0;
		if (p[0] == '<' && (some || any)) {
			capture_add(captures, p + 1, size - (some ? 5 : 3), rest);
			return any || *rest != '\0';
		}
		char *word = sim_take_word(&rest);
		if (word == NULL)
			return false;
		bool fits = p[0] == '<' || literal_fits(p, word, abbreviate);
		if (fits && p[0] == '<')
			capture_add(captures, p + 1, size - 2, word);
		free(word);
		if (!fits)
			return false;
	}
	return *rest == '\0';
}

const struct sim_command *
sim_scenario_command(
    const struct sim_scenario *s, const char *mode, const char *line, struct sim_capture captures[SIM_CAPTURES])
{
	memset(captures, 0, SIM_CAPTURES * sizeof(captures[0]));
	for (size_t i = 0; i < s->commands_count; i++) {
		const struct sim_command *c = &s->commands[i];
		if (c->hook != NULL || !sim_in_list(c->modes, mode))
			continue;
		if (words_fit(c->words, line, s->settings.abbreviate, captures))
			return c;
		for (int k = 0; k < SIM_CAPTURES; k++)
			free(captures[k].value);
		memset(captures, 0, SIM_CAPTURES * sizeof(captures[0]));
	}
	return NULL;
}
