/*
 * Metrics of single devices.  At most METRICS_DEVICES_MAX of them: series cost memory where they are stored, for as
 * long as they are kept.  Pools of one name are one device here: how they differ is nothing for a label.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/report/report_metrics.h"
#include "base/xalloc.h"

#define METRICS_DEVICES_MAX 500

/* What the pools of one name hold together. */
struct device_sums {
	const char *name;
	bool up, failed;
	int sessions, running, queued;
	double rtt, requests;
};

static struct device_sums
sum_device(struct device *const *pools, size_t count)
{
	struct device_sums sum = {.name = device_settings(pools[0])->name, .rtt = -1};

	for (size_t i = 0; i < count; i++) {
		const struct pool *p = device_pool(pools[i]);
		struct pool_entry *e;
		sum.failed |= p->block != POOL_OPEN;
		sum.queued += p->waiters_count;
		sum.requests += (double)device_requests_done(pools[i]);
		TAILQ_FOREACH (e, &p->entries, link) {
			struct link *link = link_of_entry(e);
			double rtt = link_facts(link).connected ? link_stats(link).rtt : -1;
			sum.sessions += link_facts(link).connected;
			sum.up |= e->state == POOL_READY || e->state == POOL_PROBING;
			sum.running += e->leases;
			if (rtt >= 0 && (sum.rtt < 0 || rtt < sum.rtt))
				sum.rtt = rtt;
		}
	}
	return sum;
}

static int
by_name(const void *a, const void *b)
{
	const struct device *const *x = a, *const *y = b;

	return strcmp(device_settings(*x)->name, device_settings(*y)->name);
}

/* The pools, by name; the caller frees the list. */
static struct device **
sorted_pools(const struct broker *b)
{
	struct device **pools = xcalloc((size_t)devices_counts(b->devices)->devices + 1, sizeof(struct device *)),
		      *pool;
	size_t n = 0;

	for (pool = device_next(b->devices, NULL); pool != NULL; pool = device_next(b->devices, pool))
		pools[n++] = pool;
	qsort(pools, n, sizeof(struct device *), by_name);
	return pools;
}

/* How many of pools[0..n) have the name of the first. */
static size_t
count_same(struct device *const *pools, size_t n)
{
	size_t same = 1;

	while (same < n && by_name(&pools[0], &pools[same]) == 0)
		same++;
	return same;
}

/* The devices in use, at most METRICS_DEVICES_MAX; *omitted: how many more there are.  The caller frees them. */
static struct device_sums *
sum_devices(const struct broker *b, size_t *count, size_t *omitted)
{
	struct device **pools = sorted_pools(b);
	struct device_sums *sums = xcalloc(METRICS_DEVICES_MAX, sizeof(*sums));
	size_t n = (size_t)devices_counts(b->devices)->devices, same;

	*count = *omitted = 0;
	for (size_t i = 0; i < n; i += same) {
		same = count_same(pools + i, n - i);
		if (*count < METRICS_DEVICES_MAX)
			sums[(*count)++] = sum_device(pools + i, same);
		else
			++*omitted;
	}
	free(pools);
	return sums;
}

int
metrics_unused_devices(const struct broker *b)
{
	struct device **pools = sorted_pools(b);
	size_t n = (size_t)devices_counts(b->devices)->devices;
	int unused = (int)b->config->devices_count;

	for (size_t i = 0; i < n; i += count_same(pools + i, n - i))
		unused -= config_device(b->config, device_settings(pools[i])->name) != NULL;
	free(pools);
	return unused;
}

static double
device_value(const struct device_sums *d, int which)
{
	const double values[] = {d->up, d->failed, d->sessions, d->running, d->queued, d->rtt, d->requests};

	return values[which];
}

void
metrics_put_devices(struct openmetrics *o, const struct broker *b)
{
	static const struct {
		const char *name, *unit, *help;
		enum openmetrics_type type;
	} families[] = {
	    {"netpulse_device_up", NULL, "Whether the device has a session that can be used.", OPENMETRICS_GAUGE},
	    {"netpulse_device_failed", NULL, "Whether the last attempt to reach it failed.", OPENMETRICS_GAUGE},
	    {"netpulse_device_sessions", NULL, "Its sessions.", OPENMETRICS_GAUGE},
	    {"netpulse_device_running", NULL, "Requests that run there.", OPENMETRICS_GAUGE},
	    {"netpulse_device_queued", NULL, "Requests that wait for it.", OPENMETRICS_GAUGE},
	    {"netpulse_device_rtt_seconds", "seconds", "The shortest round trip among its sessions.",
		OPENMETRICS_GAUGE},
	    {"netpulse_device_requests", NULL, "Requests that have ended.", OPENMETRICS_COUNTER},
	};
	size_t count, omitted;
	struct device_sums *sums = sum_devices(b, &count, &omitted);

	for (size_t f = 0; f < NP_COUNT(families); f++) {
		openmetrics_family(o, families[f].name, families[f].type, families[f].unit, families[f].help);
		for (size_t i = 0; i < count; i++) {
			double value = device_value(&sums[i], (int)f);
			if (value >= 0)
				openmetrics_labelled(o, "device", sums[i].name, value);
		}
	}
	openmetrics_family(
	    o, "netpulse_devices_omitted", OPENMETRICS_GAUGE, NULL, "Devices in use that are not shown one by one.");
	openmetrics_value(o, (double)omitted);
	free(sums);
}
