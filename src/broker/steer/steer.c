/*
 * The verbs that steer: pause, resume, disable, enable, drain, reconnect.  They differ in what they say about the
 * devices (broker_rules.c) and in what becomes of the sessions that there are; nothing that runs is ever cut.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

struct order {
	const char *verb;
	enum steer_pause pause;
	enum steer_door door;
	const char *drains; /* why the sessions that there are drain; NULL: they do not */
	bool text;          /* takes the operator's words */
	bool waits;         /* the answer may come when the old sessions are gone */
	bool reconnects;
};

static const struct order orders[] = {
    {"pause", PAUSE_ON, DOOR_UNSAID, "paused by the operator", false, true, false},
    {"resume", PAUSE_OFF, DOOR_UNSAID, NULL, false, false, false},
    {"disable", PAUSE_UNSAID, DOOR_SHUT, "disabled by the operator", true, true, false},
    {"drain", PAUSE_UNSAID, DOOR_DRAINING, NULL, true, true, false},
    {"enable", PAUSE_UNSAID, DOOR_OPEN, NULL, false, false, false},
    {"reconnect", PAUSE_UNSAID, DOOR_UNSAID, "reconnect asked for by the operator", false, true, true},
};

static const struct order *
find_order(const char *verb)
{
	for (size_t i = 0; i < NP_COUNT(orders); i++)
		if (strcmp(orders[i].verb, verb) == 0)
			return &orders[i];
	return NULL;
}

/* ---- sessions ---- */

void
broker_session_drain(struct broker_session *s, const char *why)
{
	struct request *r;

	pool_drain(&s->entry, why);
	broker_pool_kick(s->pool);
	TAILQ_FOREACH (r, &s->pool->broker->requests, link) {
		if (r->kind == REQUEST_FORWARD && r->session == s && r->dependent != NULL)
			broker_session_drain(r->dependent, why);
	}
}

static int
drain_pool(struct broker_pool *pool, const char *why)
{
	struct pool_entry *e;
	int count = 0;

	TAILQ_FOREACH (e, &pool->policy.entries, link) {
		broker_session_drain(broker_entry_session(e), why);
		count++;
	}
	return count;
}

/* A session of a draining jump host ends after those behind it: they follow as soon as nobody waits for them. */
void
broker_drains_follow(struct broker *b)
{
	struct request *r;

	if (!steer_rules_drain(&b->rules))
		return;
	TAILQ_FOREACH (r, &b->requests, link) {
		if (r->kind == REQUEST_FORWARD && r->pool->policy.draining && r->dependent != NULL &&
		    r->dependent->entry.pool != NULL && r->dependent->pool->policy.waiters_count == 0)
			broker_session_drain(r->dependent, "its jump host is drained by the operator");
	}
}

/*
 * The new session is made at once where there was one, so that the next command finds it; not where a person would
 * have to log in, and not against a ban on log-ins.
 */
static void
open_anew(struct broker_pool *pool, const char *agent_socket)
{
	struct message_id none = {.kind = MESSAGE_ID_NONE};
	const struct pool *p = &pool->policy;
	struct request *r;

	if (p->needs_person || p->block != POOL_OPEN || p->paused || p->disabled || p->draining || pool->retired ||
	    !p->args->enabled)
		return;
	r = request_create(pool->broker, REQUEST_OPEN, NULL, &none);
	r->params.agent_socket = xstrdup_null(agent_socket);
	r->pool = pool;
	request_submit(r);
}

static bool
is_warm(const struct broker_pool *pool)
{
	const struct pool_entry *e;

	TAILQ_FOREACH (e, &pool->policy.entries, link) {
		if (!e->private_use && (e->state == POOL_READY || e->state == POOL_PROBING))
			return true;
	}
	return false;
}

static int
reconnect_pool(struct broker_pool *pool, const char *why, const char *agent_socket)
{
	bool warm = is_warm(pool);
	int count = drain_pool(pool, why);

	/* Whoever asks for it may have changed the credentials: one log-in shows whether they still open the door. */
	pool->policy.proven = false;
	if (warm)
		open_anew(pool, agent_socket);
	return count;
}

/* ---- the verbs ---- */

static int
read_text(const cJSON *params, struct steer_rule *what, struct np_error *err)
{
	const char *text = NULL;

	if (params_string(params, "text", &text, err) == -1)
		return -1;
	if (text == NULL)
		return 0;
	if (strlen(text) >= sizeof(what->text))
		return error_set(err, REASON_INVALID_PARAMS, "`text` is longer than %zu bytes", sizeof(what->text) - 1);
	text_vis_into(what->text, sizeof(what->text), text);
	return 0;
}

