/*
 * Connectors: the only threads.  Each job (resolve a target, dial it, list an agent's keys) runs libssh and everything
 * else that can block in a thread of its own, capped in number; the answer comes back to the loop by id.
 *
 * All functions here are for the loop's thread.  A job owns all that it touches; nothing of the broker is shared with
 * it.
 */
#ifndef NP_CONNECTOR_H
#define NP_CONNECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/attempt.h"
#include "secret/secret.h"
#include "target/target.h"
#include "transport/dialled.h"

/* One step of a dial, as `npctl test` shows it.  Texts have passed text_vis(). */
struct connect_step {
	const char *name; /* "resolve", "connect", ... */
	enum step_outcome outcome;
	double seconds; /* since the step before, prompts excepted */
	const char *text;
};

/* What comes back.  The callback takes what it wants and sets it to NULL; the rest is freed after it returned. */
struct connect_result {
	uint64_t id;
	enum connect_kind kind;
	bool ok;
	struct np_error err;      /* when !ok */
	struct target *target;    /* CONNECT_RESOLVE */
	struct file_stamps read;  /* CONNECT_RESOLVE, when !ok: the files whose change may mend it */
	struct dialled *dialled;  /* CONNECT_DIAL: to be adopted */
	uint64_t agent_keys_hash; /* of the key list seen at a failed login or by CONNECT_AGENT_KEYS; 0: no agent */
	double duration;          /* seconds, prompts excepted */
};

/* A question to a person.  Texts have passed text_vis(). */
struct connect_prompt {
	uint64_t job_id;
	uint64_t prompt_id; /* never repeats in a process */
	enum prompt_kind kind;
	const char *text;
	bool echo;
};

struct connector_events {
	/* A job ended, also when it was cancelled.  Called once for each submitted id, never from inside another
	 * function here. */
	void (*done)(struct connect_result *result, void *arg);
	/* A job waits for an answer; the broker must call connector_answer(), at once or later. */
	void (*prompt)(const struct connect_prompt *prompt, void *arg);
	/* Something the person should know ("host key of r1 added"). */
	void (*notice)(uint64_t job_id, const char *text, void *arg);
	/* A step of a job that was submitted with `steps` is done.  May be NULL. */
	void (*step)(uint64_t job_id, const struct connect_step *step, void *arg);
};

struct connector;

/*
 * max_logins bounds the dials that run at once; further ones wait in order.  Other jobs have threads of their own: they
 * do not wait behind devices that do not answer.
 */
struct connector *connector_create(
    struct ev_loop *loop, int max_logins, const struct connector_events *events, void *arg) NP_MALLOC;
/* Cancels everything, waits at most a second for threads, abandons the rest. */
void connector_destroy(struct connector *c);

/* Starts a job and returns its id, never 0.  The attempt is copied, its ready_fd taken over. */
uint64_t connector_submit(struct connector *c, const struct attempt *attempt);
/*
 * Ends a job early with that reason and text: the thread is woken by shutting its descriptors down; a thread stuck in
 * a name look-up is abandoned (its late result is dropped).  done() still comes, soon.  Unknown ids are ignored.
 */
void connector_cancel(struct connector *c, uint64_t id, enum np_reason reason, const char *text);
/* Answers a prompt; value NULL: nobody can or will answer.  A reference is taken until it was used.  False for unknown
 * ids. */
bool connector_answer(struct connector *c, uint64_t job_id, uint64_t prompt_id, struct secret *value);
/* Jobs running and waiting, for status. */
void connector_counts(const struct connector *c, int *running, int *waiting);

#endif
