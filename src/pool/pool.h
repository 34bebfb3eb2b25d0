/*
 * Pool policy: which waiter gets which session, when to connect, probe, drain and close.  Pure: time is an argument,
 * and the only effects are on the structs below; the broker asks pool_next() and executes what it answers.
 *
 * A pool holds the sessions of one pool key.  It knows sessions as pool_entry, which the broker's
 * session object embeds, and requests as pool_waiter, which its request object embeds.
 *
 *   CONNECTING -> READY <-> PROBING     any of these -> DRAINING -> CLOSING, or CLOSING at once
 *
 *   CLOSING -> DRAINING: a dial that was given up and came about all the same.  Removed by pool_entry_remove(), a
 *   CONNECTING one also by pool_connect_failed().
 *
 * Time is clock_now(): seconds that never go back and count the time that the machine sleeps.
 */
#ifndef NP_POOL_H
#define NP_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "base/error.h"
#include "base/queue.h"

enum pool_entry_state {
	POOL_CONNECTING,
	POOL_READY,
	POOL_PROBING,  /* asked for a sign of life before a waiter gets it */
	POOL_DRAINING, /* no new leases */
	POOL_CLOSING   /* POOL_CLOSE was answered: counts until it is removed */
};

/* How a session is asked for a sign of life. */
enum pool_means {
	POOL_BY_SSH, /* a request of the protocol */
	POOL_BY_LINE /* an empty line on its shell, which has to be free for that */
};

/*
 * What the policy knows of sessions that are shells.  A lease of such a one lasts until the shell is back in its first
 * mode; an empty line keeps its line at the device from expiring, and is the only sign of life that some of them bear.
 */
struct pool_shells {
	bool given;        /* they are shells */
	bool no_ssh;       /* their devices hang up on requests of the protocol */
	double line_every; /* so often the device wants an empty line, where keepalive_mode is not given; 0: never */
	double line_idle;  /* after so long it closes an unused shell; 0: not known */
};

struct pool_entry {
	TAILQ_ENTRY(pool_entry) link;
	struct pool *pool; /* set by pool_connect_started(), NULL when in none */
	enum pool_entry_state state;
	uint64_t id;
	int leases;     /* requests assigned and not released; also what a jump host carries */
	int carried;    /* those among them that take no session channel: sessions behind a jump host */
	int slots_used; /* channels the server counts, also closing ones; kept current by the broker */
	int slots_max;  /* learned limit */
	/* Made for one request (fresh, or long_connection disabled), and closed after it; set by
	 * pool_connect_started(). */
	bool private_use;
	uint64_t private_for; /* that request's id */
	bool trial;           /* nobody gets it, it is closed once it is ready: pool_trial_started() */
	double created;       /* connect began */
	double ready_since;
	double last_used;  /* a lease ended, or the session became ready */
	double last_rx;    /* any packet; kept current by the broker before pool_next() */
	double probe_sent; /* keep-alive or check in flight since; 0 = none.  Only what was sent: pool_probed() */
	double next_keepalive;
	double vouched;    /* it could not be asked then: as good as any for a moment */
	int missed;        /* keep-alives unanswered in a row */
	double line_since; /* shells: the last lease ended, or the last empty line went */
	double line_early; /* of the interval: so much earlier goes the next one, that they do not all speak at once */
	bool held;         /* its lease rests at the prompt: pool_hold() */
	const void *held_for; /* by whom; NULL: its request waits for a client that reads slowly */
	double held_since;
	const char *drain_why; /* DRAINING: static text */
	double life;           /* this session's own max_age, spread by up to 10 % so that they do not end together */
};

struct pool_waiter {
	TAILQ_ENTRY(pool_waiter) link;
	struct pool *pool; /* NULL when not waiting */
	uint64_t id;       /* id, party, deadline and fresh are set by the caller before pool_wait() */
	uint64_t party;    /* whose it is: parties take turns */
	uint64_t turn;     /* in which it is served */
	double since;      /* when it was queued */
	double deadline;   /* queue_timeout; 0 = none.  Does not run while a prompt is open (the broker moves it) */
	bool fresh;        /* wants a session of its own: of another kind than those who share one */
	bool noticed;      /* POOL_NOTICE was given */
	bool doomed;       /* the attempt that it waited for failed: answered with last_error */
	bool slotless; /* wants a forwarded connection, which takes no session channel: no limit of channels counts */
	const void *holder; /* goes on with a lease that is held for this one; NULL: with none */
};

TAILQ_HEAD(pool_entries, pool_entry);
TAILQ_HEAD(pool_waiters, pool_waiter);

