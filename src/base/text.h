/*
 * Texts that strangers wrote: checked for UTF-8, made harmless for terminals, carried as base64.  Pure; any thread.
 */
#ifndef NP_TEXT_H
#define NP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Well-formed UTF-8 as of RFC 3629: no overlong forms, no surrogates, at most U+10FFFF.  NUL bytes count as valid. */
bool text_is_utf8(const void *p, size_t n);

/*
 * A copy that is safe to show on a terminal: control bytes (C0 but tab and, when keep_newlines, newline; DEL; C1, raw
 * or as UTF-8), bidirectional overrides, line separators and bytes that are not UTF-8 become \ooo, as vis(3) with
 * VIS_OCTAL and VIS_NOSLASH writes them: a backslash stays one backslash, so a text treated twice does not change
 * again.  The caller frees it.
 */
char *text_vis(const void *p, size_t n, bool keep_newlines) NP_MALLOC;
/* The same without newlines into a fixed buffer, cut to size before a character or escape; returns dst. */
char *text_vis_into(char *dst, size_t size, const char *s);
/* The beginning of a text in a message: harmless, and as long as the block that this stands in. */
#define TEXT_SHOWN(s) text_vis_into((char[80]){""}, 80, (s))

/*
 * The number of bytes of the character at p[0..n), n > 0, when text_vis() without newlines would not show it as it is
 * though it is well-formed, else 0.  Such a character is at most U+FFFF: *cp is what \uXXXX can say.
 */
size_t text_harmful(const uint8_t *p, size_t n, uint32_t *cp);
/*
 * A copy of a JSON text that is the same to a program and safe to show on a terminal: what text_harmful() finds becomes
 * \uXXXX.  JSON printed on one line has such characters in strings alone.  The caller frees it.
 */
char *text_json_vis(const char *json) NP_MALLOC;

/* RFC 4648 section 4, with padding.  The caller frees the result. */
char *text_base64(const void *p, size_t n) NP_MALLOC;
/* Decodes strictly; returns the bytes (caller frees; a NUL is added behind them) and their number, or NULL when
 * malformed. */
uint8_t *text_unbase64(const char *s, size_t *n) NP_MUST_CHECK;

/*
 * The entry of names[0..count) that is closest to word by edit distance, or NULL when none is near enough to be what
 * was meant.  For "unknown key `max_idle`: did you mean `max_idle_time`?".
 */
const char *text_nearest(const char *word, const char *const *names, size_t count);

/* Whether both are the same text, or both are NULL. */
bool text_equal(const char *a, const char *b);

/* Parses a whole non-negative decimal number of at most max; false for anything else, also an empty string. */
bool text_parse_ulong(const char *s, unsigned long max, unsigned long *out);

/*
 * The next of the words that blanks separate, NULL when there is no more; *p moves behind it.  Backslash and blank are
 * a blank in a word, two backslashes are one.  Caller frees.
 */
char *text_next_word(const char **p);

#endif
