/* A device in full, from the list and from its status; the keys. */
#include "nptop_page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npctl_status.h"
#include "npjson.h"
#include "nptop_layout.h"
#include "text.h"
#include "xalloc.h"

/* Columns of the words that stand to the left. */
#define LABEL 12

void
nptop_page_clear(struct nptop_page *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->line[i].text);
	free(p->line);
	p->line = NULL;
	p->count = 0;
}

void
nptop_page_scroll(struct nptop_page *p, long lines, size_t rows)
{
	size_t last = p->count > rows ? p->count - rows : 0;
	size_t back = lines < 0 ? (size_t)-lines : 0;

	if (lines < 0)
		p->top = p->top > back ? p->top - back : 0;
	else
		p->top = (size_t)lines < last ? p->top + (size_t)lines : last;
	if (p->top > last)
		p->top = last;
}

static struct nptop_page_line *
add_text(struct nptop_page *p, char *text)
{
	p->line = xreallocarray(p->line, p->count + 1, sizeof(p->line[0]));
	p->line[p->count] = (struct nptop_page_line){.text = text};
	return &p->line[p->count++];
}

static struct nptop_page_line *add(struct nptop_page *p, const char *fmt, ...) NP_PRINTF(2, 3);

static struct nptop_page_line *
add(struct nptop_page *p, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	return add_text(p, text);
}

static bool
is_inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* How much of the text fits so many columns, as far as a character is one: up to a space, if there is one. */
static size_t
fitting(const char *text, size_t columns)
{
	size_t n = 0, used = 0, space = 0;

	while (text[n] != '\0' && used < columns) {
		if (text[n] == ' ')
			space = n;
		n++;
		while (is_inside_character(text[n]))
			n++;
		used++;
	}
	return text[n] == '\0' || text[n] == ' ' || space == 0 ? n : space;
}

/* A labelled text in as many lines as it needs. */
static void
add_wrapped(struct nptop_page *p, const char *label, const char *text, int width, enum nptop_mood mood)
{
	size_t columns = width > LABEL + 8 ? (size_t)(width - LABEL) : 8;

	do {
		size_t n = fitting(text, columns);
		add(p, "%-*s%.*s", LABEL, label, (int)n, text)->mood = mood;
		text += n;
		while (*text == ' ')
			text++;
		label = "";
	} while (*text != '\0');
}

static const char *
bytes(char out[32], double n)
{
	static const char units[] = "kMGTP";
	size_t unit = 0;

	if (n < 1000)
		snprintf(out, 32, "%.0f", n);
	else {
		for (n /= 1000; n >= 1000 && units[unit + 1] != '\0'; unit++)
			n /= 1000;
		snprintf(out, 32, n < 10 ? "%.1f%c" : "%.0f%c", n, units[unit]);
	}
	return out;
}

/* ---- a device ---- */

static void
add_error(struct nptop_page *p, const cJSON *device, int width)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(device, "last_error");
	char reason[64], message[700], text[900], wait[32];
	double retry = npjson_number(error, "retry_in", -1);

	if (!cJSON_IsObject(error))
		return;
	snprintf(text, sizeof(text), "%s: %s", npjson_text(error, "reason", reason, sizeof(reason)),
	    npjson_text(error, "message", message, sizeof(message)));
	add_wrapped(p, "last error", text, width, NPTOP_BAD);
	if (npjson_true(error, "blocked"))
		add_wrapped(p, "", "No further log-in until its cause has changed, or npctl open.", width, NPTOP_CALM);
	else if (retry > 0)
		add(p, "%-*sNext attempt in %s", LABEL, "", npctl_duration(wait, sizeof(wait), retry));
}

