/*
 * bench [-n ROUNDS] [-w WARMUPS] [-l MS] CASE...: whole processes timed against each other, interleaved.
 *
 * CASE is `NAME[/K] COMMAND [ARGUMENT...] --`: in each round every case runs once (with /K only in every K-th round),
 * in an order that rotates, so that whatever else the machine does falls on all alike.  Standard input and output are
 * /dev/null; `-i FILE` before the cases names another input.  `-b BYTES` adds the throughput.  Prints a table: the
 * median, 90th percentile and minimum of the time from posix_spawn(3) to the end of the process, its own processor
 * time, and the median of the ratios to the first case of the same round.  With `-l MS`, for promises about the worst,
 * instead: the median, the 95th and 99th percentile, the maximum, and how many took longer than that.
 * A case whose name ends with `+' goes on for ever: it is timed to its first output and then ended.  Nothing is
 * asserted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASES_MAX 32
#define ROUNDS_MAX 100000

extern char **environ;

struct bench_case {
	const char *name;
	int every;
	bool endless;
	char **argv;
	double *wall_ms; /* per round; negative: not run in it */
	double *cpu_ms;
	int failures;
};

struct bench {
	struct bench_case cases[CASES_MAX];
	int count, rounds, warmups;
	const char *input;
	double bytes;
	double limit_ms;
};

static void
die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Waits for the first output of a process and ends it; the time when it came. */
static double
first_output(struct bench_case *c, pid_t pid, int fd)
{
	char byte;
	if (read(fd, &byte, 1) != 1)
		c->failures++;
	double then = now_ms();
	kill(pid, SIGTERM);
	return then;
}

