/*
 * The end of a client that is an ssh: what the broker says to it, and what ssh is told of that.
 *
 * At most once: ssh is told that its session is open (begins()) before anything leaves for the device.  Until then it
 * may be refused and goes by itself, which is what it does by itself when we die; from then on whatever goes wrong is a
 * line on its standard error and status 255.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "broker/door/door_impl.h"

#define STREAM_LEAST (64u * 1024u)
#define STATUS_FAILED 255

/* ---- what goes wrong ---- */

bool
door_lets_go(const struct np_error *err)
{
	switch (err->reason == REASON_JUMP_FAILED ? err->cause : err->reason) {
	case REASON_INVALID_REQUEST: /* an ssh may ask for what a request cannot say */
	case REASON_INVALID_PARAMS:
	case REASON_UNKNOWN_DEVICE:
	case REASON_RESOLVE_FAILED:
	case REASON_CONNECT_FAILED:
	case REASON_CONNECT_TIMEOUT:
	case REASON_BACKOFF:
	case REASON_HOST_KEY_UNKNOWN: /* it looks for itself */
	case REASON_HOST_KEY_CHANGED:
	case REASON_CREDENTIAL_FAILED:
	case REASON_CHANNEL_REFUSED:
	case REASON_PROMPT_NOT_FOUND:
	case REASON_SHUTTING_DOWN:
	case REASON_INTERNAL:
		return true;
	default:
		return false;
	}
}

static void
say_line(struct visit *v, const char *about, const char *text)
{
	char *line = xasprintf("netpulsed: %s: %s%s%s\n", v->to.device, about, text, v->wish.tty ? "\r" : "");

	if (visit_stderr(v) != NULL)
		lent_write(visit_stderr(v), line, strlen(line));
	free(line);
}

/* In ssh's own words: scripts know them. */
static void
say_refused(struct visit *v)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s request failed on channel 0\r\n", v->wish.what);

	if (visit_stderr(v) != NULL)
		lent_write(visit_stderr(v), line, (size_t)n);
}

/* Servers that give no terminal may run the command all the same, as ssh has it run then. */
static void
go_on_without_terminal(struct visit *v)
{
	static const char line[] = "PTY allocation request failed\r\n";

	v->wish.tty = false;
	tty_finish(v);
	escape_init(&v->escape, MUX_NO_ESCAPE);
	mux_add_tty_alloc_fail(&v->out, (uint32_t)client_id(v->client));
	visit_say(v);
	if (visit_stderr(v) != NULL)
		lent_write(visit_stderr(v), line, sizeof(line) - 1);
	session_reply(v)->again = true;
}

static void
fail(struct visit *v, const struct np_error *err)
{
	if (v->state == VISIT_ASKED && (v->wish.forward || door_lets_go(err))) {
		visit_refuse(v, err->text);
		return;
	}
	if (v->state == VISIT_ASKED)
		session_open(v);
	if (v->state != VISIT_OPEN)
		return;
	if (err->reason == REASON_EXEC_REFUSED && v->wish.what != NULL) {
		say_refused(v);
	} else if (!v->cancelled && !v->unread) {
		char about[64];
		snprintf(about, sizeof(about), "%s: ", reason_name(err->reason));
		say_line(v, about, err->text);
	}
	session_end(v, STATUS_FAILED);
}

/* ---- what the broker says ---- */

static void
take_credit(struct visit *v, double bytes)
{
	if (v->state == VISIT_ASKED && v->wish.forward) /* it is connected */
		session_open(v);
	if (v->fd == -1 && v->in.len > 0 && bytes >= (double)v->in.len) {
		session_reply(v)->early = true;
		bytes -= (double)v->in.len;
	}
	if (v->state != VISIT_OPEN || v->input == NULL || bytes <= 0)
		return;
	if (!tty_is_ready(v))
		v->raw.wanted += (size_t)bytes;
	else
		lent_want(v->input, (size_t)bytes);
}

