/*
 * Regular expressions over device text: PCRE2 compiled once, with limits that no pattern or text can exceed.
 *
 * Bytes, not characters: device text need not be UTF-8.  A pattern is immutable; matching uses scratch memory inside
 * it, so one thread at a time (the broker's main thread).
 */
#ifndef NP_PATTERN_H
#define NP_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "compiler.h"
#include "error.h"

#define PATTERN_TEXT_MAX 2048 /* bytes of an expression */

struct pattern;

/* Where it must match; put around the expression, so that a file cannot forget an anchor. */
enum pattern_anchor {
	PATTERN_ANYWHERE,
	PATTERN_START, /* at the beginning of the text */
	PATTERN_END,   /* up to the end of the text, blanks there excepted */
	PATTERN_WHOLE  /* all of the text, but for one blank at its end */
};

enum pattern_result {
	PATTERN_NO,
	PATTERN_YES,
	PATTERN_COSTLY /* the limits ended it: as good as no match, but the pattern is to blame */
};

struct pattern_span {
	size_t start, size;
};

/* Returns it, or NULL with err (invalid_params) telling what is wrong and where in the expression. */
struct pattern *pattern_create(const char *text, enum pattern_anchor anchor, struct np_error *err) NP_MUST_CHECK;
void pattern_destroy(struct pattern *p);
/* The expression as it was given. */
const char *pattern_text(const struct pattern *p);
/* Whether it has a group named (?<host>...). */
bool pattern_has_host(const struct pattern *p);

/* whole, host: where they matched; may be NULL; host is empty when the group took no part. */
enum pattern_result pattern_find(
    const struct pattern *p, const void *text, size_t size, struct pattern_span *whole, struct pattern_span *host);
/* Whether it matches; PATTERN_COSTLY counts as no. */
bool pattern_matches(const struct pattern *p, const void *text, size_t size);

#endif
