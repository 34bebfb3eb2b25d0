/* The installed platform definitions for tests; see platdir.h. */
#include "kit/platdir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

#define FILE_MAX (1u << 20)

static void
die(const char *what, const char *path)
{
	fprintf(stderr, "%s %s\n", what, path);
	abort();
}

static void
copy_file(const char *from, const char *to)
{
	char *text = xmalloc(FILE_MAX);
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n;

	if (in == NULL || out == NULL)
		die("cannot copy", from);
	n = fread(text, 1, FILE_MAX, in);
	if (fwrite(text, 1, n, out) != n || fclose(out) != 0 || chmod(to, 0644) < 0)
		die("cannot write", to);
	fclose(in);
	free(text);
}

/* Copies every definition, or removes the copies when from is NULL. */
static void
each_file(const char *list, const char *from, const char *to)
{
	DIR *dir = opendir(list);
	struct dirent *entry;

	if (dir == NULL)
		die("cannot read", list);
	while ((entry = readdir(dir)) != NULL) {
		char *source = xasprintf("%s/%s", list, entry->d_name), *copy = xasprintf("%s/%s", to, entry->d_name);

		if (strstr(entry->d_name, ".yaml") != NULL) {
			if (from != NULL)
				copy_file(source, copy);
			else
				unlink(copy);
		}
		free(source);
		free(copy);
	}
	closedir(dir);
}

struct platforms *
platdir_load(void)
{
	const char *srcdir = getenv("srcdir"), *tmp = getenv("TMPDIR");
	char *from = xasprintf("%s/src/platform/vendors", srcdir != NULL ? srcdir : ".");
	char *to = xasprintf("%s/np-platforms-XXXXXX", tmp != NULL ? tmp : "/tmp");
	struct strings dirs = {0};
	struct platforms *set;

	if (mkdtemp(to) == NULL)
		die("cannot make", to);
	each_file(from, from, to);
	strings_add(&dirs, to);
	set = platforms_load(&dirs);
	strings_finish(&dirs);
	each_file(to, NULL, to);
	rmdir(to);
	free(from);
	free(to);
	return set;
}
