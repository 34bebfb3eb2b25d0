/*
 * Pools as the broker has them: found by key, resolved, told what happened, and asked what to do next.
 *
 * The decisions are pool.c's; here they are executed.  Every event that could matter calls device_kick(), and the
 * policy is asked once before the loop blocks again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/operand.h"
#include "conf/devlist.h"
#include "base/xalloc.h"

#define RESOLVE_TIMEOUT 15.0

/* ---- the device behind a reference ---- */

static int
apply_overrides(struct device_conf *device, const char *overrides, struct np_error *err)
{
	cJSON *object = overrides != NULL ? cJSON_Parse(overrides) : NULL;
	const cJSON *member;
	int rc = 0;

	cJSON_ArrayForEach (member, object) {
		char number[32];
		const char *value = member->valuestring;
		if (cJSON_IsBool(member))
			value = cJSON_IsTrue(member) ? "true" : "false";
		else if (cJSON_IsNumber(member)) {
			snprintf(number, sizeof(number), "%.15g", member->valuedouble);
			value = number;
		}
		rc = device_conf_set(device, member->string, value, "overrides", err);
		if (rc == -1)
			break;
	}
	params_wipe(object); /* may hold a password */
	cJSON_Delete(object);
	return rc;
}

/* The device entry that ref means under config, or NULL with err. */
struct device_conf *
device_make_conf(const struct config *config, const struct device_ref *ref, struct np_error *err)
{
	const struct device_conf *known;
	struct device_conf *device;
	struct operand op;

	if (ref->object != NULL) {
		device = device_conf_parse(config, ref->object, strlen(ref->object), err);
		if (device == NULL)
			return NULL;
	} else if ((known = config_device(config, ref->operand)) != NULL) {
		device = device_conf_copy(known);
	} else {
		if (operand_parse(ref->operand, &op, err) == -1)
			return NULL;
		operand_finish(&op);
		device = device_conf_adhoc(config, ref->operand);
	}
	if (apply_overrides(device, ref->overrides, err) == -1) {
		device_conf_free(device);
		return NULL;
	}
	return device;
}

/* Whose max_connections counts: one device may be reached as several users, by several pools. */
static char *
device_budget_name(const struct config *config, const struct device_ref *ref, const struct device_conf *device)
{
	char *name = ref->operand != NULL ? config_device_of_user(config, ref->operand) : NULL;

	if (name == NULL && ref->operand != NULL && config_device(config, ref->operand) == NULL)
		name = xstrdup(ref->operand);
	return name != NULL ? name : xstrdup(device->name);
}

/* ---- actions ---- */

static void
start_resolve(struct device *dev)
{
	struct attempt attempt = {.kind = CONNECT_RESOLVE,
	    .device = dev->conf,
	    .default_ssh_config = dev->broker->config->ssh_config,
	    .ready_fd = -1,
	    .timeout = RESOLVE_TIMEOUT};

	pool_resolve_started(&dev->policy);
	job_submit(&dev->broker->jobs, &dev->resolve, &attempt);
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

	TAILQ_FOREACH (other, &dev->broker->devices, link) {
		if (other == dev || (same_device && strcmp(other->device_name, dev->device_name) != 0))
			continue;
		if (has_closing(other))
			return NULL; /* room is being made already */
		best = device_longer_unused(other, best);
	}
	return best;
}

static void
want_room(struct device *dev, bool wants)
{
	if (dev->wants_room == wants)
		return;
	dev->wants_room = wants;
	dev->broker->rooms_wanted += wants ? 1 : -1;
	if (wants)
		TAILQ_INSERT_TAIL(&dev->broker->wanting, dev, wants);
	else
		TAILQ_REMOVE(&dev->broker->wanting, dev, wants);
}

/* Leases that rest at a prompt are in the way: when they have done so for long enough is their own pool's to say. */
static void
kick_holders(struct device *dev, bool same_device)
{
	struct device *other;

	TAILQ_FOREACH (other, &dev->broker->devices, link) {
		if (other != dev && other->policy.held_count > 0 &&
		    (!same_device || strcmp(other->device_name, dev->device_name) == 0))
			device_kick(other);
	}
}

