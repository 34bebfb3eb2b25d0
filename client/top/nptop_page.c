/* A device in full, from the list and from its status; the keys. */
#include "top/nptop_page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npjson.h"
#include "lib/npstatus.h"
#include "top/nptop_layout.h"
#include "base/text.h"
#include "base/xalloc.h"

/* Columns of the words that stand to the left. */
#define LABEL 12
/* How npstatus_device_text() begins the line of the last error. */
#define ERROR_LINE "  last error"

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

/* A line in as many as it needs; what follows stands further in. */
static void
add_wrapped(struct nptop_page *p, const char *text, int width, enum nptop_mood mood)
{
	int indent = (int)strspn(text, " ") + 4, before = 0;
	size_t n;

	for (; *text != '\0'; before = indent) {
		n = fitting(text, width - before > 8 ? (size_t)(width - before) : 8);
		add(p, "%*s%.*s", before, "", (int)n, text)->mood = mood;
		text += n;
		while (*text == ' ')
			text++;
	}
}

/* ---- a device ---- */

/* What `npctl status DEVICE` prints, but for its first line. */
static void
add_status(struct nptop_page *p, const cJSON *status, const cJSON *device, int width)
{
	char *text = NULL, *line, *rest;
	size_t size;
	FILE *out = xchecked(open_memstream(&text, &size));

	npstatus_device_text(out, status, device);
	fclose(out);
	rest = text;
	for (size_t i = 0; (line = strsep(&rest, "\n")) != NULL; i++)
		if (i >= 2)
			add_wrapped(p, line, width,
			    strncmp(line, ERROR_LINE, strlen(ERROR_LINE)) == 0 ? NPTOP_BAD : NPTOP_CALM);
	free(text);
}

/* Of several pools of one name the one that the list means. */
static const cJSON *
find_device(const struct nptop_device *d, const cJSON *status)
{
	const cJSON *device;
	size_t ordinal = 0;

	cJSON_ArrayForEach (device, cJSON_GetObjectItemCaseSensitive(status, "devices")) {
		const char *name = npjson_string(device, "device");
		if (name != NULL && strcmp(name, d->name) == 0 && ordinal++ == d->ordinal)
			return device;
	}
	return NULL;
}

void
nptop_page_detail(struct nptop_page *p, const struct nptop_device *d, const cJSON *status, int width, bool unicode)
{
	const cJSON *device = find_device(d, status);
	char graph[NPTOP_TEXT_MAX], text[NPTOP_TEXT_MAX], rtt[32], rate[32];
	int bars = width > LABEL + 10 + 8 ? width - LABEL - 10 : 8;

	nptop_page_clear(p);
	add(p, "%s: %s", d->shown, d->place)->title = true;
	add(p, "  %-*s%s", LABEL, "state", d->state)->mood = d->mood;
	snprintf(text, sizeof(text), "  %-*s%s a second, %.0f running, %.0f queued", LABEL, "commands",
	    nptop_rate(rate, sizeof(rate), d->rate), d->running, d->queued);
	add_wrapped(p, text, width, NPTOP_CALM);
	add(p, "  %-*s%-8s%s", LABEL, "round trip", npstatus_rtt(rtt, sizeof(rtt), d->rtt_ms),
	    nptop_graph(&d->rtt, bars, unicode, graph));
	if (device != NULL)
		add_status(p, status, device, width);
	if (cJSON_GetObjectItemCaseSensitive(status, "next") != NULL)
		add(p, "  There are more than npctl top shows: see npctl status.");
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
