/*
 * The connection to the broker.  Owns the descriptor and both buffers; never prints, never exits.
 *
 * A broker that ends itself for idleness may do so between our connect() and its accept().  The greeting tells these
 * cases apart: as long as no byte came from the broker, nothing of ours was accepted and all of it may be sent to the
 * next one; from the first byte on, a lost connection is reported and nothing is ever sent twice.
 */
#include "npclient.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "npstart.h"
#include "paths.h"
#include "text.h"
#include "xalloc.h"

#define PROTOCOL_VERSION 1
/* A warm command needs one small read; a stream soon shows that it is one. */
#define READ_SMALL ((size_t)16 * 1024)
#define READ_LARGE ((size_t)128 * 1024)
/* Notifications and answers that may wait for a broker that does not read. */
#define OUT_MAX ((size_t)2 * FRAME_SIZE_MAX)

enum attempt {
	ATTEMPT_CONNECTED,
	ATTEMPT_ABSENT, /* nobody listens there */
	ATTEMPT_BUSY,   /* somebody does, but has no room for us right now */
	ATTEMPT_FAILED  /* err says why it is no use */
};

/* ---- life ---- */

int
npclient_init(struct npclient *c, const char *socket_path, bool start, struct np_error *err)
{
	const char *env = getenv("NETPULSE_SOCKET");

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->start = start;
	c->default_path = socket_path == NULL && (env == NULL || *env == '\0');
	buf_init(&c->in, FRAME_SIZE_MAX + READ_LARGE);
	buf_init(&c->out, OUT_MAX);
	return paths_socket(socket_path, c->path, sizeof(c->path), err);
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

/* ---- connecting ---- */

static bool
is_stopped(const struct npclient *c)
{
	return c->stop != NULL && *c->stop != 0;
}

/* Root is trusted: it can do everything anyway, and a socket made by init(1) belongs to it. */
static int
check_broker_uid(int fd, const char *path, struct np_error *err)
{
	uid_t uid;

	if (paths_peer(fd, &uid, NULL, err) == -1)
		return -1;
	if (uid != geteuid() && uid != 0)
		return error_set(err, REASON_DENIED,
		    "the broker at %s runs as user %ld, not as you: nothing was sent; use another socket (-S)", path,
		    (long)uid);
	return 0;
}

static enum attempt
attempt_failed(int fd, const char *path, struct np_error *err)
{
	int saved = errno;

	close(fd);
	errno = saved;
	if (saved == ENOENT || saved == ECONNREFUSED)
		return ATTEMPT_ABSENT;
	if (saved == EAGAIN || saved == EINTR)
		return ATTEMPT_BUSY;
	error_set_errno(
	    err, saved == EACCES ? REASON_DENIED : REASON_CONNECT_FAILED, "connect to the broker at %s", path);
	return ATTEMPT_FAILED;
}

static enum attempt
connect_once(struct npclient *c, struct np_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1) {
		error_set_errno(err, REASON_CONNECT_FAILED, "make a socket");
		return ATTEMPT_FAILED;
	}
	memcpy(addr.sun_path, c->path, strlen(c->path) + 1);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1)
		return attempt_failed(fd, c->path, err);
	if (check_broker_uid(fd, c->path, err) == -1) {
		close(fd);
		return ATTEMPT_FAILED;
	}
	c->fd = fd;
	c->lost = false;
	c->sent = 0;
	return ATTEMPT_CONNECTED;
}

/* The directory first: a socket in a directory of somebody else could be anybody's. */
static enum attempt
connect_checked(struct npclient *c, struct np_error *err)
{
	if (paths_check_dir(c->path, err) == 0)
		return connect_once(c, err);
	return err->reason == REASON_CONNECT_FAILED ? ATTEMPT_ABSENT : ATTEMPT_FAILED;
}

