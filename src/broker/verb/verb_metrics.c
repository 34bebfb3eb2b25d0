/*
 * The verb `metrics`: what has been counted, and what the broker holds at this moment, as OpenMetrics text.
 *
 * Devices are no labels unless asked for (verb_metrics_device.c).
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "report/auditfile.h"
#include "broker/broker_impl.h"
#include "base/process.h"
#include "broker/report/report_metrics.h"
#include "base/clock.h"
#include "report/openmetrics.h"
#include "base/text.h"
#include "base/xalloc.h"

#define METRICS_TEXT_MAX (512u * 1024u) /* as JSON it must fit a frame */

static const char *const states[] = {
    "idle", "connecting", "connected", "executing", "keepalive", "disconnected", "failed"};

static void
counter(struct openmetrics *o, const char *name, const char *unit, const char *help, double value)
{
	openmetrics_family(o, name, OPENMETRICS_COUNTER, unit, help);
	openmetrics_value(o, value);
}

static void
gauge(struct openmetrics *o, const char *name, const char *unit, const char *help, double value)
{
	openmetrics_family(o, name, OPENMETRICS_GAUGE, unit, help);
	openmetrics_value(o, value);
}

static void
histogram(struct openmetrics *o, const char *name, const char *help, const struct histogram *h)
{
	openmetrics_family(o, name, OPENMETRICS_HISTOGRAM, "seconds", help);
	openmetrics_histogram(o, h);
}

/* A counter by reason: those that are to be expected also while they are 0, so that the first one is seen as a rise. */
static void
by_reason(struct openmetrics *o, const char *name, const char *help, const uint64_t *counts, enum np_reason first,
    enum np_reason last)
{
	openmetrics_family(o, name, OPENMETRICS_COUNTER, NULL, help);
	for (int reason = REASON_NONE + 1; reason < REASON_COUNT; reason++) {
		bool expected = reason >= (int)first && reason <= (int)last;
		if (expected || counts[reason] > 0)
			openmetrics_labelled(o, "reason", reason_name((enum np_reason)reason), (double)counts[reason]);
	}
}

/* ---- the process ---- */

static int
count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 3; /* without ".", ".." and the directory's own */
}

static void
put_process(struct openmetrics *o, struct broker *b)
{
	struct rusage usage;
	struct rlimit limit;
	int descriptors = count_descriptors();

	getrusage(RUSAGE_SELF, &usage);
	openmetrics_family(o, "netpulse_build_info", OPENMETRICS_GAUGE, NULL, "The version that runs.");
	openmetrics_labelled(o, "version", NETPULSE_VERSION, 1);
	gauge(o, "netpulse_up", NULL, "Whether a broker runs.", 1);
	gauge(o, "netpulse_uptime_seconds", "seconds", "Time since the broker began.", clock_now() - b->started);
	gauge(o, "netpulse_draining", NULL, "Whether the broker is about to end.", b->stopping);
	gauge(o, "netpulse_resident_memory_bytes", "bytes", "Memory in use.", process_memory_kb() * 1024);
	if (descriptors >= 0)
		gauge(o, "netpulse_open_fds", NULL, "File descriptors in use.", descriptors);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		gauge(o, "netpulse_max_fds", NULL, "File descriptors that there may be.", (double)limit.rlim_cur);
	counter(o, "netpulse_cpu_seconds", "seconds", "Processor time used.",
	    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	histogram(o, "netpulse_loop_lag_seconds",
	    "Length of the turns of the event loop: how long an event may have waited for its own.",
	    &b->events->metrics->turn);
}

/* ---- what there is at this moment ---- */

struct holdings {
	int devices[NP_COUNT(states)], sessions[NP_COUNT(states)];
	int blocked, paused, disabled;
	int channels_used, channels_max;
	double ssh_in, ssh_out;
};

static void
count_state(int *counts, const char *word)
{
	for (size_t i = 0; i < NP_COUNT(states); i++)
		if (strcmp(states[i], word) == 0)
			counts[i]++;
}

static void
hold_pool(struct holdings *h, struct device *dev)
{
	struct pool_entry *e;

	count_state(h->devices, pool_state_word(device_pool(dev)));
	h->blocked += device_pool(dev)->block == POOL_AUTH;
	h->paused += device_pool(dev)->paused;
	h->disabled += device_pool(dev)->disabled;
	TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
		struct link *link = link_of_entry(e);
		struct session_stats stats;

		count_state(h->sessions, pool_entry_state_word(e));
		if (!link_facts(link).connected)
			continue;
		stats = link_stats(link);
		h->channels_used += stats.slots_used;
		h->channels_max += stats.slots_max;
		h->ssh_in += (double)stats.bytes_in;
		h->ssh_out += (double)stats.bytes_out;
	}
}

