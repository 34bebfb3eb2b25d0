/* Which rule decides, why, and what its limits still allow; see policy.h. */
#include "policy/policy.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/hashtab.h"
#include "base/xalloc.h"
#include "platform/platform.h"

#define MINUTE 60.0
#define LISTED_MAX 3 /* expressions in a message */

/* What only concerns clients of other sockets; and what only rules with expressions care about. */
#define OF_OTHERS (POLICY_ADHOC | POLICY_OPTIONS | POLICY_CREDENTIALS | POLICY_TRUSTED)
#define OF_COMMANDS (POLICY_ENV | POLICY_STDIN | POLICY_PTY | POLICY_ANSWERS)

/* ---- whom and what a rule is about ---- */

static bool
is_main(const struct policy_who *who)
{
	return strcmp(who->role, POLICY_MAIN) == 0;
}

static bool
is_member(const struct policy_who *who, gid_t group)
{
	for (size_t i = 0; i < who->groups_count; i++) {
		if (who->groups[i] == group)
			return true;
	}
	return who->gid == group;
}

static bool
is_about_who(const struct policy_rule *rule, const struct policy_who *who)
{
	return (rule->role == NULL || strcmp(rule->role, who->role) == 0) &&
	       (!rule->uid_given || (uid_t)rule->uid == who->uid) &&
	       (!rule->gid_given || (gid_t)rule->gid == who->gid) &&
	       (rule->group == NULL || is_member(who, rule->members)) &&
	       (rule->door == POLICY_ANY_DOOR || (rule->door == POLICY_MUX) == who->mux);
}

static bool
names(const char *item, const char *name, const struct strings *groups)
{
	if (item[0] == '@')
		return groups != NULL && strings_has(groups, item + 1);
	return name != NULL && glob_match(item, name);
}

