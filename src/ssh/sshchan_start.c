/*
 * Channels on their way: open, then the requests before the command, then the command, one at a time.  Part of the
 * channels' side of libssh (sshchan.c); main thread.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ssh/sshconn_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- opening ---- */

/* No command runs elsewhere on the session, so a reply was not held up behind its bytes. */
static bool
session_quiet(const struct sshconn *s)
{
	const struct sshchan *ch;

	TAILQ_FOREACH (ch, &s->chans, link) {
		if (ch->state == CHAN_RUNNING)
			return false;
	}
	return true;
}

static void
open_confirmed(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;

	if (session_quiet(s) && ch->base.spec.kind != CHANNEL_FORWARD)
		sshconn_open_sample(s, clock_now() - ch->open_sent);
	ch->opened = true;
	sshconn_note_open(s);
	if (ch->base.abandoned) {
		sshchan_move(ch, CHAN_CLOSING);
	} else if (ch->is_spare) {
		sshchan_move(ch, CHAN_READY);
	} else if (ch->base.spec.kind == CHANNEL_FORWARD) {
		ch->base.end.sent = true;
		ch->base.runs = true;
		sshchan_move(ch, CHAN_RUNNING);
	} else {
		sshchan_move(ch, CHAN_STARTING);
	}
}

/* What the server said of a connection that was not to be had, in ssh's words (RFC 4254 section 5.1): they are known.
 */
static void
say_refusal(const char *message, char *why, size_t size)
{
	static const char *const meanings[] = {
	    "", "administratively prohibited: ", "connect failed: ", "unknown channel type: ", "resource shortage: "};
	unsigned code = 0;
	int at = 0, n = 0;

	if (sscanf(message, "Channel opening failure: channel %*u error (%u) %n", &code, &at) == 1 && at > 0)
		n = snprintf(why, size, "open failed: %s", code < NP_COUNT(meanings) ? meanings[code] : "");
	(void)text_vis_into(why + n, size - (size_t)n, message + at);
}

static void
open_refused(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;
	char why[256];
	int confirmed;

	if (ch->base.spec.kind == CHANNEL_FORWARD) {
		char port[32] = "";

		if (ch->base.spec.forward_port != 0)
			snprintf(port, sizeof port, " port %d", ch->base.spec.forward_port);
		say_refusal(ssh_get_error(s->ssh), why, sizeof why);
		chan_end_set(&ch->base, REASON_CHANNEL_REFUSED, "%s: no connection to %s%s from there: %s",
		    s->base.name, ch->base.spec.forward_host, port, why);
	} else if (sshconn_refusal_is_race(ch)) {
		sshchan_drop(ch);
		return;
	} else {
		confirmed = sshconn_learn_refusal(ch);
		(void)text_vis_into(why, sizeof why, ssh_get_error(s->ssh));
		chan_end_set(&ch->base, REASON_CHANNEL_REFUSED, "%s: the server refused a channel, %d are open: %s",
		    s->base.name, confirmed, why);
	}
	sshchan_gone(ch);
}

static int
open_step(struct sshchan *ch)
{
	const struct chan_spec *spec = &ch->base.spec;

	if (spec->kind != CHANNEL_FORWARD)
		return ssh_channel_open_session(ch->ssh);
	if (spec->forward_port == 0)
		return ssh_channel_open_forward_unix(ch->ssh, spec->forward_host, "", 0);
	return ssh_channel_open_forward(ch->ssh, spec->forward_host, spec->forward_port, "127.0.0.1", 0);
}

bool
sshchan_service_opening(struct sshchan *ch)
{
	int rc;

	if (ch->ssh == NULL) {
		if (ch->base.ended) { /* given up before anything was sent */
			sshchan_gone(ch);
			return true;
		}
		if (!sshchan_make(ch))
			return true;
	}
	rc = open_step(ch);
	if (rc == SSH_AGAIN || !sshconn_alive(ch->conn))
		return false;
	if (rc == SSH_OK)
		open_confirmed(ch);
	else
		open_refused(ch);
	return true;
}

/* ---- starting: one request at a time ---- */

static int
request_env(struct sshchan *ch, const char *pair)
{
	const char *value = strchr(pair, '=');
	char *name = value != NULL ? xstrndup(pair, (size_t)(value - pair)) : xstrdup(pair);
	int rc = ssh_channel_request_env(ch->ssh, name, value != NULL ? value + 1 : "");

	free(name);
	return rc;
}

