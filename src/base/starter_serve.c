/*
 * The starter's process; see starter.h.  It has one thread and nothing to hide.
 *
 *              its line ends                  half a second
 *   runs ---------------------> told to end ----------------> killed
 *     |                              |                          |
 *     +--- it ends: status told -----+------------+-------------+--> ended --- its line has ended --> buried
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/starter.h"
#include "base/xalloc.h"

#define PATIENCE 0.5
/* A corrupt broker gets no memory of ours. */
#define ORDER_MAX (1024u * 1024u)

enum child_state { RUNS, TOLD, KILLED, ENDED, BURIED };

struct child {
	pid_t pid;
	int line; /* -1: it has ended */
	enum child_state state;
	double patience; /* TOLD, KILLED: until then */
};

struct serving {
	int channel; /* -1: it has ended */
	struct child *children;
	struct pollfd *fds; /* the channel, then each child's line */
	size_t n, room;
	sigset_t waiting; /* the signals that are blocked only while it waits */
};

/* ---- one child ---- */

/* What every child gets: default signals, its own group, three descriptors and no other. */
static int
spawn(const char *program, char *const *argv, char *const *env, const int fds[3], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	rc = posix_spawn(pid, program, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static bool
read_all(int line, void *into, size_t size)
{
	return recv(line, into, size, MSG_DONTWAIT) == (ssize_t)size;
}

/* Finds the strings in text; false where there are not as many as was said. */
static bool
split(char *text, const struct starter_order *o, char **words)
{
	size_t at = 0;

	for (unsigned i = 0; i < o->words; i++) {
		if (at >= o->size)
			return false;
		words[i] = text + at;
		at += strnlen(text + at, o->size - at) + 1;
	}
	return at == o->size;
}

/* Reads what stands on the line and does it; an errno. */
static int
take_order(int line, const int fds[3], pid_t *pid)
{
	struct starter_order o;
	char *text, **words, **argv;
	int rc = EPROTO;

	if (!read_all(line, &o, sizeof(o)) || o.size > ORDER_MAX || o.words > o.size || o.arguments == 0 ||
	    o.arguments >= o.words)
		return EPROTO;
	text = xmalloc((size_t)o.size + 1);
	words = xcalloc((size_t)o.words + 1, sizeof(*words));
	argv = xcalloc((size_t)o.arguments + 1, sizeof(*argv));
	if (read_all(line, text, o.size) && split(text, &o, words)) {
		memcpy(argv, words + 1, o.arguments * sizeof(*argv));
		rc = spawn(words[0], argv, words + 1 + o.arguments, fds, pid);
	}
	free(argv);
	free(words);
	free(text);
	return rc;
}

static void
child_move(struct child *c, enum child_state to)
{
	c->state = to;
	c->patience = clock_now() + PATIENCE;
}

static void
child_bury(struct child *c)
{
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
		;
	child_move(c, BURIED);
}

/* Nobody holds it any more.  Who waits for the line's end wants all to be over then. */
static void
child_abandon(struct child *c)
{
	if (c->state == ENDED)
		child_bury(c);
	close(c->line);
	c->line = -1;
	if (c->state == RUNS) {
		kill(-c->pid, SIGTERM);
		child_move(c, TOLD);
	}
}

static void
child_listen(struct child *c)
{
	unsigned char numbers[16];
	ssize_t n = recv(c->line, numbers, sizeof(numbers), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		kill(-c->pid, numbers[i]);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		child_abandon(c);
}

/* It stays unburied, so that its number is not given away while the broker may still signal it. */
static void
child_look(struct child *c)
{
	siginfo_t info = {.si_pid = 0};
	int status;

	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid == 0)
		return;
	status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8
					    : info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	if (c->line != -1)
		(void)send(c->line, &status, sizeof(status), MSG_DONTWAIT | MSG_NOSIGNAL);
	child_move(c, ENDED);
}

/* Whether it is to be forgotten. */
static bool
child_turn(struct child *c)
{
	if (c->state < ENDED)
		child_look(c);
	if (c->line != -1)
		return false;
	if (c->state == ENDED)
		child_bury(c);
	if (c->state == BURIED)
		return true;
	if (clock_now() < c->patience)
		return false;
	if (c->state == KILLED)
		return true; /* stuck in the kernel */
	kill(-c->pid, SIGKILL);
	child_move(c, KILLED);
	return false;
}

/* ---- all of them ---- */

static void
child_add(struct serving *s, int line, pid_t pid)
{
	if (s->n == s->room) {
		s->room = s->room * 2 + 16;
		s->children = xrealloc(s->children, s->room * sizeof(*s->children));
		s->fds = xrealloc(s->fds, (s->room + 1) * sizeof(*s->fds));
	}
	s->children[s->n++] = (struct child){.pid = pid, .line = line, .state = RUNS};
}

#ifdef __linux__
static void
forbid_privileges(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* By us, or by who started the broker. */
static bool
privileges_are_forbidden(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}
#else
static void
forbid_privileges(void)
{
}

static bool
privileges_are_forbidden(void)
{
	return false;
}
#endif

/* The descriptors of one message; false when it is none of ours, or the channel's end. */
static bool
take_message(struct serving *s, int fds[STARTER_DESCRIPTORS])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(STARTER_DESCRIPTORS * sizeof(int))];
	} control;
	char byte = STARTER_START;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *head;
	ssize_t n = recvmsg(s->channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n == 1 && byte == STARTER_NO_NEW_PRIVILEGES) {
		forbid_privileges();
		return false;
	}
	head = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
	if (head == NULL || head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(STARTER_DESCRIPTORS * sizeof(int))) {
		close(s->channel); /* what came with it, if anything, ends with us */
		s->channel = -1;
		return false;
	}
	memcpy(fds, CMSG_DATA(head), STARTER_DESCRIPTORS * sizeof(int));
	return true;
}

