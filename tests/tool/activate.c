/*
 * activate SOCKET COMMAND [ARGUMENT...]: a service manager in little, for end-to-end tests.
 *
 * Listens at SOCKET (0600), gives it to the command as descriptor 3 with LISTEN_FDS and LISTEN_PID, and prints each
 * line that the command reports to $NOTIFY_SOCKET as "notify: LINE" (sd_notify(3)).  With -n nothing is listened to,
 * only the reports are printed.  Passes TERM, INT and HUP on; exits as the command does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void
die(const char *what)
{
	fprintf(stderr, "activate: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int
bind_at(const char *path, int type)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		die(path);
	return fd;
}

/* Who sees the name can connect: it has it once it listens. */
static int
listen_at(const char *path)
{
	char made[sizeof(((struct sockaddr_un *)0)->sun_path)];
	snprintf(made, sizeof(made), "%s.new", path);
	int fd = bind_at(made, SOCK_STREAM);
	if (listen(fd, 128) < 0 || rename(made, path) < 0)
		die(path);
	return fd;
}

static pid_t
start(char **argv, int listener, const sigset_t *signals)
{
	char number[24];
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	sigprocmask(SIG_UNBLOCK, signals, NULL);
	if (listener >= 0) {
		snprintf(number, sizeof(number), "%d", (int)getpid());
		setenv("LISTEN_PID", number, 1);
		setenv("LISTEN_FDS", "1", 1);
		/* Only dup2() clears the close-on-exec flag, and it does nothing when both are the same. */
		if (listener == 3)
			fcntl(3, F_SETFD, 0);
		else if (dup2(listener, 3) < 0)
			die("dup2");
	}
	execvp(argv[0], argv);
	die(argv[0]);
	return -1;
}

/* False when there is none. */
static bool
print_report(int fd)
{
	char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		printf("notify: %s\n", line);
	fflush(stdout);
	return true;
}

int
main(int argc, char **argv)
{
	bool only_notify = argc > 1 && strcmp(argv[1], "-n") == 0;
	if (argc < 3) {
		fprintf(stderr, "usage: activate SOCKET|-n COMMAND [ARGUMENT...]\n");
		return 2;
	}
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	umask(077);
	int listener = only_notify ? -1 : listen_at(argv[1]);
	const char *world = getenv("NP_WORLD");
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	snprintf(path, sizeof(path), "%s/notify.%d", world != NULL ? world : "/tmp", (int)getpid());
	int notify = bind_at(path, SOCK_DGRAM);
	setenv("NOTIFY_SOCKET", path, 1);

	pid_t pid = start(argv + 2, listener, &signals);
	int sfd = signalfd(-1, &signals, SFD_CLOEXEC), status = 0;
	/* The socket stays open here as well, as with a real service manager. */
	for (bool running = true; running;) {
		struct pollfd pfds[2] = {{.fd = notify, .events = POLLIN}, {.fd = sfd, .events = POLLIN}};
		struct signalfd_siginfo info;
		poll(pfds, 2, -1);
		if (pfds[0].revents)
			print_report(notify);
		else if (pfds[1].revents && read(sfd, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo != SIGCHLD)
				kill(pid, (int)info.ssi_signo);
			running = waitpid(pid, &status, WNOHANG) != pid;
		}
	}
	/* Its last words may lie behind its end. */
	while (print_report(notify))
		;
	unlink(path);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
