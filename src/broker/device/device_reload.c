/*
 * Pools over time: a new configuration, persistent devices, and pools that nobody uses any more.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

/* A pool without sessions, waiters and failures is forgotten after so long. */
#define POOL_FORGET_SECONDS 900.0
/* So many unused pools of devices that the configuration does not name are remembered, times max_sessions. */
#define POOLS_A_SESSION 4

/* The policy compares the new limits with the old ones: those live until it has done so. */
static void
take_device(struct broker_pool *pool, struct device_conf *device)
{
	struct device_conf *old = pool->device;

	pool->device = device;
	pool_set_args(&pool->policy, &device->args);
	device_conf_free(old);
}

/* Where it is must be asked again; an answer that is on its way belongs to the old configuration. */
static void
resolve_again(struct broker_pool *pool)
{
	if (pool->resolve_job != 0)
		connector_cancel(pool->broker->connector, pool->resolve_job, REASON_CANCELLED, "reloaded");
	pool->resolve_job = 0;
	pool->policy.resolving = pool->policy.resolved = false;
}

static bool
same_platform(const struct platform *a, const struct platform *b)
{
	return a == NULL || b == NULL ? a == b : a->fingerprint == b->fingerprint;
}

/* moved: the file that ssh's configuration is read from has changed for all who name none. */
static void
adopt_device(struct broker_pool *pool, struct device_conf *device, struct platform *platform, bool moved, int *changed)
{
	bool same = device_conf_same_login(pool->device, device) && same_platform(pool->platform, platform);

	if (!same || !device_conf_equal(pool->device, device))
		(*changed)++;
	if (platform != NULL) /* what the shells that there are hold is the old one */
		platform_ref(platform);
	platform_unref(pool->platform);
	pool->platform = platform;
	take_device(pool, device);
	if (!same)
		pool_drain_all(&pool->policy, "its configuration changed");
	if (!same || moved)
		resolve_again(pool); /* sessions drain when the answer differs */
	if (!same || pool->policy.block != POOL_OPEN)
		broker_pool_unblock(pool, !same);
	broker_pool_kick(pool);
}

/* A device that the new configuration no longer allows as it was: its sessions drain, its waiters are told. */
static void
retire(struct broker_pool *pool, const struct np_error *why, int *changed)
{
	struct device_conf *gone = device_conf_copy(pool->device);
	struct pool_waiter *w, *next;
	struct request *r;

	(*changed)++;
	gone->args.persistent = false;
	take_device(pool, gone);
	pool_drain_all(&pool->policy, "its configuration is gone");
	TAILQ_FOREACH_SAFE (w, &pool->policy.waiters, link, next) {
		pool_unwait(w);
		request_fail(request_by_waiter(w), why);
	}
	while ((r = TAILQ_FIRST(&pool->held)) != NULL)
		request_fail(r, why);
	pool->retired = true;
	secret_free(pool->key);
	pool->key = xasprintf("retired %llu", (unsigned long long)broker_next_id(pool->broker));
	pool->key_hash = broker_hash(pool->key);
	broker_pool_kick(pool);
}

void
broker_pools_reload(struct broker *b, struct config *config, struct platforms *platforms, int *changed)
{
	const char *before = b->config->ssh_config, *after = config->ssh_config;
	bool moved = before == NULL || after == NULL ? before != after : strcmp(before, after) != 0;
	struct broker_pool *pool;
	struct np_error err;

	TAILQ_FOREACH (pool, &b->pools, link) {
		if (pool->retired)
			continue;
		pool->adhoc = broker_ref_is_adhoc(config, &pool->ref);
		struct device_conf *device = broker_device_make(config, &pool->ref, &err);
		struct platform *platform = NULL;
		if (device == NULL || broker_driver_again(platforms, pool, device, &platform, &err) == -1) {
			device_conf_free(device);
			retire(pool, &err, changed);
			continue;
		}
		broker_driver_apply(device, platform);
		pool->is_default = broker_driver_is_default(b, platforms, device, platform);
		adopt_device(pool, device, platform, moved, changed);
	}
}

static void
open_persistent(struct broker *b)
{
	struct np_error err;

	for (size_t i = 0; i < b->config->devices_count; i++) {
		const struct device_conf *device = b->config->devices[i];
		struct device_ref ref = {.operand = device->name};
		struct broker_pool *pool = device->args.persistent ? broker_pool_get(b, &ref, WANT_ANY, &err) : NULL;
		if (pool != NULL)
			broker_pool_kick(pool);
	}
}

