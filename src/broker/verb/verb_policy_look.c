/* Whether the policy lets a client look at the broker, or steer it; what is told of denials. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/broker_impl.h"
#include "broker/verb/policy_facts.h"
#include "conf/devlist.h"
#include "policy/policy.h"

bool
broker_is_governed(const struct broker *b, const struct client *client)
{
	return !client_is_main(client) || policy_concerns_main(&b->config->policy);
}

/* ---- looking and steering ---- */

/* Npctl sends it whether it is meant or not: whose keys open a session that others will use? */
static void
drop_agent(struct call *c, const struct policy_rule *rule)
{
	if (client_is_main(c->client) || (rule->may & POLICY_CREDENTIALS) != 0)
		return;
	free(c->params.agent_socket);
	c->params.agent_socket = NULL;
}

/* device NULL: the broker, or all. */
static int
gate_steering(struct call *c, const char *device, struct np_error *err)
{
	struct policy_ask ask = {
	    .who = policy_who_of(c->client), .method = POLICY_STEER, .minute = policy_minute_of_week()};
	struct policy_verdict v;
	struct policy_facts facts = {.host = NULL};
	int rc = 0;

	if (device != NULL)
		policy_facts_of_name(&facts, c->broker->config, device);
	ask.device = facts.device;
	policy_decide(&c->broker->config->policy, &ask, &v);
	if (v.then == POLICY_DENY) {
		policy_explain(&ask, &v, err);
		rc = -1;
	} else if (v.rule != NULL) {
		rc = policy_enter(v.rule, NULL, 1, clock_now(), err);
		drop_agent(c, v.rule);
	}
	policy_facts_finish(&facts);
	return rc;
}

/* Each device of a list, a group or a pattern. */
static int
gate_word(struct call *c, const char *word, struct np_error *err)
{
	struct devlist list;
	int rc = devlist_expand(c->broker->config, word, &list, err);

	if (rc == -1)
		rc = gate_steering(c, NULL, err); /* which one is not known here */
	for (size_t i = 0; rc == 0 && i < list.names.n; i++)
		rc = gate_steering(c, list.names.v[i], err);
	devlist_finish(&list);
	return rc;
}

int
broker_gate_verb(struct call *c, struct np_error *err)
{
	const struct ask_params *p = &c->params;
	int rc = 0;

	if (c->verb->harmless)
		return 0;
	if (p->device == NULL && p->devices.n == 0)
		return gate_steering(c, NULL, err);
	if (p->device != NULL)
		rc = gate_word(c, p->device, err);
	for (size_t i = 0; rc == 0 && i < p->devices.n; i++)
		rc = gate_word(c, p->devices.v[i], err);
	return rc;
}

void
broker_gate_names(const struct call *c, struct strings *names)
{
	const struct policy_who who = policy_who_of(c->client);
	size_t kept = 0;

	for (size_t i = 0; i < names->n; i++) {
		struct policy_facts facts;

		policy_facts_of_name(&facts, c->broker->config, names->v[i]);
		if (policy_shows(&c->broker->config->policy, &who, &facts.device))
			names->v[kept++] = names->v[i];
		else
			free(names->v[i]);
		policy_facts_finish(&facts);
	}
	names->n = kept;
}

/* ---- what is told of denials ---- */

#define DENIALS_A_MINUTE 30 /* lines of the log: a client may try as often as it likes */

void
broker_note_denial(struct broker *b, const struct client *client, const char *method, const struct np_error *err)
{
	const struct event_who *who = client_who(client);
	double now = clock_now();
	char shown[32];

	b->denials.count++;
	if (now - b->denials.since >= 60) {
		if (b->denials.lines > DENIALS_A_MINUTE)
			log_warning("policy", "%u denials left out", b->denials.lines - DENIALS_A_MINUTE);
		b->denials.since = now;
		b->denials.lines = 0;
	}
	if (b->denials.lines++ < DENIALS_A_MINUTE)
		log_warning("policy", "client %llu (uid %lu, pid %ld): %s: %s", (unsigned long long)who->peer,
		    (unsigned long)who->uid, (long)who->pid, text_vis_into(shown, sizeof(shown), method), err->text);
}