/* A person is needed, whom ssh can ask; or, where it runs already, nobody: the question is said, and not answered. */
static void
take_prompt(struct visit *v, const cJSON *params)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(params, "text");
	cJSON *answer;

	if (v->state == VISIT_ASKED) {
		visit_refuse(v, "somebody has to be asked for the login");
		session_cancel(v);
		return;
	}
	if (cJSON_IsString(text)) {
		char *shown = text_vis(text->valuestring, strlen(text->valuestring), false);
		say_line(v, "it asks: ", shown);
		free(shown);
	}
	answer = cJSON_CreateObject();
	cJSON_AddItemToObject(
	    answer, "prompt_id", cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(params, "prompt_id"), true));
	cJSON_Delete(v->reply.decline);
	session_reply(v)->decline = answer;
}

static void
take_note(struct visit *v, const struct message *m, const void *data, size_t size)
{
	if (strcmp(m->method, "stdout") == 0)
		session_stream(v, 0, data, size);
	else if (strcmp(m->method, "stderr") == 0)
		session_stream(v, 1, data, size);
	else if (strcmp(m->method, "credit") == 0)
		take_credit(v, cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(m->params, "bytes")));
	else if (strcmp(m->method, "eof") == 0)
		session_far_ended(v);
	else if (strcmp(m->method, "prompt") == 0)
		take_prompt(v, m->params);
}

static void
take_result(struct visit *v, const cJSON *result)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(result, "error");
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(result, "exit_status");
	struct np_error err;

	if (error != NULL) {
		message_error_read(error, &err);
		if (v->state == VISIT_OPEN && err.reason == REASON_EXEC_REFUSED && v->wish.again != NULL &&
		    cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(result, "sent")))
			go_on_without_terminal(v); /* else the command was refused, or has been sent */
		else
			fail(v, &err);
		return;
	}
	session_end(v, cJSON_IsNumber(status) ? status->valueint : STATUS_FAILED);
}

static void
end_send(void *at, const char *json, size_t json_size, const void *data, size_t size)
{
	struct visit *v = at;
	struct message_id id;
	struct message m;
	struct np_error err;

	if ((v->state != VISIT_ASKED && v->state != VISIT_OPEN) || message_parse(json, json_size, &m, &err) == -1)
		return;
	id = message_id_number(v->request);
	if (m.kind == MESSAGE_NOTIFICATION)
		take_note(v, &m, data, size);
	else if (!message_id_equal(&m.id, &id))
		; /* what was asked for before */
	else if (m.kind == MESSAGE_RESULT)
		take_result(v, m.result);
	else if (m.kind == MESSAGE_ERROR) {
		message_error_read(m.error, &err);
		fail(v, &err);
	}
	message_finish(&m);
}

static size_t
end_room(void *at)
{
	struct visit *v = at;
	size_t n = session_waiting(v), room = n < STREAM_MOST && tty_is_ready(v) ? STREAM_MOST - n : 0;

	v->denied |= room < STREAM_LEAST;
	return room;
}

static void
end_begins(void *at, const struct message_id *id NP_UNUSED)
{
	struct visit *v = at;

	if (v->state == VISIT_ASKED && !v->wish.forward)
		session_open(v);
}

static void
end_close(void *at, bool at_once)
{
	struct visit *v = at;

	if (at_once || v->state != VISIT_ENDING)
		visit_leave(v);
}

static bool
end_is_closing(const void *at)
{
	return ((const struct visit *)at)->state == VISIT_GONE;
}

static bool
end_is_flushing(const void *at NP_UNUSED)
{
	return false;
}

static bool
end_has_left(const void *at)
{
	char byte;

	return recv(((const struct visit *)at)->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static struct client_bytes
end_bytes(const void *at)
{
	const struct visit *v = at;
	struct client_bytes bytes = v->bytes;

	bytes.pending = session_waiting(v) + (v->state == VISIT_ENDING);
	return bytes;
}

const struct client_end visit_end = {
    .door = "mux",
    .send = end_send,
    .room = end_room,
    .begins = end_begins,
    .close = end_close,
    .is_closing = end_is_closing,
    .is_flushing = end_is_flushing,
    .has_left = end_has_left,
    .bytes = end_bytes,
};
