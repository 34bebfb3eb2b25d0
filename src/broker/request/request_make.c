/*
 * How a request comes about: what it wants of which device, and whether there is room for it.
 */
#include <string.h>

#include "broker/broker_impl.h"

/* The device that it needs: one driven by its command line, by channels, or any. */
enum broker_want
request_want(const struct request_kind *kind, const struct exec_params *params)
{
	if (kind->want != WANT_ANY)
		return kind->want;
	if (params->kind != EXEC_COMMAND)
		return WANT_CHANNEL;
	return params->enable ? WANT_SHELL : WANT_ANY;
}

#define QUEUE_SHARE 8 /* the last of so many parts of the queue is for clients of which none waits */

/*
 * A device that nobody waits for takes one more: thousands who wait for a dead one must not hold up the others.  Nor
 * may one client that asks for everything at once.
 */
static int
refuse_queue(const struct broker *b, struct client *client, const struct device *dev, struct np_error *err)
{
	int limit = b->config->max_queue;

	if (limit > 0 && client != NULL && client_note_waiting(client, 0) > 0)
		limit -= limit > QUEUE_SHARE ? limit / QUEUE_SHARE : 1;
	if (b->config->max_queue == 0 || !device_is_awaited(dev) || b->requests_queued < limit)
		return 0;
	return error_set(
	    err, REASON_QUEUE_FULL, "%d requests wait already (max_queue): try again later", b->requests_queued);
}

int
broker_request_make(struct broker *b, struct client *client, const struct message_id *id,
    const struct request_kind *kind, struct exec_params *params, struct np_error *err)
{
	struct device *dev;
	struct request *r;

	if (b->stopping)
		return error_set(err, REASON_SHUTTING_DOWN, "the broker is shutting down: run the command again");
	if (kind->bounded && answer_room(client, err) == -1)
		return -1;
	dev = device_get(b->devices, &params->device, request_want(kind, params), err);
	if (dev == NULL)
		return -1;
	if (!kind->bounded && (device_admit(dev, err) == -1 || refuse_queue(b, client, dev, err) == -1 ||
				  device_check_params(dev, params, err) == -1))
		return -1;
	r = request_create(b, kind, client, id);
	r->params = *params;
	memset(params, 0, sizeof(*params));
	r->window_left = r->params.window;
	request_enter(r, dev);
	kind->begin(r);
	return 0;
}
