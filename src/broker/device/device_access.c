/*
 * The door to a device: requests that want in, what blocks log-ins after a failure, and what lifts the block; also the
 * answer of `ssh -G` that says where the door is.  Which ssh may come is device_ssh.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#define AGENT_TIMEOUT 5.0
#define COMMAND_TIMEOUT 30.0
#define LOOK_SECONDS 5.0 /* between two runs of password_command that only see whether it prints another one */

/* ---- what blocks log-ins, and what lifts it ---- */

/*
 * Remembers the files as they were before a failed attempt (taken over), and the agent's key list that did not help (0:
 * none was asked).  An attempt that began earlier than another that failed knows less than that one.
 */
void
device_failed(struct device *dev, struct login_files *tried, uint64_t agent_hash)
{
	if (dev->policy.block == POOL_OPEN || tried->since >= dev->tried.since) {
		login_files_finish(&dev->tried);
		dev->tried = *tried;
		*tried = (struct login_files){0};
	}
	if (agent_hash == 0)
		return;
	if (dev->agent_hashes_count == BROKER_AGENT_HASHES)
		memmove(dev->agent_hashes, dev->agent_hashes + 1, sizeof(dev->agent_hashes) - sizeof(uint64_t));
	else
		dev->agent_hashes_count++;
	dev->agent_hashes[dev->agent_hashes_count - 1] = agent_hash;
}

/* Whether something has changed that may make the next login end better. */
static bool
block_is_outdated(const struct device *dev)
{
	if (dev->policy.block == POOL_OPEN)
		return false;
	return file_stamps_changed(&dev->tried.credentials) ||
	       (dev->policy.block == POOL_BACKOFF && file_stamps_changed(&dev->tried.known_hosts));
}

void
device_unblock(struct device *dev, bool credentials_changed)
{
	pool_unblock(&dev->policy, credentials_changed);
	dev->account = 0;
	dev->looked_at = 0;
	dev->agent_hashes_count = 0;
	dev->prompted = false;
	login_files_finish(&dev->tried);
	device_kick(dev);
}

static bool
agent_hash_tried(const struct device *dev, uint64_t hash)
{
	for (int i = 0; i < dev->agent_hashes_count; i++)
		if (dev->agent_hashes[i] == hash)
			return true;
	return false;
}

static void
unresolve(struct device *dev, const char *why)
{
	log_info("pool", "%s: %s: resolving again", dev->conf->name, why);
	pool_unresolve(&dev->policy);
}

/* What the warm path checks, a few stat calls: have the files changed that decided where and how we connect? */
void
device_freshen(struct device *dev)
{
	const struct target *t = dev->target;

	if (block_is_outdated(dev)) {
		log_info("pool", "%s: credential or configuration files changed: log-ins are allowed again",
		    dev->conf->name);
		device_unblock(dev, true);
	} else if (dev->policy.block == POOL_AUTH && device_account_is_free(dev)) {
		log_info("pool", "%s: its account bars it no longer", dev->conf->name);
		device_unblock(dev, false);
	}
	if (t != NULL && dev->policy.resolved && file_stamps_changed(&t->config_files))
		unresolve(dev, "ssh's configuration changed");
}

/* ---- waiting ---- */

static void
start_queue_limit(const struct device *dev, struct waiter *w, double now)
{
	double limit = w->queue_timeout >= 0 ? w->queue_timeout : dev->conf->args.queue_timeout;

	w->pool.deadline = limit > 0 ? now + limit : 0;
	w->queue_left = limit;
	w->clock_stopped = false;
	if (dev->asking) {
		w->pool.deadline = 0;
		w->clock_stopped = true;
	}
}

void
device_enter(struct device *dev, struct waiter *w)
{
	if (w->dev != NULL)
		TAILQ_REMOVE(&w->dev->users, w, user);
	w->dev = dev;
	if (dev != NULL)
		TAILQ_INSERT_TAIL(&dev->users, w, user);
}

bool
device_has_users(const struct device *dev)
{
	return !TAILQ_EMPTY(&dev->users);
}

