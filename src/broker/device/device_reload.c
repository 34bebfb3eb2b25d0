/*
 * Pools over time: a new configuration, persistent devices, and pools that nobody uses any more.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

/* A pool without sessions, waiters and failures is forgotten after so long. */
#define POOL_FORGET_SECONDS 900.0
/* So many unused pools of devices that the configuration does not name are remembered, times max_sessions. */
#define POOLS_A_SESSION 4

/* Where it is must be asked again; an answer that is on its way belongs to the old configuration. */
static void
resolve_again(struct device *dev)
{
	job_cancel(&dev->broker->jobs, &dev->resolve, REASON_CANCELLED, "reloaded");
	job_forget(&dev->broker->jobs, &dev->resolve);
	dev->policy.resolving = dev->policy.resolved = false;
}

static bool
same_platform(const struct platform *a, const struct platform *b)
{
	return a == NULL || b == NULL ? a == b : a->fingerprint == b->fingerprint;
}

/* moved: the file that ssh's configuration is read from has changed for all who name none. */
static void
adopt_device(struct device *dev, struct device_conf *device, struct platform *platform, bool moved, int *changed)
{
	bool same = device_conf_same_login(dev->conf, device) && same_platform(dev->platform, platform);

	if (!same || !device_conf_equal(dev->conf, device))
		(*changed)++;
	device_set_platform(dev, platform);
	device_set_conf(dev, device);
	if (!same)
		pool_drain_all(&dev->policy, "its configuration changed");
	if (!same || moved)
		resolve_again(dev); /* sessions drain when the answer differs */
	if (!same || dev->policy.block != POOL_OPEN)
		device_unblock(dev, !same);
	device_kick(dev);
}

/* A device that the new configuration no longer allows as it was: its sessions drain, its waiters are told. */
static void
retire(struct device *dev, const struct np_error *why, int *changed)
{
	struct device_conf *gone = device_conf_copy(dev->conf);
	struct pool_waiter *w, *next;

	(*changed)++;
	gone->args.persistent = false;
	device_set_conf(dev, gone);
	pool_drain_all(&dev->policy, "its configuration is gone");
	TAILQ_FOREACH_SAFE (w, &dev->policy.waiters, link, next) {
		pool_unwait(w);
		waiter_of(w)->ops->failed(waiter_of(w), why);
	}
	device_fail_held(dev, why);
	dev->retired = true;
	device_set_key(dev, xasprintf("retired %llu", (unsigned long long)broker_next_id(dev->broker)));
	device_kick(dev);
}

void
devices_reload(struct broker *b, struct config *config, struct platforms *platforms, int *changed)
{
	const char *before = b->config->ssh_config, *after = config->ssh_config;
	bool moved = before == NULL || after == NULL ? before != after : strcmp(before, after) != 0;
	struct device *dev;
	struct np_error err;

	TAILQ_FOREACH (dev, &b->devices, link) {
		if (dev->retired)
			continue;
		dev->adhoc = broker_ref_is_adhoc(config, &dev->ref);
		struct device_conf *device = device_make_conf(config, &dev->ref, &err);
		struct platform *platform = NULL;
		if (device == NULL || broker_driver_again(platforms, dev, device, &platform, &err) == -1) {
			device_conf_free(device);
			retire(dev, &err, changed);
			continue;
		}
		broker_driver_apply(device, platform);
		dev->is_default = broker_driver_is_default(b, platforms, device, platform);
		adopt_device(dev, device, platform, moved, changed);
	}
}

static void
open_persistent(struct broker *b)
{
	struct np_error err;

	for (size_t i = 0; i < b->config->devices_count; i++) {
		const struct device_conf *device = b->config->devices[i];
		struct device_ref ref = {.operand = device->name};
		struct device *dev = device->args.persistent ? device_get(b, &ref, WANT_ANY, &err) : NULL;
		if (dev != NULL)
			device_kick(dev);
	}
}

/* Output that waits for a slow client keeps the request of a session that has gone. */
static bool
is_unused(const struct device *dev)
{
	return TAILQ_EMPTY(&dev->policy.entries) && TAILQ_EMPTY(&dev->users) && dev->resolve.id == 0 &&
	       dev->agent.id == 0 && !dev->asking;
}

