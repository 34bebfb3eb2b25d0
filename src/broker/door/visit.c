/*
 * One ssh at the mux door: its messages, its descriptors as they come, its end.  What it wants is visit_wish.c's, what
 * it runs visit_session.c's, what the broker says to it visit_end.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/state.h"
#include "base/xalloc.h"
#include "broker/door/door_impl.h"

#define IN_MAX (MUX_PACKET_MAX + 4096u)
#define READ_SIZE 16384u
#define OUT_MAX 8192u

/* ---- life ---- */

void
visit_move(struct visit *v, enum visit_state state)
{
	static const char *const names[] = {
	    [VISIT_HELLO] = "hello",
	    [VISIT_IDLE] = "idle",
	    [VISIT_FILES] = "files",
	    [VISIT_ASKED] = "asked",
	    [VISIT_OPEN] = "open",
	    [VISIT_ENDING] = "ending",
	    [VISIT_GONE] = "gone",
	};
	static const unsigned moves[] = {
	    [VISIT_HELLO] = STATE_TO(VISIT_IDLE) | STATE_TO(VISIT_ASKED) | STATE_TO(VISIT_GONE),
	    [VISIT_IDLE] = STATE_TO(VISIT_FILES) | STATE_TO(VISIT_GONE),
	    [VISIT_FILES] = STATE_TO(VISIT_IDLE) | STATE_TO(VISIT_ASKED) | STATE_TO(VISIT_GONE),
	    [VISIT_ASKED] = STATE_TO(VISIT_IDLE) | STATE_TO(VISIT_OPEN) | STATE_TO(VISIT_GONE),
	    [VISIT_OPEN] = STATE_TO(VISIT_ENDING) | STATE_TO(VISIT_GONE),
	    [VISIT_ENDING] = STATE_TO(VISIT_GONE),
	    [VISIT_GONE] = 0,
	};
	static const struct state_machine machine = {"door", names, moves};

	if (state_may_move(
		&machine, v->state, state, "%s: client %llu", v->to.device, (unsigned long long)client_id(v->client)))
		v->state = state;
}

void
visit_close_files(struct visit *v)
{
	while (v->files_count > 0)
		lent_drop(v->files[--v->files_count]);
}

void
visit_leave(struct visit *v)
{
	if (v->state == VISIT_GONE)
		return;
	visit_move(v, VISIT_GONE);
	ev_io_stop(v->all->loop, &v->reader);
	ev_feed_event(v->all->loop, &v->turn, EV_CUSTOM);
}

/* ssh ends when its connection does: that comes last. */
static void
on_turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct visit *v = w->data;

	forwardings_of_visit(v, true);
	client_gone(v->client);
	session_finish(v);
	visit_close_files(v);
	TAILQ_REMOVE(&v->all->visits, v, link);
	buf_free(&v->in);
	buf_free(&v->out);
	if (v->fd >= 0)
		close(v->fd);
	if (v->socket >= 0)
		close(v->socket);
	whither_finish(&v->to);
	free(v);
}

/* ---- what is said ---- */

void
visit_say(struct visit *v)
{
	ssize_t n =
	    v->fd == -1 ? (ssize_t)v->out.len : send(v->fd, buf_head(&v->out), v->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n != (ssize_t)v->out.len && v->state != VISIT_GONE) {
		log_debug("door", "client %llu takes no answer in", (unsigned long long)client_id(v->client));
		visit_leave(v);
	}
	buf_consume(&v->out, v->out.len);
}

/* json is freed. */
static void
say_to_broker(struct visit *v, char *json, const void *data, size_t size)
{
	struct frame frame = {.json = json, .json_size = strlen(json), .data = data, .data_size = size};

	v->bytes.in += size;
	client_said(v->client, &frame);
	cJSON_free(json);
}

void
visit_request(struct visit *v, const char *method, cJSON *params)
{
	struct message_id id = message_id_number(++v->request);

	say_to_broker(v, message_make_request(&id, method, params), NULL, 0);
}

void
visit_note(struct visit *v, const char *method, cJSON *params, const void *data, size_t size)
{
	if (params == NULL)
		params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "id", (double)v->request);
	say_to_broker(v, message_make_notification(method, params), data, size);
}

/* ---- what it says ---- */

/* A connection is closed, which is all that it understands. */
static void
refuse_connection(struct visit *v)
{
	uint8_t reply[SOCKS_REPLY_MAX];

	if (v->socks.version != 0)
		(void)!send(v->socket, reply, socks_reply(&v->socks, false, reply), MSG_DONTWAIT | MSG_NOSIGNAL);
	visit_leave(v);
}