/* Refused ones are left out, as ssh does.  False: an answer is awaited. */
static bool
send_env(struct sshchan *ch, const char *const *env)
{
	for (; env[ch->env_next] != NULL; ch->env_next++) {
		int rc = request_env(ch, env[ch->env_next]);

		if (rc == SSH_AGAIN || !sshconn_alive(ch->conn))
			return false;
	}
	return true;
}

/*
 * libssh awaits the answer to each variable before it sends the next request: a round trip each.  ssh sends the same
 * ones with every command (SendEnv LANG), so where two have had the same the spare gets them in advance; not where it
 * is the last channel to be had, for it may be that it must be closed for another one.
 */
void
sshchan_service_ready(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;

	if (!ch->env_ahead && (!s->env_steady || s->env[0] == NULL || sshconn_slots_used(s) + 1 >= s->slots_max))
		return;
	ch->env_ahead = true;
	ch->asked = !send_env(ch, (const char *const *)s->env);
	ch->asked_at = s->raw_count.in_packets;
}

/* libssh 0.10 has no words for modes: a terminal has the server's there. */
static int
request_terminal(struct sshchan *ch)
{
	const struct chan_spec *spec = &ch->base.spec;
#ifdef HAVE_SSH_CHANNEL_REQUEST_PTY_SIZE_MODES
	size_t size = 0;
	uint8_t *modes = spec->modes != NULL ? text_unbase64(spec->modes, &size) : NULL;
	int rc;

	if (modes != NULL) {
		rc = ssh_channel_request_pty_size_modes(ch->ssh, spec->term, spec->cols, spec->rows, modes, size);
		free(modes);
		return rc;
	}
#endif
	return ssh_channel_request_pty_size(ch->ssh, spec->term, spec->cols, spec->rows);
}

static int
request_command(struct sshchan *ch)
{
	ch->base.end.sent = true;
	switch (ch->base.spec.kind) {
	case CHANNEL_EXEC:
		return ssh_channel_request_exec(ch->ssh, ch->base.spec.command);
	case CHANNEL_SHELL:
		return ssh_channel_request_shell(ch->ssh);
	case CHANNEL_SUBSYSTEM:
		return ssh_channel_request_subsystem(ch->ssh, ch->base.spec.command);
	case CHANNEL_FORWARD:
		break; /* starts by being open */
	}
	return SSH_ERROR;
}

static void
request_refused(struct sshchan *ch, const char *what)
{
	chan_end_set(&ch->base, REASON_EXEC_REFUSED, "%s: the server refused %s", ch->conn->base.name, what);
	sshchan_move(ch, CHAN_CLOSING);
}

static void
command_answered(struct sshchan *ch, int rc)
{
	if (rc == SSH_OK) {
		ch->base.runs = true;
		sshchan_move(ch, CHAN_RUNNING);
	} else if (ch->base.spec.kind == CHANNEL_SUBSYSTEM) {
		char what[128] = "the subsystem ";

		(void)text_vis_into(what + strlen(what), sizeof what - strlen(what), ch->base.spec.command);
		request_refused(ch, what);
	} else {
		request_refused(ch, ch->base.spec.kind == CHANNEL_SHELL ? "a shell" : "to run the command");
	}
}

/* Sends the command, or looks for the answer to it; false: there is none yet. */
static bool
service_command(struct sshchan *ch)
{
	int rc = request_command(ch);

	if (rc == SSH_AGAIN || !sshconn_alive(ch->conn))
		return false;
	command_answered(ch, rc);
	return true;
}

/* A short command's answer and its end may come in one packet, a refusal and the server's CLOSE as well. */
void
sshchan_take_answer(struct sshchan *ch)
{
	if (ch->state == CHAN_STARTING && ch->step == STEP_COMMAND && ch->base.end.sent)
		(void)service_command(ch);
}

bool
sshchan_service_starting(struct sshchan *ch)
{
	int rc;

	/* The command once sent, its answer is awaited even when nobody wants it: only then can a signal end it. */
	if (ch->base.abandoned && !ch->base.end.sent) {
		sshchan_move(ch, CHAN_CLOSING);
		return true;
	}
	if (ch->env_ahead && !send_env(ch, ch->base.spec.env))
		return false;
	if (ch->step == STEP_PTY && ch->base.spec.pty) {
		rc = request_terminal(ch);
		if (rc == SSH_AGAIN || !sshconn_alive(ch->conn))
			return false;
		if (rc != SSH_OK) {
			request_refused(ch, "a terminal");
			return true;
		}
	}
	ch->step = STEP_ENV;
	if (!send_env(ch, ch->base.spec.env))
		return false;
	ch->step = STEP_COMMAND;
	return service_command(ch);
}
