/*
 * A device, or one way to it: its sessions, who waits for them, what blocks the way.  Main thread only.
 */
#ifndef NP_DEVICE_H
#define NP_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "conf/conf.h"
#include "login/connector.h"
#include "params/params.h"
#include "platform/platform.h"
#include "pool/pool.h"
#include "target/target.h"
#include "broker/device/waiter.h"

struct broker;
struct client;
struct device;
struct event;
struct holder;
struct link;
struct trial;
struct request;
struct message;
struct login_files;

/* ---- device_driver.c ---- */

enum broker_want {
	WANT_ANY,    /* whatever the device is driven by */
	WANT_SHELL,  /* an interactive command line: privilege, configuration */
	WANT_CHANNEL /* a channel of its own: a terminal of a person, a subsystem, a forwarded connection */
};
struct platforms *broker_platforms_load(const struct config *config);
int broker_driver_choose(const struct broker *b, const struct platforms *set, const struct device_conf *device,
    enum broker_want want, struct platform **platform, struct np_error *err);
void broker_driver_apply(struct device_conf *device, const struct platform *platform);
int broker_driver_again(const struct platforms *set, const struct device *dev, const struct device_conf *device,
    struct platform **platform, struct np_error *err);
bool broker_driver_is_default(const struct broker *b, const struct platforms *set, const struct device_conf *device,
    const struct platform *platform);
/* The policy learns what the device's platform says about keep-alives. */
void device_tell_platform(struct device *dev);
int broker_check_params(const struct device *dev, const struct exec_params *params, struct np_error *err);
/* Its server runs no commands on channels: the device that has its shells, or NULL with err. */
struct device *device_prefer_shells(struct device *dev, struct np_error *err);

/* ---- device.c ---- */

struct device *device_get(struct broker *b, const struct device_ref *ref, enum broker_want want, struct np_error *err);
struct device_conf *device_make_conf(const struct config *config, const struct device_ref *ref, struct np_error *err);
void device_kick(struct device *dev);
void devices_kick_room(struct broker *b);
struct pool_room device_room(const struct device *dev);
struct pool_entry *device_longer_unused(const struct device *dev, struct pool_entry *best);
void device_free(struct device *dev);

/* ---- device_link.c ---- */

/* Makes a session that nobody gets; it may have failed when this returns. */
void device_try(struct device *dev, struct target *target, struct trial *t);
/* Nobody gets it any more, nor those that it carries as a jump host: they would hold it. */
void device_drain_link(struct link *link, const char *why);
/* The session of the device whose shell is kept by holder, or NULL. */
struct link *device_kept(const struct device *dev, const struct holder *holder);

/* ---- device_steer.c ---- */

/* Tells the policy what the operator has said about it. */
void device_steer(struct device *dev);
/* Whether a new request may come in: 0, or -1 with err (disabled, with the operator's text). */
int device_admit(const struct device *dev, struct np_error *err) NP_MUST_CHECK;

/* ---- device_known.c ---- */

/* Reads what former brokers found out; a file that cannot be used is as none. */
cJSON *device_known_load(void);
/* The platform that a device of this name turned out to have, or NULL. */
const char *device_known(const struct broker *b, const char *device);
/* It is of that platform from now on; NULL: nobody knows. */
void device_know(struct broker *b, const char *device, const char *platform);

/* ---- device_facts.c ---- */

/* The one after; NULL: the first, and after the last. */
struct device *device_next(const struct broker *b, const struct device *after);
const struct device_conf *device_settings(const struct device *dev);
/* Whose max_connections counts: its name, or host[:port] for all its users. */
const char *device_alias(const struct device *dev);
/* Its sessions are shells of this one; NULL: every command has a channel. */
struct platform *device_platform(const struct device *dev);
/* To be read only. */
const struct pool *device_pool(const struct device *dev);
/* Never repeats. */
uint64_t device_id(const struct device *dev);
uint64_t device_requests_done(const struct device *dev);
/* The configuration allows it no longer: it ends with its sessions. */
bool device_is_retired(const struct device *dev);
/* Its policy is asked before this turn is over. */
bool device_is_kicked(struct device *dev);
/* What commands of that operand would use now; NULL: not known. */
const struct target *device_target_of(struct broker *b, const char *operand);
/* It makes no session by itself any more, until a request comes or it is configured anew. */
void device_rest(struct device *dev);
/* The same, whoever waits: the broker ends. */
void device_want_nothing(struct device *dev);
/* The credentials may have changed: one log-in shows whether they still open the door. */
void device_doubt(struct device *dev);
/* A request of it has ended. */
void device_served(struct device *dev);

/* ---- device_access.c ---- */

void device_freshen(struct device *dev);
void device_unblock(struct device *dev, bool credentials_changed);
void device_failed(struct device *dev, struct login_files *tried, uint64_t agent_hash);

/* ---- device_reload.c ---- */

void devices_reload(struct broker *b, struct config *config, struct platforms *platforms, int *changed);
bool broker_ref_is_adhoc(const struct config *config, const struct device_ref *ref);
int devices_make_room(struct broker *b, struct np_error *err);
void devices_tick(struct broker *b);

/* ---- question.c ---- */

void question_ask(struct waiter *w, enum prompt_kind kind, const char *text, bool echo);
/* Who can be asked about the login of this session, or NULL. */
struct waiter *link_audience(const struct link *link, int depth);
void question_drop(struct waiter *w);
void questions_reassign(struct broker *b, uint64_t asked);
bool question_answer(struct broker *b, uint64_t asked, uint64_t prompt_id, struct secret *value);
void broker_prompts_drop(struct device *dev);

/* ---- device_report.c ---- */

/* Names the device in a record. */
void device_name_event(struct event *e, const struct device *dev);
/* And what stands in the way of the next attempt. */
void device_name_block(struct event *e, const struct device *dev);
/* Something may have changed the word for the device's state: told if it did. */
void device_report_state(struct device *dev);
/* The pool is forgotten: its device is idle again. */
void device_report_forgotten(struct device *dev);
void device_report_resolve_failed(struct device *dev, const struct np_error *err);

/* ---- device_json.c ---- */

/* brief: without the texts of errors. */
cJSON *device_json(struct device *dev, bool brief, double now);
/* A configured device that nobody has used yet. */
cJSON *device_json_unused(const struct broker *b, const struct device_conf *d);

#endif
