/*
 * Requests whose commands have a channel each: started, fed, read, ended.
 *
 * At most once: a command whose channel ended before its request was sent goes back to its place in the queue; one that
 * was sent never runs again, whatever became of it.
 */
#include <stdlib.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"
#include "base/operand.h"
#include "base/xalloc.h"

/* Credit for standard input is not worth a message of its own while less has left and more is to follow. */
#define STDIN_GRANT (64u * 1024u)

/* ---- output ---- */

static void
channel_pump(struct request *r)
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

/*
 * Of a connection the server tells that its far end has said all, and may listen on: a client that can tell that to
 * whoever it serves goes on until it has said all itself.  Of a command the server tells its end.
 */
static void
tell_far_end(struct request *r)
{
	cJSON *params = r->params.half_close ? request_note(r) : NULL;

	r->far_ended = true;
	if (params == NULL)
		chan_eof(r->chan);
	else
		client_notify(r->answer.client, "eof", params);
}

static void
pump(struct request *r)
{
	channel_pump(r);
	if (r->params.kind == EXEC_FORWARD && r->chan != NULL && !r->far_ended && chan_output_ended(r->chan))
		tell_far_end(r);
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
	channel_pump(r);
	save_tails(r, r->chan);
	for (int which = 0; which < 2; which++)
		chan_consume(r->chan, which, chan_output(r->chan, which)->len);
}

/* ---- its life ---- */

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
	pump(r);
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

/* True when r was moved to the device's shells; nothing of it had been sent. */
static bool
fall_back_to_shell(struct request *r)
{
	struct device *shells;
	struct np_error err;

	if (request_want(r->kind, &r->params) != WANT_ANY || device_settings(r->dev)->device_type == NULL ||
	    device_settings(r->dev)->driver == DRIVER_EXEC || (r->params.env != NULL && !r->params.env_optional))
		return false;
	shells = device_prefer_shells(r->dev, &err);
	if (shells != NULL)
		request_enter(r, shells);
	return shells != NULL;
}

/*
 * A request the server refused (RFC 4254 section 5.4: it answers each) was not run either; where the platform prefers
 * channels, its shells may do what they could not.  Nothing else that was sent is sent again.
 */
static bool
channel_may_repeat(struct request *r, const struct np_error *why, bool sent, bool *moved)
{
	*moved = false;
	if (r->params.kind == EXEC_FORWARD && why->reason == REASON_CHANNEL_REFUSED)
		return false; /* by the host behind it, and another session would say the same */
	if (why->reason != REASON_EXEC_REFUSED)
		return !sent;
	*moved = fall_back_to_shell(r);
	return *moved;
}

static void
on_done(struct chan *ch, const struct chan_end *end, void *arg)
{
	struct request *r = arg;

	channel_pump(r);
	save_tails(r, ch);
	r->chan = NULL;
	request_give_back(r);
	if (request_try_again(r, &end->err, end->sent))
		return;
	r->end = *end;
	request_command_done(r);
}

/* The server is done with it: what the client has not read waits with the request, and others have the channel. */
static void
on_freed(struct chan *ch NP_UNUSED, const struct chan_end *end NP_UNUSED, void *arg)
{
	keep_output(arg);
}

static const struct chan_events chan_callbacks = {
    .started = on_started,
    .output = on_output,
    .wrote = on_wrote,
    .freed = on_freed,
    .done = on_done,
};

static const char *const *
merged_env(struct request *r, char ***list)
{
	const struct target *target = link_facts(r->lease.link).target;
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

static void
channel_start(struct request *r)
{
	static const enum chan_kind kinds[] = {[EXEC_COMMAND] = CHANNEL_EXEC,
	    [EXEC_SHELL] = CHANNEL_SHELL,
	    [EXEC_SUBSYSTEM] = CHANNEL_SUBSYSTEM,
	    [EXEC_FORWARD] = CHANNEL_FORWARD};
	const struct command *c = r->index < r->params.commands_count ? &r->params.commands[r->index] : NULL;
	char **env;
	struct chan_spec spec = {.kind = kinds[r->params.kind],
	    .command = c != NULL ? c->text : NULL,
	    .command_size = c != NULL ? c->size : 0,
	    .pty = r->params.pty,
	    .term = r->params.term,
	    .modes = r->params.modes,
	    .cols = r->params.cols,
	    .rows = r->params.rows,
	    .env = merged_env(r, &env)};
	struct operand to = {0};
	struct np_error err;
	bool forwards = c != NULL && r->params.kind == EXEC_FORWARD;

	if (forwards && c->text[0] == '/') { /* as its params were read */
		spec.forward_host = c->text;
	} else if (forwards && operand_parse(c->text, &to, &err) == 0) {
		spec.forward_host = to.host;
		spec.forward_port = to.port;
	}
	request_begin_command(r);
	r->chan = chan_start(link_session(r->lease.link), &spec, &chan_callbacks, r);
	free(env);
	operand_finish(&to);
	if (r->stdin_ended)
		chan_eof(r->chan);
	request_start_limits(r);
}

/* ---- what else is asked of it ---- */

static void
channel_cancel(struct request *r)
{
	if (r->chan != NULL)
		chan_abandon(r->chan);
}

static void
channel_give_up(struct request *r, enum np_reason reason, const char *text)
{
	if (r->chan == NULL)
		return;
	if (reason != REASON_OUTPUT_LIMIT)
		keep_output(r);
	error_set(&r->abort, reason, "%s", text);
	chan_abandon(r->chan);
}

static int
channel_write(struct request *r, const void *data, size_t size, struct np_error *err)
{
	if (r->stdin_ended || r->chan == NULL)
		return 0; /* the command has ended meanwhile: the client could not know */
	if (chan_has_left(r->chan)) {
		/* Its status would be that of a command which was told that there is no input. */
		request_give_up(
		    r, REASON_CANCELLED, "input came after its channel was closed: nobody reads its output");
		return 0;
	}
	r->bytes_in += size;
	r->last_activity = clock_now();
	if (chan_write(r->chan, data, size) == -1)
		return error_set(err, REASON_INTERNAL, "stdin exceeds the channel's buffer");
	return 0;
}

static void
channel_eof(struct request *r)
{
	if (r->chan != NULL)
		chan_eof(r->chan);
}

static void
channel_signal(struct request *r, const char *name)
{
	if (r->chan != NULL)
		chan_signal(r->chan, name);
}

static void
channel_resize(struct request *r)
{
	if (r->chan != NULL && r->params.pty)
		chan_resize(r->chan, r->params.cols, r->params.rows);
}

const struct drive drive_channel = {
    .timed = true,
    .start = channel_start,
    .pump = pump,
    .cancel = channel_cancel,
    .give_up = channel_give_up,
    .write = channel_write,
    .eof = channel_eof,
    .signal = channel_signal,
    .resize = channel_resize,
    .may_repeat = channel_may_repeat,
    .client_is_slow =
	request_release_lease, /* its channel has gone: others may have one, and so may the next command */
};
