/*
 * What an ssh at the mux door runs: its descriptors are the streams of a request, its connection ends when all output
 * has left.  Its terminal is visit_tty.c's.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "broker/door/door_impl.h"

static const char help[] = "\r\nSupported escape sequences:\r\n"
			   " .   - end this session\r\n"
			   " ?   - this message\r\n"
			   " the escape character itself, typed twice, is sent\r\n";

/* ---- its end ---- */

/* The status, once all output has left.  ssh ends when it sees the end of its connection. */
static void
done_when_read(struct visit *v)
{
	if (v->state != VISIT_ENDING || v->streams[0] != NULL || v->streams[1] != NULL)
		return;
	if (!v->wish.forward) {
		mux_add_number(&v->out, MUX_EXIT, (uint32_t)client_id(v->client), (uint32_t)v->status);
		visit_say(v);
	}
	visit_leave(v);
}

static void
close_input(struct visit *v)
{
	lent_destroy(v->input);
	v->input = NULL;
	tty_finish(v);
}

void
session_end(struct visit *v, int status)
{
	if (v->state != VISIT_OPEN)
		return;
	v->status = status;
	visit_move(v, VISIT_ENDING);
	close_input(v);
	for (int i = 0; i < 2; i++)
		if (v->streams[i] != NULL)
			lent_finish(v->streams[i]);
	done_when_read(v);
}

void
session_forget(struct visit *v)
{
	cJSON_Delete(v->wish.params);
	cJSON_Delete(v->wish.again);
	v->wish.params = v->wish.again = NULL;
	close_input(v);
	for (int i = 0; i < 2; i++) {
		lent_destroy(v->streams[i]);
		v->streams[i] = NULL;
	}
}

void
session_finish(struct visit *v)
{
	session_forget(v);
	cJSON_Delete(v->reply.decline);
	ev_clear_pending(v->all->loop, &v->replies);
}

/* ---- what we say because of what we were told: afterwards, for the broker is in the middle of something ---- */

static void
on_reply(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct visit *v = w->data;
	struct reply reply = v->reply;

	v->reply = (struct reply){0};
	if (reply.early) {
		visit_note(v, "stdin", NULL, buf_head(&v->in), v->in.len);
		buf_consume(&v->in, v->in.len);
	}
	if (reply.cancel)
		visit_note(v, "cancel", NULL, NULL, 0);
	if (reply.decline != NULL)
		visit_note(v, "answer", reply.decline, NULL, 0);
	if (reply.again) {
		cJSON *params = v->wish.again;
		v->wish.again = NULL;
		visit_request(v, "exec", params);
	}
}

struct reply *
session_reply(struct visit *v)
{
	ev_feed_event(v->all->loop, &v->replies, EV_CUSTOM);
	return &v->reply;
}

/* Its answer follows, and says that it was cancelled. */
void
session_cancel(struct visit *v)
{
	if (!v->cancelled)
		session_reply(v)->cancel = true;
	v->cancelled = true;
}

/* ---- streams ---- */

size_t
session_waiting(const struct visit *v)
{
	return (v->streams[0] != NULL ? lent_waiting(v->streams[0]) : 0) +
	       (v->streams[1] != NULL ? lent_waiting(v->streams[1]) : 0);
}

void
session_note_room(struct visit *v)
{
	if (!v->denied || session_waiting(v) > STREAM_MOST / 2)
		return;
	v->denied = false;
	client_drained(v->client);
}

/* What a person types: some of it is for us. */
static void
take_typed(struct visit *v, const char *in, size_t n)
{
	char *out = xmalloc(n + 1);

	while (n > 0) {
		enum escape_wish wish;
		size_t used, len = escape_filter(&v->escape, in, n, out, &used, &wish);
		if (len > 0)
			visit_note(v, "stdin", NULL, out, len);
		if (wish == ESCAPE_END)
			session_cancel(v);
		if (wish == ESCAPE_HELP && visit_stderr(v) != NULL)
			lent_write(visit_stderr(v), help, sizeof(help) - 1);
		in += used;
		n -= used;
	}
	free(out);
}

static void
on_input(struct lent *l NP_UNUSED, const void *p, size_t n, void *arg)
{
	struct visit *v = arg;

	if (v->state != VISIT_OPEN)
		return;
	if (v->escape.character >= 0)
		take_typed(v, p, n);
	else
		visit_note(v, "stdin", NULL, p, n);
}

