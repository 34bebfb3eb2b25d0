/*
 * Rounds over the protocol: one connection, up to six requests at once, each of any kind to any device.  Every request
 * must get one answer, each of its commands one result, and nothing may come behind the answer.  Some rounds end early:
 * the client leaves, closes its half, or reads nothing for a while.
 */
#include "tool/soak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "lib/npclient.h"

#define ASKS 6
#define INPUT_MAX (300 * 1024)
#define PIECE 32768
#define PING_ID 1000

struct ask {
	const char *kind, *method, *where; /* where: the journal's name of who counts */
	cJSON *params;
	struct soak_command commands[SOAK_COMMANDS];
	int count, answers;
	struct buf input;
	bool feeds, fed, windowed;
	double credit;
	double cancel_at; /* 0: never */
};

struct round {
	struct soak *s;
	struct npclient client;
	struct ask asks[ASKS];
	int count, open;
	bool pinged, ended;
};

/* ---- what is asked ---- */

static unsigned
some_lines(struct soak *s)
{
	return soak_random(s, 12) == 0 ? 20000 + soak_random(s, 20000) : soak_random(s, 30);
}

static void
add_limit(struct ask *a, const char *name, double seconds)
{
	cJSON_AddNumberToObject(a->params, name, seconds);
}

/* Bytes of all values behind the token's line, which is what comes back. */
static void
make_input(struct soak *s, struct ask *a, bool with_token)
{
	struct soak_command *c = &a->commands[0];
	if (with_token && buf_printf(&a->input, "%s\n", c->token) < 0)
		abort();
	for (unsigned n = soak_random(s, soak_random(s, 6) == 0 ? INPUT_MAX : 2000); n > 0; n--) {
		uint8_t byte = (uint8_t)soak_random(s, 256);
		if (buf_append(&a->input, &byte, 1) < 0)
			abort();
	}
	if (buf_append(&c->expect, buf_head(&a->input), a->input.len) < 0)
		abort();
	a->feeds = true;
}

static void
add_shell(struct ask *a, const char *what, bool no_stdin)
{
	char *command = xasprintf("echo %s >>~/ran; %s", a->commands[0].token, what);
	cJSON_AddStringToObject(a->params, "command", command);
	if (no_stdin)
		cJSON_AddTrueToObject(a->params, "no_stdin");
	free(command);
}

static void
make_lines(struct soak *s, struct ask *a)
{
	unsigned lines = some_lines(s);
	char *command = soak_shell_lines(&a->commands[0], lines);
	soak_expect_lines(&a->commands[0], lines);
	cJSON_AddStringToObject(a->params, "command", command);
	cJSON_AddTrueToObject(a->params, "no_stdin");
	free(command);
}

static void
make_capture(struct soak *s, struct ask *a)
{
	make_lines(s, a);
	if (a->commands[0].expect.len < 256 * 1024)
		cJSON_AddTrueToObject(a->params, "capture");
}

static void
make_batch(struct soak *s, struct ask *a)
{
	cJSON *commands = cJSON_AddArrayToObject(a->params, "commands");
	for (int i = 0; i < a->count; i++) {
		unsigned lines = soak_random(s, 30);
		char *command = soak_shell_lines(&a->commands[i], lines);
		soak_expect_lines(&a->commands[i], lines);
		cJSON_AddItemToArray(commands, cJSON_CreateString(command));
		free(command);
	}
}

static void
make_stdin(struct soak *s, struct ask *a)
{
	make_input(s, a, false);
	add_shell(a, "exec cat", false);
}

static void
make_pty(struct soak *s NP_UNUSED, struct ask *a)
{
	char *what = xasprintf("echo %s", a->commands[0].token);
	add_shell(a, what, false);
	cJSON_AddTrueToObject(a->params, "pty");
	if (buf_printf(&a->commands[0].expect, "%s\r\n", a->commands[0].token) < 0)
		abort();
	free(what);
}

