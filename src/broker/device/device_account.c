/*
 * Devices and the accounts (src/account) that their log-ins use: which one bars a device, what lifts that, how it is
 * shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/device/device_impl.h"
#include "base/log.h"
#include "wire/json.h"

#define GATE_SHOWN 20 /* accounts beside the broker; all of them: the verb accounts */

void
device_note_account(struct device *dev, uint64_t account, const struct np_error *err)
{
	if (err->reason == REASON_AUTH_FAILED || err->reason == REASON_AUTH_BACKOFF ||
	    err->reason == REASON_PRIVILEGE_FAILED)
		dev->account = account;
}

void
device_tell_unjudged(struct device *dev, struct link *link)
{
	const struct account *a = accounts_find(dev->all->world.accounts, link_facts(link).account);
	struct account_facts f;
	char text[256];

	if (a == NULL)
		return;
	account_facts(a, &f);
	if (f.kind == ACCOUNT_KEYS)
		return;
	(void)snprintf(text, sizeof(text),
	    "the %s of %.64s counts as refused there, for nobody waited for the verdict: npctl accounts retry %.64s "
	    "allows it again",
	    account_kind_word(a, true), f.user, f.user);
	notice_of_login(dev, link, text);
}

bool
device_account_is_free(const struct device *dev)
{
	char *place;
	bool barred;

	if (dev->account == 0 || dev->target == NULL || dev->all->world.accounts == NULL)
		return false;
	place = target_place(dev->target);
	barred = accounts_bar(dev->all->world.accounts, dev->account, place);
	free(place);
	return !barred;
}

static struct account_facts
facts_of(const struct device *dev)
{
	const struct account *a = accounts_find(dev->all->world.accounts, dev->account);
	struct account_facts f = {.kind = ACCOUNT_SECRET};

	if (a != NULL)
		account_facts(a, &f);
	return f;
}

bool
device_account_enables(const struct device *dev)
{
	return facts_of(dev).kind == ACCOUNT_ENABLE;
}

bool
device_password_is_free(const struct device *dev, struct secret *password)
{
	struct account_claim claim = {.secret = password};
	bool allowed;

	if (password == NULL || dev->account == 0 || dev->target == NULL)
		return false;
	if (facts_of(dev).code || facts_of(dev).command) /* another password does not help */
		return false;
	claim.kind = device_account_enables(dev) ? ACCOUNT_ENABLE : ACCOUNT_SECRET;
	claim.user = dev->target->user;
	claim.place = target_place(dev->target);
	claim.by_place = dev->target->device->credential_scope == SCOPE_DEVICE;
	allowed = accounts_allow(dev->all->world.accounts, &claim);
	free(claim.place);
	return allowed;
}

int
devices_retry(struct devices *all, const char *user)
{
	int count = accounts_retry(all->world.accounts, user);
	struct device *dev;

	TAILQ_FOREACH (dev, &all->list, link) {
		if (dev->policy.block != POOL_AUTH || dev->target == NULL || strcasecmp(dev->target->user, user) != 0)
			continue;
		log_info("pool", "%s: log-ins are allowed again by npctl accounts retry", dev->conf->name);
		device_unblock(dev, false);
	}
	return count;
}

/* ---- shown ---- */

static cJSON *
refusals_json(const struct account_facts *f, double now)
{
	cJSON *list = cJSON_CreateArray(), *o;

	for (size_t i = 0; i < f->refusals_count; i++) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "place", f->refusals[i].place);
		json_add_rounded(o, "age", now - f->refusals[i].at, 10);
		cJSON_AddBoolToObject(o, "judged", f->refusals[i].judged);
		cJSON_AddStringToObject(o, "text", f->refusals[i].words);
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

