/*
 * Devices found by their key, made when they are asked for first, ended; and those that the configuration does not
 * name, of which anybody may ask for as many as he likes.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

/* So many unused ones that the configuration does not name are remembered, times max_sessions. */
#define DEVICES_A_SESSION 4
/* One without sessions, waiters and failures is forgotten after so long. */
#define FORGET_SECONDS 900.0

/* ---- by key ---- */

static struct device *
by_key(struct hash_entry *e)
{
	return e != NULL ? NP_CONTAINER(e, struct device, by_key) : NULL;
}

/* The other one of its key, if there is one. */
static struct device *
other_of_key(const struct device *dev)
{
	struct device *other = by_key(hashtab_find(&dev->all->by_key, dev->by_key.hash));

	while (other != NULL && (other == dev || strcmp(other->key, dev->key) != 0))
		other = by_key(hashtab_next(&other->by_key));
	return other;
}

void
device_set_key(struct device *dev, char *key)
{
	if (dev->key != NULL)
		hashtab_remove(&dev->all->by_key, &dev->by_key);
	free(dev->key);
	dev->key = key;
	hashtab_put(&dev->all->by_key, &dev->by_key, hash_string(key));
}

/* ---- the end ---- */

static void
leave_siblings(struct device *dev)
{
	struct device *before = dev;

	while (before->sibling != dev)
		before = before->sibling;
	before->sibling = dev->sibling;
	dev->sibling = dev;
	hashtab_remove(&dev->all->by_name, &dev->by_name);
}

/* The other driver's pool of the same device, which may have lost its requests to this one, gets them again. */
static void
give_back_default(const struct device *dev)
{
	struct device *other = other_of_key(dev);

	if (dev->is_default && other != NULL)
		other->is_default = true;
}

/* Sessions and requests must be gone. */
void
device_free(struct device *dev)
{
	struct devices *all = dev->all;

	give_back_default(dev);
	device_want_room(dev, false);
	leave_siblings(dev);
	questions_drop_device(dev);
	device_report_state(dev, "idle");
	ev_timer_stop(all->world.loop, &dev->wake);
	ev_clear_pending(all->world.loop, &dev->kick);
	device_set_platform(dev, NULL);
	pool_finish(&dev->policy);
	login_files_finish(&dev->tried);
	target_unref(dev->target);
	device_conf_free(dev->conf);
	device_ref_finish(&dev->ref);
	free(dev->device_name);
	hashtab_remove(&all->by_key, &dev->by_key);
	free(dev->key);
	job_forget(all->world.jobs, &dev->resolve);
	job_forget(all->world.jobs, &dev->agent);
	TAILQ_REMOVE(&all->list, dev, link);
	all->counts.devices--;
	free(dev);
}

/* ---- so many that nobody named ---- */

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

bool
device_is_forgettable(const struct device *dev, double now)
{
	if (dev->has_secret && !dev->policy.args->persistent)
		return is_unused(dev); /* the account remembers what was refused, without the secret */
	return (dev->retired || now - dev->last_used > FORGET_SECONDS) && !is_worth_remembering(dev) && is_unused(dev);
}

struct memory {
	int pools, blocked;
	struct device *oldest; /* that may be forgotten */
};

