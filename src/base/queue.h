/* <sys/queue.h> as the BSDs have it: glibc's copy lacks the walk that allows the removal of the present element. */
#ifndef NP_QUEUE_H
#define NP_QUEUE_H

#include <sys/queue.h>

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, next)                                                                     \
	for ((var) = TAILQ_FIRST(head); (var) != NULL && ((next) = TAILQ_NEXT(var, field), 1); (var) = (next))
#endif

#endif
