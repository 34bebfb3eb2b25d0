/*
 * The present line of the terminal filter, and what edits it.  Owns its bytes; hands out finished lines.
 *
 * A carriage return is put off until the next byte shows what it was: "\r\n", "\r\r\n" and "\r\0\n" end a line, alone
 * it returns to the first column.  So blanks that a line really ends with stay, while blanks that were painted over a
 * pager's prompt lie behind the cursor when the line ends, and go.
 *
 * Columns are characters: a well-formed UTF-8 sequence is one, any other byte is one too.
 */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>

#include "cli/terminal_impl.h"
#include "base/xalloc.h"

#define ANSWERS_MAX 1024
#define LINE_FIRST 256 /* bytes of a line that most stay below, prompts among them */

/* A line of at most size bytes. */
static void
resize(struct terminal *t, size_t size)
{
	uint8_t *text = xmalloc(size);

	if (t->text != NULL) {
		memcpy(text, t->text, t->len);
		secret_wipe(t->text, t->size);
	}
	free(t->text);
	t->text = text;
	t->size = size;
}

/* Makes room for n further bytes, which must fit TERMINAL_LINE_MAX. */
static void
reserve(struct terminal *t, size_t n)
{
	size_t size = t->size;

	while (size < t->len + n)
		size *= 2;
	if (size > t->size)
		resize(t, size);
}

void
terminal_init(struct terminal *t, int cols, int rows, terminal_line_fn *line, void *arg)
{
	memset(t, 0, sizeof(*t));
	t->line = line;
	t->arg = arg;
	t->cols = cols > 0 ? cols : 80;
	t->rows = rows > 0 ? rows : 24;
	resize(t, LINE_FIRST);
	buf_init(&t->answers, ANSWERS_MAX);
}

void
terminal_finish(struct terminal *t)
{
	if (t->text != NULL)
		secret_wipe(t->text, t->size);
	free(t->text);
	t->text = NULL;
	buf_wipe(&t->answers);
}

void
terminal_rest(struct terminal *t)
{
	if (t->size > LINE_FIRST && t->len <= LINE_FIRST)
		resize(t, LINE_FIRST);
}

static bool
is_blank(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != ' ')
			return false;
	}
	return true;
}

/* Bytes of the line without the blanks that erasing left behind the cursor. */
static size_t
visible_size(const struct terminal *t)
{
	if (t->cr && t->painted && is_blank(t->text, t->len))
		return 0;
	return is_blank(t->text + t->cursor, t->len - t->cursor) ? t->cursor : t->len;
}

const uint8_t *
terminal_tail(const struct terminal *t, size_t *size)
{
	*size = visible_size(t);
	if (t->cr && is_blank(t->text, t->len))
		*size = 0;
	return t->text;
}

bool
terminal_tail_is_whole(const struct terminal *t)
{
	return !t->continued;
}

void
terminal_line_reset(struct terminal *t)
{
	t->len = 0;
	t->cursor = 0;
	t->gap = 0;
	t->saved = 0;
	t->row_start = 0;
	t->multibyte = false;
	t->cr = false;
	t->continuation = 0;
	t->continued = false;
	t->painted = false;
	t->is_saved = t->away = false;
}

void
terminal_line_end(struct terminal *t)
{
	size_t size = visible_size(t);

	t->lines++;
	t->row = 0;
	t->line(t->arg, t->text, size, true);
	terminal_line_reset(t);
}

/* Makes room in a line that fills its buffer: all but its end is handed out and cannot be edited any more. */
static void
line_hand_out_part(struct terminal *t)
{
	size_t part = t->len - TERMINAL_LINE_KEEP;

	t->line(t->arg, t->text, part, false);
	memmove(t->text, t->text + part, TERMINAL_LINE_KEEP);
	t->len = TERMINAL_LINE_KEEP;
	t->cursor = t->cursor > part ? t->cursor - part : 0;
	t->saved = t->saved > part ? t->saved - part : 0;
	t->row_start = t->row_start > part ? t->row_start - part : 0;
	t->continued = true;
}

size_t
terminal_column(const struct terminal *t)
{
	return t->gap + terminal_count_chars(t, t->row_start, t->cursor);
}

/* --- moving and editing --- */

/* Whether the line ends one character behind a row that is full: that character stands in the next one. */
static bool
is_behind_margin(const struct terminal *t)
{
	size_t cols = (size_t)t->cols;

	return t->cursor == t->len && t->len > t->row_start + cols &&
	       terminal_count_chars(t, t->row_start, t->len) == cols + 1;
}

/*
 * Whether a carriage return goes on to the next row: a row that is full, and one character behind it, is how line
 * editors drive terminals whose cursor waits at the margin.  It is a blank, or, from vtysh, what they then write there
 * once more: "...125", CR, "5.126".  Any other text behind the return is a line that is painted anew by a device that
 * has another idea of the width.
 */
static bool
wraps(const struct terminal *t, int next)
{
	return is_behind_margin(t) && (t->text[t->len - 1] == ' ' || t->text[terminal_char_before(t, t->len)] == next);
}

static void
settle_cr(struct terminal *t, int next)
{
	if (!t->cr)
		return;
	t->cr = false;
	if (t->cr_ends_line) {
		if (t->len > 0 || t->continued)
			terminal_line_end(t);
		return;
	}
	if (wraps(t, next))
		t->row_start = terminal_char_before(t, t->len);
	t->cursor = t->row_start;
	t->gap = 0;
}

void
terminal_settle_cr(struct terminal *t)
{
	settle_cr(t, -1);
}

