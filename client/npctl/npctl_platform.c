/* `npctl platform list`, `show` and `check`; see npctl_show.h. */
#include "npctl/npctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
#include "npctl/npctl_daemon.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define NAME_WIDTH 20
#define ORIGIN_WIDTH 11
#define TITLE_WIDTH 26
#define LABEL_WIDTH 12

static const cJSON *
member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* Harmless for terminals; keys and newlines of the definition become visible.  The caller frees it. */
static char *
visible(const char *text)
{
	return text_vis(text, strlen(text), false);
}

/* "  LABEL   text"; nothing without a text. */
static int
add_field(struct buf *b, const char *indent, const char *label, const char *text)
{
	if (text == NULL)
		return 0;
	if (buf_printf(b, "%s%-*s ", indent, LABEL_WIDTH, label) < 0)
		return -1;
	return npctl_add_text(b, "", text, "\n");
}

/* ---- the list ---- */

static int
add_names(struct buf *b, const cJSON *list)
{
	const cJSON *item;
	const char *before = "";

	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item))
			continue;
		if (npctl_add_text(b, before, item->valuestring, "") < 0)
			return -1;
		before = ", ";
	}
	return 0;
}

static int
add_list_row(struct buf *b, const cJSON *p)
{
	const int widths[] = {NAME_WIDTH, ORIGIN_WIDTH, TITLE_WIDTH};
	const char *const cells[] = {npjson_string(p, "name"), npjson_string(p, "origin"), npjson_string(p, "title")};

	for (size_t i = 0; i < NP_COUNT(cells); i++) {
		char *shown = visible(cells[i] != NULL ? cells[i] : "-");
		int rc = buf_printf(b, "%-*s ", widths[i], shown);

		free(shown);
		if (rc < 0)
			return -1;
	}
	return add_names(b, member(p, "aliases")) < 0 ? -1 : buf_append_str(b, "\n");
}

static int
add_table(struct buf *b, const cJSON *result)
{
	const cJSON *p;

	if (buf_printf(b, "%-*s %-*s %-*s %s\n", NAME_WIDTH, "NAME", ORIGIN_WIDTH, "ORIGIN", TITLE_WIDTH, "TITLE",
		"ALIASES") < 0)
		return -1;
	cJSON_ArrayForEach (p, member(result, "platforms")) {
		if (add_list_row(b, p) < 0)
			return -1;
	}
	cJSON_ArrayForEach (p, member(result, "refused")) {
		if (cJSON_IsString(p) && npctl_add_text(b, "refused: ", p->valuestring, "\n") < 0)
			return -1;
	}
	return 0;
}

/* ---- one ---- */

/* A step: its command, and in parentheses what else is said of it. */
static int
add_step(struct buf *b, const cJSON *step)
{
	const char *send = cJSON_IsString(step) ? step->valuestring : npjson_string(step, "send");
	const char *ok = npjson_string(step, "ok");
	const cJSON *q;

	if (npctl_add_text(b, "", send != NULL ? send : "?", "") < 0 ||
	    (cJSON_IsTrue(member(step, "optional")) && buf_append_str(b, " (may fail)") < 0) ||
	    (ok != NULL && npctl_add_text(b, " (expects ", ok, ")") < 0))
		return -1;
	cJSON_ArrayForEach (q, member(step, "questions")) {
		const char *match = npjson_string(q, "match"), *text = npjson_string(q, "send"),
			   *keys = npjson_string(q, "keys");
		const char *answer = text != NULL ? text : keys != NULL ? keys : npjson_string(q, "reply");

		if (npctl_add_text(b, " (asked ", match != NULL ? match : "?", "") < 0 ||
		    npctl_add_text(b, ": ", answer != NULL ? answer : "?", ")") < 0)
			return -1;
	}
	return 0;
}

/* "LABEL  step; step". */
static int
add_steps(struct buf *b, const char *indent, const char *label, const cJSON *steps)
{
	const cJSON *step;
	bool first = true;

	if (steps == NULL)
		return 0;
	if (buf_printf(b, "%s%-*s ", indent, LABEL_WIDTH, label) < 0)
		return -1;
	if (!cJSON_IsArray(steps))
		return add_step(b, steps) < 0 ? -1 : buf_append_str(b, "\n");
	cJSON_ArrayForEach (step, steps) {
		if ((!first && buf_append_str(b, "; ") < 0) || add_step(b, step) < 0)
			return -1;
		first = false;
	}
	return buf_append_str(b, "\n");
}

static int
add_mode(struct buf *b, const cJSON *mode, bool base)
{
	const char *sample = cJSON_GetStringValue(cJSON_GetArrayItem(member(mode, "samples"), 0));
	const char *last = sample != NULL ? strrchr(sample, '\n') : NULL; /* of a prompt of several lines */

	if (npctl_add_text(b, "  ", mode->string, "") < 0 || (base && buf_append_str(b, " (commands run here)") < 0) ||
	    (cJSON_IsTrue(member(mode, "config")) && buf_append_str(b, " (configuration lines run here)") < 0) ||
	    buf_append_str(b, "\n") < 0)
		return -1;
	if (add_field(b, "    ", "prompt", npjson_string(mode, "prompt")) < 0 ||
	    add_field(b, "    ", "such as", last != NULL ? last + 1 : sample) < 0 ||
	    add_field(b, "    ", "line before", npjson_string(mode, "context")) < 0 ||
	    add_field(b, "    ", "inside", npjson_string(mode, "parent")) < 0 ||
	    add_steps(b, "    ", "enter", member(mode, "enter")) < 0 ||
	    add_steps(b, "    ", "leave", member(mode, "leave")) < 0 ||
	    add_steps(b, "    ", "at login", member(mode, "login")) < 0)
		return -1;
	return 0;
}

