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
use_name(enum link_use use)
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
set_use(struct link *link, enum link_use use)
{
	if (link->sh.use == use)
		return;
	log_debug("shell", "%s#%llu: %s -> %s", link->dev->conf->name, (unsigned long long)link->id,
	    use_name(link->sh.use), use_name(use));
	link->sh.use = use;
}

/* ---- keep-alive on the command line ---- */

/* Seconds of silence after which an empty command is sent; 0: never. */
static double
keepalive_seconds(const struct link *link)
{
	const struct conn_args *args = &link->dev->conf->args;
	const struct platform *p = link->dev->platform;

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
start_clock(struct link *link, double seconds)
{
	ev_timer_stop(link->dev->broker->loop, &link->sh.clock);
	if (seconds <= 0)
		return;
	ev_timer_set(&link->sh.clock, seconds, 0);
	ev_timer_start(link->dev->broker->loop, &link->sh.clock);
}

void
link_shell_keepalive(struct link *link)
{
	struct np_error err;

	if (link->sh.shell == NULL || link->sh.use != SHELL_FREE)
		return;
	if (cli_keepalive(shell_cli(link->sh.shell), clock_now(), &err) == 0)
		shell_wake(link->sh.shell);
}

static void
on_clock(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct link *link = w->data;

	if (link->sh.use == SHELL_FREE) {
		link_shell_keepalive(link);
		start_clock(link, jittered(link->dev->broker, keepalive_seconds(link)));
	} else
		link_shell_check_hold(link, clock_now());
}

static void
become_free(struct link *link)
{
	set_use(link, SHELL_FREE);
	start_clock(link, jittered(link->dev->broker, keepalive_seconds(link)));
}

/* ---- leases ---- */

static void
lease_over(struct link *link)
{
	link->sh.runner = NULL;
	link->sh.holder = NULL;
	become_free(link);
	pool_release(&link->entry, clock_now());
	device_kick(link->dev);
	devices_kick_room(link->dev->broker);
}

static void
begin_reset(struct link *link)
{
	struct np_error err;

	link->sh.runner = NULL;
	link->sh.holder = NULL;
	start_clock(link, 0);
	set_use(link, SHELL_RESETTING);
	if (link->sh.shell == NULL || cli_state(shell_cli(link->sh.shell)) == CLI_CLOSED) {
		lease_over(link); /* the session ends with its shell: nobody gets it */
		return;
	}
	if (cli_reset(shell_cli(link->sh.shell), clock_now(), &err) == -1) {
		log_error("shell", "%s#%llu: %s", link->dev->conf->name, (unsigned long long)link->id, err.text);
		pool_closing(&link->entry);
		lease_over(link);
		session_close(link->session, REASON_INTERNAL, "%s", err.text);
		return;
	}
	shell_wake(link->sh.shell);
}

/* r has the lease of this session. */
void
link_shell_lease(struct link *link, struct request *r)
{
	start_clock(link, 0);
	link->sh.holder = NULL;
	link->sh.runner = r;
	set_use(link, SHELL_LEASED);
}

/* The client may go on where it is with its next request. */
static bool
may_hold(const struct link *link, const struct request *r)
{
	return r->params.hold && r->client != NULL && !r->cancelled && !r->broker->stopping && link->sh.shell != NULL &&
	       cli_state(shell_cli(link->sh.shell)) != CLI_CLOSED && !link->entry.private_use;
}

/* r gives its lease back. */
void
link_shell_lease_end(struct link *link, struct request *r)
{
	if (!may_hold(link, r)) {
		begin_reset(link);
		return;
	}
	link->sh.runner = NULL;
	link->sh.holder = r->client;
	link_shell_pause(link);
	device_kick(link->dev); /* its next request may wait already */
}

/* The shell stands at its prompt and waits for a client: for its next request, or until it has read the last output. */
void
link_shell_pause(struct link *link)
{
	link->sh.held_since = clock_now();
	start_clock(link, HOLD_SECONDS);
}

/* The lease that r's client holds on this pool, if it still does: r goes on with it.  False: r waits as others do. */
bool
link_shell_resume(struct request *r)
{
	struct pool_entry *e;

	if (r->client == NULL)
		return false;
	TAILQ_FOREACH (e, &r->dev->policy.entries, link) {
		struct link *link = link_of_entry(e);
		if (link->sh.holder != r->client)
			continue;
		request_assigned(r, link);
		return true;
	}
	if (r->client->hold_lost != NULL && r->params.hold) {
		request_notice(r, r->client->hold_lost);
		r->client->hold_lost = NULL;
	}
	return false;
}

/* The holder's next request, sent before the last one had ended: it waits for nobody. */
static bool
holder_goes_on(struct link *link)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &link->dev->policy.waiters, link) {
		struct waiter *next = waiter_of(w);
		if (next->client == link->sh.holder && next->takes_held && !w->fresh) {
			pool_unwait(w);
			next->ops->assigned(next, link);
			return true;
		}
	}
	return false;
}

