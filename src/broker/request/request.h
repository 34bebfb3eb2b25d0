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

enum request_kind { REQUEST_EXEC, REQUEST_CONFIG, REQUEST_OPEN, REQUEST_TEST };

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
    struct broker *b, enum request_kind kind, struct client *peer, const struct message_id *id);
void request_move(struct request *r, enum request_state state);
const char *request_state_name(enum request_state state);
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
cJSON *request_note_params(const struct request *r);
const struct np_error *request_command_error(const struct request *r);
bool request_command_failed(const struct request *r);
void request_add_session(cJSON *o, const struct request *r);
void request_send_result(struct request *r);
void request_send_response(struct request *r);
/* No further command runs: their results follow as the client reads them, then the response. */
void request_stop(struct request *r);
void request_tell_rest(struct request *r);

/* ---- request_limits.c ---- */

void request_start_limits(struct request *r);

/* ---- request_exec.c ---- */

void request_submit(struct request *r);
void request_begin_command(struct request *r);
size_t request_stream(struct request *r, int which, const uint8_t *p, size_t n);
void request_keep_tail(struct request *r, int which, const void *p, size_t n);
void request_grant_stdin(struct request *r, size_t n);
void request_command_done(struct request *r);
bool request_try_again(struct request *r, const struct np_error *why, bool sent);
void request_assigned(struct request *r, struct link *link);
void request_give_up(struct request *r, enum np_reason reason, const char *text);
void request_credit(struct request *r, uint64_t bytes);
void request_pump(struct request *r);

/* ---- request_input.c ---- */

void request_cancel(struct request *r, bool answer);
int request_stdin(struct request *r, const void *data, size_t size, struct np_error *err);
void request_eof(struct request *r);
void request_signal(struct request *r, const char *name);
void request_resize(struct request *r, int cols, int rows);
void request_answer_prompt(struct request *r, uint64_t prompt_id, struct secret *value);

/* ---- request_cli.c ---- */

void request_cli_start(struct request *r);
extern const struct lease_events request_lease_events;
void request_cli_pump(struct request *r);
void request_cli_cancel(struct request *r);
void request_cli_answer(struct request *r, struct secret *value);
void request_cli_free(struct request *r);
void request_cli_mode(struct request *r, const char *mode);
void request_cli_begin(struct request *r);

/* ---- request_config.c ---- */

int verb_config(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
int request_config_lines(struct request *r, const void *data, size_t size, struct np_error *err);
void request_config_eof(struct request *r);
void request_config_line(struct request *r, const struct cli_event *event);
/* The client has read. */
void request_config_pump(struct request *r);
void request_config_result(struct request *r, const struct cli_result *result);
void request_config_fields(cJSON *o, const struct request *r);

/* ---- request_record.c ---- */

int verb_record(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
void broker_request_add_command(struct request *r, const char *text);
void broker_record_command(struct request *r);
void broker_record_result(struct request *r, const struct cli_result *result);
void broker_record_end(struct request *r);

/* ---- request_platform.c ---- */

int verb_platform_test(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
void broker_trial_command(struct request *r);
bool broker_trial_result(struct request *r, const struct cli_result *result);

/* ---- request_test.c ---- */

int broker_verb_test(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
bool broker_test_resolved(struct broker *b, struct connect_result *result);
void broker_test_cancel(struct request *r);

/* ---- request_make.c ---- */

enum broker_want broker_want_of(enum request_kind kind, const struct exec_params *params);
/* A request with its device, of parsed params, which are taken over; it is not in the device's queue yet. */
int broker_request_make(struct broker *b, struct client *client, const struct message *m, enum request_kind kind,
    struct exec_params *params, struct request **made, struct np_error *err);

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
