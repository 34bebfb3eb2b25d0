/*
 * The end of an SSH connection, once it is due (sshconn_state.c): what its channels are told, and the order in which
 * libssh's part and the proxy's process are let go.  Called from the pump; main thread.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ssh/sshconn_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define PROXY_PATIENCE 2.0 /* seconds between HUP and KILL */

/* The text of the server's SSH_MSG_DISCONNECT, which libssh gives out only now, and whose trace in its error text may
 * have been written over. */
static void
note_last_words(struct sshconn *s)
{
	const char *words = s->lost ? ssh_get_disconnect_message(s->ssh) : NULL;
	char vis[384];

	if (words == NULL || words[0] == '\0')
		return;
	error_set(
	    s->why, s->why->reason, "the server closed the connection: %s", text_vis_into(vis, sizeof vis, words));
}

/* In this order: libssh uses what it was given until ssh_free(), and closes its descriptor itself. */
static void
release_ssh(struct sshconn *s)
{
	ev_io_stop(s->loop, &s->io);
	if (s->event != NULL) {
		ssh_event_remove_session(s->event, s->ssh);
		ssh_event_free(s->event);
		s->event = NULL;
	}
	if (s->farewell && sshconn_alive(s) && (ssh_get_status(s->ssh) & SSH_WRITE_PENDING) == 0)
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
sshconn_take_down(struct sshconn *s)
{
	struct sshchan *ch;

	release_ssh(s);
	log_debug("session", "%s: ends: %s", s->base.name, s->why->text);
	s->spare = NULL;
	TAILQ_FOREACH (ch, &s->chans, link)
		sshchan_lost(ch);
	sshconn_move(s, SESSION_REAPING);
	if (s->proxy.line != -1) {
		starter_signal(&s->proxy, SIGHUP);
		s->proxy_deadline = clock_now() + PROXY_PATIENCE;
	}
}

bool
sshconn_proxy_reaped(struct sshconn *s)
{
	if (starter_has_ended(&s->proxy))
		return true;
	if (clock_now() < s->proxy_deadline)
		return false;
	if (!s->proxy_killed) {
		s->proxy_killed = true;
		starter_signal(&s->proxy, SIGKILL);
		s->proxy_deadline = clock_now() + PROXY_PATIENCE;
		return false;
	}
	log_warning("session", "%s: process %ld of its proxy command does not end", s->base.name, (long)s->proxy.pid);
	starter_release(&s->proxy);
	return true;
}

/* ---- connections that nobody adopted: any thread ---- */

static void
discard(struct dialled *base)
{
	struct sshdialled *d = (struct sshdialled *)base;

	if (d->ssh != NULL) {
		ssh_silent_disconnect(d->ssh);
		ssh_free(d->ssh);
	}
	if (d->fd != -1)
		close(d->fd);
	starter_release(&d->proxy); /* without the patience of child_kill(): this may be the loop's thread */
	free(d);
}

static const struct dialled_ops dialled_ops = {.adopt = sshconn_adopt, .discard = discard};

struct sshdialled *
sshdialled_create(void)
{
	struct sshdialled *d = xcalloc(1, sizeof(*d));

	d->base.ops = &dialled_ops;
	d->fd = -1;
	d->proxy.line = -1;
	return d;
}
