/*
 * Sessions as the broker has them: dialled by a connector (through a jump host's session where there is one), adopted,
 * ended.
 *
 * Connectors answer by job id; a session that has gone meanwhile is simply not found.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/operand.h"
#include "base/xalloc.h"

/* ---- finding ---- */

struct broker_session *
broker_session_by_job(struct broker *b, uint64_t job)
{
	struct broker_pool *pool;
	struct pool_entry *e;

	TAILQ_FOREACH (pool, &b->pools, link) {
		TAILQ_FOREACH (e, &pool->policy.entries, link) {
			if (broker_entry_session(e)->dial_job == job)
				return broker_entry_session(e);
		}
	}
	return NULL;
}

struct broker_pool *
broker_pool_by_job(struct broker *b, uint64_t job)
{
	struct broker_pool *pool;
	struct broker_session *s = broker_session_by_job(b, job);

	if (s != NULL)
		return s->pool;
	TAILQ_FOREACH (pool, &b->pools, link) {
		if (pool->resolve_job == job || pool->agent_job == job)
			return pool;
	}
	return NULL;
}

/* Keeps what the policy reads about a session true; called before the policy is asked. */
void
broker_session_refresh(struct broker_session *s)
{
	if (s->session == NULL)
		return;
	s->entry.last_rx = session_last_rx(s->session);
	if (s->pool->platform != NULL) {
		/* Its one channel is the shell, which serves one lease after the other. */
		s->entry.slots_max = 1;
		s->entry.slots_used = s->closing;
		return;
	}
	s->entry.slots_used = session_slots_used(s->session);
	s->entry.slots_max = session_slots_max(s->session);
	/* One that is on its way out takes nobody in, although its end may take a while (a proxy's process). */
	if (!session_has_slot(s->session) && s->entry.slots_used < s->entry.slots_max)
		s->entry.slots_used = s->entry.slots_max;
}

/* ---- the end ---- */

/* The lease on the jump host ends with the session that it carried. */
static void
drop_forward(struct broker_session *s)
{
	struct request *r = s->forward;

	if (r == NULL)
		return;
	s->forward = NULL;
	r->dependent = NULL;
	if (r->relay != NULL)
		relay_close(r->relay);
	else
		request_cancel(r, false);
}

/* Requests whose output waits for a slow client outlive the session that it came from. */
static void
leave_requests(const struct broker_session *s)
{
	struct request *r;

	TAILQ_FOREACH (r, &s->pool->broker->requests, link) {
		if (r->session == s)
			r->session = NULL;
	}
}

static void
session_free(struct broker_session *s)
{
	struct broker *b = s->pool->broker;

	leave_requests(s);
	broker_shell_finish(s);
	if (s->entry.pool != NULL)
		pool_entry_remove(&s->entry);
	drop_forward(s);
	b->sessions_count--;
	broker_waits_note(b);
	broker_pool_kick(s->pool);
	broker_pools_kick_room(b);
	broker_note_idle(b);
	target_unref(s->target);
	login_files_finish(&s->tried);
	free(s->agent_socket);
	free(s->auth);
	free(s);
}

static void
connect_failed(struct broker_session *s, const struct np_error *err, uint64_t agent_hash)
{
	struct broker_pool *pool = s->pool;

	log_warning("session", "%s#%llu: %s: %s", pool->device->name, (unsigned long long)s->id,
	    reason_name(err->reason), err->text);
	/* What a trial does not find out about the credentials must not hide when they were last found wrong. */
	if (!s->entry.trial || err->reason == REASON_AUTH_FAILED)
		broker_pool_failed(pool, &s->tried, agent_hash);
	pool_connect_failed(&pool->policy, &s->entry, err, clock_now());
	if (err->reason != REASON_CANCELLED && err->reason != REASON_SHUTTING_DOWN) { /* those are nobody's failure */
		pool->failures++;
		pool->broker->failures++;
	}
	if (!s->entry.trial || err->reason != REASON_CANCELLED)
		broker_event_login_failed(s, err);
	if (s->test != NULL)
		broker_test_failed(s, err);
	session_free(s);
}

/*
 * Closes a session, or gives up the attempt to make one; what follows comes by events.  One that still logs in on its
 * command line remains an attempt until it has ended.
 */
void
broker_session_end(struct broker_session *s, enum np_reason reason, const char *why)
{
	s->closing = true;
	if (s->session != NULL) {
		if (s->entry.ready_since > 0)
			pool_closing(&s->entry);
		else if (s->sh.error.reason == REASON_NONE)
			error_set(&s->sh.error, reason == REASON_NONE ? REASON_CANCELLED : reason, "%s", why);
		if (reason != REASON_SHUTTING_DOWN && broker_shell_say_goodbye(s, why))
			return;
		session_close(s->session, reason, "%s", why);
	} else if (s->dial_job != 0)
		connector_cancel(
		    s->pool->broker->connector, s->dial_job, reason == REASON_NONE ? REASON_CANCELLED : reason, why);
	else if (s->forward != NULL) {
		struct np_error err;
		struct request *r = s->forward;
		error_set(&err, REASON_CANCELLED, "%s", why);
		broker_forward_failed(r, &err);
		request_cancel(r, false);
	}
}

