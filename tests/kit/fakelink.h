/*
 * What stands around a session in unit tests: connectors that only note what they were asked for, connections without
 * a network, a router at the other end of their one channel, and a clock that stands still until it is moved.
 */
#ifndef NP_FAKELINK_H
#define NP_FAKELINK_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "broker/link/job.h"
#include "target/target.h"
#include "transport/provider.h"

/* clock_now() of the whole test. */
extern double fake_now;

/* The router asks for a password before its first prompt, and takes any; the connector has this one.  NULL: no. */
extern const char *fake_password;

/* ---- connectors ---- */

struct fake_jobs {
	struct jobs jobs;
	bool judged;                        /* a server has its secret */
	int submitted, cancelled, answered; /* how often */
	uint64_t id;                        /* of the last one submitted */
	enum connect_kind kind;
	char agent_socket[64];
	int ready_fd; /* closed by fake_jobs_finish() */
	bool for_shell, steps, no_login, insists;
	char why[128]; /* of the last cancel */
};

void fake_jobs_init(struct fake_jobs *f);
void fake_jobs_finish(struct fake_jobs *f);
/* The last job ends: failed for that reason, or resolved to target (a reference is given away), or dialled. */
void fake_fail(struct fake_jobs *f, enum np_reason reason, const char *text, uint64_t agent_hash);
void fake_resolved(struct fake_jobs *f, struct target *target);
void fake_dialled(struct fake_jobs *f);
/* The agent has said what keys it holds. */
void fake_agent_keys(struct fake_jobs *f, uint64_t hash);

/* Where "host" is; proxy_jump may be NULL. */
struct target *fake_target(const char *host, const char *proxy_jump);

/* ---- connections ---- */

/* The one adopted last; memory is given back by fake_session_closed(). */
struct fake_session {
	struct session session;
	struct session_stats stats;
	struct chan *chan; /* the shell, or NULL */
	bool wakes;        /* a turn is due */
	bool closing;      /* session_close() was called */
	enum np_reason reason;
	char why[128];
	int probes;
	bool mute; /* the router says nothing any more */
	bool asks; /* for the password */
};
extern struct fake_session *fake_last;

/* The router answers what was typed: an echo, `out of COMMAND` and its prompt. */
void fake_turn(struct fake_session *s);
/* Turns of both, while the clock goes on, until that is true: fails when it does not become so. */
void fake_run(struct ev_loop *loop, struct fake_session *s, bool (*cond)(void *arg), void *arg);
/* The channel's end. */
void fake_hang_up(struct fake_session *s);
/* The end; s is gone afterwards. */
void fake_session_closed(struct fake_session *s, enum np_reason reason, const char *why);

#endif
