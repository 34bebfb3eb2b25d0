/*
 * An ssh that would come to the door: whether there is a session that is the one which it would make.
 *
 * A session is what its arguments and files say, and by which key it logged in.  Which key that is follows from the key
 * files and from the list of the agent's keys: a session is only that ssh's whose files are as they were and whose
 * agent has just the keys that there were when the session logged in.  The same goes for each jump host on the way to
 * it. In doubt it goes by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "broker/device/device_impl.h"

#define AGENT_TIMEOUT 1.0
#define LOGIN_BEARABLE 10.0

/* ---- the jump hosts ---- */

/* A jump host that is configured may be reached in another way than ssh would reach it. */
static bool
is_ssh_s_hop(const struct config *config, const char *hop)
{
	const struct device_conf *known = config_device(config, hop);
	struct device_conf *bare = known != NULL ? device_conf_adhoc(config, hop) : NULL;
	bool same = bare == NULL || device_conf_same_login(known, bare);

	device_conf_free(bare);
	return same;
}

static bool
are_ssh_s_hops(const struct device *dev)
{
	const struct config *config = dev->all->world.config;
	const char *chain = dev->target->proxy_jump;
	char *copy, *rest, *hop;
	bool are = true;

	if (chain == NULL)
		return true;
	if (config->ssh_config != NULL && dev->conf->ssh_config == NULL)
		return false; /* hops are looked up there */
	copy = rest = xstrdup(chain);
	while (are && (hop = strsep(&rest, ",")) != NULL)
		are = is_ssh_s_hop(config, hop);
	free(copy);
	return are;
}

/* The device through which it is reached; NULL: none. */
static struct device *
hop_of(const struct device *dev)
{
	struct device_ref ref;
	struct device *hop;
	struct np_error err;

	if (dev->target == NULL || dev->target->proxy_jump == NULL)
		return NULL;
	ref = device_ref_of_jump(dev, dev->target->proxy_jump);
	hop = device_get(dev->all, &ref, WANT_CHANNEL, &err);
	device_ref_finish(&ref);
	return hop;
}

static bool
is_resolved(struct device *dev)
{
	device_freshen(dev);
	return dev->policy.resolved && dev->target != NULL;
}

/* Why it had better go by itself, as far as the hops are known; NULL: nothing says so. */
static const char *
own_way_of_hops(const struct device *dev)
{
	const char *why = NULL;
	struct device *hop = hop_of(dev);

	for (int i = 0; hop != NULL && why == NULL; i++) {
		if (i == FORWARD_HOPS_MAX)
			return "too many jump hosts";
		if (!is_resolved(hop))
			return NULL;
		why = hop->target->own_way;
		hop = hop_of(hop);
	}
	return why;
}

/* ---- the sessions ---- */

enum fit { FIT_YES, FIT_ASK, FIT_NO };

/* Another agent, or none, may have made another session of it. */
static bool
is_by_agent(const struct target *t, const char *auth)
{
	bool one_file = t->identities_only && t->identity_files.n == 1 && t->certificate_files.n == 0;

	if (!t->use_agent || !t->pubkey_auth || (t->agent_path != NULL && strcmp(t->agent_path, "none") == 0))
		return false;
	return strcmp(auth, "none") != 0 && !(one_file && strstr(auth, "(agent: ") == NULL);
}

static enum fit
fits(const struct device *dev, struct link *link, const struct device_agent *agent)
{
	struct link_facts is = link_facts(link);

	if (link_keys_changed(link))
		return FIT_NO;
	if (is.auth == NULL || !is_by_agent(dev->target, is.auth))
		return FIT_YES;
	if (!agent->known)
		return FIT_ASK;
	return agent->hash == is.agent_hash ? FIT_YES : FIT_NO;
}

static bool
is_shared(const struct pool_entry *e)
{
	return (e->state == POOL_READY || e->state == POOL_PROBING) && !e->private_use && !e->trial;
}

/* All of them: which one it gets is for the policy to say. */
static enum fit
sessions_fit(const struct device *dev, const struct device_agent *agent)
{
	enum fit all = FIT_YES;
	struct pool_entry *e;

	TAILQ_FOREACH (e, &dev->policy.entries, link) {
		enum fit fit = is_shared(e) ? fits(dev, link_of_entry(e), agent) : FIT_YES;
		all = fit > all ? fit : all;
	}
	return all;
}

static bool
has_session(const struct device *dev)
{
	const struct pool_entry *e;

	TAILQ_FOREACH (e, &dev->policy.entries, link)
		if (is_shared(e) && e->state == POOL_READY)
			return true;
	return false;
}

