/* Histograms with fixed buckets. */
#include "report/histogram.h"

#include <math.h>
#include <string.h>

void
histogram_init(struct histogram *h, const double *bounds, size_t count)
{
	memset(h, 0, sizeof(*h));
	h->bounds = bounds;
	h->bounds_count = count < HISTOGRAM_BOUNDS_MAX ? count : HISTOGRAM_BOUNDS_MAX;
}

void
histogram_add(struct histogram *h, double value)
{
	size_t i = 0;

	if (isnan(value))
		return;
	if (value < 0)
		value = 0;
	while (i < h->bounds_count && value > h->bounds[i])
		i++;
	h->counts[i]++;
	h->sum += value;
}

uint64_t
histogram_total(const struct histogram *h)
{
	uint64_t total = 0;

	for (size_t i = 0; i <= h->bounds_count; i++)
		total += h->counts[i];
	return total;
}
