/*
 * The command line of npexec, parsed; nothing is connected or read here but the files of -f.
 */
#ifndef NP_EXEC_OPTIONS_H
#define NP_EXEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/strings.h"
#include "lib/npoption.h"

enum npexec_mode {
	NPEXEC_COMMAND, /* the arguments: one command */
	NPEXEC_LIST,    /* -e and -f: several, in one request */
	NPEXEC_INPUT,   /* standard input: for the login shell, or NPEXEC_LINES when the broker says so */
	NPEXEC_LINES,   /* standard input: one command a line, each a request */
	NPEXEC_SHELL,   /* the login shell */
	NPEXEC_CONFIG   /* -c: configuration lines */
};

#define NPEXEC_PARALLEL 32 /* requests at once, of several devices, without -P */
#define NPEXEC_PARALLEL_MAX 1000
#define NPEXEC_WINDOW (128 * 1024)                 /* output of one of several devices that may be on its way */
#define NPEXEC_TEXT_MAX ((size_t)16 * 1024 * 1024) /* of configuration lines: what the broker takes */

/* An argument of -e or -f. */
struct npexec_source {
	char option;
	const char *arg;
};

struct npexec_options {
	enum npexec_mode mode;
	const char *device;
	bool several;           /* device stands for several, or their output is gathered */
	unsigned long parallel; /* requests at once */
	char *command;          /* NPEXEC_COMMAND, NPEXEC_CONFIG: the arguments joined by spaces */
	char **commands;        /* NPEXEC_LIST */
	size_t commands_count;
	struct npexec_source *sources;
	size_t sources_count;
	struct buf text; /* NPEXEC_CONFIG: all lines, each with its newline */
	unsigned long confirm_minutes;
	cJSON *overrides; /* each NULL when not used */
	cJSON *env;
	cJSON *answers;
	const char *socket;
	const char *connect;                         /* -W: NPEXEC_COMMAND is no command, but a connection from there */
	struct strings key_files, certificate_files; /* as an ssh is told of them */
	struct strings missing_keys;                 /* left out, people are told */
	char *ignored;                               /* patterns of words that are none of ssh's: IgnoreUnknown */
	double timeout, idle_timeout;                /* seconds; negative: not given */
	int tty;                                     /* -1: -T; 1: -t; 2: -tt */
	bool want_pty;                               /* what follows from tty and from standard input */
	bool pty_refused;                            /* -t without a terminal: people are told */
	bool json, no_stdin, subsystem, quiet, verbose, no_start, gather, config;
	uint32_t words;    /* of ssh, whose first value counts: which were said */
	bool batch;        /* nobody is asked */
	bool no_escape;    /* ~ is a key like any other */
	bool env_optional; /* where there is no environment, env is left out */
	bool show;         /* -G */
	uint64_t given;    /* the rows of all; of options that only say yes there is no more: npexec_flag() */
};

/* What the options mean depends on it; tests say it themselves. */
struct npexec_world {
	bool stdin_is_tty;
	bool stdin_has_data; /* it is a pipe, a file or a socket */
	bool stdin_is_null;  /* /dev/null: empty for ever */
};
void npexec_world_look(struct npexec_world *world);

/* Fills *o; npexec_options_finish() frees it whatever the result. */
enum npoption_parsed npexec_options_parse(int argc, char **argv, const struct npexec_world *world,
    struct npexec_options *o, struct np_error *err) NP_MUST_CHECK;
/* The last part of it: mode, want_pty, pty_refused. */
int npexec_mode_decide(struct npexec_options *o, const struct npexec_world *world, struct np_error *err) NP_MUST_CHECK;
void npexec_options_finish(struct npexec_options *o);
/* Whether the option was given that says yes to this param. */
bool npexec_flag(const struct npexec_options *o, const char *param);
/* The params of all that were given, one by one: *next begins with 0; NULL: no more. */
const char *npexec_next_flag(const struct npexec_options *o, size_t *next);
extern const char npexec_usage_text[];

/* term, cols, rows: of the terminal, for a pty. */
struct npexec_terminal {
	const char *term;
	int cols, rows; /* 0: unknown */
	bool interactive;
	const char *agent_socket;
};
/* The method that the mode asks for, and its params for this device and command (NULL: as the mode says). */
const char *npexec_method(const struct npexec_options *o);
cJSON *npexec_params(const struct npexec_options *o, const char *device, const char *command, size_t size,
    const struct npexec_terminal *t) NP_MUST_CHECK;

