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

#include "base/compiler.h"
#include "login/connector.h"
#include "base/queue.h"

/* The loop's; moved by job_move(). */
enum job_state { JOB_WAITING, JOB_RUNNING, JOB_ENDING };
enum timer_use { TIMER_LIMIT, TIMER_PROMPT, TIMER_GRACE };
enum message_kind { MESSAGE_DONE, MESSAGE_PROMPT, MESSAGE_NOTICE, MESSAGE_STEP, MESSAGE_GONE };

struct message {
	TAILQ_ENTRY(message) link;
	enum message_kind kind;
	struct connect_result result; /* id always; the rest with MESSAGE_DONE */
	struct connect_prompt prompt; /* MESSAGE_PROMPT, its text in text */
	struct connect_step step;     /* MESSAGE_STEP, likewise */
	char *text;
};

TAILQ_HEAD(messages, message);
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
	double limit_left;  /* while a prompt stops the clock */
	uint64_t prompt_id; /* that prompt */
	pthread_t thread;

	uint64_t id;            /* constant from here on; the thread reads it */
	struct attempt attempt; /* a copy; its ready_fd is the thread's once it runs */
	struct mailbox *mailbox;

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

#endif
