/* `npctl config show` and `check`; see npctl_show.h. */
#include "npctl/npctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define KEY_WIDTH 22
#define VALUE_WIDTH 34

/* "a, b, c", or as it is.  The caller frees it. */
static char *
value_text(const cJSON *value)
{
	const cJSON *item;
	char *text = NULL;
	size_t size;
	FILE *f;

	if (value == NULL || cJSON_IsString(value))
		return xstrdup(value != NULL ? value->valuestring : "?");
	if (!cJSON_IsString(value->child))
		return message_print(value);
	f = xchecked(open_memstream(&text, &size));
	cJSON_ArrayForEach (item, value)
		if (cJSON_IsString(item))
			fprintf(f, "%s%s", item != value->child ? ", " : "", item->valuestring);
	fclose(f);
	return xchecked(text);
}

/* Where a value came from, in words. */
static void
put_origin(FILE *out, const cJSON *row, const char *platform)
{
	const char *origin = npjson_string(row, "origin"), *file = npjson_string(row, "file");
	const cJSON *line = cJSON_GetObjectItemCaseSensitive(row, "line");

	if (origin != NULL && file != NULL && cJSON_IsNumber(line)) {
		npctl_put_text(out, "", file, "");
		fprintf(out, ":%.0f\n", line->valuedouble);
	} else if (origin != NULL && strcmp(origin, "ssh") == 0)
		fputs("ssh's configuration\n", out);
	else if (origin != NULL && strcmp(origin, "name") == 0)
		fputs("the device's name\n", out);
	else if (origin != NULL && strcmp(origin, "platform") == 0 && platform != NULL)
		npctl_put_text(out, "platform ", platform, "\n");
	else
		npctl_put_text(out, "", origin != NULL ? origin : "?", "\n");
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

static void
put_row(FILE *out, const cJSON *row, const char *platform)
{
	const cJSON *set = cJSON_GetObjectItemCaseSensitive(row, "set");
	char *value =
	    set != NULL ? xstrdup("(set, not shown)") : value_text(cJSON_GetObjectItemCaseSensitive(row, "value"));
	char *shown = text_vis(value, strlen(value), false), key[64];

	fprintf(out, "%-*s %-*s ", KEY_WIDTH, npjson_text(row, "key", key, sizeof(key)), VALUE_WIDTH, shown);
	put_origin(out, row, platform);
	free(value);
	free(shown);
}

static void
put_list(FILE *out, const char *what, const cJSON *list)
{
	char *text;

	if (cJSON_GetArraySize(list) == 0)
		return;
	text = value_text(list);
	npctl_put_text(out, what, text, "\n");
	free(text);
}

/* What is said of the device as a whole. */
static void
put_head(FILE *out, const cJSON *result)
{
	const char *device = npjson_string(result, "device"), *source = npjson_string(result, "source");
	const char *platform = npjson_string(result, "platform"), *problem = npjson_string(result, "problem");

	if (device == NULL) {
		put_list(out, "Files: ", cJSON_GetObjectItemCaseSensitive(result, "files"));
		return;
	}
	npctl_put_text(out, "", device, source != NULL ? ": configured at " : ": not configured");
	npctl_put_text(out, "", source != NULL ? source : "", platform != NULL ? ", shells of platform " : "");
	npctl_put_text(out, "", platform != NULL ? platform : "", "\n");
	if (problem != NULL)
		npctl_put_text(out, "Problem: ", problem, "\n");
}

static void
put_ssh(FILE *out, const cJSON *ssh)
{
	const char *known_as = npjson_string(ssh, "known_as");

	put_list(out, "ssh's configuration: ", cJSON_GetObjectItemCaseSensitive(ssh, "files"));
	if (known_as != NULL)
		npctl_put_text(out, "In known_hosts as: ", known_as, "\n");
	if (npjson_true(ssh, "proxy_command"))
		fputs("Through a ProxyCommand of ssh's configuration\n", out);
	put_list(out, "Not honoured: ", cJSON_GetObjectItemCaseSensitive(ssh, "notices"));
}

void
npctl_config_text(FILE *out, const cJSON *result)
{
	const cJSON *row;

	put_head(out, result);
	cJSON_ArrayForEach (row, cJSON_GetObjectItemCaseSensitive(result, "settings"))
		if (is_shown(row))
			put_row(out, row, npjson_string(result, "platform"));
	put_ssh(out, cJSON_GetObjectItemCaseSensitive(result, "ssh"));
}

/* ---- the verbs ---- */

static void
print_config(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	npctl_config_text(stdout, result);
}

/* One device or operand: what it means is not looked up among those that are known. */
const struct npctl_verb npctl_verb_config_show = {
    .name = "config show",
    .usage = "[DEVICE] [-f CONFIG]",
    .help = "the settings in use and where each came from",
    .method = "config_show",
    .param = "device",
    .print = print_config,
    .task = "-T",
};

const struct npctl_verb npctl_verb_config_check = {
    .name = "config check",
    .usage = "[-f CONFIG]",
    .help = "is the configuration good? (FILE:LINE: what is not)",
    .no_json = NPCTL_NO_JSON_OF_CHECKS,
    .broker = NPCTL_BROKER_UNUSED,
    .run = npctl_daemon_check,
};
