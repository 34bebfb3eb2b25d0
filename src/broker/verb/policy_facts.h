/* What rules of the policy are about, gathered: which device is meant, who reads its commands, what is wanted beside.
 */
#ifndef NP_POLICY_FACTS_H
#define NP_POLICY_FACTS_H

#include "broker/device/device.h"
#include "conf/conf.h"
#include "params/params.h"
#include "platform/platform.h"
#include "policy/policy.h"

struct client;

/* Where they are looked up; devices NULL: there is no broker. */
struct policy_world {
	const struct config *config;
	const struct platforms *platforms;
	const struct devices *devices;
};

/* A device for policy_decide(), and the texts that this is made of. */
struct policy_facts {
	struct policy_device device;
	char *name, *host, *bare;
};

/* Of a name that somebody gave; policy_facts_finish() frees them. */
void policy_facts_of_name(struct policy_facts *f, const struct config *config, const char *name);
/* Of what a request says; returns what it wants beside (enum policy_may). */
unsigned policy_facts_of_ref(
    struct policy_facts *f, const struct policy_world *world, const struct device_ref *ref, enum broker_want want);
/* The names of what the client said of the device that wants one of these, for a message; NULL: none.  Returns out. */
const char *policy_facts_keys(const struct device_ref *ref, unsigned wants, char *out, size_t size);
void policy_facts_finish(struct policy_facts *f);
/* Borrows the name of its role. */
struct policy_who policy_who_of(const struct client *client);
/* Now, for policy_ask.minute. */
int policy_minute_of_week(void);

#endif