static struct holdings
count_holdings(struct broker *b)
{
	struct holdings h = {.ssh_in = 0};
	struct device *dev;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev))
		hold_pool(&h, dev);
	h.devices[0] += metrics_unused_devices(b);
	return h;
}

static void
put_devices(struct openmetrics *o, const struct holdings *h)
{
	openmetrics_family(o, "netpulse_devices", OPENMETRICS_GAUGE, NULL, "Devices by state.");
	for (size_t i = 0; i < NP_COUNT(states); i++)
		openmetrics_labelled(o, "state", states[i], h->devices[i]);
	gauge(o, "netpulse_devices_blocked", NULL, "Devices to which no log-in is tried since one was refused.",
	    h->blocked);
	gauge(o, "netpulse_devices_paused", NULL, "Devices in use that an operator has paused.", h->paused);
	gauge(o, "netpulse_devices_disabled", NULL, "Devices in use that an operator has disabled.", h->disabled);
}

static void
put_sessions(struct openmetrics *o, struct broker *b, const struct holdings *h)
{
	const struct broker_metrics *m = b->events->metrics;

	openmetrics_family(o, "netpulse_sessions", OPENMETRICS_GAUGE, NULL, "Sessions by state.");
	for (size_t i = 1; i + 1 < NP_COUNT(states); i++) /* a session is never idle nor failed */
		openmetrics_labelled(o, "state", states[i], h->sessions[i]);
	gauge(o, "netpulse_sessions_limit", NULL, "Sessions that there may be.", b->config->max_sessions);
	gauge(o, "netpulse_channels_used", NULL, "SSH channels in use.", h->channels_used);
	gauge(o, "netpulse_channels_limit", NULL, "SSH channels that the present sessions bear.", h->channels_max);
	counter(o, "netpulse_logins", NULL, "Sessions that were made.", (double)m->logins);
	by_reason(o, "netpulse_login_failures", "Attempts to make a session that failed.", m->login_failures,
	    REASON_RESOLVE_FAILED, REASON_AUTH_FAILED);
	histogram(o, "netpulse_login_seconds", "Time that it took to make a session.", &m->login);
	openmetrics_family(o, "netpulse_session_ends", OPENMETRICS_COUNTER, NULL,
	    "Sessions that have ended: closed by the broker, or lost.");
	openmetrics_labelled(o, "how", "closed", (double)m->logouts);
	openmetrics_labelled(o, "how", "lost", (double)m->losses);
	histogram(o, "netpulse_rtt_seconds", "Round trips of probes over SSH.", &m->rtt);
	counter(o, "netpulse_ssh_received_bytes", "bytes", "Bytes from devices.", (double)m->ssh_in + h->ssh_in);
	counter(o, "netpulse_ssh_sent_bytes", "bytes", "Bytes to devices.", (double)m->ssh_out + h->ssh_out);
}

/* ---- requests and clients ---- */

static void
put_requests(struct openmetrics *o, struct broker *b)
{
	const struct broker_metrics *m = b->events->metrics;
	openmetrics_family(
	    o, "netpulse_requests_in_flight", OPENMETRICS_GAUGE, NULL, "Requests that are not answered.");
	openmetrics_labelled(o, "state", "queued", b->requests.queued);
	openmetrics_labelled(o, "state", "running", b->requests.count - b->requests.queued);
	openmetrics_family(o, "netpulse_requests", OPENMETRICS_COUNTER, NULL, "Requests that were answered, by kind.");
	for (int kind = 0; kind < METRICS_KINDS; kind++)
		openmetrics_labelled(o, "kind", metrics_kind_names[kind], (double)m->requests[kind]);
	by_reason(o, "netpulse_request_failures", "Requests that were answered by an error, by reason.",
	    m->request_failures, REASON_RESOLVE_FAILED, REASON_CANCELLED);
	by_reason(o, "netpulse_refusals", "Requests and clients that were turned away, by reason.", m->refusals,
	    REASON_PARSE_ERROR, REASON_UNKNOWN_DEVICE);
	openmetrics_family(o, "netpulse_leases", OPENMETRICS_COUNTER, NULL,
	    "Requests that were given a session: one that was warm, or one that was made for them.");
	openmetrics_labelled(o, "session", "warm", (double)m->started_warm);
	openmetrics_labelled(o, "session", "new", (double)m->started_new);
	histogram(o, "netpulse_queue_seconds",
	    "Time that requests waited for a session, without the time that it took to make one.", &m->queue);
	openmetrics_family(o, "netpulse_commands", OPENMETRICS_COUNTER, NULL, "Commands that have ended.");
	for (int outcome = 0; outcome < METRICS_OUTCOMES; outcome++)
		openmetrics_labelled(o, "outcome", metrics_outcome_names[outcome], (double)m->commands[outcome]);
	histogram(o, "netpulse_command_seconds", "Time that commands took on their devices; without login shells.",
	    &m->command);
}

