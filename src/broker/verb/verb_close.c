/*
 * The verbs that end something: close (sessions, gently or at once) and kill (one session, request or client, at once).
 */
#include <stdio.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/device/forward.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- close ---- */

static void
close_one(struct link *link, bool now)
{
	if (now)
		link_end(link, REASON_NONE, "closed by npctl");
	else if (link_facts(link).connected)
		device_drain_link(link, "closed by npctl");
	else
		link_end(link, REASON_CANCELLED, "closed by npctl");
}

static struct link *
find_session(struct broker *b, uint64_t id)
{
	struct device *dev;
	struct pool_entry *e;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
			if (e->id == id)
				return link_of_entry(e);
		}
	}
	return NULL;
}

/* A person who closes means it: a persistent device stays closed, too. */
static int
close_selected(struct broker *b, const struct selection *s, bool now)
{
	struct device *dev;
	struct pool_entry *e, *next;
	int closed = 0;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		if (!selection_has(s, dev))
			continue;
		device_rest(dev);
		TAILQ_FOREACH_SAFE (e, &device_pool(dev)->entries, link, next) {
			close_one(link_of_entry(e), now);
			closed++;
		}
	}
	return closed;
}

static const char *
close_word(const struct call *c)
{
	return c->params.now ? "close --now" : "close";
}

static cJSON *
closed(int count)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddNumberToObject(result, "closed", count);
	return result;
}

static int
close_session(const struct call *c, struct np_error *err)
{
	uint64_t id = c->params.number;
	struct link *link = find_session(c->broker, id);
	struct device *dev;

	if (link == NULL)
		return error_set(err, REASON_INVALID_PARAMS, "no session #%llu", (unsigned long long)id);
	dev = device_of_link(link);
	report_steered(c->broker->events, c->client, close_word(c), device_settings(dev)->name, id, 0, NULL);
	if (device_pool(dev)->entries_count == 1)
		device_rest(dev);
	close_one(link, c->params.now);
	client_result(c->client, c->id, closed(1));
	return 0;
}

static int
close_devices(const struct call *c, struct np_error *err)
{
	struct broker *b = c->broker;
	struct selection s;
	cJSON *result;

	if ((c->params.wait && answer_room(c->client, err) == -1) || selection_read(b, &c->params, &s, err) == -1)
		return -1;
	if (s.all)
		report_steered(b->events, c->client, close_word(c), NULL, 0, 0, NULL);
	for (size_t i = 0; i < s.names.n && !s.all; i++)
		report_steered(b->events, c->client, close_word(c), s.names.v[i], 0, 0, NULL);
	result = closed(close_selected(b, &s, c->params.now));
	if (c->params.wait)
		broker_wait_for(c, &s, false, result);
	else
		client_result(c->client, c->id, result);
	selection_finish(&s);
	return 0;
}

int
verb_close(const struct call *c, struct np_error *err)
{
	if (c->params.number == 0)
		return close_devices(c, err);
	if (selection_is_asked(&c->params))
		return error_set(err, REASON_INVALID_PARAMS, "give either `session` or devices");
	if (c->params.wait)
		return error_set(err, REASON_INVALID_PARAMS, "`wait` goes with devices, not with `session`");
	return close_session(c, err);
}

/* ---- kill ---- */

static cJSON *
killed(const char *what, uint64_t id, const char *device)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "killed", what);
	cJSON_AddNumberToObject(result, "id", (double)id);
	if (device != NULL)
		cJSON_AddStringToObject(result, "device", device);
	return result;
}

/* Whatever the client waits for is answered, so that it knows why, and then the connection ends. */
static void
kill_client(struct broker *b, struct client *client)
{
	struct np_error err;

	log_info("peer", "client %llu (pid %ld): killed by the operator", (unsigned long long)client_id(client),
	    (long)client_pid(client));
	error_set(&err, REASON_CANCELLED, "the connection was killed by the operator (npctl kill)");
	requests_kill(b, client, &err);
	answers_fail(client, &err);
	client_close(client);
}

/* What has this number ends; the result says what it was, or is NULL. */
static cJSON *
kill_id(struct broker *b, struct client *by, uint64_t id)
{
	struct link *link = find_session(b, id);
	struct request *r = request_by_id(b, id);
	struct forward *way = forward_by_id(b->devices, id);
	struct client *client = clients_by_id(b->clients, id);
	char label[48];

	if (link != NULL) {
		const char *device = device_settings(device_of_link(link))->name;
		report_steered(b->events, by, "kill", device, id, 0, NULL);
		link_end(link, REASON_NONE, "killed by the operator (npctl kill)");
		return killed("session", id, device);
	}
	if (r != NULL) {
		cJSON *result = killed("request", id, request_device(r));
		report_steered(b->events, by, "kill", request_device(r), 0, id, NULL);
		request_kill(r);
		return result;
	}
	if (way != NULL) {
		const char *device = device_settings(forward_device(way))->name;
		cJSON *result = killed("request", id, device);
		report_steered(b->events, by, "kill", device, 0, id, NULL);
		forward_kill(way);
		return result;
	}
	if (client == NULL)
		return NULL;
	snprintf(label, sizeof(label), "client %llu", (unsigned long long)id);
	report_steered(b->events, by, "kill", NULL, 0, 0, label);
	kill_client(b, client);
	return killed("client", id, NULL);
}

int
verb_kill(const struct call *c, struct np_error *err)
{
	uint64_t id = c->params.number;
	cJSON *result;

	if (id == client_id(c->client))
		return error_set(err, REASON_INVALID_PARAMS, "%llu is this very connection", (unsigned long long)id);
	result = kill_id(c->broker, c->client, id);
	if (result == NULL)
		return error_set(err, REASON_INVALID_PARAMS,
		    "no session, request or client has the number %llu: see npctl status", (unsigned long long)id);
	client_result(c->client, c->id, result);
	return 0;
}
