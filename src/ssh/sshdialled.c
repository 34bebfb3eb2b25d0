/* See sshdialled.h.  Connector threads make these, the loop takes them apart. */
#include "ssh/sshdialled.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "ssh/sshconn_impl.h"

static void
discard(struct dialled *base)
{
	struct sshdialled *d = (struct sshdialled *)base;
	int status;

	if (d->ssh != NULL) {
		ssh_silent_disconnect(d->ssh);
		ssh_free(d->ssh);
	}
	if (d->fd != -1)
		close(d->fd);
	if (d->proxy_pid > 0) {
		/* Without the patience of child_kill(): this may be the loop's thread, and nothing is lost. */
		kill(-d->proxy_pid, SIGKILL);
		while (waitpid(d->proxy_pid, &status, 0) == -1 && errno == EINTR)
			;
	}
	free(d);
}

static const struct dialled_ops ops = {.adopt = sshconn_adopt, .discard = discard};

struct sshdialled *
sshdialled_create(void)
{
	struct sshdialled *d = xcalloc(1, sizeof(*d));

	d->base.ops = &ops;
	d->fd = -1;
	return d;
}
