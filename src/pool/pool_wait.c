/*
 * The pool's policy: the queue.  Its order are the turns of the parties, and within a turn the order in which they
 * came; see pool_wait() in the header.
 */
#include "pool/pool_impl.h"

/* The one after that in which its party waits last, or else the one after that which is being served. */
static uint64_t
pool_turn_of_new(const struct pool *p, uint64_t party)
{
	const struct pool_waiter *w;

	TAILQ_FOREACH_REVERSE(w, &p->waiters, pool_waiters, link)
	{
		if (w->turn <= p->turn)
			break;
		if (w->party == party)
			return w->turn + 1;
	}
	return p->turn + 1;
}

static bool
pool_waits_before(const struct pool_waiter *a, const struct pool_waiter *b)
{
	if (a->turn != b->turn)
		return a->turn < b->turn;
	return a->since != b->since ? a->since < b->since : a->id < b->id;
}

static void
pool_queue(struct pool *p, struct pool_waiter *w)
{
	struct pool_waiter *before = TAILQ_LAST(&p->waiters, pool_waiters);

	w->pool = p;
	w->doomed = false;
	p->waiters_count++;
	while (before != NULL && pool_waits_before(w, before))
		before = TAILQ_PREV(before, pool_waiters, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&p->waiters, before, w, link);
	else
		TAILQ_INSERT_HEAD(&p->waiters, w, link);
}

void
pool_wait(struct pool *p, struct pool_waiter *w, double now)
{
	w->since = now;
	w->noticed = false;
	w->turn = pool_turn_of_new(p, w->party);
	pool_queue(p, w);
	if (!w->slotless) /* what is behind a jump host says nothing about the jump host */
		p->persistent_wanted = p->args->persistent;
}

/* Its turn has come once, be it that of another pool or before those of its own party. */
void
pool_wait_again(struct pool *p, struct pool_waiter *w)
{
	if (w->turn > p->turn + 1)
		w->turn = p->turn + 1;
	pool_queue(p, w);
}

void
pool_unwait(struct pool_waiter *w)
{
	if (w->pool == NULL)
		return;
	TAILQ_REMOVE(&w->pool->waiters, w, link);
	w->pool->waiters_count--;
	w->pool = NULL;
}

/* Who is served before his turn, for he wants what nobody before him does, leaves the turns as they are. */
void
pool_take_turn(struct pool_waiter *w)
{
	struct pool *p = w->pool;

	if (w == TAILQ_FIRST(&p->waiters) && w->turn > p->turn)
		p->turn = w->turn;
	pool_unwait(w);
}
