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
#include "base/strings.h"
#include "conf/conf.h"
#include "secret/secret.h"
#include "target/target.h"
#include "transport/session.h"

/* ---- an attempt: one description goes from who wants it through the job to the dial ---- */

enum connect_kind {
	CONNECT_RESOLVE,   /* ssh -G: in: device; out: target */
	CONNECT_DIAL,      /* in: target; out: an authenticated connection */
	CONNECT_AGENT_KEYS /* in: target, agent_socket, for_password or for_secret; out: agent_keys_hash, password */
};

/* How one step of a dial went.  REFUSED: not this way, others may be tried.  HEARD: it goes on, there is a server. */
enum step_outcome { STEP_OK, STEP_REFUSED, STEP_FAILED, STEP_SKIPPED, STEP_HEARD };

enum prompt_kind {
	PROMPT_PASSWORD,
	PROMPT_PASSPHRASE,
	PROMPT_KEYBOARD_INTERACTIVE,
	PROMPT_HOST_KEY,
	PROMPT_SECRET,  /* not by connectors: what leads to the privileged mode of a command line */
	PROMPT_QUESTION /* nor this: a question of a command */
};

/* Of these members the caller's are only lent: who keeps an attempt has attempt_copy() of it. */
struct attempt {
	enum connect_kind kind;
	const struct device_conf *device; /* CONNECT_RESOLVE */
	const char *default_ssh_config;   /* CONNECT_RESOLVE: the configuration's ssh_config, or NULL */
	struct target *target;            /* the others */
	const char *agent_socket;         /* the client's SSH_AUTH_SOCK, or NULL */
	const char *login_suffix;         /* CONNECT_DIAL: goes behind the user name, where that tells the device about
					     the terminal; or NULL */
	struct strings login_answers; /* CONNECT_DIAL: an expression and an answer by turns: what the platform says to
					 questions of the login by itself, such as whether a banner was read */
	int ready_fd;                 /* CONNECT_DIAL: an open stream to talk over (jump host), taken over; or -1 */
	double timeout;               /* seconds for all of it, prompts excepted; 0 = no limit */
	double prompt_timeout;
	bool for_password; /* CONNECT_AGENT_KEYS: run password_command, too */
	bool for_secret;   /* or secret_command */
	bool for_shell;    /* CONNECT_DIAL: fetch what the login of an interactive shell may need, too */
	bool steps;        /* CONNECT_DIAL: tell each step */
	bool no_login;     /* CONNECT_DIAL: end before the login, with REASON_CANCELLED */
	double insists;    /* CONNECT_DIAL: what servers have refused until then is tried all the same; 0: nothing is */
	bool for_ssh; /* CONNECT_DIAL: nobody but ssh clients waits, of whom one had better note a new host key itself:
			 it says so */
};

/* A copy of all but the ready_fd, which moves there. */
struct attempt attempt_copy(const struct attempt *a);
/* Frees what such a copy holds. */
void attempt_finish(struct attempt *a);

/* ---- what comes back ---- */

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
	struct secret *password;  /* CONNECT_AGENT_KEYS: what that command prints now, or NULL */
	uint64_t account;         /* CONNECT_DIAL: the one that bars the next login there; 0: none */
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

struct accounts;
struct connector;

/*
 * accounts, which outlive it, are asked before anything is offered to a server; NULL: nobody is.  max_logins bounds the
 * dials that run at once; further ones wait in order.  Other jobs have threads of their own: they do not wait behind
 * devices that do not answer.
 */
struct connector *connector_create(struct ev_loop *loop, int max_logins, struct accounts *accounts,
    const struct connector_events *events, void *arg) NP_MALLOC;
/* Cancels everything, waits at most a second for threads, abandons the rest. */
void connector_destroy(struct connector *c);

/* Starts a job and returns its id, never 0.  The attempt is copied, its ready_fd taken over. */
uint64_t connector_submit(struct connector *c, const struct attempt *attempt);
/*
 * Ends a job early with that reason and text: the thread is woken by shutting its descriptors down; a thread stuck in
 * a name look-up is abandoned (its late result is dropped).  done() still comes, soon.  Unknown ids are ignored.
 */
void connector_cancel(struct connector *c, uint64_t id, enum np_reason reason, const char *text);
/* A server has a secret of this dial, and has not judged that yet. */
bool connector_is_judged(struct connector *c, uint64_t id);
/* The account (struct account_ticket) whose verdict, or whose turn, this dial waits for; 0: none. */
uint64_t connector_awaits(struct connector *c, uint64_t id);
/* Answers a prompt; value NULL: nobody can or will answer.  A reference is taken until it was used.  False for unknown
 * ids. */
bool connector_answer(struct connector *c, uint64_t job_id, uint64_t prompt_id, struct secret *value);
/* Jobs running and waiting, for status. */
void connector_counts(const struct connector *c, int *running, int *waiting);

#endif
