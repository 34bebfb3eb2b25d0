/*
 * The verbs in one table, a row a method of the protocol: its params, and what it does or which request it makes.  The
 * small ones stand here.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker_impl.h"
#include "wire/json.h"
#include "base/clock.h"
#include "base/text.h"
#include "conf/devlist.h"
#include "base/xalloc.h"

/* ---- the broker itself ---- */

static int
verb_ping(const struct call *c, struct np_error *err NP_UNUSED)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "version", NETPULSE_VERSION);
	cJSON_AddNumberToObject(result, "pid", (double)getpid());
	cJSON_AddNumberToObject(result, "uptime", (double)(long)(clock_now() - c->broker->started));
	client_result(c->client, c->id, result);
	return 0;
}

static int
verb_stop(const struct call *c, struct np_error *err NP_UNUSED)
{
	bool now = c->params.now;

	report_steered(c->broker->events, c->client, now ? "stop --now" : "stop", NULL, 0, 0, NULL);
	client_result(c->client, c->id, cJSON_CreateObject());
	if (now || !c->broker->stopping)
		broker_stop(c->broker, now);
	return 0;
}

/* ---- which devices there are ---- */

/* Which devices a list, a group or a pattern stands for. */
static int
verb_devices(const struct call *c, struct np_error *err)
{
	struct devlist list;
	int rc = devlist_expand(c->broker->config, c->params.name, &list, err);

	if (rc == 0 && broker_is_governed(c->broker, c->client)) {
		broker_gate_names(c, &list.names);
		if (list.names.n == 0)
			rc = error_set(err, REASON_DENIED, "the policy allows nothing on any of these devices");
	}
	if (rc == 0) {
		cJSON *result = cJSON_CreateObject();
		cJSON_AddItemToObject(result, "devices", json_strings(&list.names));
		client_result(c->client, c->id, result);
	}
	devlist_finish(&list);
	return rc;
}

static bool
is_known(const struct broker *b, const char *device)
{
	const struct device *dev;

	if (config_device(b->config, device) != NULL)
		return true;
	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		if (strcmp(device_settings(dev)->name, device) == 0 || strcmp(device_alias(dev), device) == 0)
			return true;
	}
	return false;
}

/* Every event from now on, or those of one device. */
static int
verb_watch(const struct call *c, struct np_error *err)
{
	const char *device = c->params.device;
	char shown[128];

	if (device != NULL && !is_known(c->broker, device))
		return error_set(err, REASON_UNKNOWN_DEVICE, "the broker knows no device `%s`: see npctl status",
		    text_vis_into(shown, sizeof(shown), device));
	if (c->params.confirm && !client_is_main(c->client))
		return error_set(err, REASON_DENIED, "only clients of the broker's own socket confirm requests");
	return report_watch(c->broker->events, c->client, c->id, device, c->params.confirm, err);
}

/* ---- sync ---- */

static int
verb_sync(const struct call *c, struct np_error *err)
{
	if (answer_room(c->client, err) == -1)
		return -1;
	later_begin(&c->broker->syncs, c->client, c->id, true);
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
	for (dev = device_next(b->devices, NULL); dev != NULL; dev = device_next(b->devices, dev)) {
		if (device_is_kicked(dev))
			return true;
		TAILQ_FOREACH (e, &device_pool(dev)->entries, link) {
			struct link *link = link_of_entry(e);
			if (link_facts(link).closing)
				return true;
		}
	}
	return false;
}

/* Called at the end of each turn while somebody waits: answered once everything received before has had its effect. */
void
broker_syncs_answer(struct broker *b)
{
	struct later *sync;

	if (anything_closing(b))
		return;
	while ((sync = TAILQ_FIRST(&b->syncs)) != NULL) {
		answer_result(&sync->answer, cJSON_CreateObject());
		later_end(sync);
	}
}

/* ---- the table ---- */

static const struct verb verbs[] = {
    {"exec", PARAMS_EXEC, .makes = &request_exec},
    {"config", PARAMS_CONFIG, .makes = &request_config},
    {"record", PARAMS_RECORD, .makes = &request_record},
    {"platform_test", PARAMS_PLATFORM_TEST, .makes = &request_platform_test},
    {"open", PARAMS_OPEN, .makes = &request_open},
    {"test", PARAMS_TEST, .makes = &request_test},
    {"mux", PARAMS_MUX, .makes = &request_mux},

    {"close", ASK_CLOSE, .run = verb_close},
    {"kill", ASK_KILL, .run = verb_kill},
    {"confirm", ASK_CONFIRM, .run = verb_confirm},
    {"pause", ASK_PAUSE, .run = verb_steer},
    {"resume", ASK_STEER, .run = verb_steer},
    {"disable", ASK_SHUT, .run = verb_steer},
    {"enable", ASK_STEER, .run = verb_steer},
    {"drain", ASK_SHUT, .run = verb_steer},
    {"reconnect", ASK_RECONNECT, .run = verb_steer},
    {"status", ASK_STATUS, .run = verb_status},
    {"devices", ASK_DEVICES, .run = verb_devices, .harmless = true},
    {"ping", ASK_NOTHING, .run = verb_ping, .harmless = true},
    {"sync", ASK_NOTHING, .run = verb_sync},
    {"reload", ASK_NOTHING, .run = verb_reload},
    {"stop", ASK_STOP, .run = verb_stop},
    {"hand_over", ASK_NOTHING, .run = verb_hand_over},
    {"config_show", ASK_CONFIG_SHOW, .run = verb_config_show},
    {"platforms", ASK_PLATFORMS, .run = verb_platforms},
    {"watch", ASK_WATCH, .run = verb_watch},
    {"accounts", ASK_ACCOUNTS, .run = verb_accounts},
    {"metrics", ASK_METRICS, .run = verb_metrics},
};

const struct verb *
broker_verb(const char *name)
{
	for (size_t i = 0; i < NP_COUNT(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}
