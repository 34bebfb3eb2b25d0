/*
 * The terminal of an interactive session: raw mode, window size, escape characters as in ssh.
 */
#ifndef NP_EXEC_TTY_H
#define NP_EXEC_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/compiler.h"

enum tty_escape { TTY_ESCAPE_NONE, TTY_ESCAPE_DISCONNECT, TTY_ESCAPE_SUSPEND, TTY_ESCAPE_HELP };

enum tty_line { TTY_LINE_START, TTY_LINE_INSIDE, TTY_LINE_TILDE };

struct npexec_tty {
	int fd; /* the terminal on standard input */
	bool raw;
	bool no_escape; /* ~ is a key like any other */
	struct termios saved;
	enum tty_line line;
};

void npexec_tty_init(struct npexec_tty *t, int fd);
/* Raw mode on and off; nothing happens where fd is no terminal, or when already so. */
void npexec_tty_raw(struct npexec_tty *t);
void npexec_tty_restore(struct npexec_tty *t);
/* False when unknown. */
bool npexec_tty_size(const struct npexec_tty *t, int *cols, int *rows);

/*
 * Looks for escapes in what was typed.  Copies what is for the remote to out (room for n + 1 bytes), its number to
 * *out_size, and stops behind an escape.  Returns how much of in was used; *escape says which one came.
 */
size_t npexec_tty_filter(
    struct npexec_tty *t, const char *in, size_t n, char *out, size_t *out_size, enum tty_escape *escape);
/* What ~? shows. */
const char *npexec_tty_help(void);

#endif
