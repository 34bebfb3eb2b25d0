/* Columns by importance, lines by importance, cells, bars. */
#include "top/nptop_layout.h"

#include <stdio.h>
#include <string.h>

#include "lib/npstatus.h"

/* Bars of the totals. */
#define TOTALS_GRAPH 20

const struct nptop_column_look nptop_column_looks[NPTOP_COL_COUNT] = {
    [NPTOP_COL_NAME] = {"DEVICE", 10, false, NPTOP_SORT_NAME},
    [NPTOP_COL_STATE] = {"STATE", 12, false, NPTOP_SORT_STATE},
    [NPTOP_COL_SESSIONS] = {"SESS", 4, true, NPTOP_SORT_SESSIONS},
    [NPTOP_COL_CHANNELS] = {"CHANNELS", 8, true, -1},
    [NPTOP_COL_RUN] = {"RUN", 4, true, -1},
    [NPTOP_COL_QUEUE] = {"QUEUE", 5, true, NPTOP_SORT_QUEUE},
    [NPTOP_COL_RATE] = {"CMD/S", 6, true, NPTOP_SORT_RATE},
    [NPTOP_COL_RTT] = {"RTT", 6, true, NPTOP_SORT_RTT},
    [NPTOP_COL_GRAPH] = {"TREND", 8, false, -1},
    [NPTOP_COL_LAST] = {"LAST", 4, true, -1},
    [NPTOP_COL_ERROR] = {"ERROR", 16, false, NPTOP_SORT_ERROR},
};

/* ---- columns ---- */

/* Takes up to `most - width` of what is left for the column, if it is shown. */
static void
widen(struct nptop_columns *c, enum nptop_column column, int most, int *left)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->column[i] != column)
			continue;
		int more = most - c->width[i] < *left ? most - c->width[i] : *left;
		if (more <= 0)
			return;
		c->width[i] += more;
		*left -= more;
	}
}

void
nptop_layout_columns(struct nptop_columns *c, int width, int name)
{
	static const enum nptop_column by_importance[] = {NPTOP_COL_NAME, NPTOP_COL_STATE, NPTOP_COL_RATE,
	    NPTOP_COL_QUEUE, NPTOP_COL_RTT, NPTOP_COL_ERROR, NPTOP_COL_GRAPH, NPTOP_COL_RUN, NPTOP_COL_SESSIONS,
	    NPTOP_COL_LAST, NPTOP_COL_CHANNELS};
	bool shown[NPTOP_COL_COUNT] = {false};
	int left = width + 1;

	for (size_t i = 0; i < NP_COUNT(by_importance); i++) {
		if (i > 0 && nptop_column_looks[by_importance[i]].width + 1 > left)
			break;
		shown[by_importance[i]] = true;
		left -= nptop_column_looks[by_importance[i]].width + 1;
	}
	c->count = 0;
	for (int i = 0; i < NPTOP_COL_COUNT; i++) {
		if (!shown[i])
			continue;
		c->column[c->count] = (enum nptop_column)i;
		c->width[c->count++] = nptop_column_looks[i].width;
	}
	if (left < 0) /* not even room for a name */
		c->width[0] = width > 0 ? width : 0;
	widen(c, NPTOP_COL_NAME, name < 20 ? name : 20, &left);
	widen(c, NPTOP_COL_ERROR, 23, &left);
	widen(c, NPTOP_COL_GRAPH, NPTOP_HISTORY / 2, &left);
	widen(c, NPTOP_COL_NAME, name, &left);
	widen(c, NPTOP_COL_GRAPH, NPTOP_HISTORY, &left);
}

void
nptop_layout_lines(struct nptop_lines *l, int height)
{
	int n = 0;

	l->broker = height >= 4 ? n++ : -1;
	l->totals = height >= 7 ? n++ : -1;
	l->list = height >= 6 ? n++ : -1;
	l->titles = height >= 3 ? n++ : -1;
	l->footer = height >= 2 ? height - 1 : -1;
	l->first = n;
	l->rows = height - n - (l->footer != -1);
	if (l->rows < 0)
		l->rows = 0;
}

/* ---- cells ---- */

const char *
nptop_rate(char *out, size_t size, double rate)
{
	if (rate < 10)
		snprintf(out, size, "%.1f", rate);
	else if (rate < 10000)
		snprintf(out, size, "%.0f", rate);
	else
		snprintf(out, size, "%.0fk", rate / 1000);
	return out;
}

static const char *
format_error(char *out, const struct nptop_device *d)
{
	char wait[32];

	if (d->blocked)
		snprintf(out, NPTOP_TEXT_MAX, "%s (blocked)", d->reason);
	else if (d->reason[0] != '\0' && d->retry_in > 0)
		snprintf(out, NPTOP_TEXT_MAX, "%s (%s)", d->reason, npstatus_duration(wait, sizeof(wait), d->retry_in));
	else
		return d->reason;
	return out;
}

static const char *
format_count(char *out, double n)
{
	if (n != 0)
		snprintf(out, NPTOP_TEXT_MAX, "%.0f", n);
	return out;
}