void
terminal_move_left(struct terminal *t, size_t n)
{
	size_t gap = n < t->gap ? n : t->gap;

	t->gap -= gap;
	n -= gap;
	if (!t->multibyte) {
		t->cursor -= n < t->cursor ? n : t->cursor;
		return;
	}
	for (; n > 0 && t->cursor > 0; n--)
		t->cursor = terminal_char_before(t, t->cursor);
}

void
terminal_move_right(struct terminal *t, size_t n)
{
	size_t limit = (size_t)t->cols, row = t->len - t->row_start;

	t->cursor = terminal_skip_chars(t, t->cursor, n, &n);
	t->gap += n;
	if (t->gap > limit)
		t->gap = limit;
	if (t->gap > 0 && row + t->gap > limit)
		t->gap = row >= limit ? 0 : limit - row - 1;
}

void
terminal_move_to(struct terminal *t, size_t col)
{
	t->cursor = t->row_start;
	t->gap = 0;
	terminal_move_right(t, col < (size_t)t->cols ? col : (size_t)t->cols - 1);
}

/* Bytes of the n characters at the cursor. */
static size_t
span_right(const struct terminal *t, size_t n)
{
	return terminal_skip_chars(t, t->cursor, n, &n) - t->cursor;
}

static void
set_len(struct terminal *t, size_t len)
{
	t->len = len;
	if (t->row_start > len)
		t->row_start = len;
}

static void
delete_bytes(struct terminal *t, size_t at, size_t n)
{
	memmove(t->text + at, t->text + at + n, t->len - at - n);
	set_len(t, t->len - n);
}

/* Opens a hole of n bytes at `at`; how many fitted. */
static size_t
insert_blanks(struct terminal *t, size_t at, size_t n)
{
	if (n > TERMINAL_LINE_MAX - t->len)
		n = TERMINAL_LINE_MAX - t->len;
	reserve(t, n);
	memmove(t->text + at + n, t->text + at, t->len - at);
	memset(t->text + at, ' ', n);
	t->len += n;
	return n;
}

/* ESC[nX: n characters become blanks, one byte each. */
void
terminal_erase_chars(struct terminal *t, size_t n)
{
	for (size_t at = t->cursor; n > 0 && at < t->len; n--, at++) {
		size_t size = terminal_char_size(t, at);

		if (size > 1)
			delete_bytes(t, at + 1, size - 1);
		t->text[at] = ' ';
	}
}

void
terminal_erase_line(struct terminal *t, int how)
{
	size_t col, from;

	switch (how) {
	case 0:
		set_len(t, t->cursor);
		break;
	case 1:
		from = t->cursor < t->row_start ? 0 : t->row_start;
		col = terminal_count_chars(t, from, t->cursor);
		delete_bytes(t, from, t->cursor - from);
		t->cursor = from + insert_blanks(t, from, col);
		if (t->cursor < t->len)
			terminal_erase_chars(t, 1);
		break;
	default:
		/* The cursor keeps its column. */
		col = terminal_column(t);
		t->len = t->row_start;
		terminal_move_to(t, col);
		break;
	}
}

/* --- writing --- */

static void
fill_gap(struct terminal *t)
{
	if (TERMINAL_LINE_MAX - t->len < t->gap)
		line_hand_out_part(t);
	reserve(t, t->gap);
	memset(t->text + t->len, ' ', t->gap);
	t->len += t->gap;
	t->cursor = t->len;
	t->gap = 0;
}

/* One byte at a cursor inside the line: it takes the place of a character there. */
static void
write_over(struct terminal *t, uint8_t c)
{
	t->painted = true;
	if (t->continuation > 0 && terminal_is_continuation(c)) {
		t->continuation--;
		if (insert_blanks(t, t->cursor, 1) == 0)
			return;
	} else {
		size_t size = terminal_char_size(t, t->cursor);

		t->continuation = terminal_utf8_size(c) - 1;
		if (size > 1)
			delete_bytes(t, t->cursor + 1, size - 1);
	}
	t->text[t->cursor++] = c;
}

/* A run of bytes without control characters. */
void
terminal_write(struct terminal *t, const uint8_t *p, size_t n, bool ascii)
{
	if (t->away)
		return;
	settle_cr(t, n > 0 ? p[0] : -1);
	if (!ascii)
		t->multibyte = true;
	if (t->gap > 0)
		fill_gap(t);
	while (n > 0) {
		if (t->cursor < t->len) {
			if (t->len == TERMINAL_LINE_MAX)
				line_hand_out_part(t);
			write_over(t, *p++);
			n--;
			continue;
		}
		size_t room = TERMINAL_LINE_MAX - t->len;
		size_t part = n < room ? n : room;

		reserve(t, part);
		memcpy(t->text + t->len, p, part);
		t->len += part;
		t->cursor = t->len;
		p += part;
		n -= part;
		if (t->len == TERMINAL_LINE_MAX)
			line_hand_out_part(t);
	}
}

/* ESC[nP and ESC[n@ */
void
terminal_delete_chars(struct terminal *t, size_t n)
{
	delete_bytes(t, t->cursor, span_right(t, n));
}

void
terminal_insert_chars(struct terminal *t, size_t n)
{
	if (t->cursor < t->len)
		insert_blanks(t, t->cursor, n < (size_t)t->cols ? n : (size_t)t->cols);
}

void
terminal_save_cursor(struct terminal *t)
{
	terminal_settle_cr(t);
	t->saved = t->cursor;
	t->is_saved = true;
}

void
terminal_restore_cursor(struct terminal *t)
{
	terminal_settle_cr(t);
	t->cursor = t->saved < t->len ? t->saved : t->len;
	t->gap = 0;
	t->is_saved = t->away = false;
}
