/* The mux door with clients as they are, a broker that says what the test wants, and an ssh that is written by hand. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "base/xalloc.h"
#include "broker/client/answer.h"
#include "broker/door/door.h"
#include "broker/door/escape.h"
#include "kit/confkit.h"
#include "kit/drive.h"
#include "wire/mux.h"

struct world {
	struct ev_loop *loop;
	struct clients *clients;
	struct client *client;
	struct doors *doors;
	struct answer answer;
	char folder[64];
	int fd;               /* ssh's connection */
	int files[3];         /* what it lends: the ends that we keep */
	struct buf got;       /* from the door */
	char said[4096];      /* to the broker: METHOD DATA, */
	struct message_id id; /* of the last request */
	int left;
	bool begins; /* a command begins as it is asked for */
	bool closed;
	bool tty; /* what is asked for has a terminal */
};

/* ---- the broker ---- */

static void
on_cancel(struct answer *a)
{
	answer_cancelled(a, "cancelled by the client");
}

static void
on_answer_left(struct answer *a NP_UNUSED)
{
}

static const struct answer_ops answer_ops = {.kind = ANSWER_REQUEST, .cancel = on_cancel, .left = on_answer_left};

static void
on_frame(struct client *client, const struct frame *frame, void *arg)
{
	struct world *w = arg;
	struct message m;
	struct np_error err;
	size_t len = strlen(w->said);

	assert_int_equal(message_parse(frame->json, frame->json_size, &m, &err), 0);
	snprintf(w->said + len, sizeof(w->said) - len, "%s %.*s,", m.method, (int)frame->data_size,
	    frame->data != NULL ? (const char *)frame->data : "");
	if (m.kind == MESSAGE_REQUEST && strcmp(m.method, "exec") == 0) {
		answer_begin(&w->answer, client, &m.id, &answer_ops);
		if (w->begins)
			client_begins(client, &m.id);
	} else if (strcmp(m.method, "cancel") == 0 || strcmp(m.method, "signal") == 0) {
		answer_cancel(&w->answer);
	}
	message_finish(&m);
}

static void
on_client_left(struct client *client NP_UNUSED, void *arg)
{
	struct world *w = arg;

	w->left++;
	w->client = NULL;
}

static const struct client_events client_callbacks = {.frame = on_frame, .left = on_client_left};

static struct client *
on_comes(uid_t uid, pid_t pid, const struct client_end *end, void *at, void *arg)
{
	struct world *w = arg;

	w->client = clients_admit(w->clients, 9, uid, pid, end, at);
	client_hello(w->client);
	return w->client;
}

static void
on_refused(uid_t uid NP_UNUSED, pid_t pid NP_UNUSED, void *arg NP_UNUSED)
{
}

static const struct door_events door_callbacks = {.comes = on_comes, .refused = on_refused};

static void
notify(struct world *w, const char *method)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddItemToObject(params, "id", message_id_to_json(&w->answer.id));
	cJSON_AddNumberToObject(params, "bytes", 1000);
	cJSON_AddNumberToObject(params, "prompt_id", 3);
	client_notify(w->client, method, params);
}

static void
send_stream(struct world *w, const char *method, const char *text)
{
	char head[64];

	snprintf(head, sizeof(head), "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"id\":1}}", method);
	client_stream(w->client, head, text, strlen(text));
}

static void
exits(struct world *w, int status)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddNumberToObject(result, "exit_status", status);
	answer_result(&w->answer, result);
}

/* By the server, once the command was sent, or before. */
static void
refused(struct world *w, bool sent)
{
	struct np_error err = {.reason = REASON_EXEC_REFUSED, .text = "no"};
	cJSON *result = cJSON_CreateObject();

	if (!sent)
		cJSON_AddFalseToObject(result, "sent");
	cJSON_AddItemToObject(result, "error", message_error_object(&err, NULL));
	answer_result(&w->answer, result);
}

static void
fails(struct world *w, enum np_reason reason)
{
	struct np_error err;

	error_set(&err, reason, "so it is");
	answer_error(&w->answer, &err, NULL);
}

