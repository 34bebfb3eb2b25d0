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
#include "broker/link/lease.h"
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
/* Nobody gets it any more, nor those that it carries as a jump host: they would hold it. */
void link_drain(struct link *link, const char *why);
void link_refresh(struct link *link);
void link_ready(struct link *link);

/* ---- link_shell.c ---- */

void link_shell_open(struct link *link);
bool link_shell_say_goodbye(struct link *link, const char *why);
bool link_shell_is_leaving(const struct link *link);
/* Types an empty line.  False: the shell is busy, nothing was sent. */
bool link_shell_keepalive(struct link *link);
void link_shell_finish(struct link *link);

cJSON *link_shell_json(const struct link *link);

/* ---- link_lease.c ---- */

/* The session of the device whose shell is kept by holder, or NULL. */
struct link *link_kept(const struct device *dev, const struct holder *holder);
/* The policy takes the lease that rests at the prompt: its shell goes back to its first mode. */
void link_take_back(struct link *link);
/* It goes: what it kept is given back. */
void links_unhold(struct holder *holder);

/* ---- facts ---- */

uint64_t link_id(const struct link *link);
/* How it authenticated. */
const char *link_auth(const struct link *link);
/* Seconds that it took to make it. */
double link_connect_seconds(const struct link *link);
/* clock_now(); 0: not yet. */
double link_ready_since(const struct link *link);
const struct target *link_target(const struct link *link);
struct session *link_session(struct link *link);
/* One more command, or configuration, has begun on it. */
void link_count_command(struct link *link);
/* What is written down of its shell; NULL: nothing is. */
struct transcript *link_transcript(const struct link *link);
/* What was seen since link_forget_seen(), at most SEEN_MAX bytes of it; from the login on, if the waiter asked. */
const struct buf *link_seen(const struct link *link);
void link_see(struct link *link, const void *bytes, size_t size);
void link_forget_seen(struct link *link);
/* Whether there is a secret for it: the base mode is where its shells belong. */
bool link_has_secret(const struct link *link);

/* ---- trials: how a session comes about that nobody gets ---- */

struct trial;
struct waiter;
struct trial_events {
	/* A step of the connector. */
	void (*step)(struct trial *t, const struct connect_step *step);
	/* The way through the jump host of this name is open. */
	void (*jumped)(struct trial *t, const char *device);
	/* Something happened on the command line. */
	void (*shell)(struct trial *t, enum cli_state state, const struct platform_mode *mode);
	/* The last event is one of these two; t->link is NULL then. */
	void (*passed)(struct trial *t, const struct link *link);
	/* made: by the connector; what failed was the command line. */
	void (*failed)(struct trial *t, bool made, const struct np_error *err);
};
struct trial {
	const struct trial_events *events;
	struct waiter *waiter; /* who can be told and asked */
	struct link *link;     /* NULL: not begun, over, or nobody watches any more */
	bool no_login;
	const char *agent_socket; /* NULL: the daemon's */
};
/* It may have failed when this returns. */
void link_try(struct device *dev, struct target *target, struct trial *t);
/* Nobody watches any longer; the session, if it was being made, is for the caller to end. */
struct link *trial_leave(struct trial *t);

/* ---- link_detect.c ---- */

cJSON *link_detect_load(void);
const char *link_detect_known(const struct broker *b, const char *device);
bool link_detects(const struct device *dev);
void link_detect_begin(struct link *link);
void link_detect_output(struct link *link, const struct buf *out);
void link_detect_result(struct link *link);
void link_detect_forget(struct link *link);

/* The way through a jump host: open (fd is taken over), not to be had, ended under the link. */
void link_dial_over(struct link *link, int fd, const char *jump);
void link_failed(struct link *link, const struct np_error *err);
void link_way_lost(struct link *link, const struct np_error *why);
struct device *device_by_job(struct broker *b, uint64_t job);
struct link *link_by_job(struct broker *b, uint64_t job);

/* ---- link_report.c ---- */

void link_report_failed(struct link *link, const struct np_error *err);
void link_report_up(struct link *link);
/* Before s->session is forgotten. */
void link_report_down(struct link *link, const struct np_error *why);
void link_report_rtt(struct link *link, double rtt);

/* ---- link_json.c ---- */

cJSON *link_json(struct link *link, double now);

#endif
