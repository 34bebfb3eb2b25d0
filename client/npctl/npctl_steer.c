/* The verbs of npctl that steer: what their arguments mean, and one line that says what came of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npclient.h"
#include "npctl/npctl.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"

/* ---- params ---- */

cJSON *
npctl_device_params(const struct npctl_options *o)
{
	cJSON *params = cJSON_CreateObject(), *list;

	if (o->args_count == 0) {
		cJSON_AddTrueToObject(params, "all");
		return params;
	}
	list = cJSON_AddArrayToObject(params, "devices");
	for (int i = 0; i < o->args_count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(o->args[i]));
	return params;
}

cJSON *
npctl_steer_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = npctl_device_params(o);
	const char *agent = npclient_agent_socket();

	if (o->wait)
		cJSON_AddTrueToObject(params, "wait");
	if (o->text != NULL)
		cJSON_AddStringToObject(params, "text", o->text);
	if (strcmp(o->verb, "reconnect") == 0 && agent != NULL)
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

cJSON *
npctl_close_params(const struct npctl_options *o, struct np_error *err)
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

cJSON *
npctl_kill_params(const struct npctl_options *o, struct np_error *err)
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
	double n = npctl_number(result, "devices");

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

static const struct {
	const char *verb;
	const char *done;
	const char *already; /* when it changed nothing */
} words[] = {
    {"pause", "paused", "already paused"},
    {"resume", "resumed", "not paused"},
    {"disable", "disabled", "already disabled"},
    {"enable", "enabled", "neither disabled nor drained"},
    {"drain", "draining", "already draining"},
    {"reconnect", "reconnecting", ""},
};

void
npctl_print_steer(const struct npctl_options *o, const cJSON *result)
{
	bool counted = cJSON_GetObjectItemCaseSensitive(result, "changed") != NULL;
	bool unchanged = counted && npctl_number(result, "changed") == 0;
	char name[256], sessions[96] = "";
	size_t i = 0;

	while (i + 1 < NP_COUNT(words) && strcmp(words[i].verb, o->verb) != 0)
		i++;
	if (cJSON_GetObjectItemCaseSensitive(result, "sessions") != NULL)
		old_sessions(o, npctl_number(result, "sessions"), sessions, sizeof(sessions));
	const char *done = o->wait && strcmp(o->verb, "drain") == 0 ? "drained" : words[i].done;
	printf("%s: %s%s%s\n", who(o, result, name, sizeof(name)), unchanged ? words[i].already : done,
	    sessions[0] != '\0' ? "; " : "", sessions);
}

void
npctl_print_close(const struct npctl_options *o, const cJSON *result)
{
	double n = npctl_number(result, "closed");
	char shown[256];

	printf("%.0f session%s of %s %s\n", n, n == 1 ? "" : "s",
	    o->args_count == 1   ? text_vis_into(shown, sizeof(shown), o->args[0])
	    : o->args_count == 0 ? "all devices"
				 : "these devices",
	    o->now || o->wait ? "closed" : "closed, or will be when what runs there has ended");
}

void
npctl_print_kill(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const cJSON *what = cJSON_GetObjectItemCaseSensitive(result, "killed");
	const cJSON *device = cJSON_GetObjectItemCaseSensitive(result, "device");
	char shown_what[32], shown[256];

	printf("%s %.0f%s%s killed\n",
	    text_vis_into(shown_what, sizeof(shown_what), cJSON_IsString(what) ? what->valuestring : "?"),
	    npctl_number(result, "id"), cJSON_IsString(device) ? " of " : "",
	    text_vis_into(shown, sizeof(shown), cJSON_IsString(device) ? device->valuestring : ""));
}