/* Output that waits for a slow client keeps the request of a session that has gone. */
static bool
has_requests(const struct broker_pool *pool)
{
	const struct request *r;

	TAILQ_FOREACH (r, &pool->broker->requests, link) {
		if (r->pool == pool)
			return true;
	}
	return false;
}

static bool
is_unused(const struct broker_pool *pool)
{
	return TAILQ_EMPTY(&pool->policy.entries) && TAILQ_EMPTY(&pool->policy.waiters) && TAILQ_EMPTY(&pool->held) &&
	       pool->resolve_job == 0 && pool->agent_job == 0 && !pool->asking && !has_requests(pool);
}

/*
 * A refused log-in is never forgotten by itself, however long ago it was: there are devices that count failures until
 * one succeeds, and a job that comes once a day would lock its account there.  What the configuration has taken away
 * is asked for by nobody.
 */
static bool
is_worth_remembering(const struct broker_pool *pool)
{
	return !pool->retired && (pool->policy.block == POOL_AUTH || pool->policy.args->persistent);
}

static bool
forgettable(const struct broker_pool *pool, double now)
{
	return (pool->retired || now - pool->last_used > POOL_FORGET_SECONDS) && !is_worth_remembering(pool) &&
	       is_unused(pool);
}

/* ---- devices that the configuration does not name: anybody may ask for as many as he likes ---- */

bool
broker_ref_is_adhoc(const struct config *config, const struct device_ref *ref)
{
	return ref->object != NULL || ref->overrides != NULL || config_device(config, ref->operand) == NULL;
}

struct memory {
	int pools, blocked;
	struct broker_pool *oldest; /* that may be forgotten */
};

static struct memory
look_back(struct broker *b)
{
	struct memory m = {0};
	struct broker_pool *pool;

	TAILQ_FOREACH (pool, &b->pools, link) {
		if (!pool->adhoc || !is_unused(pool))
			continue;
		m.pools++;
		if (is_worth_remembering(pool))
			m.blocked += pool->policy.block == POOL_AUTH;
		else if (m.oldest == NULL || pool->last_used < m.oldest->last_used)
			m.oldest = pool;
	}
	return m;
}

/* A block is lifted when somebody asks for its device again; here somebody asks for another one. */
static void
freshen_blocked(struct broker *b)
{
	struct broker_pool *pool;

	TAILQ_FOREACH (pool, &b->pools, link) {
		if (pool->adhoc && pool->policy.block == POOL_AUTH)
			broker_pool_freshen(pool);
	}
}

/*
 * Before the pool of one more such device is made: forgets another one where there are many, or refuses it when log-ins
 * were refused by all of those: 0, or -1 with err.
 */
int
broker_pools_make_room(struct broker *b, struct np_error *err)
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
	broker_pool_free(m.oldest);
	return 0;
}

/* ---- a lowered max_sessions ---- */

static struct pool_entry *
longest_unused(const struct broker *b)
{
	struct pool_entry *oldest = NULL;
	struct broker_pool *pool;

	TAILQ_FOREACH (pool, &b->pools, link)
		oldest = broker_pool_longer_unused(pool, oldest);
	return oldest;
}

/* Those that are busy now are looked at again at the next tick; the one that makes a device persistent stays. */
static void
trim_sessions(struct broker *b)
{
	struct broker_pool *pool;
	struct pool_entry *e;
	int surplus = -b->config->max_sessions;

	TAILQ_FOREACH (pool, &b->pools, link)
		surplus += pool_lasting_entries(&pool->policy);
	for (; surplus > 0 && (e = longest_unused(b)) != NULL; surplus--)
		broker_session_end(broker_entry_session(e), REASON_NONE, "max_sessions was lowered");
}

/*
 * Every few seconds and after a reload: after a resume of the machine timers are late, and pools that nobody uses are
 * forgotten.
 */
void
broker_pools_tick(struct broker *b)
{
	struct broker_pool *pool, *next;
	double now = clock_now();

	trim_sessions(b);
	if (!b->stopping)
		open_persistent(b);
	TAILQ_FOREACH_SAFE (pool, &b->pools, link, next) {
		if (pool->policy.persistent_wanted)
			broker_pool_freshen(pool);
		if (forgettable(pool, now))
			broker_pool_free(pool);
		else
			broker_pool_kick(pool);
	}
}
