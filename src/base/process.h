/*
 * Facts about processes, where the system has a /proc; any thread.
 */
#ifndef NP_PROCESS_H
#define NP_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Resident memory of this process in KiB; the largest ever, where no better is known. */
double process_memory_kb(void);
/* The name of a running program, made harmless; "" when it cannot be had.  Returns out. */
const char *process_name(pid_t pid, char *out, size_t size);
/* The parent of a process; 0 when it cannot be had. */
pid_t process_parent(pid_t pid);
/* When it began, in ticks since the start of the machine: no two processes of one number share it; 0: as above. */
uint64_t process_began(pid_t pid);

#endif
