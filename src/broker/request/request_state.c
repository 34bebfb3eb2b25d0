/*
 * The states of a request and the moves between them: request.h draws them.
 */
#include "broker/broker_impl.h"
#include "base/log.h"

static const char *const state_names[] = {
    [REQUEST_MADE] = "made",
    [REQUEST_GATHERING] = "gathering",
    [REQUEST_QUEUED] = "queued",
    [REQUEST_RUNNING] = "running",
    [REQUEST_FLUSHING] = "flushing",
    [REQUEST_ENDED] = "ended",
};

#define TO(state) (1u << (state))

static const unsigned moves[] = {
    [REQUEST_MADE] = TO(REQUEST_GATHERING) | TO(REQUEST_QUEUED) | TO(REQUEST_RUNNING) | TO(REQUEST_ENDED),
    [REQUEST_GATHERING] = TO(REQUEST_QUEUED) | TO(REQUEST_ENDED),
    [REQUEST_QUEUED] = TO(REQUEST_RUNNING) | TO(REQUEST_FLUSHING) | TO(REQUEST_ENDED),
    [REQUEST_RUNNING] = TO(REQUEST_QUEUED) | TO(REQUEST_FLUSHING) | TO(REQUEST_ENDED),
    [REQUEST_FLUSHING] = TO(REQUEST_QUEUED) | TO(REQUEST_RUNNING) | TO(REQUEST_ENDED),
    [REQUEST_ENDED] = 0,
};

static int
waits(enum request_state state)
{
	return state == REQUEST_QUEUED || state == REQUEST_GATHERING;
}

/* A move that is not in the table is a fault of ours: it is said, and not made. */
void
request_move(struct request *r, enum request_state state)
{
	const char *name = r->dev != NULL ? device_settings(r->dev)->name : "?";

	if (r->state == state)
		return;
	if ((moves[r->state] & TO(state)) == 0) {
		log_error("request", "%s: request %llu cannot go from %s to %s", name, (unsigned long long)r->uid,
		    state_names[r->state], state_names[state]);
		return;
	}
	log_debug("request", "%s: request %llu: %s -> %s", name, (unsigned long long)r->uid, state_names[r->state],
	    state_names[state]);
	r->broker->requests_queued += waits(state) - waits(r->state);
	if (r->answer.client != NULL)
		client_note_waiting(r->answer.client, waits(state) - waits(r->state));
	if ((state == REQUEST_GATHERING) != (r->state == REQUEST_GATHERING))
		device_gather(&r->waiter, state == REQUEST_GATHERING);
	r->state = state;
}
