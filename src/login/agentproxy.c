/* An agent that shows some of another's keys; see agentproxy.h. */
#include "login/agentproxy.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "login/agent.h"
#include "base/buf.h"
#include "base/xalloc.h"

/* Message numbers of draft-miller-ssh-agent section 6.1. */
#define AGENT_FAILURE 5
#define AGENTC_REQUEST_IDENTITIES 11
#define AGENT_IDENTITIES_ANSWER 12
#define AGENTC_SIGN_REQUEST 13
#define AGENT_SIGN_RESPONSE 14

#define STACK_SIZE (256u * 1024u)

struct agent_proxy {
	pthread_t thread;
	int agent_fd;   /* the thread's */
	int server_fd;  /* the thread's end of the pair with libssh */
	int client_fd;  /* libssh's end */
	int session_fd; /* not ours: its shutdown ends a wait for the agent */
	double deadline;
	struct agent_offer *offers;
	size_t count;
	pthread_mutex_t lock; /* of what follows */
	size_t from;
	int signer;
	bool refused;
};

static bool
append_string(struct buf *b, const void *p, size_t n)
{
	return buf_append_u32(b, (uint32_t)n) == 0 && buf_append(b, p, n) == 0;
}

static bool
answer_list(struct agent_proxy *p, struct buf *reply)
{
	static const uint8_t type = AGENT_IDENTITIES_ANSWER;
	size_t i, from;
	bool ok;

	pthread_mutex_lock(&p->lock);
	from = p->from < p->count ? p->from : p->count;
	pthread_mutex_unlock(&p->lock);
	ok = buf_append(reply, &type, 1) == 0 && buf_append_u32(reply, (uint32_t)(p->count - from)) == 0;
	for (i = from; ok && i < p->count; i++)
		ok = append_string(reply, p->offers[i].shown.data, p->offers[i].shown.size) &&
		     append_string(reply, "key", 3);
	return ok;
}

static void
note_signature(struct agent_proxy *p, size_t i, bool refused)
{
	pthread_mutex_lock(&p->lock);
	p->signer = (int)i;
	p->refused = refused;
	pthread_mutex_unlock(&p->lock);
}

/* The request with the shown key replaced by the one that signs; the agent's reply as it is. */
static bool
answer_sign(struct agent_proxy *p, const uint8_t *message, size_t left, struct buf *reply)
{
	static const uint8_t type = AGENTC_SIGN_REQUEST;
	struct keyblob shown = {NULL, 0};
	const uint8_t *blob;
	struct buf request;
	struct np_error err;
	size_t i;
	bool ok;

	if (!keyblob_get_string(&message, &left, &blob, &shown.size))
		return false;
	shown.data = xmemdup(blob, shown.size);
	for (i = 0; i < p->count && !keyblob_equal(&p->offers[i].shown, &shown); i++)
		;
	keyblob_finish(&shown);
	if (i == p->count)
		return false;
	buf_init(&request, AGENT_MESSAGE_MAX);
	/* Behind the key: the data to sign and the flags, unchanged. */
	ok = buf_append(&request, &type, 1) == 0 &&
	     append_string(&request, p->offers[i].signer.data, p->offers[i].signer.size) &&
	     buf_append(&request, message, left) == 0 &&
	     agent_talk(p->agent_fd, &request, reply, p->deadline, p->session_fd, &err) == 0 &&
	     buf_head(reply)[0] == AGENT_SIGN_RESPONSE;
	buf_free(&request);
	note_signature(p, i, !ok);
	return ok;
}

static void
answer(struct agent_proxy *p, const struct buf *message, struct buf *reply)
{
	static const uint8_t failure = AGENT_FAILURE;
	const uint8_t *m = buf_head(message);
	bool ok = false;

	if (message->len >= 1 && m[0] == AGENTC_REQUEST_IDENTITIES)
		ok = answer_list(p, reply);
	else if (message->len >= 1 && m[0] == AGENTC_SIGN_REQUEST)
		ok = answer_sign(p, m + 1, message->len - 1, reply);
	if (!ok) {
		buf_consume(reply, reply->len);
		ok = buf_append(reply, &failure, 1) == 0;
	}
}

/* Receives exactly n bytes from libssh, whose socket blocks; false at its end. */
static bool
receive(struct agent_proxy *p, uint8_t *to, size_t n)
{
	ssize_t got;

	while (n > 0) {
		got = recv(p->server_fd, to, n, 0);
		if (got <= 0 && !(got == -1 && errno == EINTR))
			return false;
		if (got > 0) {
			to += got;
			n -= (size_t)got;
		}
	}
	return true;
}

