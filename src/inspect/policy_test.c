/* Which rule decides about a command; see inspect.h. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/text.h"
#include "broker/verb/policy_facts.h"
#include "inspect/inspect_impl.h"
#include "policy/policy.h"

#define GROUPS_MAX 1024

enum { ARG_ROLE, ARG_DEVICE, ARG_COMMAND, ARG_METHOD, ARG_UID, ARGS };

static int
usage(const char *what)
{
	fprintf(stderr, "netpulsed: -A takes ROLE DEVICE [COMMAND [METHOD [UID]]]: %s\n", what);
	return 1;
}

static cJSON *
answer(const struct policy_ask *ask, const struct policy_verdict *v)
{
	cJSON *o = cJSON_CreateObject();
	struct np_error why;

	cJSON_AddStringToObject(o, "then", policy_then_name(v->then));
	if (v->rule != NULL)
		cJSON_AddStringToObject(o, "rule", v->rule->where);
	if (v->then == POLICY_DENY)
		policy_explain(ask, v, &why);
	else if (v->lines)
		error_set(&why, REASON_NONE, "a rule is about its lines: each of them has to be allowed");
	else
		error_set(&why, REASON_NONE, "%s",
		    v->rule == NULL             ? "no rule is about the broker's own socket"
		    : v->then == POLICY_CONFIRM ? "a person has to confirm it"
						: "the first rule that matches allows it");
	cJSON_AddStringToObject(o, "message", why.text);
	return o;
}

static cJSON *
test(const struct config *config, const struct platforms *set, const char *const *args, struct policy_ask *ask)
{
	const struct policy_world world = {.config = config, .platforms = set};
	struct device_ref ref = {.operand = (char *)(uintptr_t)args[ARG_DEVICE]};
	struct policy_facts facts = {.name = NULL};
	struct policy_verdict verdict;
	cJSON *o;

	if (strcmp(args[ARG_DEVICE], "-") != 0) {
		unsigned wants = policy_facts_of_ref(&facts, &world, &ref, WANT_ANY);

		ask->wants = ask->method == POLICY_STEER ? 0 : wants;
	}
	ask->device = facts.device;
	policy_decide(&config->policy, ask, &verdict);
	o = answer(ask, &verdict);
	policy_facts_finish(&facts);
	return o;
}

/* As who logs in as that user has them. */
static void
add_groups(struct policy_who *who, gid_t groups[GROUPS_MAX])
{
	const struct passwd *pw = getpwuid(who->uid);
	int count = GROUPS_MAX;

	if (pw == NULL || getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) == -1)
		return;
	who->gid = pw->pw_gid;
	who->groups = groups;
	who->groups_count = (size_t)count;
}

int
inspect_policy(const struct daemon_options *o, char *const *args)
{
	const char *given[ARGS] = {[ARG_COMMAND] = "", [ARG_METHOD] = "exec"};
	unsigned long uid = geteuid();
	gid_t groups[GROUPS_MAX];
	struct policy_ask ask = {.minute = policy_minute_of_week()};
	struct config *config;
	struct platforms *set;
	int status;

	for (size_t i = 0; args[i] != NULL; i++) {
		if (i == ARGS)
			return usage("too many arguments");
		given[i] = args[i];
	}
	if (given[ARG_ROLE] == NULL || given[ARG_DEVICE] == NULL)
		return usage("name a role, and a device or -");
	if (policy_method_of(given[ARG_METHOD]) == 0)
		return usage("a method is one of exec, config, shell, subsystem, forward, steer");
	if (given[ARG_UID] != NULL && !text_parse_ulong(given[ARG_UID], 0xfffffffe, &uid))
		return usage("a uid is a number");
	ask.who = (struct policy_who){.role = given[ARG_ROLE], .uid = (uid_t)uid, .gid = getegid()};
	if (given[ARG_UID] != NULL)
		add_groups(&ask.who, groups);
	ask.method = (enum policy_method)policy_method_of(given[ARG_METHOD]);
	/* A configuration may be asked about without a line. */
	ask.command = ask.method == POLICY_EXEC || (ask.method == POLICY_CONFIG && given[ARG_COMMAND][0] != '\0')
			  ? given[ARG_COMMAND]
			  : NULL;
	ask.size = strlen(given[ARG_COMMAND]);
	config = inspect_load_config(o);
	if (config == NULL)
		return 1;
	set = platform_dirs_load(config->platform_path);
	status = inspect_print_json(test(config, set, given, &ask));
	platforms_destroy(set);
	config_unref(config);
	return status;
}
