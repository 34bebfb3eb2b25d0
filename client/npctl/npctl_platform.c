/* `npctl platform list`, `show` and `check`; see npctl_show.h. */
#include "npctl/npctl_show.h"

#include <stdio.h>
#include <string.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"

#define TABLE_ROW "%-20s %-11s %-26s " /* name, origin, title */
#define LABEL_WIDTH 12

static const cJSON *
member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void
put_label(FILE *out, const char *indent, const char *label)
{
	fprintf(out, "%s%-*s ", indent, LABEL_WIDTH, label);
}

/* "  LABEL   text"; nothing without a text. */
static void
put_field(FILE *out, const char *indent, const char *label, const char *text)
{
	if (text == NULL)
		return;
	put_label(out, indent, label);
	npctl_put_text(out, "", text, "\n");
}

/* ---- the list ---- */

static void
put_names(FILE *out, const cJSON *list)
{
	const cJSON *item;
	const char *before = "";

	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item))
			continue;
		npctl_put_text(out, before, item->valuestring, "");
		before = ", ";
	}
	fputc('\n', out);
}

static void
put_table(FILE *out, const cJSON *result)
{
	char name[128], origin[64], title[256];
	const cJSON *p;

	fprintf(out, TABLE_ROW "ALIASES\n", "NAME", "ORIGIN", "TITLE");
	cJSON_ArrayForEach (p, member(result, "platforms")) {
		fprintf(out, TABLE_ROW, npjson_text(p, "name", name, sizeof(name)),
		    npjson_text(p, "origin", origin, sizeof(origin)), npjson_text(p, "title", title, sizeof(title)));
		put_names(out, member(p, "aliases"));
	}
	cJSON_ArrayForEach (p, member(result, "refused"))
		if (cJSON_IsString(p))
			npctl_put_text(out, "refused: ", p->valuestring, "\n");
}

/* ---- one ---- */

static const char *
text_of(const cJSON *object, const char *name, const char *missing)
{
	const char *text = npjson_string(object, name);

	return text != NULL ? text : missing;
}

/* A step: its command, and in parentheses what else is said of it. */
static void
put_step(FILE *out, const cJSON *step)
{
	const char *ok = npjson_string(step, "ok");
	const cJSON *q;

	npctl_put_text(out, "", cJSON_IsString(step) ? step->valuestring : text_of(step, "send", "?"), "");
	if (npjson_true(step, "optional"))
		fputs(" (may fail)", out);
	if (ok != NULL)
		npctl_put_text(out, " (expects ", ok, ")");
	cJSON_ArrayForEach (q, member(step, "questions")) {
		npctl_put_text(out, " (asked ", text_of(q, "match", "?"), ": ");
		npctl_put_text(out, "", text_of(q, "send", text_of(q, "keys", text_of(q, "reply", "?"))), ")");
	}
}

/* "LABEL  step; step". */
static void
put_steps(FILE *out, const char *indent, const cJSON *object, const char *name, const char *label)
{
	const cJSON *steps = member(object, name), *step;

	if (steps == NULL)
		return;
	put_label(out, indent, label);
	if (!cJSON_IsArray(steps)) {
		put_step(out, steps);
		steps = NULL;
	}
	cJSON_ArrayForEach (step, steps) {
		if (step != steps->child)
			fputs("; ", out);
		put_step(out, step);
	}
	fputc('\n', out);
}

static void
put_mode(FILE *out, const cJSON *mode, bool base)
{
	const char *sample = cJSON_GetStringValue(cJSON_GetArrayItem(member(mode, "samples"), 0));
	const char *last = sample != NULL ? strrchr(sample, '\n') : NULL; /* of a prompt of several lines */

	npctl_put_text(out, "  ", mode->string, base ? " (commands run here)" : "");
	fprintf(out, "%s\n", npjson_true(mode, "config") ? " (configuration lines run here)" : "");
	put_field(out, "    ", "prompt", npjson_string(mode, "prompt"));
	put_field(out, "    ", "such as", last != NULL ? last + 1 : sample);
	put_field(out, "    ", "line before", npjson_string(mode, "context"));
	put_field(out, "    ", "inside", npjson_string(mode, "parent"));
	put_steps(out, "    ", mode, "enter", "enter");
	put_steps(out, "    ", mode, "leave", "leave");
	put_steps(out, "    ", mode, "login", "at login");
}

