/*
 * What src/broker/client alone should see of a client.
 */
#ifndef NP_CLIENT_IMPL_H
#define NP_CLIENT_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"
#include "report/event.h"
#include "serve/peer.h"
#include "broker/request/request.h"
#include "broker/client/client.h"
#include "broker/client/holder.h"

/* The broker's record of one client connection.  Owned by broker.peers, freed when the peer has closed. */
struct client {
	TAILQ_ENTRY(client) link;
	struct broker *broker;
	struct peer *peer;
	struct request_list requests;
	int requests_count;
	double since;
	struct event_who who;
	int watches;
	bool refused; /* one too many: told so, and closed */
	struct holder holds;
};

#endif
