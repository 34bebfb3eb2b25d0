/* What the servers of evilssh do: see evilssh.h. */
#include "tool/evilssh.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"

#define MESSAGE_MAX 40000
#define LIFE_SECONDS 40
#define COUNT_MAX 32

/* Numbers that somebody may compute with. */
static const uint32_t numbers[] = {0, 1, 2, 255, 32768, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
#define odd_number(e) numbers[evil_draw(e, NP_COUNT(numbers))]

static const char *
odd_text(struct evil *e)
{
	static const char *const texts[] = {"", "\r\n", "\x1b[2J\x1b]0;x\x07", "%s%n", "\xff\xfe\xc0", "a\nb\nc",
	    "Too many logins", "Password: ", "\xe2\x80\xae", "keepalive@openssh.com", "no such thing",
	    "publickey,password", "none"};
	static char text[30001];

	if (evil_draw(e, 5) > 0)
		return texts[evil_draw(e, NP_COUNT(texts))];
	memset(text, 'A' + (int)evil_draw(e, 26), sizeof(text) - 1);
	text[evil_draw(e, sizeof(text))] = '\0';
	return text;
}

/* One of the client's channels, mostly; else none. */
static uint32_t
some_channel(struct evil *e)
{
	const struct evil_channel *c = &e->channels[evil_draw(e, EVIL_CHANNELS)];

	for (unsigned i = 0; i < EVIL_CHANNELS && !c->used; i++)
		c = &e->channels[i];
	return c->used && evil_draw(e, 6) > 0 ? c->theirs : odd_number(e);
}

/* ---- what no server should say ---- */

static void
send_on(struct evil *e, unsigned type, uint32_t channel)
{
	struct buf b;

	evil_begin(&b, type);
	evil_number(&b, channel);
	evil_send(e, &b);
}

static void
send_data(struct evil *e, uint32_t channel, bool extended, uint32_t kind, const void *p, size_t n)
{
	struct buf b;

	evil_begin(&b, extended ? SSH_EXTENDED_DATA : SSH_DATA);
	evil_number(&b, channel);
	if (extended)
		evil_number(&b, kind);
	evil_bytes(&b, p, n);
	evil_send(e, &b);
}

static void
too_much_data(struct evil *e)
{
	static const char block[32768];
	uint32_t channel = some_channel(e);

	for (unsigned n = 1 + evil_draw(e, 80); n > 0; n--)
		send_data(e, channel, false, 0, block, sizeof(block));
}

static void
global_requests(struct evil *e)
{
	static const char *const names[] = {"keepalive@openssh.com", "hostkeys-00@openssh.com", "tcpip-forward",
	    "cancel-tcpip-forward", "no-more-sessions@openssh.com"};
	struct buf b;

	for (unsigned n = evil_draw(e, 2) ? 1 : 1000; n > 0; n--) {
		evil_begin(&b, SSH_GLOBAL_REQUEST);
		evil_text(&b, evil_draw(e, 8) > 0 ? names[evil_draw(e, NP_COUNT(names))] : odd_text(e));
		evil_byte(&b, evil_draw(e, 2));
		evil_send(e, &b);
	}
}

static void
open_channel(struct evil *e)
{
	static const char *const types[] = {"session", "x11", "auth-agent@openssh.com", "forwarded-tcpip",
	    "direct-tcpip", "forwarded-streamlocal@openssh.com"};
	struct buf b;

	evil_begin(&b, SSH_OPEN);
	evil_text(&b, evil_draw(e, 8) > 0 ? types[evil_draw(e, NP_COUNT(types))] : odd_text(e));
	evil_number(&b, odd_number(e));
	evil_number(&b, odd_number(e));
	evil_number(&b, odd_number(e));
	evil_text(&b, odd_text(e));
	evil_number(&b, odd_number(e));
	evil_text(&b, odd_text(e));
	evil_number(&b, odd_number(e));
	evil_send(e, &b);
}

static void
channel_request(struct evil *e)
{
	static const char *const names[] = {"exit-status", "exit-signal", "keepalive@openssh.com", "eow@openssh.com",
	    "xon-xoff", "signal", "exec", "auth-agent-req@openssh.com"};
	struct buf b;

	evil_begin(&b, SSH_CHANNEL_REQUEST);
	evil_number(&b, some_channel(e));
	evil_text(&b, evil_draw(e, 8) > 0 ? names[evil_draw(e, NP_COUNT(names))] : odd_text(e));
	evil_byte(&b, evil_draw(e, 2));
	if (evil_draw(e, 2))
		evil_number(&b, odd_number(e));
	else
		evil_text(&b, odd_text(e));
	if (evil_draw(e, 2)) {
		evil_byte(&b, evil_draw(e, 2));
		evil_text(&b, odd_text(e));
		evil_text(&b, odd_text(e));
	}
	evil_send(e, &b);
}

static void
leave(struct evil *e)
{
	struct buf b;

	if (evil_draw(e, 3) == 0)
		exit(0);
	evil_begin(&b, SSH_DISCONNECT);
	evil_number(&b, odd_number(e));
	evil_text(&b, odd_text(e));
	evil_text(&b, odd_text(e));
	evil_send(e, &b);
	if (evil_draw(e, 2))
		exit(0);
}

static void
unasked(struct evil *e)
{
	static const uint8_t types[] = {SSH_IGNORE, SSH_UNIMPLEMENTED, SSH_DEBUG, SSH_SERVICE_ACCEPT, SSH_EXT_INFO,
	    SSH_NEWKEYS, SSH_ECDH_REPLY, SSH_AUTH_FAILURE, SSH_AUTH_SUCCESS, SSH_AUTH_BANNER, SSH_AUTH_INFO_REQUEST,
	    SSH_REQUEST_SUCCESS, SSH_REQUEST_FAILURE, SSH_OPEN_CONFIRM, SSH_OPEN_FAILURE, SSH_CHANNEL_SUCCESS,
	    SSH_CHANNEL_FAILURE};
	unsigned type = evil_draw(e, 4) > 0 ? types[evil_draw(e, NP_COUNT(types))] : evil_draw(e, 256);
	struct buf b;

	evil_say(e, "an unasked message %u", type);
	evil_begin(&b, type);
	if (type >= SSH_OPEN_CONFIRM)
		evil_number(&b, some_channel(e));
	for (unsigned n = evil_draw(e, 4); n > 0; n--)
		if (evil_draw(e, 2))
			evil_number(&b, odd_number(e));
		else
			evil_text(&b, odd_text(e));
	evil_send(e, &b);
}

static void
oddity(struct evil *e)
{
	static const char *const words[] = {"a window of any size", "EOF, twice", "CLOSE, twice", "data for whoever",
	    "too much data", "extended data", "global requests", "a channel from here", "a request from here",
	    "it leaves", "new keys", "unasked", "unasked", "unasked", "a pause", "nothing more is sent"};
	unsigned what = evil_draw(e, NP_COUNT(words));
	uint32_t channel = some_channel(e);
	struct buf b;

	evil_say(e, "%s", words[what]);
	switch (what) {
	case 0:
		evil_begin(&b, SSH_WINDOW_ADJUST);
		evil_number(&b, channel);
		evil_number(&b, odd_number(e));
		evil_send(e, &b);
		break;
	case 1:
	case 2:
		send_on(e, what == 1 ? SSH_EOF : SSH_CLOSE, channel);
		send_on(e, what == 1 ? SSH_EOF : SSH_CLOSE, channel);
		break;
	case 3:
		send_data(e, channel, false, 0, "hello", 5);
		break;
	case 4:
		too_much_data(e);
		break;
	case 5:
		send_data(e, channel, true, odd_number(e), "hello", 5);
		break;
	case 6:
		global_requests(e);
		break;
	case 7:
		open_channel(e);
		break;
	case 8:
		channel_request(e);
		break;
	case 9:
		leave(e);
		break;
	case 10:
		evil_ask_keys(e);
		break;
	case 14:
		poll(NULL, 0, (int)evil_draw(e, evil_draw(e, 4) > 0 ? 300 : 4000));
		break;
	case 15:
		shutdown(e->fd, SHUT_WR);
		break;
	default:
		unasked(e);
	}
}

/* ---- what a server does ---- */

static void
say_version(struct evil *e)
{
	static const char *const odd[] = {"SSH-1.99-evil\r\n", "SSH-1.5-evil\r\n", "SSH-2.0-\r\n", "SSH-2.0-evil\n",
	    "SSH-2.0\r\n", "HTTP/1.0 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.9 \x1b[2J\r\n",
	    "\r\n\r\nSSH-2.0-evil\r\n", "SSH-2.0-evil\r\r\n", "SSH-2.0-evil", "Exceeded MaxStartups\r\n",
	    "SSH-2.0-Cisco-1.25\r\n", "SSH-2.0-dropbear_2022.83\r\n"};
	const char *text = "SSH-2.0-evil_1.0\r\n";
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	if (e->rate > 0 && evil_draw(e, 2 * e->rate) == 0) {
		text = odd[evil_draw(e, NP_COUNT(odd))];
		evil_say(e, "an odd identification");
		for (unsigned n = evil_draw(e, evil_draw(e, 3) > 0 ? 3 : 3000); n > 0; n--)
			if (buf_printf(&b, "line %u %s\r\n", n, evil_draw(e, 20) > 0 ? "of words" : odd_text(e)) == -1)
				abort();
		if (evil_draw(e, 10) == 0)
			text = odd_text(e);
	}
	snprintf(e->versions[1], sizeof(e->versions[1]), "%.*s", (int)strcspn(text, "\r\n"), text);
	if (buf_append_str(&b, text) == -1)
		abort();
	evil_write(e, buf_head(&b), b.len);
	buf_free(&b);
}

static void
hear_version(struct evil *e)
{
	size_t n = 0;
	char c = 0;

	while (c != '\n') {
		if (n == sizeof(e->versions[0]) - 1 || recv(e->fd, &c, 1, 0) != 1)
			exit(0);
		e->versions[0][n++] = c;
	}
	e->versions[0][strcspn(e->versions[0], "\r\n")] = '\0';
}

static void
ask_questions(struct evil *e)
{
	unsigned count = evil_draw(e, 4) == 0 ? 1000 : evil_draw(e, 3);
	struct buf b;

	evil_say(e, "%u questions", count);
	evil_begin(&b, SSH_AUTH_INFO_REQUEST);
	evil_text(&b, odd_text(e));
	evil_text(&b, odd_text(e));
	evil_text(&b, "");
	evil_number(&b, evil_draw(e, 8) > 0 ? count : odd_number(e));
	for (; count > 0; count--) {
		evil_text(&b, count % 7 ? "Password: " : "And? ");
		evil_byte(&b, count % 3 == 0);
	}
	evil_send(e, &b);
}

static void
refuse_login(struct evil *e)
{
	static const char *const lists[] = {"password", "keyboard-interactive",
	    "publickey,password,keyboard-interactive", "", "none", "hostbased", ",,,", "password,,password"};
	struct buf b;

	evil_begin(&b, SSH_AUTH_FAILURE);
	evil_text(&b, evil_draw(e, 10) > 0 ? lists[evil_draw(e, NP_COUNT(lists))] : odd_text(e));
	evil_byte(&b, evil_draw(e, 4) == 0); /* a partial success */
	evil_send(e, &b);
}

static void
judge_login(struct evil *e)
{
	struct buf b;
	unsigned what = e->rate > 0 ? evil_draw(e, 12) : 11;

	if (what == 0)
		for (unsigned n = evil_draw(e, 2) ? 1 : 300; n > 0; n--) {
			evil_begin(&b, SSH_AUTH_BANNER);
			evil_text(&b, odd_text(e));
			evil_text(&b, "");
			evil_send(e, &b);
		}
	if (++e->rounds > 60)
		exit(0);
	if (what == 1 || what == 2) {
		refuse_login(e);
	} else if (what == 3) {
		ask_questions(e);
	} else {
		evil_begin(&b, SSH_AUTH_SUCCESS);
		evil_send(e, &b);
		e->in = true;
	}
}

/* What a client's message holds. */
struct reader {
	const uint8_t *p;
	size_t left;
};

static uint32_t
read_number(struct reader *r)
{
	uint32_t value;

	if (r->left < 4)
		exit(0);
	value = (uint32_t)r->p[0] << 24 | (uint32_t)r->p[1] << 16 | (uint32_t)r->p[2] << 8 | r->p[3];
	r->p += 4;
	r->left -= 4;
	return value;
}

static const char *
read_text(struct reader *r, size_t *size)
{
	const char *text;

	*size = read_number(r);
	if (*size > r->left)
		exit(0);
	text = (const char *)r->p;
	r->p += *size;
	r->left -= *size;
	return text;
}

static bool
is_text(const char *text, size_t size, const char *word)
{
	return size == strlen(word) && memcmp(text, word, size) == 0;
}

static void
end_command(struct evil *e, struct evil_channel *c)
{
	struct buf b;

	evil_begin(&b, SSH_CHANNEL_REQUEST);
	evil_number(&b, c->theirs);
	evil_text(&b, "exit-status");
	evil_byte(&b, 0);
	evil_number(&b, evil_draw(e, 10) > 0 ? 0 : odd_number(e));
	evil_send(e, &b);
	send_on(e, SSH_EOF, c->theirs);
	send_on(e, SSH_CLOSE, c->theirs);
	c->runs = false;
}

static void
take_open(struct evil *e, struct reader *r)
{
	struct buf b;
	size_t size;
	unsigned i = 0;
	uint32_t theirs, window;

	(void)read_text(r, &size);
	theirs = read_number(r);
	window = read_number(r);
	while (i < EVIL_CHANNELS && e->channels[i].used)
		i++;
	evil_begin(&b, i < EVIL_CHANNELS ? SSH_OPEN_CONFIRM : SSH_OPEN_FAILURE);
	evil_number(&b, theirs);
	if (i == EVIL_CHANNELS) {
		evil_number(&b, 4);
		evil_text(&b, odd_text(e));
		evil_text(&b, "");
	} else {
		e->channels[i] = (struct evil_channel){.used = true, .theirs = theirs, .window = window};
		evil_number(&b, i);
		evil_number(&b, e->rate > 0 && evil_draw(e, 10) == 0 ? odd_number(e) : 1000000);
		evil_number(&b, e->rate > 0 && evil_draw(e, 10) == 0 ? odd_number(e) : 32768);
	}
	evil_send(e, &b);
}

static void
run_command(struct evil *e, struct evil_channel *c, const char *command, size_t size)
{
	static const char prompt[] = "\r\nsw1#";

	c->runs = true;
	c->echoes = command == NULL || is_text(command, size, "cat");
	if (command == NULL)
		send_data(e, c->theirs, false, 0, prompt, sizeof(prompt) - 1);
	else if (size > 6 && memcmp(command, "flood ", 6) == 0)
		c->left = 1000000;
	else if (!c->echoes) {
		send_data(e, c->theirs, false, 0, command, size < 200 ? size : 200);
		end_command(e, c);
	}
}

static void
take_request(struct evil *e, struct evil_channel *c, struct reader *r)
{
	size_t size, n = 0;
	const char *what = read_text(r, &size), *command = NULL;
	bool runs = is_text(what, size, "exec") || is_text(what, size, "shell") || is_text(what, size, "subsystem");
	bool has_command = runs && !is_text(what, size, "shell");

	if (r->left == 0)
		exit(0);
	if (*r->p++ != 0)
		send_on(e, e->rate > 0 && evil_draw(e, 20) == 0 ? SSH_CHANNEL_FAILURE : SSH_CHANNEL_SUCCESS, c->theirs);
	r->left--;
	if (has_command)
		command = read_text(r, &n);
	if (runs)
		run_command(e, c, command, n);
}

/* A command line shows what is typed, and its prompt behind each line. */
static void
take_data(struct evil *e, struct evil_channel *c, struct reader *r)
{
	size_t size;
	const char *p = read_text(r, &size);
	struct buf b;

	evil_begin(&b, SSH_WINDOW_ADJUST);
	evil_number(&b, c->theirs);
	evil_number(&b, (uint32_t)size);
	evil_send(e, &b);
	if (!c->echoes)
		return;
	send_data(e, c->theirs, false, 0, p, size);
	if (memchr(p, '\r', size) != NULL || memchr(p, '\n', size) != NULL)
		send_data(e, c->theirs, false, 0, "\r\nsw1#", 6);
}

static void
take_channel(struct evil *e, unsigned type, struct reader *r)
{
	uint32_t number = read_number(r);
	struct evil_channel *c = number < EVIL_CHANNELS ? &e->channels[number] : NULL;

	if (c == NULL || !c->used)
		return;
	if (type == SSH_WINDOW_ADJUST)
		c->window += read_number(r);
	else if (type == SSH_DATA)
		take_data(e, c, r);
	else if (type == SSH_EOF && c->runs)
		end_command(e, c);
	else if (type == SSH_CHANNEL_REQUEST)
		take_request(e, c, r);
	else if (type == SSH_CLOSE) {
		if (c->runs)
			send_on(e, SSH_CLOSE, c->theirs);
		c->used = false;
	}
}

static void
take(struct evil *e, const uint8_t *p, size_t n)
{
	struct reader r = {p + 1, n - 1};
	struct buf b;
	size_t size;

	if (evil_take_keys(e, p, n))
		return;
	if (p[0] == SSH_SERVICE_REQUEST) {
		evil_begin(&b, SSH_SERVICE_ACCEPT);
		evil_text(&b, read_text(&r, &size)[0] == 's' ? "ssh-userauth" : "");
		evil_send(e, &b);
	} else if (p[0] == SSH_AUTH_REQUEST || p[0] == SSH_AUTH_INFO_RESPONSE) {
		judge_login(e);
	} else if (p[0] == SSH_OPEN) {
		take_open(e, &r);
	} else if (p[0] == SSH_GLOBAL_REQUEST) {
		(void)read_text(&r, &size);
		evil_begin(&b, SSH_REQUEST_FAILURE);
		if (r.left > 0 && r.p[0] != 0)
			evil_send(e, &b);
		else
			buf_free(&b);
	} else if (p[0] >= SSH_OPEN_CONFIRM && p[0] < SSH_CHANNEL_SUCCESS) {
		take_channel(e, p[0], &r);
	}
}

static void
go_on(struct evil *e)
{
	static const char block[16384];

	for (unsigned i = 0; i < EVIL_CHANNELS; i++) {
		struct evil_channel *c = &e->channels[i];
		size_t n = c->left < sizeof(block) ? (size_t)c->left : sizeof(block);
		if (!c->used || !c->runs || c->left == 0 || c->window < n)
			continue;
		send_data(e, c->theirs, false, 0, block, n);
		c->window -= (uint32_t)n;
		c->left -= n;
		if (c->left == 0)
			end_command(e, c);
	}
}

static void
serve(int fd, EVP_PKEY *host_key, uint64_t seed, unsigned long number)
{
	static const unsigned rates[] = {0, 1, 3, 10, 30};
	static uint8_t message[MESSAGE_MAX];
	struct evil e = {.fd = fd, .number = number, .random = fuzz_seed(seed, number), .host_key = host_key};
	size_t n;

	e.rate = rates[evil_draw(&e, NP_COUNT(rates))];
	buf_init(&e.received, SIZE_MAX / 2);
	buf_init(&e.held, SIZE_MAX / 2);
	buf_init(&e.inits[0], SIZE_MAX / 2);
	buf_init(&e.inits[1], SIZE_MAX / 2);
	alarm(LIFE_SECONDS);
	say_version(&e);
	hear_version(&e);
	evil_ask_keys(&e);
	for (;;) {
		n = evil_receive(&e, message, sizeof(message), 20);
		if (n > 0)
			take(&e, message, n);
		if (e.rate > 0 && (n > 0 || evil_draw(&e, 10) == 0) && evil_draw(&e, (e.in ? 2 : 8) * e.rate) == 0)
			oddity(&e);
		go_on(&e);
	}
}

/* ---- all of them ---- */

static int
listen_anywhere(FILE *ports, FILE *known, const char *key)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, size) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &size) < 0) {
		perror("evilssh: listen");
		exit(1);
	}
	fprintf(ports, "%d\n", ntohs(sin.sin_port));
	fprintf(known, "[127.0.0.1]:%d ssh-ed25519 %s\n", ntohs(sin.sin_port), key);
	return fd;
}

