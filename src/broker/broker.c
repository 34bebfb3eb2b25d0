/*
 * The broker's life and its peers: creation, the turn of the loop, accepting clients, stopping.
 *
 * Owns every list in struct broker.  Nothing is freed inside a call that somebody else's object made: requests that
 * have ended are collected and freed at the end of the turn.
 */
#include "config.h"

#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#define TICK_SECONDS 5.0
#define ROLES_SHARE 8 /* the last of so many parts of the places is for clients of the main socket */
#define SYSTEM_GROUP "netpulse"
#define SYSTEM_MODE "0660"
#define TRIM_SECONDS 10.0 /* it takes time in which nobody is served: not for each of many transfers */

/* ---- clients ---- */

static void
on_frame(struct client *client, const struct frame *frame, void *arg)
{
	broker_dispatch(arg, client, frame);
}

static void
on_left(struct client *client, void *arg)
{
	struct broker *b = arg;

	links_unhold(client_holder(client));
	report_client_left(b->events, client);
}

static const struct client_events client_callbacks = {.frame = on_frame, .left = on_left};

static void
turn_away(struct broker *b, struct client *client, const struct np_error *why)
{
	if (client_user(client) != NULL)
		broker_note_denial(b, client, "connect", why); /* he may come as often as he likes */
	else
		log_warning("broker", "client %llu refused: %s", (unsigned long long)client_id(client), why->text);
	report_refused(b->events, client, NULL, why);
	client_refuse(client, why);
}

/* Of the places some are kept from those who come by sockets of roles: they cannot keep us out. */
static int
places(const struct broker *b, bool is_main)
{
	int max = b->config->max_clients;

	return is_main ? max : max - max / ROLES_SHARE;
}

static void
too_many(const struct broker *b, struct np_error *err)
{
	error_set(err, REASON_QUEUE_FULL, "the broker already serves %d clients (max_clients): try again later",
	    b->config->max_clients);
}

/* It has come; there was a place for it before. */
static void
welcome(struct broker *b, struct client *client, bool has_place)
{
	struct client *other;
	struct np_error err;

	report_client(b->events);
	b->idle_since = 0;
	client_set_place(client, has_place ? PLACE_OWN : PLACE_GUEST);
	client_hello(client);
	if (!has_place && (other = clients_surplus(b->clients, PLACE_GUEST, BROKER_GUESTS_MAX, client)) != NULL) {
		too_many(b, &err);
		turn_away(b, other, &err);
	}
}

static void
admit(struct broker *b, int fd, const struct paths_peer *peer, const char *role)
{
	bool has_place = clients_have_place(b->clients, places(b, strcmp(role, POLICY_MAIN) == 0));
	struct client *client = clients_accept(b->clients, broker_next_id(b), fd, peer->uid, peer->pid);
	struct np_error err;
	size_t count;

	client_set_role(client, role, peer->gid);
	if (!client_is_main(client)) {
		gid_t *groups = paths_peer_groups(fd, &count);
		client_set_groups(client, groups, count);
	}
	if (client_join(client, &(struct user_limits){.clients = b->config->max_clients_per_user}, &err) == 0) {
		welcome(b, client, has_place);
		return;
	}
	client_set_place(client, PLACE_GUEST);
	client_hello(client);
	turn_away(b, client, &err);
}

/* Others get this far only at the socket of a system's broker. */
static void
on_accept(int fd, const struct paths_peer *peer, void *arg)
{
	bool is_ours = peer->uid == geteuid() || peer->uid == 0;

	admit(arg, fd, peer, is_ours ? POLICY_MAIN : POLICY_USERS);
}

static struct client *
on_door(uid_t uid, pid_t pid, const struct client_end *end, void *at, void *arg)
{
	struct broker *b = arg;
	bool has_place = clients_have_place(b->clients, b->config->max_clients);
	struct client *client = clients_admit(b->clients, broker_next_id(b), uid, pid, end, at);

	welcome(b, client, has_place);
	return client;
}

