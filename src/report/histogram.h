/*
 * Counts of measured values by size, for quantiles over many of them at a fixed cost.  Pure.
 */
#ifndef NP_HISTOGRAM_H
#define NP_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 20

struct histogram {
	const double *bounds; /* upper limits, each belongs to its bucket; ascending; they outlive the histogram */
	size_t bounds_count;
	uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* the last one: beyond all bounds */
	double sum;
};

/* At most HISTOGRAM_BOUNDS_MAX bounds. */
void histogram_init(struct histogram *h, const double *bounds, size_t count);
/* Negative values count as 0, what is no number not at all. */
void histogram_add(struct histogram *h, double value);
/* All that were added. */
uint64_t histogram_total(const struct histogram *h);

#endif
