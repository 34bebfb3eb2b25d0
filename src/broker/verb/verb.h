/*
 * The verbs: what a client may ask for, one row each, and the answers that come later.  The top of layer 4: a verb may
 * use every noun, no noun knows a verb.  Main thread only.
 */
#ifndef NP_VERB_H
#define NP_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/queue.h"
#include "conf/conf.h"
#include "login/connector.h"
#include "params/params.h"
#include "platform/platform.h"
#include "policy/policy.h"
#include "wire/frame.h"
#include "wire/message.h"

struct broker;
struct device;
struct exec_params;
struct pass;
struct policy_rule;
struct client;
struct conf_parts;
struct request_kind;
struct selection;

/* ---- dispatch.c ---- */

void broker_dispatch(struct broker *b, struct client *client, const struct frame *frame);

/* ---- verbs.c ---- */

/* What a client asks of the broker itself: looks, or steers. */
struct call {
	struct broker *broker;
	struct client *client;
	const struct message_id *id;
	const struct verb *verb;
	struct ask_params params;
};

struct verb {
	const char *name;
	unsigned params; /* which it has: enum ask_verb, or where it makes a request enum params_verb */
	/* Answers now and returns 0, or sets err and returns -1; a verb that answers later returns 0 as well. */
	int (*run)(const struct call *c, struct np_error *err);
	const struct request_kind *makes; /* run is NULL then */
	bool harmless;                    /* tells nothing about others: whoever may come may ask */
};
const struct verb *broker_verb(const char *name);
void broker_syncs_answer(struct broker *b);

/* ---- verb_policy.c, verb_policy_look.c: whether the policy allows it ---- */

/* Whether its clients are asked at all: without rules those of the main socket may everything. */
bool broker_is_governed(const struct broker *b, const struct client *client);
/* What a request is in the words of rules. */
enum policy_method broker_method_of(
    const struct broker *b, const struct request_kind *kind, const struct exec_params *p);
/*
 * A client wants to make a request.  Params are cut down to what the rule allows.  0 and the pass (NULL: no rule was
 * asked), and *confirm, the rule that wants a person to confirm it (or NULL); or -1 with err (denied).
 */
int broker_gate_request(struct broker *b, struct client *client, const struct request_kind *kind,
    struct exec_params *params, struct pass **pass, const struct policy_rule **confirm,
    struct np_error *err) NP_MUST_CHECK;
/* For broker.gate_lines. */
int broker_gate_lines(struct broker *b, struct client *client, struct exec_params *params, struct pass *pass,
    const struct buf *lines, struct np_error *err) NP_MUST_CHECK;
/* Another configuration is in force: what still waits is judged by it. */
void broker_gate_waiting(struct broker *b);
/* It looks at the broker, or steers it: 0, and params are cut down to what the rule allows, or -1 with err. */
int broker_gate_verb(struct call *c, struct np_error *err) NP_MUST_CHECK;
/* Logged and counted; method: a client's text. */
void broker_note_denial(struct broker *b, const struct client *client, const char *method, const struct np_error *err);
/* Takes those names away of which the client may not know. */
void broker_gate_names(const struct call *c, struct strings *names);

/* ---- verb_confirm.c ---- */

/*
 * The request waits for a person; params and pass are taken over with success.  0, or -1 with err (denied: nobody
 * watches; queue_full).
 */
int broker_confirm(struct broker *b, struct client *client, const struct message_id *id,
    const struct request_kind *kind, struct exec_params *params, struct pass *pass, const struct policy_rule *rule,
    struct np_error *err) NP_MUST_CHECK;
int verb_confirm(const struct call *c, struct np_error *err);
/* At the end of a turn: where nobody is left who could be asked they are denied. */
void broker_confirmations_due(struct broker *b);
/* They were judged by a configuration that is another one now. */
void broker_confirmations_drop(struct broker *b);
int broker_confirmations_count(const struct broker *b);

/* ---- broker_handover.c ---- */

int verb_hand_over(const struct call *c, struct np_error *err);

/* ---- verb_reload.c ---- */

int verb_reload(const struct call *c, struct np_error *err);
/* At the end of a turn: carries out what was asked for, if it is time, and answers. */
void broker_reloads_due(struct broker *b);

/* ---- verb_select.c ---- */

/*
 * Looks up one of `device` (a list as of devlist.h), `devices` (an array of such) and `all`.  0, or -1 with err:
 * invalid_params, or unknown_device for what names nothing; then nothing is selected.  On 0 the caller calls
 * selection_finish().
 */
int selection_read(
    const struct broker *b, const struct ask_params *p, struct selection *s, struct np_error *err) NP_MUST_CHECK;
/* Whether the params name any. */
bool selection_is_asked(const struct ask_params *p);
bool selection_has(const struct selection *s, const struct device *dev);

/* ---- verb_wait.c ---- */

struct steer_wait;
TAILQ_HEAD(steer_waits, steer_wait);

/*
 * Answers the call with result (taken over) once the sessions of the selected pools that there are now, with those
 * behind them, are gone; empty: once those pools have neither sessions nor requests.  Takes the selection over.
 */
void broker_wait_for(const struct call *c, struct selection *s, bool empty, cJSON *result);
/* At the end of a turn. */
void broker_waits_answer(struct broker *b);
void broker_waits_finish(struct broker *b);

/* ---- verb_show.c ---- */

int broker_conf_parts(struct conf_parts *parts, const struct broker *b, struct config *config,
    const struct platforms *set, const char *name, struct np_error *err);
int verb_config_show(const struct call *c, struct np_error *err);
int verb_platforms(const struct call *c, struct np_error *err);

/* ---- verb_status.c, verb_metrics.c, verb_accounts.c ---- */

int verb_accounts(const struct call *c, struct np_error *err);
int verb_status(const struct call *c, struct np_error *err);
int verb_metrics(const struct call *c, struct np_error *err);

/* ---- verb_steer.c, verb_close.c ---- */

int verb_steer(const struct call *c, struct np_error *err);
int verb_close(const struct call *c, struct np_error *err);
int verb_kill(const struct call *c, struct np_error *err);
void broker_drains_follow(struct broker *b);

#endif
