/*
 * The state of a run of npexec, shared by the files that make it up and by nobody else:
 * npexec_run.c (start, loop, end), npexec_interrupt.c (signals), npexec_input.c (standard input), npexec_message.c
 * (what the broker sends).
 */
#ifndef NP_EXEC_IMPL_H
#define NP_EXEC_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "npclient.h"
#include "npexec_options.h"
#include "npexec_sink.h"
#include "npexec_tty.h"
#include "npprompt.h"

struct npexec {
	const struct npexec_options *o;
	struct npclient client;
	struct npprompt prompt;
	struct npexec_tty tty;
	struct npexec_terminal terminal; /* as told to the broker */
	struct sink out, err;
	int wake_fd;

	/* The request in flight, or the last one. */
	int64_t id;
	bool busy;
	bool started;     /* its command runs: bytes or credit came */
	bool interrupted; /* by the first Ctrl-C */
	bool cancelled;   /* by us */
	bool too_large;   /* -j: more output than is kept */
	char *command;    /* NULL: a list (see index) or a shell */
	size_t command_size;
	size_t results;                /* that came for it */
	struct buf kept_out, kept_err; /* -j: output of the command that runs */

	/* Standard input. */
	bool stdin_open; /* still to be forwarded */
	bool eof_due;    /* nothing is forwarded: its end is sent as soon as the command runs */
	uint64_t credit; /* bytes that the broker takes */
	struct buf held; /* read, not yet sent; NPEXEC_LINES: lines not yet run */
	bool lines_end;  /* NPEXEC_LINES: the end was read */

	bool gone;          /* the connection to the broker is over */
	bool leave;         /* at once */
	bool output_failed; /* standard output cannot be written */
	int errors;         /* lines said about failures */
	bool done;          /* nothing further to run: flush and leave */
	int status;         /* the largest so far */
};

/* npexec_run.c */
void npexec_end(struct npexec *x, int status);
/* Notes the status of one command; the largest counts. */
void npexec_add_status(struct npexec *x, int status);
/* "npexec: DEVICE: reason: text" on stderr.  device NULL: the operand. */
void npexec_say_error(struct npexec *x, const char *device, const struct np_error *err);
/* "npexec: DEVICE: text", where people want it: interactive or -v, not -q. */
void npexec_say(struct npexec *x, const char *text);
/* Sends a notification about the request in flight; takes ownership of params. */
void npexec_notify(struct npexec *x, const char *method, cJSON *params);
void npexec_cancel(struct npexec *x);
/* Sends the request for a command (NULL: as the mode says). */
int npexec_send(struct npexec *x, const char *command, size_t size, struct np_error *err) NP_MUST_CHECK;

/* npexec_interrupt.c */
/* Acts on the signals that came. */
void npexec_signals(struct npexec *x);

/* npexec_input.c */
bool npexec_input_wanted(const struct npexec *x);
void npexec_input_read(struct npexec *x);
/* Tells the broker that the command's input has ended. */
void npexec_input_end(struct npexec *x);
/* Sends what credit allows; starts the next line's command. */
void npexec_input_push(struct npexec *x);

/* npexec_message.c */
/* Acts on all messages that are there, as long as their output can be taken. */
int npexec_messages(struct npexec *x, struct np_error *err) NP_MUST_CHECK;

#endif
