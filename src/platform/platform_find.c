/*
 * The set of platform definitions: which directories, read from them, found by name or alias.  The only platform file
 * that touches the file system.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/paths.h"
#include "base/text.h"
#include "platform/platform_impl.h"
#include "base/xalloc.h"

#define FILES_MAX 1000
#define SYSTEM_DIR "/etc/netpulse/platforms"

#ifndef NETPULSE_PLATFORMS
#define NETPULSE_PLATFORMS "/usr/share/netpulse/platforms"
#endif

/* --- directories --- */

static char *
user_dir(void)
{
	const char *base = getenv("XDG_CONFIG_HOME");

	if (base != NULL && base[0] == '/')
		return xasprintf("%s/netpulse/platforms", base);
	return paths_expand_home("~/.config/netpulse/platforms");
}

struct strings
platform_dirs(const char *platform_path)
{
	struct strings dirs = {0};

	/* Empty parts name nothing: they are not the working directory, as they would be in $PATH. */
	for (const char *path = platform_path; path != NULL && *path != '\0';) {
		size_t n = strcspn(path, ":");

		if (n > 0) {
			char *part = xstrndup(path, n);

			strings_take(&dirs, paths_expand_home(part));
			free(part);
		}
		path += n + (path[n] == ':');
	}
	if (dirs.n > 0)
		return dirs;
	strings_take(&dirs, user_dir());
	strings_add(&dirs, SYSTEM_DIR);
	strings_add(&dirs, NETPULSE_PLATFORMS);
	return dirs;
}

/* --- files --- */

/* While one file is read: where its base may lie.  Bases are asked for one by one, each by the one found last. */
struct finder {
	const struct strings *dirs;
	size_t dir; /* index of the directory of the file that asks */
	char *name; /* its name without .yaml */
};

static int
find_base(void *arg, const char *name, struct docfile *file, struct np_error *err)
{
	struct finder *f = arg;
	size_t first = strcmp(name, f->name) == 0 ? f->dir + 1 : 0;

	if (strchr(name, '/') != NULL || name[0] == '.')
		return error_set(err, REASON_INVALID_PARAMS, "`%s` is no platform's name", name);
	for (size_t i = first; i < f->dirs->n; i++) {
		char *path = xasprintf("%s/%s.yaml", f->dirs->v[i], name);
		int r = docfile_read(path, false, file, err);

		free(path);
		if (r < 0)
			return -1;
		if (file->exists) {
			free(f->name);
			f->name = xstrdup(name);
			f->dir = i;
			return 0;
		}
		docfile_finish(file);
	}
	return error_set(err, REASON_INVALID_PARAMS, "there is no platform `%s`", name);
}

/* name: the last part of the path, without .yaml. */
static struct platform *
load_file(const char *path, char *name, const struct strings *dirs, size_t dir, struct np_error *err)
{
	struct finder finder = {dirs, dir, name};
	struct platform *p = NULL;
	struct docfile file;

	if (docfile_read(path, true, &file, err) == 0) {
		p = platform_parse(file.text, file.size, path, find_base, &finder, err);
		docfile_finish(&file);
	}
	free(finder.name);
	return p;
}

/* The index of the directory that this is, under whatever name; their number when it is none of them. */
static size_t
find_dir(const char *dir, const struct strings *dirs)
{
	struct stat ours, st;
	size_t i;

	if (stat(dir, &ours) < 0)
		return dirs->n;
	for (i = 0; i < dirs->n; i++) {
		if (stat(dirs->v[i], &st) == 0 && st.st_dev == ours.st_dev && st.st_ino == ours.st_ino)
			break;
	}
	return i;
}

struct platform *
platforms_load_file(const char *path, const struct strings *dirs, struct np_error *err)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	char *own = slash != NULL ? xstrndup(path, (size_t)(slash - path) + (slash == path)) : xstrdup(".");
	char *name = dot != NULL ? xstrndup(base, (size_t)(dot - base)) : xstrdup(base);
	size_t dir = find_dir(own, dirs);
	struct strings with_own = {0};
	struct platform *p;

	strings_take(&with_own, own);
	strings_add_all(&with_own, dirs);
	p = dir < dirs->n ? load_file(path, name, dirs, dir, err) : load_file(path, name, &with_own, 0, err);
	strings_finish(&with_own);
	return p;
}

static bool
has_name(const struct platforms *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->items[i]->name, name) == 0)
			return true;
	}
	return false;
}

