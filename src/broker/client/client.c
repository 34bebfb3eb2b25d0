/*
 * The clients; see client.h.
 *
 *   accepted -> greeted -> (frames, answers) -> closing -> closed
 *                   \-> refused -----------------^
 *
 * An end that is told to go goes in a later turn; only client_gone() frees the client, after all its answers were told.
 */
#include "broker/client/client_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "policy/policy.h"

#define WISH_SECONDS 2.0 /* nobody reads an answer and thinks about it sooner */

/* ---- sending ---- */

void
client_send(struct client *client, char *json, const void *data, size_t size)
{
	client->end->send(client->at, json, strlen(json), data, size);
	cJSON_free(json);
}

void
client_stream(struct client *client, const char *head, const void *data, size_t size)
{
	client->end->send(client->at, head, strlen(head), data, size);
}

size_t
client_room(struct client *client)
{
	return client->end->room(client->at);
}

int
client_take_descriptor(struct client *client)
{
	return client->end->take_descriptor != NULL ? client->end->take_descriptor(client->at) : -1;
}

void
client_begins(struct client *client, const struct message_id *id)
{
	if (client->end->begins != NULL)
		client->end->begins(client->at, id);
}

void
client_result(struct client *client, const struct message_id *id, cJSON *result)
{
	char *json = message_make_result(id, result);
	struct np_error err;

	if (strlen(json) <= FRAME_JSON_MAX) {
		client_send(client, json, NULL, 0);
		return;
	}
	cJSON_free(json);
	error_set(&err, REASON_OUTPUT_LIMIT, "the answer exceeds a frame (1 MiB): ask for it by `page`");
	client_error(client, id, &err, NULL);
}

void
client_error(struct client *client, const struct message_id *id, const struct np_error *err, const char *device)
{
	cJSON *extra = NULL;

	if (device != NULL) {
		extra = cJSON_CreateObject();
		cJSON_AddStringToObject(extra, "device", device);
	}
	client_send(client, message_make_error(id, err, extra), NULL, 0);
}

void
client_notify(struct client *client, const char *method, cJSON *params)
{
	client_send(client, message_make_notification(method, params), NULL, 0);
}

static char *
make_hello(void)
{
	static const char *const features[] = {
	    "exec", "open", "status", "prompt", "window", "capture", "batch", "watch", "metrics", "config", "shell"};
	cJSON *params = cJSON_CreateObject();

	cJSON_AddNumberToObject(params, "protocol", 1);
	cJSON_AddStringToObject(params, "broker", "netpulsed " NETPULSE_VERSION);
	cJSON_AddNumberToObject(params, "pid", (double)getpid());
	cJSON_AddItemToObject(params, "features", cJSON_CreateStringArray(features, (int)NP_COUNT(features)));
	return message_make_notification("hello", params);
}

void
client_hello(struct client *client)
{
	client_stream(client, client->all->hello, NULL, 0);
}

static void
error_without_id(struct client *client, const struct np_error *err)
{
	struct message_id none = {.kind = MESSAGE_ID_NULL};

	client_error(client, &none, err, NULL);
}

void
client_set_role(struct client *client, const char *role, gid_t gid)
{
	snprintf(client->who.role, sizeof(client->who.role), "%s", role);
	client->who.gid = gid;
	client->user = client_is_main(client) ? NULL : users_get(&client->all->users, client->who.uid);
}

void
client_set_groups(struct client *client, gid_t *groups, size_t count)
{
	client->groups = groups;
	client->groups_count = count;
}

const gid_t *
client_groups(const struct client *client, size_t *count)
{
	*count = client->groups_count;
	return client->groups;
}

int
client_join(struct client *client, const struct user_limits *limits, struct np_error *err)
{
	if (client->user == NULL)
		return 0;
	if (user_admits(client->user, limits, err) == -1)
		return -1;
	user_joins(client->user);
	client->counted = true;
	return 0;
}

struct user *
client_user(const struct client *client)
{
	return client->user;
}

uint64_t
client_party(const struct client *client)
{
	return client->user != NULL ? user_party(client->user) : client_id(client);
}

bool
client_is_main(const struct client *client)
{
	return strcmp(client->who.role, POLICY_MAIN) == 0;
}

void
client_set_place(struct client *client, enum client_place place)
{
	client->place = place;
}

