/*
 * Which devices a verb of the operator means: lists, groups and patterns as everywhere (devlist.h), but only what is
 * configured, in use, or was spoken about before.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "conf/devlist.h"
#include "base/text.h"
#include "base/xalloc.h"

#define SELECT_PATTERNS_MAX 64 /* each looks at every device there is */

/* The names of what is in use, sorted.  They belong to the pools. */
struct in_use {
	const char **names;
	size_t count;
};

static void
add_all(const struct broker *b, struct selection *s)
{
	const struct device *dev;

	for (size_t i = 0; i < b->config->devices_count; i++)
		strings_add(&s->names, b->config->devices[i]->name);
	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev))
		strings_add(&s->names, device_settings(dev)->name);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct in_use
look_around(const struct broker *b)
{
	const struct device *dev;
	struct in_use u = {0};
	size_t pools = 0;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev))
		pools++;
	u.names = xcalloc(2 * pools + 1, sizeof(u.names[0]));
	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		u.names[u.count++] = device_settings(dev)->name;
		u.names[u.count++] = device_alias(dev);
	}
	qsort(u.names, u.count, sizeof(u.names[0]), compare_names);
	return u;
}

static bool
is_known(const struct broker *b, const struct in_use *u, const char *name)
{
	return config_device(b->config, name) != NULL || steer_rules_know(&b->rules, name) ||
	       bsearch(&name, u->names, u->count, sizeof(u->names[0]), compare_names) != NULL;
}

static int
unknown(const struct broker *b, const char *word, struct np_error *err)
{
	const char **names = xcalloc(b->config->devices_count + 1, sizeof(*names)), *near;
	char shown[128], shown_near[128];

	for (size_t i = 0; i < b->config->devices_count; i++)
		names[i] = b->config->devices[i]->name;
	near = text_nearest(word, names, b->config->devices_count);
	text_vis_into(shown, sizeof(shown), word);
	if (near != NULL)
		error_set(err, REASON_UNKNOWN_DEVICE, "the broker knows no device `%s`: did you mean `%s`?", shown,
		    text_vis_into(shown_near, sizeof(shown_near), near));
	else
		error_set(err, REASON_UNKNOWN_DEVICE, "the broker knows no device `%s`: see npctl status", shown);
	free(names);
	return -1;
}

/* Each once. */
static void
sort_names(struct strings *names)
{
	size_t kept = 0;

	if (names->n > 1)
		qsort(names->v, names->n, sizeof(names->v[0]), compare_names);
	for (size_t i = 0; i < names->n; i++) {
		if (kept > 0 && strcmp(names->v[kept - 1], names->v[i]) == 0)
			free(names->v[i]);
		else
			names->v[kept++] = names->v[i];
	}
	names->n = kept;
}

/* A name comes before a pattern: hosts may be written [::1]:22. */
static int
add_word(const struct broker *b, const struct in_use *u, const char *word, struct selection *s, struct np_error *err)
{
	struct devlist list;
	int rc = 0;

	if (is_known(b, u, word)) {
		strings_add(&s->names, word);
		return 0;
	}
	if (strpbrk(word, "@,*?[") == NULL)
		return unknown(b, word, err);
	if (++s->patterns > SELECT_PATTERNS_MAX)
		return error_set(err, REASON_INVALID_PARAMS,
		    "more than %d lists, groups and patterns: give one for all of them", SELECT_PATTERNS_MAX);
	rc = devlist_expand(b->config, word, &list, err);
	for (size_t i = 0; rc == 0 && i < list.names.n; i++) {
		if (is_known(b, u, list.names.v[i]))
			strings_add(&s->names, list.names.v[i]);
		else
			rc = unknown(b, list.names.v[i], err);
	}
	devlist_finish(&list);
	sort_names(&s->names); /* patterns may mean the same many times */
	return rc;
}

bool
selection_is_asked(const struct ask_params *p)
{
	return p->device != NULL || p->devices.n > 0 || p->all;
}

int
selection_read(const struct broker *b, const struct ask_params *p, struct selection *s, struct np_error *err)
{
	struct in_use u;
	int rc = 0;

	*s = (struct selection){.all = p->all};
	if ((p->device != NULL) + (p->devices.n > 0) + p->all != 1)
		return error_set(err, REASON_INVALID_PARAMS, "give one of `device`, `devices` and `all`");
	if (s->all) {
		add_all(b, s);
		sort_names(&s->names);
		return 0;
	}
	u = look_around(b);
	if (p->device != NULL)
		rc = add_word(b, &u, p->device, s, err);
	for (size_t i = 0; i < p->devices.n && rc == 0; i++)
		rc = add_word(b, &u, p->devices.v[i], s, err);
	free(u.names);
	if (rc == -1)
		selection_finish(s);
	else
		sort_names(&s->names);
	return rc;
}

bool
selection_has(const struct selection *s, const struct device *dev)
{
	return s->all || selection_has_name(s, device_settings(dev)->name) || selection_has_name(s, device_alias(dev));
}
