/* What the process of the daemon is made before it serves, whoever started it.  Main thread, before there are others.
 */
#ifndef NP_PROCESS_H
#define NP_PROCESS_H

/* Descriptors 0 to 2 become something, or a socket would be our stderr. */
void process_fill_descriptors(void);
/* Passwords pass through this process: no core dumps, no tracing by other processes of the user. */
void process_protect_memory(void);
/* Many sessions are many descriptors: as many as the hard limit allows, within reason. */
void process_raise_descriptors(void);
/*
 * A client that starts the broker is somebody's cron job or build, the broker serves everybody who comes after it: it
 * lets go of that client's priority, processors and soft limits, as far as it may.  Before process_protect_memory(),
 * behind which the process's own files in /proc are not ours.
 */
void process_disinherit(void);
/* Warns of what was to be let go of and is still there; the log is open. */
void process_tell_heritage(void);

#endif