static void
on_session_closed(struct session *session, const struct np_error *why, void *arg)
{
	struct broker_session *s = arg;

	log_info("session", "%s: closed: %s", session_name(session), why->text);
	s->pool->bytes_in += session_bytes_in(session);
	s->pool->bytes_out += session_bytes_out(session);
	if (s->entry.ready_since == 0 && s->entry.pool != NULL) { /* its command line was never reached */
		s->session = NULL;
		connect_failed(s, s->sh.error.reason != REASON_NONE ? &s->sh.error : why, 0);
		return;
	}
	broker_event_session_down(s, why);
	s->session = NULL;
	session_free(s);
}

static void
on_session_probed(struct session *session NP_UNUSED, double rtt, void *arg)
{
	struct broker_session *s = arg;

	pool_alive(&s->entry, clock_now());
	broker_event_probed(s, rtt);
	broker_pool_kick(s->pool);
}

static void
on_session_slots(struct session *session, void *arg)
{
	struct broker_session *s = arg;

	/* Not compared with the entry's own number: that may have been brought up to date meanwhile. */
	if (session_slots_max(session) < s->pool->policy.max_channels)
		pool_learn_channels(&s->pool->policy, &s->entry, session_slots_max(session));
	broker_pool_kick(s->pool);
}

static const struct session_events session_callbacks = {
    .closed = on_session_closed,
    .probed = on_session_probed,
    .slots = on_session_slots,
};

/* ---- dialling ---- */

/* The agent of the client whose request made us connect, so that its keys sign; else the daemon's own. */
static const char *
choose_agent(const struct broker_pool *pool, const struct pool_waiter *w)
{
	struct request *r;

	if (w == NULL)
		w = TAILQ_FIRST(&pool->policy.waiters);
	for (; w != NULL; w = TAILQ_NEXT(w, link)) {
		r = request_by_waiter((struct pool_waiter *)(uintptr_t)w);
		if (r->params.agent_socket != NULL)
			return r->params.agent_socket;
	}
	return pool->broker->options.agent_socket;
}

/* Starts the dial of s over ready_fd (taken over), or over a connection that the dial makes itself (-1). */
static void
start_dial(struct broker_session *s, int ready_fd)
{
	struct connect_request request = {.kind = CONNECT_DIAL,
	    .target = s->target,
	    .agent_socket = s->agent_socket,
	    .login_suffix = s->pool->platform != NULL ? s->pool->platform->login_suffix : NULL,
	    .ready_fd = ready_fd,
	    .timeout = s->target->connection_timeout,
	    .for_shell = s->pool->platform != NULL,
	    .steps = s->test != NULL,
	    .no_login = s->test != NULL && s->test->test.barred.reason != REASON_NONE,
	    .prompt_timeout = s->pool->device->args.prompt_timeout};

	s->dial_job = connector_submit(s->pool->broker->connector, &request);
}

static void
adopt(struct broker_session *s, struct connect_result *result)
{
	struct broker_pool *pool = s->pool;
	struct session_params params = {.id = s->id,
	    .name = pool->device->name,
	    .ssh = result->session,
	    .fd = result->session_fd,
	    .proxy_pid = result->proxy_pid,
	    .max_channels = pool->device->args.max_channels,
	    .spare_channels = pool->device->args.enabled && !s->entry.private_use && pool->platform == NULL};

	result->session = NULL;
	result->session_fd = -1;
	result->proxy_pid = 0;
	s->session = session_adopt(pool->broker->loop, &params, &session_callbacks, s);
	s->auth = result->auth_method;
	result->auth_method = NULL;
	s->sh.secret = result->secret;
	s->sh.password = result->password;
	result->secret = result->password = NULL;
	s->connect_seconds = clock_now() - s->entry.created;
	log_info("session", "%s: connected as %s@%s:%d in %.0f ms by %s", session_name(s->session), s->target->user,
	    s->target->host, s->target->port, s->connect_seconds * 1000, s->auth != NULL ? s->auth : "none");
}

/* Requests may have it: it has been made, and where there is a command line, that is at its prompt. */
void
broker_session_ready(struct broker_session *s)
{
	struct broker_pool *pool = s->pool;

	pool->agent_hashes_count = 0;
	pool->prompted = false;
	login_files_finish(&s->tried);
	pool_connect_done(&pool->policy, &s->entry, s->sh.needed_person, clock_now());
	if (s->sh.outdated)
		pool_drain(&s->entry, "its configuration changed while it connected");
	pool->logins++;
	pool->broker->logins++;
	broker_event_session_up(s);
	if (s->test != NULL)
		broker_test_passed(s);
	broker_pool_kick(pool);
}

