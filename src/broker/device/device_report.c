/*
 * What a device reports: the word for its state when that changes, and failures that no session had.
 */
#include <string.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"

void
device_name_event(struct event *e, const struct device *dev)
{
	e->device = dev->conf->name;
	e->alias = dev->device_name;
}

/* What stands in the way of the next attempt. */
void
device_name_block(struct event *e, const struct device *dev)
{
	const struct pool *p = &dev->policy;
	double left = p->retry_at - clock_now();

	e->blocked = p->block == POOL_AUTH;
	if (p->block == POOL_BACKOFF)
		e->retry_in = left > 0 ? left : 0;
}

/* link: its session, or NULL. */
static struct event
about(const struct device *dev, enum event_kind kind, const struct link *link)
{
	struct event e;

	event_init(&e, kind);
	device_name_event(&e, dev);
	if (link != NULL) {
		const struct target *t = link_facts(link).target;
		e.session = link_facts(link).id;
		e.user = t->user;
		e.host = t->host;
		e.port = t->port;
	}
	return e;
}

void
device_report_state(struct device *dev, const char *word)
{
	const char *before = dev->told_state != NULL ? dev->told_state : "idle";
	struct event e;

	if (strcmp(before, word) == 0)
		return;
	dev->told_state = word;
	e = about(dev, EVENT_STATE, NULL);
	e.from = before;
	e.to = word;
	if (strcmp(word, "failed") == 0) {
		e.err = &dev->policy.last_error;
		device_name_block(&e, dev);
	}
	report_emit(dev->all->world.events, &e);
}

void
device_report_failed(const struct device *dev, struct link *link, const struct np_error *err)
{
	struct event e = about(dev, EVENT_LOGIN_FAILED, link);

	e.err = err;
	if (link != NULL)
		e.duration = clock_now() - link_entry(link)->created;
	device_name_block(&e, dev);
	report_emit(dev->all->world.events, &e);
}

void
device_report_up(const struct device *dev, const struct link *link)
{
	struct event e = about(dev, EVENT_SESSION_UP, link);

	e.auth = link_facts(link).auth;
	e.connect = link_facts(link).connect_seconds;
	report_emit(dev->all->world.events, &e);
}

void
device_report_down(const struct device *dev, struct link *link, const struct np_error *why)
{
	struct session_stats stats = link_stats(link);
	struct event e = about(dev, EVENT_SESSION_DOWN, NULL);

	e.session = link_facts(link).id;
	e.err = why;
	e.age = clock_now() - link_entry(link)->created;
	e.commands = (int64_t)link_facts(link).commands;
	e.bytes_in = (int64_t)stats.bytes_in;
	e.bytes_out = (int64_t)stats.bytes_out;
	report_emit(dev->all->world.events, &e);
}
