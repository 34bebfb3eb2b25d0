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

#include "broker_impl.h"
#include "clock.h"
#include "xalloc.h"

void
steer_rules_init(struct steer_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
	rules->all.pause = PAUSE_OFF;
	rules->all.door = DOOR_OPEN;
}

void
steer_rules_finish(struct steer_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		free(rules->list[i].name);
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
	about.name = NULL;
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
	free(rules->list[i].name);
	rules->count--;
	memmove(&rules->list[i], &rules->list[i + 1], (rules->count - i) * sizeof(rules->list[0]));
}

/* The device in USER@DEVICE, or NULL: what is said about a device holds for all its users. */
static const char *
device_of(const char *name)
{
	const char *at = strrchr(name, '@');

	return at != NULL ? at + 1 : NULL;
}

/* What merely repeats what holds for all, or for all users of the device, is no exception. */
static void
simplify(const struct steer_rules *rules, struct steer_rule *rule)
{
	const char *device = device_of(rule->name);
	struct steer_rule usual = device != NULL ? steer_rules_about(rules, device, NULL) : rules->all;

	if (rule->pause == usual.pause)
		rule->pause = PAUSE_UNSAID;
	if (rule->door == usual.door && strcmp(rule->text, usual.text) == 0)
		rule->door = DOOR_UNSAID;
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

/* Exceptions for single users of a device end with what is said about it. */
static void
take_back_users(struct steer_rules *rules, const char *name, const struct steer_rule *what)
{
	for (size_t i = rules->count; i-- > 0;) {
		const char *device = device_of(rules->list[i].name);
		if (device != NULL && strcmp(device, name) == 0 && take_back(&rules->list[i], what))
			remove_at(rules, i);
	}
}

static void
say_about(struct steer_rules *rules, const char *name, const struct steer_rule *what)
{
	size_t i;

	take_back_users(rules, name, what);
	i = place_of(rules, name);
	if (i == rules->count || strcmp(rules->list[i].name, name) != 0) {
		rules->list = xreallocarray(rules->list, rules->count + 1, sizeof(rules->list[0]));
		memmove(&rules->list[i + 1], &rules->list[i], (rules->count - i) * sizeof(rules->list[0]));
		rules->list[i] = (struct steer_rule){.name = xstrdup(name)};
		rules->count++;
	}
	overlay(&rules->list[i], what);
	simplify(rules, &rules->list[i]);
	if (rules->list[i].pause == PAUSE_UNSAID && rules->list[i].door == DOOR_UNSAID)
		remove_at(rules, i);
}

static void
say_about_all(struct steer_rules *rules, const struct steer_rule *what)
{
	overlay(&rules->all, what);
	for (size_t i = rules->count; i-- > 0;) {
		if (take_back(&rules->list[i], what))
			remove_at(rules, i);
	}
}

int
steer_rules_say(struct steer_rules *rules, const struct selection *s, const struct steer_rule *what)
{
	struct steer_rule now;
	int changed = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct steer_rule before = steer_rules_about(rules, s->names[i], device_of(s->names[i]));
		now = before;
		overlay(&now, what);
		changed += !same(&before, &now);
		if (!s->all)
			say_about(rules, s->names[i], what);
	}
	if (s->all)
		say_about_all(rules, what);
	return changed;
}

/* ---- pools ---- */

/* Those who wait for a way through a jump host waited for nothing they could be blamed for. */
static void
restart_forwards(struct broker_pool *pool)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &pool->policy.waiters, link) {
		const struct request *r = request_by_waiter(w);
		if (w->slotless && w->deadline > 0)
			w->deadline = clock_now() + r->params.queue_timeout;
	}
}

static void
fail_held(struct broker_pool *pool)
{
	struct np_error err;
	struct request *r;

	while (broker_steer_admit(pool, &err) == -1 && (r = TAILQ_FIRST(&pool->held)) != NULL)
		request_fail(r, &err);
}

void
broker_steer_apply(struct broker_pool *pool)
{
	struct steer_rule about = steer_rules_about(&pool->broker->rules, pool->device->name, pool->device_name);
	struct pool *p = &pool->policy;
	bool resumed = p->paused && about.pause != PAUSE_ON;

	p->paused = about.pause == PAUSE_ON;
	p->disabled = about.door == DOOR_SHUT;
	p->draining = about.door == DOOR_DRAINING;
	snprintf(p->disabled_text, sizeof(p->disabled_text), "%s", about.text);
	if (resumed)
		restart_forwards(pool);
	if (p->disabled)
		fail_held(pool);
	broker_pool_kick(pool);
}

int
broker_steer_admit(const struct broker_pool *pool, struct np_error *err)
{
	const struct pool *p = &pool->policy;

	if (!p->disabled && !p->draining)
		return 0;
	if (p->disabled_text[0] != '\0')
		return error_set(err, REASON_DISABLED, "%s", p->disabled_text);
	return error_set(
	    err, REASON_DISABLED, "%s by the operator (npctl enable)", p->disabled ? "disabled" : "drained");
}
