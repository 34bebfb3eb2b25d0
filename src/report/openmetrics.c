/* OpenMetrics text, see the header. */
#include "report/openmetrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
    [OPENMETRICS_COUNTER] = "counter", [OPENMETRICS_GAUGE] = "gauge", [OPENMETRICS_HISTOGRAM] = "histogram"};

bool
openmetrics_is_label_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return name[0] != '\0' && (name[0] < '0' || name[0] > '9') && name[strspn(name, allowed)] == '\0';
}

static void
put(struct openmetrics *m, const char *text)
{
	if (buf_append_str(m->out, text) == -1)
		m->full = true;
}

/* What would end the text or the line is escaped. */
static void
put_escaped(struct openmetrics *m, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		char one[3] = {*p, '\0', '\0'};
		if (*p == '\n')
			memcpy(one, "\\n", 3);
		else if (*p == '\\' || *p == '"')
			one[0] = '\\', one[1] = *p;
		put(m, one);
	}
}

static void
put_number(struct openmetrics *m, double value)
{
	char text[40];

	if (value == floor(value) && fabs(value) < 1e15)
		snprintf(text, sizeof(text), "%.0f", value);
	else
		snprintf(text, sizeof(text), "%.12g", value);
	put(m, text);
}

static void
put_label(struct openmetrics *m, const char *name, const char *value, bool *first)
{
	put(m, *first ? "{" : ",");
	*first = false;
	put(m, name);
	put(m, "=\"");
	put_escaped(m, value);
	put(m, "\"");
}

/* NAME{LABELS} and the space before the value. */
static void
put_sample(struct openmetrics *m, const char *suffix, const char *label, const char *label_value)
{
	bool first = true;

	put(m, m->family);
	put(m, suffix);
	for (size_t i = 0; i < m->common_count; i++)
		put_label(m, m->common[i].name, m->common[i].value, &first);
	if (label != NULL)
		put_label(m, label, label_value, &first);
	put(m, first ? " " : "} ");
}

void
openmetrics_init(struct openmetrics *m, struct buf *out, const struct openmetrics_label *common, size_t common_count)
{
	*m = (struct openmetrics){.out = out, .common = common, .common_count = common_count};
}

void
openmetrics_family(
    struct openmetrics *m, const char *name, enum openmetrics_type type, const char *unit, const char *help)
{
	const char *const lines[][3] = {
	    {"# TYPE ", name, type_names[type]}, {"# UNIT ", name, unit}, {"# HELP ", name, help}};

	m->family = name;
	m->type = type;
	for (size_t i = 0; i < NP_COUNT(lines); i++) {
		if (lines[i][2] == NULL)
			continue;
		put(m, lines[i][0]);
		put(m, lines[i][1]);
		put(m, " ");
		put_escaped(m, lines[i][2]);
		put(m, "\n");
	}
}

void
openmetrics_labelled(struct openmetrics *m, const char *label, const char *label_value, double value)
{
	put_sample(m, m->type == OPENMETRICS_COUNTER ? "_total" : "", label, label_value);
	put_number(m, value);
	put(m, "\n");
}

void
openmetrics_value(struct openmetrics *m, double value)
{
	openmetrics_labelled(m, NULL, NULL, value);
}

/* Bounds are written as floating point numbers, "1.0", whatever they are: the text is what identifies a series. */
static void
bound_text(double bound, char *text, size_t size)
{
	snprintf(text, size, bound == floor(bound) ? "%.1f" : "%.9g", bound);
}

void
openmetrics_histogram(struct openmetrics *m, const struct histogram *h)
{
	uint64_t below = 0;
	char bound[32];

	for (size_t i = 0; i < h->bounds_count; i++) {
		below += h->counts[i];
		bound_text(h->bounds[i], bound, sizeof(bound));
		put_sample(m, "_bucket", "le", bound);
		put_number(m, (double)below);
		put(m, "\n");
	}
	put_sample(m, "_bucket", "le", "+Inf");
	put_number(m, (double)histogram_total(h));
	put(m, "\n");
	put_sample(m, "_count", NULL, NULL);
	put_number(m, (double)histogram_total(h));
	put(m, "\n");
	put_sample(m, "_sum", NULL, NULL);
	put_number(m, h->sum);
	put(m, "\n");
}

int
openmetrics_finish(struct openmetrics *m)
{
	put(m, "# EOF\n");
	return m->full ? -1 : 0;
}
