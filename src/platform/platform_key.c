/*
 * The keys of a platform file: names, types, bounds, and where they are kept.  netpulse-platform(5) describes them in
 * the same order.
 */
#include "platform/platform_impl.h"

#define FIELD(type, member) offsetof(struct type, member)

static const struct platform_word origins[] = {
    {"documented", PLATFORM_DOCUMENTED},
    {"simulated", PLATFORM_SIMULATED},
    {"recorded", PLATFORM_RECORDED},
    {NULL, 0},
};

static const struct platform_word execs[] = {
    {"unknown", PLATFORM_EXEC_UNKNOWN},
    {"none", PLATFORM_EXEC_NONE},
    {"once", PLATFORM_EXEC_ONCE},
    {"many", PLATFORM_EXEC_MANY},
    {"preferred", PLATFORM_EXEC_PREFERRED},
    {NULL, 0},
};

static const struct platform_key step_keys[] = {
    {"send", PT_TEXT, .offset = FIELD(platform_step, send)},
    {"optional", PT_BOOL, .offset = FIELD(platform_step, optional)},
    {"ok", PT_PATTERN, .offset = FIELD(platform_step, ok), .anchor = PATTERN_ANYWHERE},
    {"questions", PT_QUESTIONS, .offset = FIELD(platform_step, questions)},
    {"timeout", PT_SECONDS, .offset = FIELD(platform_step, timeout), .max = 86400},
};

static const struct platform_table step_table = {"a step", step_keys, NP_COUNT(step_keys)};

static const struct platform_key mode_keys[] = {
    {"prompt", PT_PATTERN, .offset = FIELD(platform_mode, prompt), .anchor = PATTERN_WHOLE},
    {"context", PT_PATTERN, .offset = FIELD(platform_mode, context), .anchor = PATTERN_WHOLE},
    {"parent", PT_TEXT, .offset = FIELD(platform_mode, parent_name)},
    {"enter", PT_STEP, .offset = FIELD(platform_mode, enter)},
    {"leave", PT_STEP, .offset = FIELD(platform_mode, leave)},
    {"login", PT_STEP, .offset = FIELD(platform_mode, login)},
    {"config", PT_BOOL, .offset = FIELD(platform_mode, config)},
    {"samples", PT_TEXTS, .offset = FIELD(platform_mode, samples), .also = FIELD(platform_mode, samples_count)},
};

static const struct platform_table mode_table = {"a mode", mode_keys, NP_COUNT(mode_keys)};

static const struct platform_key config_keys[] = {
    {"enter", PT_STEPS, .offset = FIELD(platform_config, enter)},
    {"candidate", PT_BOOL, .offset = FIELD(platform_config, candidate)},
    {"check", PT_STEPS, .offset = FIELD(platform_config, check)},
    {"commit", PT_STEPS, .offset = FIELD(platform_config, commit)},
    {"confirmed", PT_STEPS, .offset = FIELD(platform_config, confirmed)},
    {"abort", PT_STEPS, .offset = FIELD(platform_config, abort)},
    {"leave", PT_STEPS, .offset = FIELD(platform_config, leave)},
    {"save", PT_STEPS, .offset = FIELD(platform_config, save)},
    {"save_inside", PT_BOOL, .offset = FIELD(platform_config, save_inside)},
    {"blocks", PT_PATTERNS, .offset = FIELD(platform_config, blocks), .anchor = PATTERN_START},
};

static const struct platform_table config_table = {"`config`", config_keys, NP_COUNT(config_keys)};

#define PATTERNS(key, where)                                                                                           \
	{                                                                                                              \
#key, PT_PATTERNS, .offset = FIELD(platform, key), .anchor = where                                     \
	}

