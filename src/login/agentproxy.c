/* An agent that shows some of another's keys; see agent.h. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "login/agent.h"
#include "login/hooks.h"

#define STACK_SIZE (512u * 1024u)

static bool
answer_list(struct agent_proxy *p, struct buf *reply)
{
	static const uint8_t type = AGENT_IDENTITIES_ANSWER;
	size_t from = atomic_load(&p->from);
	bool ok = buf_append(reply, &type, 1) == 0 && buf_append_u32(reply, (uint32_t)(p->count - from)) == 0;

	for (size_t i = from; ok && i < p->count; i++)
		ok = keyblob_put_string(reply, p->offers[i].shown->data, p->offers[i].shown->size) &&
		     keyblob_put_string(reply, "key", 3);
	return ok;
}

/* The request with the shown key replaced by the one that signs; the agent's reply as it is. */
static bool
answer_sign(struct agent_proxy *p, struct keyblob message, struct buf *reply)
{
	static const uint8_t type = AGENTC_SIGN_REQUEST;
	struct keyblob shown;
	struct buf request;
	struct np_error err;
	size_t i = 0;
	bool ok;

	if (!keyblob_get_string(&message, &shown))
		return false;
	while (i < p->count && !keyblob_equal(p->offers[i].shown, &shown))
		i++;
	if (i == p->count)
		return false;
	buf_init(&request, AGENT_MESSAGE_MAX);
	/* Behind the key: the data to sign and the flags, unchanged. */
	ok = buf_append(&request, &type, 1) == 0 &&
	     keyblob_put_string(&request, p->offers[i].signer->data, p->offers[i].signer->size) &&
	     buf_append(&request, message.data, message.size) == 0 &&
	     agent_send(p->agent_fd, &request, p->deadline, p->session_fd, &err) == 0 &&
	     agent_receive(p->agent_fd, reply, p->deadline, p->session_fd, &err) == 0 &&
	     buf_head(reply)[0] == AGENT_SIGN_RESPONSE;
	buf_free(&request);
	atomic_store(&p->refused, !ok);
	atomic_store(&p->signer, (int)i);
	return ok;
}

static bool
answer(struct agent_proxy *p, const struct buf *message, struct buf *reply)
{
	static const uint8_t failure = AGENT_FAILURE;
	const uint8_t *m = buf_head(message);

	if (m[0] == AGENTC_REQUEST_IDENTITIES && answer_list(p, reply))
		return true;
	if (m[0] == AGENTC_SIGN_REQUEST && answer_sign(p, (struct keyblob){m + 1, message->len - 1}, reply))
		return true;
	buf_consume(reply, reply->len);
	return buf_append(reply, &failure, 1) == 0;
}

/* One request and its answer; false when libssh has gone or speaks nonsense. */
static bool
serve(struct agent_proxy *p)
{
	struct buf message, reply;
	struct np_error err;
	bool ok;

	buf_init(&message, AGENT_MESSAGE_MAX);
	buf_init(&reply, AGENT_MESSAGE_MAX);
	ok = agent_receive(p->server_fd, &message, INFINITY, -1, &err) == 0 && answer(p, &message, &reply) &&
	     agent_send(p->server_fd, &reply, INFINITY, -1, &err) == 0;
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

int
thread_start(pthread_t *thread, void *(*body)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(thread, &attr, body, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

int
agent_proxy_start(struct agent_proxy *p, struct np_error *err)
{
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return error_set_errno(err, REASON_INTERNAL, "socketpair");
	p->server_fd = pair[0];
	p->client_fd = pair[1];
	rc = thread_start(&p->thread, proxy_main, p);
	if (rc == 0)
		return 0;
	close(pair[0]);
	close(pair[1]);
	return error_set(err, REASON_INTERNAL, "cannot start a thread for the agent: %s", strerror(rc));
}

void
agent_proxy_stop(struct agent_proxy *p)
{
	shutdown(p->server_fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->server_fd);
	close(p->client_fd);
}
