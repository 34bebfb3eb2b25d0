/*
 * The verb `reload`.  At once, unless one was carried out just now: it is costly, and who asks again and again must not
 * keep the others waiting.  Those that come meanwhile are one, and have one answer.
 */
#include "base/clock.h"
#include "broker/broker_impl.h"
#include "wire/json.h"

#define RELOADS_PER_CLIENT 4096
#define RELOAD_SHARE 10 /* of the time that passes, reloads asked for by clients take one part in so many */

static cJSON *
reloaded(const struct broker *b, int changed)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddNumberToObject(result, "devices", (double)b->config->devices_count);
	cJSON_AddNumberToObject(result, "changed", changed);
	cJSON_AddItemToObject(result, "warnings", json_strings(&b->config->warnings));
	return result;
}

static void
answer_all(struct broker *b, int rc, int changed, const struct np_error *err)
{
	const struct message m = {.method = (char *)(uintptr_t) "reload"};
	struct later *reload;

	while ((reload = TAILQ_FIRST(&b->reloads)) != NULL) {
		if (rc == 0)
			answer_result(&reload->answer, reloaded(b, changed));
		else {
			report_refused(b->events, reload->answer.client, &m, err);
			answer_error(&reload->answer, err, NULL);
		}
		later_end(reload);
	}
}

void
broker_reloads_due(struct broker *b)
{
	double began = clock_now(), took;
	struct np_error err;
	int changed, rc;

	if (TAILQ_EMPTY(&b->reloads))
		return;
	if (began < b->reload_after) {
		ev_timer_stop(b->loop, &b->reload_clock);
		ev_timer_set(&b->reload_clock, b->reload_after - began, 0);
		ev_timer_start(b->loop, &b->reload_clock);
		return;
	}
	rc = broker_reload(b, &changed, &err);
	took = clock_now() - began;
	b->reload_after = began + took * RELOAD_SHARE;
	answer_all(b, rc, changed, &err);
}

int
verb_reload(const struct call *c, struct np_error *err)
{
	if (client_answers(c->client, ANSWER_LATER) >= RELOADS_PER_CLIENT)
		return error_set(err, REASON_QUEUE_FULL, "%d answers are outstanding on this connection: read some",
		    RELOADS_PER_CLIENT);
	report_steered(c->broker->events, c->client, "reload", NULL, 0, 0, NULL);
	later_begin(&c->broker->reloads, c->client, c->id, false);
	broker_reloads_due(c->broker);
	return 0;
}
