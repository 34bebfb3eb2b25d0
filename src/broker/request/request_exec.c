/*
 * Requests for sessions: commands, their bytes, their limits and their results.
 *
 *   QUEUED -> RUNNING (one command after the other) -> FLUSHING (output waits for the client) -> ENDED
 *
 * At most once: a command whose channel ended before its request was sent goes back to the head of the queue; one that
 * was sent never runs again, whatever became of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "broker/client/holder.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

/* A stream frame smaller than this is not worth sending while the client's socket is nearly full. */
#define STREAM_MIN 4096u
/* Credit for standard input is not worth a message of its own while less has left and more is to follow. */
#define STDIN_GRANT (64u * 1024u)

static void command_finish(struct request *r);

/* ---- output ---- */

static void
make_heads(struct request *r)
{
	static const char *const methods[] = {"stdout", "stderr"};

	for (int i = 0; i < 2; i++) {
		char *json = message_make_notification(methods[i], request_note_params(r));
		free(r->heads[i]);
		r->heads[i] = xstrdup(json);
		cJSON_free(json);
	}
}

static void pump_output(struct request *r);

void
request_keep_tail(struct request *r, int which, const void *p, size_t n)
{
	if (n > 0 && buf_append(&r->tails[which], p, n) == -1)
		log_error("request", "%s: %zu bytes of output lost: the channel gave more than its limit",
		    request_device(r), n);
}

static void
save_tails(struct request *r, struct chan *ch)
{
	for (int which = 0; which < 2; which++) {
		const struct buf *out = chan_output(ch, which);
		request_keep_tail(r, which, buf_head(out), out->len);
	}
}

/* What the command has said up to now belongs to the client, also when a limit ends it: abandoning a channel drops it.
 */
static void
keep_output(struct request *r)
{
	pump_output(r);
	save_tails(r, r->chan);
	for (int which = 0; which < 2; which++)
		chan_consume(r->chan, which, chan_output(r->chan, which)->len);
}

void
request_give_up(struct request *r, enum np_reason reason, const char *text)
{
	if (r->abort.reason != REASON_NONE || r->state != REQUEST_RUNNING)
		return;
	if (device_platform(r->dev) != NULL) {
		error_set(&r->abort, reason, "%s", text);
		request_cli_cancel(r);
		return;
	}
	if (r->chan == NULL)
		return;
	if (reason != REASON_OUTPUT_LIMIT)
		keep_output(r);
	error_set(&r->abort, reason, "%s", text);
	chan_abandon(r->chan);
}

/* Moves what fits of p[0..n) to the client (or its capture); returns how much was taken. */
size_t
request_stream(struct request *r, int which, const uint8_t *p, size_t n)
{
	size_t room;

	if (r->answer.client == NULL || r->cancelled || r->abort.reason == REASON_OUTPUT_LIMIT)
		return n;
	if (r->params.capture) {
		if (buf_append(&r->captured[which], p, n) == -1)
			request_give_up(r, REASON_OUTPUT_LIMIT,
			    "the command printed more than 256 KiB, the most that `capture` holds: let it stream "
			    "instead");
		else
			r->bytes_out += n;
		return n;
	}
	room = client_room(r->answer.client);
	if (r->params.window > 0 && r->window_left < room)
		room = (size_t)r->window_left;
	else if (room < STREAM_MIN && room < n)
		return 0;
	if (n > room)
		n = room;
	if (n > FRAME_DATA_MAX)
		n = FRAME_DATA_MAX;
	if (n == 0)
		return 0;
	client_stream(r->answer.client, r->heads[which], p, n);
	if (r->params.window > 0)
		r->window_left -= n;
	r->bytes_out += n;
	return n;
}

static void
pump_output(struct request *r)
{
	for (int which = 0; which < 2 && r->chan != NULL; which++) {
		const struct buf *out = chan_output(r->chan, which);
		while (out->len > 0) {
			size_t n = request_stream(r, which, buf_head(out), out->len);
			if (n == 0)
				break;
			chan_consume(r->chan, which, n);
		}
	}
}

