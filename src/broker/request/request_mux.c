/*
 * `mux`: an ssh is about to come to the door, and is announced there (door/door_guest.c).
 *
 * It is told where to go only when the broker has a session for it, or what it would be told at the door is better than
 * what it would do by itself (door_lets_go()): so nothing that ssh prints differs from what it prints without a broker.
 *
 *   its device has a session --> its agent is asked, where the key was an agent's --> announced, or error
 *   it has none --> made as for others --> announced
 *                        |--> refused, barred, disabled --> announced: the door says why
 *                        +--> anything else, and who must be asked --> error: ssh goes by itself
 *
 * What has failed a moment ago would fail again, in twice the time: for a minute the answer is no without an attempt.
 * A host where no server says anything costs DEVICE_SSH_REACHES before that, for ssh's own time to connect begins only
 * then. Nothing is lifted by it: what bars log-ins bars them here as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/operand.h"
#include "base/process.h"
#include "base/xalloc.h"
#include "broker/request/request_impl.h"

#define FAILURE_LASTS 60.0 /* seconds */
#define LOOK_SLACK 0.25    /* its target is resolved before anything is sent */

/* ---- which device ---- */

/* An option with its argument, which may stand there once. */
static bool
take_plain(const cJSON **at, const char *option, const char **value)
{
	if (strcmp((*at)->valuestring, option) != 0 || (*at)->next == NULL || *value != NULL)
		return false;
	*value = (*at)->next->valuestring;
	*at = (*at)->next->next;
	return true;
}

/* What a person would call it: USER@HOST:PORT; NULL: its arguments say more than that. */
static char *
plain_operand(const cJSON *object)
{
	const cJSON *host = cJSON_GetObjectItemCaseSensitive(object, "host");
	const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(object, "ssh_arguments");
	const cJSON *at = arguments != NULL ? arguments->child : NULL;
	const char *user = NULL, *port = NULL;
	bool address;

	for (const cJSON *a = at; a != NULL; a = a->next)
		if (!cJSON_IsString(a))
			return NULL;
	if (!cJSON_IsString(host) || at == NULL || strcmp(at->valuestring, "-oControlMaster=no") != 0)
		return NULL;
	for (at = at->next; at != NULL && (take_plain(&at, "-l", &user) || take_plain(&at, "-p", &port));)
		;
	if (at != NULL)
		return NULL;
	address = strchr(host->valuestring, ':') != NULL && port != NULL;
	return xasprintf("%s%s%s%s%s%s%s", user != NULL ? user : "", user != NULL ? "@" : "", address ? "[" : "",
	    host->valuestring, address ? "]" : "", port != NULL ? ":" : "", port != NULL ? port : "");
}

/* One that others may name as well has its session in common with them, where they mean the same by it. */
static void
choose(struct broker *b, struct exec_params *p)
{
	cJSON *object = p->device.object != NULL ? cJSON_Parse(secret_text(p->device.object)) : NULL;
	char *operand = object != NULL && b->config->ssh_config == NULL ? plain_operand(object) : NULL;
	struct np_error err;

	if (operand != NULL && config_device(b->config, operand) == NULL && operand_check(operand, &err) == 0) {
		device_ref_finish(&p->device);
		p->device.operand = operand;
		operand = NULL;
	}
	free(operand);
	cJSON_Delete(object);
}

/* ---- the answer ---- */

static char *
ref_text(const struct device_ref *ref)
{
	cJSON *json = ref->object != NULL ? cJSON_Parse(secret_text(ref->object)) : cJSON_CreateString(ref->operand);
	char *printed = xchecked(cJSON_PrintUnformatted(json)), *text = xstrdup(printed);

	cJSON_free(printed);
	cJSON_Delete(json);
	return text;
}

