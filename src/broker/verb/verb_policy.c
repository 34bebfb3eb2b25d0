/*
 * Whether the policy allows the requests of a client, and what a rule with an expression cuts away.  The rules
 * themselves: src/policy; the facts that they are about: policy_facts.c; who looks and steers: verb_policy_look.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "broker/broker_impl.h"
#include "broker/request/pass.h"
#include "broker/request/request_kind.h"
#include "broker/verb/policy_facts.h"
#include "policy/policy.h"

/* ---- deciding ---- */

#define KEYS_MAX 200 /* bytes of their names in a message */

/* -1 with err names the keys of p that are in the way. */
static int
decide(const struct config *config, const struct policy_ask *ask, const struct exec_params *p, struct policy_verdict *v,
    struct np_error *err)
{
	struct policy_ask told = *ask;
	char keys[KEYS_MAX];

	policy_decide(&config->policy, ask, v);
	if (v->then != POLICY_DENY)
		return 0;
	told.keys = policy_facts_keys(&p->device, v->lacks, keys, sizeof(keys));
	policy_explain(&told, v, err);
	return -1;
}

enum policy_method
broker_method_of(const struct broker *b, const struct request_kind *kind, const struct exec_params *p)
{
	const struct device_ref *ref = &p->device;
	const struct device_conf *device = ref->operand != NULL ? config_device(b->config, ref->operand) : NULL;

	if (kind == &request_config)
		return POLICY_CONFIG;
	if (kind != &request_exec)
		return POLICY_STEER;
	switch (p->kind) {
	case EXEC_COMMAND:
		return POLICY_EXEC;
	case EXEC_SUBSYSTEM:
		return POLICY_SUBSYSTEM;
	case EXEC_FORWARD:
		return POLICY_FORWARD;
	case EXEC_SHELL:
		break;
	}
	/* It only asks whether its lines are commands there; with settings of its own that is another device. */
	return p->lines && device != NULL && ref->overrides == NULL && device_has_command_line(device) ? POLICY_EXEC
												       : POLICY_SHELL;
}

static unsigned
wants_of_params(const struct exec_params *p)
{
	return (p->env != NULL ? POLICY_ENV : 0) | (p->pty ? POLICY_PTY : 0) |
	       (p->cli.answers_count > 0 ? POLICY_ANSWERS : 0);
}

/* What the rules of all commands of a request allow beside them. */
struct allowance {
	unsigned may;
	bool by_command;                   /* an expression or a person decides about one of them */
	const struct policy_rule *confirm; /* a person has to confirm it */
};

static void
note_rule(struct allowance *a, const struct policy_rule *rule)
{
	if (rule == NULL)
		return;
	a->may &= rule->may;
	if (rule->then == POLICY_CONFIRM && a->confirm == NULL)
		a->confirm = rule;
}

/*
 * What comes of itself with every request of npexec and ssh and need not be meant: where the rule does not allow it, it
 * is not there.  Nobody is asked anything then: an answer is a text that goes to the device.
 */
static void
cut_down(struct exec_params *p, const struct allowance *a, const struct client *client)
{
	bool others = !client_is_main(client);

	/* Who logs in by himself does so for himself: nobody else gets a session that he has made. */
	if (others && (a->may & POLICY_CREDENTIALS) != 0)
		p->device.of_user = (unsigned long)client_who(client)->uid + 1;
	if (others && (a->may & POLICY_CREDENTIALS) == 0) {
		free(p->agent_socket);
		p->agent_socket = NULL;
	}
	p->no_lend = others; /* what we opened anew with our rights need not be theirs to read */
	/* Whoever is asked at a log-in says whether a host key is right, and which password to try. */
	if ((others && (a->may & POLICY_CREDENTIALS) == 0) || (a->by_command && (a->may & POLICY_ANSWERS) == 0))
		p->interactive = false;
	if (a->by_command && (a->may & POLICY_STDIN) == 0)
		p->no_stdin = true;
}

/* An ssh sends its locale whether anybody wants it or not. */
static void
drop_env(struct exec_params *p)
{
	for (char **e = p->env; e != NULL && *e != NULL; e++)
		secret_free(*e);
	free(p->env);
	p->env = NULL;
}

