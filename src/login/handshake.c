/*
 * The SSH handshake; see dial.h.
 *
 * libssh is asked without blocking and the waiting is done here.  So nothing of it waits in the kernel, where a
 * descriptor that is shut down for reading does not wake a send() to a server that does not read; and what the server
 * says before it identifies itself can be looked at before libssh drops it: "Exceeded MaxStartups" is there, and
 * nowhere else.
 */
#include "login/dial.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libssh/callbacks.h>

#include "base/clock.h"
#include "base/net.h"
#include "base/text.h"
#include "login/hooks.h"

#define SAID_MAX 512
#define MSG_DISCONNECT 1 /* RFC 4253 section 12 */
#define LIBSSH_FD_MAX 0xffff
#define FORGOTTEN "Invalid argument in ssh_options_set"

struct handshake {
	ssh_session session;
	int *given; /* the descriptor, until libssh has it */
	int fd;     /* a dup of it */
	const struct target *target;
	const struct dial_hooks *hooks;
	struct np_error *err;
	struct ssh_counter_struct read; /* in_bytes: so much of the stream libssh has taken */
	char said[SAID_MAX + 1];        /* the beginning of that stream */
	size_t said_size;
	bool heard; /* somebody knows that there was something */
};

/* Looks at what has come, before libssh takes it.  Bytes that arrive between the two are lost to us: that is bearable.
 */
static void
overhear(struct handshake *h)
{
	size_t at = h->read.in_bytes;
	ssize_t n = at < SAID_MAX ? recv(h->fd, h->said + at, SAID_MAX - at, MSG_PEEK | MSG_DONTWAIT) : 0;

	if (!h->heard && (n > 0 || at > 0)) {
		h->heard = true;
		hooks_step(h->hooks, "key exchange", STEP_HEARD, "%s", "");
	}
	if (n > 0)
		h->said_size = at + (size_t)n;
}

/* What the server said to people: all that comes before its identification, as one line.  False: nothing. */
static bool
words_to_people(const struct handshake *h, char *text, size_t size)
{
	char raw[SAID_MAX + 1];
	size_t used = 0;

	for (const char *line = h->said; *line != '\0' && strncmp(line, "SSH-", 4) != 0;) {
		size_t n = strcspn(line, "\r\n");
		if (n > 0)
			used += (size_t)snprintf(
			    raw + used, sizeof(raw) - used, "%s%.*s", used > 0 ? " " : "", (int)n, line);
		line += n;
		line += strspn(line, "\r\n");
	}
	if (used == 0)
		return false;
	text_vis_into(text, size, raw);
	return true;
}

