/*
 * `soak serve`: on free ports of 127.0.0.1, an echo that writes down the first line it gets, and servers that speak no
 * SSH: noise without end, a banner without end, a banner and then noise, silence.  A process a connection.
 */
#include "tool/soak.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ECHO, NOISE, LONG_BANNER, BANNER_AND_NOISE, SILENCE, SERVERS };

static int
listen_anywhere(FILE *ports)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, size) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &size) < 0) {
		perror("soak: listen");
		exit(1);
	}
	fprintf(ports, "%d\n", ntohs(sin.sin_port));
	return fd;
}

static bool
send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent < 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

static void
serve_echo(int fd, int echoed)
{
	char block[16384], *end;
	size_t have = 0;
	ssize_t n;
	/* A line with one write, as others write there. */
	while ((end = memchr(block, '\n', have)) == NULL && have < sizeof(block) &&
	       (n = read(fd, block + have, sizeof(block) - have)) > 0)
		have += (size_t)n;
	if (end == NULL || write(echoed, block, (size_t)(end + 1 - block)) < 0 || !send_all(fd, block, have))
		return;
	while ((n = read(fd, block, sizeof(block))) > 0 && send_all(fd, block, (size_t)n))
		;
}

static void
serve_noise(int fd)
{
	char block[4096];
	int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	while (read(random, block, sizeof(block)) > 0 && send_all(fd, block, sizeof(block)))
		;
}

static void
serve(int what, int fd, int echoed)
{
	static const char banner[] = "SSH-2.0-soak\r\n";
	char block[4096];
	switch (what) {
	case ECHO:
		serve_echo(fd, echoed);
		break;
	case LONG_BANNER:
		memset(block, 'b', sizeof(block));
		while (send_all(fd, block, sizeof(block)))
			;
		break;
	case BANNER_AND_NOISE:
		if (send_all(fd, banner, sizeof(banner) - 1))
			serve_noise(fd);
		break;
	case NOISE:
		serve_noise(fd);
		break;
	default:
		while (read(fd, block, sizeof(block)) > 0)
			;
	}
}

void
soak_serve(const char *ports_file, const char *echoed_file)
{
	struct pollfd listeners[SERVERS];
	char new_name[512];
	int echoed = open(echoed_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	snprintf(new_name, sizeof(new_name), "%s.new", ports_file);
	FILE *ports = fopen(new_name, "we");
	if (ports == NULL || echoed < 0) {
		perror("soak: serve");
		exit(1);
	}
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < SERVERS; i++)
		listeners[i] = (struct pollfd){.fd = listen_anywhere(ports), .events = POLLIN};
	if (fclose(ports) != 0 || rename(new_name, ports_file) < 0)
		exit(1);
	while (poll(listeners, SERVERS, -1) > 0)
		for (int i = 0; i < SERVERS; i++) {
			int fd = listeners[i].revents ? accept4(listeners[i].fd, NULL, NULL, SOCK_CLOEXEC) : -1;
			if (fd >= 0 && fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				serve(i, fd, echoed);
				_exit(0);
			}
			if (fd >= 0)
				close(fd);
		}
	exit(1);
}