static void
put_modes(FILE *out, const cJSON *p)
{
	const char *base = npjson_string(p, "base_mode");
	const cJSON *mode;

	fputs("modes\n", out);
	cJSON_ArrayForEach (mode, member(p, "modes"))
		if (mode->string != NULL)
			put_mode(out, mode, base != NULL && strcmp(base, mode->string) == 0);
}

static void
put_config(FILE *out, const cJSON *config)
{
	static const char *const steps[] = {"enter", "check", "commit", "confirmed", "abort", "leave", "save"};

	fprintf(out, "configuration: %s\n",
	    config == NULL                     ? "not known, npexec -c is refused"
	    : npjson_true(config, "candidate") ? "a candidate, all or nothing"
					       : "lines take effect at once");
	for (size_t i = 0; i < NP_COUNT(steps); i++)
		put_steps(out, "  ", config, steps[i], steps[i]);
}

static void
put_limits(FILE *out, const cJSON *p)
{
	double sessions = npjson_number(p, "max_sessions", -1), idle = npjson_number(p, "idle", 0);
	double keepalive = npjson_number(p, "keepalive_cli", 0);

	fputs("limits\n", out);
	put_field(out, "  ", "exec", npjson_string(p, "exec"));
	if (sessions >= 0)
		fprintf(out, "  %-*s %.0f\n", LABEL_WIDTH, "sessions", sessions);
	if (idle > 0)
		fprintf(out, "  %-*s closed by the device after %.0f s\n", LABEL_WIDTH, "unused", idle);
	if (keepalive > 0)
		fprintf(out, "  %-*s an empty command every %.0f s\n", LABEL_WIDTH, "keep-alive", keepalive);
}

static void
put_detail(FILE *out, const cJSON *result)
{
	const cJSON *p = member(result, "platform"), *warning;
	const char *title = npjson_string(p, "title");

	npctl_put_text(out, "", text_of(p, "name", "?"), title != NULL ? ": " : "");
	npctl_put_text(out, "", title != NULL ? title : "", "\n");
	put_field(out, "  ", "file", npjson_string(result, "file"));
	put_field(out, "  ", "origin", npjson_string(p, "origin"));
	put_field(out, "  ", "source", npjson_string(p, "source"));
	if (cJSON_GetArraySize(member(p, "aliases")) > 0) {
		put_label(out, "  ", "aliases");
		put_names(out, member(p, "aliases"));
	}
	cJSON_ArrayForEach (warning, member(result, "warnings"))
		put_field(out, "  ", "warning", cJSON_GetStringValue(warning));
	put_modes(out, p);
	put_steps(out, "", p, "prepare", "prepare");
	put_steps(out, "", p, "logout", "logout");
	put_config(out, member(p, "config"));
	put_limits(out, p);
}

void
npctl_platforms_text(FILE *out, const cJSON *result, bool detail)
{
	if (detail)
		put_detail(out, result);
	else
		put_table(out, result);
}

/* ---- the verbs ---- */

static void
print_platforms(const struct npctl_options *o, const cJSON *result)
{
	npctl_platforms_text(stdout, result, o->args_count > 0);
}

const struct npctl_verb npctl_verb_platform_list = {
    .name = "platform list",
    .usage = "[-f CONFIG]",
    .help = "which platforms there are, and which files were refused",
    .method = "platforms",
    .print = print_platforms,
    .task = "-L",
};

const struct npctl_verb npctl_verb_platform_show = {
    .name = "platform show",
    .usage = "NAME [-f CONFIG]",
    .help = "what a platform's definition says",
    .missing = "name a platform; npctl platform list shows which there are",
    .method = "platforms",
    .param = "name",
    .print = print_platforms,
    .task = "-L",
};

const struct npctl_verb npctl_verb_platform_check = {
    .name = "platform check",
    .usage = "FILE ... [-f CONFIG]",
    .help = "is a platform file good?",
    .missing = "name a platform file",
    .no_json = NPCTL_NO_JSON_OF_CHECKS,
    .broker = NPCTL_BROKER_UNUSED,
    .run = npctl_daemon_check,
    .task = "-P",
};
