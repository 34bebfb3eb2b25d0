/*
 * What a device reports: the word for its state when that changes, and failures that no session had.
 */
#include <string.h>

#include "broker/broker_impl.h"
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

static void
tell_state(struct device *dev, const char *word)
{
	const char *before = dev->told_state != NULL ? dev->told_state : "idle";
	struct event e;

	if (strcmp(before, word) == 0)
		return;
	dev->told_state = word;
	event_init(&e, EVENT_STATE);
	device_name_event(&e, dev);
	e.from = before;
	e.to = word;
	if (strcmp(word, "failed") == 0) {
		e.err = &dev->policy.last_error;
		device_name_block(&e, dev);
	}
	report_emit(dev->broker->events, &e);
}

void
device_report_state(struct device *dev)
{
	tell_state(dev, pool_state_word(&dev->policy));
}

void
device_report_forgotten(struct device *dev)
{
	tell_state(dev, "idle");
}

void
device_report_resolve_failed(struct device *dev, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_LOGIN_FAILED);
	device_name_event(&e, dev);
	e.err = err;
	device_name_block(&e, dev);
	report_emit(dev->broker->events, &e);
}
