/*
 * tcprelay --to [ADDRESS:]PORT [--listen PORT] [--delay-ms N] [--port-file FILE]: a TCP relay on 127.0.0.1 that delays
 * every byte by N ms each way, and breaks connections when told to, for round-trip and fault tests.
 *
 * Told by a line on standard input (its end is ignored), or by a signal:
 *
 *   freeze   nothing passes, nothing is read: TCP still acknowledges until buffers are full   SIGUSR1 (again: thaw)
 *   thaw     what was held back passes; nothing is flipped or truncated any more
 *   drop     what arrives is swallowed, both ways, until `thaw`: the peers see silence
 *   reset    every connection ends with a TCP reset                                            SIGUSR2
 *   close    every connection ends with FIN, queued bytes are lost
 *   flip     one bit of the next bytes that arrive
 *   truncate the next bytes that arrive are cut in half, and the end of file follows
 *   refuse   no further connection is accepted (the port is closed); `accept` opens it again
 *   delay N  from now on
 *   quit
 *
 * Says `did LINE` on standard output once it has done so, which `relay` of tests/kit/lib.sh waits for.
 *
 * The delay does not touch TCP's own handshake.  One thread; bytes wait in a queue per direction with the time at
 * which they may leave, at most QUEUE_MAX of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_SIZE (64 * 1024)
#define QUEUE_MAX (64 * 1024 * 1024)
#define LINKS_MAX 512

struct chunk {
	STAILQ_ENTRY(chunk) next;
	double due;
	size_t off, size; /* size 0: end of file */
	uint8_t bytes[];
};

/* One direction of a connection. */
struct way {
	int from, to;
	STAILQ_HEAD(, chunk) queue;
	size_t queued;
	bool cut;    /* what is queued is all that will pass */
	bool ended;  /* from has said end of file */
	bool closed; /* and it was passed on */
};

struct link {
	struct way ways[2];
	bool broken;
};

struct relay {
	struct sockaddr_in listen_address, target;
	int listener; /* -1 while refusing */
	int signals;
	double delay;
	bool frozen, dropping, flipping, truncating, quit;
	struct link *links[LINKS_MAX];
	size_t links_count;
};

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	fprintf(stderr, "tcprelay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
relay_listen(struct relay *r)
{
	int one = 1;
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->listener < 0 || setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(r->listener, (struct sockaddr *)&r->listen_address, sizeof(r->listen_address)) < 0 ||
	    listen(r->listener, 512) < 0)
		die("listen");
	socklen_t size = sizeof(r->listen_address);
	getsockname(r->listener, (struct sockaddr *)&r->listen_address, &size);
}

static void
way_init(struct way *w, int from, int to)
{
	w->from = from;
	w->to = to;
	STAILQ_INIT(&w->queue);
}

static void
way_empty(struct way *w)
{
	struct chunk *c;
	while ((c = STAILQ_FIRST(&w->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->queue, next);
		free(c);
	}
	w->queued = 0;
}

static void
link_accept(struct relay *r)
{
	int one = 1;
	int in = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (in < 0)
		return;
	int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->links_count == LINKS_MAX || out < 0 ||
	    connect(out, (struct sockaddr *)&r->target, sizeof(r->target)) < 0) {
		close(in);
		close(out);
		return;
	}
	fcntl(out, F_SETFL, O_NONBLOCK);
	setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct link *l = calloc(1, sizeof(*l));
	if (l == NULL)
		die("memory");
	way_init(&l->ways[0], in, out);
	way_init(&l->ways[1], out, in);
	r->links[r->links_count++] = l;
}

static void
link_close(struct link *l, bool reset)
{
	struct linger now_and_hard = {.l_onoff = 1, .l_linger = 0};
	for (int i = 0; i < 2; i++) {
		way_empty(&l->ways[i]);
		if (reset)
			setsockopt(l->ways[i].from, SOL_SOCKET, SO_LINGER, &now_and_hard, sizeof(now_and_hard));
		close(l->ways[i].from);
	}
	free(l);
}

static void
relay_close_links(struct relay *r, bool reset)
{
	while (r->links_count > 0)
		link_close(r->links[--r->links_count], reset);
}

