/* Other users and their limits; see user.h.  Owns its users. */
#include "broker/client/user.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/hashtab.h"
#include "base/xalloc.h"
#include "serve/username.h"

#define OTHER_PARTIES (UINT64_C(1) << 63) /* numbers of clients are below */

struct busy {
	uint64_t device; /* hash of its name */
	unsigned count;
};

struct user {
	TAILQ_ENTRY(user) link;
	uid_t uid;
	struct username *name;
	int clients, requests;
	struct busy *busy; /* those with a request of this user */
	size_t busy_count, busy_room;
};

struct user *
users_get(struct user_list *users, uid_t uid)
{
	struct user *user;

	TAILQ_FOREACH (user, users, link) {
		if (user->uid == uid)
			return user;
	}
	user = xcalloc(1, sizeof(*user));
	user->uid = uid;
	user->name = username_ask(uid);
	TAILQ_INSERT_HEAD(users, user, link);
	return user;
}

void
users_finish(struct user_list *users)
{
	struct user *user;

	while ((user = TAILQ_FIRST(users)) != NULL) {
		TAILQ_REMOVE(users, user, link);
		username_free(user->name);
		free(user->busy);
		free(user);
	}
}

const char *
user_name(struct user *user)
{
	return username_text(user->name);
}

uint64_t
user_party(const struct user *user)
{
	return OTHER_PARTIES | user->uid;
}

/* ---- connections ---- */

int
user_admits(const struct user *user, const struct user_limits *limits, struct np_error *err)
{
	if (limits->clients == 0 || user->clients < limits->clients)
		return 0;
	return error_set(err, REASON_QUEUE_FULL,
	    "%d clients of uid %lu are connected (max_clients_per_user): end one of them, or try again later",
	    user->clients, (unsigned long)user->uid);
}

void
user_joins(struct user *user)
{
	user->clients++;
}

void
user_parts(struct user *user)
{
	user->clients--;
}

/* ---- requests ---- */

/* The place of the device; busy_count: it has none. */
static size_t
find_busy(const struct user *user, uint64_t device)
{
	size_t i = 0;

	while (i < user->busy_count && user->busy[i].device != device)
		i++;
	return i;
}

static void
add_busy(struct user *user, uint64_t device)
{
	if (user->busy_count == user->busy_room) {
		user->busy_room = user->busy_room == 0 ? 8 : user->busy_room * 2;
		user->busy = xreallocarray(user->busy, user->busy_room, sizeof(user->busy[0]));
	}
	user->busy[user->busy_count++] = (struct busy){device, 0};
}

int
user_enter(struct user *user, const struct user_limits *limits, const char *device, struct np_error *err)
{
	uint64_t name = hash_string(device);
	size_t i = find_busy(user, name);

	if (limits->requests > 0 && user->requests >= limits->requests)
		return error_set(err, REASON_QUEUE_FULL,
		    "%d requests of uid %lu wait or run (max_requests_per_user): wait until one is done",
		    user->requests, (unsigned long)user->uid);
	if (i == user->busy_count && limits->devices > 0 && user->busy_count >= (size_t)limits->devices)
		return error_set(err, REASON_QUEUE_FULL,
		    "requests of uid %lu wait or run on %zu devices (max_devices_per_user): wait until they are done "
		    "with "
		    "one",
		    (unsigned long)user->uid, user->busy_count);
	if (i == user->busy_count)
		add_busy(user, name);
	user->busy[i].count++;
	user->requests++;
	return 0;
}

void
user_leave(struct user *user, const char *device)
{
	size_t i = find_busy(user, hash_string(device));

	user->requests--;
	if (i < user->busy_count && --user->busy[i].count == 0)
		user->busy[i] = user->busy[--user->busy_count];
}
