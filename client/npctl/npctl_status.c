/* `npctl status`: asked for in pages, as each answer fits a frame; shown as much at a time as a terminal holds. */
#include "npctl/npctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/npjson.h"
#include "lib/npstatus.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define ROWS_DEFAULT 24
#define ROWS_MIN 5
#define ROWS_TAKEN 4 /* by the lines around the table and the shell's prompt */

#define COLUMNS 10
#define CELL_MAX 160
#define NAME_MAX_WIDTH 22
#define GAP 1

struct row {
	char cell[COLUMNS][CELL_MAX];
};

static const char *const titles[COLUMNS] = {
    "DEVICE", "STATE", "SESSIONS", "CHANNELS", "RUN", "QUEUE", "RTT", "LAST", "AGE", "NOTE"};
/* Numbers stand to the right. */
static const bool right[COLUMNS] = {false, false, true, true, true, true, true, true, true, false};

/* ---- cells ---- */

/* Characters on the screen, as far as one character is one column. */
static size_t
width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		if (((unsigned char)*s & 0xc0) != 0x80)
			n++;
	return n;
}

/* Cuts s to max columns; the end of a cut text is marked. */
static void
cut(char *s, size_t max)
{
	char *p = s;

	if (width(s) <= max)
		return;
	for (size_t n = 0; n + 1 < max && *p != '\0'; n++)
		do
			p++;
		while (((unsigned char)*p & 0xc0) == 0x80);
	p[0] = '+';
	p[1] = '\0';
}

/* ---- a device ---- */

/* The last failure, and when the next attempt may be made. */
static void
fill_error(char *out, size_t size, const cJSON *device)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(device, "last_error");
	double retry = npjson_number(error, "retry_in", -1), age = npjson_number(error, "age", -1);
	char reason[64], wait[32];

	npjson_text(error, "reason", reason, sizeof(reason));
	if (npjson_true(error, "blocked"))
		snprintf(out, size, "%s (barred)", reason);
	else if (retry >= 0)
		snprintf(out, size, "%s (%s)", reason, npstatus_duration(wait, sizeof(wait), retry));
	else if (age >= 0)
		snprintf(out, size, "%s, %s ago", reason, npstatus_duration(wait, sizeof(wait), age));
	else
		snprintf(out, size, "%s", reason);
}

/* A failure is worth a note while it has consequences: with a session that works it is history. */
static bool
is_past(const cJSON *d)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(d, "last_error");

	return !cJSON_IsObject(error) || (!npjson_true(error, "blocked") && npjson_number(error, "retry_in", -1) < 0 &&
					     npjson_number(d, "sessions", 0) > 0);
}

/* The arguments of the ssh that it is of, which may share its name with others; text_vis() is the table's. */
static void
fill_arguments(char *out, size_t size, const cJSON *d)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(d, "ssh_arguments"), *a;
	size_t n = 0;

	out[0] = '\0';
	if (list != NULL)
		n = (size_t)snprintf(out, size, "ssh");
	cJSON_ArrayForEach (a, list)
		if (cJSON_IsString(a) && n < size)
			n += (size_t)snprintf(out + n, size - n, " %s", TEXT_SHOWN(a->valuestring));
}

/* What the operator has said comes first: it is why nothing else happens. */
static void
fill_note(char *out, size_t size, const cJSON *d)
{
	const char *order = npstatus_order(d);
	char said[CELL_MAX - 16], rest[2][CELL_MAX / 2] = {"", ""};
	size_t n;

	npjson_text(d, "text", said, sizeof(said));
	if (order != NULL && npjson_string(d, "text") != NULL)
		snprintf(out, size, "%s: %s", order, said);
	else
		snprintf(out, size, "%s", order != NULL ? order : "");
	if (!is_past(d))
		fill_error(rest[0], sizeof(rest[0]), d);
	fill_arguments(rest[1], sizeof(rest[1]), d);
	n = strlen(out);
	for (int i = 0; i < 2; i++)
		if (rest[i][0] != '\0' && n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? "; " : "", rest[i]);
}