const char *
nptop_cell(const struct nptop_device *d, enum nptop_column column, char out[NPTOP_TEXT_MAX])
{
	/* Nothing is shown as nothing: numbers that are there stand out. */
	snprintf(out, NPTOP_TEXT_MAX, "-");
	switch (column) {
	case NPTOP_COL_NAME:
		return d->shown;
	case NPTOP_COL_STATE:
		return d->state;
	case NPTOP_COL_SESSIONS:
		return format_count(out, d->sessions);
	case NPTOP_COL_CHANNELS:
		if (d->channels_max > 0)
			snprintf(out, NPTOP_TEXT_MAX, "%.0f/%.0f", d->channels_used, d->channels_max);
		return out;
	case NPTOP_COL_RUN:
		return format_count(out, d->running);
	case NPTOP_COL_QUEUE:
		return format_count(out, d->queued);
	case NPTOP_COL_RATE:
		return d->rate > 0 ? nptop_rate(out, NPTOP_TEXT_MAX, d->rate) : out;
	case NPTOP_COL_RTT:
		return npstatus_rtt(out, NPTOP_TEXT_MAX, d->rtt_ms);
	case NPTOP_COL_LAST:
		return npstatus_duration(out, NPTOP_TEXT_MAX, d->last_used);
	case NPTOP_COL_ERROR:
		return format_error(out, d);
	case NPTOP_COL_GRAPH:
	case NPTOP_COL_COUNT:
		break;
	}
	return "";
}

/* ---- bars ---- */

static const char *
bar(double value, double top, bool unicode)
{
	static const char *const blocks[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
	    "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};
	static const char *const ascii[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
	int level = top > 0 ? (int)(value / top * 7 + 0.5) : 0;

	return (unicode ? blocks : ascii)[level < 0 ? 0 : level > 7 ? 7 : level];
}

const char *
nptop_graph(const struct nptop_history *h, int width, bool unicode, char out[NPTOP_TEXT_MAX])
{
	size_t shown = width > 0 ? (size_t)width : 0, n = 0, count = 0;
	double sum = 0, top = 0;

	if (shown > NPTOP_HISTORY)
		shown = NPTOP_HISTORY;
	size_t from = h->count > shown ? h->count - shown : 0;
	for (size_t i = from; i < h->count; i++) {
		if (h->value[i] < 0)
			continue;
		sum += (double)h->value[i];
		count++;
		if ((double)h->value[i] > top)
			top = (double)h->value[i];
	}
	if (count > 0 && top < 2 * sum / (double)count)
		top = 2 * sum / (double)count;
	for (size_t i = h->count; i < shown; i++)
		out[n++] = ' ';
	for (size_t i = from; i < h->count; i++) {
		const char *text = h->value[i] < 0 ? " " : bar((double)h->value[i], top, unicode);
		size_t size = strlen(text);
		memcpy(out + n, text, size);
		n += size;
	}
	out[n] = '\0';
	return out;
}

/* ---- lines ---- */

const char *
nptop_line_broker(const struct nptop_model *m, char out[NPTOP_TEXT_MAX])
{
	char uptime[32], memory[32] = "";

	if (m->memory_kb >= 0)
		snprintf(memory, sizeof(memory), ", %.1f MB", m->memory_kb / 1024);
	snprintf(out, NPTOP_TEXT_MAX, "netpulsed %s, pid %.0f, %s for %s: %.0f clients, %.0f of %.0f sessions%s",
	    m->version, m->pid, m->broker_state, npstatus_duration(uptime, sizeof(uptime), m->uptime), m->peers,
	    m->sessions, m->max_sessions, memory);
	return out;
}

const char *
nptop_line_totals(const struct nptop_model *m, bool unicode, char out[NPTOP_TEXT_MAX])
{
	char rate[32], graph[NPTOP_TEXT_MAX];

	snprintf(out, NPTOP_TEXT_MAX, "%zu devices, %zu failed; %.0f running, %.0f queued, %s commands/s %s", m->count,
	    m->moods[NPTOP_BAD], m->running, m->queued, nptop_rate(rate, sizeof(rate), m->rate),
	    nptop_graph(&m->rates, TOTALS_GRAPH, unicode, graph));
	return out;
}

const char *
nptop_line_list(const struct nptop_model *m, int rows, char out[NPTOP_TEXT_MAX])
{
	size_t last = m->top + (rows > 0 ? (size_t)rows : 0);
	char filter[NPTOP_FILTER_MAX + 16] = "";

	if (last > m->view_count)
		last = m->view_count;
	if (m->filter[0] != '\0')
		snprintf(filter, sizeof(filter), ", with `%s`", m->filter);
	snprintf(out, NPTOP_TEXT_MAX, "By %s%s%s: %zu-%zu of %zu", nptop_sort_name(m->sort),
	    m->reverse ? ", reversed" : "", filter, m->view_count > 0 ? m->top + 1 : 0, last, m->view_count);
	return out;
}
