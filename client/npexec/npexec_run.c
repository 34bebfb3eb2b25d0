/*
 * The start, the loop and the end of npexec.  One thread, one poll(2); owns struct npexec.
 *
 * It ends as soon as the broker has answered and the output is written; it never waits for standard input.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "base/text.h"
#include "npexec/npexec_impl.h"
#include "npexec/npexec_report.h"
#include "lib/npsignal.h"

/* What may wait for a slow reader of one stream while the other one is served. */
#define PENDING_MAX ((size_t)512 * 1024)
/* What -j and -b print at once. */
#define KEPT_PENDING_MAX ((size_t)512 * 1024 * 1024)
/* A line of standard input is a command, and a command fits into one message. */
#define LINE_MAX_BYTES ((size_t)256 * 1024)

/* ---- the loop ---- */

enum poll_slot { POLL_BROKER, POLL_WAKE, POLL_STDIN, POLL_STDOUT, POLL_STDERR, POLL_TTY, POLL_COUNT };

static void
fill_slots(const struct npexec *x, struct pollfd fds[POLL_COUNT])
{
	bool talking = !x->done && !x->gone;

	fds[POLL_BROKER] = (struct pollfd){.fd = talking ? x->client.fd : -1, .events = npclient_events(&x->client)};
	if (!npexec_messages_wanted(x))
		fds[POLL_BROKER].events &= ~POLLIN;
	fds[POLL_WAKE] = (struct pollfd){.fd = x->wake_fd, .events = POLLIN};
	fds[POLL_STDIN] = (struct pollfd){.fd = npexec_input_wanted(x) ? STDIN_FILENO : -1, .events = POLLIN};
	fds[POLL_STDOUT] = (struct pollfd){.fd = sink_is_empty(&x->out) ? -1 : x->out.fd, .events = POLLOUT};
	fds[POLL_STDERR] = (struct pollfd){.fd = sink_is_empty(&x->err) ? -1 : x->err.fd, .events = POLLOUT};
	fds[POLL_TTY] =
	    (struct pollfd){.fd = npprompt_current(&x->prompt) != NULL ? x->prompt.tty : -1, .events = POLLIN};
}

/* What ran when the connection was lost, if it ran, is not known. */
static void
jobs_lost(struct npexec *x, const struct np_error *err)
{
	struct npexec_job *job, *next;

	TAILQ_FOREACH_SAFE (job, &x->live, link, next) {
		struct np_error own = *err;

		if (!job->busy)
			continue;
		error_prefix(&own, "%s", job->started ? "the command was running" : "the request had been sent");
		own.reason = REASON_OUTCOME_UNKNOWN;
		npexec_job_failed(x, job, NULL, &own);
	}
}

/* The connection to the broker is over. */
static void
broker_lost(struct npexec *x, struct np_error *err)
{
	x->gone = true;
	npexec_tty_restore(&x->tty);
	if (x->jobs_busy > 0 && x->client.greeted && err->reason == REASON_BROKER_UNAVAILABLE)
		jobs_lost(x, err);
	else if (err->reason != REASON_CANCELLED)
		npexec_say_error(x, x->o->several ? NULL : x->jobs, NULL, err);
	npexec_jobs_skip(x);
	npexec_end(x, err->reason == REASON_CANCELLED ? NPEXEC_STATUS_INTERRUPTED : NPEXEC_STATUS_FAILED);
}

static void
check_greeting(struct npexec *x)
{
	struct np_error err;

	if (x->gone || npclient_timeout_ms(&x->client) != 0)
		return;
	error_set(&err, REASON_BROKER_UNAVAILABLE, "the broker at %s does not answer: see npctl(1), stop --now",
	    x->client.path);
	broker_lost(x, &err);
}

