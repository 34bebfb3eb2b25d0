/* `npctl open` and `npctl record`. */
#include <stdio.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"

static void
print_opened(struct npctl *c, const char *device, const cJSON *result)
{
	char shown[256];

	if (c->o->json) {
		npctl_print_json(result);
		return;
	}
	text_vis_into(shown, sizeof(shown), device);
	if (npjson_true(result, "reused"))
		printf("%s: session #%.0f is open\n", shown, npjson_number(result, "session", 0));
	else
		printf("%s: session #%.0f opened in %.0f ms\n", shown, npjson_number(result, "session", 0),
		    npjson_number(result, "connect_ms", 0));
}

static void
run_open(struct npctl *c)
{
	npctl_login(c, &(const struct npctl_login){.several = true, .done = print_opened});
}

const struct npctl_verb npctl_verb_open = {
    .name = "open",
    .usage = "DEVICE ...",
    .help = "make a session now (starts a broker when none runs)",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = NPCTL_MISSING_DEVICES,
    .broker = NPCTL_BROKER_STARTS,
    .method = "open",
    .run = run_open,
};

/* What came as output says the rest. */
static void
note_failures(struct npctl *c, const char *device NP_UNUSED, const cJSON *result)
{
	if (npjson_number(result, "failed", 0) > 0)
		c->status = NPCTL_EXIT_FAILED;
}

static void
add_commands(const struct npctl_options *o, cJSON *params)
{
	cJSON *commands = o->args_count > 1 ? cJSON_AddArrayToObject(params, "commands") : NULL;

	for (int i = 1; i < o->args_count; i++)
		cJSON_AddItemToArray(commands, cJSON_CreateString(o->args[i]));
}

static void
run_record(struct npctl *c)
{
	npctl_login(c, &(const struct npctl_login){.done = note_failures, .add_params = add_commands});
}

const struct npctl_verb npctl_verb_record = {
    .name = "record",
    .usage = "DEVICE [COMMAND ...]",
    .help = "a transcript of a session with its command line",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = "name a device, and commands to run on it",
    .broker = NPCTL_BROKER_STARTS,
    .method = "record",
    .run = run_record,
};

static void
run_platform_test(struct npctl *c)
{
	npctl_login(c, &(const struct npctl_login){.done = note_failures});
}

const struct npctl_verb npctl_verb_platform_test = {
    .name = "platform test",
    .usage = "DEVICE",
    .help = "try its platform on the device itself",
    .args_min = 1,
    .args_max = 1,
    .missing = "name a device",
    .broker = NPCTL_BROKER_STARTS,
    .method = "platform_test",
    .run = run_platform_test,
};
