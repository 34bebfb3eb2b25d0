/* `npctl status`: asked for in pages, as each answer fits a frame; shown as much at a time as a terminal holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/npjson.h"
#include "lib/npstatus.h"
#include "npctl/npctl_impl.h"
#include "npctl/npctl_show.h"
#include "base/text.h"

#define ROWS_DEFAULT 24
#define ROWS_MIN 5
#define ROWS_TAKEN 4 /* by the lines around the table and the shell's prompt */

static size_t
screen_rows(void)
{
	const char *lines = getenv("LINES");
	struct winsize size;
	unsigned long rows = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
		rows = size.ws_row;
	else if (lines == NULL || !text_parse_ulong(lines, 10000, &rows))
		rows = ROWS_DEFAULT;
	return rows > ROWS_MIN + ROWS_TAKEN ? rows - ROWS_TAKEN : ROWS_MIN;
}

/* One device was asked for, which may be reached in several ways. */
static bool
is_one_device(const struct npctl_options *o, const cJSON *devices)
{
	const char *first = npjson_string(cJSON_GetArrayItem(devices, 0), "device"), *name;
	const cJSON *d;

	if (o->args_count != 1 || first == NULL)
		return false;
	cJSON_ArrayForEach (d, devices) {
		name = npjson_string(d, "device");
		if (name == NULL || strcmp(name, first) != 0)
			return false;
	}
	return true;
}

static void
print_status(const struct npctl_options *o, const cJSON *result)
{
	const cJSON *devices = cJSON_GetObjectItemCaseSensitive(result, "devices");
	size_t total = (size_t)cJSON_GetArraySize(devices);
	struct npctl_view view = {.detail = is_one_device(o, devices)};

	if (o->page > 0 || (!o->all && !view.detail && isatty(STDOUT_FILENO)))
		view.rows = screen_rows();
	if (o->page > 1)
		view.first = (size_t)(o->page - 1) * view.rows;
	if (view.first > 0 && view.first >= total) {
		printf("There are %zu devices, on %zu page%s.\n", total, (total + view.rows - 1) / view.rows,
		    total <= view.rows ? "" : "s");
		return;
	}
	npctl_status_text(stdout, result, &view);
}

/* All pages as one (params are taken over), or NULL when the error has been said. */
static cJSON *
fetch_status(struct npctl *c, cJSON *params)
{
	cJSON *status = NULL, *page, *next = cJSON_CreateString("");

	while (next != NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(params, "page");
		cJSON_AddItemToObject(params, "page", next);
		page = npctl_ask(c, "status", cJSON_Duplicate(params, true));
		if (page == NULL) {
			cJSON_Delete(status);
			status = NULL;
			break;
		}
		next = npstatus_page_next(page);
		if (status == NULL)
			status = page;
		else
			npstatus_page_join(status, page);
	}
	cJSON_Delete(params);
	return status;
}

static void
run_status(struct npctl *c)
{
	npctl_show(c, fetch_status(c, c->o->args_count > 0 ? npctl_device_params(c->o) : cJSON_CreateObject()));
}

static int
check_status(const struct npctl_options *o, struct np_error *err)
{
	if (o->page > 0 && (o->all || o->json))
		return error_set(err, REASON_INVALID_PARAMS, "status: --page goes neither with --all nor with --json");
	return 0;
}

const struct npctl_verb npctl_verb_status = {
    .name = "status",
    .usage = "[DEVICE ...] [--all | --page NUMBER]",
    .help = "devices and their sessions; one of them in full",
    .check = check_status,
    .print = print_status,
    .run = run_status,
};
