/*
 * What src/broker/device alone should see of a device.
 */
#ifndef NP_DEVICE_IMPL_H
#define NP_DEVICE_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account.h"
#include "base/queue.h"
#include "conf/conf.h"
#include "params/params.h"
#include "platform/platform.h"
#include "pool/pool.h"
#include "target/target.h"
#include "login/connector.h"
#include "base/hashtab.h"
#include "broker/device/device.h"
#include "broker/link/link.h"
#include "broker/report/report.h"
#include "broker/steer/steer.h"
#include <ev.h>

#define BROKER_AGENT_HASHES 16
#define FORWARD_HOPS_MAX 8 /* jump hosts behind each other */

/* A question of a connector or of a command, on its way to a person. */
struct broker_prompt {
	TAILQ_ENTRY(broker_prompt) link;
	struct device *dev;
	struct waiter *asker; /* whose command asks; NULL: a connector does */
	uint64_t job_id;
	uint64_t prompt_id;
	uint64_t asked; /* who is asked at present: the id of a waiter */
	bool trial;     /* by a test's session: of no concern to the pool's waiters */
	enum prompt_kind kind;
	bool echo;
	char *text;
	ev_timer timer; /* prompt_timeout */
};

/* One pool key: how its device is reached, its policy, and what the policy must be told. */
struct device {
	TAILQ_ENTRY(device) link;
	struct devices *all;
	struct link_home home; /* of its sessions */
	char *key;
	struct hash_entry by_key;  /* devices.by_key */
	struct hash_entry by_name; /* devices.by_name, of device_name */
	struct device_ref ref;
	bool has_secret;           /* ref has one of a client's: gone with the last session that it made */
	char *device_name;         /* whose max_connections counts: the device's name, or host[:port] */
	struct device *sibling;    /* the next pool of that name, in a ring; itself when there is no other */
	struct device_conf *conf;  /* device_set_conf(): home has it, too */
	struct platform *platform; /* device_set_platform(): likewise */
	bool is_default;           /* takes the requests that leave the driver open */
	struct target *target;     /* NULL until resolved */
	struct pool policy;
	ev_timer wake;
	ev_prepare kick; /* fed, never started: runs the policy before the loop blocks again */
	struct job resolve;
	struct job agent;
	struct waiter_list users; /* whoever has to do with it */
	int postponed;            /* of them: device_postpone() */
	struct waiter_list held;  /* wait for the agent's key list before they may wait for a session */
	uint64_t agent_hashes[BROKER_AGENT_HASHES]; /* key lists that did not open the door */
	int agent_hashes_count;
	struct login_files tried;  /* of the failed attempt that began last: their change lifts what blocks */
	uint64_t account;          /* that bars it, where it was one that blocked it; 0: none */
	double looked_at;          /* password_command was run to see whether it prints another one; 0: never */
	bool asking;               /* a person is being asked something that the waiters wait for */
	bool prompted;             /* the last failed login had questions: a person may try again */
	bool adhoc;                /* the configuration names no such device */
	bool retired;              /* the configuration allows it no longer: it ends with its sessions */
	bool wants_room;           /* a limit outside stood in the way: */
	TAILQ_ENTRY(device) wants; /* devices.wanting */
	double last_used;          /* a request began or ended */
	uint64_t requests_done;
	uint64_t logins, failures;    /* attempts to make a session that did, and that did not */
	uint64_t bytes_in, bytes_out; /* of sessions that are gone */
	uint64_t serial;              /* device_id() */
	const char *told_state;       /* the last word that events gave for it; NULL: none yet */
};

/* All of them; the devices of a broker know nothing else of it. */
struct devices {
	struct devices_world world;
	TAILQ_HEAD(, device) list;
	TAILQ_HEAD(, device) wanting; /* room, for another session */
	int rooms_wanted;             /* how many they are */
	struct hashtab by_key, by_name;
	TAILQ_HEAD(, broker_prompt) prompts;
	TAILQ_HEAD(, forward) forwards;
	cJSON *recognised; /* device name: platform */
	struct device_counts counts;
	uint32_t random;
	bool rests, closed; /* devices_rest(), devices_close() */
};

static inline uint64_t
devices_next_id(struct devices *all)
{
	return ++*all->world.last_id;
}

/* ---- device.c ---- */

void device_init_turns(struct device *dev);
/* How it is reached is asked; it must not be being asked. */
void device_resolve(struct device *dev);
/* The idle session of the device, if it is unused for longer than best (NULL: none yet), else best. */
struct pool_entry *device_longer_unused(const struct device *dev, struct pool_entry *best);

/* ---- device_facts.c ---- */

/* A limit outside of its policy stands in the way of another session, or no longer. */
void device_want_room(struct device *dev, bool wants);
/* A session ended or a lease did: who waits for room outside its own policy asks again. */
void devices_kick_room(struct devices *all);

