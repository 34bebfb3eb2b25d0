/*
 * A session with its shell: made, leased, ended.  Main thread only.
 */
#ifndef NP_LINK_H
#define NP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "login/connector.h"
#include "pool/pool.h"
#include "target/target.h"
#include <cjson/cJSON.h>

struct broker;
struct client;
struct device;
struct link;
struct request;
struct message;

/* ---- link.c ---- */

extern const struct connector_events broker_connector_events;
void link_connect(struct device *dev, const struct pool_action *action);
void link_end(struct link *link, enum np_reason reason, const char *why);
void link_refresh(struct link *link);
void link_ready(struct link *link);

/* ---- link_shell.c ---- */

void link_shell_open(struct link *link);
void link_shell_lease(struct link *link, struct request *r);
void link_shell_lease_end(struct link *link, struct request *r);
void link_shell_pause(struct link *link);
bool link_shell_resume(struct request *r);
void link_shell_check_hold(struct link *link, double now);
void links_check_hold(struct broker *b, double now);
void link_shell_peer_left(struct broker *b, const struct client *client);
void link_shell_unhold_all(struct broker *b);
bool link_shell_say_goodbye(struct link *link, const char *why);
bool link_shell_is_leaving(const struct link *link);
void link_shell_keepalive(struct link *link);
void link_shell_finish(struct link *link);

cJSON *link_shell_json(const struct link *link);

/* ---- link_detect.c ---- */

cJSON *link_detect_load(void);
const char *link_detect_known(const struct broker *b, const char *device);
bool link_detects(const struct device *dev);
void link_detect_begin(struct link *link);
void link_detect_output(struct link *link, const struct buf *out);
void link_detect_result(struct link *link);
void link_detect_forget(struct link *link);

void broker_forward_start(struct request *r);
void broker_forward_failed(struct request *r, const struct np_error *err);
struct device *device_by_job(struct broker *b, uint64_t job);
struct link *link_by_job(struct broker *b, uint64_t job);
/* Makes a session that nobody gets, for a test; it may have failed when this returns. */
void link_try(struct request *r, struct target *target);

/* ---- link_report.c ---- */

void link_report_failed(struct link *link, const struct np_error *err);
void link_report_up(struct link *link);
/* Before s->session is forgotten. */
void link_report_down(struct link *link, const struct np_error *why);
void link_report_rtt(struct link *link, double rtt);

/* ---- link_json.c ---- */

cJSON *link_json(struct link *link, double now);

#endif
