/* Request params, checked.  Pure: JSON in, structs or a message that names the member out. */
#include "params/params_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

/* Request limits that only concern one request and therefore do not make another pool. */
static const char *const request_only_overrides[] = {
    "timeout", "first_byte_timeout", "idle_timeout", "queue_timeout", "prompt_timeout"};

static const char *const exec_names[] = {"device", "overrides", "command", "commands", "command_base64", "capture",
    "pty", "term", "cols", "rows", "env", "subsystem", "timeout", "first_byte_timeout", "idle_timeout", "queue_timeout",
    "on_error", "fresh", "enable", "answers", "prove", "raw", "hold", "interactive", "agent_socket", "window"};

static const char *const open_names[] = {
    "device", "overrides", "interactive", "agent_socket", "fresh", "queue_timeout"};

int
params_bad(struct np_error *err, const char *name, const char *wanted)
{
	return error_set(err, REASON_INVALID_PARAMS, "`%s` must be %s", name, wanted);
}

void
params_wipe(cJSON *item)
{
	for (; item != NULL; item = item->next) {
		if (cJSON_IsString(item))
			secret_wipe(item->valuestring, strlen(item->valuestring));
		params_wipe(item->child);
	}
}

int
params_only(const cJSON *params, const char *const *names, size_t count, struct np_error *err)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, params) {
		size_t i = 0;
		while (i < count && strcmp(member->string, names[i]) != 0)
			i++;
		if (i < count)
			continue;
		char shown[64];
		text_vis_into(shown, sizeof(shown), member->string);
		const char *near = text_nearest(member->string, names, count);
		if (near != NULL)
			return error_set(
			    err, REASON_INVALID_PARAMS, "unknown param `%s`: did you mean `%s`?", shown, near);
		return error_set(err, REASON_INVALID_PARAMS, "unknown param `%s`", shown);
	}
	return 0;
}

int
params_bool(const cJSON *params, const char *name, bool *value, struct np_error *err)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(params, name);

	if (member == NULL)
		return 0;
	if (!cJSON_IsBool(member))
		return params_bad(err, name, "true or false");
	*value = cJSON_IsTrue(member);
	return 0;
}

int
params_string(const cJSON *params, const char *name, const char **value, struct np_error *err)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(params, name);

	if (member == NULL || cJSON_IsNull(member))
		return 0;
	if (!cJSON_IsString(member))
		return params_bad(err, name, "a string");
	*value = member->valuestring;
	return 0;
}

int
params_number(const cJSON *params, const char *name, double min, double max, double *value, struct np_error *err)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(params, name);

	if (member == NULL)
		return 0;
	if (!cJSON_IsNumber(member) || member->valuedouble != member->valuedouble)
		return params_bad(err, name, "a number");
	if (member->valuedouble < min || member->valuedouble > max)
		return error_set(err, REASON_INVALID_PARAMS, "`%s` must be between %.0f and %.0f", name, min, max);
	*value = member->valuedouble;
	return 0;
}

int
params_int(const cJSON *params, const char *name, int min, int max, int *value, struct np_error *err)
{
	double number = *value;

	if (params_number(params, name, min, max, &number, err) == -1)
		return -1;
	if (number != (double)(int)number)
		return params_bad(err, name, "a whole number");
	*value = (int)number;
	return 0;
}

/* ---- the device and its overrides ---- */

static int
compare_members(const void *a, const void *b)
{
	const cJSON *const *x = a;
	const cJSON *const *y = b;

	return strcmp((*x)->string, (*y)->string);
}

static bool
is_request_only(const char *name)
{
	for (size_t i = 0; i < NP_COUNT(request_only_overrides); i++)
		if (strcmp(name, request_only_overrides[i]) == 0)
			return true;
	return false;
}

/* Equal overrides must give equal text whatever the order of their members: the text is part of the pool key. */
static char *
overrides_canonical(const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), n = 0;
	const cJSON **members = xcalloc(count + 1, sizeof(members[0]));
	const cJSON *member;
	cJSON *sorted = cJSON_CreateObject();

	cJSON_ArrayForEach (member, object)
		if (!is_request_only(member->string))
			members[n++] = member;
	qsort(members, n, sizeof(members[0]), compare_members);
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToObject(sorted, members[i]->string, cJSON_Duplicate(members[i], 0));
	char *printed = n > 0 ? cJSON_PrintUnformatted(sorted) : NULL;
	char *text = xstrdup_null(printed);
	if (printed != NULL)
		secret_wipe(printed, strlen(printed)); /* may hold a password */
	cJSON_free(printed);
	params_wipe(sorted);
	cJSON_Delete(sorted);
	free(members);
	return text;
}

