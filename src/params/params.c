/*
 * The params of requests for a device: one row for each, and the verbs that have it.  Not here: the types that are more
 * than a value (params_device.c, params_run.c), and what is asked of the broker itself (params_ask.c).
 */
#include "params/params.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "params/params_impl.h"

#define SECONDS_MAX 1e9
#define WINDOW_MAX 1e15
#define MODES_MAX 1024

static const struct schema_word on_error_words[] = {
    {"continue", ON_ERROR_CONTINUE}, {"stop", ON_ERROR_STOP}, {NULL, 0}};

static int
check_modes(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	size_t size;
	uint8_t *bytes = text_unbase64(text, &size);
	bool good = bytes != NULL && size > 0 && size <= MODES_MAX;

	free(bytes);
	return good ? 0 : error_set(err, REASON_INVALID_PARAMS, "base64 with padding, of at most %d bytes", MODES_MAX);
}

#define AT(member) .offset = offsetof(struct exec_params, member)
#define SECONDS(member) SCHEMA_SECONDS, AT(member), .max = SECONDS_MAX
#define ALL (LOGS_IN | PARAMS_MUX)
#define LOGS_IN (RUNS | PARAMS_OPEN | PARAMS_TEST)
/* Verbs that type or run something. */
#define RUNS (PARAMS_EXEC | PARAMS_CONFIG | PARAMS_RECORD | PARAMS_PLATFORM_TEST)

static const struct schema_row rows[] = {
    {"device", SCHEMA_KIND, .kind = &params_device_kind, .flags = SCHEMA_REQUIRED, .where = ALL},
    {"overrides", SCHEMA_KIND, .kind = &params_overrides_kind, .where = LOGS_IN},
    {"interactive", SCHEMA_BOOL, AT(interactive), .where = ALL},
    {"verbose", SCHEMA_BOOL, AT(verbose), .where = PARAMS_EXEC | PARAMS_CONFIG},
    {"agent_socket", SCHEMA_PATH, AT(agent_socket), .flags = SCHEMA_MAY_BE_NONE, .where = ALL},
    {"fresh", SCHEMA_BOOL, AT(fresh), .where = PARAMS_EXEC | PARAMS_CONFIG | PARAMS_OPEN},
    {"login", SCHEMA_BOOL, AT(login), .where = PARAMS_TEST},
    {"parent", SCHEMA_BOOL, AT(parent), .where = PARAMS_MUX},
    {"present", SCHEMA_BOOL, AT(present), .where = PARAMS_MUX},

    {"queue_timeout", SECONDS(queue_timeout), .where = RUNS | PARAMS_OPEN},
    {"timeout", SECONDS(timeout), .where = RUNS},
    {"first_byte_timeout", SECONDS(first_byte_timeout), .where = RUNS},
    {"idle_timeout", SECONDS(idle_timeout), .where = RUNS},
    {"window", SCHEMA_SIZE, AT(window), .min = 1, .max = WINDOW_MAX, .where = PARAMS_EXEC | PARAMS_CONFIG},

    {"command", SCHEMA_KIND, .kind = &params_command_kind, .where = PARAMS_EXEC},
    {"command_base64", SCHEMA_KIND, .kind = &params_base64_kind, .where = PARAMS_EXEC},
    {"commands", SCHEMA_KIND, .kind = &params_commands_kind, .where = PARAMS_EXEC | PARAMS_RECORD},
    {"subsystem", SCHEMA_KIND, .kind = &params_subsystem_kind, .where = PARAMS_EXEC},
    {"connect", SCHEMA_KIND, .kind = &params_connect_kind, .where = PARAMS_EXEC},
    {"half_close", SCHEMA_BOOL, AT(half_close), .where = PARAMS_EXEC},
    {"on_error", SCHEMA_WORD, AT(on_error), .words = on_error_words, .where = PARAMS_EXEC},
    {"capture", SCHEMA_BOOL, AT(capture), .where = PARAMS_EXEC},
    {"no_stdin", SCHEMA_BOOL, AT(no_stdin), .where = PARAMS_EXEC},
    {"pty", SCHEMA_BOOL, AT(pty), .where = PARAMS_EXEC},
    {"term", SCHEMA_TEXT, AT(term), .where = PARAMS_EXEC},
    {"modes", SCHEMA_TEXT, AT(modes), .check = check_modes, .where = PARAMS_EXEC},
    {"cols", SCHEMA_INT, AT(cols), .min = 1, .max = 65535, .where = PARAMS_EXEC},
    {"rows", SCHEMA_INT, AT(rows), .min = 1, .max = 65535, .where = PARAMS_EXEC},
    {"env", SCHEMA_KIND, .kind = &params_env_kind, .where = PARAMS_EXEC},
    {"env_optional", SCHEMA_BOOL, AT(env_optional), .where = PARAMS_EXEC},

    {"answers", SCHEMA_KIND, .kind = &params_answers_kind, .where = PARAMS_EXEC | PARAMS_CONFIG | PARAMS_RECORD},
    {"enable", SCHEMA_BOOL, AT(enable), .where = PARAMS_EXEC | PARAMS_RECORD},
    {"prove", SCHEMA_BOOL, AT(cli.prove), .where = PARAMS_EXEC | PARAMS_RECORD},
    {"raw", SCHEMA_BOOL, AT(cli.raw), .where = PARAMS_EXEC},
    {"ignore_errors", SCHEMA_BOOL, AT(cli.ignore_errors), .where = PARAMS_EXEC},
    {"lines", SCHEMA_BOOL, AT(lines), .where = PARAMS_EXEC},
    {"hold", SCHEMA_BOOL, AT(hold), .where = PARAMS_EXEC},

    {"save", SCHEMA_BOOL, AT(cli.save), .where = PARAMS_CONFIG},
    {"keep_going", SCHEMA_BOOL, AT(cli.keep_going), .where = PARAMS_CONFIG},
    {"dry_run", SCHEMA_BOOL, AT(cli.dry_run), .where = PARAMS_CONFIG},
    {"confirm_minutes", SCHEMA_INT, AT(cli.confirm_minutes), .max = 65535, .where = PARAMS_CONFIG},
};

