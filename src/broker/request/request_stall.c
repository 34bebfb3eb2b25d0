/*
 * Requests of a client that has much unread: nothing more is begun for it, so that its memory is bounded by what runs
 * already.  What waits for its credit (`window`) holds up only what would wait for credit as well: the client may have
 * its reasons to leave a stream alone, and goes on with the others of its connection meanwhile.
 *
 *   QUEUED, in its device's queue <--> QUEUED, stalled     the client has read; it got a lease, and had not read
 *
 *   Its time goes on (queue_timeout), and what ends who waits for the device ends it.
 */
#include <stdio.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"

struct backlog *
request_backlog(const struct request *r)
{
	return client_backlog(r->answer.client, r->params.window > 0);
}

bool
request_must_stall(const struct request *r)
{
	return r->answer.client != NULL && request_backlog(r)->bytes > REQUEST_UNREAD_MAX;
}

/* Credit is the client's to give when it likes: there only a limit of its own counts. */
static double
limit_of(const struct request *r, double now)
{
	const struct waiter *w = &r->waiter;

	if (w->queue_timeout < 0 && r->params.window > 0)
		return 0;
	if (w->pool.deadline > now)
		return w->pool.deadline - now;
	return w->queue_timeout >= 0 ? w->queue_timeout : device_settings(r->dev)->args.queue_timeout;
}

void
request_stall(struct request *r)
{
	double now = clock_now();

	r->stall.is = true;
	r->stall.since = now;
	r->stall.limit = limit_of(r, now);
	TAILQ_INSERT_TAIL(&request_backlog(r)->stalled, &r->answer, stall);
	device_postpone(&r->waiter, true);
	request_start_limits(r);
}

void
request_stall_over(struct request *r)
{
	double left = r->stall.since + r->stall.limit - clock_now();

	if (!r->stall.is)
		return;
	r->stall.is = false;
	TAILQ_REMOVE(&request_backlog(r)->stalled, &r->answer, stall);
	device_postpone(&r->waiter, false);
	ev_timer_stop(r->broker->loop, &r->clock);
	if (r->stall.limit > 0)
		r->waiter.queue_timeout = left > 0.001 ? left : 0.001;
}

void
request_stall_clock(struct request *r, enum np_reason reason)
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

void
requests_go_on(struct backlog *b)
{
	struct answer *a;

	while (b->bytes <= REQUEST_UNREAD_MAX && (a = TAILQ_FIRST(&b->stalled)) != NULL) {
		struct request *r = NP_CONTAINER(a, struct request, answer);

		request_stall_over(r);
		request_go_on(r);
	}
}
