/* Remarks about a policy; see conf_lint.h. */
#include <string.h>

#include "base/glob.h"
#include "inspect/conf_lint.h"
#include "policy/policy.h"

/* ---- names that mean nothing ---- */

static bool
has_socket(const struct config *config, const char *role)
{
	for (size_t i = 0; i < config->sockets_count; i++) {
		if (strcmp(config->sockets[i].role, role) == 0)
			return true;
	}
	return strcmp(role, POLICY_MAIN) == 0 || (config->system && strcmp(role, POLICY_USERS) == 0);
}

static bool
names_any(const struct config *config, const char *item)
{
	for (size_t i = 0; i < config->devices_count; i++) {
		const struct device_conf *d = config->devices[i];

		if (item[0] == '@' ? strings_has(&d->groups, item + 1) : glob_match(item, d->name))
			return true;
	}
	return false;
}

static void
check_names(struct conf_remarks *remarks, const struct config *config, const struct policy_rule *rule)
{
	bool adhoc = (rule->may & POLICY_ADHOC) != 0 || rule->role == NULL || strcmp(rule->role, POLICY_MAIN) == 0;

	if (rule->role != NULL && !has_socket(config, rule->role))
		conf_remark_add(remarks, false, rule->where, "no socket has the role `%s`", rule->role);
	for (size_t i = 0; i < rule->devices.n; i++) {
		const char *item = rule->devices.v[i];

		if (!names_any(config, item) && (item[0] == '@' || !adhoc))
			conf_remark_add(remarks, false, rule->where,
			    item[0] == '@' ? "no configured device is in group `%s`" : "no configured device is `%s`",
			    item + (item[0] == '@'));
	}
}

/* ---- rules behind others ---- */

static bool
same_or_any(const char *any, const char *text)
{
	return any == NULL || (text != NULL && strcmp(any, text) == 0);
}

static bool
all_in(const struct strings *some, const struct strings *all)
{
	for (size_t i = 0; i < some->n; i++) {
		if (!strings_has(all, some->v[i]))
			return false;
	}
	return some->n > 0;
}

static bool
has_expression(const struct policy_commands *c, const char *text)
{
	for (size_t i = 0; i < c->list.count; i++) {
		if (strcmp(pattern_text(c->list.items[i]), text) == 0)
			return true;
	}
	return false;
}

static bool
covers_commands(const struct policy_commands *a, const struct policy_commands *b)
{
	if (!a->given)
		return true;
	if (!b->given || (b->read_only && !a->read_only))
		return false;
	for (size_t i = 0; i < b->list.count; i++) {
		if (!has_expression(a, pattern_text(b->list.items[i])))
			return false;
	}
	return true;
}

/* Whatever matches the second has been decided by the first. */
static bool
covers(const struct policy_rule *a, const struct policy_rule *b)
{
	return same_or_any(a->role, b->role) && (!a->uid_given || (b->uid_given && a->uid == b->uid)) &&
	       (!a->gid_given || (b->gid_given && a->gid == b->gid)) &&
	       (a->door == POLICY_ANY_DOOR || a->door == b->door) && same_or_any(a->hours, b->hours) &&
	       same_or_any(a->group, b->group) && (b->methods & ~a->methods) == 0 &&
	       (a->devices.n == 0 || all_in(&b->devices, &a->devices)) && covers_commands(&a->commands, &b->commands) &&
	       (a->then == POLICY_DENY || (b->may & ~a->may) == 0);
}

static void
check_reach(struct conf_remarks *remarks, const struct policy *p, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (!covers(&p->rules[k], &p->rules[i]))
			continue;
		conf_remark_add(remarks, false, p->rules[i].where, "never reached: %s has decided before (%s)",
		    p->rules[k].where, policy_then_name(p->rules[k].then));
		return;
	}
}

/* ---- expressions ---- */

static void
check_expressions(struct conf_remarks *remarks, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->commands.list.count; i++) {
		const char *text = pattern_text(rule->commands.list.items[i]);

		if (rule->then != POLICY_DENY && (strncmp(text, ".*", 2) == 0 || strncmp(text, ".+", 2) == 0))
			conf_remark_add(remarks, false, rule->where,
			    "the expression `%s` lets any command stand at its beginning: begin with the one that is "
			    "meant",
			    text);
	}
	if (rule->then == POLICY_DENY && rule->commands.given)
		conf_remark_add(remarks, false, rule->where,
		    "denying some commands prevents accidents and is no boundary: allow some instead");
}

void
policy_lint(struct conf_remarks *remarks, const struct config *config)
{
	const struct policy *p = &config->policy;

	for (size_t i = 0; i < p->count; i++) {
		check_names(remarks, config, &p->rules[i]);
		check_reach(remarks, p, i);
		check_expressions(remarks, &p->rules[i]);
	}
	for (size_t i = 0; i < config->sockets_count; i++) {
		const char *role = config->sockets[i].role;
		bool any = false;

		for (size_t k = 0; k < p->count && !any; k++)
			any = p->rules[k].then != POLICY_DENY && same_or_any(p->rules[k].role, role);
		if (!any)
			conf_remark_add(
			    remarks, false, config->sockets[i].where, "no rule allows anything to the role `%s`", role);
	}
}
