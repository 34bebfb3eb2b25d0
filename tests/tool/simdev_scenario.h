/*
 * What a simulated device is: a scenario file, read once and never changed.  Its language is described at the top of
 * simdev_scenario.c.
 */
#ifndef SIMDEV_SCENARIO_H
#define SIMDEV_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define SIM_DEPTH 8                       /* of blocks inside each other */
#define SIM_TEXT_MAX (64u * 1024u * 1024) /* of anything that a scenario makes in memory */

enum sim_op {
	SIM_TEXT,
	SIM_LINES,
	SIM_BYTES,
	SIM_DELAY,
	SIM_DRIP,
	SIM_WAIT,
	SIM_ASK,
	SIM_HIDDEN,
	SIM_KEY,
	SIM_MODE,
	SIM_SET,
	SIM_LET,
	SIM_PAGING,
	SIM_ADD,
	SIM_DELETE,
	SIM_COPY,
	SIM_CLEAR,
	SIM_LOCK,
	SIM_UNLOCK,
	SIM_EVENT,
	SIM_ASYNC,
	SIM_BROADCAST,
	SIM_CLOSE,
	SIM_DROP,
	SIM_DOWN,
	SIM_STATUS,
	SIM_IF,
	SIM_ELSE,
	SIM_REPEAT,
	SIM_AGAIN, /* the end of a repeat's body; not written by anybody */
	SIM_STOP
};

struct sim_step {
	enum sim_op op;
	int line, depth;
	char *words[2]; /* templates, as the rest: see simdev_text.h */
	char *text;     /* "" when there is none */
	size_t next;    /* IF: where it goes on when false; ELSE, AGAIN: where it goes on; REPEAT: behind its body */
};

struct sim_script {
	struct sim_step *steps;
	size_t count;
};

struct sim_mode {
	char *name, *prompt;
	int line;
};

struct sim_command {
	char *modes;  /* NAME[,NAME...], each may end in `*` */
	char **words; /* patterns; NULL at the end.  Empty for hooks */
	char *hook;   /* of an `on` statement: its event */
	struct sim_script script;
	int line;
};

struct sim_async {
	enum { SIM_ASYNC_AT, SIM_ASYNC_EVERY, SIM_ASYNC_IDLE } when;
	double seconds;
	char *text;
};

enum sim_echo {
	SIM_ECHO_PLAIN,
	SIM_ECHO_NONE,
	SIM_ECHO_DOUBLE,     /* the line, then prompt and line again below */
	SIM_ECHO_REPAINT,    /* prompt and line again for every character */
	SIM_ECHO_WRAP_CRLF,  /* broken at the width by CR LF */
	SIM_ECHO_WRAP_SPACE, /* ... by a blank and a backspace */
	SIM_ECHO_WRAP_CR,    /* ... by the next character, CR, and it again */
	SIM_ECHO_SCROLL,     /* moved to the left behind a `$` at the width */
	SIM_ECHO_BACKSPACE   /* a blank and a backspace behind every character */
};

enum sim_exec { SIM_EXEC_NO, SIM_EXEC_YES, SIM_EXEC_ONCE };

/* One member a setting; the table in simdev_settings.c says the rest. */
struct sim_settings {
	char *host, *user, *password, *secret, *auth, *start, *ident;
	char *newline, *more, *more_erase, *interrupted, *drop_echo;
	double echo, exec;
	double page, width, typeahead, piece, delay, idle, rekey, globals;
	double shells, channels, channels_total, connections;
	bool page_login, interruptible, redraw, abbreviate, last_closes;
};

struct sim_value {
	char *name, *text;
};

struct sim_scenario {
	char *path;
	struct sim_settings settings;
	struct sim_mode *modes;
	size_t modes_count;
	struct sim_command *commands; /* hooks among them */
	size_t commands_count;
	struct sim_async *asyncs;
	size_t asyncs_count;
	struct sim_value *values; /* that devices begin with */
	size_t values_count;
	char **running; /* lines of the configuration that it begins with: templates */
	size_t running_count;
};

/* Reads a file and then `SETTING=VALUE` overrides; NULL with a message on standard error when it cannot be. */
struct sim_scenario *sim_scenario_load(const char *path, char *const *overrides, size_t overrides_count);
void sim_scenario_free(struct sim_scenario *s);
/* The description of the language, for --help. */
void sim_scenario_help(void);

const struct sim_mode *sim_scenario_mode(const struct sim_scenario *s, const char *name);
/* The hook for an event in a mode, or NULL. */
const struct sim_script *sim_scenario_hook(const struct sim_scenario *s, const char *event, const char *mode);

/* What a command's pattern words took, by their names. */
struct sim_capture {
	char name[32];
	char *value; /* free(3) */
};

#define SIM_CAPTURES 8

/* The first command of this mode that fits the line, or NULL; fills captures (the rest of them has value NULL). */
const struct sim_command *sim_scenario_command(
    const struct sim_scenario *s, const char *mode, const char *line, struct sim_capture captures[SIM_CAPTURES]);

/* One line of a file that is being read. */
struct sim_line {
	char *text; /* without its indentation */
	int indent, number;
};

/* Compiles the lines from *at on that are indented deeper than `above`; 0, or -1 after a message. */
int sim_script_compile(
    struct sim_script *script, const char *path, const struct sim_line *lines, size_t count, size_t *at, int above);
void sim_script_free(struct sim_script *script);
/* Whether all modes and lists that it names exist; a message when not. */
bool sim_script_check(const struct sim_script *script, const struct sim_scenario *s);

/* Settings: defaults, one of them from its text (0, or -1 after a message), the end, their description. */
void sim_settings_init(struct sim_settings *s);
int sim_settings_read(struct sim_settings *s, const char *path, int line, const char *name, const char *value);
void sim_settings_free(struct sim_settings *s);
void sim_settings_help(void);

/* The place of a word in a list of words, or -1. */
int sim_place_of(const char *words, const char *word);
/* Prints "PATH:LINE: ..." to standard error; returns -1. */
int sim_complain(const char *path, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
