/* The request that npexec's options become.  Pure: the options and the terminal in, the params out. */
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_options.h"
#include "base/text.h"

static void
add_what(cJSON *params, const struct npexec_options *o, const char *command, size_t size)
{
	if (o->mode == NPEXEC_LIST) {
		cJSON *list = cJSON_AddArrayToObject(params, "commands");
		for (size_t i = 0; i < o->commands_count; i++)
			cJSON_AddItemToArray(list, cJSON_CreateStringReference(o->commands[i]));
	} else if (command == NULL) {
		return; /* a shell, or a configuration */
	} else if (text_is_utf8(command, size) && memchr(command, '\0', size) == NULL) {
		const char *what = o->connect != NULL ? "connect" : o->subsystem ? "subsystem" : "command";
		cJSON_AddStringToObject(params, what, command);
	} else {
		char *base64 = text_base64(command, size);
		cJSON_AddStringToObject(params, "command_base64", base64);
		free(base64);
	}
}

static void
add_terminal(cJSON *params, const struct npexec_options *o, const struct npexec_terminal *t)
{
	if (t->interactive)
		cJSON_AddTrueToObject(params, "interactive");
	if (t->agent_socket != NULL)
		cJSON_AddStringToObject(params, "agent_socket", t->agent_socket);
	if (!o->want_pty)
		return;
	cJSON_AddTrueToObject(params, "pty");
	if (t->term != NULL && *t->term != '\0')
		cJSON_AddStringToObject(params, "term", t->term);
	if (t->cols > 0 && t->rows > 0) {
		cJSON_AddNumberToObject(params, "cols", t->cols);
		cJSON_AddNumberToObject(params, "rows", t->rows);
	}
}

static void
add_flags(cJSON *params, const struct npexec_options *o)
{
	bool config = o->mode == NPEXEC_CONFIG;
	const char *flag;
	size_t next = 0;

	while ((flag = npexec_next_flag(o, &next)) != NULL)
		if (!config || strcmp(flag, "enable") != 0) /* a configuration is privileged by itself */
			cJSON_AddTrueToObject(params, flag);
	if (o->mode == NPEXEC_LINES || o->mode == NPEXEC_INPUT)
		cJSON_AddTrueToObject(params, o->mode == NPEXEC_LINES ? "hold" : "lines");
	if (o->verbose)
		cJSON_AddTrueToObject(params, "verbose");
	if (o->confirm_minutes > 0)
		cJSON_AddNumberToObject(params, "confirm_minutes", (double)o->confirm_minutes);
	if (o->several && !config)
		cJSON_AddNumberToObject(params, "window", NPEXEC_WINDOW);
}

const char *
npexec_method(const struct npexec_options *o)
{
	return o->mode == NPEXEC_CONFIG ? "config" : "exec";
}

cJSON *
npexec_params(const struct npexec_options *o, const char *device, const char *command, size_t size,
    const struct npexec_terminal *t)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "device", device);
	add_what(params, o, command, size);
	if (o->overrides != NULL)
		cJSON_AddItemReferenceToObject(params, "overrides", o->overrides);
	if (o->env != NULL)
		cJSON_AddItemReferenceToObject(params, "env", o->env);
	if (o->env_optional)
		cJSON_AddTrueToObject(params, "env_optional");
	if (o->answers != NULL)
		cJSON_AddItemReferenceToObject(params, "answers", o->answers);
	if (o->timeout >= 0)
		cJSON_AddNumberToObject(params, "timeout", o->timeout);
	if (o->idle_timeout >= 0)
		cJSON_AddNumberToObject(params, "idle_timeout", o->idle_timeout);
	add_flags(params, o);
	add_terminal(params, o, t);
	return params;
}
