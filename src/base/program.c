#include "base/program.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/xalloc.h"

/* Those that stand in the place of an ssh: links to them, or the very program that asks: a copy. */
static bool
is_ours(const char *file)
{
	static const char *const names[] = {"/npssh", "/npexec", "/npctl"};
	char *real = realpath(file, NULL);
	const char *name = real != NULL ? strrchr(real, '/') : NULL;
	struct stat a, b;
	bool is =
	    stat(file, &a) == 0 && stat("/proc/self/exe", &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;

	for (size_t i = 0; i < NP_COUNT(names) && name != NULL; i++)
		is |= strcmp(name, names[i]) == 0;
	free(real);
	return is;
}

char *
program_find(const char *name)
{
	const char *path = getenv("PATH");
	char *copy, *rest, *dir, *file = NULL;

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	copy = rest = xstrdup(path != NULL ? path : "/usr/bin:/bin");
	while (file == NULL && (dir = strsep(&rest, ":")) != NULL) {
		file = xasprintf("%s/%s", dir[0] != '\0' ? dir : ".", name);
		if (access(file, X_OK) == -1 || is_ours(file)) {
			free(file);
			file = NULL;
		}
	}
	free(copy);
	return file;
}
