/* Lists of texts, which they own.  {0} is the empty list.  Any thread, one at a time. */
#ifndef NP_STRINGS_H
#define NP_STRINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct strings {
	char **v;
	size_t n;
};

/* Adds a copy. */
void strings_add(struct strings *s, const char *text);
/* The same unless it is there already. */
void strings_add_new(struct strings *s, const char *text);
void strings_addf(struct strings *s, const char *fmt, ...) NP_PRINTF(2, 3);
/* Adds a text that the list owns from now on; NULL is none. */
void strings_take(struct strings *s, char *text);
void strings_add_all(struct strings *s, const struct strings *other);
bool strings_has(const struct strings *s, const char *text);
bool strings_equal(const struct strings *a, const struct strings *b);
/* Empties it; what its texts were is wiped. */
void strings_finish(struct strings *s);

#endif