cJSON *
account_json(const struct account *a, double now)
{
	struct account_facts f;
	cJSON *o = cJSON_CreateObject();
	char name[128];

	account_facts(a, &f);
	cJSON_AddStringToObject(o, "user", f.user);
	cJSON_AddStringToObject(o, "kind", account_kind_word(a, false));
	(void)snprintf(name, sizeof(name), "the %s of %.64s", account_kind_word(a, true), f.user);
	cJSON_AddStringToObject(o, "name", name);
	if (f.scope != NULL)
		cJSON_AddStringToObject(o, "place", f.scope);
	cJSON_AddStringToObject(o, "state", account_state_word(f.state));
	cJSON_AddBoolToObject(o, "barred", f.barred);
	if (f.proven_at != NULL) {
		cJSON_AddStringToObject(o, "proven_at", f.proven_at);
		json_add_rounded(o, "proven_age", now - f.proven_since, 10);
	}
	cJSON_AddNumberToObject(o, "under_way", f.flying);
	cJSON_AddNumberToObject(o, "waiting", f.waiting);
	cJSON_AddNumberToObject(o, "requests", f.requests);
	if (f.waiting > 0 || f.requests > 0)
		json_add_rounded(o, "waiting_age", now - f.waiting_since, 10);
	if (f.kind == ACCOUNT_KEYS) {
		cJSON_AddNumberToObject(o, "refused_keys", f.refused_keys);
	} else {
		cJSON_AddNumberToObject(o, "refused_at", f.refused_places);
		cJSON_AddItemToObject(o, "refusals", refusals_json(&f, now));
	}
	return o;
}

/* Those that wait for the login of their device; and the one whose command goes on to the privileged mode. */
static void
count_device(const struct device *dev, struct accounts *accounts)
{
	uint64_t counted = 0, account;
	struct pool_entry *e;

	TAILQ_FOREACH (e, &dev->policy.entries, link) {
		bool made = e->ready_since > 0;
		account = link_awaits(link_of_entry(e));
		if (account == 0 || (!made && account == counted))
			continue;
		accounts_add_requests(accounts, account, made ? e->leases : dev->policy.waiters_count);
		counted = made ? counted : account;
	}
}

void
devices_count_requests(void *arg)
{
	struct devices *all = arg;
	struct device *dev;

	TAILQ_FOREACH (dev, &all->list, link)
		count_device(dev, all->world.accounts);
}

static void
add_once(cJSON *list, const struct account *shown[GATE_SHOWN], const struct account *a, double now)
{
	int n = cJSON_GetArraySize(list);

	for (int i = 0; i < n; i++)
		if (shown[i] == a)
			return;
	if (a == NULL || n == GATE_SHOWN)
		return;
	shown[n] = a;
	cJSON_AddItemToArray(list, account_json(a, now));
}

cJSON *
devices_json_gate(const struct devices *all, double now)
{
	const struct accounts *accounts = all->world.accounts;
	const struct account *shown[GATE_SHOWN] = {NULL}, *a;
	cJSON *list = cJSON_CreateArray();
	const struct device *dev;
	struct account_facts f;

	accounts_count_requests(all->world.accounts, now);
	for (a = accounts_next(accounts, NULL); a != NULL; a = accounts_next(accounts, a)) {
		account_facts(a, &f);
		if (f.waiting > 0 || (f.requests > 0 && now > f.waiting_since + ACCOUNT_NOTICE_AFTER))
			add_once(list, shown, a, now);
	}
	TAILQ_FOREACH (dev, &all->list, link)
		if (dev->policy.block == POOL_AUTH)
			add_once(list, shown, accounts_find(accounts, dev->account), now);
	return list;
}

void
device_json_account(cJSON *o, const struct device *dev, double now)
{
	const struct account *a;

	if (dev->account == 0 || dev->policy.block != POOL_AUTH || dev->all->world.accounts == NULL)
		return;
	a = accounts_find(dev->all->world.accounts, dev->account);
	accounts_count_requests(dev->all->world.accounts, now);
	if (a != NULL)
		cJSON_AddItemToObject(o, "account", account_json(a, now));
}
