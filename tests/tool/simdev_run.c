/* The steps of the body that runs in a simulated shell. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_shell.h"
#include "tool/simdev_text.h"
#include "base/xalloc.h"

#define BLOCK 32768 /* bytes made at a time */
#define ROW 64      /* bytes of a line of `bytes` */

/* Expands one argument into a string of its own. */
static char *
argument(struct sim_shell *sh, const char *template)
{
	return sim_expand_string(template, sim_shell_value, sh);
}

static double
number(struct sim_shell *sh, const char *template)
{
	char *text = argument(sh, template), *end;
	double n = strtod(text, &end);
	n *= *end == 'k' ? 1024 : *end == 'M' ? 1024 * 1024 : 1;
	free(text);
	return n;
}

/* The value in a context below which lines with a leading blank go. */
static char *
context_of(struct sim_shell *sh)
{
	return argument(sh, "{context}");
}

static void
do_text(struct sim_shell *sh, const char *template)
{
	struct buf text;
	buf_init(&text, SIM_TEXT_MAX);
	if (!sim_expand(&text, template, sim_shell_value, sh))
		(void)!buf_append_str(&text, "\n");
	sim_output_text(sh, &text);
	buf_free(&text);
}

/* A block of numbered lines; the last line of all is as short as it must be. */
static void
make_bytes(struct sim_shell *sh)
{
	struct buf text;
	buf_init(&text, 2 * BLOCK);
	while (sh->left > 0 && text.len < BLOCK) {
		char row[ROW + 1];
		size_t n = sh->left < ROW ? (size_t)sh->left : ROW;
		memset(row, '.', sizeof(row));
		int digits = snprintf(row, sizeof(row), "%010llu", (unsigned long long)sh->made++);
		row[digits] = ' ';
		row[n - 1] = '\n';
		(void)!buf_append(&text, row, n);
		sh->left -= n;
	}
	sim_output_text(sh, &text);
	buf_free(&text);
}

static void
make_lines(struct sim_shell *sh, const char *template)
{
	struct buf text;
	buf_init(&text, SIM_TEXT_MAX);
	while (sh->left > 0 && text.len < BLOCK) {
		char i[24];
		snprintf(i, sizeof(i), "%llu", (unsigned long long)++sh->made);
		sim_shell_let(sh, "i", i);
		if (!sim_expand(&text, template[0] != '\0' ? template : "line {i}", sim_shell_value, sh))
			(void)!buf_append_str(&text, "\n");
		sh->left--;
	}
	sim_output_text(sh, &text);
	buf_free(&text);
}

static bool
holds(struct sim_shell *sh, const struct sim_step *step)
{
	char *a = argument(sh, step->words[0]), *b = argument(sh, step->text);
	bool equal = strcmp(a, b) == 0;
	if (step->words[1][0] == '~') {
		regex_t re;
		equal = regcomp(&re, b, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) == 0;
		if (equal) {
			equal = regexec(&re, a, 0, NULL, 0) == 0;
			regfree(&re);
		}
	}
	free(a);
	free(b);
	return step->words[1][0] == '!' ? !equal : equal;
}

static void
ask(struct sim_shell *sh, const struct sim_step *step, enum sim_wait wait)
{
	struct buf text;
	buf_init(&text, SIM_TEXT_MAX);
	sim_expand(&text, step->text, sim_shell_value, sh);
	/* Not through the pager: the answer's echo must come behind it. */
	sim_output_bare(sh, text.len > 0 ? (const void *)buf_head(&text) : "", text.len);
	buf_free(&text);
	sh->wait = wait;
}

static void
change_mode(struct sim_shell *sh, const char *template)
{
	char *name = argument(sh, template);
	const struct sim_mode *mode = sim_scenario_mode(sh->scenario, name);
	if (mode != NULL)
		sh->mode = mode;
	else
		sim_shell_event(sh, "error: no such mode", name);
	free(name);
}

static void
queue_async(struct sim_shell *sh, const struct sim_step *step)
{
	char *when = argument(sh, step->words[0]);
	for (int i = 0; i < SIM_LATER; i++) {
		struct sim_later *later = &sh->later[i];
		if (later->when != SIM_LATER_NONE)
			continue;
		later->when = strcmp(when, "echo") == 0     ? SIM_LATER_ECHO
			      : strcmp(when, "prompt") == 0 ? SIM_LATER_PROMPT
			      : strcmp(when, "split") == 0  ? SIM_LATER_SPLIT
							    : SIM_LATER_TIME;
		later->time = later->when == SIM_LATER_TIME ? number(sh, when) : 0;
		later->text = xstrdup(step->text);
		break;
	}
	free(when);
}

/* What changes the device. */
static void
change_device(struct sim_shell *sh, const struct sim_step *step)
{
	struct sim_device *d = sh->device;
	const char *list = step->words[0];
	char *text = argument(sh, step->text), *context = context_of(sh);
	if (step->op == SIM_ADD)
		sim_device_add(d, list, context, text);
	else if (step->op == SIM_DELETE)
		sim_device_delete(d, list, context, text);
	else if (step->op == SIM_COPY)
		sim_device_copy(d, list, step->words[1]);
	else if (step->op == SIM_CLEAR)
		sim_device_clear(d, list);
	else if (step->op == SIM_SET)
		sim_device_set(d, step->words[0], text);
	else if (step->op == SIM_BROADCAST)
		sim_device_tell(d, SIM_MAIL_TEXT, sh->id, text);
	free(context);
	free(text);
}

