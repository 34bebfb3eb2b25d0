/*
 * A client as `status` shows it; never shows a secret or a command.
 */
#include "broker/client/client_impl.h"
#include "wire/json.h"
#include "base/process.h"

cJSON *
client_json(const struct client *client, double now)
{
	cJSON *o = cJSON_CreateObject();
	struct client_bytes bytes = client_bytes(client);
	char program[128];

	cJSON_AddNumberToObject(o, "id", (double)client->who.peer);
	cJSON_AddNumberToObject(o, "pid", (double)client->who.pid);
	cJSON_AddNumberToObject(o, "uid", (double)client->who.uid);
	if (client->user != NULL && user_name(client->user)[0] != '\0')
		cJSON_AddStringToObject(o, "user", user_name(client->user));
	cJSON_AddStringToObject(o, "program", process_name(client->who.pid, program, sizeof(program)));
	cJSON_AddStringToObject(o, "role", client->who.role);
	if (client->who.door != NULL)
		cJSON_AddStringToObject(o, "door", client->who.door);
	json_add_rounded(o, "age", now - client->since, 10);
	cJSON_AddNumberToObject(o, "requests", client->counts[ANSWER_REQUEST]);
	cJSON_AddNumberToObject(o, "bytes_in", (double)bytes.in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)bytes.out);
	cJSON_AddNumberToObject(o, "pending", (double)bytes.pending);
	return o;
}