/* Each command by itself; each rule counts its own, all or none. */
static int
gate_commands(struct broker *b, const struct exec_params *p, struct policy_ask *ask, struct pass *pass,
    struct allowance *a, struct np_error *err)
{
	struct policy_verdict v;

	for (size_t i = 0; i < p->commands_count; i++) {
		ask->command = p->commands[i].text;
		ask->size = p->commands[i].size;
		if (decide(b->config, ask, p, &v, err) == -1)
			return -1;
		pass_add(pass, v.rule);
		note_rule(a, v.rule);
		a->by_command |= v.rule != NULL && (v.rule->commands.given || v.rule->then == POLICY_CONFIRM);
	}
	return 0;
}

static int
gate_other(struct broker *b, const struct exec_params *p, const struct policy_ask *ask, struct pass *pass,
    struct allowance *a, struct np_error *err)
{
	struct policy_verdict v;

	if (decide(b->config, ask, p, &v, err) == -1)
		return -1;
	pass_add(pass, v.rule);
	note_rule(a, v.rule);
	if (v.lines)
		pass_await_lines(pass, a->confirm);
	return 0;
}

/* Something on this device: not yet what. */
static int
gate_device(const struct broker *b, const struct policy_ask *ask, struct np_error *err)
{
	if (policy_shows(&b->config->policy, &ask->who, &ask->device))
		return 0;
	return error_set(
	    err, REASON_DENIED, "denied to role %s: the policy allows nothing on this device", ask->who.role);
}

/* An ssh comes by the mux door, and is asked about there. */
static int
gate_mux(const struct broker *b, const struct client *client, struct policy_ask *ask, struct np_error *err)
{
	if (!client_is_main(client))
		return error_set(err, REASON_DENIED, "the mux door is for clients of the broker's own socket");
	ask->who.mux = true;
	return gate_device(b, ask, err);
}

static int
gate(struct broker *b, struct client *client, const struct request_kind *kind, struct exec_params *p,
    struct policy_ask *ask, struct pass *pass, const struct policy_rule **confirm, struct np_error *err)
{
	struct allowance allowed = {.may = ~0u};
	int rc;

	if (kind == &request_mux)
		return gate_mux(b, client, ask, err);
	if (ask->method != POLICY_EXEC)
		rc = gate_other(b, p, ask, pass, &allowed, err);
	else if (p->commands_count == 0)
		return gate_device(b, ask, err); /* `lines`: nothing is run */
	else
		rc = gate_commands(b, p, ask, pass, &allowed, err);
	if (rc == 0 && kind == &request_record) {
		ask->method = POLICY_EXEC; /* it runs commands as well */
		rc = gate_commands(b, p, ask, pass, &allowed, err);
	}
	if (rc == 0)
		rc = pass_enter(pass, clock_now(), err);
	if (rc == 0)
		cut_down(p, &allowed, client);
	*confirm = allowed.confirm;
	return rc;
}

int
broker_gate_request(struct broker *b, struct client *client, const struct request_kind *kind, struct exec_params *p,
    struct pass **pass, const struct policy_rule **confirm, struct np_error *err)
{
	struct policy_ask ask = {.who = policy_who_of(client), .minute = policy_minute_of_week()};
	const struct policy_world world = {b->config, b->platforms, b->devices};
	const struct user_limits limits = {
	    .requests = b->config->max_requests_per_user, .devices = b->config->max_devices_per_user};
	struct policy_facts facts;
	int rc;

	ask.method = broker_method_of(b, kind, p);
	if (ask.who.mux)
		drop_env(p);
	ask.wants = policy_facts_of_ref(&facts, &world, &p->device, request_want(kind, p)) | wants_of_params(p);
	ask.device = facts.device;
	*pass = pass_create(b->config, facts.name);
	rc = gate(b, client, kind, p, &ask, *pass, confirm, err);
	if (rc == 0)
		rc = pass_count(*pass, client_user(client), &limits, err);
	if (rc == -1) {
		pass_destroy(*pass);
		*pass = NULL;
	}
	policy_facts_finish(&facts);
	return rc;
}