static int
open_lock(const struct npclient *c, struct np_error *err)
{
	char *path = xasprintf("%s.start", c->path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		error_set_errno(err, REASON_CONNECT_FAILED, "open the lock %s", path);
	free(path);
	return fd;
}

static void
pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static int
check_waiting(const struct npclient *c, struct np_error *err)
{
	if (is_stopped(c))
		return error_set(err, REASON_CANCELLED, "interrupted while waiting for the broker");
	if (clock_now() >= c->deadline)
		return error_set(err, REASON_CONNECT_TIMEOUT,
		    "no broker answered at %s within %.0f s: see its log (netpulsed(8)) or run netpulsed -d", c->path,
		    NPCLIENT_CONNECT_TIMEOUT);
	return 0;
}

/* A daemon that could not start because another one was just started by hand is no failure. */
static enum attempt
start_once(struct npclient *c, struct np_error *err)
{
	struct np_error ignored;

	if (npstart_daemon(c->path, c->deadline, c->stop, err) == 0)
		return connect_checked(c, err);
	return connect_checked(c, &ignored) == ATTEMPT_CONNECTED ? ATTEMPT_CONNECTED : ATTEMPT_FAILED;
}

/*
 * Of many clients that find no broker, one holds the lock and starts it; the others find it answering, or try in turn
 * when that one failed.
 */
static int
start_and_connect(struct npclient *c, struct np_error *err)
{
	int lock = open_lock(c, err), delay = 1;
	enum attempt attempt = ATTEMPT_ABSENT;

	if (lock == -1)
		return -1;
	for (;;) {
		bool locked = flock(lock, LOCK_EX | LOCK_NB) == 0;

		attempt = connect_checked(c, err);
		if (attempt == ATTEMPT_CONNECTED || attempt == ATTEMPT_FAILED || check_waiting(c, err) == -1)
			break;
		if (attempt == ATTEMPT_ABSENT && locked) {
			attempt = start_once(c, err);
			if (attempt == ATTEMPT_CONNECTED || attempt == ATTEMPT_FAILED)
				break;
		}
		pause_ms(delay);
		delay = delay < 20 ? delay * 2 : delay;
	}
	close(lock);
	return attempt == ATTEMPT_CONNECTED ? 0 : -1;
}

static int
no_broker(const struct npclient *c, struct np_error *err)
{
	return error_set(err, REASON_CONNECT_FAILED, "no broker is running at %s", c->path);
}

static int
connect_until_deadline(struct npclient *c, struct np_error *err)
{
	int delay = 1;

	for (;;) {
		enum attempt attempt = connect_checked(c, err);

		switch (attempt) {
		case ATTEMPT_CONNECTED:
			return 0;
		case ATTEMPT_FAILED:
			return -1;
		case ATTEMPT_ABSENT:
			if (!c->start)
				return no_broker(c, err);
			if (c->default_path && paths_make_dir(c->path, err) == -1)
				return -1;
			return start_and_connect(c, err);
		case ATTEMPT_BUSY:
			break;
		}
		if (check_waiting(c, err) == -1)
			return -1;
		pause_ms(delay);
		delay = delay < 50 ? delay * 2 : delay;
	}
}

int
npclient_connect(struct npclient *c, struct np_error *err)
{
	c->deadline = clock_now() + NPCLIENT_CONNECT_TIMEOUT;
	return connect_until_deadline(c, err);
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

int
npclient_notify(struct npclient *c, int64_t id, const char *method, cJSON *params, struct np_error *err)
{
	if (params == NULL)
		params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "id", (double)id);
	char *json = message_make_notification(method, params);
	int result = queue_frame(c, json, NULL, 0, err);
	cJSON_free(json);
	return result;
}

int
npclient_stdin(struct npclient *c, int64_t id, const void *p, size_t n, struct np_error *err)
{
	char json[96];

	snprintf(
	    json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"method\":\"stdin\",\"params\":{\"id\":%lld}}", (long long)id);
	return queue_frame(c, json, p, n, err);
}

int
npclient_answer(struct npclient *c, int64_t id, const cJSON *prompt_id, const char *value, struct np_error *err)
{
	cJSON *params = cJSON_CreateObject();
	cJSON *string = value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull();

	cJSON_AddNumberToObject(params, "id", (double)id);
	cJSON_AddItemToObject(params, "prompt_id", cJSON_Duplicate(prompt_id, 1));
	/* By reference, so that the text can be wiped before the tree is freed with the message. */
	cJSON_AddItemReferenceToObject(params, "value", string);
	char *json = message_make_notification("answer", params);
	int result = queue_frame(c, json, NULL, 0, err);
	secret_wipe(json, strlen(json));
	cJSON_free(json);
	if (cJSON_IsString(string))
		secret_wipe(string->valuestring, strlen(string->valuestring));
	cJSON_Delete(string);
	c->secret = true;
	return result;
}

size_t
npclient_pending(const struct npclient *c)
{
	return c->out.len - c->sent;
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
		return error_set(err, REASON_CONNECT_FAILED,
		    "the broker at %s closed the connection: it was stopped or it died "
		    "(its log says more)",
		    c->path);
	if (check_waiting(c, err) == -1)
		return -1;
	c->retry_ms = c->retry_ms < 200 ? c->retry_ms * 2 + 1 : c->retry_ms;
	pause_ms(c->retry_ms);
	if (connect_until_deadline(c, err) == -1)
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
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(m->params, "protocol");

	if (cJSON_IsNumber(version) && version->valueint == PROTOCOL_VERSION)
		return 0;
	return error_set(err, REASON_INVALID_REQUEST,
	    "the broker at %s speaks another protocol version: stop it (npctl stop) so that the present one starts",
	    c->path);
}

enum frame_status
npclient_next(struct npclient *c, struct message *m, struct frame *frame, struct np_error *err)
{
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
	if (c->greeted)
		return -1;
	double left = c->deadline - clock_now();
	return left > 0 ? (int)(left * 1000) + 1 : 0;
}

static int
wait_readable(struct npclient *c, struct np_error *err)
{
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};

	if (npclient_pending(c) > 0 && !c->lost)
		pfd.events |= POLLOUT;
	if (!c->greeted && check_waiting(c, err) == -1)
		return -1;
	if (poll(&pfd, 1, npclient_timeout_ms(c)) == -1 && errno != EINTR)
		return error_set_errno(err, REASON_INTERNAL, "poll");
	if (pfd.revents & ~POLLOUT)
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
