/*
 * The prompt engine.  Owns what was learned of one shell's prompt.
 */
#include "platform/prompt.h"

#include <ctype.h>
#include <string.h>

void
prompt_init(struct prompt *p, const struct platform *platform)
{
	memset(p, 0, sizeof(*p));
	p->platform = platform;
}

size_t
prompt_trim(const char *text, size_t size)
{
	while (size > 0 && text[size - 1] == ' ')
		size--;
	return size;
}

/* Copies a tail of at most PROMPT_MAX bytes without the parts that change by themselves; returns its size. */
static size_t
mask(const struct platform *platform, const char *text, size_t size, char *out)
{
	memcpy(out, text, size);
	for (size_t i = 0; i < platform->mask.count; i++) {
		struct pattern_span whole, part;
		size_t at = 0;

		while (at < size &&
		       pattern_find(platform->mask.items[i], out + at, size - at, &whole, &part) == PATTERN_YES &&
		       whole.size > 0) {
			size_t from = at + whole.start;

			memmove(out + from, out + from + whole.size, size - from - whole.size);
			size -= whole.size;
			at = from;
			if (whole.start == 0)
				break; /* what is left must not match as a beginning again */
		}
	}
	return size;
}

bool
prompt_same(const struct prompt *p, const char *a, size_t a_size, const char *b, size_t b_size)
{
	char x[PROMPT_MAX], y[PROMPT_MAX];

	if (a_size > PROMPT_MAX || b_size > PROMPT_MAX)
		return false;
	a_size = mask(p->platform, a, prompt_trim(a, a_size), x);
	b_size = mask(p->platform, b, prompt_trim(b, b_size), y);
	return a_size == b_size && memcmp(x, y, a_size) == 0;
}

/* Blanks at its end may be more than were learned: a prompt that was taken before its last blank came. */
static bool
is_literal(const struct prompt *p, const struct platform_view *view)
{
	size_t blanks = p->shown_size - prompt_trim(p->shown, p->shown_size);

	if (p->mode == NULL)
		return false;
	if (view->size == p->shown_size && memcmp(view->tail, p->shown, view->size) == 0)
		return true;
	return view->size - prompt_trim(view->tail, view->size) >= blanks &&
	       prompt_same(p, view->tail, view->size, p->shown, p->shown_size);
}

/* A device may cut its name in a mode with a long prompt: then the shorter one begins the longer. */
static bool
same_host(const struct prompt *p, const char *host, size_t size)
{
	size_t cut = (size_t)p->platform->host_cut;
	size_t shorter = size < p->host_size ? size : p->host_size;

	if (size == 0 || p->host_size == 0)
		return false;
	if (size == p->host_size)
		return memcmp(host, p->host, size) == 0;
	return cut > 0 && shorter >= cut && memcmp(host, p->host, shorter) == 0;
}

/* What follows a bracket prompt's name (`[SW1-GigabitEthernet0/0/1]`) is part of the group there. */
static bool
begins_with_host(const struct prompt *p, const char *host, size_t size)
{
	return p->host_size > 0 && size > p->host_size && memcmp(host, p->host, p->host_size) == 0 &&
	       host[p->host_size] == '-';
}

/* Prompts without a name (`+>`) are the same host's where they follow each other. */
static bool
is_host(const struct prompt *p, const struct platform_mode *mode, const char *host, size_t size)
{
	char masked[PROMPT_MAX];

	if (size == 0)
		return mode == p->mode && !(p->platform->bare && p->host_size > 0);
	size = mask(p->platform, host, size, masked);
	host = masked;
	return same_host(p, host, size) || (mode->config && begins_with_host(p, host, size));
}

struct prompt_match
prompt_test(const struct prompt *p, const struct platform_view *view, bool whole, bool drained)
{
	struct prompt_match match = {PROMPT_NONE, NULL};
	struct pattern_span host = {0, 0};

	if (!whole || !drained || view->size == 0 || view->size > PROMPT_MAX)
		return match;
	if (p->derived && is_literal(p, view))
		return (struct prompt_match){PROMPT_LITERAL, p->mode};
	match.mode = platform_mode_of(p->platform, view, &host);
	if (match.mode == NULL)
		return match;
	if (match.mode == p->mode && is_literal(p, view))
		match.tier = PROMPT_LITERAL;
	else if (is_host(p, match.mode, view->tail + host.start, host.size))
		match.tier = PROMPT_HOST;
	else
		match.tier = PROMPT_SHAPE;
	return match;
}

static void
learn_host(struct prompt *p, const struct platform_view *view, const struct platform_mode *mode)
{
	struct pattern_span host = {0, 0};
	char name[PROMPT_MAX];

	if (pattern_find(mode->prompt, view->tail, view->size, NULL, &host) != PATTERN_YES || host.size == 0)
		return;
	host.size = mask(p->platform, view->tail + host.start, host.size, name);
	/* The full name is known from another mode: a cut one, or one with a view behind it, teaches less. */
	if (host.size != p->host_size && (same_host(p, name, host.size) || begins_with_host(p, name, host.size)) &&
	    !(host.size > p->host_size && same_host(p, name, host.size)))
		return;
	p->host_size = host.size < sizeof(p->host) ? host.size : sizeof(p->host);
	memcpy(p->host, name, p->host_size);
}

void
prompt_learn(struct prompt *p, const struct platform_view *view, const struct platform_mode *mode)
{
	p->mode = mode;
	p->derived = platform_mode_of(p->platform, view, NULL) == NULL;
	p->shown_size = view->size < PROMPT_MAX ? view->size : PROMPT_MAX;
	memmove(p->shown, view->tail, p->shown_size); /* which may be what it already holds */
	learn_host(p, view, mode);
}

/* Whether the text goes on with the name; a view in brackets begins with a dash: "[SW1-bgp]". */
static bool
is_of_name(const char *text, size_t size)
{
	unsigned char c = (unsigned char)text[0];

	return isalnum(c) || c == '_' || (c == '-' && text[size - 1] != ']') || c >= 0x80;
}

enum prompt_kin
prompt_kin(const struct prompt *p, const struct platform_view *view)
{
	size_t known = prompt_trim(p->shown, p->shown_size), size = prompt_trim(view->tail, view->size), lead;
	char shown[PROMPT_MAX], tail[PROMPT_MAX];
	const char *host;

	if (size > PROMPT_MAX || p->host_size == 0)
		return PROMPT_STRANGER;
	known = mask(p->platform, p->shown, known, shown);
	size = mask(p->platform, view->tail, size, tail);
	host = memmem(shown, known, p->host, p->host_size);
	if (host == NULL)
		return PROMPT_STRANGER;
	lead = (size_t)(host - shown) + p->host_size;
	if (size <= lead || memcmp(tail, shown, lead) != 0 || is_of_name(tail + lead, size - lead) ||
	    strchr("#>$%]", tail[size - 1]) == NULL)
		return PROMPT_STRANGER;
	return tail[size - 1] == shown[known - 1] ? PROMPT_DERIVED : PROMPT_SAME_HOST;
}

size_t
prompt_prefix(const struct prompt *p, const char *line, size_t size)
{
	size_t shown = p->shown_size;

	if (shown == 0)
		return 0;
	if (size >= shown && memcmp(line, p->shown, shown) == 0)
		return shown;
	/* The blank behind a prompt may be missing when nothing was typed. */
	shown = prompt_trim(p->shown, shown);
	if (shown > 0 && size == shown && memcmp(line, p->shown, shown) == 0)
		return shown;
	return 0;
}
