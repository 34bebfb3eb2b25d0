/*
 * The keys of a platform file: names, types, bounds, and where they are kept.  netpulse-platform(5) describes them in
 * the same order.
 */
#include <string.h>

#include "platform/platform_impl.h"

_Static_assert(sizeof(enum platform_origin) == sizeof(int) && sizeof(enum platform_exec) == sizeof(int) &&
		   sizeof(enum platform_reply) == sizeof(int),
    "SCHEMA_WORD rows are set as int");

#define FIELD(type, member) offsetof(struct type, member)
#define PATTERN(where) SCHEMA_KIND, .kind = &platform_pattern_kind, .detail = (where)
#define PATTERNS(where) SCHEMA_KIND, .kind = &platform_patterns_kind, .detail = (where)
#define LIST(type, member) SCHEMA_LIST, .offset = FIELD(type, member.items), .also = FIELD(type, member.count)
#define QUESTIONS(type, member) LIST(type, member), .table = &question_table
#define STEPS(type, member) LIST(type, member), .table = &step_table

static const struct schema_word origins[] = {
    {"documented", PLATFORM_DOCUMENTED},
    {"simulated", PLATFORM_SIMULATED},
    {"recorded", PLATFORM_RECORDED},
    {NULL, 0},
};

static const struct schema_word execs[] = {
    {"unknown", PLATFORM_EXEC_UNKNOWN},
    {"none", PLATFORM_EXEC_NONE},
    {"once", PLATFORM_EXEC_ONCE},
    {"many", PLATFORM_EXEC_MANY},
    {"preferred", PLATFORM_EXEC_PREFERRED},
    {NULL, 0},
};

/* --- questions --- */

static const struct schema_word replies[] = {
    {"username", PLATFORM_USERNAME}, {"password", PLATFORM_PASSWORD}, {"secret", PLATFORM_SECRET}, {NULL, 0}};

static const struct schema_row question_keys[] = {
    {"match", PATTERN(PATTERN_END), .offset = FIELD(platform_question, match)},
    {"send", SCHEMA_TEXT, .offset = FIELD(platform_question, send)},
    {"keys", SCHEMA_TEXT, .offset = FIELD(platform_question, keys)},
    {"reply", SCHEMA_WORD, .offset = FIELD(platform_question, reply), .words = replies},
};

static int
complete_question(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct platform_question *q = base;
	int given = (q->send != NULL) + (q->keys != NULL) + (q->reply != PLATFORM_TEXT);

	if (q->match == NULL || given != 1)
		return schema_error(
		    r, node, "a question of `%s` needs `match` and exactly one of `send`, `keys`, `reply`", row->name);
	if (q->keys != NULL)
		q->reply = PLATFORM_KEYS;
	return 0;
}

static const struct schema_table question_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in a question", question_keys),
    .size = sizeof(struct platform_question), .complete = complete_question,
    .expected = "a mapping with `match` and one of `send`, `keys`, `reply`"};

/* --- steps --- */

static const struct schema_word sayings[] = {{"nothing", PLATFORM_SAYS_NOTHING}, {NULL, 0}};

static const struct schema_row step_keys[] = {
    {"send", SCHEMA_TEXT, .offset = FIELD(platform_step, send)},
    {"optional", SCHEMA_BOOL, .offset = FIELD(platform_step, optional)},
    {"ok", PATTERN(PATTERN_ANYWHERE), .offset = FIELD(platform_step, ok)},
    {"says", SCHEMA_WORD, .offset = FIELD(platform_step, says), .words = sayings},
    {"questions", QUESTIONS(platform_step, questions)},
    {"timeout", SCHEMA_SECONDS, .offset = FIELD(platform_step, timeout), .max = 86400},
};

static int
complete_step(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	const struct platform_step *step = base;

	if (step->send == NULL)
		return schema_error(r, node, "a step of `%s` needs `send`", row->name);
	if (step->says == PLATFORM_SAYS_NOTHING && step->ok != NULL)
		return schema_error(r, node, "a step of `%s` says nothing and has an `ok`: what is it?", row->name);
	return 0;
}

static const struct schema_table step_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in a step", step_keys),
    .size = sizeof(struct platform_step), .brief = true, .complete = complete_step,
    .expected = "a command, or a mapping with `send`"};

/* --- modes, configurations, platforms --- */

