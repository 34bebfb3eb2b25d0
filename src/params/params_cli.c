/* Request params that concern interactive command lines: answers, privilege, configuration. */
#include <stdlib.h>
#include <string.h>

#include "params/params_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define CONFIRM_MINUTES_MAX 65535

static const char *const config_names[] = {"device", "overrides", "interactive", "agent_socket", "fresh",
    "queue_timeout", "timeout", "first_byte_timeout", "idle_timeout", "window", "answers", "save", "keep_going",
    "dry_run", "confirm_minutes"};

static const char *const record_names[] = {"device", "overrides", "interactive", "agent_socket", "queue_timeout",
    "timeout", "first_byte_timeout", "idle_timeout", "commands", "enable", "prove", "answers"};

static const char *const trial_names[] = {"device", "overrides", "interactive", "agent_socket", "queue_timeout",
    "timeout", "first_byte_timeout", "idle_timeout"};

static const char *const answer_names[] = {"match", "answer"};

void
params_free_answers(struct exec_params *p)
{
	for (size_t i = 0; i < p->answers_count; i++) {
		pattern_destroy(p->answers[i].match);
		secret_free(p->answers[i].text); /* may be a password */
	}
	free(p->answers);
}

static int
parse_answer(const cJSON *item, struct params_answer *answer, struct np_error *err)
{
	const cJSON *match = cJSON_GetObjectItemCaseSensitive(item, "match");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(item, "answer");

	if (!cJSON_IsString(match) || !cJSON_IsString(text))
		return params_bad(err, "answers", "a list of objects with `match` and `answer`, both strings");
	if (params_only(item, answer_names, NP_COUNT(answer_names), err) == -1)
		return -1;
	answer->match = pattern_create(match->valuestring, PATTERN_ANYWHERE, err);
	if (answer->match == NULL) {
		error_prefix(err, "answers");
		err->reason = REASON_INVALID_PARAMS;
		return -1;
	}
	answer->text = xstrdup(text->valuestring);
	return 0;
}

static int
parse_answers(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(params, "answers"), *item;

	if (list == NULL)
		return 0;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > PARAMS_ANSWERS_MAX)
		return params_bad(err, "answers", "a list of at most 100 objects with `match` and `answer`");
	p->answers = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(p->answers[0]));
	cJSON_ArrayForEach (item, list) {
		if (parse_answer(item, &p->answers[p->answers_count++], err) == -1)
			return -1;
	}
	return 0;
}

int
params_parse_cli(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	if (params_bool(params, "enable", &p->enable, err) == -1 ||
	    params_bool(params, "prove", &p->prove, err) == -1 || params_bool(params, "raw", &p->raw, err) == -1 ||
	    params_bool(params, "hold", &p->hold, err) == -1)
		return -1;
	return parse_answers(params, p, err);
}

int
config_params_parse(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	params_init(p);
	if (params_only(params, config_names, NP_COUNT(config_names), err) == -1 ||
	    params_parse_common(params, p, err) == -1 || params_parse_limits(params, p, err) == -1 ||
	    parse_answers(params, p, err) == -1 || params_bool(params, "save", &p->save, err) == -1 ||
	    params_bool(params, "keep_going", &p->keep_going, err) == -1 ||
	    params_bool(params, "dry_run", &p->dry_run, err) == -1 ||
	    params_int(params, "confirm_minutes", 0, CONFIRM_MINUTES_MAX, &p->confirm_minutes, err) == -1)
		return -1;
	if (p->dry_run && (p->save || p->confirm_minutes > 0))
		return error_set(err, REASON_INVALID_PARAMS,
		    "`dry_run` changes nothing: it does not go with `save` or `confirm_minutes`");
	return 0;
}

int
record_params_parse(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	const cJSON *commands = cJSON_GetObjectItemCaseSensitive(params, "commands");

	params_init(p);
	if (params_only(params, record_names, NP_COUNT(record_names), err) == -1 ||
	    params_parse_common(params, p, err) == -1 || params_parse_limits(params, p, err) == -1 ||
	    params_parse_cli(params, p, err) == -1)
		return -1;
	p->batch = p->record = p->fresh = true;
	p->on_error = ON_ERROR_CONTINUE;
	return commands != NULL ? params_parse_commands(commands, p, err) : 0;
}

int
trial_params_parse(const cJSON *params, struct exec_params *p, struct np_error *err)
{
	params_init(p);
	if (params_only(params, trial_names, NP_COUNT(trial_names), err) == -1 ||
	    params_parse_common(params, p, err) == -1 || params_parse_limits(params, p, err) == -1)
		return -1;
	p->batch = p->trial = p->fresh = true;
	p->on_error = ON_ERROR_CONTINUE;
	return 0;
}
