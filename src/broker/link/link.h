/*
 * A session with its shell: dialled, adopted, brought to its prompt, leased, ended.  Main thread only.
 *
 *   BORN -> (WAY: a jump host is asked for one) -> DIALLING -> ADOPTED -> (LOGIN: on its command line) -> READY ->
 * (freed)
 *
 *   any but READY -> failed(), READY -> closed(), the last event; the link is freed when that returns.
 *
 * It tells its device by struct link_events, who uses it by struct lease_events (lease.h), who watches how it comes
 * about by struct witness_events.  Of these it knows no more than the tables.
 */
#ifndef NP_LINK_H
#define NP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "broker/link/job.h"
#include "broker/link/lease.h"
#include "conf/conf.h"
#include "platform/platform.h"
#include "pool/pool.h"
#include "target/target.h"
#include "transport/session.h"
#include <cjson/cJSON.h>

#define PLATFORM_AUTODETECT "autodetect" /* device_type, and the definition that serves until the true one is known */

struct accounts;
struct link;
struct transcript;
struct witness;
struct waiter;

/*
 * The files that decide about a login, as they were before it was tried.  One that changes while the login is under way
 * may have been read before.
 */
struct login_files {
	double since;                   /* clock_now() */
	struct file_stamps credentials; /* and configuration */
	struct file_stamps known_hosts; /* a login may write them itself: what they lift is no failed authentication */
};

void login_files_take(struct login_files *files, const struct target *target);
void login_files_finish(struct login_files *files);

/* What a session tells its device.  None is called from inside a function that begins or leases a session. */
struct link_events {
	/* It needs a way through target->proxy_jump: link_dial_over() or link_failed(). */
	void (*needs_way)(struct link *link);
	/* It needs the way no longer, before that was open: neither link_dial_over() nor link_failed() follows. */
	void (*gives_way_up)(struct link *link);
	/* The dial asks a person, or has something to say to one. */
	void (*prompt)(struct link *link, const struct connect_prompt *prompt);
	void (*notice)(struct link *link, const char *text);
	/* The dial is over, however it ended: nobody wants answers any more. */
	void (*dialled)(struct link *link, uint64_t job);
	/* It has been made, and where there is a command line, that is at its prompt. */
	void (*ready)(struct link *link);
	/* It could not be made; the agent's key list that did not help, or 0. */
	void (*failed)(struct link *link, const struct np_error *err, uint64_t agent_hash);
	/* It begins to end by itself: nobody may get it any longer. */
	void (*closing)(struct link *link);
	void (*closed)(struct link *link, const struct np_error *why);
	/* After failed() or closed(): the last of all. */
	void (*gone)(struct link *link);
	/* It has shown a sign of life; rtt: seconds, negative when not measured. */
	void (*alive)(struct link *link, double rtt);
	/* The number of its slots has changed. */
	void (*slots)(struct link *link, int max);
	/* A lease is over. */
	void (*freed)(struct link *link, bool carried);
	/* Its shell rests: a client keeps it for its next request, or (NULL) has to read first.  Not any more. */
	void (*held)(struct link *link, const struct holder *holder);
	void (*unheld)(struct link *link);
	/* device_type autodetect: what it is; NULL: not what it was taken for. */
	void (*recognised)(struct link *link, const struct platform *found);
};

/* Where sessions belong: embedded in their device, which keeps it true. */
struct link_home {
	const struct link_events *events;
	struct ev_loop *loop;
	struct jobs *jobs;
	struct accounts *accounts; /* asked before a shell is given a password or secret; NULL: nobody is */
	uint32_t *random;
	struct platforms *const *platforms; /* to be recognised by */
	const struct device_conf *conf;
	struct platform *platform; /* its sessions are shells of this one; NULL: every command has a channel */
	uint64_t commands;         /* begun on its sessions */
};

/* A definition that fits most command lines serves until the right one is known. */
bool link_home_detects(const struct link_home *home);

/* ---- life ---- */

struct link_wishes {
	uint64_t id;              /* never repeats */
	struct target *target;    /* a reference is taken */
	const char *agent_socket; /* copied */
	bool records, sees_login; /* as those of a waiter */
	struct witness *witness;  /* watches, or NULL */
	double insists;           /* since when a person wants what servers refused before that; 0: nobody does */
	bool for_ssh;             /* see struct attempt */
};

struct link *link_create(struct link_home *home, const struct link_wishes *wishes) NP_MALLOC;
/* Begins to make it; it may have failed and be gone when this returns. */
void link_begin(struct link *link);
/*
 * Closes a session, or gives up the attempt to make one; what follows comes by events, in a later turn: link is still
 * there when this returns.  One that still logs in on its
 * command line remains an attempt until it has ended.
 */
