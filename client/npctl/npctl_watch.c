/*
 * npctl watch: one JSON object a line for everything that happens in the broker, until it ends or we do.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"
#include "base/xalloc.h"

/* ---- what a person confirms ---- */

static void
put_question(FILE *tty, const cJSON *event)
{
	const char *text = npjson_string(event, "text");
	char role[64], device[256], kind[32], program[64], *copy = xstrdup(text != NULL ? text : ""), *rest = copy,
							   *line;

	fprintf(tty, "%s of role %s (uid %.0f, %s) on %s\n", npjson_text(event, "kind", kind, sizeof(kind)),
	    npjson_text(event, "role", role, sizeof(role)), npjson_number(event, "uid", -1),
	    npjson_text(event, "program", program, sizeof(program)),
	    npjson_text(event, "device", device, sizeof(device)));
	while ((line = strsep(&rest, "\n")) != NULL) /* a command each: no other line breaks are in them */
		npctl_put_text(tty, "    ", line, "\n");
	free(copy);
	fputs("Allow it? [y/N] ", tty);
	fflush(tty);
}

/* Only a plain yes is one. */
static bool
ask_person(const cJSON *event)
{
	FILE *tty = fopen("/dev/tty", "r+e");
	char line[16] = "";

	if (tty == NULL)
		return false;
	tcflush(fileno(tty), TCIFLUSH); /* what was typed before the question is no answer to it */
	put_question(tty, event);
	if (fgets(line, sizeof(line), tty) == NULL)
		line[0] = '\0';
	fclose(tty);
	return strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0;
}

/* The answer to that is another message; an error is said by take(). */
static bool
confirm(struct npctl *c, const cJSON *event)
{
	cJSON *params = cJSON_CreateObject();
	struct np_error err;

	cJSON_AddNumberToObject(params, "id", npjson_number(event, "request", 0));
	cJSON_AddBoolToObject(params, "allow", ask_person(event));
	if (npclient_request(&c->client, 2, "confirm", params, &err) == 0)
		return true;
	npctl_say_error(c, NULL, &err);
	return false;
}

/* ---- events ---- */

/* Prints one event at once: whoever reads us waits for it.  False: nobody reads any more. */
static bool
print_event(struct npctl *c, const struct message *m, bool *stopping)
{
	const cJSON *event = cJSON_GetObjectItemCaseSensitive(m->params, "event");
	const char *word = npjson_string(event, "event");

	if (!cJSON_IsObject(event))
		return true;
	if (word != NULL && strcmp(word, "stopping") == 0)
		*stopping = true;
	if (c->o->confirm)
		return word == NULL || strcmp(word, "confirm") != 0 || confirm(c, event);
	npctl_print_json(event);
	return npctl_flush(c);
}

/* The answer to `confirm`: the watch goes on. */
static bool
is_confirmation(const struct message *m)
{
	return m->id.kind == MESSAGE_ID_NUMBER && m->id.number == 2;
}

/* One message; false: it was the last. */
static bool
take(struct npctl *c, const struct message *m, bool *stopping)
{
	struct np_error err;

	switch (m->kind) {
	case MESSAGE_NOTIFICATION:
		return strcmp(m->method, "event") != 0 || print_event(c, m, stopping);
	case MESSAGE_ERROR:
		message_error_read(m->error, &err);
		npctl_say_error(c, NULL, &err);
		return is_confirmation(m);
	case MESSAGE_RESULT:
		return is_confirmation(m);
	case MESSAGE_REQUEST:
		break;
	}
	return true;
}

static void
run_watch(struct npctl *c)
{
	bool more = true, stopping = false;
	struct message m;
	struct frame frame;
	struct np_error err;
	cJSON *params = npctl_params(c->o, &err);

	if (c->o->confirm)
		cJSON_AddTrueToObject(params, "confirm");
	if (npclient_request(&c->client, 1, "watch", params, &err) == -1) {
		npctl_say_error(c, NULL, &err);
		return;
	}
	/* Until the next event nothing would be written, and a reader that left would not be missed. */
	c->client.reader_fd = STDOUT_FILENO;
	while (more) {
		if (npclient_wait(&c->client, &m, &frame, &err) != FRAME_READY) {
			if (err.reason == REASON_CANCELLED)
				raise(SIGPIPE);
			if (!stopping) /* a broker that said so has ended as it should */
				npctl_say_error(c, NULL, &err);
			return;
		}
		more = take(c, &m, &stopping);
		npclient_done(&c->client, &m, &frame);
	}
}

const struct npctl_verb npctl_verb_watch = {
    .name = "watch",
    .usage = "[DEVICE] [--confirm]",
    .help = "what happens, one JSON object a line",
    .param = "device",
    .run = run_watch,
};