static int
overrides_limits(const cJSON *object, struct exec_params *p, struct np_error *err)
{
	struct {
		const char *name;
		double *value;
	} limits[] = {{"timeout", &p->timeout}, {"first_byte_timeout", &p->first_byte_timeout},
	    {"idle_timeout", &p->idle_timeout}, {"queue_timeout", &p->queue_timeout}};

	for (size_t i = 0; i < NP_COUNT(limits); i++) {
		const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, limits[i].name);
		if (member == NULL)
			continue;
		double value = member->valuedouble;
		if (cJSON_IsString(member)) {
			char *end;
			value = strtod(member->valuestring, &end);
			if (*member->valuestring == '\0' || *end != '\0')
				return params_bad(err, limits[i].name, "a number of seconds");
		} else if (!cJSON_IsNumber(member))
			return params_bad(err, limits[i].name, "a number of seconds");
		if (!(value >= 0 && value <= 1e9))
			return params_bad(err, limits[i].name, "between 0 and 1000000000 seconds");
		*limits[i].value = value;
	}
	return 0;
}

static int
overrides_check(const cJSON *object, struct np_error *err)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, object) {
		if (!cJSON_IsString(member) && !cJSON_IsNumber(member) && !cJSON_IsBool(member)) {
			char shown[64];
			text_vis_into(shown, sizeof(shown), member->string);
			return error_set(err, REASON_INVALID_PARAMS,
			    "`overrides.%s` must be a string, a number, true or false", shown);
		}
	}
	return 0;
}

static int
parse_device(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const cJSON *device = cJSON_GetObjectItemCaseSensitive(params, "device");
	const cJSON *overrides = cJSON_GetObjectItemCaseSensitive(params, "overrides");

	if (cJSON_IsString(device) && device->valuestring[0] != '\0') {
		p->device.operand = xstrdup(device->valuestring);
	} else if (cJSON_IsObject(device)) {
		char *printed = cJSON_PrintUnformatted(device);
		p->device.object = xstrdup(printed);
		secret_wipe(printed, strlen(printed)); /* may hold a password */
		cJSON_free(printed);
	} else
		return params_bad(err, "device", "a name, user@host, host:port, or an object with a device's keys");
	if (overrides == NULL)
		return 0;
	if (!cJSON_IsObject(overrides))
		return params_bad(err, "overrides", "an object with keys of a device");
	if (overrides_check(overrides, err) == -1 || overrides_limits(overrides, p, err) == -1)
		return -1;
	p->device.overrides = overrides_canonical(overrides);
	return 0;
}

/* ---- what to run ---- */

static void
add_command(struct exec_params *p, const void *text, size_t size)
{
	struct command *c;

	p->commands = xreallocarray(p->commands, p->commands_count + 1, sizeof(p->commands[0]));
	c = &p->commands[p->commands_count++];
	c->text = xmalloc(size + 1);
	memcpy(c->text, text, size);
	c->text[size] = '\0';
	c->size = size;
}

int
params_parse_commands(const cJSON *array, struct exec_params *p, struct np_error *err)
{
	const cJSON *item;

	if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) == 0)
		return params_bad(err, "commands", "a list of at least one command");
	if (cJSON_GetArraySize(array) > PARAMS_COMMANDS_MAX)
		return error_set(err, REASON_INVALID_PARAMS,
		    "`commands` holds more than %d commands: send several requests", PARAMS_COMMANDS_MAX);
	cJSON_ArrayForEach (item, array) {
		if (!cJSON_IsString(item))
			return params_bad(err, "commands", "a list of strings");
		add_command(p, item->valuestring, strlen(item->valuestring));
	}
	p->batch = true;
	return 0;
}

static int
parse_what(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(params, "commands");
	const char *command = NULL, *base64 = NULL, *subsystem = NULL;

	if (params_string(params, "command", &command, err) == -1 ||
	    params_string(params, "command_base64", &base64, err) == -1 ||
	    params_string(params, "subsystem", &subsystem, err) == -1)
		return -1;
	if ((command != NULL) + (base64 != NULL) + (subsystem != NULL) + (array != NULL) > 1)
		return error_set(err, REASON_INVALID_PARAMS,
		    "only one of `command`, `commands`, `command_base64` and `subsystem` can be given");
	if (array != NULL)
		return params_parse_commands(array, p, err);
	if (base64 != NULL) {
		size_t size;
		uint8_t *bytes = text_unbase64(base64, &size);
		if (bytes == NULL)
			return params_bad(err, "command_base64", "base64 with padding");
		add_command(p, bytes, size);
		free(bytes);
	} else if (subsystem != NULL) {
		p->kind = EXEC_SUBSYSTEM;
		add_command(p, subsystem, strlen(subsystem));
	} else if (command != NULL)
		add_command(p, command, strlen(command));
	else
		p->kind = EXEC_SHELL;
	return 0;
}

static bool
is_env_name(const char *name)
{
	if (*name == '\0')
		return false;
	for (; *name != '\0'; name++)
		if (*name == '=' || (unsigned char)*name <= ' ' || *name == 0x7f)
			return false;
	return true;
}