/* It gets there: to its own device, or to one that is the same to it. */
static void
announce(struct request *r, const struct device *at)
{
	pid_t pid = r->answer.client != NULL ? client_pid(r->answer.client) : 0;
	char *ref = ref_text(device_reference(at));
	struct whither to = {
	    .device = (char *)(uintptr_t)device_settings(at)->name, .ref = ref, .agent_socket = r->params.agent_socket};
	const char *path = NULL;
	struct np_error err;
	cJSON *result;

	if (r->params.parent)
		pid = process_parent(pid);
	if (r->broker->doors == NULL)
		error_set(&err, REASON_INTERNAL, "there is no socket for ssh");
	else
		path = doors_announce(r->broker->doors, pid, &to, &err);
	free(ref);
	if (path == NULL) {
		request_fail(r, &err);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "socket", path);
	request_respond(r, result);
}

/* What it would be told at the door instead of what it would find out by itself. */
static bool
mux_failed(struct request *r, const struct np_error *err)
{
	if (door_lets_go(err) || device_wants_person(r->dev) || r->broker->stopping)
		return false;
	announce(r, r->dev);
	return true;
}

static bool
failed_lately(const struct device *dev)
{
	const struct pool *p = device_pool(dev);

	return p->block != POOL_OPEN && clock_now() - p->failed_at < FAILURE_LASTS && door_lets_go(&p->last_error);
}

static void
refuse(struct request *r, const char *why)
{
	struct np_error err;

	error_set(&err, REASON_INVALID_REQUEST, "%s", why);
	request_fail(r, &err);
}

/* False: it has to wait. */
static bool
decide(struct request *r)
{
	const struct device *at;
	struct np_error err;

	if (r->test.job.id != 0)
		return true;
	switch (device_for_ssh(r->dev, &r->agent, &at, &err)) {
	case DEVICE_AT_HAND:
		announce(r, at);
		break;
	case DEVICE_NOT_FOR_SSH:
		request_fail(r, &err);
		break;
	case DEVICE_ASKS_AGENT:
		device_ask_agent(r->dev, &r->test.job, r->params.agent_socket);
		break;
	case DEVICE_AWAITED:
		if (!r->params.present && device_pool(r->dev)->resolved && failed_lately(r->dev)) {
			refuse(r, "ssh goes by itself: the last login has just failed");
			break;
		}
		if (!r->params.present || !device_pool(r->dev)->resolved)
			return false;
		refuse(r, "there is no session");
		break;
	}
	return true;
}

/* Where it waits already it goes on. */
static void
begin(struct request *r)
{
	if (decide(r))
		return;
	if (r->lease.link != NULL)
		refuse(r, "its session is not there any more");
	else if (r->state == REQUEST_MADE)
		request_submit(r);
}

static void
on_agent_keys(struct job *j, struct connect_result *result)
{
	struct request *r = NP_CONTAINER(j, struct request, test.job);

	r->agent = (struct device_agent){.known = true, .hash = result->agent_keys_hash};
	begin(r);
}

static const struct job_events agent_events = {.done = on_agent_keys};

/* It has a session: whether that was made with its keys is a question as it is of one that was there before. */
static void
mux_assigned(struct request *r)
{
	begin(r);
}

static void
mux_resolved(struct request *r)
{
	(void)decide(r);
}

static void
on_look(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct request *r = w->data;

	if (r->state == REQUEST_QUEUED)
		(void)decide(r);
}

static void
mux_begin(struct request *r)
{
	ev_timer_init(&r->look, on_look, DEVICE_SSH_REACHES + LOOK_SLACK, 0);
	r->look.data = r;
	ev_timer_start(r->broker->loop, &r->look);
	r->waiter.as_ssh = true;
	r->test.job.events = &agent_events;
	if (r->params.agent_socket == NULL)
		r->params.agent_socket = xstrdup("none"); /* the broker's is not its own */
	begin(r);
}

const struct request_kind request_mux = {
    .name = "mux",
    .opens = true,
    .unrefused = true,
    .choose = choose,
    .begin = mux_begin,
    .resolved = mux_resolved,
    .assigned = mux_assigned,
    .failed = mux_failed,
};