/* What stops new logins. */
enum pool_block {
	POOL_OPEN,
	POOL_BACKOFF, /* the last attempt failed: none before retry_at */
	POOL_AUTH     /* authentication failed: none until pool_unblock() */
};

struct pool {
	const struct conn_args *args; /* the owner keeps them alive; replaced on reload */
	struct pool_shells shells;
	struct pool_entries entries;
	struct pool_waiters waiters; /* each kind (fresh or not) by its turns, those of one turn as they came */
	uint64_t turns[2];           /* of each kind: the latest that was served */
	int entries_count;
	int waiters_count;
	int held_count; /* of entries: they may have to be given back when others want room */
	bool resolved;  /* the target is known; until then pool_next() answers POOL_RESOLVE */
	bool resolving;
	bool proven;            /* a login has succeeded with the present credentials */
	bool needs_person;      /* the login needed one: a single session, no reconnect by itself */
	bool persistent_wanted; /* args->persistent, and not closed by hand since: reconnect without a request */
	bool paused;            /* nobody is served, everybody waits */
	bool disabled;          /* nobody waits any longer */
	bool draining;          /* who waits is still served, then the sessions are closed; the broker lets nobody in */
	char disabled_text[160];
	enum pool_block block;
	struct np_error last_error; /* of the last failed attempt */
	double failed_at;
	double retry_at;
	int failures;       /* in a row */
	int max_channels;   /* learned: as low as any session of this pool taught, starts at args->max_channels */
	uint32_t random;    /* state of a small generator: jitter, life spread */
	bool asked_private; /* by the last POOL_CONNECT, for pool_connect_started() */
	uint64_t asked_for;
};

enum pool_verb {
	POOL_NOTHING,   /* until wake_at, or until something is reported */
	POOL_RESOLVE,   /* start a resolve job: pool_resolve_started() */
	POOL_CONNECT,   /* start a dial: pool_connect_started() */
	POOL_ASSIGN,    /* run waiter on entry: the pool has already taken the waiter off and counted the lease, or it
			   goes on with the one that was held for it */
	POOL_PROBE,     /* ask entry for a sign of life (check_delay) by means; it is PROBING.  pool_probed() */
	POOL_KEEPALIVE, /* the same because it is time; pool_probed() */
	POOL_TAKE_BACK, /* the lease that rests on entry is over because of why: the shell goes back to its first mode
			 */
	POOL_CLOSE,     /* close entry for why; of one that still connects: cancel the dial.  Said once an entry */
	POOL_FAIL,      /* answer waiter with why; it is already taken off */
	POOL_NOTICE,    /* tell waiter that `ahead` others wait before it (once, after 2 s) */
	POOL_ROOM /* a limit outside this pool stands in the way: make room by closing an idle session elsewhere, or
		     wait */
};

struct pool_action {
	enum pool_verb verb;
	struct pool_entry *entry;
	struct pool_waiter *waiter;
	bool private_use; /* POOL_CONNECT: for waiter alone */
	enum pool_means means;
	int ahead;
	struct np_error why;
	double wake_at; /* POOL_NOTHING, POOL_ROOM: absolute time, 0 = no need */
};

/* How many further sessions the world around allows: the device's max_connections over all its pools, and max_sessions.
 */
struct pool_room {
	int device;
	int global;
	int surplus; /* so many sessions too many: a reload has lowered max_connections */
	bool wanted; /* others wait for the room that sessions of this pool take */
};

/* Sessions that stay unless something happens: those that are made count, those that are about to end do not. */
int pool_lasting_entries(const struct pool *p);

void pool_init(struct pool *p, const struct conn_args *args, uint32_t seed);
/* Entries and waiters must be gone. */
void pool_finish(struct pool *p);
/* Sessions are shells of this kind from now on; without it they are not. */
void pool_set_shells(struct pool *p, const struct pool_shells *shells);
/* The former args must still be alive. */
void pool_set_args(struct pool *p, const struct conn_args *args);

/*
 * One decision at a time: call again after executing it, until POOL_NOTHING or POOL_ROOM.  POOL_ROOM is answered at
 * every call while it lasts.
 */
struct pool_action pool_next(struct pool *p, const struct pool_room *room, double now);

/*
 * Parties take turns: the second waiter of one comes after the first ones of all others, so that who asks for a hundred
 * things at once holds up nobody who asks for one.  Those who want a session of their own have turns of their own.
 *
 *   queue  A1 A2 A3 A4     B comes:  A1 B1 A2 A3 A4     A1 is served, C comes:  B1 A2 C2 A3 A4
 */
