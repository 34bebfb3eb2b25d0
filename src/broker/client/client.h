/*
 * One client of the socket: what is said to it, and what it says.  Main thread only.
 */
#ifndef NP_CLIENT_H
#define NP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/frame.h"
#include "wire/message.h"
#include <cjson/cJSON.h>

struct broker;
struct client;
struct device;
struct link;
struct request;
struct message;

void client_send(struct client *client, char *json, const void *data, size_t size); /* frees json */
void client_result(struct client *client, const struct message_id *id, cJSON *result);
void client_error(struct client *client, const struct message_id *id, const struct np_error *err, const char *device);
void client_notify(struct client *client, const char *method, cJSON *params);
struct client *client_by_id(struct broker *b, uint64_t id); /* or NULL */

/* A request with its pool, of parsed params, which are taken over; it is not in the pool's queue yet. */
int broker_request_make(struct client *client, const struct message *m, enum request_kind kind,
    struct exec_params *params, struct request **made, struct np_error *err);

/* ---- client_json.c ---- */

cJSON *client_json(const struct client *client, double now);

#endif