void
visit_refuse(struct visit *v, const char *why)
{
	forwardings_of_visit(v, false); /* it listens itself, then */
	if (v->fd == -1) {
		refuse_connection(v);
		return;
	}
	visit_close_files(v);
	session_forget(v);
	visit_move(v, VISIT_IDLE);
	mux_add_refusal(&v->out, MUX_FAILURE, v->wish.id, why);
	visit_say(v);
}

static void
refuse(struct visit *v, uint32_t id, const char *why)
{
	mux_add_refusal(&v->out, MUX_FAILURE, id, why);
	visit_say(v);
}

static void
answer(struct visit *v, uint32_t id, const char *refusal)
{
	if (refusal != NULL) {
		refuse(v, id, refusal);
		return;
	}
	mux_add_ok(&v->out, id);
	visit_say(v);
}

static void
take_hello(struct visit *v, const struct mux_message *m)
{
	if (v->state != VISIT_HELLO || m->type != MUX_HELLO || m->version != MUX_VERSION) {
		log_debug("door", "client %llu speaks another protocol", (unsigned long long)client_id(v->client));
		visit_leave(v);
		return;
	}
	visit_move(v, VISIT_IDLE);
}

/* Its descriptors follow, wanted or not. */
static void
take_wish(struct visit *v, const struct mux_message *m)
{
	v->wish = (struct wish){.id = m->id, .forward = m->type == MUX_NEW_STDIO_FORWARD};
	v->cancelled = v->unread = false;
	v->holds = true;
	session_wish(v, m);
	visit_move(v, VISIT_FILES);
}

/* ssh -O exit: the sessions of this device end now; -O stop: when what runs on them has ended. */
static void
end_sessions(struct visit *v, const struct mux_message *m)
{
	cJSON *params = cJSON_CreateObject();

	if (m->type == MUX_TERMINATE)
		forwardings_of_device(v->all, v->to.ref);
	cJSON_AddStringToObject(params, "device", v->to.device);
	cJSON_AddBoolToObject(params, "now", m->type == MUX_TERMINATE);
	mux_add_ok(&v->out, m->id);
	visit_say(v);
	visit_request(v, "close", params);
}

/* One at a time: ssh asks for no more. */
static void
take_request(struct visit *v, const struct mux_message *m)
{
	if (v->state != VISIT_IDLE)
		visit_leave(v);
	else if (v->to.ref == NULL && m->type != MUX_NEW_SESSION && m->type != MUX_NEW_STDIO_FORWARD)
		refuse(v, m->id, "nobody has announced this ssh (npctl mux)");
	else if (m->type == MUX_TERMINATE || m->type == MUX_STOP_LISTENING)
		end_sessions(v, m);
	else
		take_wish(v, m);
}

static void
take_message(struct visit *v, const struct mux_message *m)
{
	const char *refusal;

	if (v->state == VISIT_HELLO || m->type == MUX_HELLO) {
		take_hello(v, m);
		return;
	}
	switch (m->type) {
	case MUX_ALIVE_CHECK:
		mux_add_number(&v->out, MUX_ALIVE, m->id, (uint32_t)getpid());
		visit_say(v);
		return;
	case MUX_TERMINATE:
	case MUX_STOP_LISTENING:
	case MUX_NEW_SESSION:
	case MUX_NEW_STDIO_FORWARD:
		take_request(v, m);
		return;
	case MUX_OPEN_FORWARD:
		refusal = v->to.ref != NULL ? forwarding_open(v, m) : "nobody has announced this ssh (npctl mux)";
		if (refusal != NULL) { /* it ends, or listens itself */
			forwardings_of_visit(v, false);
			v->holds = true;
		}
		answer(v, m->id, refusal);
		return;
	case MUX_CLOSE_FORWARD:
		answer(v, m->id, forwarding_close(v, m));
		return;
	default:
		refuse(v, m->id, "the broker does not know this request");
	}
}

/* ---- descriptors ---- */

static int
files_wanted(const struct visit *v)
{
	return v->wish.forward ? 2 : 3;
}

/* Each came with a byte that means nothing. */
static void
take_files(struct visit *v)
{
	int wanted = files_wanted(v);

	if (v->files_count < wanted || v->in.len < (size_t)wanted)
		return;
	buf_consume(&v->in, (size_t)wanted);
	if (v->wish.refusal == NULL) {
		visit_move(v, VISIT_ASKED);
		session_begin(v);
		return;
	}
	visit_refuse(v, v->wish.refusal);
}

