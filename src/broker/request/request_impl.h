/*
 * What src/broker/request alone sees of a request.
 */
#ifndef NP_REQUEST_IMPL_H
#define NP_REQUEST_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "params/params.h"
#include "report/event.h"
#include "transport/channel.h"
#include "broker/broker_impl.h"
#include "broker/link/link.h"
#include "broker/request/pass.h"
#include "broker/request/request.h"
#include "broker/request/request_kind.h"
#include <ev.h>

#define BROKER_REQUEUES_MAX 8
#define BROKER_STDIN_WINDOW CHANNEL_BUFFER_MAX
#define BROKER_CONFIG_MAX (16u * 1024u * 1024u) /* bytes of the lines of one configuration */
#define CONFIG_CLIENT_MAX (64u * 1024u * 1024u) /* of all of a client */
#define CONFIG_SUM_MAX (256u * 1024u * 1024u)   /* and of all there are */
#define REQUEST_LARGE (4u * 1024u * 1024u)      /* a transfer of so much leaves a heap with holes */
#define REQUEST_TAIL_MAX (9u * 1024u * 1024u)   /* what a lost session may leave behind, see chan_events.done */
#define REQUEST_UNREAD_MAX (8u * 1024u * 1024u) /* of one client, before nothing more is begun for it */

/* What a request needs on an interactive shell. */
struct request_cli {
	bool asked_secret; /* a person was asked for the secret */
	bool waits_secret; /* and has not answered yet: nothing runs on the shell meanwhile */
	bool moved;        /* the last command left the mode in which the lease began: the next one may count on that */
	char began[64];    /* that mode */
	char prompt[128];  /* of the last command: what it ended at */
	char mode[64];     /* likewise; a copy, for the platform may be replaced before the client has read */
	char device_error[256];
	struct buf text; /* config: the lines as they came */
	size_t lines_count;
	struct {
		size_t line, last, count;
	} untold;                 /* config: lines that went well, while the client does not read; count 0: none */
	struct cli_result result; /* config */
};

struct request {
	TAILQ_ENTRY(request) link; /* requests.list, or requests.ended */
	struct broker *broker;
	uint64_t uid;
	const struct request_kind *kind;
	enum request_state state;
	struct answer answer; /* its client is NULL: internal, or the client has left */
	struct exec_params params;
	struct pass *pass;    /* by which it was let in; NULL: no rule was asked */
	bool stopped;         /* no further command of it runs */
	bool rest_failed;     /* and why that is was no command's end */
	struct redact *known; /* secrets, for the audit log; NULL: nobody has asked yet */
	struct device *dev;
	struct waiter waiter; /* waits for the lease */
	struct lease lease;   /* its link is NULL once the session has gone, though output may still wait */
	struct {
		uint64_t id; /* 0: none yet */
		bool reused;
		double connect_seconds;
	} ran_on; /* what results tell about the session, which may be gone by then */
	struct chan *chan;
	int requeues;

	/* exec */
	size_t index; /* of the command that runs */
	size_t failed;
	double received, assigned, started; /* clock_now() */
	double last_activity;
	double unread_since; /* nobody reads its standard output any more; 0: somebody may */
	bool got_output;
	bool cancelled;
	bool killed;           /* by the operator: the answer says so */
	struct np_error abort; /* why we gave the channel up: reported in place of the channel's own end */
	ev_timer clock;        /* the earliest of the three limits */
	size_t stdin_granted;  /* bytes the client may still send */
	size_t stdin_owed;     /* bytes that have left and are not granted anew yet */
	bool stdin_ended;
	struct lent *input;  /* what its client has lent to be read in its place; NULL: it sends it */
	bool far_ended;      /* of a connection: it says no more, and that was seen */
	char *heads[2];      /* JSON of the stdout and stderr notifications of this command, once there are any */
	struct buf tails[2]; /* left over when the channel ended before the client had read */
	struct buf captured[2];
	struct chan_end end; /* of the command, while flushing */
	size_t unread;       /* that its client must have read before it is over: part of request_backlog() */
	struct {
		bool is; /* it waits until its client has read, in no queue; request_stall(), until request_stall_over()
			  */
		bool told;    /* the client knows */
		double since; /* clock_now() */
		double limit; /* seconds, or 0 */
	} stall;
	uint64_t window_left;
	uint64_t bytes_in, bytes_out; /* from and to the client */

