/*
 * The pool's policy: the queue.  Its order are the turns of the parties, and within a turn the order in which they
 * came; see pool_wait() in the header.
 *
 * Those who want a session of their own and those who share one wait for different things: the former may wait for a
 * login while the latter are served one after the other.  So each kind counts its own turns, or the one that is not
 * served would hold the number still from which newcomers of the other one get theirs, before all second turns, for
 * ever.  In the list each kind stands in its order; how the kinds stand to each other says pool_walk_next().
 */
#include "pool/pool_impl.h"

static struct pool_waiter *
pool_next_of_kind(struct pool_waiter *w, bool fresh)
{
	while (w != NULL && w->fresh != fresh)
		w = TAILQ_NEXT(w, link);
	return w;
}

/* The one after that in which its party waits last, or else the one after that which is being served. */
static uint64_t
pool_turn_of_new(const struct pool *p, const struct pool_waiter *new)
{
	const struct pool_waiter *w;

	TAILQ_FOREACH_REVERSE(w, &p->waiters, pool_waiters, link)
	{
		if (w->fresh != new->fresh)
			continue;
		if (w->turn <= p->turns[new->fresh])
			break;
		if (w->party == new->party)
			return w->turn + 1;
	}
	return p->turns[new->fresh] + 1;
}

static bool
pool_came_before(const struct pool_waiter *a, const struct pool_waiter *b)
{
	return a->since != b->since ? a->since < b->since : a->id < b->id;
}

static bool
pool_waits_before(const struct pool_waiter *a, const struct pool_waiter *b)
{
	return a->turn != b->turn ? a->turn < b->turn : pool_came_before(a, b);
}

static void
pool_queue(struct pool *p, struct pool_waiter *w)
{
	struct pool_waiter *other, *behind = NULL;

	w->pool = p;
	w->doomed = false;
	p->waiters_count++;
	TAILQ_FOREACH_REVERSE(other, &p->waiters, pool_waiters, link)
	{
		if (other->fresh != w->fresh)
			continue;
		if (!pool_waits_before(w, other))
			break;
		behind = other;
	}
	if (behind != NULL)
		TAILQ_INSERT_BEFORE(behind, w, link);
	else
		TAILQ_INSERT_TAIL(&p->waiters, w, link);
}

void
pool_wait(struct pool *p, struct pool_waiter *w, double now)
{
	w->since = now;
	w->noticed = false;
	w->turn = pool_turn_of_new(p, w);
	pool_queue(p, w);
	if (!w->slotless) /* what is behind a jump host says nothing about the jump host */
		p->persistent_wanted = p->args->persistent;
}

/* Its turn has come once, be it that of another pool or before those of its own party. */
void
pool_wait_again(struct pool *p, struct pool_waiter *w)
{
	if (w->turn > p->turns[w->fresh] + 1)
		w->turn = p->turns[w->fresh] + 1;
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

/* Who is served before his turn, for he wants what nobody of his kind before him does, leaves the turns as they are. */
void
pool_take_turn(struct pool_waiter *w)
{
	struct pool *p = w->pool;

	if (w == pool_next_of_kind(TAILQ_FIRST(&p->waiters), w->fresh) && w->turn > p->turns[w->fresh])
		p->turns[w->fresh] = w->turn;
	pool_unwait(w);
}

/* ---- both kinds ---- */

struct pool_walk
pool_walk_begin(const struct pool *p)
{
	struct pool_walk walk;

	for (int fresh = 0; fresh <= 1; fresh++) {
		walk.next[fresh] = pool_next_of_kind(TAILQ_FIRST(&p->waiters), fresh != 0);
		walk.first[fresh] = walk.next[fresh] != NULL ? walk.next[fresh]->turn : 0;
	}
	return walk;
}

/*
 * The turns of one kind say nothing about those of the other, but how far each is behind the first of its kind does.
 * Both first ones stand before all but each other, so neither kind holds the other back.
 */
struct pool_waiter *
pool_walk_next(struct pool_walk *walk)
{
	struct pool_waiter *shared = walk->next[false], *fresh = walk->next[true], *w;
	uint64_t behind[2];

	if (shared == NULL || fresh == NULL) {
		w = shared != NULL ? shared : fresh;
	} else {
		behind[false] = shared->turn - walk->first[false];
		behind[true] = fresh->turn - walk->first[true];
		if (behind[false] != behind[true])
			w = behind[false] < behind[true] ? shared : fresh;
		else
			w = pool_came_before(shared, fresh) ? shared : fresh;
	}
	if (w != NULL)
		walk->next[w->fresh] = pool_next_of_kind(TAILQ_NEXT(w, link), w->fresh);
	return w;
}
