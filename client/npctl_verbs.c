/*
 * The verbs of npctl: a request, its answer, words for people or JSON for programs.
 *
 * Only `open` starts a broker.  It is also the only verb that can meet a question (a password, a host key); it runs its
 * devices at once and asks one question after the other.
 */
#include "npctl.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npclient.h"
#include "npctl_status.h"
#include "npprompt.h"
#include "npsignal.h"
#include "text.h"
#include "xalloc.h"

#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)

struct npctl {
	const struct npctl_options *o;
	struct npclient client;
	struct npprompt prompt;
	int wake_fd;
	int left; /* requests without an answer */
	int status;
};

static void
say_error(struct npctl *c, const char *device, const struct np_error *err)
{
	char shown[256];

	if (device != NULL)
		fprintf(stderr, "npctl: %s: %s: %s\n", text_vis_into(shown, sizeof(shown), device),
		    reason_name(err->reason), err->text);
	else
		fprintf(stderr, "npctl: %s\n", err->text);
	c->status = NPCTL_EXIT_FAILED;
}

static void
print_json(const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	puts(text != NULL ? text : "null");
	cJSON_free(text);
}

static double
number(const cJSON *object, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(member) ? member->valuedouble : 0;
}

/* ---- answers in words ---- */

static void
print_ping(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(result, "version");
	char shown[64], uptime[32];

	printf("netpulsed %s, pid %.0f, up %s\n",
	    text_vis_into(shown, sizeof(shown), cJSON_IsString(version) ? version->valuestring : "?"),
	    number(result, "pid"), npctl_duration(uptime, sizeof(uptime), number(result, "uptime")));
}

static void
print_status(const struct npctl_options *o, const cJSON *result)
{
	struct buf b;

	buf_init(&b, OUTPUT_MAX);
	if (npctl_status_text(&b, result, o->args_count > 0) == 0)
		fwrite(buf_head(&b), 1, b.len, stdout);
	buf_free(&b);
}

static void
print_close(const struct npctl_options *o, const cJSON *result)
{
	double n = number(result, "closed");

	printf("%.0f session%s of %s %s\n", n, n == 1 ? "" : "s", o->args[0],
	    o->now ? "closed" : "closed, or will be when what runs there has ended");
}

static void
print_reload(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const cJSON *warning;

	printf("%.0f devices, %.0f changed\n", number(result, "devices"), number(result, "changed"));
	cJSON_ArrayForEach (warning, cJSON_GetObjectItemCaseSensitive(result, "warnings")) {
		if (!cJSON_IsString(warning))
			continue;
		char *shown = text_vis(warning->valuestring, strlen(warning->valuestring), false);
		fprintf(stderr, "npctl: warning: %s\n", shown);
		free(shown);
	}
}

static void
print_nothing(const struct npctl_options *o NP_UNUSED, const cJSON *result NP_UNUSED)
{
}

/* ---- verbs with one request ---- */

static cJSON *
close_params(const struct npctl_options *o, struct np_error *err)
{
	cJSON *params;
	unsigned long id = 0;

	if (o->args[0][0] == '#' && (!text_parse_ulong(o->args[0] + 1, 1ul << 31, &id) || id == 0)) {
		error_set(err, REASON_INVALID_PARAMS, "a session is written #ID, with the number that status shows");
		return NULL;
	}
	params = cJSON_CreateObject();
	if (id != 0)
		cJSON_AddNumberToObject(params, "session", (double)id);
	else
		cJSON_AddStringToObject(params, "device", o->args[0]);
	if (o->now)
		cJSON_AddTrueToObject(params, "now");
	return params;
}

static cJSON *
status_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();

	if (o->args_count > 0)
		cJSON_AddStringToObject(params, "device", o->args[0]);
	return params;
}

static cJSON *
stop_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();

	if (o->now)
		cJSON_AddTrueToObject(params, "now");
	return params;
}

static cJSON *
no_params(const struct npctl_options *o NP_UNUSED, struct np_error *err NP_UNUSED)
{
	return cJSON_CreateObject();
}

static const struct {
	const char *name;
	cJSON *(*params)(const struct npctl_options *o, struct np_error *err);
	void (*print)(const struct npctl_options *o, const cJSON *result);
} simple_verbs[] = {
    {"close", close_params, print_close},
    {"ping", no_params, print_ping},
    {"reload", no_params, print_reload},
    {"status", status_params, print_status},
    {"stop", stop_params, print_nothing},
    {"sync", no_params, print_nothing},
};

