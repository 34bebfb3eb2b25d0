/*
 * Echo synchronisation: finding what was typed in what the device paints, so that only text behind it can be output or
 * end a command.
 *
 * Compared are the characters without blanks: line editors wrap at the width, insert blanks, repaint, scroll long lines
 * sideways behind a `$`, print log messages in between and go on, complete words, hide secrets behind stars, show
 * something else for bytes that are not ASCII.  Pure; the
 * owner's thread.
 */
#ifndef NP_ECHO_H
#define NP_ECHO_H

#include <stdbool.h>
#include <stddef.h>

#define ECHO_SCROLL_MIN 4 /* characters that must be left of a line that was scrolled sideways */
#define ECHO_WIDTH_MIN 20 /* columns of a terminal */

enum echo_verdict {
	ECHO_OTHER, /* no echo: what the device said by itself */
	ECHO_PART,  /* of the text, more is to come */
	ECHO_WHOLE  /* its end */
};

struct echo {
	const char *text; /* the owner's; lives as long as it is waited for */
	size_t size;
	size_t at; /* behind what has been seen of it */
};

void echo_init(struct echo *e, const char *text, size_t size);
/*
 * Judges one line, from which the caller took the prompt: prompted says that there was one.  After ECHO_WHOLE call it
 * no more.
 */
enum echo_verdict echo_line(struct echo *e, const char *line, size_t size, bool prompted);
/*
 * Whether the line is prompt and text as a line editor leaves them on a terminal that it takes for narrower than ours:
 * each row behind the first is painted over it, from the first column.
 */
bool echo_is_wrapped(const struct echo *e, const char *prompt, size_t prompt_size, const char *line, size_t size);
/* Whether the line is the text again, whole. */
bool echo_is_repeated(const struct echo *e, const char *line, size_t size);

#endif