static void
fill_row(struct row *r, const cJSON *d)
{
	npjson_text(d, "device", r->cell[0], CELL_MAX);
	cut(r->cell[0], NAME_MAX_WIDTH);
	npjson_text(d, "state", r->cell[1], CELL_MAX);
	snprintf(r->cell[2], CELL_MAX, "%.0f", npjson_number(d, "sessions", 0));
	snprintf(r->cell[3], CELL_MAX, "%.0f/%.0f", npjson_number(d, "channels_used", 0),
	    npjson_number(d, "channels_max", 0));
	snprintf(r->cell[4], CELL_MAX, "%.0f", npjson_number(d, "running", 0));
	snprintf(r->cell[5], CELL_MAX, "%.0f", npjson_number(d, "queued", 0));
	npstatus_rtt(r->cell[6], CELL_MAX, npjson_number(d, "rtt_ms", -1));
	npstatus_duration(r->cell[7], CELL_MAX, npjson_number(d, "last_used", -1));
	npstatus_duration(r->cell[8], CELL_MAX, npjson_number(d, "age", -1));
	fill_note(r->cell[9], CELL_MAX, d);
}

/* ---- the table ---- */

static void
measure(const struct row *rows, size_t count, size_t widths[COLUMNS])
{
	size_t used = 0;

	for (size_t c = 0; c < COLUMNS; c++) {
		widths[c] = strlen(titles[c]);
		for (size_t r = 0; r < count; r++)
			if (width(rows[r].cell[c]) > widths[c])
				widths[c] = width(rows[r].cell[c]);
		if (c + 1 < COLUMNS)
			used += widths[c] + GAP;
	}
	/* The last column takes what is left. */
	widths[COLUMNS - 1] = used < NPCTL_WIDTH ? NPCTL_WIDTH - used : 1;
}

static void
put_row(FILE *out, struct row *row, const size_t widths[COLUMNS])
{
	size_t last = COLUMNS - 1;

	cut(row->cell[COLUMNS - 1], widths[COLUMNS - 1]);
	while (last > 0 && row->cell[last][0] == '\0')
		last--;
	for (size_t c = 0; c <= last; c++) {
		size_t used = width(row->cell[c]);
		int pad = widths[c] > used ? (int)(widths[c] - used) : 0;

		fprintf(out, "%*s%s%*s", right[c] ? pad : 0, "", row->cell[c],
		    c == last  ? 0
		    : right[c] ? GAP
			       : pad + GAP,
		    "");
	}
	fputc('\n', out);
}

/* ---- which devices ---- */

/* Something about it is worth a look: it is in use, or failed, or was steered. */
static bool
is_of_interest(const cJSON *d)
{
	const char *state = npjson_string(d, "state");

	return (state != NULL && strcmp(state, "idle") != 0) || npjson_number(d, "sessions", 0) > 0 ||
	       npjson_number(d, "queued", 0) > 0 || npstatus_order(d) != NULL ||
	       cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(d, "last_error"));
}

struct chosen {
	const cJSON **v;
	size_t count;
};

/* Those of interest first, otherwise as they come; a window of them. */
static struct chosen
choose(const cJSON *devices, const struct npctl_view *view, size_t total)
{
	struct chosen all = {.v = xcalloc(total + 1, sizeof(all.v[0]))};
	const cJSON *d;

	for (int interesting = 1; interesting >= 0; interesting--) {
		cJSON_ArrayForEach (d, devices)
			if (is_of_interest(d) == (interesting == 1))
				all.v[all.count++] = d;
	}
	if (view->rows == 0)
		return all;
	size_t first = view->first < all.count ? view->first : all.count;
	all.count = all.count - first < view->rows ? all.count - first : view->rows;
	memmove(all.v, all.v + first, all.count * sizeof(all.v[0]));
	return all;
}

