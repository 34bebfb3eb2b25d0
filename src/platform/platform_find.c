/*
 * The set of platform definitions: read from directories, found by name or alias.  The only platform file that touches
 * the file system.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "schema/docfile.h"
#include "platform/platform_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define FILES_MAX 1000

/* While one file is read: where its base may lie.  Bases are asked for one by one, each by the one found last. */
struct finder {
	const char *const *dirs;
	size_t count;
	size_t dir; /* index of the directory of the file that asks */
	char *name; /* its name without .yaml */
};

static void
add_error(struct platforms *set, const char *text)
{
	set->errors = xreallocarray(set->errors, set->errors_count + 1, sizeof(char *));
	set->errors[set->errors_count++] = xstrdup(text);
}

static int
find_base(void *arg, const char *name, char **text, size_t *size, char **file, struct np_error *err)
{
	struct finder *f = arg;
	size_t first = strcmp(name, f->name) == 0 ? f->dir + 1 : 0;

	if (strchr(name, '/') != NULL || name[0] == '.')
		return error_set(err, REASON_INVALID_PARAMS, "`%s` is no platform's name", name);
	for (size_t i = first; i < f->count; i++) {
		char *path = xasprintf("%s/%s.yaml", f->dirs[i], name);
		struct docfile found;
		int r = docfile_read(path, false, &found, err);

		if (r < 0 || !found.exists) {
			if (r == 0)
				docfile_finish(&found);
			free(path);
			if (r < 0)
				return -1;
			continue;
		}
		*text = xstrdup(found.text);
		*size = found.size;
		*file = path;
		free(f->name);
		f->name = xstrdup(name);
		f->dir = i;
		docfile_finish(&found);
		return 0;
	}
	return error_set(err, REASON_INVALID_PARAMS, "there is no platform `%s`", name);
}

static struct platform *
load_file(const char *path, struct finder *finder, struct np_error *err)
{
	struct platform *p;
	struct docfile file;

	if (docfile_read(path, true, &file, err) < 0)
		return NULL;
	p = platform_parse(file.text, file.size, path, find_base, finder, err);
	docfile_finish(&file);
	return p;
}

/* The index of the directory that this is, under whatever name, or count. */
static size_t
find_dir(const char *dir, const char *const *dirs, size_t count)
{
	struct stat ours, st;

	if (stat(dir, &ours) < 0)
		return count;
	for (size_t i = 0; i < count; i++) {
		if (stat(dirs[i], &st) == 0 && st.st_dev == ours.st_dev && st.st_ino == ours.st_ino)
			return i;
	}
	return count;
}

struct platform *
platforms_load_file(const char *path, const char *const *dirs, size_t count, struct np_error *err)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	char *own = slash != NULL ? xstrndup(path, (size_t)(slash - path) + (slash == path)) : xstrdup(".");
	char *name = dot != NULL ? xstrndup(base, (size_t)(dot - base)) : xstrdup(base);
	const char **all = xcalloc(count + 1, sizeof(char *));
	struct finder finder = {dirs, count, find_dir(own, dirs, count), name};
	struct platform *p;

	if (finder.dir == count) {
		all[0] = own;
		for (size_t i = 0; i < count; i++)
			all[i + 1] = dirs[i];
		finder.dirs = all;
		finder.count = count + 1;
		finder.dir = 0;
	}
	p = load_file(path, &finder, err);
	free(finder.name);
	free(all);
	free(own);
	return p;
}

static struct platform *
by_exact_name(const struct platforms *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->items[i]->name, name) == 0)
			return set->items[i];
	}
	return NULL;
}

static void
load_one(struct platforms *set, const char *const *dirs, size_t count, size_t dir, const char *entry)
{
	size_t n = strlen(entry) - strlen(".yaml");
	char *name = xstrndup(entry, n), *path = xasprintf("%s/%s", dirs[dir], entry);
	struct finder finder = {dirs, count, dir, xstrdup(name)};
	struct np_error err = {0};
	struct platform *p;

	if (by_exact_name(set, name) == NULL) {
		p = load_file(path, &finder, &err);
		if (p == NULL) {
			add_error(set, err.text);
		} else {
			set->items = xreallocarray(set->items, set->count + 1, sizeof(struct platform *));
			set->items[set->count++] = p;
		}
	}
	free(finder.name);
	free(path);
	free(name);
}

static int
is_definition(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static void
load_dir(struct platforms *set, const char *const *dirs, size_t count, size_t dir)
{
	struct dirent **entries = NULL;
	struct np_error err;
	int n = scandir(dirs[dir], &entries, is_definition, alphasort);

	if (n < 0) {
		if (errno != ENOENT && errno != ENOTDIR) {
			error_set_errno(&err, REASON_INVALID_PARAMS, "%s: cannot read", dirs[dir]);
			add_error(set, err.text);
		}
		return;
	}
	for (int i = 0; i < n; i++) {
		if (i < FILES_MAX)
			load_one(set, dirs, count, dir, entries[i]->d_name);
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
	for (size_t i = 0; i < p->aliases_count; i++) {
		if (same_name(p->aliases[i], name))
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
		count += 1 + set->items[i]->aliases_count;
	names = xcalloc(count + 1, sizeof(char *));
	for (size_t i = 0; i < set->count; i++) {
		names[n++] = set->items[i]->name;
		for (size_t k = 0; k < set->items[i]->aliases_count; k++)
			names[n++] = set->items[i]->aliases[k];
	}
	nearest = text_nearest(name, names, n);
	free(names);
	return nearest;
}

/* A name that means two things would silently pick one of them: say so. */
static void
report_shared_names(struct platforms *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct platform *p = set->items[i];

		for (size_t k = 0; k < p->aliases_count; k++) {
			const struct platform *other = platforms_find(set, p->aliases[k]);
			char *text;

			if (other == p)
				continue;
			text = xasprintf("%s: alias `%s` means %s already: remove one of them", p->file, p->aliases[k],
			    other != NULL ? other->file : "another platform");
			add_error(set, text);
			free(text);
		}
	}
}

static int
compare_names(const void *a, const void *b)
{
	const struct platform *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

struct platforms *
platforms_load(const char *const *dirs, size_t count)
{
	struct platforms *set = xcalloc(1, sizeof(*set));

	set->refs = 1;
	for (size_t i = 0; i < count; i++)
		load_dir(set, dirs, count, i);
	if (set->count > 1)
		qsort(set->items, set->count, sizeof(set->items[0]), compare_names);
	report_shared_names(set);
	return set;
}

struct platforms *
platforms_ref(struct platforms *set)
{
	set->refs++;
	return set;
}

void
platforms_unref(struct platforms *set)
{
	if (set == NULL || --set->refs > 0)
		return;
	for (size_t i = 0; i < set->count; i++)
		platform_unref(set->items[i]);
	for (size_t i = 0; i < set->errors_count; i++)
		free(set->errors[i]);
	free(set->items);
	free(set->errors);
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
