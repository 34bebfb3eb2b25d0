/* An ssh-agent's client; see agent.h. */
#include "login/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "login/wake.h"
#include "base/xalloc.h"

/* Message numbers of draft-miller-ssh-agent section 6.1. */
#define AGENTC_REQUEST_IDENTITIES 11
#define AGENT_IDENTITIES_ANSWER 12

/* As many as libssh takes. */
#define KEYS_MAX 1024
/* A full backlog is the one thing that a Unix socket cannot be polled for. */
#define BACKLOG_POLL_MS 20

char *
agent_choose_path(const struct target *target, const char *client_socket)
{
	const char *path = target->agent_path;

	if (!target->use_agent || (path != NULL && strcmp(path, "none") == 0))
		return NULL;
	/* ssh_config(5): this word stands for the environment's agent. */
	if (path != NULL && strcmp(path, "SSH_AUTH_SOCK") == 0)
		path = NULL;
	if (path == NULL)
		path = client_socket;
	if (path == NULL)
		path = getenv("SSH_AUTH_SOCK");
	return path == NULL || path[0] == '\0' ? NULL : xstrdup(path);
}

/* Waits for the descriptor, the deadline or a cancel. */
static int
wait_for(int fd, short events, double deadline, int cancel_fd, struct np_error *err)
{
	struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = cancel_fd, .events = WAKE_EVENTS}};
	int ms = wake_poll_ms(deadline);

	if (ms == 0)
		return error_set(err, REASON_CONNECT_TIMEOUT, "the agent does not answer");
	if (poll(fds, 2, ms) == -1 && errno != EINTR)
		return error_set_errno(err, REASON_INTERNAL, "poll");
	if (fds[1].revents != 0)
		return error_set(err, REASON_CANCELLED, "cancelled while waiting for the agent");
	return 0;
}

static int
check_path(const char *path, struct sockaddr_un *address, struct np_error *err)
{
	struct stat st;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return error_set(err, REASON_CONNECT_FAILED, "agent socket %s: the path is too long", path);
	memcpy(address->sun_path, path, strlen(path) + 1);
	if (stat(path, &st) == -1)
		return error_set_errno(err, REASON_CONNECT_FAILED, "agent socket %s", path);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, REASON_CONNECT_FAILED, "agent socket %s: not a socket", path);
	return 0;
}

int
agent_connect(const char *path, double deadline, int cancel_fd, struct np_error *err)
{
	struct sockaddr_un address;
	int fd;

	if (check_path(path, &address, err) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return error_set_errno(err, REASON_INTERNAL, "socket");
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == -1) {
		double pause = clock_now() + BACKLOG_POLL_MS / 1000.0;
		struct np_error ignored;

		if (errno != EAGAIN && errno != EINTR) {
			error_set_errno(err, REASON_CONNECT_FAILED, "agent socket %s", path);
		} else if (wait_for(-1, 0, deadline < pause ? deadline : pause, cancel_fd, &ignored) == 0 &&
			   clock_now() < deadline) {
			continue;
		} else {
			error_set(err, REASON_CONNECT_TIMEOUT, "agent socket %s: the agent does not answer", path);
		}
		close(fd);
		return -1;
	}
	return fd;
}

static int
send_all(int fd, const uint8_t *p, size_t n, double deadline, int cancel_fd, struct np_error *err)
{
	ssize_t sent;

	while (n > 0) {
		sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		} else if (errno == EAGAIN) {
			if (wait_for(fd, POLLOUT, deadline, cancel_fd, err) == -1)
				return -1;
		} else if (errno != EINTR) {
			return error_set_errno(err, REASON_CONNECT_FAILED, "writing to the agent");
		}
	}
	return 0;
}

static int
receive_all(int fd, uint8_t *p, size_t n, double deadline, int cancel_fd, struct np_error *err)
{
	ssize_t got;

	while (n > 0) {
		got = recv(fd, p, n, 0);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		} else if (got == 0) {
			return error_set(err, REASON_CONNECT_FAILED, "the agent closed the connection");
		} else if (errno == EAGAIN) {
			if (wait_for(fd, POLLIN, deadline, cancel_fd, err) == -1)
				return -1;
		} else if (errno != EINTR) {
			return error_set_errno(err, REASON_CONNECT_FAILED, "reading from the agent");
		}
	}
	return 0;
}

