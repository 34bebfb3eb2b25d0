/* Where simdev listens: addresses, their devices and sockets, and a thread for each connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/simdev_listen.h"

struct job {
	const struct sim_options *options;
	struct sim_device *device;
	int fd;
	char peer[64];
};

/* ---- addresses ---- */

int
sim_listen_parse(struct sim_listen *l, const char *text)
{
	char first[INET_ADDRSTRLEN];
	const char *dash = strchr(text, '-');
	size_t n = dash != NULL ? (size_t)(dash - text) : strlen(text);
	struct in_addr a, b;
	if (n >= sizeof(first))
		return -1;
	memcpy(first, text, n);
	first[n] = '\0';
	if (inet_pton(AF_INET, first, &a) != 1 || (dash != NULL && inet_pton(AF_INET, dash + 1, &b) != 1))
		return -1;
	l->first = ntohl(a.s_addr);
	if (dash != NULL)
		l->count = (int)(ntohl(b.s_addr) - l->first) + 1;
	return l->first >> 24 == 127 && l->count >= 1 ? 0 : -1;
}

static struct sockaddr_in
address_of(const struct sim_listen *l, int index, int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	uint32_t address = l->first + (uint32_t)index;
	if (l->first == 0)
		address = 0x7f000000u + ((uint32_t)(index / 250) << 8) + (uint32_t)(index % 250) + 1u;
	sin.sin_addr.s_addr = htonl(address);
	return sin;
}

static void
address_text(const struct sim_listen *l, int index, char text[INET_ADDRSTRLEN])
{
	struct sockaddr_in sin = address_of(l, index, 0);
	inet_ntop(AF_INET, &sin.sin_addr, text, INET_ADDRSTRLEN);
}

void
sim_listen_known_hosts(const struct sim_listen *l, const struct sim_options *o, const char *path)
{
	char *key = NULL, text[INET_ADDRSTRLEN];
	FILE *f = fopen(path, "ae");
	if (f == NULL || ssh_pki_export_pubkey_base64(o->host_key, &key) != SSH_OK)
		sim_die(path);
	for (int i = 0; i < l->count; i++) {
		address_text(l, i, text);
		fprintf(f, "[%s]:%d %s %s\n", text, l->port, ssh_key_type_to_char(ssh_key_type(o->host_key)), key);
	}
	fclose(f);
	ssh_string_free_char(key);
}

/* ---- sockets ---- */

static int
listen_at(const struct sim_listen *l, int index, int port)
{
	struct sockaddr_in sin = address_of(l, index, port);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		sim_die("socket");
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 && listen(fd, 512) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Opens all sockets on one port; with port 0 a port that is free on every address is sought. */
static void
listen_everywhere(struct sim_listen *l)
{
	for (int attempt = 0; attempt < 50; attempt++) {
		int port = l->port, done = 0;
		for (; done < l->count; done++) {
			int fd = listen_at(l, done, port);
			if (fd < 0)
				break;
			struct sockaddr_in sin;
			socklen_t size = sizeof(sin);
			getsockname(fd, (struct sockaddr *)&sin, &size);
			port = ntohs(sin.sin_port);
			l->fds[done] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
		if (done == l->count) {
			l->port = port;
			return;
		}
		while (done > 0)
			close(l->fds[--done].fd);
		if (l->port != 0)
			break;
	}
	sim_die("listen");
}

void
sim_listen_open(struct sim_listen *l, const struct sim_options *o, const struct sim_scenario *scenario)
{
	char text[INET_ADDRSTRLEN];
	listen_everywhere(l);
	for (int i = 0; i < l->count; i++) {
		address_text(l, i, text);
		l->devices[i] = sim_device_create(scenario, o, i + 1, text);
	}
	l->fds[l->count] = (struct pollfd){.fd = -1, .events = POLLIN};
	if (l->control == NULL)
		return;
	/* For writing too, so that it never ends. */
	if (mkfifo(l->control, 0600) < 0 ||
	    (l->fds[l->count].fd = open(l->control, O_RDWR | O_CLOEXEC | O_NONBLOCK)) < 0)
		sim_die(l->control);
}

/* ---- connections ---- */

static void *
serve(void *arg)
{
	struct job *job = arg;
	sim_conn_serve(job->options, job->device, job->fd, job->peer);
	free(job);
	return NULL;
}

static void
accept_one(const struct sim_options *options, struct sim_device *device, int listener)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int one = 1, fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (!options->nagle)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct job *job = calloc(1, sizeof(*job));
	pthread_attr_t attr;
	pthread_t thread;
	if (job == NULL)
		sim_die("memory");
	job->options = options;
	job->device = device;
	job->fd = fd;
	snprintf(job->peer, sizeof(job->peer), "%d", ntohs(peer.sin_port));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	if (pthread_create(&thread, &attr, serve, job) != 0)
		sim_die("thread");
	pthread_attr_destroy(&attr);
}

/* Takes the lines that have come; each was written at once, so none is in pieces. */
static void
control_read(const struct sim_listen *l)
{
	char text[4096];
	ssize_t n = read(l->fds[l->count].fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	char *state = NULL;
	for (char *line = strtok_r(text, "\n", &state); line != NULL; line = strtok_r(NULL, "\n", &state))
		sim_control(l, line);
}

void
sim_listen_serve(struct sim_listen *l, const struct sim_options *o)
{
	for (;;) {
		if (poll(l->fds, (nfds_t)l->count + 1, -1) < 0 && errno != EINTR)
			sim_die("poll");
		for (int i = 0; i < l->count; i++)
			if (l->fds[i].revents != 0)
				accept_one(o, l->devices[i], l->fds[i].fd);
		if (l->fds[l->count].revents != 0)
			control_read(l);
	}
}
