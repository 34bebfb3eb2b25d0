/*
 * Answers that come when the old sessions are gone, as `reconnect` with `wait` gives them.
 *
 * Ids never repeat and only grow, so that the old sessions of a device are those up to a number.  Looked at only in
 * turns in which a session or a request has ended.
 */
#include <stdint.h>
#include <stdlib.h>

#include "broker/broker_impl.h"
#include "base/xalloc.h"

#define PENDING_MAX 32 /* a client, of what is answered later and is in no queue */

struct steer_wait {
	TAILQ_ENTRY(steer_wait) link;
	uint64_t peer_id;
	struct message_id id;
	cJSON *result;
	struct selection selection;
	uint64_t last; /* sessions up to this one are waited for */
	bool empty;    /* and requests */
};

static void
wait_free(struct steer_wait *w)
{
	cJSON_Delete(w->result);
	selection_finish(&w->selection);
	free(w);
}

static struct selection
copy_selection(const struct selection *s)
{
	struct selection copy = {.all = s->all};

	if (s->all)
		return copy;
	copy.count = s->count;
	copy.names = xcalloc(s->count + 1, sizeof(s->names[0]));
	for (size_t i = 0; i < s->count; i++)
		copy.names[i] = xstrdup(s->names[i]);
	return copy;
}

int
broker_wait_room(const struct client *client, struct np_error *err)
{
	const struct broker *b = client->broker;
	uint64_t id = peer_id(client->peer);
	const struct steer_wait *w;
	const struct broker_sync *sync;
	const struct request *r;
	int pending = broker_shows_of(b, id);

	TAILQ_FOREACH (w, &b->waits, link)
		pending += w->peer_id == id;
	TAILQ_FOREACH (sync, &b->syncs, link)
		pending += sync->peer_id == id;
	TAILQ_FOREACH (r, &client->requests, peer_link)
		pending += r->kind == REQUEST_TEST;
	if (pending < PENDING_MAX)
		return 0;
	return error_set(err, REASON_QUEUE_FULL,
	    "%d answers are outstanding on this connection: read some before asking for more", pending);
}

void
broker_wait_for(
    struct client *client, const struct message_id *id, const struct selection *s, bool empty, cJSON *result)
{
	struct broker *b = client->broker;
	struct steer_wait *w = xcalloc(1, sizeof(*w));

	w->peer_id = peer_id(client->peer);
	w->id = *id;
	w->result = result;
	w->selection = copy_selection(s);
	w->last = empty ? UINT64_MAX : b->next_id;
	w->empty = empty;
	TAILQ_INSERT_TAIL(&b->waits, w, link);
	broker_waits_note(b);
}

static struct steer_wait *
wait_find(const struct client *client, const struct message_id *id)
{
	struct steer_wait *w;

	TAILQ_FOREACH (w, &client->broker->waits, link)
		if (w->peer_id == peer_id(client->peer) && message_id_equal(&w->id, id))
			return w;
	return NULL;
}

bool
broker_wait_has(const struct client *client, const struct message_id *id)
{
	return wait_find(client, id) != NULL;
}

void
broker_wait_cancel(struct client *client, const struct message_id *id)
{
	struct steer_wait *w = wait_find(client, id);
	struct np_error err;

	if (w == NULL)
		return;
	error_set(&err, REASON_CANCELLED, "cancelled by the client: it goes on, nobody waits for it");
	client_error(client, id, &err, NULL);
	TAILQ_REMOVE(&client->broker->waits, w, link);
	wait_free(w);
}

void
broker_waits_note(struct broker *b)
{
	b->waits_due = true;
}

/* A session that carries others ends after them: they need not be looked for. */
static bool
is_over(struct broker *b, const struct steer_wait *w)
{
	struct device *dev;
	struct pool_entry *e;

	TAILQ_FOREACH (dev, &b->devices, link) {
		if (!selection_has(&w->selection, dev))
			continue;
		TAILQ_FOREACH (e, &dev->policy.entries, link) {
			if (e->id <= w->last)
				return false;
		}
		if (w->empty && device_has_users(dev))
			return false;
	}
	return true;
}

void
broker_waits_answer(struct broker *b)
{
	struct steer_wait *w, *next;

	if (!b->waits_due)
		return;
	b->waits_due = false;
	broker_drains_follow(b);
	TAILQ_FOREACH_SAFE (w, &b->waits, link, next) {
		struct client *client = client_by_id(b, w->peer_id);
		if (client != NULL && !is_over(b, w))
			continue;
		if (client != NULL) {
			client_result(client, &w->id, w->result);
			w->result = NULL;
		}
		TAILQ_REMOVE(&b->waits, w, link);
		wait_free(w);
	}
}

void
broker_waits_finish(struct broker *b)
{
	struct steer_wait *w;

	while ((w = TAILQ_FIRST(&b->waits)) != NULL) {
		TAILQ_REMOVE(&b->waits, w, link);
		wait_free(w);
	}
}
