/*
 * Sessions as the broker has them: dialled by a connector (through a jump host's session where there is one), adopted,
 * ended.
 *
 * Connectors answer by job id; a session that has gone meanwhile is simply not found.
 */
#include <stdlib.h>

#include "broker/broker_impl.h"
#include "broker/device/forward.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

/* ---- finding ---- */

struct link *
link_by_job(struct broker *b, uint64_t job)
{
	struct device *dev;
	struct pool_entry *e;

	TAILQ_FOREACH (dev, &b->devices, link) {
		TAILQ_FOREACH (e, &dev->policy.entries, link) {
			if (link_of_entry(e)->dial_job == job)
				return link_of_entry(e);
		}
	}
	return NULL;
}

struct device *
device_by_job(struct broker *b, uint64_t job)
{
	struct device *dev;
	struct link *link = link_by_job(b, job);

	if (link != NULL)
		return link->dev;
	TAILQ_FOREACH (dev, &b->devices, link) {
		if (dev->resolve_job == job || dev->agent_job == job)
			return dev;
	}
	return NULL;
}

/* Keeps what the policy reads about a session true; called before the policy is asked. */
void
link_refresh(struct link *link)
{
	struct session_stats stats;

	if (link->session == NULL)
		return;
	stats = session_stats(link->session);
	link->entry.last_rx = stats.last_rx;
	if (link->dev->platform != NULL) {
		/* Its one channel is the shell, which serves one lease after the other. */
		link->entry.slots_max = 1;
		link->entry.slots_used = link->closing;
		return;
	}
	link->entry.slots_used = stats.slots_used;
	link->entry.slots_max = stats.slots_max;
	/* One that is on its way out takes nobody in, although its end may take a while (a proxy's process). */
	if (!stats.has_slot && link->entry.slots_used < link->entry.slots_max)
		link->entry.slots_used = link->entry.slots_max;
}

/* ---- the end ---- */

static void
session_free(struct link *link)
{
	struct broker *b = link->dev->broker;

	link_leases_leave(link);
	link_shell_finish(link);
	if (link->entry.pool != NULL)
		pool_entry_remove(&link->entry);
	if (link->forward != NULL)
		forward_end(link->forward);
	b->sessions_count--;
	broker_waits_note(b);
	device_kick(link->dev);
	devices_kick_room(b);
	broker_note_idle(b);
	target_unref(link->target);
	login_files_finish(&link->tried);
	free(link->agent_socket);
	free(link->auth);
	free(link);
}

static void
connect_failed(struct link *link, const struct np_error *err, uint64_t agent_hash)
{
	struct device *dev = link->dev;

	log_warning("session", "%s#%llu: %s: %s", dev->conf->name, (unsigned long long)link->id,
	    reason_name(err->reason), err->text);
	/* What a trial does not find out about the credentials must not hide when they were last found wrong. */
	if (!link->entry.trial || err->reason == REASON_AUTH_FAILED)
		device_failed(dev, &link->tried, agent_hash);
	pool_connect_failed(&dev->policy, &link->entry, err, clock_now());
	if (err->reason != REASON_CANCELLED && err->reason != REASON_SHUTTING_DOWN) { /* those are nobody's failure */
		dev->failures++;
		dev->broker->failures++;
	}
	if (!link->entry.trial || err->reason != REASON_CANCELLED)
		link_report_failed(link, err);
	if (link->trial != NULL) {
		struct trial *t = link->trial;
		trial_leave(t);
		/* The time is that of the connector: what came after it was the command line's. */
		t->events->failed(t, link->connect_seconds > 0, err);
	}
	session_free(link);
}

void
link_failed(struct link *link, const struct np_error *err)
{
	connect_failed(link, err, 0);
}

void
link_drain(struct link *link, const char *why)
{
	struct lease *l;

	pool_drain(&link->entry, why);
	device_kick(link->dev);
	TAILQ_FOREACH (l, &link->leases, in_link) {
		if (l->events->drains != NULL)
			l->events->drains(l, why);
	}
}

/*
 * Closes a session, or gives up the attempt to make one; what follows comes by events.  One that still logs in on its
 * command line remains an attempt until it has ended.
 */
void
link_end(struct link *link, enum np_reason reason, const char *why)
{
	link->closing = true;
	if (link->session != NULL) {
		if (link->entry.ready_since > 0)
			pool_closing(&link->entry);
		else if (link->sh.error.reason == REASON_NONE)
			error_set(&link->sh.error, reason == REASON_NONE ? REASON_CANCELLED : reason, "%s", why);
		if (reason != REASON_SHUTTING_DOWN && link_shell_say_goodbye(link, why))
			return;
		session_close(link->session, reason, "%s", why);
	} else if (link->dial_job != 0)
		connector_cancel(link->dev->broker->connector, link->dial_job,
		    reason == REASON_NONE ? REASON_CANCELLED : reason, why);
	else if (link->forward != NULL)
		forward_give_up(link->forward, why);
}

