/*
 * What the operator has said about a device, told to its policy.
 */
#include <stdio.h>

#include "broker/broker_impl.h"
#include "broker/device/device_impl.h"
#include "base/clock.h"

/* Those who wait for a way through a jump host waited for nothing they could be blamed for. */
static void
restart_forwards(struct device *dev)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &dev->policy.waiters, link) {
		if (w->slotless && w->deadline > 0)
			w->deadline = clock_now() + waiter_of(w)->queue_timeout;
	}
}

static void
fail_held(struct device *dev)
{
	struct np_error err;

	if (device_admit(dev, &err) == -1)
		device_fail_held(dev, &err);
}

void
device_steer(struct device *dev)
{
	struct steer_rule about = steer_rules_about(&dev->broker->rules, dev->conf->name, dev->device_name);
	struct pool *p = &dev->policy;
	bool resumed = p->paused && about.pause != PAUSE_ON;

	p->paused = about.pause == PAUSE_ON;
	p->disabled = about.door == DOOR_SHUT;
	p->draining = about.door == DOOR_DRAINING;
	snprintf(p->disabled_text, sizeof(p->disabled_text), "%s", about.text);
	if (resumed)
		restart_forwards(dev);
	if (p->disabled)
		fail_held(dev);
	device_kick(dev);
}

int
device_admit(const struct device *dev, struct np_error *err)
{
	const struct pool *p = &dev->policy;

	if (!p->disabled && !p->draining)
		return 0;
	if (p->disabled_text[0] != '\0')
		return error_set(err, REASON_DISABLED, "%s", p->disabled_text);
	return error_set(
	    err, REASON_DISABLED, "%s by the operator (npctl enable)", p->disabled ? "disabled" : "drained");
}