/* The login shell, which reads what it is to do. */
static void
make_shell(struct soak *s, struct ask *a)
{
	unsigned lines = soak_random(s, 30);
	char *command = soak_shell_lines(&a->commands[0], lines);
	soak_expect_lines(&a->commands[0], lines);
	if (buf_printf(&a->input, "%s\n", command) < 0)
		abort();
	a->feeds = true;
	free(command);
}

static void
make_subsystem(struct soak *s, struct ask *a)
{
	make_input(s, a, true);
	cJSON_AddStringToObject(a->params, "subsystem", "soak");
}

static void
make_connect(struct soak *s, struct ask *a)
{
	char *address = xasprintf("127.0.0.1:%d", s->echo_port);
	make_input(s, a, true);
	cJSON_AddStringToObject(a->params, "connect", address);
	a->where = "echo";
	free(address);
}

static void
make_endless(struct soak *s NP_UNUSED, struct ask *a)
{
	char *what = xasprintf("exec yes %s", a->commands[0].token);
	add_shell(a, what, true);
	add_limit(a, "timeout", 0.3);
	if (buf_printf(&a->commands[0].expect, "%s\n", a->commands[0].token) < 0)
		abort();
	a->commands[0].periodic = true;
	free(what);
}

static void
make_limit(struct soak *s, struct ask *a)
{
	static const char *const limits[] = {"timeout", "first_byte_timeout", "idle_timeout"};
	add_shell(a, "exec sleep 5", true);
	add_limit(a, limits[soak_random(s, 3)], 0.3);
}

static void
make_cancel(struct soak *s, struct ask *a)
{
	add_shell(a, "exec sleep 5", true);
	a->cancel_at = clock_now() + soak_random(s, 500) / 1000.0;
}

static void
make_cli(struct soak *s, struct ask *a)
{
	cJSON *commands = cJSON_AddArrayToObject(a->params, "commands");
	for (int i = 0; i < a->count; i++) {
		unsigned lines = soak_random(s, 8) == 0 ? soak_random(s, 2000) : soak_random(s, 30);
		char *command = xasprintf("sim many %u %s", lines, a->commands[i].token);
		soak_expect_lines(&a->commands[i], lines);
		a->commands[i].prompted = true;
		cJSON_AddItemToArray(commands, cJSON_CreateString(command));
		free(command);
	}
	if (soak_random(s, 5) == 0)
		cJSON_AddTrueToObject(a->params, "prove");
	if (soak_random(s, 8) == 0)
		cJSON_AddTrueToObject(a->params, "enable");
}

static void
make_config(struct soak *s NP_UNUSED, struct ask *a)
{
	a->method = "config";
	for (int i = 0; i < a->count; i++)
		if (buf_printf(&a->input, "soak %s\n", a->commands[i].token) < 0)
			abort();
	a->feeds = true;
}

#define UNIX (1u << SOAK_SSHD | 1u << SOAK_UNIX)
static const struct kind {
	const char *name;
	unsigned weight, types;
	int commands_max;
	void (*make)(struct soak *s, struct ask *a);
} kinds[] = {
    {"exec", 8, UNIX, 1, make_lines},
    {"batch", 4, UNIX, SOAK_COMMANDS, make_batch},
    {"capture", 3, UNIX, 1, make_capture},
    {"stdin", 5, UNIX, 1, make_stdin},
    {"pty", 2, UNIX, 1, make_pty},
    {"shell", 2, UNIX, 1, make_shell},
    {"subsystem", 2, 1u << SOAK_SSHD, 1, make_subsystem},
    {"connect", 3, UNIX, 1, make_connect},
    {"endless", 1, UNIX, 1, make_endless},
    {"limit", 1, UNIX, 1, make_limit},
    {"cancel", 2, UNIX, 1, make_cancel},
    {"cli", 8, 1u << SOAK_CLI, SOAK_COMMANDS, make_cli},
    {"config", 4, 1u << SOAK_CLI, SOAK_COMMANDS, make_config},
    {"dead", 1, 1u << SOAK_DEAD, 1, make_lines},
};

