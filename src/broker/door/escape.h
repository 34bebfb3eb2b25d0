/*
 * What a person types at a terminal behind ssh's escape character, at the beginning of a line.  Pure.
 */
#ifndef NP_ESCAPE_H
#define NP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

struct escape {
	int character; /* -1: none */
	bool line;     /* a line begins */
	bool pending;  /* the character was typed there */
};

enum escape_wish { ESCAPE_NONE, ESCAPE_END, ESCAPE_HELP };

void escape_init(struct escape *e, unsigned character);
/*
 * Copies what is meant for the command from in[0..n) to out, which holds n + 1; returns how many bytes that is.  Ends
 * behind a wish: *used says how much of in has been looked at.
 */
size_t escape_filter(struct escape *e, const char *in, size_t n, char *out, size_t *used, enum escape_wish *wish);

#endif
