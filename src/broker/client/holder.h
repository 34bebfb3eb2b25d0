/*
 * What a client keeps between two of its requests: shells that stand where the last one left them.
 */
#ifndef NP_HOLDER_H
#define NP_HOLDER_H

#include "base/queue.h"

/* Embedded in what is kept. */
struct kept {
	TAILQ_ENTRY(kept) entry;
	struct holder *holder; /* NULL: nobody's */
};

/* Embedded in whoever keeps it. */
struct holder {
	TAILQ_HEAD(, kept) list;
	const char *lost; /* why something that it kept has gone, static text: its next request is told */
};

static inline void
holder_keep(struct holder *h, struct kept *k)
{
	k->holder = h;
	TAILQ_INSERT_TAIL(&h->list, k, entry);
}

static inline void
holder_drop(struct kept *k)
{
	if (k->holder != NULL)
		TAILQ_REMOVE(&k->holder->list, k, entry);
	k->holder = NULL;
}

#endif
