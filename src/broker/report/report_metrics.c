/*
 * Counting.  Every event passes here, also when nobody watches: additions, no allocation and no text.  The length of
 * each turn of the loop is measured from the moment that it has events to the moment that it waits again: so long at
 * most had an event to wait for its turn.
 */
#include "broker/report/report_metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/report/report.h"
#include "base/log.h"
#include "base/xalloc.h"

#define LONG_TURN 0.5   /* something blocks the main thread */
#define WARN_EVERY 60.0 /* seconds */

static const double queue_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
static const double command_bounds[] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900};
static const double login_bounds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
static const double rtt_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
static const double turn_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1};

const char *const metrics_outcome_names[METRICS_OUTCOMES] = {[METRICS_SUCCEEDED] = "succeeded",
    [METRICS_NONZERO] = "nonzero",
    [METRICS_ERROR] = "error",
    [METRICS_NOT_RUN] = "not_run"};
const char *const metrics_kind_names[METRICS_KINDS] = {[METRICS_EXEC] = "exec",
    [METRICS_SHELL] = "shell",
    [METRICS_SUBSYSTEM] = "subsystem",
    [METRICS_CONFIG] = "config",
    [METRICS_OPEN] = "open"};

/* ---- events ---- */

static enum np_reason
reason_of(const struct event *e)
{
	return e->err != NULL ? e->err->reason : REASON_NONE;
}

static void
count_command(struct broker_metrics *m, const struct event *e)
{
	enum np_reason reason = reason_of(e);

	if (reason == REASON_NOT_RUN)
		m->commands[METRICS_NOT_RUN]++;
	else if (reason != REASON_NONE)
		m->commands[METRICS_ERROR]++;
	else if (e->has_status && e->status == 0)
		m->commands[METRICS_SUCCEEDED]++;
	else
		m->commands[METRICS_NONZERO]++;
	if (e->queue >= 0)
		histogram_add(&m->queue, e->queue);
	if (e->duration >= 0 && strcmp(e->what, metrics_kind_names[METRICS_SHELL]) != 0) /* a person's time */
		histogram_add(&m->command, e->duration);
}

static void
count_request(struct broker_metrics *m, const struct event *e)
{
	for (int kind = 0; kind < METRICS_KINDS; kind++)
		if (strcmp(e->what, metrics_kind_names[kind]) == 0)
			m->requests[kind]++;
	if (reason_of(e) != REASON_NONE)
		m->request_failures[reason_of(e)]++;
}

static void
count_logout(struct broker_metrics *m, const struct event *e)
{
	if (reason_of(e) == REASON_NONE || reason_of(e) == REASON_SHUTTING_DOWN)
		m->logouts++;
	else
		m->losses++;
	m->ssh_in += (uint64_t)e->bytes_in;
	m->ssh_out += (uint64_t)e->bytes_out;
}

void
metrics_event(struct broker_metrics *m, const struct event *e)
{
	switch (e->kind) {
	case EVENT_SESSION_UP:
		m->logins++;
		histogram_add(&m->login, e->connect);
		break;
	case EVENT_SESSION_DOWN:
		count_logout(m, e);
		break;
	case EVENT_LOGIN_FAILED:
		m->login_failures[reason_of(e)]++;
		break;
	case EVENT_REQUEST_STARTED:
		if (e->reused > 0)
			m->started_warm++;
		else
			m->started_new++;
		break;
	case EVENT_COMMAND_ENDED:
		count_command(m, e);
		break;
	case EVENT_REQUEST_ENDED:
		count_request(m, e);
		break;
	case EVENT_REFUSED:
		m->refusals[reason_of(e)]++;
		break;
	case EVENT_RELOAD:
		if (e->err == NULL)
			m->reloads++;
		else
			m->reload_failures++;
		break;
	case EVENT_STEERING:
		m->steered++;
		break;
	case EVENT_STATE:
	case EVENT_REQUEST_QUEUED:
	case EVENT_STARTED:
	case EVENT_STOPPING:
	case EVENT_CONFIRM:
	case EVENT_WATCHING:
	case EVENT_MISSED:
	case EVENT_LOST:
	case EVENT_KINDS:
		break;
	}
}

void
metrics_rtt(struct broker_metrics *m, double rtt)
{
	histogram_add(&m->rtt, rtt);
}

/* ---- turns of the loop ---- */

/* Not clock_now(): the time that the machine sleeps is nobody's fault. */
static double
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
on_turn_begin(struct ev_loop *loop NP_UNUSED, ev_check *w, int revents NP_UNUSED)
{
	struct broker_metrics *m = w->data;

	m->turn_began = monotonic();
}

static void
on_turn_end(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct broker_metrics *m = w->data;
	double now = monotonic(), took = now - m->turn_began;

	if (m->turn_began == 0)
		return;
	m->turn_began = 0;
	histogram_add(&m->turn, took);
	if (took < LONG_TURN || (m->last_warned > 0 && now - m->last_warned < WARN_EVERY))
		return;
	m->last_warned = now;
	log_warning("broker", "a turn of the loop took %.0f ms: everything waited", took * 1000);
}

struct broker_metrics *
metrics_create(struct ev_loop *loop)
{
	struct broker_metrics *m = xcalloc(1, sizeof(*m));

	m->loop = loop;
	histogram_init(&m->queue, queue_bounds, NP_COUNT(queue_bounds));
	histogram_init(&m->command, command_bounds, NP_COUNT(command_bounds));
	histogram_init(&m->login, login_bounds, NP_COUNT(login_bounds));
	histogram_init(&m->rtt, rtt_bounds, NP_COUNT(rtt_bounds));
	histogram_init(&m->turn, turn_bounds, NP_COUNT(turn_bounds));
	ev_check_init(&m->turn_begin, on_turn_begin);
	ev_set_priority(&m->turn_begin, EV_MAXPRI); /* before all that the turn does */
	ev_prepare_init(&m->turn_end, on_turn_end);
	ev_set_priority(&m->turn_end, EV_MINPRI); /* after it */
	m->turn_begin.data = m->turn_end.data = m;
	ev_check_start(loop, &m->turn_begin);
	ev_prepare_start(loop, &m->turn_end);
	return m;
}

void
metrics_destroy(struct broker_metrics *m)
{
	ev_check_stop(m->loop, &m->turn_begin);
	ev_prepare_stop(m->loop, &m->turn_end);
	free(m);
}
