/* The child that asks.  Owns nothing but what it hands out. */
#include "lib/npaskpass.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *
get(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

enum npaskpass_use
npaskpass_use(const char **program)
{
	const char *askpass = get("SSH_ASKPASS"), *require;
	bool display;

	if (askpass == NULL)
		return NPASKPASS_NEVER;
	*program = askpass;
	display = get("DISPLAY") != NULL || get("WAYLAND_DISPLAY") != NULL;
	require = get("SSH_ASKPASS_REQUIRE");
	if (require != NULL && strcasecmp(require, "force") == 0)
		return NPASKPASS_ALWAYS;
	if (!display || (require != NULL && strcasecmp(require, "never") == 0))
		return NPASKPASS_NEVER;
	return require != NULL && strcasecmp(require, "prefer") == 0 ? NPASKPASS_ALWAYS : NPASKPASS_WITHOUT_TERMINAL;
}

int
npaskpass_start(const char *program, const char *question, pid_t *pid)
{
	const char *const argv[] = {program, question, NULL};
	posix_spawn_file_actions_t actions;
	int fds[2], error;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	/* Standard input is the command's. */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	error = posix_spawnp(pid, program, &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (error == 0)
		return fds[0];
	close(fds[0]);
	return -1;
}

bool
npaskpass_end(pid_t pid, bool kill_it)
{
	int status = 0;

	if (kill_it)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, kill_it ? WNOHANG : 0) == -1)
		if (errno != EINTR) /* ECHILD: our caller ignores SIGCHLD, and nobody knows */
			return true;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
