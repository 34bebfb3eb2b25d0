/* `npctl open`, `npctl record` and `npctl platform test`: what may have to log in, and little else. */
#include <stdio.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"

static void
print_opened(struct npctl *c, const char *device, const cJSON *result)
{
	double session = npjson_number(result, "session", 0);

	if (c->o->json) {
		npctl_print_json(result);
		return;
	}
	npctl_put_text(stdout, "", device, ": ");
	if (npjson_true(result, "reused"))
		printf("session #%.0f is open\n", session);
	else
		printf("session #%.0f opened in %.0f ms\n", session, npjson_number(result, "connect_ms", 0));
}

const struct npctl_verb npctl_verb_open = {
    .name = "open",
    .usage = "DEVICE ...",
    .help = "make a session now (starts a broker when none runs)",
    .broker = NPCTL_BROKER_STARTS,
    .login = &(const struct npctl_login){.done = print_opened},
};

/* What came as output says the rest. */
static void
note_failures(struct npctl *c, const char *device NP_UNUSED, const cJSON *result)
{
	if (npjson_number(result, "failed", 0) > 0)
		c->status = NPCTL_EXIT_FAILED;
}

static cJSON *
record_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();
	cJSON *commands = o->args_count > 1 ? cJSON_AddArrayToObject(params, "commands") : NULL;

	for (int i = 1; i < o->args_count; i++)
		cJSON_AddItemToArray(commands, cJSON_CreateString(o->args[i]));
	return params;
}

const struct npctl_verb npctl_verb_record = {
    .name = "record",
    .usage = "DEVICE [COMMAND ...]",
    .help = "a transcript of a session with its command line",
    .missing = "name a device, and commands to run on it",
    .broker = NPCTL_BROKER_STARTS,
    .params = record_params,
    .login = &(const struct npctl_login){.done = note_failures},
};

const struct npctl_verb npctl_verb_platform_test = {
    .name = "platform test",
    .usage = "DEVICE",
    .help = "try its platform on the device itself",
    .broker = NPCTL_BROKER_STARTS,
    .method = "platform_test",
    .login = &(const struct npctl_login){.done = note_failures},
};
