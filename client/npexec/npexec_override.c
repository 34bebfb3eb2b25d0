/*
 * What options say about the device and the command: keys of the device, environment, answers.  Reads the environment
 * for --env NAME.
 */
#include "npexec/npexec_options.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "lib/npstart.h"
#include "base/text.h"
#include "base/xalloc.h"

extern char **environ;

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

void
npexec_override_first(struct npexec_options *o, const char *key, const char *value)
{
	if (cJSON_GetObjectItemCaseSensitive(o->overrides, key) == NULL)
		npexec_override(o, key, value);
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
	char *expanded, *absolute;

	if (*path == '\0')
		return npoption_usage(err, key, "the file name is empty");
	if (strcmp(path, "none") == 0) {
		npexec_override(o, key, path);
		return 0;
	}
	expanded = paths_expand_home(path);
	absolute = npstart_absolute(expanded, err);
	if (absolute != NULL)
		npexec_override(o, key, absolute);
	free(absolute);
	free(expanded);
	return absolute != NULL ? 0 : -1;
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

/* The name before the first `=`, which the caller frees, and what is behind it; NULL where there is no name. */
static char *
split(const char *arg, const char **value)
{
	size_t n = strcspn(arg, "=");

	if (n == 0 || arg[n] == '\0')
		return NULL;
	*value = arg + n + 1;
	return xstrndup(arg, n);
}

int
npexec_override_parse(void *o, const struct npoption *row, const char *arg, struct np_error *err)
{
	enum npexec_said said = npexec_ssh_option(o, arg, err);
	const char *value;
	char *key;
	int result = 0;

	if (said != NPEXEC_NOT_SSH)
		return said == NPEXEC_TAKEN ? 0 : -1;
	key = split(arg, &value);
	if (key == NULL)
		return npoption_usage(err, row->name, "write it as key=value, with a key of netpulse.yaml(5)");
	if (is_secret_key(key))
		result = npoption_usage(err, row->name,
		    "a secret on the command line can be read by every user: use password_command, password_file, "
		    "secret_command "
		    "or secret_file");
	else if (is_path_key(key))
		result = npexec_override_path(o, key, value, err);
	else
		npexec_override(o, key, value);
	free(key);
	return result;
}

int
npexec_override_env(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	struct npexec_options *o = to;
	const char *value;
	char *name = split(arg, &value);

	if (name == NULL && (*arg == '=' || *arg == '\0'))
		return npoption_usage(err, row->name, "write it as NAME or NAME=VALUE");
	if (name == NULL)
		value = getenv(arg);
	if (value != NULL && !text_is_utf8(value, strlen(value)))
		return npoption_usage(err, arg, "the variable's value is not UTF-8");
	if (value != NULL)
		set_string(&o->env, name != NULL ? name : arg, value);
	free(name);
	return 0;
}

/* Most servers take few variables, and command lines none: what was not asked for by --env may be left out. */
static int
add_env(struct npexec_options *o, const char *pair, struct np_error *err)
{
	if (o->env == NULL)
		o->env_optional = true;
	return npexec_override_env(o, &(const struct npoption){.name = "-o"}, pair, err);
}

static int
send_matching(struct npexec_options *o, const char *pattern, struct np_error *err)
{
	int result = 0;

	for (char **e = environ; e != NULL && *e != NULL && result == 0; e++) {
		char *name = xstrndup(*e, strcspn(*e, "="));

		if (fnmatch(pattern, name, 0) == 0 && text_is_utf8(*e, strlen(*e)) && (*e)[strlen(name)] == '=' &&
		    *name != '\0')
			result = add_env(o, *e, err);
		free(name);
	}
	return result;
}

int
npexec_send_env(struct npexec_options *o, const char *value, struct np_error *err)
{
	int result = 0;
	char *pattern;

	while (result == 0 && (pattern = npexec_login_split(&value)) != NULL) {
		if (*pattern != '-')
			result = send_matching(o, pattern, err);
		free(pattern);
	}
	return result;
}

int
npexec_set_env(struct npexec_options *o, const char *value, struct np_error *err)
{
	int result = 0;
	char *pair;

	while (result == 0 && (pair = npexec_login_split(&value)) != NULL) {
		if (strchr(pair, '=') != NULL)
			result = add_env(o, pair, err);
		else
			result = npoption_usage(err, "SetEnv", "write NAME=VALUE, or NAME=\"VALUE\" with blanks");
		free(pair);
	}
	return result;
}

int
npexec_override_answer(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	struct npexec_options *o = to;
	const char *text;
	char *match = split(arg, &text);
	cJSON *answer;

	if (match == NULL)
		return npoption_usage(err, row->name, "write it as REGEX=TEXT");
	answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "match", match);
	cJSON_AddStringToObject(answer, "answer", text);
	if (o->answers == NULL)
		o->answers = cJSON_CreateArray();
	cJSON_AddItemToArray(o->answers, answer);
	free(match);
	return 0;
}