static bool
pump_tails(struct request *r)
{
	for (int which = 0; which < 2; which++) {
		struct buf *tail = &r->tails[which];
		while (tail->len > 0) {
			size_t n = request_stream(r, which, buf_head(tail), tail->len);
			if (n == 0)
				return false;
			buf_consume(tail, n);
		}
	}
	return true;
}

/* Results may be large (`capture`) or many (`commands`): they wait for a slow client as streams do. */
static bool
result_has_room(const struct request *r)
{
	return r->answer.client == NULL || r->cancelled || client_room(r->answer.client) > 0;
}

void
request_pump(struct request *r)
{
	request_config_pump(r);
	if (r->stopped)
		request_tell_rest(r);
	else if (r->state == REQUEST_RUNNING && device_platform(r->dev) != NULL)
		request_cli_pump(r);
	else if (r->state == REQUEST_RUNNING)
		pump_output(r);
	else if (r->state == REQUEST_FLUSHING && pump_tails(r) && result_has_room(r))
		command_finish(r);
}

void
request_credit(struct request *r, uint64_t bytes)
{
	if (r->params.window == 0)
		return;
	r->window_left = r->window_left > UINT64_MAX / 2 ? r->window_left : r->window_left + bytes;
	request_pump(r);
}

/* ---- one command on a channel ---- */

void
request_grant_stdin(struct request *r, size_t n)
{
	cJSON *params;

	r->stdin_granted += n;
	if (r->answer.client == NULL)
		return;
	params = cJSON_CreateObject();
	cJSON_AddItemToObject(params, "id", message_id_to_json(&r->answer.id));
	cJSON_AddNumberToObject(params, "bytes", (double)n);
	client_notify(r->answer.client, "credit", params);
}

static void
on_started(struct chan *ch, void *arg)
{
	struct request *r = arg;

	link_count_command(r->lease.link);
	r->requeues = 0;
	r->last_activity = clock_now();
	if (r->params.batch || r->params.no_stdin)
		chan_eof(ch);
	else if (!r->stdin_ended)
		request_grant_stdin(r, BROKER_STDIN_WINDOW);
}

static void
on_output(struct chan *ch NP_UNUSED, void *arg)
{
	struct request *r = arg;

	r->got_output = true;
	r->last_activity = clock_now();
	pump_output(r);
}

static void
on_wrote(struct chan *ch, size_t n, void *arg)
{
	struct request *r = arg;

	r->last_activity = clock_now();
	r->stdin_owed += n;
	if (r->stdin_ended || (r->stdin_owed < STDIN_GRANT && chan_write_room(ch) < CHANNEL_BUFFER_MAX))
		return;
	n = r->stdin_owed;
	r->stdin_owed = 0;
	if (n > 0)
		request_grant_stdin(r, n);
}

/* Back to its place in the queue, before its next command has been sent. */
static void
go_back(struct request *r)
{
	ev_timer_stop(r->broker->loop, &r->clock);
	request_release_lease(r);
	r->ran_on.id = 0;
	r->started = 0;
	request_move(r, REQUEST_QUEUED);
	device_wait_again(r->dev, &r->waiter, r->index > 0);
}

/* True when r was moved to the device's shells; nothing of it had been sent. */
static bool
fall_back_to_shell(struct request *r)
{
	struct device *shells;
	struct np_error err;

	if (r->kind != REQUEST_EXEC || broker_want_of(r->kind, &r->params) != WANT_ANY ||
	    device_settings(r->dev)->device_type == NULL || device_settings(r->dev)->driver == DRIVER_EXEC ||
	    r->params.env != NULL)
		return false;
	shells = device_prefer_shells(r->dev, &err);
	if (shells != NULL)
		request_enter(r, shells);
	return shells != NULL;
}

/*
 * A request the server refused (RFC 4254 section 5.4: it answers each) was not run either; where the platform prefers
 * channels, its shells may do what they could not.
 */
static bool
refused_channel(struct request *r, const struct np_error *why)
{
	if (why->reason != REASON_EXEC_REFUSED || device_platform(r->dev) != NULL)
		return false;
	request_release_lease(r);
	return fall_back_to_shell(r);
}

/* What ends a shell, rather than a command on it. */
static bool
shell_is_lost(const struct np_error *why)
{
	return why->reason == REASON_OUTCOME_UNKNOWN || why->reason == REASON_PROMPT_NOT_FOUND;
}

