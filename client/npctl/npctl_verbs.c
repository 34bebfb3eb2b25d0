/*
 * The verbs of npctl: a request, its answer, words for people or JSON for programs.
 *
 * Not here: `open`, which is npctl_open.c, and `watch`, which is npctl_watch.c.  What steers
 * is in npctl_steer.c.
 */
#include "npctl/npctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/message.h"
#include "npctl/npctl_daemon.h"
#include "npctl/npctl_impl.h"
#include "npctl/npctl_show.h"
#include "npctl/npctl_status.h"
#include "lib/npstatus.h"
#include "lib/npsignal.h"
#include "base/text.h"
#include "base/xalloc.h"

#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)

void
npctl_say_error(struct npctl *c, const char *device, const struct np_error *err)
{
	char shown[256];

	if (device != NULL)
		fprintf(stderr, "npctl: %s: %s: %s\n", text_vis_into(shown, sizeof(shown), device),
		    reason_name(err->reason), err->text);
	else
		fprintf(stderr, "npctl: %s\n", err->text);
	c->status = NPCTL_EXIT_FAILED;
}

void
npctl_print_json(const cJSON *json)
{
	char *text = message_print(json);

	puts(text);
	free(text);
}

bool
npctl_flush(struct npctl *c)
{
	if (fflush(stdout) == EOF && c->output_error == 0)
		c->output_error = errno;
	return c->output_error == 0;
}

double
npctl_number(const cJSON *object, const char *name)
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
	    npctl_number(result, "pid"), npstatus_duration(uptime, sizeof(uptime), npctl_number(result, "uptime")));
}

void
npctl_print_buffer(struct buf *b, int result)
{
	if (result == -1) {
		fprintf(stderr, "npctl: the answer is too long to be shown: use --json\n");
		exit(NPCTL_EXIT_FAILED);
	}
	fwrite(buf_head(b), 1, b->len, stdout);
	buf_free(b);
}

static void
print_reload(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const cJSON *warning;

	printf("%.0f devices, %.0f changed\n", npctl_number(result, "devices"), npctl_number(result, "changed"));
	cJSON_ArrayForEach (warning, cJSON_GetObjectItemCaseSensitive(result, "warnings")) {
		if (!cJSON_IsString(warning))
			continue;
		char *shown = text_vis(warning->valuestring, strlen(warning->valuestring), false);
		fprintf(stderr, "npctl: warning: %s\n", shown);
		free(shown);
	}
}

static void
print_config(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	struct buf b;

	buf_init(&b, OUTPUT_MAX);
	npctl_print_buffer(&b, npctl_config_text(&b, result));
}

static void
print_platforms(const struct npctl_options *o, const cJSON *result)
{
	struct buf b;

	buf_init(&b, OUTPUT_MAX);
	npctl_print_buffer(&b, npctl_platforms_text(&b, result, o->args_count > 0));
}

static void
print_nothing(const struct npctl_options *o NP_UNUSED, const cJSON *result NP_UNUSED)
{
}

/* ---- verbs with one request ---- */

static cJSON *
status_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	return o->args_count > 0 ? npctl_device_params(o) : cJSON_CreateObject();
}

/* One device or operand: what it means is not looked up among those that are known. */
static cJSON *
config_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();

	if (o->args_count > 0)
		cJSON_AddStringToObject(params, "device", o->args[0]);
	return params;
}

static cJSON *
platform_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();

	if (o->args_count > 0)
		cJSON_AddStringToObject(params, "name", o->args[0]);
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
    {"close", npctl_close_params, npctl_print_close},
    {"config_show", config_params, print_config},
    {"disable", npctl_steer_params, npctl_print_steer},
    {"drain", npctl_steer_params, npctl_print_steer},
    {"enable", npctl_steer_params, npctl_print_steer},
    {"kill", npctl_kill_params, npctl_print_kill},
    {"pause", npctl_steer_params, npctl_print_steer},
    {"ping", no_params, print_ping},
    {"platforms", platform_params, print_platforms},
    {"reconnect", npctl_steer_params, npctl_print_steer},
    {"reload", no_params, print_reload},
    {"resume", npctl_steer_params, npctl_print_steer},
    {"status", status_params, npctl_print_status},
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