/* ---- the world ---- */

static void
follow(struct world *w, const char *text)
{
	struct np_error err;
	struct config *config = config_parse(text, strlen(text), "test", &err);

	assert_non_null(config);
	doors_follow(w->doors, config);
	config_unref(config);
}

static int
connect_to(struct world *w, const char *device)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/mux/%s", w->folder, device);
	if (connect(fd, (const struct sockaddr *)(const void *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	char socket_path[80];

	signal(SIGPIPE, SIG_IGN);
	snprintf(w->folder, sizeof(w->folder), "/tmp/np-doorXXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(socket_path, sizeof(socket_path), "%s/s", w->folder);
	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->clients = clients_create(w->loop, &client_callbacks, w);
	w->doors = doors_create(w->loop, socket_path, &door_callbacks, w);
	follow(w, "devices: {r1: {}, r2: {}, a/b: {host: h}}");
	w->fd = connect_to(w, "r1");
	assert_true(w->fd >= 0);
	w->begins = true;
	buf_init(&w->got, 1 << 20);
	for (int i = 0; i < 3; i++)
		w->files[i] = -1;
	*state = w;
	return 0;
}

static bool
nobody_is_there(void *arg)
{
	struct world *w = arg;

	return clients_count(w->clients) == 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	close(w->fd);
	for (int i = 0; i < 3; i++)
		if (w->files[i] >= 0)
			close(w->files[i]);
	assert_true(drive_until(w->loop, nobody_is_there, w));
	doors_destroy(w->doors);
	clients_destroy(w->clients);
	ev_loop_destroy(w->loop);
	buf_free(&w->got);
	assert_int_equal(rmdir(w->folder), 0); /* nothing is left */
	free(w);
	return 0;
}

/* ---- ssh ---- */

static void
say_bytes(struct world *w, const void *p, size_t n)
{
	assert_int_equal(send(w->fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void
say(struct world *w, uint32_t type, const char *body, size_t size)
{
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(buf_append_u32(&b, (uint32_t)(4 + size)), 0);
	assert_int_equal(buf_append_u32(&b, type), 0);
	assert_int_equal(buf_append(&b, body, size), 0);
	say_bytes(w, buf_head(&b), b.len);
	buf_free(&b);
}

static bool
has_answer(void *arg)
{
	struct world *w = arg;
	uint8_t bytes[4096];
	ssize_t n = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0)
		assert_int_equal(buf_append(&w->got, bytes, (size_t)n), 0);
	w->closed |= n == 0;
	return w->got.len >= 8 || w->closed;
}

/* The next message of the door: its type, or 0 when the connection has ended; *number is what stands behind. */
static uint32_t
answer(struct world *w, uint32_t *first, uint32_t *second)
{
	const uint8_t *p;
	uint32_t words[4] = {0};
	size_t size;

	assert_true(drive_until(w->loop, has_answer, w));
	if (w->got.len < 8)
		return 0;
	p = buf_head(&w->got);
	for (size_t i = 0; i < 4 && i * 4 < w->got.len; i++)
		words[i] = (uint32_t)p[i * 4] << 24 | (uint32_t)p[i * 4 + 1] << 16 | (uint32_t)p[i * 4 + 2] << 8 |
			   p[i * 4 + 3];
	size = words[0] + 4;
	assert_true(size <= w->got.len);
	buf_consume(&w->got, size);
	if (first != NULL)
		*first = words[2];
	if (second != NULL)
		*second = words[3];
	return words[1];
}

static void
lend(struct world *w, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(w->fd, &msg, MSG_NOSIGNAL), 1);
}

static void
greet(struct world *w)
{
	assert_int_equal(answer(w, NULL, NULL), MUX_HELLO);
	say(w, MUX_HELLO, "\0\0\0\4", 4);
}

/* A session of `ls`, with pipes as its streams. */
static void
ask(struct world *w, bool agent)
{
	char body[40] = "\0\0\0\7"
			"\0\0\0\0"
			"\0\0\0\0"
			"\0\0\0\0"
			"\0\0\0\0"
			"\0\0\0\0"
			"\377\377\377\377"
			"\0\0\0\0"
			"\0\0\0\2ls";
	int ends[2];

	body[19] = agent;
	body[11] = w->tty;
	say(w, MUX_NEW_SESSION, body, 38);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe(ends), 0);
		lend(w, ends[i != 0]);
		close(ends[i != 0]);
		w->files[i] = ends[i == 0];
	}
}

static void
opened(struct world *w)
{
	uint32_t id;

	assert_int_equal(answer(w, &id, NULL), MUX_SESSION_OPENED);
	assert_int_equal(id, 7);
}

static void
ends_with(struct world *w, uint32_t status)
{
	uint32_t got;

	assert_int_equal(answer(w, NULL, &got), MUX_EXIT);
	assert_int_equal(got, status);
	assert_int_equal(answer(w, NULL, NULL), 0);
}

static void
read_stream(struct world *w, int which, const char *wanted)
{
	char text[256] = "";

	assert_true(read(w->files[which], text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, wanted);
}

static bool
was_said(void *arg)
{
	struct world *w = arg;

	return strstr(w->said, "cancel") != NULL || strstr(w->said, "signal") != NULL || strstr(w->said, "eof") != NULL;
}

/* ---- tests ---- */

static void
test_session_is_opened_when_its_command_begins_and_no_earlier(void **state)
{
	struct world *w = *state;

	w->begins = false;
	greet(w);
	ask(w, false);
	while (strstr(w->said, "exec") == NULL)
		drive_turns(w->loop, 1);
	drive_turns(w->loop, 5);
	assert_false(has_answer(w));
	client_begins(w->client, &w->answer.id);
	opened(w);
	send_stream(w, "stdout", "out\n");
	send_stream(w, "stderr", "err\n");
	exits(w, 5);
	ends_with(w, 5);
	read_stream(w, 1, "out\n");
	read_stream(w, 2, "err\n");
}

static void
test_standard_input_follows_its_credit(void **state)
{
	struct world *w = *state;

	greet(w);
	ask(w, false);
	opened(w);
	assert_int_equal(write(w->files[0], "typed", 5), 5);
	drive_turns(w->loop, 5);
	assert_null(strstr(w->said, "stdin"));
	notify(w, "credit");
	close(w->files[0]);
	w->files[0] = -1;
	assert_true(drive_until(w->loop, was_said, w));
	assert_non_null(strstr(w->said, "stdin typed,eof"));
	exits(w, 0);
	ends_with(w, 0);
}

static void
test_before_it_begins_ssh_may_go_by_itself_and_afterwards_never(void **state)
{
	static const struct {
		enum np_reason reason;
		bool begun, direct;
	} cases[] = {
	    {REASON_CONNECT_FAILED, false, true},
	    {REASON_HOST_KEY_CHANGED, false, true},
	    {REASON_AUTH_FAILED, false, false},
	    {REASON_AUTH_BACKOFF, false, false},
	    {REASON_DISABLED, false, false},
	    {REASON_QUEUE_FULL, false, false},
	    {REASON_CONNECT_FAILED, true, false},
	    {REASON_OUTCOME_UNKNOWN, true, false},
	    {REASON_EXEC_REFUSED, true, false},
	};
	struct world *w = *state;
	char line[64];

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		w->begins = cases[i].begun;
		w->said[0] = '\0';
		greet(w);
		ask(w, false);
		while (strstr(w->said, "exec") == NULL)
			drive_turns(w->loop, 1);
		fails(w, cases[i].reason);
		if (cases[i].direct) {
			assert_int_equal(answer(w, NULL, NULL), MUX_FAILURE);
		} else {
			opened(w);
			ends_with(w, 255);
			if (cases[i].reason == REASON_EXEC_REFUSED) /* ssh's own words */
				snprintf(line, sizeof(line), "exec request failed on channel 0\r\n");
			else
				snprintf(
				    line, sizeof(line), "netpulsed: r1: %s: so it is\n", reason_name(cases[i].reason));
			read_stream(w, 2, line);
		}
		for (int k = 0; k < 3; k++)
			close(w->files[k]);
		close(w->fd);
		assert_true(drive_until(w->loop, nobody_is_there, w));
		w->fd = connect_to(w, "r1");
		w->closed = false;
		w->files[0] = w->files[1] = w->files[2] = -1;
	}
}

/* What the jump host says counts, and where that is not known, nobody goes round it. */
static void
test_the_reason_of_a_jump_host_decides(void **state)
{
	static const struct {
		enum np_reason cause;
		bool direct;
	} cases[] = {{REASON_CONNECT_FAILED, true}, {REASON_AUTH_FAILED, false}, {REASON_NONE, false}};
	struct world *w = *state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct np_error err = {.reason = REASON_JUMP_FAILED, .cause = cases[i].cause, .text = "no"};
		w->begins = false;
		w->said[0] = '\0';
		greet(w);
		ask(w, false);
		while (strstr(w->said, "exec") == NULL)
			drive_turns(w->loop, 1);
		answer_error(&w->answer, &err, NULL);
		assert_int_equal(answer(w, NULL, NULL), cases[i].direct ? MUX_FAILURE : MUX_SESSION_OPENED);
		for (int k = 0; k < 3; k++)
			close(w->files[k]);
		close(w->fd);
		assert_true(drive_until(w->loop, nobody_is_there, w));
		w->fd = connect_to(w, "r1");
		w->closed = false;
		buf_consume(&w->got, w->got.len);
		w->files[0] = w->files[1] = w->files[2] = -1;
	}
}

/* Only where it was the terminal that was refused it is asked for again. */
static void
test_a_refused_command_is_not_sent_again(void **state)
{
	struct world *w = *state;

	w->tty = true;
	greet(w);
	ask(w, false);
	opened(w);
	w->said[0] = '\0';
	refused(w, true);
	ends_with(w, 255);
	assert_null(strstr(w->said, "exec"));
}

static void
test_a_refused_terminal_is_done_without(void **state)
{
	struct world *w = *state;

	w->tty = true;
	greet(w);
	ask(w, false);
	opened(w);
	w->said[0] = '\0';
	refused(w, false);
	assert_int_equal(answer(w, NULL, NULL), MUX_TTY_ALLOC_FAIL);
	while (strstr(w->said, "exec") == NULL)
		drive_turns(w->loop, 1);
}

static void
test_what_needs_a_person_or_an_agent_goes_by_itself(void **state)
{
	struct world *w = *state;

	w->begins = false;
	greet(w);
	ask(w, true);
	assert_int_equal(answer(w, NULL, NULL), MUX_FAILURE);
	assert_string_equal(w->said, "");
	for (int i = 0; i < 3; i++)
		close(w->files[i]);
	ask(w, false);
	while (strstr(w->said, "exec") == NULL)
		drive_turns(w->loop, 1);
	notify(w, "prompt");
	assert_int_equal(answer(w, NULL, NULL), MUX_FAILURE);
	assert_true(drive_until(w->loop, was_said, w));
}

static void
test_a_reader_that_leaves_is_told_at_the_first_byte_lost(void **state)
{
	struct world *w = *state;

	greet(w);
	ask(w, false);
	opened(w);
	close(w->files[1]);
	w->files[1] = -1;
	drive_turns(w->loop, 5);
	assert_null(strstr(w->said, "signal"));
	send_stream(w, "stdout", "lost");
	assert_null(strstr(w->said, "signal")); /* not while the broker speaks */
	assert_true(drive_until(w->loop, was_said, w));
	ends_with(w, 255);
	read_stream(w, 2, ""); /* nothing is said of it */
}

static void
test_a_slow_reader_holds_the_stream_and_loses_nothing(void **state)
{
	struct world *w = *state;
	char chunk[4096], text[65536];
	size_t sent = 0, got = 0;
	ssize_t n;

	memset(chunk, 'x', sizeof(chunk));
	greet(w);
	ask(w, false);
	opened(w);
	while (client_room(w->client) >= sizeof(chunk)) {
		client_stream(w->client, "{\"jsonrpc\":\"2.0\",\"method\":\"stdout\",\"params\":{\"id\":1}}", chunk,
		    sizeof(chunk));
		sent += sizeof(chunk);
	}
	assert_in_range(sent, 1024 * 1024, 2 * 1024 * 1024);
	exits(w, 0);
	drive_turns(w->loop, 5);
	assert_false(has_answer(w));
	while (got < sent && (n = read(w->files[1], text, sizeof(text))) > 0) {
		got += (size_t)n;
		drive_turns(w->loop, 3);
	}
	assert_int_equal(got, sent);
	ends_with(w, 0);
}

static void
test_checks_and_ends(void **state)
{
	struct world *w = *state;
	uint32_t id, pid;

	greet(w);
	say(w, MUX_ALIVE_CHECK, "\0\0\0\1", 4);
	assert_int_equal(answer(w, &id, &pid), MUX_ALIVE);
	assert_int_equal(id, 1);
	assert_int_equal(pid, (uint32_t)getpid());
	say(w, MUX_TERMINATE, "\0\0\0\2", 4);
	assert_int_equal(answer(w, &id, NULL), MUX_OK);
	assert_string_equal(w->said, "close ,");
	say(w, 0x1000000f, "\0\0\0\3", 4);
	assert_int_equal(answer(w, &id, NULL), MUX_FAILURE);
	assert_int_equal(id, 3);
}

/* A port that nobody has just now. */
static int
free_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&sin, &size), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static int
connect_to_port(int port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)(const void *)&sin, sizeof(sin)) == 0)
		return fd;
	close(fd);
	return -1;
}

