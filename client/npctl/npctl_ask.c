/* What the verbs of npctl do alike: ask, print, say what went wrong. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npctl/npctl_impl.h"
#include "base/text.h"

void
npctl_say_error(struct npctl *c, const char *device, const struct np_error *err)
{
	if (device != NULL) {
		npctl_put_text(stderr, "npctl: ", device, ": ");
		fprintf(stderr, "%s: %s\n", reason_name(err->reason), err->text);
	} else
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

void
npctl_put_text(FILE *out, const char *before, const char *text, const char *after)
{
	char *shown = text_vis(text, strlen(text), false);

	fprintf(out, "%s%s%s", before, shown, after);
	free(shown);
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

void
npctl_show(struct npctl *c, cJSON *result)
{
	if (result != NULL && c->o->json)
		npctl_print_json(result);
	else if (result != NULL && c->o->verb->print != NULL)
		c->o->verb->print(c->o, result);
	cJSON_Delete(result);
}

const char *
npctl_method(const struct npctl_verb *verb)
{
	return verb->method != NULL ? verb->method : verb->name;
}

cJSON *
npctl_params(const struct npctl_options *o, struct np_error *err)
{
	cJSON *params;

	if (o->verb->params != NULL)
		return o->verb->params(o, err);
	params = cJSON_CreateObject();
	if (o->verb->param != NULL && o->args_count > 0)
		cJSON_AddStringToObject(params, o->verb->param, o->args[0]);
	return params;
}

cJSON *
npctl_device_params(const struct npctl_options *o)
{
	cJSON *params = cJSON_CreateObject(), *list;

	if (o->args_count == 0) {
		cJSON_AddTrueToObject(params, "all");
		return params;
	}
	list = cJSON_AddArrayToObject(params, "devices");
	for (int i = 0; i < o->args_count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(o->args[i]));
	return params;
}