cJSON *
npctl_ask(struct npctl *c, const char *method, cJSON *params)
{
	struct message m;
	struct frame frame;
	struct np_error err;
	cJSON *result = NULL;
	bool answered = false;

	if (npclient_request(&c->client, ++c->asked, method, params, &err) == -1) {
		npctl_say_error(c, NULL, &err);
		return NULL;
	}
	while (!answered) {
		if (npclient_wait(&c->client, &m, &frame, &err) != FRAME_READY) {
			npctl_say_error(c, NULL, &err);
			return NULL;
		}
		answered = m.kind == MESSAGE_RESULT || m.kind == MESSAGE_ERROR;
		if (m.kind == MESSAGE_RESULT) {
			result = cJSON_DetachItemFromObjectCaseSensitive(m.root, "result");
		} else if (m.kind == MESSAGE_ERROR) {
			message_error_read(m.error, &err);
			npctl_say_error(c, NULL, &err);
		}
		npclient_done(&c->client, &m, &frame);
	}
	return result;
}

static void
run_simple(struct npctl *c, size_t verb)
{
	struct np_error err;
	cJSON *params = simple_verbs[verb].params(c->o, &err), *result;

	if (params == NULL) {
		npctl_say_error(c, NULL, &err);
		c->status = NPCTL_EXIT_USAGE;
		return;
	}
	if (strcmp(c->o->verb, "status") == 0)
		result = npctl_fetch_status(c, params);
	else
		result = npctl_ask(c, simple_verbs[verb].name, params);
	if (result == NULL)
		return;
	if (c->o->json)
		npctl_print_json(result);
	else
		simple_verbs[verb].print(c->o, result);
	cJSON_Delete(result);
	if (strcmp(c->o->verb, "stop") == 0)
		wait_for_end(c);
}

/* ---- without a broker ---- */

static bool
is_check(const struct npctl_options *o)
{
	return strcmp(o->method, "check_config") == 0 || strcmp(o->method, "check_platform") == 0;
}

/* What netpulsed can also say without being asked as a broker. */
static bool
can_do_without(const struct npctl_options *o)
{
	return strcmp(o->method, "config_show") == 0 || strcmp(o->method, "platforms") == 0;
}

static void
run_without(struct npctl *c, size_t verb)
{
	struct np_error err;
	cJSON *result = npctl_daemon_ask(c->o, &err);

	if (result == NULL && err.reason != REASON_NONE)
		npctl_say_error(c, NULL, &err);
	else if (result == NULL)
		c->status = NPCTL_EXIT_FAILED;
	else if (c->o->json)
		npctl_print_json(result);
	else
		simple_verbs[verb].print(c->o, result);
	cJSON_Delete(result);
}

/* ---- all ---- */

static int
start(struct npctl *c, bool opening, struct np_error *err)
{
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

static void
run_with_broker(struct npctl *c, size_t verb)
{
	bool opening = npctl_can_ask(c->o);
	struct np_error err;

	if (start(c, opening, &err) == 0) {
		if (verb < NP_COUNT(simple_verbs))
			run_simple(c, verb);
		else if (opening)
			npctl_open(c);
		else if (strcmp(c->o->verb, "metrics") == 0)
			npctl_metrics(c);
		else
			npctl_watch(c);
	} else if (can_do_without(c->o) && err.reason == REASON_CONNECT_FAILED) {
		fprintf(stderr, "npctl: %s: this is what one would use\n", err.text);
		run_without(c, verb);
	} else if (err.reason != REASON_CONNECT_FAILED || !npctl_metrics_without(c)) {
		npctl_say_error(c, NULL, &err);
	}
}

/*
 * Whether all of the output has gone where it should.  Who does not want it any more ends us as it ends other programs
 * in a pipeline, also where our own handlers stood in the way of the signal.
 */
static int
finish_output(struct npctl *c)
{
	if (npctl_flush(c) && !ferror(stdout))
		return c->status;
	if (c->output_error == EPIPE && c->wake_fd != -1)
		npsignal_die_of_sigpipe();
	fprintf(stderr, "npctl: write to standard output: %s\n",
	    c->output_error != 0 ? strerror(c->output_error) : "failed");
	return NPCTL_EXIT_FAILED;
}

int
npctl_run(const struct npctl_options *o)
{
	struct npctl c = {.o = o, .wake_fd = -1, .client = {.fd = -1}, .prompt = {.tty = -1}};
	struct np_error err;
	size_t verb = 0;

	while (verb < NP_COUNT(simple_verbs) && strcmp(simple_verbs[verb].name, o->method) != 0)
		verb++;
	if (is_check(o)) {
		npctl_daemon_check(o, &err);
		npctl_say_error(&c, NULL, &err);
	} else if (o->file != NULL) {
		run_without(&c, verb);
	} else {
		run_with_broker(&c, verb);
	}
	npprompt_finish(&c.prompt);
	npclient_close(&c.client);
	return finish_output(&c);
}
