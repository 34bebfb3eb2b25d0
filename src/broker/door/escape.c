/*
 * The escape character; see escape.h.
 */
#include "broker/door/escape.h"

#define ESCAPE_CHARACTER_MAX 255u

void
escape_init(struct escape *e, unsigned character)
{
	e->character = character <= ESCAPE_CHARACTER_MAX ? (int)character : -1;
	e->line = true;
	e->pending = false;
}

static enum escape_wish
wish_of(char c)
{
	return c == '.' ? ESCAPE_END : c == '?' ? ESCAPE_HELP : ESCAPE_NONE;
}

size_t
escape_filter(struct escape *e, const char *in, size_t n, char *out, size_t *used, enum escape_wish *wish)
{
	size_t len = 0;

	*wish = ESCAPE_NONE;
	for (*used = 0; *used < n && *wish == ESCAPE_NONE; (*used)++) {
		char c = in[*used];
		bool is_escape = e->character >= 0 && (unsigned char)c == e->character;

		if (e->pending) {
			e->pending = false;
			*wish = wish_of(c);
			if (*wish != ESCAPE_NONE) {
				e->line = true;
				continue;
			}
			if (!is_escape) /* which is meant, typed twice */
				out[len++] = (char)e->character;
		} else if (e->line && is_escape) {
			e->pending = true;
			continue;
		}
		out[len++] = c;
		e->line = c == '\r' || c == '\n';
	}
	return len;
}
