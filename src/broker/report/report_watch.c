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
	struct broker_peer *bp;
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
	broker_peer_notify(w->bp, "event", params);
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
	return peer_stream_room(w->bp->peer) > 0;
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
broker_watch_event(struct broker *b, const struct event *e)
{
	struct broker_watch *w;
	char *text = NULL;

	TAILQ_FOREACH (w, &b->events->watches, link) {
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
broker_watch_drained(struct broker_peer *bp)
{
	struct broker_watch *w;

	if (bp->watches == 0)
		return;
	TAILQ_FOREACH (w, &bp->broker->events->watches, link) {
		if (w->bp == bp && w->missed > 0 && has_room(w))
			send_missed(w);
	}
}

/* ---- life ---- */

static void
watch_free(struct broker_watch *w)
{
	TAILQ_REMOVE(&w->bp->broker->events->watches, w, link);
	w->bp->watches--;
	free(w->device);
	free(w);
}

void
broker_watch_leave(struct broker_peer *bp)
{
	struct broker_watch *w, *next;

	if (bp->watches == 0)
		return;
	TAILQ_FOREACH_SAFE (w, &bp->broker->events->watches, link, next) {
		if (w->bp == bp)
			watch_free(w);
	}
}

static struct broker_watch *
watch_find(const struct broker_peer *bp, const struct message_id *id)
{
	struct broker_watch *w;

	TAILQ_FOREACH (w, &bp->broker->events->watches, link) {
		if (w->bp == bp && message_id_equal(&w->id, id))
			return w;
	}
	return NULL;
}

bool
broker_watch_has(const struct broker_peer *bp, const struct message_id *id)
{
	return bp->watches > 0 && watch_find(bp, id) != NULL;
}

void
broker_watch_cancel(struct broker_peer *bp, const struct message_id *id)
{
	struct broker_watch *w = bp->watches > 0 ? watch_find(bp, id) : NULL;
	struct np_error err;

	if (w == NULL)
		return;
	error_set(&err, REASON_CANCELLED, "cancelled by the client");
	broker_peer_error(bp, id, &err, NULL);
	watch_free(w);
}

/* ---- the verb ---- */

static bool
is_known(const struct broker *b, const char *device)
{
	const struct broker_pool *pool;

	if (config_device(b->config, device) != NULL)
		return true;
	TAILQ_FOREACH (pool, &b->pools, link) {
		if (strcmp(pool->device->name, device) == 0 || strcmp(pool->device_name, device) == 0)
			return true;
	}
	return false;
}

static int
check(const struct broker_peer *bp, const char *device, struct np_error *err)
{
	char shown[128];

	if (bp->watches >= WATCHES_PER_PEER)
		return error_set(err, REASON_QUEUE_FULL, "this connection has %d watches already", bp->watches);
	if (device != NULL && !is_known(bp->broker, device))
		return error_set(err, REASON_UNKNOWN_DEVICE, "the broker knows no device `%s`: see npctl status",
		    text_vis_into(shown, sizeof(shown), device));
	return 0;
}

int
broker_verb_watch(struct broker_peer *bp, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"device"};
	const char *device = NULL;
	struct broker_watch *w;
	struct event e;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    params_string(m->params, "device", &device, err) == -1 || check(bp, device, err) == -1)
		return -1;
	w = xcalloc(1, sizeof(*w));
	w->bp = bp;
	w->id = m->id;
	w->device = xstrdup_null(device);
	TAILQ_INSERT_TAIL(&bp->broker->events->watches, w, link);
	bp->watches++;
	event_init(&e, EVENT_WATCHING);
	e.id = broker_events_last(bp->broker);
	e.time_ms = broker_event_wall_ms();
	e.device = w->device;
	send_event(w, &e);
	return 0;
}