/* ---- npexec_override.c: what options say about the device and the command ---- */

/* Sets a key of the device; the last value counts. */
void npexec_override(struct npexec_options *o, const char *key, const char *value);
/* The same as a word of ssh: the first value counts, and a key of netpulse.yaml(5) more than all. */
void npexec_override_first(struct npexec_options *o, const char *key, const char *value);
/* npexec_override() for a file, whose name is made absolute but for `none`. */
int npexec_override_path(
    struct npexec_options *o, const char *key, const char *path, struct np_error *err) NP_MUST_CHECK;
/* -o KEY=VALUE (secrets are refused), --env NAME[=VALUE] and --answer REGEX=TEXT, as rows take them. */
int npexec_override_parse(void *o, const struct npoption *row, const char *arg, struct np_error *err) NP_MUST_CHECK;
int npexec_override_env(void *o, const struct npoption *row, const char *arg, struct np_error *err) NP_MUST_CHECK;
int npexec_override_answer(void *o, const struct npoption *row, const char *arg, struct np_error *err) NP_MUST_CHECK;
/* SendEnv and SetEnv of ssh_config(5), each several separated by blanks. */
int npexec_send_env(struct npexec_options *o, const char *value, struct np_error *err) NP_MUST_CHECK;
int npexec_set_env(struct npexec_options *o, const char *value, struct np_error *err) NP_MUST_CHECK;

/* ---- npexec_ssh.c: what an ssh would be told ---- */

enum npexec_said {
	NPEXEC_NOT_SSH, /* no word of ssh_config(5) */
	NPEXEC_TAKEN,
	NPEXEC_REFUSED /* err says why */
};
/* The argument of an -o: "Keyword=value", "Keyword value"; words in any case, the lower one of netpulse.yaml(5) apart.
 */
enum npexec_said npexec_ssh_option(struct npexec_options *o, const char *arg, struct np_error *err) NP_MUST_CHECK;
/* ---- npexec_login.c: the log-in ---- */

/* The next word of a value, without its quotes; NULL: there is no more.  *p moves behind it.  Caller frees. */
char *npexec_login_split(const char **p);
/* A word that ssh is to be asked about, with its value as ssh would be told it. */
void npexec_login_word(struct npexec_options *o, const char *word, const char *value);
/* The same for one file or several, whose names are made absolute. */
int npexec_login_paths(
    struct npexec_options *o, const char *word, const char *value, struct np_error *err) NP_MUST_CHECK;
/* Adds a file to one of the lists of o; word: who names it. */
int npexec_login_file(struct strings *files, const char *word, const char *path, struct np_error *err) NP_MUST_CHECK;
/* -i: a key file more, or one of o->missing_keys where that cannot be read. */
int npexec_identity(void *to, const struct npoption *row, const char *path, struct np_error *err) NP_MUST_CHECK;
/* When all options are read: the files become what the broker is told. */
void npexec_login_finish(struct npexec_options *o);

/* ---- npexec_habit.c: letters that are another option to ssh ---- */

/* -e as ssh has it: 1 when it was that, -1 when it was one that npexec does not have, 0 for a command. */
int npexec_habit_escape(struct npexec_options *o, const char *arg, struct np_error *err) NP_MUST_CHECK;
/* Whether -b, -c or -f were meant as those of ssh, as far as can be seen: -1 with err. */
int npexec_habit_check(const struct npexec_options *o, struct np_error *err) NP_MUST_CHECK;

/* ---- npexec_source.c: what is to be run, from where it is given ---- */

/* Notes an argument of -e or -f (option `e` or `f`); nothing is read yet. */
void npexec_source_add(struct npexec_options *o, char option, const char *arg);
/* The arguments behind the device, joined by blanks, become o->command. */
void npexec_source_join(struct npexec_options *o, char *const *args, int count);
/* Reads what was noted into o->commands. */
int npexec_source_commands(struct npexec_options *o, struct np_error *err) NP_MUST_CHECK;
/* Reads what was noted, else o->command, else standard input, into o->text: whole lines. */
int npexec_source_text(struct npexec_options *o, struct np_error *err) NP_MUST_CHECK;

/* ---- npexec_run.c ---- */

/* Does what the options say and returns the exit status.  Installs signal handlers: once in a process. */
int npexec_run(struct npexec_options *o);

#endif
