/* The verb `devices`: which devices a list, a group or a pattern stands for.  Reads the configuration, changes nothing.
 */
#include "broker/broker_impl.h"
#include "wire/json.h"
#include "conf/devlist.h"

int
verb_devices(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"pattern"};
	const char *pattern = NULL;
	struct devlist list;
	int rc;

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    params_string(m->params, "pattern", &pattern, err) == -1)
		return -1;
	if (pattern == NULL)
		return error_set(err, REASON_INVALID_PARAMS, "`pattern` is missing");
	rc = devlist_expand(b->config, pattern, &list, err);
	if (rc == 0) {
		cJSON *result = cJSON_CreateObject();
		cJSON_AddItemToObject(result, "devices", json_strings(list.names, list.count));
		client_result(client, &m->id, result);
	}
	devlist_finish(&list);
	return rc;
}
