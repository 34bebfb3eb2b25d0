/*
 * Clients that watch: each is sent every event that concerns what it asked for, as long as it reads.
 *
 * Owns the watches.  One whose client reads too slowly is not waited for: what does not fit into the client's output
 * (PEER_STREAM_HIGH) is counted instead, and it is told the number as soon as there is room again.  So a watch costs
 * a fixed amount of memory, and the broker never waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define WATCHES_PER_PEER 8

struct broker_watch {
	TAILQ_ENTRY(broker_watch) link;
	struct client *client;
	struct message_id id;
	char *device; /* NULL: everything */
	uint64_t missed;
};

/* ---- sending ---- */

static void
send_text(struct broker_watch *w, const char *text)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddItemToObject(params, "id", message_id_to_json(&w->id));
	cJSON_AddRawToObject(params, "event", text);
	client_notify(w->client, "event", params);
}

static void
send_event(struct broker_watch *w, const struct event *e)
{
	cJSON *o = event_to_json(e);
	char *text = cJSON_PrintUnformatted(o);

	send_text(w, text);
	cJSON_free(text);
	cJSON_Delete(o);
}

static void
send_missed(struct broker_watch *w)
{
	struct event e;

	event_init(&e, EVENT_MISSED);
	e.count = (int64_t)w->missed;
	w->missed = 0;
	send_event(w, &e);
}

/*
 * Room for one event: the client's output grows by one beyond its mark at most.  Told once that there is none, the peer
 * says when it has drained.
 */
static bool
has_room(struct broker_watch *w)
{
	return peer_stream_room(w->client->peer) > 0;
}

/* What has no device concerns all, but for other clients' mistakes. */
static bool
concerns(const struct broker_watch *w, const struct event *e)
{
	if (w->device == NULL)
		return true;
	if (e->device == NULL)
		return e->kind != EVENT_REFUSED;
	return strcmp(w->device, e->device) == 0 || (e->alias != NULL && strcmp(w->device, e->alias) == 0);
}

void
watch_event(struct reports *events, const struct event *e)
{
	struct broker_watch *w;
	char *text = NULL;

	TAILQ_FOREACH (w, &events->watches, link) {
		if (!concerns(w, e))
			continue;
		if (w->missed > 0 && has_room(w))
			send_missed(w);
		if (w->missed > 0 || !has_room(w)) {
			w->missed++;
			continue;
		}
		if (text == NULL) {
			cJSON *o = event_to_json(e);
			text = cJSON_PrintUnformatted(o);
			cJSON_Delete(o);
		}
		send_text(w, text);
	}
	cJSON_free(text);
}

void
watch_drained(struct client *client)
{
	struct broker_watch *w;

	if (client->watches == 0)
		return;
	TAILQ_FOREACH (w, &client->broker->events->watches, link) {
		if (w->client == client && w->missed > 0 && has_room(w))
			send_missed(w);
	}
}

/* ---- life ---- */

static void
watch_free(struct broker_watch *w)
{
	TAILQ_REMOVE(&w->client->broker->events->watches, w, link);
	w->client->watches--;
	free(w->device);
	free(w);
}

void
watch_leave(struct client *client)
{
	struct broker_watch *w, *next;

	if (client->watches == 0)
		return;
	TAILQ_FOREACH_SAFE (w, &client->broker->events->watches, link, next) {
		if (w->client == client)
			watch_free(w);
	}
}

static struct broker_watch *
watch_find(const struct client *client, const struct message_id *id)
{
	struct broker_watch *w;

	TAILQ_FOREACH (w, &client->broker->events->watches, link) {
		if (w->client == client && message_id_equal(&w->id, id))
			return w;
	}
	return NULL;
}

bool
watch_has(const struct client *client, const struct message_id *id)
{
	return client->watches > 0 && watch_find(client, id) != NULL;
}

void
watch_cancel(struct client *client, const struct message_id *id)
{
	struct broker_watch *w = client->watches > 0 ? watch_find(client, id) : NULL;
	struct np_error err;

	if (w == NULL)
		return;
	error_set(&err, REASON_CANCELLED, "cancelled by the client");
	client_error(client, id, &err, NULL);
	watch_free(w);
}

/* ---- the verb ---- */

static bool
is_known(const struct broker *b, const char *device)
{
	const struct device *dev;

	if (config_device(b->config, device) != NULL)
		return true;
	TAILQ_FOREACH (dev, &b->devices, link) {
		if (strcmp(dev->conf->name, device) == 0 || strcmp(dev->device_name, device) == 0)
			return true;
	}
	return false;
}

static int
check(const struct client *client, const char *device, struct np_error *err)
{
	char shown[128];

	if (client->watches >= WATCHES_PER_PEER)
		return error_set(err, REASON_QUEUE_FULL, "this connection has %d watches already", client->watches);
	if (device != NULL && !is_known(client->broker, device))
		return error_set(err, REASON_UNKNOWN_DEVICE, "the broker knows no device `%s`: see npctl status",
		    text_vis_into(shown, sizeof(shown), device));
	return 0;
}

int
broker_verb_watch(struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"device"};
	const char *device = NULL;
	struct broker_watch *w;
	struct event e;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    params_string(m->params, "device", &device, err) == -1 || check(client, device, err) == -1)
		return -1;
	w = xcalloc(1, sizeof(*w));
	w->client = client;
	w->id = m->id;
	w->device = xstrdup_null(device);
	TAILQ_INSERT_TAIL(&client->broker->events->watches, w, link);
	client->watches++;
	event_init(&e, EVENT_WATCHING);
	e.id = reports_last(client->broker->events);
	e.time_ms = report_wall_ms();
	e.device = w->device;
	send_event(w, &e);
	return 0;
}