void
device_wait_again(struct device *dev, struct waiter *w, bool anew)
{
	if (anew || w->clock_stopped || dev->asking)
		start_queue_limit(dev, w, clock_now());
	pool_wait_again(&dev->policy, &w->pool);
	device_kick(dev);
}

static void
wait_now(struct device *dev, struct waiter *w)
{
	double now = clock_now();

	start_queue_limit(dev, w, now);
	w->pool.holder = w->takes_held && !w->pool.fresh ? w->holder : NULL;
	pool_wait(&dev->policy, &w->pool, now);
	device_kick(dev);
}

static void
leave_held(struct waiter *w)
{
	TAILQ_REMOVE(&w->dev->held, w, held_link);
	w->held = false;
}

void
device_unwait(struct waiter *w)
{
	pool_unwait(&w->pool);
	if (w->held)
		leave_held(w);
}

void
device_postpone(struct waiter *w, bool postponed)
{
	w->dev->postponed += postponed - w->postponed;
	w->postponed = postponed;
}

bool
device_is_awaited(const struct device *dev)
{
	return dev->policy.waiters_count > 0 || dev->postponed > 0;
}

void
device_tell_resolved(struct device *dev)
{
	struct pool_waiter *w, *next;

	TAILQ_FOREACH_SAFE (w, &dev->policy.waiters, link, next)
		if (waiter_of(w)->ops->resolved != NULL)
			waiter_of(w)->ops->resolved(waiter_of(w));
}

void
device_fail_held(struct device *dev, const struct np_error *err)
{
	struct waiter *w, *next;

	while ((w = TAILQ_FIRST(&dev->held)) != NULL) {
		leave_held(w);
		w->ops->failed(w, err);
	}
	TAILQ_FOREACH_SAFE (w, &dev->users, user, next) {
		if (w->postponed)
			w->ops->failed(w, err);
	}
}

/* Whether an account bars it whose password, or secret, a command prints: which may be another one by now. */
static bool
may_run_command(const struct device *dev, double now)
{
	const struct device_conf *d = dev->target->device;

	return dev->account != 0 && (device_account_enables(dev) ? d->secret_command : d->password_command) != NULL &&
	       (dev->looked_at == 0 || now - dev->looked_at > LOOK_SECONDS);
}

static bool
may_ask(const struct device *dev, double now)
{
	return dev->policy.block == POOL_AUTH && dev->target != NULL &&
	       (dev->target->use_agent || may_run_command(dev, now));
}

/*
 * A request arrives.  After a failure that had questions (a password, an unknown host key) a person may try again by
 * answering; after a failed authentication a changed key list of the agent opens the door again, and so does another
 * password: both are asked for first, in a thread, because that may take its time.
 */
void
device_wait(struct device *dev, struct waiter *w)
{
	dev->last_used = clock_now();
	device_freshen(dev);
	if (dev->policy.block != POOL_OPEN && w->interactive && dev->prompted)
		device_unblock(dev, false);
	if (!may_ask(dev, dev->last_used)) {
		wait_now(dev, w);
		return;
	}
	w->held = true;
	TAILQ_INSERT_TAIL(&dev->held, w, held_link);
	if (dev->agent.id != 0)
		return;
	struct attempt attempt = {.kind = CONNECT_AGENT_KEYS,
	    .target = dev->target,
	    .agent_socket = w->agent_socket != NULL ? w->agent_socket : dev->all->world.agent_socket,
	    .ready_fd = -1,
	    .timeout = AGENT_TIMEOUT};
	if (may_run_command(dev, dev->last_used)) {
		attempt.for_secret = device_account_enables(dev);
		attempt.for_password = !attempt.for_secret;
		attempt.timeout += COMMAND_TIMEOUT;
		dev->looked_at = dev->last_used;
	}
	job_submit(dev->all->world.jobs, &dev->agent, &attempt);
}

