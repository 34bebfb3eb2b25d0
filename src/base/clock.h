/*
 * The one clock of the broker: seconds that never jump back and go on while the machine sleeps, so that ages, back-offs
 * and idle times are true after a resume.  Any thread.
 */
#ifndef NP_CLOCK_H
#define NP_CLOCK_H

/* Seconds since an arbitrary start; CLOCK_BOOTTIME where there is one, else CLOCK_MONOTONIC. */
double clock_now(void);

#endif
