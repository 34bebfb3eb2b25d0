/* By which rules a request was let in; see pass.h. */
#include "broker/request/pass.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "broker/client/user.h"
#include "conf/conf.h"

struct passed {
	struct policy_rule *rule;
	unsigned commands;
	bool entered; /* in the rule's limits */
};

struct pass {
	struct config *config;
	char *device;
	struct passed *rules; /* each once */
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
		if (pass->rules[i].rule->then == POLICY_CONFIRM)
			return true;
	}
	return false;
}

static size_t
find(const struct pass *pass, const struct policy_rule *rule)
{
	size_t i = 0;

	while (i < pass->count && pass->rules[i].rule != rule)
		i++;
	return i;
}

bool
pass_has(const struct pass *pass, const struct policy_rule *rule)
{
	return find(pass, rule) < pass->count;
}

void
pass_add(struct pass *pass, struct policy_rule *rule)
{
	size_t i = find(pass, rule);

	if (rule == NULL)
		return;
	if (i == pass->count) {
		pass->rules = xreallocarray(pass->rules, pass->count + 1, sizeof(pass->rules[0]));
		pass->rules[pass->count++] = (struct passed){.rule = rule};
	}
	pass->rules[i].commands++;
}

int
pass_enter(struct pass *pass, double now, struct np_error *err)
{
	for (size_t i = 0; i < pass->count; i++) {
		struct passed *p = &pass->rules[i];

		if (!p->entered && policy_enter(p->rule, pass->device, p->commands, now, err) == -1)
			return -1;
		p->entered = true;
	}
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
	for (size_t i = 0; i < pass->count; i++) {
		if (pass->rules[i].entered)
			policy_leave(pass->rules[i].rule, pass->device);
	}
	if (pass->user != NULL)
		user_leave(pass->user, pass->device);
	config_unref(pass->config);
	free(pass->rules);
	free(pass->device);
	free(pass);
}
