/* `npctl status` for people.  JSON in, text out. */
#include "npctl_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npjson.h"
#include "xalloc.h"

#define COLUMNS 10
#define CELL_MAX 160
#define NAME_MAX_WIDTH 22
#define GAP 1

struct row {
	char cell[COLUMNS][CELL_MAX];
};

static const char *const titles[COLUMNS] = {
    "DEVICE", "STATE", "SESSIONS", "CHANNELS", "RUN", "QUEUE", "RTT", "LAST", "AGE", "ERROR"};
/* Numbers stand to the right. */
static const bool right[COLUMNS] = {false, false, true, true, true, true, true, true, true, false};

/* ---- values ---- */

const char *
npctl_duration(char *out, size_t size, double seconds)
{
	if (seconds < 0)
		snprintf(out, size, "-");
	else if (seconds < 100)
		snprintf(out, size, "%.0fs", seconds);
	else if (seconds < 100 * 60)
		snprintf(out, size, "%.0fm", seconds / 60);
	else if (seconds < 48 * 3600.0)
		snprintf(out, size, "%.0fh", seconds / 3600);
	else
		snprintf(out, size, "%.0fd", seconds / 86400);
	return out;
}

const char *
npctl_rtt(char *out, size_t size, double ms)
{
	if (ms < 0)
		snprintf(out, size, "-");
	else if (ms < 10)
		snprintf(out, size, "%.1fms", ms);
	else if (ms < 10000)
		snprintf(out, size, "%.0fms", ms);
	else
		snprintf(out, size, "%.0fs", ms / 1000);
	return out;
}

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

static void
fill_error(char *out, size_t size, const cJSON *device)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(device, "last_error");
	double retry = npjson_number(error, "retry_in", -1);
	char reason[64], wait[32];

	out[0] = '\0';
	if (!cJSON_IsObject(error))
		return;
	npjson_text(error, "reason", reason, sizeof(reason));
	if (retry >= 0)
		snprintf(out, size, "%s (%s)", reason, npctl_duration(wait, sizeof(wait), retry));
	else
		snprintf(out, size, "%s", reason);
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
	npctl_rtt(r->cell[6], CELL_MAX, npjson_number(d, "rtt_ms", -1));
	npctl_duration(r->cell[7], CELL_MAX, npjson_number(d, "last_used", -1));
	npctl_duration(r->cell[8], CELL_MAX, npjson_number(d, "age", -1));
	fill_error(r->cell[9], CELL_MAX, d);
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

static int
append_row(struct buf *b, struct row *row, const size_t widths[COLUMNS])
{
	char line[COLUMNS * (CELL_MAX + GAP) + 2];
	size_t n = 0;

	cut(row->cell[COLUMNS - 1], widths[COLUMNS - 1]);
	for (size_t c = 0; c < COLUMNS; c++) {
		size_t pad = widths[c] > width(row->cell[c]) ? widths[c] - width(row->cell[c]) : 0;
		size_t size = strlen(row->cell[c]);

		if (pad > CELL_MAX - size)
			pad = CELL_MAX - size;
		if (right[c])
			memset(line + n, ' ', pad);
		memcpy(line + n + (right[c] ? pad : 0), row->cell[c], size);
		if (!right[c])
			memset(line + n + size, ' ', pad);
		n += pad + size;
		memset(line + n, ' ', GAP);
		n += GAP;
	}
	while (n > 0 && line[n - 1] == ' ')
		n--;
	line[n++] = '\n';
	return buf_append(b, line, n);
}

static int
append_table(struct buf *b, const cJSON *devices)
{
	size_t count = (size_t)cJSON_GetArraySize(devices), n = 0, widths[COLUMNS];
	struct row *rows = xcalloc(count + 1, sizeof(rows[0])), header;
	const cJSON *device;
	int result;

	memset(&header, 0, sizeof(header));
	for (size_t c = 0; c < COLUMNS; c++)
		snprintf(header.cell[c], CELL_MAX, "%s", titles[c]);
	cJSON_ArrayForEach (device, devices)
		fill_row(&rows[n++], device);
	measure(rows, n, widths);
	result = append_row(b, &header, widths);
	for (size_t i = 0; i < n && result == 0; i++)
		result = append_row(b, &rows[i], widths);
	free(rows);
	return result;
}

