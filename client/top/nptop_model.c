/*
 * Samples to rates, and devices in their order.
 *
 * A device's counters begin anew when the broker forgets it or starts again; a counter that falls is such a beginning,
 * not a negative rate.
 */
#include "top/nptop_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
#include "lib/npstatus.h"
#include "base/text.h"
#include "base/xalloc.h"

/* Seconds in which a rate takes on most of a change: steady enough to be read, and the order of rows with it. */
#define RATE_SETTLES 3.0
/* Below it a rate is no more than the memory of one. */
#define RATE_LEAST 0.005

static void
forget(struct nptop_model *m, struct nptop_device *d)
{
	if (m->selected == d)
		m->selected = NULL;
	free(d->name);
	free(d);
}

void
nptop_model_finish(struct nptop_model *m)
{
	for (size_t i = 0; i < m->count; i++)
		forget(m, m->devices[i]);
	free(m->devices);
	free(m->view);
	memset(m, 0, sizeof(*m));
}

/* ---- samples ---- */

static void
history_add(struct nptop_history *h, double value)
{
	if (h->count == NPTOP_HISTORY) {
		memmove(h->value, h->value + 1, (NPTOP_HISTORY - 1) * sizeof(h->value[0]));
		h->count--;
	}
	h->value[h->count++] = value >= 0 && value < 1e12 ? (float)value : -1;
}

static const struct {
	const char *state;
	enum nptop_mood mood;
} moods[] = {
    {"idle", NPTOP_IDLE},
    {"connecting", NPTOP_CHANGING},
    {"executing", NPTOP_BUSY},
    {"disconnected", NPTOP_IDLE},
    {"failed", NPTOP_BAD},
    {"paused", NPTOP_CHANGING},
    {"draining", NPTOP_CHANGING},
    {"disabled", NPTOP_CHANGING},
};

/* What an operator has ordered says more than the state that came of it. */
static void
read_state(struct nptop_device *d, const cJSON *json)
{
	const char *order = npstatus_order(json);

	npjson_text(json, "state", d->state, sizeof(d->state));
	if (order != NULL)
		snprintf(d->state, sizeof(d->state), "%s", order);
	d->mood = NPTOP_CALM;
	for (size_t i = 0; i < NP_COUNT(moods); i++)
		if (strcmp(moods[i].state, d->state) == 0)
			d->mood = moods[i].mood;
}

static void
read_error(struct nptop_device *d, const cJSON *json)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "last_error");

	d->reason[0] = '\0';
	if (cJSON_IsObject(error))
		npjson_text(error, "reason", d->reason, sizeof(d->reason));
	d->retry_in = npjson_number(error, "retry_in", -1);
	d->blocked = npjson_true(error, "blocked");
}

static void
read_place(struct nptop_device *d, const cJSON *json)
{
	char user[64], host[96];

	npjson_text(json, "user", user, sizeof(user));
	snprintf(d->place, sizeof(d->place), "%s%s%s:%.0f", user, user[0] != '\0' ? "@" : "",
	    npjson_text(json, "host", host, sizeof(host)), npjson_number(json, "port", 0));
}

/* dt: seconds since the last sample, 0 when there is none to compare with. */
static void
read_rate(struct nptop_device *d, const cJSON *json, double dt)
{
	/* A broker that counts no commands counts requests. */
	double commands = npjson_number(json, "commands", npjson_number(json, "requests", 0));

	if (dt > 0) {
		double now = commands >= d->commands ? (commands - d->commands) / dt : 0;
		d->rate += (now - d->rate) * dt / (dt + RATE_SETTLES);
	}
	if (!(d->rate >= RATE_LEAST && d->rate < 1e9))
		d->rate = 0;
	d->commands = commands;
}

static void
read_device(struct nptop_device *d, const cJSON *json, double dt)
{
	read_state(d, json);
	read_error(d, json);
	read_place(d, json);
	d->sessions = npjson_number(json, "sessions", 0);
	d->channels_used = npjson_number(json, "channels_used", 0);
	d->channels_max = npjson_number(json, "channels_max", 0);
	d->running = npjson_number(json, "running", 0);
	d->queued = npjson_number(json, "queued", 0);
	d->rtt_ms = npjson_number(json, "rtt_ms", -1);
	d->last_used = npjson_number(json, "last_used", -1);
	d->age = npjson_number(json, "age", -1);
	read_rate(d, json, dt);
	history_add(&d->rtt, d->rtt_ms);
}

