/*
 * A session as `status` shows it; never shows a secret or a command.
 */
#include "broker/broker_impl.h"
#include "wire/json.h"

static double
tenths(double x)
{
	return json_round(x, 10);
}

cJSON *
link_json(struct link *link, double now)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *shell;
	double rtt = link->session != NULL ? session_rtt(link->session) : -1;

	cJSON_AddNumberToObject(o, "id", (double)link->id);
	cJSON_AddStringToObject(o, "state", pool_entry_state_word(&link->entry));
	cJSON_AddNumberToObject(o, "age", tenths(now - link->entry.created));
	if (link->session == NULL)
		return o;
	cJSON_AddNumberToObject(o, "last_used", link->entry.leases > 0 ? 0 : tenths(now - link->entry.last_used));
	if (rtt >= 0)
		cJSON_AddNumberToObject(o, "rtt_ms", json_round(rtt * 1000, 100));
	else
		cJSON_AddNullToObject(o, "rtt_ms");
	cJSON_AddNumberToObject(o, "channels_used", session_slots_used(link->session));
	cJSON_AddNumberToObject(o, "channels_max", session_slots_max(link->session));
	cJSON_AddNumberToObject(o, "commands", (double)link->commands);
	cJSON_AddNumberToObject(o, "bytes_in", (double)session_bytes_in(link->session));
	cJSON_AddNumberToObject(o, "bytes_out", (double)session_bytes_out(link->session));
	cJSON_AddStringToObject(o, "banner", session_banner(link->session));
	cJSON_AddStringToObject(o, "algorithms", session_algorithms(link->session));
	cJSON_AddStringToObject(o, "auth", link->auth != NULL ? link->auth : "");
	shell = link_shell_json(link);
	if (shell != NULL)
		cJSON_AddItemToObject(o, "shell", shell);
	return o;
}