/* ---- device_make.c ---- */

/* Sessions and requests must be gone. */
void device_free(struct device *dev);
/* Nobody uses it, nor has for long, and nothing that it knows is of any worth. */
bool device_is_forgettable(const struct device *dev, double now);
/* It goes by this key from now on (taken over). */
void device_set_key(struct device *dev, char *key);

/* ---- device_conf.c ---- */

/* What a reference means under a configuration. */
struct device_plan {
	struct device_conf *conf;
	struct platform *platform; /* no reference; NULL: channels */
	bool is_default;           /* requests that leave the driver open go to this one */
	bool adhoc;
};

int device_plan(const struct devices *all, const struct config *config, const struct platforms *set,
    const struct device_ref *ref, enum broker_want want, struct device_plan *plan, struct np_error *err) NP_MUST_CHECK;
/* Whether a client's own password or enable secret came with it. */
bool device_ref_has_secret(const struct device_ref *ref);
bool device_ref_is_adhoc(const struct device_ref *ref, const struct config *config);
/*
 * "a,b,c": the session to c is reached through b, that one through a (ssh_config(5) ProxyJump).  A hop that is not a
 * configured device is looked up in the ssh configuration file that the device behind it (dev) named, and is its user's
 * alone where that one is.
 */
struct device_ref device_ref_of_jump(const struct device *dev, const char *chain);
/* Whose max_connections counts: to be freed. */
char *device_budget_name(const struct config *config, const struct device_ref *ref, const struct device_conf *device);
void device_set_conf(struct device *dev, struct device_conf *conf);
/* A reference is taken; NULL: channels. */
void device_set_platform(struct device *dev, struct platform *platform);
/* It is this one after all, as its login has shown. */
void device_turn_out(struct device *dev, struct platform *platform, bool known);

/* ---- device_access.c ---- */

extern const struct job_events device_resolve_events;
extern const struct job_events device_agent_events;
/* What the warm path checks: have the files changed that decided where and how we connect? */
void device_freshen(struct device *dev);
void device_failed(struct device *dev, struct login_files *tried, uint64_t agent_hash);
/* How it is reached is known now: who waits to hear that is told, also those behind it. */
void device_tell_resolved(struct device *dev);

/* ---- device_account.c ---- */

/* A login of it has failed, with that account or 0. */
void device_note_account(struct device *dev, uint64_t account, const struct np_error *err);
/* A login that was given up: what a server had of it counts as refused, which people should know. */
void device_tell_unjudged(struct device *dev, struct link *link);
/* It was an account that barred it, and that does so no longer. */
bool device_account_is_free(const struct device *dev);
/* It is one that leads to the privileged mode. */
bool device_account_enables(const struct device *dev);
/* password_command, or secret_command, prints one that nothing bars. */
bool device_password_is_free(const struct device *dev, struct secret *password);
/* What bars it, where an account does. */
void device_json_account(cJSON *o, const struct device *dev, double now);

/* ---- device_known.c ---- */

/* Reads what former brokers found out; a file that cannot be used is as none. */
cJSON *device_known_load(void);
/* The platform that a device of this name turned out to have, or NULL. */
const char *device_known(const struct devices *all, const char *device);
/* It is of that platform from now on; NULL: nobody knows. */
void device_know(struct devices *all, const char *device, const char *platform, bool asks);
/* Whether its login asks for something inside the shell, as terminal servers and menus do: no channels for it. */
bool device_known_asks(const struct devices *all, const char *device);

/* ---- device_link.c ---- */

extern const struct link_events device_link_events;
void device_connect(struct device *dev, const struct pool_action *action);
/* The policy says so: others want the shell that rests. */
void device_take_back(struct link *link);

/* ---- device_report.c ---- */

/* The word for its state: told if it is another one. */
void device_report_state(struct device *dev, const char *word);
/* link: the session that was not made; NULL: it was not resolved. */
void device_report_failed(const struct device *dev, struct link *link, const struct np_error *err);
void device_report_up(const struct device *dev, const struct link *link);
void device_report_down(const struct device *dev, struct link *link, const struct np_error *why);

/* ---- question.c ---- */

/* Who can be asked about the login of this session, or NULL. */
struct waiter *link_audience(struct link *link, int depth);
void question_of_login(struct device *dev, struct link *link, const struct connect_prompt *prompt);
/* Something that the login of link has to say; NULL: what goes before all log-ins has. */
void notice_of_login(struct device *dev, struct link *link, const char *text);
/* Who asked has gone (the server closed the connection, the attempt was given up): nobody wants the answer. */
void questions_drop_job(struct devices *all, uint64_t job_id);
/* The device goes. */
void questions_drop_device(struct device *dev);

#endif
