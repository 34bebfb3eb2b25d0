/*
 * Requests as objects: created, found, shown, moved from state to state, freed.  What they run is request_exec.c's,
 * their end request_end.c's.
 */
#include <stdlib.h>

#include "broker/request/request_impl.h"
#include "wire/json.h"
#include "base/clock.h"
#include "base/state.h"
#include "base/xalloc.h"
#include "serve/lent.h"

static const char *const state_names[] = {
    [REQUEST_MADE] = "made",
    [REQUEST_GATHERING] = "gathering",
    [REQUEST_QUEUED] = "queued",
    [REQUEST_RUNNING] = "running",
    [REQUEST_FLUSHING] = "flushing",
    [REQUEST_ENDED] = "ended",
};

/* ---- what it is ---- */

uint64_t
request_id(const struct request *r)
{
	return r->uid;
}

const char *
request_device(const struct request *r)
{
	return device_settings(r->dev)->name;
}

const struct device *
request_dev(const struct request *r)
{
	return r->dev;
}

bool
request_is_of(const struct request *r, const struct client *client)
{
	return r->answer.client == client;
}

enum broker_want
request_want(const struct request_kind *kind, const struct exec_params *params)
{
	if (kind->want != WANT_ANY)
		return kind->want;
	if (params->kind != EXEC_COMMAND && !params->lines)
		return WANT_CHANNEL;
	return params->enable ? WANT_SHELL : WANT_ANY;
}

/* How the commands of a request run: asked here and nowhere else. */
const struct drive *
request_drive(const struct request *r)
{
	return device_platform(r->dev) != NULL ? &drive_shell : &drive_channel;
}

void
request_give_up(struct request *r, enum np_reason reason, const char *text)
{
	if (r->abort.reason == REASON_NONE && r->state == REQUEST_RUNNING && r->kind->works)
		request_drive(r)->give_up(r, reason, text);
}

/* ---- states ---- */

static const unsigned moves[] = {
    [REQUEST_MADE] =
	STATE_TO(REQUEST_GATHERING) | STATE_TO(REQUEST_QUEUED) | STATE_TO(REQUEST_RUNNING) | STATE_TO(REQUEST_ENDED),
    [REQUEST_GATHERING] = STATE_TO(REQUEST_QUEUED) | STATE_TO(REQUEST_ENDED),
    [REQUEST_QUEUED] = STATE_TO(REQUEST_RUNNING) | STATE_TO(REQUEST_FLUSHING) | STATE_TO(REQUEST_ENDED),
    [REQUEST_RUNNING] = STATE_TO(REQUEST_QUEUED) | STATE_TO(REQUEST_FLUSHING) | STATE_TO(REQUEST_ENDED),
    [REQUEST_FLUSHING] = STATE_TO(REQUEST_QUEUED) | STATE_TO(REQUEST_RUNNING) | STATE_TO(REQUEST_ENDED),
    [REQUEST_ENDED] = 0,
};

static const struct state_machine machine = {"request", state_names, moves};

static int
waits(enum request_state state)
{
	return state == REQUEST_QUEUED || state == REQUEST_GATHERING;
}

struct backlog *
request_backlog(const struct request *r)
{
	return client_backlog(r->answer.client, r->params.window > 0);
}

bool
request_must_stall(const struct request *r)
{
	return r->answer.client != NULL && request_backlog(r)->bytes > REQUEST_UNREAD_MAX;
}

void
request_stall_over(struct request *r)
{
	double left = r->stall.since + r->stall.limit - clock_now();

	if (!r->stall.is)
		return;
	r->stall.is = false;
	TAILQ_REMOVE(&request_backlog(r)->stalled, &r->answer, stall);
	device_postpone(&r->waiter, false);
	ev_timer_stop(r->broker->loop, &r->clock);
	if (r->stall.limit > 0 && r->index == 0)
		r->waiter.queue_timeout = left > 0.001 ? left : 0.001;
}

void
request_move(struct request *r, enum request_state state)
{
	if (!state_may_move(
		&machine, r->state, state, "%s: request %llu", request_device(r), (unsigned long long)r->uid))
		return;
	r->broker->requests.queued += waits(state) - waits(r->state);
	if (r->answer.client != NULL)
		client_note_waiting(r->answer.client, waits(state) - waits(r->state));
	if (r->answer.client != NULL && r->waiter.opens > 0)
		(void)client_wishes(r->answer.client, false);
	if ((state == REQUEST_GATHERING) != (r->state == REQUEST_GATHERING))
		device_postpone(&r->waiter, state == REQUEST_GATHERING);
	request_stall_over(r);
	ev_timer_stop(r->broker->loop, &r->clock); /* limits are those of a state */
	r->state = state;
}

/* ---- life ---- */

/* It is one of the device from now on. */
void
request_enter(struct request *r, struct device *dev)
{
	r->dev = dev;
	device_enter(dev, &r->waiter);
}

