/*
 * nprpc [-S SOCKET] [-t SECONDS] [-d FILE]: an arbitrary client of the broker, for end-to-end tests.
 *
 * Every line of standard input is sent as the JSON of one frame, just as it is; every received frame is printed as one
 * line, its attached data as a line "#data SIZE TEXT" behind it (and appended to FILE, raw).  At the end of the input
 * it waits for the answers still due.  Lines beginning with "!" are instructions:
 *
 *   !data TEXT       attach TEXT (\n, \\, \xHH understood) to the next frame      !data-size N   attach N times 'x'
 *   !header JSON DATA  send a bare header with these two sizes                    !raw HEX       send these bytes
 *   !part N          of the next frame send only the first N bytes                !bytewise      from now on byte by
 * byte !wait TEXT       print what arrives until a frame's JSON contains TEXT        !deaf SECONDS  read nothing for so
 * long !half            no more is sent: shutdown(2)                                 !close         end at once !eof
 * wait until the broker closes the connection                  !hold          read nothing until killed
 *
 * Exit status: 0; 2 usage; 3 nothing more came within SECONDS; 4 the broker closed early ("#closed" is printed).
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "kit/slow.h"

enum { EXIT_USAGE = 2, EXIT_LATE = 3, EXIT_CLOSED = 4 };

struct client {
	int fd;
	struct buf in;
	struct buf attach; /* data of the next frame */
	size_t part;       /* bytes of the next frame to send, 0 = all */
	bool bytewise;     /* one write(2) a byte */
	bool deaf;         /* nothing is read while sending */
	bool closed;       /* the broker has closed the connection */
	int due;           /* requests not answered */
	double limit;      /* seconds without anything arriving */
	FILE *data;        /* -d */
};

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
die(int status, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "nprpc: %s\n", what);
	exit(status);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		die(1, strerror(errno));
	return fd;
}

static void
print_frame(struct client *c, const struct frame *frame)
{
	struct message m;
	struct np_error err;
	printf("%.*s\n", (int)frame->json_size, frame->json);
	if (message_parse(frame->json, frame->json_size, &m, &err) < 0)
		printf("#not a message: %s\n", err.text);
	else {
		if ((m.kind == MESSAGE_RESULT || m.kind == MESSAGE_ERROR) && m.id.kind != MESSAGE_ID_NULL)
			c->due--;
		message_finish(&m);
	}
	if (frame->data_size > 0) {
		char *text = text_vis(frame->data, frame->data_size < 200 ? frame->data_size : 200, false);
		printf("#data %zu %s\n", frame->data_size, text);
		free(text);
		if (c->data != NULL)
			fwrite(frame->data, 1, frame->data_size, c->data);
	}
}

/* Prints the frames that are there; true when one of them contains text. */
static bool
take_frames(struct client *c, const char *text)
{
	struct frame frame;
	struct np_error err;
	bool found = false;
	while (!found) {
		switch (frame_peek(buf_head(&c->in), c->in.len, &frame, &err)) {
		case FRAME_MORE:
			return false;
		case FRAME_BAD:
			die(1, err.text);
			return false;
		case FRAME_READY:
			break;
		}
		print_frame(c, &frame);
		found = text != NULL && memmem(frame.json, frame.json_size, text, strlen(text)) != NULL;
		buf_consume(&c->in, frame.total);
	}
	return found;
}

/* One read(2) when something comes in time; exits when nothing does. */
static void
receive(struct client *c)
{
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
	int rc = poll(&pfd, 1, (int)(c->limit * 1000));
	if (rc == 0)
		die(EXIT_LATE, "nothing came in time");
	uint8_t *room = buf_reserve(&c->in, 65536);
	if (room == NULL)
		die(1, "the broker's frame is too large");
	ssize_t n = read(c->fd, room, 65536);
	if (n > 0)
		buf_commit(&c->in, (size_t)n);
	else if (n == 0 || errno != EINTR)
		c->closed = true;
}

static void
wait_for_text(struct client *c, const char *text)
{
	while (!take_frames(c, text)) {
		if (c->closed) {
			printf("#closed\n");
			die(EXIT_CLOSED, "the broker closed the connection");
		}
		receive(c);
	}
}

static void
wait_for_eof(struct client *c)
{
	while (!c->closed) {
		take_frames(c, NULL);
		receive(c);
	}
	take_frames(c, NULL);
	printf("#closed\n");
}

