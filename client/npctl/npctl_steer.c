/* The verbs that steer: what their arguments mean, and one line that says what came of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
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
static const char *
who(const struct npctl_options *o, const cJSON *result, char *out, size_t size)
{
	double n = npjson_number(result, "devices", 0);

	if (o->args_count == 0)
		snprintf(out, size, "all devices");
	else if (n == 1 && o->args_count == 1 && strpbrk(o->args[0], ",@*?[") == NULL)
		text_vis_into(out, size, o->args[0]);
	else
		snprintf(out, size, "%.0f device%s", n, n == 1 ? "" : "s");
	return out;
}

/* What becomes, or became, of the sessions that there were. */
static const char *
old_sessions(const struct npctl_options *o, double n, char *out, size_t size)
{
	const char *s = n == 1 ? "" : "s";

	if (n == 0)
		snprintf(out, size, "no session was open");
	else if (o->wait)
		snprintf(out, size, "%.0f session%s ended", n, s);
	else
		snprintf(out, size, "%.0f session%s end%s when what runs there has ended", n, s, n == 1 ? "s" : "");
	return out;
}

static void
print_steered(const struct npctl_options *o, const cJSON *result, const char *done, const char *already)
{
	bool counted = cJSON_GetObjectItemCaseSensitive(result, "changed") != NULL;
	bool unchanged = counted && npjson_number(result, "changed", 0) == 0;
	char name[256], sessions[96] = "";

	if (cJSON_GetObjectItemCaseSensitive(result, "sessions") != NULL)
		old_sessions(o, npjson_number(result, "sessions", 0), sessions, sizeof(sessions));
	printf("%s: %s%s%s\n", who(o, result, name, sizeof(name)), unchanged ? already : done,
	    sessions[0] != '\0' ? "; " : "", sessions);
}

static void
print_close(const struct npctl_options *o, const cJSON *result)
{
	double n = npjson_number(result, "closed", 0);
	char shown[256];

	printf("%.0f session%s of %s %s\n", n, n == 1 ? "" : "s",
	    o->args_count == 1   ? text_vis_into(shown, sizeof(shown), o->args[0])
	    : o->args_count == 0 ? "all devices"
				 : "these devices",
	    o->now || o->wait ? "closed" : "closed, or will be when what runs there has ended");
}

static void
print_kill(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const cJSON *what = cJSON_GetObjectItemCaseSensitive(result, "killed");
	const cJSON *device = cJSON_GetObjectItemCaseSensitive(result, "device");
	char shown_what[32], shown[256];

	printf("%s %.0f%s%s killed\n",
	    text_vis_into(shown_what, sizeof(shown_what), cJSON_IsString(what) ? what->valuestring : "?"),
	    npjson_number(result, "id", 0), cJSON_IsString(device) ? " of " : "",
	    text_vis_into(shown, sizeof(shown), cJSON_IsString(device) ? device->valuestring : ""));
}

/* ---- the verbs ---- */

const struct npctl_verb npctl_verb_close = {
    .name = "close",
    .usage = "DEVICE ... [--now] [--wait]\n#ID [--now]",
    .help = "close its sessions when their commands have ended, or now\nclose one session",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = "name a device or a session (#ID), or give --all",
    .method = "close",
    .params = close_params,
    .print = print_close,
};

static void
print_pause(const struct npctl_options *o, const cJSON *result)
{
	print_steered(o, result, "paused", "already paused");
}

const struct npctl_verb npctl_verb_pause = {
    .name = "pause",
    .usage = "DEVICE ... [--wait]",
    .help = "end its sessions gently, let new commands wait",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = NPCTL_MISSING_DEVICES,
    .method = "pause",
    .params = steer_params,
    .print = print_pause,
};

static void
print_resume(const struct npctl_options *o, const cJSON *result)
{
	print_steered(o, result, "resumed", "not paused");
}

const struct npctl_verb npctl_verb_resume = {
    .name = "resume",
    .usage = "DEVICE ...",
    .help = "undo pause",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = NPCTL_MISSING_DEVICES,
    .method = "resume",
    .params = steer_params,
    .print = print_resume,
};

static void
print_disable(const struct npctl_options *o, const cJSON *result)
{
	print_steered(o, result, "disabled", "already disabled");
}

const struct npctl_verb npctl_verb_disable = {
    .name = "disable",
    .usage = "DEVICE ... [-m TEXT] [--wait]",
    .help = "refuse its commands with the text",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = NPCTL_MISSING_DEVICES,
    .method = "disable",
    .params = steer_params,
    .print = print_disable,
};

static void
print_enable(const struct npctl_options *o, const cJSON *result)
{
	print_steered(o, result, "enabled", "neither disabled nor drained");
}

const struct npctl_verb npctl_verb_enable = {
    .name = "enable",
    .usage = "DEVICE ...",
    .help = "undo disable and drain",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = NPCTL_MISSING_DEVICES,
    .method = "enable",
    .params = steer_params,
    .print = print_enable,
};

static void
print_drain(const struct npctl_options *o, const cJSON *result)
{
	print_steered(o, result, o->wait ? "drained" : "draining", "already draining");
}

const struct npctl_verb npctl_verb_drain = {
    .name = "drain",
    .usage = "[DEVICE ...] [-m TEXT] [--wait]",
    .help = "serve what waits, refuse what is new, close",
    .args_max = NPCTL_ARGS_MANY,
    .method = "drain",
    .params = steer_params,
    .print = print_drain,
};

static void
print_reconnect(const struct npctl_options *o, const cJSON *result)
{
	print_steered(o, result, "reconnecting", "");
}

const struct npctl_verb npctl_verb_reconnect = {
    .name = "reconnect",
    .usage = "DEVICE ... [--wait]",
    .help = "new sessions from now on, old ones end gently",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = NPCTL_MISSING_DEVICES,
    .method = "reconnect",
    .params = steer_params,
    .print = print_reconnect,
};

const struct npctl_verb npctl_verb_kill = {
    .name = "kill",
    .usage = "ID",
    .help = "end a session, a request or a client now",
    .args_min = 1,
    .args_max = 1,
    .missing = "give the number of a session, request or client, as status shows it",
    .method = "kill",
    .params = kill_params,
    .print = print_kill,
};