static uint32_t
forward(struct world *w, uint32_t type, bool dynamic, int port)
{
	uint8_t body[29] = {0, 0, 0, 5, 0, 0, 0, dynamic ? 3 : 1, 0, 0, 0, 0, 0, 0, (uint8_t)(port >> 8), (uint8_t)port,
	    0, 0, 0, 5, 'l', 'o', 'c', 'a', 'l', 0, 0, 0, 80};
	uint32_t id, got;

	say(w, type, (const char *)body, sizeof(body));
	got = answer(w, &id, NULL);
	assert_int_equal(id, 5);
	return got;
}

/* One connection: what is asked for, and what passes. */
static void
pass_bytes(struct world *w, int fd, const char *early)
{
	char text[16] = "";

	while (strstr(w->said, "exec") == NULL)
		drive_turns(w->loop, 1);
	notify(w, "credit");
	send_stream(w, "stdout", "hi");
	if (early == NULL) {
		assert_int_equal(read(fd, text, sizeof(text)), 2);
		assert_string_equal(text, "hi");
	}
	assert_int_equal(write(fd, "yo", 2), 2);
	while (strstr(w->said, "stdin yo") == NULL)
		drive_turns(w->loop, 1);
	shutdown(fd, SHUT_WR);
	assert_true(drive_until(w->loop, was_said, w));
	exits(w, 0);
	drive_turns(w->loop, 5);
}

