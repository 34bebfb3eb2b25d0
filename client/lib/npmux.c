/* Announcing an ssh; see npmux.h. */
#include "lib/npmux.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "lib/npclient.h"

bool
npmux_is_marked(void)
{
	return getenv(NPMUX_MARK) != NULL;
}

/* A device as these arguments have it. */
static cJSON *
device(const struct sshargv *a)
{
	cJSON *o = cJSON_CreateObject(), *list;

	cJSON_AddStringToObject(o, "name", a->name);
	cJSON_AddStringToObject(o, "host", a->host);
	if (a->config_file != NULL)
		cJSON_AddStringToObject(o, "ssh_config", a->config_file);
	list = cJSON_AddArrayToObject(o, "ssh_arguments");
	for (size_t i = 0; i < a->arguments.n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(a->arguments.v[i]));
	return o;
}

static cJSON *
params(const struct sshargv *a, bool parent)
{
	cJSON *o = cJSON_CreateObject();
	const char *agent = npclient_agent_socket();

	cJSON_AddItemToObject(o, "device", device(a));
	cJSON_AddBoolToObject(o, "parent", parent);
	if (a->about)
		cJSON_AddTrueToObject(o, "present");
	cJSON_AddTrueToObject(o, "interactive"); /* who would be asked goes by itself, and is asked by ssh */
	if (agent != NULL)
		cJSON_AddStringToObject(o, "agent_socket", agent);
	return o;
}

/*
 * ssh waits for us: a broker that hangs must not cost it more than a moment, nor a login more than what it may hope to
 * save.  The greeting says that the broker is alive.
 *
 *   one that runs: a second    one that is started: 3     then the login: 10
 */
#define GREETING_SECONDS 1.0
#define START_SECONDS 3.0
#define LOGIN_SECONDS 10.0

static int
connect_to(struct npclient *c, struct np_error *err)
{
	bool start = c->start;

	c->own = true; /* the system's has no door for ssh */
	c->start = false;
	if (npclient_connect_within(c, GREETING_SECONDS, err) == 0)
		return 0;
	c->start = start;
	return err->reason == REASON_BROKER_UNAVAILABLE ? npclient_connect_within(c, START_SECONDS, err) : -1;
}

/* A result; an error, a question, or no answer in time: NULL. */
static char *
wait_for_path(struct npclient *c, struct np_error *why)
{
	struct message m;
	struct frame frame;
	char *path = NULL;
	bool over = false;

	c->until = clock_now() + LOGIN_SECONDS;
	while (!over && npclient_wait(c, &m, &frame, why) == FRAME_READY) {
		const cJSON *socket = cJSON_GetObjectItemCaseSensitive(m.result, "socket");

		over = m.kind != MESSAGE_NOTIFICATION || strcmp(m.method, "prompt") == 0;
		if (m.kind == MESSAGE_RESULT && cJSON_IsString(socket))
			path = xstrdup(socket->valuestring);
		else if (m.kind == MESSAGE_ERROR)
			message_error_read(m.error, why);
		else if (over)
			error_set(
			    why, REASON_INVALID_REQUEST, "ssh goes by itself: somebody has to be asked for the login");
		npclient_done(c, &m, &frame);
	}
	return path;
}

char *
npmux_ask(const struct sshargv *a, bool parent, const char *socket, struct np_error *why)
{
	struct npclient c;
	char *path = NULL;

	if (npclient_init(&c, socket, true, why) == 0 && connect_to(&c, why) == 0 &&
	    npclient_request(&c, 1, "mux", params(a, parent), why) == 0)
		path = wait_for_path(&c, why);
	npclient_close(&c);
	return path;
}