/* Writes all of it; meanwhile what arrives is taken, so that two full sockets cannot stop each other. */
static void
send_bytes(struct client *c, const uint8_t *p, size_t n)
{
	while (n > 0 && !c->closed) {
		struct pollfd pfd = {.fd = c->fd, .events = c->deaf ? POLLOUT : POLLIN | POLLOUT};
		if (poll(&pfd, 1, (int)(c->limit * 1000)) == 0)
			die(EXIT_LATE, "the broker does not read");
		if (pfd.revents & POLLIN) {
			receive(c);
			take_frames(c, NULL);
		}
		if ((pfd.revents & POLLOUT) == 0)
			continue;
		ssize_t sent = send(c->fd, p, c->bytewise ? 1 : n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return; /* closed: what the broker still said is read by the next wait */
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
	}
}

static void
send_frame(struct client *c, const char *json)
{
	struct buf out;
	struct message m;
	struct np_error err;
	buf_init(&out, FRAME_SIZE_MAX);
	if (frame_append(&out, json, strlen(json), buf_head(&c->attach), c->attach.len) < 0)
		die(EXIT_USAGE, "the line does not fit a frame");
	if (message_parse(json, strlen(json), &m, &err) == 0) {
		if (m.kind == MESSAGE_REQUEST)
			c->due++;
		message_finish(&m);
	}
	send_bytes(c, buf_head(&out), c->part > 0 && c->part < out.len ? c->part : out.len);
	c->part = 0;
	buf_consume(&c->attach, c->attach.len);
	buf_free(&out);
}

static void
send_header(struct client *c, const char *sizes)
{
	unsigned long json, data;
	struct buf out;
	buf_init(&out, FRAME_HEADER_SIZE);
	if (sscanf(sizes, "%lu %lu", &json, &data) != 2 || buf_append_u32(&out, (uint32_t)json) < 0 ||
	    buf_append_u32(&out, (uint32_t)data) < 0)
		die(EXIT_USAGE, "!header JSON DATA");
	send_bytes(c, buf_head(&out), out.len);
	buf_free(&out);
}

static void
send_hex(struct client *c, const char *hex)
{
	unsigned byte;
	for (; sscanf(hex, " %2x", &byte) == 1; hex += 2) {
		uint8_t b = (uint8_t)byte;
		send_bytes(c, &b, 1);
		hex += strspn(hex, " ");
	}
}

static void
attach_text(struct client *c, const char *text)
{
	while (*text != '\0') {
		unsigned byte = (unsigned char)*text++;
		if (byte == '\\' && *text == 'n') {
			byte = '\n';
			text++;
		} else if (byte == '\\' && *text == 'x' && sscanf(text + 1, "%2x", &byte) == 1)
			text += 3;
		else if (byte == '\\' && *text == '\\')
			text++;
		uint8_t b = (uint8_t)byte;
		if (buf_append(&c->attach, &b, 1) < 0)
			die(EXIT_USAGE, "!data: too long");
	}
}

static void
attach_size(struct client *c, const char *number)
{
	size_t n = strtoul(number, NULL, 10);
	uint8_t *room = buf_reserve(&c->attach, n);
	if (room == NULL)
		die(EXIT_USAGE, "!data-size: too long");
	memset(room, 'x', n);
	buf_commit(&c->attach, n);
}

static void
be_deaf(const char *seconds)
{
	double until = now() + strtod(seconds, NULL);
	for (double left = until - now(); left > 0; left = until - now())
		poll(NULL, 0, (int)(left * 1000) + 1);
}

static void
instruct(struct client *c, char *line)
{
	char *argument = strchr(line, ' ');
	if (argument != NULL)
		*argument++ = '\0';
	else
		argument = line + strlen(line);
	if (strcmp(line, "data") == 0)
		attach_text(c, argument);
	else if (strcmp(line, "data-size") == 0)
		attach_size(c, argument);
	else if (strcmp(line, "header") == 0)
		send_header(c, argument);
	else if (strcmp(line, "raw") == 0)
		send_hex(c, argument);
	else if (strcmp(line, "part") == 0)
		c->part = strtoul(argument, NULL, 10);
	else if (strcmp(line, "bytewise") == 0)
		c->bytewise = true;
	else if (strcmp(line, "wait") == 0)
		wait_for_text(c, argument);
	else if (strcmp(line, "deaf") == 0)
		be_deaf(argument);
	else if (strcmp(line, "noread") == 0)
		c->deaf = true;
	else if (strcmp(line, "half") == 0)
		shutdown(c->fd, SHUT_WR);
	else if (strcmp(line, "eof") == 0)
		wait_for_eof(c);
	else if (strcmp(line, "hold") == 0)
		pause();
	else if (strcmp(line, "close") == 0)
		exit(0);
	else
		die(EXIT_USAGE, "unknown instruction");
	fflush(stdout);
}

static void
finish(struct client *c)
{
	take_frames(c, NULL);
	while (c->due > 0 && !c->closed) {
		receive(c);
		take_frames(c, NULL);
	}
	if (c->due > 0) {
		printf("#closed\n");
		die(EXIT_CLOSED, "the broker closed the connection");
	}
}

int
main(int argc, char **argv)
{
	struct client c = {.limit = slow(20)};
	const char *socket_path = NULL;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct np_error err;
	for (int opt; (opt = getopt(argc, argv, "S:t:d:")) != -1;) {
		if (opt == 'S')
			socket_path = optarg;
		else if (opt == 't')
			c.limit = slow(strtod(optarg, NULL));
		else if (opt != 'd' || (c.data = fopen(optarg, "ae")) == NULL)
			die(EXIT_USAGE, "usage: nprpc [-S SOCKET] [-t SECONDS] [-d FILE] <LINES");
	}
	if (paths_socket(socket_path, path, sizeof(path), &err) < 0)
		die(EXIT_USAGE, err.text);
	setvbuf(stdout, NULL, _IOLBF, 0);
	buf_init(&c.in, FRAME_SIZE_MAX + 65536);
	buf_init(&c.attach, 4 * FRAME_DATA_MAX);
	c.fd = connect_to(path);

	char *line = NULL;
	size_t size = 0;
	for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (line[0] == '!')
			instruct(&c, line + 1);
		else if (line[0] != '\0')
			send_frame(&c, line);
	}
	finish(&c);
	free(line);
	buf_free(&c.in);
	buf_free(&c.attach);
	if (c.data != NULL)
		fclose(c.data);
	close(c.fd);
	return 0;
}
