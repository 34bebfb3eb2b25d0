/*
 * What a session reports: how it came about, and how it ended.
 */
#include "broker/broker_impl.h"
#include "base/clock.h"

static void
add_place(struct event *e, const struct link *link)
{
	device_name_event(e, link->dev);
	e->session = link->id;
	e->user = link->target->user;
	e->host = link->target->host;
	e->port = link->target->port;
}

void
link_report_failed(struct link *link, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_LOGIN_FAILED);
	add_place(&e, link);
	e.err = err;
	e.duration = clock_now() - link->entry.created;
	device_name_block(&e, link->dev);
	report_emit(link->dev->broker->events, &e);
}

void
link_report_up(struct link *link)
{
	struct event e;

	event_init(&e, EVENT_SESSION_UP);
	add_place(&e, link);
	e.auth = link->auth != NULL ? link->auth : "none";
	e.connect = link->connect_seconds;
	report_emit(link->dev->broker->events, &e);
}

void
link_report_down(struct link *link, const struct np_error *why)
{
	struct session_stats stats = session_stats(link->session);
	struct event e;

	event_init(&e, EVENT_SESSION_DOWN);
	device_name_event(&e, link->dev);
	e.session = link->id;
	e.err = why;
	e.age = clock_now() - link->entry.created;
	e.commands = (int64_t)link->commands;
	e.bytes_in = (int64_t)stats.bytes_in;
	e.bytes_out = (int64_t)stats.bytes_out;
	report_emit(link->dev->broker->events, &e);
}

void
link_report_rtt(struct link *link, double rtt)
{
	metrics_rtt(link->dev->broker->events->metrics, rtt);
}
