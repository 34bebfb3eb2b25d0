/*
 * ptyrun [-t SECONDS] [-e EXPECT [-w PAUSE] -s SEND]... COMMAND [ARGUMENT...]: a person at a terminal, for end-to-end
 * tests.
 *
 * Runs the command in a session of its own whose controlling terminal is a new pty, copies what the terminal shows to
 * standard output, and types: when EXPECT has appeared (behind the previous one), SEND, in which \r, \n, \\ and \xHH
 * are understood; a slow person takes PAUSE seconds for it.  Exit status: the command's, 128+N when it died of signal
 * N, 3 when an EXPECT did not appear or the command did not end within SECONDS (20).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kit/slow.h"

#define STEPS_MAX 16
#define SHOWN_MAX (256 * 1024)

struct step {
	const char *expect, *send;
	double pause;
};

struct terminal {
	int fd;
	pid_t pid;
	struct step steps[STEPS_MAX];
	int steps_count, step;
	char shown[SHOWN_MAX]; /* what is not yet matched */
	size_t shown_size;
};

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	fprintf(stderr, "ptyrun: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
terminal_open(struct terminal *t, char **argv)
{
	t->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->fd < 0 || grantpt(t->fd) < 0 || unlockpt(t->fd) < 0)
		die("pty");
	const char *name = ptsname(t->fd);
	t->pid = fork();
	if (t->pid < 0)
		die("fork");
	if (t->pid > 0)
		return;
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	setsid();
	/* A shell without job control starts its background commands with these ignored. */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	int fd = open(name, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0 || ioctl(fd, TIOCSWINSZ, &size) < 0)
		die("terminal");
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
	execvp(argv[0], argv);
	die(argv[0]);
}

static void
type_text(struct terminal *t, const char *text)
{
	while (*text != '\0') {
		unsigned byte = (unsigned char)*text++;
		if (byte == '\\' && *text == 'x' && sscanf(text + 1, "%2x", &byte) == 1)
			text += 3;
		else if (byte == '\\' && *text != '\0') {
			byte = *text == 'r' ? '\r' : *text == 'n' ? '\n' : (unsigned char)*text;
			text++;
		}
		char c = (char)byte;
		if (write(t->fd, &c, 1) != 1)
			die("typing");
	}
}

static void
match_steps(struct terminal *t)
{
	while (t->step < t->steps_count) {
		const struct step *s = &t->steps[t->step];
		size_t n = strlen(s->expect);
		char *found = memmem(t->shown, t->shown_size, s->expect, n);
		if (found == NULL)
			return;
		t->shown_size -= (size_t)(found + n - t->shown);
		memmove(t->shown, found + n, t->shown_size);
		t->step++;
		usleep((useconds_t)(s->pause * 1e6));
		type_text(t, s->send);
	}
}

/* False when the terminal's other side is gone. */
static bool
terminal_read(struct terminal *t)
{
	char bytes[4096];
	ssize_t n = read(t->fd, bytes, sizeof(bytes));
	/* Linux looks for bytes on their way, and only then whether the other side is gone: the last ones may have come
	 * between the two, and are there for another read. */
	if (n < 0 && errno == EIO)
		n = read(t->fd, bytes, sizeof(bytes));
	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (write(STDOUT_FILENO, bytes, (size_t)n) != n)
		die("standard output");
	if (t->shown_size + (size_t)n > SHOWN_MAX)
		t->shown_size = 0;
	memcpy(t->shown + t->shown_size, bytes, (size_t)n);
	t->shown_size += (size_t)n;
	match_steps(t);
	return true;
}

static int
late(struct terminal *t)
{
	fprintf(stderr, "ptyrun: %s%s\n", t->step < t->steps_count ? "did not appear: " : "the command did not end",
	    t->step < t->steps_count ? t->steps[t->step].expect : "");
	kill(-t->pid, SIGKILL);
	kill(t->pid, SIGKILL);
	return 3;
}

int
main(int argc, char **argv)
{
	static struct terminal t;
	double limit = slow(20);
	for (int opt; (opt = getopt(argc, argv, "+t:e:s:w:")) != -1;) {
		if (opt == 't')
			limit = slow(strtod(optarg, NULL));
		else if (opt == 'e' && t.steps_count < STEPS_MAX)
			t.steps[t.steps_count++] = (struct step){optarg, "", 0};
		else if (opt == 'w' && t.steps_count > 0)
			t.steps[t.steps_count - 1].pause = strtod(optarg, NULL);
		else if (opt == 's' && t.steps_count > 0)
			t.steps[t.steps_count - 1].send = optarg;
		else
			return 2;
	}
	if (optind == argc) {
		fprintf(stderr, "usage: ptyrun [-t SECONDS] [-e EXPECT [-w PAUSE] -s SEND]... COMMAND [ARGUMENT...]\n");
		return 2;
	}
	terminal_open(&t, argv + optind);
	double deadline = now() + limit;
	for (bool open = true; open;) {
		struct pollfd pfd = {.fd = t.fd, .events = POLLIN};
		double left = deadline - now();
		if (left <= 0)
			return late(&t);
		if (poll(&pfd, 1, (int)(left * 1000) + 1) > 0)
			open = terminal_read(&t);
	}
	int status;
	if (waitpid(t.pid, &status, 0) < 0)
		die("wait");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