int
agent_talk(int fd, const struct buf *message, struct buf *reply, double deadline, int cancel_fd, struct np_error *err)
{
	uint8_t length[4] = {(uint8_t)(message->len >> 24), (uint8_t)(message->len >> 16), (uint8_t)(message->len >> 8),
	    (uint8_t)message->len};
	const uint8_t *p = length;
	size_t left = sizeof(length);
	uint32_t size = 0;
	uint8_t *room;

	if (send_all(fd, length, sizeof(length), deadline, cancel_fd, err) == -1 ||
	    send_all(fd, buf_head(message), message->len, deadline, cancel_fd, err) == -1 ||
	    receive_all(fd, length, sizeof(length), deadline, cancel_fd, err) == -1)
		return -1;
	if (!keyblob_get_u32(&p, &left, &size) || size == 0 || size > AGENT_MESSAGE_MAX)
		return error_set(err, REASON_CONNECT_FAILED, "the agent's answer has an impossible size (%u)", size);
	room = buf_reserve(reply, size);
	if (room == NULL)
		return error_set(err, REASON_CONNECT_FAILED, "the agent's answer is too long (%u bytes)", size);
	if (receive_all(fd, room, size, deadline, cancel_fd, err) == -1)
		return -1;
	buf_commit(reply, size);
	return 0;
}

/* FNV-1a, 64 bits: tells lists apart, resists nobody. */
static uint64_t
hash_bytes(const uint8_t *p, size_t n)
{
	uint64_t h = 14695981039346656037u;

	for (; n > 0; n--)
		h = (h ^ *p++) * 1099511628211u;
	return h != 0 ? h : 1;
}

static int
parse_list(const uint8_t *p, size_t left, struct agent_keys *keys)
{
	const uint8_t *blob, *comment;
	size_t blob_size, comment_size;
	uint32_t count;

	if (left < 1 || *p != AGENT_IDENTITIES_ANSWER)
		return -1;
	p++;
	left--;
	if (!keyblob_get_u32(&p, &left, &count) || count > KEYS_MAX)
		return -1;
	keys->v = xcalloc(count + 1, sizeof(keys->v[0]));
	for (; keys->n < count; keys->n++) {
		if (!keyblob_get_string(&p, &left, &blob, &blob_size) ||
		    !keyblob_get_string(&p, &left, &comment, &comment_size))
			return -1;
		keys->v[keys->n].blob = keyblob_copy(blob, blob_size);
		keys->v[keys->n].comment = text_vis(comment, comment_size, false);
	}
	return 0;
}

int
agent_list(int fd, double deadline, int cancel_fd, struct agent_keys *keys, struct np_error *err)
{
	static const uint8_t request = AGENTC_REQUEST_IDENTITIES;
	struct buf message, reply;
	int rc;

	*keys = (struct agent_keys){.v = NULL};
	buf_init(&message, 16);
	buf_init(&reply, AGENT_MESSAGE_MAX);
	rc = buf_append(&message, &request, 1);
	if (rc == 0)
		rc = agent_talk(fd, &message, &reply, deadline, cancel_fd, err);
	if (rc == 0) {
		keys->hash = hash_bytes(buf_head(&reply), reply.len);
		rc = parse_list(buf_head(&reply), reply.len, keys);
		if (rc == -1)
			error_set(err, REASON_CONNECT_FAILED, "the agent's list of keys makes no sense");
	}
	if (rc == -1)
		agent_keys_finish(keys);
	buf_free(&message);
	buf_free(&reply);
	return rc;
}

void
agent_keys_finish(struct agent_keys *keys)
{
	size_t i;

	for (i = 0; i < keys->n; i++) {
		keyblob_finish(&keys->v[i].blob);
		free(keys->v[i].comment);
	}
	free(keys->v);
	keys->v = NULL;
	keys->n = 0;
}

uint64_t
agent_keys_hash(const struct target *target, const char *client_socket, double seconds, int cancel_fd)
{
	char *path = agent_choose_path(target, client_socket);
	double deadline = clock_now() + seconds;
	struct agent_keys keys;
	struct np_error ignored;
	uint64_t hash = 0;
	int fd;

	if (path == NULL)
		return 0;
	fd = agent_connect(path, deadline, cancel_fd, &ignored);
	if (fd != -1) {
		if (agent_list(fd, deadline, cancel_fd, &keys, &ignored) == 0) {
			hash = keys.hash;
			agent_keys_finish(&keys);
		}
		close(fd);
	}
	free(path);
	return hash;
}
