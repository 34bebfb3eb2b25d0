/*
 * The terminal filter: what a device's line editor paints, as the lines a person would have read.
 *
 * A byte eater without decisions: escape sequences may be split anywhere between reads.  Backspace, carriage return,
 * erase and cursor moves edit the present line only; finished lines are handed out, the present one is kept as the
 * tail, where prompts are looked for.  Other bytes pass untouched: nothing is decoded, so UTF-8, Latin-1 and broken
 * text come out as they came in.  Memory is bounded, time linear in bytes.  Not thread-safe; the owner's thread only.
 */
#ifndef NP_TERMINAL_H
#define NP_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TERMINAL_LINE_MAX 4096  /* bytes of the present line that are held and can be edited */
#define TERMINAL_LINE_KEEP 1024 /* of a longer line, what stays behind when the rest is handed out */
#define TERMINAL_PARAMS_MAX 8
#define TERMINAL_STRING_MAX 8192 /* bytes after which an unended OSC or DCS string is given up */

/*
 * Receives text without its line end: a whole line (or its last part) with end true, or the beginning of one that is
 * longer than TERMINAL_LINE_MAX.  The bytes live until it returns; it must not call the terminal.
 */
typedef void terminal_line_fn(void *arg, const uint8_t *text, size_t size, bool end);

enum terminal_state {
	TERMINAL_TEXT,
	TERMINAL_ESCAPE,       /* after ESC */
	TERMINAL_INTERMEDIATE, /* ESC ( and the like: one final byte to come */
	TERMINAL_CSI,
	TERMINAL_STRING,       /* OSC, DCS, SOS, PM, APC: dropped up to BEL or ST */
	TERMINAL_STRING_ESCAPE /* ESC inside: ST when a backslash follows */
};

/* Owned by who embeds it; all members are terminal.c's, but for those marked readable. */
struct terminal {
	terminal_line_fn *line;
	void *arg;
	int cols, rows;
	bool
	    cr_ends_line; /* settable: a carriage return without newline ends a line (devices that send nothing else) */
	struct buf answers; /* readable: bytes to send back: answers to the device's questions about the terminal */
	uint64_t lines;     /* readable: lines finished so far */

	uint8_t *text; /* the present line */
	size_t size;   /* of the allocation, up to TERMINAL_LINE_MAX */
	size_t len;
	size_t cursor; /* next byte is written here, <= len */
	size_t gap;    /* columns that the cursor stands beyond len: become spaces when something is written */
	size_t saved;  /* by ESC 7 */
	bool is_saved; /* since this line began, and not restored */
	bool away;     /* the cursor went to another row meanwhile: what is painted there is no part of the line */
	size_t
	    row_start; /* where the screen's present row begins, when a line editor went on to the next at the margin */
	bool multibyte;   /* the line holds bytes that are not ASCII: columns must be counted */
	bool cr;          /* a carriage return waits for the next byte: before a newline it means nothing */
	bool painted;     /* something was written over something else */
	bool continued;   /* the beginning of the present line was handed out */
	int continuation; /* bytes of a UTF-8 character still to come, when it replaces another */
	int row;          /* as far as the device set it, for the cursor report; 0 = unknown */

	enum terminal_state state;
	bool string_is_osc;
	size_t string_size;
	char prefix; /* of a CSI: one of < = > ? or 0 */
	bool intermediate;
	int params[TERMINAL_PARAMS_MAX];
	int params_count;
};

/* cols and rows are reported to devices that ask how large the terminal is. */
void terminal_init(struct terminal *t, int cols, int rows, terminal_line_fn *line, void *arg);
/* Wipes what it held. */
void terminal_finish(struct terminal *t);
void terminal_feed(struct terminal *t, const void *bytes, size_t size);
/* Nothing is expected for a while: a short line needs little memory. */
void terminal_rest(struct terminal *t);
/* The present line as far as it came, without blanks that were left by erasing; until the next call. */
const uint8_t *terminal_tail(const struct terminal *t, size_t *size);
/* Whether the tail is the whole present line: the end of a very long line can be no prompt. */
bool terminal_tail_is_whole(const struct terminal *t);

#endif
