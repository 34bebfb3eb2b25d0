/* Order, filter, cursor and scrolling of the list.  Owns the array of the view, not the devices in it. */
#include "top/nptop_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* ---- order ---- */

/* Falling; who has no value comes last. */
static int
more_first(double a, double b)
{
	return a > b ? -1 : a < b;
}

/* Rising; who has no value (a negative one) comes last. */
static int
less_first(double a, double b)
{
	if ((a < 0) != (b < 0))
		return a < 0 ? 1 : -1;
	return a < b ? -1 : a > b;
}

static int
by_name(const struct nptop_device *x, const struct nptop_device *y)
{
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

/* What works now, then what fails, then what was used last. */
static int
by_activity(const struct nptop_device *x, const struct nptop_device *y)
{
	int order = more_first(x->rate + x->running + x->queued, y->rate + y->running + y->queued);

	if (order == 0)
		order = more_first(x->mood == NPTOP_BAD, y->mood == NPTOP_BAD);
	if (order == 0)
		order = less_first(x->last_used, y->last_used);
	return order != 0 ? order : more_first(x->mood == NPTOP_CHANGING, y->mood == NPTOP_CHANGING);
}

static int
compare(const struct nptop_device *x, const struct nptop_device *y, enum nptop_sort sort)
{
	int order = 0;

	switch (sort) {
	case NPTOP_SORT_ACTIVITY:
		return by_activity(x, y);
	case NPTOP_SORT_STATE:
		order = more_first(x->mood, y->mood);
		return order != 0 ? order : strcmp(x->state, y->state);
	case NPTOP_SORT_RATE:
		return more_first(x->rate, y->rate);
	case NPTOP_SORT_QUEUE:
		order = more_first(x->queued, y->queued);
		return order != 0 ? order : more_first(x->running, y->running);
	case NPTOP_SORT_RTT:
		return more_first(x->rtt_ms, y->rtt_ms);
	case NPTOP_SORT_SESSIONS:
		return more_first(x->sessions, y->sessions);
	case NPTOP_SORT_ERROR:
		order = more_first(x->reason[0] != '\0', y->reason[0] != '\0');
		return order != 0 ? order : strcmp(x->reason, y->reason);
	case NPTOP_SORT_NAME:
	case NPTOP_SORT_COUNT:
		break;
	}
	return order;
}

/* For qsort_r(3): of equal ones the name decides, so that no row jumps. */
static int
compare_rows(const void *a, const void *b, void *model)
{
	const struct nptop_device *x = *(const struct nptop_device *const *)a;
	const struct nptop_device *y = *(const struct nptop_device *const *)b;
	const struct nptop_model *m = model;
	int order = compare(x, y, m->sort);

	if (order == 0)
		order = by_name(x, y);
	return m->reverse ? -order : order;
}

const char *
nptop_sort_name(enum nptop_sort sort)
{
	static const char *const names[NPTOP_SORT_COUNT] = {
	    [NPTOP_SORT_ACTIVITY] = "activity",
	    [NPTOP_SORT_NAME] = "name",
	    [NPTOP_SORT_STATE] = "state",
	    [NPTOP_SORT_RATE] = "commands/s",
	    [NPTOP_SORT_QUEUE] = "queue",
	    [NPTOP_SORT_RTT] = "round trip",
	    [NPTOP_SORT_SESSIONS] = "sessions",
	    [NPTOP_SORT_ERROR] = "error",
	};

	return names[sort];
}

static void
sort_view(struct nptop_model *m)
{
	if (m->view_count > 0)
		qsort_r(m->view, m->view_count, sizeof(m->view[0]), compare_rows, m);
}

/* ---- filter ---- */

static bool
is_shown(const struct nptop_model *m, const struct nptop_device *d)
{
	return strcasestr(d->shown, m->filter) != NULL || strcasestr(d->place, m->filter) != NULL ||
	       strcasestr(d->state, m->filter) != NULL || strcasestr(d->reason, m->filter) != NULL;
}

static bool
is_in_view(const struct nptop_model *m, const struct nptop_device *d)
{
	for (size_t i = 0; i < m->view_count; i++)
		if (m->view[i] == d)
			return true;
	return false;
}

void
nptop_view_rebuild(struct nptop_model *m, bool had, size_t cursor)
{
	m->view = xreallocarray(m->view, m->count + 1, sizeof(m->view[0]));
	m->view_count = 0;
	for (size_t i = 0; i < m->count; i++)
		if (is_shown(m, m->devices[i]))
			m->view[m->view_count++] = m->devices[i];
	sort_view(m);
	if (m->selected != NULL && is_in_view(m, m->selected))
		return;
	m->selected = NULL;
	if (had && m->view_count > 0)
		m->selected = m->view[cursor < m->view_count ? cursor : m->view_count - 1];
}

void
nptop_view_sort(struct nptop_model *m, enum nptop_sort sort, bool reverse)
{
	m->sort = sort;
	m->reverse = reverse;
	sort_view(m);
}

void
nptop_view_filter(struct nptop_model *m, const char *text)
{
	snprintf(m->filter, sizeof(m->filter), "%s", text);
	nptop_view_rebuild(m, false, 0);
}

/* ---- cursor ---- */

size_t
nptop_view_cursor(const struct nptop_model *m)
{
	for (size_t i = 0; m->selected != NULL && i < m->view_count; i++)
		if (m->view[i] == m->selected)
			return i;
	return 0;
}

struct nptop_device *
nptop_view_current(const struct nptop_model *m)
{
	return m->view_count > 0 ? m->view[nptop_view_cursor(m)] : NULL;
}

void
nptop_view_home(struct nptop_model *m)
{
	m->selected = NULL;
}

void
nptop_view_move(struct nptop_model *m, long rows)
{
	long to = (long)nptop_view_cursor(m) + rows, last = (long)m->view_count - 1;

	if (last < 0 || to < 0)
		nptop_view_home(m);
	else
		m->selected = m->view[to > last ? last : to];
}

void
nptop_view_end(struct nptop_model *m)
{
	if (m->view_count > 0)
		m->selected = m->view[m->view_count - 1];
}

void
nptop_view_scroll(struct nptop_model *m, size_t rows)
{
	size_t cursor = nptop_view_cursor(m), last = m->view_count > rows ? m->view_count - rows : 0;

	if (rows == 0)
		return;
	if (cursor < m->top)
		m->top = cursor;
	if (cursor >= m->top + rows)
		m->top = cursor - rows + 1;
	if (m->top > last)
		m->top = last;
}
