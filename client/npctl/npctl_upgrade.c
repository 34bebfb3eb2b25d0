/* The verb upgrade: a broker of the program that is installed now takes the socket over from the one that runs. */
#include <stdio.h>
#include <string.h>

#include "lib/npjson.h"
#include "lib/npstart.h"
#include "npctl/npctl_impl.h"
#include "base/clock.h"

#define UPGRADE_SECONDS 30.0

/* A broker started with a relative -f would look for it in another directory: it has told us its own words. */
static int
start_other(const struct npctl *c, const cJSON *old, struct np_error *err)
{
	const char *config = npjson_string(old, "config_file");
	char idle_exit[32];

	if (config != NULL && config[0] != '/')
		return error_set(err, REASON_INVALID_REQUEST,
		    "the broker was started with -f %s, and nobody else knows in which directory that is", config);
	snprintf(idle_exit, sizeof(idle_exit), "%.15g", npjson_number(old, "idle_exit", 0));
	return npstart_daemon_as(c->client.path, config, idle_exit, clock_now() + UPGRADE_SECONDS, c->client.stop, err);
}

static void
run_upgrade(struct npctl *c)
{
	cJSON *old = npctl_ask(c, "hand_over", NULL);
	struct np_error err;

	if (old == NULL)
		return;
	if (start_other(c, old, &err) == -1) {
		error_prefix(&err, "the broker that there was serves on");
		npctl_say_error(c, NULL, &err);
	} else if (c->o->json) {
		npctl_print_json(old);
	} else {
		printf("another broker serves %s; the former (pid %.0f) ends when its clients have left\n",
		    c->client.path, npjson_number(old, "pid", 0));
	}
	cJSON_Delete(old);
}

const struct npctl_verb npctl_verb_upgrade = {
    .name = "upgrade",
    .usage = "",
    .help = "let the installed netpulsed take over; no client is refused",
    .run = run_upgrade,
};