/* The broker answers at once and ends when everything is drained: its end is the end of the connection. */
static void
wait_for_end(struct npctl *c)
{
	struct message m;
	struct frame frame;
	struct np_error err;

	while (npclient_wait(&c->client, &m, &frame, &err) == FRAME_READY)
		npclient_done(&c->client, &m, &frame);
}

static void
take_answer(struct npctl *c, size_t verb, const struct message *m)
{
	struct np_error err;

	if (m->kind == MESSAGE_ERROR) {
		message_error_read(m->error, &err);
		say_error(c, NULL, &err);
	} else if (c->o->json)
		print_json(m->result);
	else
		simple_verbs[verb].print(c->o, m->result);
}

static void
run_simple(struct npctl *c, size_t verb)
{
	struct message m;
	struct frame frame;
	struct np_error err;
	cJSON *params = simple_verbs[verb].params(c->o, &err);
	bool answered = false;

	if (params == NULL) {
		say_error(c, NULL, &err);
		c->status = NPCTL_EXIT_USAGE;
		return;
	}
	if (npclient_request(&c->client, 1, simple_verbs[verb].name, params, &err) == -1) {
		say_error(c, NULL, &err);
		return;
	}
	while (!answered) {
		if (npclient_wait(&c->client, &m, &frame, &err) != FRAME_READY) {
			say_error(c, NULL, &err);
			return;
		}
		answered = m.kind == MESSAGE_RESULT || m.kind == MESSAGE_ERROR;
		if (answered)
			take_answer(c, verb, &m);
		npclient_done(&c->client, &m, &frame);
	}
	if (strcmp(c->o->verb, "stop") == 0 && c->status == 0)
		wait_for_end(c);
}

/* ---- open ---- */

/* Requests are numbered from 1 in the order of the arguments. */
static const char *
device_of(const struct npctl *c, int64_t id)
{
	return id >= 1 && id <= c->o->args_count ? c->o->args[id - 1] : NULL;
}

static void
send_opens(struct npctl *c)
{
	const char *agent = npclient_agent_socket();
	struct np_error err;

	for (int i = 0; i < c->o->args_count; i++) {
		cJSON *params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "device", c->o->args[i]);
		if (npprompt_available(&c->prompt))
			cJSON_AddTrueToObject(params, "interactive");
		if (agent != NULL)
			cJSON_AddStringToObject(params, "agent_socket", agent);
		if (npclient_request(&c->client, i + 1, "open", params, &err) == -1)
			say_error(c, c->o->args[i], &err);
		else
			c->left++;
	}
}

static void
opened(struct npctl *c, const char *device, const cJSON *result)
{
	char shown[256];

	if (c->o->json) {
		print_json(result);
		return;
	}
	text_vis_into(shown, sizeof(shown), device);
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "reused")))
		printf("%s: session #%.0f is open\n", shown, number(result, "session"));
	else
		printf("%s: session #%.0f opened in %.0f ms\n", shown, number(result, "session"),
		    number(result, "connect_ms"));
}

/* Prompts carry the id of their request, which the answer repeats. */
static void
answer(struct npctl *c, const cJSON *prompt, const char *value)
{
	const cJSON *prompt_id = cJSON_GetObjectItemCaseSensitive(prompt, "prompt_id");
	struct np_error err;

	if (npclient_answer(&c->client, (int64_t)number(prompt, "id"), prompt_id, value, &err) == -1)
		say_error(c, NULL, &err);
}

static void
on_open_message(struct npctl *c, const struct message *m)
{
	const char *device = m->id.kind == MESSAGE_ID_NUMBER ? device_of(c, m->id.number) : NULL;
	struct np_error err;

	switch (m->kind) {
	case MESSAGE_NOTIFICATION:
		if (strcmp(m->method, "prompt") == 0 && !npprompt_add(&c->prompt, m->params))
			answer(c, m->params, NULL);
		break;
	case MESSAGE_RESULT:
		if (device != NULL) {
			c->left--;
			opened(c, device, m->result);
		}
		break;
	case MESSAGE_ERROR:
		message_error_read(m->error, &err);
		say_error(c, device, &err);
		c->left = device != NULL ? c->left - 1 : 0;
		break;
	case MESSAGE_REQUEST:
		break; /* the broker asks nothing */
	}
}

