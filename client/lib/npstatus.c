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
bytes_text(char *out, size_t size, const cJSON *object, const char *member)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double n = npjson_number(object, member, 0);
	size_t i = 0;

	while (n >= 999.5 && i + 1 < NP_COUNT(units)) {
		n /= 1000;
		i++;
	}
	snprintf(out, size, i > 0 && n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[i]);
	return out;
}

const char *
npstatus_plural(double n)
{
	return n == 1 ? "" : "s";
}

const char *
npstatus_order(const cJSON *d)
{
	static const char *const orders[] = {"disabled", "draining", "paused"};

	for (size_t i = 0; i < NP_COUNT(orders); i++)
		if (npjson_true(d, orders[i]))
			return orders[i];
	return NULL;
}

static void
put_steering(FILE *out, const cJSON *d)
{
	const char *what = npstatus_order(d);
	bool said = npjson_string(d, "text") != NULL;
	char text[256];

	if (what != NULL)
		fprintf(out, "  %s by the operator%s%s\n", what, said ? ": " : "",
		    said ? npjson_text(d, "text", text, sizeof(text)) : "");
}

static void
put_error(FILE *out, const cJSON *d)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(d, "last_error");
	double retry = npjson_number(error, "retry_in", -1), age = npjson_number(error, "age", -1);
	char message[1400], ago[40] = "", span[32];

	if (!cJSON_IsObject(error))
		return;
	if (age >= 0)
		snprintf(ago, sizeof(ago), " %s ago", npstatus_duration(span, sizeof(span), age));
	fprintf(out, "  last error%s: %s\n", ago, npjson_text(error, "message", message, sizeof(message)));
	if (npjson_true(error, "blocked"))
		fprintf(out, "  no log-in is tried until its credentials change, or npctl open\n");
	else if (retry >= 0)
		fprintf(out, "  the next attempt may be made in %s\n", npstatus_duration(span, sizeof(span), retry));
}

void
npstatus_account(char *out, size_t size, const cJSON *account)
{
	const cJSON *refusal = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(account, "refusals"), 0);
	const char *state = npjson_string(account, "state");
	double requests = npjson_number(account, "requests", 0), keys = npjson_number(account, "refused_keys", 0);
	/* Of persistent devices nobody may wait. */
	double waiting = requests > 0 ? requests : npjson_number(account, "waiting", 0);
	char name[160], place[100], text[256], age[32];
	size_t n;

	n = (size_t)snprintf(out, size, "%s", npjson_text(account, "name", name, sizeof(name)));
	if (waiting > 0 && n < size)
		n += (size_t)snprintf(out + n, size - n, ": %.0f %s%s wait%s for it, for %s", waiting,
		    requests > 0 ? "request" : "log-in", npstatus_plural(waiting), waiting == 1 ? "s" : "",
		    npstatus_duration(age, sizeof(age), npjson_number(account, "waiting_age", -1)));
	if (state != NULL && strcmp(state, "refused") == 0 && n < size)
		n += (size_t)snprintf(out + n, size - n, " is tried nowhere");
	if (keys > 0 && n < size)
		n += (size_t)snprintf(out + n, size - n, ": %.0f refused by %s", keys,
		    npjson_text(account, "place", place, sizeof(place)));
	if (refusal != NULL && n < size)
		snprintf(out + n, size - n, "%s %s %s %s ago: %s", waiting > 0 ? ";" : ":",
		    npjson_text(refusal, "place", place, sizeof(place)),
		    npjson_true(refusal, "judged") ? "refused it" : "had it and gave no verdict",
		    npstatus_duration(age, sizeof(age), npjson_number(refusal, "age", -1)),
		    npjson_text(refusal, "text", text, sizeof(text)));
}

