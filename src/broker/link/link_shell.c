/*
 * The shells of sessions: opened when the session has been made, leased to one request at a time, brought back to the
 * mode after login when a lease ends, kept alive, closed with a goodbye.
 *
 *   LOGIN -> FREE -> LEASED -> RESETTING -> FREE
 *              ^        |          |
 *              +--------+----------+        any -> (the shell dies: its session is closed)
 *
 * The pool's lease of a session lasts until the shell is back: nobody gets it before that is proven.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define HOLD_SECONDS 5.0 /* at the prompt, between two requests of one client, while others wait */

static const char hold_taken[] =
    "others waited for longer than 5 s: the command line was given to them, and is in its first mode again";
static const char hold_died[] = "the session has ended meanwhile: the command line of a new one is in its first mode";

static const char *
use_name(enum broker_shell_use use)
{
	switch (use) {
	case SHELL_LOGIN:
		return "login";
	case SHELL_FREE:
		return "free";
	case SHELL_LEASED:
		return "leased";
	case SHELL_RESETTING:
		return "resetting";
	}
	return "?";
}

static void
set_use(struct broker_session *s, enum broker_shell_use use)
{
	if (s->sh.use == use)
		return;
	log_debug("shell", "%s#%llu: %s -> %s", s->pool->device->name, (unsigned long long)s->id, use_name(s->sh.use),
	    use_name(use));
	s->sh.use = use;
}

/* ---- keep-alive on the command line ---- */

/* Seconds of silence after which an empty command is sent; 0: never. */
static double
keepalive_seconds(const struct broker_session *s)
{
	const struct conn_args *args = &s->pool->device->args;
	const struct platform *p = s->pool->platform;

	if (!args->keepalive)
		return 0;
	if (!args->keepalive_mode_given)
		return p->keepalive_cli;
	if (args->keepalive_mode == KEEPALIVE_NONE || args->keepalive_mode == KEEPALIVE_SSH)
		return 0;
	return p->idle > 0 && args->keepalive_interval > p->idle / 2 ? p->idle / 2 : args->keepalive_interval;
}

/* Up to a tenth early, so that many shells do not speak at once. */
static double
jittered(struct broker *b, double seconds)
{
	b->random = b->random * 1664525u + 1013904223u;
	return seconds * (1.0 - 0.1 * (double)(b->random >> 16) / 65536.0);
}

static void
start_clock(struct broker_session *s, double seconds)
{
	ev_timer_stop(s->pool->broker->loop, &s->sh.clock);
	if (seconds <= 0)
		return;
	ev_timer_set(&s->sh.clock, seconds, 0);
	ev_timer_start(s->pool->broker->loop, &s->sh.clock);
}

void
broker_shell_keepalive(struct broker_session *s)
{
	struct np_error err;

	if (s->sh.shell == NULL || s->sh.use != SHELL_FREE)
		return;
	if (cli_keepalive(shell_cli(s->sh.shell), clock_now(), &err) == 0)
		shell_wake(s->sh.shell);
}

static void
on_clock(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct broker_session *s = w->data;

	if (s->sh.use == SHELL_FREE) {
		broker_shell_keepalive(s);
		start_clock(s, jittered(s->pool->broker, keepalive_seconds(s)));
	} else
		broker_shell_check_hold(s, clock_now());
}

static void
become_free(struct broker_session *s)
{
	set_use(s, SHELL_FREE);
	start_clock(s, jittered(s->pool->broker, keepalive_seconds(s)));
}

/* ---- leases ---- */

static void
lease_over(struct broker_session *s)
{
	s->sh.runner = NULL;
	s->sh.holder = NULL;
	become_free(s);
	pool_release(&s->entry, clock_now());
	broker_pool_kick(s->pool);
	broker_pools_kick_room(s->pool->broker);
}

static void
begin_reset(struct broker_session *s)
{
	struct np_error err;

	s->sh.runner = NULL;
	s->sh.holder = NULL;
	start_clock(s, 0);
	set_use(s, SHELL_RESETTING);
	if (s->sh.shell == NULL || cli_state(shell_cli(s->sh.shell)) == CLI_CLOSED) {
		lease_over(s); /* the session ends with its shell: nobody gets it */
		return;
	}
	if (cli_reset(shell_cli(s->sh.shell), clock_now(), &err) == -1) {
		log_error("shell", "%s#%llu: %s", s->pool->device->name, (unsigned long long)s->id, err.text);
		pool_closing(&s->entry);
		lease_over(s);
		session_close(s->session, REASON_INTERNAL, "%s", err.text);
		return;
	}
	shell_wake(s->sh.shell);
}

