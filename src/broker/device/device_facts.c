/*
 * What others may ask a device, and how they go through all of them.
 */
#include <string.h>

#include "broker/device/device_impl.h"
#include "broker/broker_impl.h"
#include "base/clock.h"

struct device *
device_next(const struct broker *b, const struct device *after)
{
	return after == NULL ? TAILQ_FIRST(&b->devices) : TAILQ_NEXT(after, link);
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
device_target_of(struct broker *b, const char *operand)
{
	struct device *dev;

	for (dev = device_next(b, NULL); dev != NULL; dev = device_next(b, dev)) {
		if (dev->retired || dev->ref.operand == NULL || dev->ref.overrides != NULL ||
		    strcmp(dev->ref.operand, operand) != 0)
			continue;
		device_freshen(dev);
		if (dev->policy.resolved)
			return dev->target;
	}
	return NULL;
}

void
device_rest(struct device *dev)
{
	pool_rest(&dev->policy);
}

void
device_want_nothing(struct device *dev)
{
	dev->policy.persistent_wanted = false;
}

void
device_doubt(struct device *dev)
{
	dev->policy.proven = false;
}

void
device_served(struct device *dev)
{
	dev->last_used = clock_now();
	dev->requests_done++;
}
