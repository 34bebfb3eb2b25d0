/* Conditions of threads that are waited for in time. */
#ifndef NP_COND_H
#define NP_COND_H

#include <pthread.h>
#include <time.h>

/* One whose pthread_cond_timedwait() goes by CLOCK_MONOTONIC, which nobody sets. */
static inline void
cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

#endif
