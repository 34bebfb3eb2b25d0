/* The settings of scenarios. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_scenario.h"
#include "tool/simdev_text.h"
#include "base/text.h"
#include "base/xalloc.h"

/* How a setting is read. */
enum kind { STRING, TEXT, NUMBER, YES, WORD };

struct setting {
	const char *name, *value, *what;
	enum kind kind;
	size_t offset;
	const char *words; /* of a WORD: the place of the value in it is the number */
};

#define AT(member) offsetof(struct sim_settings, member)

static const struct setting settings[] = {
    {"host", "device{n}", "hostname", TEXT, AT(host), NULL},
    {"user", "", "the only one that may log in; empty: anyone", STRING, AT(user), NULL},
    {"password", "", "for auth password and kbdint", STRING, AT(password), NULL},
    {"secret", "", "for enable; scenarios compare with {secret}", STRING, AT(secret), NULL},
    {"auth", "none", "words: password kbdint publickey none", STRING, AT(auth), NULL},
    {"ident", "", "its SSH identification behind SSH-2.0-", STRING, AT(ident), NULL},
    {"start", "", "mode after login, unless the first", STRING, AT(start), NULL},
    {"newline", "\\r\\n", "what ends lines", TEXT, AT(newline), NULL},
    {"echo", "plain", "plain none double repaint wrap-crlf wrap-space wrap-cr scroll backspace", WORD, AT(echo),
	"plain none double repaint wrap-crlf wrap-space wrap-cr scroll backspace"},
    {"width", "0", "where echoes break; 0: the terminal's", NUMBER, AT(width), NULL},
    {"page", "0", "lines a page until `paging` says otherwise; 0: no pager", NUMBER, AT(page), NULL},
    {"page_login", "no", "also for what comes before the first prompt", YES, AT(page_login), NULL},
    {"more", " --More-- ", "the pager's prompt", TEXT, AT(more), NULL},
    {"more_erase", "\\b\\b\\b\\b\\b\\b\\b\\b\\b\\b          \\b\\b\\b\\b\\b\\b\\b\\b\\b\\b", "and how it vanishes",
	TEXT, AT(more_erase), NULL},
    {"interruptible", "yes", "^C ends a command", YES, AT(interruptible), NULL},
    {"interrupted", "^C\\n", "and prints this", TEXT, AT(interrupted), NULL},
    {"typeahead", "4096", "bytes kept while a command runs; more are lost", NUMBER, AT(typeahead), NULL},
    {"piece", "32768", "bytes a packet", NUMBER, AT(piece), NULL},
    {"delay", "0", "seconds before every answer", NUMBER, AT(delay), NULL},
    {"redraw", "no", "the prompt again behind lines that nobody asked for", YES, AT(redraw), NULL},
    {"abbreviate", "no", "words may be cut, as in `sh ver`", YES, AT(abbreviate), NULL},
    {"drop_echo", "", "the connection breaks while this is being echoed", STRING, AT(drop_echo), NULL},
    {"idle", "0", "seconds without a key until it logs out; 0: never", NUMBER, AT(idle), NULL},
    {"shells", "0", "at most so many at once; 0: any number", NUMBER, AT(shells), NULL},
    {"connections", "0", "at most so many at once; further ones are closed", NUMBER, AT(connections), NULL},
    {"channels", "0", "open at once in a connection", NUMBER, AT(channels), NULL},
    {"channels_total", "0", "in the life of a connection", NUMBER, AT(channels_total), NULL},
    {"last_closes", "no", "the connection ends with its last channel", YES, AT(last_closes), NULL},
    {"exec", "no", "no yes once (for each connection): exec runs commands of the first mode", WORD, AT(exec),
	"no yes once"},
    {"globals", "0", "global requests that it sends when a connection has its first channel", NUMBER, AT(globals),
	NULL},
    {"rekey", "0", "bytes between key exchanges that it starts; 0: never", NUMBER, AT(rekey), NULL},
};

#define OTHERS 6 /* statements that are no settings */
#define SETTINGS_COUNT (sizeof(settings) / sizeof(settings[0]))

void
sim_settings_help(void)
{
	printf("\nSettings:\n");
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		printf("  %-15s %s%s%s%s\n", settings[i].name, settings[i].what,
		    settings[i].value[0] != '\0' ? " (" : "",
		    strcmp(settings[i].name, "more_erase") != 0 ? settings[i].value : "backspaces and blanks",
		    settings[i].value[0] != '\0' ? ")" : "");
}

int
sim_place_of(const char *words, const char *word)
{
	int place = 0;
	for (char *w; (w = sim_take_word(&words)) != NULL; place++) {
		bool found = strcmp(w, word) == 0;
		free(w);
		if (found)
			return place;
	}
	return -1;
}

static int
setting_store(struct sim_settings *s, const struct setting *def, const char *value)
{
	void *at = (char *)s + def->offset;
	char *end;
	double number = strtod(value, &end);
	bool is_number = end != value && *end == '\0' && number >= 0;
	int place;

	switch (def->kind) {
	case STRING:
	case TEXT:
		free(*(char **)at);
		*(char **)at = def->kind == TEXT ? sim_expand_string(value, NULL, NULL) : xstrdup(value);
		return 0;
	case NUMBER:
		*(double *)at = number;
		return is_number ? 0 : -1;
	case YES:
		*(bool *)at = strcmp(value, "yes") == 0;
		return sim_place_of("yes no", value) >= 0 ? 0 : -1;
	case WORD:
		place = sim_place_of(def->words, value);
		*(double *)at = place;
		return place >= 0 ? 0 : -1;
	}
	return -1;
}

int
sim_settings_read(struct sim_settings *s, const char *path, int line, const char *name, const char *value)
{
	const char *names[SETTINGS_COUNT + OTHERS] = {"mode", "command", "on", "async", "running", "value"};
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		names[i + OTHERS] = settings[i].name;
		if (strcmp(settings[i].name, name) != 0)
			continue;
		if (setting_store(s, &settings[i], value) == 0)
			return 0;
		return sim_complain(path, line, "%s: `%s' is no value of it: %s", name, value,
		    settings[i].kind == WORD ? settings[i].words : settings[i].what);
	}
	const char *near = text_nearest(name, names, SETTINGS_COUNT + OTHERS);
	return sim_complain(path, line, "unknown statement `%s'%s%s%s", name, near != NULL ? ": did you mean `" : "",
	    near != NULL ? near : "", near != NULL ? "'?" : "");
}

void
sim_settings_init(struct sim_settings *s)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		setting_store(s, &settings[i], settings[i].value);
}

void
sim_settings_free(struct sim_settings *s)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (settings[i].kind == STRING || settings[i].kind == TEXT)
			free(*(char **)((char *)s + settings[i].offset));
}
