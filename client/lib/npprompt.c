/*
 * The dialogue on /dev/tty.  Owns that descriptor and the terminal's settings while a question is open; or the process
 * that asks, and what it says.
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

#include "lib/npaskpass.h"
#include "lib/npjson.h"
#include "base/text.h"
#include "base/xalloc.h"

void
npprompt_init(struct npprompt *p, bool batch)
{
	enum npaskpass_use use = NPASKPASS_NEVER;
	const char *program = NULL;

	memset(p, 0, sizeof(*p));
	if (!batch)
		use = npaskpass_use(&program);
	p->tty = batch || use == NPASKPASS_ALWAYS ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (use != NPASKPASS_NEVER && p->tty == -1)
		p->askpass = program;
	if (p->tty != -1 && tcgetpgrp(p->tty) != getpgrp()) {
		close(p->tty);
		p->tty = -1;
	}
}

bool
npprompt_available(const struct npprompt *p)
{
	return p->tty != -1 || p->askpass != NULL;
}

bool
npprompt_has_terminal(const struct npprompt *p)
{
	return p->tty != -1 && p->askpass == NULL;
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

/* One that cannot be started has nothing to say. */
static void
let_ask(struct npprompt *p, const char *text)
{
	char *shown = text_vis(text != NULL ? text : "", text != NULL ? strlen(text) : 0, true);

	p->tty = npaskpass_start(p->askpass, shown, &p->asking);
	free(shown);
	if (p->tty != -1)
		return;
	p->asking = 0;
	p->tty = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
ask(struct npprompt *p)
{
	const char *text = npjson_string(p->queue[0], "text");

	if (p->askpass != NULL) {
		let_ask(p, text);
		return;
	}
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
	if (!npprompt_available(p) || p->count == NPPROMPT_QUEUE_MAX)
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

/* Whether the line that was typed is an answer. */
static bool
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
		return true;
	p->size = 0;
	return false;
}

enum typed {
	TYPED_MORE, /* the line is not finished, or no answer */
	TYPED_ANSWER,
	TYPED_NOTHING /* end of file, too long, or the terminal is gone */
};

/* All that the program says; its first line is the answer, if it is content. */
static enum typed
end_asking(struct npprompt *p)
{
	bool content = p->asking != 0 && npaskpass_end(p->asking, false);

	p->asking = 0;
	p->line[p->size] = '\0';
	p->size = strcspn(p->line, "\r\n");
	p->line[p->size++] = '\n';
	return content && judge(p) ? TYPED_ANSWER : TYPED_NOTHING;
}

static enum typed
read_line(struct npprompt *p)
{
	ssize_t n = read(p->tty, p->line + p->size, sizeof(p->line) - 1 - p->size);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return TYPED_MORE;
	if (n <= 0 && p->askpass != NULL)
		return end_asking(p);
	if (n <= 0) {
		say(p, "\n");
		return TYPED_NOTHING;
	}
	p->size += (size_t)n;
	if (p->line[p->size - 1] == '\n' && p->askpass == NULL)
		return judge(p) ? TYPED_ANSWER : TYPED_MORE;
	if (p->size < sizeof(p->line) - 1)
		return TYPED_MORE;
	say(p, "\nThat is too long.\n");
	return TYPED_NOTHING;
}

static void
remove_at(struct npprompt *p, size_t i)
{
	cJSON_Delete(p->queue[i]);
	p->count--;
	memmove(p->queue + i, p->queue + i + 1, (p->count - i) * sizeof(p->queue[0]));
}

/* The terminal as it was, and nothing left of what was typed. */
static void
leave(struct npprompt *p)
{
	if (p->changed)
		tcsetattr(p->tty, TCSAFLUSH, &p->saved);
	p->changed = false;
	if (p->asking != 0)
		npaskpass_end(p->asking, true);
	p->asking = 0;
	if (p->askpass != NULL && p->tty != -1) {
		close(p->tty);
		p->tty = -1;
	}
	secret_wipe(p->line, sizeof(p->line));
	p->size = 0;
}

static void
forget(struct npprompt *p)
{
	leave(p);
	if (p->count > 0)
		remove_at(p, 0);
}

static void
next(struct npprompt *p)
{
	forget(p);
	npprompt_resume(p);
}

void
npprompt_type(struct npprompt *p, struct npclient *client)
{
	enum typed typed = p->count > 0 ? read_line(p) : TYPED_MORE;

	if (typed == TYPED_MORE)
		return;
	npclient_answer(client, p->queue[0], typed == TYPED_ANSWER ? p->line : NULL, p->askpass != NULL);
	next(p);
}

void
npprompt_decline(struct npprompt *p, struct npclient *client)
{
	while (p->count > 0) {
		npclient_answer(client, p->queue[0], NULL, false);
		forget(p);
	}
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
		next(p);
}

void
npprompt_suspend(struct npprompt *p)
{
	leave(p);
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
	leave(p);
	while (p->count > 0)
		cJSON_Delete(p->queue[--p->count]);
	if (p->tty != -1)
		close(p->tty);
	p->tty = -1;
}