/* r has the lease of this session. */
void
broker_shell_lease(struct broker_session *s, struct request *r)
{
	start_clock(s, 0);
	s->sh.holder = NULL;
	s->sh.runner = r;
	set_use(s, SHELL_LEASED);
}

/* The client may go on where it is with its next request. */
static bool
may_hold(const struct broker_session *s, const struct request *r)
{
	return r->params.hold && r->peer != NULL && !r->cancelled && !r->broker->stopping && s->sh.shell != NULL &&
	       cli_state(shell_cli(s->sh.shell)) != CLI_CLOSED && !s->entry.private_use;
}

/* r gives its lease back. */
void
broker_shell_lease_end(struct broker_session *s, struct request *r)
{
	if (!may_hold(s, r)) {
		begin_reset(s);
		return;
	}
	s->sh.runner = NULL;
	s->sh.holder = r->peer;
	broker_shell_pause(s);
	broker_pool_kick(s->pool); /* its next request may wait already */
}

/* The shell stands at its prompt and waits for a client: for its next request, or until it has read the last output. */
void
broker_shell_pause(struct broker_session *s)
{
	s->sh.held_since = clock_now();
	start_clock(s, HOLD_SECONDS);
}

/* The lease that r's client holds on this pool, if it still does: r goes on with it.  False: r waits as others do. */
bool
broker_shell_resume(struct request *r)
{
	struct pool_entry *e;

	if (r->peer == NULL)
		return false;
	TAILQ_FOREACH (e, &r->pool->policy.entries, link) {
		struct broker_session *s = broker_entry_session(e);
		if (s->sh.holder != r->peer)
			continue;
		request_assigned(r, s);
		return true;
	}
	if (r->peer->hold_lost != NULL && r->params.hold) {
		request_notice(r, r->peer->hold_lost);
		r->peer->hold_lost = NULL;
	}
	return false;
}

/* The holder's next request, sent before the last one had ended: it waits for nobody. */
static bool
holder_goes_on(struct broker_session *s)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &s->pool->policy.waiters, link) {
		struct request *r = request_by_waiter(w);
		if (r->peer == s->sh.holder && r->kind != REQUEST_OPEN && !r->params.fresh) {
			pool_unwait(w);
			request_assigned(r, s);
			return true;
		}
	}
	return false;
}

/* Others wait for this shell, or for the room that its session takes. */
static bool
is_wanted(const struct broker_session *s)
{
	const struct broker *b = s->pool->broker;
	const struct broker_pool *pool;
	bool full = b->config->max_sessions > 0 && b->sessions_count >= b->config->max_sessions;

	if (s->pool->policy.waiters_count > 0)
		return true;
	TAILQ_FOREACH (pool, &b->pools, link) {
		if (pool->wants_room && (full || strcmp(pool->device_name, s->pool->device_name) == 0))
			return true;
	}
	return false;
}

/* What the shell of a batch waits for: that the client reads, before the next command is typed. */
static struct request *
paused_runner(const struct broker_session *s)
{
	struct request *r = s->sh.runner;

	return r != NULL && r->state == REQUEST_FLUSHING ? r : NULL;
}

/*
 * Who keeps a shell at its prompt while others wait gives it up after a while; a client between two requests also at
 * once, when the session is to end.
 */
void
broker_shell_check_hold(struct broker_session *s, double now)
{
	struct request *r = paused_runner(s);
	bool draining = s->entry.state == POOL_DRAINING;
	bool late = now >= s->sh.held_since + HOLD_SECONDS - 0.001;

	if (s->sh.holder != NULL ? holder_goes_on(s) : r == NULL)
		return;
	if (!(late && (draining || is_wanted(s))) && !(draining && r == NULL))
		return;
	log_info("shell", "%s#%llu: its lease was held for %.0f s: taken back", s->pool->device->name,
	    (unsigned long long)s->id, now - s->sh.held_since);
	if (r != NULL)
		r->session = NULL; /* it goes back to the queue when its client has read */
	else
		s->sh.holder->hold_lost = draining ? hold_died : hold_taken;
	begin_reset(s);
}

