/*
 * The time limits of a running command: all of it, its first byte, its silence; of a client that has not said yet all
 * that it wants; and of one that has to read first.  One timer a request, moved only when it fires: activity costs a
 * store, not a system call.
 */
#include <stdio.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"

#define GATHERING_TIMES 10 /* a line now and then does not keep a place in the queue for ever */

#define STALL_NOTICE 2.0 /* a person should know why nothing happens */

#define UNREAD_PATIENCE 2.0 /* for a command that cannot be told that nobody reads it */

#define SHELL_DEFAULT 60.0 /* of the first byte, and of silence */

static double
first_given(double own, double device, double otherwise)
{
	return own >= 0 ? own : device >= 0 ? device : otherwise;
}

static struct cli_limits
limits_of(const struct request *r)
{
	const struct conn_args *args = &device_settings(r->dev)->args;
	double usual = device_platform(r->dev) != NULL ? SHELL_DEFAULT : 0;

	return (struct cli_limits){
	    .first_byte = first_given(r->params.first_byte_timeout, args->first_byte_timeout, usual),
	    .idle = first_given(r->params.idle_timeout, args->idle_timeout, usual),
	    .total = first_given(r->params.timeout, args->timeout, 0)};
}

struct cli_command
request_cli(const struct request *r)
{
	struct cli_command command = r->params.cli;

	command.limits = limits_of(r);
	return command;
}

static bool
output_waits(const struct request *r)
{
	return r->chan != NULL && (chan_output(r->chan, 0)->len > 0 || chan_output(r->chan, 1)->len > 0);
}

struct limit {
	enum np_reason reason;
	double at; /* clock_now(); 0: no limit */
	double seconds;
};

static void
earlier(struct limit *best, enum np_reason reason, double from, double seconds)
{
	if (seconds > 0 && (best->at == 0 || from + seconds < best->at))
		*best = (struct limit){reason, from + seconds, seconds};
}

static struct limit
next_limit(const struct request *r)
{
	struct limit best = {REASON_NONE, 0, 0};
	struct cli_limits limits;

	if (r->state == REQUEST_GATHERING) {
		double patience = device_settings(r->dev)->args.prompt_timeout;
		earlier(&best, REASON_IDLE_TIMEOUT, r->last_activity, patience);
		earlier(&best, REASON_COMMAND_TIMEOUT, r->received, patience * GATHERING_TIMES);
		return best;
	}
	if (r->stall.is) {
		earlier(&best, REASON_NONE, r->stall.since, r->stall.told ? 0 : STALL_NOTICE);
		earlier(&best, REASON_QUEUE_TIMEOUT, r->stall.since, r->stall.limit);
		return best;
	}
	if (r->state != REQUEST_RUNNING || !request_drive(r)->timed)
		return best;
	limits = limits_of(r);
	earlier(&best, REASON_COMMAND_TIMEOUT, r->started, limits.total);
	if (!r->got_output)
		earlier(&best, REASON_FIRST_BYTE_TIMEOUT, r->started, limits.first_byte);
	if (r->unread_since > 0 && r->chan != NULL && !chan_has_left(r->chan))
		earlier(&best, REASON_CANCELLED, r->unread_since, UNREAD_PATIENCE);
	/* Output that waits for the client is not the device's silence. */
	earlier(&best, REASON_IDLE_TIMEOUT, output_waits(r) ? clock_now() : r->last_activity, limits.idle);
	return best;
}

/* Its client is told why nothing happens, or it has waited long enough. */
static void
stalls_on(struct request *r, enum np_reason reason)
{
	struct np_error err;
	char what[96];

	snprintf(what, sizeof(what), "%zu bytes of output of commands of this client that have ended %s",
	    request_backlog(r)->bytes, r->params.window > 0 ? "wait for its credit" : "are unread");
	if (reason == REASON_QUEUE_TIMEOUT) {
		error_set(&err, reason, "not begun within queue_timeout: %s", what);
		request_fail(r, &err);
		return;
	}
	r->stall.told = true;
	request_notice(r, what);
	request_start_limits(r);
}

static void
limit_reached(struct request *r, const struct limit *limit)
{
	struct np_error err;
	char text[96];

	if (r->state == REQUEST_GATHERING) {
		error_set(&err, limit->reason,
		    limit->reason == REASON_IDLE_TIMEOUT
			? "no configuration line came for %g s (prompt_timeout), nor their end: nothing was sent to "
			  "the device"
			: "the configuration lines did not end within %g s (ten times prompt_timeout): nothing was "
			  "sent to the device",
		    limit->seconds);
		request_fail(r, &err);
		return;
	}
	if (r->stall.is) {
		stalls_on(r, limit->reason);
		return;
	}
	if (limit->reason == REASON_CANCELLED)
		snprintf(text, sizeof(text), "nobody has read its output for %g s", limit->seconds);
	else if (limit->reason == REASON_COMMAND_TIMEOUT)
		snprintf(text, sizeof(text), "the command did not end within %g s (timeout)", limit->seconds);
	else if (limit->reason == REASON_FIRST_BYTE_TIMEOUT)
		snprintf(text, sizeof(text), "no output within %g s (first_byte_timeout)", limit->seconds);
	else
		snprintf(text, sizeof(text), "nothing was sent or received for %g s (idle_timeout)", limit->seconds);
	request_give_up(r, limit->reason, text);
}

static void
on_clock(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct request *r = w->data;
	struct limit limit = next_limit(r);
	double left = limit.at - clock_now();

	if (limit.at == 0)
		return;
	if (left <= 0) {
		limit_reached(r, &limit);
		return;
	}
	/* There was activity meanwhile: the timer is moved only now, not at each byte. */
	ev_timer_init(&r->clock, on_clock, left, 0);
	ev_timer_start(r->broker->loop, &r->clock);
}

void
request_start_limits(struct request *r)
{
	struct limit limit;

	ev_timer_stop(r->broker->loop, &r->clock);
	limit = next_limit(r);
	if (limit.at == 0)
		return;
	ev_timer_init(&r->clock, on_clock, limit.at - clock_now(), 0);
	r->clock.data = r;
	ev_timer_start(r->broker->loop, &r->clock);
}