static void
add_session(struct nptop_page *p, const cJSON *s, int width)
{
	char state[32], channels[64], rtt[32], last[32], age[32], in[32], out[32], text[256], id[32];

	snprintf(id, sizeof(id), "#%.0f", npjson_number(s, "id", 0));
	snprintf(channels, sizeof(channels), "%.0f/%.0f", npjson_number(s, "channels_used", 0),
	    npjson_number(s, "channels_max", 0));
	npctl_rtt(rtt, sizeof(rtt), npjson_number(s, "rtt_ms", -1));
	npctl_duration(last, sizeof(last), npjson_number(s, "last_used", -1));
	npctl_duration(age, sizeof(age), npjson_number(s, "age", -1));
	add(p, "%-7s %-12s %8s %6s %4s %4s %8.0f %6s %6s", id, npjson_text(s, "state", state, sizeof(state)), channels,
	    rtt, last, age, npjson_number(s, "commands", 0), bytes(in, npjson_number(s, "bytes_in", 0)),
	    bytes(out, npjson_number(s, "bytes_out", 0)));
	if (cJSON_GetObjectItemCaseSensitive(s, "banner") == NULL)
		return;
	add_wrapped(p, "", npjson_text(s, "banner", text, sizeof(text)), width, NPTOP_IDLE);
	add_wrapped(p, "", npjson_text(s, "algorithms", text, sizeof(text)), width, NPTOP_IDLE);
	add_wrapped(p, "", npjson_text(s, "auth", text, sizeof(text)), width, NPTOP_IDLE);
}

static void
add_sessions(struct nptop_page *p, const cJSON *device, int width)
{
	const cJSON *session, *list = cJSON_GetObjectItemCaseSensitive(device, "list");

	if (cJSON_GetArraySize(list) == 0)
		return;
	add(p, "%s", "");
	add(p, "%-7s %-12s %8s %6s %4s %4s %8s %6s %6s", "SESSION", "STATE", "CHANNELS", "RTT", "LAST", "AGE",
	    "COMMANDS", "IN", "OUT")
	    ->title = true;
	cJSON_ArrayForEach (session, list)
		add_session(p, session, width);
}

/* Who asked: "npexec, pid 42". */
static const char *
client_of(const cJSON *status, const cJSON *request, char out[128])
{
	double id = npjson_number(request, "peer", -1);
	const cJSON *peer;
	char program[64];

	snprintf(out, 128, "-");
	cJSON_ArrayForEach (peer, cJSON_GetObjectItemCaseSensitive(status, "peers"))
		if (npjson_number(peer, "id", -2) == id)
			snprintf(out, 128, "%s, pid %.0f", npjson_text(peer, "program", program, sizeof(program)),
			    npjson_number(peer, "pid", 0));
	return out;
}

static void
add_request(struct nptop_page *p, const cJSON *status, const cJSON *r)
{
	char id[32], state[32], age[32], queue[32], session[32] = "-", in[32], out[32], client[128];

	snprintf(id, sizeof(id), "%.0f", npjson_number(r, "id", 0));
	if (npjson_number(r, "session", 0) > 0)
		snprintf(session, sizeof(session), "#%.0f", npjson_number(r, "session", 0));
	npctl_duration(age, sizeof(age), npjson_number(r, "age", -1));
	npctl_rtt(queue, sizeof(queue), npjson_number(r, "queue_ms", -1));
	add(p, "%-7s %-12s %8s %6s %9s %6s %6s  %s", id, npjson_text(r, "state", state, sizeof(state)), session, age,
	    queue, bytes(in, npjson_number(r, "bytes_in", 0)), bytes(out, npjson_number(r, "bytes_out", 0)),
	    client_of(status, r, client));
}

static void
add_requests(struct nptop_page *p, const struct nptop_device *d, const cJSON *status)
{
	const cJSON *request;
	bool any = false;

	cJSON_ArrayForEach (request, cJSON_GetObjectItemCaseSensitive(status, "requests")) {
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "device");
		if (!cJSON_IsString(name) || strcmp(name->valuestring, d->name) != 0)
			continue;
		if (!any) {
			add(p, "%s", "");
			add(p, "%-7s %-12s %8s %6s %9s %6s %6s  %s", "REQUEST", "STATE", "SESSION", "AGE", "QUEUED",
			    "IN", "OUT", "CLIENT")
			    ->title = true;
		}
		any = true;
		add_request(p, status, request);
	}
}