int
broker_seat(struct broker *b, struct client *client, bool looks_or_steers, struct np_error *err)
{
	int max = places(b, client_is_main(client));
	struct client *other;

	/* Nobody is refused for one who has left and whose end has not been read yet: both may come in one turn. */
	if (clients_have_place(b->clients, max) || (!looks_or_steers && clients_have_left_place(b->clients, max))) {
		client_set_place(client, PLACE_OWN);
		return 0;
	}
	if (!looks_or_steers) {
		too_many(b, err);
		return -1;
	}
	client_set_place(client, PLACE_OPERATOR);
	if ((other = clients_yielding(b->clients, BROKER_AWAITING_MAX, client)) != NULL) {
		error_set(err, REASON_QUEUE_FULL,
		    "%d clients are connected (max_clients), and the connection kept for an operator was taken by "
		    "another one",
		    b->config->max_clients);
		turn_away(b, other, err);
	}
	return 0;
}

/* ---- the turn and the tick ---- */

/* What is due is seen at the end of the turn. */
static void
on_reload_clock(struct ev_loop *loop NP_UNUSED, ev_timer *w NP_UNUSED, int revents NP_UNUSED)
{
}

/* Gives back what large transfers have left; once more only when there have been others meanwhile. */
static void
on_trim_clock(struct ev_loop *loop, ev_timer *w, int revents NP_UNUSED)
{
	ev_timer_stop(loop, w);
#ifdef HAVE_MALLOC_TRIM
	malloc_trim(0);
#endif
}

static bool
has_persistent(const struct broker *b)
{
	for (size_t i = 0; i < b->config->devices_count; i++)
		if (b->config->devices[i]->args.persistent)
			return true;
	return false;
}

static void
check_idle_exit(struct broker *b)
{
	double now = clock_now();

	/* A job that comes once an hour must not find a broker that has forgotten what locks its account. */
	if (clients_count(b->clients) > 0 || devices_counts(b->devices)->sessions > 0 || has_persistent(b) ||
	    accounts_are_worth_keeping(b->accounts) || (b->doors != NULL && doors_listen(b->doors))) {
		b->idle_since = 0;
		return;
	}
	if (b->idle_since == 0)
		b->idle_since = now;
	if (b->options.idle_exit > 0 && now - b->idle_since >= b->options.idle_exit) {
		log_info("broker", "idle for %.0f s: ending", now - b->idle_since);
		broker_stop(b, false);
	}
}

/* An idle limit below the tick must not wait for the next tick. */
static void
note_idle(struct broker *b)
{
	check_idle_exit(b);
	if (b->options.idle_exit > 0 && b->options.idle_exit < TICK_SECONDS && b->idle_since != 0) {
		b->tick.repeat = b->options.idle_exit / 2 > 0.05 ? b->options.idle_exit / 2 : 0.05;
		ev_timer_again(b->loop, &b->tick);
	}
}

/* Runs before the loop blocks: the one place where ended things are freed. */
static void
on_turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct broker *b = w->data;

	if (requests_free(b) && !ev_is_active(&b->trim))
		ev_timer_again(b->loop, &b->trim);
	if (!TAILQ_EMPTY(&b->syncs))
		broker_syncs_answer(b);
	broker_reloads_due(b);
	broker_waits_answer(b);
	broker_confirmations_due(b);
	if (b->idle_due)
		note_idle(b);
	b->idle_due = false;
	broker_stop_turn(b);
}

/* Somebody has put another socket in the place of ours: nobody new will find us. */
static void
check_listener(struct broker *b)
{
	if (b->stopping || b->listener == NULL || !listener_is_lost(b->listener) || clients_count(b->clients) > 0)
		return;
	log_warning("broker", "another socket has taken the place of %s: ending", listener_path(b->listener));
	broker_stop(b, false);
}

static void
report_status(struct broker *b)
{
	char text[128];

	if (b->options.status == NULL)
		return;
	snprintf(text, sizeof(text), "%d sessions, %d clients, %d requests%s", devices_counts(b->devices)->sessions,
	    clients_count(b->clients), b->requests.count + devices_counts(b->devices)->ways,
	    b->stopping ? ", draining" : "");
	b->options.status(text, b->options.arg);
}

