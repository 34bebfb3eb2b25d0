/*
 * The state of a run of npexec, shared by the files that make it up and by nobody else:
 * npexec_run.c (start, loop, end), npexec_interrupt.c (signals), npexec_message.c (what the broker sends),
 * npexec_input.c (standard input), npexec_config.c (configuration lines), npexec_job.c (devices and their requests),
 * npexec_result.c (how they end), npexec_output.c and npexec_gather.c (where output goes), npexec_progress.c (what a
 * person sees meanwhile), npexec_state.c (the facts).  A file calls those that stand behind it here.
 */
#ifndef NP_EXEC_IMPL_H
#define NP_EXEC_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "lib/npclient.h"
#include "npexec/npexec_options.h"
#include "npexec/npexec_sink.h"
#include "npexec/npexec_tty.h"
#include "lib/npprompt.h"
#include "base/queue.h"

/* One device, and the request for it that is in flight, or was the last.  In an array of npexec. */
struct npexec_job {
	TAILQ_ENTRY(npexec_job) link; /* npexec.live: a request is in flight, or output waits to be printed */
	const char *device;
	int64_t id;
	bool busy;
	bool started;   /* its command runs: bytes or credit came */
	bool cancelled; /* by us */
	bool too_large; /* -j, -b: more output than is kept */
	char *command;  /* NULL: a list (see index), lines or a shell */
	size_t command_size;
	size_t results;  /* that came for it */
	int errors;      /* lines said about its failures */
	int status;      /* the largest so far */
	uint64_t credit; /* bytes of input that the broker takes */
	bool lend;       /* it can read a descriptor of ours itself */
	size_t fed;      /* bytes of input that were read */
	size_t owed;     /* several devices: bytes of output taken, not yet told to the broker */
	struct buf
	    kept[2]; /* stdout and stderr that wait: for the result (-j), for all devices (-b), for a whole line */
	struct npexec_job *twin; /* -b: who had the same output before; ours is freed */
	bool printed;            /* -b */

	/* NPEXEC_CONFIG */
	size_t text_sent; /* bytes of the lines that left */
	bool text_ended;
	size_t line, line_at; /* the line found last: its number from 0, and where it begins */
};

struct npexec {
	struct npexec_options *o; /* of which only the mode changes, from NPEXEC_INPUT to NPEXEC_LINES */
	struct npclient client;
	struct npprompt prompt;
	struct npexec_tty tty;
	struct npexec_terminal terminal; /* as told to the broker */
	struct sink out, err;
	int wake_fd;

	struct npexec_job *jobs;
	size_t jobs_count;
	size_t jobs_begun; /* jobs[0 .. jobs_begun) have been sent */
	size_t jobs_busy, jobs_ended, jobs_failed;
	TAILQ_HEAD(, npexec_job) live;
	cJSON *devices;     /* holds the names of the jobs, when they came from the broker */
	int64_t devices_id; /* of the request that asks for them, 0: none in flight */
	int64_t last_id;
	size_t kept_total;

	/* Standard input; only with one device. */
	bool stdin_open;  /* still to be forwarded */
	struct buf input; /* read, not yet sent; NPEXEC_LINES: lines not yet run */
	bool lines_end;   /* NPEXEC_LINES: the end was read */
	bool interrupted; /* by the first Ctrl-C */

	struct {
		bool wanted;
		bool with_output; /* output goes to the same terminal */
		bool shown;
		size_t ended, failed, busy; /* as shown */
	} progress;

	bool gone;          /* the connection to the broker is over */
	bool leave;         /* at once */
	bool output_failed; /* standard output cannot be written */
	bool done;          /* nothing further to run: flush and leave */
	int status;         /* the largest so far */
};

/* npexec_state.c */
/* The job whose request in flight has that id, or NULL. */
struct npexec_job *npexec_job_find(struct npexec *x, double id);
/* Notes the status of one command; the largest counts. */
void npexec_add_status(struct npexec *x, struct npexec_job *job, int status);
/* Sends input for a job from there on, as much as one message and its credit bear; returns how much. */
size_t npexec_send_input(struct npexec *x, struct npexec_job *job, const struct buf *b, size_t from);
void npexec_cancel(struct npexec *x, struct npexec_job *job);
void npexec_cancel_all(struct npexec *x);
/* Nothing further is run. */
void npexec_end(struct npexec *x, int status);

