/*
 * Facts about processes, as /proc tells them.
 */
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"

/* Resident memory in KiB: from /proc where there is one, else the largest ever. */
double
process_memory_kb(void)
{
	struct rusage usage;
	FILE *f = fopen("/proc/self/statm", "re");
	long size = 0, resident = 0;
	int n = 0;

	if (f != NULL) {
		n = fscanf(f, "%ld %ld", &size, &resident);
		fclose(f);
	}
	if (n == 2)
		return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss;
}

/* The first line of a file below /proc/PID; "" when it cannot be had. */
static void
read_fact(pid_t pid, const char *name, char *line, size_t size)
{
	char path[64];
	FILE *f;

	line[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(line, (int)size, f) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(f);
}

const char *
process_name(pid_t pid, char *out, size_t size)
{
	char name[64];

	read_fact(pid, "comm", name, sizeof(name));
	return text_vis_into(out, size, name);
}

/* What /proc/PID/stat says behind the program's name, which may hold anything; NULL: nothing. */
static const char *
read_stat(pid_t pid, char *text, size_t size)
{
	read_fact(pid, "stat", text, size);
	return strrchr(text, ')');
}

pid_t
process_parent(pid_t pid)
{
	char text[512];
	const char *facts = read_stat(pid, text, sizeof(text));
	long parent = 0;

	return facts != NULL && sscanf(facts, ") %*c %ld", &parent) == 1 ? (pid_t)parent : 0;
}

uint64_t
process_began(pid_t pid)
{
	char text[512];
	const char *facts = read_stat(pid, text, sizeof(text));
	unsigned long long began = 0;

	/* the 22nd; that of the name is the second */
	return facts != NULL && sscanf(facts,
				    ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				    "%*s %*s %llu",
				    &began) == 1
		   ? began
		   : 0;
}