static void
on_typed(struct npctl *c)
{
	enum npprompt_status status = npprompt_read(&c->prompt);

	if (status == NPPROMPT_MORE)
		return;
	answer(c, npprompt_current(&c->prompt), status == NPPROMPT_ANSWERED ? npprompt_answer(&c->prompt) : NULL);
	npprompt_next(&c->prompt);
}

static void
on_open_signals(struct npctl *c)
{
	npsignal_drain(c->wake_fd);
	if (npsignal_came(SIGTSTP)) {
		npprompt_suspend(&c->prompt);
		npsignal_stop_process(false);
		npprompt_resume(&c->prompt);
	}
	if (*npsignal_stop_flag() != 0) {
		c->status = 128 + *npsignal_stop_flag();
		c->left = 0;
	}
}

static void
drain_open_messages(struct npctl *c)
{
	struct message m;
	struct frame frame;
	struct np_error err;

	while (c->left > 0) {
		switch (npclient_next(&c->client, &m, &frame, &err)) {
		case FRAME_MORE:
			return;
		case FRAME_BAD:
			say_error(c, NULL, &err);
			c->left = 0;
			return;
		case FRAME_READY:
			on_open_message(c, &m);
			npclient_done(&c->client, &m, &frame);
			break;
		}
	}
}

static void
wait_open(struct npctl *c)
{
	bool asking = npprompt_current(&c->prompt) != NULL;
	struct pollfd fds[3] = {{.fd = c->client.fd, .events = POLLIN}, {.fd = c->wake_fd, .events = POLLIN},
	    {.fd = asking ? c->prompt.tty : -1, .events = POLLIN}};
	struct np_error err;

	if (npclient_pending(&c->client) > 0 && !c->client.lost)
		fds[0].events |= POLLOUT;
	npsignal_force_interrupt(asking);
	if (poll(fds, 3, npclient_timeout_ms(&c->client)) == -1)
		return;
	if (fds[1].revents != 0)
		on_open_signals(c);
	if (fds[2].revents != 0 && npprompt_current(&c->prompt) != NULL)
		on_typed(c);
	if ((fds[0].revents & ~POLLOUT) != 0 && npclient_fill(&c->client, &err) == -1) {
		say_error(c, NULL, &err);
		c->left = 0;
	}
	if (npclient_timeout_ms(&c->client) == 0) {
		error_set(&err, REASON_CONNECT_TIMEOUT, "the broker at %s does not answer", c->client.path);
		say_error(c, NULL, &err);
		c->left = 0;
	}
}

static void
run_open(struct npctl *c)
{
	send_opens(c);
	while (c->left > 0) {
		npclient_flush(&c->client);
		drain_open_messages(c);
		if (c->left > 0)
			wait_open(c);
		fflush(stdout);
	}
}

/* ---- all ---- */

static int
start(struct npctl *c, bool opening, struct np_error *err)
{
	c->client.fd = c->prompt.tty = -1;
	if (opening) {
		if (npsignal_install(&c->wake_fd, err) == -1)
			return -1;
		npsignal_take_terminal();
		npprompt_init(&c->prompt);
	}
	if (npclient_init(&c->client, c->o->socket, opening, err) == -1)
		return -1;
	if (opening)
		c->client.stop = npsignal_stop_flag();
	return npclient_connect(&c->client, err);
}

int
npctl_run(const struct npctl_options *o)
{
	struct npctl c = {.o = o, .wake_fd = -1};
	struct np_error err;
	size_t verb = 0;

	while (verb < NP_COUNT(simple_verbs) && strcmp(simple_verbs[verb].name, o->verb) != 0)
		verb++;
	if (start(&c, verb == NP_COUNT(simple_verbs), &err) == -1)
		say_error(&c, NULL, &err);
	else if (verb < NP_COUNT(simple_verbs))
		run_simple(&c, verb);
	else
		run_open(&c);
	npprompt_finish(&c.prompt);
	npclient_close(&c.client);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "npctl: write to standard output failed\n");
		return NPCTL_EXIT_FAILED;
	}
	return c.status;
}
