/*
 * Drawing.  Everything is drawn anew each time into curses' idea of the screen, which sends the differences in one
 * piece: nothing flickers, and a quiet screen costs nothing.
 */
#include "top/nptop_screen.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "top/nptop_layout.h"
#include "base/text.h"

/* Last, for their macros are plain words. */
#define NCURSES_NOMACROS
#include <curses.h>
#include <term.h>
#undef columns

#define ESCAPE_WAITS_MS 25 /* for the rest of a key that begins with Escape */

/* ---- the terminal ---- */

static int
check_terminal(struct np_error *err)
{
	const char *term = getenv("TERM");
	char shown[64];
	int found = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(err, REASON_INVALID_PARAMS,
		    "top needs a terminal on standard input and output: npctl status prints the same once");
	if (term == NULL || *term == '\0')
		return error_set(err, REASON_INVALID_PARAMS, "top must know the terminal: set TERM to its type");
	text_vis_into(shown, sizeof(shown), term);
	if (setupterm(term, STDOUT_FILENO, &found) != OK)
		return error_set(err, REASON_INVALID_PARAMS,
		    "top does not know this type of terminal (TERM=%s): set TERM to one that terminfo has, e.g. vt100",
		    shown);
	char *move_to = tigetstr("cup"), *clear = tigetstr("clear");
	bool fit = move_to != NULL && move_to != (char *)-1 && clear != NULL && clear != (char *)-1;
	del_curterm(cur_term);
	if (fit)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS,
	    "a terminal of this type (TERM=%s) cannot place its cursor, which top needs: npctl status prints the same "
	    "once",
	    shown);
}

/* Attributes by mood; without colours a failure is bold. */
static attr_t
attribute(const struct nptop_screen *s, enum nptop_mood mood)
{
	if (!s->colour)
		return mood == NPTOP_BAD ? A_BOLD : A_NORMAL;
	switch (mood) {
	case NPTOP_IDLE:
		return A_DIM;
	case NPTOP_CALM:
		return A_NORMAL;
	case NPTOP_BUSY:
		return (attr_t)COLOR_PAIR(1);
	case NPTOP_CHANGING:
		return (attr_t)COLOR_PAIR(2);
	case NPTOP_BAD:
		return (attr_t)COLOR_PAIR(3) | A_BOLD;
	}
	return A_NORMAL;
}

static void
start_colours(struct nptop_screen *s)
{
	const char *no_color = getenv("NO_COLOR");
	short behind = COLOR_BLACK;

	s->colour = (no_color == NULL || *no_color == '\0') && has_colors() && start_color() == OK;
	if (!s->colour)
		return;
	if (use_default_colors() == OK)
		behind = -1;
	init_pair(1, COLOR_GREEN, behind);
	init_pair(2, COLOR_YELLOW, behind);
	init_pair(3, COLOR_RED, behind);
}

int
nptop_screen_open(struct nptop_screen *s, struct np_error *err)
{
	memset(s, 0, sizeof(*s));
	if (check_terminal(err) == -1)
		return -1;
	setlocale(LC_CTYPE, "");
#ifdef NPTOP_WIDE
	s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
#endif
	/* The fonts of the console have no block elements. */
	s->unicode = s->utf8 && strcmp(getenv("TERM"), "linux") != 0;
	s->terminal = newterm(NULL, stdout, stdin);
	if (s->terminal == NULL)
		return error_set(err, REASON_INTERNAL, "the terminal cannot be set up");
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_WAITS_MS);
	curs_set(0);
	start_colours(s);
	return 0;
}

bool
nptop_screen_takes(const struct nptop_screen *s NP_UNUSED)
{
	struct pollfd pfd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&pfd, 1, 0) == 1;
}

void
nptop_screen_close(struct nptop_screen *s)
{
	if (s->terminal == NULL)
		return;
	/* Who is told to leave must not wait for a terminal that was stopped. */
	if (!nptop_screen_takes(s))
		tcflow(STDOUT_FILENO, TCOON);
	endwin();
	delscreen(s->terminal);
	s->terminal = NULL;
}

void
nptop_screen_suspend(struct nptop_screen *s NP_UNUSED)
{
	endwin();
}

void
nptop_screen_resume(struct nptop_screen *s NP_UNUSED)
{
	reset_prog_mode();
	clearok(curscr, TRUE);
}

void
nptop_screen_size(struct nptop_screen *s NP_UNUSED, int *width, int *height)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
	    is_term_resized(size.ws_row, size.ws_col))
		resizeterm(size.ws_row, size.ws_col);
	getmaxyx(stdscr, *height, *width);
}

