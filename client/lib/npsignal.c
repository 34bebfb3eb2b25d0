/*
 * Signal handlers.  They only note and wake: the loop polls the reading end of a pipe, so that no signal is missed
 * between a look at the notes and the wait.  The notes have to be static: a handler gets no argument.
 */
#include "lib/npsignal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SIGNAL_MAX 32

static volatile sig_atomic_t seen[SIGNAL_MAX];
static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t wake_write_fd = -1;
static bool sigpipe_ignored;
static bool interrupt_forced;
static struct sigaction interrupt_before;

static void
on_signal(int sig)
{
	int saved = errno;
	ssize_t n;

	seen[sig] = 1;
	if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT)
		stop_signal = sig;
	n = write(wake_write_fd, "", 1); /* a full pipe wakes as well */
	(void)n;
	errno = saved;
}

/* Without SA_RESTART: a write that blocks after all must not outlive Ctrl-C. */
static int
set_handler(int sig, void (*handler)(int sig), struct sigaction *old)
{
	struct sigaction action = {.sa_handler = handler};

	return sigaction(sig, &action, old);
}

void
npsignal_take(int sig)
{
	struct sigaction old;

	if (set_handler(sig, on_signal, &old) == 0 && old.sa_handler == SIG_IGN)
		sigaction(sig, &old, NULL);
}

int
npsignal_install(int *wake_fd, struct np_error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return error_set_errno(err, REASON_INTERNAL, "make a pipe");
	*wake_fd = fds[0];
	wake_write_fd = fds[1];
	npsignal_take(SIGINT);
	npsignal_take(SIGTERM);
	npsignal_take(SIGHUP);
	npsignal_take(SIGQUIT);
	sigpipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
	return 0;
}

void
npsignal_take_terminal(void)
{
	npsignal_take(SIGWINCH);
	npsignal_take(SIGTSTP);
}

void
npsignal_force_interrupt(bool forced)
{
	if (forced == interrupt_forced)
		return;
	interrupt_forced = forced;
	if (forced)
		set_handler(SIGINT, on_signal, &interrupt_before);
	else
		sigaction(SIGINT, &interrupt_before, NULL);
}

void
npsignal_drain(int wake_fd)
{
	char bytes[64];

	while (read(wake_fd, bytes, sizeof(bytes)) > 0)
		;
}

bool
npsignal_came(int sig)
{
	bool came = seen[sig] != 0;

	if (came)
		seen[sig] = 0;
	return came;
}

const volatile sig_atomic_t *
npsignal_stop_flag(void)
{
	return &stop_signal;
}

void
npsignal_clear_stop(void)
{
	stop_signal = 0;
}

void
npsignal_stop_process(bool all)
{
	struct sigaction old;

	set_handler(SIGTSTP, SIG_DFL, &old);
	kill(all ? 0 : getpid(), SIGTSTP);
	sigaction(SIGTSTP, &old, NULL);
}

void
npsignal_die_of_sigpipe(void)
{
	if (sigpipe_ignored)
		return;
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}