static const struct kind *
pick_kind(struct soak *s)
{
	unsigned sum = 0;
	size_t i;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		sum += kinds[i].weight;
	unsigned at = soak_random(s, sum);
	for (i = 0; at >= kinds[i].weight; i++)
		at -= kinds[i].weight;
	return &kinds[i];
}

static void
ask_init(struct soak *s, struct ask *a, int number)
{
	const struct kind *kind;
	const struct soak_device *device;
	do {
		kind = pick_kind(s);
		device = soak_pick(s, kind->types);
	} while (device == NULL); /* there need not be dead ones */
	memset(a, 0, sizeof(*a));
	a->kind = kind->name;
	a->method = "exec";
	a->where = device->name;
	a->params = cJSON_CreateObject();
	a->count = 1 + (int)soak_random(s, (unsigned)kind->commands_max);
	buf_init(&a->input, SOAK_OUT_MAX);
	s->serial += number > 0;
	for (int i = 0; i < a->count; i++)
		soak_command_init(s, &a->commands[i], i);
	cJSON_AddStringToObject(a->params, "device", device->name);
	if (soak_random(s, 20) == 0)
		cJSON_AddTrueToObject(a->params, "fresh");
	if (soak_random(s, 8) == 0) {
		a->windowed = true;
		cJSON_AddNumberToObject(a->params, "window", 10000);
	}
	if (soak_random(s, 16) == 0)
		a->cancel_at = clock_now() + soak_random(s, 200) / 1000.0;
	kind->make(s, a);
}

/* ---- what comes back ---- */

static const char *
reason_of(const cJSON *error)
{
	const cJSON *data = cJSON_GetObjectItem(error, "data");
	const cJSON *reason = cJSON_GetObjectItem(data != NULL ? data : error, "reason");
	const cJSON *message = cJSON_GetObjectItem(error, "message");
	if (!cJSON_IsString(reason) || !cJSON_IsString(message))
		return "none";
	return soak_reason(reason->valuestring, message->valuestring);
}

static void
command_failed(struct soak_command *c, const char *reason)
{
	c->verdict = soak_judge_reason(reason);
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
}

/* A result, or the response that has its fields. */
static void
command_result(struct soak *s, struct soak_command *c, const struct ask *a, const cJSON *r)
{
	const cJSON *error = cJSON_GetObjectItem(r, "error"), *status = cJSON_GetObjectItem(r, "exit_status");
	const cJSON *outcome = cJSON_GetObjectItem(r, "outcome"), *text = cJSON_GetObjectItem(r, "stdout");
	if (++c->results > 1)
		soak_complain(s, c->token, "%s %s: a second result", a->where, a->kind);
	if (cJSON_IsString(text) && buf_append_str(&c->out, text->valuestring) < 0)
		abort();
	c->verdict = SOAK_ONCE;
	snprintf(c->reason, sizeof(c->reason), "ok");
	if (cJSON_IsString(outcome)) {
		const char *word = outcome->valuestring;
		snprintf(c->reason, sizeof(c->reason), "%s", word);
		if (strcmp(word, "not_run") == 0)
			c->verdict = SOAK_NEVER;
		else if (strcmp(word, "taken") != 0)
			c->verdict = SOAK_MAYBE;
	} else if (error != NULL)
		command_failed(c, reason_of(error));
	else if (cJSON_IsNumber(status) && status->valueint != 0) {
		c->verdict = SOAK_MAYBE;
		snprintf(c->reason, sizeof(c->reason), "status-%d", status->valueint);
	} else if (!cJSON_IsNumber(status) && cJSON_IsString(cJSON_GetObjectItem(r, "exit_signal"))) {
		c->verdict = SOAK_MAYBE;
		snprintf(c->reason, sizeof(c->reason), "signal");
	}
}