/* What ends something. */
static void
end_something(struct sim_shell *sh, const struct sim_step *step)
{
	if (step->op == SIM_DOWN)
		sim_device_down(sh->device, number(sh, step->words[0]));
	if (step->op == SIM_CLOSE) {
		sh->closing = true;
		sim_shell_stop(sh);
	} else
		sim_channel_drop(sh->ch);
}

/* Where the body goes on. */
static void
jump(struct sim_shell *sh, const struct sim_step *step)
{
	if (step->op == SIM_IF && !holds(sh, step))
		sh->pc = step->next;
	else if (step->op == SIM_ELSE || step->op == SIM_AGAIN)
		sh->pc = step->next;
	else if (step->op == SIM_REPEAT) {
		/* -1: it comes from above, not from its own end. */
		if (sh->loops[step->depth] < 0)
			sh->loops[step->depth] = (long)number(sh, step->words[0]);
		if (sh->loops[step->depth]-- <= 0) {
			sh->loops[step->depth] = -1;
			sh->pc = step->next;
		}
	} else if (step->op == SIM_STOP)
		sim_shell_stop(sh);
}

static void
do_step(struct sim_shell *sh, const struct sim_step *step, double now)
{
	char *text;
	switch (step->op) {
	case SIM_TEXT:
		do_text(sh, step->text);
		break;
	case SIM_LINES:
	case SIM_BYTES:
		sh->left = (uint64_t)number(sh, step->words[0]);
		sh->made = 0;
		break;
	case SIM_DELAY:
		sh->wait = SIM_WAIT_TIME;
		sh->until = now + number(sh, step->words[0]);
		break;
	case SIM_DRIP:
		sh->drip = (size_t)number(sh, step->words[0]);
		sh->drip_every = number(sh, step->words[1]);
		break;
	case SIM_WAIT:
		sh->wait = SIM_WAIT_WORD;
		text = argument(sh, step->words[0]);
		sim_shell_event(sh, "waits", text);
		free(text);
		break;
	case SIM_ASK:
		ask(sh, step, SIM_WAIT_ANSWER);
		break;
	case SIM_HIDDEN:
		ask(sh, step, SIM_WAIT_HIDDEN);
		break;
	case SIM_KEY:
		ask(sh, step, SIM_WAIT_KEY);
		break;
	case SIM_MODE:
		change_mode(sh, step->words[0]);
		break;
	case SIM_LET:
	case SIM_EVENT:
		text = argument(sh, step->text);
		if (step->op == SIM_LET)
			sim_shell_let(sh, step->words[0], text);
		else
			sim_shell_event(sh, "event", text);
		free(text);
		break;
	case SIM_PAGING:
		sh->page = (long)number(sh, step->words[0]);
		sh->lines = 0;
		break;
	case SIM_ADD:
	case SIM_DELETE:
	case SIM_COPY:
	case SIM_CLEAR:
	case SIM_SET:
	case SIM_BROADCAST:
		change_device(sh, step);
		break;
	case SIM_LOCK:
		sim_device_lock(sh->device, sh->id, sim_shell_user(sh));
		break;
	case SIM_UNLOCK:
		sim_device_unlock(sh->device, sh->id);
		break;
	case SIM_ASYNC:
		queue_async(sh, step);
		break;
	case SIM_CLOSE:
	case SIM_DROP:
	case SIM_DOWN:
		end_something(sh, step);
		break;
	case SIM_STATUS:
		sh->status = (int)number(sh, step->words[0]);
		break;
	case SIM_IF:
	case SIM_ELSE:
	case SIM_REPEAT:
	case SIM_AGAIN:
	case SIM_STOP:
		jump(sh, step);
		break;
	}
}

/* Whether the body still waits for something. */
static bool
waits(struct sim_shell *sh, double now, double *wake)
{
	const struct sim_step *step = sh->pc > 0 ? &sh->script->steps[sh->pc - 1] : NULL;
	if (sh->wait == SIM_WAIT_TIME) {
		if (now < sh->until && sh->until < *wake)
			*wake = sh->until;
		return now < sh->until;
	}
	if (sh->wait == SIM_WAIT_WORD) {
		char *word = argument(sh, step->words[0]);
		bool said = sim_device_was_said(sh->device, word);
		free(word);
		return !said;
	}
	return sh->wait != SIM_WAIT_NOTHING;
}

bool
sim_run(struct sim_shell *sh, double now, double *wake)
{
	const struct sim_script *script = sh->script;
	if (script == NULL || sim_output_waits(sh) || waits(sh, now, wake))
		return false;
	sh->wait = SIM_WAIT_NOTHING;
	if (sh->left > 0 && script->steps[sh->pc - 1].op == SIM_BYTES)
		make_bytes(sh);
	else if (sh->left > 0)
		make_lines(sh, script->steps[sh->pc - 1].text);
	else if (sh->pc == script->count)
		sim_shell_stop(sh);
	else {
		sh->pc++;
		do_step(sh, &script->steps[sh->pc - 1], now);
	}
	return true;
}