static int
add_modes(struct buf *b, const cJSON *p)
{
	const char *base = npjson_string(p, "base_mode");
	const cJSON *mode;

	if (buf_append_str(b, "modes\n") < 0)
		return -1;
	cJSON_ArrayForEach (mode, member(p, "modes")) {
		if (mode->string != NULL && add_mode(b, mode, base != NULL && strcmp(base, mode->string) == 0) < 0)
			return -1;
	}
	return 0;
}

static int
add_config(struct buf *b, const cJSON *config)
{
	static const char *const steps[] = {"enter", "check", "commit", "confirmed", "abort", "leave", "save"};

	if (config == NULL)
		return buf_append_str(b, "configuration: not known, npexec -c is refused\n");
	if (buf_printf(b, "configuration: %s\n",
		cJSON_IsTrue(member(config, "candidate")) ? "a candidate, all or nothing"
							  : "lines take effect at once") < 0)
		return -1;
	for (size_t i = 0; i < NP_COUNT(steps); i++) {
		if (add_steps(b, "  ", steps[i], member(config, steps[i])) < 0)
			return -1;
	}
	return 0;
}

static int
add_limits(struct buf *b, const cJSON *p)
{
	const cJSON *sessions = member(p, "max_sessions"), *idle = member(p, "idle");
	const cJSON *keepalive = member(p, "keepalive_cli");

	if (buf_append_str(b, "limits\n") < 0 || add_field(b, "  ", "exec", npjson_string(p, "exec")) < 0)
		return -1;
	if (cJSON_IsNumber(sessions) &&
	    buf_printf(b, "  %-*s %.0f\n", LABEL_WIDTH, "sessions", sessions->valuedouble) < 0)
		return -1;
	if (cJSON_IsNumber(idle) && idle->valuedouble > 0 &&
	    buf_printf(b, "  %-*s closed by the device after %.0f s\n", LABEL_WIDTH, "unused", idle->valuedouble) < 0)
		return -1;
	if (cJSON_IsNumber(keepalive) && keepalive->valuedouble > 0 &&
	    buf_printf(b, "  %-*s an empty command every %.0f s\n", LABEL_WIDTH, "keep-alive", keepalive->valuedouble) <
		0)
		return -1;
	return 0;
}

static int
add_detail(struct buf *b, const cJSON *result)
{
	const cJSON *p = member(result, "platform"), *warning;
	const char *name = npjson_string(p, "name"), *title = npjson_string(p, "title");

	if (npctl_add_text(b, "", name != NULL ? name : "?", "") < 0 ||
	    (title != NULL && npctl_add_text(b, ": ", title, "") < 0) || buf_append_str(b, "\n") < 0 ||
	    add_field(b, "  ", "file", npjson_string(result, "file")) < 0 ||
	    add_field(b, "  ", "origin", npjson_string(p, "origin")) < 0 ||
	    add_field(b, "  ", "source", npjson_string(p, "source")) < 0)
		return -1;
	if (cJSON_GetArraySize(member(p, "aliases")) > 0 &&
	    (buf_printf(b, "  %-*s ", LABEL_WIDTH, "aliases") < 0 || add_names(b, member(p, "aliases")) < 0 ||
		buf_append_str(b, "\n") < 0))
		return -1;
	cJSON_ArrayForEach (warning, member(result, "warnings")) {
		if (cJSON_IsString(warning) && add_field(b, "  ", "warning", warning->valuestring) < 0)
			return -1;
	}
	if (add_modes(b, p) < 0 || add_steps(b, "", "prepare", member(p, "prepare")) < 0 ||
	    add_steps(b, "", "logout", member(p, "logout")) < 0 || add_config(b, member(p, "config")) < 0)
		return -1;
	return add_limits(b, p);
}

int
npctl_platforms_text(struct buf *b, const cJSON *result, bool detail)
{
	return detail ? add_detail(b, result) : add_table(b, result);
}

/* ---- the verbs ---- */

static void
print_platforms(const struct npctl_options *o, const cJSON *result)
{
	struct buf b;

	buf_init(&b, NPCTL_TEXT_MAX);
	npctl_print_buffer(&b, npctl_platforms_text(&b, result, o->args_count > 0));
}

static bool
list_without(struct npctl *c, const struct np_error *err)
{
	npctl_daemon_show(c, "-L", err);
	return true;
}

const struct npctl_verb npctl_verb_platform_list = {
    .name = "platform list",
    .usage = "[-f CONFIG]",
    .help = "which platforms there are, and which files were refused",
    .method = "platforms",
    .print = print_platforms,
    .without = list_without,
};

static cJSON *
show_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "name", o->args[0]);
	return params;
}

const struct npctl_verb npctl_verb_platform_show = {
    .name = "platform show",
    .usage = "NAME [-f CONFIG]",
    .help = "what a platform's definition says",
    .args_min = 1,
    .args_max = 1,
    .missing = "name a platform; npctl platform list shows which there are",
    .method = "platforms",
    .params = show_params,
    .print = print_platforms,
    .without = list_without,
};

static void
run_check(struct npctl *c)
{
	npctl_daemon_check(c, "-P");
}

const struct npctl_verb npctl_verb_platform_check = {
    .name = "platform check",
    .usage = "FILE ... [-f CONFIG]",
    .help = "is a platform file good?",
    .args_min = 1,
    .args_max = NPCTL_ARGS_MANY,
    .missing = "name a platform file",
    .no_json = NPCTL_NO_JSON_OF_CHECKS,
    .broker = NPCTL_BROKER_UNUSED,
    .run = run_check,
};
