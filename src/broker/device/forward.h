/*
 * A way through a jump host: waits for a session of it as a request does, opens a connection over that, and carries the
 * session behind it.  Main thread only.
 *
 *   WAITING (for a lease) -> OPEN (relayed, the session behind dials or lives) -> CLOSING -> (freed)
 */
#ifndef NP_FORWARD_H
#define NP_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct device;
struct devices;
struct forward;
struct link;
struct waiter;

/* Looks for a way to the target of a session of dev, which is dialled over it; it may have failed when this returns. */
void forward_begin(struct device *dev, struct link *link);
/* The link has gone, or needs it no longer. */
void forward_end(struct waiter *way);
/* A person wants it to end: whoever is behind it fails, or dies. */
void forward_kill(struct forward *f);

/* The jump host. */
const struct device *forward_device(const struct forward *f);
uint64_t forward_id(const struct forward *f);
/* In the order of their ids; NULL: the first one, or no more. */
const struct forward *forward_next(const struct devices *all, const struct forward *f);
struct forward *forward_by_id(struct devices *all, uint64_t id);
/* For status, where it stands among the requests. */
cJSON *forward_json(const struct forward *f, double now);
/* Sessions of draining jump hosts end after those behind them: those drain once nobody waits for them. */
void forwards_follow_drains(struct devices *all);

#endif
