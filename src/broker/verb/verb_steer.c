/*
 * The verbs that steer: pause, resume, disable, enable, drain, reconnect.  They differ in what they say about the
 * devices (steer_rules.c) and in what becomes of the sessions that there are; nothing that runs is ever cut.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/device/forward.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

struct order {
	const char *verb;
	enum steer_pause pause;
	enum steer_door door;
	const char *drains; /* why the sessions that there are drain; NULL: they do not */
	bool reconnects;
};

static const struct order orders[] = {
    {"pause", PAUSE_ON, DOOR_UNSAID, "paused by the operator", false},
    {"resume", PAUSE_OFF, DOOR_UNSAID, NULL, false},
    {"disable", PAUSE_UNSAID, DOOR_SHUT, "disabled by the operator", false},
    {"drain", PAUSE_UNSAID, DOOR_DRAINING, NULL, false},
    {"enable", PAUSE_UNSAID, DOOR_OPEN, NULL, false},
    {"reconnect", PAUSE_UNSAID, DOOR_UNSAID, "reconnect asked for by the operator", true},
};

/* Each of those verbs has one. */
static const struct order *
find_order(const char *verb)
{
	const struct order *o = orders;

	while (strcmp(o->verb, verb) != 0)
		o++;
	return o;
}

/* ---- sessions ---- */

static int
drain_pool(struct device *dev, const char *why)
{
	struct pool_entry *e;
	int count = 0;

	TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
		device_drain_link(link_of_entry(e), why);
		count++;
	}
	return count;
}

/* A session of a draining jump host ends after those behind it: they follow as soon as nobody waits for them. */
void
broker_drains_follow(struct broker *b)
{
	if (steer_rules_drain(&b->rules))
		forwards_follow_drains(b->devices);
}

/*
 * The new session is made at once where there was one, so that the next command finds it; not where a person would
 * have to log in, and not against a ban on log-ins.
 */
static void
open_anew(struct broker *b, struct device *dev, const char *agent_socket)
{
	const struct pool *p = device_pool(dev);

	if (p->needs_person || p->block != POOL_OPEN || p->paused || p->disabled || p->draining ||
	    device_is_retired(dev) || !p->args->enabled)
		return;
	request_open_anew(b, dev, agent_socket);
}

static bool
is_warm(const struct device *dev)
{
	const struct pool_entry *e;

	TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
		if (!e->private_use && (e->state == POOL_READY || e->state == POOL_PROBING))
			return true;
	}
	return false;
}

static int
reconnect_pool(struct broker *b, struct device *dev, const char *why, const char *agent_socket)
{
	bool warm = is_warm(dev);
	int count = drain_pool(dev, why);

	if (warm)
		open_anew(b, dev, agent_socket);
	return count;
}

/* ---- the verbs ---- */

static int
steer_pools(struct broker *b, const struct order *o, const struct selection *s, const char *agent_socket)
{
	struct device *dev;
	int sessions = 0;

	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		if (!selection_has(s, dev))
			continue;
		if (o->reconnects) {
			sessions += reconnect_pool(b, dev, o->drains, agent_socket);
			continue;
		}
		device_steer(dev);
		if (o->drains != NULL)
			sessions += drain_pool(dev, o->drains);
	}
	return sessions;
}

static void
note_order(struct broker *b, struct client *client, const struct order *o, const struct selection *s,
    const struct steer_rule *what)
{
	const char *text = what->text[0] != '\0' ? what->text : NULL;
	char shown[128];

	if (s->all)
		report_steered(b->events, client, o->verb, NULL, 0, 0, text);
	for (size_t i = 0; i < s->names.n && !s->all; i++)
		report_steered(b->events, client, o->verb, s->names.v[i], 0, 0, text);
	if (s->all)
		log_info("broker", "%s: all devices%s%s", o->verb, what->text[0] != '\0' ? ": " : "", what->text);
	for (size_t i = 0; i < s->names.n && !s->all; i++)
		log_info("pool", "%s: %s by the operator%s%s", text_vis_into(shown, sizeof(shown), s->names.v[i]),
		    o->verb, what->text[0] != '\0' ? ": " : "", what->text);
}

static void
carry_out(const struct call *c, const struct order *o, struct selection *s, const struct steer_rule *what)
{
	struct broker *b = c->broker;
	cJSON *result = cJSON_CreateObject();

	note_order(b, c->client, o, s, what);
	int changed = o->reconnects ? 0 : steer_rules_say(&b->rules, b->config, s, what);
	int sessions = steer_pools(b, o, s, c->params.agent_socket);
	cJSON_AddNumberToObject(result, "devices", (double)s->names.n);
	if (!o->reconnects)
		cJSON_AddNumberToObject(result, "changed", changed);
	if (o->drains != NULL)
		cJSON_AddNumberToObject(result, "sessions", sessions);
	if (o->door == DOOR_DRAINING)
		broker_drains_follow(b);
	if (c->params.wait)
		broker_wait_for(c, s, o->door == DOOR_DRAINING, result);
	else
		client_result(c->client, c->id, result);
}

int
verb_steer(const struct call *c, struct np_error *err)
{
	const struct order *o = find_order(c->verb->name);
	struct steer_rule what = {.pause = o->pause, .door = o->door};
	struct selection s;

	if (c->broker->stopping)
		return error_set(
		    err, REASON_SHUTTING_DOWN, "the broker is shutting down: only close, kill and stop act");
	if (c->params.text != NULL)
		text_vis_into(what.text, sizeof(what.text), c->params.text);
	if ((c->params.wait && answer_room(c->client, err) == -1) ||
	    selection_read(c->broker, &c->params, &s, err) == -1)
		return -1;
	carry_out(c, o, &s, &what);
	selection_finish(&s);
	return 0;
}
