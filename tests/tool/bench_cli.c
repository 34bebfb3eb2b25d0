/*
 * What the cli driver costs by itself: output of 25 and of 50 MB through cli_feed() in pieces of 4 KiB, its speed, the
 * memory it takes, and what one short command costs (`make bench`).  Times are the processor's.  Each row is a process
 * of its own, so that its peak of memory is its own.  Asserts nothing.
 *
 * NP_BENCH_CLI_MB (25) is the size of the smaller output; an argument chooses the rows whose title holds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "base/log.h"
#include "kit/platdir.h"
#include "platform/platform.h"
#include "base/xalloc.h"

#define PIECE 4096u
#define COMMANDS 200000

/* One kind of output; the platform decides what the driver looks for in each line. */
struct row {
	const char *title;
	const char *platform;
	const char *prompt;
	const char *lines; /* repeated */
	bool secrets, raw;
};

static const struct row rows[] = {
    {"IOS, configuration", "cisco_ios", "R1#",
	"interface GigabitEthernet0/0/1\r\n description uplink to core-2 # do not touch\r\n ip address 192.0.2.1 "
	"255.255.255.0\r\n no shutdown\r\n!\r\n",
	false, false},
    {"the same, secrets masked", "cisco_ios", "R1#",
	"interface GigabitEthernet0/0/1\r\n description uplink to core-2 # do not touch\r\n ip address 192.0.2.1 "
	"255.255.255.0\r\n no shutdown\r\n!\r\n",
	true, false},
    {"the same, raw", "cisco_ios", "R1#",
	"interface GigabitEthernet0/0/1\r\n description uplink to core-2 # do not touch\r\n ip address 192.0.2.1 "
	"255.255.255.0\r\n no shutdown\r\n!\r\n",
	false, true},
    {"Junos, prompt of several lines", "juniper_junos", "\r\nops@mx1> ",
	"set interfaces ge-0/0/1 unit 0 family inet address 192.0.2.1/24\r\nset protocols bgp group x neighbor "
	"192.0.2.2 description \"a > b # c\"\r\n\r\n",
	false, false},
    {"SR Linux, prompt of two lines", "nokia_srlinux", "--{ running }--[  ]--\r\nA:srl1# ",
	"    interface ethernet-1/1 {\r\n        admin-state enable\r\n        subinterface 0 {\r\n        }\r\n    "
	"}\r\n",
	false, false},
    {"EXOS, a prompt that counts", "extreme_exos", "sw1.7 # ",
	"configure vlan v10 add ports 1:1-24 tagged\r\nconfigure vlan v10 ipaddress 192.0.2.1 255.255.255.0\r\n", false,
	false},
    {"FRR, routes", "frr", "r1# ",
	"B>* 192.0.2.0/24 [20/0] via 198.51.100.1, eth0, weight 1, 01:02:03\r\n  *                    via "
	"198.51.100.2, eth1, weight 1, 01:02:03\r\n",
	false, false},
    {"long lines", "frr", "r1# ",
	"{\"key\": \"value\", \"list\": [1, 2, 3, 4, 5, 6, 7, 8], \"text\": \"some text that goes on for a while\"}, ",
	false, false},
    {"UTF-8, colours", "vyos", "vyos@r1:~$ ",
	"\033[32minterface\033[0m caf\xc3\xa9 \033[1m\xe2\x82\xac\033[0m text \xe6\x97\xa5\xe6\x9c\xac "
	"text\033[K\r\n",
	false, false},
};

struct shell {
	struct cli *cli;
	double now;
	size_t received; /* bytes of output */
};

static void
fail(const char *what)
{
	fprintf(stderr, "bench_cli: %s\n", what);
	exit(1);
}

/* Of this process: what other processes do to the machine does not count. */
static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
consume(struct shell *s)
{
	struct buf *out = cli_output(s->cli), *sent = cli_send(s->cli);
	struct cli_event event;

	s->received += out->len;
	buf_consume(out, out->len);
	buf_consume(sent, sent->len);
	while (cli_next_event(s->cli, &event)) {
		if (event.kind == CLI_EVENT_DEAD)
			fail(event.err.text);
	}
}

static void
feed(struct shell *s, const char *p, size_t n)
{
	while (n > 0) {
		size_t piece = n < PIECE ? n : PIECE, taken = cli_feed(s->cli, p, piece, s->now);

		p += taken;
		n -= taken;
		consume(s);
	}
}

/* Repeats what the driver typed, says text and the prompt, and pauses. */
static void
answer(struct shell *s, const char *text, const char *prompt)
{
	struct buf *sent = cli_send(s->cli);
	char *echo = xstrndup((const char *)buf_head(sent), sent->len);

	echo[strcspn(echo, "\r\n")] = '\0';
	feed(s, echo, strlen(echo));
	feed(s, "\r\n", 2);
	feed(s, text, strlen(text));
	feed(s, prompt, strlen(prompt));
	free(echo);
	cli_drained(s->cli, s->now);
}

