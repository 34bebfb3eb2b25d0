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

struct broker;
struct device;
struct forward;
struct link;

#define FORWARD_HOPS_MAX 8

/* Looks for a way to the target of a session of dev, which is dialled over it; it may have failed when this returns. */
void forward_begin(struct device *dev, struct link *link);
/* The link has gone, or needs it no longer. */
void forward_end(struct forward *f);
/* The link gives up before the way is open: it fails for that reason. */
void forward_give_up(struct forward *f, const char *why);
/* A person wants it to end: whoever is behind it fails, or dies. */
void forward_kill(struct forward *f);

/* The jump host, while a session of it is waited for; else NULL. */
const struct device *forward_awaits(const struct forward *f);
/* The jump host. */
const struct device *forward_device(const struct forward *f);
uint64_t forward_id(const struct forward *f);
/* In the order of their ids; NULL: the first one, or no more. */
const struct forward *forward_next(const struct broker *b, const struct forward *f);
struct forward *forward_by_id(struct broker *b, uint64_t id);
/* For status, where it stands among the requests. */
cJSON *forward_json(const struct forward *f, double now);
/* Sessions of draining jump hosts end after those behind them: those drain once nobody waits for them. */
void forwards_follow_drains(struct broker *b);

#endif