static char *
make_lower(const char *text)
{
	char *lower = xstrdup(text);

	for (char *p = lower; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return lower;
}

/* A host is the same one in either case. */
static bool
names_host(const char *item, const char *host)
{
	char *of = make_lower(item), *is = make_lower(host != NULL ? host : "");
	bool same = glob_match(of, is);

	free(is);
	free(of);
	return same;
}

/* What is denied is denied under each name that one device may have. */
static bool
denies_like(const char *item, const struct policy_device *d)
{
	if (d->like == NULL)
		return false;
	if (item[0] == '@')
		return names(item, d->like, d->like_groups);
	return names_host(item, d->like) || names_host(item, d->name) || names_host(item, d->host);
}

static bool
is_about_device(const struct policy_rule *rule, const struct policy_device *d)
{
	if (rule->devices.n == 0)
		return true;
	for (size_t i = 0; d->name != NULL && i < rule->devices.n; i++) {
		const char *item = rule->devices.v[i];

		if (names(item, d->name, d->groups) || names(item, d->host, NULL) ||
		    (rule->then == POLICY_DENY && denies_like(item, d)))
			return true;
	}
	return false;
}

static bool
is_time(const struct policy_rule *rule, int minute)
{
	int day = minute / (24 * 60), of_day = minute % (24 * 60);
	bool today = (rule->when.days >> day & 1) != 0, yesterday = (rule->when.days >> (day + 6) % 7 & 1) != 0;

	if (rule->when.days == 0)
		return true;
	if (rule->when.from < rule->when.to)
		return today && of_day >= rule->when.from && of_day < rule->when.to;
	return (today && of_day >= rule->when.from) || (yesterday && of_day < rule->when.to);
}

/* ---- commands ---- */

/* The command of an ask, read when the first rule needs it. */
struct reading {
	bool done;
	const char *why; /* it could be more than one */
	struct policy_line line;
	struct policy_line lower; /* the same as command lines read it that know no upper case */
};

static const struct reading *
read_once(struct reading *r, const struct policy_ask *ask)
{
	static const struct policy_device config = {.shell = true};

	if (r->done)
		return r;
	r->done = true;
	r->why = policy_read_command(
	    ask->command, ask->size, ask->method == POLICY_CONFIG ? &config : &ask->device, &r->line);
	r->lower.size = r->why == NULL ? r->line.size : 0;
	for (size_t i = 0; i < r->lower.size; i++)
		r->lower.text[i] = (char)tolower((unsigned char)r->line.text[i]);
	return r;
}

/* Whether it is one of these commands.  What a platform calls read_only may say what is not: that no case gets by. */
static bool
is_among(const struct policy_commands *c, const struct platform *p, const struct reading *r)
{
	return pattern_list_matches(&c->list, r->line.text, r->line.size) ||
	       (c->read_only && p != NULL && pattern_list_matches(&p->read_only, r->line.text, r->line.size) &&
		   pattern_list_matches(&p->read_only, r->lower.text, r->lower.size));
}

static bool
list_might_match(const struct pattern_list *list, const char *text, size_t size)
{
	for (size_t i = 0; i < list->count; i++) {
		if (pattern_find(list->items[i], text, size, NULL, NULL) != PATTERN_NO)
			return true;
	}
	return false;
}

static bool
might_be_among(const struct policy_commands *c, const struct platform *p, const char *text, size_t size)
{
	return list_might_match(&c->list, text, size) ||
	       (c->read_only && p != NULL && list_might_match(&p->read_only, text, size));
}

/* Whether it is, or could be, what this rule denies: as it was written, and as the device may read it. */
static bool
might_be(const struct policy_rule *rule, const struct policy_ask *ask, struct reading *reading)
{
	const struct platform *p = ask->device.platform;

	if (ask->command == NULL)
		return false;
	return read_once(reading, ask)->why != NULL || might_be_among(&rule->commands, p, ask->command, ask->size) ||
	       might_be_among(&rule->commands, p, reading->line.text, reading->line.size) ||
	       might_be_among(&rule->commands, p, reading->lower.text, reading->lower.size);
}

/* ---- deciding ---- */

/* It is about lines of a configuration that are not there yet. */
static bool
awaits_lines(const struct policy_rule *rule, const struct policy_ask *ask)
{
	return rule->commands.given && ask->method == POLICY_CONFIG && ask->command == NULL;
}

/* What keeps a rule that matches otherwise from allowing all that is asked for. */
static enum policy_miss
misses(const struct policy *p, const struct policy_rule *rule, const struct policy_ask *ask, struct reading *reading,
    unsigned *lacks)
{
	unsigned wants = ask->wants & ~(p->system ? 0 : (unsigned)POLICY_TRUSTED);

	if (rule->commands.given && !awaits_lines(rule, ask)) {
		if (ask->command == NULL)
			return POLICY_MISS_COMMAND;
		if (read_once(reading, ask)->why != NULL)
			return POLICY_MISS_COMPOUND;
		if (!is_among(&rule->commands, ask->device.platform, reading))
			return POLICY_MISS_COMMAND;
	} else if (!rule->commands.given && (rule->then != POLICY_CONFIRM || ask->method != POLICY_EXEC)) {
		wants &= ~(unsigned)OF_COMMANDS; /* neither an expression nor a person decides about a text */
	}
	if (is_main(&ask->who))
		wants &= ~(unsigned)OF_OTHERS;
	*lacks = wants & ~rule->may;
	return *lacks != 0 ? POLICY_MISS_MAY : POLICY_MISS_NONE;
}

static bool
denies(const struct policy_rule *rule, const struct policy_ask *ask, struct reading *reading)
{
	return rule->then == POLICY_DENY && (!rule->commands.given || might_be(rule, ask, reading));
}

/* Of several that almost allow it, one that knows the command says more than one that does not. */
static void
note_miss(struct policy_verdict *v, struct policy_rule *rule, enum policy_miss miss, const char *why, unsigned lacks)
{
	if (v->nearly != NULL && (v->miss != POLICY_MISS_COMMAND || miss == POLICY_MISS_COMMAND))
		return;
	v->nearly = rule;
	v->miss = miss;
	v->why = miss == POLICY_MISS_COMPOUND ? why : NULL;
	v->lacks = lacks;
}

bool
policy_concerns_main(const struct policy *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->rules[i].role == NULL ? !p->system : strcmp(p->rules[i].role, POLICY_MAIN) == 0)
			return true;
	}
	return false;
}