static void
dial_done(struct broker_session *s, struct connect_result *result)
{
	struct broker_pool *pool = s->pool;

	s->sh.outdated = !s->entry.trial && pool->target != s->target && !target_same_login(pool->target, s->target);
	s->sh.needed_person = result->needed_person;
	s->dial_job = 0;
	free(s->agent_socket);
	s->agent_socket = NULL;
	if (!result->ok) {
		connect_failed(
		    s, s->jump_error.reason != REASON_NONE ? &s->jump_error : &result->err, result->agent_keys_hash);
		return;
	}
	adopt(s, result);
	if (pool->platform != NULL)
		broker_shell_open(s);
	else
		broker_session_ready(s);
}

static void
on_connector_done(struct connect_result *result, void *arg)
{
	struct broker *b = arg;
	struct broker_pool *pool = broker_pool_by_job(b, result->id);
	struct broker_session *s;

	broker_prompts_drop_job(b, result->id);
	if (broker_show_done(b, result) || broker_test_resolved(b, result) || pool == NULL)
		return;
	switch (result->kind) {
	case CONNECT_RESOLVE:
		broker_resolve_done(pool, result);
		break;
	case CONNECT_AGENT_KEYS:
		broker_agent_keys_done(pool, result);
		break;
	case CONNECT_DIAL:
		s = broker_session_by_job(b, result->id);
		if (s != NULL)
			dial_done(s, result);
		break;
	}
}

/* ---- jump hosts ---- */

/*
 * Whether a session of `behind` waits, over any number of hops, for one of `pool`: a jump through it would then wait
 * for itself.  Chains longer than BROKER_JUMPS_MAX count as endless.
 */
static bool
is_awaited_by(const struct broker_pool *pool, const struct broker_pool *behind, int depth)
{
	const struct request *r;

	if (pool == behind || depth > BROKER_JUMPS_MAX)
		return true;
	TAILQ_FOREACH (r, &pool->broker->requests, link) {
		if (r->kind == REQUEST_FORWARD && r->pool == pool && r->dependent != NULL &&
		    is_awaited_by(r->dependent->pool, behind, depth + 1))
			return true;
	}
	return false;
}

/*
 * "a,b,c": the session to c is reached through b, that one through a (ssh_config(5) ProxyJump).  A hop that is not a
 * configured device is looked up in the ssh configuration file that the device behind it named.
 */
static struct device_ref
jump_ref(const struct broker *b, const char *chain, const char *ssh_config)
{
	const char *last = strrchr(chain, ',');
	struct device_ref ref = {.operand = xstrdup(last != NULL ? last + 1 : chain)};
	cJSON *o = cJSON_CreateObject();

	if (last != NULL) {
		char *before = xstrndup(chain, (size_t)(last - chain));
		cJSON_AddStringToObject(o, "proxy_jump", before);
		free(before);
	}
	if (ssh_config != NULL && config_device(b->config, ref.operand) == NULL)
		cJSON_AddStringToObject(o, "ssh_config", ssh_config);
	if (cJSON_GetArraySize(o) > 0) {
		char *printed = cJSON_PrintUnformatted(o);
		ref.overrides = xstrdup(printed);
		cJSON_free(printed);
	}
	cJSON_Delete(o);
	return ref;
}

/* Who waits for the device waits for its jump host as well: a person may be asked, `npctl open` lifts blocks there. */
static void
inherit_wishes(struct request *r, const struct broker_session *s)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &s->pool->policy.waiters, link) {
		const struct request *behind = request_by_waiter(w);
		r->params.interactive |= behind->params.interactive;
		r->opens |= behind->opens;
	}
	if (s->test != NULL)
		r->params.interactive |= s->test->params.interactive;
}

static void
start_jump(struct broker_session *s)
{
	struct broker *b = s->pool->broker;
	struct device_ref ref = jump_ref(b, s->target->proxy_jump, s->pool->device->ssh_config);
	struct message_id none = {.kind = MESSAGE_ID_NONE};
	struct np_error err;
	struct broker_pool *jump;
	struct request *r;

	jump = broker_pool_get(b, &ref, WANT_CHANNEL, &err);
	device_ref_finish(&ref);
	if (jump != NULL && is_awaited_by(s->pool, jump, 0)) {
		error_set(&err, REASON_JUMP_FAILED, "it leads back to %s, or through more than %d hops",
		    s->pool->device->name, BROKER_JUMPS_MAX);
		jump = NULL;
	}
	if (jump != NULL && broker_steer_admit(jump, &err) == -1)
		jump = NULL;
	if (jump == NULL) {
		err.reason = REASON_JUMP_FAILED;
		error_prefix(&err, "jump host %s", s->target->proxy_jump);
		connect_failed(s, &err, 0);
		return;
	}
	r = request_create(b, REQUEST_FORWARD, NULL, &none);
	r->params.agent_socket = xstrdup_null(s->agent_socket);
	r->params.queue_timeout = s->target->connection_timeout;
	r->pool = jump;
	r->dependent = s;
	s->forward = r;
	inherit_wishes(r, s);
	if (r->opens)
		broker_pool_unblock(jump, false);
	request_submit(r);
}

