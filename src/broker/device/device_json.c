/*
 * A device as `status` shows it; never shows a secret or a command.
 */
#include "broker/device/device_impl.h"
#include "wire/json.h"
#include "base/xalloc.h"

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
	json_add_rounded(e, "age", now - p->failed_at, 10);
	if (p->block == POOL_BACKOFF)
		json_add_rounded(e, "retry_in", p->retry_at > now ? p->retry_at - now : 0, 10);
	else
		cJSON_AddNullToObject(e, "retry_in");
	cJSON_AddBoolToObject(e, "blocked", p->block == POOL_AUTH);
}

struct pool_sums {
	int sessions, used, max, leases, queued;
	double rtt, last_used, age; /* negative: not known */
	uint64_t requests, commands, logins, failures, bytes_in, bytes_out;
};

static struct pool_sums
sum_pool(struct device *dev, double now)
{
	struct pool_sums sum = {.queued = dev->policy.waiters_count,
	    .rtt = -1,
	    .last_used = -1,
	    .age = -1,
	    .requests = dev->requests_done,
	    .commands = dev->home.commands,
	    .logins = dev->logins,
	    .failures = dev->failures,
	    .bytes_in = dev->bytes_in,
	    .bytes_out = dev->bytes_out};
	struct pool_entry *e;

	TAILQ_FOREACH (e, &dev->policy.entries, link) {
		struct link *link = link_of_entry(e);
		struct session_stats stats;
		double idle;
		sum.leases += e->leases;
		if (!link_facts(link).connected)
			continue;
		stats = link_stats(link);
		sum.sessions++;
		sum.used += stats.slots_used;
		sum.max += stats.slots_max;
		sum.bytes_in += stats.bytes_in;
		sum.bytes_out += stats.bytes_out;
		if (stats.rtt >= 0 && (sum.rtt < 0 || stats.rtt < sum.rtt))
			sum.rtt = stats.rtt;
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
		json_add_rounded(o, name, value * scale, 100);
}

static void
add_numbers(cJSON *o, const struct pool_sums *sum)
{
	cJSON_AddNumberToObject(o, "sessions", sum->sessions);
	cJSON_AddNumberToObject(o, "channels_used", sum->used);
	cJSON_AddNumberToObject(o, "channels_max", sum->max);
	cJSON_AddNumberToObject(o, "running", sum->leases);
	cJSON_AddNumberToObject(o, "queued", sum->queued);
	add_number_or_null(o, "rtt_ms", sum->rtt, 1000);
	add_number_or_null(o, "last_used", sum->last_used, 1);
	add_number_or_null(o, "age", sum->age, 1);
	cJSON_AddNumberToObject(o, "requests", (double)sum->requests);
	cJSON_AddNumberToObject(o, "commands", (double)sum->commands);
	cJSON_AddNumberToObject(o, "logins", (double)sum->logins);
	cJSON_AddNumberToObject(o, "failures", (double)sum->failures);
	cJSON_AddNumberToObject(o, "bytes_in", (double)sum->bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)sum->bytes_out);
}

/* Where it is: as resolved, else as far as the entry says. */
static void
add_place(cJSON *o, const struct device_conf *d, const struct target *t)
{

	cJSON_AddStringToObject(o, "device", d->name);
	cJSON_AddStringToObject(o, "user", t != NULL ? t->user : d->username != NULL ? d->username : "");
	cJSON_AddStringToObject(o, "host", t != NULL ? t->host : d->host != NULL ? d->host : d->name);
	cJSON_AddNumberToObject(o, "port", t != NULL ? t->port : d->port);
}

/* What tells the devices of one name apart: the first argument is the same for all. */
static void
add_arguments(cJSON *o, const struct strings *arguments)
{
	cJSON *list = arguments->n > 1 ? cJSON_AddArrayToObject(o, "ssh_arguments") : NULL;

	for (size_t i = 1; i < arguments->n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(arguments->v[i]));
}

cJSON *
device_json(struct device *dev, bool brief, double now)
{
	struct pool_sums sum = sum_pool(dev, now);
	cJSON *o = cJSON_CreateObject();

	add_place(o, dev->conf, dev->target);
	cJSON_AddStringToObject(o, "driver", dev->platform != NULL ? "cli" : "exec");
	if (dev->platform != NULL)
		cJSON_AddStringToObject(o, "platform", dev->platform->name);
	cJSON_AddStringToObject(o, "state", pool_state_word(&dev->policy));
	cJSON_AddBoolToObject(o, "configured", config_device(dev->all->world.config, dev->conf->name) != NULL);
	add_arguments(o, &dev->conf->ssh_arguments);
	add_numbers(o, &sum);
	cJSON_AddBoolToObject(o, "persistent", dev->policy.persistent_wanted);
	steer_json_add(o, dev->all->world.rules, dev->conf->name, dev->device_name);
	add_last_error(o, &dev->policy, brief, now);
	device_json_account(o, dev, now);
	return o;
}

cJSON *
device_json_unused(const struct devices *all, const struct device_conf *d)
{
	static const struct pool_sums none = {.rtt = -1, .last_used = -1, .age = -1};
	cJSON *o = cJSON_CreateObject();

	add_place(o, d, NULL);
	cJSON_AddStringToObject(o, "state", "idle");
	cJSON_AddTrueToObject(o, "configured");
	add_numbers(o, &none);
	cJSON_AddBoolToObject(o, "persistent", d->args.persistent);
	steer_json_add(o, all->world.rules, d->name, NULL);
	cJSON_AddNullToObject(o, "last_error");
	return o;
}