/* Others wait for this shell, or for the room that its session takes. */
static bool
is_wanted(const struct link *link)
{
	const struct broker *b = link->dev->broker;
	const struct device *dev;
	bool full = b->config->max_sessions > 0 && b->sessions_count >= b->config->max_sessions;

	if (link->dev->policy.waiters_count > 0)
		return true;
	TAILQ_FOREACH (dev, &b->devices, link) {
		if (dev->wants_room && (full || strcmp(dev->device_name, link->dev->device_name) == 0))
			return true;
	}
	return false;
}

/* What the shell of a batch waits for: that the client reads, before the next command is typed. */
static struct request *
paused_runner(const struct link *link)
{
	struct request *r = link->sh.runner;

	return r != NULL && r->state == REQUEST_FLUSHING ? r : NULL;
}

/*
 * Who keeps a shell at its prompt while others wait gives it up after a while; a client between two requests also at
 * once, when the session is to end.
 */
void
link_shell_check_hold(struct link *link, double now)
{
	struct request *r = paused_runner(link);
	bool draining = link->entry.state == POOL_DRAINING;
	bool late = now >= link->sh.held_since + HOLD_SECONDS - 0.001;

	if (link->sh.holder != NULL ? holder_goes_on(link) : r == NULL)
		return;
	if (!(late && (draining || is_wanted(link))) && !(draining && r == NULL))
		return;
	log_info("shell", "%s#%llu: its lease was held for %.0f s: taken back", link->dev->conf->name,
	    (unsigned long long)link->id, now - link->sh.held_since);
	if (r != NULL)
		r->lease = NULL; /* it goes back to the queue when its client has read */
	else
		link->sh.holder->hold_lost = draining ? hold_died : hold_taken;
	begin_reset(link);
}

/* Room is wanted: any of them may be held where it is. */
void
links_check_hold(struct broker *b, double now)
{
	struct device *dev;
	struct pool_entry *e;

	TAILQ_FOREACH (dev, &b->devices, link) {
		TAILQ_FOREACH (e, &dev->policy.entries, link)
			link_shell_check_hold(link_of_entry(e), now);
	}
}

static void
unhold(struct broker *b, const struct client *client)
{
	struct device *dev;
	struct pool_entry *e;

	TAILQ_FOREACH (dev, &b->devices, link) {
		TAILQ_FOREACH (e, &dev->policy.entries, link) {
			struct link *link = link_of_entry(e);
			if (link->sh.holder != NULL && (client == NULL || link->sh.holder == client))
				begin_reset(link);
		}
	}
}

void
link_shell_peer_left(struct broker *b, const struct client *client)
{
	unhold(b, client);
}

void
link_shell_unhold_all(struct broker *b)
{
	unhold(b, NULL);
}

/* ---- what the driver says ---- */

static void
on_ready(struct link *link)
{
	if (link->sh.use != SHELL_LOGIN || link->sh.detecting)
		return;
	if (link->test != NULL)
		broker_test_shell(link);
	if (link_detects(link->dev)) {
		link_detect_begin(link);
		return;
	}
	if (link->sh.provisional) { /* another session has found out meanwhile */
		error_set(
		    &link->sh.error, REASON_CANCELLED, "recognised as %s: connecting again", link->dev->platform->name);
		shell_logout(link->sh.shell);
		return;
	}
	become_free(link);
	link->connect_seconds = clock_now() - link->entry.created;
	log_info("shell", "%s#%llu: at its prompt, mode %s, %.0f ms after the start", link->dev->conf->name,
	    (unsigned long long)link->id, cli_mode(shell_cli(link->sh.shell))->name, link->connect_seconds * 1000);
	link_ready(link);
}

static void
on_result(struct link *link, const struct cli_result *result)
{
	switch (result->op) {
	case CLI_OP_RESET:
		if (link->sh.use == SHELL_RESETTING)
			lease_over(link);
		break;
	case CLI_OP_KEEPALIVE:
		if (result->err.reason == REASON_NONE)
			pool_alive(&link->entry, clock_now());
		device_kick(link->dev);
		break;
	case CLI_OP_NONE:
		break;
	case CLI_OP_RUN:
	case CLI_OP_CONFIG:
	case CLI_OP_ENABLE:
		if (link->sh.detecting)
			link_detect_result(link);
		else if (link->sh.runner != NULL)
			request_cli_result(link->sh.runner, result);
		break;
	}
}

/* Of no further use: the session ends with it. */
static void
on_dead(struct link *link, const struct np_error *err)
{
	if (link->sh.error.reason == REASON_NONE)
		link->sh.error = *err;
	if (link->sh.use == SHELL_LOGIN)
		link_detect_forget(link);
	if (link->sh.holder != NULL) {
		link->sh.holder->hold_lost = hold_died;
		link->sh.holder = NULL;
	}
	if (link->sh.use == SHELL_RESETTING)
		lease_over(link);
	if (link->session == NULL)
		return;
	if (link->sh.use != SHELL_LOGIN)
		pool_closing(&link->entry);
	link->closing = true;
	session_close(link->session, err->reason, "%s", link->end_why != NULL ? link->end_why : err->text);
}