static void
serve_all(struct pollfd *listeners, nfds_t count, EVP_PKEY *host_key, uint64_t seed, unsigned long only)
{
	unsigned long number = 0;

	while (poll(listeners, count, -1) > 0)
		for (nfds_t i = 0; i < count; i++) {
			int fd = listeners[i].revents ? accept4(listeners[i].fd, NULL, NULL, SOCK_CLOEXEC) : -1;
			if (fd == -1)
				continue;
			number++;
			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				serve(fd, host_key, seed, only > 0 ? only : number);
			}
			close(fd);
		}
}

int
main(int argc, char **argv)
{
	struct pollfd listeners[COUNT_MAX];
	int count = argc >= 5 ? atoi(argv[2]) : 0;
	char *new_name, *key;
	FILE *ports, *known;
	EVP_PKEY *host_key;
	struct buf blob;

	if (count < 1 || count > COUNT_MAX) {
		fprintf(stderr, "usage: evilssh SEED COUNT PORTS_FILE KNOWN_HOSTS [CASE]\n");
		return 2;
	}
	signal(SIGCHLD, SIG_IGN);
	host_key = evil_make_key();
	buf_init(&blob, 1000);
	evil_key_blob(host_key, &blob);
	key = text_base64(buf_head(&blob), blob.len);
	new_name = xasprintf("%s.new", argv[3]);
	ports = fopen(new_name, "we");
	known = fopen(argv[4], "ae");
	if (ports == NULL || known == NULL) {
		perror("evilssh");
		return 1;
	}
	for (int i = 0; i < count; i++)
		listeners[i] = (struct pollfd){.fd = listen_anywhere(ports, known, key), .events = POLLIN};
	free(key);
	buf_free(&blob);
	if (fclose(known) != 0 || fclose(ports) != 0 || rename(new_name, argv[3]) < 0)
		return 1;
	free(new_name);
	serve_all(
	    listeners, (nfds_t)count, host_key, strtoull(argv[1], NULL, 10), argc > 5 ? strtoul(argv[5], NULL, 10) : 0);
	return 1;
}