/* One that is reached otherwise by now is asked for anew; of several agents the one of the target is asked. */
static enum fit
hop_fits(const struct device *dev, struct device *hop, const struct device_agent *agent)
{
	static const struct device_agent unknown = {.known = false};
	bool same = text_equal(hop->target != NULL ? hop->target->agent_path : NULL, dev->target->agent_path);
	enum fit fit;

	if (!is_resolved(hop)) {
		if (!hop->policy.resolving)
			device_resolve(hop);
		return FIT_NO;
	}
	fit = sessions_fit(hop, same ? agent : &unknown);
	return fit == FIT_ASK && !same ? FIT_NO : fit;
}

/* It has a session: whether that is the one, with all that carry it. */
static enum fit
whole_fits(const struct device *dev, const struct device_agent *agent)
{
	enum fit all = sessions_fit(dev, agent);
	struct device *hop = hop_of(dev);

	for (int i = 0; hop != NULL && i < FORWARD_HOPS_MAX && all != FIT_NO; i++, hop = hop_of(hop)) {
		enum fit fit = hop_fits(dev, hop, agent);
		all = fit > all ? fit : all;
	}
	return all;
}

/*
 * Sessions of both would be the same, whatever their names are and by whatever words one comes to them.  A jump host
 * that stands behind another is named by more than a request could say.
 */
static bool
is_like(const struct device *dev, const struct device *other)
{
	return other != dev && other->platform == NULL && !other->retired && other->ref.overrides == NULL &&
	       other->policy.resolved && other->target != NULL && has_session(other) &&
	       !file_stamps_changed(&other->target->config_files) && target_same_session(dev->target, other->target);
}

static const struct device *
find_like(const struct device *dev)
{
	const struct device *other;

	TAILQ_FOREACH (other, &dev->all->list, link)
		if (is_like(dev, other))
			return other;
	return NULL;
}

/* ---- the answer ---- */

/* It is resolved: why an ssh had better go by itself, or NULL. */
static const char *
find_own_way(const struct device *dev)
{
	const char *why = dev->target->own_way;

	if (why == NULL && !dev->conf->args.enabled)
		why = "each request has a session of its own (long_connection)";
	if (why == NULL && !are_ssh_s_hops(dev))
		why = "a jump host is configured here otherwise than for ssh";
	if (why == NULL)
		why = own_way_of_hops(dev);
	if (why == NULL && device_wants_person(dev))
		why = "somebody has to be asked for the login";
	return why;
}

/* An ssh would wait in vain: its own time, which it may have limited, begins only then. */
static const char *
dials_in_vain(const struct device *dev)
{
	struct pool_entry *e;

	TAILQ_FOREACH (e, &dev->policy.entries, link) {
		double since = e->state == POOL_CONNECTING && !e->trial ? clock_now() - e->created : 0;

		if (since > LOGIN_BEARABLE)
			return "a login takes its time already";
		if (since > DEVICE_SSH_REACHES && !link_facts(link_of_entry(e)).reached)
			return "it has not answered yet";
	}
	return NULL;
}

static enum device_readiness
goes_by_itself(const char *why, struct np_error *err)
{
	error_set(err, REASON_INVALID_REQUEST, "ssh goes by itself: %s", why);
	return DEVICE_NOT_FOR_SSH;
}

enum device_readiness
device_for_ssh(struct device *dev, const struct device_agent *agent, const struct device **at, struct np_error *err)
{
	const char *why;

	*at = dev;
	if (!is_resolved(dev))
		return DEVICE_AWAITED;
	why = find_own_way(dev);
	if (why != NULL)
		return goes_by_itself(why, err);
	if (!has_session(dev) && dev->policy.paused)
		return DEVICE_AT_HAND;
	if (!has_session(dev))
		*at = find_like(dev);
	why = *at == NULL ? dials_in_vain(dev) : NULL;
	if (why != NULL)
		return goes_by_itself(why, err);
	if (*at == NULL)
		return DEVICE_AWAITED;
	switch (whole_fits(*at, agent)) {
	case FIT_YES:
		return DEVICE_AT_HAND;
	case FIT_ASK:
		return DEVICE_ASKS_AGENT;
	case FIT_NO:
		break;
	}
	return goes_by_itself("the session that there is was made with other keys, or their files have changed", err);
}

void
device_ask_agent(struct device *dev, struct job *j, const char *agent_socket)
{
	const struct attempt attempt = {.kind = CONNECT_AGENT_KEYS,
	    .target = dev->target,
	    .agent_socket = agent_socket,
	    .ready_fd = -1,
	    .timeout = AGENT_TIMEOUT};

	job_submit(dev->all->world.jobs, j, &attempt);
}

bool
device_wants_person(const struct device *dev)
{
	return dev->policy.block != POOL_OPEN && dev->prompted;
}

const struct device_ref *
device_reference(const struct device *dev)
{
	return &dev->ref;
}