/* A closed standard output ends npexec as it ends every program in a pipeline; a closed stderr only loses texts. */
static void
check_output(struct npexec *x)
{
	struct np_error err;

	if (x->out.error == 0 || x->output_failed)
		return;
	x->output_failed = true;
	npexec_tty_restore(&x->tty);
	if (x->out.error == EPIPE) {
		npexec_end(x, NPEXEC_STATUS_SIGNAL + SIGPIPE);
		return;
	}
	errno = x->out.error;
	error_set_errno(&err, REASON_INTERNAL, "write to standard output");
	npexec_say_error(x, NULL, NULL, &err);
	npexec_end(x, NPEXEC_STATUS_FAILED);
}

static void
act(struct npexec *x, const struct pollfd fds[POLL_COUNT])
{
	struct np_error err;

	if (fds[POLL_WAKE].revents != 0)
		npexec_signals(x);
	if (fds[POLL_STDOUT].revents != 0)
		sink_flush(&x->out);
	if (fds[POLL_STDERR].revents != 0)
		sink_flush(&x->err);
	if (fds[POLL_TTY].revents != 0)
		npprompt_type(&x->prompt, &x->client);
	if (!x->done && (fds[POLL_BROKER].revents & ~POLLOUT) != 0 && npclient_fill(&x->client, &err) == -1)
		broker_lost(x, &err);
	if (!x->gone && npexec_messages(x, &err) == -1)
		broker_lost(x, &err);
	check_greeting(x);
	check_output(x);
	if (fds[POLL_STDIN].revents != 0 && npexec_input_wanted(x))
		npexec_input_read(x);
}

static bool
is_finished(const struct npexec *x)
{
	return x->done && (x->leave || x->output_failed || (sink_is_empty(&x->out) && sink_is_empty(&x->err)));
}

/* A reader that is slow with the last output keeps no place in the broker. */
static void
hang_up(struct npexec *x)
{
	if (x->gone)
		return;
	x->gone = true;
	npclient_close(&x->client);
}

static void
loop(struct npexec *x)
{
	struct pollfd fds[POLL_COUNT];

	for (;;) {
		npexec_jobs_advance(x);
		if (!x->done)
			npexec_input_push(x);
		if (!x->gone)
			npclient_flush(&x->client);
		if (x->done)
			npexec_progress_hide(x, false);
		else
			npexec_progress_show(x);
		if (is_finished(x))
			return;
		if (x->done)
			hang_up(x);
		npsignal_force_interrupt(npprompt_current(&x->prompt) != NULL);
		fill_slots(x, fds);
		if (poll(fds, POLL_COUNT, x->done ? -1 : npclient_timeout_ms(&x->client)) == -1) {
			/* What the slots hold is not valid; the wake-up pipe is still readable next time. */
			continue;
		}
		act(x, fds);
	}
}

/* ---- the start ---- */

static bool
uses_terminal(const struct npexec *x)
{
	return x->o->want_pty || npprompt_has_terminal(&x->prompt);
}

static void
look_around(struct npexec *x)
{
	const char *term = getenv("TERM");

	npprompt_init(&x->prompt, x->o->batch);
	npexec_tty_init(&x->tty, STDIN_FILENO);
	x->tty.no_escape = x->o->no_escape;
	x->terminal.interactive = npprompt_available(&x->prompt);
	x->terminal.agent_socket = npclient_agent_socket();
	if (x->o->want_pty) {
		x->terminal.term = term;
		npexec_tty_size(&x->tty, &x->terminal.cols, &x->terminal.rows);
	}
}

static void
add_hint(struct np_error *err, const char *hint)
{
	size_t n = strlen(err->text);

	snprintf(err->text + n, sizeof(err->text) - n, " (%s)", hint);
}

/* What -S names may be meant for an ssh, to which it is another option: a broker is started where one always is. */
static bool
may_start(const char *socket)
{
	char usual[sizeof(((struct npclient *)NULL)->path)];
	struct np_error ignored;

	return socket == NULL ||
	       (paths_socket(NULL, usual, sizeof(usual), &ignored) == 0 && strcmp(socket, usual) == 0);
}