static void
on_input_ended(struct lent *l, bool failed NP_UNUSED, void *arg)
{
	struct visit *v = arg;

	lent_destroy(l);
	v->input = NULL;
	if (v->state == VISIT_OPEN)
		visit_note(v, "eof", NULL, NULL, 0);
}

static void
on_wrote(struct lent *l NP_UNUSED, void *arg)
{
	session_note_room(arg);
}

/* The command gets to know, or its status is waited for, as ssh does. */
static void
say_unread(struct visit *v)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "name", "eow@openssh.com");
	v->unread = true;
	visit_note(v, "signal", params, NULL, 0);
}

static void
on_stream_ended(struct lent *l, bool failed, void *arg)
{
	struct visit *v = arg;
	int which = l == v->streams[1];

	lent_destroy(l);
	v->streams[which] = NULL;
	if (v->state == VISIT_OPEN)
		session_note_room(v);
	if (v->state == VISIT_OPEN && failed && which == 0 && !v->wish.forward)
		say_unread(v);
	done_when_read(v);
}

static const struct lent_events input_events = {.data = on_input, .ended = on_input_ended};
static const struct lent_events stream_events = {.wrote = on_wrote, .ended = on_stream_ended};

/* A connection ends with its next byte to whom nobody reads; what a command says then is lost. */
void
session_stream(struct visit *v, int which, const void *data, size_t size)
{
	struct lent *to = which == 0 ? v->streams[0] : visit_stderr(v);

	v->bytes.out += size;
	if (to != NULL)
		lent_write(to, data, size);
	else if (which == 0 && v->wish.forward)
		session_cancel(v);
}

void
session_far_ended(struct visit *v)
{
	if (v->streams[0] != NULL)
		lent_finish(v->streams[0]);
}

/* ---- it begins ---- */

/* A connection of ours, and not lent: it is read here, and written there. */
static void
open_connection(struct visit *v)
{
	int fd = fcntl(v->socket, F_DUPFD_CLOEXEC, 3);
	uint8_t reply[SOCKS_REPLY_MAX];

	if (fd == -1) { /* no end of what it says: that would be believed */
		visit_leave(v);
		return;
	}
	v->input = lent_own_reader(v->all->loop, fd, &input_events, v);
	v->streams[0] = lent_own_writer(v->all->loop, v->socket, &stream_events, v);
	v->socket = -1;
	if (v->socks.version != 0)
		lent_write(v->streams[0], reply, socks_reply(&v->socks, true, reply));
}

/* From now on it is ours: ssh is told so, and its descriptors are used. */
void
session_open(struct visit *v)
{
	visit_move(v, VISIT_OPEN);
	if (v->socket >= 0) {
		open_connection(v);
		return;
	}
	mux_add_number(&v->out, MUX_SESSION_OPENED, v->wish.id, (uint32_t)client_id(v->client));
	visit_say(v);
	tty_await(v);
}

/* Before anything is asked for: one that cannot be used would be an input that has ended, or output that is lost. */
static bool
take_files_over(struct visit *v)
{
	struct ev_loop *loop = v->all->loop;
	int count = v->files_count;
	bool good;

	if (v->wish.tty)
		v->tty = fcntl(v->files[0], F_DUPFD_CLOEXEC, 3);
	v->files_count = 0;
	v->input = lent_reader(loop, v->files[0], &input_events, v);
	good = v->input != NULL;
	v->one_stream = count == 3 && lent_is_same(v->files[1], v->files[2]);
	if (v->one_stream)
		lent_drop(v->files[--count]);
	for (int i = 1; i < count; i++) {
		v->streams[i - 1] = lent_writer(loop, v->files[i], &stream_events, v);
		good = good && v->streams[i - 1] != NULL;
	}
	return good;
}

void
session_begin(struct visit *v)
{
	cJSON *params = v->wish.params;

	ev_prepare_init(&v->replies, on_reply);
	v->replies.data = v;
	if (v->wish.tty)
		tty_describe(v, v->files[0], params);
	if (v->socket == -1 && !take_files_over(v)) {
		visit_refuse(v, "the broker has no descriptor or thread left");
		return;
	}
	v->wish.params = NULL;
	v->wish.again = v->wish.tty ? session_without_terminal(params) : NULL;
	visit_request(v, "exec", params);
}
