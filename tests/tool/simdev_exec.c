/*
 * What an exec channel of simdev runs.  Nothing is executed: the command's first word says what to pretend.
 *
 *   true | exit N | echo TEXT | stderr TEXT | cat | sleep SECONDS | stubborn SECONDS | flood BYTES | sink | hang |
 *   signal NAME | no-status
 *
 * sleep dies of signals, stubborn does not.  Everything else is answered by --reply, or by the
 * command itself and a newline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/simdev.h"

struct exec_state {
	char *text;       /* to be sent, then end */
	size_t off, size; /* of text */
	bool is_stderr;
	double until;       /* sleep */
	uint64_t flood;     /* bytes still to send */
	uint8_t held[4096]; /* cat: read, not yet sent */
	size_t held_off, held_size;
};

enum outcome { RUNNING_IDLE, RUNNING_BUSY, ENDED };

static bool
is_word(const char *command, const char *word, const char **argument)
{
	size_t n = strlen(word);
	if (strncmp(command, word, n) != 0 || (command[n] != '\0' && command[n] != ' '))
		return false;
	*argument = command + n + (command[n] == ' ' ? 1 : 0);
	return true;
}

static enum outcome
run_cat(struct sim_channel *ch, struct exec_state *s, bool back)
{
	if (s->held_size == 0) {
		int n = sim_channel_read(ch, s->held, sizeof(s->held));
		if (n < 0)
			return ENDED;
		s->held_off = 0;
		s->held_size = (size_t)n;
		if (n == 0)
			return RUNNING_IDLE;
	}
	size_t sent = back ? sim_channel_write(ch, s->held + s->held_off, s->held_size, false) : s->held_size;
	s->held_off += sent;
	s->held_size -= sent;
	return sent > 0 ? RUNNING_BUSY : RUNNING_IDLE;
}

static enum outcome
run_flood(struct sim_channel *ch, struct exec_state *s)
{
	static const char block[16384];
	size_t want = s->flood < sizeof(block) ? (size_t)s->flood : sizeof(block);
	size_t sent = sim_channel_write(ch, block, want, false);
	s->flood -= sent;
	if (s->flood == 0)
		return ENDED;
	return sent > 0 ? RUNNING_BUSY : RUNNING_IDLE;
}

static enum outcome
run_text(struct sim_channel *ch, struct exec_state *s)
{
	size_t sent = sim_channel_write(ch, s->text + s->off, s->size - s->off, s->is_stderr);
	s->off += sent;
	if (s->off == s->size)
		return ENDED;
	return sent > 0 ? RUNNING_BUSY : RUNNING_IDLE;
}

static enum outcome
run_sleep(struct exec_state *s, double now, double *wake)
{
	if (now >= s->until)
		return ENDED;
	if (s->until < *wake)
		*wake = s->until;
	return RUNNING_IDLE;
}

static struct exec_state *
exec_state_create(const struct sim_channel *ch, double now)
{
	struct exec_state *s = calloc(1, sizeof(*s));
	const char *argument;
	if (s == NULL)
		abort();
	s->until = now;
	if (is_word(ch->command, "sleep", &argument) || is_word(ch->command, "stubborn", &argument))
		s->until = now + strtod(argument, NULL);
	else if (is_word(ch->command, "flood", &argument))
		s->flood = strtoull(argument, NULL, 10);
	else {
		const char *text = ch->command;
		if (is_word(ch->command, "stderr", &argument)) {
			s->is_stderr = true;
			text = argument;
		} else if (is_word(ch->command, "echo", &argument))
			text = argument;
		else if (sim_channel_options(ch)->reply != NULL)
			text = sim_channel_options(ch)->reply;
		s->size = strlen(text) + 1;
		s->text = malloc(s->size);
		if (s->text == NULL)
			abort();
		memcpy(s->text, text, s->size - 1);
		s->text[s->size - 1] = '\n';
	}
	return s;
}

static void
exec_end(struct sim_channel *ch, struct exec_state *s)
{
	const char *argument;
	free(s->text);
	s->text = NULL;
	if (is_word(ch->command, "exit", &argument))
		sim_channel_end(ch, atoi(argument), NULL);
	else if (is_word(ch->command, "signal", &argument))
		sim_channel_end(ch, -1, argument);
	else if (is_word(ch->command, "sleep", &argument) && ch->signal != NULL)
		sim_channel_end(ch, -1, ch->signal);
	else if (is_word(ch->command, "no-status", &argument))
		sim_channel_end(ch, -1, NULL);
	else
		sim_channel_end(ch, 0, NULL);
}

static bool
exec_run(struct sim_channel *ch, double now, double *wake)
{
	const char *command = ch->command, *argument;
	if (ch->state == NULL)
		ch->state = exec_state_create(ch, now);
	struct exec_state *s = ch->state;
	enum outcome outcome = ENDED;
	if (ch->closed) {
		free(s->text);
		s->text = NULL;
		return false;
	}
	if (is_word(command, "cat", &argument) || is_word(command, "sink", &argument))
		outcome = run_cat(ch, s, command[0] == 'c');
	else if (is_word(command, "flood", &argument))
		outcome = run_flood(ch, s);
	else if (is_word(command, "sleep", &argument) || is_word(command, "stubborn", &argument))
		outcome = command[1] == 'l' && ch->signal != NULL ? ENDED : run_sleep(s, now, wake);
	else if (is_word(command, "hang", &argument))
		outcome = RUNNING_IDLE;
	else if (!is_word(command, "true", &argument) && !is_word(command, "exit", &argument) &&
		 !is_word(command, "signal", &argument) && !is_word(command, "no-status", &argument))
		outcome = run_text(ch, s);
	if (outcome == ENDED)
		exec_end(ch, s);
	return outcome != RUNNING_IDLE;
}

const struct sim_program sim_exec_program = {.run = exec_run};