static void
test_connections_to_forwarded_ports_are_clients(void **state)
{
	struct world *w = *state;
	int port = free_port(), fd;

	w->begins = false;
	greet(w);
	assert_int_equal(forward(w, MUX_OPEN_FORWARD, false, port), MUX_OK);
	assert_int_equal(forward(w, MUX_OPEN_FORWARD, false, port), MUX_OK);
	assert_int_equal(forward(w, MUX_OPEN_FORWARD, true, port), MUX_FAILURE);
	assert_int_equal(connect_to_port(port), -1); /* one was refused: it has none */
	assert_int_equal(forward(w, MUX_OPEN_FORWARD, false, port), MUX_OK);
	fd = connect_to_port(port);
	pass_bytes(w, fd, NULL);
	close(fd);
	assert_int_equal(forward(w, MUX_CLOSE_FORWARD, false, port), MUX_OK);
	assert_int_equal(connect_to_port(port), -1);
	assert_int_equal(forward(w, MUX_CLOSE_FORWARD, false, port), MUX_FAILURE);
	doors_close(w->doors); /* the broker ends */
	assert_int_equal(forward(w, MUX_OPEN_FORWARD, false, port), MUX_FAILURE);
}

static void
test_socks_says_where_to_and_may_go_on_at_once(void **state)
{
	static const char request[] = "\5\1\0\5\1\0\3\3web\0\120early ";
	struct world *w = *state;
	int port = free_port(), fd;
	char text[16];

	w->begins = false;
	greet(w);
	assert_int_equal(forward(w, MUX_OPEN_FORWARD, true, port), MUX_OK);
	fd = connect_to_port(port);
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	pass_bytes(w, fd, "early");
	assert_non_null(strstr(w->said, "stdin early ,stdin yo"));
	assert_int_equal(recv(fd, text, 14, MSG_WAITALL), 14);
	assert_memory_equal(text, "\5\0\5\0\0\1\0\0\0\0\0\0hi", 14);
	close(fd);
	fd = connect_to_port(port);
	assert_int_equal(write(fd, "GET /", 5), 5);
	while (recv(fd, text, 1, MSG_DONTWAIT) != 0)
		drive_turns(w->loop, 1);
	close(fd);
	close(w->fd);
	drive_turns(w->loop, 5);
	w->fd = connect_to(w, "r1");
	fd = connect_to_port(port); /* it wanted no session: as after ssh -O forward */
	assert_true(fd >= 0);
	close(fd);
}

