/* The process of the daemon; see process.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity() */
#endif
#include "serve/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "base/compiler.h"
#include "base/log.h"

#define MIB ((rlim_t)1024 * 1024)
/* See ioprio_set(2), which the C library does not know. */
#define IOPRIO_THIS_PROCESS 1, 0
#define IOPRIO_BY_NICE 0

/* Soft limits are raised to what is enough; a hard limit below the least is worth a warning. */
static const struct limit {
	int resource;
	rlim_t enough, least;
	const char *what;
} limits[] = {
    {RLIMIT_NOFILE, 65536, 1024, "open files, of which a session needs two (ulimit -n)"},
    {RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY, "bytes in a file, of its log and its recordings too (ulimit -f)"},
    {RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY, "seconds of processor time, behind which it is killed (ulimit -t)"},
    {RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY, "bytes of address space, behind which it ends (ulimit -v)"},
    {RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY, "bytes of data, behind which it ends (ulimit -d)"},
    {RLIMIT_STACK, 8 * MIB, MIB, "bytes of stack (ulimit -s)"},
#ifdef RLIMIT_NPROC
    {RLIMIT_NPROC, RLIM_INFINITY, 256, "processes and threads of this user (ulimit -u)"},
#endif
#ifdef RLIMIT_NICE
    {RLIMIT_NICE, RLIM_INFINITY, 0, "priority"}, /* says how far nice may be lowered again */
#endif
};

/* RLIM_INFINITY is the largest number there is. */
static void
raise_limit(const struct limit *l)
{
	struct rlimit now;

	if (getrlimit(l->resource, &now) == -1)
		return;
	rlim_t wanted = now.rlim_max < l->enough ? now.rlim_max : l->enough;
	if (now.rlim_cur >= wanted)
		return;
	now.rlim_cur = wanted;
	if (setrlimit(l->resource, &now) == -1)
		log_warning("main", "the limit of %s stays as it is: %s", l->what, strerror(errno));
}

void
process_raise_descriptors(void)
{
	raise_limit(&limits[0]);
}

void
process_protect_memory(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void
process_fill_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

#ifdef __linux__
/* What is refused here shows in process_tell_heritage(), or does no harm. */
static void
reset_scheduling(void)
{
	struct sched_param normal = {.sched_priority = 0};
	ssize_t n NP_UNUSED;
	cpu_set_t all;
	int fd;

	sched_setscheduler(0, SCHED_OTHER, &normal);
	memset(&all, 0xff, sizeof(all)); /* the kernel leaves out those that are not there, or not for us */
	sched_setaffinity(0, sizeof(all), &all);
	syscall(SYS_ioprio_set, IOPRIO_THIS_PROCESS, IOPRIO_BY_NICE);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	n = write(fd, "0\n", 2);
	close(fd);
}
#endif

void
process_disinherit(void)
{
	for (size_t i = 0; i < NP_COUNT(limits); i++)
		raise_limit(&limits[i]);
	setpriority(PRIO_PROCESS, 0, 0);
#ifdef __linux__
	reset_scheduling();
#endif
}

void
process_tell_heritage(void)
{
	static const char advice[] =
	    "as the client that started it; where that is in the way: npctl stop, and start it by "
	    "another or by netpulsed.socket";
	struct rlimit now;
	int nice = getpriority(PRIO_PROCESS, 0);

	if (nice != 0)
		log_warning("main", "this broker runs at nice %d, %s", nice, advice);
#ifdef __linux__
	if (sched_getscheduler(0) != SCHED_OTHER)
		log_warning(
		    "main", "this broker runs with scheduling policy %d (sched(7)), %s", sched_getscheduler(0), advice);
#endif
	for (size_t i = 0; i < NP_COUNT(limits); i++)
		if (getrlimit(limits[i].resource, &now) == 0 && now.rlim_max < limits[i].least)
			log_warning("main", "this broker may have at most %llu %s, %s",
			    (unsigned long long)now.rlim_max, limits[i].what, advice);
}
