/*
 * Echo synchronisation.  Owns nothing but a position in the caller's text.
 */
#include "cli/echo.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

void
echo_init(struct echo *e, const char *text, size_t size)
{
	e->text = text;
	e->size = size;
	e->at = 0;
}

static size_t
skip_blanks(const char *p, size_t size, size_t at)
{
	while (at < size && is_blank(p[at]))
		at++;
	return at;
}

static bool
is_ascii(char c)
{
	return (unsigned char)c < 0x80;
}

/* A backslash and three digits. */
static bool
is_octal(const char *p, size_t n)
{
	return n >= 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
	       p[3] <= '7';
}

/*
 * Devices that know only ASCII show something else for other bytes: a mark for each byte or character, its octal
 * number, or nothing.  Passes over these bytes of the text, and over what the line may show for them.
 */
static void
skip_unknown(const struct echo *e, size_t *at, const char *line, size_t size, size_t *i)
{
	size_t bytes = 0, shown = 0;

	for (; *at < e->size && !is_ascii(e->text[*at]); (*at)++)
		bytes++;
	for (; *i < size && shown < 3 * bytes; shown++) {
		if (is_octal(line + *i, size - *i))
			*i += 4;
		else if (shown < bytes && (line[*i] == '?' || line[*i] == '.' || line[*i] == '_'))
			(*i)++;
		else if (!is_ascii(line[*i]))
			(*i)++;
		else
			break;
	}
}

/* How far text[at..] goes along with the whole line, blanks aside; false when the line says something else. */
static bool
follows(const struct echo *e, size_t at, const char *line, size_t size, size_t *end)
{
	size_t i = skip_blanks(line, size, 0);

	at = skip_blanks(e->text, e->size, at);
	while (i < size) {
		if (at < e->size && !is_ascii(e->text[at]) && e->text[at] != line[i]) {
			skip_unknown(e, &at, line, size, &i);
			at = skip_blanks(e->text, e->size, at);
			i = skip_blanks(line, size, i);
			continue;
		}
		if (at >= e->size || e->text[at] != line[i])
			return false;
		at = skip_blanks(e->text, e->size, at + 1);
		i = skip_blanks(line, size, i + 1);
	}
	*end = at;
	return true;
}

/* Whether the line is the end of the text, blanks aside, and no shorter than a scrolled line may be. */
static bool
is_end_of(const struct echo *e, const char *line, size_t size)
{
	size_t t = e->size, i = size, same = 0;

	for (;;) {
		while (t > 0 && is_blank(e->text[t - 1]))
			t--;
		while (i > 0 && is_blank(line[i - 1]))
			i--;
		if (i == 0)
			return same >= ECHO_SCROLL_MIN;
		if (t == 0 || e->text[t - 1] != line[i - 1])
			return false;
		t--;
		i--;
		same++;
	}
}

/* "$nd of a long command", "<nd of it", "...nd of it", or "beginning of a$". */
static bool
is_scrolled(const struct echo *e, const char *line, size_t size)
{
	size_t end, blanks = skip_blanks(line, size, 0);

	line += blanks;
	size -= blanks;
	if (size == 0)
		return false;
	if (line[0] == '$' || line[0] == '<')
		return is_end_of(e, line + 1, size - 1);
	if (size > 3 && memcmp(line, "...", 3) == 0)
		return is_end_of(e, line + 3, size - 3);
	while (size > 0 && is_blank(line[size - 1]))
		size--;
	return size > ECHO_SCROLL_MIN && line[size - 1] == '$' && follows(e, 0, line, size - 1, &end);
}

static size_t
word_size(const char *p, size_t size, size_t at)
{
	size_t n = 0;

	while (at + n < size && !is_blank(p[at + n]))
		n++;
	return n;
}

static bool
is_masked(const char *word, size_t size)
{
	size_t n = 0;

	while (n < size && word[n] == '*')
		n++;
	return size > 0 && n == size;
}

/* "show version" for "sh ver": devices complete words at a blank; "secret ****" for "secret word": some hide them. */
static bool
is_rewritten(const struct echo *e, const char *line, size_t size)
{
	size_t t = skip_blanks(e->text, e->size, 0), i = skip_blanks(line, size, 0);

	while (t < e->size && i < size) {
		size_t typed = word_size(e->text, e->size, t), shown = word_size(line, size, i);
		bool begins = shown >= typed && memcmp(e->text + t, line + i, typed) == 0;

		if (!begins && !is_masked(line + i, shown))
			return false;
		t = skip_blanks(e->text, e->size, t + typed);
		i = skip_blanks(line, size, i + shown);
	}
	return t == e->size && i == size;
}

bool
echo_is_repeated(const struct echo *e, const char *line, size_t size)
{
	size_t end;

	return follows(e, 0, line, size, &end) && end == e->size;
}

/* The byte at this place of prompt and text. */
static char
typed_at(const struct echo *e, const char *prompt, size_t prompt_size, size_t at)
{
	return at < prompt_size ? prompt[at] : e->text[at - prompt_size];
}

bool
echo_is_wrapped(const struct echo *e, const char *prompt, size_t prompt_size, const char *line, size_t size)
{
	size_t all = prompt_size + e->size, width = size - 1, last;

	/* What drives the cursor into the next row stands behind the first: a blank, or that row's first character. */
	if (size <= ECHO_WIDTH_MIN || width >= all)
		return false;
	last = (all - 1) / width * width;
	for (size_t i = 0; i < width; i++) {
		size_t at = last + i < all ? last + i : last + i - width;

		if (line[i] != typed_at(e, prompt, prompt_size, at))
			return false;
	}
	return line[width] == ' ' || line[width] == typed_at(e, prompt, prompt_size, last) ||
	       line[width] == typed_at(e, prompt, prompt_size, width);
}

enum echo_verdict
echo_line(struct echo *e, const char *line, size_t size, bool prompted)
{
	size_t end, text = skip_blanks(e->text, e->size, 0);
	bool empty = skip_blanks(line, size, 0) == size;

	if (text == e->size)
		return empty ? ECHO_WHOLE : ECHO_OTHER;
	if (empty)
		return ECHO_OTHER;
	/* From the start again, also when some was seen: the line was painted anew. */
	if (follows(e, 0, line, size, &end) && (prompted || end == e->size || end > e->at)) {
		e->at = end;
		return end == e->size ? ECHO_WHOLE : ECHO_PART;
	}
	if (e->at > 0 && follows(e, e->at, line, size, &end)) {
		e->at = end;
		return end == e->size ? ECHO_WHOLE : ECHO_PART;
	}
	if (is_scrolled(e, line, size) || (prompted && is_rewritten(e, line, size)))
		return ECHO_WHOLE;
	return ECHO_OTHER;
}
