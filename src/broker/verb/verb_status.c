/*
 * The verb `status`: what the broker holds, all at once or page by page.  What a device, a session, a client and a
 * request show is theirs to tell.
 *
 * Everything stands in one row: devices as configured, hosts that are merely in use, clients, requests, each by a
 * number that only grows.  A page ends where a frame would become too large, and says after which of them the next one
 * goes on: what comes and goes meanwhile neither repeats anything nor hides it.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/broker_impl.h"
#include "broker/device/forward.h"
#include "base/process.h"
#include "wire/json.h"
#include "base/clock.h"
#include "base/operand.h"
#include "base/starter.h"
#include "base/text.h"
#include "base/xalloc.h"

static void
add_sandbox(const struct sandbox *s, cJSON *o)
{
	cJSON_AddBoolToObject(o, "system_calls", s->calls);
	cJSON_AddBoolToObject(o, "files", s->files);
	cJSON_AddBoolToObject(o, "children_no_new_privileges", s->children);
	cJSON_AddBoolToObject(o, "starter", starter_lives());
	if (s->lack[0] != '\0')
		cJSON_AddStringToObject(o, "lacks", s->lack);
}

static void
add_broker(struct broker *b, cJSON *o, double now)
{
	int running, waiting;

	connector_counts(b->connector, &running, &waiting);
	cJSON_AddStringToObject(o, "version", NETPULSE_VERSION);
	cJSON_AddNumberToObject(o, "pid", (double)getpid());
	json_add_rounded(o, "uptime", now - b->started, 10);
	cJSON_AddStringToObject(o, "socket", b->options.socket_path != NULL ? b->options.socket_path : "");
	cJSON_AddItemToObject(o, "config", json_strings(&b->config->files));
	cJSON_AddStringToObject(o, "state", b->stopping ? "draining" : "serving");
	cJSON_AddNumberToObject(o, "event_id", (double)reports_last(b->events));
	cJSON_AddNumberToObject(o, "peers", clients_count(b->clients));
	cJSON_AddNumberToObject(o, "sessions", devices_counts(b->devices)->sessions);
	cJSON_AddNumberToObject(o, "requests", b->requests.count + devices_counts(b->devices)->ways);
	cJSON_AddNumberToObject(o, "connecting", running + waiting);
	cJSON_AddNumberToObject(o, "logins", (double)devices_counts(b->devices)->logins);
	cJSON_AddNumberToObject(o, "failures", (double)devices_counts(b->devices)->failures);
	cJSON_AddItemToObject(o, "accounts", devices_json_gate(b->devices, now));
	cJSON_AddNumberToObject(o, "max_sessions", b->config->max_sessions);
	cJSON_AddNumberToObject(o, "max_clients", b->config->max_clients);
	cJSON_AddNumberToObject(o, "rules", (double)b->config->policy.count);
	cJSON_AddNumberToObject(o, "denied", (double)b->denials.count);
	cJSON_AddNumberToObject(o, "confirming", broker_confirmations_count(b));
	cJSON_AddItemToObject(o, "sockets", broker_sockets_json(b));
	if (b->options.sandbox != NULL)
		add_sandbox(b->options.sandbox, cJSON_AddObjectToObject(o, "sandbox"));
	cJSON_AddNumberToObject(o, "memory_kb", process_memory_kb());
	if (b->doors != NULL)
		cJSON_AddItemToObject(o, "ports", doors_ports(b->doors));
}

/* ---- pages ---- */

#define PAGE_BYTES (512u * 1024u) /* of objects; one more of them always fits the frame beside it */

/* The last object of a page: `p:7` a client, `r:9` a request, `f:8` a way through a jump host, `d:INDEX:POOL:SESSION` a
 * device up to that session. */
struct cursor {
	char section;
	unsigned long at[3];
};

struct page {
	cJSON *result;
	cJSON *list;
	struct cursor from; /* what was on the pages before */
	struct cursor last;
	size_t bytes, bytes_max;
	size_t items, items_max;
	bool brief;
	bool full;
	double now;
};

static bool
cursor_parse(const char *text, struct cursor *c)
{
	size_t parts = text[0] == 'd' ? 3 : 1;
	char number[24];

	memset(c, 0, sizeof(*c));
	if (text[0] == '\0')
		return true;
	if (strchr("dprf", text[0]) == NULL)
		return false;
	c->section = text[0];
	text++;
	for (size_t i = 0; i < parts; i++) {
		size_t n = text[0] == ':' ? strcspn(text + 1, ":") : sizeof(number);
		if (n >= sizeof(number))
			return false;
		memcpy(number, text + 1, n);
		number[n] = '\0';
		if (!text_parse_ulong(number, ULONG_MAX, &c->at[i]))
			return false;
		text += 1 + n;
	}
	return text[0] == '\0';
}

