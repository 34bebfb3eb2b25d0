/*
 * A session as `status` shows it; never shows a secret or a command.
 */
#include "broker/link/link_impl.h"
#include "wire/json.h"

cJSON *
link_json(const struct link *link, double now)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *shell;
	struct session_stats stats;

	cJSON_AddNumberToObject(o, "id", (double)link->is.id);
	cJSON_AddStringToObject(o, "state", pool_entry_state_word(&link->entry));
	cJSON_AddNumberToObject(o, "age", json_tenths(now - link->entry.created));
	if (link->is.session == NULL)
		return o;
	stats = session_stats(link->is.session);
	cJSON_AddNumberToObject(o, "last_used", link->entry.leases > 0 ? 0 : json_tenths(now - link->entry.last_used));
	if (stats.rtt >= 0)
		cJSON_AddNumberToObject(o, "rtt_ms", json_round(stats.rtt * 1000, 100));
	else
		cJSON_AddNullToObject(o, "rtt_ms");
	cJSON_AddNumberToObject(o, "channels_used", stats.slots_used);
	cJSON_AddNumberToObject(o, "channels_max", stats.slots_max);
	cJSON_AddNumberToObject(o, "commands", (double)link->is.commands);
	cJSON_AddNumberToObject(o, "bytes_in", (double)stats.bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)stats.bytes_out);
	cJSON_AddStringToObject(o, "banner", session_banner(link->is.session));
	cJSON_AddStringToObject(o, "algorithms", session_algorithms(link->is.session));
	cJSON_AddStringToObject(o, "auth", link->is.auth);
	shell = link_shell_json(link);
	if (shell != NULL)
		cJSON_AddItemToObject(o, "shell", shell);
	return o;
}
