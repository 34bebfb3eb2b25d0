/*
 * Standard input of npexec: bytes for the remote command, keys typed at a terminal, or lines that are commands.
 *
 * Nothing is read before the broker grants credit, which it does when the remote command runs: in a loop of a script
 * that feeds on the same input, a command that never starts takes nothing away.  A terminal is an exception: escapes
 * must be seen also while the session hangs, so up to KEYS_AHEAD are read ahead.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npexec/npexec_impl.h"
#include "lib/npsignal.h"
#include "base/text.h"

#define KEYS_AHEAD 4096u
#define LEND_AFTER (256u * 1024u) /* bytes: what has so much may have much more */
#define READ_MAX ((size_t)FRAME_DATA_MAX)
#define READ_LINES_MAX ((size_t)32 * 1024)

static bool
is_lines(const struct npexec *x)
{
	return x->o->mode == NPEXEC_LINES;
}

bool
npexec_input_wanted(const struct npexec *x)
{
	if (!x->stdin_open || x->done)
		return false;
	if (is_lines(x))
		return !x->jobs->busy && !x->lines_end;
	if (!x->jobs->busy || !x->jobs->started)
		return false;
	if (x->tty.raw)
		return x->input.len < KEYS_AHEAD;
	return x->jobs->credit > 0 && x->input.len == 0 && npclient_pending(&x->client) == 0;
}

static void
end_input(struct npexec *x)
{
	x->stdin_open = false;
	npclient_notify(&x->client, x->jobs->id, "eof", NULL);
}

/* ---- keys ---- */

static void
do_escape(struct npexec *x, enum tty_escape escape)
{
	switch (escape) {
	case TTY_ESCAPE_NONE:
		break;
	case TTY_ESCAPE_DISCONNECT:
		npexec_tty_restore(&x->tty);
		sink_printf(&x->err, "Connection to %s closed.\n", x->o->device);
		npexec_end(x, 255);
		break;
	case TTY_ESCAPE_SUSPEND:
		npexec_tty_restore(&x->tty);
		npsignal_stop_process(true);
		npexec_tty_raw(&x->tty);
		break;
	case TTY_ESCAPE_HELP:
		sink_printf(&x->err, "%s", npexec_tty_help());
		break;
	}
}

static void
take_keys(struct npexec *x, const char *keys, size_t n)
{
	char out[KEYS_AHEAD + 1];
	size_t out_size;
	enum tty_escape escape;

	while (n > 0 && !x->done) {
		size_t used = npexec_tty_filter(&x->tty, keys, n, out, &out_size, &escape);
		/* There is room: reading stops while KEYS_AHEAD are there, and a read adds at most that many. */
		if (buf_append(&x->input, out, out_size) == -1)
			return;
		do_escape(x, escape);
		keys += used;
		n -= used;
	}
}

static void
read_keys(struct npexec *x)
{
	char keys[KEYS_AHEAD];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n > 0)
		take_keys(x, keys, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end_input(x);
}

/* ---- bytes ---- */

/* The end of the input; a read error ends it as well, there is nothing better to do with it. */
static void
input_ended(struct npexec *x)
{
	if (is_lines(x))
		x->lines_end = true;
	else
		end_input(x);
}

static void
read_bytes(struct npexec *x)
{
	size_t want = is_lines(x) ? READ_LINES_MAX : READ_MAX;
	uint8_t *p;
	ssize_t n;

	if (!is_lines(x) && x->jobs->credit < want)
		want = (size_t)x->jobs->credit;
	p = buf_reserve(&x->input, want);
	if (p == NULL)
		return;
	n = read(STDIN_FILENO, p, want);
	if (n > 0) {
		buf_commit(&x->input, (size_t)n);
		x->jobs->fed += (size_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		input_ended(x);
}

/* The broker reads a file or a pipe itself from here on, and all is copied once less; at its end it needs no word. */
static bool
lend_input(struct npexec *x)
{
	struct stat st;

	if (is_lines(x) || !x->jobs->lend || x->jobs->fed < LEND_AFTER)
		return false;
	x->jobs->lend = false;
	if (fstat(STDIN_FILENO, &st) == -1 || !(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)) ||
	    !npclient_lend(&x->client, x->jobs->id, STDIN_FILENO))
		return false;
	x->stdin_open = false;
	return true;
}

void
npexec_input_read(struct npexec *x)
{
	if (x->tty.raw)
		read_keys(x);
	else if (!lend_input(x))
		read_bytes(x);
}

static void
push_bytes(struct npexec *x)
{
	while (x->jobs->busy && x->jobs->credit > 0 && x->input.len > 0 && npclient_pending(&x->client) == 0)
		buf_consume(&x->input, npexec_send_input(x, x->jobs, &x->input, 0));
}

/* ---- lines ---- */

/* The first line of the input; false when it is not complete yet.  The last one needs no newline. */
static bool
find_line(const struct npexec *x, size_t *line, size_t *total)
{
	const uint8_t *head = buf_head(&x->input);
	const uint8_t *newline = x->input.len > 0 ? memchr(head, '\n', x->input.len) : NULL;

	if (newline == NULL && !x->lines_end)
		return false;
	*line = newline != NULL ? (size_t)(newline - head) : x->input.len;
	*total = newline != NULL ? *line + 1 : *line;
	if (*line > 0 && head[*line - 1] == '\r')
		(*line)--;
	return *total > 0;
}

static void
line_too_long(struct npexec *x)
{
	struct np_error err;

	error_set(&err, REASON_INVALID_PARAMS, "a line of standard input is longer than %zu bytes: it was not run",
	    x->input.max - READ_LINES_MAX);
	npexec_say_error(x, x->jobs, NULL, &err);
	npexec_end(x, 255);
}

static void
push_line(struct npexec *x)
{
	size_t line, total;
	struct np_error err;

	while (!x->jobs->busy && !x->done) {
		if (!find_line(x, &line, &total)) {
			if (x->lines_end)
				npexec_end(x, x->status);
			else if (buf_room(&x->input) < READ_LINES_MAX)
				line_too_long(x);
			return;
		}
		if (line > 0 && npexec_job_send(x, x->jobs, (const char *)buf_head(&x->input), line, &err) == -1) {
			npexec_say_error(x, x->jobs, NULL, &err);
			npexec_end(x, 255);
		}
		buf_consume(&x->input, total);
	}
}

void
npexec_input_push(struct npexec *x)
{
	if (is_lines(x))
		push_line(x);
	else if (x->o->mode == NPEXEC_CONFIG)
		npexec_config_push(x);
	else if (!x->o->several)
		push_bytes(x);
}
