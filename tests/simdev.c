/*
 * simdev: options, listening sockets, one thread per connection (see simdev.h; `simdev --help` lists the options).
 *
 * Prints nothing.  --port-file is written once it listens; --events gets a line for every connection, login attempt,
 * command and probe, which is what tests count.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "simdev.h"

#define LISTENERS_MAX 2048

enum {
	OPT_PORT = 1000,
	OPT_ADDRESSES,
	OPT_PORT_FILE,
	OPT_KNOWN_HOSTS,
	OPT_HOST_KEY,
	OPT_EVENTS,
	OPT_USER,
	OPT_PASSWORD,
	OPT_KBDINT,
	OPT_ANY_KEY,
	OPT_OPEN_DOOR,
	OPT_AUTH_DELAY,
	OPT_SILENT,
	OPT_DRIP,
	OPT_DROP,
	OPT_REFUSE_EXEC,
	OPT_NO_KEEPALIVE,
	OPT_NO_STATUS,
	OPT_MAX_CHANNELS,
	OPT_BANNER,
	OPT_REPLY,
	OPT_HELP
};

/* What main() alone needs. */
struct listening {
	int port;      /* 0: any */
	int addresses; /* 127.0.0.1, 127.0.0.2, ... */
	const char *port_file, *known_hosts;
	struct pollfd fds[LISTENERS_MAX];
};

struct job {
	const struct sim_options *options;
	int fd;
	char peer[64];
};