static void
take_one(struct serving *s)
{
	int fds[STARTER_DESCRIPTORS];
	struct starter_reply reply;

	if (!take_message(s, fds))
		return;
	memset(&reply, 0, sizeof(reply));
	reply.error = take_order(fds[0], fds + 1, &reply.pid);
	reply.plain = privileges_are_forbidden();
	for (int i = 1; i < STARTER_DESCRIPTORS; i++)
		close(fds[i]);
	(void)send(fds[0], &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (reply.error == 0)
		child_add(s, fds[0], reply.pid);
	else
		close(fds[0]);
}

/* Until something is there to be done. */
static void
wait_for_work(struct serving *s)
{
	struct timespec left;
	double at = 0;

	s->fds[0] = (struct pollfd){.fd = s->channel, .events = POLLIN};
	for (size_t i = 0; i < s->n; i++) {
		const struct child *c = &s->children[i];

		s->fds[i + 1] = (struct pollfd){.fd = c->line, .events = POLLIN};
		if (c->line == -1 && (at == 0 || c->patience < at))
			at = c->patience;
	}
	if (at != 0) {
		at = at > clock_now() ? at - clock_now() : 0;
		left = (struct timespec){.tv_nsec = (long)(at * 1e9) % 1000000000L};
	}
	if (ppoll(s->fds, s->n + 1, at != 0 ? &left : NULL, &s->waiting) == -1)
		for (size_t i = 0; i <= s->n; i++)
			s->fds[i].revents = 0;
}

static void
on_child(int number NP_UNUSED)
{
	/* ends ppoll(2) */
}

/* The broker ends, and waits for us: what its threads still hold on to, in vain, holds up neither. */
static void
abandon_all(struct serving *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->children[i].line != -1)
			child_abandon(&s->children[i]);
}

NP_NORETURN void
starter_serve(int channel)
{
	struct serving s = {.channel = channel, .fds = xcalloc(1, sizeof(*s.fds))};
	struct sigaction action = {.sa_handler = on_child};
	sigset_t blocked;

	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigemptyset(&s.waiting);
	while (s.channel != -1 || s.n > 0) {
		wait_for_work(&s);
		for (size_t i = s.n; i-- > 0;) {
			if (s.children[i].line != -1 && s.fds[i + 1].revents != 0)
				child_listen(&s.children[i]);
			if (child_turn(&s.children[i]))
				s.children[i] = s.children[--s.n];
		}
		if (s.fds[0].revents != 0)
			take_one(&s);
		if (s.channel == -1)
			abandon_all(&s);
	}
	_exit(0);
}
