/*
 * npssh: ssh over the broker's sessions, for who will not touch ssh_config.  It asks the broker as `npctl mux` does,
 * and becomes ssh with one option more; whatever fails, it becomes ssh.
 *
 * It touches nothing that ssh will have: descriptors, signals, directory; the environment gets the mark at which
 * nobody asks again, be it ssh's configuration or, where the program that is started is another wrapper, npssh.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "base/xalloc.h"
#include "lib/npmux.h"
#include "lib/sshargv.h"

#define EXIT_FAILED 255 /* ssh's own */

static char *
ask(int argc, char **argv)
{
	struct sshargv a;
	struct np_error ignored;
	char *path = NULL;

	sshargv_read(&a, argc, (const char *const *)argv);
	if (a.fits)
		path = npmux_ask(&a, false, NULL, &ignored);
	sshargv_finish(&a);
	return path;
}

/* -o ControlPath, of which a % stands for itself; NULL where it cannot be said. */
static char *
path_option(const char *path)
{
	char *quoted = xmalloc(2 * strlen(path) + 1), *to = quoted, *option;

	for (const char *p = path; *p != '\0'; p++) {
		if (*p == '%')
			*to++ = '%';
		*to++ = *p;
	}
	*to = '\0';
	option = strpbrk(path, "\"\\$") == NULL ? xasprintf("-oControlPath=\"%s\"", quoted) : NULL;
	free(quoted);
	return option;
}

/* The one that would have been found without us; where we have been asked before, the one that is installed. */
static char *
find_ssh(bool again)
{
	char *ssh = again ? NULL : program_find("ssh");

	return ssh != NULL ? ssh : xstrdup(SSH_PATH);
}

int
main(int argc, char **argv)
{
	bool again = npmux_is_marked();
	char *socket = again ? NULL : ask(argc, argv), *option = socket != NULL ? path_option(socket) : NULL;
	char *ssh = find_ssh(again), **args = xcalloc((size_t)argc + 4, sizeof(args[0]));
	int n = 0;

	args[n++] = (char *)(uintptr_t) "ssh";
	if (option != NULL) {
		args[n++] = (char *)(uintptr_t) "-oControlMaster=no";
		args[n++] = option;
	}
	for (int i = 1; i < argc; i++)
		args[n++] = argv[i];
	setenv(NPMUX_MARK, "no", 1);
	execv(ssh, args);
	fprintf(stderr, "npssh: %s: %s\n", ssh, strerror(errno));
	return EXIT_FAILED;
}
