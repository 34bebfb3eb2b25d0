/* `npctl config show`; see npctl_show.h. */
#include "npctl/npctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define KEY_WIDTH 22
#define VALUE_WIDTH 34

static const char *
string(const cJSON *object, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(member) ? member->valuestring : NULL;
}

static int
add(struct buf *b, const char *before, const char *text, const char *after)
{
	char *shown = text_vis(text, strlen(text), false);
	int rc = buf_printf(b, "%s%s%s", before, shown, after);

	free(shown);
	return rc;
}

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
	const char *origin = string(row, "origin"), *file = string(row, "file");
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
	const char *key = string(row, "key"), *origin = string(row, "origin");

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
	char *key_shown = text_vis(string(row, "key"), strlen(string(row, "key")), false);
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
	rc = add(b, what, text, "\n");
	free(text);
	return rc;
}

/* What is said of the device as a whole. */
static int
add_head(struct buf *b, const cJSON *result)
{
	const char *device = string(result, "device"), *source = string(result, "source");
	const char *platform = string(result, "platform"), *problem = string(result, "problem");

	if (device == NULL)
		return add_list(b, "Files: ", cJSON_GetObjectItemCaseSensitive(result, "files"));
	if (add(b, "", device, "") < 0 ||
	    (source != NULL ? add(b, ": configured at ", source, "") : buf_append_str(b, ": not configured")) < 0 ||
	    (platform != NULL && add(b, ", shells of platform ", platform, "") < 0) || buf_append_str(b, "\n") < 0)
		return -1;
	return problem != NULL ? add(b, "Problem: ", problem, "\n") : 0;
}

static int
add_ssh(struct buf *b, const cJSON *ssh)
{
	const char *known_as = string(ssh, "known_as");

	if (add_list(b, "ssh's configuration: ", cJSON_GetObjectItemCaseSensitive(ssh, "files")) < 0 ||
	    (known_as != NULL && add(b, "In known_hosts as: ", known_as, "\n") < 0))
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
		if (is_shown(row) && add_row(b, row, string(result, "platform")) < 0)
			return -1;
	}
	return add_ssh(b, cJSON_GetObjectItemCaseSensitive(result, "ssh"));
}