static struct memory
look_back(struct devices *all)
{
	struct memory m = {0};
	struct device *dev;

	TAILQ_FOREACH (dev, &all->list, link) {
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

/* A block is lifted when somebody asks for its device again; here somebody asks for another one: one is enough. */
static void
freshen_blocked(struct devices *all)
{
	struct device *dev;

	TAILQ_FOREACH (dev, &all->list, link) {
		if (!dev->adhoc || dev->policy.block != POOL_AUTH)
			continue;
		device_freshen(dev);
		if (dev->policy.block != POOL_AUTH && is_unused(dev))
			return;
	}
}

/*
 * Before the pool of one more such device is made: forgets another one where there are many, or refuses it when log-ins
 * were refused by all of those: 0, or -1 with err.
 */
static int
make_room(struct devices *all, struct np_error *err)
{
	int max = all->world.config->max_sessions * DEVICES_A_SESSION;
	struct memory m;

	if (all->counts.devices < max)
		return 0;
	m = look_back(all);
	if (m.pools >= max && m.oldest == NULL) {
		freshen_blocked(all);
		m = look_back(all);
	}
	if (m.pools < max)
		return 0;
	if (m.oldest == NULL)
		return error_set(err, REASON_AUTH_BACKOFF,
		    "%d devices that the configuration does not name have refused a log-in, and no further one is "
		    "tried: mend the credentials and run npctl accounts retry USER",
		    m.blocked);
	device_free(m.oldest);
	return 0;
}

/* ---- the beginning ---- */

/* The ring keeps device_room(), and with it a turn of all pools, from looking through all of them for each. */
static void
join_siblings(struct device *dev)
{
	uint64_t hash = hash_string(dev->device_name);
	struct hash_entry *e = hashtab_find(&dev->all->by_name, hash);
	struct device *other;

	dev->sibling = dev;
	for (; e != NULL && dev->sibling == dev; e = hashtab_next(e)) {
		other = NP_CONTAINER(e, struct device, by_name);
		if (strcmp(other->device_name, dev->device_name) == 0) {
			dev->sibling = other->sibling;
			other->sibling = dev;
		}
	}
	hashtab_put(&dev->all->by_name, &dev->by_name, hash);
}

static struct device *
create(struct devices *all, const struct device_ref *ref, char *key, const struct device_plan *plan)
{
	struct device *dev = xcalloc(1, sizeof(*dev));

	dev->all = all;
	dev->home = (struct link_home){.events = &device_link_events,
	    .loop = all->world.loop,
	    .jobs = all->world.jobs,
	    .accounts = all->world.accounts,
	    .random = &all->random,
	    .platforms = &all->world.platforms};
	dev->resolve.events = &device_resolve_events;
	dev->agent.events = &device_agent_events;
	dev->serial = devices_next_id(all);
	device_set_key(dev, key);
	dev->ref = device_ref_copy(ref);
	dev->has_secret = device_ref_has_secret(ref);
	device_set_conf(dev, plan->conf);
	dev->device_name = device_budget_name(all->world.config, ref, plan->conf);
	dev->last_used = clock_now();
	TAILQ_INIT(&dev->users);
	TAILQ_INIT(&dev->held);
	all->random = all->random * 1664525u + 1013904223u;
	pool_init(&dev->policy, &plan->conf->args, all->random);
	device_set_platform(dev, plan->platform);
	dev->adhoc = plan->adhoc;
	dev->is_default = plan->is_default;
	device_init_turns(dev);
	TAILQ_INSERT_TAIL(&all->list, dev, link);
	all->counts.devices++;
	join_siblings(dev);
	device_steer(dev);
	return dev;
}

/* Whether this pool of the right key serves what is wanted. */
static bool
suits(const struct device *dev, enum broker_want want)
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
make(struct devices *all, const struct device_ref *ref, const char *key, enum broker_want want, struct np_error *err)
{
	struct device_plan plan;

	if (device_ref_is_adhoc(ref, all->world.config) && make_room(all, err) == -1)
		return NULL;
	if (device_plan(all, all->world.config, all->world.platforms, ref, want, &plan, err) == -1)
		return NULL;
	return create(all, ref, xstrdup(key), &plan);
}

struct device *
device_get(struct devices *all, const struct device_ref *ref, enum broker_want want, struct np_error *err)
{
	char *key = device_ref_key(ref);
	struct device *dev = by_key(hashtab_find(&all->by_key, hash_string(key)));

	while (dev != NULL && (strcmp(dev->key, key) != 0 || !suits(dev, want)))
		dev = by_key(hashtab_next(&dev->by_key));
	if (dev == NULL)
		dev = make(all, ref, key, want, err);
	free(key);
	return dev;
}

/* From now on its requests go to shells: the platform prefers channels, but this server has none for commands. */
struct device *
device_prefer_shells(struct device *dev, struct np_error *err)
{
	struct device *shells = device_get(dev->all, &dev->ref, WANT_SHELL, err);

	if (shells == NULL)
		return NULL;
	if (dev->is_default)
		log_info("pool", "%s: its server runs no commands on channels: shells from now on", dev->conf->name);
	dev->is_default = false;
	shells->is_default = true;
	return shells;
}