const struct schema_table params_table = {SCHEMA_TABLE(SCHEMA_PARAMS, NULL, rows)};

static void
params_init(struct exec_params *p)
{
	memset(p, 0, sizeof(*p));
	p->timeout = p->first_byte_timeout = p->idle_timeout = p->queue_timeout = -1;
	p->cols = 80;
	p->rows = 24;
}

/* What the verb itself says, and what no single param can tell. */
static int
complete(enum params_verb verb, struct exec_params *p, struct np_error *err)
{
	if (verb == PARAMS_EXEC && p->commands_count == 0)
		p->kind = EXEC_SHELL;
	if (verb == PARAMS_RECORD || verb == PARAMS_PLATFORM_TEST) {
		p->batch = p->fresh = true;
		p->on_error = ON_ERROR_CONTINUE;
	}
	if (p->lines && p->kind != EXEC_SHELL)
		return error_set(err, REASON_INVALID_PARAMS, "`lines` goes without a command");
	if (p->cli.dry_run && (p->cli.save || p->cli.confirm_minutes > 0))
		return error_set(err, REASON_INVALID_PARAMS,
		    "`dry_run` changes nothing: it does not go with `save` or `confirm_minutes`");
	return 0;
}

int
exec_params_parse(enum params_verb verb, const cJSON *params, struct exec_params *p, struct np_error *err)
{
	params_init(p);
	return params_read(&params_table, verb, params, p, err) == 0 ? complete(verb, p, err) : -1;
}

void
exec_params_finish(struct exec_params *p)
{
	schema_free(&params_table, p);
	params_init(p);
}

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