static void
load_one(struct platforms *set, const struct strings *dirs, size_t dir, const char *entry)
{
	char *name = xstrndup(entry, strlen(entry) - strlen(".yaml"));
	char *path = xasprintf("%s/%s", dirs->v[dir], entry);
	struct np_error err = {0};
	struct platform *p;

	if (has_name(set, name)) {
		free(name);
	} else if ((p = load_file(path, name, dirs, dir, &err)) == NULL) {
		strings_add(&set->errors, err.text);
	} else {
		set->items = xreallocarray(set->items, set->count + 1, sizeof(struct platform *));
		set->items[set->count++] = p;
	}
	free(path);
}

static int
is_definition(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static void
load_dir(struct platforms *set, const struct strings *dirs, size_t dir)
{
	struct dirent **entries = NULL;
	int n = scandir(dirs->v[dir], &entries, is_definition, alphasort);

	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		strings_addf(&set->errors, "%s: cannot read: %m", dirs->v[dir]);
	for (int i = 0; i < n; i++) {
		if (i < FILES_MAX)
			load_one(set, dirs, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

/* --- names --- */

static bool
same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) {
		char x = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a == '-' ? '_' : *a;
		char y = *b >= 'A' && *b <= 'Z' ? (char)(*b - 'A' + 'a') : *b == '-' ? '_' : *b;

		if (x != y)
			return false;
	}
	return *a == *b;
}

static bool
has_alias(const struct platform *p, const char *name)
{
	for (size_t i = 0; i < p->aliases.n; i++) {
		if (same_name(p->aliases.v[i], name))
			return true;
	}
	return false;
}

struct platform *
platforms_find(const struct platforms *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (same_name(set->items[i]->name, name))
			return set->items[i];
	}
	for (size_t i = 0; i < set->count; i++) {
		if (has_alias(set->items[i], name))
			return set->items[i];
	}
	return NULL;
}

const char *
platforms_nearest(const struct platforms *set, const char *name)
{
	size_t n = 0, count = 0;
	const char **names, *nearest;

	for (size_t i = 0; i < set->count; i++)
		count += 1 + set->items[i]->aliases.n;
	names = xcalloc(count + 1, sizeof(char *));
	for (size_t i = 0; i < set->count; i++) {
		names[n++] = set->items[i]->name;
		for (size_t k = 0; k < set->items[i]->aliases.n; k++)
			names[n++] = set->items[i]->aliases.v[k];
	}
	nearest = text_nearest(name, names, n);
	free(names);
	return nearest;
}

int
platforms_unknown(const struct platforms *set, const char *name, struct np_error *err)
{
	const char *nearest = platforms_nearest(set, name);

	if (nearest != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "no platform is called `%s`: did you mean `%s`?",
		    TEXT_SHOWN(name), nearest);
	return error_set(err, REASON_INVALID_PARAMS,
	    "no platform is called `%s`: npctl platform list shows which there are", TEXT_SHOWN(name));
}

void
platforms_shared_names(const struct platforms *set, const struct platform *p, struct strings *lines)
{
	for (size_t i = 0; i < p->aliases.n; i++) {
		const struct platform *other = platforms_find(set, p->aliases.v[i]);

		if (other != NULL && strcmp(other->name, p->name) != 0)
			strings_addf(lines, "%s:1: alias `%s` means %s already: remove one of them", p->file,
			    p->aliases.v[i], other->file);
	}
}

static int
compare_names(const void *a, const void *b)
{
	const struct platform *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

struct platforms *
platforms_load(const struct strings *dirs)
{
	struct platforms *set = xcalloc(1, sizeof(*set));

	for (size_t i = 0; i < dirs->n; i++)
		load_dir(set, dirs, i);
	if (set->count > 1)
		qsort(set->items, set->count, sizeof(set->items[0]), compare_names);
	for (size_t i = 0; i < set->count; i++)
		platforms_shared_names(set, set->items[i], &set->errors);
	return set;
}

struct platforms *
platform_dirs_load(const char *platform_path)
{
	struct strings dirs = platform_dirs(platform_path);
	struct platforms *set = platforms_load(&dirs);

	strings_finish(&dirs);
	return set;
}

void
platforms_destroy(struct platforms *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		platform_unref(set->items[i]);
	free(set->items);
	strings_finish(&set->errors);
	free(set);
}

struct platform *
platforms_guess(const struct platforms *set, const char *text, size_t size)
{
	struct platform *found = NULL;

	for (size_t i = 0; i < set->count; i++) {
		if (!pattern_list_matches(&set->items[i]->detect, text, size))
			continue;
		if (found != NULL)
			return NULL;
		found = set->items[i];
	}
	return found;
}