static const struct schema_row mode_keys[] = {
    {"prompt", PATTERN(PATTERN_WHOLE), .offset = FIELD(platform_mode, prompt)},
    {"context", PATTERN(PATTERN_WHOLE), .offset = FIELD(platform_mode, context)},
    {"parent", SCHEMA_TEXT, .offset = FIELD(platform_mode, parent_name)},
    {"enter", SCHEMA_ONE, .offset = FIELD(platform_mode, enter), .table = &step_table},
    {"leave", SCHEMA_ONE, .offset = FIELD(platform_mode, leave), .table = &step_table},
    {"login", SCHEMA_ONE, .offset = FIELD(platform_mode, login), .table = &step_table},
    {"config", SCHEMA_BOOL, .offset = FIELD(platform_mode, config)},
    {"samples", SCHEMA_TEXTS, .offset = FIELD(platform_mode, samples)},
};

const struct schema_table platform_mode_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in a mode", mode_keys)};

static const struct schema_word quotings[] = {
    {"double", PLATFORM_QUOTES_DOUBLE}, {"both", PLATFORM_QUOTES_BOTH}, {NULL, 0}};

static const struct schema_row block_keys[] = {
    {"match", PATTERN(PATTERN_START), .offset = FIELD(platform_block, match)},
    {"end", PATTERN(PATTERN_WHOLE), .offset = FIELD(platform_block, end)},
    {"optional", SCHEMA_BOOL, .offset = FIELD(platform_block, optional)},
};

static int
complete_block(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	const struct platform_block *block = base;

	if (block->match == NULL || (block->end == NULL && !pattern_has_group(block->match)))
		return schema_error(
		    r, node, "each of `%s` needs `end`, or a group (?<end>...): what ends the text", row->name);
	return 0;
}

static const struct schema_table block_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in a block", block_keys),
    .size = sizeof(struct platform_block), .brief = true, .complete = complete_block,
    .expected = "an expression, or a mapping with `match` and `end`"};

static const struct schema_row config_keys[] = {
    {"enter", STEPS(platform_config, enter)},
    {"candidate", SCHEMA_BOOL, .offset = FIELD(platform_config, candidate)},
    {"check", STEPS(platform_config, check)},
    {"commit", STEPS(platform_config, commit)},
    {"confirmed", STEPS(platform_config, confirmed)},
    {"abort", STEPS(platform_config, abort)},
    {"leave", STEPS(platform_config, leave)},
    {"save", STEPS(platform_config, save)},
    {"save_inside", SCHEMA_BOOL, .offset = FIELD(platform_config, save_inside)},
    {"saves_itself", SCHEMA_BOOL, .offset = FIELD(platform_config, saves_itself)},
    {"blocks", SCHEMA_LIST, .offset = FIELD(platform_config, blocks), .also = FIELD(platform_config, blocks_count),
	.table = &block_table},
    {"quotes", SCHEMA_WORD, .offset = FIELD(platform_config, quotes), .words = quotings},
    {"brackets", SCHEMA_BOOL, .offset = FIELD(platform_config, brackets)},
    {"shows", PATTERNS(PATTERN_START), .offset = FIELD(platform_config, shows)},
    {"remarks", PATTERNS(PATTERN_START), .offset = FIELD(platform_config, remarks)},
    {"refusals", PATTERNS(PATTERN_START), .offset = FIELD(platform_config, refusals)},
    {"busy", PATTERNS(PATTERN_START), .offset = FIELD(platform_config, busy)},
};

static const struct schema_table config_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in `config`", config_keys)};

static int
check_abbreviation(const struct schema_row *row, const char *text, struct np_error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t least = strspn(text, letters), rest = text[least] == '[' ? strspn(text + least + 1, letters) : 0;

	(void)row;
	if (least > 0 && rest > 0 && least + rest < PLATFORM_WORD_MAX && strcmp(text + least + 1 + rest, "]") == 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "`%s`: write it as in `sh[ow]`, in lower case", text);
}

