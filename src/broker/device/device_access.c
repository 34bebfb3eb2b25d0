/*
 * The door to a device: requests that want in, what blocks log-ins after a failure, and what lifts the block; also the
 * answer of `ssh -G` that says where the door is.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#define AGENT_TIMEOUT 5.0

/* ---- what blocks log-ins, and what lifts it ---- */

void
login_files_take(struct login_files *files, const struct target *t)
{
	files->since = clock_now();
	for (size_t i = 0; i < t->config_files.n; i++)
		file_stamps_add(&files->credentials, t->config_files.v[i].path);
	for (size_t i = 0; i < t->credential_files.n; i++)
		file_stamps_add(&files->credentials, t->credential_files.v[i].path);
	for (size_t i = 0; i < t->user_known_hosts.n; i++)
		file_stamps_add(&files->known_hosts, t->user_known_hosts.v[i]);
	for (size_t i = 0; i < t->global_known_hosts.n; i++)
		file_stamps_add(&files->known_hosts, t->global_known_hosts.v[i]);
}

void
login_files_finish(struct login_files *files)
{
	file_stamps_finish(&files->credentials);
	file_stamps_finish(&files->known_hosts);
}

/*
 * Remembers the files as they were before a failed attempt (taken over), and the agent's key list that did not help (0:
 * none was asked).  An attempt that began earlier than another that failed knows less than that one.
 */
void
broker_pool_failed(struct broker_pool *pool, struct login_files *tried, uint64_t agent_hash)
{
	if (pool->policy.block == POOL_OPEN || tried->since >= pool->tried.since) {
		login_files_finish(&pool->tried);
		pool->tried = *tried;
		*tried = (struct login_files){0};
	}
	if (agent_hash == 0)
		return;
	if (pool->agent_hashes_count == BROKER_AGENT_HASHES)
		memmove(pool->agent_hashes, pool->agent_hashes + 1, sizeof(pool->agent_hashes) - sizeof(uint64_t));
	else
		pool->agent_hashes_count++;
	pool->agent_hashes[pool->agent_hashes_count - 1] = agent_hash;
}

/* Whether something has changed that may make the next login end better. */
static bool
block_is_outdated(const struct broker_pool *pool)
{
	if (pool->policy.block == POOL_OPEN)
		return false;
	return file_stamps_changed(&pool->tried.credentials) ||
	       (pool->policy.block == POOL_BACKOFF && file_stamps_changed(&pool->tried.known_hosts));
}

void
broker_pool_unblock(struct broker_pool *pool, bool credentials_changed)
{
	pool_unblock(&pool->policy, credentials_changed);
	pool->agent_hashes_count = 0;
	pool->prompted = false;
	login_files_finish(&pool->tried);
	broker_pool_kick(pool);
}

static bool
agent_hash_tried(const struct broker_pool *pool, uint64_t hash)
{
	for (int i = 0; i < pool->agent_hashes_count; i++)
		if (pool->agent_hashes[i] == hash)
			return true;
	return false;
}

static void
unresolve(struct broker_pool *pool, const char *why)
{
	log_info("pool", "%s: %s: resolving again", pool->device->name, why);
	pool->policy.resolved = false;
}

/* What the warm path checks, a few stat calls: have the files changed that decided where and how we connect? */
void
broker_pool_freshen(struct broker_pool *pool)
{
	const struct target *t = pool->target;

	if (block_is_outdated(pool)) {
		log_info("pool", "%s: credential or configuration files changed: log-ins are allowed again",
		    pool->device->name);
		broker_pool_unblock(pool, true);
	}
	if (t != NULL && pool->policy.resolved && file_stamps_changed(&t->config_files))
		unresolve(pool, "ssh's configuration changed");
}

/* ---- waiting ---- */

static void
start_queue_limit(const struct broker_pool *pool, struct request *r, double now)
{
	double limit = r->params.queue_timeout >= 0 ? r->params.queue_timeout : pool->device->args.queue_timeout;

	r->waiter.deadline = limit > 0 ? now + limit : 0;
	r->queue_left = limit;
	r->clock_stopped = false;
	if (pool->asking) {
		r->waiter.deadline = 0;
		r->clock_stopped = true;
	}
}

