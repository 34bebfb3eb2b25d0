/* What a request runs, in which environment, and the answers to what that asks. */
#include <stdlib.h>
#include <string.h>

#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "params/params_impl.h"

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

static int
refuse_second(const struct schema_reader *r, const struct exec_params *p)
{
	if (p->commands_count == 0)
		return 0;
	return error_set(r->err, REASON_INVALID_PARAMS,
	    "only one of `command`, `commands`, `command_base64`, `subsystem` and `connect` can be given");
}

static int
read_command(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	if (schema_check_text(r, row, node) == -1 || refuse_second(r, base) == -1)
		return -1;
	add_command(base, node->text, strlen(node->text));
	return 0;
}

static int
read_subsystem(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	((struct exec_params *)base)->kind = EXEC_SUBSYSTEM;
	return read_command(r, row, node, base);
}

static int
read_connect(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct operand op;
	bool good = node->kind == YAMLDOC_SCALAR && node->text[0] == '/';

	if (schema_check_text(r, row, node) == -1 || (!good && operand_parse(node->text, &op, r->err) == -1))
		return -1;
	if (!good) {
		good = op.port > 0 && op.user == NULL;
		operand_finish(&op);
	}
	if (!good)
		return params_bad(r->err, row->name, "HOST:PORT, or the path of a socket");
	((struct exec_params *)base)->kind = EXEC_FORWARD;
	return read_command(r, row, node, base);
}

static int
read_base64(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	uint8_t *bytes;
	size_t size;

	if (schema_check_text(r, row, node) == -1 || refuse_second(r, base) == -1)
		return -1;
	bytes = text_unbase64(node->text, &size);
	if (bytes == NULL)
		return params_bad(r->err, row->name, "base64 with padding");
	add_command(base, bytes, size);
	free(bytes);
	return 0;
}

static int
read_commands(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct exec_params *p = base;
	struct node_walk walk = {0};

	if (node->kind != YAMLDOC_SEQUENCE || node_count(node) == 0)
		return params_bad(r->err, row->name, "a list of at least one command");
	if (node_count(node) > PARAMS_COMMANDS_MAX)
		return error_set(r->err, REASON_INVALID_PARAMS,
		    "`commands` holds more than %d commands: send several requests", PARAMS_COMMANDS_MAX);
	if (refuse_second(r, p) == -1)
		return -1;
	while (node_walk(node, &walk)) {
		if (walk.item.kind != YAMLDOC_SCALAR || walk.item.style != NODE_QUOTED)
			return params_bad(r->err, row->name, "a list of strings");
		add_command(p, walk.item.text, strlen(walk.item.text));
	}
	p->batch = true;
	return 0;
}

static void
free_commands(const struct schema_row *row NP_UNUSED, void *base)
{
	struct exec_params *p = base;

	for (size_t i = 0; i < p->commands_count; i++)
		secret_free(p->commands[i].text); /* commands may name secrets */
	free(p->commands);
}

const struct schema_kind params_command_kind = {"string", read_command, NULL, NULL};
const struct schema_kind params_connect_kind = {"string", read_connect, NULL, NULL};
const struct schema_kind params_subsystem_kind = {"string", read_subsystem, NULL, NULL};
const struct schema_kind params_base64_kind = {"string", read_base64, NULL, NULL};
const struct schema_kind params_commands_kind = {"array of 1 to 10000 strings", read_commands, NULL, free_commands};

/* ---- env ---- */

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
read_env(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct exec_params *p = base;
	struct node_walk walk = {0};
	size_t n = 0;

	if (node->kind != YAMLDOC_MAPPING || node_count(node) > PARAMS_ENV_MAX)
		return params_bad(r->err, row->name, "an object of at most 256 names and values");
	p->env = xcalloc(node_count(node) + 1, sizeof(p->env[0]));
	while (node_walk(node, &walk)) {
		if (!is_env_name(walk.key) || walk.item.kind != YAMLDOC_SCALAR || walk.item.style != NODE_QUOTED)
			return params_bad(r->err, row->name, "an object whose members are names and string values");
		p->env[n++] = xasprintf("%s=%s", walk.key, walk.item.text);
	}
	return 0;
}

static void
free_env(const struct schema_row *row NP_UNUSED, void *base)
{
	struct exec_params *p = base;

	for (char **e = p->env; e != NULL && *e != NULL; e++)
		secret_free(*e);
	free(p->env);
}

const struct schema_kind params_env_kind = {"object of up to 256 strings", read_env, NULL, free_env};

/* ---- answers ---- */

static int
read_match(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct cli_answer *answer = base;

	if (schema_check_text(r, row, node) == -1)
		return -1;
	answer->match = pattern_create(node->text, PATTERN_ANYWHERE, r->err);
	if (answer->match != NULL)
		return 0;
	r->err->reason = REASON_INVALID_PARAMS;
	return -1;
}

static void
free_match(const struct schema_row *row NP_UNUSED, void *base)
{
	pattern_destroy(((struct cli_answer *)base)->match);
}

static const struct schema_kind match_kind = {"string", read_match, NULL, free_match};

static const struct schema_row answer_rows[] = {
    {"match", SCHEMA_KIND, .kind = &match_kind, .flags = SCHEMA_REQUIRED},
    {"answer", SCHEMA_HIDDEN, .offset = offsetof(struct cli_answer, text), .flags = SCHEMA_SECRET | SCHEMA_REQUIRED},
};
static const struct schema_table answer_table = {SCHEMA_TABLE(SCHEMA_PARAMS, NULL, answer_rows)};

static int
read_answers(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	static const char wanted[] = "a list of at most 100 objects with `match` and `answer`";
	struct exec_params *p = base;
	struct node_walk walk = {0};

	if (node->kind != YAMLDOC_SEQUENCE || node_count(node) > PARAMS_ANSWERS_MAX)
		return params_bad(r->err, row->name, wanted);
	p->cli.answers = xcalloc(node_count(node) + 1, sizeof(p->cli.answers[0]));
	while (node_walk(node, &walk)) {
		if (walk.item.kind != YAMLDOC_MAPPING)
			return params_bad(r->err, row->name, wanted);
		if (params_read(&answer_table, 0, walk.item.json, &p->cli.answers[p->cli.answers_count++], r->err) ==
		    -1) {
			error_prefix(r->err, "answers");
			return -1;
		}
	}
	return 0;
}

static void
free_answers(const struct schema_row *row NP_UNUSED, void *base)
{
	struct exec_params *p = base;

	for (size_t i = 0; i < p->cli.answers_count; i++)
		schema_free(&answer_table, &p->cli.answers[i]);
	free(p->cli.answers);
}

const struct schema_kind params_answers_kind = {"array", read_answers, NULL, free_answers};