/* Each ends its connection, and nothing else. */
static void
test_hostile_clients(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 6; i++) {
		int fds[2];

		if (i > 1)
			greet(w);
		else
			assert_int_equal(answer(w, NULL, NULL), MUX_HELLO);
		switch (i) {
		case 0:
			say(w, MUX_HELLO, "\0\0\0\5", 4);
			break;
		case 1:
			say(w, MUX_NEW_SESSION, "\0\0\0\1", 4);
			break;
		case 2:
			say_bytes(w, "\377\377\377\377", 4);
			break;
		case 3:
			say(w, MUX_NEW_SESSION, "\0\0\0\1", 4);
			break;
		case 4:
			ask(w, false);
			opened(w);
			ask(w, false);
			break;
		case 5:
			assert_int_equal(pipe(fds), 0);
			for (int k = 0; k < 5; k++)
				lend(w, fds[0]);
			close(fds[0]);
			close(fds[1]);
			break;
		}
		assert_int_equal(answer(w, NULL, NULL), 0);
		close(w->fd);
		assert_true(drive_until(w->loop, nobody_is_there, w));
		w->fd = connect_to(w, "r1");
		w->closed = false;
	}
}

static void
test_a_client_that_leaves_at_any_time_leaves_nothing(void **state)
{
	struct world *w = *state;

	greet(w);
	ask(w, false);
	opened(w);
	send_stream(w, "stdout", "x");
	close(w->fd);
	assert_true(drive_until(w->loop, nobody_is_there, w));
	w->fd = connect_to(w, "r1");
	greet(w);
	say_bytes(w, "\0\0\0\100\020", 5);
	close(w->fd);
	drive_turns(w->loop, 5);
	w->fd = connect_to(w, "r1");
}

