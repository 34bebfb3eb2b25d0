/*
 * What an operator has said about devices: paused or not, open, draining or shut.  It holds for devices that have no
 * pool yet, survives pools and reloads, and ends with the broker.
 *
 * What is said about all devices takes back whatever was said about single ones before; what is said about a single one
 * afterwards is an exception.  So it is between a device and USER@DEVICE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/steer/steer.h"
#include "conf/conf.h"
#include "conf/devlist.h"
#include "base/xalloc.h"

void
steer_rules_init(struct steer_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
	rules->all.pause = PAUSE_OFF;
	rules->all.door = DOOR_OPEN;
}

static void
rule_finish(struct steer_rule *rule)
{
	free(rule->name);
	free(rule->device);
}

void
steer_rules_finish(struct steer_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		rule_finish(&rules->list[i]);
	free(rules->list);
	memset(rules, 0, sizeof(*rules));
}

/* The place of that name in the list, or where it belongs. */
static size_t
place_of(const struct steer_rules *rules, const char *name)
{
	size_t low = 0, high = rules->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(rules->list[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct steer_rule *
find(const struct steer_rules *rules, const char *name)
{
	size_t i = place_of(rules, name);

	return i < rules->count && strcmp(rules->list[i].name, name) == 0 ? &rules->list[i] : NULL;
}

bool
steer_rules_know(const struct steer_rules *rules, const char *name)
{
	return find(rules, name) != NULL;
}

bool
steer_rules_drain(const struct steer_rules *rules)
{
	bool any = rules->all.door == DOOR_DRAINING;

	for (size_t i = 0; i < rules->count; i++)
		any |= rules->list[i].door == DOOR_DRAINING;
	return any;
}

struct steer_rule
steer_rules_about(const struct steer_rules *rules, const char *name, const char *other)
{
	const struct steer_rule *found[2] = {other != NULL ? find(rules, other) : NULL, find(rules, name)};
	struct steer_rule about = rules->all;

	for (size_t i = 0; i < NP_COUNT(found); i++) {
		if (found[i] == NULL)
			continue;
		if (found[i]->pause != PAUSE_UNSAID)
			about.pause = found[i]->pause;
		if (found[i]->door == DOOR_UNSAID)
			continue;
		about.door = found[i]->door;
		memcpy(about.text, found[i]->text, sizeof(about.text));
	}
	about.name = about.device = NULL;
	return about;
}

static bool
same(const struct steer_rule *a, const struct steer_rule *b)
{
	return a->pause == b->pause && a->door == b->door && strcmp(a->text, b->text) == 0;
}

static void
overlay(struct steer_rule *rule, const struct steer_rule *what)
{
	if (what->pause != PAUSE_UNSAID)
		rule->pause = what->pause;
	if (what->door == DOOR_UNSAID)
		return;
	rule->door = what->door;
	memcpy(rule->text, what->text, sizeof(rule->text));
}

static void
remove_at(struct steer_rules *rules, size_t i)
{
	rule_finish(&rules->list[i]);
	rules->count--;
	memmove(&rules->list[i], &rules->list[i + 1], (rules->count - i) * sizeof(rules->list[0]));
}

/* What merely repeats what holds for all, or for all users of the device, is no exception. */
static void
simplify(const struct steer_rules *rules, struct steer_rule *rule)
{
	struct steer_rule general = rule->device != NULL ? steer_rules_about(rules, rule->device, NULL) : rules->all;

	if (rule->pause == general.pause)
		rule->pause = PAUSE_UNSAID;
	if (rule->door == general.door && strcmp(rule->text, general.text) == 0)
		rule->door = DOOR_UNSAID;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
selection_finish(struct selection *s)
{
	strings_finish(&s->names);
	memset(s, 0, sizeof(*s));
}

bool
selection_has_name(const struct selection *s, const char *name)
{
	return s->names.n > 0 && bsearch(&name, s->names.v, s->names.n, sizeof(s->names.v[0]), compare_names) != NULL;
}

/* Takes back what was said about one, as far as `what` says something; whether nothing is left. */
static bool
take_back(struct steer_rule *rule, const struct steer_rule *what)
{
	if (what->pause != PAUSE_UNSAID)
		rule->pause = PAUSE_UNSAID;
	if (what->door != DOOR_UNSAID)
		rule->door = DOOR_UNSAID;
	return rule->pause == PAUSE_UNSAID && rule->door == DOOR_UNSAID;
}

/* Exceptions for users of a device end with what is said about it, as all of them with what is said about all. */
static void
take_back_exceptions(struct steer_rules *rules, const struct selection *s, const struct steer_rule *what)
{
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++) {
		struct steer_rule *rule = &rules->list[i];
		bool general = s->all || (rule->device != NULL && selection_has_name(s, rule->device));

		if (general && take_back(rule, what))
			rule_finish(rule);
		else
			rules->list[kept++] = *rule;
	}
	rules->count = kept;
}

static void
say_about(struct steer_rules *rules, const char *name, char *device, const struct steer_rule *what)
{
	size_t i = place_of(rules, name);

	if (i == rules->count || strcmp(rules->list[i].name, name) != 0) {
		rules->list = xreallocarray(rules->list, rules->count + 1, sizeof(rules->list[0]));
		memmove(&rules->list[i + 1], &rules->list[i], (rules->count - i) * sizeof(rules->list[0]));
		rules->list[i] = (struct steer_rule){.name = xstrdup(name), .device = device};
		rules->count++;
	} else
		free(device);
	overlay(&rules->list[i], what);
	simplify(rules, &rules->list[i]);
	if (rules->list[i].pause == PAUSE_UNSAID && rules->list[i].door == DOOR_UNSAID)
		remove_at(rules, i);
}

int
steer_rules_say(
    struct steer_rules *rules, const struct config *config, const struct selection *s, const struct steer_rule *what)
{
	int changed = 0;

	for (size_t i = 0; i < s->names.n; i++) {
		char *device = config_device_of_user(config, s->names.v[i]);
		struct steer_rule before = steer_rules_about(rules, s->names.v[i], device), now = before;

		overlay(&now, what);
		changed += !same(&before, &now);
		free(device);
	}
	take_back_exceptions(rules, s, what);
	if (s->all)
		overlay(&rules->all, what);
	for (size_t i = 0; i < s->names.n && !s->all; i++)
		say_about(rules, s->names.v[i], config_device_of_user(config, s->names.v[i]), what);
	return changed;
}

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
