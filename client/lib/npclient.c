/*
 * The connection to the broker.  Owns the descriptor and both buffers; never prints, never exits.
 *
 * A broker that ends itself for idleness may do so between our connect() and its accept().  The greeting tells these
 * cases apart: as long as no byte came from the broker, nothing of ours was accepted and all of it may be sent to the
 * next one; from the first byte on, a lost connection is reported and nothing is ever sent twice.
 */
#include "lib/npclient.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/npjson.h"
#include "base/paths.h"
#include "base/xalloc.h"

#define PROTOCOL_VERSION 1
/* A warm command needs one small read; a stream soon shows that it is one. */
#define READ_SMALL ((size_t)16 * 1024)
#define READ_LARGE ((size_t)128 * 1024)
/* Notifications and answers that may wait for a broker that does not read. */
#define OUT_MAX ((size_t)2 * FRAME_SIZE_MAX)

/* ---- life ---- */

int
npclient_init(struct npclient *c, const char *socket_path, bool start, struct np_error *err)
{
	const char *env = getenv("NETPULSE_SOCKET");

	memset(c, 0, sizeof(*c));
	c->fd = c->reader_fd = -1;
	c->start = start;
	c->default_path = socket_path == NULL && (env == NULL || *env == '\0');
	buf_init(&c->in, FRAME_SIZE_MAX + READ_LARGE);
	buf_init(&c->out, OUT_MAX);
	if (paths_socket(socket_path, c->path, sizeof(c->path), err) == -1)
		return -1;
	c->system = strcmp(c->path, PATHS_SYSTEM_SOCKET) == 0;
	return 0;
}

void
npclient_close(struct npclient *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	buf_free(&c->in);
	if (c->secret)
		buf_wipe(&c->out);
	buf_free(&c->out);
}

/* ---- sending ---- */

static int
queue_frame(struct npclient *c, char *json, const void *data, size_t data_size, struct np_error *err)
{
	size_t size = strlen(json);
	int result = frame_append(&c->out, json, size, data, data_size);

	if (result == -1)
		error_set(err, REASON_INVALID_PARAMS,
		    "a message of %zu bytes exceeds the limit of %u: send less at once", size, FRAME_JSON_MAX);
	return result;
}

int
npclient_request(struct npclient *c, int64_t id, const char *method, cJSON *params, struct np_error *err)
{
	struct message_id mid = message_id_number(id);
	char *json = message_make_request(&mid, method, params);
	int result = queue_frame(c, json, NULL, 0, err);

	cJSON_free(json);
	return result;
}

static void
queue_notification(struct npclient *c, char *json, const void *data, size_t data_size)
{
	struct np_error ignored;

	if (queue_frame(c, json, data, data_size, &ignored) == -1)
		c->overrun = true;
}

void
npclient_notify(struct npclient *c, int64_t id, const char *method, cJSON *params)
{
	if (params == NULL)
		params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "id", (double)id);
	char *json = message_make_notification(method, params);
	queue_notification(c, json, NULL, 0);
	cJSON_free(json);
}

void
npclient_stdin(struct npclient *c, int64_t id, const void *p, size_t n)
{
	char json[96];

	snprintf(
	    json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"method\":\"stdin\",\"params\":{\"id\":%lld}}", (long long)id);
	queue_notification(c, json, p, n);
}

bool
npclient_lend(struct npclient *c, int64_t id, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec part;
	struct msghdr m = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))};
	ssize_t n;

	if (npclient_pending(c) > 0)
		return false;
	npclient_notify(c, id, "lend", NULL);
	part = (struct iovec){(void *)(uintptr_t)(buf_head(&c->out) + c->sent), npclient_pending(c)};
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
	if (n == -1) {
		c->out.len = c->sent; /* as if it had not been said */
		return false;
	}
	c->sent += (size_t)n;
	return true;
}

void
npclient_answer(struct npclient *c, const cJSON *prompt, const char *value, bool by_program)
{
	cJSON *params = cJSON_CreateObject();
	cJSON *string = value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull();
	const cJSON *prompt_id = cJSON_GetObjectItemCaseSensitive(prompt, "prompt_id");

	cJSON_AddNumberToObject(params, "id", npjson_number(prompt, "id", 0));
	cJSON_AddItemToObject(params, "prompt_id", cJSON_Duplicate(prompt_id, 1));
	/* By reference, so that the text can be wiped before the tree is freed with the message. */
	cJSON_AddItemReferenceToObject(params, "value", string);
	if (by_program)
		cJSON_AddTrueToObject(params, "program");
	char *json = message_make_notification("answer", params);
	queue_notification(c, json, NULL, 0);
	secret_wipe(json, strlen(json));
	cJSON_free(json);
	if (cJSON_IsString(string))
		secret_wipe(string->valuestring, strlen(string->valuestring));
	cJSON_Delete(string);
	c->secret = true;
}

size_t
npclient_pending(const struct npclient *c)
{
	return c->out.len - c->sent;
}

short
npclient_events(const struct npclient *c)
{
	return npclient_pending(c) > 0 && !c->lost ? POLLIN | POLLOUT : POLLIN;
}

bool
npclient_has_room(const struct npclient *c)
{
	return buf_room(&c->out) >= FRAME_SIZE_MAX;
}

