/* Cancelable waiting; see wake.h. */
#include "login/wake.h"

#include <errno.h>
#include <math.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

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