/* The command was never sent: another session may carry it, unless that goes wrong again and again. */
bool
request_try_again(struct request *r, const struct np_error *why, bool sent)
{
	if (r->cancelled || r->abort.reason != REASON_NONE || r->answer.client == NULL || r->broker->stopping)
		return false;
	if (refused_channel(r, why)) {
		go_back(r);
		return true;
	}
	if (sent || (device_platform(r->dev) != NULL && !shell_is_lost(why)))
		return false;
	if (why->reason == REASON_EXEC_REFUSED || why->reason == REASON_INVALID_PARAMS || r->cli.moved)
		return false;
	if (++r->requeues > BROKER_REQUEUES_MAX)
		return false;
	log_info("request", "%s: request %llu was not sent (%s): it goes to another session", request_device(r),
	    (unsigned long long)r->uid, why->text);
	go_back(r);
	return true;
}

static void
on_done(struct chan *ch, const struct chan_end *end, void *arg)
{
	struct request *r = arg;

	pump_output(r);
	save_tails(r, ch);
	r->chan = NULL;
	if (request_try_again(r, &end->err, end->sent))
		return;
	ev_timer_stop(r->broker->loop, &r->clock);
	r->end = *end;
	request_move(r, REQUEST_FLUSHING);
	request_pump(r);
}

static const struct chan_events chan_callbacks = {
    .started = on_started,
    .output = on_output,
    .wrote = on_wrote,
    .done = on_done,
};

static const char *const *
merged_env(struct request *r, char ***list)
{
	const struct target *target = link_target(r->lease.link);
	size_t n = 0, count = target->set_env.n;

	for (char **e = r->params.env; e != NULL && *e != NULL; e++)
		count++;
	*list = NULL;
	if (count == 0)
		return NULL;
	*list = xcalloc(count + 1, sizeof(**list));
	for (size_t i = 0; i < target->set_env.n; i++)
		(*list)[n++] = target->set_env.v[i];
	for (char **e = r->params.env; e != NULL && *e != NULL; e++)
		(*list)[n++] = *e;
	return (const char *const *)*list;
}

/* A new command: nothing of the one before it counts any more. */
void
request_begin_command(struct request *r)
{
	request_move(r, REQUEST_RUNNING);
	r->started = r->last_activity = clock_now();
	r->got_output = false;
	memset(&r->end, 0, sizeof(r->end));
	error_clear(&r->abort);
	buf_free(&r->captured[0]);
	buf_free(&r->captured[1]);
	make_heads(r);
}

static void
command_on_channel(struct request *r)
{
	static const enum chan_kind kinds[] = {
	    [EXEC_COMMAND] = CHANNEL_EXEC, [EXEC_SHELL] = CHANNEL_SHELL, [EXEC_SUBSYSTEM] = CHANNEL_SUBSYSTEM};
	const struct command *c = r->index < r->params.commands_count ? &r->params.commands[r->index] : NULL;
	char **env;
	struct chan_spec spec = {.kind = kinds[r->params.kind],
	    .command = c != NULL ? c->text : NULL,
	    .command_size = c != NULL ? c->size : 0,
	    .pty = r->params.pty,
	    .term = r->params.term,
	    .cols = r->params.cols,
	    .rows = r->params.rows,
	    .env = merged_env(r, &env)};

	request_begin_command(r);
	r->chan = chan_start(link_session(r->lease.link), &spec, &chan_callbacks, r);
	free(env);
	if (r->stdin_ended)
		chan_eof(r->chan);
	request_start_limits(r);
}

static void
command_start(struct request *r)
{
	if (device_platform(r->dev) != NULL)
		request_cli_start(r);
	else
		command_on_channel(r);
}

static bool
stops_on_error(const struct request *r)
{
	bool usual = device_platform(r->dev) != NULL; /* on a command line, what follows depends on what was before */

	return r->params.on_error == ON_ERROR_STOP || (r->params.on_error == ON_ERROR_DEFAULT && usual);
}

