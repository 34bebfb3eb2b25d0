/*
 * What options say about the device and the command: keys of the device, environment, answers.  Reads the environment
 * for --env NAME.
 */
#include "npexec/npexec_override.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "npexec/npexec_options.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

static void
set_string(cJSON **object, const char *key, const char *value)
{
	if (*object == NULL)
		*object = cJSON_CreateObject();
	cJSON_DeleteItemFromObjectCaseSensitive(*object, key);
	cJSON_AddStringToObject(*object, key, value);
}

void
npexec_override(struct npexec_options *o, const char *key, const char *value)
{
	set_string(&o->overrides, key, value);
}

/* Every user of the machine can read the arguments of a process. */
static bool
is_secret_key(const char *key)
{
	return strcmp(key, "password") == 0 || strcmp(key, "secret") == 0;
}

/* The broker works in another directory: what names a file is made absolute here. */
int
npexec_override_path(struct npexec_options *o, const char *key, const char *path, struct np_error *err)
{
	char *expanded, *absolute, *cwd;

	if (*path == '\0')
		return npexec_usage(err, key, "the file name is empty");
	expanded = paths_expand_home(path);
	if (expanded[0] == '/') {
		npexec_override(o, key, expanded);
		free(expanded);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (cwd == NULL) {
		free(expanded);
		return error_set_errno(err, REASON_INVALID_PARAMS, "find the current directory");
	}
	absolute = xasprintf("%s/%s", cwd, expanded);
	npexec_override(o, key, absolute);
	free(absolute);
	free(cwd);
	free(expanded);
	return 0;
}

static bool
is_path_key(const char *key)
{
	static const char *const keys[] = {
	    "key_file", "certificate_file", "password_file", "secret_file", "ssh_config"};

	for (size_t i = 0; i < NP_COUNT(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

int
npexec_override_parse(struct npexec_options *o, const char *arg, struct np_error *err)
{
	const char *equals = strchr(arg, '=');
	int result = 0;

	if (equals == NULL || equals == arg)
		return npexec_usage(err, "-o", "write it as key=value, with a key of netpulse.yaml(5)");
	char *key = xstrndup(arg, (size_t)(equals - arg));
	if (is_secret_key(key))
		result = npexec_usage(err, "-o",
		    "a secret on the command line can be read by every user: use password_command, password_file, "
		    "secret_command "
		    "or secret_file");
	else if (is_path_key(key) && strcmp(equals + 1, "none") != 0)
		result = npexec_override_path(o, key, equals + 1, err);
	else
		npexec_override(o, key, equals + 1);
	free(key);
	return result;
}

int
npexec_override_env(struct npexec_options *o, const char *arg, struct np_error *err)
{
	const char *equals = strchr(arg, '=');

	if (equals == arg || *arg == '\0')
		return npexec_usage(err, "--env", "write it as NAME or NAME=VALUE");
	if (equals == NULL) {
		const char *value = getenv(arg);
		if (value != NULL && !text_is_utf8(value, strlen(value)))
			return npexec_usage(err, arg, "the variable's value is not UTF-8");
		if (value != NULL)
			set_string(&o->env, arg, value);
		return 0;
	}
	char *name = xstrndup(arg, (size_t)(equals - arg));
	set_string(&o->env, name, equals + 1);
	free(name);
	return 0;
}

int
npexec_override_answer(struct npexec_options *o, const char *arg, struct np_error *err)
{
	const char *equals = strchr(arg, '=');

	if (equals == NULL || equals == arg)
		return npexec_usage(err, "--answer", "write it as REGEX=TEXT");
	char *match = xstrndup(arg, (size_t)(equals - arg));
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "match", match);
	cJSON_AddStringToObject(answer, "answer", equals + 1);
	if (o->answers == NULL)
		o->answers = cJSON_CreateArray();
	cJSON_AddItemToArray(o->answers, answer);
	free(match);
	return 0;
}
