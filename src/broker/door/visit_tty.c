/*
 * The terminal of an ssh at the mux door: its modes, its size, and when ssh has put it into raw mode.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "broker/door/door_impl.h"
#include "wire/ttymodes.h"

#define RAW_LOOK 0.001 /* seconds */
#define RAW_LOOKS 500  /* one that is stopped, or may not, is not waited for */

/* Whether it has a size, and that has changed. */
static bool
look_at_size(struct visit *v, int fd)
{
	struct winsize size;

	if (!lent_is_terminal(fd) || ioctl(fd, TIOCGWINSZ, &size) == -1 || size.ws_col == 0 || size.ws_row == 0 ||
	    (size.ws_col == v->cols && size.ws_row == v->rows))
		return false;
	v->cols = size.ws_col;
	v->rows = size.ws_row;
	return true;
}

/* As the terminal is now: ssh puts it into raw mode once it has been told that its session is open. */
static void
add_modes(cJSON *params, int fd)
{
	uint8_t modes[TTYMODES_MAX];
	struct termios t;
	char *base64;

	if (!lent_is_terminal(fd) || tcgetattr(fd, &t) == -1)
		return;
	base64 = text_base64(modes, ttymodes_encode(&t, modes));
	cJSON_AddStringToObject(params, "modes", base64);
	free(base64);
}

static cJSON *
add_size(cJSON *params, const struct visit *v)
{
	cJSON_AddNumberToObject(params, "cols", v->cols);
	cJSON_AddNumberToObject(params, "rows", v->rows);
	return params;
}

void
tty_resized(struct visit *v)
{
	if (v->state == VISIT_OPEN && v->tty >= 0 && look_at_size(v, v->tty))
		visit_note(v, "resize", add_size(cJSON_CreateObject(), v), NULL, 0);
}

void
tty_describe(struct visit *v, int fd, cJSON *params)
{
	add_modes(params, fd);
	if (look_at_size(v, fd))
		add_size(params, v);
}

/* ---- raw mode ---- */

/*
 * Who is told that the session is open puts the terminal into raw mode then, and says nothing of it.  A warm session
 * may be faster: until then nothing is written, which the terminal would change, nor read, which it has edited.
 */

static bool
is_raw(int fd)
{
	struct termios t;

	return !lent_is_terminal(fd) || tcgetattr(fd, &t) == -1 ||
	       ((t.c_oflag & (tcflag_t)OPOST) == 0 && (t.c_lflag & (tcflag_t)(ICANON | ECHO | ISIG)) == 0);
}

static void
go_on(struct visit *v)
{
	v->raw.looks = 0;
	if (v->raw.wanted > 0 && v->input != NULL)
		lent_want(v->input, v->raw.wanted);
	v->raw.wanted = 0;
}

bool
tty_is_ready(struct visit *v)
{
	if (v->raw.looks > 0 && is_raw(v->tty))
		go_on(v);
	return v->raw.looks == 0;
}

/* Also for output that was held up before somebody else has looked. */
static void
on_look(struct ev_loop *loop, ev_timer *w, int revents NP_UNUSED)
{
	struct visit *v = w->data;

	if (!tty_is_ready(v) && --v->raw.looks > 0)
		return;
	go_on(v);
	ev_timer_stop(loop, w);
	session_note_room(v);
}

void
tty_await(struct visit *v)
{
	if (v->tty < 0 || is_raw(v->tty))
		return;
	v->raw.looks = RAW_LOOKS;
	ev_timer_init(&v->raw.timer, on_look, RAW_LOOK, RAW_LOOK);
	v->raw.timer.data = v;
	ev_timer_start(v->all->loop, &v->raw.timer);
}

void
tty_finish(struct visit *v)
{
	ev_timer_stop(v->all->loop, &v->raw.timer);
	v->raw.looks = 0;
	v->raw.wanted = 0;
	if (v->tty >= 0)
		close(v->tty);
	v->tty = -1;
}
