/*
 * What the broker holds, as JSON for `status`.  Reads everything, changes nothing; never shows a secret or a command.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker_impl.h"
#include "clock.h"
#include "operand.h"
#include "text.h"
#include "xalloc.h"

/* To a multiple of 1/per_unit, for numbers that people read. */
double
broker_round(double x, double per_unit)
{
	long long scaled = (long long)(x * per_unit + (x < 0 ? -0.5 : 0.5));

	return (double)scaled / per_unit;
}

/* A list of strings as JSON. */
cJSON *
broker_strings(char *const *v, size_t n)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(v[i]));
	return list;
}

static double
tenths(double x)
{
	return broker_round(x, 10);
}

/* Resident memory in KiB: from /proc where there is one, else the largest ever. */
static double
memory_kb(void)
{
	struct rusage usage;
	FILE *f = fopen("/proc/self/statm", "re");
	long size = 0, resident = 0;
	int n = 0;

	if (f != NULL) {
		n = fscanf(f, "%ld %ld", &size, &resident);
		fclose(f);
	}
	if (n == 2)
		return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss;
}

const char *
broker_program(pid_t pid, char *out, size_t size)
{
	char path[64], name[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(name, sizeof(name), f) == NULL)
			name[0] = '\0';
		fclose(f);
	}
	name[strcspn(name, "\n")] = '\0';
	return text_vis_into(out, size, name);
}

static cJSON *
session_json(struct broker_session *s, double now)
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
	if (p->block == POOL_BACKOFF)
		cJSON_AddNumberToObject(e, "retry_in", p->retry_at > now ? tenths(p->retry_at - now) : 0);
	else
		cJSON_AddNullToObject(e, "retry_in");
	cJSON_AddBoolToObject(e, "blocked", p->block == POOL_AUTH);
}

struct pool_sums {
	int sessions, used, max, leases;
	double rtt, last_used, age;
};

static struct pool_sums
sum_pool(struct broker_pool *pool, double now)
{
	struct pool_sums sum = {.rtt = -1, .last_used = -1, .age = -1};
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

static cJSON *
pool_json(struct broker_pool *pool, bool brief, double now)
{
	struct pool_sums sum = sum_pool(pool, now);
	cJSON *o = cJSON_CreateObject(), *list;
	struct pool_entry *e;

	cJSON_AddStringToObject(o, "device", pool->device->name);
	add_place(o, pool);
	cJSON_AddStringToObject(o, "driver", pool->platform != NULL ? "cli" : "exec");
	if (pool->platform != NULL)
		cJSON_AddStringToObject(o, "platform", pool->platform->name);
	cJSON_AddStringToObject(o, "state", pool_state_word(&pool->policy));
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
	cJSON_AddBoolToObject(o, "persistent", pool->device->args.persistent);
	add_steering(o, pool->broker, pool->device->name, pool->device_name);
	add_last_error(o, &pool->policy, brief, now);
	if (brief)
		return o;
	list = cJSON_AddArrayToObject(o, "list");
	TAILQ_FOREACH (e, &pool->policy.entries, link) {
		cJSON_AddItemToArray(list, session_json(broker_entry_session(e), now));
	}
	return o;
}

/* A configured device that nobody has used yet. */
static cJSON *
idle_json(const struct broker *b, const struct device_conf *d, bool brief)
{
	cJSON *o = cJSON_CreateObject();
	static const char *const zeros[] = {"sessions", "channels_used", "channels_max", "running", "queued"};

	cJSON_AddStringToObject(o, "device", d->name);
	cJSON_AddStringToObject(o, "user", d->username != NULL ? d->username : "");
	cJSON_AddStringToObject(o, "host", d->host != NULL ? d->host : d->name);
	cJSON_AddNumberToObject(o, "port", d->port);
	cJSON_AddStringToObject(o, "state", "idle");
	for (size_t i = 0; i < NP_COUNT(zeros); i++)
		cJSON_AddNumberToObject(o, zeros[i], 0);
	cJSON_AddNullToObject(o, "rtt_ms");
	cJSON_AddNullToObject(o, "last_used");
	cJSON_AddNullToObject(o, "age");
	cJSON_AddNumberToObject(o, "requests", 0);
	cJSON_AddNumberToObject(o, "commands", 0);
	cJSON_AddBoolToObject(o, "persistent", d->args.persistent);
	add_steering(o, b, d->name, NULL);
	cJSON_AddNullToObject(o, "last_error");
	if (!brief)
		cJSON_AddArrayToObject(o, "list");
	return o;
}

static bool
has_pool(const struct broker *b, const char *name)
{
	const struct broker_pool *pool;

	TAILQ_FOREACH (pool, &b->pools, link) {
		if (strcmp(pool->device->name, name) == 0)
			return true;
	}
	return false;
}

static int
add_devices(struct broker *b, cJSON *list, const char *device, bool brief, double now)
{
	struct broker_pool *pool;
	int count = 0;

	TAILQ_FOREACH (pool, &b->pools, link) {
		if (device != NULL && strcmp(pool->device->name, device) != 0 && strcmp(pool->device_name, device) != 0)
			continue;
		cJSON_AddItemToArray(list, pool_json(pool, brief, now));
		count++;
	}
	for (size_t i = 0; i < b->config->devices_count; i++) {
		const struct device_conf *d = b->config->devices[i];
		if ((device != NULL && strcmp(d->name, device) != 0) || has_pool(b, d->name))
			continue;
		cJSON_AddItemToArray(list, idle_json(b, d, brief));
		count++;
	}
	return count;
}

static void
add_peers(struct broker *b, cJSON *list, double now)
{
	struct broker_peer *bp;
	char program[128];

	TAILQ_FOREACH (bp, &b->peers, link) {
		cJSON *o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "id", (double)peer_id(bp->peer));
		cJSON_AddNumberToObject(o, "pid", (double)peer_pid(bp->peer));
		cJSON_AddNumberToObject(o, "uid", (double)bp->who.uid);
		cJSON_AddStringToObject(o, "program", broker_program(peer_pid(bp->peer), program, sizeof(program)));
		cJSON_AddNumberToObject(o, "age", tenths(now - bp->since));
		cJSON_AddNumberToObject(o, "requests", bp->requests_count);
		cJSON_AddNumberToObject(o, "bytes_in", (double)peer_bytes_in(bp->peer));
		cJSON_AddNumberToObject(o, "bytes_out", (double)peer_bytes_out(bp->peer));
		cJSON_AddNumberToObject(o, "pending", (double)peer_out_pending(bp->peer));
		cJSON_AddItemToArray(list, o);
	}
}