static void
put_session(FILE *out, const cJSON *s)
{
	char state[32], age[32], last[32], auth[256], algorithms[256], banner[256], rtt[32], in[32], sent[32];

	fprintf(out, "  session #%.0f: %s, channels %.0f/%.0f, rtt %s, last used %s, age %s, %s in, %s out\n",
	    npjson_number(s, "id", 0), npjson_text(s, "state", state, sizeof(state)),
	    npjson_number(s, "channels_used", 0), npjson_number(s, "channels_max", 0),
	    npstatus_rtt(rtt, sizeof(rtt), npjson_number(s, "rtt_ms", -1)),
	    npstatus_duration(last, sizeof(last), npjson_number(s, "last_used", -1)),
	    npstatus_duration(age, sizeof(age), npjson_number(s, "age", -1)), bytes_text(in, sizeof(in), s, "bytes_in"),
	    bytes_text(sent, sizeof(sent), s, "bytes_out"));
	if (cJSON_GetObjectItemCaseSensitive(s, "banner") != NULL)
		fprintf(out, "    %s\n    %s\n    %s\n", npjson_text(s, "banner", banner, sizeof(banner)),
		    npjson_text(s, "algorithms", algorithms, sizeof(algorithms)),
		    npjson_text(s, "auth", auth, sizeof(auth)));
	if (npjson_string(s, "algorithms_remark") != NULL)
		fprintf(out, "    %s\n", npjson_text(s, "algorithms_remark", algorithms, sizeof(algorithms)));
}

/* "npexec (pid 123, client 9)"; the broker itself where nobody asked. */
static void
put_client(FILE *out, const cJSON *status, const cJSON *r)
{
	double id = npjson_number(r, "peer", -1);
	const cJSON *peer;
	char program[64];

	cJSON_ArrayForEach (peer, cJSON_GetObjectItemCaseSensitive(status, "peers")) {
		if (id < 0 || npjson_number(peer, "id", -1) != id)
			continue;
		fprintf(out, "%s (pid %.0f, client %.0f)\n", npjson_text(peer, "program", program, sizeof(program)),
		    npjson_number(peer, "pid", 0), id);
		return;
	}
	if (id >= 0)
		fprintf(out, "client %.0f\n", id);
	else
		fputs("the broker\n", out);
}

static void
put_request(FILE *out, const cJSON *status, const cJSON *r)
{
	const char *state = npjson_string(r, "state");
	bool queued = state != NULL && strcmp(state, "queued") == 0;
	double count = npjson_number(r, "count", 0), session = npjson_number(r, "session", -1);
	char kind[32], age[32], sent[32];

	fprintf(out, "  request %.0f: %s %s for %s", npjson_number(r, "id", 0),
	    npjson_text(r, "kind", kind, sizeof(kind)), queued ? "waits" : "runs",
	    npstatus_duration(age, sizeof(age), npjson_number(r, "age", -1)));
	if (session >= 0)
		fprintf(out, " on #%.0f", session);
	if (count > 1)
		fprintf(out, ", command %.0f of %.0f", npjson_number(r, "index", 0) + 1, count);
	fprintf(out, ", %s out, by ", bytes_text(sent, sizeof(sent), r, "bytes_out"));
	put_client(out, status, r);
}

static void
put_counts(FILE *out, const cJSON *d)
{
	double logins = npjson_number(d, "logins", 0), requests = npjson_number(d, "requests", 0),
	       commands = npjson_number(d, "commands", 0);
	char in[32], sent[32];

	fprintf(out, "  %.0f log-in%s, %.0f failed; %.0f request%s, %.0f command%s; %s in, %s out\n", logins,
	    npstatus_plural(logins), npjson_number(d, "failures", 0), requests, npstatus_plural(requests), commands,
	    npstatus_plural(commands), bytes_text(in, sizeof(in), d, "bytes_in"),
	    bytes_text(sent, sizeof(sent), d, "bytes_out"));
}

void
npstatus_device_text(FILE *out, const cJSON *status, const cJSON *d)
{
	const char *device = npjson_string(d, "device"), *other;
	const cJSON *item;
	const cJSON *account = cJSON_GetObjectItemCaseSensitive(d, "account");
	char name[160], user[128], host[256], text[640];

	fprintf(out, "\n%s: %s@%s, port %.0f%s\n", npjson_text(d, "device", name, sizeof(name)),
	    npjson_text(d, "user", user, sizeof(user)), npjson_text(d, "host", host, sizeof(host)),
	    npjson_number(d, "port", 0), npjson_true(d, "persistent") ? ", persistent" : "");
	put_steering(out, d);
	put_counts(out, d);
	put_error(out, d);
	if (account != NULL) {
		npstatus_account(text, sizeof(text), account);
		fprintf(out, "  %s\n", text);
	}
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(d, "list"))
		put_session(out, item);
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(status, "requests")) {
		other = npjson_string(item, "device");
		if (device != NULL && other != NULL && strcmp(device, other) == 0)
			put_request(out, status, item);
	}
}