static int
check_names(const struct order *o, const cJSON *params, struct np_error *err)
{
	const char *names[8] = {"device", "devices", "all"};
	size_t count = 3;

	if (o->text)
		names[count++] = "text";
	if (o->waits)
		names[count++] = "wait";
	if (o->reconnects)
		names[count++] = "agent_socket";
	return params_only(params, names, count, err);
}

static int
steer_pools(struct broker *b, const struct order *o, const struct selection *s, const char *agent_socket)
{
	struct broker_pool *pool, *next;
	int sessions = 0;

	TAILQ_FOREACH_SAFE (pool, &b->pools, link, next) {
		if (!selection_has(s, pool))
			continue;
		if (o->reconnects) {
			sessions += reconnect_pool(pool, o->drains, agent_socket);
			continue;
		}
		broker_steer_apply(pool);
		if (o->drains != NULL)
			sessions += drain_pool(pool, o->drains);
	}
	return sessions;
}

static void
note_order(struct broker_peer *bp, const struct order *o, const struct selection *s, const struct steer_rule *what)
{
	const char *text = what->text[0] != '\0' ? what->text : NULL;
	char shown[128];

	if (s->all)
		broker_event_steered(bp, o->verb, NULL, 0, 0, text);
	for (size_t i = 0; i < s->count && !s->all; i++)
		broker_event_steered(bp, o->verb, s->names[i], 0, 0, text);
	if (s->all)
		log_info("broker", "%s: all devices%s%s", o->verb, what->text[0] != '\0' ? ": " : "", what->text);
	for (size_t i = 0; i < s->count && !s->all; i++)
		log_info("pool", "%s: %s by the operator%s%s", text_vis_into(shown, sizeof(shown), s->names[i]),
		    o->verb, what->text[0] != '\0' ? ": " : "", what->text);
}

static void
carry_out(struct broker_peer *bp, const struct message *m, const struct order *o, const struct selection *s,
    const struct steer_rule *what, bool wait)
{
	struct broker *b = bp->broker;
	const cJSON *agent = cJSON_GetObjectItemCaseSensitive(m->params, "agent_socket");
	cJSON *result = cJSON_CreateObject();

	note_order(bp, o, s, what);
	int changed = o->reconnects ? 0 : steer_rules_say(&b->rules, b->config, s, what);
	int sessions = steer_pools(b, o, s, cJSON_IsString(agent) ? agent->valuestring : NULL);
	cJSON_AddNumberToObject(result, "devices", (double)s->count);
	if (!o->reconnects)
		cJSON_AddNumberToObject(result, "changed", changed);
	if (o->drains != NULL)
		cJSON_AddNumberToObject(result, "sessions", sessions);
	if (o->door == DOOR_DRAINING)
		broker_drains_follow(b);
	if (wait)
		broker_wait_for(bp, &m->id, s, o->door == DOOR_DRAINING, result);
	else
		broker_peer_result(bp, &m->id, result);
}

static int
steer(struct broker_peer *bp, const struct message *m, const struct order *o, struct np_error *err)
{
	struct steer_rule what = {.pause = o->pause, .door = o->door};
	const char *agent = NULL;
	struct selection s;
	bool wait = false;

	if (bp->broker->stopping)
		return error_set(
		    err, REASON_SHUTTING_DOWN, "the broker is shutting down: only close, kill and stop act");
	if (check_names(o, m->params, err) == -1 || params_bool(m->params, "wait", &wait, err) == -1 ||
	    params_string(m->params, "agent_socket", &agent, err) == -1 || read_text(m->params, &what, err) == -1)
		return -1;
	if (agent != NULL && agent[0] != '/')
		return error_set(err, REASON_INVALID_PARAMS, "`agent_socket` must be an absolute path");
	if ((wait && broker_wait_room(bp, err) == -1) || selection_read(bp->broker, m->params, &s, err) == -1)
		return -1;
	carry_out(bp, m, o, &s, &what, wait);
	selection_finish(&s);
	return 0;
}

int
broker_verb_steer(struct broker_peer *bp, const struct message *m, struct np_error *err)
{
	const struct order *o = find_order(m->method);

	return o != NULL ? steer(bp, m, o, err) : error_set(err, REASON_UNKNOWN_METHOD, "nothing to do");
}
