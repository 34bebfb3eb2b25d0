/* The user's terminal while a remote one is shown on it.  Owns its settings between raw and restore. */
#include "npexec/npexec_tty.h"

#include <string.h>
#include <sys/ioctl.h>

void
npexec_tty_init(struct npexec_tty *t, int fd)
{
	memset(t, 0, sizeof(*t));
	t->fd = fd;
	t->line = TTY_LINE_START;
}

void
npexec_tty_raw(struct npexec_tty *t)
{
	struct termios raw;

	if (t->raw || tcgetattr(t->fd, &t->saved) == -1)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	raw.c_iflag |= IGNPAR;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	t->raw = tcsetattr(t->fd, TCSADRAIN, &raw) == 0;
}

void
npexec_tty_restore(struct npexec_tty *t)
{
	if (!t->raw)
		return;
	tcsetattr(t->fd, TCSADRAIN, &t->saved);
	t->raw = false;
}

bool
npexec_tty_size(const struct npexec_tty *t, int *cols, int *rows)
{
	struct winsize size;

	if (ioctl(t->fd, TIOCGWINSZ, &size) == -1 || size.ws_col == 0 || size.ws_row == 0)
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return true;
}

/* The character behind a tilde: an escape, or both are for the remote (a second tilde stands for one). */
static enum tty_escape
after_tilde(char c, char *out, size_t *out_size)
{
	switch (c) {
	case '.':
		return TTY_ESCAPE_DISCONNECT;
	case '?':
		return TTY_ESCAPE_HELP;
	case 'Z' & 0x1f:
		return TTY_ESCAPE_SUSPEND;
	case '~':
		break;
	default: /* any byte a person can type */
		out[(*out_size)++] = '~';
		break;
	}
	out[(*out_size)++] = c;
	return TTY_ESCAPE_NONE;
}

size_t
npexec_tty_filter(struct npexec_tty *t, const char *in, size_t n, char *out, size_t *out_size, enum tty_escape *escape)
{
	size_t used = 0;

	*out_size = 0;
	*escape = TTY_ESCAPE_NONE;
	while (used < n && *escape == TTY_ESCAPE_NONE) {
		char c = in[used++];

		if (t->line == TTY_LINE_START && c == '~' && !t->no_escape) {
			t->line = TTY_LINE_TILDE;
			continue;
		}
		if (t->line == TTY_LINE_TILDE)
			*escape = after_tilde(c, out, out_size);
		else
			out[(*out_size)++] = c;
		t->line = c == '\r' || c == '\n' || *escape != TTY_ESCAPE_NONE ? TTY_LINE_START : TTY_LINE_INSIDE;
	}
	return used;
}

const char *
npexec_tty_help(void)
{
	return "~?\r\n"
	       "Supported escape sequences:\r\n"
	       " ~.   - leave the session; the broker closes its channel\r\n"
	       " ~^Z  - suspend npexec\r\n"
	       " ~?   - this message\r\n"
	       " ~~   - send the escape character\r\n"
	       "(Escapes are recognised only at the start of a line.)\r\n";
}
