/*
 * Events as JSON.  The words here are netpulse-protocol(7)'s, for watchers and for the audit log alike.
 */
#include "report/event.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "wire/json.h"

void
event_init(struct event *e, enum event_kind kind)
{
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->reused = -1;
	e->queue = e->connect = e->duration = e->age = e->retry_in = -1;
	e->index = e->count = e->failed = e->commands = e->bytes_in = e->bytes_out = -1;
}

const char *
event_name(enum event_kind kind)
{
	static const char *const names[] = {
	    [EVENT_STATE] = "state",
	    [EVENT_SESSION_UP] = "session_up",
	    [EVENT_SESSION_DOWN] = "session_down",
	    [EVENT_LOGIN_FAILED] = "login_failed",
	    [EVENT_REQUEST_QUEUED] = "request_queued",
	    [EVENT_REQUEST_STARTED] = "request_started",
	    [EVENT_COMMAND_ENDED] = "command_ended",
	    [EVENT_REQUEST_ENDED] = "request_ended",
	    [EVENT_REFUSED] = "refused",
	    [EVENT_RELOAD] = "reload",
	    [EVENT_STEERING] = "steering",
	    [EVENT_STARTED] = "started",
	    [EVENT_STOPPING] = "stopping",
	    [EVENT_CONFIRM] = "confirm",
	    [EVENT_WATCHING] = "watching",
	    [EVENT_MISSED] = "missed",
	    [EVENT_LOST] = "lost",
	};

	return kind < EVENT_KINDS ? names[kind] : "?";
}

void
event_time_text(int64_t time_ms, char *out, size_t size)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;
	char date[32];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, size, "%s.%03dZ", date, (int)(time_ms % 1000));
}

/* ---- members ---- */

static void
add_text(cJSON *o, const char *name, const char *text)
{
	if (text != NULL)
		cJSON_AddStringToObject(o, name, text);
}

static void
add_id(cJSON *o, const char *name, uint64_t id)
{
	if (id != 0)
		cJSON_AddNumberToObject(o, name, (double)id);
}

static void
add_count(cJSON *o, const char *name, int64_t n)
{
	if (n >= 0)
		cJSON_AddNumberToObject(o, name, (double)n);
}

static void
add_ms(cJSON *o, const char *name, double seconds)
{
	if (seconds >= 0)
		json_add_rounded(o, name, seconds * 1000, 10);
}

static void
add_seconds(cJSON *o, const char *name, double seconds)
{
	if (seconds >= 0)
		json_add_rounded(o, name, seconds, 10);
}

static void
add_who(cJSON *o, const struct event_who *who)
{
	if (who == NULL || (who->peer == 0 && who->pid == 0))
		return;
	add_id(o, "peer", who->peer);
	cJSON_AddNumberToObject(o, "pid", (double)who->pid);
	cJSON_AddNumberToObject(o, "uid", (double)who->uid);
	if (who->user[0] != '\0')
		cJSON_AddStringToObject(o, "user_name", who->user);
	if (who->role[0] != '\0' && strcmp(who->role, "main") != 0)
		cJSON_AddStringToObject(o, "role", who->role);
	add_text(o, "door", who->door);
	if (who->program[0] != '\0')
		cJSON_AddStringToObject(o, "program", who->program);
	if (who->parent[0] != '\0')
		cJSON_AddStringToObject(o, "parent", who->parent);
}

/* How a command or request ended: "done", or the reason word and its text. */
static void
add_outcome(cJSON *o, const struct event *e)
{
	bool wrong = e->err != NULL && e->err->reason != REASON_NONE;

	cJSON_AddStringToObject(o, "outcome", wrong ? reason_name(e->err->reason) : "done");
	if (wrong)
		cJSON_AddStringToObject(o, "message", e->err->text);
	if (e->has_status)
		cJSON_AddNumberToObject(o, "exit_status", e->status);
	if (e->signal != NULL && e->signal[0] != '\0')
		cJSON_AddStringToObject(o, "exit_signal", e->signal);
}

static void
add_error(cJSON *o, const struct event *e)
{
	if (e->err == NULL)
		return;
	if (e->err->reason != REASON_NONE)
		cJSON_AddStringToObject(o, "reason", reason_name(e->err->reason));
	cJSON_AddStringToObject(o, "message", e->err->text);
}

cJSON *
event_to_json(const struct event *e)
{
	cJSON *o = cJSON_CreateObject();
	char when[40];

	if (e->id != 0 || e->kind == EVENT_WATCHING) /* nothing need have happened yet */
		cJSON_AddNumberToObject(o, "id", (double)e->id);
	if (e->time_ms != 0) {
		event_time_text(e->time_ms, when, sizeof(when));
		cJSON_AddStringToObject(o, "time", when);
	}
	cJSON_AddStringToObject(o, "event", event_name(e->kind));
	add_text(o, "device", e->device);
	add_text(o, "from", e->from);
	add_text(o, "to", e->to);
	add_id(o, "session", e->session);
	add_id(o, "request", e->request);
	add_text(o, e->kind == EVENT_REFUSED ? "method" : "kind", e->what);
	add_text(o, "action", e->action);
	add_text(o, "text", e->text);
	add_who(o, e->who);
	add_text(o, "user", e->user);
	add_text(o, "host", e->host);
	if (e->port > 0)
		cJSON_AddNumberToObject(o, "port", e->port);
	add_text(o, "auth", e->auth);
	if (e->reused >= 0)
		cJSON_AddBoolToObject(o, "reused", e->reused);
	add_count(o, "index", e->index);
	add_count(o, "count", e->count);
	add_count(o, "failed", e->failed);
	add_count(o, "commands", e->commands);
	if (e->ended)
		add_outcome(o, e);
	else
		add_error(o, e);
	add_ms(o, "queue_ms", e->queue);
	add_ms(o, "connect_ms", e->connect);
	add_ms(o, "duration_ms", e->duration);
	add_seconds(o, "age", e->age);
	add_seconds(o, "retry_in", e->retry_in);
	if (e->blocked)
		cJSON_AddTrueToObject(o, "blocked");
	add_count(o, "bytes_in", e->bytes_in);
	add_count(o, "bytes_out", e->bytes_out);
	return o;
}
