/*
 * Requests of a client that has much unread: nothing more is begun for it, so that its memory is bounded by what runs
 * already.  What waits for its credit (`window`) holds up only what would wait for credit as well: the client may have
 * its reasons to leave a stream alone, and goes on with the others of its connection meanwhile.
 *
 *   QUEUED, in its device's queue <--> QUEUED, stalled     the client has read; it got a lease, and had not read
 *
 *   Its time goes on (queue_timeout), and what ends who waits for the device ends it.
 */
#include "broker/request/request_impl.h"
#include "base/clock.h"

/*
 * Credit is the client's to give when it likes: there only a limit of its own counts.  Between two commands of a batch
 * it may wait for its turn as long as that takes, but not for its client.
 */
static double
limit_of(const struct request *r, double now)
{
	const struct waiter *w = &r->waiter;
	double own = r->index > 0 ? r->params.queue_timeout : w->queue_timeout;

	if (own < 0 && r->params.window > 0)
		return 0;
	if (w->pool.deadline > now)
		return w->pool.deadline - now;
	return own >= 0 ? own : device_settings(r->dev)->args.queue_timeout;
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
requests_go_on(struct backlog *b)
{
	struct answer *a;

	while (b->bytes <= REQUEST_UNREAD_MAX && (a = TAILQ_FIRST(&b->stalled)) != NULL) {
		struct request *r = NP_CONTAINER(a, struct request, answer);

		request_stall_over(r);
		request_go_on(r);
	}
}
