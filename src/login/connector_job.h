/*
 * What the loop's half of the connectors (connector.c) and the threads' half (connector_job.c) share; nobody else
 * includes this.
 *
 * All that both halves touch is guarded by the one lock of the mailbox, which outlives the connector as long as an
 * abandoned thread may still want to speak.  A job is freed by whoever of loop and thread leaves last.
 */
#ifndef NP_CONNECTOR_JOB_H
#define NP_CONNECTOR_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "account/account.h"
#include "base/compiler.h"
#include "login/connector.h"
#include "base/queue.h"

/* The loop's; moved by job_move(). */
enum job_state { JOB_WAITING, JOB_RUNNING, JOB_PARKED, JOB_ENDING };
enum timer_use { TIMER_LIMIT, TIMER_PROMPT, TIMER_NOTICE, TIMER_GRACE };
enum message_kind {
	MESSAGE_DONE,
	MESSAGE_PROMPT,
	MESSAGE_NOTICE,
	MESSAGE_STEP,
	MESSAGE_OFFER,
	MESSAGE_JUDGED,
	MESSAGE_GONE
};

/* What a server thought of what was offered; see accounts_settle(). */
struct job_verdict {
	enum account_verdict verdict;
	bool *denied;
	char *words;
};

struct message {
	TAILQ_ENTRY(message) link;
	enum message_kind kind;
	struct connect_result result; /* id always; the rest with MESSAGE_DONE */
	struct connect_prompt prompt; /* MESSAGE_PROMPT, its text in text */
	struct connect_step step;     /* MESSAGE_STEP, likewise */
	struct account_claim claim;   /* MESSAGE_OFFER */
	struct job_verdict verdict;   /* MESSAGE_JUDGED */
	char *text;
};

TAILQ_HEAD(messages, message);
/* What a dial has asked for; the loop's. */
struct job_offer {
	TAILQ_ENTRY(job_offer) link;
	struct job *job;
	struct account_ticket ticket;
};

TAILQ_HEAD(job_offers, job_offer);
TAILQ_HEAD(jobs, job);

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a thread has posted its last message */
	int refs;
	int threads; /* not yet ended */
	struct ev_loop *loop;
	struct ev_async async;
	bool closed; /* nobody listens any more; loop and async are not to be touched */
	struct messages queue;
	uint64_t next_prompt;
};

struct job {
	TAILQ_ENTRY(job) link; /* the loop's */
	struct connector *connector;
	enum job_state state;
	struct ev_timer timer;
	enum timer_use timer_use;
	double limit_left;        /* while a prompt, or the gate, stops the clock */
	double ask_left;          /* of prompt_timeout, for questions while a secret is not judged; 0: none yet */
	bool gives_place;         /* it is at the gate, and none of those that dial */
	struct job_offers offers; /* as they came, the judged ones too */
	uint64_t prompt_id;       /* that prompt */
	pthread_t thread;

	uint64_t id;            /* constant from here on; the thread reads it */
	struct attempt attempt; /* a copy; its ready_fd is the thread's once it runs */
	struct mailbox *mailbox;
	bool gated; /* asks before it offers a secret or a key */

	int refs; /* the mailbox's lock guards these */
	bool cancelled;
	struct np_error cancel_err;
	bool finished;  /* its MESSAGE_DONE is posted */
	bool abandoned; /* nobody waits for it */
	int watch_fd;
	int watch_how;   /* to shut it down: dial.h */
	uint64_t asking; /* open prompt, or 0 */
	bool answered;
	struct secret *answer;
	bool offer_answered, allowed;
	bool *barred; /* what came with that answer, and why it may not */
	struct np_error why;
	pthread_cond_t answer_came;

	double started; /* the thread's */
	double paused;
	double step_ended; /* clock and pauses at the end of the last step */
};

/* A mailbox with one reference; ev_async_start() is the caller's to do. */
struct mailbox *mailbox_create(struct ev_loop *loop) NP_MALLOC;
/* With the lock held: queues a message, which is taken over, and wakes the loop. */
void mailbox_post(struct mailbox *box, struct message *m);
/* With the lock held, which is released: drops a reference. */
void mailbox_leave(struct mailbox *box);

struct message *message_new(enum message_kind kind, uint64_t job_id) NP_MALLOC;
/* Also ends what a MESSAGE_DONE still holds of its result. */
void message_free(struct message *m);
/* Ends what of a result was not taken. */
void result_finish(struct connect_result *r);

/* With one reference, for the loop. */
struct job *job_create(struct mailbox *box, uint64_t id, const struct attempt *attempt) NP_MALLOC;
/* Its time is over. */
void job_error_late(const struct job *job, struct np_error *err);
/* Drops a reference; takes the lock. */
void job_release(struct job *job);
/* Starts the job's thread, which takes a reference of its own; an errno when that cannot be. */
int job_start(struct job *job) NP_MUST_CHECK;

/* ---- the gate (connector_gate.c) ---- */

/* A dial's thread asks, which takes the claim over; it was told; it waits no longer; it has ended. */
void gate_asked(struct accounts *accounts, struct job *job, struct account_claim *claim);
void gate_judged(struct accounts *accounts, struct job *job, struct job_verdict *v);
void gate_left(struct accounts *accounts, struct job *job);
/* It may have offered a secret, and has heard nothing of it. */
bool gate_is_judged(const struct job *job);
/* The account, the last that it asked for, which it waits for or has not seen judged; 0: none. */
uint64_t gate_awaits(const struct job *job);
/* The account that stands in the way of the next login there, with that secret before all or with those keys; 0: none.
 */
uint64_t gate_bars(const struct accounts *accounts, const struct job *job);
void gate_ended(struct accounts *accounts, struct job *job);
/* Of a job that waits there. */
/* It has waited for ACCOUNT_NOTICE_AFTER: see accounts_look(). */
void gate_look(struct accounts *accounts, struct job *job);
const struct account_ticket *gate_ticket(const struct job *job);
/* Its time stands still, or no longer. */
void connector_park(struct job *job, bool parked);
/* Others dial in its place, or no longer. */
void connector_give_place(struct job *job, bool gives);

/* ---- its other half (connector_offer.c) ---- */

/* For struct dial_hooks. */
int hook_offer(struct account_claim *claim, struct np_error *err, void *arg);
void hook_judged(enum account_verdict verdict, const bool *denied, size_t count, const char *words, void *arg);

void verdict_finish(struct job_verdict *v);

#endif
