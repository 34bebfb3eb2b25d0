/*
 * The configuration is read again: checked whole, handed to the devices, and the old one let go.
 */
#include "broker/broker_impl.h"
#include "base/log.h"

/* Those that can be made are. */
static int
follow_sockets(struct broker *b, const struct config *config, struct np_error *err)
{
	struct np_error why;
	int rc = broker_sockets_follow(b, config, err);

	if (broker_sockets_show(b, &why) == 0 || rc == -1)
		return rc;
	*err = why;
	return -1;
}

static int
reload(struct broker *b, int *changed, struct np_error *err)
{
	struct config *config = config_load(b->options.config_file, b->config->system, err);
	int rc = 0;

	*changed = 0;
	if (config == NULL) {
		audit_reopen(b->events); /* who rotates logs need not know of bad files */
		report_reloaded(b->events, 0, err);
		log_error("config", "reload refused, the former configuration stays in force: %s", err->text);
		return -1;
	}
	for (size_t i = 0; i < config->warnings.n; i++)
		log_warning("config", "%s", config->warnings.v[i]);
	broker_confirmations_drop(b);
	struct platforms *platforms = broker_platforms_load(config);
	devices_reload(b->devices, config, platforms, changed);
	platforms_destroy(b->platforms);
	b->platforms = platforms;
	bool other_sandbox = config->sandbox != b->config->sandbox ||
			     config->children_no_new_privileges != b->config->children_no_new_privileges;
	config_unref(b->config);
	b->config = config;
	broker_gate_waiting(b);
	if (b->doors != NULL && !b->stopping)
		doors_follow(b->doors, config);
	if (!b->stopping && b->listener != NULL && !listener_is_lost(b->listener))
		rc = follow_sockets(b, config, err);
	if (other_sandbox)
		log_warning("config", "what a process has given up it does not get back: `sandbox' and "
				      "`children_no_new_privileges' take effect with a new broker (npctl upgrade, or a "
				      "restart of its service)");
	if (config->log_level_given && !b->options.fixed_log_level)
		log_set_level(config->log_level);
	audit_configure(b->events, config->audit_log);
	report_reloaded(b->events, *changed, NULL);
	log_info("config", "reloaded: %zu devices, %d changed", config->devices_count, *changed);
	if (rc == -1) {
		error_prefix(err, "the configuration is in force, but a socket of it is not");
		log_error("config", "%s", err->text);
	}
	return rc;
}

int
broker_reload(struct broker *b, int *changed, struct np_error *err)
{
	bool tell = !b->stopping; /* READY=1 would take the STOPPING=1 back */
	int rc;

	if (tell && b->options.reloading != NULL)
		b->options.reloading(b->options.arg);
	log_reopen();
	rc = reload(b, changed, err);
	if (tell && b->options.reloaded != NULL)
		b->options.reloaded(rc == -1 ? err : NULL, b->options.arg);
	return rc;
}