static void
add_requests(struct broker *b, cJSON *list, double now)
{
	struct request *r;

	TAILQ_FOREACH (r, &b->requests, link) {
		cJSON *o = cJSON_CreateObject();
		bool queued = r->state == REQUEST_QUEUED;
		cJSON_AddNumberToObject(o, "id", (double)r->uid);
		if (r->peer != NULL)
			cJSON_AddNumberToObject(o, "peer", (double)peer_id(r->peer->peer));
		else
			cJSON_AddNullToObject(o, "peer");
		cJSON_AddStringToObject(o, "device", request_device(r));
		cJSON_AddStringToObject(o, "kind",
		    r->kind == REQUEST_FORWARD ? "forward"
		    : r->kind == REQUEST_OPEN  ? "open"
					       : "exec");
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
		cJSON_AddItemToArray(list, o);
	}
}

static void
add_broker(struct broker *b, cJSON *o, double now)
{
	int running, waiting;

	connector_counts(b->connector, &running, &waiting);
	cJSON_AddStringToObject(o, "version", NETPULSE_VERSION);
	cJSON_AddNumberToObject(o, "pid", (double)getpid());
	cJSON_AddNumberToObject(o, "uptime", tenths(now - b->started));
	cJSON_AddStringToObject(o, "socket", b->options.socket_path != NULL ? b->options.socket_path : "");
	cJSON_AddItemToObject(o, "config", broker_strings(b->config->files, b->config->files_count));
	cJSON_AddStringToObject(o, "state", b->stopping ? "draining" : "serving");
	cJSON_AddNumberToObject(o, "event_id", (double)broker_events_last(b));
	cJSON_AddNumberToObject(o, "peers", b->peers_count);
	cJSON_AddNumberToObject(o, "sessions", b->sessions_count);
	cJSON_AddNumberToObject(o, "requests", b->requests_count);
	cJSON_AddNumberToObject(o, "connecting", running + waiting);
	cJSON_AddNumberToObject(o, "max_sessions", b->config->max_sessions);
	cJSON_AddNumberToObject(o, "max_clients", b->config->max_clients);
	cJSON_AddNumberToObject(o, "memory_kb", memory_kb());
}

cJSON *
broker_status(struct broker *b, const char *device, bool brief, struct np_error *err)
{
	cJSON *o = cJSON_CreateObject();
	double now = clock_now();
	char shown[128];

	add_broker(b, cJSON_AddObjectToObject(o, "broker"), now);
	if (add_devices(b, cJSON_AddArrayToObject(o, "devices"), device, brief, now) == 0 && device != NULL) {
		cJSON_Delete(o);
		error_set(err, REASON_UNKNOWN_DEVICE, "the broker knows no device `%s`",
		    text_vis_into(shown, sizeof(shown), device));
		return NULL;
	}
	if (brief)
		return o;
	add_peers(b, cJSON_AddArrayToObject(o, "peers"), now);
	add_requests(b, cJSON_AddArrayToObject(o, "requests"), now);
	return o;
}
