/* The verbs that steer: what their arguments mean, and one line that says what came of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
#include "lib/npstatus.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"

/* ---- params ---- */

static cJSON *
steer_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = npctl_device_params(o);
	const char *agent = npclient_agent_socket();

	if (o->wait)
		cJSON_AddTrueToObject(params, "wait");
	if (o->text != NULL)
		cJSON_AddStringToObject(params, "text", o->text);
	if (strcmp(o->verb->name, "reconnect") == 0 && agent != NULL)
		cJSON_AddStringToObject(params, "agent_socket", agent);
	return params;
}

static int
read_id(const char *word, unsigned long *id, struct np_error *err)
{
	char shown[64];

	if (text_parse_ulong(word[0] == '#' ? word + 1 : word, 1ul << 53, id) && *id > 0)
		return 0;
	text_vis_into(shown, sizeof(shown), word);
	return error_set(err, REASON_INVALID_PARAMS, "%s: not an id: give the number that status shows", shown);
}

static cJSON *
close_params(const struct npctl_options *o, struct np_error *err)
{
	cJSON *params;
	unsigned long id = 0;

	if (o->args_count > 0 && o->args[0][0] == '#') {
		if (o->args_count > 1 || o->wait) {
			error_set(err, REASON_INVALID_PARAMS, "one session (#ID) at a time, and without --wait");
			return NULL;
		}
		if (read_id(o->args[0], &id, err) == -1)
			return NULL;
		params = cJSON_CreateObject();
		cJSON_AddNumberToObject(params, "session", (double)id);
	} else {
		params = npctl_device_params(o);
		if (o->wait)
			cJSON_AddTrueToObject(params, "wait");
	}
	if (o->now)
		cJSON_AddTrueToObject(params, "now");
	return params;
}

static cJSON *
kill_params(const struct npctl_options *o, struct np_error *err)
{
	cJSON *params;
	unsigned long id = 0;

	if (read_id(o->args[0], &id, err) == -1)
		return NULL;
	params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "id", (double)id);
	return params;
}

/* ---- words ---- */

/* "core1", "3 devices" or "all devices". */
static void
print_who(const struct npctl_options *o, const cJSON *result)
{
	double n = npjson_number(result, "devices", 0);

	if (o->args_count == 0)
		printf("all devices");
	else if (n == 1 && o->args_count == 1 && strpbrk(o->args[0], ",@*?[") == NULL)
		npctl_put_text(stdout, "", o->args[0], "");
	else
		printf("%.0f device%s", n, npstatus_plural(n));
}

/* What becomes, or became, of the sessions that there were. */
static void
print_old_sessions(const struct npctl_options *o, double n)
{
	if (n == 0)
		printf("; no session was open");
	else if (o->wait)
		printf("; %.0f session%s ended", n, npstatus_plural(n));
	else
		printf(
		    "; %.0f session%s end%s when what runs there has ended", n, npstatus_plural(n), n == 1 ? "s" : "");
}

static void
print_steered(const struct npctl_options *o, const cJSON *result)
{
	bool unchanged = npjson_number(result, "changed", -1) == 0;
	bool drained = o->wait && strcmp(o->verb->name, "drain") == 0;

	print_who(o, result);
	printf(": %s", unchanged ? o->verb->already : drained ? "drained" : o->verb->done);
	if (cJSON_GetObjectItemCaseSensitive(result, "sessions") != NULL)
		print_old_sessions(o, npjson_number(result, "sessions", 0));
	putchar('\n');
}

static void
print_close(const struct npctl_options *o, const cJSON *result)
{
	double n = npjson_number(result, "closed", 0);

	printf("%.0f session%s of ", n, npstatus_plural(n));
	npctl_put_text(stdout, "",
	    o->args_count == 1   ? o->args[0]
	    : o->args_count == 0 ? "all devices"
				 : "these devices",
	    o->now || o->wait ? " closed\n" : " closed, or will be when what runs there has ended\n");
}

static void
print_kill(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const char *device = npjson_string(result, "device");
	char what[32];

	printf("%s %.0f", npjson_text(result, "killed", what, sizeof(what)), npjson_number(result, "id", 0));
	npctl_put_text(stdout, device != NULL ? " of " : "", device != NULL ? device : "", " killed\n");
}

/* ---- the verbs ---- */

const struct npctl_verb npctl_verb_close = {
    .name = "close",
    .usage = "DEVICE ... [--now] [--wait]\n#ID [--now]",
    .help = "close its sessions when their commands have ended, or now\nclose one session",
    .missing = "name a device or a session (#ID), or give --all",
    .params = close_params,
    .print = print_close,
};

const struct npctl_verb npctl_verb_kill = {
    .name = "kill",
    .usage = "ID",
    .help = "end a session, a request or a client now",
    .missing = "give the number of a session, request or client, as status shows it",
    .params = kill_params,
    .print = print_kill,
};

#define STEERS(verb, usage_, help_, done_, already_)                                                                   \
	const struct npctl_verb npctl_verb_##verb = {.name = #verb,                                                    \
	    .usage = usage_,                                                                                           \
	    .help = help_,                                                                                             \
	    .params = steer_params,                                                                                    \
	    .print = print_steered,                                                                                    \
	    .done = done_,                                                                                             \
	    .already = already_}

STEERS(pause, "DEVICE ... [--wait]", "end its sessions gently, let new commands wait", "paused", "already paused");
STEERS(resume, "DEVICE ...", "undo pause", "resumed", "not paused");
STEERS(disable, "DEVICE ... [-m TEXT] [--wait]", "refuse its commands with the text", "disabled", "already disabled");
STEERS(enable, "DEVICE ...", "undo disable and drain", "enabled", "neither disabled nor drained");
STEERS(drain, "[DEVICE ...] [-m TEXT] [--wait]", "serve what waits, refuse what is new, close", "draining",
    "already draining");
STEERS(reconnect, "DEVICE ... [--wait]", "new sessions from now on, old ones end gently", "reconnecting", "");
