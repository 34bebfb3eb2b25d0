/*
 * One object of `status` each: a device, a session, a client, a request.  Reads everything, changes nothing; never
 * shows a secret or a command.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/report/report_status.h"
#include "base/clock.h"
#include "base/xalloc.h"

static double
tenths(double x)
{
	return broker_round(x, 10);
}

cJSON *
status_session(struct broker_session *s, double now)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *shell;
	double rtt = s->session != NULL ? session_rtt(s->session) : -1;

	cJSON_AddNumberToObject(o, "id", (double)s->id);
	cJSON_AddStringToObject(o, "state", pool_entry_state_word(&s->entry));
	cJSON_AddNumberToObject(o, "age", tenths(now - s->entry.created));
	if (s->session == NULL)
		return o;
	cJSON_AddNumberToObject(o, "last_used", s->entry.leases > 0 ? 0 : tenths(now - s->entry.last_used));
	if (rtt >= 0)
		cJSON_AddNumberToObject(o, "rtt_ms", broker_round(rtt * 1000, 100));
	else
		cJSON_AddNullToObject(o, "rtt_ms");
	cJSON_AddNumberToObject(o, "channels_used", session_slots_used(s->session));
	cJSON_AddNumberToObject(o, "channels_max", session_slots_max(s->session));
	cJSON_AddNumberToObject(o, "commands", (double)s->commands);
	cJSON_AddNumberToObject(o, "bytes_in", (double)session_bytes_in(s->session));
	cJSON_AddNumberToObject(o, "bytes_out", (double)session_bytes_out(s->session));
	cJSON_AddStringToObject(o, "banner", session_banner(s->session));
	cJSON_AddStringToObject(o, "algorithms", session_algorithms(s->session));
	cJSON_AddStringToObject(o, "auth", s->auth != NULL ? s->auth : "");
	shell = broker_shell_json(s);
	if (shell != NULL)
		cJSON_AddItemToObject(o, "shell", shell);
	return o;
}

static void
add_last_error(cJSON *o, const struct pool *p, bool brief, double now)
{
	cJSON *e;

	if (p->last_error.reason == REASON_NONE) {
		cJSON_AddNullToObject(o, "last_error");
		return;
	}
	e = cJSON_AddObjectToObject(o, "last_error");
	cJSON_AddStringToObject(e, "reason", reason_name(p->last_error.reason));
	if (!brief)
		cJSON_AddStringToObject(e, "message", p->last_error.text);
	cJSON_AddNumberToObject(e, "age", tenths(now - p->failed_at));
	if (p->block == POOL_BACKOFF)
		cJSON_AddNumberToObject(e, "retry_in", p->retry_at > now ? tenths(p->retry_at - now) : 0);
	else
		cJSON_AddNullToObject(e, "retry_in");
	cJSON_AddBoolToObject(e, "blocked", p->block == POOL_AUTH);
}

struct pool_sums {
	int sessions, used, max, leases;
	double rtt, last_used, age;
	uint64_t bytes_in, bytes_out;
};

static struct pool_sums
sum_pool(struct broker_pool *pool, double now)
{
	struct pool_sums sum = {
	    .rtt = -1, .last_used = -1, .age = -1, .bytes_in = pool->bytes_in, .bytes_out = pool->bytes_out};
	struct pool_entry *e;

	TAILQ_FOREACH (e, &pool->policy.entries, link) {
		struct broker_session *s = broker_entry_session(e);
		double idle;
		sum.leases += e->leases;
		if (s->session == NULL)
			continue;
		sum.sessions++;
		sum.used += session_slots_used(s->session);
		sum.max += session_slots_max(s->session);
		sum.bytes_in += session_bytes_in(s->session);
		sum.bytes_out += session_bytes_out(s->session);
		if (session_rtt(s->session) >= 0 && (sum.rtt < 0 || session_rtt(s->session) < sum.rtt))
			sum.rtt = session_rtt(s->session);
		idle = e->leases > 0 ? 0 : now - e->last_used;
		if (sum.last_used < 0 || idle < sum.last_used)
			sum.last_used = idle;
		if (now - e->created > sum.age)
			sum.age = now - e->created;
	}
	return sum;
}

static void
add_number_or_null(cJSON *o, const char *name, double value, double scale)
{
	if (value < 0)
		cJSON_AddNullToObject(o, name);
	else
		cJSON_AddNumberToObject(o, name, broker_round(value * scale, 100));
}

/* Where it is: as resolved, else as far as the entry says. */
static void
add_place(cJSON *o, const struct broker_pool *pool)
{
	const struct device_conf *d = pool->device;
	const struct target *t = pool->target;

	cJSON_AddStringToObject(o, "user", t != NULL ? t->user : d->username != NULL ? d->username : "");
	cJSON_AddStringToObject(o, "host", t != NULL ? t->host : d->host != NULL ? d->host : d->name);
	cJSON_AddNumberToObject(o, "port", t != NULL ? t->port : d->port);
}

/* What the operator has said about it. */
static void
add_steering(cJSON *o, const struct broker *b, const char *name, const char *other)
{
	struct steer_rule about = steer_rules_about(&b->rules, name, other);

	cJSON_AddBoolToObject(o, "paused", about.pause == PAUSE_ON);
	cJSON_AddBoolToObject(o, "draining", about.door == DOOR_DRAINING);
	cJSON_AddBoolToObject(o, "disabled", about.door == DOOR_SHUT);
	if (about.text[0] != '\0')
		cJSON_AddStringToObject(o, "text", about.text);
	else
		cJSON_AddNullToObject(o, "text");
}

