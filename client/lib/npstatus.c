/* The broker's status in words and in pages; see npstatus.h. */
#include "lib/npstatus.h"

#include <stdio.h>
#include <string.h>

#include "lib/npjson.h"

/* ---- values ---- */

const char *
npstatus_duration(char *out, size_t size, double seconds)
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
npstatus_rtt(char *out, size_t size, double ms)
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

/* ---- pages ---- */

/* Moves what `from` holds to the end of `to`; both are arrays. */
static void
move_items(cJSON *to, cJSON *from)
{
	cJSON *item;

	while ((item = cJSON_DetachItemFromArray(from, 0)) != NULL)
		cJSON_AddItemToArray(to, item);
}

/* A device whose sessions did not fit the page goes on with the next one. */
static void
continue_device(cJSON *devices, cJSON *more)
{
	cJSON *last = devices->child != NULL ? devices->child->prev : NULL; /* cJSON's first child points to the last */
	cJSON *first = more->child;

	if (last == NULL || !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(first, "continued")))
		return;
	cJSON *list = cJSON_GetObjectItemCaseSensitive(last, "list");
	cJSON *rest = cJSON_GetObjectItemCaseSensitive(first, "list");
	if (cJSON_IsArray(list) && cJSON_IsArray(rest))
		move_items(list, rest);
	cJSON_DeleteItemFromArray(more, 0);
}

void
npstatus_page_join(cJSON *status, cJSON *page)
{
	static const char *const names[] = {"devices", "peers", "requests"};

	for (size_t i = 0; i < NP_COUNT(names); i++) {
		cJSON *to = cJSON_GetObjectItemCaseSensitive(status, names[i]);
		cJSON *from = cJSON_GetObjectItemCaseSensitive(page, names[i]);
		if (!cJSON_IsArray(to) || !cJSON_IsArray(from))
			continue;
		if (i == 0)
			continue_device(to, from);
		move_items(to, from);
	}
	cJSON_Delete(page);
}

cJSON *
npstatus_page_next(cJSON *page)
{
	cJSON *next = cJSON_DetachItemFromObjectCaseSensitive(page, "next");

	if (cJSON_IsString(next))
		return next;
	cJSON_Delete(next);
	return NULL;
}

/* ---- one device in full ---- */

static const char *
bytes_text(char *out, size_t size, double n)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	size_t i = 0;

	while (n >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
		n /= 1000;
		i++;
	}
	snprintf(out, size, i > 0 && n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[i]);
	return out;
}

static int
append_steering(struct buf *b, const cJSON *d)
{
	const char *what = npjson_true(d, "disabled")   ? "disabled"
			   : npjson_true(d, "draining") ? "draining"
			   : npjson_true(d, "paused")   ? "paused"
							: NULL;
	char text[256];

	if (what == NULL)
		return 0;
	if (npjson_string(d, "text") == NULL)
		return buf_printf(b, "  %s by the operator\n", what);
	return buf_printf(b, "  %s by the operator: %s\n", what, npjson_text(d, "text", text, sizeof(text)));
}

static int
append_error(struct buf *b, const cJSON *d)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(d, "last_error");
	double retry = npjson_number(error, "retry_in", -1), age = npjson_number(error, "age", -1);
	char message[1400], ago[40] = "", span[32];

	if (!cJSON_IsObject(error))
		return 0;
	if (age >= 0)
		snprintf(ago, sizeof(ago), " %s ago", npstatus_duration(span, sizeof(span), age));
	if (buf_printf(b, "  last error%s: %s\n", ago, npjson_text(error, "message", message, sizeof(message))) == -1)
		return -1;
	if (npjson_true(error, "blocked"))
		return buf_append_str(b, "  no log-in is tried until its credentials change, or npctl open\n");
	if (retry >= 0)
		return buf_printf(
		    b, "  the next attempt may be made in %s\n", npstatus_duration(span, sizeof(span), retry));
	return 0;
}

static int
append_session(struct buf *b, const cJSON *s)
{
	char state[32], age[32], last[32], auth[256], algorithms[256], banner[256], rtt[32], in[32], out[32];

	if (buf_printf(b, "  session #%.0f: %s, channels %.0f/%.0f, rtt %s, last used %s, age %s, %s in, %s out\n",
		npjson_number(s, "id", 0), npjson_text(s, "state", state, sizeof(state)),
		npjson_number(s, "channels_used", 0), npjson_number(s, "channels_max", 0),
		npstatus_rtt(rtt, sizeof(rtt), npjson_number(s, "rtt_ms", -1)),
		npstatus_duration(last, sizeof(last), npjson_number(s, "last_used", -1)),
		npstatus_duration(age, sizeof(age), npjson_number(s, "age", -1)),
		bytes_text(in, sizeof(in), npjson_number(s, "bytes_in", 0)),
		bytes_text(out, sizeof(out), npjson_number(s, "bytes_out", 0))) == -1)
		return -1;
	if (cJSON_GetObjectItemCaseSensitive(s, "banner") == NULL)
		return 0;
	return buf_printf(b, "    %s\n    %s\n    %s\n", npjson_text(s, "banner", banner, sizeof(banner)),
	    npjson_text(s, "algorithms", algorithms, sizeof(algorithms)), npjson_text(s, "auth", auth, sizeof(auth)));
}

