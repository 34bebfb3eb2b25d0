/*
 * A broker for tests of the pool's policy: executes what pool_next() answers on sessions and requests that do not
 * exist, in a time that is invented.
 */
#ifndef NP_TESTS_POOLSIM_H
#define NP_TESTS_POOLSIM_H

#include "pool/pool.h"

#define SIM_MOST 512

struct sim_session {
	struct pool_entry entry;
	bool in_use;         /* this record is */
	bool dialling;       /* the world has not answered yet */
	bool closing;        /* POOL_CLOSE was answered */
	bool private_said;   /* what POOL_CONNECT said */
	int probes;          /* POOL_PROBE and POOL_KEEPALIVE answered for it */
	int lines;           /* those among them by an empty line */
	bool busy;           /* it cannot be asked: nothing is sent */
	struct np_error why; /* of POOL_CLOSE */
};

enum sim_request_state { SIM_UNUSED, SIM_WAITING, SIM_RUNNING, SIM_FAILED, SIM_DONE };

struct sim_request {
	struct pool_waiter waiter;
	enum sim_request_state state;
	struct sim_session *session;
	struct np_error why;
	int notices;
	int ahead; /* of the last notice */
};

struct sim {
	struct conn_args args;
	struct pool pool;
	double now;
	int max_connections; /* of the device, this pool being its only one; may be lowered at any time */
	int global;          /* room left by others */
	const void *holder;  /* of the requests that come */
	uint64_t party;      /* likewise */
	bool wanted;         /* others want the room of this pool */
	struct sim_session sessions[SIM_MOST];
	struct sim_request requests[SIM_MOST];
	uint64_t next_id;
	bool keep_closing; /* sessions told to close stay until the test removes them */
	/* Looks at each action before it is executed. */
	void (*check)(struct sim *s, const struct pool_action *action);
	double wake_at;
	/* Counted since the start. */
	int connects, closes, assigns, fails, probes, keepalives, notices, resolves, rooms, taken_back;
	int actions;
};

/* A pool that is resolved, with the defaults of netpulse.yaml(5). */
struct sim *sim_new(void);
void sim_free(struct sim *s);

/* Executes until the pool has nothing more to say; returns the number of actions. */
int sim_settle(struct sim *s);
void sim_advance(struct sim *s, double seconds);
/* Goes to the time that the pool has asked for; false when it has asked for none, or only for one after limit. */
bool sim_advance_to_wake(struct sim *s, double limit);

/* queue_timeout 0: no limit.  Settles. */
struct sim_request *sim_request(struct sim *s, double queue_timeout, bool fresh);
void sim_requests(struct sim *s, int count, double queue_timeout);
void sim_finish(struct sim *s, struct sim_request *r);
void sim_cancel(struct sim *s, struct sim_request *r);
/* The request has ended and holder keeps its lease. */
void sim_hold(struct sim *s, struct sim_request *r, const void *holder);
/* Sessions are shells: one lease each. */
void sim_use_shells(struct sim *s, const struct pool_shells *shells);

struct sim_session *sim_session_of(struct pool_entry *e);
/* The oldest of the sessions being dialled, or NULL. */
struct sim_session *sim_dialling(struct sim *s);
void sim_connected(struct sim *s, struct sim_session *e);
void sim_connect_fails(struct sim *s, struct sim_session *e, enum np_reason reason, const char *text);
/* The session ends without the pool's doing; requests on it wait again. */
void sim_lost(struct sim *s, struct sim_session *e);
/* One session that is ready and free. */
struct sim_session *sim_warm(struct sim *s);

int sim_count_requests(const struct sim *s, enum sim_request_state state);
int sim_count_dialling(const struct sim *s);
int sim_count_sessions(const struct sim *s);

#endif
