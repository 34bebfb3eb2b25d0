/*
 * Whether an SSH connection lives, and how its end begins: the reason is noted once, and the pump takes the connection
 * down in its own turn of the loop.  Called by all parts, calls none of them.  Main thread.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ssh/sshconn_impl.h"

void
sshconn_wake(struct sshconn *s)
{
	ev_idle_start(s->loop, &s->wake);
}

bool
sshconn_alive(const struct sshconn *s)
{
	return ssh_is_connected(s->ssh) && (ssh_get_status(s->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0;
}

void
sshconn_end(struct sshconn *s, enum np_reason reason, const char *text)
{
	if (s->state != SESSION_LIVE)
		return;
	s->state = SESSION_ENDING;
	s->unsent = reason == REASON_NONE ? REASON_CONNECT_FAILED : reason;
	error_set(&s->why, reason, "%s", text);
	sshconn_wake(s);
}

void
sshconn_violated(struct sshconn *s, const char *text)
{
	char why[512];

	(void)snprintf(why, sizeof why, "the server broke the protocol: %s", text);
	sshconn_end(s, REASON_CONNECT_FAILED, why);
}

/* libssh's words for what happens every day are riddles. */
void
sshconn_lost(struct sshconn *s)
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
	sshconn_end(s, REASON_CONNECT_FAILED, text);
}