static int
int_of(const cJSON *object, const char *name, int missing)
{
	const cJSON *n = cJSON_GetObjectItem(object, name);
	return cJSON_IsNumber(n) ? n->valueint : missing;
}

static void
ask_answered(struct round *r, struct ask *a, const struct message *m)
{
	bool config = strcmp(a->method, "config") == 0;
	if (++a->answers > 1) {
		soak_complain(r->s, a->commands[0].token, "%s %s: a second answer", a->where, a->kind);
		return;
	}
	r->open--;
	for (int i = 0; i < a->count; i++) {
		struct soak_command *c = &a->commands[i];
		if (c->results > 0)
			continue;
		if (m->kind == MESSAGE_ERROR)
			command_failed(c, reason_of(m->error));
		else if (a->count == 1 && !config)
			command_result(r->s, c, a, m->result);
		else
			soak_complain(r->s, c->token, "%s %s: answered without its result", a->where, a->kind);
	}
}

static void
take_output(struct round *r, struct ask *a, struct soak_command *c, bool err, const struct frame *f)
{
	struct buf *b = err ? &c->err : &c->out;
	if (strcmp(a->method, "config") != 0 && buf_append(b, f->data, f->data_size) < 0)
		abort();
	if (c->periodic && b == &c->out && b->len > SOAK_OUT_MAX / 2 &&
	    memcmp(buf_head(b), buf_head(&c->expect), c->expect.len) == 0)
		buf_consume(b, b->len / 2 / c->expect.len * c->expect.len);
	if (a->windowed) {
		cJSON *params = cJSON_CreateObject();
		cJSON_AddNumberToObject(params, "bytes", (double)f->data_size);
		npclient_notify(&r->client, a - r->asks, "credit", params);
	}
}

static void
notified(struct round *r, const struct message *m, const struct frame *f)
{
	int id = int_of(m->params, "id", -1), index = int_of(m->params, "index", 0);
	if (id < 0 || id >= r->count) {
		soak_complain(r->s, "-", "%s for no request", m->method);
		return;
	}
	struct ask *a = &r->asks[id];
	if (a->answers > 0)
		soak_complain(r->s, a->commands[0].token, "%s %s: %s behind the answer", a->where, a->kind, m->method);
	if (index < 0 || index >= a->count)
		soak_complain(r->s, a->commands[0].token, "%s %s: index %d", a->where, a->kind, index);
	else if (strcmp(m->method, "result") == 0)
		for (int last = int_of(m->params, "last", index); index <= last && index < a->count; index++)
			command_result(r->s, &a->commands[index], a, m->params);
	else if (strcmp(m->method, "stdout") == 0 || strcmp(m->method, "stderr") == 0)
		take_output(r, a, &a->commands[index], m->method[3] == 'e', f);
	else if (strcmp(m->method, "credit") == 0)
		a->credit += int_of(m->params, "bytes", 0);
}

static void
received(struct round *r, const struct message *m, const struct frame *f)
{
	if (m->kind == MESSAGE_NOTIFICATION)
		notified(r, m, f);
	else if (m->id.kind == MESSAGE_ID_NUMBER && m->id.number == PING_ID)
		r->ended = true;
	else if (m->id.kind == MESSAGE_ID_NUMBER && m->id.number < r->count)
		ask_answered(r, &r->asks[m->id.number], m);
	else
		soak_complain(r->s, "-", "an answer to no request");
}