/*
 * A refused log-in is never forgotten by itself, however long ago it was: there are devices that count failures until
 * one succeeds, and a job that comes once a day would lock its account there.  What the configuration has taken away
 * is asked for by nobody.
 */
static bool
is_worth_remembering(const struct device *dev)
{
	return !dev->retired && (dev->policy.block == POOL_AUTH || dev->policy.args->persistent);
}

static bool
forgettable(const struct device *dev, double now)
{
	return (dev->retired || now - dev->last_used > POOL_FORGET_SECONDS) && !is_worth_remembering(dev) &&
	       is_unused(dev);
}

/* ---- devices that the configuration does not name: anybody may ask for as many as he likes ---- */

bool
broker_ref_is_adhoc(const struct config *config, const struct device_ref *ref)
{
	return ref->object != NULL || ref->overrides != NULL || config_device(config, ref->operand) == NULL;
}

struct memory {
	int pools, blocked;
	struct device *oldest; /* that may be forgotten */
};

static struct memory
look_back(struct broker *b)
{
	struct memory m = {0};
	struct device *dev;

	TAILQ_FOREACH (dev, &b->devices, link) {
		if (!dev->adhoc || !is_unused(dev))
			continue;
		m.pools++;
		if (is_worth_remembering(dev))
			m.blocked += dev->policy.block == POOL_AUTH;
		else if (m.oldest == NULL || dev->last_used < m.oldest->last_used)
			m.oldest = dev;
	}
	return m;
}

/* A block is lifted when somebody asks for its device again; here somebody asks for another one. */
static void
freshen_blocked(struct broker *b)
{
	struct device *dev;

	TAILQ_FOREACH (dev, &b->devices, link) {
		if (dev->adhoc && dev->policy.block == POOL_AUTH)
			device_freshen(dev);
	}
}

/*
 * Before the pool of one more such device is made: forgets another one where there are many, or refuses it when log-ins
 * were refused by all of those: 0, or -1 with err.
 */
int
devices_make_room(struct broker *b, struct np_error *err)
{
	int max = b->config->max_sessions * POOLS_A_SESSION;
	struct memory m;

	if (b->pools_count < max)
		return 0;
	m = look_back(b);
	if (m.pools >= max && m.oldest == NULL) {
		freshen_blocked(b);
		m = look_back(b);
	}
	if (m.pools < max)
		return 0;
	if (m.oldest == NULL)
		return error_set(err, REASON_AUTH_BACKOFF,
		    "%d devices that the configuration does not name have refused a log-in, and no further one is "
		    "tried: "
		    "mend the credentials and run npctl reload",
		    m.blocked);
	device_free(m.oldest);
	return 0;
}

/* ---- a lowered max_sessions ---- */

static struct pool_entry *
longest_unused(const struct broker *b)
{
	struct pool_entry *oldest = NULL;
	struct device *dev;

	TAILQ_FOREACH (dev, &b->devices, link)
		oldest = device_longer_unused(dev, oldest);
	return oldest;
}

/* Those that are busy now are looked at again at the next tick; the one that makes a device persistent stays. */
static void
trim_sessions(struct broker *b)
{
	struct device *dev;
	struct pool_entry *e;
	int surplus = -b->config->max_sessions;

	TAILQ_FOREACH (dev, &b->devices, link)
		surplus += pool_lasting_entries(&dev->policy);
	for (; surplus > 0 && (e = longest_unused(b)) != NULL; surplus--)
		link_end(link_of_entry(e), REASON_NONE, "max_sessions was lowered");
}

/*
 * Every few seconds and after a reload: after a resume of the machine timers are late, and pools that nobody uses are
 * forgotten.
 */
void
devices_tick(struct broker *b)
{
	struct device *dev, *next;
	double now = clock_now();

	trim_sessions(b);
	if (!b->stopping)
		open_persistent(b);
	TAILQ_FOREACH_SAFE (dev, &b->devices, link, next) {
		if (dev->policy.persistent_wanted)
			device_freshen(dev);
		if (forgettable(dev, now))
			device_free(dev);
		else
			device_kick(dev);
	}
}
