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
broker_event_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
broker_event_emit(struct broker *b, struct event *e)
{
	e->id = ++b->events->last_id;
	broker_metrics_event(b->events->metrics, e);
	if (!somebody_listens(b))
		return;
	e->time_ms = broker_event_wall_ms();
	broker_audit_event(b, e);
	broker_watch_event(b, e);
}

struct broker_events *
broker_events_create(struct ev_loop *loop)
{
	struct broker_events *events = xcalloc(1, sizeof(*events));

	TAILQ_INIT(&events->watches);
	events->metrics = broker_metrics_create(loop);
	return events;
}

void
broker_events_destroy(struct broker_events *events)
{
	broker_audit_finish(events);
	broker_metrics_destroy(events->metrics);
	free(events);
}

uint64_t
broker_events_last(const struct broker *b)
{
	return b->events->last_id;
}

/* ---- clients ---- */

void
broker_event_peer(struct broker_peer *bp, int fd)
{
	struct np_error err;

	broker_metrics_client(bp->broker->events->metrics);
	bp->who.peer = peer_id(bp->peer);
	bp->who.pid = peer_pid(bp->peer);
	if (paths_peer(fd, &bp->who.uid, NULL, &err) == -1)
		bp->who.uid = geteuid(); /* the listener has judged it: ours, or root's and gone */
}

void
broker_event_peer_left(struct broker_peer *bp)
{
	broker_metrics_client_left(bp->broker->events->metrics, bp);
	broker_watch_leave(bp);
}

void
broker_event_name_program(struct broker_peer *bp)
{
	if (bp->who.program[0] != '\0' || !somebody_listens(bp->broker))
		return;
	broker_program(bp->who.pid, bp->who.program, sizeof(bp->who.program));
	broker_program(broker_parent(bp->who.pid), bp->who.parent, sizeof(bp->who.parent));
}

void
broker_event_stranger(uid_t uid, pid_t pid, void *arg)
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
	broker_event_emit(b, &e);
}

void
broker_event_refused(struct broker_peer *bp, const struct message *m, const struct np_error *err)
{
	const cJSON *device = m != NULL ? cJSON_GetObjectItemCaseSensitive(m->params, "device") : NULL;
	struct event e;
	char method[32], shown[256];

	event_init(&e, EVENT_REFUSED);
	broker_event_name_program(bp);
	e.who = &bp->who;
	e.err = err;
	if (m != NULL && m->method != NULL)
		e.what = text_vis_into(method, sizeof(method), m->method);
	if (cJSON_IsString(device))
		e.device = text_vis_into(shown, sizeof(shown), device->valuestring);
	broker_event_emit(bp->broker, &e);
}

/* ---- devices and sessions ---- */

void
broker_event_name_pool(struct event *e, const struct broker_pool *pool)
{
	e->device = pool->device->name;
	e->alias = pool->device_name;
}

/* What stands in the way of the next attempt. */
static void
add_block(struct event *e, const struct broker_pool *pool)
{
	const struct pool *p = &pool->policy;
	double left = p->retry_at - clock_now();

	e->blocked = p->block == POOL_AUTH;
	if (p->block == POOL_BACKOFF)
		e->retry_in = left > 0 ? left : 0;
}

static void
tell_state(struct broker_pool *pool, const char *word)
{
	const char *before = pool->told_state != NULL ? pool->told_state : "idle";
	struct event e;

	if (strcmp(before, word) == 0)
		return;
	pool->told_state = word;
	event_init(&e, EVENT_STATE);
	broker_event_name_pool(&e, pool);
	e.from = before;
	e.to = word;
	if (strcmp(word, "failed") == 0) {
		e.err = &pool->policy.last_error;
		add_block(&e, pool);
	}
	broker_event_emit(pool->broker, &e);
}

void
broker_event_device(struct broker_pool *pool)
{
	tell_state(pool, pool_state_word(&pool->policy));
}

void
broker_event_device_forgotten(struct broker_pool *pool)
{
	tell_state(pool, "idle");
}

void
broker_event_resolve_failed(struct broker_pool *pool, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_LOGIN_FAILED);
	broker_event_name_pool(&e, pool);
	e.err = err;
	add_block(&e, pool);
	broker_event_emit(pool->broker, &e);
}

static void
add_place(struct event *e, const struct broker_session *s)
{
	broker_event_name_pool(e, s->pool);
	e->session = s->id;
	e->user = s->target->user;
	e->host = s->target->host;
	e->port = s->target->port;
}

void
broker_event_login_failed(struct broker_session *s, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_LOGIN_FAILED);
	add_place(&e, s);
	e.err = err;
	e.duration = clock_now() - s->entry.created;
	add_block(&e, s->pool);
	broker_event_emit(s->pool->broker, &e);
}

void
broker_event_session_up(struct broker_session *s)
{
	struct event e;

	event_init(&e, EVENT_SESSION_UP);
	add_place(&e, s);
	e.auth = s->auth != NULL ? s->auth : "none";
	e.connect = s->connect_seconds;
	broker_event_emit(s->pool->broker, &e);
}

void
broker_event_session_down(struct broker_session *s, const struct np_error *why)
{
	struct event e;

	event_init(&e, EVENT_SESSION_DOWN);
	broker_event_name_pool(&e, s->pool);
	e.session = s->id;
	e.err = why;
	e.age = clock_now() - s->entry.created;
	e.commands = (int64_t)s->commands;
	e.bytes_in = (int64_t)session_bytes_in(s->session);
	e.bytes_out = (int64_t)session_bytes_out(s->session);
	broker_event_emit(s->pool->broker, &e);
}

void
broker_event_probed(struct broker_session *s, double rtt)
{
	broker_metrics_rtt(s->pool->broker->events->metrics, rtt);
}

/* ---- the broker ---- */

void
broker_event_reloaded(struct broker *b, int changed, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_RELOAD);
	e.err = err;
	if (err == NULL)
		e.count = changed;
	broker_event_emit(b, &e);
}

void
broker_event_steered(struct broker_peer *bp, const char *action, const char *device, uint64_t session, uint64_t request,
    const char *text)
{
	struct event e;

	event_init(&e, EVENT_STEERING);
	broker_event_name_program(bp);
	e.who = &bp->who;
	e.action = action;
	e.device = device;
	e.session = session;
	e.request = request;
	e.text = text;
	broker_event_emit(bp->broker, &e);
}

void
broker_event_started(struct broker *b)
{
	struct event e;

	event_init(&e, EVENT_STARTED);
	e.text = "netpulsed " NETPULSE_VERSION;
	broker_event_emit(b, &e);
}

void
broker_event_stopping(struct broker *b, bool now)
{
	struct event e;

	event_init(&e, EVENT_STOPPING);
	e.action = now ? "now" : "drain";
	broker_event_emit(b, &e);
}
