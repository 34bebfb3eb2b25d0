/*
 * Requests that the policy wants a person to confirm: they wait for whoever watches with `confirm` on the broker's own
 * socket.  Owns them until they are requests, or answered.
 *
 *   asked --yes--------------------------------------------> made, as if it came now
 *        \--no, prompt_timeout, nobody is left who watches --> denied
 *         \--its client cancels, or leaves ----------------> gone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "broker/broker_impl.h"
#include "broker/request/pass.h"
#include "policy/policy.h"

#define SHOWN_MAX 2048 /* bytes of commands that a person is shown: what is longer is not confirmed */

struct confirmation {
	TAILQ_ENTRY(confirmation) link;
	struct broker *broker;
	struct answer answer;
	uint64_t id;
	const struct request_kind *kind;
	struct exec_params params;
	struct pass *pass;
	char where[POLICY_WHERE_MAX]; /* the rule */
	ev_timer clock;
};

static void
finish(struct confirmation *c)
{
	TAILQ_REMOVE(&c->broker->confirmations, c, link);
	ev_timer_stop(c->broker->loop, &c->clock);
	exec_params_finish(&c->params);
	pass_destroy(c->pass);
	free(c);
}

static void
deny(struct confirmation *c, const char *why)
{
	struct np_error err;

	error_set(&err, REASON_DENIED, "denied: %s has a person confirm it, and %s", c->where, why);
	if (c->answer.client != NULL)
		report_refused(c->broker->events, c->answer.client, NULL, &err);
	answer_error(&c->answer, &err, NULL);
	finish(c);
}

static void
on_left(struct answer *a)
{
	finish(NP_CONTAINER(a, struct confirmation, answer));
}

static const struct answer_ops ops = {.kind = ANSWER_LATER, .bounded = true, .left = on_left};

static void
on_clock(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	deny(w->data, "nobody has answered within prompt_timeout");
}

/* ---- asked ---- */

/* Nothing of a command is masked here: whoever sees `password "********"` says yes to what stands there. */
static int
show_command(struct buf *out, const struct command *c)
{
	char *shown = text_vis(c->text, c->size, false);
	int rc = out->len > 0 ? buf_append(out, "\n", 1) : 0;

	for (const char *p = shown; rc == 0 && *p != '\0'; p++)
		rc = *p == '\t' ? buf_append(out, "\\011", 4) : buf_append(out, p, 1);
	secret_free(shown);
	return rc;
}

/* What is to be confirmed, whole and harmless to look at; NULL: it is too long to be judged. */
static char *
show(const struct exec_params *p)
{
	struct buf out;
	char *text = NULL;
	int rc = 0;

	buf_init(&out, SHOWN_MAX);
	for (size_t i = 0; rc == 0 && i < p->commands_count; i++)
		rc = show_command(&out, &p->commands[i]);
	if (rc == 0)
		text = xstrndup(out.len > 0 ? (const char *)buf_head(&out) : "", out.len);
	buf_wipe(&out);
	return text;
}

static double
patience_of(const struct broker *b, const struct device_ref *ref)
{
	const struct device_conf *device = ref->operand != NULL ? config_device(b->config, ref->operand) : NULL;
	double seconds = device != NULL ? device->args.prompt_timeout : b->config->defaults.prompt_timeout;

	return seconds > 0 ? seconds : 120;
}

int
broker_confirm(struct broker *b, struct client *client, const struct message_id *id, const struct request_kind *kind,
    struct exec_params *params, struct pass *pass, const struct policy_rule *rule, struct np_error *err)
{
	enum policy_method method = broker_method_of(b, kind, params); /* of a recording its commands */
	struct confirmation *c;
	char *text;

	if (!reports_have_confirmer(b->events))
		return error_set(err, REASON_DENIED,
		    "denied: %s has a person confirm it, and nobody is there (npctl watch --confirm)", rule->where);
	if (answer_room(client, err) == -1)
		return -1;
	text = show(params);
	if (text == NULL)
		return error_set(err, REASON_DENIED,
		    "denied: %s has a person confirm it, and it is longer than %d bytes: nobody could judge it",
		    rule->where, SHOWN_MAX);
	c = xcalloc(1, sizeof(*c));
	c->broker = b;
	c->id = broker_next_id(b);
	c->kind = kind;
	c->params = *params;
	memset(params, 0, sizeof(*params));
	c->pass = pass;
	snprintf(c->where, sizeof(c->where), "%s", rule->where);
	answer_begin(&c->answer, client, id, &ops);
	TAILQ_INSERT_TAIL(&b->confirmations, c, link);
	ev_timer_init(&c->clock, on_clock, patience_of(b, &c->params.device), 0);
	c->clock.data = c;
	ev_timer_start(b->loop, &c->clock);
	report_confirm(b->events, client, c->id, policy_method_name(method == POLICY_STEER ? POLICY_EXEC : method),
	    c->params.device.operand, text);
	secret_free(text);
	return 0;
}

/* ---- answered ---- */

/* It comes as if it came now: what it waits for in queues has not begun before. */
static void
let_in(struct confirmation *c)
{
	struct client *client = c->answer.client;
	const struct message_id id = c->answer.id;
	struct np_error err;

	answer_end(&c->answer);
	if (broker_request_make(c->broker, client, &id, c->kind, &c->params, c->pass, &err) == 0)
		c->pass = NULL;
	else
		client_error(client, &id, &err, NULL);
	finish(c);
}

int
verb_confirm(const struct call *call, struct np_error *err)
{
	struct broker *b = call->broker;
	struct confirmation *c;
	char device[128] = "";

	TAILQ_FOREACH (c, &b->confirmations, link) {
		if (c->id == call->params.number)
			break;
	}
	if (!client_is_main(call->client))
		return error_set(err, REASON_DENIED, "only clients of the broker's own socket confirm requests");
	if (c == NULL)
		return error_set(err, REASON_INVALID_PARAMS,
		    "nothing of this number is to be confirmed: it was answered, has waited too long, or its client "
		    "left");
	text_vis_into(device, sizeof(device), c->params.device.operand != NULL ? c->params.device.operand : "?");
	report_steered(b->events, call->client, call->params.allow ? "confirm" : "refuse", device, 0, c->id, NULL);
	if (call->params.allow)
		let_in(c);
	else
		deny(c, "it was refused");
	client_result(call->client, call->id, cJSON_CreateObject());
	return 0;
}

void
broker_confirmations_due(struct broker *b)
{
	while (!TAILQ_EMPTY(&b->confirmations) && !reports_have_confirmer(b->events))
		deny(TAILQ_FIRST(&b->confirmations), "nobody is there any more (npctl watch --confirm)");
}

void
broker_confirmations_drop(struct broker *b)
{
	while (!TAILQ_EMPTY(&b->confirmations))
		deny(TAILQ_FIRST(&b->confirmations), "the configuration was read again meanwhile: ask again");
}

int
broker_confirmations_count(const struct broker *b)
{
	const struct confirmation *c;
	int count = 0;

	TAILQ_FOREACH (c, &b->confirmations, link)
		count++;
	return count;
}
