/*
 * Pools as the broker has them: found by key, resolved, told what happened, and asked what to do next.
 *
 * The decisions are pool.c's; here they are executed.  Every event that could matter calls device_kick(), and the
 * policy is asked once before the loop blocks again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/operand.h"
#include "conf/devlist.h"
#include "base/xalloc.h"

#define RESOLVE_TIMEOUT 15.0

/* ---- actions ---- */

void
device_resolve(struct device *dev)
{
	struct attempt attempt = {.kind = CONNECT_RESOLVE,
	    .device = dev->conf,
	    .default_ssh_config = dev->all->world.config->ssh_config,
	    .ready_fd = -1,
	    .timeout = RESOLVE_TIMEOUT};

	pool_resolve_started(&dev->policy);
	job_submit(dev->all->world.jobs, &dev->resolve, &attempt);
}

static bool
has_closing(const struct device *dev)
{
	struct pool_entry *e;

	TAILQ_FOREACH (e, &dev->policy.entries, link) {
		if (e->state == POOL_CLOSING)
			return true;
	}
	return false;
}

/* The idle session of the pool, if it is unused for longer than best (NULL: none yet), else best. */
struct pool_entry *
device_longer_unused(const struct device *dev, struct pool_entry *best)
{
	struct pool_entry *e = pool_idle_entry(&dev->policy);

	return e != NULL && (best == NULL || e->last_used < best->last_used) ? e : best;
}

static struct pool_entry *
least_used_elsewhere(struct device *dev, bool same_device)
{
	struct pool_entry *best = NULL;
	struct device *other;

	TAILQ_FOREACH (other, &dev->all->list, link) {
		if (other == dev || (same_device && strcmp(other->device_name, dev->device_name) != 0))
			continue;
		if (has_closing(other))
			return NULL; /* room is being made already */
		best = device_longer_unused(other, best);
	}
	return best;
}

/* Leases that rest at a prompt are in the way: when they have done so for long enough is their own pool's to say. */
static void
kick_holders(struct device *dev, bool same_device)
{
	struct device *other;

	TAILQ_FOREACH (other, &dev->all->list, link) {
		if (other != dev && other->policy.held_count > 0 &&
		    (!same_device || strcmp(other->device_name, dev->device_name) == 0))
			device_kick(other);
	}
}

static void
make_room(struct device *dev, const struct pool_room *room)
{
	struct pool_entry *e = least_used_elsewhere(dev, room->device <= 0);

	device_want_room(dev, true);
	if (e != NULL)
		link_end(link_of_entry(e), REASON_NONE, "closed to make room for another session");
	else
		kick_holders(dev, room->device <= 0);
}

static void
give_notice(struct pool_waiter *w, int ahead)
{
	char text[64];

	if (ahead > 0)
		snprintf(text, sizeof(text), "queued behind %d", ahead);
	else
		snprintf(text, sizeof(text), "waiting for a session");
	waiter_of(w)->ops->notice(waiter_of(w), text);
}

static void
probe(const struct pool_action *a)
{
	bool sent = link_probe(link_of_entry(a->entry), a->means == POOL_BY_LINE);

	pool_probed(a->entry, a->means, sent, clock_now());
}

static void
execute(struct device *dev, const struct pool_action *a, const struct pool_room *room)
{
	switch (a->verb) {
	case POOL_NOTHING:
		break;
	case POOL_ROOM:
		make_room(dev, room);
		break;
	case POOL_RESOLVE:
		device_resolve(dev);
		break;
	case POOL_CONNECT:
		device_connect(dev, a);
		break;
	case POOL_ASSIGN:
		waiter_of(a->waiter)->ops->assigned(waiter_of(a->waiter), link_of_entry(a->entry));
		break;
	case POOL_PROBE:
	case POOL_KEEPALIVE:
		probe(a);
		break;
	case POOL_TAKE_BACK:
		device_take_back(link_of_entry(a->entry));
		break;
	case POOL_CLOSE:
		if (a->why.reason == REASON_NONE)
			link_retire(link_of_entry(a->entry), a->why.text);
		else
			link_end(link_of_entry(a->entry), a->why.reason, a->why.text);
		break;
	case POOL_FAIL:
		waiter_of(a->waiter)->ops->failed(waiter_of(a->waiter), &a->why);
		break;
	case POOL_NOTICE:
		give_notice(a->waiter, a->ahead);
		break;
	}
}

/*
 * Too many is only what the most generous of a device's pools forbids: a request that came with a lower limit of its
 * own gets no further session, but ends none of the others'.
 */
struct pool_room
device_room(const struct device *dev)
{
	const struct devices *all = dev->all;
	const struct device *other = dev;
	int device = 0, lasting = 0, most = 0;
	bool wanted = all->world.config->max_sessions > 0 && all->counts.sessions >= all->world.config->max_sessions &&
		      all->rooms_wanted > dev->wants_room;

	do {
		wanted |= other != dev && other->wants_room;
		device += other->policy.entries_count;
		lasting += pool_lasting_entries(&other->policy);
		if (!other->retired && other->conf->args.max_connections > most)
			most = other->conf->args.max_connections;
		other = other->sibling;
	} while (other != dev);
	return (struct pool_room){.device = dev->conf->args.max_connections - device,
	    .global =
		all->world.config->max_sessions > 0 ? all->world.config->max_sessions - all->counts.sessions : 1000000,
	    .surplus = lasting > most ? lasting - most : 0,
	    .wanted = wanted};
}

static void
on_wake(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	device_kick(w->data);
}

static void
set_wake(struct device *dev, double wake_at, double now)
{
	ev_timer_stop(dev->all->world.loop, &dev->wake);
	if (wake_at == 0)
		return;
	double after = wake_at - now;
	ev_timer_init(&dev->wake, on_wake, after > 0.001 ? after : 0.001, 0);
	ev_timer_start(dev->all->world.loop, &dev->wake);
}

static void
on_kick(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct device *dev = w->data;
	double now = clock_now();
	struct pool_entry *e;

	if (dev->all->closed)
		return; /* everything is being closed: nothing is opened any more */
	TAILQ_FOREACH (e, &dev->policy.entries, link)
		link_refresh(link_of_entry(e));
	device_want_room(dev, false);
	for (;;) {
		struct pool_room room = device_room(dev);
		struct pool_action action = pool_next(&dev->policy, &room, now);
		execute(dev, &action, &room);
		if (action.verb == POOL_NOTHING || action.verb == POOL_ROOM) {
			set_wake(dev, action.wake_at, now);
			device_report_state(dev, pool_state_word(&dev->policy));
			return;
		}
	}
}

void
device_init_turns(struct device *dev)
{
	ev_init(&dev->wake, on_wake);
	dev->wake.data = dev;
	ev_prepare_init(&dev->kick, on_kick);
	dev->kick.data = dev;
}
