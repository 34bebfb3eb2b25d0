/*
 * Who uses a device: waits for a session of it, may be asked what stands in the way, and belongs to it until its end.
 *
 * Embedded in a request, or in the way through a jump host; the device knows no more of them than this.  Main thread
 * only.
 */
#ifndef NP_WAITER_H
#define NP_WAITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/queue.h"
#include "login/connector.h"
#include "pool/pool.h"

struct device;
struct holder;
struct link;
struct waiter;

/* A question to a person. */
struct question {
	uint64_t prompt_id;
	const char *device;
	const char *kind; /* one word */
	const char *text;
	bool echo;
};

struct waiter_ops {
	/* It has a lease of this session, and waits no longer. */
	void (*assigned)(struct waiter *w, struct link *link);
	/* It gets none, and waits no longer. */
	void (*failed)(struct waiter *w, const struct np_error *err);
	/* Where its device is, is known now; or NULL.  It may leave. */
	void (*resolved)(struct waiter *w);
	/* Something that a person should know. */
	void (*notice)(struct waiter *w, const char *text);
	/* Who can be asked at a terminal what w waits for: itself, or whoever waits for it (so many hops behind). */
	struct waiter *(*audience)(struct waiter *w, int depth);
	/* Puts the question to the person who is behind w; w is somebody's audience. */
	void (*ask)(struct waiter *w, const struct question *q);
	/* The answer to question_ask(); NULL: none came. */
	void (*answered)(struct waiter *w, struct secret *value);
};

struct waiter {
	struct pool_waiter pool; /* its owner sets id, party, fresh and slotless */
	const struct waiter_ops *ops;
	struct device *dev;       /* device_enter() */
	TAILQ_ENTRY(waiter) user; /* device.users */

	/* Of its owner, before device_wait(): */
	bool interactive;      /* there is a person at a terminal */
	double opens;          /* npctl open, or the way to what it opens, lifts blocks: since when; 0: it is none */
	bool as_ssh;           /* speaks for an ssh: device_for_ssh() */
	bool takes_held;       /* goes on with a shell that it keeps */
	bool records;          /* the session that is made for it alone writes down all that its shell says and hears */
	bool sees_login;       /* likewise remembers what the login said */
	struct holder *holder; /* keeps shells, or NULL */
	const char *agent_socket; /* NULL: the daemon's; lives as long as w waits */
	double queue_timeout;     /* negative: the device's */

	/* Of the device: */
	bool postponed; /* counts as one who waits, and is in no queue */
	bool held;      /* waits for the agent's key list first */
	TAILQ_ENTRY(waiter) held_link;
	double queue_left; /* of the queue limit while a question is open; 0 = no limit */
	bool clock_stopped;
};

TAILQ_HEAD(waiter_list, waiter);

static inline bool
waiter_waits(const struct waiter *w)
{
	return w->pool.pool != NULL || w->held;
}

static inline struct waiter *
waiter_of(struct pool_waiter *w)
{
	return NP_CONTAINER(w, struct waiter, pool);
}

/* w is one of the device's users from now on, and no longer one of another's; also with dev NULL. */
void device_enter(struct device *dev, struct waiter *w);
/* Whether anybody has to do with it. */
bool device_has_users(const struct device *dev);
/* It waits for a session: for the agent's key list first where that may open the door again. */
void device_wait(struct device *dev, struct waiter *w);
/* Back to its place in the queue: its session died, or had no channel.  anew: its time begins again. */
void device_wait_again(struct device *dev, struct waiter *w, bool anew);
/* It waits no longer, if it did. */
void device_unwait(struct waiter *w);
/* Its client has to say or to read something first, or no longer. */
void device_postpone(struct waiter *w, bool postponed);
/* Whether anybody waits for it, or will as soon as its client has done what it has to. */
bool device_is_awaited(const struct device *dev);
/* Who is not in the queue yet, as it waits for the agent's key list or is postponed, is answered with err. */
void device_fail_held(struct device *dev, const struct np_error *err);

#endif
