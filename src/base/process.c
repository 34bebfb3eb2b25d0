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

const char *
process_name(pid_t pid, char *out, size_t size)
{
	char path[64], name[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(name, sizeof(name), f) == NULL)
			name[0] = '\0';
		fclose(f);
	}
	name[strcspn(name, "\n")] = '\0';
	return text_vis_into(out, size, name);
}

pid_t
process_parent(pid_t pid)
{
	char path[64], text[256] = "", *end;
	long parent = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	end = strrchr(text, ')'); /* behind the program's name, which may hold anything */
	return end != NULL && sscanf(end, ") %*c %ld", &parent) == 1 ? (pid_t)parent : 0;
}
