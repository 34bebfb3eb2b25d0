/*
 * Answers that come later.  Main thread only.
 */
#ifndef NP_ANSWER_H
#define NP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "conf/conf.h"
#include "login/connector.h"
#include "platform/platform.h"
#include "wire/message.h"

struct broker;
struct client;
struct device;
struct link;
struct request;
struct message;

/* ---- answer_show.c ---- */

struct conf_parts;
int broker_conf_parts(struct conf_parts *parts, const struct broker *b, struct config *config,
    const struct platforms *set, const char *name, struct np_error *err);
bool broker_show_done(struct broker *b, const struct connect_result *result);
int broker_shows_of(const struct broker *b, uint64_t peer);
bool broker_show_has(const struct client *client, const struct message_id *id);
void broker_show_cancel(struct client *client, const struct message_id *id);
void broker_shows_peer_left(const struct client *client);
void broker_shows_free(struct broker *b);
int broker_verb_config_show(struct client *client, const struct message *m, struct np_error *err);
int broker_verb_platforms(struct client *client, const struct message *m, struct np_error *err);

#endif
