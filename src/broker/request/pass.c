/* By which rules a request was let in; see pass.h. */
#include "broker/request/pass.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "broker/client/user.h"
#include "conf/conf.h"

struct pass {
	struct config *config;
	char *device;
	struct policy_rule **rules; /* each once */
	size_t count;
	bool awaits_lines;
	const struct policy_rule *confirmed;
	struct user *user; /* in whose requests it is counted; or NULL */
};

struct pass *
pass_create(struct config *config, const char *device)
{
	struct pass *pass = xcalloc(1, sizeof(*pass));

	pass->config = config_ref(config);
	pass->device = xstrdup_null(device);
	return pass;
}

const struct config *
pass_config(const struct pass *pass)
{
	return pass->config;
}

void
pass_await_lines(struct pass *pass, const struct policy_rule *confirmed)
{
	pass->awaits_lines = true;
	pass->confirmed = confirmed;
}

bool
pass_awaits_lines(const struct pass *pass)
{
	return pass->awaits_lines;
}

const struct policy_rule *
pass_confirmed(const struct pass *pass)
{
	return pass->confirmed;
}

bool
pass_is_confirmed(const struct pass *pass)
{
	for (size_t i = 0; i < pass->count; i++) {
		if (pass->rules[i]->then == POLICY_CONFIRM)
			return true;
	}
	return false;
}

bool
pass_has(const struct pass *pass, const struct policy_rule *rule)
{
	for (size_t i = 0; i < pass->count; i++) {
		if (pass->rules[i] == rule)
			return true;
	}
	return false;
}

int
pass_by(struct pass *pass, struct policy_rule *rule, unsigned commands, double now, struct np_error *err)
{
	if (policy_enter(rule, pass->device, commands, now, err) == -1)
		return -1;
	pass->rules = xreallocarray(pass->rules, pass->count + 1, sizeof(pass->rules[0]));
	pass->rules[pass->count++] = rule;
	return 0;
}

int
pass_count(struct pass *pass, struct user *user, const struct user_limits *limits, struct np_error *err)
{
	if (user == NULL || pass->device == NULL)
		return 0;
	if (user_enter(user, limits, pass->device, err) == -1)
		return -1;
	pass->user = user;
	return 0;
}

void
pass_destroy(struct pass *pass)
{
	if (pass == NULL)
		return;
	for (size_t i = 0; i < pass->count; i++)
		policy_leave(pass->rules[i], pass->device);
	if (pass->user != NULL)
		user_leave(pass->user, pass->device);
	config_unref(pass->config);
	free(pass->rules);
	free(pass->device);
	free(pass);
}