static void
put_table(FILE *out, const struct chosen *devices)
{
	size_t widths[COLUMNS];
	struct row *rows = xcalloc(devices->count + 1, sizeof(rows[0])), header;

	for (size_t c = 0; c < COLUMNS; c++)
		snprintf(header.cell[c], CELL_MAX, "%s", titles[c]);
	for (size_t i = 0; i < devices->count; i++)
		fill_row(&rows[i], devices->v[i]);
	measure(rows, devices->count, widths);
	put_row(out, &header, widths);
	for (size_t i = 0; i < devices->count; i++)
		put_row(out, &rows[i], widths);
	free(rows);
}

/* ---- around it ---- */

/* The socket stands last, where a long one may be cut. */
static void
put_broker(FILE *out, const cJSON *broker)
{
	double clients = npjson_number(broker, "peers", 0), sessions = npjson_number(broker, "sessions", 0),
	       requests = npjson_number(broker, "requests", 0);
	char version[64], state[32], uptime[32], socket[128], line[512];

	if (!cJSON_IsObject(broker))
		return;
	snprintf(line, sizeof(line),
	    "netpulsed %s, pid %.0f, %s for %s: %.0f client%s, %.0f session%s, %.0f request%s; %s",
	    npjson_text(broker, "version", version, sizeof(version)), npjson_number(broker, "pid", 0),
	    npjson_text(broker, "state", state, sizeof(state)),
	    npstatus_duration(uptime, sizeof(uptime), npjson_number(broker, "uptime", -1)), clients,
	    npstatus_plural(clients), sessions, npstatus_plural(sessions), requests, npstatus_plural(requests),
	    npjson_text(broker, "socket", socket, sizeof(socket)));
	cut(line, NPCTL_WIDTH);
	fprintf(out, "%s\n", line);
}

/* What the broker has not given up, and what it can no longer do. */
static void
put_sandbox(FILE *out, const cJSON *broker)
{
	const cJSON *sandbox = cJSON_GetObjectItemCaseSensitive(broker, "sandbox");
	char lacks[320];

	if (cJSON_GetObjectItemCaseSensitive(sandbox, "lacks") != NULL)
		fprintf(out, "sandbox: %s\n", npjson_text(sandbox, "lacks", lacks, sizeof(lacks)));
	if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(sandbox, "starter")))
		fprintf(out, "npstarter is gone, no program can be started: npctl upgrade\n");
}

/* Who is kept from logging in, and by which device's words; those may be cut. */
static void
put_gate(FILE *out, const cJSON *broker)
{
	const cJSON *account;
	char line[640];

	cJSON_ArrayForEach (account, cJSON_GetObjectItemCaseSensitive(broker, "accounts")) {
		npstatus_account(line, sizeof(line), account);
		cut(line, NPCTL_WIDTH);
		fprintf(out, "%s\n", line);
	}
}

static void
put_footer(FILE *out, const struct npctl_view *view, size_t shown, size_t total)
{
	size_t last = view->first + shown;

	if (view->rows == 0 || total <= view->rows)
		return;
	fprintf(out, "-- %zu to %zu of %zu devices", view->first + 1, last, total);
	if (last >= total)
		fprintf(out, ", the last; all at once: npctl status --all\n");
	else
		fprintf(
		    out, "; more: npctl status --page %zu; all: npctl status --all\n", view->first / view->rows + 2);
}

void
npctl_status_text(FILE *out, const cJSON *status, const struct npctl_view *view)
{
	const cJSON *devices = cJSON_GetObjectItemCaseSensitive(status, "devices");
	size_t total = (size_t)cJSON_GetArraySize(devices);
	struct chosen chosen;

	put_broker(out, cJSON_GetObjectItemCaseSensitive(status, "broker"));
	put_sandbox(out, cJSON_GetObjectItemCaseSensitive(status, "broker"));
	put_gate(out, cJSON_GetObjectItemCaseSensitive(status, "broker"));
	if (total == 0) {
		fprintf(out, "No device has been used yet.\n");
		return;
	}
	chosen = choose(devices, view, total);
	put_table(out, &chosen);
	for (size_t i = 0; view->detail && i < chosen.count; i++)
		npstatus_device_text(out, status, chosen.v[i]);
	put_footer(out, view, chosen.count, total);
	free(chosen.v);
}

/* ---- the verb ---- */

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
