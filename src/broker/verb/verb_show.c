/*
 * What the broker uses: the settings of a device with their origins, and the platforms.
 *
 * ssh's part of a device comes from the pool that is in use; for others ssh is asked, in a connector's thread, and the
 * answer waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "inspect/conf_effective.h"
#include "platform/platform_show.h"
#include "base/text.h"
#include "base/xalloc.h"

#define RESOLVE_TIMEOUT 15.0

/* A question that waits for ssh.  Owned by broker.shows; freed when the job is done, whoever is still there. */
struct broker_show {
	TAILQ_ENTRY(broker_show) link;
	uint64_t job;
	uint64_t peer_id; /* 0: nobody any more */
	struct message_id id;
	struct conf_parts parts;
};

/* ---- the parts ---- */

int
broker_conf_parts(struct conf_parts *parts, const struct broker *b, struct config *config, const struct platforms *set,
    const char *name, struct np_error *err)
{
	struct platform *platform = NULL;

	if (conf_parts_init(parts, config, name, err) == -1)
		return -1;
	/* What stands in the way of the device's use is no reason not to show it. */
	if (broker_driver_choose(b, set, parts->device, WANT_ANY, &platform, &parts->problem) == 0)
		error_clear(&parts->problem);
	if (platform != NULL)
		parts->platform = platform_ref(platform);
	return 0;
}

/* What commands of that operand would use now, if that is known. */
static const struct target *
known_target(const struct broker *b, const char *name)
{
	struct device *dev;

	TAILQ_FOREACH (dev, &b->devices, link) {
		if (dev->retired || dev->ref.operand == NULL || dev->ref.overrides != NULL ||
		    strcmp(dev->ref.operand, name) != 0)
			continue;
		device_freshen(dev);
		if (dev->policy.resolved)
			return dev->target;
	}
	return NULL;
}

/* ---- config_show ---- */

static void
ask_ssh(struct client *client, const struct message *m, struct conf_parts *parts)
{
	struct broker *b = client->broker;
	struct broker_show *show = xcalloc(1, sizeof(*show));
	const struct attempt attempt = {.kind = CONNECT_RESOLVE,
	    .device = parts->device,
	    .default_ssh_config = b->config->ssh_config,
	    .ready_fd = -1,
	    .timeout = RESOLVE_TIMEOUT};

	show->peer_id = peer_id(client->peer);
	show->id = m->id;
	show->parts = *parts;
	TAILQ_INSERT_TAIL(&b->shows, show, link);
	show->job = connector_submit(b->connector, &attempt);
}

static void
free_show(struct broker *b, struct broker_show *show)
{
	TAILQ_REMOVE(&b->shows, show, link);
	conf_parts_finish(&show->parts);
	free(show);
}

void
broker_shows_free(struct broker *b)
{
	while (!TAILQ_EMPTY(&b->shows))
		free_show(b, TAILQ_FIRST(&b->shows));
}

int
broker_shows_of(const struct broker *b, uint64_t peer)
{
	const struct broker_show *show;
	int n = 0;

	TAILQ_FOREACH (show, &b->shows, link)
		n += show->peer_id == peer;
	return n;
}

static struct broker_show *
show_find(const struct client *client, const struct message_id *id)
{
	struct broker_show *show;

	TAILQ_FOREACH (show, &client->broker->shows, link)
		if (show->peer_id == peer_id(client->peer) && message_id_equal(&show->id, id))
			return show;
	return NULL;
}

bool
broker_show_has(const struct client *client, const struct message_id *id)
{
	return show_find(client, id) != NULL;
}

/* Nobody is to be told any more; it is freed when the job has ended, which is soon. */
static void
abandon_show(struct broker *b, struct broker_show *show)
{
	show->peer_id = 0;
	connector_cancel(b->connector, show->job, REASON_CANCELLED, "nobody waits for it");
}

void
broker_show_cancel(struct client *client, const struct message_id *id)
{
	struct broker_show *show = show_find(client, id);
	struct np_error err;

	if (show == NULL)
		return;
	error_set(&err, REASON_CANCELLED, "cancelled by the client");
	client_error(client, id, &err, NULL);
	abandon_show(client->broker, show);
}

void
broker_shows_peer_left(const struct client *client)
{
	struct broker_show *show;

	TAILQ_FOREACH (show, &client->broker->shows, link)
		if (show->peer_id == peer_id(client->peer))
			abandon_show(client->broker, show);
}

bool
broker_show_done(struct broker *b, const struct connect_result *result)
{
	struct broker_show *show;
	struct client *client;

	TAILQ_FOREACH (show, &b->shows, link) {
		if (show->job == result->id)
			break;
	}
	if (show == NULL)
		return false;
	client = client_by_id(b, show->peer_id);
	show->parts.target = result->target;
	if (!result->ok)
		show->parts.problem = result->err;
	if (client != NULL)
		client_result(client, &show->id, conf_effective(&show->parts));
	free_show(b, show);
	return true;
}

int
broker_verb_config_show(struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"device"};
	struct broker *b = client->broker;
	const char *device = NULL;
	struct conf_parts parts;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    params_string(m->params, "device", &device, err) == -1)
		return -1;
	if (device == NULL) {
		client_result(client, &m->id, conf_effective_globals(b->config));
		return 0;
	}
	if (broker_wait_room(client, err) == -1 ||
	    broker_conf_parts(&parts, b, b->config, b->platforms, device, err) == -1)
		return -1;
	parts.target = known_target(b, device);
	if (parts.target == NULL) {
		ask_ssh(client, m, &parts);
		return 0;
	}
	client_result(client, &m->id, conf_effective(&parts));
	conf_parts_finish(&parts);
	return 0;
}

/* ---- platforms ---- */

int
broker_verb_platforms(struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"name"};
	const char *name = NULL;
	cJSON *result;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    params_string(m->params, "name", &name, err) == -1)
		return -1;
	result = name == NULL ? platform_show_list(client->broker->platforms)
			      : platform_show_named(client->broker->platforms, name, err);
	if (result == NULL)
		return -1;
	client_result(client, &m->id, result);
	return 0;
}
