/*
 * The terminal filter's byte eater: text, control characters and escape sequences.  Not here: the line that they edit
 * (terminal_line.c).
 *
 * The law: a byte edits the line or changes the state of this parser, nothing else; only a line end (or a line that
 * outgrows its buffer) hands something out.
 */
#include "cli/terminal.h"

#include <string.h>

#include "cli/terminal_impl.h"

#define PARAM_MAX 9999

enum {
	NUL = 0x00,
	BEL = 0x07,
	BS = 0x08,
	LF = 0x0a,
	CR = 0x0d,
	SO = 0x0e,
	SI = 0x0f,
	CAN = 0x18,
	SUB = 0x1a,
	ESC = 0x1b,
	DEL = 0x7f
};

static void
answer(struct terminal *t, const char *text)
{
	/* A device that asks more often than it reads gets fewer answers. */
	if (buf_append_str(&t->answers, text) < 0)
		return;
}

static void
answer_cursor(struct terminal *t)
{
	size_t col = terminal_column(t) + 1;

	if (col > (size_t)t->cols)
		col = (size_t)t->cols;
	if (buf_printf(&t->answers, "\033[%d;%zuR", t->row > 0 ? t->row : t->rows, col) < 0)
		return;
}

/* Parameter i, where absent and zero mean otherwise. */
static int
param(const struct terminal *t, int i, int otherwise)
{
	return i < t->params_count && t->params[i] > 0 ? t->params[i] : otherwise;
}

static void
csi_report(struct terminal *t, uint8_t final)
{
	if (final == 'c') {
		if (t->prefix == 0 && param(t, 0, 0) == 0)
			answer(t, "\033[?1;0c");
		else if (t->prefix == '>' && param(t, 0, 0) == 0)
			answer(t, "\033[>0;0;0c");
	} else if (t->prefix == 0 && param(t, 0, 0) == 5) {
		answer(t, "\033[0n");
	} else if (t->prefix == 0 && param(t, 0, 0) == 6) {
		answer_cursor(t);
	}
}

static void
csi_position(struct terminal *t)
{
	int row = param(t, 0, 1);

	t->row = row < t->rows ? row : t->rows;
	terminal_move_to(t, (size_t)param(t, 1, 1) - 1);
}

static bool
edits(uint8_t final)
{
	return strchr("JKP@X", final) != NULL;
}

/*
 * Moves between rows mean nothing here: there is one line.  But behind a saved cursor they lead to a status line, which
 * is painted there until the cursor comes back.
 */
static void
csi_execute(struct terminal *t, uint8_t final)
{
	size_t n = (size_t)param(t, 0, 1);

	if (final == 'c' || final == 'n') {
		csi_report(t, final);
		return;
	}
	if (t->prefix != 0 || t->intermediate || final == 'm')
		return; /* a carriage return waits on: a colour may stand before the newline */
	t->away = t->away || (t->is_saved && strchr("ABHdf", final) != NULL);
	if (t->away && edits(final))
		return;
	terminal_settle_cr(t);
	t->continuation = 0;
	switch (final) {
	case 'C':
	case 'a':
		terminal_move_right(t, n);
		break;
	case 'D':
		terminal_move_left(t, n);
		break;
	case 'E':
		terminal_line_end(t);
		break;
	case 'G':
	case '`':
		terminal_move_to(t, n - 1);
		break;
	case 'H':
	case 'f':
		csi_position(t);
		break;
	case 'J':
	case 'K':
		terminal_erase_line(t, param(t, 0, 0));
		break;
	case 'P':
		terminal_delete_chars(t, n);
		break;
	case '@':
		terminal_insert_chars(t, n);
		break;
	case 'X':
		terminal_erase_chars(t, n);
		break;
	case 's':
		terminal_save_cursor(t);
		break;
	case 'u':
		terminal_restore_cursor(t);
		break;
	default: /* modes, scrolling */
		break;
	}
}

static void
csi_byte(struct terminal *t, uint8_t c)
{
	if (c >= '0' && c <= '9') {
		int *p = &t->params[t->params_count > 0 ? t->params_count - 1 : 0];

		if (t->params_count == 0)
			t->params_count = 1;
		if (t->params_count <= TERMINAL_PARAMS_MAX)
			*p = *p * 10 + (c - '0') > PARAM_MAX ? PARAM_MAX : *p * 10 + (c - '0');
	} else if (c == ';' || c == ':') {
		if (t->params_count == 0)
			t->params_count = 1;
		if (t->params_count < TERMINAL_PARAMS_MAX)
			t->params[t->params_count++] = 0;
	} else if (c >= '<' && c <= '?') {
		t->prefix = (char)c;
	} else if (c >= 0x20 && c <= 0x2f) {
		t->intermediate = true;
	} else {
		t->state = TERMINAL_TEXT;
		if (c >= 0x40 && c <= 0x7e)
			csi_execute(t, c);
		else
			terminal_write(t, &c, 1, c < 0x80);
	}
}

static void
csi_begin(struct terminal *t)
{
	t->state = TERMINAL_CSI;
	t->prefix = 0;
	t->intermediate = false;
	t->params_count = 0;
	memset(t->params, 0, sizeof(t->params));
}

