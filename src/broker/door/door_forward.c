/*
 * Ports that an ssh at the mux door has forwarded (-L, -D): listened at here, each connection a client that asks for a
 * connection from the device.  A port may be a socket with a path: its host is the path then, its number
 * MUX_PORT_PATH.
 *
 * They are those of the ssh that wanted a session with them, and end when it does; what an `ssh -O forward` has asked
 * for stays until it is cancelled, or `ssh -O exit`, and whoever asks for the same has it as well.  A port that an ssh
 * has with its session is in use for all others, as it is without a broker: scripts take it for a lock
 * (ExitOnForwardFailure).
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "broker/client/client.h"
#include "broker/door/door_impl.h"

#define ADDRESSES_MAX 2 /* one of each family */
#define BACKLOG 64
#define HOST_MAX 255
#define ACCEPTS_PER_TURN 16
#define FORWARDINGS_MAX 256
#define PAUSE 1.0 /* without descriptors: seconds until the next attempt */

struct forwarding {
	TAILQ_ENTRY(forwarding) link;
	struct doors *all;
	const struct visit *visit; /* whose it is; NULL: it outlives who asked for it */
	struct whither to;
	uid_t uid;
	pid_t pid;
	uint32_t type, listen_port, port;
	char *listen_host, *host;
	ev_io io[ADDRESSES_MAX];
	int count;
	struct stat made; /* its socket with a path */
	ev_timer pause;
};

/* As the log has it. */
static char *
listened_at(const struct forwarding *f)
{
	return f->listen_port == MUX_PORT_PATH ? xstrdup(f->listen_host)
					       : xasprintf("port %u", (unsigned)f->listen_port);
}

/* ---- listening ---- */

static void
on_pause(struct ev_loop *loop, ev_timer *w, int revents NP_UNUSED)
{
	struct forwarding *f = w->data;

	for (int i = 0; i < f->count; i++)
		ev_io_start(loop, &f->io[i]);
}

static void
pause_listening(struct forwarding *f)
{
	char *where = listened_at(f);

	log_warning("door", "%s: a connection to %s waits: no descriptors are left", f->to.device, where);
	free(where);
	for (int i = 0; i < f->count; i++)
		ev_io_stop(f->all->loop, &f->io[i]);
	ev_timer_start(f->all->loop, &f->pause);
}

static void
on_connection(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	struct forwarding *f = w->data;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE) /* it would be told again at once */
				pause_listening(f);
			return;
		}
		visit_forwarded(
		    f->all, &f->to, fd, f->uid, f->pid, f->type == MUX_FORWARD_DYNAMIC ? NULL : f->host, f->port);
	}
}

/* What others have put in the place of our socket stays theirs. */
static void
remove_socket(const struct forwarding *f)
{
	struct stat st;

	if (f->count > 0 && f->listen_port == MUX_PORT_PATH && lstat(f->listen_host, &st) == 0 &&
	    st.st_dev == f->made.st_dev && st.st_ino == f->made.st_ino)
		unlink(f->listen_host);
}

static void
forwarding_free(struct forwarding *f)
{
	remove_socket(f);
	ev_timer_stop(f->all->loop, &f->pause);
	for (int i = 0; i < f->count; i++) {
		ev_io_stop(f->all->loop, &f->io[i]);
		close(f->io[i].fd);
	}
	TAILQ_REMOVE(&f->all->forwardings, f, link);
	f->all->forwardings_count--;
	whither_finish(&f->to);
	free(f->listen_host);
	free(f->host);
	free(f);
}

static int
listen_at(const struct addrinfo *ai)
{
	int on = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_UNIX) /* its name is its owner's alone */
		(void)fchmod(fd, 0600);
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* An address is as ssh understands it; a name would have to be looked up, which takes its time. */
static struct addrinfo *
addresses(const struct forwarding *f)
{
	const char *host = f->listen_host;
	bool loopback = host[0] == '\0' || strcmp(host, "localhost") == 0, all = strcmp(host, "*") == 0;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *list;
	char port[16];

	snprintf(port, sizeof(port), "%u", (unsigned)f->listen_port);
	if (all)
		hints.ai_flags |= AI_PASSIVE;
	return getaddrinfo(loopback || all ? NULL : host, port, &hints, &list) == 0 ? list : NULL;
}

static void
watch(struct forwarding *f, int fd)
{
	ev_io *io = &f->io[f->count++];

	ev_io_init(io, on_connection, fd, EV_READ);
	io->data = f;
	ev_io_start(f->all->loop, io);
}

/* 0, or errno. */
static int
start_socket(struct forwarding *f)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct addrinfo ai = {
	    .ai_family = AF_UNIX, .ai_addr = (struct sockaddr *)(void *)&sun, .ai_addrlen = sizeof(sun)};
	int fd;

	if (strlen(f->listen_host) >= sizeof(sun.sun_path))
		return ENAMETOOLONG;
	strcpy(sun.sun_path, f->listen_host);
	fd = listen_at(&ai);
	if (fd == -1)
		return errno;
	(void)lstat(f->listen_host, &f->made);
	watch(f, fd);
	return 0;
}

/* One family is enough; 0, or errno. */
static int
start_port(struct forwarding *f)
{
	struct addrinfo *list = addresses(f);
	int error = list == NULL ? EADDRNOTAVAIL : 0;

	for (struct addrinfo *ai = list; ai != NULL && f->count < ADDRESSES_MAX; ai = ai->ai_next) {
		int fd = listen_at(ai);
		if (fd == -1)
			error = errno;
		else
			watch(f, fd);
	}
	if (list != NULL)
		freeaddrinfo(list);
	return f->count > 0 ? 0 : error;
}

