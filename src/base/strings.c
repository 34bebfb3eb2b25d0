/* Lists of texts; see strings.h. */
#include "base/strings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void
strings_take(struct strings *s, char *text)
{
	if (text == NULL)
		return;
	if ((s->n & (s->n - 1)) == 0) /* doubles whenever the number reaches a power of two */
		s->v = xreallocarray(s->v, s->n == 0 ? 1 : s->n * 2, sizeof(char *));
	s->v[s->n++] = text;
}

void
strings_add(struct strings *s, const char *text)
{
	strings_take(s, xstrdup(text));
}

void
strings_addf(struct strings *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strings_take(s, xvasprintf(fmt, ap));
	va_end(ap);
}

void
strings_add_all(struct strings *s, const struct strings *other)
{
	for (size_t i = 0; i < other->n; i++)
		strings_add(s, other->v[i]);
}

bool
strings_has(const struct strings *s, const char *text)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->v[i], text) == 0)
			return true;
	}
	return false;
}

void
strings_add_new(struct strings *s, const char *text)
{
	if (!strings_has(s, text))
		strings_add(s, text);
}

bool
strings_equal(const struct strings *a, const struct strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	}
	return true;
}

void
strings_finish(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		secret_free(s->v[i]);
	free(s->v);
	*s = (struct strings){0};
}