	/* what events need to know of it, see report.c */
	struct event_who who;
	uint64_t told_in, told_out; /* bytes of earlier commands */
	bool told_command, told_end;
	struct request_cli cli;

	struct device_agent agent; /* mux: of the ssh; it is asked by test.job */
	ev_timer look;             /* mux: whether the device has answered by now */

	/* test */
	struct {
		struct job job;         /* reads ssh's configuration */
		struct witness session; /* being made */
		struct np_error barred; /* why it ends before the login */
		double since;           /* the end of the last step */
		int cli;                /* enum cli_state at that time */
		bool failed_told;
	} test;
};

/* ---- request.c ---- */

struct request *request_create(struct broker *b, const struct request_kind *kind, struct client *client,
    const struct message_id *id, struct device *dev);
void request_move(struct request *r, enum request_state state);
/* That it adds to, and that holds it up; it has a client. */
struct backlog *request_backlog(const struct request *r);
/* Its client has so much unread that nothing more of this kind is begun. */
bool request_must_stall(const struct request *r);
/* It waits as others do, or not at all; if it stalled. */
void request_stall_over(struct request *r);
void request_enter(struct request *r, struct device *dev);
void request_detach_client(struct request *r);
void request_release_lease(struct request *r);
/* Nothing more is read of what was lent. */
void request_give_back(struct request *r);
const struct drive *request_drive(const struct request *r);
/* A limit, or the person at the terminal, ends the command. */
void request_give_up(struct request *r, enum np_reason reason, const char *text);
/* A notification to its client, of params that begin with its id; NULL: nobody listens. */
cJSON *request_note(const struct request *r);
cJSON *request_note_command(const struct request *r); /* with the command's index in a batch */
void request_notice(struct request *r, const char *text);

/* ---- request_input.c ---- */

extern const struct waiter_ops request_waiter_ops;
extern const struct answer_ops request_answer_ops, request_bounded_ops;

/* ---- request_shell.c ---- */

extern const struct lease_events request_lease_events;
void request_cli_answer(struct request *r, struct secret *value);
int request_shell_run(struct request *r, struct np_error *err);
void request_cli_mode(struct request *r, const char *mode);

/* ---- request_record.c ---- */

void request_add_command(struct request *r, const char *text);

/* ---- request_exec.c ---- */

void request_submit(struct request *r);
void request_assigned(struct request *r, struct link *link);
/* Its client has read enough. */
void request_go_on(struct request *r);
void request_begin_command(struct request *r);
void request_command_done(struct request *r);
bool request_try_again(struct request *r, const struct np_error *why, bool sent);
/* The client has read, or has gone. */
void request_pump(struct request *r);

/* ---- request_output.c ---- */

/* Lets go what was made of the output of a command: captures, and how it was announced. */
void request_drop_output(struct request *r);
size_t request_stream(struct request *r, int which, const uint8_t *p, size_t n);
void request_keep_tail(struct request *r, int which, const void *p, size_t n);
/* What is left of a command whose source has gone; false: the client does not take it all now. */
bool request_pump_tails(struct request *r);
/* What waits for its client has become more, or less. */
void request_note_unread(struct request *r);
void request_grant_stdin(struct request *r, size_t n);

/* ---- request_stall.c ---- */

void request_stall(struct request *r);
/* Those go on that may. */
void requests_go_on(struct backlog *b);

/* ---- request_end.c ---- */

void request_fail(struct request *r, const struct np_error *err);
/* No further command runs: their results follow as the client reads them, then the response. */
void request_stop(struct request *r);
void request_tell_rest(struct request *r);
/* The answer (NULL: what became of its commands), and the end. */
void request_respond(struct request *r, cJSON *result);
void request_ended(struct request *r);

/* ---- request_limits.c ---- */

/* What a command line is told, with the limits that hold for the request on this device. */
struct cli_command request_cli(const struct request *r);
void request_start_limits(struct request *r);

#include "broker/request/request_tell.h"

#endif