void pool_wait(struct pool *p, struct pool_waiter *w, double now);
/* The waiter left before it was served; safe when it is not waiting. */
void pool_unwait(struct pool_waiter *w);
/*
 * Puts a waiter whose command had not been sent back to its old place in the queue: before all who came later (its
 * session died under it, or had no channel for it).  The caller may have moved its deadline.
 */
void pool_wait_again(struct pool *p, struct pool_waiter *w);

void pool_resolve_started(struct pool *p);
/* err NULL: resolved.  A failure backs off as a failed connect does. */
void pool_resolve_done(struct pool *p, const struct np_error *err, double now);
/* Where it is reached must be asked again; the caller forgets an answer that is on its way. */
void pool_unresolve(struct pool *p);
void pool_connect_started(struct pool *p, struct pool_entry *e, uint64_t id, double now);
void pool_connect_done(struct pool *p, struct pool_entry *e, bool needed_person, double now);
/*
 * The same without having been asked by POOL_CONNECT: an attempt that an operator makes to see whether it works.  It
 * counts as an attempt and as a session, but nobody waits for it.  Only what it tells about the credentials matters
 * afterwards: auth_failed blocks, a login without a person's help is a proof.
 */
void pool_trial_started(struct pool *p, struct pool_entry *e, uint64_t id, double now);
/*
 * Removes e.  auth_failed blocks until pool_unblock() or until another login succeeds; everything else backs off.  Who
 * waited for this very attempt, with no session or other attempt to hope for, is answered with err at once: a mistyped
 * name must not take a minute to be told.  Later requests: after auth_failed auth_backoff at once; after host_key_*
 * backoff at once until the next attempt is due; after other failures they wait for an attempt that is due within 2 s,
 * or get backoff at once when it is later, or too late for them.  cancelled and shutting_down are nobody's failure:
 * nothing is blocked, nobody answered.
 */
void pool_connect_failed(struct pool *p, struct pool_entry *e, const struct np_error *err, double now);
/* A lease ended; carried: that of a slotless waiter.  Also after pool_entry_remove(). */
void pool_release(struct pool_entry *e, bool carried, double now);
/*
 * What POOL_PROBE or POOL_KEEPALIVE asked for is on its way, or was not sent because there was no place for it (the
 * shell is busy): then its silence says nothing.
 */
void pool_probed(struct pool_entry *e, enum pool_means means, bool sent, double now);
/*
 * The lease of a shell rests at the prompt: between two requests of holder, or (NULL) until a client has read.  Others
 * may get it if that lasts.  Over with pool_unhold(), with the assignment of the holder's next request, with
 * POOL_TAKE_BACK and with the lease.
 */
void pool_hold(struct pool_entry *e, const void *holder, double now);
void pool_unhold(struct pool_entry *e);
/* Any packet arrived, or the probe was answered. */
void pool_alive(struct pool_entry *e, double now);
/* The server refused a channel although only `used` others were open: learn.  used 0: it is of no use and drains. */
void pool_learn_channels(struct pool *p, struct pool_entry *e, int used);
/* No new leases; closed when the last one ends. */
void pool_drain(struct pool_entry *e, const char *why);
void pool_drain_all(struct pool *p, const char *why);
/*
 * A person closes its sessions: a persistent pool makes none by itself any more, until a request comes or the arguments
 * are set anew.  Who waits already is a request; whoever_waits: and does not count, for all of it ends.
 */
void pool_rest(struct pool *p, bool whoever_waits);
/*
 * Somebody else than POOL_CLOSE has begun to close the session, or it has begun to end by itself: nobody gets it any
 * longer, although it counts until it is removed.
 */
void pool_closing(struct pool_entry *e);
/* The session is gone. */
void pool_entry_remove(struct pool_entry *e);
/*
 * Whether a trial may log in now without risking a lockout: 0, or -1 with err.  asked: it may although the last login
 * was refused.
 */
int pool_may_try(const struct pool *p, bool asked, double now, struct np_error *err) NP_MUST_CHECK;
/* Credentials or configuration changed, npctl open, an answered prompt: failures are forgotten, `proven` too when
 * credentials changed. */
void pool_unblock(struct pool *p, bool credentials_changed);

/* An idle, shareable session that could be closed to make room, or NULL; the least recently used. */
struct pool_entry *pool_idle_entry(const struct pool *p);
/* One word for people: idle, connecting, connected, executing, keepalive, failed, disconnected.
 */
const char *pool_state_word(const struct pool *p);
const char *pool_entry_state_word(const struct pool_entry *e);

#endif
