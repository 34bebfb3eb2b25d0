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
#include "broker/device/device.h"
#include <ev.h>

#define BROKER_AGENT_HASHES 16

/*
 * The files that decide about a login, as they were before it was tried.  One that changes while the login is under way
 * may have been read before.
 */
struct login_files {
	double since;                   /* clock_now() */
	struct file_stamps credentials; /* and configuration */
	struct file_stamps known_hosts; /* a login may write them itself: what they lift is no failed authentication */
};

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
	char *key;
	uint64_t key_hash;
	struct device_ref ref;
	char *device_name;      /* whose max_connections counts: the device's name, or host[:port] */
	struct device *sibling; /* the next pool of that name, in a ring; itself when there is no other */
	struct device_conf *conf;
	struct platform *platform; /* its sessions are shells of this one; NULL: every command has a channel */
	bool is_default;           /* takes the requests that leave the driver open */
	struct target *target;     /* NULL until resolved */
	struct pool policy;
	ev_timer wake;
	ev_prepare kick; /* fed, never started: runs the policy before the loop blocks again */
	uint64_t resolve_job;
	uint64_t agent_job;
	struct waiter_list users; /* whoever has to do with it */
	int gathering;            /* of them: device_gather() */
	struct waiter_list held;  /* wait for the agent's key list before they may wait for a session */
	uint64_t agent_hashes[BROKER_AGENT_HASHES]; /* key lists that did not open the door */
	int agent_hashes_count;
	struct login_files tried; /* of the failed attempt that began last: their change lifts what blocks */
	bool asking;              /* a person is being asked something that the waiters wait for */
	bool prompted;            /* the last failed login had questions: a person may try again */
	bool adhoc;               /* the configuration names no such device */
	bool retired;             /* the configuration allows it no longer: it ends with its sessions */
	bool wants_room;          /* a limit outside stood in the way */
	double last_used;         /* a request began or ended */
	uint64_t requests_done;
	uint64_t commands;            /* begun on its sessions */
	uint64_t logins, failures;    /* attempts to make a session that did, and that did not */
	uint64_t bytes_in, bytes_out; /* of sessions that are gone */
	uint64_t serial;              /* of the broker's row of ids */
	const char *told_state;       /* the last word that events gave for it; NULL: none yet */
};

#endif