static void
way_read(struct relay *r, struct link *l, struct way *w)
{
	struct chunk *c = malloc(sizeof(*c) + CHUNK_SIZE);
	if (c == NULL)
		die("memory");
	ssize_t n = w->cut ? 0 : read(w->from, c->bytes, CHUNK_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		free(c);
		return;
	}
	if (n < 0)
		l->broken = true;
	if (n == 0)
		w->ended = true;
	if (n < 0 || (n > 0 && r->dropping)) {
		free(c);
		return;
	}
	if (r->flipping && n > 0) {
		c->bytes[n / 2] ^= 1;
		r->flipping = false;
	}
	if (r->truncating && n > 1) {
		n /= 2;
		w->cut = true;
		r->truncating = false;
	}
	struct chunk *fit = realloc(c, sizeof(*c) + (size_t)n);
	c = fit != NULL ? fit : c;
	c->off = 0;
	c->size = (size_t)n;
	c->due = now() + r->delay;
	w->queued += c->size;
	STAILQ_INSERT_TAIL(&w->queue, c, next);
}

static void
way_write(struct link *l, struct way *w, double t)
{
	struct chunk *c;
	while ((c = STAILQ_FIRST(&w->queue)) != NULL && c->due <= t) {
		if (c->size == 0) {
			shutdown(w->to, SHUT_WR);
			w->closed = true;
		}
		ssize_t n = c->size > 0 ? send(w->to, c->bytes + c->off, c->size - c->off, MSG_NOSIGNAL) : 0;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			l->broken = true;
			return;
		}
		c->off += (size_t)n;
		w->queued -= (size_t)n;
		if (c->off < c->size)
			return;
		STAILQ_REMOVE_HEAD(&w->queue, next);
		free(c);
	}
}

static void
obey(struct relay *r, const char *line)
{
	bool known = true;
	double delay_ms;
	if (strcmp(line, "freeze") == 0)
		r->frozen = true;
	else if (strcmp(line, "thaw") == 0)
		r->frozen = r->dropping = r->flipping = r->truncating = false;
	else if (strcmp(line, "drop") == 0)
		r->dropping = true;
	else if (strcmp(line, "flip") == 0)
		r->flipping = true;
	else if (strcmp(line, "truncate") == 0)
		r->truncating = true;
	else if (strcmp(line, "reset") == 0)
		relay_close_links(r, true);
	else if (strcmp(line, "close") == 0)
		relay_close_links(r, false);
	else if (strcmp(line, "refuse") == 0 && r->listener >= 0) {
		close(r->listener);
		r->listener = -1;
	} else if (strcmp(line, "accept") == 0 && r->listener < 0)
		relay_listen(r);
	else if (sscanf(line, "delay %lf", &delay_ms) == 1)
		r->delay = delay_ms / 1000;
	else if (strcmp(line, "quit") == 0)
		r->quit = true;
	else
		known = false;
	printf("%s %s\n", known ? "did" : "did not understand now:", line);
	fflush(stdout);
}