/* Room is wanted: any of them may be held where it is. */
void
broker_shells_check_hold(struct broker *b, double now)
{
	struct broker_pool *pool;
	struct pool_entry *e;

	TAILQ_FOREACH (pool, &b->pools, link) {
		TAILQ_FOREACH (e, &pool->policy.entries, link)
			broker_shell_check_hold(broker_entry_session(e), now);
	}
}

static void
unhold(struct broker *b, const struct broker_peer *bp)
{
	struct broker_pool *pool;
	struct pool_entry *e;

	TAILQ_FOREACH (pool, &b->pools, link) {
		TAILQ_FOREACH (e, &pool->policy.entries, link) {
			struct broker_session *s = broker_entry_session(e);
			if (s->sh.holder != NULL && (bp == NULL || s->sh.holder == bp))
				begin_reset(s);
		}
	}
}

void
broker_shell_peer_left(struct broker *b, const struct broker_peer *bp)
{
	unhold(b, bp);
}

void
broker_shell_unhold_all(struct broker *b)
{
	unhold(b, NULL);
}

/* ---- what the driver says ---- */

static void
on_ready(struct broker_session *s)
{
	if (s->sh.use != SHELL_LOGIN || s->sh.detecting)
		return;
	if (s->test != NULL)
		broker_test_shell(s);
	if (broker_detects(s->pool)) {
		broker_detect_begin(s);
		return;
	}
	if (s->sh.provisional) { /* another session has found out meanwhile */
		error_set(
		    &s->sh.error, REASON_CANCELLED, "recognised as %s: connecting again", s->pool->platform->name);
		shell_logout(s->sh.shell);
		return;
	}
	become_free(s);
	s->connect_seconds = clock_now() - s->entry.created;
	log_info("shell", "%s#%llu: at its prompt, mode %s, %.0f ms after the start", s->pool->device->name,
	    (unsigned long long)s->id, cli_mode(shell_cli(s->sh.shell))->name, s->connect_seconds * 1000);
	broker_session_ready(s);
}

static void
on_result(struct broker_session *s, const struct cli_result *result)
{
	switch (result->op) {
	case CLI_OP_RESET:
		if (s->sh.use == SHELL_RESETTING)
			lease_over(s);
		break;
	case CLI_OP_KEEPALIVE:
		if (result->err.reason == REASON_NONE)
			pool_alive(&s->entry, clock_now());
		broker_pool_kick(s->pool);
		break;
	case CLI_OP_NONE:
		break;
	case CLI_OP_RUN:
	case CLI_OP_CONFIG:
	case CLI_OP_ENABLE:
		if (s->sh.detecting)
			broker_detect_result(s);
		else if (s->sh.runner != NULL)
			request_cli_result(s->sh.runner, result);
		break;
	}
}

/* Of no further use: the session ends with it. */
static void
on_dead(struct broker_session *s, const struct np_error *err)
{
	if (s->sh.error.reason == REASON_NONE)
		s->sh.error = *err;
	if (s->sh.use == SHELL_LOGIN)
		broker_detect_forget(s);
	if (s->sh.holder != NULL) {
		s->sh.holder->hold_lost = hold_died;
		s->sh.holder = NULL;
	}
	if (s->sh.use == SHELL_RESETTING)
		lease_over(s);
	if (s->session == NULL)
		return;
	if (s->sh.use != SHELL_LOGIN)
		pool_closing(&s->entry);
	s->closing = true;
	session_close(s->session, err->reason, "%s", s->end_why != NULL ? s->end_why : err->text);
}

static void
on_event(struct shell *sh NP_UNUSED, const struct cli_event *event, void *arg)
{
	struct broker_session *s = arg;

	switch (event->kind) {
	case CLI_EVENT_READY:
		on_ready(s);
		break;
	case CLI_EVENT_RESULT:
		on_result(s, &event->result);
		break;
	case CLI_EVENT_LINE:
		if (s->sh.runner != NULL)
			request_config_line(s->sh.runner, event);
		break;
	case CLI_EVENT_QUESTION:
		if (s->sh.runner != NULL)
			request_cli_question(s->sh.runner, event);
		else
			cli_answer(shell_cli(s->sh.shell), NULL, clock_now());
		break;
	case CLI_EVENT_DEAD:
		on_dead(s, &event->err);
		break;
	}
}

