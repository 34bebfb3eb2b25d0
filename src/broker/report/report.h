/*
 * The broker's one bus of events: each hook below says that something happened, once, where it happens.  From it
 * watchers (report_watch.c), the audit log (report_audit.c) and the metrics (report_metrics.c) are told.
 *
 * A hook neither allocates nor formats when nobody listens, never fails, and changes nothing but what is said here.
 * Main thread.  Included by broker_impl.h.
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
uint64_t reports_last(const struct broker *b);
/* The time of day, for events: milliseconds since the Epoch. */
int64_t report_wall_ms(void);

/* For the hooks: hands the record to whoever listens; gives it its id and time. */
void report_emit(struct broker *b, struct event *e);
void report_name_pool(struct event *e, const struct device *dev);
/* Asks for the names of the client's program and its parent while they are there, if somebody may want to know. */
void report_name_program(struct client *client);

/* ---- clients ---- */

/* Who is at the other end; fills in the peer's `who`. */
void report_peer(struct client *client, int fd);
/* The client has left; its peer still exists. */
void report_peer_left(struct client *client);
/* A process of another user knocked; arg: the broker. */
void report_stranger(uid_t uid, pid_t pid, void *arg);
/* m NULL: the client was turned away, or its message could not be read. */
void report_refused(struct client *client, const struct message *m, const struct np_error *err);

/* ---- devices and sessions ---- */

/* Something may have changed the word for the device's state: told if it did. */
void report_device(struct device *dev);
/* The pool is forgotten: its device is idle again. */
void report_device_forgotten(struct device *dev);
void report_resolve_failed(struct device *dev, const struct np_error *err);
void report_login_failed(struct link *link, const struct np_error *err);
void report_session_up(struct link *link);
/* Before s->session is forgotten. */
void report_session_down(struct link *link, const struct np_error *why);
void report_probed(struct link *link, double rtt);

/* ---- requests; those that the broker makes for jump hosts are not told ---- */

/* It was created: remembers whose it is. */
void report_request_made(struct request *r);
/* Has its pool and its params. */
void report_request_queued(struct request *r);
/* Has a lease: r->ran_on and r->assigned are set. */
void report_request_started(struct request *r);
/* The command r->index has ended, as request_command_error() and r->end say. */
void report_command_ended(struct request *r);
void report_command_not_run(struct request *r, const struct np_error *why);
/* It ends because of err, before its next command was begun; request_ended() follows and is then not told again. */
void report_request_failed(struct request *r, const struct np_error *err);
void report_request_ended(struct request *r);

/* ---- the broker ---- */

/* err NULL: done. */
void report_reloaded(struct broker *b, int changed, const struct np_error *err);
/*
 * A client steered (not: asked).  action is one word ("close", "pause"); device NULL: all, or what `session` or
 * `request` names (0: none); text: what the operator said, or NULL.
 */
void report_steered(struct client *client, const char *action, const char *device, uint64_t session, uint64_t request,
    const char *text);
void report_started(struct broker *b);
void report_stopping(struct broker *b, bool now);

/* ---- report_watch.c ---- */

int broker_verb_watch(struct client *client, const struct message *m, struct np_error *err);
void watch_event(struct broker *b, const struct event *e);
/* The client has read: it is told what it missed. */
void watch_drained(struct client *client);
/* The client has left. */
void watch_leave(struct client *client);
/* Whether id is that of a watch. */
bool watch_has(const struct client *client, const struct message_id *id);
void watch_cancel(struct client *client, const struct message_id *id);

/* ---- report_audit.c ---- */

/* where: the key audit_log, a file or "journal"; NULL: off.  The same as before: opened again. */
void broker_audit_configure(struct broker *b, const char *where);
void broker_audit_reopen(struct broker *b);
/* What is recorded is on its way to the disk when this returns, or will not get there. */
void broker_audit_finish(struct reports *events);
void broker_audit_event(struct broker *b, const struct event *e);
/* A command of r as the audit log may show it (the caller frees it); NULL when there is no audit log or no command. */
char *broker_audit_command(const struct request *r, const char *command, size_t size);

/* ---- report_metrics.c, report_metrics_text.c ---- */

struct broker_metrics *broker_metrics_create(struct ev_loop *loop);
void broker_metrics_destroy(struct broker_metrics *m);
void broker_metrics_event(struct broker_metrics *m, const struct event *e);
void broker_metrics_rtt(struct broker_metrics *m, double rtt);
void broker_metrics_client(struct broker_metrics *m);
void broker_metrics_client_left(struct broker_metrics *m, const struct client *client);
int broker_verb_metrics(struct client *client, const struct message *m, struct np_error *err);

#endif