static bool
send_reply(struct agent_proxy *p, const struct buf *reply)
{
	struct buf out;
	ssize_t sent = -1;
	bool ok;

	buf_init(&out, AGENT_MESSAGE_MAX + 4);
	ok = append_string(&out, buf_head(reply), reply->len);
	while (ok && out.len > 0) {
		sent = send(p->server_fd, buf_head(&out), out.len, MSG_NOSIGNAL);
		if (sent > 0)
			buf_consume(&out, (size_t)sent);
		else if (sent == -1 && errno != EINTR)
			ok = false;
	}
	buf_free(&out);
	return ok;
}

/* One request and its answer; false when libssh has gone or speaks nonsense. */
static bool
serve(struct agent_proxy *p)
{
	struct buf message, reply;
	uint8_t length[4], *room;
	const uint8_t *l = length;
	size_t left = sizeof(length);
	uint32_t size;
	bool ok;

	if (!receive(p, length, sizeof(length)) || !keyblob_get_u32(&l, &left, &size) || size == 0)
		return false;
	buf_init(&message, AGENT_MESSAGE_MAX);
	buf_init(&reply, AGENT_MESSAGE_MAX);
	room = buf_reserve(&message, size);
	ok = room != NULL && receive(p, room, size);
	if (ok) {
		buf_commit(&message, size);
		answer(p, &message, &reply);
		ok = send_reply(p, &reply);
	}
	buf_free(&message);
	buf_free(&reply);
	return ok;
}

static void *
proxy_main(void *arg)
{
	struct agent_proxy *p = arg;

	while (serve(p))
		;
	/* libssh may be waiting for an answer that will not come. */
	shutdown(p->server_fd, SHUT_RDWR);
	return NULL;
}

static int
start_thread(struct agent_proxy *p, struct np_error *err)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&p->thread, &attr, proxy_main, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc == 0)
		return 0;
	errno = rc;
	return error_set_errno(err, REASON_INTERNAL, "cannot start a thread for the agent");
}

static void
proxy_free(struct agent_proxy *p)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		keyblob_finish(&p->offers[i].shown);
		keyblob_finish(&p->offers[i].signer);
	}
	free(p->offers);
	close(p->agent_fd);
	if (p->server_fd != -1)
		close(p->server_fd);
	if (p->client_fd != -1)
		close(p->client_fd);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct agent_proxy *
agent_proxy_start(
    int agent_fd, const struct agent_offer *offers, size_t count, int session_fd, double deadline, struct np_error *err)
{
	struct agent_proxy *p = xcalloc(1, sizeof(*p));
	int pair[2] = {-1, -1};
	size_t i;

	p->agent_fd = agent_fd;
	p->session_fd = session_fd;
	p->deadline = deadline;
	p->signer = -1;
	p->offers = xcalloc(count + 1, sizeof(p->offers[0]));
	for (i = 0; i < count; i++) {
		p->offers[i].shown = keyblob_copy(offers[i].shown.data, offers[i].shown.size);
		p->offers[i].signer = keyblob_copy(offers[i].signer.data, offers[i].signer.size);
	}
	p->count = count;
	pthread_mutex_init(&p->lock, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		error_set_errno(err, REASON_INTERNAL, "socketpair");
	p->server_fd = pair[0];
	p->client_fd = pair[1];
	if (pair[0] == -1 || start_thread(p, err) == -1) {
		proxy_free(p);
		return NULL;
	}
	return p;
}

int
agent_proxy_socket(const struct agent_proxy *p)
{
	return p->client_fd;
}

void
agent_proxy_skip(struct agent_proxy *p, size_t from)
{
	pthread_mutex_lock(&p->lock);
	p->from = from;
	p->signer = -1;
	p->refused = false;
	pthread_mutex_unlock(&p->lock);
}

int
agent_proxy_signer(struct agent_proxy *p, bool *refused)
{
	int signer;

	pthread_mutex_lock(&p->lock);
	signer = p->signer;
	*refused = p->refused;
	pthread_mutex_unlock(&p->lock);
	return signer;
}

void
agent_proxy_stop(struct agent_proxy *p)
{
	if (p == NULL)
		return;
	shutdown(p->server_fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	proxy_free(p);
}