static void
on_session_closed(struct session *session, const struct np_error *why, void *arg)
{
	struct link *link = arg;
	struct session_stats stats = session_stats(session);

	log_info("session", "%s: closed: %s", session_name(session), why->text);
	link->dev->bytes_in += stats.bytes_in;
	link->dev->bytes_out += stats.bytes_out;
	if (link->entry.ready_since == 0 && link->entry.pool != NULL) { /* its command line was never reached */
		link->session = NULL;
		connect_failed(link, link->sh.error.reason != REASON_NONE ? &link->sh.error : why, 0);
		return;
	}
	link_report_down(link, why);
	link->session = NULL;
	session_free(link);
}

static void
on_session_probed(struct session *session NP_UNUSED, double rtt, void *arg)
{
	struct link *link = arg;

	pool_alive(&link->entry, clock_now());
	link_report_rtt(link, rtt);
	device_kick(link->dev);
}

static void
on_session_slots(struct session *session, void *arg)
{
	struct link *link = arg;
	int slots_max = session_stats(session).slots_max;

	/* Not compared with the entry's own number: that may have been brought up to date meanwhile. */
	if (slots_max < link->dev->policy.max_channels)
		pool_learn_channels(&link->dev->policy, &link->entry, slots_max);
	device_kick(link->dev);
}

static const struct session_events session_callbacks = {
    .closed = on_session_closed,
    .probed = on_session_probed,
    .slots = on_session_slots,
};

/* ---- dialling ---- */

/* The agent of the client whose request made us connect, so that its keys sign; else the daemon's own. */
static const char *
choose_agent(const struct device *dev, struct pool_waiter *w)
{
	struct pool_waiter *first = w != NULL ? w : TAILQ_FIRST(&dev->policy.waiters);

	for (w = first; w != NULL; w = TAILQ_NEXT(w, link)) {
		if (waiter_of(w)->agent_socket != NULL)
			return waiter_of(w)->agent_socket;
	}
	return dev->broker->options.agent_socket;
}

/* Starts the dial of s over ready_fd (taken over), or over a connection that the dial makes itself (-1). */
static void
start_dial(struct link *link, int ready_fd)
{
	struct attempt attempt = {.kind = CONNECT_DIAL,
	    .target = link->target,
	    .agent_socket = link->agent_socket,
	    .login_suffix = link->dev->platform != NULL ? link->dev->platform->login_suffix : NULL,
	    .ready_fd = ready_fd,
	    .timeout = link->target->connection_timeout,
	    .for_shell = link->dev->platform != NULL,
	    .steps = link->trial != NULL,
	    .no_login = link->trial != NULL && link->trial->no_login,
	    .prompt_timeout = link->dev->conf->args.prompt_timeout};

	link->dial_job = connector_submit(link->dev->broker->connector, &attempt);
}

static void
adopt(struct link *link, struct connect_result *result)
{
	struct device *dev = link->dev;
	struct dialled *dialled = result->dialled;
	struct session_setup setup = {.id = link->id,
	    .name = dev->conf->name,
	    .max_channels = dev->conf->args.max_channels,
	    .spare_channels = dev->conf->args.enabled && !link->entry.private_use && dev->platform == NULL};

	link->session = dialled_adopt(dialled, dev->broker->loop, &setup, &session_callbacks, link);
	link->auth = dialled->auth_method;
	dialled->auth_method = NULL;
	link->sh.needed_person = dialled->needed_person;
	link->sh.secret = dialled->secret;
	link->sh.password = dialled->password;
	link->sh.offered = dialled->offered;
	dialled->secret = dialled->password = dialled->offered = NULL;
	link->connect_seconds = clock_now() - link->entry.created;
	log_info("session", "%s: connected as %s@%s:%d in %.0f ms by %s", session_name(link->session),
	    link->target->user, link->target->host, link->target->port, link->connect_seconds * 1000,
	    link->auth != NULL ? link->auth : "none");
}

