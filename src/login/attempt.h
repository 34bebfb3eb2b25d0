/*
 * An attempt: what a connector is asked to do, how its steps are told, what it may ask a person.  One description goes
 * from who wants it through the job to the dial.
 */
#ifndef NP_ATTEMPT_H
#define NP_ATTEMPT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "target/target.h"

enum connect_kind {
	CONNECT_RESOLVE,   /* ssh -G: in: device; out: target */
	CONNECT_DIAL,      /* in: target; out: an authenticated connection */
	CONNECT_AGENT_KEYS /* in: target, agent_socket; out: agent_keys_hash */
};

/* How one step of a dial went.  REFUSED: not this way, others may be tried. */
enum step_outcome { STEP_OK, STEP_REFUSED, STEP_FAILED, STEP_SKIPPED };

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
	int ready_fd;                     /* CONNECT_DIAL: an open stream to talk over (jump host), taken over; or -1 */
	double timeout;                   /* seconds for all of it, prompts excepted; 0 = no limit */
	double prompt_timeout;
	bool for_shell; /* CONNECT_DIAL: fetch what the login of an interactive shell may need, too */
	bool steps;     /* CONNECT_DIAL: tell each step */
	bool no_login;  /* CONNECT_DIAL: end before the login, with REASON_CANCELLED */
};

/* A copy of all but the ready_fd, which moves there. */
struct attempt attempt_copy(const struct attempt *a);
/* Frees what such a copy holds. */
void attempt_finish(struct attempt *a);

#endif