static const struct schema_row platform_keys[] = {
    {"extends", SCHEMA_APART, .offset = 0},
    {"name", SCHEMA_TEXT, .offset = FIELD(platform, name)},
    {"title", SCHEMA_TEXT, .offset = FIELD(platform, title)},
    {"aliases", SCHEMA_TEXTS, .offset = FIELD(platform, aliases)},
    {"origin", SCHEMA_WORD, .offset = FIELD(platform, origin), .words = origins},
    {"source", SCHEMA_TEXT, .offset = FIELD(platform, source)},

    {"newline", SCHEMA_TEXT, .offset = FIELD(platform, newline)},
    {"interrupt", SCHEMA_TEXT, .offset = FIELD(platform, interrupt)},
    {"term", SCHEMA_TEXT, .offset = FIELD(platform, term)},
    {"cols", SCHEMA_INT, .offset = FIELD(platform, cols), .min = 20, .max = 2000},
    {"rows", SCHEMA_INT, .offset = FIELD(platform, rows), .min = 5, .max = 2000},
    {"echo", SCHEMA_BOOL, .offset = FIELD(platform, echo)},
    {"cr_ends_line", SCHEMA_BOOL, .offset = FIELD(platform, cr_ends_line)},
    {"window", SCHEMA_INT, .offset = FIELD(platform, window), .min = 16, .max = 4000},
    {"repaint", SCHEMA_BOOL, .offset = FIELD(platform, repaint)},
    {"login_suffix", SCHEMA_TEXT, .offset = FIELD(platform, login_suffix)},

    {"modes", SCHEMA_KIND, .kind = &platform_modes_kind},
    {"base_mode", SCHEMA_TEXT, .offset = FIELD(platform, base_mode_name)},
    {"prompt_lines", SCHEMA_INT, .offset = FIELD(platform, prompt_lines), .min = 1, .max = PLATFORM_CONTEXT_MAX + 1},
    {"prompt_context", PATTERNS(PATTERN_WHOLE), .offset = FIELD(platform, prompt_context)},
    {"false_prompts", PATTERNS(PATTERN_WHOLE), .offset = FIELD(platform, false_prompts)},
    {"mask", PATTERNS(PATTERN_ANYWHERE), .offset = FIELD(platform, mask)},
    {"host_cut", SCHEMA_INT, .offset = FIELD(platform, host_cut), .min = 0, .max = 63},
    {"mode_change", PATTERNS(PATTERN_START), .offset = FIELD(platform, mode_change)},

    {"login", QUESTIONS(platform, login)},
    {"pager", QUESTIONS(platform, pager)},
    {"pager_quit", SCHEMA_TEXT, .offset = FIELD(platform, pager_quit)},
    {"passwords", PATTERNS(PATTERN_END), .offset = FIELD(platform, passwords)},
    {"questions", PATTERNS(PATTERN_END), .offset = FIELD(platform, questions)},
    {"prepare", STEPS(platform, prepare)},
    {"reset", STEPS(platform, reset)},
    {"logout", STEPS(platform, logout)},
    {"config", SCHEMA_BLOCK, .offset = FIELD(platform, config),
	.also = FIELD(platform, config) + FIELD(platform_config, given), .table = &config_table},

    {"errors", PATTERNS(PATTERN_START), .offset = FIELD(platform, errors)},
    {"ignore", PATTERNS(PATTERN_START), .offset = FIELD(platform, ignore)},
    {"async", PATTERNS(PATTERN_START), .offset = FIELD(platform, async)},
    {"redact", PATTERNS(PATTERN_ANYWHERE), .offset = FIELD(platform, redact)},
    {"sentinel", SCHEMA_TEXT, .offset = FIELD(platform, sentinel)},
    {"sentinel_says", SCHEMA_TEXT, .offset = FIELD(platform, sentinel_says)},
    {"prove", SCHEMA_BOOL, .offset = FIELD(platform, prove)},

    {"abbreviations", SCHEMA_TEXTS, .offset = FIELD(platform, abbreviations), .check = check_abbreviation},
    {"read_only", PATTERNS(PATTERN_WHOLE), .offset = FIELD(platform, read_only)},
    {"filters", PATTERNS(PATTERN_WHOLE), .offset = FIELD(platform, filters)},

    {"exec", SCHEMA_WORD, .offset = FIELD(platform, exec), .words = execs},
    {"max_sessions", SCHEMA_INT, .offset = FIELD(platform, max_sessions), .min = 1, .max = 1000},
    {"idle", SCHEMA_SECONDS, .offset = FIELD(platform, idle), .max = 1e6},
    {"keepalive_ssh", SCHEMA_BOOL, .offset = FIELD(platform, keepalive_ssh)},
    {"keepalive_cli", SCHEMA_SECONDS, .offset = FIELD(platform, keepalive_cli), .max = 1e6},

    {"detect", PATTERNS(PATTERN_ANYWHERE), .offset = FIELD(platform, detect)},
    {"detect_command", SCHEMA_TEXT, .offset = FIELD(platform, detect_command)},
};

const struct schema_table platform_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in a platform", platform_keys)};

const char *
platform_origin_name(enum platform_origin origin)
{
	return schema_word(origins, (int)origin);
}