int
nptop_screen_key(struct nptop_screen *s NP_UNUSED)
{
	static const struct {
		int curses, key;
	} keys[] = {
	    {KEY_UP, NPTOP_KEY_UP},
	    {KEY_DOWN, NPTOP_KEY_DOWN},
	    {KEY_LEFT, NPTOP_KEY_LEFT},
	    {KEY_RIGHT, NPTOP_KEY_RIGHT},
	    {KEY_PPAGE, NPTOP_KEY_PAGE_UP},
	    {KEY_NPAGE, NPTOP_KEY_PAGE_DOWN},
	    {KEY_HOME, NPTOP_KEY_HOME},
	    {KEY_END, NPTOP_KEY_END},
	    {KEY_ENTER, NPTOP_KEY_ENTER},
	    {'\r', NPTOP_KEY_ENTER},
	    {'\n', NPTOP_KEY_ENTER},
	    {KEY_BACKSPACE, NPTOP_KEY_BACKSPACE},
	    {0x7f, NPTOP_KEY_BACKSPACE},
	    {'\b', NPTOP_KEY_BACKSPACE},
	    {KEY_F(1), NPTOP_KEY_HELP},
	};
	int c = wgetch(stdscr);

	if (c == ERR)
		return NPTOP_KEY_NONE;
	for (size_t i = 0; i < NP_COUNT(keys); i++)
		if (keys[i].curses == c)
			return keys[i].key;
	return c >= 0 && c <= 0xff ? c : NPTOP_KEY_OTHER;
}

/* ---- texts ---- */

/* One character of text: its bytes in *size, its columns; what the terminal cannot show becomes a question mark. */
static int
next_character(const struct nptop_screen *s, const char **text, char out[MB_LEN_MAX + 1])
{
	wchar_t wide;
	mbstate_t state;
	size_t n = 1;
	int columns = 1;

	memset(&state, 0, sizeof(state));
	out[0] = **text;
	if ((unsigned char)**text < 0x80) {
		out[1] = '\0';
		(*text)++;
		return columns;
	}
	if (s->utf8)
		n = mbrtowc(&wide, *text, strlen(*text), &state);
	if (s->utf8 && n != 0 && n <= MB_LEN_MAX && (columns = wcwidth(wide)) >= 0) {
		memcpy(out, *text, n);
		out[n] = '\0';
		*text += n;
		return columns;
	}
	out[0] = '?';
	out[1] = '\0';
	do
		(*text)++;
	while (((unsigned char)**text & 0xc0) == 0x80);
	return 1;
}

static int
columns_of(const struct nptop_screen *s, const char *text)
{
	char one[MB_LEN_MAX + 1];
	int columns = 0;

	while (*text != '\0')
		columns += next_character(s, &text, one);
	return columns;
}

/* At row and column, in exactly width columns: cut, with a mark, or filled with spaces. */
static void
put(const struct nptop_screen *s, int row, int column, int width, const char *text, bool right, attr_t how)
{
	char one[MB_LEN_MAX + 1];
	int whole = columns_of(s, text), used = 0, fits = whole > width ? width - 1 : width;

	if (width <= 0 || wmove(stdscr, row, column) == ERR)
		return;
	wattrset(stdscr, (int)how);
	for (; right && used < width - whole; used++)
		waddch(stdscr, ' ');
	while (*text != '\0') {
		int columns = next_character(s, &text, one);
		if (used + columns > fits)
			break;
		waddstr(stdscr, one);
		used += columns;
	}
	for (; used < fits; used++)
		waddch(stdscr, ' ');
	if (whole > width)
		waddch(stdscr, '+');
	wattrset(stdscr, A_NORMAL);
}

/* ---- the list ---- */

static int
longest_name(const struct nptop_screen *s, const struct nptop_model *m)
{
	int longest = 0;

	for (size_t i = 0; i < m->view_count; i++) {
		int columns = columns_of(s, m->view[i]->shown);
		if (columns > longest)
			longest = columns;
	}
	return longest;
}

static void
draw_titles(const struct nptop_screen *s, const struct nptop_columns *c, const struct nptop_model *m, int row)
{
	int column = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct nptop_column_look *look = &nptop_column_looks[c->column[i]];
		put(s, row, column, c->width[i], look->title, look->number,
		    look->sort == (int)m->sort ? A_BOLD | A_UNDERLINE : A_BOLD);
		column += c->width[i] + 1;
	}
}

/* How a cell stands out; under the cursor all of the row is reversed instead of coloured. */
static attr_t
cell_attribute(const struct nptop_screen *s, const struct nptop_device *d, enum nptop_column column)
{
	if (column == NPTOP_COL_STATE || (column == NPTOP_COL_NAME && d->mood == NPTOP_BAD))
		return attribute(s, d->mood);
	if (column == NPTOP_COL_ERROR)
		return attribute(s, NPTOP_BAD);
	if (column == NPTOP_COL_QUEUE && d->queued > 0)
		return attribute(s, NPTOP_CHANGING);
	return A_NORMAL;
}