static void
put_clients(struct openmetrics *o, struct broker *b)
{
	const struct broker_metrics *m = b->events->metrics;
	uint64_t in, out;

	clients_bytes(b->clients, &in, &out);
	gauge(o, "netpulse_clients", NULL, "Client programs that are connected.", clients_count(b->clients));
	gauge(o, "netpulse_clients_limit", NULL, "Client programs that may be.", b->config->max_clients);
	counter(o, "netpulse_client_connections", NULL, "Client programs that have connected.", (double)m->clients);
	counter(o, "netpulse_client_received_bytes", "bytes", "Bytes from clients.", (double)(in + m->client_in));
	counter(o, "netpulse_client_sent_bytes", "bytes", "Bytes to clients.", (double)(out + m->client_out));
}

static void
put_broker(struct openmetrics *o, struct broker *b)
{
	const struct broker_metrics *m = b->events->metrics;
	int running, waiting;

	connector_counts(b->connector, &running, &waiting);
	openmetrics_family(o, "netpulse_connectors", OPENMETRICS_GAUGE, NULL,
	    "Threads that make sessions or look something up, and work that waits for one.");
	openmetrics_labelled(o, "state", "running", running);
	openmetrics_labelled(o, "state", "waiting", waiting);
	openmetrics_family(
	    o, "netpulse_reloads", OPENMETRICS_COUNTER, NULL, "Times that the configuration was read again.");
	openmetrics_labelled(o, "result", "done", (double)m->reloads);
	openmetrics_labelled(o, "result", "refused", (double)m->reload_failures);
	counter(o, "netpulse_steerings", NULL, "What operators did by npctl.", (double)m->steered);
	counter(o, "netpulse_events", NULL, "Events, see npctl watch.", (double)reports_last(b->events));
	if (b->events->audit != NULL)
		counter(o, "netpulse_audit_lost", NULL, "Records that could not be written to the audit log.",
		    (double)auditfile_lost(b->events->audit));
}

/* ---- the verb ---- */

/* Names that the samples can carry beside their own. */
static int
check_labels(const struct ask_params *p, struct np_error *err)
{
	static const char *const taken[] = {
	    "device", "how", "kind", "le", "outcome", "reason", "result", "session", "state", "version"};
	char shown[64];

	for (size_t i = 0; i < p->labels_count; i++) {
		const char *name = p->labels[i].name, *why = NULL;

		if (!openmetrics_is_label_name(name))
			why = "is no name of a label: letters, digits and _, no digit first";
		for (size_t k = 0; k < NP_COUNT(taken); k++)
			why = strcmp(taken[k], name) == 0 ? "is a label that the metrics have of their own" : why;
		for (size_t k = 0; k < i; k++)
			why = strcmp(p->labels[k].name, name) == 0 ? "is given twice" : why;
		if (why != NULL)
			return error_set(err, REASON_INVALID_PARAMS, "`labels`: `%s` %s",
			    text_vis_into(shown, sizeof(shown), name), why);
	}
	return 0;
}

static int
render(struct broker *b, const struct ask_params *p, struct buf *out)
{
	struct openmetrics_label labels[ASK_LABELS_MAX];
	struct holdings h = count_holdings(b);
	struct openmetrics o;

	for (size_t i = 0; i < p->labels_count; i++)
		labels[i] = (struct openmetrics_label){p->labels[i].name, p->labels[i].value};
	openmetrics_init(&o, out, labels, p->labels_count);
	put_process(&o, b);
	put_devices(&o, &h);
	put_sessions(&o, b, &h);
	put_requests(&o, b);
	put_clients(&o, b);
	put_broker(&o, b);
	if (p->each_device)
		metrics_put_devices(&o, b);
	return openmetrics_finish(&o);
}

int
verb_metrics(const struct call *c, struct np_error *err)
{
	struct buf out;
	cJSON *result;

	if (check_labels(&c->params, err) == -1)
		return -1;
	buf_init(&out, METRICS_TEXT_MAX);
	if (render(c->broker, &c->params, &out) == -1 || buf_append(&out, "", 1) == -1) {
		buf_free(&out);
		return error_set(err, REASON_OUTPUT_LIMIT, "the metrics exceed %u KiB: ask without `devices`",
		    METRICS_TEXT_MAX / 1024);
	}
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "content_type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
	cJSON_AddStringToObject(result, "text", (const char *)buf_head(&out));
	client_result(c->client, c->id, result);
	buf_free(&out);
	return 0;
}