/* npexec_job.c */
/* The jobs for these names (an array that is now x's), or, with NULL, for the device operand. */
void npexec_jobs_create(struct npexec *x, cJSON *names);
void npexec_jobs_finish(struct npexec *x);
/* Whether the bytes of our standard input are for the remote command; else it gets an empty one. */
bool npexec_forwards_stdin(const struct npexec *x);
/* Begins what the options say for this device; not NPEXEC_LINES, where each line is sent by itself. */
int npexec_job_begin(struct npexec *x, struct npexec_job *job, struct np_error *err) NP_MUST_CHECK;
/* Sends a job's request for a command (NULL: as the mode says). */
int npexec_job_send(
    struct npexec *x, struct npexec_job *job, const char *command, size_t size, struct np_error *err) NP_MUST_CHECK;
/* Begins what may be begun, prints what can be printed, ends when nothing is left. */
void npexec_jobs_advance(struct npexec *x);
/* NPEXEC_INPUT: the device takes commands, a line each. */
void npexec_job_lines(struct npexec *x, struct npexec_job *job);
/* The request of a job has ended. */
void npexec_job_ended(struct npexec *x, struct npexec_job *job);

/* npexec_interrupt.c */
/* Acts on the signals that came. */
void npexec_signals(struct npexec *x);

/* npexec_input.c */
bool npexec_input_wanted(const struct npexec *x);
void npexec_input_read(struct npexec *x);
/* Sends what credit allows; starts the next line's command. */
void npexec_input_push(struct npexec *x);

/* npexec_config.c */
/* Sends lines of a configuration, as credit and the connection allow. */
void npexec_config_push(struct npexec *x);
/* What became of one line. */
void npexec_config_result(struct npexec *x, struct npexec_job *job, const cJSON *result);
/* How the configuration ended: for people and for the status; what -j prints is printed by the caller. */
void npexec_config_end(struct npexec *x, struct npexec_job *job, const cJSON *result);

/* npexec_message.c */
/* Acts on all messages that are there, as long as their output can be taken. */
int npexec_messages(struct npexec *x, struct np_error *err) NP_MUST_CHECK;
/* Whether the output of a further message can be taken. */
bool npexec_messages_wanted(const struct npexec *x);
/* A job failed as a whole: says so, also in JSON, and counts it. */
void npexec_job_failed(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err);

/* npexec_result.c */
/* Says how one command ended and counts it; command NULL: a shell or a whole list, nothing is printed for -j. */
int npexec_job_result(struct npexec *x, struct npexec_job *job, const char *command, size_t size, const cJSON *result);
/* A line of -j: see npexec_json_line(). */
void npexec_print_line(
    struct npexec *x, const char *device, const char *text, size_t size, const cJSON *result, const struct buf *output);
/* The line of -j for a result, or those for all that a job will not run. */
void npexec_print_json(struct npexec *x, struct npexec_job *job, const char *command, size_t size, const cJSON *result);
void npexec_print_failure(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err);
/* The run ends before all jobs have begun: says so, for people unless they asked for it. */
void npexec_jobs_skip(struct npexec *x);
/* The error for more output than is kept. */
void npexec_set_output_limit(const struct npexec *x, struct np_error *err);
/* The device that an error is about, or NULL. */
const char *npexec_error_device(const cJSON *error);

/* npexec_output.c */
/* "npexec: DEVICE: reason: text" on stderr.  device NULL: the job's, or without one (NULL) the operand. */
void npexec_say_error(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err);
/* "npexec: DEVICE: text" on stderr. */
void npexec_say(struct npexec *x, const struct npexec_job *job, const char *text);
/* Whether people want to hear more than errors: interactive or -v, not -q. */
bool npexec_is_talkative(const struct npexec *x);
/* Output of a job: printed, kept, or waiting until its line is whole. */
void npexec_output(struct npexec *x, struct npexec_job *job, int which, const void *p, size_t n);
/* Prints more of what waits; what is left over of a job that has ended counts as a line. */
void npexec_output_pump(struct npexec *x, struct npexec_job *job);
/* The output of a job was used: forgets it. */
void npexec_output_drop(struct npexec *x, struct npexec_job *job);

/* npexec_gather.c */
/* A job has ended: output equal to that of another is not kept twice. */
void npexec_gather_job(struct npexec *x, struct npexec_job *job);
void npexec_gather_print(struct npexec *x);
/* The folded names of those whose output is leader's; leader NULL: of those not begun.  Made harmless; caller frees. */
char *npexec_gather_names(struct npexec *x, const struct npexec_job *leader, size_t *count) NP_MUST_CHECK;

/* npexec_progress.c */
void npexec_progress_init(struct npexec *x);
/* Before anything is written to stdout (to_output) or stderr. */
void npexec_progress_hide(struct npexec *x, bool to_output);
void npexec_progress_show(struct npexec *x);

#endif