void link_end(struct link *link, enum np_reason reason, const char *why);
/* Likewise, but an attempt whose secret a server has goes on until that is judged: nobody has refused it. */
void link_retire(struct link *link, const char *why);
/* The way through a jump host: open (fd is taken over), not to be had, ended under the link. */
void link_dial_over(struct link *link, int fd, const char *jump);
void link_failed(struct link *link, const struct np_error *err);
void link_way_lost(struct link *link, const struct np_error *why);
/* Tells its leases that it is to end when they have. */
void link_tell_drain(struct link *link, const char *why);
/* Keeps what the policy reads about it true; called before the policy is asked. */
void link_refresh(struct link *link);
/* Asks it for a sign of life; by a line: of its shell.  False: that is busy, nothing was sent. */
bool link_probe(struct link *link, bool by_line);
/* True when its shell logs out now and ends it afterwards. */
bool link_say_goodbye(struct link *link, const char *why);

/* ---- facts ---- */

struct link *link_of_entry(struct pool_entry *e);
struct pool_entry *link_entry(struct link *link);
struct link_home *link_home(const struct link *link);
/* As they are now. */
struct link_facts {
	uint64_t id;                   /* never repeats */
	const struct target *target;   /* what was dialled */
	const char *auth;              /* how it authenticated */
	const char *agent_socket;      /* that its login uses; NULL: none, or it is done */
	const struct witness *witness; /* watches how it comes about, or NULL */
	const struct waiter *way;      /* for the jump host's session that carries it, or NULL: its device's */
	double connect_seconds;        /* that it took to make it */
	uint64_t commands;             /* run on it so far */
	uint64_t account;              /* that its login was refused with; 0: none */
	uint64_t agent_hash;           /* of the key list that the agent had for its login; 0: none was asked */
	bool reached;                  /* its server has spoken, as far as is known; of jump hosts theirs */
	bool connected;                /* it has been made */
	bool needed_person;            /* its login did */
	bool closing;                  /* it was told to end, and does */
};

struct link_facts link_facts(const struct link *link);
/* The account whose verdict, or whose turn, its login or its shell waits for; 0: none. */
uint64_t link_awaits(const struct link *link);
/* Whether a key file, or what else a login reads, is another one than before its login. */
bool link_keys_changed(const struct link *link);
/* To start channels on; NULL while it is being made. */
struct session *link_session(struct link *link);
/* Who waits for the jump host's session that carries it, as link_set_way() said. */
struct waiter *link_way(struct link *link);
/* The files that decide about the login, as they were before it. */
struct login_files *link_tried(struct link *link);
struct session_stats link_stats(const struct link *link);
/* Its shell says goodbye just now. */
bool link_is_leaving(const struct link *link);
/* One more command, or configuration, has begun on it. */
void link_count_command(struct link *link);
void link_set_way(struct link *link, struct waiter *way);
cJSON *link_json(const struct link *link, double now);

/* What is written down of its shell; NULL: nothing is. */
struct transcript *link_transcript(const struct link *link);
/* What was seen since link_forget_seen(), 256 KiB at most; from the login on, if that was wished. */
const struct buf *link_seen(const struct link *link);
void link_see(struct link *link, const void *bytes, size_t size);
void link_forget_seen(struct link *link);
/* Whether there is a secret for it: the base mode is where its shells belong. */
bool link_has_secret(const struct link *link);
/* Whether the login asked for something inside the shell: what channels of their own would meet is not known then. */
bool link_was_asked(const struct link *link);

/* ---- witnesses of how a session comes about ---- */

struct witness_events {
	/* A step of the connector. */
	void (*step)(struct witness *t, const struct connect_step *step);
	/* The way through the jump host of this name is open. */
	void (*jumped)(struct witness *t, const char *device);
	/* Something happened on the command line. */
	void (*shell)(struct witness *t, enum cli_state state, const struct platform_mode *mode);
	/* The last event is one of these two; t->link is NULL then. */
	void (*passed)(struct witness *t, const struct link *link);
	/* made: by the connector; what failed was the command line. */
	void (*failed)(struct witness *t, bool made, const struct np_error *err);
};

struct witness {
	const struct witness_events *events;
	struct waiter *waiter; /* who can be told and asked */
	struct link *link;     /* NULL: not begun, over, or nobody watches any more */
	bool no_login;
	const char *agent_socket; /* NULL: the daemon's */
};

/* Nobody watches any longer; the session, if it was being made, is for the caller to end. */
struct link *witness_leave(struct witness *t);

#endif
