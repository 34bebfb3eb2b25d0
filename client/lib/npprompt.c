/*
 * The dialogue on /dev/tty.  Owns that descriptor and the terminal's settings while a question is open.
 *
 * The terminal stays in line mode, so that the kernel does the editing; a read gives a whole line.  Texts of prompts
 * were made harmless by the broker and are made so again here: the broker may be older than the attack.
 */
#include "lib/npprompt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/npjson.h"
#include "base/text.h"
#include "base/xalloc.h"

void
npprompt_init(struct npprompt *p)
{
	memset(p, 0, sizeof(*p));
	p->tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (p->tty != -1 && tcgetpgrp(p->tty) != getpgrp()) {
		close(p->tty);
		p->tty = -1;
	}
}

bool
npprompt_available(const struct npprompt *p)
{
	return p->tty != -1;
}

static void
say(const struct npprompt *p, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t done = write(p->tty, text, n);
		if (done == -1)
			return;
		text += done;
		n -= (size_t)done;
	}
}

static void
restore(struct npprompt *p)
{
	if (!p->changed)
		return;
	tcsetattr(p->tty, TCSAFLUSH, &p->saved);
	p->changed = false;
}

static void
ask(struct npprompt *p)
{
	const char *text = npjson_string(p->queue[0], "text");

	if (!npjson_true(p->queue[0], "echo") && tcgetattr(p->tty, &p->saved) == 0) {
		struct termios quiet = p->saved;
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
		quiet.c_lflag |= ICANON | ISIG;
		p->changed = tcsetattr(p->tty, TCSAFLUSH, &quiet) == 0;
	}
	if (text != NULL) {
		char *shown = text_vis(text, strlen(text), true);
		say(p, shown);
		size_t n = strlen(shown);
		if (n > 0 && shown[n - 1] != ' ' && shown[n - 1] != '\n')
			say(p, " ");
		free(shown);
	}
}

bool
npprompt_add(struct npprompt *p, const cJSON *params)
{
	if (p->tty == -1 || p->count == NPPROMPT_QUEUE_MAX)
		return false;
	p->queue[p->count++] = cJSON_Duplicate(params, 1);
	if (p->count == 1)
		ask(p);
	return true;
}

const cJSON *
npprompt_current(const struct npprompt *p)
{
	return p->count > 0 ? p->queue[0] : NULL;
}

/* A fingerprint is compared by the broker; here only what cannot be an answer is sent back to the person. */
static bool
is_host_key_answer(const char *line)
{
	return strcmp(line, "yes") == 0 || strcmp(line, "no") == 0 || strncmp(line, "SHA256:", 7) == 0 ||
	       strncmp(line, "MD5:", 4) == 0;
}

static enum npprompt_status
judge(struct npprompt *p)
{
	const char *kind = npjson_string(p->queue[0], "kind");

	p->size--; /* the newline */
	p->line[p->size] = '\0';
	if (p->changed)
		say(p, "\n");
	if (!text_is_utf8(p->line, p->size) || memchr(p->line, '\0', p->size) != NULL) {
		say(p, "Only UTF-8 text can be sent.  Again: ");
	} else if (kind != NULL && strcmp(kind, "host_key") == 0 && !is_host_key_answer(p->line)) {
		say(p, "Please type 'yes', 'no' or the fingerprint: ");
	} else
		return NPPROMPT_ANSWERED;
	p->size = 0;
	return NPPROMPT_MORE;
}

enum npprompt_status
npprompt_read(struct npprompt *p)
{
	ssize_t n = read(p->tty, p->line + p->size, sizeof(p->line) - 1 - p->size);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return NPPROMPT_MORE;
	if (n <= 0) {
		say(p, "\n");
		return NPPROMPT_DECLINED;
	}
	p->size += (size_t)n;
	if (p->line[p->size - 1] == '\n')
		return judge(p);
	if (p->size == sizeof(p->line) - 1) {
		say(p, "\nThat is too long.\n");
		return NPPROMPT_DECLINED;
	}
	return NPPROMPT_MORE;
}

const char *
npprompt_answer(const struct npprompt *p)
{
	return p->line;
}

static void
remove_at(struct npprompt *p, size_t i)
{
	cJSON_Delete(p->queue[i]);
	p->count--;
	memmove(p->queue + i, p->queue + i + 1, (p->count - i) * sizeof(p->queue[0]));
}

void
npprompt_forget(struct npprompt *p)
{
	restore(p);
	secret_wipe(p->line, sizeof(p->line));
	p->size = 0;
	if (p->count > 0)
		remove_at(p, 0);
}

void
npprompt_next(struct npprompt *p)
{
	npprompt_forget(p);
	if (p->count > 0)
		ask(p);
}

static bool
belongs_to(const cJSON *prompt, int64_t request)
{
	return npjson_number(prompt, "id", 0) == (double)request;
}

void
npprompt_drop(struct npprompt *p, int64_t request)
{
	for (size_t i = p->count; i > 1; i--)
		if (belongs_to(p->queue[i - 1], request))
			remove_at(p, i - 1);
	if (p->count > 0 && belongs_to(p->queue[0], request))
		npprompt_next(p);
}

void
npprompt_suspend(struct npprompt *p)
{
	restore(p);
	secret_wipe(p->line, sizeof(p->line));
	p->size = 0;
}

void
npprompt_resume(struct npprompt *p)
{
	if (p->count > 0)
		ask(p);
}

void
npprompt_finish(struct npprompt *p)
{
	restore(p);
	secret_wipe(p->line, sizeof(p->line));
	while (p->count > 0)
		cJSON_Delete(p->queue[--p->count]);
	if (p->tty != -1)
		close(p->tty);
	p->tty = -1;
}
