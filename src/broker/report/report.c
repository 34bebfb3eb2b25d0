/*
 * The bus: fills in a record for what a hook reports and hands it to whoever listens.  Owns the ids of events.
 */
#include "broker/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- the bus ---- */

/* Whether anybody wants more than numbers. */
static bool
somebody_listens(const struct broker *b)
{
	return !TAILQ_EMPTY(&b->events->watches) || b->events->audit != NULL;
}

int64_t
report_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
report_emit(struct broker *b, struct event *e)
{
	e->id = ++b->events->last_id;
	broker_metrics_event(b->events->metrics, e);
	if (!somebody_listens(b))
		return;
	e->time_ms = report_wall_ms();
	broker_audit_event(b, e);
	watch_event(b, e);
}

struct reports *
reports_create(struct ev_loop *loop)
{
	struct reports *events = xcalloc(1, sizeof(*events));

	TAILQ_INIT(&events->watches);
	events->metrics = broker_metrics_create(loop);
	return events;
}

void
reports_destroy(struct reports *events)
{
	broker_audit_finish(events);
	broker_metrics_destroy(events->metrics);
	free(events);
}

uint64_t
reports_last(const struct broker *b)
{
	return b->events->last_id;
}

/* ---- clients ---- */

void
report_peer(struct client *client, int fd)
{
	struct np_error err;

	broker_metrics_client(client->broker->events->metrics);
	client->who.peer = peer_id(client->peer);
	client->who.pid = peer_pid(client->peer);
	if (paths_peer(fd, &client->who.uid, NULL, &err) == -1)
		client->who.uid = geteuid(); /* the listener has judged it: ours, or root's and gone */
}

void
report_peer_left(struct client *client)
{
	broker_metrics_client_left(client->broker->events->metrics, client);
	watch_leave(client);
}

void
report_name_program(struct client *client)
{
	if (client->who.program[0] != '\0' || !somebody_listens(client->broker))
		return;
	broker_program(client->who.pid, client->who.program, sizeof(client->who.program));
	broker_program(broker_parent(client->who.pid), client->who.parent, sizeof(client->who.parent));
}

void
report_stranger(uid_t uid, pid_t pid, void *arg)
{
	struct broker *b = arg;
	struct event_who who = {.pid = pid, .uid = uid};
	struct np_error err;
	struct event e;

	error_set(&err, REASON_DENIED, "this broker belongs to uid %lu", (unsigned long)geteuid());
	if (somebody_listens(b))
		broker_program(pid, who.program, sizeof(who.program));
	event_init(&e, EVENT_REFUSED);
	e.who = &who;
	e.err = &err;
	report_emit(b, &e);
}

void
report_refused(struct client *client, const struct message *m, const struct np_error *err)
{
	const cJSON *device = m != NULL ? cJSON_GetObjectItemCaseSensitive(m->params, "device") : NULL;
	struct event e;
	char method[32], shown[256];

	event_init(&e, EVENT_REFUSED);
	report_name_program(client);
	e.who = &client->who;
	e.err = err;
	if (m != NULL && m->method != NULL)
		e.what = text_vis_into(method, sizeof(method), m->method);
	if (cJSON_IsString(device))
		e.device = text_vis_into(shown, sizeof(shown), device->valuestring);
	report_emit(client->broker, &e);
}

/* ---- devices and sessions ---- */

void
report_name_pool(struct event *e, const struct device *dev)
{
	e->device = dev->conf->name;
	e->alias = dev->device_name;
}

/* What stands in the way of the next attempt. */
static void
add_block(struct event *e, const struct device *dev)
{
	const struct pool *p = &dev->policy;
	double left = p->retry_at - clock_now();

	e->blocked = p->block == POOL_AUTH;
	if (p->block == POOL_BACKOFF)
		e->retry_in = left > 0 ? left : 0;
}

static void
tell_state(struct device *dev, const char *word)
{
	const char *before = dev->told_state != NULL ? dev->told_state : "idle";
	struct event e;

	if (strcmp(before, word) == 0)
		return;
	dev->told_state = word;
	event_init(&e, EVENT_STATE);
	report_name_pool(&e, dev);
	e.from = before;
	e.to = word;
	if (strcmp(word, "failed") == 0) {
		e.err = &dev->policy.last_error;
		add_block(&e, dev);
	}
	report_emit(dev->broker, &e);
}

void
report_device(struct device *dev)
{
	tell_state(dev, pool_state_word(&dev->policy));
}

void
report_device_forgotten(struct device *dev)
{
	tell_state(dev, "idle");
}

void
report_resolve_failed(struct device *dev, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_LOGIN_FAILED);
	report_name_pool(&e, dev);
	e.err = err;
	add_block(&e, dev);
	report_emit(dev->broker, &e);
}

static void
add_place(struct event *e, const struct link *link)
{
	report_name_pool(e, link->dev);
	e->session = link->id;
	e->user = link->target->user;
	e->host = link->target->host;
	e->port = link->target->port;
}

void
report_login_failed(struct link *link, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_LOGIN_FAILED);
	add_place(&e, link);
	e.err = err;
	e.duration = clock_now() - link->entry.created;
	add_block(&e, link->dev);
	report_emit(link->dev->broker, &e);
}

void
report_session_up(struct link *link)
{
	struct event e;

	event_init(&e, EVENT_SESSION_UP);
	add_place(&e, link);
	e.auth = link->auth != NULL ? link->auth : "none";
	e.connect = link->connect_seconds;
	report_emit(link->dev->broker, &e);
}

void
report_session_down(struct link *link, const struct np_error *why)
{
	struct event e;

	event_init(&e, EVENT_SESSION_DOWN);
	report_name_pool(&e, link->dev);
	e.session = link->id;
	e.err = why;
	e.age = clock_now() - link->entry.created;
	e.commands = (int64_t)link->commands;
	e.bytes_in = (int64_t)session_bytes_in(link->session);
	e.bytes_out = (int64_t)session_bytes_out(link->session);
	report_emit(link->dev->broker, &e);
}

void
report_probed(struct link *link, double rtt)
{
	broker_metrics_rtt(link->dev->broker->events->metrics, rtt);
}

/* ---- the broker ---- */

void
report_reloaded(struct broker *b, int changed, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_RELOAD);
	e.err = err;
	if (err == NULL)
		e.count = changed;
	report_emit(b, &e);
}

void
report_steered(
    struct client *client, const char *action, const char *device, uint64_t session, uint64_t request, const char *text)
{
	struct event e;

	event_init(&e, EVENT_STEERING);
	report_name_program(client);
	e.who = &client->who;
	e.action = action;
	e.device = device;
	e.session = session;
	e.request = request;
	e.text = text;
	report_emit(client->broker, &e);
}

void
report_started(struct broker *b)
{
	struct event e;

	event_init(&e, EVENT_STARTED);
	e.text = "netpulsed " NETPULSE_VERSION;
	report_emit(b, &e);
}

void
report_stopping(struct broker *b, bool now)
{
	struct event e;

	event_init(&e, EVENT_STOPPING);
	e.action = now ? "now" : "drain";
	report_emit(b, &e);
}
