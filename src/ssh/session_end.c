/*
 * The end of a session: why it comes, what its channels are told, and the order in which libssh's part and the proxy's
 * process are let go.  Part of the session; main thread.
 *
 * Nothing ends at once: the reason is noted, and the pump takes the session down in its own turn of the loop.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ssh/session_impl.h"
#include "base/text.h"

#define PROXY_PATIENCE 2.0 /* seconds between HUP and KILL */

void
session_end(struct session *s, enum np_reason reason, const char *text)
{
	if (s->state != SESSION_LIVE)
		return;
	s->state = SESSION_ENDING;
	s->unsent = reason == REASON_NONE ? REASON_CONNECT_FAILED : reason;
	error_set(&s->why, reason, "%s", text);
	session_wake(s);
}

void
session_close(struct session *s, enum np_reason reason, const char *fmt, ...)
{
	char text[sizeof s->why.text];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (s->state == SESSION_LIVE)
		s->farewell = true;
	session_end(s, reason, text);
}

void
session_violated(struct session *s, const char *text)
{
	char why[512];

	(void)snprintf(why, sizeof why, "the server broke the protocol: %s", text);
	session_end(s, REASON_CONNECT_FAILED, why);
}

/* libssh's words for what happens every day are riddles. */
void
session_lost(struct session *s)
{
	const char *error = ssh_get_error(s->ssh);
	char vis[384], text[512];

	(void)text_vis_into(vis, sizeof vis, error);
	if (strcmp(error, "Socket error: disconnected") == 0)
		(void)snprintf(text, sizeof text, "the server closed the connection");
	else if (error[0] == '\0' || strcmp(error, "Socket error: Success") == 0)
		(void)snprintf(text, sizeof text, "the connection was lost");
	else
		(void)snprintf(text, sizeof text, "the connection was lost (%s)", vis);
	s->lost = s->state == SESSION_LIVE;
	session_end(s, REASON_CONNECT_FAILED, text);
}

/* The text of the server's SSH_MSG_DISCONNECT, which libssh gives out only now, and whose trace in its error text may
 * have been written over. */
static void
note_last_words(struct session *s)
{
	const char *words = s->lost ? ssh_get_disconnect_message(s->ssh) : NULL;
	char vis[384];

	if (words == NULL || words[0] == '\0')
		return;
	error_set(
	    &s->why, s->why.reason, "the server closed the connection: %s", text_vis_into(vis, sizeof vis, words));
}

static void
proxy_signal(const struct session *s, int sig)
{
	if (kill(-s->proxy_pid, sig) != 0)
		(void)kill(s->proxy_pid, sig);
}

/* In this order: libssh uses what it was given until ssh_free(), and closes its descriptor itself. */
static void
release_ssh(struct session *s)
{
	ev_io_stop(s->loop, &s->io);
	if (s->event != NULL) {
		ssh_event_remove_session(s->event, s->ssh);
		ssh_event_free(s->event);
		s->event = NULL;
	}
	if (s->farewell && session_alive(s) && (ssh_get_status(s->ssh) & SSH_WRITE_PENDING) == 0)
		ssh_disconnect(s->ssh);
	else
		ssh_silent_disconnect(s->ssh);
	note_last_words(s);
	ssh_free(s->ssh);
	s->ssh = NULL;
	close(s->fd);
	s->fd = -1;
}

void
session_take_down(struct session *s)
{
	struct chan *ch;

	release_ssh(s);
	log_debug("session", "%s: ends: %s", s->name, s->why.text);
	s->spare = NULL;
	TAILQ_FOREACH (ch, &s->chans, link)
		chan_lost(ch);
	s->state = SESSION_REAPING;
	if (s->proxy_pid > 0) {
		proxy_signal(s, SIGHUP);
		s->proxy_deadline = clock_now() + PROXY_PATIENCE;
	}
}

bool
session_proxy_reaped(struct session *s)
{
	pid_t pid;

	if (s->proxy_pid <= 0)
		return true;
	pid = waitpid(s->proxy_pid, NULL, WNOHANG);
	if (pid == s->proxy_pid || (pid < 0 && errno == ECHILD)) {
		s->proxy_pid = 0;
		return true;
	}
	if (clock_now() < s->proxy_deadline)
		return false;
	if (!s->proxy_killed) {
		s->proxy_killed = true;
		proxy_signal(s, SIGKILL);
		s->proxy_deadline = clock_now() + PROXY_PATIENCE;
		return false;
	}
	log_warning("session", "%s: process %ld of its proxy command does not end", s->name, (long)s->proxy_pid);
	return true;
}
