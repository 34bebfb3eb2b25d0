/*
 * The command line of npexec, parsed; nothing is connected or read here but the files of -f.
 */
#ifndef NP_EXEC_OPTIONS_H
#define NP_EXEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "compiler.h"
#include "error.h"

enum npexec_mode {
	NPEXEC_COMMAND, /* the arguments: one command */
	NPEXEC_LIST,    /* -e and -f: several, in one request */
	NPEXEC_LINES,   /* standard input: one command a line, each a request */
	NPEXEC_SHELL    /* the login shell */
};

enum npexec_parsed {
	NPEXEC_PARSED,
	NPEXEC_HELP,
	NPEXEC_VERSION,
	NPEXEC_USAGE /* err says what is wrong */
};

struct npexec_options {
	enum npexec_mode mode;
	const char *device;
	char *command;   /* NPEXEC_COMMAND: the arguments joined by spaces */
	char **commands; /* NPEXEC_LIST */
	size_t commands_count;
	cJSON *overrides; /* each NULL when not used */
	cJSON *env;
	cJSON *answers;
	const char *socket;
	double timeout, idle_timeout; /* seconds; negative: not given */
	int tty;                      /* -1: -T; 1: -t; 2: -tt */
	bool want_pty;                /* what follows from tty and from standard input */
	bool pty_refused;             /* -t without a terminal: people are told */
	bool json, no_stdin, subsystem, quiet, verbose, no_start, fresh, enable, prove;
};

/* What the options mean depends on it; tests say it themselves. */
struct npexec_world {
	bool stdin_is_tty;
};

/* Fills *o; npexec_options_finish() frees it whatever the result. */
enum npexec_parsed npexec_options_parse(int argc, char **argv, const struct npexec_world *world,
    struct npexec_options *o, struct np_error *err) NP_MUST_CHECK;
void npexec_options_finish(struct npexec_options *o);

/* The params of `exec` for command (NULL: as the mode says).  term, cols, rows: of the terminal, for a pty. */
struct npexec_terminal {
	const char *term;
	int cols, rows; /* 0: unknown */
	bool interactive;
	const char *agent_socket;
};
cJSON *npexec_params(
    const struct npexec_options *o, const char *command, size_t size, const struct npexec_terminal *t) NP_MUST_CHECK;

#endif