void
policy_decide(const struct policy *p, const struct policy_ask *ask, struct policy_verdict *v)
{
	struct reading reading = {.done = false};
	bool lines = false;

	*v = (struct policy_verdict){.then = POLICY_DENY};
	for (size_t i = 0; i < p->count; i++) {
		struct policy_rule *rule = &p->rules[i];
		enum policy_miss miss;
		unsigned lacks = 0;

		if ((rule->methods & ask->method) == 0 || !is_about_who(rule, &ask->who) ||
		    !is_about_device(rule, &ask->device) || !is_time(rule, ask->minute))
			continue;
		if (denies(rule, ask, &reading)) {
			v->why = rule->commands.given ? reading.why : NULL;
			v->nearly = NULL;
			v->rule = rule;
			return;
		}
		lines |= awaits_lines(rule, ask);
		if (rule->then == POLICY_DENY)
			continue;
		miss = misses(p, rule, ask, &reading, &lacks);
		if (miss == POLICY_MISS_NONE) {
			*v = (struct policy_verdict){
			    .then = rule->then, .lines = lines, .rule = awaits_lines(rule, ask) ? NULL : rule};
			return;
		}
		note_miss(v, rule, miss, reading.why, lacks);
	}
	if (is_main(&ask->who) && !policy_concerns_main(p))
		*v = (struct policy_verdict){.then = POLICY_ALLOW, .lines = lines};
}

bool
policy_shows(const struct policy *p, const struct policy_who *who, const struct policy_device *device)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct policy_rule *rule = &p->rules[i];

		if (!is_about_who(rule, who) || !is_about_device(rule, device))
			continue;
		if (rule->then != POLICY_DENY)
			return true;
		if (!rule->commands.given && rule->method_names.n == 0 && rule->when.days == 0)
			return false;
	}
	return is_main(who) && !policy_concerns_main(p);
}

/* ---- saying why ---- */

static void
list_commands(const struct policy_commands *c, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "%s", c->read_only ? "what its platform calls read_only" : "");

	for (size_t i = 0; i < c->list.count && used < size; i++) {
		if (i == LISTED_MAX) {
			snprintf(out + used, size - used, ", ...");
			break;
		}
		used += (size_t)snprintf(
		    out + used, size - used, "%s`%s`", used > 0 ? ", " : "", pattern_text(c->list.items[i]));
	}
}

static const char *
lacking(unsigned lacks)
{
	return (lacks & POLICY_ADHOC) != 0         ? "a device that is not configured (`may: [adhoc]`)"
	       : (lacks & POLICY_TRUSTED) != 0     ? "settings that act with the broker's own rights (`may: [trusted]`)"
	       : (lacks & POLICY_CREDENTIALS) != 0 ? "settings of a device (`may: [credentials]`)"
	       : (lacks & POLICY_OPTIONS) != 0     ? "connection_args of one's own (`may: [options]`)"
	       : (lacks & POLICY_ENV) != 0         ? "an environment (`may: [env]`)"
	       : (lacks & POLICY_PTY) != 0         ? "a terminal (`may: [pty]`)"
	       : (lacks & POLICY_ANSWERS) != 0     ? "answers (`may: [answers]`)"
						   : "an input (`may: [stdin]`)";
}