/* ---- asked for ---- */

static bool
is_host(const struct mux_text *text)
{
	return text->size <= HOST_MAX && memchr(text->p, '\0', text->size) == NULL && text_is_utf8(text->p, text->size);
}

static bool
is_port(uint32_t port)
{
	return (port > 0 && port <= 65535) || port == MUX_PORT_PATH;
}

static bool
same_text(const char *a, const struct mux_text *b)
{
	return strlen(a) == b->size && memcmp(a, b->p, b->size) == 0;
}

/* One that is as m says; of whoever, or (own) one that lasts at least as long as v. */
static struct forwarding *
find(const struct visit *v, const struct mux_message *m, bool own)
{
	struct forwarding *f;

	TAILQ_FOREACH (f, &v->all->forwardings, link) {
		if (own && f->visit != v && f->visit != NULL)
			continue;
		if (strcmp(f->to.ref, v->to.ref) == 0 && f->type == m->forward && f->listen_port == m->listen_port &&
		    f->port == m->port && same_text(f->listen_host, &m->listen_host) && same_text(f->host, &m->host))
			return f;
	}
	return NULL;
}

static struct forwarding *
forwarding_create(struct visit *v, const struct mux_message *m)
{
	const struct event_who *who = client_who(v->client);
	struct forwarding *f = xcalloc(1, sizeof(*f));

	f->all = v->all;
	f->visit = v;
	f->to = whither_copy(&v->to);
	f->uid = who->uid;
	f->pid = who->pid;
	f->type = m->forward;
	f->listen_host = xstrndup(m->listen_host.p, m->listen_host.size);
	f->listen_port = m->listen_port;
	f->host = xstrndup(m->host.p, m->host.size);
	f->port = m->port;
	ev_timer_init(&f->pause, on_pause, PAUSE, 0);
	f->pause.data = f;
	TAILQ_INSERT_TAIL(&f->all->forwardings, f, link);
	f->all->forwardings_count++;
	return f;
}

const char *
forwarding_open(struct visit *v, const struct mux_message *m)
{
	bool dynamic = m->forward == MUX_FORWARD_DYNAMIC;
	struct forwarding *f;
	char *where;
	int error;

	if (v->all->lock == -1)
		return "the broker is shutting down";
	if (m->forward != MUX_FORWARD_LOCAL && !dynamic)
		return "remote ports are forwarded on a connection of one's own";
	if (!is_port(m->listen_port) || (!dynamic && !is_port(m->port)))
		return "no such port";
	if (!is_host(&m->listen_host) || !is_host(&m->host))
		return "no such host";
	if (find(v, m, true) != NULL)
		return NULL;
	if (v->all->forwardings_count >= FORWARDINGS_MAX)
		return "too many ports are forwarded";
	f = forwarding_create(v, m);
	error = f->listen_port == MUX_PORT_PATH ? start_socket(f) : start_port(f);
	if (error == 0) {
		where = listened_at(f);
		log_info("door", "%s: %s is forwarded for client %llu", f->to.device, where,
		    (unsigned long long)client_id(v->client));
		free(where);
		return NULL;
	}
	forwarding_free(f);
	return error == EADDRINUSE ? "the port is in use" : "the port cannot be listened at";
}

const char *
forwarding_close(struct visit *v, const struct mux_message *m)
{
	struct forwarding *f = find(v, m, false);

	if (f == NULL)
		return "no such port is forwarded";
	for (; f != NULL; f = find(v, m, false))
		forwarding_free(f);
	return NULL;
}

void
forwardings_of_visit(struct visit *v, bool left)
{
	struct forwarding *f, *next;

	TAILQ_FOREACH_SAFE (f, &v->all->forwardings, link, next) {
		if (f->visit != v)
			continue;
		f->visit = NULL;
		if (!left || v->holds)
			forwarding_free(f);
	}
}

void
forwardings_of_device(struct doors *all, const char *ref)
{
	struct forwarding *f, *next;

	TAILQ_FOREACH_SAFE (f, &all->forwardings, link, next) {
		if (strcmp(f->to.ref, ref) == 0)
			forwarding_free(f);
	}
}

/* ---- shown ---- */

bool
doors_listen(const struct doors *all)
{
	return !TAILQ_EMPTY(&all->forwardings);
}

cJSON *
doors_ports(const struct doors *all)
{
	const struct forwarding *f;
	cJSON *list = cJSON_CreateArray();

	TAILQ_FOREACH (f, &all->forwardings, link) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "device", f->to.device);
		cJSON_AddNumberToObject(o, "pid", (double)f->pid);
		cJSON_AddStringToObject(o, "listen_host", f->listen_host);
		if (f->listen_port != MUX_PORT_PATH)
			cJSON_AddNumberToObject(o, "listen_port", (double)f->listen_port);
		if (f->type != MUX_FORWARD_DYNAMIC)
			cJSON_AddStringToObject(o, "host", f->host);
		if (f->type != MUX_FORWARD_DYNAMIC && f->port != MUX_PORT_PATH)
			cJSON_AddNumberToObject(o, "port", (double)f->port);
		cJSON_AddItemToArray(list, o);
	}
	return list;
}
