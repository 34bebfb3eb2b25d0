/*
 * Answers that come when the old sessions are gone, as `reconnect` with `wait` gives them.
 *
 * Ids never repeat and only grow, so that the old sessions of a device are those up to a number.  Looked at only in
 * turns in which a session or a request has ended.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/xalloc.h"

struct steer_wait {
	TAILQ_ENTRY(steer_wait) link;
	struct answer answer;
	struct broker *broker;
	cJSON *result;
	struct selection selection;
	uint64_t last; /* sessions up to this one are waited for */
	bool empty;    /* and requests */
};

static void
wait_free(struct steer_wait *w)
{
	TAILQ_REMOVE(&w->broker->waits, w, link);
	answer_end(&w->answer);
	cJSON_Delete(w->result);
	selection_finish(&w->selection);
	free(w);
}

static struct steer_wait *
of_answer(struct answer *a)
{
	return NP_CONTAINER(a, struct steer_wait, answer);
}

/* What was steered stays so. */
static void
on_cancel(struct answer *a)
{
	answer_cancelled(a, "cancelled by the client: it goes on, nobody waits for it");
	wait_free(of_answer(a));
}

static void
on_left(struct answer *a)
{
	wait_free(of_answer(a));
}

static const struct answer_ops wait_answer = {
    .kind = ANSWER_LATER, .bounded = true, .cancel = on_cancel, .left = on_left};

void
broker_wait_for(const struct call *c, struct selection *s, bool empty, cJSON *result)
{
	struct steer_wait *w = xcalloc(1, sizeof(*w));

	w->broker = c->broker;
	answer_begin(&w->answer, c->client, c->id, &wait_answer);
	w->result = result;
	w->selection = *s;
	memset(s, 0, sizeof(*s));
	w->last = empty ? UINT64_MAX : c->broker->next_id;
	w->empty = empty;
	TAILQ_INSERT_TAIL(&c->broker->waits, w, link);
	broker_note_end(c->broker);
}

/* A session that carries others ends after them: they need not be looked for. */
static bool
is_over(struct broker *b, const struct steer_wait *w)
{
	struct device *dev;
	struct pool_entry *e;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		if (!selection_has(&w->selection, dev))
			continue;
		TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
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
		if (!is_over(b, w))
			continue;
		answer_result(&w->answer, w->result);
		w->result = NULL;
		wait_free(w);
	}
}

void
broker_waits_finish(struct broker *b)
{
	struct steer_wait *w;

	while ((w = TAILQ_FIRST(&b->waits)) != NULL)
		wait_free(w);
}