/* Requests may have it: it has been made, and where there is a command line, that is at its prompt. */
void
link_ready(struct link *link)
{
	struct device *dev = link->dev;

	dev->agent_hashes_count = 0;
	dev->prompted = false;
	login_files_finish(&link->tried);
	pool_connect_done(&dev->policy, &link->entry, link->sh.needed_person, clock_now());
	if (link->sh.outdated)
		pool_drain(&link->entry, "its configuration changed while it connected");
	dev->logins++;
	dev->broker->logins++;
	link_report_up(link);
	if (link->trial != NULL) {
		struct trial *t = link->trial;
		trial_leave(t);
		t->events->passed(t, link);
	}
	device_kick(dev);
}

static void
dial_done(struct link *link, struct connect_result *result)
{
	struct device *dev = link->dev;

	link->sh.outdated =
	    !link->entry.trial && dev->target != link->target && !target_same_login(dev->target, link->target);
	link->dial_job = 0;
	free(link->agent_socket);
	link->agent_socket = NULL;
	if (!result->ok) {
		connect_failed(link, link->jump_error.reason != REASON_NONE ? &link->jump_error : &result->err,
		    result->agent_keys_hash);
		return;
	}
	adopt(link, result);
	if (dev->platform != NULL)
		link_shell_open(link);
	else
		link_ready(link);
}

static void
on_connector_done(struct connect_result *result, void *arg)
{
	struct broker *b = arg;
	struct device *dev = device_by_job(b, result->id);
	struct link *link;

	broker_prompts_drop_job(b, result->id);
	if (broker_show_done(b, result) || broker_test_resolved(b, result) || dev == NULL)
		return;
	switch (result->kind) {
	case CONNECT_RESOLVE:
		broker_resolve_done(dev, result);
		break;
	case CONNECT_AGENT_KEYS:
		broker_agent_keys_done(dev, result);
		break;
	case CONNECT_DIAL:
		link = link_by_job(b, result->id);
		if (link != NULL)
			dial_done(link, result);
		break;
	}
}

/* ---- the way through a jump host ---- */

/* The way is open: dials over fd (taken over). */
void
link_dial_over(struct link *link, int fd, const char *jump)
{
	if (link->trial != NULL)
		link->trial->events->jumped(link->trial, jump);
	start_dial(link, fd);
}

/* The way has ended under it; a dial is about to fail. */
void
link_way_lost(struct link *link, const struct np_error *why)
{
	if (link->dial_job != 0)
		link->jump_error = *why;
}

static struct link *
session_new(struct device *dev, struct target *target, const char *agent_socket)
{
	struct link *link = xcalloc(1, sizeof(*link));

	link->dev = dev;
	link->id = broker_next_id(dev->broker);
	TAILQ_INIT(&link->leases);
	link->target = target_ref(target);
	link->agent_socket = xstrdup_null(agent_socket);
	login_files_take(&link->tried, link->target);
	dev->broker->sessions_count++;
	dev->broker->idle_since = 0;
	return link;
}

static void
session_begin(struct link *link)
{
	log_debug("session", "%s#%llu: connecting to %s:%d", link->dev->conf->name, (unsigned long long)link->id,
	    link->target->host, link->target->port);
	if (link->target->proxy_jump != NULL)
		forward_begin(link);
	else
		start_dial(link, -1);
}

void
link_connect(struct device *dev, const struct pool_action *action)
{
	struct link *link = session_new(dev, dev->target, choose_agent(dev, action->waiter));

	link->entry.private_use = action->private_use;
	if (action->private_use && action->waiter != NULL) {
		link->entry.private_for = action->waiter->id;
		link->sh.records = waiter_of(action->waiter)->records;
		link->sh.sees_login = waiter_of(action->waiter)->sees_login;
	}
	pool_connect_started(&dev->policy, &link->entry, link->id, clock_now());
	session_begin(link);
}

void
link_try(struct device *dev, struct target *target, struct trial *t)
{
	const char *agent = t->agent_socket;
	struct link *link = session_new(dev, target, agent != NULL ? agent : dev->broker->options.agent_socket);

	link->trial = t;
	t->link = link;
	pool_trial_started(&dev->policy, &link->entry, link->id, clock_now());
	session_begin(link);
}

struct link *
trial_leave(struct trial *t)
{
	struct link *link = t->link;

	if (link != NULL)
		link->trial = NULL;
	t->link = NULL;
	return link;
}

static void
on_connector_step(uint64_t job, const struct connect_step *step, void *broker)
{
	struct link *link = link_by_job(broker, job);

	if (link != NULL && link->trial != NULL)
		link->trial->events->step(link->trial, step);
}

const struct connector_events broker_connector_events = {
    .done = on_connector_done,
    .prompt = broker_prompt_ask,
    .notice = broker_connector_notice,
    .step = on_connector_step,
};
