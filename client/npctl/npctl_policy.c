/* npctl policy: is the policy good, and which of its rules decides? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"

static void
print_verdict(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	char then[16];

	printf("%s: ", npjson_text(result, "then", then, sizeof(then)));
	if (npjson_string(result, "rule") != NULL)
		npctl_put_text(stdout, "", npjson_string(result, "rule"), ": ");
	npctl_put_text(stdout, "", npjson_string(result, "message"), "\n");
}

/* As netpulsed -A takes them: all in their places. */
static void
run_test(struct npctl *c)
{
	const struct npctl_options *o = c->o;
	const char *method = o->method != NULL ? o->method : "exec";
	char *args[] = {o->args[0], o->args[1], o->args_count > 2 ? o->args[2] : (char[]){""},
	    (char *)(uintptr_t)method, (char *)(uintptr_t)o->uid};
	struct npctl_options all = *o;
	struct np_error err;
	cJSON *result;

	all.args = args;
	all.args_count = o->uid != NULL ? 5 : 4;
	result = npctl_daemon_ask(&all, o->verb->task, &err);
	if (result == NULL && err.reason != REASON_NONE)
		npctl_say_error(c, NULL, &err);
	if (result == NULL || strcmp(npjson_string(result, "then"), "allow") != 0)
		c->status = NPCTL_EXIT_FAILED;
	npctl_show(c, result);
}

const struct npctl_verb npctl_verb_policy_check = {
    .name = "policy check",
    .usage = "[-f CONFIG]",
    .help = "is the policy good? (FILE:LINE: what is unwise)",
    .no_json = NPCTL_NO_JSON_OF_CHECKS,
    .broker = NPCTL_BROKER_UNUSED,
    .run = npctl_daemon_check,
    .task = "-A",
};

const struct npctl_verb npctl_verb_policy_test = {
    .name = "policy test",
    .usage = "ROLE DEVICE [COMMAND] [--method METHOD] [--uid UID] [-f CONFIG]",
    .help = "which rule decides, and why",
    .missing = "name a role, a device (or -) and a command",
    .broker = NPCTL_BROKER_UNUSED,
    .run = run_test,
    .print = print_verdict,
    .task = "-A",
};