static void
read_signals(struct relay *r)
{
	struct signalfd_siginfo info;
	if (read(r->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		obey(r, r->frozen ? "thaw" : "freeze");
	else
		obey(r, info.ssi_signo == SIGUSR2 ? "reset" : "quit");
}

/* Lines may come in pieces; false at the end of the input. */
static bool
read_control(struct relay *r)
{
	static char text[256];
	static size_t have;
	ssize_t n = read(STDIN_FILENO, text + have, sizeof(text) - 1 - have);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	have += (size_t)n;
	for (char *end; (end = memchr(text, '\n', have)) != NULL;) {
		*end = '\0';
		obey(r, text);
		have -= (size_t)(end + 1 - text);
		memmove(text, end + 1, have);
	}
	if (have == sizeof(text) - 1)
		have = 0;
	return true;
}

/* Fills two entries for the link and finds the next time at which something is due. */
static void
link_prepare(const struct relay *r, const struct link *l, struct pollfd *pfd, double t, double *next)
{
	for (int i = 0; i < 2; i++)
		pfd[i] = (struct pollfd){.fd = l->ways[i].from};
	for (int i = 0; i < 2 && !r->frozen; i++) {
		const struct way *w = &l->ways[i];
		const struct chunk *first = STAILQ_FIRST(&w->queue);
		if (!w->ended && w->queued < QUEUE_MAX)
			pfd[i].events |= POLLIN;
		if (first != NULL && first->due <= t)
			pfd[1 - i].events |= POLLOUT;
		else if (first != NULL && first->due < *next)
			*next = first->due;
	}
	/* A descriptor that nothing is wanted of would still report its hang-up again and again. */
	for (int i = 0; i < 2; i++)
		if (pfd[i].events == 0)
			pfd[i].fd = -1;
}

static void
link_serve(struct relay *r, struct link *l, const struct pollfd *pfd)
{
	double t = now();
	if (r->frozen)
		return;
	for (int i = 0; i < 2; i++)
		if ((pfd[i].revents & (POLLIN | POLLHUP | POLLERR) || l->ways[i].cut) && !l->ways[i].ended)
			way_read(r, l, &l->ways[i]);
	for (int i = 0; i < 2; i++)
		way_write(l, &l->ways[i], t);
	if (l->ways[0].closed && l->ways[1].closed)
		l->broken = true;
}

static void
relay_run(struct relay *r)
{
	static struct pollfd pfds[3 + 2 * LINKS_MAX];
	bool control = true;
	while (!r->quit) {
		double t = now(), next = t + 3600;
		size_t links = r->links_count;
		pfds[0] = (struct pollfd){.fd = r->listener, .events = POLLIN};
		pfds[1] = (struct pollfd){.fd = r->signals, .events = POLLIN};
		pfds[2] = (struct pollfd){.fd = control ? STDIN_FILENO : -1, .events = POLLIN};
		for (size_t i = 0; i < links; i++)
			link_prepare(r, r->links[i], pfds + 3 + 2 * i, t, &next);
		struct timespec wait = {.tv_sec = (time_t)(next - t)};
		wait.tv_nsec = (long)((next - t - (double)wait.tv_sec) * 1e9);
		if (ppoll(pfds, 3 + 2 * links, &wait, NULL) < 0 && errno != EINTR)
			die("poll");
		for (size_t i = 0; i < links; i++)
			link_serve(r, r->links[i], pfds + 3 + 2 * i);
		for (size_t i = r->links_count; i-- > 0;)
			if (r->links[i]->broken) {
				link_close(r->links[i], false);
				r->links[i] = r->links[--r->links_count];
			}
		if (pfds[0].revents)
			link_accept(r);
		if (pfds[1].revents)
			read_signals(r);
		if (pfds[2].revents)
			control = read_control(r);
	}
	relay_close_links(r, false);
}

static void
write_port(const char *path, int port)
{
	char tmp[512];
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	FILE *f = fopen(tmp, "we");
	if (f == NULL || fprintf(f, "%d\n", port) < 0 || fclose(f) != 0 || rename(tmp, path) < 0)
		die(path);
}

static bool
parse_address(const char *text, struct sockaddr_in *sin)
{
	const char *colon = strrchr(text, ':');
	char host[64] = "127.0.0.1";
	if (colon != NULL)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	sin->sin_family = AF_INET;
	sin->sin_port = htons((uint16_t)strtoul(colon != NULL ? colon + 1 : text, NULL, 10));
	return inet_pton(AF_INET, host, &sin->sin_addr) == 1;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"to", required_argument, NULL, 't'},
	    {"listen", required_argument, NULL, 'l'}, {"delay-ms", required_argument, NULL, 'd'},
	    {"port-file", required_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
	struct relay r = {.listener = -1};
	const char *port_file = NULL;
	bool ok = parse_address("0", &r.listen_address);
	for (int opt; (opt = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (opt == 't')
			ok = ok && parse_address(optarg, &r.target);
		else if (opt == 'l')
			ok = ok && parse_address(optarg, &r.listen_address);
		else if (opt == 'd')
			r.delay = strtod(optarg, NULL) / 1000;
		else if (opt == 'p')
			port_file = optarg;
		else
			ok = false;
	}
	if (!ok || r.target.sin_port == 0) {
		fprintf(
		    stderr, "usage: tcprelay --to [ADDRESS:]PORT [--listen PORT] [--delay-ms N] [--port-file FILE]\n");
		return 2;
	}
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r.signals = signalfd(-1, &set, SFD_CLOEXEC);
	relay_listen(&r);
	if (port_file != NULL)
		write_port(port_file, ntohs(r.listen_address.sin_port));
	relay_run(&r);
	return 0;
}