cJSON *
status_pool(struct broker_pool *pool, bool brief, double now)
{
	struct pool_sums sum = sum_pool(pool, now);
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "device", pool->device->name);
	add_place(o, pool);
	cJSON_AddStringToObject(o, "driver", pool->platform != NULL ? "cli" : "exec");
	if (pool->platform != NULL)
		cJSON_AddStringToObject(o, "platform", pool->platform->name);
	cJSON_AddStringToObject(o, "state", pool_state_word(&pool->policy));
	cJSON_AddBoolToObject(o, "configured", config_device(pool->broker->config, pool->device->name) != NULL);
	cJSON_AddNumberToObject(o, "sessions", sum.sessions);
	cJSON_AddNumberToObject(o, "channels_used", sum.used);
	cJSON_AddNumberToObject(o, "channels_max", sum.max);
	cJSON_AddNumberToObject(o, "running", sum.leases);
	cJSON_AddNumberToObject(o, "queued", pool->policy.waiters_count);
	add_number_or_null(o, "rtt_ms", sum.rtt, 1000);
	add_number_or_null(o, "last_used", sum.last_used, 1);
	add_number_or_null(o, "age", sum.age, 1);
	cJSON_AddNumberToObject(o, "requests", (double)pool->requests_done);
	cJSON_AddNumberToObject(o, "commands", (double)pool->commands);
	cJSON_AddNumberToObject(o, "logins", (double)pool->logins);
	cJSON_AddNumberToObject(o, "failures", (double)pool->failures);
	cJSON_AddNumberToObject(o, "bytes_in", (double)sum.bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)sum.bytes_out);
	cJSON_AddBoolToObject(o, "persistent", pool->policy.persistent_wanted);
	add_steering(o, pool->broker, pool->device->name, pool->device_name);
	add_last_error(o, &pool->policy, brief, now);
	return o;
}

cJSON *
status_unused(const struct broker *b, const struct device_conf *d)
{
	static const char *const zeros[] = {"sessions", "channels_used", "channels_max", "running", "queued"};
	static const char *const nulls[] = {"rtt_ms", "last_used", "age"};
	static const char *const more_zeros[] = {"requests", "commands", "logins", "failures", "bytes_in", "bytes_out"};
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "device", d->name);
	cJSON_AddStringToObject(o, "user", d->username != NULL ? d->username : "");
	cJSON_AddStringToObject(o, "host", d->host != NULL ? d->host : d->name);
	cJSON_AddNumberToObject(o, "port", d->port);
	cJSON_AddStringToObject(o, "state", "idle");
	cJSON_AddTrueToObject(o, "configured");
	for (size_t i = 0; i < NP_COUNT(zeros); i++)
		cJSON_AddNumberToObject(o, zeros[i], 0);
	for (size_t i = 0; i < NP_COUNT(nulls); i++)
		cJSON_AddNullToObject(o, nulls[i]);
	for (size_t i = 0; i < NP_COUNT(more_zeros); i++)
		cJSON_AddNumberToObject(o, more_zeros[i], 0);
	cJSON_AddBoolToObject(o, "persistent", d->args.persistent);
	add_steering(o, b, d->name, NULL);
	cJSON_AddNullToObject(o, "last_error");
	return o;
}

cJSON *
status_peer(const struct broker_peer *bp, double now)
{
	cJSON *o = cJSON_CreateObject();
	char program[128];

	cJSON_AddNumberToObject(o, "id", (double)peer_id(bp->peer));
	cJSON_AddNumberToObject(o, "pid", (double)peer_pid(bp->peer));
	cJSON_AddNumberToObject(o, "uid", (double)bp->who.uid);
	cJSON_AddStringToObject(o, "program", broker_program(peer_pid(bp->peer), program, sizeof(program)));
	cJSON_AddNumberToObject(o, "age", tenths(now - bp->since));
	cJSON_AddNumberToObject(o, "requests", bp->requests_count);
	cJSON_AddNumberToObject(o, "bytes_in", (double)peer_bytes_in(bp->peer));
	cJSON_AddNumberToObject(o, "bytes_out", (double)peer_bytes_out(bp->peer));
	cJSON_AddNumberToObject(o, "pending", (double)peer_out_pending(bp->peer));
	return o;
}

static const char *
kind_word(enum request_kind kind)
{
	switch (kind) {
	case REQUEST_EXEC:
		return "exec";
	case REQUEST_CONFIG:
		return "config";
	case REQUEST_OPEN:
		return "open";
	case REQUEST_FORWARD:
		return "forward";
	case REQUEST_TEST:
		return "test";
	}
	return "?";
}

cJSON *
status_request(const struct request *r, double now)
{
	cJSON *o = cJSON_CreateObject();
	bool queued = r->state == REQUEST_QUEUED;

	cJSON_AddNumberToObject(o, "id", (double)r->uid);
	if (r->peer != NULL)
		cJSON_AddNumberToObject(o, "peer", (double)peer_id(r->peer->peer));
	else
		cJSON_AddNullToObject(o, "peer");
	cJSON_AddStringToObject(o, "device", request_device(r));
	cJSON_AddStringToObject(o, "kind", kind_word(r->kind));
	cJSON_AddStringToObject(o, "state", queued ? "queued" : "running");
	cJSON_AddNumberToObject(o, "age", tenths(now - r->received));
	cJSON_AddNumberToObject(o, "queue_ms", tenths(((queued ? now : r->assigned) - r->received) * 1000));
	cJSON_AddNumberToObject(o, "index", (double)r->index);
	cJSON_AddNumberToObject(o, "count", (double)r->params.commands_count);
	if (r->session != NULL)
		cJSON_AddNumberToObject(o, "session", (double)r->session->id);
	else
		cJSON_AddNullToObject(o, "session");
	cJSON_AddNumberToObject(o, "bytes_in", (double)r->bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)r->bytes_out);
	return o;
}
