/*
 * What src/broker/client alone sees of a client.
 */
#ifndef NP_CLIENT_IMPL_H
#define NP_CLIENT_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/queue.h"
#include "broker/client/answer.h"
#include "broker/client/client.h"
#include "report/event.h"
#include "broker/client/holder.h"
#include "broker/client/user.h"

/* The record of one connection.  Owned by its clients; freed when its end has gone. */
struct client {
	TAILQ_ENTRY(client) link;
	struct clients *all;
	const struct client_end *end; /* its other end */
	void *at;
	struct answer_list answers;
	int counts[ANSWER_KINDS]; /* of them */
	int bounded;
	double since;
	struct event_who who;
	gid_t *groups; /* further ones of another user's process; owned */
	size_t groups_count;
	struct user *user; /* NULL: ours */
	bool counted;      /* among that one's clients */
	enum client_place place;
	bool refused;               /* one too many: told so, and closed */
	int waiting;                /* of its requests, for a session or for their own lines */
	double wishes, wished_last; /* client_wishes() */
	struct backlog backlogs[2]; /* [windowed] */
	size_t lines;               /* bytes of its configurations */
	struct holder holds;
};

struct clients {
	struct ev_loop *loop;
	TAILQ_HEAD(, client) list;
	int count;
	struct user_list users;
	const struct client_events *events;
	void *arg;
	char *hello; /* the same for all */
};

#endif
