/*
 * An interactive shell of a simulated device: what its files share.
 *
 *   simdev_shell.c   its life, prompts, and what happens at a certain time
 *   simdev_input.c   keys: the line editor, echoes, answers, type-ahead
 *   simdev_run.c     the steps of the body that runs
 *   simdev_output.c  text on its way out: newlines, the pager, pieces and drips
 *
 * All in the thread of the connection.  Nothing waits: a turn does what can be done now.
 */
#ifndef SIMDEV_SHELL_H
#define SIMDEV_SHELL_H

#include "base/buf.h"
#include "tool/simdev.h"
#include "tool/simdev_device.h"
#include "tool/simdev_scenario.h"

#define SIM_LATER 16 /* lines of `async` that can wait */

/* What the body that runs is waiting for. */
enum sim_wait { SIM_WAIT_NOTHING, SIM_WAIT_TIME, SIM_WAIT_WORD, SIM_WAIT_ANSWER, SIM_WAIT_HIDDEN, SIM_WAIT_KEY };

/* A line by the device itself, for later. */
struct sim_later {
	enum { SIM_LATER_NONE, SIM_LATER_ECHO, SIM_LATER_PROMPT, SIM_LATER_SPLIT, SIM_LATER_TIME, SIM_LATER_DUE } when;
	double time; /* seconds behind the prompt; DUE: when */
	char *text;
};

struct sim_shell {
	struct sim_channel *ch;
	struct sim_device *device;
	const struct sim_scenario *scenario;
	int id;       /* 0: it was refused */
	bool exec;    /* one command, without echo and prompt */
	bool closing; /* when the body ends, so does the shell */
	const struct sim_mode *mode;
	struct sim_value *values;
	size_t values_count;
	unsigned count; /* of commands */
	int status;     /* at its end */

	/* the body that runs; NULL: it is at a prompt, if at_prompt, or comes to it */
	const struct sim_script *script;
	size_t pc;
	long loops[SIM_DEPTH + 1];
	enum sim_wait wait;
	double until;        /* of SIM_WAIT_TIME */
	uint64_t left, made; /* of lines and bytes */
	bool at_prompt;
	double prompt_at; /* when it came to the prompt */

	/* keys */
	struct buf in;
	struct buf line; /* being typed */
	size_t column;   /* where its echo ends */
	bool after_cr;
	double key_at; /* the last one */

	/* output */
	struct buf text, out; /* before and behind the pager */
	long page, lines;     /* of the pager: length, used */
	bool paged;           /* it is on for what comes */
	bool more;            /* its prompt stands there */
	size_t drip;          /* bytes each time; 0: none */
	double drip_every, drip_at;

	struct sim_later later[SIM_LATER];
	double *async_at; /* of each `async` statement; 0: never again */
	bool async_idle_done;
};

/* simdev_shell.c */
bool sim_shell_value(void *arg, const char *name, struct buf *out);
void sim_shell_let(struct sim_shell *sh, const char *name, const char *text);
const char *sim_shell_user(const struct sim_shell *sh);
/* Starts a body; NULL ends at the prompt at once. */
void sim_shell_start(struct sim_shell *sh, const struct sim_script *script, double now);
/* Ends the body that runs. */
void sim_shell_stop(struct sim_shell *sh);
/* Puts the lines that wait for this. */
void sim_shell_later(struct sim_shell *sh, int when);
/* An event with the device's address: "WORD ADDRESS TEXT". */
void sim_shell_event(struct sim_shell *sh, const char *word, const char *text);

/* simdev_input.c */
/* Takes what has come; true when there was something. */
bool sim_input_read(struct sim_shell *sh, double now);
/* Whether a key would be used now. */
bool sim_input_wanted(const struct sim_shell *sh);
/* Uses what was read, as far as somebody waits for it. */
bool sim_input_use(struct sim_shell *sh, double now);

/* simdev_run.c */
/* Does the next step, or ends what waits; true when something was done. */
bool sim_run(struct sim_shell *sh, double now, double *wake);

/* simdev_output.c */
/* Appends text that passes the pager, or does not. */
void sim_output_text(struct sim_shell *sh, const struct buf *text);
void sim_output_bare(struct sim_shell *sh, const void *p, size_t n);
void sim_output_string(struct sim_shell *sh, const char *s);
/* Moves it on; true when something was sent. */
bool sim_output_pump(struct sim_shell *sh, double now, double *wake);
bool sim_output_waits(const struct sim_shell *sh);
/* Forgets what was not sent. */
void sim_output_drop(struct sim_shell *sh);
/* A key at the pager's prompt. */
void sim_output_key(struct sim_shell *sh, char key);

#endif