static const struct platform_key platform_keys[] = {
    {"extends", PT_EXTENDS, .offset = 0},
    {"name", PT_TEXT, .offset = FIELD(platform, name)},
    {"title", PT_TEXT, .offset = FIELD(platform, title)},
    {"aliases", PT_TEXTS, .offset = FIELD(platform, aliases), .also = FIELD(platform, aliases_count)},
    {"origin", PT_WORD, .offset = FIELD(platform, origin), .words = origins},
    {"source", PT_TEXT, .offset = FIELD(platform, source)},

    {"newline", PT_TEXT, .offset = FIELD(platform, newline)},
    {"interrupt", PT_TEXT, .offset = FIELD(platform, interrupt)},
    {"term", PT_TEXT, .offset = FIELD(platform, term)},
    {"cols", PT_INT, .offset = FIELD(platform, cols), .min = 20, .max = 2000},
    {"rows", PT_INT, .offset = FIELD(platform, rows), .min = 5, .max = 2000},
    {"echo", PT_BOOL, .offset = FIELD(platform, echo)},
    {"cr_ends_line", PT_BOOL, .offset = FIELD(platform, cr_ends_line)},
    {"window", PT_INT, .offset = FIELD(platform, window), .min = 16, .max = 4000},
    {"repaint", PT_BOOL, .offset = FIELD(platform, repaint)},
    {"login_suffix", PT_TEXT, .offset = FIELD(platform, login_suffix)},

    {"modes", PT_MODES, .offset = FIELD(platform, modes), .also = FIELD(platform, modes_count)},
    {"base_mode", PT_TEXT, .offset = FIELD(platform, base_mode_name)},
    {"prompt_lines", PT_INT, .offset = FIELD(platform, prompt_lines), .min = 1, .max = PLATFORM_CONTEXT_MAX + 1},
    PATTERNS(prompt_context, PATTERN_WHOLE),
    PATTERNS(false_prompts, PATTERN_WHOLE),
    PATTERNS(mask, PATTERN_ANYWHERE),
    {"host_cut", PT_INT, .offset = FIELD(platform, host_cut), .min = 0, .max = 63},
    PATTERNS(mode_change, PATTERN_START),

    {"login", PT_QUESTIONS, .offset = FIELD(platform, login)},
    {"pager", PT_QUESTIONS, .offset = FIELD(platform, pager)},
    {"pager_quit", PT_TEXT, .offset = FIELD(platform, pager_quit)},
    PATTERNS(passwords, PATTERN_END),
    PATTERNS(questions, PATTERN_END),
    {"prepare", PT_STEPS, .offset = FIELD(platform, prepare)},
    {"reset", PT_STEPS, .offset = FIELD(platform, reset)},
    {"logout", PT_STEPS, .offset = FIELD(platform, logout)},
    {"config", PT_BLOCK, .offset = FIELD(platform, config),
	.also = FIELD(platform, config) + FIELD(platform_config, given), .table = &config_table},

    PATTERNS(errors, PATTERN_START),
    PATTERNS(ignore, PATTERN_START),
    PATTERNS(async, PATTERN_START),
    PATTERNS(redact, PATTERN_ANYWHERE),
    {"sentinel", PT_TEXT, .offset = FIELD(platform, sentinel)},
    {"prove", PT_BOOL, .offset = FIELD(platform, prove)},

    {"exec", PT_WORD, .offset = FIELD(platform, exec), .words = execs},
    {"max_sessions", PT_INT, .offset = FIELD(platform, max_sessions), .min = 1, .max = 1000},
    {"idle", PT_SECONDS, .offset = FIELD(platform, idle), .max = 1e6},
    {"keepalive_ssh", PT_BOOL, .offset = FIELD(platform, keepalive_ssh)},
    {"keepalive_cli", PT_SECONDS, .offset = FIELD(platform, keepalive_cli), .max = 1e6},

    PATTERNS(detect, PATTERN_ANYWHERE),
    {"detect_command", PT_TEXT, .offset = FIELD(platform, detect_command)},
};

static const struct platform_table table = {"a platform", platform_keys, NP_COUNT(platform_keys)};

const struct platform_table *
platform_table(void)
{
	return &table;
}

const struct platform_table *
platform_mode_table(void)
{
	return &mode_table;
}

const struct platform_table *
platform_step_table(void)
{
	return &step_table;
}

const char *
platform_origin_name(enum platform_origin origin)
{
	return origins[origin].word;
}

const char *
platform_exec_name(enum platform_exec exec)
{
	return execs[exec].word;
}
