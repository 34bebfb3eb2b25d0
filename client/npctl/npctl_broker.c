/* The verbs that are about the broker as a whole: ping, reload, stop, sync, top. */
#include <stdio.h>

#include "lib/npjson.h"
#include "lib/npstatus.h"
#include "npctl/npctl_impl.h"

static void
print_ping(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	char version[64], uptime[32];

	printf("netpulsed %s, pid %.0f, up %s\n", npjson_text(result, "version", version, sizeof(version)),
	    npjson_number(result, "pid", 0),
	    npstatus_duration(uptime, sizeof(uptime), npjson_number(result, "uptime", 0)));
}

const struct npctl_verb npctl_verb_ping = {
    .name = "ping",
    .usage = "",
    .help = "is a broker running?",
    .print = print_ping,
};

static void
print_reload(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const cJSON *warning;

	printf(
	    "%.0f devices, %.0f changed\n", npjson_number(result, "devices", 0), npjson_number(result, "changed", 0));
	cJSON_ArrayForEach (warning, cJSON_GetObjectItemCaseSensitive(result, "warnings")) {
		if (cJSON_IsString(warning))
			npctl_put_text(stderr, "npctl: warning: ", warning->valuestring, "\n");
	}
}

const struct npctl_verb npctl_verb_reload = {
    .name = "reload",
    .usage = "",
    .help = "read the configuration again",
    .print = print_reload,
};

/* The broker answers at once and ends when everything is drained: its end is the end of the connection. */
static void
run_stop(struct npctl *c)
{
	cJSON *params = cJSON_CreateObject(), *result;
	struct message m;
	struct frame frame;
	struct np_error err;

	if (c->o->now)
		cJSON_AddTrueToObject(params, "now");
	result = npctl_ask(c, "stop", params);
	if (result == NULL)
		return;
	npctl_show(c, result);
	while (npclient_wait(&c->client, &m, &frame, &err) == FRAME_READY)
		npclient_done(&c->client, &m, &frame);
}

const struct npctl_verb npctl_verb_stop = {
    .name = "stop",
    .usage = "[--now]",
    .help = "end the broker when all commands have ended, or now",
    .run = run_stop,
};

const struct npctl_verb npctl_verb_sync = {
    .name = "sync",
    .usage = "",
    .help = "wait until everything asked before has had its effect",
};

/* What it does is in client/top, needs curses, and so is called by npctl.c alone. */
const struct npctl_verb npctl_verb_top = {
    .name = "top",
    .usage = "[-d SECONDS]",
    .help = "a live screen of all devices; ? there shows its keys",
    .no_json = "it is for people: status --json is for programs",
    .broker = NPCTL_BROKER_UNUSED,
};
