/*
 * Who uses a session: has a lease of it, of a channel or of its one shell, and is told what happens there.
 *
 * Embedded in whatever uses it; the session knows no more of it than this.  Main thread only.
 *
 *   (none) -> link_lease() -> [on a shell: operations, link_pause() between two of them] -> link_release() -> (none)
 *
 * Whatever ends it from the other side (the session has gone, the shell was given to others) empties lease.link: who
 * runs something has been told by the end of that; who runs nothing just then is told by lost().
 */
#ifndef NP_LEASE_H
#define NP_LEASE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/queue.h"
#include "cli/cli.h"

struct holder;
struct lease;
struct link;

/* What happens on a shell (cli.h). */
struct lease_events {
	void (*output)(struct lease *l); /* link_output() has some */
	void (*result)(struct lease *l, const struct cli_result *result);
	void (*line)(struct lease *l, const struct cli_event *event);
	void (*question)(struct lease *l, const struct cli_event *event); /* link_answer() */
	/* The session is to end when its leases have; NULL: those end by themselves. */
	void (*drains)(struct lease *l, const char *why);
	/* The session has gone, and the lease with it; NULL: the user needs no telling. */
	void (*lost)(struct lease *l);
};

struct lease {
	struct link *link; /* NULL: none, or none any more */
	const struct lease_events *events;
	TAILQ_ENTRY(lease) in_link;
	bool carried; /* set by its owner: takes no channel that servers count */
	bool paused;
};

TAILQ_HEAD(lease_list, lease);

/* The pool has given l a lease of this session. */
void link_lease(struct link *link, struct lease *l);
/* l gives it back, if it has one.  holder: whose next request may go on where a shell is now; NULL: nobody. */
void link_release(struct lease *l, struct holder *holder);

/* ---- shells that wait for a client, between two requests or until it has read ---- */

struct link_home;
extern const char link_hold_died[]; /* for holder.lost */
/* The session of that home whose shell is kept by holder, or NULL. */
struct link *link_kept(const struct link_home *home, const struct holder *holder);
/* It is held, or paused: the shell is for others.  why: static text for the holder. */
void link_take_back(struct link *link, const char *why);
/* The holder goes: what it kept is given back. */
void links_unhold(struct holder *holder);

/* ---- on its shell; l has the lease ---- */

/* Begin an operation: 0, or -1 with err as cli_run() and the others. */
int link_run(struct lease *l, const struct cli_command *command, struct np_error *err) NP_MUST_CHECK;
int link_configure(struct lease *l, const struct cli_command *config, struct np_error *err) NP_MUST_CHECK;
int link_enable(struct lease *l, struct secret *secret, struct np_error *err) NP_MUST_CHECK;
/* To the question, or NULL: nobody answers. */
void link_answer(struct lease *l, struct secret *value);
/* The secrets that its shell knows, or NULL. */
const struct redact *link_known(const struct lease *l);
/* Ends the operation; its result follows. */
void link_cancel(struct lease *l);
/* It waits for its client to read, at the prompt: others may get the shell if that lasts. */
void link_pause(struct lease *l);
/* What the operation has said; NULL: there is no shell any more. */
const struct buf *link_output(const struct lease *l);
void link_consume(struct lease *l, size_t n);
/* Whether there is a shell that could be asked for something. */
bool link_serves(const struct lease *l);
/* Whether the operation has asked something that only a person can answer. */
bool link_asks(const struct lease *l);
/* The mode that the shell is in, or NULL. */
const struct platform_mode *link_mode(const struct lease *l);

#endif
