/*
 * Pools as the broker has them: found by key, resolved, told what happened, and asked what to do next.
 *
 * The decisions are pool.c's; here they are executed.  Every event that could matter calls broker_pool_kick(), and the
 * policy is asked once before the loop blocks again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/operand.h"
#include "base/xalloc.h"

#define RESOLVE_TIMEOUT 15.0

uint64_t
broker_hash(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

struct broker_session *
broker_entry_session(struct pool_entry *e)
{
	return NP_CONTAINER(e, struct broker_session, entry);
}

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
broker_device_make(const struct config *config, const struct device_ref *ref, struct np_error *err)
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

/* The device that this name means as one of its users, or at all: host[:port]; NULL when it is a device's own name. The
 * caller frees it. */
char *
broker_device_of(const struct config *config, const char *name)
{
	struct operand op;
	char *device;

	if (config_device(config, name) != NULL || operand_parse(name, &op, NULL) != 0)
		return NULL;
	device = op.port != 0 ? xasprintf("%s:%d", op.host, op.port) : xstrdup(op.host);
	operand_finish(&op);
	if (strcmp(device, name) != 0)
		return device;
	free(device);
	return NULL;
}

/* Whose max_connections counts: one device may be reached as several users, by several pools. */
static char *
device_budget_name(const struct config *config, const struct device_ref *ref, const struct device_conf *device)
{
	char *name = ref->operand != NULL ? broker_device_of(config, ref->operand) : NULL;

	if (name == NULL && ref->operand != NULL && config_device(config, ref->operand) == NULL)
		name = xstrdup(ref->operand);
	return name != NULL ? name : xstrdup(device->name);
}

/* ---- actions ---- */

static void
start_resolve(struct broker_pool *pool)
{
	struct connect_request request = {.kind = CONNECT_RESOLVE,
	    .device = pool->device,
	    .default_ssh_config = pool->broker->config->ssh_config,
	    .ready_fd = -1,
	    .timeout = RESOLVE_TIMEOUT};

	pool_resolve_started(&pool->policy);
	pool->resolve_job = connector_submit(pool->broker->connector, &request);
}

static bool
has_closing(const struct broker_pool *pool)
{
	struct pool_entry *e;

	TAILQ_FOREACH (e, &pool->policy.entries, link) {
		if (e->state == POOL_CLOSING)
			return true;
	}
	return false;
}

/* The idle session of the pool, if it is unused for longer than best (NULL: none yet), else best. */
struct pool_entry *
broker_pool_longer_unused(const struct broker_pool *pool, struct pool_entry *best)
{
	struct pool_entry *e = pool_idle_entry(&pool->policy);

	return e != NULL && (best == NULL || e->last_used < best->last_used) ? e : best;
}

static struct pool_entry *
least_used_elsewhere(struct broker_pool *pool, bool same_device)
{
	struct pool_entry *best = NULL;
	struct broker_pool *other;

	TAILQ_FOREACH (other, &pool->broker->pools, link) {
		if (other == pool || (same_device && strcmp(other->device_name, pool->device_name) != 0))
			continue;
		if (has_closing(other))
			return NULL; /* room is being made already */
		best = broker_pool_longer_unused(other, best);
	}
	return best;
}

static void
make_room(struct broker_pool *pool, const struct pool_room *room)
{
	struct pool_entry *e = least_used_elsewhere(pool, room->device <= 0);

	pool->wants_room = true;
	if (e != NULL)
		broker_session_end(broker_entry_session(e), REASON_NONE, "closed to make room for another session");
	else
		broker_shells_check_hold(pool->broker, clock_now());
}

static void
give_notice(struct pool_waiter *w, int ahead)
{
	char text[64];

	if (ahead > 0)
		snprintf(text, sizeof(text), "queued behind %d", ahead);
	else
		snprintf(text, sizeof(text), "waiting for a session");
	request_notice(request_by_waiter(w), text);
}

/* Some devices hang up on SSH's own keep-alive: they are asked on their command line. */
static void
probe(struct broker_session *s)
{
	const struct platform *p = s->pool->platform;

	if (p != NULL && (!p->keepalive_ssh || s->pool->device->args.keepalive_mode == KEEPALIVE_CLI))
		broker_shell_keepalive(s);
	else
		session_probe(s->session);
}

