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

#define BROKER_AUTODETECT "autodetect" /* device_type, and the definition that serves until the true one is known */

struct broker;
struct client;
struct device;
struct link;
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
uint64_t broker_hash(const char *s);
void device_kick(struct device *dev);
void devices_kick_room(struct broker *b);
struct pool_room device_room(const struct device *dev);
char *device_of_user(const struct config *config, const char *name);
struct pool_entry *device_longer_unused(const struct device *dev, struct pool_entry *best);
void device_free(struct device *dev);
struct link *link_of_entry(struct pool_entry *e);

/* ---- device_access.c ---- */

void device_freshen(struct device *dev);
void device_unblock(struct device *dev, bool credentials_changed);
void device_failed(struct device *dev, struct login_files *tried, uint64_t agent_hash);
void login_files_take(struct login_files *files, const struct target *target);
void login_files_finish(struct login_files *files);
void broker_resolve_done(struct device *dev, struct connect_result *result);
void broker_agent_keys_done(struct device *dev, struct connect_result *result);

/* ---- device_reload.c ---- */

void devices_reload(struct broker *b, struct config *config, struct platforms *platforms, int *changed);
bool broker_ref_is_adhoc(const struct config *config, const struct device_ref *ref);
int devices_make_room(struct broker *b, struct np_error *err);
void devices_tick(struct broker *b);

/* ---- question.c ---- */

void broker_prompt_ask(const struct connect_prompt *prompt, void *broker);
void question_ask(struct waiter *w, enum prompt_kind kind, const char *text, bool echo);
/* Who can be asked about the login of this session, or NULL. */
struct waiter *link_audience(const struct link *link, int depth);
void broker_connector_notice(uint64_t job_id, const char *text, void *broker);
void question_drop(struct waiter *w);
void questions_reassign(struct broker *b, uint64_t asked);
bool question_answer(struct broker *b, uint64_t asked, uint64_t prompt_id, struct secret *value);
void broker_prompts_drop(struct device *dev);
void broker_prompts_drop_job(struct broker *b, uint64_t job_id);

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
