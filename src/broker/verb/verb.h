/*
 * The verbs: what a client may ask for, one row each, and the answers that come later.  The top of layer 4: a verb may
 * use every noun, no noun knows a verb.  Main thread only.
 */
#ifndef NP_VERB_H
#define NP_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/queue.h"
#include "conf/conf.h"
#include "login/connector.h"
#include "platform/platform.h"
#include "wire/frame.h"
#include "wire/message.h"

struct broker;
struct device;
struct client;
struct conf_parts;
struct selection;

/* ---- dispatch.c ---- */

void broker_dispatch(struct broker *b, struct client *client, const struct frame *frame);

/* ---- verbs.c ---- */

struct broker_sync;
struct verb {
	const char *name;
	bool steers; /* looks or steers: also over the connection that is kept free for that */
	/* Answers now and returns 0, or sets err and returns -1; a verb that answers later returns 0 as well. */
	int (*run)(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
};
const struct verb *broker_verb(const char *name);
void broker_syncs_answer(struct broker *b);

/* ---- verb_reload.c ---- */

struct broker_reload;
int verb_reload(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
/* At the end of a turn: carries out what was asked for, if it is time, and answers. */
void broker_reloads_due(struct broker *b);

/* ---- verb_select.c ---- */

/*
 * Reads one of `device` (a list as of devlist.h), `devices` (an array of such) and `all` (true) from params.  0, or -1
 * with err: invalid_params, or unknown_device for what names nothing; then nothing is selected.  On 0 the caller calls
 * selection_finish().
 */
int selection_read(
    const struct broker *b, const cJSON *params, struct selection *s, struct np_error *err) NP_MUST_CHECK;
bool selection_has(const struct selection *s, const struct device *dev);

/* ---- verb_wait.c ---- */

struct steer_wait;
TAILQ_HEAD(steer_waits, steer_wait);

/*
 * Answers the request with result (taken over) once the sessions of the selected pools that there are now, with those
 * behind them, are gone; empty: once those pools have neither sessions nor requests.
 */
void broker_wait_for(struct broker *b, struct client *client, const struct message_id *id, const struct selection *s,
    bool empty, cJSON *result);
/* At the end of a turn. */
void broker_waits_answer(struct broker *b);
void broker_waits_finish(struct broker *b);

/* ---- verb_show.c ---- */

int broker_conf_parts(struct conf_parts *parts, const struct broker *b, struct config *config,
    const struct platforms *set, const char *name, struct np_error *err);
bool broker_show_done(struct broker *b, const struct connect_result *result);
void broker_shows_free(struct broker *b);
int broker_verb_config_show(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
int broker_verb_platforms(struct broker *b, struct client *client, const struct message *m, struct np_error *err);

/* ---- verb_status.c, verb_metrics.c, verb_devices.c ---- */

/* brief: without sessions, clients, requests and the texts of errors, for who asks often.  NULL with err: no such
 * device. */
int broker_verb_status(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
int broker_verb_metrics(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
int verb_devices(struct broker *b, struct client *client, const struct message *m, struct np_error *err);

int broker_verb_watch(struct broker *b, struct client *client, const struct message *m, struct np_error *err);

/* ---- verb_steer.c, verb_close.c ---- */

int broker_verb_steer(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
int broker_verb_close(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
int broker_verb_kill(struct broker *b, struct client *client, const struct message *m, struct np_error *err);
void broker_drains_follow(struct broker *b);

#endif
