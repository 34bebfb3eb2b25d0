/*
 * The broker's one bus of events: each hook below says that something happened, once, where it happens.  From it
 * watchers (broker_watch.c), the audit log (broker_audit.c) and the metrics (broker_metrics.c) are told.
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
struct broker_peer;
struct broker_pool;
struct broker_session;
struct request;

struct auditfile;
struct broker_metrics;
struct broker_watch;

/* Who listens.  Owned by the broker. */
struct broker_events {
	uint64_t last_id;
	TAILQ_HEAD(, broker_watch) watches;
	struct auditfile *audit; /* NULL: off */
	char *audit_where;       /* as configured */
	struct broker_metrics *metrics;
};

struct broker_events *broker_events_create(struct ev_loop *loop);
/* The clients must be gone. */
void broker_events_destroy(struct broker_events *events);
/* The id of the last event. */
uint64_t broker_events_last(const struct broker *b);
/* The time of day, for events: milliseconds since the Epoch. */
int64_t broker_event_wall_ms(void);

/* For the hooks: hands the record to whoever listens; gives it its id and time. */
void broker_event_emit(struct broker *b, struct event *e);
void broker_event_name_pool(struct event *e, const struct broker_pool *pool);
/* Asks for the names of the client's program and its parent while they are there, if somebody may want to know. */
void broker_event_name_program(struct broker_peer *bp);

/* ---- clients ---- */

/* Who is at the other end; fills in the peer's `who`. */
void broker_event_peer(struct broker_peer *bp, int fd);
/* The client has left; its peer still exists. */
void broker_event_peer_left(struct broker_peer *bp);
/* A process of another user knocked; arg: the broker. */
void broker_event_stranger(uid_t uid, pid_t pid, void *arg);
/* m NULL: the client was turned away, or its message could not be read. */
void broker_event_refused(struct broker_peer *bp, const struct message *m, const struct np_error *err);

/* ---- devices and sessions ---- */

/* Something may have changed the word for the device's state: told if it did. */
void broker_event_device(struct broker_pool *pool);
/* The pool is forgotten: its device is idle again. */
void broker_event_device_forgotten(struct broker_pool *pool);
void broker_event_resolve_failed(struct broker_pool *pool, const struct np_error *err);
void broker_event_login_failed(struct broker_session *s, const struct np_error *err);
void broker_event_session_up(struct broker_session *s);
/* Before s->session is forgotten. */
void broker_event_session_down(struct broker_session *s, const struct np_error *why);
void broker_event_probed(struct broker_session *s, double rtt);

/* ---- requests; those that the broker makes for jump hosts are not told ---- */

/* It was created: remembers whose it is. */
void broker_event_request_made(struct request *r);
/* Has its pool and its params. */
void broker_event_request_queued(struct request *r);
/* Has a lease: r->ran_on and r->assigned are set. */
void broker_event_request_started(struct request *r);
/* The command r->index has ended, as request_command_error() and r->end say. */
void broker_event_command_ended(struct request *r);
void broker_event_command_not_run(struct request *r, const struct np_error *why);
/* It ends because of err, before its next command was begun; request_ended() follows and is then not told again. */
void broker_event_request_failed(struct request *r, const struct np_error *err);
void broker_event_request_ended(struct request *r);

/* ---- the broker ---- */

/* err NULL: done. */
void broker_event_reloaded(struct broker *b, int changed, const struct np_error *err);
/*
 * A client steered (not: asked).  action is one word ("close", "pause"); device NULL: all, or what `session` or
 * `request` names (0: none); text: what the operator said, or NULL.
 */
void broker_event_steered(struct broker_peer *bp, const char *action, const char *device, uint64_t session,
    uint64_t request, const char *text);
void broker_event_started(struct broker *b);
void broker_event_stopping(struct broker *b, bool now);

/* ---- broker_watch.c ---- */

int broker_verb_watch(struct broker_peer *bp, const struct message *m, struct np_error *err);
void broker_watch_event(struct broker *b, const struct event *e);
/* The client has read: it is told what it missed. */
void broker_watch_drained(struct broker_peer *bp);
/* The client has left. */
void broker_watch_leave(struct broker_peer *bp);
/* Whether id is that of a watch. */
bool broker_watch_has(const struct broker_peer *bp, const struct message_id *id);
void broker_watch_cancel(struct broker_peer *bp, const struct message_id *id);

/* ---- broker_audit.c ---- */

/* where: the key audit_log, a file or "journal"; NULL: off.  The same as before: opened again. */
void broker_audit_configure(struct broker *b, const char *where);
void broker_audit_reopen(struct broker *b);
/* What is recorded is on its way to the disk when this returns, or will not get there. */
void broker_audit_finish(struct broker_events *events);
void broker_audit_event(struct broker *b, const struct event *e);
/* A command of r as the audit log may show it (the caller frees it); NULL when there is no audit log or no command. */
char *broker_audit_command(const struct request *r, const char *command, size_t size);

/* ---- broker_metrics.c, broker_metrics_text.c ---- */

struct broker_metrics *broker_metrics_create(struct ev_loop *loop);
void broker_metrics_destroy(struct broker_metrics *m);
void broker_metrics_event(struct broker_metrics *m, const struct event *e);
void broker_metrics_rtt(struct broker_metrics *m, double rtt);
void broker_metrics_client(struct broker_metrics *m);
void broker_metrics_client_left(struct broker_metrics *m, const struct broker_peer *bp);
int broker_verb_metrics(struct broker_peer *bp, const struct message *m, struct np_error *err);

#endif
