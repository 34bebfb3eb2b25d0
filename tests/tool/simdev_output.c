/* Text on its way out of a simulated shell: newlines, the pager, pieces and drips. */
#include <string.h>

#include "tool/simdev_shell.h"

#define OUT_LOW (64u * 1024u) /* the pager fills up to here */

void
sim_output_text(struct sim_shell *sh, const struct buf *text)
{
	if (text->len > 0)
		(void)!buf_append(&sh->text, buf_head(text), text->len);
}

void
sim_output_bare(struct sim_shell *sh, const void *p, size_t n)
{
	const char *s = p, *end = s + n, *newline = sh->scenario->settings.newline;
	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t plain = (size_t)((nl != NULL ? nl : end) - s);
		if (plain > 0)
			(void)!buf_append(&sh->out, s, plain);
		if (nl != NULL)
			(void)!buf_append_str(&sh->out, newline);
		s += plain + (nl != NULL ? 1 : 0);
	}
}

void
sim_output_string(struct sim_shell *sh, const char *s)
{
	sim_output_bare(sh, s, strlen(s));
}

/* One line, or what there is of it, through the pager; true when something moved. */
static bool
page_line(struct sim_shell *sh)
{
	const char *head = (const char *)buf_head(&sh->text), *nl;
	size_t n = sh->text.len;
	bool pager = sh->paged && sh->page > 0;
	if (n == 0 || sh->more || sh->out.len >= OUT_LOW)
		return false;
	if (pager && sh->lines >= sh->page) {
		sh->more = true;
		sim_shell_event(sh, "more", "");
		sim_output_string(sh, sh->scenario->settings.more);
		return true;
	}
	nl = pager ? memchr(head, '\n', n) : NULL;
	if (nl != NULL) {
		n = (size_t)(nl - head) + 1;
		sh->lines++;
	} else if (n > OUT_LOW)
		n = OUT_LOW;
	sim_output_bare(sh, head, n);
	buf_consume(&sh->text, n);
	return true;
}

void
sim_output_key(struct sim_shell *sh, char key)
{
	bool quit = key == 'q' || key == 'Q' || key == 3, line = key == '\r' || key == '\n';
	char text[2] = {key, '\0'};
	sim_shell_event(sh, "pager", quit ? "quit" : key == ' ' ? "space" : line ? "enter" : text);
	if (!quit && key != ' ' && !line)
		return;
	sh->more = false;
	sim_output_string(sh, sh->scenario->settings.more_erase);
	sh->lines = line ? sh->page - 1 : 0;
	if (!quit)
		return;
	buf_consume(&sh->text, sh->text.len);
	sim_shell_stop(sh);
}

/* How many bytes may go now. */
static size_t
allowance(struct sim_shell *sh, double now, double *wake)
{
	size_t piece = (size_t)sh->scenario->settings.piece;
	if (sh->drip == 0)
		return piece > 0 ? piece : 1;
	if (now < sh->drip_at) {
		if (sh->drip_at < *wake)
			*wake = sh->drip_at;
		return 0;
	}
	return sh->drip;
}

bool
sim_output_pump(struct sim_shell *sh, double now, double *wake)
{
	bool moved = false;
	while (page_line(sh))
		moved = true;
	while (sh->out.len > 0) {
		size_t most = allowance(sh, now, wake);
		size_t n = most < sh->out.len ? most : sh->out.len;
		n = n > 0 ? sim_channel_write(sh->ch, buf_head(&sh->out), n, false) : 0;
		if (n == 0)
			break;
		buf_consume(&sh->out, n);
		moved = true;
		if (sh->drip > 0)
			sh->drip_at = now + sh->drip_every;
	}
	return moved;
}

bool
sim_output_waits(const struct sim_shell *sh)
{
	return sh->text.len > 0 || sh->out.len > 0;
}

void
sim_output_drop(struct sim_shell *sh)
{
	buf_consume(&sh->text, sh->text.len);
	buf_consume(&sh->out, sh->out.len);
	sh->more = false;
}
