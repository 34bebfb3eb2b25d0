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

#include "base/compiler.h"
#include "base/error.h"

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
/* Whether it has a group that pattern_find() reports: (?<host>...), else (?<end>...). */
bool pattern_has_group(const struct pattern *p);

/* whole, group: where they matched; may be NULL; group is empty when it took no part. */
enum pattern_result pattern_find(
    const struct pattern *p, const void *text, size_t size, struct pattern_span *whole, struct pattern_span *group);
/* Whether it matches; PATTERN_COSTLY counts as no. */
bool pattern_matches(const struct pattern *p, const void *text, size_t size);

/* Whether some long line exceeds its limits: it repeats what repeats.  Takes some milliseconds. */
bool pattern_is_costly(const struct pattern *p);

/* Several with the same anchor, in order; all zero but the anchor is the empty list. */
struct pattern_list {
	enum pattern_anchor anchor;
	struct pattern **items; /* owned */
	size_t count;
	struct pattern *joined; /* all of them in one, where that is possible */
};

/* It belongs to the list from now on, and has its anchor. */
void pattern_list_add(struct pattern_list *list, struct pattern *pattern);
/* After the last one was added: makes matching cost about as much as one of them. */
void pattern_list_seal(struct pattern_list *list);
void pattern_list_finish(struct pattern_list *list);
/* Whether any of them matches. */
bool pattern_list_matches(const struct pattern_list *list, const void *text, size_t size);

#endif
