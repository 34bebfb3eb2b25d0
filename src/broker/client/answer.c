/*
 * Answers that clients wait for; see answer.h.
 */
#include "broker/client/answer.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "broker/client/client_impl.h"

void
answer_begin(struct answer *a, struct client *client, const struct message_id *id, const struct answer_ops *ops)
{
	a->client = client;
	a->id = *id;
	a->ops = ops;
	if (client == NULL)
		return;
	TAILQ_INSERT_TAIL(&client->answers, a, link);
	client->counts[ops->kind]++;
	client->bounded += ops->bounded;
}

void
answer_end(struct answer *a)
{
	if (a->client == NULL)
		return;
	TAILQ_REMOVE(&a->client->answers, a, link);
	a->client->counts[a->ops->kind]--;
	a->client->bounded -= a->ops->bounded;
	a->client = NULL;
}

void
answer_result(struct answer *a, cJSON *result)
{
	if (a->client != NULL)
		client_result(a->client, &a->id, result);
	else
		cJSON_Delete(result);
	answer_end(a);
}

void
answer_error(struct answer *a, const struct np_error *err, const char *device)
{
	if (a->client != NULL)
		client_error(a->client, &a->id, err, device);
	answer_end(a);
}

void
answer_cancel(struct answer *a)
{
	if (a->ops->cancel != NULL) {
		a->ops->cancel(a);
		return;
	}
	answer_cancelled(a, "cancelled by the client");
	a->ops->left(a);
}

void
answer_cancelled(struct answer *a, const char *text)
{
	struct np_error err;

	error_set(&err, REASON_CANCELLED, "%s", text);
	answer_error(a, &err, NULL);
}

void
answers_fail(struct client *client, const struct np_error *err)
{
	struct answer *a;

	while ((a = TAILQ_FIRST(&client->answers)) != NULL) {
		answer_error(a, err, NULL);
		a->ops->left(a);
	}
}

struct answer *
answer_find(const struct client *client, const struct message_id *id)
{
	struct answer *a;

	TAILQ_FOREACH (a, &client->answers, link) {
		if (message_id_equal(&a->id, id))
			return a;
	}
	return NULL;
}

int
answer_room(const struct client *client, struct np_error *err)
{
	if (client->bounded < ANSWERS_BOUNDED_MAX)
		return 0;
	return error_set(err, REASON_QUEUE_FULL,
	    "%d answers are outstanding on this connection: read some before asking for more", client->bounded);
}

/* ---- those that are nothing else ---- */

void
later_end(struct later *l)
{
	TAILQ_REMOVE(l->list, l, entry);
	free(l);
}

static void
on_left(struct answer *a)
{
	later_end(NP_CONTAINER(a, struct later, answer));
}

void
later_begin(struct later_list *list, struct client *client, const struct message_id *id, bool bounded)
{
	static const struct answer_ops ops[] = {
	    {.kind = ANSWER_LATER, .left = on_left}, {.kind = ANSWER_LATER, .bounded = true, .left = on_left}};
	struct later *l = xcalloc(1, sizeof(*l));

	l->list = list;
	answer_begin(&l->answer, client, id, &ops[bounded]);
	TAILQ_INSERT_TAIL(list, l, entry);
}