static int
parse_env(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const cJSON *env = cJSON_GetObjectItemCaseSensitive(params, "env");
	const cJSON *member;
	size_t n = 0;

	if (env == NULL)
		return 0;
	if (!cJSON_IsObject(env) || cJSON_GetArraySize(env) > PARAMS_ENV_MAX)
		return params_bad(err, "env", "an object of at most 256 names and values");
	p->env = xcalloc((size_t)cJSON_GetArraySize(env) + 1, sizeof(p->env[0]));
	cJSON_ArrayForEach (member, env) {
		if (!is_env_name(member->string) || !cJSON_IsString(member))
			return params_bad(err, "env", "an object whose members are names and string values");
		p->env[n++] = xasprintf("%s=%s", member->string, member->valuestring);
	}
	return 0;
}

static int
parse_on_error(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const char *word = NULL;

	if (params_string(params, "on_error", &word, err) == -1)
		return -1;
	if (word == NULL)
		return 0;
	if (strcmp(word, "continue") == 0)
		p->on_error = ON_ERROR_CONTINUE;
	else if (strcmp(word, "stop") == 0)
		p->on_error = ON_ERROR_STOP;
	else
		return params_bad(err, "on_error", "\"continue\" or \"stop\"");
	return 0;
}

static int
parse_terminal(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const char *term = NULL;

	if (params_bool(params, "pty", &p->pty, err) == -1 || params_string(params, "term", &term, err) == -1 ||
	    params_int(params, "cols", 1, 65535, &p->cols, err) == -1 ||
	    params_int(params, "rows", 1, 65535, &p->rows, err) == -1)
		return -1;
	p->term = xstrdup_null(term);
	return 0;
}

int
params_parse_limits(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	double window = 0;

	if (params_number(params, "timeout", 0, 1e9, &p->timeout, err) == -1 ||
	    params_number(params, "first_byte_timeout", 0, 1e9, &p->first_byte_timeout, err) == -1 ||
	    params_number(params, "idle_timeout", 0, 1e9, &p->idle_timeout, err) == -1 ||
	    params_number(params, "queue_timeout", 0, 1e9, &p->queue_timeout, err) == -1 ||
	    params_number(params, "window", 1, 1e15, &window, err) == -1)
		return -1;
	p->window = (uint64_t)window;
	return 0;
}

void
params_init(struct exec_params *p)
{
	memset(p, 0, sizeof(*p));
	p->timeout = p->first_byte_timeout = p->idle_timeout = p->queue_timeout = -1;
	p->cols = 80;
	p->rows = 24;
}

int
params_parse_common(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const char *agent = NULL;

	if (params == NULL)
		return error_set(err, REASON_INVALID_PARAMS, "`device` is missing");
	if (parse_device(params, p, err) == -1 || params_bool(params, "fresh", &p->fresh, err) == -1 ||
	    params_bool(params, "interactive", &p->interactive, err) == -1 ||
	    params_string(params, "agent_socket", &agent, err) == -1)
		return -1;
	if (agent != NULL && agent[0] != '/')
		return params_bad(err, "agent_socket", "an absolute path");
	p->agent_socket = xstrdup_null(agent);
	return 0;
}

int
exec_params_parse(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	params_init(p);
	if (params_only(params, exec_names, NP_COUNT(exec_names), err) == -1 ||
	    params_parse_common(params, p, err) == -1 || parse_what(params, p, err) == -1 ||
	    parse_terminal(params, p, err) == -1 || parse_env(params, p, err) == -1 ||
	    parse_on_error(params, p, err) == -1 || params_parse_limits(params, p, err) == -1 ||
	    params_parse_cli(params, p, err) == -1)
		return -1;
	return params_bool(params, "capture", &p->capture, err);
}

int
open_params_parse(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	params_init(p);
	if (params_only(params, open_names, NP_COUNT(open_names), err) == -1 ||
	    params_parse_common(params, p, err) == -1)
		return -1;
	return params_number(params, "queue_timeout", 0, 1e9, &p->queue_timeout, err);
}

void
exec_params_finish(struct exec_params *p)
{
	device_ref_finish(&p->device);
	for (size_t i = 0; i < p->commands_count; i++)
		secret_free(p->commands[i].text); /* commands may name secrets */
	free(p->commands);
	for (char **e = p->env; e != NULL && *e != NULL; e++)
		secret_free(*e);
	free(p->env);
	params_free_answers(p);
	free(p->term);
	free(p->agent_socket);
	params_init(p);
}

/* ---- the key ---- */

char *
device_ref_key(const struct device_ref *ref)
{
	/* A unit separator can be in none of the parts: operands refuse control bytes, JSON text escapes them. */
	return xasprintf("%s\x1f%s", ref->operand != NULL ? ref->operand : ref->object,
	    ref->overrides != NULL ? ref->overrides : "");
}

void
device_ref_finish(struct device_ref *ref)
{
	free(ref->operand);
	secret_free(ref->object);
	secret_free(ref->overrides);
	memset(ref, 0, sizeof(*ref));
}

struct device_ref
device_ref_copy(const struct device_ref *ref)
{
	return (struct device_ref){.operand = xstrdup_null(ref->operand),
	    .object = xstrdup_null(ref->object),
	    .overrides = xstrdup_null(ref->overrides)};
}
