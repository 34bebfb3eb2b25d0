/* `npctl config show` and `check`; see npctl_show.h. */
#include "npctl/npctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
#include "npctl/npctl_daemon.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define KEY_WIDTH 22
#define VALUE_WIDTH 34

/* "a, b, c", or as it is.  The caller frees it. */
static char *
value_text(const cJSON *value)
{
	char *text = NULL, *printed;
	const cJSON *item;

	if (cJSON_IsString(value))
		return xstrdup(value->valuestring);
	cJSON_ArrayForEach (item, value) {
		char *longer;

		if (!cJSON_IsString(item))
			continue;
		longer = xasprintf("%s%s%s", text != NULL ? text : "", text != NULL ? ", " : "", item->valuestring);
		free(text);
		text = longer;
	}
	if (text != NULL)
		return text;
	printed = cJSON_PrintUnformatted(value);
	text = xstrdup(printed != NULL ? printed : "?");
	cJSON_free(printed);
	return text;
}

/* Where a value came from, in words.  The caller frees it. */
static char *
origin_text(const cJSON *row, const char *platform)
{
	const char *origin = npjson_string(row, "origin"), *file = npjson_string(row, "file");
	const cJSON *line = cJSON_GetObjectItemCaseSensitive(row, "line");

	if (origin == NULL)
		return xstrdup("?");
	if (file != NULL && cJSON_IsNumber(line))
		return xasprintf("%s:%.0f", file, line->valuedouble);
	if (strcmp(origin, "ssh") == 0)
		return xstrdup("ssh's configuration");
	if (strcmp(origin, "name") == 0)
		return xstrdup("the device's name");
	if (strcmp(origin, "platform") == 0 && platform != NULL)
		return xasprintf("platform %s", platform);
	return xstrdup(origin);
}

/* ssh's lists of algorithms fill the screen and surprise nobody: they are shown where the configuration has a say. */
static bool
is_shown(const cJSON *row)
{
	static const char *const lists[] = {"ciphers", "host_key_algorithms", "kex", "macs", "pubkey_algorithms"};
	const cJSON *set = cJSON_GetObjectItemCaseSensitive(row, "set");
	const char *key = npjson_string(row, "key"), *origin = npjson_string(row, "origin");

	if (key == NULL)
		return false;
	if (set != NULL)
		return cJSON_IsTrue(set);
	for (size_t i = 0; origin != NULL && i < NP_COUNT(lists); i++)
		if (strcmp(key, lists[i]) == 0 && strcmp(origin, "ssh") == 0)
			return false;
	return !cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(row, "value"));
}

static int
add_row(struct buf *b, const cJSON *row, const char *platform)
{
	const cJSON *set = cJSON_GetObjectItemCaseSensitive(row, "set");
	char *value =
	    set != NULL ? xstrdup("(set, not shown)") : value_text(cJSON_GetObjectItemCaseSensitive(row, "value"));
	char *origin = origin_text(row, platform);
	char *key_shown = text_vis(npjson_string(row, "key"), strlen(npjson_string(row, "key")), false);
	char *value_shown = text_vis(value, strlen(value), false),
	     *origin_shown = text_vis(origin, strlen(origin), false);
	int rc = buf_printf(b, "%-*s %-*s %s\n", KEY_WIDTH, key_shown, VALUE_WIDTH, value_shown, origin_shown);

	free(value);
	free(origin);
	free(key_shown);
	free(value_shown);
	free(origin_shown);
	return rc;
}

static int
add_list(struct buf *b, const char *what, const cJSON *list)
{
	char *text;
	int rc;

	if (cJSON_GetArraySize(list) == 0)
		return 0;
	text = value_text(list);
	rc = npctl_add_text(b, what, text, "\n");
	free(text);
	return rc;
}

/* What is said of the device as a whole. */
static int
add_head(struct buf *b, const cJSON *result)
{
	const char *device = npjson_string(result, "device"), *source = npjson_string(result, "source");
	const char *platform = npjson_string(result, "platform"), *problem = npjson_string(result, "problem");

	if (device == NULL)
		return add_list(b, "Files: ", cJSON_GetObjectItemCaseSensitive(result, "files"));
	if (npctl_add_text(b, "", device, "") < 0 ||
	    (source != NULL ? npctl_add_text(b, ": configured at ", source, "")
			    : buf_append_str(b, ": not configured")) < 0 ||
	    (platform != NULL && npctl_add_text(b, ", shells of platform ", platform, "") < 0) ||
	    buf_append_str(b, "\n") < 0)
		return -1;
	return problem != NULL ? npctl_add_text(b, "Problem: ", problem, "\n") : 0;
}

static int
add_ssh(struct buf *b, const cJSON *ssh)
{
	const char *known_as = npjson_string(ssh, "known_as");

	if (add_list(b, "ssh's configuration: ", cJSON_GetObjectItemCaseSensitive(ssh, "files")) < 0 ||
	    (known_as != NULL && npctl_add_text(b, "In known_hosts as: ", known_as, "\n") < 0))
		return -1;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ssh, "proxy_command")) &&
	    buf_append_str(b, "Through a ProxyCommand of ssh's configuration\n") < 0)
		return -1;
	return add_list(b, "Not honoured: ", cJSON_GetObjectItemCaseSensitive(ssh, "notices"));
}

int
npctl_config_text(struct buf *b, const cJSON *result)
{
	const cJSON *row;

	if (add_head(b, result) < 0)
		return -1;
	cJSON_ArrayForEach (row, cJSON_GetObjectItemCaseSensitive(result, "settings")) {
		if (is_shown(row) && add_row(b, row, npjson_string(result, "platform")) < 0)
			return -1;
	}
	return add_ssh(b, cJSON_GetObjectItemCaseSensitive(result, "ssh"));
}

/* ---- the verbs ---- */

/* One device or operand: what it means is not looked up among those that are known. */
static cJSON *
show_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();

	if (o->args_count > 0)
		cJSON_AddStringToObject(params, "device", o->args[0]);
	return params;
}

static void
print_config(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	struct buf b;

	buf_init(&b, NPCTL_TEXT_MAX);
	npctl_print_buffer(&b, npctl_config_text(&b, result));
}

static bool
show_without(struct npctl *c, const struct np_error *err)
{
	npctl_daemon_show(c, "-T", err);
	return true;
}

const struct npctl_verb npctl_verb_config_show = {
    .name = "config show",
    .usage = "[DEVICE] [-f CONFIG]",
    .help = "the settings in use and where each came from",
    .args_max = 1,
    .method = "config_show",
    .params = show_params,
    .print = print_config,
    .without = show_without,
};

static void
run_check(struct npctl *c)
{
	npctl_daemon_check(c, NULL);
}

const struct npctl_verb npctl_verb_config_check = {
    .name = "config check",
    .usage = "[-f CONFIG]",
    .help = "is the configuration good? (FILE:LINE: what is not)",
    .no_json = NPCTL_NO_JSON_OF_CHECKS,
    .broker = NPCTL_BROKER_UNUSED,
    .run = run_check,
};