/* Another command of the batch follows this one, as far as is known now. */
static bool
another_follows(const struct request *r)
{
	bool lost = r->end.err.reason != REASON_NONE && r->abort.reason == REASON_NONE;

	return r->params.batch && !r->cancelled && r->answer.client != NULL && !lost &&
	       !(stops_on_error(r) && request_command_failed(r)) && r->index + 1 < r->params.commands_count;
}

/* On a shell: the driver is done with the command.  The shell need not wait for a client that reads slowly. */
void
request_command_done(struct request *r)
{
	request_move(r, REQUEST_FLUSHING);
	if (!another_follows(r)) {
		broker_record_end(r);
		request_release_lease(r);
	}
	request_pump(r);
	if (r->state == REQUEST_FLUSHING)
		link_pause(&r->lease);
}

/*
 * The shell was lost between two commands, or given to others meanwhile: the next one may run on another shell, unless
 * it counts on the mode that the last one led to.
 */
static void
go_elsewhere(struct request *r)
{
	struct np_error err;

	if (!r->cli.moved) {
		go_back(r);
		return;
	}
	error_set(&err, REASON_NOT_RUN,
	    "not run: the shell was lost, or went to others who had waited for 5 s, in mode `%s', where another shell "
	    "does not stand",
	    r->cli.mode);
	request_fail(r, &err);
}

/* All output has reached the client (or nobody wants it): the result, then the next command or the end. */
static void
command_finish(struct request *r)
{
	bool more = another_follows(r);

	if (request_command_failed(r))
		r->failed++;
	log_info("request", "%s: request %llu: %s in %.0f ms", request_device(r), (unsigned long long)r->uid,
	    request_command_error(r) != NULL ? reason_name(request_command_error(r)->reason) : "done",
	    (clock_now() - r->started) * 1000);
	request_report_command(r);
	if (!r->cancelled && r->kind == REQUEST_EXEC)
		request_send_result(r);
	if (more) {
		r->index++;
		if (r->lease.link != NULL)
			command_start(r);
		else
			go_elsewhere(r);
		return;
	}
	request_stop(r);
}

/* ---- from the pool ---- */

/* It goes on with the shell that its client keeps.  False: it waits as others do. */
static bool
resume(struct request *r)
{
	struct holder *holder = client_holder(r->answer.client);
	struct link *link = device_kept(r->dev, holder);

	if (link != NULL) {
		request_assigned(r, link);
		return true;
	}
	if (holder->lost != NULL && r->params.hold) {
		request_notice(r, holder->lost);
		holder->lost = NULL;
	}
	return false;
}

void
request_submit(struct request *r)
{
	struct waiter *w = &r->waiter;

	request_move(r, REQUEST_QUEUED);
	request_report_queued(r);
	w->pool.fresh = r->params.fresh;
	w->interactive = r->params.interactive;
	w->opens = r->opens;
	w->takes_held = r->kind != REQUEST_OPEN;
	w->records = r->params.record;
	w->sees_login = r->params.trial;
	w->holder = r->answer.client != NULL ? client_holder(r->answer.client) : NULL;
	w->agent_socket = r->params.agent_socket;
	w->queue_timeout = r->params.queue_timeout;
	if (w->holder == NULL || device_platform(r->dev) == NULL || !resume(r))
		device_wait(r->dev, w);
}

static void
open_finish(struct request *r)
{
	cJSON *result = cJSON_CreateObject();

	request_add_session(result, r);
	if (r->answer.client != NULL)
		client_result(r->answer.client, &r->answer.id, result);
	else
		cJSON_Delete(result);
	request_ended(r);
}

/* The pool gives a lease. */
void
request_assigned(struct request *r, struct link *link)
{
	link_lease(link, &r->lease);
	r->assigned = clock_now();
	r->ran_on.id = link_id(link);
	r->ran_on.reused = link_ready_since(link) <= r->received; /* it was warm before the request came */
	r->ran_on.connect_seconds = link_connect_seconds(link);
	request_cli_begin(r);
	request_report_started(r);
	switch (r->kind) {
	case REQUEST_EXEC:
	case REQUEST_CONFIG:
		command_start(r);
		break;
	case REQUEST_OPEN:
		open_finish(r);
		break;
	case REQUEST_TEST:
		break; /* waits in no pool */
	}
}