/* Its session died, or had no channel.  What its earlier commands took is no waiting. */
void
broker_pool_wait_again(struct broker_pool *pool, struct request *r)
{
	if (r->index > 0 || r->clock_stopped || pool->asking)
		start_queue_limit(pool, r, clock_now());
	pool_wait_again(&pool->policy, &r->waiter);
	broker_pool_kick(pool);
}

static void
wait_now(struct broker_pool *pool, struct request *r)
{
	double now = clock_now();

	r->waiter.id = r->uid;
	r->waiter.fresh = r->params.fresh;
	r->waiter.slotless = r->kind == REQUEST_FORWARD;
	start_queue_limit(pool, r, now);
	pool_wait(&pool->policy, &r->waiter, now);
	broker_pool_kick(pool);
}

static bool
may_ask_agent(const struct broker_pool *pool)
{
	return pool->policy.block == POOL_AUTH && pool->target != NULL && pool->target->use_agent;
}

/*
 * A request arrives.  After a failure that had questions (a password, an unknown host key) a person may try again by
 * answering; after a failed authentication a changed key list of the
 * agent opens the door again: the agent is asked first, in a thread, because it may take its time.
 */
void
broker_pool_wait(struct broker_pool *pool, struct request *r)
{
	pool->last_used = clock_now();
	broker_pool_freshen(pool);
	if (pool->policy.block != POOL_OPEN && r->params.interactive && pool->prompted)
		broker_pool_unblock(pool, false);
	if (!may_ask_agent(pool)) {
		wait_now(pool, r);
		return;
	}
	r->held = true;
	TAILQ_INSERT_TAIL(&pool->held, r, held_link);
	if (pool->agent_job != 0)
		return;
	struct connect_request request = {.kind = CONNECT_AGENT_KEYS,
	    .target = pool->target,
	    .agent_socket =
		r->params.agent_socket != NULL ? r->params.agent_socket : pool->broker->options.agent_socket,
	    .ready_fd = -1,
	    .timeout = AGENT_TIMEOUT};
	pool->agent_job = connector_submit(pool->broker->connector, &request);
}

void
broker_agent_keys_done(struct broker_pool *pool, struct connect_result *result)
{
	struct request *r;

	pool->agent_job = 0;
	if (result->ok && result->agent_keys_hash != 0 && !agent_hash_tried(pool, result->agent_keys_hash)) {
		log_info("pool", "%s: the agent holds other keys than before: log-ins are allowed again",
		    pool->device->name);
		pool_unblock(&pool->policy, true);
	}
	while ((r = TAILQ_FIRST(&pool->held)) != NULL) {
		TAILQ_REMOVE(&pool->held, r, held_link);
		r->held = false;
		wait_now(pool, r);
	}
}

/* ---- resolving ---- */

static void
send_notices(struct broker_pool *pool)
{
	for (size_t i = 0; i < pool->target->notices.n; i++)
		log_info("pool", "%s: %s", pool->device->name, pool->target->notices.v[i]);
}

void
broker_resolve_done(struct broker_pool *pool, struct connect_result *result)
{
	double now = clock_now();

	pool->resolve_job = 0;
	if (!result->ok) {
		log_warning("pool", "%s: %s", pool->device->name, result->err.text);
		if (pool->policy.block != POOL_AUTH) { /* what lifts that is a change of the credentials as well */
			struct login_files tried = {.since = now, .credentials = result->read};
			result->read = (struct file_stamps){0};
			broker_pool_failed(pool, &tried, 0);
			login_files_finish(&tried);
		}
		pool_resolve_done(&pool->policy, &result->err, now);
		broker_event_resolve_failed(pool, &result->err);
		broker_pool_kick(pool);
		return;
	}
	if (pool->target != NULL && !target_same_login(pool->target, result->target)) {
		pool_drain_all(&pool->policy, "ssh's configuration changed");
		broker_pool_unblock(pool, true);
	}
	target_unref(pool->target);
	pool->target = result->target;
	result->target = NULL;
	send_notices(pool);
	pool_resolve_done(&pool->policy, NULL, now);
	broker_pool_kick(pool);
}