static void
explain_nearly(const struct policy_verdict *v, const char *what, const char *keys, struct np_error *err)
{
	char commands[256];

	list_commands(&v->nearly->commands, commands, sizeof(commands));
	switch (v->miss) {
	case POLICY_MISS_COMPOUND:
		error_set(err, REASON_DENIED, "%s: %s allows one command at a time, and this holds %s", what,
		    v->nearly->where, v->why);
		break;
	case POLICY_MISS_MAY:
		error_set(err, REASON_DENIED, "%s: %s allows it without %s%s%s", what, v->nearly->where,
		    lacking(v->lacks), keys != NULL ? ": " : "", keys != NULL ? keys : "");
		break;
	case POLICY_MISS_COMMAND:
	case POLICY_MISS_NONE:
		error_set(err, REASON_DENIED, "%s: %s allows other commands: %s", what, v->nearly->where, commands);
		break;
	}
}

void
policy_explain(const struct policy_ask *ask, const struct policy_verdict *v, struct np_error *err)
{
	const char *method = policy_method_name(ask->method);
	char what[64];

	snprintf(what, sizeof(what), "denied to role %s", ask->who.role);
	if (v->rule != NULL && v->why != NULL)
		error_set(
		    err, REASON_DENIED, "%s: %s denies some commands, and this holds %s", what, v->rule->where, v->why);
	else if (v->rule != NULL)
		error_set(err, REASON_DENIED, "%s: %s denies it (%s)", what, v->rule->where, method);
	else if (v->nearly != NULL)
		explain_nearly(v, what, ask->keys, err);
	else
		error_set(err, REASON_DENIED, "%s: no rule of the policy allows it %s%s", what, method,
		    ask->device.name != NULL ? " on this device" : " of the broker");
}

/* ---- limits ---- */

static int
take_tokens(struct policy_rule *rule, unsigned requests, double now, struct np_error *err)
{
	double max = rule->requests_per_minute;
	struct policy_meter *m = &rule->meter;

	if (m->filled < 0)
		m->tokens = max;
	else if (now > m->filled)
		m->tokens = fmin(max, m->tokens + (now - m->filled) * max / MINUTE);
	m->filled = now;
	if (requests > max)
		return error_set(err, REASON_DENIED, "denied: %s allows %d requests a minute, and these are %u",
		    rule->where, rule->requests_per_minute, requests);
	if (m->tokens < requests)
		return error_set(err, REASON_DENIED, "denied: %s allows %d requests a minute: try again in %.0f s",
		    rule->where, rule->requests_per_minute, ceil(fmin(MINUTE, (requests - m->tokens) * MINUTE / max)));
	m->tokens -= requests;
	return 0;
}

/* The place of this device among the busy ones; m->devices: it is none of them. */
static size_t
find_busy(const struct policy_meter *m, uint64_t name)
{
	size_t i = 0;

	while (i < m->devices && m->busy[i].name != name)
		i++;
	return i;
}

int
policy_enter(struct policy_rule *rule, const char *device, unsigned requests, double now, struct np_error *err)
{
	struct policy_meter *m = &rule->meter;
	bool counts = rule->devices_at_once > 0 && device != NULL;
	uint64_t name = counts ? hash_string(device) : 0;
	size_t i = counts ? find_busy(m, name) : 0;

	if (counts && i == m->devices && m->devices >= (size_t)rule->devices_at_once)
		return error_set(err, REASON_DENIED, "denied: %s allows %d devices at once: wait until one is done",
		    rule->where, rule->devices_at_once);
	if (rule->requests_per_minute > 0 && take_tokens(rule, requests, now, err) == -1)
		return -1;
	if (!counts)
		return 0;
	if (i == m->devices) {
		m->busy[i].name = name;
		m->busy[i].count = 0;
		m->devices++;
	}
	m->busy[i].count++;
	return 0;
}

void
policy_leave(struct policy_rule *rule, const char *device)
{
	struct policy_meter *m = &rule->meter;
	size_t i;

	if (rule->devices_at_once == 0 || device == NULL)
		return;
	i = find_busy(m, hash_string(device));
	if (i < m->devices && --m->busy[i].count == 0)
		m->busy[i] = m->busy[--m->devices];
}
