/*
 * The broker: the object that owns all others.  Included by src/broker only.
 */
#ifndef NP_BROKER_IMPL_H
#define NP_BROKER_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account.h"
#include "base/error.h"
#include "base/queue.h"
#include "conf/conf.h"
#include "login/connector.h"
#include "platform/platform.h"
#include "serve/listener.h"
#include "broker/verb/verb.h"
#include "broker/broker.h"
#include "broker/client/answer.h"
#include "broker/client/client.h"
#include "base/hashtab.h"
#include "broker/device/device.h"
#include "broker/door/door.h"
#include "broker/link/link.h"
#include "broker/report/report.h"
#include "broker/request/request.h"
#include "broker/steer/steer.h"
#include <cjson/cJSON.h>
#include <ev.h>

#define BROKER_CONNECTORS_MAX 64
#define BROKER_GUESTS_MAX                                                                                              \
	16 /* above max_clients, who have not said yet what they want: as many as come in one turn                     \
	    */

#define BROKER_AWAITING_MAX 4 /* operators above max_clients who await an answer, beside the one who asks */

struct broker {
	struct ev_loop *loop;
	struct config *config;
	struct platforms *platforms;
	struct broker_options options;
	struct listener *listener;
	struct accounts *accounts;
	struct doors *doors; /* NULL: it does not listen */
	struct connector *connector;
	struct jobs jobs; /* of devices and sessions */
	struct reports *events;
	struct devices *devices;
	struct clients *clients;
	struct requests requests;
	struct later_list syncs, reloads;
	double reload_after;   /* not before, for clients: see verb_reload.c */
	ev_timer reload_clock; /* wakes the loop then */
	struct steer_rules rules;
	struct steer_waits waits;
	bool idle_due;    /* sessions have ended: nothing may be left to do */
	bool waits_due;   /* something has ended that somebody may wait for */
	uint64_t next_id; /* sessions, requests, peers: one row of numbers, so that no two things share one */
	struct {
		uint64_t count;
		double since; /* clock_now(): of the lines that are counted */
		unsigned lines;
	} denials;
	TAILQ_HEAD(, confirmation) confirmations;
	TAILQ_HEAD(, shared_socket) sockets; /* beside the broker's own */
	/* Somebody has come by a socket of that role. */
	void (*admit)(struct broker *b, int fd, const struct paths_peer *peer, const char *role);
	/*
	 * The lines of a configuration whose pass awaits them: 0, and params are cut down to what its rules allow; or
	 * -1 with err (denied).
	 */
	int (*gate_lines)(struct broker *b, struct client *client, struct exec_params *params, struct pass *pass,
	    const struct buf *lines, struct np_error *err);
	double started;
	double idle_since; /* 0: not idle */
	bool stopping;
	bool at_once; /* stopping, and nothing is waited for */
	bool finished;
	ev_timer tick;
	ev_timer trim;
	ev_timer drain;
	uint64_t upgrader; /* the client that asked for another broker */
	ev_timer handover; /* looks whether it is still there; then until the clients must have left */
	ev_prepare turn;
};

static inline uint64_t
broker_next_id(struct broker *b)
{
	return ++b->next_id;
}

/* A session or a request has ended: who waits for that is answered when the turn ends. */
static inline void
broker_note_end(struct broker *b)
{
	b->waits_due = true;
}

/* ---- broker.c ---- */

/* A client without a place of its own asks for something: 0, or -1 with err, and it has to go. */
int broker_seat(struct broker *b, struct client *client, bool looks_or_steers, struct np_error *err);

/* ---- broker_sockets.c ---- */

struct shared_socket;

/*
 * The sockets that this configuration names are made, and no others: 0, or -1 with the first err, when the others are
 * made all the same.  Clients of a role that has no socket any more are closed.  New ones are found when they are
 * shown.
 */
int broker_sockets_follow(struct broker *b, const struct config *config, struct np_error *err);
int broker_sockets_show(struct broker *b, struct np_error *err);
cJSON *broker_sockets_json(const struct broker *b);
/* Nobody comes any more; the names are gone. */
void broker_sockets_close(struct broker *b);
/* All of them are another broker's to take, or none (-1 with err); and are ours again. */
int broker_sockets_hand_over(struct broker *b, struct np_error *err);
void broker_sockets_take_back(struct broker *b);

/* ---- broker_handover.c ---- */

/* Another broker serves now, whoever comes. */
void broker_retire(struct broker *b);

/* ---- broker_stop.c ---- */

void broker_stop_turn(struct broker *b);
void broker_end_everything(struct broker *b, double deadline);

#endif
