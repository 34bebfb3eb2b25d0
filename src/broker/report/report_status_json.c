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
status_session(struct link *link, double now)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *shell;
	double rtt = link->session != NULL ? session_rtt(link->session) : -1;

	cJSON_AddNumberToObject(o, "id", (double)link->id);
	cJSON_AddStringToObject(o, "state", pool_entry_state_word(&link->entry));
	cJSON_AddNumberToObject(o, "age", tenths(now - link->entry.created));
	if (link->session == NULL)
		return o;
	cJSON_AddNumberToObject(o, "last_used", link->entry.leases > 0 ? 0 : tenths(now - link->entry.last_used));
	if (rtt >= 0)
		cJSON_AddNumberToObject(o, "rtt_ms", broker_round(rtt * 1000, 100));
	else
		cJSON_AddNullToObject(o, "rtt_ms");
	cJSON_AddNumberToObject(o, "channels_used", session_slots_used(link->session));
	cJSON_AddNumberToObject(o, "channels_max", session_slots_max(link->session));
	cJSON_AddNumberToObject(o, "commands", (double)link->commands);
	cJSON_AddNumberToObject(o, "bytes_in", (double)session_bytes_in(link->session));
	cJSON_AddNumberToObject(o, "bytes_out", (double)session_bytes_out(link->session));
	cJSON_AddStringToObject(o, "banner", session_banner(link->session));
	cJSON_AddStringToObject(o, "algorithms", session_algorithms(link->session));
	cJSON_AddStringToObject(o, "auth", link->auth != NULL ? link->auth : "");
	shell = link_shell_json(link);
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
sum_pool(struct device *dev, double now)
{
	struct pool_sums sum = {
	    .rtt = -1, .last_used = -1, .age = -1, .bytes_in = dev->bytes_in, .bytes_out = dev->bytes_out};
	struct pool_entry *e;

	TAILQ_FOREACH (e, &dev->policy.entries, link) {
		struct link *link = link_of_entry(e);
		double idle;
		sum.leases += e->leases;
		if (link->session == NULL)
			continue;
		sum.sessions++;
		sum.used += session_slots_used(link->session);
		sum.max += session_slots_max(link->session);
		sum.bytes_in += session_bytes_in(link->session);
		sum.bytes_out += session_bytes_out(link->session);
		if (session_rtt(link->session) >= 0 && (sum.rtt < 0 || session_rtt(link->session) < sum.rtt))
			sum.rtt = session_rtt(link->session);
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
add_place(cJSON *o, const struct device *dev)
{
	const struct device_conf *d = dev->conf;
	const struct target *t = dev->target;

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
status_pool(struct device *dev, bool brief, double now)
{
	struct pool_sums sum = sum_pool(dev, now);
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "device", dev->conf->name);
	add_place(o, dev);
	cJSON_AddStringToObject(o, "driver", dev->platform != NULL ? "cli" : "exec");
	if (dev->platform != NULL)
		cJSON_AddStringToObject(o, "platform", dev->platform->name);
	cJSON_AddStringToObject(o, "state", pool_state_word(&dev->policy));
	cJSON_AddBoolToObject(o, "configured", config_device(dev->broker->config, dev->conf->name) != NULL);
	cJSON_AddNumberToObject(o, "sessions", sum.sessions);
	cJSON_AddNumberToObject(o, "channels_used", sum.used);
	cJSON_AddNumberToObject(o, "channels_max", sum.max);
	cJSON_AddNumberToObject(o, "running", sum.leases);
	cJSON_AddNumberToObject(o, "queued", dev->policy.waiters_count);
	add_number_or_null(o, "rtt_ms", sum.rtt, 1000);
	add_number_or_null(o, "last_used", sum.last_used, 1);
	add_number_or_null(o, "age", sum.age, 1);
	cJSON_AddNumberToObject(o, "requests", (double)dev->requests_done);
	cJSON_AddNumberToObject(o, "commands", (double)dev->commands);
	cJSON_AddNumberToObject(o, "logins", (double)dev->logins);
	cJSON_AddNumberToObject(o, "failures", (double)dev->failures);
	cJSON_AddNumberToObject(o, "bytes_in", (double)sum.bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)sum.bytes_out);
	cJSON_AddBoolToObject(o, "persistent", dev->policy.persistent_wanted);
	add_steering(o, dev->broker, dev->conf->name, dev->device_name);
	add_last_error(o, &dev->policy, brief, now);
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
status_peer(const struct client *client, double now)
{
	cJSON *o = cJSON_CreateObject();
	char program[128];

	cJSON_AddNumberToObject(o, "id", (double)peer_id(client->peer));
	cJSON_AddNumberToObject(o, "pid", (double)peer_pid(client->peer));
	cJSON_AddNumberToObject(o, "uid", (double)client->who.uid);
	cJSON_AddStringToObject(o, "program", broker_program(peer_pid(client->peer), program, sizeof(program)));
	cJSON_AddNumberToObject(o, "age", tenths(now - client->since));
	cJSON_AddNumberToObject(o, "requests", client->requests_count);
	cJSON_AddNumberToObject(o, "bytes_in", (double)peer_bytes_in(client->peer));
	cJSON_AddNumberToObject(o, "bytes_out", (double)peer_bytes_out(client->peer));
	cJSON_AddNumberToObject(o, "pending", (double)peer_out_pending(client->peer));
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
	if (r->client != NULL)
		cJSON_AddNumberToObject(o, "peer", (double)peer_id(r->client->peer));
	else
		cJSON_AddNullToObject(o, "peer");
	cJSON_AddStringToObject(o, "device", request_device(r));
	cJSON_AddStringToObject(o, "kind", kind_word(r->kind));
	cJSON_AddStringToObject(o, "state", queued ? "queued" : "running");
	cJSON_AddNumberToObject(o, "age", tenths(now - r->received));
	cJSON_AddNumberToObject(o, "queue_ms", tenths(((queued ? now : r->assigned) - r->received) * 1000));
	cJSON_AddNumberToObject(o, "index", (double)r->index);
	cJSON_AddNumberToObject(o, "count", (double)r->params.commands_count);
	if (r->lease != NULL)
		cJSON_AddNumberToObject(o, "session", (double)r->lease->id);
	else
		cJSON_AddNullToObject(o, "session");
	cJSON_AddNumberToObject(o, "bytes_in", (double)r->bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)r->bytes_out);
	return o;
}
