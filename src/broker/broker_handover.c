/*
 * An upgrade: the socket passes to another broker while this one serves.  npctl(1) asks for it and starts the other
 * one, which puts its socket in the place of ours: each client has reached one of the two.  Ours are served to their
 * end, as long as a drain may take.
 *
 *   serving --- verb hand_over ---> handed over --- the name is another's ---> retired (no client: the end)
 *      ^                                |
 *      +--- who asked has left ---------+
 */
#include <unistd.h>

#include "base/log.h"
#include "broker/broker_impl.h"

#define LOOK_SECONDS 0.2

static void
on_patience_over(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct broker *b = w->data;

	log_info("broker", "the clients that are left have had their time");
	broker_stop(b, false);
}

void
broker_retire(struct broker *b)
{
	ev_timer_stop(b->loop, &b->handover);
	if (b->stopping)
		return;
	log_info("broker", "retired: %d clients are served to their end", clients_count(b->clients));
	devices_rest(b->devices);
	if (b->config->drain_timeout > 0) {
		ev_timer_init(&b->handover, on_patience_over, b->config->drain_timeout, 0);
		b->handover.data = b;
		ev_timer_start(b->loop, &b->handover);
	}
}

/* Unless another has it already. */
static void
take_back(struct broker *b)
{
	if (!listener_take_back(b->listener))
		return;
	log_warning("broker", "no other broker has come for the socket: serving on");
	broker_sockets_take_back(b);
	doors_open(b->doors);
	doors_follow(b->doors, b->config);
}

/* Whoever asked for it stays until the other broker serves. */
static void
on_look(struct ev_loop *loop, ev_timer *w, int revents NP_UNUSED)
{
	struct broker *b = w->data;

	if (clients_by_id(b->clients, b->upgrader) != NULL)
		return;
	ev_timer_stop(loop, w);
	take_back(b);
}

int
verb_hand_over(const struct call *c, struct np_error *err)
{
	struct broker *b = c->broker;
	cJSON *result;

	if (b->stopping)
		return error_set(err, REASON_SHUTTING_DOWN, "the broker is ending");
	if (b->config->system) /* npctl would start the other one as whoever asks */
		return error_set(err, REASON_INVALID_REQUEST,
		    "this broker serves all users: its service manager puts another one in its place (systemctl "
		    "restart "
		    "netpulsed), whose socket keeps clients waiting meanwhile");
	if (listener_hand_over(b->listener, err) == -1)
		return -1;
	doors_close(b->doors); /* ssh goes by itself meanwhile */
	if (broker_sockets_hand_over(b, err) == -1) {
		take_back(b);
		return -1;
	}
	report_steered(b->events, c->client, "upgrade", NULL, 0, 0, NULL);
	b->upgrader = client_id(c->client);
	ev_timer_init(&b->handover, on_look, LOOK_SECONDS, LOOK_SECONDS);
	b->handover.data = b;
	ev_timer_start(b->loop, &b->handover);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "pid", (double)getpid());
	cJSON_AddNumberToObject(result, "idle_exit", b->options.idle_exit);
	if (b->options.config_file != NULL)
		cJSON_AddStringToObject(result, "config_file", b->options.config_file);
	client_result(c->client, c->id, result);
	return 0;
}