/* Output without a request that wants it is dropped: it must not reach the next one. */
static void
on_output(struct shell *sh, void *arg)
{
	struct broker_session *s = arg;

	if (s->sh.runner != NULL) {
		request_cli_pump(s->sh.runner);
		return;
	}
	if (s->sh.detecting)
		broker_detect_output(s, shell_output(sh));
	shell_consume(sh, shell_output(sh)->len);
}

static void
on_ended(struct shell *sh NP_UNUSED, void *arg)
{
	struct broker_session *s = arg;

	s->sh.shell = NULL;
	start_clock(s, 0);
}

static void
on_tap(struct shell *sh NP_UNUSED, bool from_device, const void *bytes, size_t size, void *arg)
{
	struct broker_session *s = arg;

	if (s->sh.trial && s->sh.use == SHELL_LOGIN && from_device)
		broker_trial_seen(s, bytes, size);
	if (s->test != NULL)
		broker_test_shell(s);
	if (s->sh.transcript == NULL)
		return;
	if (from_device)
		transcript_received(s->sh.transcript, bytes, size, clock_now());
	else
		transcript_sent(s->sh.transcript, bytes, size, clock_now());
}

static const struct shell_events shell_callbacks = {
    .event = on_event, .output = on_output, .ended = on_ended, .tap = on_tap};

/* ---- life ---- */

static void
forget_secrets(struct broker_session *s)
{
	secret_free(s->sh.secret);
	secret_free(s->sh.password);
	s->sh.secret = s->sh.password = NULL;
}

/* The session has been made: log in on its command line. */
void
broker_shell_open(struct broker_session *s)
{
	struct broker *b = s->pool->broker;
	struct cli_options options = {.platform = s->pool->platform,
	    .name = session_name(s->session),
	    .username = s->target->user,
	    .password = s->sh.password,
	    .secret = s->sh.secret,
	    .login_timeout = s->pool->device->args.connection_timeout,
	    .seed = ((uint64_t)b->random << 32) ^ s->id};

	ev_init(&s->sh.clock, on_clock);
	s->sh.clock.data = s;
	buf_init(&s->sh.seen, 64u * 1024u);
	s->sh.use = SHELL_LOGIN;
	s->sh.provisional = broker_detects(s->pool);
	broker_record_begin(s);
	s->sh.shell = shell_open(b->loop, s->session, &options, &shell_callbacks, s);
	forget_secrets(s);
}

/* True when the shell logs out now and ends the session afterwards. */
bool
broker_shell_say_goodbye(struct broker_session *s, const char *why)
{
	if (s->sh.shell == NULL || s->sh.use != SHELL_FREE || s->end_why != NULL ||
	    cli_state(shell_cli(s->sh.shell)) != CLI_IDLE)
		return false;
	s->end_why = xstrdup(why);
	start_clock(s, 0);
	shell_logout(s->sh.shell);
	return true;
}

/* Says goodbye just now. */
bool
broker_shell_is_leaving(const struct broker_session *s)
{
	return s->sh.shell != NULL && s->end_why != NULL;
}

void
broker_shell_finish(struct broker_session *s)
{
	start_clock(s, 0);
	forget_secrets(s);
	transcript_destroy(s->sh.transcript);
	buf_free(&s->sh.seen);
	free(s->end_why);
}

/* For status: where it is and what it has seen; NULL: there is none. */
cJSON *
broker_shell_json(const struct broker_session *s)
{
	const struct cli_stats *stats;
	const struct platform_mode *mode;
	struct cli *cli;
	cJSON *o;

	if (s->sh.shell == NULL)
		return NULL;
	cli = shell_cli(s->sh.shell);
	stats = cli_stats(cli);
	mode = cli_mode(cli);
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "use", s->sh.holder != NULL ? "held" : use_name(s->sh.use));
	cJSON_AddStringToObject(o, "state", cli_state_name(cli_state(cli)));
	cJSON_AddStringToObject(o, "mode", mode != NULL ? mode->name : "");
	cJSON_AddNumberToObject(o, "keepalives", (double)stats->keepalives);
	cJSON_AddNumberToObject(o, "resyncs", (double)stats->resyncs);
	cJSON_AddNumberToObject(o, "late", (double)stats->late);
	cJSON_AddNumberToObject(o, "async", (double)stats->async);
	return o;
}