enum client_place
client_place(const struct client *client)
{
	return client->place;
}

void
client_refuse(struct client *client, const struct np_error *err)
{
	error_without_id(client, err);
	client_dismiss(client);
}

void
client_dismiss(struct client *client)
{
	client->refused = true;
	client_close(client);
}

void
client_violated(struct client *client, const struct np_error *err)
{
	log_warning("peer", "client %llu (pid %ld) broke the protocol: %s", (unsigned long long)client_id(client),
	    (long)client_pid(client), err->text);
	error_without_id(client, err);
	client_close(client);
}

void
client_close(struct client *client)
{
	client->end->close(client->at, false);
}

/* ---- what its end tells ---- */

void
client_said(struct client *client, const struct frame *frame)
{
	client->all->events->frame(client, frame, client->all->arg);
}

/* Whoever tells it something may go on, in turn, or one that floods would keep the others out. */
void
client_drained(struct client *client)
{
	struct answer *a;
	int n = 0;

	for (int kind = 0; kind < ANSWER_KINDS; kind++)
		n += client->counts[kind];
	for (; n > 0 && client_room(client) > 0 && (a = TAILQ_FIRST(&client->answers)) != NULL; n--) {
		TAILQ_REMOVE(&client->answers, a, link);
		TAILQ_INSERT_TAIL(&client->answers, a, link);
		if (a->ops->drained != NULL)
			a->ops->drained(a);
	}
}

void
client_gone(struct client *client)
{
	struct answer *a;

	log_debug("peer", "client %llu left with %d requests", (unsigned long long)client_id(client),
	    client->counts[ANSWER_REQUEST]);
	while ((a = TAILQ_FIRST(&client->answers)) != NULL) {
		answer_end(a);
		a->ops->left(a);
	}
	client->all->events->left(client, client->all->arg);
	if (client->counted)
		user_parts(client->user);
	TAILQ_REMOVE(&client->all->list, client, link);
	client->all->count--;
	free(client->groups);
	free(client);
}

/* ---- all of them ---- */

struct clients *
clients_create(struct ev_loop *loop, const struct client_events *events, void *arg)
{
	struct clients *all = xcalloc(1, sizeof(*all));

	all->loop = loop;
	all->events = events;
	all->arg = arg;
	all->hello = make_hello();
	TAILQ_INIT(&all->list);
	TAILQ_INIT(&all->users);
	return all;
}

void
clients_destroy(struct clients *all)
{
	users_finish(&all->users);
	cJSON_free(all->hello);
	free(all);
}

struct client *
clients_admit(struct clients *all, uint64_t id, uid_t uid, pid_t pid, const struct client_end *end, void *at)
{
	struct client *client = xcalloc(1, sizeof(*client));

	client->all = all;
	client->since = clock_now();
	TAILQ_INIT(&client->answers);
	TAILQ_INIT(&client->holds.list);
	TAILQ_INIT(&client->backlogs[0].stalled);
	TAILQ_INIT(&client->backlogs[1].stalled);
	client->who.peer = id;
	client->who.pid = pid;
	client->who.uid = uid;
	client_set_role(client, POLICY_MAIN, getegid());
	client->who.door = end->door;
	client->end = end;
	client->at = at;
	TAILQ_INSERT_TAIL(&all->list, client, link);
	all->count++;
	log_debug("peer", "client %llu (pid %ld) connected%s%s", (unsigned long long)id, (long)pid,
	    end->door != NULL ? ": " : "", end->door != NULL ? end->door : "");
	return client;
}

int
clients_count(const struct clients *all)
{
	return all->count;
}

/* It sits there, or has not read yet what it was served. */
static bool
sits(const struct client *client, enum client_place place)
{
	return client->place == place && !client->refused &&
	       (!client->end->is_closing(client->at) || client->end->is_flushing(client->at));
}

bool
clients_have_place(const struct clients *all, int max)
{
	const struct client *client;
	int n = 0;

	if (max <= 0 || all->count < max)
		return true;
	TAILQ_FOREACH (client, &all->list, link)
		n += sits(client, PLACE_OWN);
	return n < max;
}

bool
clients_have_left_place(const struct clients *all, int max)
{
	const struct client *client;
	int n = 0;

	TAILQ_FOREACH (client, &all->list, link)
		n += sits(client, PLACE_OWN) && !client->end->has_left(client->at);
	return n < max;
}

