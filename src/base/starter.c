/* The broker's end of the starter; see starter.h. */
#include "base/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/buf.h"

#define STARTER_NAME "npstarter"
/* What stands on a line before anybody reads it: more than the kernel takes in one argument. */
#define ORDER_MAX (192 * 1024)

extern char **environ;

static int channel = -1;
static pid_t starter = -1;

/* ps(1) tells the two apart, and nobody takes this one for a broker. */
static void
take_name(char **argv)
{
	size_t room;

	if (argv == NULL)
		return;
	room = strlen(argv[0]);
	for (char **arg = argv + 1; *arg != NULL; arg++)
		memset(*arg, 0, strlen(*arg));
	memset(argv[0], 0, room);
	memcpy(argv[0], STARTER_NAME, room < strlen(STARTER_NAME) ? room : strlen(STARTER_NAME));
#ifdef __linux__
	prctl(PR_SET_NAME, STARTER_NAME, 0, 0, 0);
#endif
}

/* It ends when its channel does, and by nothing that a terminal or a service manager sends to all of us. */
static NP_NORETURN void
become_starter(char **argv, int fd)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE};

	for (size_t i = 0; i < NP_COUNT(ignored); i++)
		signal(ignored[i], SIG_IGN);
	take_name(argv);
	if (dup2(fd, STDERR_FILENO + 1) == -1)
		_exit(1);
	closefrom(STDERR_FILENO + 2);
	fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC);
	starter_serve(STDERR_FILENO + 1);
}

int
starter_open(char **argv, struct np_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return error_set_errno(
		    err, REASON_INTERNAL, "cannot make the socket of the process that starts programs");
	starter = fork();
	if (starter == 0)
		become_starter(argv, pair[1]);
	close(pair[1]);
	if (starter == -1) {
		close(pair[0]);
		return error_set_errno(err, REASON_INTERNAL, "cannot make the process that starts programs");
	}
	channel = pair[0];
	return 0;
}

void
starter_close(void)
{
	if (channel == -1)
		return;
	close(channel);
	channel = -1;
	while (waitpid(starter, NULL, 0) == -1 && errno == EINTR)
		;
}

void
starter_forbid_privileges(void)
{
	char byte = STARTER_NO_NEW_PRIVILEGES;
	ssize_t n NP_UNUSED;

	n = send(channel, &byte, 1, MSG_NOSIGNAL); /* where that fails there will be no child */
}

bool
starter_lives(void)
{
	char byte;

	return channel != -1 && recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

int
starter_descriptor(void)
{
	return channel;
}

const char *
starter_strerror(int error)
{
	return error == STARTER_GONE ? "the broker's process that starts programs (npstarter) is gone, and only a new "
				       "broker has another one: `npctl upgrade', or restart its service"
				     : strerror(error);
}

/* ---- one child ---- */

static int
append_words(struct buf *b, const char *const *words, unsigned *count)
{
	for (; *words != NULL; words++, ++*count)
		if (buf_append(b, *words, strlen(*words) + 1) == -1)
			return -1;
	return 0;
}

/* All of it, at once: the line is empty. */
static int
write_order(int line, const char *program, const char *const *argv)
{
	struct starter_order order = {.words = 0};
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	struct buf b;
	int room = 2 * ORDER_MAX, rc = E2BIG;

	buf_init(&b, ORDER_MAX);
	setsockopt(line, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (append_words(&b, (const char *const[]){program, NULL}, &order.words) == 0 &&
	    append_words(&b, argv, &order.arguments) == 0) {
		order.words += order.arguments;
		if (append_words(&b, (const char *const *)(uintptr_t)environ, &order.words) == 0) {
			order.size = (unsigned)b.len;
			parts[0] = (struct iovec){.iov_base = &order, .iov_len = sizeof(order)};
			parts[1] = (struct iovec){.iov_base = (void *)(uintptr_t)buf_head(&b), .iov_len = b.len};
			if (sendmsg(line, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(sizeof(order) + b.len))
				rc = 0;
		}
	}
	buf_wipe(&b);
	buf_free(&b);
	return rc;
}

/* One byte with the descriptors: messages of several threads do not mix. */
static int
send_descriptors(int line, const int fds[3])
{
	const int all[STARTER_DESCRIPTORS] = {line, fds[0], fds[1], fds[2]};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(all))];
	} control = {.bytes = ""};
	char byte = STARTER_START;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(all));
	memcpy(CMSG_DATA(head), all, sizeof(all));
	while (sendmsg(channel, &message, MSG_NOSIGNAL) == -1)
		if (errno != EINTR)
			return errno == EPIPE || errno == ECONNRESET || errno == EBADF ? STARTER_GONE : errno;
	return 0;
}

static int
read_reply(struct started *child)
{
	struct starter_reply reply;
	ssize_t n;

	do
		n = recv(child->line, &reply, sizeof(reply), MSG_WAITALL);
	while (n == -1 && errno == EINTR);
	if (n != sizeof(reply))
		return STARTER_GONE;
	child->pid = reply.pid;
	child->plain = reply.plain;
	return reply.error;
}

int
starter_run(const char *program, const char *const *argv, const int fds[3], struct started *child)
{
	int pair[2], rc;

	*child = (struct started){.line = -1, .status = STARTER_GONE};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return errno;
	child->line = pair[0];
	rc = write_order(pair[0], program, argv);
	if (rc == 0)
		rc = send_descriptors(pair[1], fds);
	close(pair[1]);
	if (rc == 0)
		rc = read_reply(child);
	if (rc != 0)
		starter_release(child);
	return rc;
}

void
starter_signal(const struct started *child, int number)
{
	char byte = (char)number;
	ssize_t n NP_UNUSED;

	n = send(child->line, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* where that fails it has ended */
}

bool
starter_has_ended(struct started *child)
{
	int status;
	ssize_t n;

	while (child->line != -1) {
		n = recv(child->line, &status, sizeof(status), MSG_DONTWAIT);
		if (n == sizeof(status)) {
			child->status = status;
			shutdown(child->line, SHUT_WR);
		} else if (n == -1 && errno == EAGAIN) {
			return false;
		} else if (n != -1 || errno != EINTR) {
			starter_release(child);
		}
	}
	return true;
}

void
starter_kill(struct started *child)
{
	struct pollfd p = {.fd = child->line, .events = POLLIN};

	if (child->line != -1)
		starter_signal(child, SIGKILL);
	while (!starter_has_ended(child))
		poll(&p, 1, -1);
}

void
starter_release(struct started *child)
{
	if (child->line != -1)
		close(child->line);
	child->line = -1;
}
