/*
 * The states of a request, and its two forks as tables of functions: what it is, and how its commands run.  For
 * src/broker/request only.
 */
#ifndef NP_REQUEST_KIND_H
#define NP_REQUEST_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "broker/device/device.h"
#include "cli/cli.h"
#include "report/event.h"
#include <cjson/cJSON.h>

struct broker;
struct exec_params;
struct request;

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

/* What a request is.  A function that is NULL: there is nothing special about it. */
struct request_kind {
	const char *name;      /* in status and events */
	enum broker_want want; /* unless its params want something else */
	bool works;            /* commands or lines: a drain waits for it */
	bool results;          /* each command has a result of its own */
	bool opens;            /* a session, and nothing on it */
	bool unrefused;        /* what would stand in its way is for another request to be told */
	bool bounded;          /* waits in no queue: answers of its client count it */
	bool privileged;       /* runs in the base mode of a command line */
	bool records;          /* wants a transcript of it */
	bool sees_login;       /* wants to see what it says at the login */
	void (*choose)(struct broker *b, struct exec_params *p); /* which device is meant */
	void (*begin)(struct request *r);    /* it has its device: waits for a lease, or does before what it has to */
	void (*resolved)(struct request *r); /* its device is, while it waits */
	void (*assigned)(struct request *r);
	bool (*failed)(struct request *r, const struct np_error *err); /* true: it was answered all the same */
	void (*cancelled)(struct request *r);
	int (*input)(struct request *r, const void *data, size_t size, struct np_error *err);
	void (*eof)(struct request *r);
	void (*describe)(cJSON *response, const struct request *r);
	void (*counts)(struct event *e, const struct request *r);

	/* On a command line: */
	void (*pump)(struct request *r); /* the client has read */
	int (*run)(struct request *r, struct np_error *err);
	void (*line)(struct request *r, const struct cli_event *event);
	bool (*output)(struct request *r, const struct buf *out);           /* true: taken from the client */
	bool (*result)(struct request *r, const struct cli_result *result); /* true: there is more to come */
	void (*done)(struct request *r);                                    /* the last command, on its lease still */
};

/* How commands run: request_channel.c, request_shell.c.  A function that is NULL: there is no such thing. */
struct drive {
	bool stops_on_error;              /* unless the request says */
	bool keeps;                       /* a lease may go from one request of a client to the next */
	bool timed;                       /* by request_limits.c: what runs the command has no clock of its own */
	void (*start)(struct request *r); /* the next command */
	void (*pump)(struct request *r);  /* output that the client may take now */
	void (*cancel)(struct request *r);
	void (*give_up)(struct request *r, enum np_reason reason, const char *text); /* what it has said still counts */
	int (*write)(struct request *r, const void *data, size_t size, struct np_error *err);
	void (*eof)(struct request *r);
	void (*signal)(struct request *r, const char *name);
	void (*resize)(struct request *r);
	/* Whether the command, which ended because of why, may be sent by another session; moved: of another pool. */
	bool (*may_repeat)(struct request *r, const struct np_error *why, bool sent, bool *moved);
	void (*client_is_slow)(struct request *r); /* between two commands */
	void (*describe)(cJSON *result, const struct request *r);
};

extern const struct drive drive_channel, drive_shell;

#endif