static void
drop_sent(struct npclient *c)
{
	if (!c->greeted || c->sent == 0)
		return;
	if (c->secret && c->sent == c->out.len) {
		buf_wipe(&c->out);
		c->secret = false;
	} else if (!c->secret)
		buf_consume(&c->out, c->sent);
	else
		return; /* kept until all of it can be wiped together */
	c->sent = 0;
}

void
npclient_flush(struct npclient *c)
{
	while (!c->lost && npclient_pending(c) > 0) {
		ssize_t n = send(c->fd, buf_head(&c->out) + c->sent, npclient_pending(c), MSG_NOSIGNAL);

		if (n == -1) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				c->lost = true;
			break;
		}
		c->sent += (size_t)n;
	}
	drop_sent(c);
}

/* ---- receiving ---- */

/* The connection ended: before the greeting another broker gets all of it, later it is over. */
static int
connection_ended(struct npclient *c, struct np_error *err)
{
	close(c->fd);
	c->fd = -1;
	if (c->greeted || c->in.len > 0)
		return error_set(err, REASON_BROKER_UNAVAILABLE,
		    "the broker at %s closed the connection: it was stopped or it died "
		    "(its log says more)",
		    c->path);
	if (npconnect_check_waiting(c, err) == -1)
		return -1;
	c->retry_ms = c->retry_ms < 200 ? c->retry_ms * 2 + 1 : c->retry_ms;
	poll(NULL, 0, c->retry_ms);
	if (npconnect_until_deadline(c, err) == -1)
		return -1;
	npclient_flush(c);
	return 0;
}

int
npclient_fill(struct npclient *c, struct np_error *err)
{
	size_t want = c->streaming && c->in.len < READ_LARGE - READ_SMALL ? READ_LARGE - c->in.len : READ_SMALL;
	uint8_t *p = buf_reserve(&c->in, want);
	ssize_t n;

	if (p == NULL) /* cannot be: a whole frame is always taken out before the next read */
		return error_set(err, REASON_INTERNAL, "the input buffer is full");
	n = read(c->fd, p, want);
	if (n > 0) {
		buf_commit(&c->in, (size_t)n);
		c->streaming = (size_t)n >= READ_SMALL;
		return 0;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return connection_ended(c, err);
}

static int
check_hello(const struct npclient *c, const struct message *m, struct np_error *err)
{
	if (npjson_number(m->params, "protocol", 0) == PROTOCOL_VERSION)
		return 0;
	return error_set(err, REASON_INVALID_REQUEST,
	    "the broker at %s speaks another protocol version: stop it (npctl stop) so that the present one starts",
	    c->path);
}

enum frame_status
npclient_next(struct npclient *c, struct message *m, struct frame *frame, struct np_error *err)
{
	if (c->overrun) {
		error_set(err, REASON_BROKER_UNAVAILABLE, "the broker at %s does not read: see npctl(1), stop --now",
		    c->path);
		return FRAME_BAD;
	}
	for (;;) {
		enum frame_status status = frame_peek(buf_head(&c->in), c->in.len, frame, err);

		if (status == FRAME_BAD)
			error_prefix(err, "the broker at %s sent something else than the protocol", c->path);
		if (status != FRAME_READY)
			return status;
		if (message_parse(frame->json, frame->json_size, m, err) == -1) {
			error_prefix(err, "the broker at %s sent something else than the protocol", c->path);
			return FRAME_BAD;
		}
		c->greeted = true;
		drop_sent(c);
		if (m->kind != MESSAGE_NOTIFICATION || strcmp(m->method, "hello") != 0)
			return FRAME_READY;
		int bad = check_hello(c, m, err);
		npclient_done(c, m, frame);
		if (bad == -1)
			return FRAME_BAD;
	}
}

void
npclient_done(struct npclient *c, struct message *m, const struct frame *frame)
{
	message_finish(m);
	buf_consume(&c->in, frame->total);
}

int
npclient_timeout_ms(const struct npclient *c)
{
	double end = c->greeted ? c->until : c->deadline, left = end - clock_now();

	if (end == 0)
		return -1;
	return left > 0 ? (int)(left * 1000) + 1 : 0;
}

static int
wait_readable(struct npclient *c, struct np_error *err)
{
	/* Without events poll(2) reports only that the other end is closed. */
	struct pollfd fds[2] = {{.fd = c->fd, .events = npclient_events(c)}, {.fd = c->reader_fd}};

	if (!c->greeted && npconnect_check_waiting(c, err) == -1)
		return -1;
	if (c->until > 0 && clock_now() >= c->until)
		return error_set(err, REASON_BROKER_UNAVAILABLE, "the broker at %s has not answered in time", c->path);
	if (poll(fds, 2, npclient_timeout_ms(c)) == -1 && errno != EINTR)
		return error_set_errno(err, REASON_INTERNAL, "poll");
	if ((fds[1].revents & (POLLERR | POLLHUP)) != 0)
		return error_set(err, REASON_CANCELLED, "nobody reads the output any more");
	if (fds[0].revents & ~POLLOUT)
		return npclient_fill(c, err);
	return 0;
}

enum frame_status
npclient_wait(struct npclient *c, struct message *m, struct frame *frame, struct np_error *err)
{
	for (;;) {
		enum frame_status status;

		npclient_flush(c);
		status = npclient_next(c, m, frame, err);
		if (status != FRAME_MORE)
			return status;
		if (wait_readable(c, err) == -1)
			return FRAME_BAD;
	}
}

const char *
npclient_agent_socket(void)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	struct stat st;

	if (path == NULL || path[0] != '/' || stat(path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return NULL;
	return path;
}
