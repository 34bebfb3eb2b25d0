/*
 * npctl watch: one JSON object a line for everything that happens in the broker, until it ends or we do.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"

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
	npctl_print_json(event);
	return npctl_flush(c);
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
		return false;
	case MESSAGE_RESULT:
		return false;
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

	if (npclient_request(&c->client, 1, "watch", npctl_params(c->o, &err), &err) == -1) {
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
    .usage = "[DEVICE]",
    .help = "what happens, one JSON object a line",
    .param = "device",
    .run = run_watch,
};
