/*
 * The end: a drain that waits for what runs, and what is done when nothing more may be waited for.
 */

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"

#define DRAIN_POLL_SECONDS 0.02
#define GOODBYE_SECONDS 0.3 /* for shells to log out, all of them together */

/* ---- a drain ---- */

/* The listener goes last, so that who asks while we drain gets an answer and not a second broker; but for one that the
 * service manager has, where the next broker answers. */
static void
finish(struct broker *b)
{
	struct np_error err;

	if (b->finished)
		return;
	b->finished = true;
	devices_close(b->devices);
	error_set(&err, REASON_SHUTTING_DOWN, "the broker has ended meanwhile");
	clients_fail_later(b->clients, &err);
	broker_sockets_close(b);
	listener_stop(b->listener);
	log_info("broker", "ended after %.0f s", clock_now() - b->started);
	b->options.finished(b->options.arg);
}

static void
finish_when_read(struct broker *b)
{
	if (!clients_unread(b->clients)) {
		finish(b);
		return;
	}
	if (b->tick.repeat > DRAIN_POLL_SECONDS) {
		b->tick.repeat = DRAIN_POLL_SECONDS; /* no event tells when the last byte has left */
		ev_timer_again(b->loop, &b->tick);
	}
}

void
broker_stop_turn(struct broker *b)
{
	if (b->stopping && !b->finished && requests_working(b) == 0)
		finish_when_read(b);
}

static void
unhold_all(struct broker *b)
{
	struct client *client = NULL;

	while ((client = clients_next(b->clients, client)) != NULL)
		links_unhold(client_holder(client));
}

static void
on_drain_over(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct broker *b = w->data;

	log_warning("broker", "%d requests did not end within drain_timeout (%.0f s): ending without them",
	    b->requests.count + devices_counts(b->devices)->ways, b->config->drain_timeout);
	finish(b);
}

void
broker_stop(struct broker *b, bool now)
{
	struct np_error err;

	if (b->finished)
		return;
	ev_timer_stop(b->loop, &b->handover); /* else it would end a drain, or take the sockets back */
	if (b->doors != NULL)
		doors_close(b->doors); /* ssh goes by itself from now on */
	if (!b->stopping)
		b->options.stopping(b->options.arg);
	report_stopping(b->events, b->stopping || now);
	devices_rest(b->devices); /* what ends or drains opens nothing for persistent devices any more */
	error_set(&err, REASON_SHUTTING_DOWN, "the broker is shutting down: run the command again");
	requests_fail_waiting(b, &err);
	unhold_all(b);
	if (b->stopping || now) {
		b->stopping = b->at_once = true;
		log_info("broker", "ending now");
		finish(b);
		return;
	}
	b->stopping = true;
	if (b->listener != NULL)
		listener_leave(b->listener);
	log_info("broker", "draining: %d commands run", requests_working(b));
	if (b->config->drain_timeout > 0) {
		ev_timer_init(&b->drain, on_drain_over, b->config->drain_timeout, 0);
		b->drain.data = b;
		ev_timer_start(b->loop, &b->drain);
	}
}

/* ---- what is left ---- */

static int
shells_leaving(const struct broker *b)
{
	const struct device *dev;
	struct pool_entry *e;
	int leaving = 0;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		TAILQ_FOREACH (e, &device_pool(dev)->entries, link)
			leaving += link_is_leaving(link_of_entry(e));
	}
	return leaving;
}

/* Devices keep the line of a shell that went without a word for some time, and have few. */
static void
log_out_shells(struct broker *b, double deadline)
{
	struct device *dev;
	struct pool_entry *e, *next;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		TAILQ_FOREACH_SAFE (e, &device_pool(dev)->entries, link, next)
			(void)link_say_goodbye(link_of_entry(e), "the broker ends");
	}
	while (shells_leaving(b) > 0 && clock_now() < deadline)
		ev_run(b->loop, EVRUN_ONCE);
}

static void
end_sessions(struct broker *b)
{
	struct device *dev;
	struct pool_entry *e, *next;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		TAILQ_FOREACH_SAFE (e, &device_pool(dev)->entries, link, next) {
			link_end(link_of_entry(e), REASON_SHUTTING_DOWN, "the broker ends");
		}
	}
}

/* What ran is told so by its channel's end, in a later turn, and watchers of every session's; only then the clients are
 * let go. */
void
broker_end_everything(struct broker *b, double deadline)
{
	if (!b->at_once)
		log_out_shells(b, clock_now() + GOODBYE_SECONDS);
	end_sessions(b);
	while ((requests_working(b) > 0 ||
		   (devices_counts(b->devices)->sessions > 0 && !TAILQ_EMPTY(&b->events->watches))) &&
	       clock_now() < deadline)
		ev_run(b->loop, EVRUN_ONCE);
	clients_close(b->clients, false);
}