static void
on_tick(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct broker *b = w->data;

	devices_tick(b->devices);
	accounts_tick(b->accounts, clock_now());
	check_idle_exit(b);
	check_listener(b);
	if (b->doors != NULL)
		doors_tick(b->doors);
	report_status(b);
}

/* ---- what connectors say ---- */

static void
on_connector_done(struct connect_result *result, void *arg)
{
	struct broker *b = arg;

	(void)jobs_done(&b->jobs, result);
}

static void
on_connector_prompt(const struct connect_prompt *prompt, void *arg)
{
	struct broker *b = arg;

	jobs_prompt(&b->jobs, prompt);
}

static void
on_connector_notice(uint64_t job, const char *text, void *arg)
{
	struct broker *b = arg;

	jobs_notice(&b->jobs, job, text);
}

static void
on_connector_step(uint64_t job, const struct connect_step *step, void *arg)
{
	struct broker *b = arg;

	jobs_step(&b->jobs, job, step);
}

static const struct connector_events connector_callbacks = {
    .done = on_connector_done, .prompt = on_connector_prompt, .notice = on_connector_notice, .step = on_connector_step};

/* ---- what devices say ---- */

static void
on_session_ended(void *arg)
{
	struct broker *b = arg;

	b->idle_due = true;
	b->idle_since = 0;
	broker_note_end(b);
}

/* ---- life ---- */

struct broker *
broker_create(struct ev_loop *loop, struct config *config, const struct broker_options *options)
{
	struct broker *b = xcalloc(1, sizeof(*b));

	b->loop = loop;
	b->config = config;
	b->options = *options;
	b->options.config_file = xstrdup_null(options->config_file);
	b->options.socket_path = xstrdup_null(options->socket_path);
	b->options.agent_socket = xstrdup_null(options->agent_socket);
	b->started = clock_now();
	b->platforms = broker_platforms_load(config);
	requests_init(&b->requests);
	TAILQ_INIT(&b->syncs);
	TAILQ_INIT(&b->reloads);
	ev_init(&b->reload_clock, on_reload_clock);
	ev_init(&b->handover, NULL);
	TAILQ_INIT(&b->waits);
	TAILQ_INIT(&b->sockets);
	TAILQ_INIT(&b->confirmations);
	b->admit = admit;
	b->gate_lines = broker_gate_lines;
	steer_rules_init(&b->rules);
	b->events = reports_create(loop);
	b->clients = clients_create(loop, &client_callbacks, b);
	audit_configure(b->events, config->audit_log);
	report_started(b->events);
	b->accounts = xchecked(accounts_create((double)time(NULL) - b->started));
	b->connector = connector_create(loop, BROKER_CONNECTORS_MAX, b->accounts, &connector_callbacks, b);
	jobs_init(&b->jobs, b->connector);
	b->devices = devices_create(&(struct devices_world){.loop = loop,
	    .config = config,
	    .platforms = b->platforms,
	    .jobs = &b->jobs,
	    .accounts = b->accounts,
	    .events = b->events,
	    .rules = &b->rules,
	    .agent_socket = b->options.agent_socket,
	    .last_id = &b->next_id,
	    .ended = on_session_ended,
	    .arg = b});
	accounts_counted_by(b->accounts, devices_count_requests, b->devices);
	double tick =
	    options->idle_exit > 0 && options->idle_exit / 2 < TICK_SECONDS ? options->idle_exit / 2 : TICK_SECONDS;
	ev_timer_init(&b->tick, on_tick, 0, tick > 0.05 ? tick : 0.05);
	b->tick.data = b;
	ev_timer_again(loop, &b->tick);
	ev_init(&b->drain, NULL);
	ev_timer_init(&b->trim, on_trim_clock, 0, TRIM_SECONDS);
	ev_prepare_init(&b->turn, on_turn);
	b->turn.data = b;
	ev_prepare_start(loop, &b->turn);
	devices_tick(b->devices);
	return b;
}

static void
on_stranger(uid_t uid, pid_t pid, void *arg)
{
	report_stranger(((struct broker *)arg)->events, uid, pid);
}