static void
read_broker(struct nptop_model *m, const cJSON *broker)
{
	npjson_text(broker, "version", m->version, sizeof(m->version));
	npjson_text(broker, "state", m->broker_state, sizeof(m->broker_state));
	m->pid = npjson_number(broker, "pid", 0);
	m->uptime = npjson_number(broker, "uptime", -1);
	m->peers = npjson_number(broker, "peers", 0);
	m->sessions = npjson_number(broker, "sessions", 0);
	m->max_sessions = npjson_number(broker, "max_sessions", 0);
	m->memory_kb = npjson_number(broker, "memory_kb", -1);
}

/* ---- the devices of a sample ---- */

struct found {
	const char *name;
	const cJSON *json;
	size_t place; /* in the sample: keeps pools of one name in their order */
};

static int
compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int by_name = strcmp(x->name, y->name);

	return by_name != 0 ? by_name : x->place < y->place ? -1 : x->place > y->place;
}

static struct found *
find_all(const cJSON *list, size_t *count)
{
	struct found *found = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(found[0]));
	const cJSON *json;
	size_t n = 0;

	cJSON_ArrayForEach (json, list) {
		const char *name = npjson_string(json, "device");
		if (name != NULL) {
			found[n] = (struct found){.name = name, .json = json, .place = n};
			n++;
		}
	}
	qsort(found, n, sizeof(found[0]), compare_found);
	*count = n;
	return found;
}

static int
compare_key(const struct nptop_device *d, const char *name, size_t ordinal)
{
	int by_name = strcmp(d->name, name);

	return by_name != 0 ? by_name : d->ordinal < ordinal ? -1 : d->ordinal > ordinal;
}

static struct nptop_device *
device_new(const char *name, size_t ordinal)
{
	struct nptop_device *d = xcalloc(1, sizeof(*d));

	d->name = xstrdup(name);
	d->ordinal = ordinal;
	text_vis_into(d->shown, sizeof(d->shown), name);
	return d;
}

/* Both lists are in the same order: one walk keeps, makes and forgets devices. */
static void
merge(struct nptop_model *m, const struct found *found, size_t count, double dt)
{
	struct nptop_device **devices = xcalloc(count + 1, sizeof(struct nptop_device *));
	size_t old = 0, ordinal = 0;

	for (size_t i = 0; i < count; i++) {
		ordinal = i > 0 && strcmp(found[i].name, found[i - 1].name) == 0 ? ordinal + 1 : 0;
		for (; old < m->count && compare_key(m->devices[old], found[i].name, ordinal) < 0; old++)
			forget(m, m->devices[old]);
		if (old < m->count && compare_key(m->devices[old], found[i].name, ordinal) == 0) {
			devices[i] = m->devices[old++];
			read_device(devices[i], found[i].json, dt);
		} else {
			devices[i] = device_new(found[i].name, ordinal);
			read_device(devices[i], found[i].json, 0);
		}
	}
	for (; old < m->count; old++)
		forget(m, m->devices[old]);
	free(m->devices);
	m->devices = devices;
	m->count = count;
}

static void
sum_up(struct nptop_model *m)
{
	m->rate = m->running = m->queued = 0;
	memset(m->moods, 0, sizeof(m->moods));
	for (size_t i = 0; i < m->count; i++) {
		m->rate += m->devices[i]->rate;
		m->running += m->devices[i]->running;
		m->queued += m->devices[i]->queued;
		m->moods[m->devices[i]->mood]++;
	}
	history_add(&m->rates, m->rate);
}

struct nptop_device *
nptop_model_find(const struct nptop_model *m, const char *name, size_t ordinal)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_key(m->devices[middle], name, ordinal);
		if (order == 0)
			return m->devices[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int
nptop_model_update(struct nptop_model *m, const cJSON *status, double now, struct np_error *err)
{
	const cJSON *broker = cJSON_GetObjectItemCaseSensitive(status, "broker");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(status, "devices");
	size_t cursor = nptop_view_cursor(m), count;
	bool had = m->selected != NULL;
	struct found *found;
	double dt;

	if (!cJSON_IsObject(broker) || !cJSON_IsArray(list))
		return error_set(err, REASON_INVALID_REQUEST, "the broker's status is not one");
	/* Another process has other counters. */
	dt = m->sampled && npjson_number(broker, "pid", 0) == m->pid ? now - m->sampled_at : 0;
	read_broker(m, broker);
	found = find_all(list, &count);
	merge(m, found, count, dt);
	free(found);
	m->sampled = true;
	m->sampled_at = now;
	sum_up(m);
	nptop_view_rebuild(m, had, cursor);
	return 0;
}