static void
on_agent_keys(struct job *j, struct connect_result *result)
{
	struct device *dev = NP_CONTAINER(j, struct device, agent);
	struct waiter *w;

	if (result->agent_keys_hash != 0 && !agent_hash_tried(dev, result->agent_keys_hash)) {
		log_info(
		    "pool", "%s: the agent holds other keys than before: log-ins are allowed again", dev->conf->name);
		pool_unblock(&dev->policy, true); /* the gate knows which of them may be shown */
	} else if (device_password_is_free(dev, result->password)) {
		log_info("pool", "%s: its password is another one: log-ins are allowed again", dev->conf->name);
		device_unblock(dev, false);
	}
	while ((w = TAILQ_FIRST(&dev->held)) != NULL) {
		leave_held(w);
		wait_now(dev, w);
	}
}

/* ---- resolving ---- */

static void
send_notices(struct device *dev)
{
	for (size_t i = 0; i < dev->target->notices.n; i++)
		log_info("pool", "%s: %s", dev->conf->name, dev->target->notices.v[i]);
}

static void
on_resolved(struct job *j, struct connect_result *result)
{
	struct device *dev = NP_CONTAINER(j, struct device, resolve);
	double now = clock_now();

	if (!result->ok) {
		log_warning("pool", "%s: %s", dev->conf->name, result->err.text);
		if (dev->policy.block != POOL_AUTH) { /* what lifts that is a change of the credentials as well */
			struct login_files tried = {.since = now, .credentials = result->read};
			result->read = (struct file_stamps){0};
			device_failed(dev, &tried, 0);
			login_files_finish(&tried);
		}
		pool_resolve_done(&dev->policy, &result->err, now);
		device_report_failed(dev, NULL, &result->err);
		device_kick(dev);
		return;
	}
	if (dev->target != NULL && !target_same_login(dev->target, result->target)) {
		pool_drain_all(&dev->policy, "ssh's configuration changed");
		device_unblock(dev, true);
	}
	target_unref(dev->target);
	dev->target = result->target;
	result->target = NULL;
	send_notices(dev);
	pool_resolve_done(&dev->policy, NULL, now);
	device_tell_resolved(dev);
	device_kick(dev);
}

/* Tells who waits what ssh has to say. */
static void
on_resolve_notice(struct job *j, const char *text)
{
	notice_of_login(NP_CONTAINER(j, struct device, resolve), NULL, text);
}

const struct job_events device_resolve_events = {.done = on_resolved, .notice = on_resolve_notice};
const struct job_events device_agent_events = {.done = on_agent_keys};

/* ---- what the operator has said ---- */

/* Those who wait for a way through a jump host waited for nothing they could be blamed for. */
static void
restart_forwards(struct device *dev)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &dev->policy.waiters, link) {
		if (w->slotless && w->deadline > 0)
			w->deadline = clock_now() + waiter_of(w)->queue_timeout;
	}
}

static void
fail_held(struct device *dev)
{
	struct np_error err;

	if (device_admit(dev, &err) == -1)
		device_fail_held(dev, &err);
}

void
device_steer(struct device *dev)
{
	struct steer_rule about = steer_rules_about(dev->all->world.rules, dev->conf->name, dev->device_name);
	struct pool *p = &dev->policy;
	bool resumed = p->paused && about.pause != PAUSE_ON;

	p->paused = about.pause == PAUSE_ON;
	p->disabled = about.door == DOOR_SHUT;
	p->draining = about.door == DOOR_DRAINING;
	snprintf(p->disabled_text, sizeof(p->disabled_text), "%s", about.text);
	if (resumed)
		restart_forwards(dev);
	if (p->disabled)
		fail_held(dev);
	device_kick(dev);
}

int
device_admit(const struct device *dev, struct np_error *err)
{
	const struct pool *p = &dev->policy;

	if (!p->disabled && !p->draining)
		return 0;
	if (p->disabled_text[0] != '\0')
		return error_set(err, REASON_DISABLED, "%s", p->disabled_text);
	return error_set(
	    err, REASON_DISABLED, "%s by the operator (npctl enable)", p->disabled ? "disabled" : "drained");
}