static void
make_room(struct device *dev, const struct pool_room *room)
{
	struct pool_entry *e = least_used_elsewhere(dev, room->device <= 0);

	want_room(dev, true);
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
		start_resolve(dev);
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
	const struct broker *b = dev->broker;
	const struct device *other = dev;
	int device = 0, lasting = 0, most = 0;
	bool wanted = b->config->max_sessions > 0 && b->sessions_count >= b->config->max_sessions &&
		      b->rooms_wanted > dev->wants_room;

	do {
		wanted |= other != dev && other->wants_room;
		device += other->policy.entries_count;
		lasting += pool_lasting_entries(&other->policy);
		if (!other->retired && other->conf->args.max_connections > most)
			most = other->conf->args.max_connections;
		other = other->sibling;
	} while (other != dev);
	return (struct pool_room){.device = dev->conf->args.max_connections - device,
	    .global = b->config->max_sessions > 0 ? b->config->max_sessions - b->sessions_count : 1000000,
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
	ev_timer_stop(dev->broker->loop, &dev->wake);
	if (wake_at == 0)
		return;
	double after = wake_at - now;
	ev_timer_init(&dev->wake, on_wake, after > 0.001 ? after : 0.001, 0);
	ev_timer_start(dev->broker->loop, &dev->wake);
}

static void
on_kick(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct device *dev = w->data;
	double now = clock_now();
	struct pool_entry *e;

	if (dev->broker->finished)
		return; /* everything is being closed: nothing is opened any more */
	TAILQ_FOREACH (e, &dev->policy.entries, link)
		link_refresh(link_of_entry(e));
	want_room(dev, false);
	for (;;) {
		struct pool_room room = device_room(dev);
		struct pool_action action = pool_next(&dev->policy, &room, now);
		execute(dev, &action, &room);
		if (action.verb == POOL_NOTHING || action.verb == POOL_ROOM) {
			set_wake(dev, action.wake_at, now);
			device_report_state(dev);
			return;
		}
	}
}

void
device_kick(struct device *dev)
{
	ev_feed_event(dev->broker->loop, &dev->kick, EV_CUSTOM);
}

/* A session ended or a lease did: who waits for room outside its own pool asks again. */
void
devices_kick_room(struct broker *b)
{
	struct device *dev;

	TAILQ_FOREACH (dev, &b->wanting, wants)
		device_kick(dev);
}

/* ---- creation and end ---- */

static struct device *
by_key(struct hash_entry *e)
{
	return e != NULL ? NP_CONTAINER(e, struct device, by_key) : NULL;
}

/* The other one of its key, if there is one. */
struct device *
device_next_of_key(const struct device *dev)
{
	struct device *other = by_key(hashtab_find(&dev->broker->by_key, dev->by_key.hash));

	while (other != NULL && (other == dev || strcmp(other->key, dev->key) != 0))
		other = by_key(hashtab_next(&other->by_key));
	return other;
}

void
device_set_key(struct device *dev, char *key)
{
	if (dev->key != NULL)
		hashtab_remove(&dev->broker->by_key, &dev->by_key);
	secret_free(dev->key);
	dev->key = key;
	hashtab_put(&dev->broker->by_key, &dev->by_key, hash_string(key));
}

/* The policy compares the new limits with the old ones: those live until it has done so. */
void
device_set_conf(struct device *dev, struct device_conf *conf)
{
	struct device_conf *old = dev->conf;

	dev->conf = conf;
	dev->home.conf = conf;
	if (old != NULL)
		pool_set_args(&dev->policy, &conf->args);
	device_conf_free(old);
}

void
device_set_platform(struct device *dev, struct platform *platform)
{
	struct platform *old = dev->platform;

	dev->platform = platform != NULL ? platform_ref(platform) : NULL;
	dev->home.platform = dev->platform;
	platform_unref(old); /* what the shells that there are hold is their own */
	device_tell_platform(dev);
}

/* The ring keeps device_room(), and with it a turn of all pools, from looking through all of them for each. */
static void
join_siblings(struct device *dev)
{
	uint64_t hash = hash_string(dev->device_name);
	struct hash_entry *e = hashtab_find(&dev->broker->by_name, hash);
	struct device *other;

	dev->sibling = dev;
	for (; e != NULL && dev->sibling == dev; e = hashtab_next(e)) {
		other = NP_CONTAINER(e, struct device, by_name);
		if (strcmp(other->device_name, dev->device_name) == 0) {
			dev->sibling = other->sibling;
			other->sibling = dev;
		}
	}
	hashtab_put(&dev->broker->by_name, &dev->by_name, hash);
}

static void
leave_siblings(struct device *dev)
{
	struct device *before = dev;

	while (before->sibling != dev)
		before = before->sibling;
	before->sibling = dev->sibling;
	dev->sibling = dev;
	hashtab_remove(&dev->broker->by_name, &dev->by_name);
}

static struct device *
pool_create(
    struct broker *b, const struct device_ref *ref, char *key, struct device_conf *device, struct platform *platform)
{
	struct device *dev = xcalloc(1, sizeof(*dev));

	dev->broker = b;
	dev->home = (struct link_home){.events = &device_link_events,
	    .loop = b->loop,
	    .jobs = &b->jobs,
	    .random = &b->random,
	    .platforms = &b->platforms};
	dev->resolve.events = &device_resolve_events;
	dev->agent.events = &device_agent_events;
	dev->serial = broker_next_id(b);
	device_set_key(dev, key);
	dev->ref = device_ref_copy(ref);
	device_set_conf(dev, device);
	dev->device_name = device_budget_name(b->config, ref, device);
	dev->last_used = clock_now();
	TAILQ_INIT(&dev->users);
	TAILQ_INIT(&dev->held);
	b->random = b->random * 1664525u + 1013904223u;
	pool_init(&dev->policy, &device->args, b->random);
	device_set_platform(dev, platform);
	ev_init(&dev->wake, on_wake);
	dev->wake.data = dev;
	ev_prepare_init(&dev->kick, on_kick);
	dev->kick.data = dev;
	TAILQ_INSERT_TAIL(&b->devices, dev, link);
	b->pools_count++;
	join_siblings(dev);
	device_steer(dev);
	return dev;
}

/* Whether this pool of the right key serves what is wanted. */
static bool
pool_suits(const struct device *dev, enum broker_want want)
{
	switch (want) {
	case WANT_ANY:
		return dev->is_default;
	case WANT_SHELL:
		return dev->platform != NULL;
	case WANT_CHANNEL:
		return dev->platform == NULL;
	}
	return false;
}

/* A device has at most two pools, one for each driver. */
static struct device *
pool_make(struct broker *b, const struct device_ref *ref, const char *key, enum broker_want want, struct np_error *err)
{
	bool adhoc = broker_ref_is_adhoc(b->config, ref);
	struct device_conf *device;
	struct device *dev;
	struct platform *platform;

	if (adhoc && devices_make_room(b, err) == -1)
		return NULL;
	device = device_make_conf(b->config, ref, err);
	if (device == NULL)
		return NULL;
	if (broker_driver_choose(b, b->platforms, device, want, &platform, err) == -1) {
		device_conf_free(device);
		return NULL;
	}
	broker_driver_apply(device, platform);
	dev = pool_create(b, ref, xstrdup(key), device, platform);
	dev->adhoc = adhoc;
	dev->is_default = broker_driver_is_default(b, b->platforms, device, platform);
	return dev;
}

struct device *
device_get(struct broker *b, const struct device_ref *ref, enum broker_want want, struct np_error *err)
{
	char *key = device_ref_key(ref);
	struct device *dev = by_key(hashtab_find(&b->by_key, hash_string(key)));

	while (dev != NULL && (strcmp(dev->key, key) != 0 || !pool_suits(dev, want)))
		dev = by_key(hashtab_next(&dev->by_key));
	if (dev == NULL)
		dev = pool_make(b, ref, key, want, err);
	secret_free(key);
	return dev;
}

/* The other driver's pool of the same device, which may have lost its requests to this one, gets them again. */
static void
give_back_default(const struct device *dev)
{
	struct device *other = device_next_of_key(dev);

	if (dev->is_default && other != NULL)
		other->is_default = true;
}

/* Sessions and requests must be gone. */
void
device_free(struct device *dev)
{
	struct broker *b = dev->broker;

	give_back_default(dev);
	want_room(dev, false);
	leave_siblings(dev);
	broker_prompts_drop(dev);
	device_report_forgotten(dev);
	ev_timer_stop(b->loop, &dev->wake);
	ev_clear_pending(b->loop, &dev->kick);
	device_set_platform(dev, NULL);
	pool_finish(&dev->policy);
	login_files_finish(&dev->tried);
	target_unref(dev->target);
	device_conf_free(dev->conf);
	device_ref_finish(&dev->ref);
	free(dev->device_name);
	hashtab_remove(&b->by_key, &dev->by_key);
	secret_free(dev->key);
	job_forget(&b->jobs, &dev->resolve);
	job_forget(&b->jobs, &dev->agent);
	TAILQ_REMOVE(&b->devices, dev, link);
	b->pools_count--;
	free(dev);
}
