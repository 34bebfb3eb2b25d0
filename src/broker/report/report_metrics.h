/*
 * What the broker counts, from its start: totals that only grow, and how long things took.  Filled by the bus of events
 * and by the turns of the loop; read when somebody asks.  Included by broker*.c only.
 */
#ifndef NP_BROKER_METRICS_H
#define NP_BROKER_METRICS_H

#include <stdint.h>

#include <ev.h>

#include "base/error.h"
#include "report/event.h"
#include "report/histogram.h"
#include "report/openmetrics.h"

struct broker;

enum metrics_outcome { METRICS_SUCCEEDED, METRICS_NONZERO, METRICS_ERROR, METRICS_NOT_RUN, METRICS_OUTCOMES };
enum metrics_kind { METRICS_EXEC, METRICS_SHELL, METRICS_SUBSYSTEM, METRICS_CONFIG, METRICS_OPEN, METRICS_KINDS };

struct broker_metrics {
	struct ev_loop *loop;
	struct histogram queue, command, login, rtt, turn;
	uint64_t logins, logouts, losses; /* sessions that came, went as they should, were lost */
	uint64_t login_failures[REASON_COUNT];
	uint64_t requests[METRICS_KINDS];
	uint64_t request_failures[REASON_COUNT];
	uint64_t refusals[REASON_COUNT];
	uint64_t commands[METRICS_OUTCOMES];
	uint64_t started_warm, started_new;
	uint64_t steered, reloads, reload_failures;
	uint64_t clients;
	uint64_t ssh_in, ssh_out;       /* bytes, of sessions that have ended */
	uint64_t client_in, client_out; /* and of clients that have left */
	ev_prepare turn_end;
	ev_check turn_begin;
	double turn_began;  /* on the monotonic clock; 0: not yet */
	double last_warned; /* of a long turn */
};

/* Words for the enums, as labels have them. */
extern const char *const metrics_outcome_names[METRICS_OUTCOMES], *const metrics_kind_names[METRICS_KINDS];

/* ---- verb_metrics_device.c ---- */

/* Families with a label for the device. */
void metrics_put_devices(struct openmetrics *o, const struct broker *b);
/* How many configured devices nobody has used lately. */
int metrics_unused_devices(const struct broker *b);

#endif
