/*
 * Jobs of clients: what verbs make of what a client says, what their device gives a lease to, what runs, what ends.
 *
 * A request is a waiter of its device (waiter.h), a user of its link (lease.h) and an answer of its client (answer.h):
 * these tell it by the tables that it hands in.  What it holds is seen by src/broker/request only.  Main thread only.
 */
#ifndef NP_REQUEST_H
#define NP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/queue.h"
#include "broker/device/device.h"
#include <cjson/cJSON.h>

struct answer;
struct buf;
struct broker;
struct client;
struct device;
struct exec_params;
struct message_id;
struct pass;
struct request;
struct secret;
TAILQ_HEAD(request_list, request);

/* ---- made ---- */

/* What a request is: each stands in the file that does what it is for. */
struct request_kind;
extern const struct request_kind request_exec, request_config, request_open, request_record, request_platform_test,
    request_test, request_mux;

/*
 * A request with its device, of parsed params and a pass (or NULL), which are taken over with success; it begins.
 */
int broker_request_make(struct broker *b, struct client *client, const struct message_id *id,
    const struct request_kind *kind, struct exec_params *params, struct pass *pass, struct np_error *err);
/* What it wants of its device: a command line, a channel, or either. */
enum broker_want request_want(const struct request_kind *kind, const struct exec_params *params);
/* A session is opened for nobody: of a device that is reconnected. */
void request_open_anew(struct broker *b, struct device *dev, const char *agent_socket);

/* ---- all of them ---- */

/* Embedded in the broker; written by src/broker/request alone. */
struct requests {
	struct request_list list;
	struct request_list ended; /* freed at the end of the turn */
	int count;                 /* of list */
	int queued;                /* kept by request_move(): those of clients that wait, also for their own lines */
	size_t lines_bytes;        /* of configurations that are being told, wait or run */
	bool trim_due;             /* large transfers have ended, whose buffers leave holes behind */
};

void requests_init(struct requests *all);
/* The one after; NULL: the first, and after the last. */
struct request *request_next(const struct broker *b, const struct request *after);
struct request *request_by_id(const struct broker *b, uint64_t id); /* or NULL */
/* How many run commands, or will: a drain waits for them. */
int requests_working(const struct broker *b);
/* Who waits, or has not said all yet, is answered with err. */
void requests_fail_waiting(struct broker *b, const struct np_error *err);
/*
 * Another policy is in force: each that waits and was let in by a rule is judged by it, with its lines where it is a
 * configuration that has them (else NULL), and fails when that is -1 with err.
 */
typedef int request_judge(struct broker *b, struct client *client, const struct request_kind *kind,
    struct exec_params *params, const struct buf *lines, struct pass **pass, struct np_error *err);
void requests_judge_waiting(struct broker *b, request_judge *judge);
/* Every request of the client is answered with err: its connection is killed. */
void requests_kill(struct broker *b, struct client *client, const struct np_error *err);
/* At the end of a turn: those that have ended.  True: they leave holes behind that are worth a malloc_trim(). */
bool requests_free(struct broker *b);

/* ---- one ---- */

uint64_t request_id(const struct request *r);
const char *request_device(const struct request *r);
/* Whether it is that client's. */
bool request_is_of(const struct request *r, const struct client *client);
const struct device *request_dev(const struct request *r);
/* As `status` shows it: never a secret, never a command. */
cJSON *request_json(const struct request *r, double now);
/* By the operator: the answer says so. */
void request_kill(struct request *r);

/* ---- what its client says while it is under way ---- */

/* The request behind what a client has in flight, or NULL: it is something else. */
struct request *request_of_answer(struct answer *a);
/* Its standard input is the rest of what fd reads, which it takes over; -1: none came. */
int request_lend(struct request *r, int fd, struct np_error *err);
int request_stdin(struct request *r, const void *data, size_t size, struct np_error *err);
void request_eof(struct request *r);
/* One more "signal": nobody reads standard output any more, how the command ends is still wanted. */
#define REQUEST_UNREAD "eow@openssh.com"
void request_signal(struct request *r, const char *name);
void request_resize(struct request *r, int cols, int rows);
/* NULL: the person said nothing. */
void request_answer_prompt(struct request *r, uint64_t prompt_id, struct secret *value);
void request_credit(struct request *r, uint64_t bytes);

#endif
