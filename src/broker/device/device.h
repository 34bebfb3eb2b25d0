/*
 * A device, or one way to it: its sessions, who waits for them, what blocks the way.  Main thread only.
 */
#ifndef NP_DEVICE_H
#define NP_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "conf/conf.h"
#include "login/connector.h"
#include "params/params.h"
#include "platform/platform.h"
#include "pool/pool.h"
#include "target/target.h"
#include "broker/device/waiter.h"

struct account;
struct accounts;
struct device;
struct devices;
struct ev_loop;
struct event;
struct holder;
struct job;
struct jobs;
struct link;
struct reports;
struct steer_rules;
struct witness;

/* ---- all of them ---- */

/* What devices need of those who have them. */
struct devices_world {
	struct ev_loop *loop;
	const struct config *config; /* in force, until devices_reload() */
	struct platforms *platforms; /* likewise */
	struct jobs *jobs;           /* connectors */
	struct accounts *accounts;
	struct reports *events;
	const struct steer_rules *rules;
	const char *agent_socket; /* the daemon's, or NULL */
	uint64_t *last_id;        /* given to anything: numbers never repeat */
	/* A session has ended, or a way through one. */
	void (*ended)(void *arg);
	void *arg;
};

struct device_counts {
	int devices, sessions, ways; /* ways through jump hosts */
	uint64_t logins, failures;   /* also those of devices that are forgotten */
};

struct devices *devices_create(const struct devices_world *world) NP_MALLOC;
/* Sessions and waiters must be gone. */
void devices_destroy(struct devices *all);
const struct device_counts *devices_counts(const struct devices *all);
/* Config and platforms are in force from now on; those before must still be alive. */
void devices_reload(struct devices *all, const struct config *config, struct platforms *platforms, int *changed);
/* Every few seconds. */
void devices_tick(struct devices *all);
/* Nothing is opened any more for those that are persistent. */
void devices_rest(struct devices *all);
/* Everything is being closed: nothing is opened any more. */
void devices_close(struct devices *all);
/* Nobody is asked any more, and connectors are told so. */
void devices_drop_questions(struct devices *all);

/* ---- found ---- */

enum broker_want {
	WANT_ANY,    /* whatever the device is driven by */
	WANT_SHELL,  /* an interactive command line: privilege, configuration */
	WANT_CHANNEL /* a channel of its own: a terminal of a person, a subsystem, a forwarded connection */
};

/* Made when it is asked for first; NULL with err. */
struct device *device_get(
    struct devices *all, const struct device_ref *ref, enum broker_want want, struct np_error *err);
/* The one after; NULL: the first, and after the last. */
struct device *device_next(const struct devices *all, const struct device *after);
/* Its server runs no commands on channels: the device that has its shells, or NULL with err. */
struct device *device_prefer_shells(struct device *dev, struct np_error *err);

struct platforms *broker_platforms_load(const struct config *config);
/*
 * The platform (no reference is taken; NULL: channels) that a device of this entry has for what is wanted; all may be
 * NULL: nothing was recognised before.  0, or -1 with err: it cannot do that.
 */
int device_choose_driver(const struct devices *all, const struct platforms *set, const struct device_conf *device,
    enum broker_want want, struct platform **platform, struct np_error *err) NP_MUST_CHECK;
/* What one of the drivers understands and that of the device cannot do is refused: 0, or -1 with err. */
/* Whether a client's standard input holds its commands: by what is configured, so that nothing need be tried. */
bool device_has_command_line(const struct device_conf *device);
int device_check_params(const struct device *dev, const struct exec_params *params, struct np_error *err) NP_MUST_CHECK;

/* ---- its sessions ---- */

/* Its policy is asked before this turn is over; something has changed. */
void device_kick(struct device *dev);
/* Makes a session that nobody gets; it may have failed when this returns. */
void device_try(struct device *dev, struct target *target, struct witness *t);
/* Whose session it is. */
struct device *device_of_link(const struct link *link);
/* Nobody gets it any more, nor those that it carries as a jump host: they would hold it. */
void device_drain_link(struct link *link, const char *why);
/* The session of the device whose shell is kept by holder, or NULL. */
struct link *device_kept(const struct device *dev, const struct holder *holder);

/* ---- what an operator says ---- */