/* "npexec (pid 123, client 9)"; the broker itself where nobody asked. */
static void
client_text(char *out, size_t size, const cJSON *status, const cJSON *r)
{
	double id = npjson_number(r, "peer", -1);
	const cJSON *peer;
	char program[64];

	snprintf(out, size, id >= 0 ? "client %.0f" : "the broker", id);
	cJSON_ArrayForEach (peer, cJSON_GetObjectItemCaseSensitive(status, "peers")) {
		if (id < 0 || npjson_number(peer, "id", -1) != id)
			continue;
		snprintf(out, size, "%s (pid %.0f, client %.0f)",
		    npjson_text(peer, "program", program, sizeof(program)), npjson_number(peer, "pid", 0), id);
	}
}

static int
append_request(struct buf *b, const cJSON *status, const cJSON *r)
{
	const char *state = npjson_string(r, "state");
	bool queued = state != NULL && strcmp(state, "queued") == 0;
	double count = npjson_number(r, "count", 0), session = npjson_number(r, "session", -1);
	char kind[32], age[32], client[128], out[32], where[32] = "", which[64] = "";

	if (session >= 0)
		snprintf(where, sizeof(where), " on #%.0f", session);
	if (count > 1)
		snprintf(which, sizeof(which), ", command %.0f of %.0f", npjson_number(r, "index", 0) + 1, count);
	client_text(client, sizeof(client), status, r);
	return buf_printf(b, "  request %.0f: %s %s for %s%s%s, %s out, by %s\n", npjson_number(r, "id", 0),
	    npjson_text(r, "kind", kind, sizeof(kind)), queued ? "waits" : "runs",
	    npstatus_duration(age, sizeof(age), npjson_number(r, "age", -1)), where, which,
	    bytes_text(out, sizeof(out), npjson_number(r, "bytes_out", 0)), client);
}

static int
append_requests(struct buf *b, const cJSON *status, const cJSON *d)
{
	const char *name = npjson_string(d, "device"), *device;
	const cJSON *r;

	cJSON_ArrayForEach (r, cJSON_GetObjectItemCaseSensitive(status, "requests")) {
		device = npjson_string(r, "device");
		if (name == NULL || device == NULL || strcmp(name, device) != 0)
			continue;
		if (append_request(b, status, r) == -1)
			return -1;
	}
	return 0;
}

static int
append_counts(struct buf *b, const cJSON *d)
{
	double logins = npjson_number(d, "logins", 0), requests = npjson_number(d, "requests", 0),
	       commands = npjson_number(d, "commands", 0);
	char in[32], out[32];

	return buf_printf(b, "  %.0f log-in%s, %.0f failed; %.0f request%s, %.0f command%s; %s in, %s out\n", logins,
	    logins == 1 ? "" : "s", npjson_number(d, "failures", 0), requests, requests == 1 ? "" : "s", commands,
	    commands == 1 ? "" : "s", bytes_text(in, sizeof(in), npjson_number(d, "bytes_in", 0)),
	    bytes_text(out, sizeof(out), npjson_number(d, "bytes_out", 0)));
}

int
npstatus_device_text(struct buf *b, const cJSON *status, const cJSON *d)
{
	const cJSON *session;
	char name[160], user[128], host[256];

	if (buf_printf(b, "\n%s: %s@%s, port %.0f%s\n", npjson_text(d, "device", name, sizeof(name)),
		npjson_text(d, "user", user, sizeof(user)), npjson_text(d, "host", host, sizeof(host)),
		npjson_number(d, "port", 0), npjson_true(d, "persistent") ? ", persistent" : "") == -1 ||
	    append_steering(b, d) == -1 || append_counts(b, d) == -1 || append_error(b, d) == -1)
		return -1;
	cJSON_ArrayForEach (session, cJSON_GetObjectItemCaseSensitive(d, "list"))
		if (append_session(b, session) == -1)
			return -1;
	return append_requests(b, status, d);
}