static int
connect_broker(struct npexec *x, struct np_error *err)
{
	bool starts = may_start(x->o->socket);

	if (npclient_init(&x->client, x->o->socket, !x->o->no_start && starts, err) == -1)
		return -1;
	x->client.stop = npsignal_stop_flag();
	if (npclient_connect(&x->client, err) == 0)
		return 0;
	if (!x->client.start && !x->client.system && err->reason == REASON_BROKER_UNAVAILABLE &&
	    clock_now() < x->client.deadline)
		add_hint(err, starts
				  ? "start it with netpulsed, or leave out --no-start"
				  : "-S names netpulsed's socket, and only $NETPULSE_SOCKET says where to start one");
	return -1;
}

static void
say_missing_keys(struct npexec *x)
{
	char shown[256];

	for (size_t i = 0; i < x->o->missing_keys.n; i++)
		sink_printf(&x->err, "npexec: key file %s cannot be read: it is left out\n",
		    text_vis_into(shown, sizeof(shown), x->o->missing_keys.v[i]));
}

/* Asks which devices these are; the rest follows with the answer. */
static int
ask_devices(struct npexec *x, struct np_error *err)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "pattern", x->o->device);
	x->devices_id = ++x->last_id;
	return npclient_request(&x->client, x->devices_id, "devices", params, err);
}

static int
start(struct npexec *x, struct np_error *err)
{
	if (npsignal_install(&x->wake_fd, err) == -1)
		return -1;
	look_around(x);
	if (uses_terminal(x))
		npsignal_take_terminal();
	if (connect_broker(x, err) == -1)
		return -1;
	if (!x->o->quiet)
		say_missing_keys(x);
	if (x->o->pty_refused && !x->o->quiet)
		sink_printf(&x->err, "npexec: no terminal on standard input: none is made there (-tt insists)\n");
	if (x->o->several)
		return ask_devices(x, err);
	npexec_jobs_create(x, NULL);
	x->stdin_open = x->o->mode == NPEXEC_LINES;
	if (x->o->mode == NPEXEC_LINES)
		return 0;
	return npexec_job_begin(x, x->jobs, err);
}

static void
init(struct npexec *x, struct npexec_options *o)
{
	memset(x, 0, sizeof(*x));
	x->o = o;
	x->wake_fd = -1;
	x->client.fd = -1;
	TAILQ_INIT(&x->live);
	sink_init(&x->out, STDOUT_FILENO, o->json || o->gather ? KEPT_PENDING_MAX : PENDING_MAX);
	sink_init(&x->err, STDERR_FILENO, PENDING_MAX);
	buf_init(&x->input, LINE_MAX_BYTES);
	npexec_progress_init(x);
}

static void
finish(struct npexec *x)
{
	npexec_tty_restore(&x->tty);
	npprompt_finish(&x->prompt);
	npclient_close(&x->client);
	sink_finish(&x->out);
	sink_finish(&x->err);
	buf_free(&x->input);
	npexec_jobs_finish(x);
}

static int
status_of_start(const struct np_error *err)
{
	int sig = *npsignal_stop_flag();

	return err->reason == REASON_CANCELLED && sig != 0 ? NPEXEC_STATUS_SIGNAL + sig : NPEXEC_STATUS_FAILED;
}

int
npexec_run(struct npexec_options *o)
{
	struct npexec x;
	struct np_error err;

	init(&x, o);
	if (start(&x, &err) == -1) {
		int status = status_of_start(&err);
		if (status == NPEXEC_STATUS_FAILED)
			npexec_say_error(&x, NULL, NULL, &err);
		npexec_end(&x, status);
		x.gone = true;
	}
	loop(&x);
	finish(&x);
	if (x.out.error == EPIPE)
		npsignal_die_of_sigpipe();
	return x.status;
}
