/*
 * Channels on their way: open, then the requests before the command, then the command, one at a time.  Part of the
 * channels' side of libssh (channel_ssh.c); main thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ssh/session_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

/* A slot that the server is about to free may be refused; see refusal_is_race(). */
#define OPEN_TRIES 8
#define OPEN_RACE_SECONDS 1.0

/* ---- opening ---- */

/* No command runs elsewhere on the session, so a reply was not held up behind its bytes. */
static bool
session_quiet(const struct session *s)
{
	const struct chan *ch;

	TAILQ_FOREACH (ch, &s->chans, link) {
		if (ch->state == CHAN_RUNNING)
			return false;
	}
	return true;
}

/* How many channels the server bears now, which may be more than ever before. */
static int
note_peak(struct session *s)
{
	int confirmed = session_confirmed(s);

	if (confirmed > s->peak)
		s->peak = confirmed;
	return confirmed;
}

static void
open_confirmed(struct chan *ch)
{
	struct session *s = ch->session;

	if (session_quiet(s) && ch->kind != CHANNEL_FORWARD)
		session_open_sample(s, clock_now() - ch->open_sent);
	ch->opened = true;
	s->refusals = 0;
	(void)note_peak(s);
	if (ch->abandoned) {
		ch->state = CHAN_CLOSING;
	} else if (ch->is_spare) {
		ch->state = CHAN_READY;
	} else if (ch->kind == CHANNEL_FORWARD) {
		ch->end.sent = true;
		ch->runs = true;
		ch->state = CHAN_RUNNING;
	} else {
		ch->state = CHAN_STARTING;
	}
}

/*
 * OpenSSH frees a slot a moment after it has read our CLOSE: an OPEN that arrives together with it is refused although
 * there is room.  So a refusal with fewer channels than were borne before, or shortly after a CLOSE, is tried again;
 * that costs a round trip and no command has been sent.  Otherwise the refusal teaches the server's limit.
 */
static bool
refusal_is_race(const struct chan *ch)
{
	const struct session *s = ch->session;

	if (ch->tries >= OPEN_TRIES || ch->abandoned)
		return false;
	return session_confirmed(s) < s->peak ||
	       (s->last_close > 0 && ch->open_sent - s->last_close < OPEN_RACE_SECONDS);
}

static void
open_refused(struct chan *ch)
{
	struct session *s = ch->session;
	int confirmed = note_peak(s);
	char why[256];

	(void)text_vis_into(why, sizeof why, ssh_get_error(s->ssh));
	if (ch->kind != CHANNEL_FORWARD && refusal_is_race(ch)) {
		ch->tries++;
		chan_free_ssh(ch);
		return;
	}
	if (ch->kind == CHANNEL_FORWARD) {
		chan_end_set(ch, REASON_CHANNEL_REFUSED, "%s: no connection to %s port %d from there: %s", s->name,
		    ch->host, ch->port, why);
	} else {
		s->refusals++;
		session_learn(s, s->refusals == 1 && s->peak > confirmed ? s->peak : confirmed);
		if (ch->is_spare && session_confirmed(s) < s->slots_max)
			s->spares = false;
		chan_end_set(ch, REASON_CHANNEL_REFUSED, "%s: the server refused a channel, %d are open: %s", s->name,
		    confirmed, why);
	}
	chan_gone(ch);
}

bool
chan_service_opening(struct chan *ch)
{
	int rc;

	if (ch->ssh == NULL) {
		if (ch->ended) { /* given up before anything was sent */
			chan_gone(ch);
			return true;
		}
		if (!chan_create_ssh(ch))
			return true;
	}
	if (ch->kind == CHANNEL_FORWARD)
		rc = ssh_channel_open_forward(ch->ssh, ch->host, ch->port, "127.0.0.1", 0);
	else
		rc = ssh_channel_open_session(ch->ssh);
	if (rc == SSH_AGAIN || !session_alive(ch->session))
		return false;
	if (rc == SSH_OK)
		open_confirmed(ch);
	else
		open_refused(ch);
	return true;
}

/* ---- starting: one request at a time ---- */

static int
request_env(struct chan *ch)
{
	const char *pair = ch->env[ch->env_next];
	const char *value = strchr(pair, '=');
	char *name = value != NULL ? xstrndup(pair, (size_t)(value - pair)) : xstrdup(pair);
	int rc = ssh_channel_request_env(ch->ssh, name, value != NULL ? value + 1 : "");

	free(name);
	return rc;
}

static int
request_command(struct chan *ch)
{
	ch->end.sent = true;
	switch (ch->kind) {
	case CHANNEL_EXEC:
		return ssh_channel_request_exec(ch->ssh, ch->command);
	case CHANNEL_SHELL:
		return ssh_channel_request_shell(ch->ssh);
	case CHANNEL_SUBSYSTEM:
		return ssh_channel_request_subsystem(ch->ssh, ch->command);
	case CHANNEL_FORWARD:
		break; /* starts by being open */
	}
	return SSH_ERROR;
}

static void
request_refused(struct chan *ch, const char *what)
{
	chan_end_set(ch, REASON_EXEC_REFUSED, "%s: the server refused %s", ch->session->name, what);
	ch->state = CHAN_CLOSING;
}

static void
command_answered(struct chan *ch, int rc)
{
	if (rc == SSH_OK) {
		ch->runs = true;
		ch->state = CHAN_RUNNING;
	} else if (ch->kind == CHANNEL_SUBSYSTEM) {
		char what[128] = "the subsystem ";

		(void)text_vis_into(what + strlen(what), sizeof what - strlen(what), ch->command);
		request_refused(ch, what);
	} else {
		request_refused(ch, ch->kind == CHANNEL_SHELL ? "a shell" : "to run the command");
	}
}

/* Sends the command, or looks for the answer to it; false: there is none yet. */
static bool
service_command(struct chan *ch)
{
	int rc = request_command(ch);

	if (rc == SSH_AGAIN || !session_alive(ch->session))
		return false;
	command_answered(ch, rc);
	return true;
}

/* A short command's answer and its end may come in one packet, a refusal and the server's CLOSE as well. */
void
chan_take_answer(struct chan *ch)
{
	if (ch->state == CHAN_STARTING && ch->step == STEP_COMMAND && ch->end.sent)
		(void)service_command(ch);
}

bool
chan_service_starting(struct chan *ch)
{
	int rc;

	/* The command once sent, its answer is awaited even when nobody wants it: only then can a signal end it. */
	if (ch->abandoned && !ch->end.sent) {
		ch->state = CHAN_CLOSING;
		return true;
	}
	switch (ch->step) {
	case STEP_PTY:
		if (ch->pty) {
			rc = ssh_channel_request_pty_size(ch->ssh, ch->term, ch->cols, ch->rows);
			if (rc == SSH_AGAIN || !session_alive(ch->session))
				return false;
			if (rc != SSH_OK) {
				request_refused(ch, "a terminal");
				return true;
			}
		}
		ch->step = STEP_ENV;
		return true;
	case STEP_ENV:
		if (ch->env[ch->env_next] == NULL) {
			ch->step = STEP_COMMAND;
			return true;
		}
		rc = request_env(ch);
		if (rc == SSH_AGAIN || !session_alive(ch->session))
			return false;
		ch->env_next++; /* refused ones are left out, as ssh does */
		return true;
	case STEP_COMMAND:
		return service_command(ch);
	}
	return false;
}