struct request *
request_create(struct broker *b, const struct request_kind *kind, struct client *client, const struct message_id *id,
    struct device *dev)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->broker = b;
	r->uid = r->waiter.pool.id = broker_next_id(b);
	r->waiter.ops = &request_waiter_ops;
	r->lease.events = &request_lease_events;
	r->kind = kind;
	r->state = REQUEST_MADE;
	answer_begin(&r->answer, client, id, kind->bounded ? &request_bounded_ops : &request_answer_ops);
	r->received = clock_now();
	r->params.queue_timeout = r->params.timeout = -1;
	r->params.first_byte_timeout = r->params.idle_timeout = -1;
	for (int i = 0; i < 2; i++) {
		buf_init(&r->tails[i], REQUEST_TAIL_MAX);
		buf_init(&r->captured[i], PARAMS_CAPTURE_MAX);
	}
	buf_init(&r->cli.text, 0);
	request_enter(r, dev);
	TAILQ_INSERT_TAIL(&b->requests.list, r, link);
	b->requests.count++;
	request_report_made(r);
	return r;
}

void
request_detach_client(struct request *r)
{
	if (r->answer.client != NULL) {
		request_stall_over(r);
		request_backlog(r)->bytes -= r->unread;
		client_note_lines(r->answer.client, -(ptrdiff_t)r->cli.text.len);
	}
	r->unread = 0;
	answer_end(&r->answer);
	r->waiter.holder = NULL;
}

void
request_give_back(struct request *r)
{
	lent_destroy(r->input);
	r->input = NULL;
}

void
request_release_lease(struct request *r)
{
	bool keeps = r->params.hold && r->answer.client != NULL && !r->cancelled && !r->broker->stopping;

	link_release(&r->lease, keeps ? client_holder(r->answer.client) : NULL);
}

static void
request_free(struct request *r)
{
	ev_timer_stop(r->broker->loop, &r->look);
	request_drop_output(r);
	for (int i = 0; i < 2; i++)
		buf_free(&r->tails[i]);
	exec_params_finish(&r->params);
	r->broker->requests.lines_bytes -= r->cli.text.len;
	buf_wipe(&r->cli.text); /* configuration may hold secrets */
	redact_unref(r->known);
	r->broker->requests.trim_due |= r->bytes_in + r->bytes_out >= REQUEST_LARGE;
	free(r);
}

/* ---- all of them ---- */

void
requests_init(struct requests *all)
{
	*all = (struct requests){0};
	TAILQ_INIT(&all->list);
	TAILQ_INIT(&all->ended);
}

struct request *
request_next(const struct broker *b, const struct request *after)
{
	return after != NULL ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&b->requests.list);
}

struct request *
request_by_id(const struct broker *b, uint64_t id)
{
	struct request *r;

	TAILQ_FOREACH (r, &b->requests.list, link) {
		if (r->uid == id)
			return r;
	}
	return NULL;
}

int
requests_working(const struct broker *b)
{
	const struct request *r;
	int count = 0;

	TAILQ_FOREACH (r, &b->requests.list, link)
		count += r->kind->works;
	return count;
}

bool
requests_free(struct broker *b)
{
	struct request *r;
	bool trim;

	while ((r = TAILQ_FIRST(&b->requests.ended)) != NULL) {
		TAILQ_REMOVE(&b->requests.ended, r, link);
		request_free(r);
	}
	trim = b->requests.trim_due;
	b->requests.trim_due = false;
	return trim;
}

cJSON *
request_json(const struct request *r, double now)
{
	cJSON *o = cJSON_CreateObject();
	bool queued = r->state == REQUEST_QUEUED;

	cJSON_AddNumberToObject(o, "id", (double)r->uid);
	if (r->answer.client != NULL)
		cJSON_AddNumberToObject(o, "peer", (double)client_id(r->answer.client));
	else
		cJSON_AddNullToObject(o, "peer");
	cJSON_AddStringToObject(o, "device", request_device(r));
	cJSON_AddStringToObject(o, "kind", r->kind->name);
	cJSON_AddStringToObject(o, "state", queued ? "queued" : "running");
	json_add_rounded(o, "age", now - r->received, 10);
	json_add_rounded(o, "queue_ms", ((queued ? now : r->assigned) - r->received) * 1000, 10);
	cJSON_AddNumberToObject(o, "index", (double)r->index);
	cJSON_AddNumberToObject(o, "count", (double)r->params.commands_count);
	if (r->lease.link != NULL)
		cJSON_AddNumberToObject(o, "session", (double)link_facts(r->lease.link).id);
	else
		cJSON_AddNullToObject(o, "session");
	cJSON_AddNumberToObject(o, "bytes_in", (double)r->bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)r->bytes_out);
	return o;
}

/* ---- what its client is told ---- */

cJSON *
request_note(const struct request *r)
{
	cJSON *params;

	if (r->answer.client == NULL)
		return NULL;
	params = cJSON_CreateObject();
	cJSON_AddItemToObject(params, "id", message_id_to_json(&r->answer.id));
	return params;
}

cJSON *
request_note_command(const struct request *r)
{
	cJSON *params = request_note(r);

	if (params != NULL && r->params.batch)
		cJSON_AddNumberToObject(params, "index", (double)r->index);
	return params;
}

void
request_notice(struct request *r, const char *text)
{
	cJSON *params = request_note(r);

	if (params == NULL)
		return;
	cJSON_AddStringToObject(params, "text", text);
	client_notify(r->answer.client, "notice", params);
}