/* ---- the lines of a configuration ---- */

/* A rule counts a configuration once. */
static int
gate_line(const struct exec_params *p, const struct policy_ask *ask, struct pass *pass, struct allowance *a,
    struct np_error *err)
{
	struct policy_verdict v;

	if (decide(pass_config(pass), ask, p, &v, err) == -1)
		return -1;
	if (v.then == POLICY_CONFIRM && v.rule != pass_confirmed(pass))
		return error_set(err, REASON_DENIED,
		    "denied: %s has a person confirm it, and nobody was asked before its lines were there",
		    v.rule->where);
	if (!pass_has(pass, v.rule))
		pass_add(pass, v.rule);
	note_rule(a, v.rule);
	a->by_command |= v.rule != NULL && v.rule->commands.given;
	return 0;
}

/* What is typed of it: nothing of a blank one. */
static size_t
typed(const char *line, size_t size)
{
	while (size > 0 && line[size - 1] == '\r')
		size--;
	for (size_t i = 0; i < size; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return size;
	}
	return 0;
}

static int
gate_each_line(const struct buf *lines, const struct exec_params *params, struct policy_ask *ask, struct pass *pass,
    struct allowance *a, struct np_error *err)
{
	const char *p = (const char *)buf_head(lines), *end = p + lines->len;

	for (size_t number = 1; p < end; number++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline != NULL ? newline : end;

		if (number > PARAMS_COMMANDS_MAX)
			return error_set(err, REASON_DENIED,
			    "denied: the rules are about lines, and no more than %d of them are looked at",
			    PARAMS_COMMANDS_MAX);
		ask->command = p;
		ask->size = typed(p, (size_t)(next - p));
		if (ask->size > 0 && gate_line(params, ask, pass, a, err) == -1) {
			error_prefix(err, "line %zu", number);
			return -1;
		}
		p = next + 1;
	}
	return 0;
}

/* By the policy that its pass is of. */
int
broker_gate_lines(struct broker *b, struct client *client, struct exec_params *p, struct pass *pass,
    const struct buf *lines, struct np_error *err)
{
	struct policy_ask ask = {.method = POLICY_CONFIG, .minute = policy_minute_of_week()};
	const struct policy_world world = {pass_config(pass), b->platforms, b->devices};
	struct allowance allowed = {.may = ~0u};
	struct policy_facts facts;
	int rc;

	ask.who = policy_who_of(client);
	ask.wants = policy_facts_of_ref(&facts, &world, &p->device, WANT_SHELL) | wants_of_params(p);
	ask.device = facts.device;
	rc = gate_each_line(lines, p, &ask, pass, &allowed, err);
	policy_facts_finish(&facts);
	if (rc == 0)
		rc = pass_enter(pass, clock_now(), err);
	if (rc == 0)
		cut_down(p, &allowed, client);
	else
		broker_note_denial(b, client, policy_method_name(POLICY_CONFIG), err);
	return rc;
}

/* ---- another policy ---- */

/* Its old pass goes first: it counts in the limits of its user. */
static int
judge(struct broker *b, struct client *client, const struct request_kind *kind, struct exec_params *p,
    const struct buf *lines, struct pass **pass, struct np_error *err)
{
	const struct policy_rule *confirm = NULL;
	bool is_confirmed = pass_is_confirmed(*pass);
	int rc;

	if (!broker_is_governed(b, client))
		return 0;
	pass_destroy(*pass);
	rc = broker_gate_request(b, client, kind, p, pass, &confirm, err);
	if (rc == 0 && confirm != NULL && !is_confirmed)
		rc = error_set(err, REASON_DENIED, "denied: %s now has a person confirm it: ask again", confirm->where);
	if (rc == -1)
		broker_note_denial(b, client, kind->name, err);
	else if (lines != NULL && pass_awaits_lines(*pass))
		rc = broker_gate_lines(b, client, p, *pass, lines, err);
	return rc;
}

void
broker_gate_waiting(struct broker *b)
{
	requests_judge_waiting(b, judge);
}
