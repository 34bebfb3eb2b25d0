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
#include "login/hooks.h"
#include "base/xalloc.h"

/* As many as libssh takes. */
#define KEYS_MAX 1024
/* A full backlog is the one thing that a Unix socket cannot be polled for. */
#define BACKLOG_POLL_MS 20

char *
agent_choose_path(const struct target *target, const char *client_socket)
{
	const char *path = target->agent_path;

	if (!target->use_agent)
		return NULL;
	/* ssh_config(5): this word stands for the environment's agent. */
	if (path != NULL && strcmp(path, "SSH_AUTH_SOCK") == 0)
		path = NULL;
	if (path == NULL)
		path = client_socket;
	if (path == NULL)
		path = getenv("SSH_AUTH_SOCK");
	return path == NULL || path[0] == '\0' || strcmp(path, "none") == 0 ? NULL : xstrdup(path);
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

/* Moves exactly n bytes, out of `out` or, where that is NULL, into `in`. */
static int
transfer(int fd, const uint8_t *out, uint8_t *in, size_t n, double deadline, int cancel_fd, struct np_error *err)
{
	size_t at = 0;

	while (at < n) {
		ssize_t moved = out != NULL ? send(fd, out + at, n - at, MSG_NOSIGNAL | MSG_DONTWAIT)
					    : recv(fd, in + at, n - at, MSG_DONTWAIT);

		if (moved > 0) {
			at += (size_t)moved;
		} else if (moved == 0) {
			return error_set(err, REASON_CONNECT_FAILED, "the agent closed the connection");
		} else if (errno == EAGAIN) {
			if (wait_for(fd, out != NULL ? POLLOUT : POLLIN, deadline, cancel_fd, err) == -1)
				return -1;
		} else if (errno != EINTR) {
			return error_set_errno(
			    err, REASON_CONNECT_FAILED, "%s the agent", out != NULL ? "writing to" : "reading from");
		}
	}
	return 0;
}

int
agent_send(int fd, const struct buf *message, double deadline, int cancel_fd, struct np_error *err)
{
	struct buf out;
	int rc;

	buf_init(&out, AGENT_MESSAGE_MAX + 4);
	if (keyblob_put_string(&out, buf_head(message), message->len))
		rc = transfer(fd, buf_head(&out), NULL, out.len, deadline, cancel_fd, err);
	else
		rc = error_set(err, REASON_INTERNAL, "a message to the agent is too long");
	buf_free(&out);
	return rc;
}

int
agent_receive(int fd, struct buf *message, double deadline, int cancel_fd, struct np_error *err)
{
	uint8_t length[4], *room;
	struct keyblob left = {length, sizeof(length)};
	uint32_t size = 0;

	if (transfer(fd, NULL, length, sizeof(length), deadline, cancel_fd, err) == -1)
		return -1;
	room = keyblob_get_u32(&left, &size) && size > 0 ? buf_reserve(message, size) : NULL;
	if (room == NULL)
		return error_set(err, REASON_CONNECT_FAILED, "the agent's answer has an impossible size (%u)", size);
	if (transfer(fd, NULL, room, size, deadline, cancel_fd, err) == -1)
		return -1;
	buf_commit(message, size);
	return 0;
}

static bool
parse_list(struct keyblob left, struct agent_keys *keys)
{
	struct keyblob blob, comment;
	uint32_t count;

	if (left.size < 1 || *left.data != AGENT_IDENTITIES_ANSWER)
		return false;
	left = (struct keyblob){left.data + 1, left.size - 1};
	if (!keyblob_get_u32(&left, &count) || count > KEYS_MAX)
		return false;
	keys->v = xcalloc(count + 1, sizeof(keys->v[0]));
	for (; keys->n < count; keys->n++) {
		if (!keyblob_get_string(&left, &blob) || !keyblob_get_string(&left, &comment))
			return false;
		keys->v[keys->n] = keyblob_copy(blob.data, blob.size);
	}
	return true;
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
		rc = agent_send(fd, &message, deadline, cancel_fd, err);
	if (rc == 0)
		rc = agent_receive(fd, &reply, deadline, cancel_fd, err);
	if (rc == 0) {
		keys->hash = keyblob_hash(&(struct keyblob){buf_head(&reply), reply.len});
		if (!parse_list((struct keyblob){buf_head(&reply), reply.len}, keys))
			rc = error_set(err, REASON_CONNECT_FAILED, "the agent's list of keys makes no sense");
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
	for (size_t i = 0; i < keys->n; i++)
		keyblob_finish(&keys->v[i]);
	free(keys->v);
	*keys = (struct agent_keys){.v = NULL};
}

int
agent_open(const char *path, double deadline, int cancel_fd, struct agent_keys *keys, struct np_error *err)
{
	int fd = agent_connect(path, deadline, cancel_fd, err);

	if (fd != -1 && agent_list(fd, deadline, cancel_fd, keys, err) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

uint64_t
agent_keys_hash(const struct target *target, const char *client_socket, double seconds, int cancel_fd)
{
	char *path = agent_choose_path(target, client_socket);
	struct agent_keys keys;
	struct np_error ignored;
	uint64_t hash = 0;
	int fd = path != NULL ? agent_open(path, clock_now() + seconds, cancel_fd, &keys, &ignored) : -1;

	if (fd != -1) {
		hash = keys.hash;
		agent_keys_finish(&keys);
		close(fd);
	}
	free(path);
	return hash;
}