static void
on_event(struct shell *sh NP_UNUSED, const struct cli_event *event, void *arg)
{
	struct link *link = arg;

	switch (event->kind) {
	case CLI_EVENT_READY:
		on_ready(link);
		break;
	case CLI_EVENT_RESULT:
		on_result(link, &event->result);
		break;
	case CLI_EVENT_LINE:
		if (link->sh.runner != NULL)
			request_config_line(link->sh.runner, event);
		break;
	case CLI_EVENT_QUESTION:
		if (link->sh.runner != NULL)
			request_cli_question(link->sh.runner, event);
		else
			cli_answer(shell_cli(link->sh.shell), NULL, clock_now());
		break;
	case CLI_EVENT_DEAD:
		on_dead(link, &event->err);
		break;
	}
}

/* Output without a request that wants it is dropped: it must not reach the next one. */
static void
on_output(struct shell *sh, void *arg)
{
	struct link *link = arg;

	if (link->sh.runner != NULL) {
		request_cli_pump(link->sh.runner);
		return;
	}
	if (link->sh.detecting)
		link_detect_output(link, shell_output(sh));
	shell_consume(sh, shell_output(sh)->len);
}

static void
on_ended(struct shell *sh NP_UNUSED, void *arg)
{
	struct link *link = arg;

	link->sh.shell = NULL;
	start_clock(link, 0);
}

static void
on_tap(struct shell *sh NP_UNUSED, bool from_device, const void *bytes, size_t size, void *arg)
{
	struct link *link = arg;

	if (link->sh.trial && link->sh.use == SHELL_LOGIN && from_device)
		broker_trial_seen(link, bytes, size);
	if (link->test != NULL)
		broker_test_shell(link);
	if (link->sh.transcript == NULL)
		return;
	if (from_device)
		transcript_received(link->sh.transcript, bytes, size, clock_now());
	else
		transcript_sent(link->sh.transcript, bytes, size, clock_now());
}

static const struct shell_events shell_callbacks = {
    .event = on_event, .output = on_output, .ended = on_ended, .tap = on_tap};

/* ---- life ---- */

static void
forget_secrets(struct link *link)
{
	secret_free(link->sh.secret);
	secret_free(link->sh.password);
	link->sh.secret = link->sh.password = NULL;
}

/* The session has been made: log in on its command line. */
void
link_shell_open(struct link *link)
{
	struct broker *b = link->dev->broker;
	struct cli_options options = {.platform = link->dev->platform,
	    .name = session_name(link->session),
	    .username = link->target->user,
	    .password = link->sh.password,
	    .secret = link->sh.secret,
	    .login_timeout = link->dev->conf->args.connection_timeout,
	    .seed = ((uint64_t)b->random << 32) ^ link->id};

	ev_init(&link->sh.clock, on_clock);
	link->sh.clock.data = link;
	buf_init(&link->sh.seen, 64u * 1024u);
	link->sh.use = SHELL_LOGIN;
	link->sh.provisional = link_detects(link->dev);
	broker_record_begin(link);
	link->sh.shell = shell_open(b->loop, link->session, &options, &shell_callbacks, link);
	forget_secrets(link);
}

/* True when the shell logs out now and ends the session afterwards. */
bool
link_shell_say_goodbye(struct link *link, const char *why)
{
	if (link->sh.shell == NULL || link->sh.use != SHELL_FREE || link->end_why != NULL ||
	    cli_state(shell_cli(link->sh.shell)) != CLI_IDLE)
		return false;
	link->end_why = xstrdup(why);
	start_clock(link, 0);
	shell_logout(link->sh.shell);
	return true;
}

/* Says goodbye just now. */
bool
link_shell_is_leaving(const struct link *link)
{
	return link->sh.shell != NULL && link->end_why != NULL;
}

void
link_shell_finish(struct link *link)
{
	start_clock(link, 0);
	forget_secrets(link);
	transcript_destroy(link->sh.transcript);
	buf_free(&link->sh.seen);
	free(link->end_why);
}

/* For status: where it is and what it has seen; NULL: there is none. */
cJSON *
link_shell_json(const struct link *link)
{
	const struct cli_stats *stats;
	const struct platform_mode *mode;
	struct cli *cli;
	cJSON *o;

	if (link->sh.shell == NULL)
		return NULL;
	cli = shell_cli(link->sh.shell);
	stats = cli_stats(cli);
	mode = cli_mode(cli);
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "use", link->sh.holder != NULL ? "held" : use_name(link->sh.use));
	cJSON_AddStringToObject(o, "state", cli_state_name(cli_state(cli)));
	cJSON_AddStringToObject(o, "mode", mode != NULL ? mode->name : "");
	cJSON_AddNumberToObject(o, "keepalives", (double)stats->keepalives);
	cJSON_AddNumberToObject(o, "resyncs", (double)stats->resyncs);
	cJSON_AddNumberToObject(o, "late", (double)stats->late);
	cJSON_AddNumberToObject(o, "async", (double)stats->async);
	return o;
}
