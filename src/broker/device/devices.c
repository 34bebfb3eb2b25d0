/*
 * All devices: made, told of a new configuration, looked at from time to time, ended.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

/* Where it is must be asked again; an answer that is on its way belongs to the old configuration. */
static void
resolve_again(struct device *dev)
{
	job_cancel(dev->all->world.jobs, &dev->resolve, REASON_CANCELLED, "reloaded");
	job_forget(dev->all->world.jobs, &dev->resolve);
	pool_unresolve(&dev->policy);
}

static bool
same_platform(const struct platform *a, const struct platform *b)
{
	return a == NULL || b == NULL ? a == b : a->fingerprint == b->fingerprint;
}

/* moved: the file that ssh's configuration is read from has changed for all who name none. */
static void
adopt_plan(struct device *dev, const struct device_plan *plan, bool moved, int *changed)
{
	bool same = device_conf_same_login(dev->conf, plan->conf) && same_platform(dev->platform, plan->platform);

	if (!same || !device_conf_equal(dev->conf, plan->conf))
		(*changed)++;
	device_set_platform(dev, plan->platform);
	device_set_conf(dev, plan->conf);
	dev->adhoc = plan->adhoc;
	dev->is_default = plan->is_default;
	if (!same)
		pool_drain_all(&dev->policy, "its configuration changed");
	if (!same || moved)
		resolve_again(dev); /* sessions drain when the answer differs */
	/* Where nothing has changed, nothing is known about a refused login that was not known before. */
	if (!same || dev->policy.block == POOL_BACKOFF)
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
	device_set_key(dev, xasprintf("retired %llu", (unsigned long long)devices_next_id(dev->all)));
	device_kick(dev);
}

void
devices_reload(struct devices *all, const struct config *config, struct platforms *platforms, int *changed)
{
	const char *before = all->world.config->ssh_config, *after = config->ssh_config;
	bool moved = before == NULL || after == NULL ? before != after : strcmp(before, after) != 0;
	struct device *dev;
	struct np_error err;

	TAILQ_FOREACH (dev, &all->list, link) {
		/* Under the driver that it has: others have a device of their own. */
		enum broker_want want = dev->platform != NULL ? WANT_SHELL : WANT_CHANNEL;
		struct device_plan plan;
		if (dev->retired)
			continue;
		if (device_plan(all, config, platforms, &dev->ref, want, &plan, &err) == 0)
			adopt_plan(dev, &plan, moved, changed);
		else
			retire(dev, &err, changed);
	}
	all->world.config = config;
	all->world.platforms = platforms;
	if (all->rests)
		devices_rest(all);
	devices_tick(all);
}

static void
open_persistent(struct devices *all)
{
	struct np_error err;

	for (size_t i = 0; i < all->world.config->devices_count; i++) {
		const struct device_conf *device = all->world.config->devices[i];
		struct device_ref ref = {.operand = device->name};
		struct device *dev = device->args.persistent ? device_get(all, &ref, WANT_ANY, &err) : NULL;
		if (dev != NULL)
			device_kick(dev);
	}
}

/* ---- a lowered max_sessions ---- */

static struct pool_entry *
longest_unused(const struct devices *all)
{
	struct pool_entry *oldest = NULL;
	struct device *dev;

	TAILQ_FOREACH (dev, &all->list, link)
		oldest = device_longer_unused(dev, oldest);
	return oldest;
}

/* Those that are busy now are looked at again at the next tick; the one that makes a device persistent stays. */
static void
trim_sessions(struct devices *all)
{
	struct device *dev;
	struct pool_entry *e;
	int surplus = -all->world.config->max_sessions;

	TAILQ_FOREACH (dev, &all->list, link)
		surplus += pool_lasting_entries(&dev->policy);
	for (; surplus > 0 && (e = longest_unused(all)) != NULL; surplus--)
		link_retire(link_of_entry(e), "max_sessions was lowered");
}

/*
 * Every few seconds and after a reload: after a resume of the machine timers are late, and pools that nobody uses are
 * forgotten.
 */
void
devices_tick(struct devices *all)
{
	struct device *dev, *next;
	double now = clock_now();

	trim_sessions(all);
	if (!all->rests)
		open_persistent(all);
	TAILQ_FOREACH_SAFE (dev, &all->list, link, next) {
		if (dev->policy.persistent_wanted)
			device_freshen(dev);
		if (device_is_forgettable(dev, now))
			device_free(dev);
		else
			device_kick(dev);
	}
}

/* ---- the beginning and the end ---- */

struct devices *
devices_create(const struct devices_world *world)
{
	struct devices *all = xcalloc(1, sizeof(*all));

	all->world = *world;
	all->recognised = device_known_load();
	all->random = (uint32_t)time(NULL) ^ ((uint32_t)getpid() << 16);
	TAILQ_INIT(&all->list);
	TAILQ_INIT(&all->wanting);
	TAILQ_INIT(&all->prompts);
	TAILQ_INIT(&all->forwards);
	return all;
}

void
devices_rest(struct devices *all)
{
	struct device *dev;

	all->rests = true;
	TAILQ_FOREACH (dev, &all->list, link)
		pool_rest(&dev->policy, true);
}

void
devices_close(struct devices *all)
{
	all->closed = true;
}

void
devices_destroy(struct devices *all)
{
	struct device *dev;

	while ((dev = TAILQ_FIRST(&all->list)) != NULL)
		device_free(dev);
	hashtab_finish(&all->by_key);
	hashtab_finish(&all->by_name);
	cJSON_Delete(all->recognised);
	free(all);
}