static void
cursor_print(const struct cursor *c, char *text, size_t size)
{
	if (c->section == 'd')
		snprintf(text, size, "d:%lu:%lu:%lu", c->at[0], c->at[1], c->at[2]);
	else
		snprintf(text, size, "%c:%lu", c->section, c->at[0]);
}

/* Whether another object fits; if not, the page ends after the last one. */
static bool
page_has_room(struct page *p)
{
	if (p->bytes >= p->bytes_max || p->items >= p->items_max)
		p->full = true;
	return !p->full;
}

/* Adds to list as text, so that its size is known and nothing is printed twice; takes item over. */
static void
page_add(struct page *p, cJSON *list, cJSON *item)
{
	char *text = cJSON_PrintUnformatted(item);

	cJSON_Delete(item);
	if (text == NULL)
		return;
	p->bytes += strlen(text);
	cJSON_AddItemToArray(list, cJSON_CreateRaw(text));
	cJSON_free(text);
}

/* ---- devices ---- */

#define INDEX_ADHOC (ULONG_MAX - 1)
#define POOL_NONE (ULONG_MAX - 1)

struct row {
	unsigned long index;  /* in the configuration, or INDEX_ADHOC */
	unsigned long serial; /* of the pool, or POOL_NONE */
	struct device *dev;
	const struct device_conf *device; /* when there is no pool */
};

struct rows {
	struct row *v;
	size_t count;
};

static int
compare_pools(const void *a, const void *b)
{
	const struct device *x = *(struct device *const *)a, *y = *(struct device *const *)b;
	int by_name = strcmp(device_settings(x)->name, device_settings(y)->name);

	return by_name != 0 ? by_name : (device_id(x) > device_id(y)) - (device_id(x) < device_id(y));
}

static int
compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->index != y->index)
		return (x->index > y->index) - (x->index < y->index);
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Those whose device is not configured keep the index that they have. */
static size_t
index_pools(struct rows *rows, size_t pools, const char *name, unsigned long index)
{
	size_t low = 0, high = pools, found = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(device_settings(rows->v[middle].dev)->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < pools && strcmp(device_settings(rows->v[low].dev)->name, name) == 0; low++, found++)
		rows->v[low].index = index;
	return found;
}

static void
add_pool_rows(struct broker *b, struct rows *rows, const struct selection *s)
{
	struct device **sorted = xcalloc((size_t)devices_counts(b->devices)->devices + 1, sizeof(*sorted)), *pool;
	size_t n = 0;

	for (pool = device_next(b->devices, NULL); pool != NULL; pool = device_next(b->devices, pool)) {
		if (s == NULL ? !device_is_shadow(pool) : selection_has(s, pool))
			sorted[n++] = pool;
	}
	if (n > 1)
		qsort(sorted, n, sizeof(*sorted), compare_pools);
	for (size_t i = 0; i < n; i++)
		rows->v[rows->count++] =
		    (struct row){.index = INDEX_ADHOC, .serial = device_id(sorted[i]), .dev = sorted[i]};
	free(sorted);
}

static struct rows
list_rows(struct broker *b, const struct selection *s)
{
	struct rows rows = {.v = xcalloc((size_t)devices_counts(b->devices)->devices + b->config->devices_count + 1,
				sizeof(struct row))};

	add_pool_rows(b, &rows, s);
	size_t pools = rows.count;
	for (size_t i = 0; i < b->config->devices_count; i++) {
		const struct device_conf *d = b->config->devices[i];
		if ((s != NULL && !selection_has_name(s, d->name)) || index_pools(&rows, pools, d->name, i) > 0)
			continue;
		rows.v[rows.count++] = (struct row){.index = i, .serial = POOL_NONE, .device = d};
	}
	if (rows.count > 1)
		qsort(rows.v, rows.count, sizeof(rows.v[0]), compare_rows);
	return rows;
}

/* The sessions of a device after the given one; those that do not fit are left for the next page. */
static void
add_sessions(struct page *p, cJSON *device, struct device *dev, unsigned long after)
{
	cJSON *list = cJSON_AddArrayToObject(device, "list");
	struct pool_entry *e;

	if (dev == NULL)
		return;
	TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
		if (e->id <= after)
			continue;
		if (p->bytes >= p->bytes_max) {
			p->full = true;
			return;
		}
		page_add(p, list, link_json(link_of_entry(e), p->now));
		p->last.at[2] = e->id;
	}
	p->last.at[2] = ULONG_MAX;
}

static void
add_device(struct page *p, struct broker *b, const struct row *row, unsigned long after)
{
	cJSON *o =
	    row->dev != NULL ? device_json(row->dev, p->brief, p->now) : device_json_unused(b->devices, row->device);

	p->last = (struct cursor){'d', {row->index, row->serial, ULONG_MAX}};
	if (after > 0)
		cJSON_AddTrueToObject(o, "continued");
	if (!p->brief)
		add_sessions(p, o, row->dev, after);
	page_add(p, p->list, o);
	p->items++;
}

