/*
 * The verbs that end something: close (sessions, gently or at once) and kill (one session, request or client, at once).
 */
#include <stdio.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- close ---- */

static void
close_one(struct broker_session *s, bool now)
{
	if (now)
		broker_session_end(s, REASON_NONE, "closed by npctl");
	else if (s->session != NULL)
		broker_session_drain(s, "closed by npctl");
	else
		broker_session_end(s, REASON_CANCELLED, "closed by npctl");
}

static struct broker_session *
find_session(struct broker *b, uint64_t id)
{
	struct broker_pool *pool;
	struct pool_entry *e;

	TAILQ_FOREACH (pool, &b->pools, link) {
		TAILQ_FOREACH (e, &pool->policy.entries, link) {
			if (e->id == id)
				return broker_entry_session(e);
		}
	}
	return NULL;
}

/* A person who closes means it: a persistent device stays closed, too. */
static int
close_selected(struct broker *b, const struct selection *s, bool now)
{
	struct broker_pool *pool, *next_pool;
	struct pool_entry *e, *next;
	int closed = 0;

	TAILQ_FOREACH_SAFE (pool, &b->pools, link, next_pool) {
		if (!selection_has(s, pool))
			continue;
		pool_rest(&pool->policy);
		TAILQ_FOREACH_SAFE (e, &pool->policy.entries, link, next) {
			close_one(broker_entry_session(e), now);
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
close_session(struct broker_peer *bp, const struct message *m, uint64_t id, bool now, struct np_error *err)
{
	struct broker_session *s = find_session(bp->broker, id);
	cJSON *result;

	if (s == NULL)
		return error_set(err, REASON_INVALID_PARAMS, "no session #%llu", (unsigned long long)id);
	broker_event_steered(bp, now ? "close --now" : "close", s->pool->device->name, id, 0, NULL);
	if (s->pool->policy.entries_count == 1)
		pool_rest(&s->pool->policy);
	close_one(s, now);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "closed", 1);
	broker_peer_result(bp, &m->id, result);
	return 0;
}

static int
close_devices(struct broker_peer *bp, const struct message *m, bool now, bool wait, struct np_error *err)
{
	struct selection s;
	cJSON *result;

	if ((wait && broker_wait_room(bp, err) == -1) || selection_read(bp->broker, m->params, &s, err) == -1)
		return -1;
	if (s.all)
		broker_event_steered(bp, now ? "close --now" : "close", NULL, 0, 0, NULL);
	for (size_t i = 0; i < s.count && !s.all; i++)
		broker_event_steered(bp, now ? "close --now" : "close", s.names[i], 0, 0, NULL);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "closed", close_selected(bp->broker, &s, now));
	if (wait)
		broker_wait_for(bp, &m->id, &s, false, result);
	else
		broker_peer_result(bp, &m->id, result);
	selection_finish(&s);
	return 0;
}

int
broker_verb_close(struct broker_peer *bp, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"device", "devices", "all", "session", "now", "wait"};
	bool now = false, wait = false;
	uint64_t session = 0;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    read_id(m->params, "session", &session, err) == -1 || params_bool(m->params, "now", &now, err) == -1 ||
	    params_bool(m->params, "wait", &wait, err) == -1)
		return -1;
	if (session == 0)
		return close_devices(bp, m, now, wait, err);
	for (size_t i = 0; i < 3; i++)
		if (cJSON_GetObjectItemCaseSensitive(m->params, names[i]) != NULL)
			return error_set(err, REASON_INVALID_PARAMS, "give either `session` or `%s`", names[i]);
	if (wait)
		return error_set(err, REASON_INVALID_PARAMS, "`wait` goes with devices, not with `session`");
	return close_session(bp, m, session, now, err);
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
	request_cancel(r, r->peer != NULL);
}

/* Every request of the client is answered, so that it knows why, and then the connection ends. */
static void
kill_peer(struct broker_peer *bp)
{
	struct request *r, *next;

	log_info("peer", "client %llu (pid %ld): killed by the operator", (unsigned long long)peer_id(bp->peer),
	    (long)peer_pid(bp->peer));
	TAILQ_FOREACH_SAFE (r, &bp->requests, peer_link, next) {
		struct np_error err;
		error_set(&err, REASON_CANCELLED, "the connection was killed by the operator (npctl kill)");
		broker_peer_error(bp, &r->id, &err, request_device(r));
		r->killed = true;
		request_cancel(r, false);
	}
	peer_close_after_flush(bp->peer);
}

/* What has this number ends; the result says what it was, or is NULL. */
static cJSON *
kill_id(struct broker_peer *by, uint64_t id)
{
	struct broker *b = by->broker;
	struct broker_session *s = find_session(b, id);
	struct request *r = request_by_id(b, id);
	struct broker_peer *bp = broker_peer_by_id(b, id);
	char client[48];

	if (s != NULL) {
		broker_event_steered(by, "kill", s->pool->device->name, id, 0, NULL);
		broker_session_end(s, REASON_NONE, "killed by the operator (npctl kill)");
		return killed("session", id, s->pool->device->name);
	}
	if (r != NULL) {
		cJSON *result = killed("request", id, request_device(r));
		broker_event_steered(by, "kill", request_device(r), 0, id, NULL);
		kill_request(r);
		return result;
	}
	if (bp == NULL)
		return NULL;
	snprintf(client, sizeof(client), "client %llu", (unsigned long long)id);
	broker_event_steered(by, "kill", NULL, 0, 0, client);
	kill_peer(bp);
	return killed("client", id, NULL);
}

int
broker_verb_kill(struct broker_peer *bp, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"id"};
	uint64_t id = 0;
	cJSON *result;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 || read_id(m->params, "id", &id, err) == -1)
		return -1;
	if (id == 0)
		return error_set(
		    err, REASON_INVALID_PARAMS, "`id` is missing: the number of a session, request or client");
	if (id == peer_id(bp->peer))
		return error_set(err, REASON_INVALID_PARAMS, "%llu is this very connection", (unsigned long long)id);
	result = kill_id(bp, id);
	if (result == NULL)
		return error_set(err, REASON_INVALID_PARAMS,
		    "no session, request or client has the number %llu: see npctl status", (unsigned long long)id);
	broker_peer_result(bp, &m->id, result);
	return 0;
}
