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
	else if (link_session(link) != NULL)
		device_drain_link(link, "closed by npctl");
	else
		link_end(link, REASON_CANCELLED, "closed by npctl");
}

static struct link *
find_session(struct broker *b, uint64_t id)
{
	struct device *dev;
	struct pool_entry *e;

	for (dev = device_next(b, NULL); dev != NULL; dev = device_next(b, dev)) {
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

	for (dev = device_next(b, NULL); dev != NULL; dev = device_next(b, dev)) {
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

/* An id as params carry it: one row of numbers for sessions, requests and clients. */
static int
read_id(const cJSON *params, const char *name, uint64_t *id, struct np_error *err)
{
	double number = 0;

	if (params_number(params, name, 1, MESSAGE_INT_MAX, &number, err) == -1)
		return -1;
	if (number != (double)(uint64_t)number)
		return error_set(err, REASON_INVALID_PARAMS, "`%s` must be a whole number", name);
	*id = (uint64_t)number;
	return 0;
}

static int
close_session(
    struct broker *b, struct client *client, const struct message *m, uint64_t id, bool now, struct np_error *err)
{
	struct link *link = find_session(b, id);
	struct pool *pool = link != NULL ? link_entry(link)->pool : NULL;
	cJSON *result;

	if (link == NULL)
		return error_set(err, REASON_INVALID_PARAMS, "no session #%llu", (unsigned long long)id);
	report_steered(b->events, client, now ? "close --now" : "close", link_home(link)->conf->name, id, 0, NULL);
	if (pool != NULL && pool->entries_count == 1)
		pool_rest(pool);
	close_one(link, now);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "closed", 1);
	client_result(client, &m->id, result);
	return 0;
}

static int
close_devices(
    struct broker *b, struct client *client, const struct message *m, bool now, bool wait, struct np_error *err)
{
	struct selection s;
	cJSON *result;

	if ((wait && answer_room(client, err) == -1) || selection_read(b, m->params, &s, err) == -1)
		return -1;
	if (s.all)
		report_steered(b->events, client, now ? "close --now" : "close", NULL, 0, 0, NULL);
	for (size_t i = 0; i < s.count && !s.all; i++)
		report_steered(b->events, client, now ? "close --now" : "close", s.names[i], 0, 0, NULL);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "closed", close_selected(b, &s, now));
	if (wait)
		broker_wait_for(b, client, &m->id, &s, false, result);
	else
		client_result(client, &m->id, result);
	selection_finish(&s);
	return 0;
}

int
broker_verb_close(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"device", "devices", "all", "session", "now", "wait"};
	bool now = false, wait = false;
	uint64_t session = 0;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    read_id(m->params, "session", &session, err) == -1 || params_bool(m->params, "now", &now, err) == -1 ||
	    params_bool(m->params, "wait", &wait, err) == -1)
		return -1;
	if (session == 0)
		return close_devices(b, client, m, now, wait, err);
	for (size_t i = 0; i < 3; i++)
		if (cJSON_GetObjectItemCaseSensitive(m->params, names[i]) != NULL)
			return error_set(err, REASON_INVALID_PARAMS, "give either `session` or `%s`", names[i]);
	if (wait)
		return error_set(err, REASON_INVALID_PARAMS, "`wait` goes with devices, not with `session`");
	return close_session(b, client, m, session, now, err);
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

static struct request *
request_by_id(struct broker *b, uint64_t id)
{
	struct request *r;

	TAILQ_FOREACH (r, &b->requests, link) {
		if (r->uid == id)
			return r;
	}
	return NULL;
}

static void
kill_request(struct request *r)
{
	log_info("request", "%s: request %llu: killed by the operator", request_device(r), (unsigned long long)r->uid);
	r->killed = true;
	request_cancel(r, r->answer.client != NULL);
}

/* Every request of the client is answered, so that it knows why, and then the connection ends. */
static void
kill_client(struct broker *b, struct client *client)
{
	struct request *r, *next;

	log_info("peer", "client %llu (pid %ld): killed by the operator", (unsigned long long)client_id(client),
	    (long)client_pid(client));
	TAILQ_FOREACH_SAFE (r, &b->requests, link, next) {
		struct np_error err;
		if (r->answer.client != client)
			continue;
		error_set(&err, REASON_CANCELLED, "the connection was killed by the operator (npctl kill)");
		client_error(client, &r->answer.id, &err, request_device(r));
		r->killed = true;
		request_cancel(r, false);
	}
	client_close(client);
}

/* What has this number ends; the result says what it was, or is NULL. */
static cJSON *
kill_id(struct broker *b, struct client *by, uint64_t id)
{
	struct link *link = find_session(b, id);
	struct request *r = request_by_id(b, id);
	struct forward *way = forward_by_id(b, id);
	struct client *client = clients_by_id(b->clients, id);
	char label[48];

	if (link != NULL) {
		report_steered(b->events, by, "kill", link_home(link)->conf->name, id, 0, NULL);
		link_end(link, REASON_NONE, "killed by the operator (npctl kill)");
		return killed("session", id, link_home(link)->conf->name);
	}
	if (r != NULL) {
		cJSON *result = killed("request", id, request_device(r));
		report_steered(b->events, by, "kill", request_device(r), 0, id, NULL);
		kill_request(r);
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
broker_verb_kill(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"id"};
	uint64_t id = 0;
	cJSON *result;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 || read_id(m->params, "id", &id, err) == -1)
		return -1;
	if (id == 0)
		return error_set(
		    err, REASON_INVALID_PARAMS, "`id` is missing: the number of a session, request or client");
	if (id == client_id(client))
		return error_set(err, REASON_INVALID_PARAMS, "%llu is this very connection", (unsigned long long)id);
	result = kill_id(b, client, id);
	if (result == NULL)
		return error_set(err, REASON_INVALID_PARAMS,
		    "no session, request or client has the number %llu: see npctl status", (unsigned long long)id);
	client_result(client, &m->id, result);
	return 0;
}
