/*
 * LD_PRELOADed into a broker by tests/e2e/e2e_clock.sh: its clocks jump, not the machine's.  NP_CLOCK_FILE holds two
 * numbers of seconds, padded to 64 bytes: what the time of day is off, and what CLOCK_BOOTTIME is ahead (a suspend
 * moves both, and CLOCK_MONOTONIC not at all).  Whoever writes there does not truncate: the file is mapped.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SIZE 64

static const char *offsets;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void
begin(void)
{
	const char *name = getenv("NP_CLOCK_FILE");
	int fd = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	offsets = map != MAP_FAILED ? map : NULL;
	if (fd >= 0)
		close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	char *rest;
	long day, boot;
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real(clock, ts);
	if (rc != 0 || offsets == NULL)
		return rc;
	day = strtol(offsets, &rest, 10);
	boot = strtol(rest, NULL, 10);
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ts->tv_sec += day;
	else if (clock == CLOCK_BOOTTIME)
		ts->tv_sec += boot;
	return 0;
}

time_t
time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}