/* Tells the policy what has been said about it. */
void device_steer(struct device *dev);
/* Whether a new request may come in: 0, or -1 with err (disabled, with the operator's text). */
int device_admit(const struct device *dev, struct np_error *err) NP_MUST_CHECK;
/* It makes no session by itself any more, until a request comes or it is configured anew. */
void device_rest(struct device *dev);
/* What an ssh finds that would come to the door. */
enum device_readiness {
	DEVICE_AT_HAND,     /* a session, or an operator who has the device wait */
	DEVICE_AWAITED,     /* neither: it has to wait for one */
	DEVICE_ASKS_AGENT,  /* there is a session, and whether it is this ssh's is for its agent to tell */
	DEVICE_NOT_FOR_SSH, /* it goes by itself, and err says why */
};
/* The agent of an ssh: the hash of its keys, 0: there is none; as far as it has been asked. */
struct device_agent {
	bool known;
	uint64_t hash;
};
#define DEVICE_SSH_REACHES 1.5 /* seconds: a server has said who it is, a lost packet included */
/* at: itself, or another one that has a session which it would make just so.  Main thread; a few stat calls. */
enum device_readiness device_for_ssh(
    struct device *dev, const struct device_agent *agent, const struct device **at, struct np_error *err);
/* Resolved, it has the agent of an ssh asked: the answer's agent_keys_hash. */
void device_ask_agent(struct device *dev, struct job *j, const char *agent_socket);
/* Named by that, nothing else. */
const struct device_ref *device_reference(const struct device *dev);
/* Its last log-in failed, and had questions that nobody has answered. */
bool device_wants_person(const struct device *dev);
/* Log-ins are allowed again, whatever failed. */
void device_unblock(struct device *dev, bool credentials_changed);
/* What bars this user is forgotten; how many accounts did. */
int devices_retry(struct devices *all, const char *user);
cJSON *account_json(const struct account *a, double now);
/* For accounts_counted_by(): arg are the devices. */
void devices_count_requests(void *arg);
/* Accounts that log-ins wait for, and those that bar a device; a few of them. */
cJSON *devices_json_gate(const struct devices *all, double now);

/* ---- facts ---- */

const struct device_conf *device_settings(const struct device *dev);
/* Whose max_connections counts: its name, or host[:port] for all its users. */
const char *device_alias(const struct device *dev);
/* Its sessions are shells of this one; NULL: every command has a channel. */
struct platform *device_platform(const struct device *dev);
/* It only remembers what some ssh's arguments resolve to: nothing was ever done by it that counts. */
bool device_is_shadow(const struct device *dev);
/* To be read only. */
const struct pool *device_pool(const struct device *dev);
/* Never repeats. */
uint64_t device_id(const struct device *dev);
uint64_t device_requests_done(const struct device *dev);
/* The configuration allows it no longer: it ends with its sessions. */
bool device_is_retired(const struct device *dev);
/* Its policy is asked before this turn is over. */
bool device_is_kicked(struct device *dev);
struct pool_room device_room(const struct device *dev);
/* What commands of that operand would use now; NULL: not known. */
const struct target *device_target_of(struct devices *all, const char *operand);
/* A request of it has ended. */
void device_served(struct device *dev);

/* ---- questions to people (question.c) ---- */

/* Asks the person behind w, whose command waits for it (the caller has seen that there is one): ops->answered. */
void question_ask(struct waiter *w, enum prompt_kind kind, const char *text, bool echo);
/* The command asks no longer: it ended, or the device went on by itself. */
void question_drop(struct waiter *w);
/* The person who was asked has left: the next one who waits is, or it is given up. */
void questions_reassign(struct devices *all, uint64_t asked);
/* False: nobody was asked this. */
bool question_answer(struct devices *all, uint64_t asked, uint64_t prompt_id, struct secret *value);

/* ---- shown ---- */

/* Names the device in a record. */
void device_name_event(struct event *e, const struct device *dev);
/* And what stands in the way of the next attempt. */
void device_name_block(struct event *e, const struct device *dev);
/* brief: without the texts of errors. */
cJSON *device_json(struct device *dev, bool brief, double now);
/* A configured device that nobody has used yet. */
cJSON *device_json_unused(const struct devices *all, const struct device_conf *d);

#endif
