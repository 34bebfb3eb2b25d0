/*
 * The verbs: one function a method of the protocol, in one table.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker_impl.h"
#include "wire/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- exec and open ---- */

/* The same, and its place in the queue. */
static int
submit(struct broker *b, struct client *client, const struct message *m, const struct request_kind *kind,
    struct exec_params *params, struct np_error *err)
{
	struct request *r;

	if (broker_request_make(b, client, m, kind, params, &r, err) == -1)
		return -1;
	r->opens = kind == &request_open;
	if (r->opens)
		device_unblock(r->dev, false);
	request_submit(r);
	return 0;
}

static int
verb_exec(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	struct exec_params params;
	int rc = exec_params_parse(PARAMS_EXEC, m->params, &params, err);

	if (rc == 0)
		rc = submit(b, client, m, &request_exec, &params, err);
	exec_params_finish(&params);
	return rc;
}

static int
verb_open(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	struct exec_params params;
	int rc = exec_params_parse(PARAMS_OPEN, m->params, &params, err);

	if (rc == 0)
		rc = submit(b, client, m, &request_open, &params, err);
	exec_params_finish(&params);
	return rc;
}

/* ---- the broker itself ---- */

static int
verb_ping(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	cJSON *result;

	if (params_only(m->params, NULL, 0, err) == -1)
		return -1;
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "version", NETPULSE_VERSION);
	cJSON_AddNumberToObject(result, "pid", (double)getpid());
	cJSON_AddNumberToObject(result, "uptime", (double)(long)(clock_now() - b->started));
	client_result(client, &m->id, result);
	return 0;
}

static int
verb_stop(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"now"};
	bool now = false;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 || params_bool(m->params, "now", &now, err) == -1)
		return -1;
	report_steered(b->events, client, now ? "stop --now" : "stop", NULL, 0, 0, NULL);
	client_result(client, &m->id, cJSON_CreateObject());
	if (now || !b->stopping)
		broker_stop(b, now);
	return 0;
}

/* ---- sync ---- */

struct broker_sync {
	TAILQ_ENTRY(broker_sync) link;
	struct broker *broker;
	struct answer answer;
};

static void
sync_free(struct broker_sync *sync)
{
	TAILQ_REMOVE(&sync->broker->syncs, sync, link);
	free(sync);
}

static void
on_sync_left(struct answer *a)
{
	sync_free(NP_CONTAINER(a, struct broker_sync, answer));
}

static void
on_sync_cancelled(struct answer *a)
{
	answer_cancelled(a, "cancelled by the client");
	on_sync_left(a);
}

static const struct answer_ops sync_answer = {
    .kind = ANSWER_LATER, .bounded = true, .cancel = on_sync_cancelled, .left = on_sync_left};

static int
verb_sync(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	struct broker_sync *sync;

	if (params_only(m->params, NULL, 0, err) == -1 || answer_room(client, err) == -1)
		return -1;
	sync = xcalloc(1, sizeof(*sync));
	sync->broker = b;
	answer_begin(&sync->answer, client, &m->id, &sync_answer);
	TAILQ_INSERT_TAIL(&b->syncs, sync, link);
	return 0;
}

/* Something is on its way out: a closed client, a session that was told to end. */
static bool
anything_closing(struct broker *b)
{
	struct device *dev;
	struct pool_entry *e;

	if (clients_closing(b->clients) || !TAILQ_EMPTY(&b->reloads))
		return true;
	for (dev = device_next(b, NULL); dev != NULL; dev = device_next(b, dev)) {
		if (device_is_kicked(dev))
			return true;
		TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
			struct link *link = link_of_entry(e);
			if (link_is_closing(link))
				return true;
		}
	}
	return false;
}

/* Called at the end of each turn while somebody waits: answered once everything received before has had its effect. */
void
broker_syncs_answer(struct broker *b)
{
	struct broker_sync *sync;

	if (anything_closing(b))
		return;
	while ((sync = TAILQ_FIRST(&b->syncs)) != NULL) {
		answer_result(&sync->answer, cJSON_CreateObject());
		sync_free(sync);
	}
}

const struct verb *
broker_verb(const char *name)
{
	static const struct verb verbs[] = {
	    {"exec", false, verb_exec},
	    {"config", false, verb_config},
	    {"record", false, verb_record},
	    {"platform_test", false, verb_platform_test},
	    {"open", false, verb_open},
	    {"close", true, broker_verb_close},
	    {"kill", true, broker_verb_kill},
	    {"pause", true, broker_verb_steer},
	    {"resume", true, broker_verb_steer},
	    {"disable", true, broker_verb_steer},
	    {"enable", true, broker_verb_steer},
	    {"drain", true, broker_verb_steer},
	    {"reconnect", true, broker_verb_steer},
	    {"status", true, broker_verb_status},
	    {"test", false, broker_verb_test},
	    {"devices", true, verb_devices},
	    {"ping", true, verb_ping},
	    {"sync", true, verb_sync},
	    {"reload", true, verb_reload},
	    {"stop", true, verb_stop},
	    {"config_show", true, broker_verb_config_show},
	    {"platforms", true, broker_verb_platforms},
	    {"watch", true, broker_verb_watch},
	    {"metrics", true, broker_verb_metrics},
	};

	for (size_t i = 0; i < NP_COUNT(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}
