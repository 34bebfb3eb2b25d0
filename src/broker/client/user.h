/*
 * Users beside the broker's own, and what each has under way over all its connections: one of them cannot take what is
 * there for all.  Users are counted by their number; who comes by several sockets is one.  Main thread only.
 *
 *   clients  --> connections                      user_admits(), user_joins(), user_parts()
 *   requests --> that wait or run, and on how     user_enter(), user_leave()
 *                many devices
 */
#ifndef NP_USER_H
#define NP_USER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/queue.h"

/* For each user; 0: as many as they like. */
struct user_limits {
	int clients, requests, devices;
};

struct user;
TAILQ_HEAD(user_list, user);

/* The user of that number, who is there until the list is finished. */
struct user *users_get(struct user_list *users, uid_t uid) NP_MUST_CHECK;
/* Nobody may point to one any more. */
void users_finish(struct user_list *users);

/* Whether one more connection may come: 0, or -1 with err (queue_full). */
int user_admits(const struct user *user, const struct user_limits *limits, struct np_error *err) NP_MUST_CHECK;
void user_joins(struct user *user);
void user_parts(struct user *user);
/* One more request on the device of that name: 0, and user_leave() follows, or -1 with err (queue_full). */
int user_enter(
    struct user *user, const struct user_limits *limits, const char *device, struct np_error *err) NP_MUST_CHECK;
void user_leave(struct user *user, const char *device);
/* What it is called, "" where that is not known (yet). */
const char *user_name(struct user *user);
/* A number that no other user and no client has: whose turn it is. */
uint64_t user_party(const struct user *user);

#endif
