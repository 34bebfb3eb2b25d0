/*
 * What may have to log in, and so can meet a question (a password, a host key).  Many devices are asked for at a time,
 * one question is asked after the other.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npsignal.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

/* Devices that are opened at a time: who waits behind dead ones must not run out of queue_timeout. */
#define OPEN_AT_ONCE 32

/* Requests are numbered from 1 in the order of the devices. */
static const char *
device_of(const struct npctl *c, int64_t id)
{
	return id >= 1 && id <= (int64_t)c->names_count ? c->names[id - 1] : NULL;
}

static void
add_name(struct npctl *c, const char *name)
{
	c->names = xreallocarray(c->names, c->names_count + 1, sizeof(c->names[0]));
	c->names[c->names_count++] = xstrdup(name);
}

/* The devices that a list, a group or a pattern stands for; -1: the broker has said why there are none. */
static int
add_pattern(struct npctl *c, const char *pattern)
{
	cJSON *params = cJSON_CreateObject(), *result;
	const cJSON *name;

	cJSON_AddStringToObject(params, "pattern", pattern);
	result = npctl_ask(c, "devices", params);
	cJSON_ArrayForEach (name, cJSON_GetObjectItemCaseSensitive(result, "devices")) {
		if (cJSON_IsString(name))
			add_name(c, name->valuestring);
	}
	cJSON_Delete(result);
	return result != NULL ? 0 : -1;
}

static int
choose_devices(struct npctl *c)
{
	bool several = npctl_verb_takes(c->o->verb, "DEVICE ...");
	int count = several ? c->o->args_count : 1;

	if (c->o->all)
		return add_pattern(c, "*");
	for (int i = 0; i < count; i++) {
		if (!several || strpbrk(c->o->args[i], "@,*?[") == NULL)
			add_name(c, c->o->args[i]);
		else if (add_pattern(c, c->o->args[i]) == -1)
			return -1;
	}
	return 0;
}

static int
send_request(struct npctl *c, const char *device, int64_t id, struct np_error *err)
{
	const char *agent = npclient_agent_socket();
	cJSON *params = npctl_params(c->o, err);

	if (params == NULL)
		return -1;
	cJSON_AddStringToObject(params, "device", device);
	if (npprompt_available(&c->prompt))
		cJSON_AddTrueToObject(params, "interactive");
	if (agent != NULL)
		cJSON_AddStringToObject(params, "agent_socket", agent);
	return npclient_request(&c->client, id, npctl_method(c->o->verb), params, err);
}

/* Keeps as many requests going as may be at once. */
static void
send_more(struct npctl *c)
{
	struct np_error err;

	while (c->next_name < c->names_count && c->left < OPEN_AT_ONCE) {
		const char *name = c->names[c->next_name++];

		if (send_request(c, name, (int64_t)c->next_name, &err) == -1)
			npctl_say_error(c, name, &err);
		else
			c->left++;
	}
}

static void
on_notification(struct npctl *c, const struct message *m, const struct frame *frame)
{
	if (strcmp(m->method, "prompt") == 0 && !npprompt_add(&c->prompt, m->params))
		npclient_answer(&c->client, m->params, NULL, false);
	else if (strcmp(m->method, "stdout") == 0)
		fwrite(frame->data, 1, frame->data_size, stdout);
	else if (c->o->verb->login->step != NULL &&
		 (strcmp(m->method, "step") == 0 || strcmp(m->method, "notice") == 0))
		c->o->verb->login->step(c, m->params);
}

/* A result, or an error: without a device it is about all of them. */
static void
on_answer(struct npctl *c, const struct message *m)
{
	const char *device = m->id.kind == MESSAGE_ID_NUMBER ? device_of(c, m->id.number) : NULL;
	const struct npctl_login *login = c->o->verb->login;
	struct np_error err;

	if (m->kind == MESSAGE_RESULT && device == NULL)
		return;
	if (m->kind == MESSAGE_RESULT)
		login->done(c, device, m->result);
	else {
		message_error_read(m->error, &err);
		if (login->failed != NULL)
			login->failed(c, device, m->error, &err);
		npctl_say_error(c, device, &err);
	}
	c->left = device != NULL ? c->left - 1 : 0;
	if (device != NULL)
		send_more(c);
}

static void
on_signals(struct npctl *c)
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
fail_all(struct npctl *c, const struct np_error *err)
{
	npctl_say_error(c, NULL, err);
	c->left = 0;
}

static void
drain_messages(struct npctl *c)
{
	struct message m;
	struct frame frame;
	struct np_error err;

	while (c->left > 0) {
		switch (npclient_next(&c->client, &m, &frame, &err)) {
		case FRAME_MORE:
			return;
		case FRAME_BAD:
			fail_all(c, &err);
			return;
		case FRAME_READY:
			if (m.kind == MESSAGE_NOTIFICATION)
				on_notification(c, &m, &frame);
			else if (m.kind != MESSAGE_REQUEST) /* the broker asks nothing */
				on_answer(c, &m);
			npclient_done(&c->client, &m, &frame);
			break;
		}
	}
}

static void
wait_for_events(struct npctl *c)
{
	bool asking = npprompt_current(&c->prompt) != NULL;
	struct pollfd fds[3] = {{.fd = c->client.fd, .events = npclient_events(&c->client)},
	    {.fd = c->wake_fd, .events = POLLIN}, {.fd = asking ? c->prompt.tty : -1, .events = POLLIN}};
	struct np_error err;

	npsignal_force_interrupt(asking);
	if (poll(fds, 3, npclient_timeout_ms(&c->client)) == -1)
		return;
	if (fds[1].revents != 0)
		on_signals(c);
	if (fds[2].revents != 0)
		npprompt_type(&c->prompt, &c->client);
	if ((fds[0].revents & ~POLLOUT) != 0 && npclient_fill(&c->client, &err) == -1)
		fail_all(c, &err);
	if (npclient_timeout_ms(&c->client) == 0) {
		error_set(&err, REASON_BROKER_UNAVAILABLE, "the broker at %s does not answer", c->client.path);
		fail_all(c, &err);
	}
}

void
npctl_login(struct npctl *c)
{
	if (choose_devices(c) == 0)
		send_more(c);
	while (c->left > 0) {
		npclient_flush(&c->client);
		drain_messages(c);
		if (c->left > 0)
			wait_for_events(c);
		npctl_flush(c);
	}
	for (size_t i = 0; i < c->names_count; i++)
		free(c->names[i]);
	free(c->names);
}