/* Of several pools of one name the one that the list means. */
static const cJSON *
find_device(const struct nptop_device *d, const cJSON *status)
{
	const cJSON *device;
	size_t ordinal = 0;

	cJSON_ArrayForEach (device, cJSON_GetObjectItemCaseSensitive(status, "devices")) {
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(device, "device");
		if (cJSON_IsString(name) && strcmp(name->valuestring, d->name) == 0 && ordinal++ == d->ordinal)
			return device;
	}
	return NULL;
}

void
nptop_page_detail(struct nptop_page *p, const struct nptop_device *d, const cJSON *status, int width, bool unicode)
{
	const cJSON *device = find_device(d, status);
	const cJSON *order = cJSON_GetObjectItemCaseSensitive(device, "text");
	char graph[NPTOP_TEXT_MAX], rtt[32], rate[32], text[256];
	int bars = width > LABEL + 8 + 8 ? width - LABEL - 8 : 8;

	nptop_page_clear(p);
	add(p, "%s: %s", d->shown, d->place)->title = true;
	add(p, "%-*s%s", LABEL, "state", d->state)->mood = d->mood;
	if (cJSON_IsString(order))
		add_wrapped(p, "operator", npjson_text(device, "text", text, sizeof(text)), width, NPTOP_CHANGING);
	add(p, "%-*s%.0f so far, %s a second, %.0f running, %.0f queued", LABEL, "commands", d->commands,
	    nptop_rate(rate, sizeof(rate), d->rate), d->running, d->queued);
	add(p, "%-*s%-8s%s", LABEL, "round trip", npctl_rtt(rtt, sizeof(rtt), d->rtt_ms),
	    nptop_graph(&d->rtt, bars, unicode, graph));
	if (cJSON_GetObjectItemCaseSensitive(device, "logins") != NULL)
		add(p, "%-*s%.0f succeeded, %.0f failed", LABEL, "log-ins", npjson_number(device, "logins", 0),
		    npjson_number(device, "failures", 0));
	add_error(p, device, width);
	add_sessions(p, device, width);
	add_requests(p, d, status);
	if (cJSON_GetObjectItemCaseSensitive(status, "next") != NULL)
		add(p, "There are more than npctl top shows: npctl status %s", d->shown);
}

void
nptop_page_gone(struct nptop_page *p, const char *name)
{
	char shown[96];

	nptop_page_clear(p);
	add(p, "%s", text_vis_into(shown, sizeof(shown), name))->title = true;
	add(p, "The broker does not hold it any more.");
}

/* ---- help ---- */

void
nptop_page_help(struct nptop_page *p)
{
	static const char *const lines[] = {
	    "Up Down j k       move; PageUp PageDown, Home End g G: faster",
	    "Enter             the device in full; q or Esc: back",
	    "/                 filter by name, address, state or error; Esc: show all",
	    "s S               sort by the next or the previous column; r: reverse",
	    "a n m w t e       sort by activity, name, commands/s, queue, round trip, error",
	    "p u               pause: commands wait; unpause",
	    "c C               close when its commands have ended; close now",
	    "R                 reconnect: new sessions from now on, old ones end gently",
	    "Ctrl-L            draw anew; Space: ask the broker now",
	    "? h               this page",
	    "q Ctrl-C          quit",
	    "",
	    "CMD/S             commands begun a second, smoothed",
	    "TREND             of the round trip: a bar each time the broker was asked",
	    "ERROR             of the last attempt; in parentheses when the next may be",
	};

	nptop_page_clear(p);
	add(p, "The keys of npctl top")->title = true;
	for (size_t i = 0; i < NP_COUNT(lines); i++)
		add(p, "%s", lines[i]);
}
