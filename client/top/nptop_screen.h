/*
 * The terminal of `npctl top`, through curses: the only file that knows it.
 *
 * Between open and close (or suspend and resume) the terminal's settings are ours; close and suspend put back what was
 * there before.  One in a process, because curses has one.
 */
#ifndef NP_TOP_SCREEN_H
#define NP_TOP_SCREEN_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "top/nptop_ui.h"

struct nptop_screen {
	void *terminal; /* curses' own */
	bool colour;
	bool utf8;    /* the terminal is told UTF-8 */
	bool unicode; /* and has block elements */
};

/* Takes the terminal on standard input and output.  -1 with err when there is none or it cannot place its cursor. */
int nptop_screen_open(struct nptop_screen *s, struct np_error *err) NP_MUST_CHECK;
/* Gives it back as it was. */
void nptop_screen_close(struct nptop_screen *s);
void nptop_screen_suspend(struct nptop_screen *s);
void nptop_screen_resume(struct nptop_screen *s);

/* The size of the terminal as it is now. */
void nptop_screen_size(struct nptop_screen *s, int *width, int *height);
/* The next key that was pressed, NPTOP_KEY_NONE when there is none; never waits for one. */
int nptop_screen_key(struct nptop_screen *s);
/* Whether drawing would not wait for the terminal now (its user may have stopped it with Ctrl-S). */
bool nptop_screen_takes(const struct nptop_screen *s);
/* Draws all; the terminal is sent what has changed. */
void nptop_screen_draw(struct nptop_screen *s, struct nptop_ui *ui);

#endif