static void
execute(struct broker_pool *pool, const struct pool_action *a, const struct pool_room *room)
{
	switch (a->verb) {
	case POOL_NOTHING:
		break;
	case POOL_ROOM:
		make_room(pool, room);
		break;
	case POOL_RESOLVE:
		start_resolve(pool);
		break;
	case POOL_CONNECT:
		broker_session_connect(pool, a);
		break;
	case POOL_ASSIGN:
		request_assigned(request_by_waiter(a->waiter), broker_entry_session(a->entry));
		break;
	case POOL_PROBE:
	case POOL_KEEPALIVE:
		probe(broker_entry_session(a->entry));
		break;
	case POOL_CLOSE:
		broker_session_end(broker_entry_session(a->entry), a->why.reason, a->why.text);
		break;
	case POOL_FAIL:
		request_fail(request_by_waiter(a->waiter), &a->why);
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
broker_pool_room(const struct broker_pool *pool)
{
	const struct broker *b = pool->broker;
	const struct broker_pool *other = pool;
	int device = 0, lasting = 0, most = 0;

	do {
		device += other->policy.entries_count;
		lasting += pool_lasting_entries(&other->policy);
		if (!other->retired && other->device->args.max_connections > most)
			most = other->device->args.max_connections;
		other = other->sibling;
	} while (other != pool);
	return (struct pool_room){.device = pool->device->args.max_connections - device,
	    .global = b->config->max_sessions > 0 ? b->config->max_sessions - b->sessions_count : 1000000,
	    .surplus = lasting > most ? lasting - most : 0};
}

static void
on_wake(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	broker_pool_kick(w->data);
}

static void
set_wake(struct broker_pool *pool, double wake_at, double now)
{
	ev_timer_stop(pool->broker->loop, &pool->wake);
	if (wake_at == 0)
		return;
	double after = wake_at - now;
	ev_timer_init(&pool->wake, on_wake, after > 0.001 ? after : 0.001, 0);
	ev_timer_start(pool->broker->loop, &pool->wake);
}

static void
on_kick(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct broker_pool *pool = w->data;
	double now = clock_now();
	struct pool_entry *e;

	if (pool->broker->finished)
		return; /* everything is being closed: nothing is opened any more */
	TAILQ_FOREACH (e, &pool->policy.entries, link) {
		broker_session_refresh(broker_entry_session(e));
		broker_shell_check_hold(broker_entry_session(e), now);
	}
	pool->wants_room = false;
	for (;;) {
		struct pool_room room = broker_pool_room(pool);
		struct pool_action action = pool_next(&pool->policy, &room, now);
		execute(pool, &action, &room);
		if (action.verb == POOL_NOTHING || action.verb == POOL_ROOM) {
			set_wake(pool, action.wake_at, now);
			broker_event_device(pool);
			return;
		}
	}
}

void
broker_pool_kick(struct broker_pool *pool)
{
	ev_feed_event(pool->broker->loop, &pool->kick, EV_CUSTOM);
}

/* A session ended or a lease did: who waits for room outside its own pool asks again. */
void
broker_pools_kick_room(struct broker *b)
{
	struct broker_pool *pool;

	TAILQ_FOREACH (pool, &b->pools, link) {
		if (pool->wants_room)
			broker_pool_kick(pool);
	}
}

/* ---- creation and end ---- */

/* The ring keeps broker_pool_room(), and with it a turn of all pools, from looking through all of them for each. */
static void
join_siblings(struct broker_pool *pool)
{
	struct broker_pool *other;

	pool->sibling = pool;
	TAILQ_FOREACH (other, &pool->broker->pools, link) {
		if (other != pool && strcmp(other->device_name, pool->device_name) == 0) {
			pool->sibling = other->sibling;
			other->sibling = pool;
			return;
		}
	}
}

static void
leave_siblings(struct broker_pool *pool)
{
	struct broker_pool *before = pool;

	while (before->sibling != pool)
		before = before->sibling;
	before->sibling = pool->sibling;
	pool->sibling = pool;
}

static struct broker_pool *
pool_create(
    struct broker *b, const struct device_ref *ref, char *key, struct device_conf *device, struct platform *platform)
{
	struct broker_pool *pool = xcalloc(1, sizeof(*pool));

	pool->broker = b;
	pool->serial = broker_next_id(b);
	pool->key = key;
	pool->key_hash = broker_hash(key);
	pool->ref = device_ref_copy(ref);
	pool->device = device;
	pool->platform = platform != NULL ? platform_ref(platform) : NULL;
	pool->device_name = device_budget_name(b->config, ref, device);
	pool->last_used = clock_now();
	TAILQ_INIT(&pool->held);
	b->random = b->random * 1664525u + 1013904223u;
	pool_init(&pool->policy, &device->args, b->random);
	ev_init(&pool->wake, on_wake);
	pool->wake.data = pool;
	ev_prepare_init(&pool->kick, on_kick);
	pool->kick.data = pool;
	TAILQ_INSERT_TAIL(&b->pools, pool, link);
	b->pools_count++;
	join_siblings(pool);
	broker_steer_apply(pool);
	return pool;
}

/* Whether this pool of the right key serves what is wanted. */
static bool
pool_suits(const struct broker_pool *pool, enum broker_want want)
{
	switch (want) {
	case WANT_ANY:
		return pool->is_default;
	case WANT_SHELL:
		return pool->platform != NULL;
	case WANT_CHANNEL:
		return pool->platform == NULL;
	}
	return false;
}

/* A device has at most two pools, one for each driver. */
static struct broker_pool *
pool_make(struct broker *b, const struct device_ref *ref, const char *key, enum broker_want want, struct np_error *err)
{
	bool adhoc = broker_ref_is_adhoc(b->config, ref);
	struct device_conf *device;
	struct broker_pool *pool;
	struct platform *platform;

	if (adhoc && broker_pools_make_room(b, err) == -1)
		return NULL;
	device = broker_device_make(b->config, ref, err);
	if (device == NULL)
		return NULL;
	if (broker_driver_choose(b, b->platforms, device, want, &platform, err) == -1) {
		device_conf_free(device);
		return NULL;
	}
	broker_driver_apply(device, platform);
	pool = pool_create(b, ref, xstrdup(key), device, platform);
	pool->adhoc = adhoc;
	pool->is_default = broker_driver_is_default(b, b->platforms, device, platform);
	return pool;
}

struct broker_pool *
broker_pool_get(struct broker *b, const struct device_ref *ref, enum broker_want want, struct np_error *err)
{
	char *key = device_ref_key(ref);
	uint64_t hash = broker_hash(key);
	struct broker_pool *pool;

	TAILQ_FOREACH (pool, &b->pools, link) {
		if (pool->key_hash == hash && strcmp(pool->key, key) == 0 && pool_suits(pool, want))
			break;
	}
	if (pool == NULL)
		pool = pool_make(b, ref, key, want, err);
	secret_free(key);
	return pool;
}

/* The other driver's pool of the same device, which may have lost its requests to this one, gets them again. */
static void
give_back_default(const struct broker_pool *pool)
{
	struct broker_pool *other;

	if (!pool->is_default)
		return;
	TAILQ_FOREACH (other, &pool->broker->pools, link) {
		if (other != pool && other->key_hash == pool->key_hash && strcmp(other->key, pool->key) == 0)
			other->is_default = true;
	}
}

/* Sessions and requests must be gone. */
void
broker_pool_free(struct broker_pool *pool)
{
	struct broker *b = pool->broker;

	give_back_default(pool);
	leave_siblings(pool);
	broker_prompts_drop(pool);
	broker_event_device_forgotten(pool);
	ev_timer_stop(b->loop, &pool->wake);
	ev_clear_pending(b->loop, &pool->kick);
	pool_finish(&pool->policy);
	login_files_finish(&pool->tried);
	target_unref(pool->target);
	platform_unref(pool->platform);
	device_conf_free(pool->device);
	device_ref_finish(&pool->ref);
	free(pool->device_name);
	secret_free(pool->key);
	TAILQ_REMOVE(&b->pools, pool, link);
	b->pools_count--;
	free(pool);
}
