/*
 * An answer that a client waits for: {client, id, what}.  Whatever a client has in flight under an id is one of these:
 * requests, watches, and what is told later.  Ids are unique among them, `cancel` finds them, and they learn that the
 * client has read, or has left.  Main thread only.
 *
 * Embedded in what makes the answer, which owns it; the client's list only knows it.
 */
#ifndef NP_ANSWER_H
#define NP_ANSWER_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/queue.h"
#include "wire/message.h"

struct answer;
struct client;
TAILQ_HEAD(answer_list, answer);

enum answer_kind {
	ANSWER_REQUEST, /* a job, with limits and a queue of its own */
	ANSWER_WATCH,   /* a stream of events */
	ANSWER_LATER,   /* a single answer */
	ANSWER_KINDS
};
#define ANSWERS_BOUNDED_MAX 32

struct answer_ops {
	enum answer_kind kind;
	bool bounded; /* in no queue that has a limit: ANSWERS_BOUNDED_MAX of a client at once */
	/* The client asks for the end: the answer is given, now or soon.  NULL: it is given, and nobody waits any more.
	 */
	void (*cancel)(struct answer *a);
	/* The client has gone: nobody waits any more.  The answer has left its list. */
	void (*left)(struct answer *a);
	/* The client has read, there is room for more.  NULL: of no concern. */
	void (*drained)(struct answer *a);
};

struct answer {
	TAILQ_ENTRY(answer) link;  /* the client's */
	TAILQ_ENTRY(answer) stall; /* backlog.stalled */
	struct client *client;     /* NULL: nobody waits, or not any more */
	struct message_id id;
	const struct answer_ops *ops;
};

/* client NULL: the broker's own, that nobody waits for. */
void answer_begin(struct answer *a, struct client *client, const struct message_id *id, const struct answer_ops *ops);
/* Nobody waits for it any more; again: nothing. */
void answer_end(struct answer *a);
/* The answer (taken over), or the failure; then the end.  Dropped when nobody waits. */
void answer_result(struct answer *a, cJSON *result);
void answer_error(struct answer *a, const struct np_error *err, const char *device);
/* Its client asks for the end. */
void answer_cancel(struct answer *a);
/* Cancelled, says text; and the end. */
void answer_cancelled(struct answer *a, const char *text);
/* The connection ends now: all that its client still waits for fails so. */
void answers_fail(struct client *client, const struct np_error *err);
/* What is in flight under this id, or NULL. */
struct answer *answer_find(const struct client *client, const struct message_id *id);
/* Whether one more bounded answer of this client may wait: 0, or -1 with err (queue_full). */
int answer_room(const struct client *client, struct np_error *err) NP_MUST_CHECK;

/* One that is nothing but an answer, among those that wait for the same. */
struct later {
	TAILQ_ENTRY(later) entry;
	struct later_list *list;
	struct answer answer;
};
TAILQ_HEAD(later_list, later);

void later_begin(struct later_list *list, struct client *client, const struct message_id *id, bool bounded);
/* It was answered. */
void later_end(struct later *l);

#endif
