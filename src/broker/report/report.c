/*
 * The bus: fills in a record for what a hook reports and hands it to whoever listens.  Owns the ids of events.
 */
#include "broker/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/client/client.h"
#include "broker/report/report_metrics.h"
#include "base/process.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- the bus ---- */

/* Whether anybody wants more than numbers. */
static bool
somebody_listens(const struct reports *events)
{
	return !TAILQ_EMPTY(&events->watches) || events->audit != NULL;
}

int64_t
report_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
report_emit(struct reports *events, struct event *e)
{
	e->id = ++events->last_id;
	metrics_event(events->metrics, e);
	if (!somebody_listens(events))
		return;
	e->time_ms = report_wall_ms();
	audit_event(events, e);
	watch_event(events, e);
}

struct reports *
reports_create(struct ev_loop *loop)
{
	struct reports *events = xcalloc(1, sizeof(*events));

	TAILQ_INIT(&events->watches);
	events->metrics = metrics_create(loop);
	return events;
}

void
reports_destroy(struct reports *events)
{
	audit_finish(events);
	metrics_destroy(events->metrics);
	free(events);
}

uint64_t
reports_last(const struct reports *events)
{
	return events->last_id;
}

/* ---- clients ---- */

void
report_client(struct reports *events)
{
	events->metrics->clients++;
}

void
report_client_left(struct reports *events, const struct client *client)
{
	struct client_bytes bytes = client_bytes(client);

	events->metrics->client_in += bytes.in;
	events->metrics->client_out += bytes.out;
}

void
report_name_program(struct reports *events, struct client *client)
{
	if (somebody_listens(events))
		client_name_program(client);
}

void
report_stranger(struct reports *events, uid_t uid, pid_t pid)
{
	struct event_who who = {.pid = pid, .uid = uid};
	struct np_error err;
	struct event e;

	error_set(&err, REASON_DENIED, "this broker belongs to uid %lu", (unsigned long)geteuid());
	if (somebody_listens(events))
		process_name(pid, who.program, sizeof(who.program));
	event_init(&e, EVENT_REFUSED);
	e.who = &who;
	e.err = &err;
	report_emit(events, &e);
}

/* What was not allowed, as the audit log may show it: of several the first, and of those in base64 none. */
static char *
denied_command(const struct reports *events, const struct message *m, size_t *size)
{
	const cJSON *command = cJSON_GetObjectItemCaseSensitive(m->params, "command");
	const char *text;

	if (command == NULL)
		command = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(m->params, "commands"), 0);
	text = cJSON_GetStringValue(command);
	*size = text != NULL ? strlen(text) : 0;
	return audit_command(events, text, *size, NULL, NULL);
}

void
report_refused(struct reports *events, struct client *client, const struct message *m, const struct np_error *err)
{
	const char *device =
	    m != NULL ? cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(m->params, "device")) : NULL;
	struct event e;
	char method[32], shown[256], *command = NULL;

	event_init(&e, EVENT_REFUSED);
	report_name_program(events, client);
	e.who = client_who(client);
	e.err = err;
	if (m != NULL && m->method != NULL)
		e.what = text_vis_into(method, sizeof(method), m->method);
	if (device != NULL)
		e.device = text_vis_into(shown, sizeof(shown), device);
	if (m != NULL && err->reason == REASON_DENIED && audit_is_on(events))
		e.command = command = denied_command(events, m, &e.command_size);
	report_emit(events, &e);
	secret_free(command);
}

void
report_confirm(struct reports *events, struct client *client, uint64_t id, const char *method, const char *device,
    const char *text)
{
	char shown[256];
	struct event e;

	event_init(&e, EVENT_CONFIRM);
	report_name_program(events, client);
	e.who = client_who(client);
	e.request = id;
	e.what = method;
	e.text = text;
	if (device != NULL)
		e.device = text_vis_into(shown, sizeof(shown), device);
	report_emit(events, &e);
}

/* ---- the broker ---- */

void
report_reloaded(struct reports *events, int changed, const struct np_error *err)
{
	struct event e;

	event_init(&e, EVENT_RELOAD);
	e.err = err;
	if (err == NULL)
		e.count = changed;
	report_emit(events, &e);
}

void
report_steered(struct reports *events, struct client *client, const char *action, const char *device, uint64_t session,
    uint64_t request, const char *text)
{
	struct event e;

	event_init(&e, EVENT_STEERING);
	report_name_program(events, client);
	e.who = client_who(client);
	e.action = action;
	e.device = device;
	e.session = session;
	e.request = request;
	e.text = text;
	report_emit(events, &e);
}

void
report_started(struct reports *events)
{
	struct event e;

	event_init(&e, EVENT_STARTED);
	e.text = "netpulsed " NETPULSE_VERSION;
	report_emit(events, &e);
}

void
report_stopping(struct reports *events, bool now)
{
	struct event e;

	event_init(&e, EVENT_STOPPING);
	e.action = now ? "now" : "drain";
	report_emit(events, &e);
}