/* Takes them all, for they are open here whatever they are for; false: more than an ssh sends. */
static bool
collect_files(struct visit *v, struct msghdr *msg)
{
	bool good = (msg->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (v->files_count < 3) {
				v->files[v->files_count++] = fd;
			} else {
				lent_drop(fd);
				good = false;
			}
		}
	}
	return good;
}

/* Bytes and descriptors that have come; false: it has gone, or is none of those who should come. */
static bool
receive(struct visit *v)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	uint8_t *at = buf_reserve(&v->in, READ_SIZE);
	struct iovec iov = {.iov_base = at, .iov_len = READ_SIZE};
	struct msghdr msg = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
	ssize_t n;

	if (at == NULL)
		return false;
	n = recvmsg(v->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	buf_commit(&v->in, (size_t)n);
	return collect_files(v, &msg) && n > 0;
}

static void
on_readable(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	struct visit *v = w->data;
	struct mux_message m;
	struct np_error err;
	enum frame_status status = FRAME_READY;

	if (!receive(v)) {
		visit_leave(v);
		return;
	}
	while (v->state != VISIT_FILES && v->state != VISIT_GONE && status == FRAME_READY) {
		status = mux_peek(buf_head(&v->in), v->in.len, &m, &err);
		if (status != FRAME_READY)
			break;
		take_message(v, &m);
		buf_consume(&v->in, m.total);
	}
	if (status == FRAME_BAD) {
		log_warning("door", "client %llu: %s", (unsigned long long)client_id(v->client), err.text);
		visit_leave(v);
	}
	if (v->state == VISIT_FILES)
		take_files(v);
}

/* ---- coming ---- */

static struct visit *
visit_create(struct doors *all, const struct whither *to, uid_t uid, pid_t pid)
{
	struct visit *v = xcalloc(1, sizeof(*v));

	v->all = all;
	v->to = whither_copy(to);
	v->fd = v->socket = v->tty = -1;
	buf_init(&v->in, IN_MAX + READ_SIZE);
	buf_init(&v->out, OUT_MAX);
	ev_prepare_init(&v->turn, on_turn);
	ev_io_init(&v->reader, on_readable, -1, EV_READ);
	v->reader.data = v->turn.data = v;
	TAILQ_INSERT_TAIL(&all->visits, v, link);
	v->client = all->events->comes(uid, pid, &visit_end, v, all->arg);
	return v;
}

void
visit_begin(struct doors *all, struct whither *to, int fd, uid_t uid, pid_t pid)
{
	struct visit *v = visit_create(all, to, uid, pid);

	whither_finish(to);
	v->fd = fd;
	ev_io_set(&v->reader, fd, EV_READ);
	ev_io_start(all->loop, &v->reader);
	mux_add_hello(&v->out);
	visit_say(v);
}

/* ---- connections to forwarded ports ---- */

static void
ask_to_connect(struct visit *v, const char *host, uint32_t port)
{
	ev_io_stop(v->all->loop, &v->reader);
	session_wish_connect(v, host, port);
	visit_move(v, VISIT_ASKED);
	session_begin(v);
}

static void
on_socks(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	struct visit *v = w->data;
	uint8_t *at = buf_reserve(&v->in, SOCKS_REQUEST_MAX), reply[SOCKS_REPLY_MAX];
	ssize_t n = at != NULL ? recv(v->socket, at, SOCKS_REQUEST_MAX, MSG_DONTWAIT) : 0;
	enum socks_status status;
	size_t used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		visit_leave(v);
		return;
	}
	buf_commit(&v->in, (size_t)n);
	while ((status = socks_read(&v->socks, buf_head(&v->in), v->in.len, &used)) == SOCKS_GREET) {
		buf_consume(&v->in, used);
		(void)!send(v->socket, reply, socks_greeting(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	buf_consume(&v->in, used);
	if (status == SOCKS_READY)
		ask_to_connect(v, v->socks.host, (uint32_t)v->socks.port);
	else if (status == SOCKS_BAD)
		visit_leave(v);
}

void
visit_forwarded(
    struct doors *all, const struct whither *to, int fd, uid_t uid, pid_t pid, const char *host, uint32_t port)
{
	struct visit *v = visit_create(all, to, uid, pid);

	v->socket = fd;
	if (host != NULL) {
		ask_to_connect(v, host, port);
		return;
	}
	ev_set_cb(&v->reader, on_socks);
	ev_io_set(&v->reader, fd, EV_READ);
	ev_io_start(all->loop, &v->reader);
}