/* ---- around it ---- */

static int
append_broker(struct buf *b, const cJSON *broker)
{
	char version[64], state[32], uptime[32], socket[128];

	if (!cJSON_IsObject(broker))
		return 0;
	return buf_printf(b, "netpulsed %s, pid %.0f, %s for %s at %s: %.0f clients, %.0f sessions, %.0f requests\n",
	    npjson_text(broker, "version", version, sizeof(version)), npjson_number(broker, "pid", 0),
	    npjson_text(broker, "state", state, sizeof(state)),
	    npctl_duration(uptime, sizeof(uptime), npjson_number(broker, "uptime", -1)),
	    npjson_text(broker, "socket", socket, sizeof(socket)), npjson_number(broker, "peers", 0),
	    npjson_number(broker, "sessions", 0), npjson_number(broker, "requests", 0));
}

static int
append_session(struct buf *b, const cJSON *s)
{
	char state[32], age[32], last[32], auth[256], algorithms[256], banner[256], rtt[32];

	npctl_rtt(rtt, sizeof(rtt), npjson_number(s, "rtt_ms", -1));
	if (buf_printf(b,
		"  session #%.0f: %s, channels %.0f/%.0f, rtt %s, last used %s, age %s, %.0f bytes in, %.0f out\n",
		npjson_number(s, "id", 0), npjson_text(s, "state", state, sizeof(state)),
		npjson_number(s, "channels_used", 0), npjson_number(s, "channels_max", 0), rtt,
		npctl_duration(last, sizeof(last), npjson_number(s, "last_used", -1)),
		npctl_duration(age, sizeof(age), npjson_number(s, "age", -1)), npjson_number(s, "bytes_in", 0),
		npjson_number(s, "bytes_out", 0)) == -1)
		return -1;
	if (cJSON_GetObjectItemCaseSensitive(s, "banner") == NULL)
		return 0;
	return buf_printf(b, "    %s\n    %s\n    %s\n", npjson_text(s, "banner", banner, sizeof(banner)),
	    npjson_text(s, "algorithms", algorithms, sizeof(algorithms)), npjson_text(s, "auth", auth, sizeof(auth)));
}

static int
append_detail(struct buf *b, const cJSON *d)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(d, "last_error");
	const cJSON *session;
	char name[128], user[128], host[256], message[700];

	if (buf_printf(b, "\n%s: %s@%s, port %.0f\n", npjson_text(d, "device", name, sizeof(name)),
		npjson_text(d, "user", user, sizeof(user)), npjson_text(d, "host", host, sizeof(host)),
		npjson_number(d, "port", 0)) == -1)
		return -1;
	if (cJSON_IsObject(error) &&
	    buf_printf(b, "  last error: %s\n", npjson_text(error, "message", message, sizeof(message))) == -1)
		return -1;
	cJSON_ArrayForEach (session, cJSON_GetObjectItemCaseSensitive(d, "list"))
		if (append_session(b, session) == -1)
			return -1;
	return 0;
}

int
npctl_status_text(struct buf *b, const cJSON *status, bool detail)
{
	const cJSON *devices = cJSON_GetObjectItemCaseSensitive(status, "devices");
	const cJSON *device;

	if (append_broker(b, cJSON_GetObjectItemCaseSensitive(status, "broker")) == -1)
		return -1;
	if (cJSON_GetArraySize(devices) == 0)
		return buf_append_str(b, "No device has been used yet.\n");
	if (append_table(b, devices) == -1)
		return -1;
	cJSON_ArrayForEach (device, devices)
		if (detail && append_detail(b, device) == -1)
			return -1;
	return 0;
}