double
sim_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
sim_sleep(double seconds)
{
	struct timespec ts = {.tv_sec = (time_t)seconds};
	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

void
sim_event(const struct sim_options *options, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	if (options->events < 0)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	size_t size = n < (int)sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
	line[size++] = '\n';
	/* One write to an O_APPEND file: lines of different threads stay whole. */
	if (write(options->events, line, size) < 0)
		perror("simdev: events");
}

static void
die(const char *what)
{
	fprintf(stderr, "simdev: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in
address_of(int index, int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	/* 127.0.0.1 to .250, 127.0.1.1 to .250, ... */
	sin.sin_addr.s_addr = htonl(0x7f000000u + ((unsigned)(index / 250) << 8) + (unsigned)(index % 250) + 1u);
	return sin;
}

static int
listen_at(int index, int port)
{
	struct sockaddr_in sin = address_of(index, port);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		die("socket");
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 && listen(fd, 512) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Opens all sockets on one port; with port 0 a port that is free on every address is sought. */
static void
listen_everywhere(struct listening *l)
{
	for (int attempt = 0; attempt < 50; attempt++) {
		int port = l->port, done = 0;
		for (; done < l->addresses; done++) {
			int fd = listen_at(done, port);
			if (fd < 0)
				break;
			struct sockaddr_in sin;
			socklen_t size = sizeof(sin);
			getsockname(fd, (struct sockaddr *)&sin, &size);
			port = ntohs(sin.sin_port);
			l->fds[done] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
		if (done == l->addresses) {
			l->port = port;
			return;
		}
		while (done > 0)
			close(l->fds[--done].fd);
		if (l->port != 0)
			break;
	}
	die("listen");
}

static void
write_known_hosts(const struct listening *l, const struct sim_options *o)
{
	char *key = NULL;
	FILE *f = fopen(l->known_hosts, "ae");
	if (f == NULL || ssh_pki_export_pubkey_base64(o->host_key, &key) != SSH_OK)
		die(l->known_hosts);
	for (int i = 0; i < l->addresses; i++) {
		struct sockaddr_in sin = address_of(i, 0);
		char text[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text));
		fprintf(f, "[%s]:%d %s %s\n", text, l->port, ssh_key_type_to_char(ssh_key_type(o->host_key)), key);
	}
	fclose(f);
	ssh_string_free_char(key);
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

static void *
serve(void *arg)
{
	struct job *job = arg;
	sim_conn_serve(job->options, job->fd, job->peer);
	free(job);
	return NULL;
}

static void
accept_one(const struct sim_options *options, int listener)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int one = 1, fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct job *job = calloc(1, sizeof(*job));
	pthread_attr_t attr;
	pthread_t thread;
	if (job == NULL)
		die("memory");
	job->options = options;
	job->fd = fd;
	snprintf(job->peer, sizeof(job->peer), "%d", ntohs(peer.sin_port));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	if (pthread_create(&thread, &attr, serve, job) != 0)
		die("thread");
	pthread_attr_destroy(&attr);
}

static const struct option long_options[] = {{"port", required_argument, NULL, OPT_PORT},
    {"addresses", required_argument, NULL, OPT_ADDRESSES}, {"port-file", required_argument, NULL, OPT_PORT_FILE},
    {"known-hosts", required_argument, NULL, OPT_KNOWN_HOSTS}, {"host-key", required_argument, NULL, OPT_HOST_KEY},
    {"events", required_argument, NULL, OPT_EVENTS}, {"user", required_argument, NULL, OPT_USER},
    {"password", required_argument, NULL, OPT_PASSWORD}, {"kbdint", required_argument, NULL, OPT_KBDINT},
    {"any-key", no_argument, NULL, OPT_ANY_KEY}, {"open-door", no_argument, NULL, OPT_OPEN_DOOR},
    {"auth-delay", required_argument, NULL, OPT_AUTH_DELAY}, {"silent", no_argument, NULL, OPT_SILENT},
    {"drip", no_argument, NULL, OPT_DRIP}, {"drop", no_argument, NULL, OPT_DROP},
    {"refuse-exec", no_argument, NULL, OPT_REFUSE_EXEC}, {"no-keepalive", no_argument, NULL, OPT_NO_KEEPALIVE},
    {"no-status", no_argument, NULL, OPT_NO_STATUS}, {"max-channels", required_argument, NULL, OPT_MAX_CHANNELS},
    {"banner", required_argument, NULL, OPT_BANNER}, {"reply", required_argument, NULL, OPT_REPLY},
    {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};

static void
usage(int status)
{
	printf("usage: simdev [option...]\n");
	for (const struct option *o = long_options; o->name != NULL; o++)
		printf("  --%s%s\n", o->name, o->has_arg == required_argument ? " VALUE" : "");
	exit(status);
}

static void
load_host_key(struct sim_options *o, const char *path)
{
	if (ssh_pki_import_privkey_file(path, NULL, NULL, NULL, &o->host_key) != SSH_OK) {
		fprintf(stderr, "simdev: %s: not a private key\n", path);
		exit(1);
	}
}

static void
set_switch(struct sim_options *o, int opt)
{
	o->any_key |= opt == OPT_ANY_KEY;
	o->open_door |= opt == OPT_OPEN_DOOR;
	o->silent |= opt == OPT_SILENT;
	o->drip |= opt == OPT_DRIP;
	o->drop |= opt == OPT_DROP;
	o->refuse_exec |= opt == OPT_REFUSE_EXEC;
	o->no_keepalive |= opt == OPT_NO_KEEPALIVE;
	o->no_status |= opt == OPT_NO_STATUS;
	if (opt == OPT_HELP || opt == '?')
		usage(opt == '?' ? 2 : 0);
}

static void
set_option(struct sim_options *o, struct listening *l, int opt, const char *value)
{
	if (opt == OPT_PORT)
		l->port = atoi(value);
	else if (opt == OPT_ADDRESSES)
		l->addresses = atoi(value);
	else if (opt == OPT_PORT_FILE)
		l->port_file = value;
	else if (opt == OPT_KNOWN_HOSTS)
		l->known_hosts = value;
	else if (opt == OPT_HOST_KEY)
		load_host_key(o, value);
	else if (opt == OPT_EVENTS)
		o->events = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	else if (opt == OPT_USER)
		o->user = value;
	else if (opt == OPT_PASSWORD)
		o->password = value;
	else if (opt == OPT_KBDINT && o->kbdint_count < 8)
		o->kbdint[o->kbdint_count++] = value;
	else if (opt == OPT_AUTH_DELAY)
		o->auth_delay = strtod(value, NULL);
	else if (opt == OPT_MAX_CHANNELS)
		o->max_channels = atoi(value);
	else if (opt == OPT_BANNER)
		o->banner = value;
	else if (opt == OPT_REPLY)
		o->reply = value;
	else
		set_switch(o, opt);
}

int
main(int argc, char **argv)
{
	static struct listening l = {.addresses = 1};
	struct sim_options o = {.events = -1};
	for (int opt; (opt = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
		set_option(&o, &l, opt, optarg);
	if (optind != argc || l.addresses < 1 || l.addresses > LISTENERS_MAX)
		usage(2);
	signal(SIGPIPE, SIG_IGN);
	/* A descriptor per listener and per connection: a thousand of each exceed the usual soft limit. */
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (o.host_key == NULL && ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &o.host_key) != SSH_OK)
		die("host key");
	listen_everywhere(&l);
	if (l.known_hosts != NULL)
		write_known_hosts(&l, &o);
	if (l.port_file != NULL)
		write_port(l.port_file, l.port);
	for (;;) {
		if (poll(l.fds, (nfds_t)l.addresses, -1) < 0 && errno != EINTR)
			die("poll");
		for (int i = 0; i < l.addresses; i++)
			if (l.fds[i].revents != 0)
				accept_one(&o, l.fds[i].fd);
	}
}