/* Runs it once; the wall time in milliseconds. */
static double
run_once(struct bench_case *c, const char *input, double *cpu_ms)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	pid_t pid;
	int status, fds[2];
	if (pipe(fds) == -1)
		die("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
	if (c->endless)
		posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	else
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	posix_spawn_file_actions_addclose(&actions, fds[1]);
	double begin = now_ms();
	errno = posix_spawnp(&pid, c->argv[0], &actions, NULL, c->argv, environ);
	if (errno != 0)
		die(c->argv[0]);
	close(fds[1]);
	double end = c->endless ? first_output(c, pid, fds[0]) : 0;
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			die("wait");
	double wall = (c->endless ? end : now_ms()) - begin;
	close(fds[0]);
	posix_spawn_file_actions_destroy(&actions);
	if (!c->endless && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		c->failures++;
	*cpu_ms = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
		  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
	return wall;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The p-th part (0..1) of values[0..n), which are sorted in place. */
static double
quantile(double *values, int n, double p)
{
	if (n == 0)
		return 0;
	qsort(values, (size_t)n, sizeof(*values), compare);
	return values[(int)(p * (n - 1) + 0.5)];
}

static void
run_rounds(struct bench *b)
{
	double ignored;
	for (int w = 0; w < b->warmups; w++)
		for (int i = 0; i < b->count; i++)
			run_once(&b->cases[i], b->input, &ignored);
	for (int round = 0; round < b->rounds; round++)
		for (int i = 0; i < b->count; i++) {
			struct bench_case *c = &b->cases[(round + i) % b->count];
			c->wall_ms[round] = -1;
			if (round % c->every == 0)
				c->wall_ms[round] = run_once(c, b->input, &c->cpu_ms[round]);
		}
}

/* Copies what was measured into out; the number of values. */
static int
collect(const struct bench *b, const double *values, const double *ran, const double *divisor, double *out)
{
	int n = 0;
	for (int round = 0; round < b->rounds; round++)
		if (ran[round] >= 0)
			out[n++] = divisor != NULL ? values[round] / divisor[round] : values[round];
	return n;
}

static void
print_table(const struct bench *b)
{
	double *values = calloc((size_t)b->rounds, sizeof(*values));
	if (values == NULL)
		die("memory");
	printf("  %-26s %6s %10s %10s %10s %9s %8s%s\n", "", "runs", "median ms", "p90 ms", "min ms", "cpu ms", "ratio",
	    b->bytes > 0 ? "     MB/s" : "");
	for (int i = 0; i < b->count; i++) {
		const struct bench_case *c = &b->cases[i];
		int n = collect(b, c->wall_ms, c->wall_ms, NULL, values);
		double median = quantile(values, n, 0.5), p90 = quantile(values, n, 0.9), min = quantile(values, n, 0);
		collect(b, c->cpu_ms, c->wall_ms, NULL, values);
		double cpu = quantile(values, n, 0.5);
		collect(b, c->wall_ms, c->wall_ms, b->cases[0].wall_ms, values);
		printf("  %-26s %6d %10.2f %10.2f %10.2f %9.2f %8.2f", c->name, n, median, p90, min, cpu,
		    quantile(values, n, 0.5));
		if (b->bytes > 0)
			printf(" %8.1f", b->bytes / 1e6 / (median / 1e3));
		printf(c->failures > 0 ? "   (%d FAILED)\n" : "\n", c->failures);
	}
	free(values);
}

/* What was promised to take at most limit_ms. */
static void
print_latencies(const struct bench *b)
{
	double *values = calloc((size_t)b->rounds, sizeof(*values));
	if (values == NULL)
		die("memory");
	printf("  %-26s %6s %10s %10s %10s %10s  over %.0f ms\n", "", "calls", "median ms", "95 % ms", "99 % ms",
	    "max ms", b->limit_ms);
	for (int i = 0; i < b->count; i++) {
		const struct bench_case *c = &b->cases[i];
		int over = 0, n = collect(b, c->wall_ms, c->wall_ms, NULL, values);
		for (int k = 0; k < n; k++)
			over += values[k] > b->limit_ms;
		double median = quantile(values, n, 0.5), p95 = quantile(values, n, 0.95),
		       p99 = quantile(values, n, 0.99), max = quantile(values, n, 1);
		printf("  %-26s %6d %10.2f %10.2f %10.2f %10.2f %6d", c->name, n, median, p95, p99, max, over);
		printf(c->failures > 0 ? "   (%d FAILED)\n" : "\n", c->failures);
	}
	free(values);
}

/* Splits "NAME[/K] COMMAND... --" off argv; the arguments used. */
static int
parse_case(struct bench *b, char **argv)
{
	struct bench_case *c = &b->cases[b->count];
	int n = 0;
	while (argv[n] != NULL && strcmp(argv[n], "--") != 0)
		n++;
	if (b->count == CASES_MAX || n < 2)
		return -1;
	char *slash = strchr(argv[0], '/');
	c->every = slash != NULL ? atoi(slash + 1) : 1;
	if (slash != NULL)
		*slash = '\0';
	size_t length = strlen(argv[0]);
	c->endless = length > 0 && argv[0][length - 1] == '+';
	if (c->endless)
		argv[0][length - 1] = '\0';
	c->name = argv[0];
	c->argv = argv + 1;
	c->wall_ms = calloc((size_t)b->rounds, sizeof(double));
	c->cpu_ms = calloc((size_t)b->rounds, sizeof(double));
	if (c->wall_ms == NULL || c->cpu_ms == NULL)
		die("memory");
	b->count++;
	int used = argv[n] != NULL ? n + 1 : n;
	argv[n] = NULL;
	return c->every > 0 && (b->count > 1 || c->every == 1) ? used : -1;
}

int
main(int argc, char **argv)
{
	struct bench b = {.rounds = 100, .warmups = 2, .input = "/dev/null"};
	int bad = 0;
	for (int opt; (opt = getopt(argc, argv, "+n:w:i:b:l:")) != -1;) {
		if (opt == 'n')
			b.rounds = atoi(optarg);
		else if (opt == 'w')
			b.warmups = atoi(optarg);
		else if (opt == 'i')
			b.input = optarg;
		else if (opt == 'b')
			b.bytes = strtod(optarg, NULL);
		else if (opt == 'l')
			b.limit_ms = strtod(optarg, NULL);
		else
			bad = 1;
	}
	for (int used; !bad && b.rounds > 0 && b.rounds <= ROUNDS_MAX && optind < argc; optind += used)
		if ((used = parse_case(&b, argv + optind)) < 0)
			bad = 1, used = 0;
	if (bad || b.count == 0) {
		fputs("usage: bench [-n ROUNDS] [-w WARMUPS] [-i FILE] [-b BYTES] [-l MS] NAME[/K] COMMAND... -- ...\n",
		    stderr);
		return 2;
	}
	run_rounds(&b);
	if (b.limit_ms > 0)
		print_latencies(&b);
	else
		print_table(&b);
	for (int i = 0; i < b.count; i++) {
		free(b.cases[i].wall_ms);
		free(b.cases[i].cpu_ms);
	}
	return 0;
}