static void
login(struct shell *s, const struct row *row, struct platform *platform)
{
	struct cli_options options = {.platform = platform,
	    .name = "bench",
	    .secret = row->secrets ? secret_make("hunter2hunter2") : NULL,
	    .password = row->secrets ? secret_make("swordfish-and-chips") : NULL,
	    .seed = 1};

	s->now = 1000;
	s->cli = cli_create(&options, s->now);
	secret_unref(options.secret);
	secret_unref(options.password);
	feed(s, row->prompt, strlen(row->prompt));
	cli_drained(s->cli, s->now);
	s->now += 0.1;
	cli_tick(s->cli, s->now);
	for (int i = 0; cli_state(s->cli) != CLI_IDLE && i < 20; i++)
		answer(s, "", row->prompt);
	consume(s);
	if (cli_state(s->cli) != CLI_IDLE)
		fail("no login");
}

static void
run(struct shell *s, const struct row *row)
{
	struct cli_command command = {.text = "show x", .size = 6, .limits = {60, 60, 0}, .raw = row->raw};
	struct np_error err;

	if (cli_run(s->cli, &command, s->now, &err) < 0)
		fail(err.text);
}

/* --- rows, each in a process of its own --- */

struct figures {
	double seconds;
	long rss_kb;
	size_t received;
};

static struct figures
measure_output(const struct row *row, struct platform *platform, size_t size)
{
	struct shell s = {0};
	struct rusage usage;
	struct figures f;
	char block[PIECE * 4];
	size_t n = 0, unit = strlen(row->lines), sent = 0;
	double begin;

	while (n + unit <= sizeof(block)) {
		memcpy(block + n, row->lines, unit);
		n += unit;
	}
	login(&s, row, platform);
	s.received = 0;
	run(&s, row);
	begin = cpu_seconds();
	answer(&s, "", "");
	for (; sent < size; sent += n)
		feed(&s, block, n);
	feed(&s, "\r\n", 2);
	feed(&s, row->prompt, strlen(row->prompt));
	cli_drained(s.cli, s.now);
	f.seconds = cpu_seconds() - begin;
	f.received = s.received;
	if (cli_state(s.cli) != CLI_IDLE)
		fail("the output did not end");
	getrusage(RUSAGE_SELF, &usage);
	f.rss_kb = usage.ru_maxrss;
	cli_destroy(s.cli);
	return f;
}

static struct figures
measure_commands(const struct row *row, struct platform *platform)
{
	struct shell s = {0};
	struct rusage usage;
	struct figures f = {0};
	double begin;

	login(&s, row, platform);
	begin = cpu_seconds();
	for (int i = 0; i < COMMANDS; i++) {
		run(&s, row);
		answer(&s, "12:00:00 UTC\r\n", row->prompt);
		consume(&s);
	}
	f.seconds = cpu_seconds() - begin;
	getrusage(RUSAGE_SELF, &usage);
	f.rss_kb = usage.ru_maxrss;
	cli_destroy(s.cli);
	return f;
}

/* size 0: commands. */
static struct figures
in_child(const struct row *row, struct platform *platform, size_t size)
{
	struct figures f = {0};
	int fds[2];
	pid_t pid = -1;

	if (pipe(fds) < 0 || (pid = fork()) < 0)
		fail("no process");
	if (pid == 0) {
		f = size > 0 ? measure_output(row, platform, size) : measure_commands(row, platform);
		_exit(write(fds[1], &f, sizeof(f)) == (ssize_t)sizeof(f) ? 0 : 1);
	}
	close(fds[1]);
	if (read(fds[0], &f, sizeof(f)) != (ssize_t)sizeof(f))
		fail("a row failed");
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return f;
}

int
main(int argc, char **argv)
{
	struct platforms *set = platdir_load();
	const char *mb = getenv("NP_BENCH_CLI_MB");
	size_t size = (mb != NULL ? (size_t)atoi(mb) : 25) * 1000000u;

	log_set_level(LOG_LEVEL_ERROR);
	printf("cli driver alone, pieces of %u bytes\n", PIECE);
	printf(
	    "%-32s %8s %8s %7s %9s %9s %10s\n", "output", "MB/s", "MB/s x2", "time x2", "KiB", "KiB x2", "us/command");
	for (size_t i = 0; i < NP_COUNT(rows); i++) {
		struct platform *platform = platforms_find(set, rows[i].platform);

		if (argc > 1 && strstr(rows[i].title, argv[1]) == NULL)
			continue;
		struct figures one = in_child(&rows[i], platform, size), two = in_child(&rows[i], platform, 2 * size);
		struct figures commands = in_child(&rows[i], platform, 0);

		printf("%-32s %8.1f %8.1f %7.2f %9ld %9ld %10.2f\n", rows[i].title, (double)size / one.seconds / 1e6,
		    2 * (double)size / two.seconds / 1e6, two.seconds / one.seconds, one.rss_kb, two.rss_kb,
		    commands.seconds / COMMANDS * 1e6);
		fflush(stdout);
	}
	platforms_destroy(set);
	return 0;
}
