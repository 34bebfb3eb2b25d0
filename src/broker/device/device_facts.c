/*
 * What others may ask a device, and how they go through all of them.
 */
#include <string.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"

const struct device_counts *
devices_counts(const struct devices *all)
{
	return &all->counts;
}

struct device *
device_next(const struct devices *all, const struct device *after)
{
	return after == NULL ? TAILQ_FIRST(&all->list) : TAILQ_NEXT(after, link);
}

const struct device_conf *
device_settings(const struct device *dev)
{
	return dev->conf;
}

const char *
device_alias(const struct device *dev)
{
	return dev->device_name;
}

struct platform *
device_platform(const struct device *dev)
{
	return dev->platform;
}

bool
device_is_shadow(const struct device *dev)
{
	return dev->conf->ssh_arguments.n > 0 && dev->adhoc && dev->policy.entries_count == 0 &&
	       dev->policy.waiters_count == 0 && dev->policy.block == POOL_OPEN && dev->logins + dev->failures == 0;
}

const struct pool *
device_pool(const struct device *dev)
{
	return &dev->policy;
}

uint64_t
device_id(const struct device *dev)
{
	return dev->serial;
}

uint64_t
device_requests_done(const struct device *dev)
{
	return dev->requests_done;
}

bool
device_is_retired(const struct device *dev)
{
	return dev->retired;
}

bool
device_is_kicked(struct device *dev)
{
	return ev_is_pending(&dev->kick);
}

const struct target *
device_target_of(struct devices *all, const char *operand)
{
	struct device *dev;

	for (dev = device_next(all, NULL); dev != NULL; dev = device_next(all, dev)) {
		if (dev->retired || dev->ref.operand == NULL || dev->ref.overrides != NULL ||
		    strcmp(dev->ref.operand, operand) != 0)
			continue;
		device_freshen(dev);
		if (dev->policy.resolved)
			return dev->target;
	}
	return NULL;
}

struct device *
device_of_link(const struct link *link)
{
	return NP_CONTAINER(link_home(link), struct device, home);
}

void
device_rest(struct device *dev)
{
	pool_rest(&dev->policy, false);
}

void
device_served(struct device *dev)
{
	dev->last_used = clock_now();
	dev->requests_done++;
}

/* ---- asked once the turn is over ---- */

void
device_kick(struct device *dev)
{
	ev_feed_event(dev->all->world.loop, &dev->kick, EV_CUSTOM);
}

/* A session ended or a lease did: who waits for room outside its own pool asks again. */
void
devices_kick_room(struct devices *all)
{
	struct device *dev;

	TAILQ_FOREACH (dev, &all->wanting, wants)
		device_kick(dev);
}

void
device_want_room(struct device *dev, bool wants)
{
	if (dev->wants_room == wants)
		return;
	dev->wants_room = wants;
	dev->all->rooms_wanted += wants ? 1 : -1;
	if (wants)
		TAILQ_INSERT_TAIL(&dev->all->wanting, dev, wants);
	else
		TAILQ_REMOVE(&dev->all->wanting, dev, wants);
}