static uint32_t
number_at(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* Where the packets begin, behind the identification (RFC 4253 section 4.2); NULL: it was not heard. */
static const char *
first_packet(const struct handshake *h)
{
	const char *line = h->said, *end = h->said + h->said_size, *next;

	while ((next = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		if (strncmp(line, "SSH-", 4) == 0)
			return next + 1;
		line = next + 1;
	}
	return NULL;
}

/*
 * The text of a disconnect message among the packets that came first.  libssh may not have read it: it sends before it
 * reads on, and nothing can be sent to a server that has hung up.  False: none was heard.
 */
static bool
words_of_disconnect(const struct handshake *h, char *text, size_t size)
{
	const char *p = first_packet(h), *end = h->said + h->said_size;
	char raw[SAID_MAX + 1];

	/* length, padding length, type, reason, length of the text */
	while (p != NULL && end - p >= 14 && number_at(p) <= SAID_MAX) {
		if (p[5] == MSG_DISCONNECT) {
			size_t n = number_at(p + 10), room = (size_t)(end - p) - 14;
			snprintf(raw, sizeof(raw), "Received SSH_MSG_DISCONNECT: %u:%.*s", (unsigned)number_at(p + 6),
			    (int)(n < room ? n : room), p + 14);
			return disconnect_parse(raw, text, size) != 0;
		}
		p = number_at(p) + 4 < (size_t)(end - p) ? p + 4 + number_at(p) : NULL;
	}
	return false;
}

/* ---- why it failed ---- */

/* The key of a device entry that decides on what libssh's message is about. */
static const char *
mismatch_key(const char *message)
{
	if (strstr(message, "method kex algos") != NULL)
		return "kex";
	if (strstr(message, "method server host key algo") != NULL)
		return "host_key_algorithms";
	if (strstr(message, "method encryption") != NULL)
		return "ciphers";
	if (strstr(message, "method mac algo") != NULL)
		return "macs";
	return "Compression";
}

/* libssh: "kex error : no match for method WHAT: server [LIST], client [LIST]" */
static bool
explain_mismatch(struct handshake *h, const char *message)
{
	const char *key, *start = strstr(message, "server ["), *end;
	char raw[320], offer[320];

	if (strstr(message, "no match for method") == NULL || start == NULL)
		return false;
	key = mismatch_key(message);
	start += strlen("server [");
	end = strchr(start, ']');
	snprintf(raw, sizeof(raw), "%.*s", end != NULL ? (int)(end - start) : (int)strlen(start), start);
	text_vis_into(offer, sizeof(offer), raw);
	error_set(h->err, REASON_CONNECT_FAILED,
	    "%s: no algorithm in common (%s): the server offers only %s; if that is what this device can do, set "
	    "legacy_algorithms: true for it, or %s: +NAME",
	    h->target->host, key, offer, key);
	return true;
}

bool
handshake_is_mere_end(const char *message)
{
	/* The text behind that, or all of it, is of an errno that has changed meanwhile. */
	return message[0] == '\0' || strncmp(message, "Socket error", 12) == 0 || strcmp(message, strerror(0)) == 0 ||
	       strcmp(message, FORGOTTEN) == 0;
}

/* RFC 4253 section 11.1 */
static const char *
disconnect_meaning(int code)
{
	static const char *const meanings[] = {NULL, "this host is not allowed to connect", "protocol error",
	    "key exchange failed", NULL, "MAC error", "compression error", "service not available",
	    "protocol version not supported", "host key not verifiable", "connection lost", "by application",
	    "too many connections", "authentication cancelled by the user", "no more authentication methods",
	    "illegal user name"};

	if (code < 0 || code >= (int)NP_COUNT(meanings) || meanings[code] == NULL)
		return "no reason";
	return meanings[code];
}

int
disconnect_parse(const char *message, char *words, size_t size)
{
	static const char prefix[] = "Received SSH_MSG_DISCONNECT: ";
	char *end;
	long code;

	if (strncmp(message, prefix, strlen(prefix)) != 0)
		return 0;
	code = strtol(message + strlen(prefix), &end, 10);
	end += *end == ':';
	if (*end == '\0' || strcmp(end, "no error") == 0)
		snprintf(words, size, "%s (code %ld, without a text)", disconnect_meaning((int)code), code);
	else
		text_vis_into(words, size, end);
	return code > 0 && code < 1000 ? (int)code : 1000;
}

static int
explain(struct handshake *h)
{
	const char *message = ssh_get_error(h->session), *host = h->target->host;
	char text[300], words[300];
	bool spoke = words_to_people(h, words, sizeof(words));

	if (explain_mismatch(h, message))
		return -1;
	if (disconnect_parse(message, text, sizeof(text)) != 0 || words_of_disconnect(h, text, sizeof(text)))
		return error_set(h->err, REASON_CONNECT_FAILED, "%s: the server ended the connection: %s", host, text);
	text_vis_into(text, sizeof(text), message);
	if (handshake_is_mere_end(message) && !spoke)
		return error_set(h->err, REASON_CONNECT_FAILED,
		    "%s: the server closed the connection in the SSH handshake (often: too many connections, or this "
		    "address is not allowed)",
		    host);
	if (handshake_is_mere_end(message))
		return error_set(h->err, REASON_CONNECT_FAILED,
		    "%s: the server closed the connection in the SSH handshake; it said: %s", host, words);
	return error_set(h->err, REASON_CONNECT_FAILED, "%s: SSH handshake: %s%s%s", host, text,
	    spoke ? "; the server said: " : "", spoke ? words : "");
}

void
handshake_last_words(ssh_session session, struct np_error *err)
{
	const char *words = ssh_get_disconnect_message(session);
	char text[300], before[sizeof(err->text)];

	if (words == NULL || words[0] == '\0' ||
	    (err->reason != REASON_CONNECT_FAILED && err->reason != REASON_AUTH_FAILED))
		return;
	text_vis_into(text, sizeof(text), words);
	if (strstr(err->text, text) != NULL)
		return;
	memcpy(before, err->text, sizeof(before));
	error_set(
	    err, err->reason, "%.*s; the server said: %s", (int)(sizeof(before) - sizeof(text) - 32), before, text);
}

/* ---- making it ---- */

/* libssh makes the descriptor blocking as soon as it is connected, and sends after POLLOUT alone: no EAGAIN is met. */
static void
unblock(const struct handshake *h)
{
	int flags = fcntl(h->fd, F_GETFL);

	if (flags != -1)
		(void)fcntl(h->fd, F_SETFL, flags | O_NONBLOCK);
}

void
libssh_wait(ssh_session session, int fd, double left)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if ((ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0)
		p.events |= POLLOUT;
	net_quickack(fd);
	poll(&p, 1, wake_poll_ms(clock_now() + left));
}

static int
shake(struct handshake *h)
{
	int rc;

	for (;;) {
		double left = h->hooks->left(h->err, h->hooks->arg);
		if (left < 0)
			return error_prefix(h->err, "%s: %s the SSH handshake", h->target->host,
			    h->read.in_bytes == 0 ? "the server stays silent in" : "in");
		overhear(h);
		rc = ssh_connect(h->session);
		if (rc == SSH_OK)
			return 0;
		if (rc != SSH_AGAIN && h->hooks->left(h->err, h->hooks->arg) >= 0)
			return explain(h);
		if (rc != SSH_AGAIN)
			return error_prefix(h->err, "%s: in the SSH handshake", h->target->host);
		unblock(h);
		libssh_wait(h->session, h->fd, left);
	}
}

/*
 * libssh tells its progress as soon as it has taken the descriptor.
 *
 * In that moment it is made to forget that it was given the descriptor: it then closes it as one of its own, at once
 * when the connection is lost and else when the session ends.  While it remembers, 0.11 never closes it and goes on
 * reading behind a DISCONNECT, and ssh_disconnect() of 0.10 does not close it either.  The call is nothing but an
 * assignment, therefore allowed here; what it leaves as the error text (FORGOTTEN) means nothing.
 */
static void
on_progress(void *arg, float status NP_UNUSED)
{
	struct handshake *h = arg;

	if (*h->given != -1)
		(void)ssh_options_set(h->session, SSH_OPTIONS_FD, NULL);
	*h->given = -1;
}

int
handshake_lower_fd(int *fd, int highest, struct np_error *err)
{
	int low;

	if (*fd <= highest)
		return 0;
	low = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
	if (low == -1)
		return error_set_errno(err, REASON_INTERNAL, "dup");
	if (low > highest) {
		close(low);
		return error_set(err, REASON_INTERNAL,
		    "more than %d files are open, the most with which libssh can make a connection: close sessions "
		    "(npctl close), or divide the devices among several brokers",
		    highest);
	}
	close(*fd);
	*fd = low;
	return 0;
}

int
handshake_run(ssh_session session, int *fd, int watch_fd, const struct target *target, const struct dial_hooks *hooks,
    struct np_error *err)
{
	static struct ssh_callbacks_struct silent = {.size = sizeof(silent)};
	struct handshake h = {
	    .session = session, .given = fd, .fd = watch_fd, .target = target, .hooks = hooks, .err = err};
	struct ssh_callbacks_struct callbacks = {
	    .size = sizeof(callbacks), .userdata = &h, .connect_status_function = on_progress};
	int rc;

	if (handshake_lower_fd(fd, LIBSSH_FD_MAX, err) == -1)
		return error_prefix(err, "%s", target->host);
	if (ssh_options_set(session, SSH_OPTIONS_FD, fd) != 0 || ssh_set_callbacks(session, &callbacks) != SSH_OK)
		return error_set(err, REASON_INTERNAL, "libssh refuses the connection");
	ssh_set_counters(session, &h.read, NULL);
	ssh_set_blocking(session, 0);
	rc = shake(&h);
	ssh_set_blocking(session, 1);
	/* It keeps what it was given as long as the session, which outlives these. */
	ssh_set_counters(session, NULL, NULL);
	(void)ssh_set_callbacks(session, &silent);
	return rc;
}
