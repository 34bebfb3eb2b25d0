/*
 * Clients that watch: each is sent every event that concerns what it asked for, as long as it reads.
 *
 * Owns the watches.  One whose client reads too slowly is not waited for: what does not fit into the client's output
 * (PEER_STREAM_HIGH) is counted instead, and it is told the number as soon as there is room again.  So a watch costs
 * a fixed amount of memory, and the broker never waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/client/answer.h"
#include "broker/client/client.h"
#include "broker/report/report.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define WATCHES_PER_CLIENT 8

struct broker_watch {
	TAILQ_ENTRY(broker_watch) link;
	struct reports *events;
	struct answer answer;
	char *device; /* NULL: everything */
	bool confirms;
	uint64_t missed;
};

/* ---- sending ---- */

static void
send_text(struct broker_watch *w, const char *text)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddItemToObject(params, "id", message_id_to_json(&w->answer.id));
	cJSON_AddRawToObject(params, "event", text);
	client_notify(w->answer.client, "event", params);
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
	return client_room(w->answer.client) > 0;
}

/* What has no device concerns all, but for other clients' mistakes. */
static bool
concerns(const struct broker_watch *w, const struct event *e)
{
	if (e->kind == EVENT_CONFIRM && !w->confirms)
		return false;
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

bool
reports_have_confirmer(const struct reports *events)
{
	const struct broker_watch *w;

	TAILQ_FOREACH (w, &events->watches, link) {
		if (w->confirms)
			return true;
	}
	return false;
}

/* ---- life ---- */

static struct broker_watch *
of_answer(struct answer *a)
{
	return NP_CONTAINER(a, struct broker_watch, answer);
}

static void
on_left(struct answer *a)
{
	struct broker_watch *w = of_answer(a);

	TAILQ_REMOVE(&w->events->watches, w, link);
	free(w->device);
	free(w);
}

/* The client has read: it is told what it missed. */
static void
on_drained(struct answer *a)
{
	struct broker_watch *w = of_answer(a);

	if (w->missed > 0 && has_room(w))
		send_missed(w);
}

static const struct answer_ops watch_answer = {.kind = ANSWER_WATCH, .left = on_left, .drained = on_drained};

int
report_watch(struct reports *events, struct client *client, const struct message_id *id, const char *device,
    bool confirms, struct np_error *err)
{
	int watches = client_answers(client, ANSWER_WATCH);
	struct broker_watch *w;
	struct event e;

	if (watches >= WATCHES_PER_CLIENT)
		return error_set(err, REASON_QUEUE_FULL, "this connection has %d watches already", watches);
	w = xcalloc(1, sizeof(*w));
	w->events = events;
	answer_begin(&w->answer, client, id, &watch_answer);
	w->device = xstrdup_null(device);
	w->confirms = confirms;
	TAILQ_INSERT_TAIL(&events->watches, w, link);
	event_init(&e, EVENT_WATCHING);
	e.id = reports_last(events);
	e.time_ms = report_wall_ms();
	e.device = w->device;
	send_event(w, &e);
	return 0;
}
