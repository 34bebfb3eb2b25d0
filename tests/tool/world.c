/*
 * world SECONDS COMMAND [ARGUMENT...]: runs one end-to-end test as the head of its own family.
 *
 * Owns the test's directory ($NP_WORLD, short enough for socket paths) and, as a subreaper, every process that the
 * test starts, also those that daemonise or take a session of their own.  When the test has ended, was interrupted or
 * ran out of time, what is left of the family is named, killed and counted as a failure, and the directory goes.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "kit/slow.h"

/* A test may leave processes that are already on their way out; longer than this is left behind. */
#define GRACE_SECONDS slow(3)
/* What a test gets for its own clean-up after its time is over. */
#define CLEANUP_SECONDS slow(15)

#define FAMILY_MAX 16384

struct family {
	pid_t pids[FAMILY_MAX];
	size_t count;
};

static pid_t
parent_of(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return -1;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	/* The name in parentheses may hold anything, also parentheses: the last one closes it. */
	const char *p = strrchr(text, ')');
	int ppid;
	char state;
	return p != NULL && sscanf(p + 1, " %c %d", &state, &ppid) == 2 ? (pid_t)ppid : -1;
}

static bool
descends_from_us(pid_t pid)
{
	for (int depth = 0; depth < 64 && pid > 1; depth++) {
		pid = parent_of(pid);
		if (pid == getpid())
			return true;
	}
	return false;
}

static void
family_find(struct family *family)
{
	family->count = 0;
	DIR *d = opendir("/proc");
	if (d == NULL)
		return;
	for (struct dirent *e; family->count < FAMILY_MAX && (e = readdir(d)) != NULL;) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid > 1 && pid != getpid() && descends_from_us(pid))
			family->pids[family->count++] = pid;
	}
	closedir(d);
}

static void
print_process(pid_t pid)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f != NULL)
		fclose(f);
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = ' ';
	text[n] = '\0';
	if (n > 0)
		printf("# %d %s\n", (int)pid, text);
}

/* Collects the dead; false when nobody is left. */
static bool
reap(pid_t test, int *test_status)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid == 0)
			return true;
		if (pid < 0)
			return errno != ECHILD;
		if (pid == test)
			*test_status = status;
	}
}

/* Ends what is still there; the number of processes that would not have gone by themselves. */
static size_t
family_end(const sigset_t *signals)
{
	static struct family family;
	struct timespec tick = {.tv_nsec = 20 * 1000 * 1000};
	int ignored = 0;

	for (int turn = 0; turn < GRACE_SECONDS * 50; turn++) {
		if (!reap(-1, &ignored))
			return 0;
		sigtimedwait(signals, NULL, &tick);
	}
	family_find(&family);
	size_t left = family.count;
	if (left > 0)
		printf("# world: %zu processes left behind:\n", left);
	for (size_t i = 0; i < family.count; i++)
		print_process(family.pids[i]);
	for (int turn = 0; turn < 500 && reap(-1, &ignored); turn++) {
		for (size_t i = 0; i < family.count; i++)
			kill(family.pids[i], SIGKILL);
		sigtimedwait(signals, NULL, &tick);
		family_find(&family);
	}
	return left;
}

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (kind == FTW_DP || kind == FTW_D)
		rmdir(path);
	else
		unlink(path);
	return 0;
}

static int
make_directories_usable(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (kind == FTW_D || kind == FTW_DNR)
		chmod(path, 0700);
	return 0;
}

static pid_t
start_test(char **argv, const sigset_t *old)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	sigprocmask(SIG_SETMASK, old, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "world: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Waits for the test; passes on the signals that are meant to end it.  Its wait status. */
static int
wait_for_test(pid_t test, unsigned seconds, const sigset_t *signals)
{
	static struct family family;
	int status = -1;
	alarm(seconds);
	bool late = false;
	while (reap(test, &status) && status == -1) {
		int sig = sigwaitinfo(signals, NULL);
		if (sig == SIGALRM && late)
			kill(test, SIGKILL);
		else if (sig == SIGALRM) {
			printf("# world: no end after %u s, stopped; running were:\n", seconds);
			family_find(&family);
			for (size_t i = 0; i < family.count; i++)
				print_process(family.pids[i]);
			fflush(stdout);
			kill(test, SIGTERM);
			late = true;
			alarm((unsigned)CLEANUP_SECONDS);
		} else if (sig > 0 && sig != SIGCHLD)
			kill(test, sig);
	}
	return status;
}

/* Makes the directory and says where in $NP_WORLD.  0, or -1. */
static int
make_directory(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	/* sockaddr_un.sun_path holds 107 bytes; tests put up to 60 behind this directory. */
	if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > 35)
		tmp = "/tmp";
	snprintf(path, size, "%s/npXXXXXX", tmp);
	if (mkdtemp(path) == NULL) {
		fprintf(stderr, "world: %s: %s\n", path, strerror(errno));
		return -1;
	}
	return setenv("NP_WORLD", path, 1);
}

int
main(int argc, char **argv)
{
	char dir[64];
	if (argc < 3) {
		fprintf(stderr, "usage: world SECONDS COMMAND [ARGUMENT...]\n");
		return 2;
	}
	unsigned seconds = (unsigned)strtoul(argv[1], NULL, 10);

	sigset_t signals, old;
	sigemptyset(&signals);
	static const int numbers[] = {SIGCHLD, SIGALRM, SIGHUP, SIGINT, SIGTERM};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&signals, numbers[i]);
	sigprocmask(SIG_BLOCK, &signals, &old);
#ifdef __linux__
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		perror("world: PR_SET_CHILD_SUBREAPER");
#endif
	if (make_directory(dir, sizeof(dir)) < 0)
		return 2;
	pid_t test = start_test(argv + 2, &old);
	int status = test > 0 ? wait_for_test(test, seconds, &signals) : -1;
	alarm(0);

	size_t left = family_end(&signals);
	nftw(dir, make_directories_usable, 16, FTW_PHYS);
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	if (left > 0)
		return 1;
	if (status == -1 || WIFSIGNALED(status)) {
		printf("# world: the test was killed by signal %d\n", status == -1 ? 0 : WTERMSIG(status));
		return 1;
	}
	return WEXITSTATUS(status);
}
