/*
 * Metrics as text: the subset of OpenMetrics 1.0 that the older Prometheus format (of node_exporter's textfile
 * collector) reads as well: counters, gauges and histograms.  Pure.
 */
#ifndef NP_OPENMETRICS_H
#define NP_OPENMETRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "report/histogram.h"

enum openmetrics_type { OPENMETRICS_COUNTER, OPENMETRICS_GAUGE, OPENMETRICS_HISTOGRAM };

struct openmetrics_label {
	const char *name, *value; /* value: any UTF-8 */
};

struct openmetrics {
	struct buf *out;
	const struct openmetrics_label *common; /* carried by every sample */
	size_t common_count;
	const char *family;
	enum openmetrics_type type;
	bool full; /* out has reached its maximum: what was written is no good */
};

/* Names of labels are letters, digits and underscores, and do not begin with a digit. */
bool openmetrics_is_label_name(const char *name);

void openmetrics_init(
    struct openmetrics *m, struct buf *out, const struct openmetrics_label *common, size_t common_count);
/*
 * Begins a family; its samples follow.  unit: NULL, or the last part of the name ("seconds", "bytes").  A counter's
 * name is given without _total.
 */
void openmetrics_family(
    struct openmetrics *m, const char *name, enum openmetrics_type type, const char *unit, const char *help);
/* A sample of a counter or gauge without label, or with one. */
void openmetrics_value(struct openmetrics *m, double value);
void openmetrics_labelled(struct openmetrics *m, const char *label, const char *label_value, double value);
/* The samples of a histogram. */
void openmetrics_histogram(struct openmetrics *m, const struct histogram *h);
/* The end; -1 when not all of it had room. */
int openmetrics_finish(struct openmetrics *m) NP_MUST_CHECK;

#endif
