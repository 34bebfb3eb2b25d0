/*
 * The verb accounts: what is known of each account that log-ins use, never a secret or its hash; and that what bars a
 * user's is to be forgotten.
 */
#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define LISTED_MAX 800 /* an answer is one frame: those that bar somebody come first */

static size_t
list(cJSON *into, const struct accounts *all, bool barred, size_t room, double now)
{
	const struct account *a;
	struct account_facts f;
	size_t n = 0;

	for (a = accounts_next(all, NULL); a != NULL; a = accounts_next(all, a)) {
		account_facts(a, &f);
		if (f.barred != barred)
			continue;
		if (n++ < room)
			cJSON_AddItemToArray(into, account_json(a, now));
	}
	return n;
}

static void
show(const struct call *c)
{
	const struct accounts *all = c->broker->accounts;
	cJSON *result = cJSON_CreateObject(), *into = cJSON_AddArrayToObject(result, "accounts");
	double now = clock_now();
	size_t n;

	accounts_count_requests(c->broker->accounts, now);
	n = list(into, all, true, LISTED_MAX, now);
	n += list(into, all, false, n < LISTED_MAX ? LISTED_MAX - n : 0, now);
	cJSON_AddNumberToObject(result, "count", (double)n);
	client_result(c->client, c->id, result);
}

int
verb_accounts(const struct call *c, struct np_error *err)
{
	const char *user = c->params.name;
	cJSON *result;
	char shown[128];

	if (user == NULL) {
		show(c);
		return 0;
	}
	if (c->broker->stopping)
		return error_set(err, REASON_SHUTTING_DOWN, "the broker is shutting down");
	text_vis_into(shown, sizeof(shown), user);
	log_info("broker", "accounts retry: %s", shown);
	report_steered(c->broker->events, c->client, "accounts retry", NULL, 0, 0, shown);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "lifted", devices_retry(c->broker->devices, user));
	client_result(c->client, c->id, result);
	return 0;
}
