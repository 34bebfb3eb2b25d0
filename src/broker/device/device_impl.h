/*
 * What src/broker/device alone should see of a device.
 */
#ifndef NP_DEVICE_IMPL_H
#define NP_DEVICE_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
#include <ev.h>

#define BROKER_AGENT_HASHES 16

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
	struct broker *broker;
	struct link_home home; /* of its sessions */
	char *key;
	struct hash_entry by_key;  /* broker.by_key */
	struct hash_entry by_name; /* broker.by_name, of device_name */
	struct device_ref ref;
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
	int gathering;            /* of them: device_gather() */
	struct waiter_list held;  /* wait for the agent's key list before they may wait for a session */
	uint64_t agent_hashes[BROKER_AGENT_HASHES]; /* key lists that did not open the door */
	int agent_hashes_count;
	struct login_files tried;  /* of the failed attempt that began last: their change lifts what blocks */
	bool asking;               /* a person is being asked something that the waiters wait for */
	bool prompted;             /* the last failed login had questions: a person may try again */
	bool adhoc;                /* the configuration names no such device */
	bool retired;              /* the configuration allows it no longer: it ends with its sessions */
	bool wants_room;           /* a limit outside stood in the way: */
	TAILQ_ENTRY(device) wants; /* broker.wanting */
	double last_used;          /* a request began or ended */
	uint64_t requests_done;
	uint64_t logins, failures;    /* attempts to make a session that did, and that did not */
	uint64_t bytes_in, bytes_out; /* of sessions that are gone */
	uint64_t serial;              /* of the broker's row of ids */
	const char *told_state;       /* the last word that events gave for it; NULL: none yet */
};

/* ---- device.c ---- */

void device_set_conf(struct device *dev, struct device_conf *conf);
/* A reference is taken; NULL: channels. */
void device_set_platform(struct device *dev, struct platform *platform);
/* It goes by this key from now on (taken over). */
void device_set_key(struct device *dev, char *key);
struct device *device_next_of_key(const struct device *dev);

/* ---- device_access.c ---- */

extern const struct job_events device_resolve_events;
extern const struct job_events device_agent_events;

/* ---- device_link.c ---- */

extern const struct link_events device_link_events;
void device_connect(struct device *dev, const struct pool_action *action);
/* The policy says so: others want the shell that rests. */
void device_take_back(struct link *link);

/* ---- device_report.c ---- */

void device_report_up(const struct device *dev, const struct link *link);
void device_report_failed(const struct device *dev, struct link *link, const struct np_error *err);
void device_report_down(const struct device *dev, struct link *link, const struct np_error *why);

/* ---- question.c ---- */

void question_of_login(struct device *dev, struct link *link, const struct connect_prompt *prompt);
void notice_of_login(struct device *dev, struct link *link, const char *text);
/* Who asked has gone (the server closed the connection, the attempt was given up): nobody wants the answer. */
void questions_drop_job(struct broker *b, uint64_t job_id);

#endif