static void
string_begin(struct terminal *t, bool is_osc)
{
	t->state = TERMINAL_STRING;
	t->string_is_osc = is_osc;
	t->string_size = 0;
}

static void
escape_byte(struct terminal *t, uint8_t c)
{
	t->state = TERMINAL_TEXT;
	if (c >= 0x20 && c <= 0x2f) {
		t->state = TERMINAL_INTERMEDIATE;
		return;
	}
	switch (c) {
	case '[':
		csi_begin(t);
		break;
	case ']':
		string_begin(t, true);
		break;
	case 'P':
	case 'X':
	case '^':
	case '_':
		string_begin(t, false);
		break;
	case 'Z':
		answer(t, "\033[?1;0c");
		break;
	case 'D':
	case 'E':
		terminal_line_end(t);
		break;
	case 'c':
		terminal_line_reset(t);
		break;
	case '7':
		terminal_save_cursor(t);
		break;
	case '8':
		terminal_restore_cursor(t);
		break;
	default: /* keypad modes, index up and the like */
		break;
	}
}

/* Control characters do what they do also in the middle of a sequence, as on a real terminal. */
static void
control_byte(struct terminal *t, uint8_t c)
{
	switch (c) {
	case NUL:
	case BEL:
	case SO:
	case SI:
	case DEL:
		break;
	case BS:
		terminal_settle_cr(t);
		t->continuation = 0;
		terminal_move_left(t, 1);
		break;
	case LF:
		terminal_line_end(t);
		break;
	case CR:
		t->cr = true;
		t->continuation = 0;
		break;
	case ESC:
		t->state = TERMINAL_ESCAPE;
		break;
	case CAN:
	case SUB:
		t->state = TERMINAL_TEXT;
		break;
	default: /* a tab, and what means nothing to a terminal: text */
		if (t->state == TERMINAL_TEXT)
			terminal_write(t, &c, 1, true);
		break;
	}
}

/* A title never holds a newline: one that does was never meant as a title, and must not swallow the prompt. */
static void
string_byte(struct terminal *t, uint8_t c)
{
	if (t->state == TERMINAL_STRING_ESCAPE) {
		t->state = TERMINAL_TEXT;
		if (c != '\\')
			escape_byte(t, c);
	} else if (c == ESC) {
		t->state = TERMINAL_STRING_ESCAPE;
	} else if ((c == BEL && t->string_is_osc) || c == CAN || c == SUB) {
		t->state = TERMINAL_TEXT;
	} else if (c == LF && t->string_is_osc) {
		t->state = TERMINAL_TEXT;
		terminal_line_end(t);
	} else if (++t->string_size > TERMINAL_STRING_MAX) {
		t->state = TERMINAL_TEXT;
	}
}

static void
sequence_byte(struct terminal *t, uint8_t c)
{
	switch (t->state) {
	case TERMINAL_STRING:
	case TERMINAL_STRING_ESCAPE:
		string_byte(t, c);
		return;
	case TERMINAL_TEXT:
	case TERMINAL_ESCAPE:
	case TERMINAL_INTERMEDIATE:
	case TERMINAL_CSI:
		break;
	}
	if (c < 0x20 || c == DEL)
		control_byte(t, c);
	else if (t->state == TERMINAL_ESCAPE)
		escape_byte(t, c);
	else if (t->state == TERMINAL_CSI)
		csi_byte(t, c);
	else if (t->state == TERMINAL_INTERMEDIATE && c >= 0x30)
		t->state = TERMINAL_TEXT;
}

/* Eight bytes of one value; and of eight, those whose highest bit tells something. */
#define EACH(c) (0x0101010101010101u * (c))
#define HIGH EACH(0x80u)

/*
 * How many bytes at p[0..n) are text: no control characters, no DEL.  *ascii: none is above 0x7f.  Eight at a time,
 * since nearly all that a device sends is text.
 */
static size_t
text_size(const uint8_t *p, size_t n, bool *ascii)
{
	uint64_t bits = 0, eight, low, del;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		memcpy(&eight, p + i, 8);
		low = (eight - EACH(0x20u)) & ~eight & HIGH;
		del = eight ^ EACH(DEL);
		del = (del - EACH(1u)) & ~del & HIGH;
		if ((low | del) != 0)
			break;
		bits |= eight;
	}
	for (; i < n && p[i] >= 0x20 && p[i] != DEL; i++)
		bits |= p[i];
	*ascii = (bits & HIGH) == 0;
	return i;
}

void
terminal_feed(struct terminal *t, const void *bytes, size_t size)
{
	const uint8_t *p = bytes, *end = p + size;

	while (p < end) {
		bool ascii;
		size_t n;

		if (t->state != TERMINAL_TEXT) {
			sequence_byte(t, *p++);
			continue;
		}
		n = text_size(p, (size_t)(end - p), &ascii);
		if (n > 0)
			terminal_write(t, p, n, ascii);
		p += n;
		if (p < end)
			control_byte(t, *p++);
	}
}