static void
add_devices(struct page *p, struct broker *b, const struct selection *s)
{
	struct rows rows = list_rows(b, s);
	const struct row from = {.index = p->from.at[0], .serial = p->from.at[1]};

	p->list = cJSON_AddArrayToObject(p->result, "devices");
	for (size_t i = 0; i < rows.count && (p->from.section == '\0' || p->from.section == 'd') && !p->full; i++) {
		const struct row *row = &rows.v[i];
		int order = p->from.section == 'd' ? compare_rows(row, &from) : 1;
		if (order < 0 || (order == 0 && p->from.at[2] == ULONG_MAX))
			continue;
		if (page_has_room(p))
			add_device(p, b, row, order == 0 ? p->from.at[2] : 0);
	}
	free(rows.v);
}

/* ---- clients and requests ---- */

static bool
asks_for(const struct broker *b, const struct client *client, const struct selection *s)
{
	const struct request *r;

	for (r = request_next(b, NULL); r != NULL; r = request_next(b, r)) {
		if (request_is_of(r, client) && selection_has(s, request_dev(r)))
			return true;
	}
	return false;
}

/* Sections come in this order, each by numbers that grow. */
static bool
is_due(const struct page *p, char section, uint64_t id)
{
	static const char order[] = "dprf";
	const char *from = p->from.section != '\0' ? strchr(order, p->from.section) : order;
	const char *mine = strchr(order, section);

	return mine > from || (mine == from && id > p->from.at[0]);
}

/* False when the page is full. */
static bool
add_item(struct page *p, char section, uint64_t id, cJSON *item)
{
	if (p->full || !page_has_room(p)) {
		cJSON_Delete(item);
		return false;
	}
	page_add(p, p->list, item);
	p->items++;
	p->last = (struct cursor){section, {id}};
	return true;
}

static void
add_peers(struct page *p, struct broker *b, const struct selection *s)
{
	struct client *client = NULL;

	p->list = cJSON_AddArrayToObject(p->result, "peers");
	while ((client = clients_next(b->clients, client)) != NULL) {
		if (!is_due(p, 'p', client_id(client)) || (s != NULL && !asks_for(b, client, s)))
			continue;
		if (!add_item(p, 'p', client_id(client), client_json(client, p->now)))
			return;
	}
}

/* Ways through jump hosts stand among them, as what makes a session of their device busy. */
static void
add_requests(struct page *p, struct broker *b, const struct selection *s)
{
	const struct request *r;
	const struct forward *f;

	p->list = cJSON_AddArrayToObject(p->result, "requests");
	for (r = request_next(b, NULL); r != NULL; r = request_next(b, r)) {
		if (!is_due(p, 'r', request_id(r)) || (s != NULL && !selection_has(s, request_dev(r))))
			continue;
		if (!add_item(p, 'r', request_id(r), request_json(r, p->now)))
			return;
	}
	for (f = forward_next(b->devices, NULL); f != NULL; f = forward_next(b->devices, f)) {
		if (!is_due(p, 'f', forward_id(f)) || (s != NULL && !selection_has(s, forward_device(f))))
			continue;
		if (!add_item(p, 'f', forward_id(f), forward_json(f, p->now)))
			return;
	}
}

/* ---- the verb ---- */

static cJSON *
make_page(struct page *p, struct broker *b, const struct selection *s)
{
	char next[80];

	p->result = cJSON_CreateObject();
	p->now = clock_now();
	add_broker(b, cJSON_AddObjectToObject(p->result, "broker"), p->now);
	add_devices(p, b, s);
	if (!p->brief) {
		add_peers(p, b, s);
		add_requests(p, b, s);
	}
	if (p->full) {
		cursor_print(&p->last, next, sizeof(next));
		cJSON_AddStringToObject(p->result, "next", next);
	}
	return p->result;
}

static int
read_page(const struct ask_params *params, struct page *p, struct np_error *err)
{
	const char *from = params->page;

	p->brief = params->brief;
	p->bytes_max = from != NULL ? PAGE_BYTES : SIZE_MAX;
	p->items_max = params->limit > 0 ? (size_t)params->limit : SIZE_MAX;
	if (from == NULL && params->limit > 0)
		return error_set(err, REASON_INVALID_PARAMS, "`limit` goes with `page`");
	if (from != NULL && !cursor_parse(from, &p->from))
		return error_set(
		    err, REASON_INVALID_PARAMS, "`page` must be \"\" or what `next` of the page before is");
	return 0;
}

int
verb_status(const struct call *c, struct np_error *err)
{
	bool selected = selection_is_asked(&c->params);
	struct page p = {.brief = false};
	struct selection s;

	if (read_page(&c->params, &p, err) == -1)
		return -1;
	if (selected && selection_read(c->broker, &c->params, &s, err) == -1)
		return -1;
	client_result(c->client, c->id, make_page(&p, c->broker, selected ? &s : NULL));
	if (selected)
		selection_finish(&s);
	return 0;
}
