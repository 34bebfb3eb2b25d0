/*
 * One job of a client: its states, its commands, its end.  Main thread only.
 */
#ifndef NP_REQUEST_H
#define NP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/queue.h"
#include "cli/cli.h"
#include "login/connector.h"
#include "params/params.h"
#include "pool/pool.h"
#include "wire/message.h"
#include "broker/client/answer.h"
#include "broker/device/device.h"
#include <cjson/cJSON.h>

struct broker;
struct client;
struct device;
struct link;
struct request;
struct message;
TAILQ_HEAD(request_list, request);

/* What a request is: each stands in the file that does what it is for. */
struct request_kind;
extern const struct request_kind request_exec;
extern const struct request_kind request_config;
extern const struct request_kind request_open;
extern const struct request_kind request_test; /* npctl test */
extern const struct request_kind request_record;
extern const struct request_kind request_platform_test;

/*
 *   MADE --> GATHERING
 *    | |         |
 *    | +-------->+--> QUEUED <-----------+-------------+   not sent, or its session went: to its old place
 *    |                  |                |             |
 *    +--(test)--------->+--> RUNNING ----+--> FLUSHING-+
 *                       |      ^         ^       |
 *                       |      +---------|-------+         the next command of a batch
 *                       +----------------+                 its turn does not come: the rest of the batch is not run
 *
 *   any --> ENDED.  request_move() is the only writer; it knows the moves that there are.
 */
enum request_state {
	REQUEST_MADE,      /* not submitted yet */
	REQUEST_GATHERING, /* config: its lines are still coming */
	REQUEST_QUEUED,    /* waits for a session (in the pool's waiters, or held) */
	REQUEST_RUNNING,   /* has a lease; a command is on a channel */
	REQUEST_FLUSHING,  /* the command has ended, its output waits for the client to read; or what is not run is told
			    */
	REQUEST_ENDED      /* answered; freed at the end of the turn */
};

/* ---- request.c ---- */

struct request *request_create(
    struct broker *b, const struct request_kind *kind, struct client *peer, const struct message_id *id);
void request_move(struct request *r, enum request_state state);
void request_fail(struct request *r, const struct np_error *err);
void request_ended(struct request *r);
void request_detach_peer(struct request *r);
void request_release_lease(struct request *r);
void request_free(struct request *r);
void request_notice(struct request *r, const char *text);
/* The request behind what a client has in flight, or NULL: it is something else. */
struct request *request_of_answer(struct answer *a);
/* It is one of the device from now on. */
void request_enter(struct request *r, struct device *dev);
const char *request_device(const struct request *r);

/* ---- request_exec.c ---- */

void request_submit(struct request *r);
void request_assigned(struct request *r, struct link *link);
void request_give_up(struct request *r, enum np_reason reason, const char *text);

/* ---- request_output.c ---- */

void request_credit(struct request *r, uint64_t bytes);

/* ---- request_input.c ---- */

void request_cancel(struct request *r, bool answer);
int request_stdin(struct request *r, const void *data, size_t size, struct np_error *err);
void request_eof(struct request *r);
void request_signal(struct request *r, const char *name);
void request_resize(struct request *r, int cols, int rows);
void request_answer_prompt(struct request *r, uint64_t prompt_id, struct secret *value);

/* ---- request_shell.c ---- */

extern const struct lease_events request_lease_events;
void request_cli_answer(struct request *r, struct secret *value);

/* ---- request_test.c ---- */

bool broker_test_resolved(struct broker *b, struct connect_result *result);

/* ---- request_make.c ---- */

/* A request with its device, of parsed params, which are taken over; it begins. */
int broker_request_make(struct broker *b, struct client *client, const struct message_id *id,
    const struct request_kind *kind, struct exec_params *params, struct np_error *err);

/* ---- request_report.c; those that the broker makes for jump hosts are not told ---- */

/* It was created: remembers whose it is. */
void request_report_made(struct request *r);
/* Has its pool and its params. */
void request_report_queued(struct request *r);
/* Has a lease: r->ran_on and r->assigned are set. */
void request_report_started(struct request *r);
/* The command r->index has ended, as request_command_error() and r->end say. */
/* The secrets that this request may repeat: configured, brought along, typed for it. */
struct redact *request_known(struct request *r);
void request_report_command(struct request *r);
void request_report_not_run(struct request *r, const struct np_error *why);
/* It ends because of err, before its next command was begun; request_ended() follows and is then not told again. */
void request_report_failed(struct request *r, const struct np_error *err);
void request_report_ended(struct request *r);

/* ---- request_json.c ---- */

cJSON *request_json(const struct request *r, double now);

#endif
