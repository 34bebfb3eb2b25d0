/* Steps, cancelable waiting, threads; see hooks.h. */
#include "login/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

void
hooks_step(const struct dial_hooks *hooks, const char *name, enum step_outcome outcome, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (hooks->step == NULL)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	hooks->step(name, outcome, text, hooks->arg);
	free(text);
}

int
open_regular(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1 || (fstat(fd, st) == 0 && S_ISREG(st->st_mode)))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

bool
open_was_wanting(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO;
}

int
wake_open(const struct dial_hooks *hooks, struct np_error *err)
{
	int fds[2];

	/* A socket pair, not a pipe: shutdown(2) is what a cancel does, and that works on sockets alone. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return error_set_errno(err, REASON_INTERNAL, "socketpair");
	hooks->watch_fd(fds[1], SHUT_RDWR, hooks->arg);
	return fds[0];
}

void
wake_close(const struct dial_hooks *hooks, int fd)
{
	hooks->watch_fd(-1, 0, hooks->arg);
	close(fd);
}

int
wake_poll_ms(double deadline)
{
	double left;

	if (isinf(deadline))
		return -1;
	left = (deadline - clock_now()) * 1000.0;
	if (left <= 0)
		return 0;
	return left > 3600e3 ? 3600 * 1000 : (int)left + 1;
}
