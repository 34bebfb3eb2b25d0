/*
 * What the operator has said about a device, as `status` shows it.
 */
#include "broker/steer/steer.h"

/* What the operator has said about it. */
void
steer_json_add(cJSON *o, const struct steer_rules *rules, const char *name, const char *other)
{
	struct steer_rule about = steer_rules_about(rules, name, other);

	cJSON_AddBoolToObject(o, "paused", about.pause == PAUSE_ON);
	cJSON_AddBoolToObject(o, "draining", about.door == DOOR_DRAINING);
	cJSON_AddBoolToObject(o, "disabled", about.door == DOOR_SHUT);
	if (about.text[0] != '\0')
		cJSON_AddStringToObject(o, "text", about.text);
	else
		cJSON_AddNullToObject(o, "text");
}