/* The jump pool could not give a session. */
void
broker_forward_failed(struct request *r, const struct np_error *why)
{
	struct broker_session *s = r->dependent;
	struct np_error err = *why;

	if (s == NULL)
		return;
	r->dependent = NULL;
	s->forward = NULL;
	if (err.reason != REASON_CANCELLED && err.reason != REASON_SHUTTING_DOWN) /* those are nobody's failure */
		err.reason = REASON_JUMP_FAILED;
	error_prefix(&err, "jump host %s", r->pool->device->name);
	connect_failed(s, &err, 0);
}

static void
on_relay_opened(struct relay *relay NP_UNUSED, void *arg NP_UNUSED)
{
	/* The dial is already waiting at its end of the pair. */
}

static void
on_relay_closed(struct relay *relay NP_UNUSED, const struct np_error *err, void *arg)
{
	struct request *r = arg;
	struct broker_session *s = r->dependent;

	r->relay = NULL;
	if (s != NULL) {
		s->forward = NULL;
		r->dependent = NULL;
		/* The pair is closed, so that a dial over it ends now: what it will say is less than what we know. */
		if (s->dial_job != 0 && err != NULL && err->reason != REASON_NONE) {
			s->jump_error = *err;
			s->jump_error.reason = REASON_JUMP_FAILED;
			error_prefix(&s->jump_error, "jump host %s", r->pool->device->name);
		}
	}
	request_ended(r);
}

static const struct relay_events relay_callbacks = {.opened = on_relay_opened, .closed = on_relay_closed};

/* The jump host's session is there: open the connection through it and dial over that. */
void
broker_forward_start(struct request *r)
{
	struct broker_session *s = r->dependent;
	struct np_error err;
	int pair[2];

	if (s == NULL) {
		request_ended(r);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		error_set_errno(&err, REASON_JUMP_FAILED, "socketpair");
		broker_forward_failed(r, &err);
		request_ended(r);
		return;
	}
	r->relay = relay_create(
	    r->broker->loop, r->session->session, s->target->host, s->target->port, pair[0], &relay_callbacks, r);
	if (s->test != NULL)
		broker_test_step(s->test, "jump host", STEP_OK, r->pool->device->name);
	start_dial(s, pair[1]);
}

static struct broker_session *
session_new(struct broker_pool *pool, struct target *target, const char *agent_socket)
{
	struct broker_session *s = xcalloc(1, sizeof(*s));

	s->pool = pool;
	s->id = broker_next_id(pool->broker);
	s->target = target_ref(target);
	s->agent_socket = xstrdup_null(agent_socket);
	login_files_take(&s->tried, s->target);
	pool->broker->sessions_count++;
	pool->broker->idle_since = 0;
	return s;
}

static void
session_begin(struct broker_session *s)
{
	log_debug("session", "%s#%llu: connecting to %s:%d", s->pool->device->name, (unsigned long long)s->id,
	    s->target->host, s->target->port);
	if (s->target->proxy_jump != NULL)
		start_jump(s);
	else
		start_dial(s, -1);
}

void
broker_session_connect(struct broker_pool *pool, const struct pool_action *action)
{
	struct broker_session *s = session_new(pool, pool->target, choose_agent(pool, action->waiter));

	s->entry.private_use = action->private_use;
	s->entry.private_for = action->private_use && action->waiter != NULL ? action->waiter->id : 0;
	pool_connect_started(&pool->policy, &s->entry, s->id, clock_now());
	session_begin(s);
}

void
broker_session_try(struct request *r, struct target *target)
{
	const char *agent = r->params.agent_socket;
	struct broker_session *s =
	    session_new(r->pool, target, agent != NULL ? agent : r->broker->options.agent_socket);

	s->test = r;
	r->test.session = s;
	pool_trial_started(&r->pool->policy, &s->entry, s->id, clock_now());
	session_begin(s);
}

const struct connector_events broker_connector_events = {
    .done = on_connector_done,
    .prompt = broker_prompt_ask,
    .notice = broker_connector_notice,
    .step = broker_test_connector_step,
};
