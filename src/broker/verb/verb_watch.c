/*
 * The verb `watch`: every event from now on, or those of one device.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "base/text.h"

static bool
is_known(const struct broker *b, const char *device)
{
	const struct device *dev;

	if (config_device(b->config, device) != NULL)
		return true;
	for (dev = device_next(b, NULL); dev != NULL; dev = device_next(b, dev)) {
		if (strcmp(device_settings(dev)->name, device) == 0 || strcmp(device_alias(dev), device) == 0)
			return true;
	}
	return false;
}

int
broker_verb_watch(struct broker *b, struct client *client, const struct message *m, struct np_error *err)
{
	static const char *const names[] = {"device"};
	const char *device = NULL;
	char shown[128];

	if (params_only(m->params, names, NP_COUNT(names), err) == -1 ||
	    params_string(m->params, "device", &device, err) == -1)
		return -1;
	if (device != NULL && !is_known(b, device))
		return error_set(err, REASON_UNKNOWN_DEVICE, "the broker knows no device `%s`: see npctl status",
		    text_vis_into(shown, sizeof(shown), device));
	return report_watch(b->events, client, &m->id, device, err);
}
