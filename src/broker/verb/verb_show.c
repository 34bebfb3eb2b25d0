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

/* A question that waits for ssh; freed when the job is done, whoever is still there. */
struct show {
	struct job job;
	struct broker *broker;
	struct answer answer;
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
	if (device_choose_driver(
		b != NULL ? b->devices : NULL, set, parts->device, WANT_ANY, &platform, &parts->problem) == 0)
		error_clear(&parts->problem);
	if (platform != NULL)
		parts->platform = platform_ref(platform);
	return 0;
}

/* ---- config_show ---- */

/* Nobody is to be told any more; it is freed when the job has ended, which is soon. */
static void
on_left(struct answer *a)
{
	struct show *show = NP_CONTAINER(a, struct show, answer);

	job_cancel(&show->broker->jobs, &show->job, REASON_CANCELLED, "nobody waits for it");
}

static const struct answer_ops show_answer = {.kind = ANSWER_LATER, .bounded = true, .left = on_left};

static void
on_done(struct job *job, struct connect_result *result)
{
	struct show *show = NP_CONTAINER(job, struct show, job);

	show->parts.target = result->target;
	if (!result->ok)
		show->parts.problem = result->err;
	if (show->answer.client != NULL)
		answer_result(&show->answer, conf_effective(&show->parts));
	conf_parts_finish(&show->parts);
	free(show);
}

static void
ask_ssh(const struct call *c, struct conf_parts *parts)
{
	static const struct job_events resolve_events = {.done = on_done};
	struct show *show = xcalloc(1, sizeof(*show));
	const struct attempt attempt = {.kind = CONNECT_RESOLVE,
	    .device = parts->device,
	    .default_ssh_config = c->broker->config->ssh_config,
	    .ready_fd = -1,
	    .timeout = RESOLVE_TIMEOUT};

	show->broker = c->broker;
	answer_begin(&show->answer, c->client, c->id, &show_answer);
	show->parts = *parts;
	show->job.events = &resolve_events;
	job_submit(&c->broker->jobs, &show->job, &attempt);
}

int
verb_config_show(const struct call *c, struct np_error *err)
{
	struct broker *b = c->broker;
	const char *device = c->params.device;
	struct conf_parts parts;

	if (device == NULL) {
		client_result(c->client, c->id, conf_effective_globals(b->config));
		return 0;
	}
	if (answer_room(c->client, err) == -1 ||
	    broker_conf_parts(&parts, b, b->config, b->platforms, device, err) == -1)
		return -1;
	parts.target = device_target_of(b->devices, device);
	if (parts.target == NULL) {
		ask_ssh(c, &parts);
		return 0;
	}
	client_result(c->client, c->id, conf_effective(&parts));
	conf_parts_finish(&parts);
	return 0;
}

/* ---- platforms ---- */

int
verb_platforms(const struct call *c, struct np_error *err)
{
	const char *name = c->params.name;
	const struct platforms *set = c->broker->platforms;
	cJSON *result = name == NULL ? platform_show_list(set) : platform_show_named(set, name, err);

	if (result == NULL)
		return -1;
	client_result(c->client, c->id, result);
	return 0;
}
