/* Threads that nobody joins, and conditions that are waited for in time. */
#ifndef NP_COND_H
#define NP_COND_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
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

/* Starts a thread with so many bytes of stack, which frees itself at its end; an errno.  Signals are the main thread's.
 */
static inline int
thread_detach(void *(*run)(void *), void *arg, size_t stack)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

#endif
