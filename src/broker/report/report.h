/*
 * The broker's one bus of events: each hook below says that something happened, once, where it happens.  From it
 * watchers (report_watch.c), the audit log (report_audit.c) and the metrics (report_metrics.c) are told.
 *
 * A hook neither allocates nor formats when nobody listens, never fails, and changes nothing but what is said here.
 * Main thread.
 */
#ifndef NP_BROKER_EVENT_H
#define NP_BROKER_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>
#include <ev.h>

#include "base/error.h"
#include "report/event.h"
#include "wire/message.h"
#include "base/queue.h"

struct broker;
struct client;
struct device;
struct link;
struct request;

struct auditfile;
struct platform;
struct redact;
struct broker_metrics;
struct broker_watch;

/* Who listens.  Owned by the broker. */
struct reports {
	uint64_t last_id;
	TAILQ_HEAD(, broker_watch) watches;
	struct auditfile *audit; /* NULL: off */
	char *audit_where;       /* as configured */
	struct broker_metrics *metrics;
};

struct reports *reports_create(struct ev_loop *loop);
/* The clients must be gone. */
void reports_destroy(struct reports *events);
/* The id of the last event. */
uint64_t reports_last(const struct reports *events);
/* The time of day, for events: milliseconds since the Epoch. */
int64_t report_wall_ms(void);

/* For the hooks: hands the record to whoever listens; gives it its id and time. */
void report_emit(struct reports *events, struct event *e);
/* Asks for the names of the client's program and its parent while they are there, if somebody may want to know. */
void report_name_program(struct reports *events, struct client *client);

/* ---- clients ---- */

/* One more has come. */
void report_client(struct reports *events);
void report_client_left(struct reports *events, const struct client *client);
/* A process of another user knocked. */
void report_stranger(struct reports *events, uid_t uid, pid_t pid);
/* m NULL: the client was turned away, or its message could not be read. */
void report_refused(struct reports *events, struct client *client, const struct message *m, const struct np_error *err);

/* Something waits for a person's word; text: what it would do.  Only those who confirm are told. */
void report_confirm(struct reports *events, struct client *client, uint64_t id, const char *method, const char *device,
    const char *text);

/* ---- the broker ---- */

/* err NULL: done. */
void report_reloaded(struct reports *events, int changed, const struct np_error *err);
/*
 * A client steered (not: asked).  action is one word ("close", "pause"); device NULL: all, or what `session` or
 * `request` names (0: none); text: what the operator said, or NULL.
 */
void report_steered(struct reports *events, struct client *client, const char *action, const char *device,
    uint64_t session, uint64_t request, const char *text);
void report_started(struct reports *events);
void report_stopping(struct reports *events, bool now);

/* ---- report_watch.c ---- */

/* The client is told of every event from now on, device NULL: of all.  0, or -1 with err (queue_full). */
int report_watch(struct reports *events, struct client *client, const struct message_id *id, const char *device,
    bool confirms, struct np_error *err) NP_MUST_CHECK;
/* Whether somebody watches who confirms what the policy wants confirmed. */
bool reports_have_confirmer(const struct reports *events);
void watch_event(struct reports *events, const struct event *e);

/* ---- report_audit.c ---- */

/* where: the key audit_log, a file or "journal"; NULL: off.  The same as before: opened again. */
void audit_configure(struct reports *events, const char *where);
void audit_reopen(struct reports *events);
/* What is recorded is on its way to the disk when this returns, or will not get there. */
void audit_finish(struct reports *events);
bool audit_is_on(const struct reports *events);
void audit_event(struct reports *events, const struct event *e);
/*
 * A command as the audit log may show it: without the known secrets (borrowed, or NULL) and those that platform (or
 * NULL) says lines hold.  The caller frees it; NULL when there is no audit log or no command.
 */
char *audit_command(const struct reports *events, const char *command, size_t size, const struct redact *secrets,
    const struct platform *platform);

/* ---- report_metrics.c, verb_metrics.c ---- */

struct broker_metrics *metrics_create(struct ev_loop *loop);
void metrics_destroy(struct broker_metrics *m);
void metrics_event(struct broker_metrics *m, const struct event *e);
void metrics_rtt(struct broker_metrics *m, double rtt);

#endif
