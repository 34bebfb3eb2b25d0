/*
 * How a request comes about: what the client says, which device it wants, whether there is room for it; and those kinds
 * of it of which there is nothing more to say.
 */
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/xalloc.h"

#define QUEUE_SHARE 8 /* the last of so many parts of the queue is for clients of which none waits */

/*
 * A device that nobody waits for takes one more: thousands who wait for a dead one must not hold up the others.  Nor
 * may one client that asks for everything at once.
 */
static int
refuse_queue(const struct broker *b, struct client *client, const struct device *dev, struct np_error *err)
{
	int limit = b->config->max_queue;

	if (limit > 0 && client_note_waiting(client, 0) > 0)
		limit -= limit > QUEUE_SHARE ? limit / QUEUE_SHARE : 1;
	if (b->config->max_queue == 0 || !device_is_awaited(dev) || b->requests.queued < limit)
		return 0;
	return error_set(
	    err, REASON_QUEUE_FULL, "%d requests wait already (max_queue): try again later", b->requests.queued);
}

/* Of a device with a command line; nothing was run, and no credit was given for standard input. */
static void
answer_lines(struct client *client, const struct message_id *id)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddTrueToObject(result, "lines");
	client_result(client, id, result);
}

int
broker_request_make(struct broker *b, struct client *client, const struct message_id *id,
    const struct request_kind *kind, struct exec_params *params, struct pass *pass, struct np_error *err)
{
	struct device *dev;
	struct request *r;

	if (b->stopping)
		return error_set(err, REASON_SHUTTING_DOWN, "the broker is shutting down: run the command again");
	if (kind->bounded && answer_room(client, err) == -1)
		return -1;
	if (kind->choose != NULL)
		kind->choose(b, params);
	dev = device_get(b->devices, &params->device, request_want(kind, params), err);
	if (dev == NULL)
		return -1;
	if (!kind->bounded && !kind->unrefused &&
	    (device_admit(dev, err) == -1 || refuse_queue(b, client, dev, err) == -1 ||
		device_check_params(dev, params, err) == -1))
		return -1;
	if (params->lines && device_has_command_line(device_settings(dev))) {
		answer_lines(client, id);
		pass_destroy(pass);
		return 0;
	}
	r = request_create(b, kind, client, id, dev);
	r->params = *params;
	r->pass = pass;
	memset(params, 0, sizeof(*params));
	r->window_left = r->params.window;
	kind->begin(r);
	return 0;
}

/* ---- commands ---- */

const struct request_kind request_exec = {
    .name = "exec",
    .works = true,
    .results = true,
    .begin = request_submit,
    .run = request_shell_run,
};

/* ---- a session and nothing more ---- */

static void
open_begin(struct request *r)
{
	r->waiter.opens = client_wishes(r->answer.client, true);
	device_unblock(r->dev, false);
	request_submit(r);
}

/* It has one, and lets go of it again: its lease ends as others do. */
static void
open_assigned(struct request *r)
{
	cJSON *result = cJSON_CreateObject();

	request_add_session(result, r);
	request_respond(r, result);
}

const struct request_kind request_open = {
    .name = "open",
    .opens = true,
    .begin = open_begin,
    .assigned = open_assigned,
};

void
request_open_anew(struct broker *b, struct device *dev, const char *agent_socket)
{
	struct message_id none = {.kind = MESSAGE_ID_NONE};
	struct request *r = request_create(b, &request_open, NULL, &none, dev);

	r->params.agent_socket = xstrdup_null(agent_socket);
	request_submit(r);
}