struct client *
clients_surplus(const struct clients *all, enum client_place place, int most, const struct client *but)
{
	struct client *client, *first = NULL;
	int n = 0;

	TAILQ_FOREACH (client, &all->list, link) {
		if (!sits(client, place))
			continue;
		n++;
		if (first == NULL && client != but)
			first = client;
	}
	return n > most ? first : NULL;
}

struct client *
clients_yielding(const struct clients *all, int most, const struct client *but)
{
	struct client *client, *first = NULL;
	int n = 0;

	TAILQ_FOREACH (client, &all->list, link) {
		if (client == but || !sits(client, PLACE_OPERATOR))
			continue;
		if (TAILQ_EMPTY(&client->answers))
			return client;
		if (n++ == 0)
			first = client;
	}
	return n > most ? first : NULL;
}

struct client *
clients_next(const struct clients *all, const struct client *after)
{
	return after != NULL ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&all->list);
}

struct client *
clients_by_id(const struct clients *all, uint64_t id)
{
	struct client *client;

	TAILQ_FOREACH (client, &all->list, link) {
		if (client_id(client) == id)
			return client;
	}
	return NULL;
}

bool
clients_closing(const struct clients *all)
{
	const struct client *client;

	TAILQ_FOREACH (client, &all->list, link) {
		if (client->end->is_closing(client->at))
			return true;
	}
	return false;
}

bool
clients_unread(const struct clients *all)
{
	const struct client *client;

	TAILQ_FOREACH (client, &all->list, link) {
		bool watches = client->counts[ANSWER_WATCH] > 0 && client->counts[ANSWER_REQUEST] == 0;
		if (client_bytes(client).pending > 0 && !watches)
			return true;
	}
	return false;
}

void
clients_fail_later(struct clients *all, const struct np_error *err)
{
	struct client *client;
	struct answer *a, *next;

	TAILQ_FOREACH (client, &all->list, link) {
		TAILQ_FOREACH_SAFE (a, &client->answers, link, next) {
			if (a->ops->kind != ANSWER_LATER)
				continue;
			answer_error(a, err, NULL);
			a->ops->left(a);
		}
	}
}

void
clients_close(struct clients *all, bool at_once)
{
	struct client *client;

	TAILQ_FOREACH (client, &all->list, link)
		client->end->close(client->at, at_once);
}

void
clients_bytes(const struct clients *all, uint64_t *in, uint64_t *out)
{
	const struct client *client;

	*in = *out = 0;
	TAILQ_FOREACH (client, &all->list, link) {
		struct client_bytes bytes = client_bytes(client);
		*in += bytes.in;
		*out += bytes.out;
	}
}

/* ---- one ---- */

uint64_t
client_id(const struct client *client)
{
	return client->who.peer;
}

pid_t
client_pid(const struct client *client)
{
	return client->who.pid;
}

const struct event_who *
client_who(const struct client *client)
{
	return &client->who;
}

void
client_name_program(struct client *client)
{
	struct event_who *who = &client->who;

	if (client->user != NULL && who->user[0] == '\0')
		text_vis_into(who->user, sizeof(who->user), user_name(client->user));
	if (who->program[0] != '\0')
		return;
	process_name(who->pid, who->program, sizeof(who->program));
	process_name(process_parent(who->pid), who->parent, sizeof(who->parent));
	/* Asked behind: it had this number all the while. */
	if (client->end->lives != NULL && !client->end->lives(client->at))
		who->program[0] = who->parent[0] = '\0';
}

int
client_answers(const struct client *client, int kind)
{
	return client->counts[kind];
}

struct client_bytes
client_bytes(const struct client *client)
{
	return client->end->bytes(client->at);
}

int
client_note_waiting(struct client *client, int more)
{
	return client->waiting += more;
}

double
client_wishes(struct client *client, bool begins)
{
	double now = clock_now();

	if (begins && now > client->wished_last + WISH_SECONDS)
		client->wishes = now;
	client->wished_last = now;
	return client->wishes;
}

struct backlog *
client_backlog(struct client *client, bool windowed)
{
	return &client->backlogs[windowed];
}

size_t
client_note_lines(struct client *client, ptrdiff_t bytes)
{
	return client->lines += (size_t)bytes;
}

struct holder *
client_holder(struct client *client)
{
	return &client->holds;
}