static void
draw_device(const struct nptop_screen *s, const struct nptop_columns *c, const struct nptop_device *d, bool unicode,
    int row, int width, bool cursor)
{
	char text[NPTOP_TEXT_MAX];
	int column = 0;

	if (cursor)
		put(s, row, 0, width, "", false, A_REVERSE);
	for (size_t i = 0; i < c->count; i++) {
		const char *cell = c->column[i] == NPTOP_COL_GRAPH ? nptop_graph(&d->rtt, c->width[i], unicode, text)
								   : nptop_cell(d, c->column[i], text);
		attr_t how = cell_attribute(s, d, c->column[i]);
		put(s, row, column, c->width[i], cell, nptop_column_looks[c->column[i]].number,
		    cursor ? A_REVERSE | (how & A_BOLD) : how);
		column += c->width[i] + 1;
	}
}

static void
draw_head(const struct nptop_screen *s, const struct nptop_ui *ui, const struct nptop_lines *l)
{
	const struct nptop_model *m = &ui->model;
	char text[NPTOP_TEXT_MAX];

	if (l->broker != -1 && ui->trouble[0] != '\0')
		put(s, l->broker, 0, ui->width, ui->trouble, false, attribute(s, NPTOP_BAD));
	else if (l->broker != -1)
		put(s, l->broker, 0, ui->width, m->sampled ? nptop_line_broker(m, text) : "Asking the broker", false,
		    A_NORMAL);
	if (l->totals != -1)
		put(s, l->totals, 0, ui->width, nptop_line_totals(m, ui->unicode, text), false, A_NORMAL);
	if (l->list != -1)
		put(s, l->list, 0, ui->width, nptop_line_list(m, l->rows, text), false, A_NORMAL);
}

static void
draw_list(const struct nptop_screen *s, const struct nptop_ui *ui)
{
	const struct nptop_model *m = &ui->model;
	size_t cursor = nptop_view_cursor(m);
	struct nptop_columns c;
	struct nptop_lines l;

	nptop_layout_lines(&l, ui->height);
	nptop_layout_columns(&c, ui->width, longest_name(s, m));
	draw_head(s, ui, &l);
	if (l.titles != -1)
		draw_titles(s, &c, m, l.titles);
	for (int i = 0; i < l.rows; i++) {
		size_t at = m->top + (size_t)i;
		if (at < m->view_count)
			draw_device(s, &c, m->view[at], ui->unicode, l.first + i, ui->width, at == cursor);
	}
	if (m->sampled && m->view_count == 0 && l.rows > 0)
		put(s, l.first, 0, ui->width,
		    m->count > 0 ? "No device matches the filter." : "No device has been used yet.", false, A_NORMAL);
}

/* ---- all ---- */

static void
draw_page(const struct nptop_screen *s, const struct nptop_ui *ui)
{
	const struct nptop_page *p = &ui->page;
	size_t rows = nptop_ui_rows(ui);

	for (size_t i = 0; i < rows && p->top + i < p->count; i++) {
		const struct nptop_page_line *line = &p->line[p->top + i];
		put(s, (int)i, 0, ui->width, line->text, false, line->title ? A_BOLD : attribute(s, line->mood));
	}
}

/* The last column of the last row stays free: some terminals scroll when it is written. */
static void
draw_footer(const struct nptop_screen *s, const struct nptop_ui *ui)
{
	char text[NPTOP_TEXT_MAX];
	bool bad = ui->message[0] != '\0' && ui->message_bad;
	bool dialogue = ui->typing || ui->asked != NPTOP_NOTHING;

	nptop_ui_footer(ui, text);
	put(s, ui->height - 1, 0, ui->width - 1, text, false,
	    dialogue ? A_BOLD
	    : bad    ? attribute(s, NPTOP_BAD)
		     : A_NORMAL);
	curs_set(dialogue);
	if (dialogue) {
		int column = columns_of(s, text);
		wmove(stdscr, ui->height - 1, column < ui->width - 1 ? column : ui->width - 1);
	}
}

void
nptop_screen_draw(struct nptop_screen *s, struct nptop_ui *ui)
{
	werase(stdscr);
	if (ui->draw_all)
		clearok(curscr, TRUE);
	ui->draw_all = false;
	if (ui->mode == NPTOP_LIST)
		draw_list(s, ui);
	else
		draw_page(s, ui);
	if (ui->height > 1)
		draw_footer(s, ui);
	wrefresh(stdscr);
}