static void
feed(struct round *r)
{
	for (int i = 0; i < r->count; i++) {
		struct ask *a = &r->asks[i];
		size_t n = a->input.len < PIECE ? a->input.len : PIECE;
		while (a->feeds && a->answers == 0 && n > 0 && a->credit > 0 && npclient_has_room(&r->client)) {
			n = (double)n < a->credit ? n : (size_t)a->credit;
			npclient_stdin(&r->client, i, buf_head(&a->input), n);
			buf_consume(&a->input, n);
			a->credit -= (double)n;
			n = a->input.len < PIECE ? a->input.len : PIECE;
		}
		if (a->feeds && a->input.len == 0 && !a->fed) {
			npclient_notify(&r->client, i, "eof", NULL);
			a->fed = true;
		}
		if (a->cancel_at > 0 && clock_now() >= a->cancel_at) {
			npclient_notify(&r->client, i, "cancel", NULL);
			a->cancel_at = 0;
		}
	}
}

static double
next_cancel(const struct round *r, double end)
{
	for (int i = 0; i < r->count; i++)
		if (r->asks[i].cancel_at > 0 && r->asks[i].cancel_at < end)
			end = r->asks[i].cancel_at;
	return end;
}

/* Until all is answered, and nothing came behind it; or, leave being set, so long. */
static void
converse(struct round *r, double leave)
{
	double end = clock_now() + r->s->limit;
	struct np_error err;
	while (!r->ended) {
		struct message m;
		struct frame f;
		feed(r);
		if (r->open == 0 && !r->pinged) {
			r->pinged = true;
			if (npclient_request(&r->client, PING_ID, "ping", NULL, &err) < 0)
				abort();
		}
		r->client.until = next_cancel(r, leave > 0 ? leave : end);
		if (npclient_wait(&r->client, &m, &f, &err) == FRAME_READY) {
			received(r, &m, &f);
			npclient_done(&r->client, &m, &f);
		} else if (leave > 0 && (clock_now() >= leave || clock_now() < r->client.until))
			return;
		else if (clock_now() >= end || clock_now() < r->client.until)
			break; /* the connection is over; else it was time to cancel something */
	}
	for (int i = 0; i < r->count && !r->ended; i++)
		if (r->asks[i].answers == 0)
			soak_complain(r->s, r->asks[i].commands[0].token, "%s %s: not answered: %s", r->asks[i].where,
			    r->asks[i].kind, err.text);
}

void
soak_ask_round(struct soak *s)
{
	static struct round r;
	struct np_error err;
	double leave = 0;
	memset(&r, 0, sizeof(r));
	r.s = s;
	r.count = r.open = 1 + (int)soak_random(s, soak_random(s, 3) == 0 ? ASKS : 1);
	if (npclient_init(&r.client, NULL, false, &err) < 0 || npclient_connect(&r.client, &err) < 0) {
		soak_complain(s, "-", "no connection to the broker: %s", err.text);
		s->end = 0;
		return;
	}
	for (int i = 0; i < r.count; i++) {
		ask_init(s, &r.asks[i], i);
		if (npclient_request(&r.client, i, r.asks[i].method, r.asks[i].params, &err) < 0)
			abort();
	}
	switch (soak_random(s, 30)) {
	case 0: /* leaves */
		leave = clock_now() + soak_random(s, 300) / 1000.0;
		break;
	case 1: /* closes its half, which is leaving as well */
		npclient_flush(&r.client);
		shutdown(r.client.fd, SHUT_WR);
		leave = clock_now() + 0.3;
		break;
	case 2: /* reads nothing for a while */
		npclient_flush(&r.client);
		usleep(500000);
		break;
	default:
		break;
	}
	converse(&r, leave);
	npclient_close(&r.client);
	for (int i = 0; i < r.count; i++) {
		struct ask *a = &r.asks[i];
		for (int j = 0; j < a->count; j++) {
			if (a->commands[j].reason[0] == '\0')
				snprintf(a->commands[j].reason, sizeof(a->commands[j].reason), "left");
			soak_command_end(s, &a->commands[j], a->where, a->kind);
			soak_command_free(&a->commands[j]);
		}
		buf_free(&a->input);
	}
}