static void
on_taken(void *arg)
{
	broker_retire(arg);
}

static const struct listener_events listener_callbacks = {
    .taken = on_taken, .accepted = on_accept, .refused = on_stranger};

static const struct door_events door_callbacks = {.comes = on_door, .refused = on_stranger};

static int
listening(struct broker *b, struct listener *l, struct np_error *err)
{
	b->listener = l;
	/* Nothing is taken from the broker that there was before all of it can be served. */
	if (l == NULL || broker_sockets_follow(b, b->config, err) == -1 || listener_show(l, err) == -1)
		return -1;
	if (broker_sockets_show(b, err) == -1)
		log_error("broker", "%s", err->text);
	if (b->config->system)
		return 0; /* the way for an ssh is for one's own sessions */
	b->doors = doors_create(b->loop, listener_path(l), &door_callbacks, b);
	doors_follow(b->doors, b->config);
	return 0;
}

/* Its group may come, unless `main_socket` says otherwise. */
static struct listener *
listen_for_all(struct broker *b, struct np_error *err)
{
	const struct socket_conf *conf = &b->config->main_socket;
	const char *mode = conf->mode != NULL ? conf->mode : SYSTEM_MODE;
	const char *group = conf->group != NULL ? conf->group : SYSTEM_GROUP;
	struct sockfile_access access;

	if (sockfile_access(&access, mode, conf->owner, group, err) == -1) {
		error_prefix(err, "main_socket");
		return NULL;
	}
	return listener_create_shared(b->loop, b->options.socket_path, &access, &listener_callbacks, b, err);
}

int
broker_listen(struct broker *b, struct np_error *err)
{
	struct listener *l = b->config->system
				 ? listen_for_all(b, err)
				 : listener_create(b->loop, b->options.socket_path, &listener_callbacks, b, err);

	return listening(b, l, err);
}

int
broker_listen_fd(struct broker *b, int fd, struct np_error *err)
{
	return listening(b, listener_adopt(b->loop, fd, b->config->system, &listener_callbacks, b, err), err);
}

const char *
broker_path(const struct broker *b)
{
	return listener_path(b->listener);
}

/* ---- the end ---- */

/* Who has not read by now what was said to him never will. */
static void
drop_peers(struct broker *b)
{
	if (clients_count(b->clients) == 0)
		return;
	clients_close(b->clients, true);
	ev_run(b->loop, EVRUN_NOWAIT);
}

/* Everything that is left gets a second to say goodbye; then the process ends without it. */
void
broker_destroy(struct broker *b)
{
	double deadline = clock_now() + 1.0;

	b->stopping = b->finished = true;
	devices_close(b->devices);
	ev_timer_stop(b->loop, &b->drain);
	b->tick.repeat = 0.05; /* the loop must wake to see the deadline */
	ev_timer_again(b->loop, &b->tick);
	broker_end_everything(b, deadline - 0.5);
	while ((devices_counts(b->devices)->sessions > 0 || clients_count(b->clients) > 0) && clock_now() < deadline)
		ev_run(b->loop, EVRUN_ONCE);
	drop_peers(b);
	requests_free(b);
	devices_drop_questions(b->devices); /* whoever answers must still be there */
	connector_destroy(b->connector);
	devices_destroy(b->devices);
	jobs_finish(&b->jobs);
	accounts_destroy(b->accounts);
	broker_waits_finish(b);
	steer_rules_finish(&b->rules);
	ev_timer_stop(b->loop, &b->reload_clock);
	ev_timer_stop(b->loop, &b->tick);
	ev_timer_stop(b->loop, &b->trim);
	ev_timer_stop(b->loop, &b->handover);
	ev_prepare_stop(b->loop, &b->turn);
	broker_sockets_close(b);
	listener_destroy(b->listener);
	doors_destroy(b->doors);
	clients_destroy(b->clients);
	reports_destroy(b->events);
	platforms_destroy(b->platforms);
	config_unref(b->config);
	free((char *)(uintptr_t)b->options.config_file);
	free((char *)(uintptr_t)b->options.socket_path);
	free((char *)(uintptr_t)b->options.agent_socket);
	free(b);
}