static void
remove_folder(const struct world *w)
{
	static const char *const names[] = {"r1", "r3", ".ssh", ""};
	char path[96];

	for (size_t i = 0; i < NP_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/mux/%s", w->folder, names[i]);
		assert_int_equal(remove(path), 0);
	}
}

static void
test_sockets_follow_the_configuration(void **state)
{
	struct world *w = *state;
	char path[96];
	struct stat st;
	int fd;

	assert_int_equal(connect_to(w, "a"), -1);
	fd = connect_to(w, "r2");
	assert_true(fd >= 0);
	close(fd);
	follow(w, "devices: {r1: {}, r3: {}}");
	assert_int_equal(connect_to(w, "r2"), -1);
	snprintf(path, sizeof(path), "%s/mux/r3", w->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	unlink(path);
	doors_tick(w->doors);
	fd = connect_to(w, "r3");
	assert_true(fd >= 0);
	close(fd);
	remove_folder(w);
	assert_int_equal(connect_to(w, "r3"), -1);
	doors_tick(w->doors);
	fd = connect_to(w, "r3");
	assert_true(fd >= 0);
	close(fd);
	doors_close(w->doors);
	assert_int_equal(stat(path, &st), -1);
	drive_turns(w->loop, 5);
}

/* Comes to the socket for all; whether it gets further than there. */
static bool
gets_in(struct world *w)
{
	uint32_t type;

	close(w->fd);
	assert_true(drive_until(w->loop, nobody_is_there, w));
	w->fd = connect_to(w, ".ssh");
	assert_true(w->fd >= 0);
	w->said[0] = '\0';
	w->begins = w->closed = false;
	greet(w);
	ask(w, false);
	while (strstr(w->said, "exec") == NULL && w->got.len < 8) {
		drive_turns(w->loop, 1);
		has_answer(w);
	}
	if (strstr(w->said, "exec") == NULL) {
		assert_int_equal(answer(w, NULL, NULL), MUX_FAILURE);
		return false;
	}
	fails(w, REASON_CONNECT_FAILED);
	type = answer(w, NULL, NULL);
	assert_int_equal(type, MUX_FAILURE);
	return true;
}

static void
test_who_was_announced_comes_in_once(void **state)
{
	const struct whither to = {.device = (char *)(uintptr_t) "r9", .ref = (char *)(uintptr_t) "\"r9\""};
	struct world *w = *state;
	struct np_error err;

	assert_false(gets_in(w));
	assert_non_null(doors_announce(w->doors, getpid(), &to, &err));
	assert_true(gets_in(w));
	assert_false(gets_in(w));
	assert_non_null(doors_announce(w->doors, getppid(), &to, &err)); /* another process */
	assert_false(gets_in(w));
	assert_null(doors_announce(w->doors, 0, &to, &err));
	doors_close(w->doors);
	assert_null(doors_announce(w->doors, getpid(), &to, &err));
}

static void
test_escape_character(void **state)
{
	static const struct {
		const char *in, *out;
		enum escape_wish wish;
	} cases[] = {
	    {"abc", "abc", ESCAPE_NONE},
	    {"~~", "~", ESCAPE_NONE},
	    {"~a", "~a", ESCAPE_NONE},
	    {"a~.", "a~.", ESCAPE_NONE},
	    {"a\r~.", "a\r", ESCAPE_END},
	    {"~?x", "", ESCAPE_HELP},
	    {"\r~\r~.", "\r~\r", ESCAPE_END},
	    {"~~.", "~.", ESCAPE_NONE},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct escape e, one;
		enum escape_wish wish = ESCAPE_NONE;
		char out[32], more[4];
		size_t used, n, len = 0;

		escape_init(&e, '~');
		n = escape_filter(&e, cases[i].in, strlen(cases[i].in), out, &used, &wish);
		assert_int_equal(wish, cases[i].wish);
		assert_int_equal(n, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, n);
		escape_init(&one, '~'); /* the same byte by byte */
		wish = ESCAPE_NONE;
		for (const char *p = cases[i].in; *p != '\0' && wish == ESCAPE_NONE; p++) {
			n = escape_filter(&one, p, 1, more, &used, &wish);
			memcpy(out + len, more, n);
			len += n;
		}
		assert_int_equal(wish, cases[i].wish);
		assert_int_equal(len, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_session_is_opened_when_its_command_begins_and_no_earlier, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_standard_input_follows_its_credit, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_before_it_begins_ssh_may_go_by_itself_and_afterwards_never, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_needs_a_person_or_an_agent_goes_by_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_reason_of_a_jump_host_decides, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_refused_command_is_not_sent_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_refused_terminal_is_done_without, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_reader_that_leaves_is_told_at_the_first_byte_lost, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_slow_reader_holds_the_stream_and_loses_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_checks_and_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_connections_to_forwarded_ports_are_clients, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_socks_says_where_to_and_may_go_on_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile_clients, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_client_that_leaves_at_any_time_leaves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sockets_follow_the_configuration, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_who_was_announced_comes_in_once, setup, teardown),
	    cmocka_unit_test(test_escape_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
